//! Names the product behind a head, so that a remedy can say which setting to change.

use ssekit_record::Head;

/// What a head gives away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// As the head says it, such as `nginx/1.22.1`.
    pub name: String,
    /// The family a remedy is written for.
    pub family: Family,
}

/// Product families with remedies of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Family {
    /// nginx and what is built on it.
    Nginx,
    /// Apache httpd.
    Httpd,
    /// Caddy.
    Caddy,
    /// Varnish.
    Varnish,
    /// Envoy and Istio.
    Envoy,
    /// Microsoft IIS.
    Iis,
    /// Cloudflare's edge.
    Cloudflare,
    /// Express on Node.
    Express,
    /// uvicorn: FastAPI, Starlette.
    Uvicorn,
    /// aiohttp.
    Aiohttp,
    /// Werkzeug or gunicorn: Flask, Django.
    Wsgi,
    /// Jetty or another Java server.
    Jetty,
    /// Kestrel: ASP.NET Core.
    Kestrel,
    /// PHP by its X-Powered-By.
    Php,
    /// Any other.
    Other,
}

/// Substrings of `Server`, `Via` and `X-Powered-By`, in lower case.
const MARKS: [(&str, Family); 20] = [
    ("openresty", Family::Nginx),
    ("nginx", Family::Nginx),
    ("apache", Family::Httpd),
    ("caddy", Family::Caddy),
    ("varnish", Family::Varnish),
    ("envoy", Family::Envoy),
    ("istio", Family::Envoy),
    ("microsoft-iis", Family::Iis),
    ("cloudflare", Family::Cloudflare),
    ("express", Family::Express),
    ("uvicorn", Family::Uvicorn),
    ("hypercorn", Family::Uvicorn),
    ("aiohttp", Family::Aiohttp),
    ("gunicorn", Family::Wsgi),
    ("werkzeug", Family::Wsgi),
    ("wsgiserver", Family::Wsgi),
    ("jetty", Family::Jetty),
    ("kestrel", Family::Kestrel),
    ("php", Family::Php),
    ("waitress", Family::Wsgi),
];

impl Product {
    /// Reads `X-Powered-By` (the framework), then `Server`, then `Via`.
    pub fn of(head: &Head) -> Option<Self> {
        let fields = ["x-powered-by", "server", "via"];
        let named = fields.iter().find_map(|field| {
            let value = head.first(field)?;
            let family = family_of(value)?;
            Some(Self {
                name: value.to_owned(),
                family,
            })
        });
        named.or_else(|| {
            let value = head.first("server").or_else(|| head.first("via"))?;
            Some(Self {
                name: value.to_owned(),
                family: Family::Other,
            })
        })
    }
}

fn family_of(value: &str) -> Option<Family> {
    let value = value.to_ascii_lowercase();
    MARKS
        .iter()
        .find(|(mark, _)| value.contains(mark))
        .map(|(_, family)| *family)
}

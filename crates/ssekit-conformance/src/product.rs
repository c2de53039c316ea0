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
    /// Amazon CloudFront.
    CloudFront,
    /// Heroku's router.
    Heroku,
    /// Kong.
    Kong,
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
    /// Next.js.
    NextJs,
    /// Any other.
    Other,
}

/// Substrings of `Server`, `Via` and `X-Powered-By`, in lower case.
const MARKS: [(&str, Family); 28] = [
    ("kong", Family::Kong),
    ("coyote", Family::Jetty),
    ("tomcat", Family::Jetty),
    ("cloudfront", Family::CloudFront),
    ("heroku", Family::Heroku),
    ("vegur", Family::Heroku),
    ("next.js", Family::NextJs),
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
    ("daphne", Family::Uvicorn),
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

/// Fields that a hop between origin and client adds, in lower case.
const HOP_FIELDS: [(&str, Family); 4] = [
    ("cf-ray", Family::Cloudflare),
    ("x-amz-cf-id", Family::CloudFront),
    ("x-envoy-upstream-service-time", Family::Envoy),
    ("x-varnish", Family::Varnish),
];

/// Families that stand between origin and client as a rule.
const HOPS: [Family; 9] = [
    Family::Nginx,
    Family::Httpd,
    Family::Caddy,
    Family::Varnish,
    Family::Envoy,
    Family::Cloudflare,
    Family::CloudFront,
    Family::Heroku,
    Family::Kong,
];

impl Family {
    /// The hop in front of the origin, by its own fields, `Server` or `Via`. That product may be
    /// the origin as well.
    pub fn hop_of(head: &Head) -> Option<Self> {
        let own = HOP_FIELDS
            .iter()
            .find(|(field, _)| head.first(field).is_some());
        own.map(|(_, family)| *family).or_else(|| {
            let values = head.all("server").chain(head.all("via"));
            let mut families = values.filter_map(family_of);
            families.find(|family| HOPS.contains(family))
        })
    }

    /// The setting that lets events through as they are written, where one is known.
    pub fn unbuffer(self) -> Option<&'static str> {
        Some(match self {
            Self::Nginx => {
                "nginx: `proxy_buffering off;` in the location (likewise fastcgi_, uwsgi_, grpc_), \
                 or `X-Accel-Buffering: no` from the origin"
            }
            Self::Httpd => {
                "httpd: `flushpackets=on` on FastCGI and AJP workers; mod_fcgid: \
                 `FcgidOutputBufferSize 0`; no mod_deflate on this path"
            }
            Self::Caddy => "Caddy: leave this path out of `encode` on older versions",
            Self::Varnish => "Varnish: `return (pass);` for this path",
            Self::Iis => {
                "IIS: no dynamic compression for text/event-stream; iisnode: \
                 `responseBufferLimit=\"0\"`"
            }
            Self::Cloudflare => {
                "Cloudflare: bypass the cache for this path, send no Content-Length; a quick \
                 tunnel buffers GET: use a named one"
            }
            Self::Kong => "Kong: `response_buffering=false` on the route",
            Self::Express => {
                "Express: exclude text/event-stream from `compression`, or `res.flush()` after \
                 each event"
            }
            Self::Php => "PHP: `output_buffering=Off`, and `ob_flush(); flush();` after each event",
            Self::NextJs => "Next.js: stream from a route handler, not through a rewrite",
            _ => return None,
        })
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use ssekit_record::{Field, HttpVersion};

    fn head(fields: &[(&str, &str)]) -> Head {
        Head {
            version: HttpVersion::Http11,
            status: 200,
            reason: String::new(),
            fields: fields
                .iter()
                .map(|(name, value)| Field {
                    name: (*name).into(),
                    value: (*value).into(),
                })
                .collect(),
            at_us: 0,
            interim: Vec::new(),
        }
    }

    #[test]
    fn framework_and_hop_are_told_apart() {
        let both = head(&[("Server", "nginx/1.22.1"), ("X-Powered-By", "Express")]);
        assert_eq!(Product::of(&both).map(|p| p.family), Some(Family::Express));
        assert_eq!(Family::hop_of(&both), Some(Family::Nginx));
        let edge = head(&[("server", "uvicorn"), ("CF-RAY", "8-ZRH")]);
        assert_eq!(Family::hop_of(&edge), Some(Family::Cloudflare));
        let origin = head(&[("Server", "Apache-Coyote/1.1")]);
        assert_eq!(Product::of(&origin).map(|p| p.family), Some(Family::Jetty));
        assert_eq!(Family::hop_of(&origin), None);
    }
}

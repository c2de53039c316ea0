//! Names the product of a hop, so that a remedy can be a line to paste.

use ssekit_record::Head;

/// Products with remedies of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Family {
    /// nginx, and OpenResty.
    Nginx,
    /// HAProxy, which leaves no mark in a head.
    HaProxy,
    /// Apache httpd.
    Httpd,
    /// Varnish.
    Varnish,
    /// Caddy.
    Caddy,
    /// Envoy, and Istio.
    Envoy,
    /// Traefik, which leaves no mark in a head.
    Traefik,
    /// http-proxy, http-proxy-middleware and other proxies on Node.
    Node,
    /// Squid.
    Squid,
    /// Apache Traffic Server.
    TrafficServer,
    /// H2O.
    H2o,
    /// lighttpd.
    Lighttpd,
    /// Cloudflare's edge.
    Cloudflare,
    /// Amazon CloudFront.
    CloudFront,
}

/// Words in `Server`, `Via` and names of hops, in lower case.
const WORDS: [(&str, Family); 22] = [
    ("nginx", Family::Nginx),
    ("openresty", Family::Nginx),
    ("haproxy", Family::HaProxy),
    ("trafficserver", Family::TrafficServer),
    ("apachetrafficserver", Family::TrafficServer),
    ("ats/", Family::TrafficServer),
    ("apache", Family::Httpd),
    ("httpd", Family::Httpd),
    ("varnish", Family::Varnish),
    ("caddy", Family::Caddy),
    ("envoy", Family::Envoy),
    ("istio", Family::Envoy),
    ("traefik", Family::Traefik),
    ("http-proxy", Family::Node),
    ("node ", Family::Node),
    ("node-", Family::Node),
    ("squid", Family::Squid),
    ("h2o", Family::H2o),
    ("lighttpd", Family::Lighttpd),
    ("cloudflare", Family::Cloudflare),
    ("cloudfront", Family::CloudFront),
    ("x-powered-by: express", Family::Node),
];

/// Fields only one product adds, in lower case.
const FIELDS: [(&str, Family); 5] = [
    ("x-varnish", Family::Varnish),
    ("x-envoy-upstream-service-time", Family::Envoy),
    ("cf-ray", Family::Cloudflare),
    ("x-amz-cf-id", Family::CloudFront),
    ("x-haproxy-server-state", Family::HaProxy),
];

impl Family {
    /// The product that a head gives away.
    pub(crate) fn of(head: &Head) -> Option<Self> {
        let own = FIELDS.iter().find(|(name, _)| head.first(name).is_some());
        own.map(|(_, family)| *family).or_else(|| {
            let mut values = head.all("server").chain(head.all("via"));
            let named = values.find_map(Self::mentioned);
            let powered = head.first("x-powered-by").map(str::to_ascii_lowercase);
            named.or_else(|| {
                powered
                    .is_some_and(|by| by.contains("express"))
                    .then_some(Self::Node)
            })
        })
    }

    /// The product that a text names first.
    pub fn mentioned(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let found = WORDS.iter().filter_map(|(word, family)| {
            let at = text.find(word)?;
            Some((at, *family))
        });
        found.min_by_key(|(at, _)| *at).map(|(_, family)| family)
    }
}

/// What the head says the hop is: the origin of a run names no server, so every name is a hop's.
pub(crate) fn named(head: &Head) -> Option<String> {
    if let Some(server) = head.first("server") {
        return Some(server.to_owned());
    }
    if let Some(via) = head.first("via") {
        // `1.1 varnish (Varnish/7.1)`: the version of HTTP is no part of the name.
        let last = via.split(',').next_back().unwrap_or(via).trim();
        return Some(
            last.split_once(' ')
                .map_or(last, |(_, name)| name)
                .to_owned(),
        );
    }
    let powered = head.first("x-powered-by").map(str::to_owned);
    powered.filter(|by| !by.is_empty())
}

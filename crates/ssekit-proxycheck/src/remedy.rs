//! Configuration to paste, by product and by what is wrong.

use crate::Family;

/// What is to be mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Events are held back.
    Held,
    /// Compression holds events back.
    Compression,
    /// `no-transform` is not honoured.
    Transform,
    /// Silent streams are cut.
    Idle,
    /// Busy streams are cut.
    Lifetime,
    /// The origin is not told that the client left.
    ClientAbort,
    /// The client is not told that the origin died.
    OriginAbort,
    /// Responses are shared or replayed.
    Cache,
    /// A client that does not read does not slow the origin down.
    Reader,
    /// One request becomes several.
    Retries,
    /// Statuses are changed.
    Status,
    /// Over HTTP/2 streams fare worse.
    Http2,
}

/// What takes a stream past Varnish's cache and its fetches.
const PIPE: &str = "Varnish, in VCL:\n    sub vcl_recv { if (req.http.Accept ~ \"text/event-stream\") { \
                    return (pipe); } }\nand start varnishd with `-p pipe_timeout=3600`: a pipe ends after 60 s \
                    of silence by default";

/// What http-proxy-middleware wants of both ends: a second `on` would replace the first.
macro_rules! middleware {
    () => {
        "or http-proxy-middleware, among its options:\n    \
         on: {\n      \
           proxyReq: (up, req, res) => {\n        \
             res.on('close', () => up.destroy());\n        \
             up.prependListener('error', () => { if (res.headersSent) res.destroy(); });\n      \
           },\n      \
           proxyRes: (up, req, res) => up.on('close', () => { if (!up.complete) res.destroy(); }),\n    \
         },"
    };
}

/// The lines for this product; `None` where only the general remedy is known.
pub(crate) fn lines(family: Family, fault: Fault) -> Option<&'static str> {
    use Family as F;
    use Fault as X;
    Some(match (family, fault) {
        (F::Nginx, X::Held | X::Reader) => {
            "nginx, in the location of the stream:\n    proxy_http_version 1.1;\n    \
             proxy_set_header Connection \"\";\n    proxy_buffering off;\nor `X-Accel-Buffering: no` \
             from the origin"
        }
        (F::Nginx, X::Compression | X::Transform) => {
            "nginx, in the location of the stream:\n    gzip off;\n    proxy_buffering off;"
        }
        (F::Nginx, X::Idle) => "nginx, in the location of the stream:\n    proxy_read_timeout 1h;",
        (F::Nginx, X::ClientAbort) => {
            "nginx, in the location of the stream:\n    proxy_ignore_client_abort off;\n    \
             proxy_cache off;"
        }
        (F::Nginx, X::OriginAbort) => {
            "nginx, in the location of the stream (HTTP/1.0 has no way to tell):\n    \
             proxy_http_version 1.1;\n    proxy_set_header Connection \"\";"
        }
        (F::Nginx, X::Retries) => {
            "nginx, in the location of the stream:\n    proxy_next_upstream off;"
        }
        (F::Nginx, X::Status) => {
            "nginx, in the location of the stream:\n    proxy_intercept_errors off;"
        }
        (F::Nginx, X::Cache) => "nginx, in the location of the stream:\n    proxy_cache off;",
        (F::HaProxy, X::Held) => "haproxy, in `defaults` or the backend:\n    option http-no-delay",
        (F::HaProxy, X::Compression) => {
            "haproxy: leave text/event-stream out of `compression type`, or send `Cache-Control: \
             no-transform` from the origin"
        }
        (F::HaProxy, X::Idle) => "haproxy, in the backend:\n    timeout server 1h",
        (F::HaProxy, X::ClientAbort) => {
            "haproxy, in `defaults` or the `listen` section (in a backend alone it has no effect):\n    option abortonclose"
        }
        (F::HaProxy, X::Http2) => {
            "haproxy ends an HTTP/2 stream in order when the origin breaks off: offer HTTP/1.1 alone, on \
             the `bind` line:\n    alpn http/1.1"
        }
        (F::HaProxy, X::Retries) => "haproxy, in the backend:\n    retry-on none",
        (F::Httpd, X::Held) => {
            "httpd passes events on by itself; a filter such as those of mod_ext_filter and mod_ratelimit \
             holds them:\n    <Location \"/events\">\n        SetOutputFilter NONE\n    </Location>"
        }
        (F::Httpd, X::Compression | X::Transform) => {
            "httpd:\n    SetEnvIf Request_URI \"^/events\" no-gzip"
        }
        (F::Httpd, X::Idle) => {
            "httpd, before the ProxyPass of a shorter path:\n    ProxyPass \"/events\" \
             \"http://origin/events\" timeout=3600"
        }
        (
            F::Varnish,
            X::Held | X::Compression | X::Transform | X::ClientAbort | X::Cache | X::Reader,
        ) => PIPE,
        (F::Varnish, X::Idle) => {
            "Varnish, in the backend:\n    .between_bytes_timeout = 1h;\n    .first_byte_timeout = 1h;\nor, \
             where the stream is piped, `varnishd -p pipe_timeout=3600`"
        }
        (F::Caddy, X::Held | X::Reader) => {
            "Caddy: take `response_buffers` (2.6: `buffer_responses`) out of the `reverse_proxy` of the \
             stream; without it event streams are flushed"
        }
        (F::Caddy, X::ClientAbort) => {
            "Caddy before 2.9: take `flush_interval -1` out, events are flushed without it; or upgrade to \
             2.9 or later"
        }
        (F::Caddy, X::OriginAbort) => {
            "Caddy 2.6: upgrade to 2.8 or later. Take `response_buffers` out of the `reverse_proxy` of \
             the stream"
        }
        (F::Caddy, X::Idle) => {
            "Caddy:\n    reverse_proxy origin {\n        transport http {\n            \
             read_timeout 1h\n        }\n    }"
        }
        (F::Caddy, X::Lifetime) => {
            "Caddy, in the global options:\n    servers {\n        timeouts {\n            write 0\n        \
             }\n    }"
        }
        (F::Envoy, X::Held | X::Reader) => {
            "Envoy: switch off what needs the whole response (file_system_buffer, a Lua filter that asks \
             for body()), in the route of the stream by its name:\n    typed_per_filter_config:\n      \
             envoy.filters.http.file_system_buffer:\n        \"@type\": \
             type.googleapis.com/envoy.config.route.v3.FilterConfig\n        disabled: true"
        }
        (F::Envoy, X::Idle) => {
            "Envoy, in the `route` of the stream:\n    timeout: 0s\n    idle_timeout: 3600s"
        }
        (F::Envoy, X::Lifetime) => {
            "Envoy, in the `route` of the stream:\n    timeout: 0s\n    \
             max_stream_duration: { max_stream_duration: 0s }"
        }
        (F::Envoy, X::Retries) => "Envoy, in the `route` of the stream: no `retry_policy`",
        (F::Traefik, X::Held) => {
            "Traefik: take the buffering middleware out of the router of the stream"
        }
        (F::Traefik, X::Lifetime | X::Idle) => {
            "Traefik, on the entry point:\n    transport: { respondingTimeouts: { writeTimeout: 0s \
             } }"
        }
        (F::Node, X::Held | X::Compression) => {
            "Express: take the stream out of compression():\n    compression({ filter: (req, res) => \
             !/event-stream/.test(res.getHeader('Content-Type')) })"
        }
        (F::Node, X::ClientAbort) => concat!(
            "http-proxy 1.18: it does not see a client leave on Node 16 and later; add\n    \
             proxy.on('proxyReq', (up, req, res) => res.on('close', () => up.destroy()));\n",
            middleware!()
        ),
        (F::Node, X::OriginAbort) => concat!(
            "http-proxy: add\n    proxy.on('proxyRes', (up, req, res) => up.on('close', () => { if \
             (!up.complete) res.destroy(); }));\n",
            middleware!()
        ),
        (F::TrafficServer, X::Idle) => {
            "Traffic Server, in records.config:\n    \
             CONFIG proxy.config.http.transaction_no_activity_timeout_out INT 3600"
        }
        (F::Lighttpd, X::Held | X::Reader) => "lighttpd:\n    server.stream-response-body = 2",
        (F::Squid, X::Idle) => "Squid:\n    read_timeout 1 hour",
        (F::Cloudflare, X::Held | X::Compression | X::Transform) => {
            "Cloudflare: send `Cache-Control: no-cache, no-transform`, and a first event or comment at \
             once"
        }
        (F::Cloudflare, X::Idle) => "Cloudflare ends streams after 100 s of silence",
        (F::CloudFront, X::Held | X::Compression) => {
            "CloudFront: take \"Compress objects automatically\" off the behaviour of the stream"
        }
        (F::CloudFront, X::Idle) => {
            "CloudFront: raise the response timeout of the origin (30 s by default)"
        }
        _ => return None,
    })
}

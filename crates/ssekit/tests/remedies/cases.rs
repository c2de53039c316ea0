//! Which remedies are proved, and on which configuration.

use crate::case::Edit::{None as Whole, Put, Swap};
use crate::case::Place::{After, Before, End, Instead, Over};
use crate::case::{Case, Edit, Place};

const QUICK: &[&str] = &["--quick"];
const IDLE: &[&str] = &["--idle", "3s"];
const LIFETIME: &[&str] = &["--idle", "1s", "--lifetime", "4s"];

const fn case(
    (hop, file): (&'static str, &'static str),
    defect: Edit,
    finds: &'static str,
    paste: Place,
    arguments: &'static [&'static str],
) -> Case {
    Case {
        hop,
        file,
        defect,
        finds,
        block: 0,
        paste,
        arguments,
    }
}

const fn second(case: Case) -> Case {
    Case { block: 1, ..case }
}

const LOCATION: Place = After("proxy_pass");
const NGINX: &str = "nginx.conf";
const UNBUFFERED: (&str, &str) = ("nginx-unbuffered", NGINX);
const HAPROXY: (&str, &str) = ("haproxy-no-delay", "haproxy.cfg");
const BACKEND: Place = Before("server origin");
const HTTPD: (&str, &str) = ("httpd", "httpd.conf");
const DEFLATE: (&str, &str) = ("httpd-deflate", "httpd.conf");
const SETENVIF: &str = "LoadModule setenvif_module /usr/lib/apache2/modules/mod_setenvif.so";
const FILTER: &str = "LoadModule ext_filter_module /usr/lib/apache2/modules/mod_ext_filter.so
ExtFilterDefine cat mode=output cmd=/bin/cat
SetOutputFilter cat";
const CADDY: (&str, &str) = ("caddy-current", "Caddyfile");
const ENVOY: (&str, &str) = ("envoy", "envoy.yaml");
const FULL: &str = r#"- name: envoy.filters.http.file_system_buffer
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.file_system_buffer.v3.FileSystemBufferFilterConfig
    manager_config: { thread_pool: { thread_count: 1 } }
    response: { behavior: { fully_buffer: {} }, memory_buffer_bytes_limit: 67108864 }"#;
const NODE: (&str, &str) = ("node-http-proxy", "hop.js");
const MIDDLEWARE: (&str, &str) = ("node-http-proxy-middleware", "hop.js");

pub const CASES: &[Case] = &[
    case(("nginx", NGINX), Whole, "proxy.release", LOCATION, QUICK),
    case(
        ("nginx", NGINX),
        Whole,
        "proxy.origin-abort",
        LOCATION,
        QUICK,
    ),
    case(
        ("nginx-http11", NGINX),
        Whole,
        "proxy.large-release",
        Over("proxy_pass", "proxy_http_version"),
        QUICK,
    ),
    case(
        ("nginx-http11", NGINX),
        Whole,
        "proxy.slow-reader",
        Over("proxy_pass", "proxy_http_version"),
        IDLE,
    ),
    case(
        ("nginx-gzip", NGINX),
        Whole,
        "proxy.compression",
        LOCATION,
        QUICK,
    ),
    case(
        ("nginx-gzip", NGINX),
        Whole,
        "proxy.no-transform",
        LOCATION,
        QUICK,
    ),
    case(
        UNBUFFERED,
        Swap(&[("proxy_read_timeout 1h", "proxy_read_timeout 2s")]),
        "proxy.idle-cut",
        Over("proxy_pass", "proxy_read_timeout"),
        IDLE,
    ),
    case(
        UNBUFFERED,
        Put("proxy_ignore_client_abort on;", LOCATION),
        "proxy.client-abort",
        Over("proxy_pass", "proxy_ignore_client_abort"),
        QUICK,
    ),
    case(
        ("nginx-cache", NGINX),
        Whole,
        "proxy.client-abort",
        Over("proxy_pass", "proxy_cache cache"),
        QUICK,
    ),
    case(
        ("nginx-cache", NGINX),
        Whole,
        "proxy.shared-replay",
        Over("proxy_pass", "proxy_cache cache"),
        QUICK,
    ),
    case(
        UNBUFFERED,
        Swap(&[
            (
                "    server {",
                "    upstream two { server @ORIGIN@ max_fails=0; server @ORIGIN@ max_fails=0; }\n    server {",
            ),
            (
                "proxy_pass http://@ORIGIN@;",
                "proxy_pass http://two;\nproxy_next_upstream error timeout http_503;",
            ),
        ]),
        "proxy.retries",
        Over("proxy_pass", "proxy_next_upstream"),
        QUICK,
    ),
    case(
        UNBUFFERED,
        Put(
            "proxy_intercept_errors on;\nerror_page 404 503 =200 @page;\n}\n\
             location @page { return 200 sorry;",
            LOCATION,
        ),
        "proxy.status",
        Over("proxy_pass", "proxy_intercept_errors"),
        QUICK,
    ),
    case(
        ("haproxy", "haproxy.cfg"),
        Whole,
        "proxy.release",
        BACKEND,
        QUICK,
    ),
    case(
        ("haproxy", "haproxy.cfg"),
        Whole,
        "proxy.client-abort",
        After("defaults"),
        QUICK,
    ),
    case(
        HAPROXY,
        Swap(&[("timeout server 1h", "timeout server 2s")]),
        "proxy.idle-cut",
        BACKEND,
        IDLE,
    ),
    case(
        HAPROXY,
        Put("retries 3\nretry-on all-retryable-errors", BACKEND),
        "proxy.retries",
        Over("server origin", "retry-on"),
        QUICK,
    ),
    case(
        DEFLATE,
        Put(SETENVIF, After("LoadModule")),
        "proxy.no-transform",
        End,
        QUICK,
    ),
    case(HTTPD, Put(FILTER, End), "proxy.release", End, QUICK),
    case(
        HTTPD,
        Put("ProxyTimeout 2", End),
        "proxy.idle-cut",
        Before("ProxyPass \"/\""),
        IDLE,
    ),
    case(
        ("varnish-gzip", "hop.vcl"),
        Whole,
        "proxy.release",
        End,
        QUICK,
    ),
    case(
        ("varnish-gzip", "hop.vcl"),
        Whole,
        "proxy.no-transform",
        End,
        QUICK,
    ),
    case(
        ("varnish", "hop.vcl"),
        Whole,
        "proxy.client-abort",
        End,
        QUICK,
    ),
    case(
        ("varnish", "hop.vcl"),
        Whole,
        "proxy.shared-replay",
        End,
        QUICK,
    ),
    case(
        ("varnish", "hop.vcl"),
        Whole,
        "proxy.slow-reader",
        End,
        IDLE,
    ),
    case(
        ("varnish", "hop.vcl"),
        Put(".between_bytes_timeout = 2s;", After("backend origin")),
        "proxy.idle-cut",
        Over("backend origin", ".between_bytes_timeout"),
        IDLE,
    ),
    case(
        CADDY,
        Swap(&[(
            "reverse_proxy @ORIGIN@",
            "reverse_proxy @ORIGIN@ { \ntransport http { \nread_timeout 2s\n}\n}",
        )]),
        "proxy.idle-cut",
        Instead("reverse_proxy"),
        IDLE,
    ),
    case(
        CADDY,
        Put("servers {\ntimeouts {\nwrite 2s\n}\n}", After("admin off")),
        "proxy.lifetime-cut",
        Instead("servers {"),
        LIFETIME,
    ),
    case(
        ENVOY,
        Put("idle_timeout: 2s", After("cluster: origin")),
        "proxy.idle-cut",
        Over("cluster: origin", "idle_timeout"),
        IDLE,
    ),
    case(
        ENVOY,
        Put("timeout: 2s", After("cluster: origin")),
        "proxy.lifetime-cut",
        Over("cluster: origin", "timeout"),
        LIFETIME,
    ),
    case(
        ENVOY,
        Put(
            "common_http_protocol_options: { max_stream_duration: 2s }",
            After("stat_prefix"),
        ),
        "proxy.lifetime-cut",
        After("cluster: origin"),
        LIFETIME,
    ),
    case(
        ENVOY,
        Put(FULL, Before("- name: envoy.filters.http.router")),
        "proxy.release",
        Before("route:"),
        QUICK,
    ),
    case(
        NODE,
        Whole,
        "proxy.client-abort",
        Before("proxy.listen"),
        QUICK,
    ),
    case(
        NODE,
        Whole,
        "proxy.origin-abort",
        Before("proxy.listen"),
        QUICK,
    ),
    second(case(
        MIDDLEWARE,
        Whole,
        "proxy.client-abort",
        After("target:"),
        QUICK,
    )),
    second(case(
        MIDDLEWARE,
        Whole,
        "proxy.origin-abort",
        After("target:"),
        QUICK,
    )),
];

//! Where rules come from: names and links, so that each is written once.

type Source = (&'static str, &'static str);

/// HTML, "Parsing an event stream": the grammar.
pub(super) const HTML_PARSING: Source = (
    "HTML, Parsing an event stream",
    "https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream",
);
/// HTML, "Interpreting an event stream": the algorithm.
pub(super) const HTML_INTERPRETING: Source = (
    "HTML, Interpreting an event stream",
    "https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation",
);
/// HTML, "The EventSource interface": the constructor and its response steps.
pub(super) const HTML_EVENTSOURCE: Source = (
    "HTML, The EventSource interface",
    "https://html.spec.whatwg.org/multipage/server-sent-events.html#the-eventsource-interface",
);
/// HTML, "Processing model": announce, reestablish and fail the connection.
pub(super) const HTML_PROCESSING: Source = (
    "HTML, Processing model",
    "https://html.spec.whatwg.org/multipage/server-sent-events.html#sse-processing-model",
);
/// HTML, "The `Last-Event-ID` header".
pub(super) const HTML_LAST_EVENT_ID: Source = (
    "HTML, The Last-Event-ID header",
    "https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header",
);
/// HTML, "Introduction" to server-sent events; non-normative.
pub(super) const HTML_INTRODUCTION: Source = (
    "HTML, Server-sent events, Introduction",
    "https://html.spec.whatwg.org/multipage/server-sent-events.html#server-sent-events-intro",
);
/// HTML, "Authoring notes"; non-normative.
pub(super) const HTML_AUTHORING: Source = (
    "HTML, Authoring notes",
    "https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes",
);
/// HTML, IANA considerations, `text/event-stream`.
pub(super) const HTML_MEDIA_TYPE: Source = (
    "HTML, IANA considerations, text/event-stream",
    "https://html.spec.whatwg.org/multipage/iana.html#text/event-stream",
);
/// RFC 3629, "UTF-8 definition".
pub(super) const RFC3629_UTF8: Source = (
    "RFC 3629 3",
    "https://www.rfc-editor.org/rfc/rfc3629.html#section-3",
);
/// RFC 3629, "Security Considerations": overlong forms.
pub(super) const RFC3629_SECURITY: Source = (
    "RFC 3629 10",
    "https://www.rfc-editor.org/rfc/rfc3629.html#section-10",
);
/// RFC 9110 5.3: field lines of one name: only list fields may repeat.
pub(super) const RFC9110_FIELD_ORDER: Source = (
    "RFC 9110 5.3",
    "https://www.rfc-editor.org/rfc/rfc9110.html#section-5.3",
);
/// RFC 9110 6.4.1: which answers carry content.
pub(super) const RFC9110_CONTENT: Source = (
    "RFC 9110 6.4.1",
    "https://www.rfc-editor.org/rfc/rfc9110.html#section-6.4.1",
);
/// RFC 9110 6.5.1: limitations on trailer fields.
pub(super) const RFC9110_TRAILERS: Source = (
    "RFC 9110 6.5.1",
    "https://www.rfc-editor.org/rfc/rfc9110.html#section-6.5.1",
);
/// RFC 9110 6.6.1: Date.
pub(super) const RFC9110_DATE: Source = (
    "RFC 9110 6.6.1",
    "https://www.rfc-editor.org/rfc/rfc9110.html#section-6.6.1",
);
/// RFC 9110 7.7: message transformations.
pub(super) const RFC9110_TRANSFORMATIONS: Source = (
    "RFC 9110 7.7",
    "https://www.rfc-editor.org/rfc/rfc9110.html#section-7.7",
);
/// RFC 9110 8.3: Content-Type.
pub(super) const RFC9110_CONTENT_TYPE: Source = (
    "RFC 9110 8.3",
    "https://www.rfc-editor.org/rfc/rfc9110.html#section-8.3",
);
/// RFC 9110 8.3.1: media type.
pub(super) const RFC9110_MEDIA_TYPE: Source = (
    "RFC 9110 8.3.1",
    "https://www.rfc-editor.org/rfc/rfc9110.html#section-8.3.1",
);
/// RFC 9110 8.6: Content-Length.
pub(super) const RFC9110_CONTENT_LENGTH: Source = (
    "RFC 9110 8.6",
    "https://www.rfc-editor.org/rfc/rfc9110.html#section-8.6",
);
/// RFC 9110 8.8.3: ETag.
pub(super) const RFC9110_ETAG: Source = (
    "RFC 9110 8.8.3",
    "https://www.rfc-editor.org/rfc/rfc9110.html#section-8.8.3",
);
/// RFC 9110 9.3.2: HEAD.
pub(super) const RFC9110_HEAD: Source = (
    "RFC 9110 9.3.2",
    "https://www.rfc-editor.org/rfc/rfc9110.html#section-9.3.2",
);
/// RFC 9110 10.2.3: Retry-After.
pub(super) const RFC9110_RETRY_AFTER: Source = (
    "RFC 9110 10.2.3",
    "https://www.rfc-editor.org/rfc/rfc9110.html#section-10.2.3",
);
/// RFC 9110 12.5.1: Accept.
pub(super) const RFC9110_ACCEPT: Source = (
    "RFC 9110 12.5.1",
    "https://www.rfc-editor.org/rfc/rfc9110.html#section-12.5.1",
);
/// RFC 9110 13.1: preconditions.
pub(super) const RFC9110_CONDITIONAL: Source = (
    "RFC 9110 13.1",
    "https://www.rfc-editor.org/rfc/rfc9110.html#section-13.1",
);
/// RFC 9110 15.3: the 2xx statuses.
pub(super) const RFC9110_STATUS_2XX: Source = (
    "RFC 9110 15.3",
    "https://www.rfc-editor.org/rfc/rfc9110.html#section-15.3",
);
/// RFC 9110 15.3.5: 204 No Content.
pub(super) const RFC9110_STATUS_204: Source = (
    "RFC 9110 15.3.5",
    "https://www.rfc-editor.org/rfc/rfc9110.html#section-15.3.5",
);
/// RFC 9110 15.4: redirection.
pub(super) const RFC9110_STATUS_3XX: Source = (
    "RFC 9110 15.4",
    "https://www.rfc-editor.org/rfc/rfc9110.html#section-15.4",
);
/// RFC 9110 15.5.6: 405 Method Not Allowed.
pub(super) const RFC9110_STATUS_405: Source = (
    "RFC 9110 15.5.6",
    "https://www.rfc-editor.org/rfc/rfc9110.html#section-15.5.6",
);
/// RFC 9110 15.5.7: 406 Not Acceptable.
pub(super) const RFC9110_STATUS_406: Source = (
    "RFC 9110 15.5.7",
    "https://www.rfc-editor.org/rfc/rfc9110.html#section-15.5.7",
);
/// RFC 9110 15.6.4: 503 Service Unavailable.
pub(super) const RFC9110_STATUS_503: Source = (
    "RFC 9110 15.6.4",
    "https://www.rfc-editor.org/rfc/rfc9110.html#section-15.6.4",
);
/// RFC 9111 5.1: Age.
pub(super) const RFC9111_AGE: Source = (
    "RFC 9111 5.1",
    "https://www.rfc-editor.org/rfc/rfc9111.html#section-5.1",
);
/// RFC 9111 5.2.2.4: no-cache in answers.
pub(super) const RFC9111_NO_CACHE: Source = (
    "RFC 9111 5.2.2.4",
    "https://www.rfc-editor.org/rfc/rfc9111.html#section-5.2.2.4",
);
/// RFC 9111 5.2.2.5: no-store in answers.
pub(super) const RFC9111_NO_STORE: Source = (
    "RFC 9111 5.2.2.5",
    "https://www.rfc-editor.org/rfc/rfc9111.html#section-5.2.2.5",
);
/// RFC 9111 5.2.2.6: no-transform in answers.
pub(super) const RFC9111_NO_TRANSFORM: Source = (
    "RFC 9111 5.2.2.6",
    "https://www.rfc-editor.org/rfc/rfc9111.html#section-5.2.2.6",
);
/// RFC 9111 5.2.2.9: public.
pub(super) const RFC9111_PUBLIC: Source = (
    "RFC 9111 5.2.2.9",
    "https://www.rfc-editor.org/rfc/rfc9111.html#section-5.2.2.9",
);
/// RFC 9111 5.2.2.10: s-maxage.
pub(super) const RFC9111_S_MAXAGE: Source = (
    "RFC 9111 5.2.2.10",
    "https://www.rfc-editor.org/rfc/rfc9111.html#section-5.2.2.10",
);
/// RFC 9112 5: field syntax.
pub(super) const RFC9112_FIELDS: Source = (
    "RFC 9112 5",
    "https://www.rfc-editor.org/rfc/rfc9112.html#section-5",
);
/// RFC 9112 6.1: Transfer-Encoding.
pub(super) const RFC9112_TRANSFER_ENCODING: Source = (
    "RFC 9112 6.1",
    "https://www.rfc-editor.org/rfc/rfc9112.html#section-6.1",
);
/// RFC 9112 6.2: Content-Length.
pub(super) const RFC9112_CONTENT_LENGTH: Source = (
    "RFC 9112 6.2",
    "https://www.rfc-editor.org/rfc/rfc9112.html#section-6.2",
);
/// RFC 9112 6.3: message body length.
pub(super) const RFC9112_BODY_LENGTH: Source = (
    "RFC 9112 6.3",
    "https://www.rfc-editor.org/rfc/rfc9112.html#section-6.3",
);
/// RFC 9112 7.1: the chunked coding.
pub(super) const RFC9112_CHUNKED: Source = (
    "RFC 9112 7.1",
    "https://www.rfc-editor.org/rfc/rfc9112.html#section-7.1",
);
/// RFC 9112 8: incomplete messages.
pub(super) const RFC9112_INCOMPLETE: Source = (
    "RFC 9112 8",
    "https://www.rfc-editor.org/rfc/rfc9112.html#section-8",
);
/// RFC 9112 9.3: persistence.
pub(super) const RFC9112_PERSISTENCE: Source = (
    "RFC 9112 9.3",
    "https://www.rfc-editor.org/rfc/rfc9112.html#section-9.3",
);
/// RFC 9112 9.6: tear-down of connections.
pub(super) const RFC9112_TEARDOWN: Source = (
    "RFC 9112 9.6",
    "https://www.rfc-editor.org/rfc/rfc9112.html#section-9.6",
);
/// RFC 9113 8.1: HTTP message framing.
pub(super) const RFC9113_FRAMING: Source = (
    "RFC 9113 8.1",
    "https://www.rfc-editor.org/rfc/rfc9113.html#section-8.1",
);
/// RFC 9113 8.1.1: malformed messages.
pub(super) const RFC9113_MALFORMED: Source = (
    "RFC 9113 8.1.1",
    "https://www.rfc-editor.org/rfc/rfc9113.html#section-8.1.1",
);
/// RFC 9113 8.2.1: field validity.
pub(super) const RFC9113_FIELD_NAMES: Source = (
    "RFC 9113 8.2.1",
    "https://www.rfc-editor.org/rfc/rfc9113.html#section-8.2.1",
);
/// RFC 9113 8.2.2: connection-specific header fields.
pub(super) const RFC9113_CONNECTION_FIELDS: Source = (
    "RFC 9113 8.2.2",
    "https://www.rfc-editor.org/rfc/rfc9113.html#section-8.2.2",
);
/// RFC 9113 3.2: HTTP/2 is agreed on by ALPN.
pub(super) const RFC9113_HTTPS: Source = (
    "RFC 9113 3.2",
    "https://www.rfc-editor.org/rfc/rfc9113.html#section-3.2",
);
/// RFC 9113 5.1.2: stream concurrency.
pub(super) const RFC9113_CONCURRENCY: Source = (
    "RFC 9113 5.1.2",
    "https://www.rfc-editor.org/rfc/rfc9113.html#section-5.1.2",
);
/// RFC 9113 5.2: flow control.
pub(super) const RFC9113_FLOW_CONTROL: Source = (
    "RFC 9113 5.2",
    "https://www.rfc-editor.org/rfc/rfc9113.html#section-5.2",
);
/// RFC 9113 6.4: RST_STREAM.
pub(super) const RFC9113_RST_STREAM: Source = (
    "RFC 9113 6.4",
    "https://www.rfc-editor.org/rfc/rfc9113.html#section-6.4",
);
/// RFC 9113 6.5.2: defined settings.
pub(super) const RFC9113_SETTINGS: Source = (
    "RFC 9113 6.5.2",
    "https://www.rfc-editor.org/rfc/rfc9113.html#section-6.5.2",
);
/// RFC 9113 6.7: PING.
pub(super) const RFC9113_PING: Source = (
    "RFC 9113 6.7",
    "https://www.rfc-editor.org/rfc/rfc9113.html#section-6.7",
);
/// RFC 9113 6.8: GOAWAY.
pub(super) const RFC9113_GOAWAY: Source = (
    "RFC 9113 6.8",
    "https://www.rfc-editor.org/rfc/rfc9113.html#section-6.8",
);
/// RFC 9113 6.9.1: the flow-control window.
pub(super) const RFC9113_WINDOW: Source = (
    "RFC 9113 6.9.1",
    "https://www.rfc-editor.org/rfc/rfc9113.html#section-6.9.1",
);
/// RFC 9113 8: HTTP semantics in HTTP/2.
pub(super) const RFC9113_SEMANTICS: Source = (
    "RFC 9113 8",
    "https://www.rfc-editor.org/rfc/rfc9113.html#section-8",
);
/// RFC 6585 4: 429 Too Many Requests.
pub(super) const RFC6585_429: Source = (
    "RFC 6585 4",
    "https://www.rfc-editor.org/rfc/rfc6585.html#section-4",
);
/// Fetch, "`X-Content-Type-Options` header".
pub(super) const FETCH_NOSNIFF: Source = (
    "Fetch, X-Content-Type-Options header",
    "https://fetch.spec.whatwg.org/#x-content-type-options-header",
);
/// nginx, `proxy_buffering`: what `X-Accel-Buffering` does.
pub(super) const NGINX_BUFFERING: Source = (
    "nginx, proxy_buffering",
    "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering",
);
/// RFC 9110 5.5: field values.
pub(super) const RFC9110_FIELD_VALUES: Source = (
    "RFC 9110 5.5",
    "https://www.rfc-editor.org/rfc/rfc9110.html#section-5.5",
);
/// Fetch, the proposal to safelist `Last-Event-ID`; open.
pub(super) const FETCH_LAST_EVENT_ID: Source = (
    "whatwg/fetch 568",
    "https://github.com/whatwg/fetch/issues/568",
);
/// Fetch, "CORS-unsafe request-header byte".
pub(super) const FETCH_UNSAFE_BYTE: Source = (
    "Fetch, CORS-unsafe request-header byte",
    "https://fetch.spec.whatwg.org/#cors-unsafe-request-header-byte",
);
/// HTML, an open issue: what a server does with an id it no longer has is left to it.
pub(super) const HTML_UNKNOWN_ID: Source = (
    "whatwg/html 8297",
    "https://github.com/whatwg/html/issues/8297",
);
/// Fetch, "CORS check".
pub(super) const FETCH_CORS_CHECK: Source = (
    "Fetch, CORS check",
    "https://fetch.spec.whatwg.org/#concept-cors-check",
);
/// Fetch, "HTTP responses" of the CORS protocol.
pub(super) const FETCH_CORS_PROTOCOL: Source = (
    "Fetch, CORS protocol",
    "https://fetch.spec.whatwg.org/#http-cors-protocol",
);
/// Fetch, "CORS protocol and HTTP caches".
pub(super) const FETCH_CORS_CACHES: Source = (
    "Fetch, CORS protocol and HTTP caches",
    "https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches",
);
/// Fetch, "CORS-preflight fetch".
pub(super) const FETCH_CORS_PREFLIGHT: Source = (
    "Fetch, CORS-preflight fetch",
    "https://fetch.spec.whatwg.org/#cors-preflight-fetch",
);
/// RFC 9110 12.5.5: Vary.
pub(super) const RFC9110_VARY: Source = (
    "RFC 9110 12.5.5",
    "https://www.rfc-editor.org/rfc/rfc9110.html#section-12.5.5",
);
/// RFC 9110 12.5.3: Accept-Encoding.
pub(super) const RFC9110_ACCEPT_ENCODING: Source = (
    "RFC 9110 12.5.3",
    "https://www.rfc-editor.org/rfc/rfc9110.html#section-12.5.3",
);
/// RFC 9110 8.4: Content-Encoding.
pub(super) const RFC9110_CONTENT_ENCODING: Source = (
    "RFC 9110 8.4",
    "https://www.rfc-editor.org/rfc/rfc9110.html#section-8.4",
);

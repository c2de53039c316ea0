//! A long table: the texts of every check.

use ssekit_record::Level;

use crate::check::{abort, cache, coding, content, delivery, head, http2, request, time};
use crate::rule::Rule;

const AUTHORING: (&str, &str) = (
    "WHATWG HTML, Server-sent events, authoring notes",
    "https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes",
);
const TRANSFORM: (&str, &str) = (
    "RFC 9110 7.7",
    "https://www.rfc-editor.org/rfc/rfc9110#section-7.7",
);
const NO_TRANSFORM: (&str, &str) = (
    "RFC 9111 5.2.2.6",
    "https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.6",
);
const NO_STORE: (&str, &str) = (
    "RFC 9111 5.2.2.5",
    "https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.5",
);
const CODING: (&str, &str) = (
    "RFC 9112 6.1",
    "https://www.rfc-editor.org/rfc/rfc9112#section-6.1",
);
const INCOMPLETE: (&str, &str) = (
    "RFC 9112 8",
    "https://www.rfc-editor.org/rfc/rfc9112#section-8",
);
const IDEMPOTENT: (&str, &str) = (
    "RFC 9110 9.2.2",
    "https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2",
);
const RETRY_AFTER: (&str, &str) = (
    "RFC 9110 10.2.3",
    "https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3",
);
const LAST_EVENT_ID: (&str, &str) = (
    "WHATWG HTML, the Last-Event-ID header",
    "https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header",
);
const CORS: (&str, &str) = (
    "Fetch, CORS protocol",
    "https://fetch.spec.whatwg.org/#http-cors-protocol",
);
const NGINX: (&str, &str) = (
    "nginx, proxy_buffering",
    "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering",
);

/// What unbuffers a hop whose product is not known.
const UNBUFFER: &str = "Switch response buffering off for this route. nginx: `proxy_buffering off;` \
    and `proxy_http_version 1.1;`; HAProxy: `option http-no-delay`; Varnish: `return (pipe)`; Apache \
    httpd, Caddy, Envoy and Traefik pass events on unless a filter or middleware collects responses.";

/// Every check, in the order of reports.
pub(crate) static RULES: [Rule; 20] = [
    Rule {
        id: "proxy.release",
        level: Level::Practice,
        title: "Small events are passed on as they come",
        expected: "each event arrives within the allowed latency (--max-added-latency) of being sent",
        sources: &[NGINX],
        impact: "Users see nothing, then a burst. Chat, progress and prices are as old as the buffer \
                 is large.",
        remedy: UNBUFFER,
        good: "sent      ·  ·  ·  ·  ·\nreceived  ·  ·  ·  ·  ·",
        bad: "sent      ·  ·  ·  ·  ·\nreceived              █",
        judge: delivery::release,
    },
    Rule {
        id: "proxy.large-release",
        level: Level::Practice,
        title: "A large event followed by silence is passed on at once",
        expected: "single events of 512 bytes to 64 KiB arrive before the next one is sent",
        sources: &[NGINX],
        impact: "A large event, such as a first snapshot, waits until something else is sent: with a \
                 quiet stream, for minutes. Small test events do not show it.",
        remedy: UNBUFFER,
        good: "5,120 bytes sent, 5,120 bytes received, silence",
        bad: "5,120 bytes sent, silence; they arrive with the next event",
        judge: delivery::large,
    },
    Rule {
        id: "proxy.close-delimited",
        level: Level::Practice,
        title: "A stream without chunked coding or length is passed on as it comes",
        expected: "events of a response that ends with its connection arrive as they are sent",
        sources: &[],
        impact: "Origins that speak HTTP/1.0, and some SSE modules, send no chunks: their streams are \
                 held back although those of others are not.",
        remedy: "Let the origin use the chunked coding, or switch response buffering off for this \
                 route.",
        good: "sent      ·  ·  ·\nreceived  ·  ·  ·",
        bad: "sent      ·  ·  ·\nreceived        █",
        judge: delivery::close_delimited,
    },
    Rule {
        id: "proxy.head-prompt",
        level: Level::Practice,
        title: "The head is passed on before the first event",
        expected: "the head arrives within the allowed latency of being sent",
        sources: &[],
        impact: "EventSource fires `open` with the first event only; a page shows \"connecting\", and a \
                 client with a response timeout gives up.",
        remedy: "Send a comment (`:` and an empty line) right after the head, or switch response \
                 buffering off.",
        good: "HTTP/1.1 200 OK … at once, the first event later",
        bad: "nothing, then head and first event together",
        judge: delivery::head_prompt,
    },
    Rule {
        id: "proxy.compression",
        level: Level::Practice,
        title: "Compressed events are passed on as they come",
        expected: "to a client that sends Accept-Encoding, each event arrives, decodable, at once",
        sources: &[],
        impact: "Browsers always accept compression, curl does not: the stream works in a test and \
                 stalls in the browser.",
        remedy: "Leave text/event-stream out of the hop's compression, or send `Cache-Control: \
                 no-transform` where it is honoured.",
        good: "each event ends with a flush of the compressor",
        bad: "Content-Encoding: gzip, and nothing to decode until the close",
        judge: coding::compression,
    },
    Rule {
        id: "proxy.no-transform",
        level: Level::Must,
        title: "no-transform keeps the hop from compressing",
        expected: "an answer with `Cache-Control: no-transform` has no content coding added",
        sources: &[TRANSFORM, NO_TRANSFORM],
        impact: "The origin's way to keep a stream uncompressed does not work.",
        remedy: "Leave text/event-stream out of the hop's compression.",
        good: "Cache-Control: no-cache, no-transform",
        bad: "Cache-Control: no-cache, no-transform\nContent-Encoding: gzip",
        judge: coding::no_transform,
    },
    Rule {
        id: "proxy.accel-buffering",
        level: Level::Practice,
        title: "X-Accel-Buffering: no switches buffering off",
        expected: "with the field nothing is held back; whoever heeds it consumes it",
        sources: &[(
            "nginx, X-Accel-Buffering",
            "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering",
        )],
        impact: "Behind two hops the inner one takes the field away, and the outer one goes on \
                 buffering.",
        remedy: "Switch buffering off on the other hop too. Where nginx stands behind nginx, the inner one \
                 can pass the field on (`proxy_pass_header X-Accel-Buffering;`).",
        good: "X-Accel-Buffering: no from the origin, events at once",
        bad: "the field is gone and events are late",
        judge: delivery::accel,
    },
    Rule {
        id: "proxy.bytes-identical",
        level: Level::Must,
        title: "The bytes of the stream are not changed",
        expected: "byte order marks, NUL, CR, CRLF and invalid UTF-8 arrive as sent, one-byte chunks too",
        sources: &[TRANSFORM, NO_TRANSFORM],
        impact: "Events are lost or change their meaning.",
        remedy: "Switch off what rewrites content on this route: character set conversion, \
                 substitution, injection.",
        good: "data: \\xff\\xfe arrives as data: \\xff\\xfe",
        bad: "data: \\xff\\xfe arrives as data: ��",
        judge: content::bytes,
    },
    Rule {
        id: "proxy.framing",
        level: Level::Must,
        title: "The client's framing is valid HTTP",
        expected: "sound heads and chunks, whatever the origin sends; no chunks to HTTP/1.0",
        sources: &[CODING],
        impact: "Strict clients fail the connection, lenient ones read the framing as content.",
        remedy: "Report it to the maker of the hop; until it is mended, let the origin use the framing \
                 that comes through.",
        good: "a chunked response to HTTP/1.1, one that ends with its connection to HTTP/1.0",
        bad: "Transfer-Encoding: chunked in answer to HTTP/1.0",
        judge: content::framing,
    },
    Rule {
        id: "proxy.head-fields",
        level: Level::Practice,
        title: "The fields a stream needs are kept",
        expected: "Content-Type, Cache-Control, the CORS fields and Vary arrive as sent",
        sources: &[CORS],
        impact: "Without its type EventSource fails the connection, without CORS fields it does so on \
                 other sites, without Cache-Control caches keep it.",
        remedy: "Take out the rule that removes or overwrites the field on this route.",
        good: "Access-Control-Allow-Origin: https://app.example arrives",
        bad: "Content-Type: text/html",
        judge: head::fields,
    },
    Rule {
        id: "proxy.last-event-id",
        level: Level::Practice,
        title: "Last-Event-ID reaches the origin unchanged",
        expected: "ids of ASCII and UTF-8 and of up to 4 KiB arrive; longer ones are refused, not cut",
        sources: &[LAST_EVENT_ID],
        impact: "After a reconnection the origin cannot tell where to go on: events are lost or \
                 repeated.",
        remedy: "Let the hop forward the field. For long ids raise its limit on request heads, or \
                 keep ids short.",
        good: "Last-Event-ID: 42-abc at the origin",
        bad: "no Last-Event-ID at the origin",
        judge: head::last_event_id,
    },
    Rule {
        id: "proxy.idle-cut",
        level: Level::Practice,
        title: "A silent stream is not cut",
        expected: "silence of --idle passes",
        sources: &[AUTHORING],
        impact: "Quiet streams reconnect again and again, each time with a gap.",
        remedy: "Send heartbeats, or raise the hop's read timeout towards the origin.",
        good: ": a comment every 15 s, and no reconnections",
        bad: "the stream ends after 60 s without an event",
        judge: time::idle_cut,
    },
    Rule {
        id: "proxy.lifetime-cut",
        level: Level::Practice,
        title: "A busy stream is not cut at a fixed age",
        expected: "a stream with an event every half second lives for --lifetime",
        sources: &[],
        impact: "Every client reconnects at that age, and heartbeats do not help.",
        remedy: "Switch off the limit on the whole response for this route (a route, write or request \
                 timeout), or make it hours.",
        good: "a stream as old as its tab",
        bad: "every stream ends after 15 s",
        judge: time::lifetime,
    },
    Rule {
        id: "proxy.client-abort",
        level: Level::Practice,
        title: "The origin learns that the client has left",
        expected: "at once, on a busy stream, on a silent one and before the head",
        sources: &[],
        impact: "The origin goes on producing for nobody: connections, subscriptions and, with a \
                 language model, money.",
        remedy: "Send heartbeats, so that the origin's writes show it; set a limit on the age of a \
                 stream where even they do not.",
        good: "the origin's connection closes 1 ms after the client's",
        bad: "the origin writes on for minutes",
        judge: abort::client,
    },
    Rule {
        id: "proxy.origin-abort",
        level: Level::Practice,
        title: "The client learns that the origin died",
        expected: "a stream broken off by the origin is broken off for the client too",
        sources: &[INCOMPLETE],
        impact: "A cut looks like the end: a client that tells the two apart takes half an answer for \
                 a whole one. Where nothing comes at all, it waits for ever.",
        remedy: "Mark the end in the stream itself, such as an event `done`; let clients watch for \
                 silence.",
        good: "the connection ends without the last chunk",
        bad: "0\\r\\n\\r\\n, as if the origin had finished",
        judge: abort::origin,
    },
    Rule {
        id: "proxy.shared-replay",
        level: Level::Practice,
        title: "Each client gets a response of its own",
        expected: "three requests for one URL are three requests at the origin",
        sources: &[NO_STORE],
        impact: "A client gets what was meant for another, or a recording of a stream that is over, \
                 and reconnects to the same recording at once.",
        remedy: "Send `Cache-Control: no-store` with the stream, and keep the cache off this route.",
        good: "Cache-Control: no-store",
        bad: "Age: 12",
        judge: cache::sharing,
    },
    Rule {
        id: "proxy.retries",
        level: Level::Practice,
        title: "One request of the client is one request at the origin",
        expected: "asked once, also on a 503, on no answer and on a reset",
        sources: &[IDEMPOTENT],
        impact: "An origin in trouble gets a multiple of the load, and work with effects is done \
                 twice.",
        remedy: "Switch the hop's retries off for this route.",
        good: "one request, and 502 to the client",
        bad: "four requests within a second",
        judge: request::retries,
    },
    Rule {
        id: "proxy.status",
        level: Level::Practice,
        title: "Statuses are passed on",
        expected: "204, redirects with Location, 404 and 503 with Retry-After arrive; HEAD is answered",
        sources: &[RETRY_AFTER],
        impact: "204 tells an EventSource to stop, 301 where to go, 503 to fail: under another status \
                 it does the opposite.",
        remedy: "Take error pages and redirect handling off this route.",
        good: "HTTP/1.1 204 No Content",
        bad: "HTTP/1.1 200 OK with an error page",
        judge: request::statuses,
    },
    Rule {
        id: "proxy.slow-reader",
        level: Level::Practice,
        title: "A client that does not read slows the origin down",
        expected: "the origin has to wait once the buffers of kernels and hop are full",
        sources: &[],
        impact: "The hop stores whole streams in memory or on disk, and the origin cannot drop or \
                 merge events for slow clients.",
        remedy: "Switch response buffering off for this route, or bound it (nginx: `proxy_buffering \
                 off;`).",
        good: "the origin's write waits after 8 MiB",
        bad: "48 MiB are taken in a second",
        judge: delivery::slow_reader,
    },
    Rule {
        id: "proxy.http2",
        level: Level::Practice,
        title: "Over HTTP/2 the stream behaves as over HTTP/1.1",
        expected: "events, large events and ends come through as over HTTP/1.1",
        sources: &[],
        impact: "Browsers use HTTP/2 where it is offered, so they meet what an HTTP/1.1 test does not.",
        remedy: "Compare the hop's settings for HTTP/2, or switch it off for this route.",
        good: "ALPN h2, each event in a DATA frame at once",
        bad: "over HTTP/2 events come at the close",
        judge: http2::same,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_is_told_in_full() {
        for rule in &RULES {
            let id = rule.id;
            assert!(id.starts_with("proxy."), "{id}");
            for text in [
                rule.title,
                rule.expected,
                rule.impact,
                rule.remedy,
                rule.good,
                rule.bad,
            ] {
                assert!(!text.is_empty(), "{id}");
            }
            assert!(
                rule.level < Level::Should || !rule.sources.is_empty(),
                "{id}"
            );
        }
    }
}

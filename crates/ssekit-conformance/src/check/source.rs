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

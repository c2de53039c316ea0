//! The table of defects, in the order of the catalogue of checks: long because it is one.
use crate::DefectEntry;
use crate::flaw::{
    CodingFlaw as K, CorsFlaw as C, EchoFlaw as E,
    Flaw::{Coding, Cors, Echo, Flow, Frame, Head, Resume, Route, Text, Wire},
    FlowFlaw as F, FrameFlaw, HeadFlaw as H, ResumeFlaw as S, RouteFlaw as R, TamperFlaw as M,
    TextFlaw as T, WireFlaw as W,
};

use DefectEntry as D;

/// Enough events for whatever a check wants to see, and an end.
const FINITE: &str = "/events?count=5";
/// A stream without events, with a heartbeat a short observation sees.
const QUIET: &str = "/events?silent&heartbeat=400";
/// A stream that keeps its silence as long as the server is configured to.
const SILENT: &str = "/events?silent";
/// Blocks of 4 KiB several times a second.
const DENSE: &str = "/events?interval=20&size=400";
/// Events well apart from each other.
const SPARSE: &str = "/events?interval=250";
/// A stream that is coded where the client accepts that.
const CODED: &str = "/events?compress";
/// The same, ended.
const CODED_FINITE: &str = "/events?compress&count=5";
/// The same, with blocks of 4 KiB several times a second.
const CODED_DENSE: &str = "/events?compress&interval=20&size=400";
/// More than the kernel holds for a connection, within a quarter of a minute.
const FLOOD: &str = "/events?interval=40&size=65536";

pub(crate) const TABLE: &[DefectEntry] = &[
    D::new("response.status-200", Head(H::Status(202)), "answers 202"),
    D::new(
        "response.status-200/201",
        Head(H::Status(201)),
        "answers 201",
    ),
    D::new(
        "response.status-200/206",
        Head(H::Status(206)),
        "answers 206",
    ),
    D::new(
        "response.content-type",
        Head(H::Field("content-type", "text/plain")),
        "labels the stream text/plain",
    ),
    D::new(
        "response.content-type/json",
        Head(H::Field("content-type", "application/json")),
        "labels the stream application/json",
    ),
    D::new(
        "response.content-type/missing",
        Head(H::Without("content-type")),
        "sends no Content-Type",
    ),
    D::new(
        "response.content-type-single",
        Head(H::Again("content-type", "text/event-stream")),
        "sends Content-Type twice",
    ),
    D::new(
        "response.charset-utf8",
        Head(H::Field(
            "content-type",
            "text/event-stream; charset=iso-8859-1",
        )),
        "claims the charset ISO-8859-1",
    )
    .also(&["response.charset-absent"]),
    D::new(
        "response.charset-absent",
        Head(H::Field("content-type", "text/event-stream; charset=utf-8")),
        "names the charset UTF-8",
    ),
    D::new(
        "response.accept-exact",
        Route(R::AcceptExact),
        "answers 406 to Accept: text/event-stream",
    )
    .also(&["response.status-200"]),
    D::new(
        "response.accept-absent",
        Route(R::AcceptAbsent),
        "answers 406 where there is no Accept",
    ),
    D::new(
        "response.accept-absent/any",
        Route(R::AcceptAny),
        "answers 406 to Accept: */*",
    ),
    D::new(
        "response.accept-refused",
        Route(R::Mislabelled),
        "labels the event stream application/json for who accepts JSON only",
    ),
    D::new(
        "response.accept-refused/500",
        Route(R::RefusedBroken),
        "answers 500 to who accepts JSON only",
    ),
    D::new(
        "response.method-405-allow",
        Route(R::NoAllow),
        "leaves Allow out of 405",
    ),
    D::new("response.head", Route(R::HeadHangs), "never answers HEAD"),
    D::new(
        "response.head/content",
        Wire(W::HeadContent),
        "sends the stream in answer to HEAD",
    )
    .h1(),
    D::new(
        "response.head/type",
        Route(R::HeadType),
        "answers HEAD with another Content-Type than GET",
    ),
    D::new("response.date", Head(H::NoDate), "sends no Date"),
    D::new(
        "response.redirect-307-301",
        Route(R::RedirectDowngrade),
        "redirects from https to http",
    )
    .at("/redirect")
    .tls(),
    D::new(
        "response.error-not-sse",
        Route(R::ErrorStream),
        "labels error answers text/event-stream, with an event in them",
    ),
    D::new(
        "response.retry-after",
        Route(R::NoRetryAfter),
        "answers 503 without Retry-After for unknown paths",
    ),
    D::new(
        "response.headers-prompt",
        Route(R::HeadLate),
        "holds the head for 1.6 s, until it has an event to send",
    )
    .also(&["response.ttfb"]),
    D::new(
        "response.ttfb",
        Flow(F::LateStart(1600)),
        "sends the first byte of the body 1.6 s after the head",
    ),
    D::new(
        "response.nosniff",
        Head(H::Without("x-content-type-options")),
        "sends no X-Content-Type-Options",
    ),
    D::new(
        "framing.well-formed",
        Wire(W::ChunkSize),
        "sends a chunk size that is no number",
    )
    .h1(),
    D::new(
        "framing.well-formed/size-lf",
        Wire(W::ChunkSizeLf),
        "ends a chunk size line with LF alone",
    )
    .h1(),
    D::new(
        "framing.well-formed/data-end",
        Wire(W::ChunkDataEnd),
        "leaves out the CRLF after chunk data",
    )
    .h1(),
    D::new(
        "framing.no-cl-and-te",
        Wire(W::LengthAndCoding),
        "sends Content-Length beside Transfer-Encoding",
    )
    .h1(),
    D::new(
        "framing.no-content-length",
        Head(H::Field("content-length", "1000000000")),
        "announces a length for an endless stream",
    ),
    D::new(
        "framing.clean-end",
        Flow(F::NoEnd),
        "breaks off instead of sending the last chunk or END_STREAM",
    )
    .at(FINITE),
    D::new(
        "framing.http10",
        Wire(W::Http10Coding),
        "sends Transfer-Encoding to HTTP/1.0",
    )
    .h1(),
    D::new(
        "framing.event-per-flush",
        Flow(F::HoldEvent),
        "holds each event until the next",
    )
    .at(SPARSE),
    D::new(
        "framing.event-per-flush/tail",
        Flow(F::HoldTail),
        "holds the empty line of each event until the next",
    )
    .at(SPARSE),
    D::new(
        "framing.no-fixed-block",
        Flow(F::Block(4096)),
        "releases bytes in blocks of 4096",
    )
    .also(&["http2.data-per-event"])
    .at(DENSE),
    D::new(
        "framing.tiny-storm",
        Flow(F::PerByte),
        "sends each byte as a chunk",
    ),
    D::new(
        "framing.trailers",
        Flow(F::Trailers),
        "sends a trailer section",
    )
    .at(FINITE),
    D::new(
        "encoding.valid-utf8",
        Text(T::InData(b"\xff", 3)),
        "sends a byte that is never part of UTF-8",
    ),
    D::new(
        "encoding.valid-utf8/latin1",
        Text(T::InData(b"caf\xe9 au lait", 3)),
        "sends ISO-8859-1",
    ),
    D::new(
        "encoding.valid-utf8/truncated",
        Text(T::InData(b"\xe2\x82", 3)),
        "cuts a character in half",
    ),
    D::new(
        "encoding.no-surrogates",
        Text(T::InData(b"\xed\xa0\xbd\xed\xb8\x80", 3)),
        "encodes a character as two surrogates",
    )
    .also(&["encoding.valid-utf8"]),
    D::new(
        "encoding.no-surrogates/overlong",
        Text(T::InData(b"\xc0\xaf", 3)),
        "sends an overlong form",
    )
    .also(&["encoding.valid-utf8"]),
    D::new(
        "encoding.no-replacement",
        Text(T::InData(
            b"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
            1,
        )),
        "sends text that was decoded wrongly before: U+FFFD in a row",
    ),
    D::new("encoding.bom-start", Text(T::BomStart), "begins with a BOM"),
    D::new(
        "encoding.bom-mid",
        Text(T::BomBefore(3)),
        "sends a BOM before events in mid-stream",
    ),
    D::new(
        "encoding.bom-on-reconnect",
        Text(T::BomResumed),
        "begins the writes of a resumed stream with a BOM",
    )
    .also(&["resume.replay"]),
    D::new(
        "line.consistent",
        Text(T::CrlfIn(2)),
        "ends lines with LF in one event and CRLF in the next",
    ),
    D::new(
        "line.kind",
        Text(T::LineEnd("\r\n")),
        "ends lines with CRLF",
    ),
    D::new("line.cr-only", Text(T::LineEnd("\r")), "ends lines with CR").also(&["line.kind"]),
    D::new("line.no-lfcr", Text(T::LfCr), "ends events with LF CR"),
    D::new(
        "line.crlf-split",
        Text(T::CrlfSplit),
        "flushes between the CR and the LF of one CRLF",
    )
    .also(&["line.kind"]),
    D::new(
        "line.blank-runs",
        Text(T::After("\n\n", 1)),
        "sends several empty lines between events",
    ),
    D::new(
        "data.final-terminated",
        Text(T::Unterminated),
        "leaves out the empty line after the last event",
    )
    .at(FINITE),
    D::new(
        "data.block-without-data",
        Text(T::After("event: ping\n\n", 3)),
        "sends blocks with a type and no data",
    ),
    D::new(
        "data.json-valid",
        Text(T::HalfData(4)),
        "sends half of a JSON text in every fourth event",
    ),
    D::new(
        "data.stray-lines",
        Text(T::AfterData("  \"more\": true\n}\n")),
        "writes raw lines of JSON after a data line",
    ),
    D::new(
        "data.space-style",
        Text(T::NoSpace(2)),
        "writes data: with and without a space",
    ),
    D::new(
        "event.repeat",
        Text(T::EventLines("event: draft\nevent: tick\n", 1)),
        "names two types in one block",
    ),
    D::new(
        "event.empty",
        Text(T::EventLines("event:\n", 3)),
        "names an empty type",
    ),
    D::new(
        "event.reserved-names",
        Text(T::EventLines("event: error\n", 3)),
        "names the type error",
    ),
    D::new(
        "event.reserved-names/open",
        Text(T::EventLines("event: open\n", 3)),
        "names the type open",
    ),
    D::new(
        "event.case",
        Text(T::EventLines("Event: tick\n", 1)),
        "writes Event for event",
    ),
    D::new(
        "event.name-space",
        Text(T::EventLines("event:  tick\n", 3)),
        "puts a second space before the type",
    ),
    D::new(
        "event.name-space/trailing",
        Text(T::EventLines("event: tick \n", 3)),
        "puts a space after the type",
    ),
    D::new(
        "id.no-nul",
        Text(T::IdLines("id: {id}\nid: {id}\0\n")),
        "sends an id with NUL beside a good one",
    ),
    D::new(
        "id.header-safe",
        Text(T::IdLines("id:  {id}\n")),
        "sends ids that begin with a space",
    ),
    D::new(
        "id.header-safe/control",
        Text(T::IdLines("id: {id}\u{1}\n")),
        "sends ids with a control character",
    )
    .also(&["id.length"]),
    D::new(
        "id.ascii",
        Text(T::IdLines("id: {id}-\u{e9}\u{4e16}\n")),
        "sends ids that are not ASCII",
    ),
    D::new(
        "id.length",
        Text(T::IdLines(concat!(
            "id: {id}-",
            "0123456789012345678901234567890123456789012345678901234567890123456789",
            "0123456789012345678901234567890123456789012345678901234567890123456789\n"
        ))),
        "sends ids of more than 128 bytes",
    ),
    D::new(
        "id.unique",
        Text(T::IdTwice),
        "uses each id for two different events",
    ),
    D::new(
        "id.coverage",
        Text(T::After("event: note\ndata: {\"note\":true}\n\n", 3)),
        "sends some events without an id",
    ),
    D::new(
        "retry.digits",
        Text(T::Retry("retry: 3000\n\nretry: 3.5s\n\n")),
        "sends a reconnection time that is no number",
    ),
    D::new(
        "retry.unit",
        Text(T::Retry("retry: 5\n\n")),
        "sends a reconnection time in seconds",
    ),
    D::new(
        "retry.unit/day",
        Text(T::Retry("retry: 86400000\n\n")),
        "sends a reconnection time of a day",
    ),
    D::new(
        "retry.zero",
        Text(T::Retry("retry: 0\n\n")),
        "sends the reconnection time 0",
    ),
    D::new(
        "retry.present",
        Text(T::Retry("")),
        "sends no reconnection time",
    ),
    D::new(
        "heartbeat.interval",
        Flow(F::NoHeartbeat),
        "sends nothing in silence",
    )
    .at(SILENT),
    D::new(
        "heartbeat.is-comment",
        Flow(F::Heartbeat("event: ping\ndata:\n\n")),
        "sends an event as heartbeat",
    )
    .at(QUIET),
    D::new(
        "heartbeat.is-comment/json",
        Flow(F::Heartbeat("data: {\"type\":\"ping\"}\n\n")),
        "sends a JSON message as heartbeat",
    )
    .at(QUIET),
    D::new(
        "heartbeat.colon-form",
        Flow(F::Heartbeat("data: :ping\n\n")),
        "writes the heartbeat comment as data",
    )
    .at(QUIET),
    D::new(
        "heartbeat.not-mid-event",
        Text(T::AfterEventLine(": heartbeat\n", 3)),
        "writes comments inside events",
    ),
    D::new(
        "heartbeat.idle-start",
        Flow(F::LateStart(17_000)),
        "sends nothing for 17 s after the head",
    )
    .at(SILENT)
    .also(&["response.ttfb"]),
    D::new(
        "resume.accepted",
        Resume(S::Refused),
        "answers 409 to an id it issued",
    ),
    D::new(
        "resume.replay",
        Resume(S::Ignored),
        "starts live in spite of Last-Event-ID",
    ),
    D::new(
        "resume.replay/repeat",
        Resume(S::Repeats),
        "repeats the event the client has seen",
    ),
    D::new(
        "resume.replay/full",
        Resume(S::Full),
        "replays its whole history whatever the id",
    ),
    D::new(
        "resume.replay/order",
        Resume(S::Reordered),
        "replays two events in the wrong order",
    ),
    D::new(
        "resume.replay/skip",
        Resume(S::Skips),
        "leaves out the first event after the id",
    ),
    D::new(
        "resume.no-loss",
        Resume(S::LosesLive),
        "loses the event between a replay and the live stream",
    ),
    D::new(
        "resume.no-loss/twice",
        Resume(S::RepeatsLive),
        "sends the last event of a replay again",
    ),
    D::new(
        "resume.unknown",
        Resume(S::UnknownFails),
        "answers 500 to an unknown id",
    ),
    D::new(
        "resume.unknown/hang",
        Resume(S::UnknownHangs),
        "never answers an unknown id",
    ),
    D::new(
        "resume.empty-absent",
        Resume(S::EmptyFails),
        "answers 400 to an empty Last-Event-ID",
    ),
    D::new(
        "resume.non-ascii",
        Resume(S::NonAsciiFails),
        "answers 400 to a Last-Event-ID that is not ASCII",
    ),
    D::new(
        "resume.no-reflection",
        Resume(S::Reflects),
        "copies an unknown Last-Event-ID into the stream",
    ),
    D::new(
        "resume.no-reflection/decoded",
        Resume(S::ReflectsDecoded),
        "copies an unknown Last-Event-ID into the stream, percent-decoded",
    )
    .also(&["line.consistent", "data.space-style"]),
    D::new(
        "resume.204-stops",
        Resume(S::FinishedAgain),
        "answers 200 and ends, where a finished stream is asked for again",
    )
    .at(FINITE),
    D::new(
        "resume.close-without-event",
        Route(R::NoEvents),
        "answers 200 and ends at once, without event or reconnection time",
    )
    .also(&["retry.present"]),
    D::new(
        "resume.auth",
        Route(R::PrivateResume),
        "resumes a private stream without credentials",
    )
    .at("/private/events"),
    D::new(
        "cache.no-store",
        Head(H::Field("cache-control", "max-age=60, no-transform")),
        "lets caches store the stream",
    ),
    D::new(
        "cache.not-shared",
        Head(H::Field("cache-control", "public, no-cache, no-transform")),
        "marks the stream public",
    ),
    D::new(
        "cache.not-shared/age",
        Head(H::Field("age", "30")),
        "says the answer comes from a cache",
    ),
    D::new(
        "cache.no-transform",
        Head(H::Field("cache-control", "no-store")),
        "lets intermediaries transform the stream",
    ),
    D::new(
        "cache.validators",
        Route(R::Validators),
        "sends an ETag, and 304 when it comes back",
    ),
    D::new(
        "compression.identity",
        Coding(K::Unasked),
        "sends gzip to a client that accepts no coding",
    )
    .at(CODED),
    D::new(
        "compression.flush",
        Coding(K::ToEnd),
        "compresses the stream and holds it to the end",
    )
    .at(CODED),
    D::new(
        "compression.flush/late",
        Coding(K::ToNext),
        "compresses the stream and holds each event until the next",
    )
    .at(CODED),
    D::new(
        "compression.flush/block",
        Coding(K::Blocks(4096)),
        "compresses the stream in blocks of 4 KiB",
    )
    .at(CODED_DENSE),
    D::new(
        "compression.flush/echo",
        Echo(E::Coded(K::ToNext)),
        "compresses a script's events and holds each until the next",
    )
    .at(CODED),
    D::new(
        "compression.flush/block/echo",
        Echo(E::Coded(K::Blocks(8192))),
        "compresses a script's events in blocks of 8 KiB",
    )
    .at(CODED),
    D::new(
        "compression.flush/end/echo",
        Echo(E::Coded(K::ToEnd)),
        "compresses a script's events and holds them to the end",
    )
    .at(CODED),
    D::new(
        "compression.valid",
        Coding(K::Plain),
        "names a content coding and sends plain text",
    )
    .at(CODED),
    D::new(
        "compression.valid/unnamed",
        Coding(K::Unnamed),
        "compresses the stream and names no coding",
    )
    .at(CODED),
    D::new(
        "compression.valid/corrupt",
        Coding(K::Corrupt),
        "breaks the compressed data",
    )
    .at(CODED),
    D::new(
        "compression.valid/unfinished",
        Coding(K::Unfinished),
        "leaves out the end of the compressed data",
    )
    .at(CODED_FINITE),
    D::new(
        "compression.vary",
        Coding(K::NoVary),
        "compresses an answer that may be stored, without Vary",
    )
    .at(CODED),
    D::new(
        "buffering.hint",
        Head(H::Without("x-accel-buffering")),
        "sends no X-Accel-Buffering",
    ),
    D::new(
        "buffering.hint/value",
        Head(H::Field("x-accel-buffering", "off")),
        "sends an X-Accel-Buffering that nginx does not read",
    ),
    D::new(
        "http2.available",
        Frame(FrameFlaw::NotOffered),
        "does not offer HTTP/2 by ALPN",
    )
    .h2()
    .tls(),
    // A malformed message is an ill-formed one, and its stream is not read on.
    D::new(
        "http2.no-conn-headers",
        Frame(FrameFlaw::Field("connection", "keep-alive")),
        "sends Connection over HTTP/2",
    )
    .also(&["framing.well-formed"])
    .h2(),
    D::new(
        "http2.lowercase",
        Frame(FrameFlaw::Field("X-Served-By", "ssekit")),
        "sends a field name with upper case over HTTP/2",
    )
    .also(&["framing.well-formed"])
    .h2(),
    D::new(
        "http2.data-per-event",
        Flow(F::Gather(5)),
        "sends five events in one DATA frame",
    )
    .h2(),
    D::new(
        "http2.flow-control",
        Frame(FrameFlaw::Tamper(M::IgnoresWindow)),
        "sends DATA on a stream without a window",
    )
    .h2(),
    D::new(
        "http2.flow-control/others",
        Frame(FrameFlaw::Tamper(M::AllWait)),
        "stops every stream while one has no window",
    )
    .h2(),
    D::new(
        "http2.flow-control/recovery",
        Frame(FrameFlaw::Tamper(M::IgnoresLateWindow)),
        "never goes on with a stream that had no window for a while",
    )
    .h2(),
    D::new(
        "http2.rst-cancel",
        Frame(FrameFlaw::Tamper(M::IgnoresCancel)),
        "goes on with a stream that was cancelled",
    )
    .h2(),
    D::new(
        "http2.rst-cancel/connection",
        Frame(FrameFlaw::Tamper(M::ClosesOnCancel)),
        "closes the connection when a stream is cancelled",
    )
    .h2(),
    D::new(
        "http2.concurrency",
        Frame(FrameFlaw::FewStreams(2)),
        "allows two streams at once on a connection",
    )
    .h2(),
    D::new(
        "http2.ping",
        Frame(FrameFlaw::Tamper(M::IgnoresPing)),
        "does not answer PING",
    )
    .h2(),
    D::new(
        "http2.same-events",
        Frame(FrameFlaw::Typeless),
        "leaves the event type out over HTTP/2",
    )
    .h2(),
    D::new(
        "http2.goaway",
        Frame(FrameFlaw::NoGoaway),
        "closes connections without GOAWAY when it stops",
    )
    .h2(),
    D::new(
        "lifecycle.min-duration",
        Flow(F::Cut),
        "ends the stream at a fixed age",
    )
    .at("/events?cut=10"),
    D::new(
        "lifecycle.disconnect-noticed",
        Flow(F::Unnoticed),
        "goes on counting streams that were left",
    ),
    D::new(
        "lifecycle.half-open",
        Flow(F::Unbounded),
        "keeps everything for a client that stopped reading",
    )
    .at(FLOOD),
    D::new(
        "lifecycle.parallel",
        Flow(F::OneAtATime),
        "answers for a new stream only when the one before it has ended",
    ),
    D::new(
        "lifecycle.shutdown",
        Flow(F::OutlivesStop),
        "does not end streams when it is asked to stop",
    ),
    D::new(
        "lifecycle.shutdown/torn",
        Flow(F::TornAtStop),
        "ends streams inside an event when it stops",
    ),
    D::new(
        "lifecycle.restart-storm",
        Flow(F::SameRetry),
        "lets every client come back at the same time after a stop",
    ),
    D::new(
        "lifecycle.keepalive-headers",
        Head(H::Field("connection", "keep-alive")),
        "sends Connection: keep-alive",
    )
    .h1(),
    D::new(
        "response.204-no-body",
        Echo(E::Length204),
        "sends Content-Length with 204",
    ),
    D::new(
        "framing.event-per-flush/echo",
        Echo(E::HoldEvent),
        "holds each event of a script until the next",
    )
    .also(&["framing.emission-lag"]),
    D::new(
        "framing.no-fixed-block/echo",
        Echo(E::Gather(4096)),
        "gathers a script's bytes in blocks of 4 KiB",
    )
    .also(&["framing.event-per-flush", "framing.emission-lag"]),
    D::new(
        "framing.emission-lag",
        Echo(E::Linger(200)),
        "sends each event of a script 200 ms late",
    ),
    D::new(
        "encoding.no-surrogates/echo",
        Echo(E::Surrogates),
        "encodes half a surrogate pair as it is",
    ),
    D::new(
        "response.headers-prompt/echo",
        Echo(E::HeadLate),
        "sends the head of a script's answer with its first event",
    ),
    D::new(
        "encoding.astral",
        Echo(E::NoAstral),
        "replaces characters beyond U+FFFF",
    )
    .also(&["encoding.split-char"]),
    D::new(
        "encoding.split-char",
        Echo(E::Blocks(4096)),
        "decodes data in blocks of 4 KiB",
    ),
    D::new("encoding.nul", Echo(E::CutAtNul), "ends data at U+0000"),
    D::new(
        "data.multiline",
        Echo(E::FirstLine),
        "sends the first line of data only",
    )
    .also(&["data.large", "data.crlf-normalised"]),
    D::new(
        "data.crlf-normalised",
        Echo(E::NoCr),
        "leaves CR out of data",
    ),
    D::new(
        "data.injection",
        Echo(E::FieldsInData),
        "writes lines of data that look like fields as fields",
    ),
    D::new(
        "data.injection/cr",
        Echo(E::RawCr),
        "writes a CR in data as it is",
    )
    .also(&["data.crlf-normalised"]),
    D::new(
        "data.injection/blank",
        Echo(E::BlankInData),
        "writes empty lines in data as they are",
    )
    .also(&["data.trailing-newline"]),
    D::new(
        "data.trailing-newline",
        Echo(E::TrimEnd),
        "leaves out line ends at the end of data",
    ),
    D::new(
        "data.empty",
        Echo(E::NoEmpty),
        "sends no event for empty data",
    ),
    D::new(
        "data.leading-space",
        Echo(E::NoSpace),
        "writes no space after the colon of data",
    )
    .also(&["data.multiline"]),
    D::new(
        "data.colon",
        Echo(E::NoColon),
        "leaves out a colon at the beginning of data",
    ),
    D::new(
        "data.unicode-breaks",
        Echo(E::UnicodeLines),
        "splits data at every line end that Unicode knows",
    ),
    D::new("data.large", Echo(E::CutAt(65_536)), "cuts data at 64 KiB"),
    D::new(
        "data.large/cut",
        Echo(E::CutAt(2 << 20)),
        "cuts data at 2 MiB",
    ),
    D::new(
        "data.large/changed",
        Echo(E::ChangeAt(5 << 20)),
        "changes a character of data after 5 MiB",
    ),
    D::new(
        "data.large/long",
        Echo(E::CutAt(16 << 20)),
        "cuts data at 16 MiB",
    ),
    D::new(
        "event.injection",
        Echo(E::RawType),
        "writes line ends in an event type as they are",
    ),
    D::new(
        "event.fidelity",
        Echo(E::AsciiType),
        "leaves out an event type that is not ASCII",
    ),
    D::new("id.reset", Echo(E::NoReset), "leaves out an empty id"),
    D::new(
        "id.injection",
        Echo(E::RawId),
        "writes line ends in an id as they are",
    )
    .also(&["id.fidelity"]),
    D::new(
        "id.fidelity",
        Echo(E::AsciiId),
        "percent-encodes an id that is not ASCII",
    ),
    D::new(
        "retry.fidelity",
        Echo(E::NoLoneRetry),
        "sends no reconnection time without data",
    ),
    D::new(
        "retry.injection",
        Echo(E::RawRetry),
        "writes a reconnection time as it is",
    ),
    D::new(
        "heartbeat.injection",
        Echo(E::RawComment),
        "writes line ends in a comment as they are",
    ),
    D::new(
        "cors.acao",
        Head(H::Again("access-control-allow-origin", "*")),
        "sends Access-Control-Allow-Origin twice",
    ),
    D::new(
        "cors.acao/slash",
        Head(H::Field(
            "access-control-allow-origin",
            "https://ssekit.example/",
        )),
        "allows an origin with a slash at its end",
    ),
    D::new(
        "cors.credentials",
        Head(H::Field("access-control-allow-credentials", "true")),
        "allows credentials to every origin at once",
    ),
    D::new(
        "cors.vary",
        Cors(C::NoVary),
        "reflects the origin in an answer that may be stored",
    ),
    D::new(
        "cors.reflect-any",
        Cors(C::ReflectsAny),
        "allows credentials to whichever origin asks",
    ),
    D::new(
        "cors.preflight-lei",
        Cors(C::NoPreflight),
        "does not allow Last-Event-ID in a preflight",
    ),
    D::new(
        "cors.on-errors",
        Cors(C::NotOnErrors),
        "sends no CORS fields with errors",
    ),
];

//! What a defect changes, grouped by the part of the server that acts on it.

/// The change a defect makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// In the head of a stream.
    Head(HeadFlaw),
    /// In how a request is answered.
    Route(RouteFlaw),
    /// In what a `Last-Event-ID` leads to.
    Resume(ResumeFlaw),
    /// In the text of the stream.
    Text(TextFlaw),
    /// In when bytes leave, and how the stream ends.
    Flow(FlowFlaw),
    /// In the HTTP/1.1 message.
    Wire(WireFlaw),
    /// In what the echo endpoint makes of a value.
    Echo(EchoFlaw),
    /// In the CORS fields.
    Cors(CorsFlaw),
    /// In the HTTP/2 frames.
    Frame(FrameFlaw),
    /// In the content coding of a stream.
    Coding(CodingFlaw),
}

/// A flaw in the head of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadFlaw {
    /// Another status than 200.
    Status(u16),
    /// The value of a field that is otherwise right or absent.
    Field(&'static str, &'static str),
    /// A second field line of this name and value.
    Again(&'static str, &'static str),
    /// A field left out.
    Without(&'static str),
    /// No `Date`.
    NoDate,
}

/// A flaw in how a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RouteFlaw {
    /// 406 to `Accept: text/event-stream`.
    AcceptExact,
    /// 406 where there is no `Accept`.
    AcceptAbsent,
    /// 406 to `Accept: */*`.
    AcceptAny,
    /// The event stream, labelled JSON, to who accepts JSON only.
    Mislabelled,
    /// 500 to who accepts JSON only.
    RefusedBroken,
    /// 405 without `Allow`.
    NoAllow,
    /// HEAD is never answered.
    HeadHangs,
    /// HEAD answers with another type than GET.
    HeadType,
    /// The redirect leads from TLS to plain text.
    RedirectDowngrade,
    /// Errors are labelled as event streams.
    ErrorStream,
    /// 503 without `Retry-After` for unknown paths.
    NoRetryAfter,
    /// The head waits until there is an event to send.
    HeadLate,
    /// 200, and the end at once.
    NoEvents,
    /// An entity tag, and 304 when it comes back.
    Validators,
    /// A known `Last-Event-ID` stands in for credentials.
    PrivateResume,
}

/// A flaw in what a `Last-Event-ID` leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResumeFlaw {
    /// 409 to a known id.
    Refused,
    /// Starts live in spite of it.
    Ignored,
    /// Repeats the event of that id.
    Repeats,
    /// Replays the whole history.
    Full,
    /// Replays the first two events in the wrong order.
    Reordered,
    /// Leaves out the first event after it.
    Skips,
    /// Leaves out the first event after the replay.
    LosesLive,
    /// Repeats the last event of the replay.
    RepeatsLive,
    /// 500 to an unknown id.
    UnknownFails,
    /// No answer to an unknown id.
    UnknownHangs,
    /// 400 to an empty id.
    EmptyFails,
    /// 400 to an id that is not ASCII.
    NonAsciiFails,
    /// Copies an unknown id into the stream.
    Reflects,
    /// Copies an unknown id into the stream, percent-decoded.
    ReflectsDecoded,
    /// 200 and an empty stream where a finished stream is asked for again.
    FinishedAgain,
}

/// A flaw in the text of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextFlaw {
    /// These bytes inside a JSON string, in every n-th event.
    InData(&'static [u8], u64),
    /// A BOM at the start.
    BomStart,
    /// A BOM before every n-th event.
    BomBefore(u64),
    /// A BOM before every write of a resumed stream, except the first.
    BomResumed,
    /// Another line ending throughout.
    LineEnd(&'static str),
    /// CRLF in every n-th event.
    CrlfIn(u64),
    /// The last two line endings of an event are LF CR.
    LfCr,
    /// CRLF throughout; writes end between the CR and the LF of the id
    /// and the data line of an event.
    CrlfSplit,
    /// This text after every n-th event.
    After(&'static str, u64),
    /// The last event of a finite stream lacks its empty line.
    Unterminated,
    /// Half of the JSON text in every n-th event.
    HalfData(u64),
    /// These lines after the data line.
    AfterData(&'static str),
    /// No space after `data:` in every n-th event.
    NoSpace(u64),
    /// These lines in place of the event type, in every n-th event.
    EventLines(&'static str, u64),
    /// These lines after the event type, in every n-th event.
    AfterEventLine(&'static str, u64),
    /// `{id}` in this text is the id, in every event.
    IdLines(&'static str),
    /// A second event with the same id.
    IdTwice,
    /// This text in place of the reconnection time.
    Retry(&'static str),
}

/// A flaw in when bytes leave, and in how the stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FlowFlaw {
    /// Each event waits for the next.
    HoldEvent,
    /// The empty line of each event waits for the next.
    HoldTail,
    /// Bytes leave in blocks of this size.
    Block(usize),
    /// Each byte is a chunk.
    PerByte,
    /// So many events leave in one write.
    Gather(usize),
    /// Nothing is sent in silence.
    NoHeartbeat,
    /// This text instead of the heartbeat comment.
    Heartbeat(&'static str),
    /// The first byte waits this long, in milliseconds.
    LateStart(u64),
    /// The stream ends at a fixed age.
    Cut,
    /// A stalled subscriber is kept for ever.
    Unbounded,
    /// A stream that its client left is still counted.
    Unnoticed,
    /// A stream waits for the one before it to end.
    OneAtATime,
    /// The connection breaks off where the stream ends.
    NoEnd,
    /// A trailer section follows.
    Trailers,
    /// The stream goes on when the server is asked to stop.
    OutlivesStop,
    /// The stream ends inside an event when the server stops.
    TornAtStop,
    /// Every stream is left with the same reconnection time when the server stops.
    SameRetry,
}

/// A flaw in the HTTP/1.1 message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WireFlaw {
    /// A chunk size that is no number.
    ChunkSize,
    /// A chunk size line that ends with LF alone.
    ChunkSizeLf,
    /// No CRLF after chunk data.
    ChunkDataEnd,
    /// `Content-Length` beside `Transfer-Encoding`.
    LengthAndCoding,
    /// `Transfer-Encoding` to an HTTP/1.0 request.
    Http10Coding,
    /// Content in the answer to HEAD.
    HeadContent,
}

/// A flaw in the CORS fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CorsFlaw {
    /// The origin is reflected in an answer that may be stored, without `Vary: Origin`.
    NoVary,
    /// Every origin is reflected, with credentials.
    ReflectsAny,
    /// A preflight does not allow `Last-Event-ID`.
    NoPreflight,
    /// Errors carry no CORS fields.
    NotOnErrors,
}

/// A flaw in what the echo endpoint makes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EchoFlaw {
    /// Characters beyond U+FFFF become U+FFFD.
    NoAstral,
    /// Data is decoded in blocks of this many bytes.
    Blocks(usize),
    /// Data ends at U+0000.
    CutAtNul,
    /// Lines of data after the first are lost, unless they are empty.
    FirstLine,
    /// CR is left out of data.
    NoCr,
    /// CR stands raw in data.
    RawCr,
    /// Lines of data that look like fields are written as such.
    FieldsInData,
    /// Empty lines inside data are written as such.
    BlankInData,
    /// Line ends at the end of data are left out.
    TrimEnd,
    /// Events with empty data are not sent.
    NoEmpty,
    /// No space after `data:`.
    NoSpace,
    /// A colon at the beginning of data is taken for a comment's.
    NoColon,
    /// Data is split at every line end that Unicode knows.
    UnicodeLines,
    /// Data is cut at this many characters.
    CutAt(usize),
    /// Changes the character at this place of data, where there is one.
    ChangeAt(usize),
    /// The event type is written as it is, line ends included.
    RawType,
    /// An event type that is not ASCII is left out.
    AsciiType,
    /// The id is written as it is, line ends included.
    RawId,
    /// An id is percent-encoded where it is not ASCII.
    AsciiId,
    /// An empty id is left out.
    NoReset,
    /// The reconnection time is not sent without data.
    NoLoneRetry,
    /// The reconnection time is written as it is, line ends included.
    RawRetry,
    /// A comment is written as it is, line ends included.
    RawComment,
    /// 204 says how long its content is.
    Length204,
    /// Each event waits for the next, or for the end.
    HoldEvent,
    /// The head waits for the first event.
    HeadLate,
    /// A lone half of a surrogate pair becomes three bytes, as CESU-8 has it.
    Surrogates,
    /// Bytes are gathered in blocks of this size.
    Gather(usize),
    /// Each event leaves this many milliseconds late.
    Linger(u64),
    /// The stream is coded where that is accepted, with this flaw.
    Coded(CodingFlaw),
}

/// A flaw in the content coding of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodingFlaw {
    /// `gzip` whatever is accepted.
    Unasked,
    /// Each write waits for the next.
    ToNext,
    /// Writes are gathered in blocks of this many bytes.
    Blocks(usize),
    /// Everything waits for the end.
    ToEnd,
    /// The field names a coding, and the content has none.
    Plain,
    /// The content has a coding, and no field names it.
    Unnamed,
    /// Bytes in the middle that make no sense.
    Corrupt,
    /// The end of the coded data is left out.
    Unfinished,
    /// The answer may be stored, and does not say that it depends on `Accept-Encoding`.
    NoVary,
}

/// A flaw in the HTTP/2 frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameFlaw {
    /// A field of this name and value in every field block.
    Field(&'static str, &'static str),
    /// HTTP/2 is not offered by ALPN.
    NotOffered,
    /// Events have no type over HTTP/2.
    Typeless,
    /// So many streams at once are allowed on a connection.
    FewStreams(u32),
    /// The connection closes without GOAWAY when the server stops.
    NoGoaway,
    /// What hyper would never do by itself.
    Tamper(TamperFlaw),
}

/// A flaw in what becomes of HTTP/2 frames on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TamperFlaw {
    /// A cancelled stream goes on.
    IgnoresCancel,
    /// The connection closes when a stream is cancelled.
    ClosesOnCancel,
    /// PING is not answered.
    IgnoresPing,
    /// A stream is written to without a window.
    IgnoresWindow,
    /// No stream is written to while one has no window.
    AllWait,
    /// A stream that was held back never goes on.
    IgnoresLateWindow,
}

impl Flaw {
    /// Whether HTTP/1.1 messages must be written without hyper, which would mend or refuse this.
    pub(crate) fn is_raw(self) -> bool {
        matches!(
            self,
            Self::Wire(_) | Self::Flow(FlowFlaw::Trailers) | Self::Echo(EchoFlaw::Length204)
        )
    }
}

//! What a checker wants to know about a stream beyond what it dispatches.

/// Something a checker wants to know, and where. It never changes what is dispatched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Diagnostic {
    /// What.
    pub kind: DiagnosticKind,
    /// Offset in the stream of the byte that [`DiagnosticKind`] names; the first byte of the line
    /// where it names none.
    pub offset: u64,
}

/// What a diagnostic reports. An ignored field is reported once, by the kind that says most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DiagnosticKind {
    /// A leading BOM was removed.
    LeadingBom,
    /// BOM bytes at a later line start, or a second leading BOM, became part of the field name.
    MidStreamBom,
    /// Field name unknown: ignored.
    UnknownField,
    /// Field name known but for its case: ignored.
    FieldCase,
    /// Field name known but for surrounding white space (and perhaps case): ignored.
    FieldSpace,
    /// `id` with NUL: ignored. Offset of the first NUL.
    IdWithNul,
    /// `retry` with anything but ASCII digits, or empty: ignored. Offset of the first byte that is
    /// no digit, or of the end of the line.
    RetryNotDigits,
    /// `retry` beyond `u64`: saturated. Offset of the value.
    RetrySaturated,
    /// Bytes that are not UTF-8 were replaced, once a line. Offset of the first such byte. The
    /// discarded rest of a line at the end of the stream is not looked at.
    InvalidUtf8,
    /// A line ending that differs from the first one, CRLF being one kind; once a stream. Offset of
    /// the ending.
    MixedLineEndings,
    /// A block with an `event` or ignored field but without data: nothing dispatched. Blocks of
    /// nothing but `id`, `retry` and comments are not reported. Offset of the block.
    BlockWithoutData,
    /// A second `event` field in a block: the last one holds.
    RepeatedEvent,
    /// A second valid `id` field in a block: the last one holds.
    RepeatedId,
    /// The stream ended inside a block: it is discarded. Offset of the block.
    DiscardedTail,
}

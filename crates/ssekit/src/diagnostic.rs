//! Names and sentences for what the parser notices.

use ssekit_proto::DiagnosticKind;

/// The permanent name of a kind in JSON, and what it means in a few words.
pub fn told(kind: DiagnosticKind) -> (&'static str, &'static str) {
    use DiagnosticKind as Kind;
    match kind {
        Kind::LeadingBom => (
            "leading-bom",
            "a byte order mark begins the stream; removed",
        ),
        Kind::MidStreamBom => (
            "mid-stream-bom",
            "a byte order mark became part of a field name",
        ),
        Kind::UnknownField => ("unknown-field", "a field no client knows; ignored"),
        Kind::FieldCase => ("field-case", "a field name in the wrong case; ignored"),
        Kind::FieldSpace => (
            "field-space",
            "a field name with white space around it; ignored",
        ),
        Kind::IdWithNul => ("id-with-nul", "an id that holds NUL; ignored"),
        Kind::RetryNotDigits => ("retry-not-digits", "a retry that is no number; ignored"),
        Kind::RetrySaturated => ("retry-saturated", "a retry beyond 64 bits"),
        Kind::InvalidUtf8 => ("invalid-utf8", "bytes that are not UTF-8; replaced"),
        Kind::MixedLineEndings => (
            "mixed-line-endings",
            "a line ending unlike the first one of the stream",
        ),
        Kind::BlockWithoutData => (
            "block-without-data",
            "a block without data; nothing dispatched",
        ),
        Kind::RepeatedEvent => (
            "repeated-event",
            "a second event field in one block; the last one holds",
        ),
        Kind::RepeatedId => (
            "repeated-id",
            "a second id field in one block; the last one holds",
        ),
        Kind::DiscardedTail => (
            "discarded-tail",
            "the stream ended inside a block; discarded",
        ),
        // The parser may learn to notice more than this build can name.
        _ => ("other", "something else"),
    }
}

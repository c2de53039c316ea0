//! The rule of comments.

use ssekit_record::Level;

use super::{forge, values};
use crate::check::source::HTML_PARSING;
use crate::{Applies, EchoCase as C, Needs, Probe as P, Rule};

pub(in crate::check) const RULES: &[Rule] = &[Rule {
    id: "heartbeat.injection",
    title: "A comment cannot forge a field or an event",
    level: Level::Must,
    needs: Needs::Echo,
    applies: Applies::Stream,
    probes: INJECTION,
    sources: &[HTML_PARSING],
    expected: "a comment with line ends stays a comment, or is refused",
    impact: "Whoever controls the text of a comment sends events of his choice.",
    remedy: "Begin each line of the text with a colon, split at LF, CR and CRLF, or refuse it.",
    good: ":a\\n:b\\n",
    bad: ":a\\nb\\n",
    judge: |case| forge(case, &values(INJECTION)),
}];

const INJECTION: &[P] = &[
    P::Capabilities,
    P::Echo(C::CanaryComment),
    P::Echo(C::CommentLf),
    P::Echo(C::CommentCr),
    P::Echo(C::CommentCrLf),
    P::Echo(C::CommentNul),
    P::Echo(C::CommentBreaks),
    P::Echo(C::CommentSpaces),
    P::Echo(C::CommentEmpty),
    P::Echo(C::CommentBom),
    P::Echo(C::CommentColon),
    P::Echo(C::CommentField),
    P::Echo(C::CommentLarge),
];

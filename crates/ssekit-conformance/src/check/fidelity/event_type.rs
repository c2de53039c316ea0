//! Rules of the type of an event.

use ssekit_record::Level;

use super::{exact, forge, values};
use crate::check::source::{HTML_INTERPRETING, HTML_PARSING};
use crate::{Applies, EchoCase as C, Needs, Probe as P, Rule};

pub(in crate::check) const RULES: &[Rule] = &[
    Rule {
        id: "event.injection",
        title: "An event type cannot forge a field or an event",
        level: Level::Must,
        needs: Needs::Echo,
        applies: Applies::Stream,
        probes: INJECTION,
        sources: &[HTML_PARSING],
        expected: "a type with a line end is refused, or makes no new field",
        impact: "Whoever controls the type sends events of his choice.",
        remedy: "Refuse types that hold CR or LF.",
        good: "refused, or event: 1 data: x\\n",
        bad: "event: 1\\ndata: x\\n",
        judge: |case| forge(case, &values(INJECTION)),
    },
    Rule {
        id: "event.fidelity",
        title: "The event type arrives",
        level: Level::Must,
        needs: Needs::Echo,
        applies: Applies::Stream,
        probes: FIDELITY,
        sources: &[HTML_INTERPRETING],
        expected: "the type arrives as it was sent, ASCII or not",
        impact: "Listeners for that type are never called.",
        remedy: "Write the type in UTF-8, as it is.",
        good: "event: caf\\u{e9}\\n",
        bad: "event: caf?\\n",
        judge: |case| exact(case, &values(FIDELITY)),
    },
];

const INJECTION: &[P] = &[
    P::Capabilities,
    P::Echo(C::CanaryType),
    P::Echo(C::TypeLf),
    P::Echo(C::TypeCr),
    P::Echo(C::TypeCrLf),
    P::Echo(C::TypeBreaks),
    P::Echo(C::TypeNul),
    P::Echo(C::TypeBom),
];

const FIDELITY: &[P] = &[
    P::Capabilities,
    P::Echo(C::CanaryType),
    P::Echo(C::TypeNonAscii),
    P::Echo(C::TypeColon),
    P::Echo(C::TypeBreaks),
    P::Echo(C::TypeNul),
    P::Echo(C::TypeSpaces),
    P::Echo(C::TypeEmpty),
    P::Echo(C::TypeBom),
    P::Echo(C::TypeField),
    P::Echo(C::TypeLarge),
];

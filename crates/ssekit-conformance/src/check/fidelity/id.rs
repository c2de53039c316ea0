//! Rules of the id of an event.

use ssekit_record::{Level, Verdict};

use super::{exact, forge, values};
use crate::check::source::{HTML_INTERPRETING, HTML_PARSING};
use crate::{Applies, Case, EchoCase as C, Judgement, Needs, Probe as P, Rule};

pub(in crate::check) const RULES: &[Rule] = &[
    Rule {
        id: "id.reset",
        title: "An empty id resets the last event ID",
        level: Level::Must,
        needs: Needs::Echo,
        applies: Applies::Stream,
        probes: &[P::Capabilities, P::Echo(C::CanaryId), P::Echo(C::IdReset)],
        sources: &[HTML_INTERPRETING],
        expected: "an empty id is sent as an `id` line, and resets the last event ID string",
        impact: "Clients come back with an id that no longer means anything.",
        remedy: "Tell an empty id from none: write `id:` for it.",
        good: "id\\ndata: a\\n\\n",
        bad: "data: a\\n\\n",
        judge: |case| exact(case, &[C::IdReset]),
    },
    Rule {
        id: "id.injection",
        title: "An id cannot forge a field or an event",
        level: Level::Must,
        needs: Needs::Echo,
        applies: Applies::Stream,
        probes: INJECTION,
        sources: &[HTML_PARSING],
        expected: "an id with a line end is refused, or makes no new field",
        impact: "Whoever controls the id sends events of his choice.",
        remedy: "Refuse ids that hold CR, LF or NUL.",
        good: "refused, or id: 1 data: x\\n",
        bad: "id: 1\\ndata: x\\n",
        judge: |case| forge(case, &values(INJECTION)),
    },
    Rule {
        id: "id.fidelity",
        title: "The id arrives",
        level: Level::Must,
        needs: Needs::Echo,
        applies: Applies::Stream,
        probes: FIDELITY,
        sources: &[HTML_INTERPRETING],
        expected: "the id arrives as it was sent, ASCII or not",
        impact: "Clients come back with an id that the server never gave.",
        remedy: "Write the id in UTF-8, as it is.",
        good: "id: a: 1\\n",
        bad: "id: a%3A%201\\n",
        judge: |case| all_but_nul(case, &values(FIDELITY)),
    },
];

const INJECTION: &[P] = &[
    P::Capabilities,
    P::Echo(C::CanaryId),
    P::Echo(C::IdLf),
    P::Echo(C::IdCr),
    P::Echo(C::IdCrLf),
    P::Echo(C::IdBreaks),
    P::Echo(C::IdNul),
    P::Echo(C::IdBom),
];

const FIDELITY: &[P] = &[
    P::Capabilities,
    P::Echo(C::CanaryId),
    P::Echo(C::IdNonAscii),
    P::Echo(C::IdColon),
    P::Echo(C::IdBreaks),
    P::Echo(C::IdSpaces),
    P::Echo(C::IdBom),
    P::Echo(C::IdField),
    P::Echo(C::IdLarge),
    P::Echo(C::IdNul),
];

/// Every id arrives exactly, or is refused. What is left of one with U+0000, which clients ignore, is no MUST.
fn all_but_nul(case: &Case<'_>, values: &[C]) -> Judgement {
    let (lost, others): (Vec<C>, Vec<C>) = values.iter().partition(|value| **value == C::IdNul);
    let judgement = exact(case, &others);
    if judgement.verdict != Verdict::Pass {
        return judgement;
    }
    let lost = exact(case, &lost);
    match lost.verdict {
        Verdict::Fail => lost
            .at_level(Level::Practice)
            .remedy("Refuse ids that hold U+0000: clients ignore them."),
        _ => judgement,
    }
}

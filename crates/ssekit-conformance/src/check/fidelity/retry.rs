//! Rules of the reconnection time.

use ssekit_record::Level;

use super::{exact, forge, values};
use crate::check::source::{HTML_INTERPRETING, HTML_PARSING};
use crate::{Applies, EchoCase as C, Needs, Probe as P, Rule};

pub(in crate::check) const RULES: &[Rule] = &[
    Rule {
        id: "retry.fidelity",
        title: "The reconnection time arrives",
        level: Level::Must,
        needs: Needs::Echo,
        applies: Applies::Stream,
        probes: &[
            P::Capabilities,
            P::Echo(C::CanaryRetry),
            P::Echo(C::RetryAlone),
        ],
        sources: &[HTML_INTERPRETING],
        expected: "the reconnection time arrives, with data and without",
        impact: "Clients keep another reconnection time than they were given.",
        remedy: "Write `retry:` and whole milliseconds, also in a block without data.",
        good: "retry: 3456\\n\\n",
        bad: "retry: 3\\n\\n",
        judge: |case| exact(case, &[C::CanaryRetry, C::RetryAlone]),
    },
    Rule {
        id: "retry.injection",
        title: "A reconnection time cannot forge a field or an event",
        level: Level::Must,
        needs: Needs::Echo,
        applies: Applies::Stream,
        probes: INJECTION,
        sources: &[HTML_PARSING],
        expected: "what is no number is refused, or makes no new field",
        impact: "Whoever controls the value sends events of his choice.",
        remedy: "Take whole numbers only.",
        good: "refused",
        bad: "retry: 1\\ndata: x\\n",
        judge: |case| forge(case, &values(INJECTION)),
    },
];

const INJECTION: &[P] = &[
    P::Capabilities,
    P::Echo(C::CanaryRetry),
    P::Echo(C::RetryText),
    P::Echo(C::RetryLf),
    P::Echo(C::RetryCr),
    P::Echo(C::RetryCrLf),
    P::Echo(C::RetryNul),
    P::Echo(C::RetryBreaks),
    P::Echo(C::RetrySpaces),
    P::Echo(C::RetryEmpty),
    P::Echo(C::RetryBom),
    P::Echo(C::RetryColon),
    P::Echo(C::RetryField),
    P::Echo(C::RetryLarge),
];

//! Whether an id that the server does not know does harm.

use ssekit_record::{EndKind, Verdict};

use super::reply::{Reply, head_us, noted};
use crate::check::answer::told;
use crate::check::sighting::seconds;
use crate::{Case, Judgement, Probe};

pub(super) fn unknown(case: &Case<'_>) -> Judgement {
    let short = judge_unknown(case, Probe::ResumeUnknown, "an unknown id");
    let long = judge_unknown(case, Probe::ResumeLong, "an id of 4 KiB");
    // Of two alike, the one that is easier to try.
    [long, short]
        .into_iter()
        .max_by_key(|judgement| match judgement.verdict {
            Verdict::Warn => 3,
            Verdict::Info => 2,
            Verdict::Pass => 1,
            _ => 0,
        })
        .unwrap_or_else(|| Judgement::unverified("the requests were not made"))
}

fn judge_unknown(case: &Case<'_>, probe: Probe, what: &str) -> Judgement {
    let transcript = match Reply::of(case, probe) {
        Reply::Unknown(judgement) => return judgement,
        Reply::Stop => return Judgement::pass(format!("{what}: 204")),
        Reply::Stream(transcript) | Reply::Other(transcript) => transcript,
    };
    let answer = format!("{what}: {}", told(transcript));
    let warn = || {
        Judgement::warn(answer.clone()).noted(transcript, head_us(transcript), noted(transcript))
    };
    let Some(head) = &transcript.head else {
        return warn();
    };
    let broken = matches!(
        transcript.end.kind,
        EndKind::Reset | EndKind::Truncated | EndKind::Malformed
    );
    match head.status {
        200 if !transcript.is_event_stream() => warn(),
        200 if broken && !case.ended_by_server() && !breaks_anyway(case) => {
            Judgement::warn(format!(
                "{what}: the connection breaks {} after the head",
                seconds(transcript.end.at_us - head.at_us)
            ))
            .noted(transcript, Some(transcript.end.at_us), "the end")
        }
        200 => Judgement::pass(answer),
        // A limit on the length of a field is the server's to set.
        400 | 413 | 414 | 431 if probe == Probe::ResumeLong => Judgement::pass(answer),
        500.. => warn(),
        _ => Judgement::info(format!(
            "{answer}; an EventSource gives up for good at this answer"
        ))
        .noted(transcript, Some(head.at_us), "the answer"),
    }
}

/// Whether the stream breaks whatever id a client comes with.
fn breaks_anyway(case: &Case<'_>) -> bool {
    case.main()
        .is_some_and(|main| main.end.kind == EndKind::Malformed)
}

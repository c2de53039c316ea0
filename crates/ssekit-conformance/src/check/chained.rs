//! What several reconnections in a row lost or repeated.

use std::collections::HashMap;

use ssekit_record::{Level, Transcript, Verdict};

use super::sighting::quoted;
use crate::chain::Link;
use crate::{Applies, Case, EventSeen, Judgement, Needs, Probe, Rule};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "resume.no-loss",
    title: "Nothing is lost or repeated over several reconnections",
    level: Level::Practice,
    needs: Needs::Reconnect,
    applies: Applies::Stream,
    probes: &[
        Probe::Resume,
        Probe::Chain(Link::Witness),
        Probe::Chain(Link::First),
        Probe::Chain(Link::Second),
        Probe::Chain(Link::Third),
        Probe::Chain(Link::Fourth),
    ],
    sources: &[],
    expected: "four connections in a row, each with the last id of the one before, get every event \
               once that a connection that stays gets",
    impact: "Where the replay ends and the live stream begins, an event falls between the two or \
             comes twice; users on bad networks lose some now and then.",
    remedy: "Subscribe to live events first, then read those kept, then go on live with what is \
             newer than the last one sent.",
    good: "… 7 | Last-Event-ID: 7 -> 8, 9, 10 | Last-Event-ID: 10 -> 11, …",
    bad: "… 7 | Last-Event-ID: 7 -> 8, 9, 11, …",
    judge: no_loss,
}];

fn no_loss(case: &Case<'_>) -> Judgement {
    let replay = super::resume::replay(case);
    if replay.verdict == Verdict::Warn {
        return Judgement::not_applicable(
            "the stream does not go on after an id, as resume.replay tells",
        );
    }
    let witness = Probe::Chain(Link::Witness);
    let Some(reading) = case.reading_of(witness) else {
        let skipped = case.skipped(witness).map(|skipped| skipped.reason.clone());
        return Judgement::unverified(
            skipped.unwrap_or_else(|| "the connections were not made".into()),
        );
    };
    let came: Vec<Came<'_>> = Link::IN_TURN
        .iter()
        .filter_map(|link| {
            let probe = Probe::Chain(*link);
            Some((case.transcript(probe)?, case.reading_of(probe)?))
        })
        .enumerate()
        .flat_map(|(turn, (transcript, reading))| {
            let events = with_id(&reading.events);
            events.map(move |event| Came {
                turn,
                transcript,
                event,
            })
        })
        .collect();
    compare(&with_id(&reading.events).collect::<Vec<_>>(), &came)
}

fn with_id(events: &[EventSeen]) -> impl Iterator<Item = &EventSeen> {
    let is_position = |event: &&EventSeen| event.has_id && !event.last_event_id.is_empty();
    events.iter().filter(is_position)
}

/// An event of one of the connections in a row.
struct Came<'a> {
    turn: usize,
    transcript: &'a Transcript,
    event: &'a EventSeen,
}

fn compare(stayed: &[&EventSeen], came: &[Came<'_>]) -> Judgement {
    let places: HashMap<&str, usize> = stayed
        .iter()
        .zip(0..)
        .map(|(event, at)| (&*event.last_event_id, at))
        .collect();
    if places.len() != stayed.len() {
        return Judgement::unverified("several events have one id, so none can be missed");
    }
    // Ids of greetings, and of what came before or after the witness, have no place.
    let placed: Vec<(usize, &Came<'_>)> = came
        .iter()
        .filter_map(|one| Some((*places.get(&*one.event.last_event_id)?, one)))
        .collect();
    let turns: Vec<usize> = placed.iter().map(|(_, one)| one.turn).collect();
    let mut distinct = turns.clone();
    distinct.dedup();
    if distinct.len() < 3 {
        return Judgement::unverified(
            "fewer than three connections got events that one beside them got too",
        );
    }
    for pair in placed.windows(2) {
        let ((before, _), (at, one)) = (pair[0], pair[1]);
        let seen = |judgement: Judgement, note: &str| {
            let (start, len) = (one.event.start, one.event.end - one.event.start);
            judgement.seen(one.transcript, start, len, note)
        };
        let id = quoted(&one.event.last_event_id);
        let connection = one.turn + 1;
        if at > before + 1 {
            let lost = at - before - 1;
            let actual = format!(
                "{lost} lost before the event {id} of connection {connection}; a connection that \
                 stayed got {}",
                if lost == 1 { "it" } else { "them" }
            );
            return seen(
                Judgement::warn(actual),
                "events before this one are missing",
            );
        }
        if at <= before {
            let actual =
                format!("the event {id} came again, or too late, in connection {connection}");
            return seen(Judgement::warn(actual), "this event had come before");
        }
    }
    Judgement::pass(format!(
        "{} connections in a row got {} events, none lost and none twice",
        distinct.len(),
        placed.len()
    ))
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Sample, finding};
    use super::*;

    fn stream(ids: &str, probe: Probe) -> Sample {
        let ids = ids.split(' ').filter(|id| !id.is_empty());
        let text: String = ids.map(|id| format!("id: {id}\ndata: {id}\n\n")).collect();
        Sample::stream(text).by(probe)
    }

    /// Beside one that got 1 to 9.
    fn chained(links: [&str; 4]) -> Verdict {
        let main = stream("1 2 3 4 5", Probe::Main);
        let resumed = stream("4 5 6", Probe::Resume).asked("Last-Event-ID", "3");
        let witness = stream("1 2 3 4 5 6 7 8 9", Probe::Chain(Link::Witness));
        let links = Link::IN_TURN
            .into_iter()
            .zip(links)
            .map(|(link, ids)| stream(ids, Probe::Chain(link)));
        let all = [main, resumed, witness].into_iter().chain(links);
        finding("resume.no-loss", all).verdict
    }

    #[test]
    fn what_the_witness_got_the_others_get_once() {
        assert_eq!(chained(["1 2", "3 4", "5 6", "7 8"]), Verdict::Pass);
        assert_eq!(chained(["2 3", "4 5 6", "7 8 9", "10 11"]), Verdict::Pass);
        assert_eq!(chained(["1 2", "4 5", "6", "7"]), Verdict::Warn);
        assert_eq!(chained(["1 2", "3 4 4 5", "6", "7"]), Verdict::Warn);
        assert_eq!(chained(["1 2", "2 3", "4", "5"]), Verdict::Warn);
        assert_eq!(chained(["1 2", "3 5 4", "6", "7"]), Verdict::Warn);
    }

    #[test]
    fn greetings_and_what_the_witness_cannot_know_are_left_out() {
        assert_eq!(chained(["hi 1 2", "hi 3 4", "hi 5", "hi 6"]), Verdict::Pass);
        assert_eq!(chained(["1 2", "3", "", ""]), Verdict::Unverified);
        assert_eq!(chained(["a b", "c d", "e", "f"]), Verdict::Unverified);
    }

    #[test]
    fn a_stream_that_is_not_resumed_is_another_rules() {
        let main = stream("1 2 3 4 5", Probe::Main);
        let resumed = stream("8 9", Probe::Resume).asked("Last-Event-ID", "3");
        let witness = stream("1 2 3 4 5", Probe::Chain(Link::Witness));
        let finding = finding("resume.no-loss", [main, resumed, witness]);
        assert_eq!(finding.verdict, Verdict::NotApplicable);
    }
}

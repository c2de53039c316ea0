//! Tests of the group `resume`.

use ssekit_record::Verdict::{Info, NotApplicable, Pass, Unverified, Warn};
use ssekit_record::{EndKind, Finding, Skipped, Verdict};

use crate::Probe;
use crate::check::sample::{Sample, finding, finding_with, verdict};
use crate::plan::MARKER;

fn numbered(ids: &[u64]) -> String {
    ids.iter()
        .map(|id| format!("id: {id}\ndata: {{\"n\":{id}}}\n\n"))
        .collect()
}

fn main_to(last: u64) -> Sample {
    Sample::stream(numbered(&(1..=last).collect::<Vec<_>>()))
}

fn resumed(after: u64, ids: &[u64]) -> Sample {
    let sample = Sample::stream(numbered(ids)).by(Probe::Resume);
    sample.asked("Last-Event-ID", &after.to_string())
}

fn refused(probe: Probe, status: u16) -> Sample {
    Sample::answer(status, "text/plain", "no").by(probe)
}

#[test]
fn acceptance_is_a_stream_or_the_end_of_a_finished_one() {
    let id = "resume.accepted";
    let judge = |main: Sample, sample: Sample| finding(id, [main, sample]).verdict;
    assert_eq!(judge(main_to(5), resumed(3, &[4, 5])), Pass);
    assert_eq!(judge(main_to(5), refused(Probe::Resume, 409)), Warn);
    assert_eq!(judge(main_to(5), refused(Probe::Resume, 204)), Warn);
    let finished = main_to(5).ended(900);
    assert_eq!(judge(finished, refused(Probe::Resume, 204)), Pass);
    assert_eq!(judge(main_to(5), refused(Probe::Resume, 503)), Unverified);
    let hung = Sample::silence(EndKind::TimedOut, 2500).by(Probe::Resume);
    assert_eq!(judge(main_to(5), hung), Warn);
    let gone = Sample::silence(EndKind::Unreachable, 5).by(Probe::Resume);
    assert_eq!(judge(main_to(5), gone), Unverified);
    let none = Skipped {
        probe: "resume".into(),
        reason: "no event with an id was seen".into(),
        not_applicable: true,
    };
    let found = finding_with(id, [Sample::stream("data: a\n\n")], [none]);
    assert_eq!(found.verdict, NotApplicable);
}

#[test]
fn a_replay_is_judged_at_the_first_wrong_event() {
    let judge = |ids: &[u64]| {
        let found = finding("resume.replay", [main_to(5), resumed(3, ids)]);
        (found.verdict, found.evidence.first().and_then(|e| e.offset))
    };
    assert_eq!(judge(&[4, 5, 6]), (Pass, None));
    assert_eq!(judge(&[3, 4, 5]), (Warn, Some(0)));
    assert_eq!(judge(&[1, 2, 3, 4]), (Warn, Some(0)));
    assert_eq!(judge(&[5, 6]), (Warn, Some(0)));
    assert_eq!(judge(&[8, 9]), (Warn, Some(0)));
    assert_eq!(judge(&[5, 4, 6]), (Warn, Some(0)));
    assert_eq!(judge(&[4, 6, 5]), (Warn, Some(42)));
    assert_eq!(judge(&[]), (Unverified, None));
}

#[test]
fn a_resumed_stream_that_ends_empty_has_lost_what_followed() {
    let id = "resume.replay";
    let ended = resumed(3, &[]).ended(50);
    assert_eq!(finding(id, [main_to(5), ended.clone()]).verdict, Warn);
    assert_eq!(finding(id, [main_to(3), ended]).verdict, Unverified);
    let refused = refused(Probe::Resume, 409);
    assert_eq!(finding(id, [main_to(5), refused]).verdict, NotApplicable);
}

#[test]
fn ids_of_one_connection_only_are_told_from_a_full_replay() {
    let id = "resume.replay";
    let full = finding(id, [main_to(5), resumed(3, &[1, 2])]);
    assert!(full.actual.contains("goes back"), "{}", full.actual);
    let other = Sample::stream("id: 1\ndata: other\n\n").by(Probe::Resume);
    let anew = finding(id, [main_to(5), other.asked("Last-Event-ID", "3")]);
    assert!(anew.actual.contains("begin anew"), "{}", anew.actual);
    // The next id with other data: a time of sending, or a counter that only pretends.
    let changed = Sample::stream("id: 4\ndata: other\n\n").by(Probe::Resume);
    let changed = changed.asked("Last-Event-ID", "3");
    assert_eq!(finding(id, [main_to(5), changed]).verdict, Info);
}

#[test]
fn the_only_event_says_little() {
    let id = "resume.replay";
    assert_eq!(finding(id, [main_to(1), resumed(1, &[2])]).verdict, Pass);
    let jump = resumed(1, &[7]);
    assert_eq!(finding(id, [main_to(1), jump]).verdict, Unverified);
    assert_eq!(finding(id, [main_to(1), resumed(1, &[1])]).verdict, Warn);
}

fn unknown(short: Sample, long: Sample) -> Finding {
    let samples = [
        main_to(5),
        short.by(Probe::ResumeUnknown),
        long.by(Probe::ResumeLong),
    ];
    finding("resume.unknown", samples)
}

#[test]
fn unknown_ids_do_harm_only_by_errors_and_hangs() {
    let fine = || main_to(2);
    assert_eq!(unknown(fine(), fine()).verdict, Pass);
    assert_eq!(unknown(fine(), refused(Probe::Main, 431)).verdict, Pass);
    assert_eq!(unknown(refused(Probe::Main, 204), fine()).verdict, Pass);
    assert_eq!(unknown(refused(Probe::Main, 410), fine()).verdict, Info);
    assert_eq!(unknown(refused(Probe::Main, 500), fine()).verdict, Warn);
    assert_eq!(unknown(fine(), refused(Probe::Main, 502)).verdict, Warn);
    let both = unknown(refused(Probe::Main, 500), refused(Probe::Main, 500));
    assert!(both.actual.starts_with("an unknown id"), "{}", both.actual);
    let hung = Sample::silence(EndKind::TimedOut, 2500);
    assert_eq!(unknown(hung.clone(), fine()).verdict, Warn);
    assert_eq!(unknown(fine(), hung).verdict, Warn);
    let reset = Sample::stream("").end(EndKind::Reset, 12);
    assert_eq!(unknown(reset, fine()).verdict, Warn);
    // A limit on requests says nothing about ids; a stream that stays silent is no hang.
    assert_eq!(unknown(refused(Probe::Main, 503), fine()).verdict, Pass);
    assert_eq!(unknown(Sample::stream(""), fine()).verdict, Pass);
}

#[test]
fn empty_and_non_ascii_ids_get_the_stream() {
    for (id, probe) in [
        ("resume.empty-absent", Probe::ResumeEmpty),
        ("resume.non-ascii", Probe::ResumeNonAscii),
    ] {
        let judge = |sample: Sample| finding(id, [main_to(5), sample.by(probe)]).verdict;
        assert_eq!(judge(main_to(1)), Pass);
        assert_eq!(judge(refused(probe, 400)), Warn);
        assert_eq!(judge(refused(probe, 429)), Unverified);
        assert_eq!(judge(Sample::answer(200, "text/html", "<p>")), Warn);
        assert_eq!(finding(id, [main_to(5)]).verdict, Unverified);
    }
}

#[test]
fn an_answer_that_waits_for_other_streams_is_no_refusal_of_the_id() {
    let hung = || Sample::silence(EndKind::TimedOut, 2000).by(Probe::ResumeEmpty);
    let parallel = |head_ms: u64| {
        let sample = Sample::slices([(head_ms + 1, "data: a\n\n")]).head_at(head_ms);
        sample
            .end(EndKind::Left, head_ms + 500)
            .by(Probe::Parallel1)
    };
    let judge = |samples: [Sample; 3]| finding("resume.empty-absent", samples);
    let waiting = judge([main_to(5), hung(), parallel(1_800)]);
    assert_eq!(waiting.verdict, Unverified);
    // Where others are answered at once, the id is what is not.
    assert_eq!(judge([main_to(5), hung(), parallel(300)]).verdict, Warn);
    // An answer is an answer.
    let refused = refused(Probe::ResumeEmpty, 400);
    assert_eq!(judge([main_to(5), refused, parallel(1_800)]).verdict, Warn);
}

#[test]
fn reflections_warn_unless_they_are_quoted() {
    let judge = |stream: &str| {
        let sample = Sample::stream(stream).by(Probe::ResumeMarker);
        finding("resume.no-reflection", [main_to(5), sample])
    };
    let decoded = "ssekit-marker\ndata: ssekit-marker\r\n\r\ndata:ssekit-marker";
    let injected = judge(&format!(": after {decoded}\n\n"));
    assert_eq!(injected.verdict, Warn);
    assert_eq!(injected.evidence[0].offset, Some(22));
    assert_eq!(judge(&format!(": after {MARKER}\n\n")).verdict, Warn);
    assert_eq!(
        judge(&format!("data: {{\"id\":\"{MARKER}\"}}\n\n")).verdict,
        Pass
    );
    assert_eq!(judge("data: a\n\n").verdict, Pass);
    assert_eq!(judge("").verdict, Unverified);
}

fn finished(again: Sample) -> Verdict {
    let main = main_to(4).ended(400);
    finding("resume.204-stops", [main, again.by(Probe::ResumeFinished)]).verdict
}

#[test]
fn a_finished_stream_stops_its_clients() {
    assert_eq!(finished(refused(Probe::Main, 204)), Pass);
    assert_eq!(finished(Sample::stream("").ended(20)), Warn);
    assert_eq!(finished(main_to(4).ended(300)), Warn);
    // We left a replay from the start after three events.
    assert_eq!(finished(main_to(3)), Warn);
    // The last event once more, and the end.
    assert_eq!(finished(Sample::stream(numbered(&[4])).ended(20)), Warn);
    // Servers that are polled, or go on.
    assert_eq!(finished(Sample::stream(numbered(&[5, 6])).ended(99)), Pass);
    assert_eq!(finished(Sample::stream("")), Pass);
    assert_eq!(finished(refused(Probe::Main, 404)), Info);
    assert_eq!(finished(refused(Probe::Main, 503)), Unverified);
}

#[test]
fn a_polled_server_may_repeat_its_state() {
    let id = "resume.204-stops";
    let state = "retry: 5000\ndata: up\n\n";
    let again = |text: &str| Sample::stream(text).ended(20).by(Probe::ResumeFinished);
    let main = Sample::stream(state).ended(20);
    assert_eq!(finding(id, [main, again(state)]).verdict, Pass);
    let bare = Sample::stream("data: done\n\n").ended(20);
    assert_eq!(finding(id, [bare, again("data: done\n\n")]).verdict, Warn);
}

#[test]
fn an_empty_stream_that_ends_at_once_is_a_storm() {
    let id = "resume.close-without-event";
    assert_eq!(verdict(id, Sample::stream("").ended(20)), Warn);
    assert_eq!(verdict(id, Sample::stream(": hi\n\n").ended(20)), Warn);
    assert_eq!(
        verdict(id, Sample::stream("retry: 9000\n\n").ended(20)),
        Pass
    );
    assert_eq!(verdict(id, Sample::stream("").ended(2_000)), Pass);
    assert_eq!(verdict(id, Sample::stream("")), Pass);
    assert_eq!(verdict(id, main_to(1).ended(20)), Pass);
    let empty = resumed(3, &[]).ended(20);
    assert_eq!(finding(id, [main_to(5), empty]).verdict, Warn);
    // resume.204-stops judges this one.
    let again = Sample::stream("").ended(20).by(Probe::ResumeFinished);
    let finished = main_to(5).ended(400);
    assert_eq!(finding(id, [finished, again]).verdict, Pass);
    // HEAD has no content.
    let head = Sample::stream("").ended(20).by(Probe::Head);
    assert_eq!(finding(id, [main_to(5), head]).verdict, Pass);
}

#[test]
fn a_session_leaks_only_where_the_plain_request_is_refused() {
    let id = "resume.auth";
    let leak = || resumed(3, &[4, 5]).by(Probe::ResumeAnonymous);
    let judge = |resumed: Sample, plain: Sample| {
        finding(id, [main_to(5), resumed, plain.by(Probe::Anonymous)]).verdict
    };
    assert_eq!(judge(leak(), refused(Probe::Main, 401)), Warn);
    assert_eq!(judge(leak(), main_to(2)), NotApplicable);
    let refusal = refused(Probe::ResumeAnonymous, 401);
    assert_eq!(judge(refusal, refused(Probe::Main, 401)), Pass);
    let other = resumed(3, &[70, 71]).by(Probe::ResumeAnonymous);
    assert_eq!(judge(other, main_to(2)), Pass);
}

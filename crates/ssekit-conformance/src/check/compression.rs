//! Rules of the group `compression`.

use ssekit_record::{FaultKind, Level, Transcript};

use super::answer::{is_turned_away, told};
use super::hold::flush;
use super::sighting::quoted;
use super::source::{
    HTML_AUTHORING, RFC9110_ACCEPT_ENCODING, RFC9110_CONTENT_ENCODING, RFC9110_VARY,
};
use crate::coding::{codings, is_coded, is_text, unnamed};
use crate::{Applies, Case, EchoScene, Judgement, Needs, Offer, Probe, Rule};

/// Every way in which codings are offered.
const OFFERS: [Probe; 5] = [
    Probe::Coded(Offer::All),
    Probe::Coded(Offer::Gzip),
    Probe::Coded(Offer::Deflate),
    Probe::Coded(Offer::Br),
    Probe::Coded(Offer::Zstd),
];

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "compression.identity",
        title: "A client that accepts no content coding gets none",
        level: Level::Should,
        needs: Needs::Active,
        applies: Applies::Stream,
        probes: &[Probe::Identity],
        sources: &[RFC9110_ACCEPT_ENCODING],
        expected: "with `Accept-Encoding: identity`, the stream without Content-Encoding",
        impact: "Clients that cannot undo a coding, such as small devices and scripts, read noise.",
        remedy: "Compress only what Accept-Encoding allows; never without looking at it.",
        good: "Accept-Encoding: identity -> (no Content-Encoding)",
        bad: "Accept-Encoding: identity -> Content-Encoding: gzip",
        judge: identity,
    },
    Rule {
        id: "compression.flush",
        title: "A compressed event can be decoded when it arrives",
        level: Level::Practice,
        needs: Needs::Active,
        applies: Applies::Stream,
        probes: &[
            Probe::Main,
            Probe::Identity,
            Probe::Coded(Offer::All),
            Probe::Coded(Offer::Gzip),
            Probe::Coded(Offer::Deflate),
            Probe::Coded(Offer::Br),
            Probe::Coded(Offer::Zstd),
            Probe::Capabilities,
            Probe::Scene(EchoScene::Spaced),
            Probe::Scene(EchoScene::Coded(Offer::All)),
            Probe::Scene(EchoScene::Coded(Offer::Gzip)),
            Probe::Scene(EchoScene::Coded(Offer::Deflate)),
            Probe::Scene(EchoScene::Coded(Offer::Br)),
            Probe::Scene(EchoScene::Coded(Offer::Zstd)),
        ],
        sources: &[HTML_AUTHORING, RFC9110_CONTENT_ENCODING],
        expected: "whichever coding is offered, each event can be decoded as early as without one",
        impact: "A compressor gathers input until its block is full. Browsers, which offer codings, \
                 see events late, in bursts or at the end; curl, which offers none, sees them at \
                 once.",
        remedy: "Take text/event-stream out of the compressor's types, flush the compressor after \
                 each event, or send `Cache-Control: no-transform`.",
        good: "deflate(event); flush(Z_SYNC_FLUSH)",
        bad: "deflate(event)",
        judge: flush,
    },
    Rule {
        id: "compression.valid",
        title: "Content is coded as Content-Encoding says",
        level: Level::Must,
        needs: Needs::Active,
        applies: Applies::Stream,
        probes: &[
            Probe::Main,
            OFFERS[0],
            OFFERS[1],
            OFFERS[2],
            OFFERS[3],
            OFFERS[4],
        ],
        sources: &[RFC9110_CONTENT_ENCODING, RFC9110_ACCEPT_ENCODING],
        expected: "every coding applied is named, was offered, and decodes to the end",
        impact: "Clients fail the connection at the byte that makes no sense, or read noise.",
        remedy: "Let one part of the server compress and set Content-Encoding; finish the \
                 compressor before the response ends.",
        good: "Content-Encoding: gzip, and gzip data up to its trailer",
        bad: "Content-Encoding: gzip, and plain text",
        judge: valid,
    },
    Rule {
        id: "compression.vary",
        title: "A cache is told that the coding depends on the client",
        level: Level::Should,
        needs: Needs::Active,
        applies: Applies::Stream,
        probes: &[
            Probe::Main,
            Probe::Identity,
            OFFERS[0],
            OFFERS[1],
            OFFERS[2],
            OFFERS[3],
            OFFERS[4],
        ],
        sources: &[RFC9110_VARY],
        expected: "Vary: Accept-Encoding where a coded answer may be stored",
        impact: "A cache may give coded content to a client that cannot undo it.",
        remedy: "Send `Vary: Accept-Encoding`, or `Cache-Control: no-store`, which a live stream \
                 should have anyway.",
        good: "Content-Encoding: gzip\\r\\nVary: Accept-Encoding",
        bad: "Content-Encoding: gzip\\r\\nCache-Control: max-age=60",
        judge: vary,
    },
];

fn identity(case: &Case<'_>) -> Judgement {
    let Some((transcript, head)) = case.answered(Probe::Identity) else {
        return Judgement::unverified("the request got no answer");
    };
    if is_turned_away(transcript) {
        return Judgement::unverified(format!("turned away: {}", told(transcript)));
    }
    let named = codings(head);
    let judgement = match (transcript.is_event_stream(), named.is_empty()) {
        (true, true) => return Judgement::pass("the stream came without a content coding"),
        (true, false) => Judgement::warn(format!(
            "Content-Encoding: {} for a client that accepts none",
            quoted(&named.join(", ")).trim_matches('"')
        )),
        (false, _) => Judgement::warn(format!(
            "no stream for a client that accepts no content coding: {}",
            told(transcript)
        )),
    };
    judgement.noted(transcript, Some(head.at_us), "the head arrived")
}

/// Main and what came with codings offered, each with the codings offered.
fn coded<'a>(case: &Case<'a>) -> Vec<(&'a Transcript, &'static str)> {
    let offers = Offer::EACH.map(|offer| (Probe::Coded(offer), offer.value()));
    let all = [(Probe::Main, "")].into_iter().chain(offers);
    all.filter_map(|(probe, offered)| Some((case.transcript(probe)?, offered)))
        .filter(|(transcript, _)| transcript.is_event_stream())
        .collect()
}

fn valid(case: &Case<'_>) -> Judgement {
    let all = coded(case);
    let wrong = all
        .iter()
        .find_map(|(transcript, _)| broken(case, transcript));
    if let Some(judgement) = wrong {
        return judgement;
    }
    let odd = all
        .iter()
        .find_map(|(transcript, offered)| unusual(transcript, offered));
    if let Some(judgement) = odd {
        return judgement;
    }
    if all.len() < 2 {
        return Judgement::unverified("no stream came for a client that accepts content codings");
    }
    let mut seen: Vec<String> = all.iter().flat_map(|(t, _)| named(t)).collect();
    seen.sort_unstable();
    seen.dedup();
    if seen.is_empty() {
        return Judgement::not_applicable("no content coding was sent, whichever was offered");
    }
    Judgement::pass(format!("{} decodes", seen.join(", ")))
}

fn named(transcript: &Transcript) -> Vec<String> {
    transcript.head.as_ref().map(codings).unwrap_or_default()
}

/// What cannot be decoded, or could not be by a client that believes the head.
fn broken(case: &Case<'_>, transcript: &Transcript) -> Option<Judgement> {
    let label = named(transcript).join(", ");
    if let Some(fault) = transcript.fault(FaultKind::ContentCodingInvalid) {
        let judgement = Judgement::fail(format!(
            "Content-Encoding: {label}, but the content cannot be decoded: {}",
            fault.detail
        ));
        let note = format!("offset {} of the coded content", fault.offset);
        return Some(judgement.noted(transcript, Some(fault.at_us), note));
    }
    let coding = unnamed(transcript)?;
    // No bytes tell brotli: where what came without it is no text either, nothing does.
    if coding == "br" && !case.main().is_some_and(|main| is_text(&main.body.bytes)) {
        return None;
    }
    let judgement = Judgement::fail(format!(
        "the content is coded ({coding}), and no Content-Encoding says so"
    ));
    Some(judgement.noted(transcript, Some(transcript.end.at_us), "what came"))
}

/// What decodes, and is worth knowing all the same.
fn unusual(transcript: &Transcript, offered: &str) -> Option<Judgement> {
    let head = transcript.head.as_ref()?;
    let seen = |judgement: Judgement| {
        Some(judgement.noted(transcript, Some(head.at_us), "the head arrived"))
    };
    let all = codings(head);
    let known =
        |coding: &&String| ["gzip", "x-gzip", "deflate", "br", "zstd"].contains(&coding.as_str());
    if let Some(strange) = all.iter().find(|coding| !known(coding)) {
        let judgement = Judgement::warn(format!(
            "Content-Encoding: {}, which browsers do not know",
            quoted(strange)
        ));
        return seen(judgement.at_level(Level::Practice));
    }
    let accepts = |coding: &String| {
        let name = coding.strip_prefix("x-").unwrap_or(coding);
        offered.is_empty() || offered.split(", ").any(|item| item == name)
    };
    if let Some(other) = all.iter().find(|coding| !accepts(coding)) {
        let actual = format!("Content-Encoding: {other} for `Accept-Encoding: {offered}`");
        return seen(Judgement::warn(actual).at_level(Level::Should));
    }
    if all.last().is_some_and(|coding| coding == "deflate") && is_bare_deflate(transcript) {
        let actual = "Content-Encoding: deflate, with bare deflate data instead of the zlib format";
        return seen(Judgement::warn(actual).at_level(Level::Practice));
    }
    let idle = head.all("content-encoding").find(|value| {
        let items = value
            .split(',')
            .map(|item| item.trim().to_ascii_lowercase());
        items
            .into_iter()
            .any(|item| matches!(item.as_str(), "identity" | "none"))
    });
    idle.and_then(|value| {
        let actual = format!("Content-Encoding: {}, which is no coding", quoted(value));
        seen(Judgement::info(actual).at_level(Level::Should))
    })
}

/// Whether `deflate` content lacks the two bytes the zlib format begins with (RFC 1950 2.2).
fn is_bare_deflate(transcript: &Transcript) -> bool {
    match transcript.body.bytes.as_slice() {
        [cmf, flg, ..] => cmf & 0x0f != 8 || (u16::from(*cmf) << 8 | u16::from(*flg)) % 31 != 0,
        _ => false,
    }
}

fn vary(case: &Case<'_>) -> Judgement {
    let is_get = |main: &Transcript| main.request.method == "GET";
    if !case.main().is_some_and(is_get) {
        return Judgement::not_applicable("only answers to GET are stored without being told to");
    }
    let all = coded(case);
    if all.len() < 2 {
        return Judgement::unverified("no stream came for a client that accepts content codings");
    }
    let plain = case
        .transcript(Probe::Identity)
        .is_some_and(|t| !is_coded(t))
        || all.iter().any(|(transcript, _)| !is_coded(transcript));
    let of_offers: Vec<_> = all.iter().filter(|(t, _)| is_coded(t)).collect();
    if of_offers.is_empty() || !plain {
        return Judgement::not_applicable("the coding does not depend on what is offered");
    }
    let heads = of_offers
        .iter()
        .filter_map(|(t, _)| Some((t, t.head.as_ref()?)));
    let mut storable = heads.filter(|(_, head)| !head.has_token("cache-control", "no-store"));
    let silent = |head: &ssekit_record::Head| {
        !head.has_token("vary", "accept-encoding") && !head.has_token("vary", "*")
    };
    match storable.find(|(_, head)| silent(head)) {
        Some((transcript, head)) => Judgement::warn(format!(
            "Content-Encoding: {} in an answer that may be stored, without Vary: Accept-Encoding",
            codings(head).join(", ")
        ))
        .noted(transcript, Some(head.at_us), "the head arrived"),
        None => Judgement::pass("Vary: Accept-Encoding, or the answer may not be stored"),
    }
}

#[cfg(test)]
mod tests {
    use ssekit_record::{EndKind, Verdict};

    use super::super::sample::{Sample, finding};
    use super::*;

    fn stream() -> Sample {
        Sample::stream("data: a\n\n")
    }

    fn offered(sample: Sample, offer: Offer) -> Sample {
        let sample = sample.asked("Accept-Encoding", offer.value());
        sample.by(Probe::Coded(offer))
    }

    fn judged(id: &str, main: Sample, further: Sample) -> Verdict {
        finding(id, [main, further]).verdict
    }

    #[test]
    fn a_client_that_accepts_no_coding_gets_none() {
        let judged =
            |answer: Sample| judged("compression.identity", stream(), answer.by(Probe::Identity));
        assert_eq!(judged(stream()), Verdict::Pass);
        assert_eq!(judged(stream().coded("identity")), Verdict::Pass);
        assert_eq!(judged(stream().coded("gzip")), Verdict::Warn);
        assert_eq!(judged(Sample::answer(406, "", "")), Verdict::Warn);
        assert_eq!(judged(Sample::answer(503, "", "")), Verdict::Unverified);
        let silent = Sample::silence(EndKind::TimedOut, 2_000);
        assert_eq!(judged(silent), Verdict::Unverified);
    }

    #[test]
    fn content_is_coded_as_the_field_says() {
        let judged = |answer: Sample, offer| {
            let answer = offered(answer, offer);
            judged("compression.valid", stream(), answer)
        };
        assert_eq!(judged(stream(), Offer::All), Verdict::NotApplicable);
        assert_eq!(judged(stream().coded("gzip"), Offer::All), Verdict::Pass);
        assert_eq!(
            judged(stream().coded("br, gzip"), Offer::All),
            Verdict::Pass
        );
        assert_eq!(judged(stream().coded("x-gzip"), Offer::Gzip), Verdict::Pass);
        assert_eq!(judged(stream().coded("gzip"), Offer::Br), Verdict::Warn);
        assert_eq!(
            judged(stream().coded("aws-chunked"), Offer::All),
            Verdict::Warn
        );
        assert_eq!(
            judged(stream().coded("identity"), Offer::All),
            Verdict::Info
        );
        let kind = FaultKind::ContentCodingInvalid;
        let broken = stream().coded("gzip").fault(kind, 0, "no gzip header");
        assert_eq!(judged(broken, Offer::All), Verdict::Fail);
    }

    #[test]
    fn coded_content_without_a_field_is_seen() {
        let unnamed = |bytes: &[u8], offer| {
            let answer = offered(Sample::stream(bytes), offer);
            judged("compression.valid", stream(), answer)
        };
        assert_eq!(unnamed(b"\x1f\x8b\x08\x00", Offer::All), Verdict::Fail);
        assert_eq!(unnamed(b"\x28\xb5\x2f\xfd", Offer::All), Verdict::Fail);
        assert_eq!(unnamed(b"\x0b\x02\x80data", Offer::Br), Verdict::Fail);
        // Text in another encoding is encoding.valid-utf8's.
        assert_ne!(unnamed(b"data: caf\xe9\n\n", Offer::Br), Verdict::Fail);
        for text in [
            &b"id: 1\ndata: caf\xe9\n\n"[..],
            b"event: x\r\ndata: \0\xe9\r\n\r\n",
            b"\xef\xbb\xbfdata: a\n\nda",
            b"x: \xf0\x9f",
        ] {
            assert_ne!(unnamed(text, Offer::Br), Verdict::Fail, "{text:?}");
        }
        let noise = || Sample::stream(b"\x0b\x02\x80data");
        let answer = offered(noise(), Offer::Br);
        assert_ne!(judged("compression.valid", noise(), answer), Verdict::Fail);
        assert_ne!(unnamed(b"x^2\n", Offer::Deflate), Verdict::Fail);
    }

    #[test]
    fn a_coded_answer_that_may_be_stored_says_what_it_depends_on() {
        let judged = |fields: &[(&str, &str)]| {
            let answer = fields
                .iter()
                .fold(stream().coded("gzip"), |answer, (name, value)| {
                    answer.with_field(name, value)
                });
            judged("compression.vary", stream(), offered(answer, Offer::All))
        };
        assert_eq!(judged(&[]), Verdict::Warn);
        assert_eq!(
            judged(&[("Vary", "Accept, Accept-Encoding")]),
            Verdict::Pass
        );
        assert_eq!(judged(&[("Vary", "*")]), Verdict::Pass);
        assert_eq!(judged(&[("Cache-Control", "no-store")]), Verdict::Pass);
        assert_eq!(judged(&[("Vary", "Accept")]), Verdict::Warn);
        let id = "compression.vary";
        let plain = finding(id, [stream(), offered(stream(), Offer::All)]);
        assert_eq!(plain.verdict, Verdict::NotApplicable);
    }
}

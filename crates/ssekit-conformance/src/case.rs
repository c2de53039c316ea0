//! What a check is given: transcripts and how they read.

use std::collections::BTreeMap;

use ssekit_record::{Bulk, EndKind, FaultKind, Head, Observation, Session, Skipped, Transcript};

use crate::guard::guarded;
use crate::product::Family;
use crate::reading::MOST_LINES;
use crate::{EchoBulk, Probe, Product, Reading, coding};

/// Lines read of all transcripts together but the main one's: all readings are held at once. When they
/// are used up, [`FEW_LINES`] are still read of each.
const MOST_LINES_TOGETHER: usize = 150_000;
const FEW_LINES: usize = 2_000;

/// The transcripts of a run, each with its reading. Checks are pure functions of this.
#[derive(Debug)]
pub struct Case<'a> {
    observation: &'a Observation,
    readings: BTreeMap<&'a str, Reading>,
    /// Exchanges from which nothing may be concluded, and the fault of ours.
    faults: BTreeMap<&'a str, String>,
    product: Option<Product>,
}

impl<'a> Case<'a> {
    /// Reads every transcript once.
    pub fn new(observation: &'a Observation) -> Self {
        let mut readings = BTreeMap::new();
        let mut faults = BTreeMap::new();
        let mut left = MOST_LINES_TOGETHER;
        let on_sessions = observation.sessions.iter().flat_map(|s| &s.streams);
        let on_sessions = on_sessions.map(|stream| &stream.transcript);
        for transcript in observation.transcripts.iter().chain(on_sessions) {
            let probe = transcript.probe.as_str();
            let is_main = probe == Probe::Main.name();
            let most_lines = if is_main {
                MOST_LINES
            } else {
                left.clamp(FEW_LINES, MOST_LINES)
            };
            let read = match transcript.contradiction() {
                Some(what) => Err(format!("the record of {probe} contradicts itself: {what}")),
                None => guarded(|| Reading::up_to(most_lines, transcript))
                    .map_err(|what| format!("reading {probe} failed: {what}")),
            };
            let twice = readings.contains_key(probe) || faults.contains_key(probe);
            match read {
                _ if twice => faults.insert(probe, format!("{probe} is recorded twice")),
                Err(what) => faults.insert(probe, what),
                Ok(reading) => {
                    if !is_main {
                        left = left.saturating_sub(reading.lines.len());
                    }
                    readings.insert(probe, reading);
                    None
                }
            };
        }
        readings.retain(|probe, _| !faults.contains_key(probe));
        let product = observation
            .probe(Probe::Main.name())
            .and_then(|t| t.head.as_ref())
            .and_then(Product::of);
        Self {
            observation,
            readings,
            faults,
            product,
        }
    }

    /// The transcript of the main probe.
    pub fn main(&self) -> Option<&'a Transcript> {
        self.transcript(Probe::Main)
    }

    /// The head of the main probe.
    pub fn head(&self) -> Option<&'a Head> {
        self.main()?.head.as_ref()
    }

    /// The transcript of a probe, if it was made.
    pub fn transcript(&self, probe: Probe) -> Option<&'a Transcript> {
        let found = self.observation.probe(probe.name())?;
        self.is_sound(found).then_some(found)
    }

    /// The fault of ours that keeps a probe from being judged.
    pub(crate) fn fault(&self, probe: Probe) -> Option<&str> {
        if probe == Probe::Stop {
            let mut faults = self.faults.iter();
            let found = faults.find(|(name, _)| is_of_stop(name));
            return found.map(|(_, what)| what.as_str());
        }
        self.faults.get(probe.name()).map(String::as_str)
    }

    fn is_sound(&self, transcript: &Transcript) -> bool {
        !self.faults.contains_key(transcript.probe.as_str())
    }

    /// The transcript of a probe that got an answer head.
    pub fn answered(&self, probe: Probe) -> Option<(&'a Transcript, &'a Head)> {
        let transcript = self.transcript(probe)?;
        Some((transcript, transcript.head.as_ref()?))
    }

    /// How the main transcript reads.
    pub fn reading(&self) -> Option<&Reading> {
        self.reading_of(Probe::Main)
    }

    /// How the transcript of a probe reads.
    pub fn reading_of(&self, probe: Probe) -> Option<&Reading> {
        self.readings.get(probe.name())
    }

    /// How the transcript of the probe with this name reads.
    pub(crate) fn reading_named(&self, name: &str) -> Option<&Reading> {
        self.readings.get(name)
    }

    /// The streams that were opened before the server was asked to stop, over either version.
    pub(crate) fn stopping(&self) -> impl Iterator<Item = (&'a Transcript, &Reading)> {
        let sessions = self.observation.sessions.iter();
        let on_sessions = sessions.flat_map(|s| &s.streams).map(|s| &s.transcript);
        let made = self.observation.transcripts.iter().chain(on_sessions);
        made.filter(|transcript| is_of_stop(&transcript.probe))
            .filter_map(|t| Some((t, self.readings.get(t.probe.as_str())?)))
    }

    /// The HTTP/2 connection that was open when the server was asked to stop.
    pub(crate) fn stop_session(&self) -> Option<&'a Session> {
        let mut sessions = self.observation.sessions.iter();
        sessions.find(|session| session.probe == Probe::Stop.name())
    }

    /// Why the exchange of a probe was not made.
    pub fn skipped(&self, probe: Probe) -> Option<&'a Skipped> {
        self.observation.skipped(probe.name())
    }

    /// Every exchange made while the server was to go on, main first.
    pub fn transcripts(&self) -> impl Iterator<Item = &'a Transcript> {
        let made = self.observation.transcripts.iter();
        made.filter(|t| self.is_sound(t) && !is_of_stop(&t.probe))
    }

    /// The HTTP/2 connection with several streams, if it was made.
    pub fn session(&self) -> Option<&'a Session> {
        let mut sessions = self.observation.sessions.iter();
        sessions.find(|session| session.probe == Probe::Session.name())
    }

    /// What came on each of its streams.
    pub(crate) fn session_streams(&self) -> impl Iterator<Item = &'a Transcript> {
        let streams = self
            .session()
            .into_iter()
            .flat_map(|session| &session.streams);
        streams.map(|stream| &stream.transcript)
    }

    /// What came of a value of many megabytes, if it was sent.
    pub(crate) fn bulk(&self, value: EchoBulk) -> Option<&'a Bulk> {
        let mut bulks = self.observation.bulks.iter();
        bulks.find(|bulk| bulk.transcript.probe == value.name())
    }

    /// Whether the exchange of a probe was made.
    pub(crate) fn was_made(&self, probe: Probe) -> bool {
        match probe {
            Probe::Session => self.session().is_some(),
            Probe::Stop => self.stopping().next().is_some(),
            Probe::Bulk(value) => self.bulk(value).is_some(),
            _ => self.transcript(probe).is_some(),
        }
    }

    /// Every probe that came back as an event stream, main first. Without the one that was not read
    /// for a while, whose times are ours, without what the echo endpoint sent, whose values are ours,
    /// without those that went on when the server was asked to stop, and without further answers whose
    /// content coding is not what they say, which are no text.
    pub fn streams(&self) -> impl Iterator<Item = (&'a Transcript, &Reading)> {
        self.observation
            .transcripts
            .iter()
            .filter(|t| {
                let ours = t.probe == Probe::Stalled.name() || t.probe.starts_with("echo-");
                let stopped = is_of_stop(&t.probe);
                t.is_event_stream() && !ours && !stopped && !is_miscoded(t)
            })
            .filter_map(|t| Some((t, self.readings.get(t.probe.as_str())?)))
    }

    /// The product behind the head, where it gives itself away.
    pub fn product(&self) -> Option<&Product> {
        self.product.as_ref()
    }

    /// The product between origin and client, where the head gives one away.
    pub fn hop(&self) -> Option<Family> {
        Family::hop_of(self.head()?)
    }

    /// The setting that stops the product behind the head, or the hop, from holding events back.
    pub fn unbuffer(&self) -> Option<&'static str> {
        let hop = self.hop().and_then(Family::unbuffer);
        hop.or_else(|| self.product()?.family.unbuffer())
    }

    /// Whether the server ended the main stream by itself.
    pub fn ended_by_server(&self) -> bool {
        self.main().is_some_and(|t| {
            matches!(
                t.end.kind,
                EndKind::Clean | EndKind::Truncated | EndKind::Reset
            )
        })
    }

    /// How long the main stream was observed after its head, in microseconds.
    pub fn observed_us(&self) -> u64 {
        self.main().map_or(0, |t| {
            let head = t.head.as_ref().map_or(0, |h| h.at_us);
            t.end.at_us.saturating_sub(head)
        })
    }
}

/// Whether an exchange of this name is one of [`Probe::Stop`].
fn is_of_stop(name: &str) -> bool {
    let number = name.strip_prefix(Probe::Stop.name());
    number.is_some_and(|number| number.starts_with('-'))
}

/// Whether a further answer is coded and does not say so, or says so and is not.
fn is_miscoded(transcript: &Transcript) -> bool {
    let broken = transcript.fault(FaultKind::ContentCodingInvalid).is_some();
    let further = transcript.probe != Probe::Main.name();
    coding::unnamed(transcript).is_some() || (further && broken)
}

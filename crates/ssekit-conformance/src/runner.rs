//! Runs the probes a selection needs and judges what they saw.

use std::time::{Duration, Instant};

use ssekit_http::{Glimpse, Options, observe};
use ssekit_record::{CheckRecord, Observation, Skipped, Transcript};

use crate::follow_up::follow_up;
use crate::plan;
use crate::probe::Watch;
use crate::round::unless_stopped;
use crate::{CheckOptions, ConformanceError, Probe, Rule, endpoint, judge};

/// Longest wait for a head in the probes after main, unless main itself was slower.
pub(crate) const HEAD_WAIT: Duration = Duration::from_secs(2);

/// What a run reports while it goes on.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// The probes that will be made, main first.
    Planned(&'a [Probe]),
    /// A probe begins.
    Started(Probe),
    /// The main observation goes on.
    Observing {
        /// Since its head, or since it began.
        elapsed: Duration,
        /// Its whole window.
        window: Duration,
        /// Events dispatched so far.
        events: usize,
    },
    /// A probe ended.
    Finished(Probe, &'a Transcript),
    /// A probe is not made.
    Skipped(&'a Skipped),
}

/// The answer of a run.
#[derive(Debug, Clone)]
pub struct Checked {
    /// What was found.
    pub record: CheckRecord,
    /// What was seen, to save or to judge again.
    pub observation: Observation,
}

/// Checks a live target.
///
/// Dropping the future closes every connection.
///
/// # Errors
/// For faults of the caller or the environment. Whatever the target does is in the record.
pub async fn check(
    options: &CheckOptions,
    sink: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Checked, ConformanceError> {
    let began = Instant::now();
    let rules = options.selection.rules()?;
    let probes = plan::probes(options, &rules);
    sink(Progress::Planned(&probes));
    let mut observation = Observation::new(ssekit_record::redact_url(&options.target));
    observation.subject.clone_from(&options.subject);
    observation.skipped = unasked(options, &rules);
    let mut options = options.clone();
    let (document, probes) = find_endpoint(&mut options, probes, &mut observation).await?;
    let options = &options;
    let main = observe_main(options, sink).await?;
    let rest = probes.into_iter().filter(|probe| *probe != Probe::Main);
    let (asked, spared) = rest.partition::<Vec<_>, _>(|probe| plan::is_worth(*probe, &main));
    observation.transcripts.push(main);
    observation
        .skipped
        .extend(spared.iter().map(|probe| Skipped {
            probe: probe.name().into(),
            reason: "the main answer is no event stream".into(),
            not_applicable: true,
        }));
    if !options.stopped() && !asked.is_empty() {
        follow_up(options, &asked, &mut observation, sink).await?;
    }
    observation.transcripts.extend(document);
    if options.stopped() {
        observation.outcome = "interrupted".into();
    }
    let mut record = judge(&observation, &options.selection, options.gate)?;
    record.elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Checked {
        record,
        observation,
    })
}

/// Finds the echo endpoint where the probes need one. Gives its document, and the probes that can be
/// made with what was found.
async fn find_endpoint(
    options: &mut CheckOptions,
    probes: Vec<Probe>,
    observation: &mut Observation,
) -> Result<(Option<Transcript>, Vec<Probe>), ConformanceError> {
    if options.echo.is_none() || options.passive {
        return Ok((None, probes));
    }
    let found = endpoint::find(options, &exchange(options, options.timeout.min(HEAD_WAIT))).await?;
    let is_found = found.is_ok();
    let document = match found {
        Ok((endpoint, document)) => {
            options.endpoint = Some(endpoint);
            endpoint::as_target(options);
            Some(document)
        }
        Err(reason) => {
            let skipped = endpoint::skipped(&probes, &reason);
            observation.skipped.extend(skipped);
            None
        }
    };
    let keeps = |probe: &Probe| match probe {
        Probe::Capabilities => false,
        Probe::Echo(_) | Probe::Scene(_) | Probe::Bulk(_) => is_found,
        _ => true,
    };
    Ok((document, probes.into_iter().filter(keeps).collect()))
}

fn unasked(options: &CheckOptions, rules: &[&'static Rule]) -> Vec<Skipped> {
    let mut probes: Vec<Probe> = rules.iter().flat_map(|rule| rule.probes).copied().collect();
    probes.sort_unstable();
    probes.dedup();
    probes
        .into_iter()
        .filter_map(|probe| plan::unasked(probe, options))
        .collect()
}

async fn observe_main(
    options: &CheckOptions,
    sink: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Transcript, ConformanceError> {
    sink(Progress::Started(Probe::Main));
    let window = options.window();
    // Main depends on nothing learnt, so it is never skipped.
    let Ok(ask) = plan::ask(Probe::Main, options, None) else {
        return Err(ConformanceError::NothingSelected);
    };
    let mut watch = Watch::long(plan::until(Probe::Main, options));
    let mut head_us = 0;
    let mut observer = |glimpse: Glimpse<'_>| {
        let seen = watch.see(&glimpse);
        match glimpse {
            Glimpse::Head(head) => head_us = head.at_us,
            Glimpse::Content { at_us, .. } | Glimpse::Idle { at_us } => sink(Progress::Observing {
                elapsed: Duration::from_micros(at_us.saturating_sub(head_us)),
                window,
                events: watch.events(),
            }),
            _ => {}
        }
        unless_stopped(&options.stop, seen)
    };
    let transcript = observe(&ask, &exchange(options, options.timeout), &mut observer).await?;
    sink(Progress::Finished(Probe::Main, &transcript));
    Ok(transcript)
}

/// How an exchange is made, and how long its head may take.
pub(crate) fn exchange(options: &CheckOptions, head_timeout: Duration) -> Options {
    Options {
        connect_timeout: options.timeout,
        head_timeout,
        trust: options.trust.clone(),
        limits: options.limits,
        ..Options::default()
    }
}

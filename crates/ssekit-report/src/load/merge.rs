//! Shards of one run as one record.
//!
//! Histograms and counters are added, so every percentile is that of all samples together; none is
//! ever averaged. Thresholds are judged again on the union.

mod finding;

use std::collections::{BTreeMap, BTreeSet};

use ssekit_record::quantity::show_number;
use ssekit_record::{
    Aborted, Capacity, FanoutEvent, FanoutSketch, Interval, LoadOutcome, LoadRecord, MetricValue,
    Phase, PopulationScope, Storm, ThresholdResult, Verdict,
};

/// Why records are no shards of one run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// Caller: nothing to merge.
    #[error("no record to merge")]
    Nothing,
    /// Caller: not the same run.
    #[error("these are not shards of one run: {0}")]
    Unlike(String),
    /// Caller: the same shard twice.
    #[error("shard {0} is there twice")]
    Twice(u32),
    /// Environment: shards are missing.
    #[error(
        "of {count} shards these are missing: {missing}; --allow-missing {n} merges without them"
    )]
    Missing {
        /// How many there should be.
        count: u32,
        /// Those that are not there.
        missing: String,
        /// How many that are.
        n: usize,
    },
    /// Caller: parts of what is judged while it goes on.
    #[error(
        "these are parts of a search for capacity (stop_on), whose steps are judged on all streams while it goes \
         on: make it on one machine, with --processes if need be, or set `until` in the place of `stop_on`"
    )]
    Search,
}

/// Merges the shards of one run; at most `allowed` of them may be missing.
///
/// # Errors
/// When the records are not shards of one run, or too many are missing.
pub fn merge(shards: Vec<LoadRecord>, allowed: usize) -> Result<LoadRecord, MergeError> {
    merge_with(shards, allowed, &mut |_| None)
}

/// The same for whoever knows more of the whole run than the shards do, and puts that into the sum before
/// it is judged; it gives the threshold that ended the run, if one did.
///
/// # Errors
/// As [`merge`].
pub fn merge_with(
    mut shards: Vec<LoadRecord>,
    allowed: usize,
    conclude: &mut dyn FnMut(&mut LoadRecord) -> Option<(Aborted, ThresholdResult)>,
) -> Result<LoadRecord, MergeError> {
    alike(&shards)?;
    // Whatever order they are given in, the record is the same.
    shards.sort_by_key(|record| record.shard.index);
    let found: BTreeSet<u32> = shards.iter().map(|record| record.shard.index).collect();
    let count = shards.first().map_or(1, |record| record.shard.count);
    let missing: Vec<u32> = (0..count).filter(|index| !found.contains(index)).collect();
    if missing.len() > allowed {
        let named = missing.iter().map(u32::to_string).collect::<Vec<_>>();
        return Err(MergeError::Missing {
            count,
            missing: named.join(", "),
            n: missing.len(),
        });
    }
    let interrupted = shards.iter().any(|r| r.outcome == LoadOutcome::Interrupted);
    let merged = u32::try_from(shards.len()).unwrap_or(u32::MAX);
    let found = finding::together(&shards);
    let mut records = shards.into_iter();
    let mut whole = records.next().ok_or(MergeError::Nothing)?;
    for record in records {
        add(&mut whole, record);
    }
    whole.findings = found;
    if merged > 1 {
        spread(&mut whole);
    }
    whole.shard.index = 0;
    whole.shard.merged = merged;
    let judged: Vec<_> = whole
        .thresholds
        .iter()
        .map(|result| result.threshold.clone())
        .collect();
    if merged > 1
        && let Some(capacity) = &mut whole.capacity
    {
        let is_complete = capacity.stopped_by == "until";
        capacity.judge(&judged, &whole.series, is_complete);
    }
    let aborted = conclude(&mut whole);
    whole.thresholds = judged
        .iter()
        .map(|threshold| threshold.evaluate(&whole))
        .collect();
    if let Some((aborted, result)) = aborted {
        whole.abort(aborted, result);
    }
    finding::review(&mut whole);
    whole.outcome = whole.judged(interrupted);
    whole.summary = summary(&whole, count);
    Ok(whole)
}

/// First and last arrivals of an event are those among the streams of one shard: the times of the whole
/// and of its parts come from the events that all shards sampled. In the series, where no event can be
/// told from another, they are left out.
fn spread(whole: &mut LoadRecord) {
    let recorded: Vec<bool> = whole.phases.iter().map(|phase| phase.record).collect();
    let is_recorded = |event: &&FanoutEvent| recorded.get(event.phase).copied().unwrap_or(true);
    let all = || whole.fanout.iter().flat_map(|one| one.events.values());
    let of = |name: &str| {
        let named = whole.fanout.iter().find(|one| one.population == name);
        named.into_iter().flat_map(|one| one.events.values())
    };
    FanoutSketch::measure(all().filter(is_recorded), &mut whole.metrics);
    for part in &mut whole.populations {
        let events = of(&part.population).filter(is_recorded);
        FanoutSketch::measure(events, &mut part.scope.metrics);
    }
    for (index, phase) in whole.phases.iter_mut().enumerate() {
        let is_in = |event: &&FanoutEvent| event.phase == index;
        FanoutSketch::measure(all().filter(is_in), &mut phase.all.metrics);
        for part in &mut phase.populations {
            let events = of(&part.population).filter(is_in);
            FanoutSketch::measure(events, &mut part.scope.metrics);
        }
    }
    for row in &mut whole.series {
        FanoutSketch::measure([], &mut row.metrics);
    }
}

fn sketches(sum: &mut Vec<FanoutSketch>, other: Vec<FanoutSketch>) {
    for one in other {
        match sum
            .iter_mut()
            .find(|known| known.population == one.population)
        {
            Some(known) => known.add(&one),
            None => sum.push(one),
        }
    }
}

fn summary(whole: &LoadRecord, count: u32) -> String {
    let broken = whole.thresholds.iter().filter(|result| result.fails());
    let what = format!(
        "{}, {} events in {:.1} s, by {} of {count} shards",
        whole.streams.opening(),
        show_number(whole.events.received as f64),
        whole.elapsed_us as f64 / 1e6,
        whole.shard.merged
    );
    let what = match &whole.capacity {
        Some(capacity) if capacity.knee.is_some() => {
            format!("{what}. {}", capacity.detail.trim_end_matches('.'))
        }
        _ => what,
    };
    let of = |verdict| {
        whole
            .findings
            .iter()
            .find(|finding| finding.verdict == verdict)
    };
    match (
        of(Verdict::Error).or_else(|| of(Verdict::Fail)),
        broken.count(),
    ) {
        (Some(finding), _) => format!("{what}. {}", finding.detail),
        (None, 0) => format!("{what}."),
        (None, broken) => format!(
            "{what}; {broken} of {} thresholds did not hold.",
            whole.thresholds.len()
        ),
    }
}

fn alike(shards: &[LoadRecord]) -> Result<(), MergeError> {
    let first = shards.first().ok_or(MergeError::Nothing)?;
    let mut seen = BTreeSet::new();
    for record in shards {
        let unlike = |what: &str, one: String, other: String| {
            Err(MergeError::Unlike(format!("{what} {one} and {other}")))
        };
        if record.scenario.digest != first.scenario.digest {
            return unlike(
                "scenarios",
                first.scenario.digest.clone(),
                record.scenario.digest.clone(),
            );
        }
        if record.scenario.seed != first.scenario.seed {
            return unlike(
                "seeds",
                first.scenario.seed.to_string(),
                record.scenario.seed.to_string(),
            );
        }
        if record.shard.count != first.shard.count {
            return unlike(
                "shard counts",
                first.shard.count.to_string(),
                record.shard.count.to_string(),
            );
        }
        if record.shard.merged > 1 {
            let why = "one of them has several already; merge all shards at once";
            return Err(MergeError::Unlike(why.into()));
        }
        if !seen.insert(record.shard.index) {
            return Err(MergeError::Twice(record.shard.index));
        }
        let search = record.capacity.as_ref();
        if record.shard.count > 1 && search.is_some_and(|search| search.stop_on.is_some()) {
            return Err(MergeError::Search);
        }
    }
    Ok(())
}

fn add(whole: &mut LoadRecord, record: LoadRecord) {
    whole.started_unix_ms = whole.started_unix_ms.min(record.started_unix_ms);
    whole.elapsed_us = whole.elapsed_us.max(record.elapsed_us);
    if whole.http.is_none() {
        whole.http.clone_from(&record.http);
    }
    streams(whole, &record);
    events(whole, &record);
    whole.counts.add(&record.counts);
    metrics(&mut whole.metrics, &record.metrics);
    populations(&mut whole.populations, record.populations);
    phases(&mut whole.phases, record.phases);
    whole.series = series(std::mem::take(&mut whole.series), record.series);
    counters(&mut whole.errors, record.errors);
    counters(&mut whole.disconnects, record.disconnects);
    counters(&mut whole.faults, record.faults);
    storms(&mut whole.storms, record.storms);
    capacity(whole, record.capacity);
    sketches(&mut whole.fanout, record.fanout);
    if whole.aborted.is_none() {
        whole.aborted = record.aborted;
    }
    generator(whole, &record.generator);
    whole.formulas.extend(record.formulas);
}

fn streams(whole: &mut LoadRecord, record: &LoadRecord) {
    let (sum, other) = (&mut whole.streams, &record.streams);
    sum.planned += other.planned;
    sum.opened += other.opened;
    sum.failed += other.failed;
    sum.peak += other.peak;
    sum.reconnects += other.reconnects;
    sum.eventless += other.eventless;
    sum.finished += other.finished;
    sum.dropped_starts += other.dropped_starts;
    sum.attempts += other.attempts;
    sum.disconnects += other.disconnects;
}

fn events(whole: &mut LoadRecord, record: &LoadRecord) {
    let (sum, other) = (&mut whole.events, &record.events);
    sum.received += other.received;
    sum.bytes += other.bytes;
    sum.lost += other.lost;
    sum.duplicated += other.duplicated;
    sum.reordered += other.reordered;
    sum.replayed += other.replayed;
    sum.resume_loss += other.resume_loss;
    sum.comments += other.comments;
    sum.wire_bytes += other.wire_bytes;
    sum.numbered += other.numbered;
    sum.coalesced += other.coalesced;
    sum.faults += other.faults;
}

fn metrics(sum: &mut BTreeMap<String, MetricValue>, other: &BTreeMap<String, MetricValue>) {
    for (name, value) in other {
        match sum.get_mut(name) {
            Some(known) => known.add(value),
            None => {
                sum.insert(name.clone(), value.clone());
            }
        }
    }
}

fn populations(sum: &mut Vec<PopulationScope>, other: Vec<PopulationScope>) {
    for one in other {
        match sum
            .iter_mut()
            .find(|known| known.population == one.population)
        {
            Some(known) => known.scope.add(&one.scope),
            None => sum.push(one),
        }
    }
}

fn phases(sum: &mut Vec<Phase>, other: Vec<Phase>) {
    for one in other {
        match sum.iter_mut().find(|known| known.name == one.name) {
            Some(known) => {
                known.start_us = known.start_us.min(one.start_us);
                known.end_us = known.end_us.max(one.end_us);
                known.all.add(&one.all);
                populations(&mut known.populations, one.populations);
            }
            None => sum.push(one),
        }
    }
}

/// Rows that begin together are added; a shard whose rows are longer keeps them apart from none: a
/// row takes in all rows of the other that begin within it.
fn series(mine: Vec<Interval>, theirs: Vec<Interval>) -> Vec<Interval> {
    let (mut rows, finer) = if mine.len() <= theirs.len() {
        (mine, theirs)
    } else {
        (theirs, mine)
    };
    let mut last_seen: BTreeMap<usize, ssekit_record::Live> = BTreeMap::new();
    let mut rest = Vec::new();
    for row in finer {
        let at = rows
            .iter()
            .position(|r| r.start_us <= row.start_us && row.start_us < r.end_us);
        let Some(at) = at else {
            rest.push(row);
            continue;
        };
        let sum = &mut rows[at];
        sum.counts.add(&row.counts);
        metrics(&mut sum.metrics, &row.metrics);
        populations(&mut sum.populations, row.populations);
        sum.cpu_seconds += row.cpu_seconds;
        // Where streams stood is that of the end of the row.
        last_seen.insert(at, row.streams);
    }
    for (at, live) in last_seen {
        rows[at].streams.add(&live);
    }
    rows.extend(rest);
    rows.sort_by_key(|row| row.start_us);
    rows
}

fn counters(sum: &mut BTreeMap<String, u64>, other: BTreeMap<String, u64>) {
    for (cause, count) in other {
        *sum.entry(cause).or_default() += count;
    }
}

fn storms(sum: &mut Vec<Storm>, other: Vec<Storm>) {
    for one in other {
        match sum.iter_mut().find(|known| known.phase == one.phase) {
            Some(known) => known.add(one),
            None => sum.push(one),
        }
    }
}

/// Steps are added; where the knee is, is judged again.
fn capacity(whole: &mut LoadRecord, other: Option<Capacity>) {
    match (&mut whole.capacity, other) {
        (Some(mine), Some(theirs)) => mine.add(theirs),
        (mine @ None, theirs) => *mine = theirs,
        (Some(_), None) => {}
    }
}

fn generator(whole: &mut LoadRecord, other: &ssekit_record::Generator) {
    let lag = whole.metrics.get("loop_lag").and_then(MetricValue::samples);
    let lag = lag.map(|samples| (samples.quantile(0.999), samples.max()));
    let late = whole
        .metrics
        .get("schedule_lag")
        .and_then(MetricValue::samples);
    let late = late.map(|samples| samples.quantile(0.99));
    let sum = &mut whole.generator;
    sum.cpu_seconds += other.cpu_seconds;
    sum.busiest_worker = sum.busiest_worker.max(other.busiest_worker);
    sum.max_rss_bytes += other.max_rss_bytes;
    sum.workers += other.workers;
    sum.processes += other.processes;
    // Of all samples where they are there; otherwise the worse of the two.
    let (p999, max) = lag.unwrap_or((0, 0));
    sum.loop_lag_p999_us = if p999 > 0 {
        p999
    } else {
        sum.loop_lag_p999_us.max(other.loop_lag_p999_us)
    };
    sum.loop_lag_max_us = sum.loop_lag_max_us.max(other.loop_lag_max_us).max(max);
    sum.schedule_lag_p99_us =
        late.unwrap_or(sum.schedule_lag_p99_us.max(other.schedule_lag_p99_us));
    sum.backlog += other.backlog;
    sum.started_ratio = sum.started_ratio.min(other.started_ratio);
    sum.negative += other.negative;
    sum.ahead_us = sum.ahead_us.max(other.ahead_us);
    sum.clock_step_us = sum.clock_step_us.max(other.clock_step_us);
}

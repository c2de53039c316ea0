//! From the intervals of workers to the record of a run.

use std::collections::BTreeMap;

use ssekit_record::{
    Aborted, Capacity, Distribution, EventCounts, FanoutSketch, Generator, Interval as Row, Live,
    LoadOutcome, LoadRecord, Metric as Entry, MetricValue, Phase, PopulationScope, SCHEMA, Scope,
    StreamCounts, ThresholdResult, Window,
};

use crate::cause::Cause;
use crate::clock::Clock;
use crate::fanout::Fanout;
use crate::finding;
use crate::health;
use crate::job::Job;
use crate::knee::Knee;
use crate::metric::Metric;
use crate::seat::State;
use crate::shift::Interval;
use crate::tally::Tally;

/// Rows of the series at most: when there are more, two and two become one.
const ROWS: usize = 600;
/// Digits of the samples in rows, where no threshold needs more.
const ROW_DIGITS: u8 = 2;
/// What the rows keep samples of.
const IN_ROWS: [&str; 9] = [
    "delivery",
    "tick_lateness",
    "gap",
    "staleness",
    "first_event",
    "headers",
    "reconnect_time",
    "storm_recovery",
    "loop_lag",
];

/// Adds up what workers hand in.
pub(crate) struct Assembly<'a> {
    job: &'a Job,
    clock: Clock,
    /// By phase and population.
    tallies: Vec<Vec<Tally>>,
    fanouts: Vec<Fanout>,
    /// What streams have waited for so far, by population, where workers told it.
    waiting: Vec<Tally>,
    knee: Option<Knee>,
    search_is_over: bool,
    /// The threshold that ends the run, and how it was judged then.
    aborted: Option<(Aborted, ThresholdResult)>,
    rows: Vec<Row>,
    /// End of the last interval.
    end_us: u64,
    /// Share of the time the busiest worker ran, in the busiest interval.
    busiest: f64,
    worker_cpu: BTreeMap<usize, u64>,
    process_cpu_us: u64,
    workers: usize,
}

impl<'a> Assembly<'a> {
    pub fn new(job: &'a Job, clock: Clock) -> Self {
        let tally = || Tally::new(job.digits);
        Self {
            job,
            clock,
            tallies: job
                .phases
                .iter()
                .map(|_| job.populations.iter().map(|_| tally()).collect())
                .collect(),
            fanouts: job.populations.iter().map(|_| Fanout::default()).collect(),
            waiting: Vec::new(),
            knee: job.search.as_ref().map(Knee::new),
            search_is_over: false,
            aborted: None,
            rows: Vec::new(),
            end_us: 0,
            busiest: 0.0,
            worker_cpu: BTreeMap::new(),
            process_cpu_us: health::process_cpu_us(),
            workers: job.workers.max(1),
        }
    }

    /// Whether no interval came at all.
    pub fn is_empty(&self) -> bool {
        self.end_us == 0
    }

    /// Takes the parts of one interval, one from each worker. Gives its row with all digits: that of
    /// the series has fewer, and may be longer.
    pub fn take(&mut self, mut parts: Vec<Interval>) -> Option<Row> {
        let start = parts.iter().map(|part| part.span_us.0).min()?;
        let end = parts.iter().map(|part| part.span_us.1).max()?;
        let phase = self.job.phase_of(end);
        let mut sums = std::mem::take(&mut parts.first_mut()?.tallies);
        let mut streams = Live::default();
        for part in &parts {
            for (sum, tally) in sums.iter_mut().zip(&part.tallies) {
                sum.add(tally);
            }
            streams.add(&live(part));
            for (mine, theirs) in self.fanouts.iter_mut().zip(&part.fanouts) {
                mine.add(theirs);
            }
            self.watch(part, end - start);
        }
        for (total, sum) in self.tallies[phase].iter_mut().zip(&sums) {
            total.add(sum);
        }
        self.end_us = self.end_us.max(end);
        let row = self.row((start, end), phase, streams, &sums);
        if end > start {
            self.rows.push(self.kept(&row));
        }
        self.search(phase, &sums, &parts);
        self.waiting = waiting(&parts);
        self.thin();
        self.abort();
        Some(row)
    }

    /// Whether the run is to end before its plan does: the search has found the knee, or a threshold
    /// ends it.
    pub fn is_over(&self) -> bool {
        self.search_is_over || self.aborted.is_some()
    }

    fn search(&mut self, phase: usize, sums: &[Tally], parts: &[Interval]) {
        let job = self.job;
        let search = job.search.as_ref().filter(|search| search.phase == phase);
        let (Some(knee), Some(_), false) = (&mut self.knee, search, self.search_is_over) else {
            return;
        };
        let counts = self.tallies.iter().flatten().map(|tally| tally.count);
        let (started, opened) = counts.fold((0, 0), |(started, opened), count| {
            (started + count.started, opened + count.opened)
        });
        if knee.take(sums, parts, started.saturating_sub(opened)) {
            let is_over = self.capacity(&self.rows, &|name| is_judged(job, name));
            self.search_is_over = is_over.is_some_and(|capacity| capacity.is_over());
        }
    }

    /// What the search has shown so far, judged.
    fn capacity(&self, series: &[Row], is_wanted: &dyn Fn(&str) -> bool) -> Option<Capacity> {
        let knee = self.knee.as_ref()?;
        // Not every metric of every step: those that are judged, and those that are shown over time.
        let is_wanted =
            |name: &str| is_wanted(name) && (IN_ROWS.contains(&name) || is_judged(self.job, name));
        let mut capacity = knee.capacity(self.job, &is_wanted);
        capacity.judge(&self.job.thresholds, series, knee.is_complete());
        Some(capacity)
    }

    /// Looks whether a threshold ends the run.
    fn abort(&mut self) {
        let job = self.job;
        if !job.may_abort() || self.aborted.is_some() || self.end_us >= job.length_us() {
            return;
        }
        let at_us = self.end_us;
        let mut results = self.judged().into_iter();
        let broken = results.find(|result| result.threshold.aborts(result, at_us));
        self.aborted = broken.map(|result| {
            let aborted = Aborted {
                threshold: result.threshold.to_string(),
                at_us,
                detail: result.detail.clone(),
            };
            (aborted, result)
        });
    }

    fn watch(&mut self, part: &Interval, length_us: u64) {
        let before = self
            .worker_cpu
            .insert(part.worker, part.cpu_us)
            .unwrap_or(0);
        // Short intervals at the ends of phases say little.
        if length_us >= 500_000 {
            let busy = (part.cpu_us - before.min(part.cpu_us)) as f64 / length_us as f64;
            self.busiest = self.busiest.max(busy);
        }
    }

    fn row(&mut self, span: (u64, u64), phase: usize, streams: Live, sums: &[Tally]) -> Row {
        let now = health::process_cpu_us();
        let cpu = now - self.process_cpu_us.min(now);
        self.process_cpu_us = now;
        let several;
        let all = match sums {
            [one] => one,
            sums => {
                let mut sum = Tally::new(self.job.digits);
                sums.iter().for_each(|tally| sum.add(tally));
                several = sum;
                &several
            }
        };
        let populations = match sums {
            [_] => Vec::new(),
            several => self
                .job
                .populations
                .iter()
                .zip(several)
                .map(|(population, sum)| PopulationScope {
                    population: population.name.clone(),
                    scope: Scope {
                        counts: sum.count,
                        metrics: self.row_metrics(sum),
                    },
                })
                .collect(),
        };
        Row {
            start_us: span.0,
            end_us: span.1,
            phase: self.job.phases[phase].name.clone(),
            streams,
            counts: all.count,
            metrics: self.row_metrics(all),
            populations,
            cpu_seconds: cpu as f64 / 1e6,
        }
    }

    /// Samples for rows: fewer metrics.
    fn row_metrics(&self, tally: &Tally) -> BTreeMap<String, MetricValue> {
        let is_wanted = |name: &str| IN_ROWS.contains(&name) || self.is_judged_in_rows(name);
        let metrics = samples(tally, is_wanted).into_iter();
        let metrics = metrics.map(|(entry, samples)| {
            let value = MetricValue::Distribution {
                unit: entry.unit,
                samples,
                synthetic: 0,
            };
            (entry.name.to_owned(), value)
        });
        metrics.collect()
    }

    /// Whether a threshold needs the exact samples of this metric in the series.
    fn is_judged_in_rows(&self, name: &str) -> bool {
        let mut thresholds = self.job.thresholds.iter();
        thresholds.any(|threshold| {
            (matches!(threshold.window, Window::Sliding(_)) || threshold.abort)
                && threshold.judged().is_some_and(|entry| entry.name == name)
        })
    }

    /// A row for the series: fewer digits, unless a threshold looks at them.
    fn kept(&self, row: &Row) -> Row {
        let populations = row.populations.iter().map(|part| PopulationScope {
            population: part.population.clone(),
            scope: Scope {
                counts: part.scope.counts,
                metrics: self.short(&part.scope.metrics),
            },
        });
        Row {
            phase: row.phase.clone(),
            metrics: self.short(&row.metrics),
            populations: populations.collect(),
            ..*row
        }
    }

    fn short(&self, metrics: &BTreeMap<String, MetricValue>) -> BTreeMap<String, MetricValue> {
        let short = metrics.iter().map(|(name, value)| {
            let mut value = value.clone();
            if let (MetricValue::Distribution { samples, .. }, false) =
                (&mut value, self.is_judged_in_rows(name))
            {
                let mut short = Distribution::new(ROW_DIGITS);
                short.add(samples);
                *samples = short;
            }
            (name.clone(), value)
        });
        short.collect()
    }

    /// Connections and requests that failed and streams that ended so far, by cause.
    pub fn causes(&self) -> (BTreeMap<String, u64>, BTreeMap<String, u64>) {
        let mut sum: [BTreeMap<Cause, u64>; 2] = Default::default();
        for tally in self.tallies.iter().flatten() {
            for (sum, counts) in sum.iter_mut().zip([&tally.errors, &tally.disconnects]) {
                for (cause, count) in counts {
                    *sum.entry(*cause).or_default() += count;
                }
            }
        }
        let [errors, disconnects] = sum;
        (by_name(&errors), by_name(&disconnects))
    }

    /// The thresholds, judged on what was measured so far.
    pub fn judged(&mut self) -> Vec<ThresholdResult> {
        let thresholds = &self.job.thresholds;
        if thresholds.is_empty() {
            return Vec::new();
        }
        let job = self.job;
        let (mut record, _) = self.draft(0, &|name| is_judged(job, name));
        let results = thresholds.iter().map(|one| one.evaluate(&record)).collect();
        self.rows = std::mem::take(&mut record.series);
        results
    }

    fn thin(&mut self) {
        if self.rows.len() <= ROWS {
            return;
        }
        let mut thinned: Vec<Row> = Vec::with_capacity(ROWS);
        let mut is_open = false;
        for row in std::mem::take(&mut self.rows) {
            match thinned.last_mut() {
                Some(last) if is_open && last.phase == row.phase => {
                    join(last, row);
                    is_open = false;
                }
                _ => {
                    thinned.push(row);
                    is_open = true;
                }
            }
        }
        self.rows = thinned;
    }

    /// The record of the whole.
    pub fn record(mut self, peak: u64, interrupted: bool) -> LoadRecord {
        // What was waited for is in the books, now that they are closed.
        self.waiting.clear();
        let (mut record, run) = self.draft(peak, &|_| true);
        self.cut_short(&mut record, interrupted);
        let most = self.worker_cpu.values().max().copied().unwrap_or(0);
        let ending = finding::Ending {
            busy: most as f64 / self.end_us.max(1) as f64,
            interrupted,
            cut_short: interrupted || self.is_over(),
            aborted: self.aborted.take(),
        };
        finding::judge(&mut record, self.job, &run, ending);
        record
    }

    /// What a run that ended early says of the starts that never came: a search has found what it was
    /// to find, and did not plan for more.
    fn cut_short(&self, record: &mut LoadRecord, interrupted: bool) {
        if !(interrupted || self.is_over()) {
            return;
        }
        let due = self.job.due_before(self.end_us);
        if self.search_is_over && !interrupted {
            record.streams.planned = due;
        } else {
            record.streams.dropped_starts += record.streams.planned.saturating_sub(due);
        }
        let ratio = record.counts.started as f64 / due.max(1) as f64;
        record.generator.started_ratio = ratio.min(1.0);
    }

    /// The record of what came so far, not judged, and the sum of all counts. It has the metrics that
    /// are wanted, and the series, taken out of here.
    fn draft(&mut self, peak: u64, is_wanted: &dyn Fn(&str) -> bool) -> (LoadRecord, Tally) {
        let job = self.job;
        let phases = self.phases(is_wanted);
        let (mut run, mut recorded) = (Tally::new(job.digits), Tally::new(job.digits));
        let mut populations: Vec<Tally> = job
            .populations
            .iter()
            .map(|_| Tally::new(job.digits))
            .collect();
        let now = job.phase_of(self.end_us);
        let phases_with_waiting = job.phases.iter().zip(&self.tallies).chain(
            Some((&job.phases[now], &self.waiting)).filter(|(_, waiting)| !waiting.is_empty()),
        );
        for (phase, tallies) in phases_with_waiting {
            for (tally, population) in tallies.iter().zip(&mut populations) {
                run.add(tally);
                if phase.record {
                    recorded.add(tally);
                    population.add(tally);
                }
            }
        }
        self.spread(&mut run, &mut recorded);
        let own = self.believed(&run);
        let own = own.as_ref().unwrap_or(&run);
        let scope = scope(&recorded, is_wanted);
        let started_ratio = match job.planned {
            0 => 1.0,
            planned => run.count.started as f64 / planned as f64,
        };
        let mut record = LoadRecord {
            subject: None,
            launched: None,
            schema: SCHEMA.to_owned(),
            kind: "load".to_owned(),
            target: job.target.clone(),
            outcome: LoadOutcome::Pass,
            summary: String::new(),
            ssekit: env!("CARGO_PKG_VERSION").to_owned(),
            started_unix_ms: self.clock.wall_us(0) / 1000,
            elapsed_us: self.end_us,
            http: spoken(run.heads),
            scenario: job.scenario.clone(),
            shard: job.shard,
            streams: StreamCounts::of(&run.count, job.planned, peak),
            events: EventCounts::from(&run.count),
            counts: run.count,
            formulas: formulas(&scope.metrics),
            metrics: scope.metrics,
            populations: match populations.as_slice() {
                [_] => Vec::new(),
                several => named(job, several, is_wanted),
            },
            phases,
            series: std::mem::take(&mut self.rows),
            errors: by_name(&run.errors),
            disconnects: by_name(&run.disconnects),
            faults: faults(&run),
            storms: job
                .storms
                .iter()
                .filter_map(|storm| Some(run.storms.get(&storm.begin_us)?.record(storm)))
                .collect(),
            capacity: None,
            aborted: None,
            fanout: self.sketches(),
            generator: Generator {
                cpu_seconds: health::process_cpu_us() as f64 / 1e6,
                busiest_worker: self.busiest.min(1.0),
                max_rss_bytes: health::max_rss_bytes(),
                workers: u32::try_from(self.workers).unwrap_or(u32::MAX),
                processes: 1,
                loop_lag_p999_us: quantile(own, Metric::LoopLag, 0.999),
                loop_lag_max_us: quantile(own, Metric::LoopLag, 1.0),
                schedule_lag_p99_us: quantile(own, Metric::ScheduleLag, 0.99),
                backlog: run.count.backlog,
                started_ratio,
                clock: clock_words(job),
                negative: run.count.negative,
            },
            thresholds: Vec::new(),
            findings: Vec::new(),
        };
        record.capacity = self.capacity(&record.series, is_wanted);
        (record, run)
    }

    /// Where a search ended at the limits of the generator, what was counted before that.
    fn believed(&self, run: &Tally) -> Option<Tally> {
        let search = self
            .job
            .search
            .as_ref()
            .filter(|search| search.stop_on.is_some())?;
        let mut sum = run.emptied();
        for (phase, tallies) in self.tallies.iter().enumerate() {
            if phase != search.phase {
                tallies.iter().for_each(|tally| sum.add(tally));
            }
        }
        let steps = self
            .knee
            .iter()
            .flat_map(|knee| knee.believed(&self.job.validity));
        steps.for_each(|tally| sum.add(tally));
        Some(sum)
    }

    fn phases(&self, is_wanted: &dyn Fn(&str) -> bool) -> Vec<Phase> {
        let mut start = 0;
        let mut phases = Vec::new();
        for (phase, tallies) in self.job.phases.iter().zip(&self.tallies) {
            if start >= self.end_us && !phases.is_empty() {
                break;
            }
            let mut all = Tally::new(self.job.digits);
            tallies.iter().for_each(|tally| all.add(tally));
            phases.push(Phase {
                name: phase.name.clone(),
                kind: phase.kind.clone(),
                label: phase.label.clone(),
                start_us: start,
                end_us: phase.end_us.min(self.end_us),
                record: phase.record,
                all: scope(&all, is_wanted),
                populations: match tallies.as_slice() {
                    [_] => Vec::new(),
                    several => named(self.job, several, is_wanted),
                },
            });
            start = phase.end_us;
        }
        phases
    }

    /// How sampled events spread over the streams.
    fn spread(&self, run: &mut Tally, recorded: &mut Tally) {
        let sampled = self.fanouts.iter();
        let sampled =
            sampled.flat_map(|fanout| fanout.spreads().map(move |spread| (fanout, spread)));
        for (fanout, spread) in sampled {
            let published = spread.published_us.and_then(|us| u64::try_from(us).ok());
            let reach = fanout.reach(spread, self.end_us);
            for tally in [&mut *run, &mut *recorded] {
                tally.record(Metric::FanoutSkew, spread.last_us - spread.first_us);
                if let Some(published) = published {
                    let since = |us: u64| us.saturating_sub(published);
                    tally.record(Metric::FanoutFirst, since(spread.first_us));
                    tally.record(Metric::FanoutLast, since(spread.last_us));
                }
                if let Some((arrived, due)) = reach {
                    tally.count.fanout_arrived += arrived;
                    tally.count.fanout_due += due;
                }
            }
        }
    }

    /// The samples of events, where this is a shard whose streams are not all that share them.
    fn sketches(&self) -> Vec<FanoutSketch> {
        if self.job.shard.count <= 1 {
            return Vec::new();
        }
        let named = self.job.populations.iter().zip(&self.fanouts);
        named
            .map(|(population, fanout)| {
                fanout.sketch(&population.name, |us| self.clock.wall_us(us))
            })
            .filter(|sketch| !sketch.events.is_empty())
            .collect()
    }
}

/// Whether a threshold needs a metric: its own, or another series of it, which has its name with
/// something after it.
fn is_judged(job: &Job, name: &str) -> bool {
    job.thresholds
        .iter()
        .any(|one| name.starts_with(&one.metric))
}

/// What streams wait for, over all workers; nothing unless all of them told it.
fn waiting(parts: &[Interval]) -> Vec<Tally> {
    if parts.iter().any(|part| part.waiting.is_empty()) {
        return Vec::new();
    }
    let mut sums: Vec<Tally> = Vec::new();
    for part in parts {
        if sums.is_empty() {
            sums.extend(part.waiting.iter().map(Tally::emptied));
        }
        for (sum, tally) in sums.iter_mut().zip(&part.waiting) {
            sum.add(tally);
        }
    }
    sums
}

/// The sum of the tallies of populations.
pub(crate) fn sum(tallies: &[Tally], digits: u8) -> Tally {
    let mut sum = Tally::new(digits);
    tallies.iter().for_each(|tally| sum.add(tally));
    sum
}

/// Lengthens a row by the one after it.
fn join(row: &mut Row, next: Row) {
    row.end_us = next.end_us;
    row.streams = next.streams;
    row.cpu_seconds += next.cpu_seconds;
    let mut sum = Scope {
        counts: row.counts,
        metrics: std::mem::take(&mut row.metrics),
    };
    sum.add(&Scope {
        counts: next.counts,
        metrics: next.metrics,
    });
    row.counts = sum.counts;
    row.metrics = sum.metrics;
    for (mine, theirs) in row.populations.iter_mut().zip(&next.populations) {
        mine.scope.add(&theirs.scope);
    }
}

/// The versions of HTTP in which heads came, if any did.
fn spoken(heads: [u64; 2]) -> Option<String> {
    let spoken = ["1.1", "2"].into_iter().zip(heads);
    let spoken: Vec<_> = spoken
        .filter_map(|(version, heads)| (heads > 0).then_some(version))
        .collect();
    (!spoken.is_empty()).then(|| spoken.join(" and "))
}

fn live(part: &Interval) -> Live {
    Live {
        planned: part.planned,
        connecting: part.gauge.of(State::Connecting),
        open: part.gauge.of(State::Open),
        live: part.gauge.of(State::Live),
        backoff: part.gauge.of(State::Backoff),
        failed: part.gauge.of(State::Failed),
    }
}

/// The samples of a tally that are wanted, with their entries in the dictionary; `delivery` is the
/// better known of its two kinds.
fn samples(tally: &Tally, is_wanted: impl Fn(&str) -> bool) -> Vec<(&'static Entry, Distribution)> {
    let of = |metric: Metric| {
        tally
            .histogram(metric)
            .map(|h| Distribution::from(h.clone()))
    };
    let mut all = Vec::new();
    let mut take = |name: &str, make: &dyn Fn() -> Option<Distribution>| {
        if let (true, Some(entry)) = (is_wanted(name), Entry::named(name)) {
            all.extend(make().map(|samples| (entry, samples)));
        }
    };
    for (metric, name) in Metric::ALL {
        if metric != Metric::GapCorrected {
            take(name, &|| of(metric));
        }
    }
    take("gap_corrected", &|| {
        let mut gaps = of(Metric::Gap).filter(|_| tally.corrects)?;
        if let Some(filled) = of(Metric::GapCorrected) {
            gaps.add(&filled);
        }
        Some(gaps)
    });
    take("delivery", &|| {
        of(Metric::DeliveryIntended).or_else(|| of(Metric::DeliverySent))
    });
    all
}

pub(crate) fn scope(tally: &Tally, is_wanted: &dyn Fn(&str) -> bool) -> Scope {
    let samples = samples(tally, is_wanted)
        .into_iter()
        .map(|(entry, samples)| {
            let synthetic = if entry.name == "gap_corrected" {
                tally.count.synthetic
            } else {
                0
            };
            (entry, samples, synthetic)
        });
    Scope::new(tally.count, samples)
}

fn named(job: &Job, tallies: &[Tally], is_wanted: &dyn Fn(&str) -> bool) -> Vec<PopulationScope> {
    let populations = job.populations.iter().zip(tallies);
    populations
        .map(|(population, tally)| PopulationScope {
            population: population.name.clone(),
            scope: scope(tally, is_wanted),
        })
        .collect()
}

fn formulas(metrics: &BTreeMap<String, MetricValue>) -> BTreeMap<String, String> {
    let entries = metrics.keys().filter_map(|name| Entry::named(name));
    entries
        .map(|entry| (entry.name.to_owned(), entry.formula.to_owned()))
        .collect()
}

fn by_name<K: ToString>(counts: &BTreeMap<K, u64>) -> BTreeMap<String, u64> {
    counts
        .iter()
        .map(|(cause, count)| (cause.to_string(), *count))
        .collect()
}

fn faults(tally: &Tally) -> BTreeMap<String, u64> {
    let name = |kind| match serde_json::to_value(kind) {
        Ok(serde_json::Value::String(name)) => name,
        _ => "other".to_owned(),
    };
    let mut faults: BTreeMap<String, u64> = BTreeMap::new();
    for (kind, count) in &tally.faults {
        *faults.entry(name(kind)).or_default() += count;
    }
    if tally.count.discarded_tails > 0 {
        faults.insert("discarded-tail".to_owned(), tally.count.discarded_tails);
    }
    faults
}

pub(crate) fn quantile(tally: &Tally, metric: Metric, share: f64) -> u64 {
    tally
        .histogram(metric)
        .map_or(0, |samples| samples.value_at_quantile(share))
}

fn clock_words(job: &Job) -> String {
    let published = job
        .populations
        .iter()
        .find_map(|population| population.role.expect.published.as_ref());
    match published {
        None => String::new(),
        Some(published) if published.offset_us == 0 => "same-host".to_owned(),
        Some(published) => format!("offset:{}us", published.offset_us),
    }
}

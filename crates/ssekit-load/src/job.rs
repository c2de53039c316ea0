//! What a run is to do: populations, the acts of the plan, phases, and what must hold.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ssekit_record::{RunEnd, ScenarioSummary, SearchEnd, Shard, Threshold};
use ssekit_scenario::load::Demand;

use crate::precision::Precision;
use crate::publisher::Publisher;
use crate::ruling::Ruling;
use crate::shift::Script;
use crate::worker::Role;

/// The acts of a plan, for one worker of so many: those of streams whose turn it is.
pub type Plan = Arc<dyn Fn(u64, u64) -> Script + Send + Sync>;

/// A run.
pub struct Job {
    /// URL to show, redacted.
    pub target: String,
    /// Scenario to show.
    pub scenario: ScenarioSummary,
    /// Part of the plan.
    pub shard: Shard,
    /// Populations by index.
    pub populations: Vec<Population>,
    /// What happens when.
    pub plan: Plan,
    /// Streams of the plan.
    pub planned: u64,
    /// What the plan asks of this machine.
    pub demand: Demand,
    /// Phases without gaps, from 0 on; there is at least one.
    pub phases: Vec<JobPhase>,
    /// What must hold.
    pub thresholds: Vec<Threshold>,
    /// What the generator must keep.
    pub validity: Validity,
    /// What histograms tell apart.
    pub precision: Precision,
    /// Length of a row of the series, in microseconds.
    pub row_us: u64,
    /// Threads.
    pub workers: usize,
    /// Storms in order.
    pub storms: Vec<Storm>,
    /// The search for capacity, if the plan has one.
    pub search: Option<Search>,
    /// Who says that the run is over before its plan, where others make parts of it and this one cannot know.
    pub ruling: Option<Ruling>,
    /// Populations that publish.
    pub publishers: Vec<Publisher>,
    /// When the run begins, on the wall clock; at once where there is none.
    pub start_at: Option<SystemTime>,
    /// Where the events of traced streams are written, where any are.
    pub trace: Option<PathBuf>,
    /// How much later than that it may be ready and still run.
    pub late_tolerance: Duration,
    /// Bytes that what the decoders of all streams keep may take.
    pub decoded_bytes: u64,
}

/// A population.
#[derive(Debug, Clone)]
pub struct Population {
    /// Its name.
    pub name: String,
    /// `subscriber`, `slow` and so on.
    pub kind: String,
    /// What its streams have in common.
    pub role: Role,
}

/// A phase.
#[derive(Debug, Clone)]
pub struct JobPhase {
    /// Its name.
    pub name: String,
    /// `ramp`, `hold` and so on.
    pub kind: String,
    /// Label of the author.
    pub label: Option<String>,
    /// Its end in microseconds.
    pub end_us: u64,
    /// Whether its samples are in the metrics of the run.
    pub record: bool,
}

/// A storm.
#[derive(Debug, Clone)]
pub struct Storm {
    /// Name of its phase.
    pub phase: String,
    /// How streams are broken off, in the word of records.
    pub mode: String,
    /// Its phase, in microseconds.
    pub begin_us: u64,
    /// End of the phase.
    pub end_us: u64,
    /// Whether something else makes it, such as a restart of the server.
    pub external: bool,
    /// Shell command that makes it; nothing where somebody does it by hand.
    pub command: Option<String>,
}

/// A search for capacity: a phase of steps.
#[derive(Debug, Clone)]
pub struct Search {
    /// Index of its phase.
    pub phase: usize,
    /// Beginning and end of the phase, in microseconds.
    pub span_us: (u64, u64),
    /// Length of a step.
    pub every_us: u64,
    /// Streams of the first step, and those that each further one adds.
    pub streams: (u64, u64),
    /// What ends it before the last step, in the word of records; nothing where all are made.
    pub stop_on: Option<String>,
}

impl Search {
    /// Ends of its steps.
    fn cuts(&self) -> impl Iterator<Item = u64> + '_ {
        let (begin, end) = self.span_us;
        let ends = (1..).map(move |step| begin + step * self.every_us);
        ends.take_while(move |at| *at <= end)
    }

    /// The step that an interval with this end lies in, from 0.
    pub(crate) fn step_of(&self, end_us: u64) -> u64 {
        end_us.saturating_sub(self.span_us.0 + 1) / self.every_us.max(1)
    }

    /// Whether a step ends then.
    pub(crate) fn is_end(&self, at_us: u64) -> bool {
        let (begin, end) = self.span_us;
        at_us > begin && at_us <= end && (at_us - begin).is_multiple_of(self.every_us.max(1))
    }
}

/// Limits beyond which a run says nothing about the target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Validity {
    /// 99.9 % of the samples of `loop_lag`, in microseconds.
    pub max_loop_lag_p999_us: u64,
    /// 99 % of the samples of `schedule_lag`, in microseconds.
    pub max_schedule_lag_p99_us: u64,
    /// Share of the time that the busiest worker ran, on average; none by default: a worker may
    /// well be busy and in time.
    pub max_cpu: Option<f64>,
    /// Share of the planned starts that were begun.
    pub min_started_ratio: f64,
    /// How far the clocks that stamps are taken from may be seen apart, in microseconds; any distance
    /// where there is none.
    pub max_clock_offset_us: Option<u64>,
    /// Whether a breach makes the run invalid, or is only said.
    pub strict: bool,
}

impl Default for Validity {
    fn default() -> Self {
        Self {
            max_loop_lag_p999_us: 250_000,
            max_schedule_lag_p99_us: 1_000_000,
            max_cpu: None,
            min_started_ratio: 0.99,
            max_clock_offset_us: None,
            strict: true,
        }
    }
}

impl Job {
    /// Workers where nothing else is asked for: one for each 25,000 streams, at most one for each
    /// processor but one, which is left to the rest of the system.
    pub fn workers_for(streams: u64) -> usize {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let wanted = usize::try_from(streams.div_ceil(25_000)).unwrap_or(usize::MAX);
        wanted.clamp(1, processors.saturating_sub(1).max(1))
    }

    /// Ends of intervals: each second, or row of the series where that is shorter, and each end of a phase.
    pub(crate) fn cuts(&self) -> Vec<u64> {
        const SECOND: u64 = 1_000_000;
        let mut cuts: Vec<u64> = self.phases.iter().map(|phase| phase.end_us).collect();
        let end = cuts.last().copied().unwrap_or(0);
        let every = self.row_us.clamp(1, SECOND);
        cuts.extend((1..=end / every).map(|number| number * every));
        cuts.extend(self.search.iter().flat_map(Search::cuts));
        cuts.retain(|cut| *cut > 0);
        cuts.sort_unstable();
        cuts.dedup();
        cuts
    }

    /// Whether a threshold may end the run early.
    pub(crate) fn may_abort(&self) -> bool {
        self.thresholds.iter().any(|threshold| threshold.abort)
    }

    /// What this machine must be able to give. Of a search that ends by itself this is the first step:
    /// where it ends is what it is to find.
    pub(crate) fn demanded(&self) -> Demand {
        let search = self
            .search
            .as_ref()
            .filter(|search| search.stop_on.is_some());
        search.map_or(self.demand, |search| {
            let parts = u64::from(self.shard.count.max(1));
            self.demand.limited_to(search.streams.0.div_ceil(parts))
        })
    }

    /// How somebody else ended the run, who judges all parts of it.
    pub(crate) fn ruled(&self) -> Option<RunEnd> {
        self.ruling.as_ref().and_then(Ruling::given)
    }

    /// How the search ended, where somebody else judges it.
    pub(crate) fn search_ruled(&self) -> Option<SearchEnd> {
        match self.ruled() {
            Some(RunEnd::Search(end)) => Some(end),
            Some(RunEnd::Abort) | None => None,
        }
    }

    /// Whether this is a part of a search that ends by itself, whose steps somebody else judges.
    pub(crate) fn is_part_of_search(&self) -> bool {
        let ends = |search: &Search| search.stop_on.is_some();
        self.ruling.is_some() && self.search.as_ref().is_some_and(ends)
    }

    /// Starts of this shard that are due before a time.
    pub(crate) fn due_before(&self, at_us: u64) -> u64 {
        let acts = (self.plan)(0, 1).take_while(|(due, _)| *due < at_us);
        acts.filter(|(_, act)| matches!(act, crate::shift::Act::Start { .. }))
            .count() as u64
    }

    /// Index of the phase that an interval with this end lies in.
    pub(crate) fn phase_of(&self, end_us: u64) -> usize {
        let found = self.phases.iter().position(|phase| end_us <= phase.end_us);
        found.unwrap_or(self.phases.len().saturating_sub(1))
    }

    /// The phase in which an instant is; after the plan, the last one.
    pub(crate) fn phase_at(&self, us: u64) -> usize {
        let found = self.phases.iter().position(|phase| us < phase.end_us);
        found.unwrap_or(self.phases.len().saturating_sub(1))
    }

    /// When the plan is over.
    pub fn length(&self) -> Duration {
        Duration::from_micros(self.length_us())
    }

    pub(crate) fn length_us(&self) -> u64 {
        self.phases.last().map_or(0, |phase| phase.end_us)
    }
}

//! One phase of a scenario.

use serde::Deserialize;

use super::scenario::Arrival;
use super::value::{Amount, Rate, Time};

/// A phase, checked.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "PhaseTable")]
pub struct PhaseSpec {
    /// Unique name; the kind where none is given.
    pub name: Option<String>,
    /// What happens.
    pub action: PhaseAction,
    /// Whether its samples are in the metrics of the run.
    pub record: bool,
    /// Label of the author.
    pub label: Option<String>,
}

/// What happens in a phase.
#[derive(Debug, Clone, PartialEq)]
pub enum PhaseAction {
    /// The number of open streams goes to another.
    Ramp {
        /// From; what is open before where not given.
        from: Option<u64>,
        /// To.
        to: u64,
        /// How long it takes.
        over: Time,
        /// By which course.
        shape: RampShape,
        /// Starts are left out while so many are connecting.
        max_pending: Option<u64>,
    },
    /// Streams come at a rate, however many are open.
    Arrive {
        /// How many a second.
        rate: Rate,
        /// For how long.
        over: Time,
        /// How they are spread.
        dist: Arrival,
        /// Starts are left out while so many are connecting.
        max_pending: Option<u64>,
    },
    /// The number of open streams stays.
    Hold {
        /// How long.
        time: Time,
        /// Streams that leave and come, a second.
        churn: Option<Rate>,
    },
    /// The search for capacity.
    Steps {
        /// Streams of the first step.
        start: u64,
        /// Streams that each further step adds.
        add: u64,
        /// How long a step lasts.
        every: Time,
        /// The last step has so many streams at most.
        until: Option<u64>,
        /// What ends the search before.
        stop_on: Option<StopOn>,
    },
    /// Many streams break off at once.
    Storm {
        /// How many.
        drop: Amount,
        /// How.
        mode: StormMode,
        /// What they do then.
        then: Then,
        /// How long the phase lasts.
        settle: Time,
        /// Shell command that makes the storm: mode `external`.
        command: Option<String>,
    },
    /// More streams come at once, and leave together.
    Spike {
        /// How many.
        add: u64,
        /// For how long.
        time: Time,
    },
    /// All streams leave.
    Drain {
        /// How long it takes.
        over: Time,
    },
    /// Nothing.
    Wait {
        /// How long.
        time: Time,
    },
}

/// `kind` of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Ramp,
    Arrive,
    Hold,
    Steps,
    Storm,
    Spike,
    Drain,
    Wait,
}

impl Kind {
    /// Its name and the keys it has besides `name`, `kind`, `record` and `label`.
    fn keys(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Ramp => ("ramp", &["from", "to", "over", "shape", "max_pending"]),
            Self::Arrive => ("arrive", &["rate", "over", "dist", "max_pending"]),
            Self::Hold => ("hold", &["for", "churn"]),
            Self::Steps => ("steps", &["start", "add", "every", "until", "stop_on"]),
            Self::Storm => ("storm", &["drop", "mode", "then", "settle", "command"]),
            Self::Spike => ("spike", &["add", "for"]),
            Self::Drain => ("drain", &["over"]),
            Self::Wait => ("wait", &["for"]),
        }
    }
}

/// `shape` of a ramp.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RampShape {
    /// Evenly.
    #[default]
    Linear,
    /// In ten equal steps.
    Step,
    /// By the same factor in the same time.
    Exp,
}

/// What ends a search for capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StopOn {
    /// The generator is at its limits.
    Saturation,
    /// A threshold does not hold.
    Threshold,
}

impl StopOn {
    /// The word of scenarios and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Saturation => "saturation",
            Self::Threshold => "threshold",
        }
    }
}

/// How streams break off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StormMode {
    /// We close the connection.
    #[default]
    Fin,
    /// We reset it.
    Rst,
    /// We go silent and leave it open.
    HalfOpen,
    /// Something else does it, such as a restart of the server.
    External,
}

impl StormMode {
    /// The word of scenarios and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fin => "fin",
            Self::Rst => "rst",
            Self::HalfOpen => "half-open",
            Self::External => "external",
        }
    }
}

/// What streams do that a storm broke off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Then {
    /// They come back as the policy says.
    #[default]
    Reconnect,
    /// They stay away.
    Leave,
}

impl PhaseAction {
    /// The word of scenarios and records.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ramp { .. } => "ramp",
            Self::Arrive { .. } => "arrive",
            Self::Hold { .. } => "hold",
            Self::Steps { .. } => "steps",
            Self::Storm { .. } => "storm",
            Self::Spike { .. } => "spike",
            Self::Drain { .. } => "drain",
            Self::Wait { .. } => "wait",
        }
    }
}

/// A phase as it is written: the keys of all kinds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PhaseTable {
    name: Option<String>,
    kind: Kind,
    record: Option<bool>,
    label: Option<String>,
    from: Option<u64>,
    to: Option<u64>,
    over: Option<Time>,
    shape: Option<RampShape>,
    rate: Option<Rate>,
    dist: Option<Arrival>,
    max_pending: Option<u64>,
    #[serde(rename = "for")]
    time: Option<Time>,
    churn: Option<Rate>,
    start: Option<u64>,
    add: Option<u64>,
    every: Option<Time>,
    until: Option<u64>,
    stop_on: Option<StopOn>,
    drop: Option<Amount>,
    mode: Option<StormMode>,
    then: Option<Then>,
    settle: Option<Time>,
    command: Option<String>,
}

impl PhaseTable {
    /// Keys that are there.
    fn present(&self) -> impl Iterator<Item = &'static str> + use<> {
        let there = [
            ("from", self.from.is_some()),
            ("to", self.to.is_some()),
            ("over", self.over.is_some()),
            ("shape", self.shape.is_some()),
            ("rate", self.rate.is_some()),
            ("dist", self.dist.is_some()),
            ("max_pending", self.max_pending.is_some()),
            ("for", self.time.is_some()),
            ("churn", self.churn.is_some()),
            ("start", self.start.is_some()),
            ("add", self.add.is_some()),
            ("every", self.every.is_some()),
            ("until", self.until.is_some()),
            ("stop_on", self.stop_on.is_some()),
            ("drop", self.drop.is_some()),
            ("mode", self.mode.is_some()),
            ("then", self.then.is_some()),
            ("settle", self.settle.is_some()),
            ("command", self.command.is_some()),
        ];
        there.into_iter().filter(|(_, is)| *is).map(|(key, _)| key)
    }
}

impl TryFrom<PhaseTable> for PhaseSpec {
    type Error = String;

    fn try_from(table: PhaseTable) -> Result<Self, String> {
        let (kind, keys) = table.kind.keys();
        if let Some(key) = table.present().find(|key| !keys.contains(key)) {
            let keys = keys.join("`, `");
            return Err(format!(
                "`{key}` is not for a phase of the kind {kind}, which has `{keys}`"
            ));
        }
        Ok(Self {
            action: action(&table)?,
            name: table.name,
            record: table.record.unwrap_or(true),
            label: table.label,
        })
    }
}

fn action(table: &PhaseTable) -> Result<PhaseAction, String> {
    let kind = table.kind.keys().0;
    let missing = |key: &str| format!("a phase of the kind {kind} needs `{key}`");
    let over = || long("over", table.over.ok_or_else(|| missing("over"))?);
    let time = || long("for", table.time.ok_or_else(|| missing("for"))?);
    Ok(match table.kind {
        Kind::Ramp => PhaseAction::Ramp {
            from: table.from,
            to: table.to.ok_or_else(|| missing("to"))?,
            over: over()?,
            shape: table.shape.unwrap_or_default(),
            max_pending: pending(table)?,
        },
        Kind::Arrive => PhaseAction::Arrive {
            rate: positive("rate", table.rate.ok_or_else(|| missing("rate"))?)?,
            over: over()?,
            dist: table.dist.unwrap_or_default(),
            max_pending: pending(table)?,
        },
        Kind::Hold => PhaseAction::Hold {
            time: time()?,
            churn: table
                .churn
                .map(|churn| positive("churn", churn))
                .transpose()?,
        },
        Kind::Steps => steps(table, missing)?,
        Kind::Storm => storm(table, missing)?,
        Kind::Spike => PhaseAction::Spike {
            add: some("add", table.add.ok_or_else(|| missing("add"))?)?,
            time: time()?,
        },
        Kind::Drain => PhaseAction::Drain { over: over()? },
        Kind::Wait => PhaseAction::Wait { time: time()? },
    })
}

fn pending(table: &PhaseTable) -> Result<Option<u64>, String> {
    let most = table.max_pending;
    most.map(|most| some("max_pending", most)).transpose()
}

fn steps(table: &PhaseTable, missing: impl Fn(&str) -> String) -> Result<PhaseAction, String> {
    let start = some("start", table.start.ok_or_else(|| missing("start"))?)?;
    if table.until.is_none() && table.stop_on.is_none() {
        return Err(missing("until` or `stop_on"));
    }
    if table.until.is_some_and(|until| until < start) {
        return Err("`until` is less than `start`".into());
    }
    Ok(PhaseAction::Steps {
        start,
        add: some("add", table.add.ok_or_else(|| missing("add"))?)?,
        every: long("every", table.every.ok_or_else(|| missing("every"))?)?,
        until: table.until,
        stop_on: table.stop_on,
    })
}

fn storm(table: &PhaseTable, missing: impl Fn(&str) -> String) -> Result<PhaseAction, String> {
    let mode = table.mode.unwrap_or_default();
    if table.command.is_some() && mode != StormMode::External {
        return Err("`command` is for storms of the mode \"external\"".into());
    }
    Ok(PhaseAction::Storm {
        drop: table.drop.unwrap_or(Amount::Share(1.0)),
        mode,
        then: table.then.unwrap_or_default(),
        settle: long("settle", table.settle.ok_or_else(|| missing("settle"))?)?,
        command: table.command.clone(),
    })
}

fn long(key: &str, time: Time) -> Result<Time, String> {
    match time.us() {
        0 => Err(format!("`{key}` must be longer than nothing")),
        us if us > 31 * 86_400 * 1_000_000 => Err(format!("`{key}` must be 31 days at most")),
        _ => Ok(time),
    }
}

fn positive(key: &str, rate: Rate) -> Result<Rate, String> {
    match rate.0 {
        rate if rate <= 0.0 => Err(format!("`{key}` must be more than 0")),
        rate if rate > 10e6 => Err(format!("`{key}` must be 10,000,000/s at most")),
        _ => Ok(rate),
    }
}

fn some(key: &str, count: u64) -> Result<u64, String> {
    if count == 0 {
        return Err(format!("`{key}` must be at least 1"));
    }
    Ok(count)
}

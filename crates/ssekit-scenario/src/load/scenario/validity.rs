//! When the run itself is not to be believed.

use serde::Deserialize;

use super::super::value::{Share, Time};

/// `[validity]`: beyond these limits of the generator a run says nothing of the target.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Validity {
    /// How late a worker's loop may be, 99.9 % of samples.
    pub max_loop_lag_p999: Time,
    /// How late connections may begin, 99 % of them.
    pub max_schedule_lag_p99: Time,
    /// Share of the time that the busiest worker's thread may run, on average.
    pub max_cpu: Share,
    /// How far clocks may be apart.
    pub max_clock_offset: Option<Time>,
    /// Share of the planned starts that must have begun.
    pub min_started_ratio: Share,
    /// What a breach means.
    pub on_breach: OnBreach,
}

impl Default for Validity {
    fn default() -> Self {
        use std::time::Duration;
        Self {
            max_loop_lag_p999: Time(Duration::from_millis(100)),
            max_schedule_lag_p99: Time(Duration::from_millis(500)),
            max_cpu: Share(0.95),
            max_clock_offset: None,
            min_started_ratio: Share(0.99),
            on_breach: OnBreach::Invalid,
        }
    }
}

/// `validity.on_breach`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnBreach {
    /// The run is invalid.
    #[default]
    Invalid,
    /// It is only said.
    Warn,
}

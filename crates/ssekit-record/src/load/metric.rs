//! A table: what each metric means.

/// What the numbers of a metric count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Microseconds.
    Time,
    /// Bytes.
    Bytes,
    /// Things.
    Count,
    /// Millionths of one.
    Share,
}

/// What a metric means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// Its name in records and thresholds.
    pub name: &'static str,
    /// What its numbers count.
    pub unit: Unit,
    /// How a sample comes about.
    pub formula: &'static str,
}

const fn time(name: &'static str, formula: &'static str) -> Definition {
    of(name, Unit::Time, formula)
}

const fn of(name: &'static str, unit: Unit, formula: &'static str) -> Definition {
    Definition {
        name,
        unit,
        formula,
    }
}

const DEFINITIONS: &[Definition] = &[
    time(
        "schedule_lag",
        "t_connect - t_plan: how late the generator began a connection",
    ),
    time("dns", "the name look-up"),
    time("tcp_connect", "t_established - t_connect"),
    time("tls_handshake", "t_secured - t_established"),
    time(
        "headers",
        "t_head - t_plan: from the intended start to the final status line and fields",
    ),
    time(
        "headers_raw",
        "t_head - t_connect: from connect(2) to the head",
    ),
    time(
        "first_byte",
        "t_first_byte - t_plan, of the content; it may belong to a comment",
    ),
    time("first_byte_raw", "t_first_byte - t_connect"),
    time(
        "first_event",
        "t_first_event - t_plan: the first event dispatched by the standard's rules; streams that never had one are counted as censored",
    ),
    time("first_event_raw", "t_first_event - t_connect"),
    time(
        "gap",
        "arrival(n) - arrival(n-1) of one stream, as it was; closed gaps only",
    ),
    time(
        "gap_corrected",
        "gap, and for each longer than the declared interval I also gap - I, gap - 2I, …: the samples that the stall kept from being taken",
    ),
    time(
        "gap_censored",
        "t_stop - arrival(last): gaps still open at the stop or the end of the stream",
    ),
    time(
        "silence",
        "between two reads of any bytes of one stream, comments included",
    ),
    time("heartbeat_gap", "between two comments of one stream"),
    time(
        "tick_lateness",
        "arrival(n) - (t_0 + n·I) of a stream with the declared interval I; a tick that never came counts until the next arrival",
    ),
    time(
        "tick_lateness_censored",
        "t_stop - due(n) of ticks still due at the stop",
    ),
    time(
        "staleness",
        "age of the newest event, sampled evenly over time on every planned stream",
    ),
    time(
        "delivery",
        "t_arrival - t_published: from the stamp in the event to its arrival, from the intended instant where the stamp is one",
    ),
    time(
        "delivery_intended",
        "t_arrival - t_intended: from the instant at which the event should have been published",
    ),
    time(
        "delivery_sent",
        "t_arrival - t_sent: from the instant at which the publisher sent it",
    ),
    time(
        "fanout_first",
        "per event: first arrival at any subscriber - t_published",
    ),
    time("fanout_last", "per event: last arrival - t_published"),
    time("fanout_skew", "per event: last arrival - first arrival"),
    of(
        "fanout_completeness",
        Unit::Share,
        "per event: arrivals / subscribers that were open",
    ),
    time(
        "reconnect_time",
        "from the detected end of a stream to the first event after it",
    ),
    time(
        "reconnect_active",
        "reconnect_time less the reconnection time that was waited",
    ),
    of(
        "reconnect_attempts",
        Unit::Count,
        "connections tried in one outage",
    ),
    time(
        "retry_honoured",
        "t_attempt - t_end - reconnection time: how much later than allowed the next attempt began",
    ),
    time(
        "storm_recovery",
        "from the beginning of a storm to the first event after it; streams that never had one are counted as censored",
    ),
    time(
        "stream_life",
        "from the head to the end of a stream that ended",
    ),
    time(
        "stream_life_censored",
        "from the head to the stop of a stream that was still open",
    ),
    of(
        "events_per_read",
        Unit::Count,
        "events dispatched by one read that dispatched any",
    ),
    of(
        "burst_ratio",
        Unit::Share,
        "per stream: gaps shorter than the burst window / gaps",
    ),
    of(
        "spread_ratio",
        Unit::Share,
        "per stream: (last arrival - first arrival) / (last stamp - first stamp)",
    ),
    of("event_size", Unit::Bytes, "bytes of the data of an event"),
    time(
        "stream_time",
        "from the intended start to the end marker of a finite stream",
    ),
    time("publish_lag", "t_request - t_intended of a publication"),
    time("publish_answer", "t_answer - t_intended of a publication"),
    time(
        "loop_lag",
        "how much later than asked for a worker's timer fired",
    ),
];

/// Every metric, in the order of reports.
pub fn definitions() -> &'static [Definition] {
    DEFINITIONS
}

/// The metric of this name; `e2e` is `delivery`.
pub fn definition(name: &str) -> Option<&'static Definition> {
    let name = if name == "e2e" { "delivery" } else { name };
    DEFINITIONS.iter().find(|metric| metric.name == name)
}

//! Table: every metric of a load run with its formula.

use crate::metric::{Metric, Series, Shape, Unit};

const fn time(name: &'static str, series: Option<Series>, formula: &'static str) -> Metric {
    samples(name, Unit::Us, series, formula)
}

const fn samples(
    name: &'static str,
    unit: Unit,
    series: Option<Series>,
    formula: &'static str,
) -> Metric {
    Metric {
        name,
        unit,
        shape: Shape::Distribution,
        series,
        formula,
    }
}

const fn counter(
    name: &'static str,
    unit: Unit,
    over: &'static str,
    formula: &'static str,
) -> Metric {
    Metric {
        name,
        unit,
        shape: Shape::Counter { over },
        series: None,
        formula,
    }
}

const fn ratio(
    name: &'static str,
    (part, whole): (&'static str, &'static str),
    formula: &'static str,
) -> Metric {
    Metric {
        name,
        unit: Unit::Ratio,
        shape: Shape::Ratio { part, whole },
        series: None,
        formula,
    }
}

const RAW: Option<Series> = Some(Series::Raw);
const CORRECTED: Option<Series> = Some(Series::Corrected);
const CENSORED: Option<Series> = Some(Series::Censored);

/// Every metric, in the order of reports. `t_plan` is the planned start of a stream, `t_conn` the
/// instant of connect(2); all times are of one monotonic clock, in microseconds.
pub const METRICS: &[Metric] = &[
    time(
        "delivery",
        CORRECTED,
        "Arrival less the publishing time in the event: the intended instant where the scenario says so, otherwise that of sending.",
    ),
    time(
        "delivery_intended",
        CORRECTED,
        "Arrival less the intended instant of publishing; a publisher that falls behind shows.",
    ),
    time(
        "delivery_sent",
        RAW,
        "Arrival less the instant of sending; a publisher that falls behind does not show.",
    ),
    time(
        "fanout_first",
        CORRECTED,
        "For each sampled event id: first arrival at any stream less publishing.",
    ),
    time(
        "fanout_last",
        CORRECTED,
        "For each sampled event id: last arrival at any stream less publishing.",
    ),
    time(
        "fanout_skew",
        RAW,
        "For each sampled event id: last arrival less first arrival.",
    ),
    ratio(
        "fanout_completeness",
        ("fanout_arrived", "fanout_due"),
        "Arrivals of the sampled event ids over those due at the streams that were open.",
    ),
    time(
        "tick_lateness",
        CORRECTED,
        "Arrival less the instant due, t0 + n * interval; t0 is the first arrival, or earlier where a later tick shows that it was late. Each tick that was missed counts with the next arrival.",
    ),
    time(
        "tick_lateness_censored",
        CENSORED,
        "Stop of observation less the instant due, for ticks that had not come by then.",
    ),
    time(
        "staleness",
        CORRECTED,
        "Age of the newest event of a stream, streams sampled evenly over time.",
    ),
    time(
        "gap",
        RAW,
        "Arrival less the arrival before it on the same stream; events of one read arrive together.",
    ),
    time(
        "gap_corrected",
        CORRECTED,
        "As gap, and for each gap longer than the declared interval also the gaps that streams starting one interval later, two later and so on would have seen.",
    ),
    time(
        "gap_censored",
        CENSORED,
        "Stop of observation or end of the stream less the last arrival.",
    ),
    time(
        "silence",
        RAW,
        "Between two reads of a stream that brought any byte, comments included.",
    ),
    time(
        "silence_censored",
        CENSORED,
        "Stop of observation or end of the stream less the last byte.",
    ),
    time(
        "heartbeat_gap",
        RAW,
        "Between two heartbeats of a stream: comments, or events of the declared type.",
    ),
    time(
        "first_event",
        CORRECTED,
        "First dispatched event less t_plan.",
    ),
    time(
        "first_event_raw",
        RAW,
        "First dispatched event less t_conn.",
    ),
    time(
        "first_event_censored",
        CENSORED,
        "For streams that never had an event: timeout or stop of observation less t_plan; the stop also where the stream failed before.",
    ),
    time(
        "first_byte",
        CORRECTED,
        "First byte of content less t_plan; it may belong to a comment.",
    ),
    time("first_byte_raw", RAW, "First byte of content less t_conn."),
    time("headers", CORRECTED, "End of the final head less t_plan."),
    time("headers_raw", RAW, "End of the final head less t_conn."),
    time(
        "schedule_lag",
        RAW,
        "t_conn less t_plan: how late the generator was.",
    ),
    time("dns", RAW, "Resolution of the host name."),
    time("tcp_connect", RAW, "Established connection less t_conn."),
    time(
        "tls_handshake",
        RAW,
        "The TLS handshake, without the TCP connection.",
    ),
    time(
        "reconnect_time",
        RAW,
        "First event after an outage less the detected end of the stream before it, the wait that the policy asks for included.",
    ),
    time(
        "reconnect_active",
        RAW,
        "As reconnect_time, less the wait that the policy asks for.",
    ),
    time(
        "reconnect_headers",
        RAW,
        "Final head after an outage less the detected end of the stream before it.",
    ),
    samples(
        "reconnect_attempts",
        Unit::Attempts,
        None,
        "Connections tried in one outage.",
    ),
    time(
        "retry_delay",
        RAW,
        "Begin of an attempt less the instant that the reconnection time asks for.",
    ),
    time(
        "storm_recovery",
        CORRECTED,
        "First event after a storm less its beginning, for each stream that it broke off.",
    ),
    time(
        "storm_recovery_censored",
        CENSORED,
        "Stop of observation less the beginning of the storm, for streams that had not recovered.",
    ),
    time(
        "stream_life",
        RAW,
        "End of a stream less its head, for streams that ended.",
    ),
    time(
        "stream_life_censored",
        CENSORED,
        "Stop of observation less the head, for streams that were still open.",
    ),
    time(
        "stream_time",
        CORRECTED,
        "Declared end of a finite stream less t_plan.",
    ),
    samples(
        "events_per_read",
        Unit::Events,
        None,
        "Events dispatched by one read that dispatched any.",
    ),
    samples(
        "event_size",
        Unit::Bytes,
        None,
        "Bytes of the data of an event.",
    ),
    samples(
        "events_per_stream",
        Unit::Events,
        None,
        "Events of a finite stream that reached its declared end, an end marker included.",
    ),
    ratio(
        "burst_ratio",
        ("gaps_short", "gaps"),
        "Gaps shorter than the burst window over all gaps.",
    ),
    samples(
        "spread_ratio",
        Unit::Permille,
        None,
        "For each connection of a stream: last arrival less first arrival, over the time that the events that came take at the declared interval, in thousandths; an end marker takes none.",
    ),
    time(
        "ttft",
        CORRECTED,
        "Profile llm: first chunk of an answer less t_plan. A chunk is an event with text at llm.content, or any event but the end marker where that is not given.",
    ),
    time(
        "ttft_raw",
        RAW,
        "Profile llm: first chunk of an answer less t_conn.",
    ),
    time(
        "ttft_censored",
        CENSORED,
        "Profile llm, for streams that never had a chunk: stop of observation less t_plan, also where the stream ended before.",
    ),
    time(
        "icl",
        RAW,
        "Profile llm: arrival of a chunk less the arrival of the chunk before it; chunks of one read arrive together. A chunk need not be one token.",
    ),
    time(
        "itl_request",
        RAW,
        "Profile llm, for each complete answer: (last chunk less first chunk) / (chunks - 1).",
    ),
    time(
        "tpot_excl_first",
        RAW,
        "Profile llm, for each complete answer: (last chunk less first chunk) / (tokens - 1).",
    ),
    time(
        "tpot_incl_first",
        CORRECTED,
        "Profile llm, for each complete answer: (last chunk less t_plan) / tokens.",
    ),
    samples(
        "chunks",
        Unit::Count,
        None,
        "Profile llm: chunks of a complete answer.",
    ),
    samples(
        "tokens",
        Unit::Count,
        None,
        "Profile llm: tokens of a complete answer, as the server tells at llm.usage; the largest number of the answer.",
    ),
    samples(
        "batch_ratio",
        Unit::Permille,
        None,
        "Profile llm, for each complete answer: tokens / chunks, in thousandths.",
    ),
    time(
        "publish_answer",
        CORRECTED,
        "Answer to a publication less its intended instant.",
    ),
    time(
        "publish_lag",
        RAW,
        "Request of a publication less its intended instant: how late the generator was; with in_order also the wait for the answer before.",
    ),
    time("loop_lag", RAW, "How late a timer of a worker's loop ran."),
    counter(
        "received",
        Unit::Events,
        "received",
        "Events dispatched, duplicates and replays included.",
    ),
    counter("bytes", Unit::Bytes, "bytes", "Bytes of the event streams."),
    counter(
        "wire_bytes",
        Unit::Bytes,
        "wire_bytes",
        "Bytes read from connections, framing included.",
    ),
    ratio(
        "compression_ratio",
        ("coded_bytes", "decoded_bytes"),
        "Bytes of content with a content coding as they were sent, over the bytes of the event streams that came of them.",
    ),
    counter("comments", Unit::Count, "reads", "Comments."),
    counter(
        "lost",
        Unit::Events,
        "distinct",
        "Numbers of the declared sequence that never came; over those that came once and those lost.",
    ),
    counter(
        "resume_loss",
        Unit::Events,
        "distinct",
        "Numbers missing between the last event before a reconnect and the first after it; they are in lost too.",
    ),
    counter(
        "duplicated",
        Unit::Events,
        "numbered",
        "Events seen before without a resume to explain them; over all numbered events.",
    ),
    counter(
        "replayed",
        Unit::Events,
        "numbered",
        "Events seen before, sent again after a resume; over all numbered events.",
    ),
    counter(
        "reordered",
        Unit::Events,
        "numbered",
        "Events that came after a higher number of the same stream, and so were not lost; over all numbered events.",
    ),
    counter(
        "negative",
        Unit::Events,
        "stamped",
        "Events whose stamp lies after their arrival; over all stamped events.",
    ),
    counter(
        "coalesced",
        Unit::Events,
        "received",
        "Events that came in one read with another; over all events.",
    ),
    counter(
        "ticks_missed",
        Unit::Events,
        "ticks_due",
        "Ticks of the declared interval that never came; over all that were due.",
    ),
    counter(
        "discarded_tails",
        Unit::Count,
        "opened",
        "Streams that ended in the middle of an event; over the streams opened.",
    ),
    counter(
        "faults",
        Unit::Count,
        "reads",
        "Faults of HTTP or of the event stream; over reads.",
    ),
    counter(
        "started",
        Unit::Count,
        "started",
        "Streams whose planned start came.",
    ),
    counter(
        "opened",
        Unit::Count,
        "started",
        "Streams that opened at least once; over those started.",
    ),
    counter(
        "failed",
        Unit::Count,
        "started",
        "Streams that never opened, or ended for good before the plan said so; over those started.",
    ),
    counter(
        "finished",
        Unit::Count,
        "started",
        "Streams that ended as the plan or the scenario said; over those started.",
    ),
    counter(
        "eventless",
        Unit::Count,
        "started",
        "Streams that never had an event; over those started.",
    ),
    counter(
        "dropped_starts",
        Unit::Count,
        "started",
        "Planned starts left out because too many connections were pending; over those started.",
    ),
    counter(
        "tls_resumed",
        Unit::Count,
        "tls_handshakes",
        "TLS handshakes that resumed a session; over all of them.",
    ),
    counter("attempts", Unit::Attempts, "attempts", "Connections tried."),
    counter(
        "errors",
        Unit::Count,
        "attempts",
        "Connections and requests that failed; over those tried.",
    ),
    counter(
        "reconnects",
        Unit::Count,
        "opened",
        "Connections opened again; over the streams opened.",
    ),
    counter(
        "disconnects",
        Unit::Count,
        "opened",
        "Streams that ended after they had opened, other than by the plan; over the streams opened.",
    ),
    counter(
        "published_due",
        Unit::Count,
        "published_due",
        "Publications due by the plan.",
    ),
    counter(
        "published",
        Unit::Count,
        "published_due",
        "Publications answered with success; over those due.",
    ),
    counter(
        "publish_failed",
        Unit::Count,
        "published_due",
        "Publications that failed; over those due.",
    ),
    counter(
        "publish_overlapped",
        Unit::Count,
        "published_due",
        "Publications that left while one before was unanswered, so that the target may have taken them in another order; over those due.",
    ),
    counter(
        "synthetic",
        Unit::Count,
        "received",
        "Samples that correction filled in.",
    ),
    counter(
        "beyond",
        Unit::Count,
        "received",
        "Samples longer than histogram.max, which count as that time.",
    ),
    counter(
        "backlog",
        Unit::Count,
        "reads",
        "Times that more was waiting in a socket than one turn may take.",
    ),
];

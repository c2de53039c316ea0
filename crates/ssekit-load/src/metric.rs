//! What is measured into histograms.

/// One series of samples. Times are in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Metric {
    /// From the intended start to connect(2).
    ScheduleLag,
    /// Looking a host name up.
    Dns,
    /// From connect(2) to the established connection.
    TcpConnect,
    /// The TLS handshake.
    TlsHandshake,
    /// From the intended start to the final head.
    Headers,
    /// From connect(2) to the final head.
    HeadersRaw,
    /// From the intended start to the first byte of content.
    FirstByte,
    /// From connect(2) to the first byte of content.
    FirstByteRaw,
    /// From the intended start to the first dispatched event.
    FirstEvent,
    /// From connect(2) to the first dispatched event.
    FirstEventRaw,
    /// Between two events of a stream.
    Gap,
    /// The samples that a longer gap kept from being taken; with those of `Gap` the corrected ones.
    GapCorrected,
    /// Gaps still open when observation stopped or the stream ended.
    GapCensored,
    /// Between two reads of a stream.
    Silence,
    /// Between two comments of a stream.
    HeartbeatGap,
    /// How late ticks of the declared schedule were.
    TickLateness,
    /// Ticks still due when observation stopped.
    TickLatenessCensored,
    /// Age of the newest event, sampled evenly over time.
    Staleness,
    /// From the intended instant of publishing to arrival.
    DeliveryIntended,
    /// From the instant of sending to arrival.
    DeliverySent,
    /// From publishing to the first arrival at any subscriber.
    FanoutFirst,
    /// From publishing to the last arrival.
    FanoutLast,
    /// Between the first and the last arrival.
    FanoutSkew,
    /// From the detected end of a stream to the first event after it.
    ReconnectTime,
    /// The same less the wait that the reconnection time asks for.
    ReconnectActive,
    /// Attempts to connect in one outage.
    ReconnectAttempts,
    /// How much later than the reconnection time the next attempt began.
    RetryDelay,
    /// From the beginning of a storm to the first event after it.
    StormRecovery,
    /// From the head to the end of a stream that ended.
    StreamLife,
    /// From the head to the stop of a stream that was still open.
    StreamLifeCensored,
    /// Events dispatched by one read that dispatched any.
    EventsPerRead,
    /// Silence still open when observation stopped or the stream ended.
    SilenceCensored,
    /// From the intended start to the stop or end of a stream that never had an event.
    FirstEventCensored,
    /// From the detected end of a stream to the next final head.
    ReconnectHeaders,
    /// From the beginning of a storm to the stop, for streams that had not come back.
    StormRecoveryCensored,
    /// From the intended start to the declared end of a finite stream.
    StreamTime,
    /// From the intended instant of a publication to its answer.
    PublishAnswer,
    /// From the intended instant of a publication to its request.
    PublishLag,
    /// How late the loop of a worker was.
    LoopLag,
    /// Bytes of the data of an event.
    EventSize,
    /// Events of a finite stream.
    EventsPerStream,
    /// How long the events of a stream took, over how long they were declared to take.
    SpreadRatio,
    /// From the intended start to the first chunk of an answer.
    Ttft,
    /// From connect(2) to the first chunk.
    TtftRaw,
    /// From the intended start to the stop or end of a stream that never had a chunk.
    TtftCensored,
    /// Between two chunks of an answer.
    Icl,
    /// The mean of these in an answer.
    ItlRequest,
    /// Time for each token after the first.
    TpotExclFirst,
    /// Time for each token, the wait for the first included.
    TpotInclFirst,
    /// Chunks of an answer.
    Chunks,
    /// Tokens of an answer.
    Tokens,
    /// Tokens for each chunk.
    BatchRatio,
}

impl Metric {
    /// Whether its samples are times.
    #[inline]
    pub fn is_time(self) -> bool {
        !matches!(
            self,
            Self::ReconnectAttempts
                | Self::EventsPerRead
                | Self::EventSize
                | Self::EventsPerStream
                | Self::SpreadRatio
                | Self::Chunks
                | Self::Tokens
                | Self::BatchRatio
        )
    }

    /// All of them in order, with their names in the dictionary of records.
    pub const ALL: [(Self, &'static str); 52] = [
        (Self::ScheduleLag, "schedule_lag"),
        (Self::Dns, "dns"),
        (Self::TcpConnect, "tcp_connect"),
        (Self::TlsHandshake, "tls_handshake"),
        (Self::Headers, "headers"),
        (Self::HeadersRaw, "headers_raw"),
        (Self::FirstByte, "first_byte"),
        (Self::FirstByteRaw, "first_byte_raw"),
        (Self::FirstEvent, "first_event"),
        (Self::FirstEventRaw, "first_event_raw"),
        (Self::Gap, "gap"),
        (Self::GapCorrected, "gap_corrected"),
        (Self::GapCensored, "gap_censored"),
        (Self::Silence, "silence"),
        (Self::HeartbeatGap, "heartbeat_gap"),
        (Self::TickLateness, "tick_lateness"),
        (Self::TickLatenessCensored, "tick_lateness_censored"),
        (Self::Staleness, "staleness"),
        (Self::DeliveryIntended, "delivery_intended"),
        (Self::DeliverySent, "delivery_sent"),
        (Self::FanoutFirst, "fanout_first"),
        (Self::FanoutLast, "fanout_last"),
        (Self::FanoutSkew, "fanout_skew"),
        (Self::ReconnectTime, "reconnect_time"),
        (Self::ReconnectActive, "reconnect_active"),
        (Self::ReconnectAttempts, "reconnect_attempts"),
        (Self::RetryDelay, "retry_delay"),
        (Self::StormRecovery, "storm_recovery"),
        (Self::StreamLife, "stream_life"),
        (Self::StreamLifeCensored, "stream_life_censored"),
        (Self::EventsPerRead, "events_per_read"),
        (Self::SilenceCensored, "silence_censored"),
        (Self::FirstEventCensored, "first_event_censored"),
        (Self::ReconnectHeaders, "reconnect_headers"),
        (Self::StormRecoveryCensored, "storm_recovery_censored"),
        (Self::StreamTime, "stream_time"),
        (Self::PublishAnswer, "publish_answer"),
        (Self::PublishLag, "publish_lag"),
        (Self::LoopLag, "loop_lag"),
        (Self::EventSize, "event_size"),
        (Self::EventsPerStream, "events_per_stream"),
        (Self::SpreadRatio, "spread_ratio"),
        (Self::Ttft, "ttft"),
        (Self::TtftRaw, "ttft_raw"),
        (Self::TtftCensored, "ttft_censored"),
        (Self::Icl, "icl"),
        (Self::ItlRequest, "itl_request"),
        (Self::TpotExclFirst, "tpot_excl_first"),
        (Self::TpotInclFirst, "tpot_incl_first"),
        (Self::Chunks, "chunks"),
        (Self::Tokens, "tokens"),
        (Self::BatchRatio, "batch_ratio"),
    ];
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]
    use super::*;

    #[test]
    fn each_has_its_place_and_a_name_of_the_dictionary() {
        for (index, (metric, name)) in Metric::ALL.into_iter().enumerate() {
            assert_eq!(metric as usize, index);
            let entry = ssekit_record::Metric::named(name).expect(name);
            let is_time = entry.unit == ssekit_record::Unit::Us;
            assert_eq!(metric.is_time(), is_time, "{name}");
        }
    }
}

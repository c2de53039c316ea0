//! A scenario out of a few arguments: so many streams to a URL, for so long.

use std::path::Path;
use std::time::Duration;

use ssekit_record::{Severity, Threshold};
use toml::{Table, Value};

use super::error::ScenarioError;
use super::reader::LoadedScenario;
use super::scenario::LoadScenario;

/// What the short form of a load run says.
#[derive(Debug, Clone, PartialEq)]
pub struct Quick {
    /// URL, a template.
    pub url: String,
    /// Streams to hold.
    pub streams: u64,
    /// How long they are held.
    pub hold: Duration,
    /// How long they take to open.
    pub ramp: Duration,
    /// Protocol: `1.1`, `2` or `auto`.
    pub http: String,
    /// Streams on one HTTP/2 connection.
    pub streams_per_connection: Option<u64>,
    /// Method.
    pub method: String,
    /// Field lines.
    pub headers: Vec<(String, String)>,
    /// Content.
    pub body: Option<String>,
    /// Certificates to trust as well.
    pub ca: Option<String>,
    /// Trust any certificate.
    pub insecure: bool,
    /// Longest wait for a connection and for a head.
    pub timeout: Duration,
    /// Source addresses.
    pub sources: Vec<String>,
    /// Declared interval of events.
    pub interval: Option<Duration>,
    /// Where the sequence number stands: `id`, or a JSON pointer into the data.
    pub seq: Option<String>,
    /// Where the time of publishing stands, told like that, and its unit: `s`, `ms`, `us` or `ns`.
    pub published_at: Option<(String, String)>,
    /// Whether streams come back when they end.
    pub reconnects: bool,
    /// What must hold, as `METRIC STAT OP VALUE`.
    pub thresholds: Vec<Threshold>,
}

impl Quick {
    /// The scenario it stands for: the streams open in a phase `ramp`, which is recorded too, and
    /// are held in a phase `hold`.
    ///
    /// # Errors
    /// What a file of the same content would be refused for; there are no lines to name.
    pub fn scenario(&self, settings: &[String]) -> Result<LoadedScenario, ScenarioError> {
        let text = toml::to_string(&self.table()).unwrap_or_default();
        LoadScenario::parse(&text, Path::new("arguments"), settings, |name| {
            std::env::var(name).ok()
        })
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        put(&mut table, "schema", 1);
        put(&mut table, "name", "quick");
        put(&mut table, "target", self.target());
        put(&mut table, "phase", self.phases());
        put(&mut table, "expect", self.expect());
        if !self.reconnects {
            let mut reconnect = Table::new();
            put(&mut reconnect, "policy", "none");
            put(&mut table, "reconnect", reconnect);
        }
        let thresholds = self.thresholds.iter().map(threshold).map(Value::Table);
        put(&mut table, "threshold", thresholds.collect::<Vec<_>>());
        table
    }

    /// A ramp that takes no time is part of the hold: all streams start at its beginning.
    fn phases(&self) -> Vec<Value> {
        let phase = |name: &str, kind: &str| {
            let mut phase = Table::new();
            put(&mut phase, "name", name);
            put(&mut phase, "kind", kind);
            phase
        };
        let streams = count(self.streams);
        if self.ramp < Duration::from_micros(1) {
            let mut hold = phase("hold", "ramp");
            put(&mut hold, "from", streams);
            put(&mut hold, "to", streams);
            put(&mut hold, "over", time(self.hold));
            return vec![Value::Table(hold)];
        }
        let mut ramp = phase("ramp", "ramp");
        put(&mut ramp, "to", streams);
        put(&mut ramp, "over", time(self.ramp));
        let mut hold = phase("hold", "hold");
        put(&mut hold, "for", time(self.hold));
        vec![Value::Table(ramp), Value::Table(hold)]
    }

    fn expect(&self) -> Table {
        let mut expect = Table::new();
        if let Some(interval) = self.interval {
            put(&mut expect, "interval", time(interval));
        }
        if let Some(seq) = &self.seq {
            put(&mut expect, "seq", place(seq));
        }
        if let Some((at, unit)) = &self.published_at {
            let mut stamp = place(at);
            put(&mut stamp, "unit", unit.as_str());
            put(&mut expect, "published_at", stamp);
        }
        expect
    }

    fn target(&self) -> Table {
        let mut target = Table::new();
        put(&mut target, "url", self.url.as_str());
        put(&mut target, "http", self.http.as_str());
        if let Some(streams) = self.streams_per_connection {
            put(&mut target, "streams_per_connection", count(streams));
        }
        put(&mut target, "method", self.method.as_str());
        let headers = self.headers.iter();
        let headers: Table = headers
            .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
            .collect();
        put(&mut target, "headers", headers);
        if let Some(body) = &self.body {
            put(&mut target, "body", body.as_str());
        }
        put(&mut target, "timeout", time(self.timeout));
        put(&mut target, "source_ips", self.sources.clone());
        let mut tls = Table::new();
        if let Some(ca) = &self.ca {
            put(&mut tls, "ca", ca.as_str());
        }
        if self.insecure {
            put(&mut tls, "insecure", true);
        }
        put(&mut target, "tls", tls);
        target
    }
}

fn threshold(threshold: &Threshold) -> Table {
    let mut table = Table::new();
    put(&mut table, "metric", threshold.metric.as_str());
    put(&mut table, "expr", threshold.expression.to_string());
    let mut part = Table::new();
    let names = [
        ("phase", &threshold.part.phase),
        ("population", &threshold.part.population),
    ];
    for (key, name) in names {
        if let Some(name) = name {
            put(&mut part, key, name.as_str());
        }
    }
    if !part.is_empty() {
        put(&mut table, "where", part);
    }
    if threshold.severity == Severity::Warn {
        put(&mut table, "severity", "warn");
    }
    table
}

/// `id`, or a JSON pointer into the data.
fn place(text: &str) -> Table {
    let mut place = Table::new();
    if text == "id" {
        put(&mut place, "from", "id");
    } else {
        put(&mut place, "from", "data");
        put(&mut place, "path", text);
    }
    place
}

fn put(table: &mut Table, key: &str, value: impl Into<Value>) {
    table.insert(key.to_owned(), value.into());
}

fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn time(time: Duration) -> String {
    format!("{}us", time.as_micros())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{Http, LoadPlan};
    use super::*;
    use crate::load::{Place, StampUnit};

    fn quick(ramp: Duration) -> Quick {
        Quick {
            url: "https://h.example/e/{stream}?token=s3cret".into(),
            streams: 10,
            hold: Duration::from_secs(5),
            ramp,
            http: "2".into(),
            streams_per_connection: Some(4),
            method: "GET".into(),
            headers: vec![("Authorization".into(), "s3cret".into())],
            body: None,
            ca: None,
            insecure: true,
            timeout: Duration::from_secs(10),
            sources: vec!["127.0.0.2".into()],
            interval: Some(Duration::from_secs(1)),
            seq: Some("/n".into()),
            published_at: Some(("id".into(), "ms".into())),
            reconnects: false,
            thresholds: vec![Threshold::parse("gap{phase=hold} p99 < 2s").unwrap()],
        }
    }

    #[test]
    fn the_short_form_is_a_scenario_like_any_other() {
        let loaded = quick(Duration::from_secs(1)).scenario(&["phase.hold.for=9s".into()]);
        let loaded = loaded.unwrap();
        assert!(!loaded.toml.contains("s3cret"), "{}", loaded.toml);
        let scenario = loaded.scenario;
        assert_eq!(scenario.target.http, Http::Http2);
        assert_eq!(
            scenario.thresholds()[0].to_string(),
            "gap{phase=hold} p99 < 2s"
        );
        let stamp = scenario.expect.published_at.as_ref().unwrap();
        assert_eq!((stamp.from, stamp.unit), (Place::Id, StampUnit::Ms));
        let plan = LoadPlan::new(&scenario).unwrap();
        assert_eq!((plan.peak(), plan.end_us()), (10, 10_000_000));
    }

    #[test]
    fn without_a_ramp_all_streams_start_at_once() {
        let scenario = quick(Duration::ZERO).scenario(&[]).unwrap().scenario;
        let plan = LoadPlan::new(&scenario).unwrap();
        assert_eq!(plan.levels(&[0, 5_000_000]), [10, 10]);
        assert_eq!((plan.end_us(), plan.timeline().len()), (5_000_000, 1));
    }
}

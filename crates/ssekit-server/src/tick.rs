//! One event of `/events`: a pure function of its number and of what the stream is asked to be.
use ssekit_proto::{EventId, EventType, encode_event};

use crate::{
    fault::{self, Fault},
    plan::Plan,
};

/// The type of the events of `/events`.
pub(crate) const EVENT_TYPE: &str = "tick";

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tick {
    pub(crate) number: u64,
    pub(crate) data: String,
}

impl Tick {
    pub(crate) fn new(number: u64, plan: &Plan, faults: &[Fault]) -> Self {
        let mut data = match plan.count {
            Some(count) => format!(r#"{{"tick":{number},"of":{count}"#),
            None => {
                let time = fault::stamp_ms(faults, plan.due_ms(number));
                format!(r#"{{"tick":{number},"time":{time}"#)
            }
        };
        if plan.private {
            data.push_str(r#","private":true"#);
        }
        fill(&mut data, plan.size);
        data.push('}');
        Self { number, data }
    }

    /// Its bytes in the event stream.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let id = self.number.to_string();
        let mut bytes = Vec::with_capacity(self.data.len() + 64);
        // A constant without line ends and a decimal number can always be represented.
        encode_event(
            EventType::new(EVENT_TYPE).ok(),
            EventId::new(&id).ok(),
            &self.data,
            &mut bytes,
        );
        bytes
    }
}

/// Adds a member so that the object, once closed, has `size` bytes; nothing where it has them.
fn fill(data: &mut String, size: usize) {
    const AROUND: &str = r#","fill":"""#;
    let missing = size.saturating_sub(data.len() + 1);
    if missing < AROUND.len() {
        return;
    }
    data.push_str(r#","fill":""#);
    data.push_str(&".".repeat(missing - AROUND.len()));
    data.push('"');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::time::Duration;

    use super::*;

    fn tick(query: &str) -> Tick {
        Tick::new(7, &Plan::read(query, Duration::from_secs(10)).unwrap(), &[])
    }

    #[test]
    fn data_is_json_of_the_size_asked_for() {
        let least = tick("").data.len();
        for size in [0, 40, 41, 100, 4096, 65_536] {
            let data = tick(&format!("size={size}")).data;
            let value: serde_json::Value = serde_json::from_str(&data).unwrap();
            assert_eq!(value["tick"], 7);
            assert_eq!(data.len(), size.max(least), "size={size}");
        }
    }

    #[test]
    fn an_event_is_written_whole() {
        let bytes = tick("count=9").encode();
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text, "event: tick\nid: 7\ndata: {\"tick\":7,\"of\":9}\n\n");
        assert!(tick("interval=100").data.contains("\"time\":707"));
    }
}

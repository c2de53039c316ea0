//! Echo scripts: what the tester asks an echo endpoint to send (echo contract, version 1).

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The version of the echo contract this crate reads and writes.
pub const ECHO_VERSION: u32 = 1;

/// A script: steps that an echo endpoint performs in order, in one response.
///
/// ```json
/// {"version": 1, "steps": [
///   {"do": "event", "data": "hello", "event": "greeting", "id": "1"},
///   {"do": "event", "retry": 3000},
///   {"do": "comment", "text": "still here"},
///   {"do": "wait", "ms": 50},
///   {"do": "close"}
/// ]}
/// ```
///
/// The same JSON is the body of a `POST`, or the percent-encoded value of `?script=` in a `GET`.
/// An endpoint loops over `steps`, switches on `do` and hands every value, as given, to its SSE
/// library. A value the library cannot represent is refused with a 4xx before the stream begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Always [`ECHO_VERSION`].
    pub version: u32,
    /// The steps, in order. After the last one the response ends cleanly.
    pub steps: Vec<Step>,
}

/// One step, told apart by its member `do`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Send one event. At least one member is present; `retry` alone sets the reconnection time
    /// without dispatching anything.
    Event {
        /// The data, which may hold line ends.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<String>,
        /// The event type.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event: Option<String>,
        /// The id; the empty text resets the last event ID string.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The reconnection time in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry: Option<Retry>,
    },
    /// Send a comment.
    Comment {
        /// Its text, which may hold line ends.
        text: String,
    },
    /// Send one event whose data is the endpoint's own clock, in microseconds since
    /// 1970-01-01T00:00:00Z, read right before the event is handed to the library.
    Time {},
    /// Send nothing for a while, with everything so far flushed.
    Wait {
        /// How long, in milliseconds.
        ms: u64,
    },
    /// End the response cleanly; the last step.
    Close {},
    /// Break the response off, without a last chunk or END_STREAM; the last step.
    Abort {},
    /// Answer with this status and no stream; the only step.
    Status {
        /// A final status code, 200 to 599.
        code: u16,
    },
}

/// A reconnection time: a number, or any text so that a value that is none can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Retry {
    /// Milliseconds.
    Ms(u64),
    /// To be sent as it stands, or refused.
    Text(String),
}

/// Bounds on a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScriptLimits {
    /// Number of steps.
    pub steps: usize,
    /// Bytes of its JSON text.
    pub bytes: usize,
    /// Sum of all waits, in milliseconds.
    pub wait_ms: u64,
}

impl Default for ScriptLimits {
    fn default() -> Self {
        Self {
            steps: 10_000,
            bytes: 96 * 1024 * 1024,
            wait_ms: 120_000,
        }
    }
}

/// Why a script is refused; always the fault of its author.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// Not JSON or not of this shape; the message names line and column.
    #[error("not an echo script: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Longer than [`ScriptLimits::bytes`].
    #[error("echo script refused: {bytes} bytes of JSON, at most {limit} are read")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
    /// Of another version of the contract.
    #[error("echo script refused: version {0}, only {ECHO_VERSION} is known")]
    Version(u32),
    /// More steps than [`ScriptLimits::steps`].
    #[error("echo script refused: {steps} steps, at most {limit} are taken")]
    TooManySteps {
        /// Their number.
        steps: usize,
        /// The bound.
        limit: usize,
    },
    /// Waits longer than [`ScriptLimits::wait_ms`] in all.
    #[error("echo script refused: waits of more than {limit_ms} ms in all")]
    TooSlow {
        /// The bound.
        limit_ms: u64,
    },
    /// A step that breaks a rule of the contract.
    #[error("echo script refused: step {step}: {reason}")]
    Step {
        /// Its number, from 1.
        step: usize,
        /// The rule.
        reason: &'static str,
    },
}

impl Script {
    /// A script of these steps.
    #[must_use]
    pub fn new(steps: Vec<Step>) -> Self {
        Self {
            version: ECHO_VERSION,
            steps,
        }
    }

    /// Reads a script from its JSON text and checks it.
    ///
    /// # Errors
    /// When the text is too long, is not of the documented shape, or breaks a rule or bound.
    pub fn parse(json: &[u8], limits: &ScriptLimits) -> Result<Self, ScriptError> {
        if json.len() > limits.bytes {
            return Err(ScriptError::TooLong {
                bytes: json.len(),
                limit: limits.bytes,
            });
        }
        let script: Self = serde_json::from_slice(json)?;
        script.validate(limits)?;
        Ok(script)
    }

    /// Checks the rules and bounds, except the length of the JSON text.
    ///
    /// # Errors
    /// With the first rule or bound that is broken.
    pub fn validate(&self, limits: &ScriptLimits) -> Result<(), ScriptError> {
        if self.version != ECHO_VERSION {
            return Err(ScriptError::Version(self.version));
        }
        if self.steps.len() > limits.steps {
            return Err(ScriptError::TooManySteps {
                steps: self.steps.len(),
                limit: limits.steps,
            });
        }
        if self.waits() > Duration::from_millis(limits.wait_ms) {
            return Err(ScriptError::TooSlow {
                limit_ms: limits.wait_ms,
            });
        }
        for (index, step) in self.steps.iter().enumerate() {
            self.validate_step(index, step)
                .map_err(|reason| ScriptError::Step {
                    step: index + 1,
                    reason,
                })?;
        }
        Ok(())
    }

    /// Sum of all waits.
    #[must_use]
    pub fn waits(&self) -> Duration {
        let ms = self.steps.iter().fold(0_u64, |sum, step| match step {
            Step::Wait { ms } => sum.saturating_add(*ms),
            _ => sum,
        });
        Duration::from_millis(ms)
    }

    /// Its JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Only texts, numbers and sequences: nothing that JSON cannot hold.
        serde_json::to_string(self).unwrap_or_default()
    }

    fn validate_step(&self, index: usize, step: &Step) -> Result<(), &'static str> {
        let last = index + 1 == self.steps.len();
        match step {
            Step::Event {
                data: None,
                event: None,
                id: None,
                retry: None,
            } => Err("an event needs data, event, id or retry"),
            Step::Close {} | Step::Abort {} if !last => Err("nothing can follow the end"),
            Step::Status { .. } if self.steps.len() != 1 => {
                Err("a status is the only step of its script")
            }
            Step::Status { code } if !(200..=599).contains(code) => {
                Err("a final status is 200 to 599")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use proptest::prelude::*;

    use super::*;

    fn read(json: &str) -> Result<Script, ScriptError> {
        Script::parse(json.as_bytes(), &ScriptLimits::default())
    }

    #[test]
    fn the_documented_shape_is_read() {
        let script = read(
            r#"{"version":1,"steps":[{"do":"event","data":"a\nb","event":"t","id":"","retry":3000},
            {"do":"event","retry":"3s"},{"do":"comment","text":"x"},{"do":"wait","ms":50},{"do":"close"}]}"#,
        )
        .unwrap();
        let first = Step::Event {
            data: Some("a\nb".into()),
            event: Some("t".into()),
            id: Some(String::new()),
            retry: Some(Retry::Ms(3000)),
        };
        assert_eq!(script.steps[0], first);
        assert_eq!(script.steps[4], Step::Close {});
        assert_eq!(script.waits(), Duration::from_millis(50));
    }

    #[test]
    fn what_is_not_of_the_shape_is_malformed() {
        for json in [
            "",
            "[]",
            "{}",
            r#"{"version":1}"#,
            r#"{"version":1,"steps":[{"do":"dance"}]}"#,
            r#"{"version":1,"steps":[{"data":"a"}]}"#,
            r#"{"version":1,"steps":[{"do":"event","dta":"a"}]}"#,
            r#"{"version":1,"steps":[{"do":"wait","ms":-1}]}"#,
            r#"{"version":1,"steps":[{"do":"comment","text":"\ud800"}]}"#,
            r#"{"version":1,"steps":[],"more":1}"#,
            r#"{"version":1,"steps":[]} x"#,
        ] {
            assert!(
                matches!(read(json), Err(ScriptError::Malformed(_))),
                "{json}"
            );
        }
    }

    #[test]
    fn rules_and_bounds_hold() {
        let refused = |steps: &str| {
            let json = format!(r#"{{"version":1,"steps":[{steps}]}}"#);
            read(&json).expect_err(steps).to_string()
        };
        assert!(refused(r#"{"do":"event"}"#).contains("step 1"));
        assert!(refused(r#"{"do":"close"},{"do":"comment","text":""}"#).contains("step 1"));
        assert!(refused(r#"{"do":"wait","ms":1},{"do":"status","code":503}"#).contains("step 2"));
        assert!(refused(r#"{"do":"status","code":101}"#).contains("200 to 599"));
        let most = u64::MAX;
        let waits = format!(r#"{{"do":"wait","ms":{most}}},{{"do":"wait","ms":{most}}}"#);
        assert!(refused(&waits).contains("120000 ms"));
        assert!(matches!(
            read(r#"{"version":2,"steps":[]}"#),
            Err(ScriptError::Version(2))
        ));
        let small = ScriptLimits {
            steps: 1,
            bytes: 120,
            wait_ms: 0,
        };
        let json = br#"{"version":1,"steps":[{"do":"comment","text":""},{"do":"close"}]}"#;
        assert!(matches!(
            Script::parse(json, &small),
            Err(ScriptError::TooManySteps { steps: 2, limit: 1 })
        ));
        assert!(matches!(
            Script::parse(&[b' '; 121], &small),
            Err(ScriptError::TooLong { bytes: 121, .. })
        ));
    }

    fn step() -> impl Strategy<Value = Step> {
        let text = proptest::option::of(any::<String>());
        let retry = proptest::option::of(prop_oneof![
            any::<u64>().prop_map(Retry::Ms),
            any::<String>().prop_map(Retry::Text),
        ]);
        prop_oneof![
            (any::<String>(), text.clone(), text, retry).prop_map(|(data, event, id, retry)| {
                Step::Event {
                    data: Some(data),
                    event,
                    id,
                    retry,
                }
            }),
            any::<String>().prop_map(|text| Step::Comment { text }),
            (0_u64..100).prop_map(|ms| Step::Wait { ms }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(steps in proptest::collection::vec(step(), 0..8)) {
            let script = Script::new(steps);
            prop_assert_eq!(read(&script.to_json()).unwrap(), script);
        }

        #[test]
        fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Script::parse(&bytes, &ScriptLimits::default());
        }

        #[test]
        fn a_damaged_script_never_panics(
            steps in proptest::collection::vec(step(), 1..4), cut in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let mut json = Script::new(steps).to_json().into_bytes();
            let at = cut.index(json.len());
            json[at] = byte;
            let _ = Script::parse(&json, &ScriptLimits::default());
            json.truncate(at);
            prop_assert!(Script::parse(&json, &ScriptLimits::default()).is_err());
        }
    }
}

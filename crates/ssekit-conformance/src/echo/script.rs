//! The script that sends a value.

use ssekit_scenario::{Retry, Script, Step};

use super::{AFTER, BEFORE, EchoCase as C, Member, PLAIN};

/// Stands for half a surrogate pair, which JSON can ask for and no text holds.
pub(super) const HALF: &str = "ssekit-half";

impl C {
    /// The script as it is sent.
    pub(crate) fn json(self) -> String {
        let json = self.script().to_json();
        match self {
            C::DataSurrogate
            | C::TypeSurrogate
            | C::IdSurrogate
            | C::RetrySurrogate
            | C::CommentSurrogate => json.replace(HALF, "\\ud800"),
            _ => json,
        }
    }

    /// The steps that send it, between the two events that frame it.
    fn script(self) -> Script {
        let value = self.value();
        let mut steps = vec![data(BEFORE)];
        match self.member() {
            Member::Data => steps.push(data(&value)),
            Member::Type => steps.push(event(Some(PLAIN), Some(value), None, None)),
            Member::Id => {
                if self == C::IdReset {
                    let id = Some("ssekit-id".to_owned());
                    steps.push(event(Some(PLAIN), None, id, None));
                }
                steps.push(event(Some(PLAIN), None, Some(value), None));
            }
            Member::Retry => {
                let text = (self != C::RetryAlone).then_some(PLAIN);
                let retry = match value.parse() {
                    Ok(ms) => Retry::Ms(ms),
                    Err(_) => Retry::Text(value),
                };
                steps.push(event(text, None, None, Some(retry)));
            }
            Member::Comment => steps.push(Step::Comment { text: value }),
        }
        steps.push(data(AFTER));
        steps.push(Step::Close {});
        Script::new(steps)
    }
}

fn data(text: &str) -> Step {
    event(Some(text), None, None, None)
}

fn event(
    data: Option<&str>,
    event: Option<String>,
    id: Option<String>,
    retry: Option<Retry>,
) -> Step {
    Step::Event {
        data: data.map(Into::into),
        event,
        id,
        retry,
    }
}

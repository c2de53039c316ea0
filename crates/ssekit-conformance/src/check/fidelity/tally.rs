//! What was seen of the values of a rule.

use ssekit_record::Level;

use crate::check::echoed::{Outcome, Sent};
use crate::{Case, EchoCase, Judgement};

/// What was seen of the values of a rule.
#[derive(Default)]
pub(super) struct Tally {
    sent: usize,
    refused: usize,
    broken: Option<String>,
    /// What was wrong, value by value.
    pub(super) wrong: Vec<String>,
}

impl Tally {
    /// Counts what became of a value, and gives back what came of it as events.
    pub(super) fn count<'a>(&mut self, case: &'a Case<'a>, value: EchoCase) -> Option<Sent<'a>> {
        match Outcome::of(case, value)? {
            Outcome::Refused(_) => self.refused += 1,
            Outcome::Broken(what) => {
                let told = format!("{}: {what}", value.about());
                self.broken.get_or_insert(told);
            }
            Outcome::Sent(sent) => {
                self.sent += 1;
                return Some(sent);
            }
        }
        None
    }

    /// Whether anything is known of any value.
    pub(super) fn is_empty(&self) -> bool {
        self.sent + self.refused == 0 && self.broken.is_none()
    }

    /// The first wrong value is shown, all are told.
    pub(super) fn failure(&self, sent: &Sent<'_>) -> Judgement {
        let (start, len) = sent.place();
        Judgement::fail(self.wrong.join("; ")).seen(
            sent.transcript,
            start,
            len,
            format!("sent: {}", sent.case.about()),
        )
    }

    /// None was wrong.
    pub(super) fn rest(self) -> Judgement {
        if let Some(broken) = self.broken {
            return Judgement::warn(broken)
                .at_level(Level::Practice)
                .expecting("the value is sent, or refused with a 4xx before the stream begins");
        }
        match (self.sent, self.refused) {
            (0, 0) => Judgement::unverified("the values were not sent"),
            (0, _) => Judgement::pass("refused"),
            (_, 0) => Judgement::pass("as asked for"),
            (sent, refused) => Judgement::pass(format!("{sent} as asked for, {refused} refused")),
        }
    }
}

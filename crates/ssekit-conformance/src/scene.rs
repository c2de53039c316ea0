//! Scripts about when and how the echo endpoint answers, not about the values it sends.

use ssekit_scenario::{Script, Step};

use crate::Offer;

/// A wait in a scene, long beside what a loaded machine delays, in milliseconds.
pub(crate) const WAIT_MS: u64 = 600;
/// The wait before the first event of [`EchoScene::LateFirst`], in milliseconds.
pub(crate) const LATE_MS: u64 = 1_500;

/// Events of [`EchoScene::Dense`].
pub(crate) const DENSE: u64 = 40;
/// The wait after each of them, in milliseconds: bursts are told apart by less.
pub(crate) const DENSE_WAIT_MS: u64 = 60;
/// Events of [`EchoScene::Timed`].
const TIMED: usize = 20;

/// Characters of the large event of [`EchoScene::Coded`].
const LARGE: usize = 256 * 1024;

/// One script, one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum EchoScene {
    /// Status 204.
    NoContent,
    /// Three events with a wait after each.
    Spaced,
    /// A wait, then an event.
    LateFirst,
    /// Forty events of 3 KB, with a wait after each.
    Dense,
    /// Events with the time at which they were sent.
    Timed,
    /// As `Spaced`, with content codings offered, and the second event larger than any coder's block.
    Coded(Offer),
}

impl EchoScene {
    /// Name of the probe that sends it, permanent.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NoContent => "echo-no-content",
            Self::Spaced => "echo-spaced",
            Self::LateFirst => "echo-late-first",
            Self::Dense => "echo-dense",
            Self::Timed => "echo-timed",
            Self::Coded(Offer::All) => "echo-coded",
            Self::Coded(Offer::Gzip) => "echo-coded-gzip",
            Self::Coded(Offer::Deflate) => "echo-coded-deflate",
            Self::Coded(Offer::Br) => "echo-coded-br",
            Self::Coded(Offer::Zstd) => "echo-coded-zstd",
        }
    }

    /// What is asked for, in words.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::NoContent => "the status 204",
            Self::Spaced => "three events, 600 ms after each",
            Self::LateFirst => "an event after 1.5 s",
            Self::Dense => "forty events of 3 KB, 60 ms after each",
            Self::Timed => "events that carry the time they are sent",
            Self::Coded(Offer::All) => "three events, every content coding accepted",
            Self::Coded(Offer::Gzip) => "three events, gzip accepted",
            Self::Coded(Offer::Deflate) => "three events, deflate accepted",
            Self::Coded(Offer::Br) => "three events, br accepted",
            Self::Coded(Offer::Zstd) => "three events, zstd accepted",
        }
    }

    /// The capability it needs.
    pub(crate) fn capability(self) -> &'static str {
        match self {
            Self::NoContent => "status",
            Self::Spaced | Self::LateFirst | Self::Dense | Self::Coded(_) => "wait",
            Self::Timed => "time",
        }
    }

    /// Whether it needs a POST: too long for a URL.
    pub(crate) fn is_large(self) -> bool {
        matches!(self, Self::Dense | Self::Coded(_))
    }

    /// The steps.
    pub(crate) fn script(self) -> Script {
        Script::new(match self {
            Self::NoContent => vec![Step::Status { code: 204 }],
            Self::Spaced => {
                let each = ["1", "2", "3"].map(|text| [event(text), wait(WAIT_MS)]);
                each.into_iter().flatten().chain([Step::Close {}]).collect()
            }
            Self::Dense => {
                let text = noise(3_000);
                let each = (0..DENSE).flat_map(|_| [event(&text), wait(DENSE_WAIT_MS)]);
                each.chain([Step::Close {}]).collect()
            }
            Self::Timed => {
                let each = (0..TIMED).flat_map(|_| [Step::Time {}, wait(50)]);
                each.chain([Step::Close {}]).collect()
            }
            Self::Coded(_) => {
                let large = noise(LARGE);
                let each = ["1", &large, "3"].map(|text| [event(text), wait(WAIT_MS)]);
                each.into_iter().flatten().chain([Step::Close {}]).collect()
            }
            Self::LateFirst => vec![wait(LATE_MS), event("1"), Step::Close {}],
        })
    }
}

/// Text that does not compress to less than three quarters of itself, always the same.
fn noise(len: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut state: u32 = 1;
    let letters = std::iter::repeat_with(|| {
        // xorshift32: any sequence without a pattern does.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        char::from(LETTERS[(state >> 8) as usize % LETTERS.len()])
    });
    letters.take(len).collect()
}

fn wait(ms: u64) -> Step {
    Step::Wait { ms }
}

fn event(text: &str) -> Step {
    Step::Event {
        data: Some(text.into()),
        event: None,
        id: None,
        retry: None,
    }
}

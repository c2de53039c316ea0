//! What the checks judge: both sides of every exchange of a run.

use std::collections::BTreeMap;

use ssekit_record::Head;

use crate::client::Sight;
use crate::delivery::Delivery;
use crate::journal::Visit;
use crate::judgement::Judgement;
use crate::product::Family;
use crate::shape::Shape;
use crate::{ProxyOptions, product};

/// Both sides of one exchange.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub sight: Sight,
    /// The requests that reached the origin, in order; of probes that share a URL, of all of them.
    pub visits: Vec<Visit>,
    pub about: &'static str,
    /// What became of the pieces, where it is not read from the bytes of both sides.
    pub delivered: Option<Delivery>,
}

impl Seen {
    /// The request that reached the origin.
    pub(crate) fn visit(&self) -> Option<&Visit> {
        self.visits.first()
    }

    /// What became of the pieces of the answer.
    pub(crate) fn delivery(&self) -> Option<Delivery> {
        if let Some(delivered) = &self.delivered {
            return Some(delivered.clone());
        }
        Some(Delivery::of(self.visit()?, &self.sight))
    }

    pub(crate) fn head(&self) -> Option<&Head> {
        self.sight.transcript.head.as_ref()
    }

    /// Why nothing can be said of the stream: the origin was not asked, or the answer is not its.
    pub(crate) fn trouble(&self) -> Option<String> {
        let end = &self.sight.transcript.end;
        match (self.sight.status(), self.visit()) {
            (Some(200), Some(_)) => None,
            (Some(status), Some(_)) => Some(format!("the hop answered {status} instead of 200")),
            (Some(status), None) => Some(format!("the hop answered {status} and did not ask")),
            (None, Some(_)) => None,
            (None, None) => Some(format!("no answer: {}", end.detail)),
        }
    }
}

/// A finished run.
pub(crate) struct Case<'a> {
    pub options: &'a ProxyOptions,
    seen: BTreeMap<&'static str, Seen>,
    pub family: Option<Family>,
    /// As the hop names itself.
    pub product: Option<String>,
    /// Whether the origin is not ssekit's own, so that its side was not seen.
    pub is_of_views: bool,
}

impl<'a> Case<'a> {
    pub(crate) fn new(options: &'a ProxyOptions, seen: BTreeMap<&'static str, Seen>) -> Self {
        let heads = || seen.values().filter_map(Seen::head);
        let product = heads().find_map(product::named);
        let family = heads().find_map(Family::of).or_else(|| {
            let subject = options.subject.as_deref();
            subject.and_then(Family::mentioned).or(options.family)
        });
        Self {
            options,
            seen,
            family,
            product,
            is_of_views: false,
        }
    }

    /// A run that compares two views.
    pub(crate) fn of_views(options: &'a ProxyOptions, seen: BTreeMap<&'static str, Seen>) -> Self {
        Self {
            is_of_views: true,
            ..Self::new(options, seen)
        }
    }

    pub(crate) fn seen(&self, probe: &str) -> Option<&Seen> {
        self.seen.get(probe)
    }

    /// Every exchange with its name.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, &Seen)> {
        self.seen.iter().map(|(name, seen)| (*name, seen))
    }

    /// An exchange through the hop whose stream can be judged.
    ///
    /// # Errors
    /// With the judgement that says why it cannot.
    pub(crate) fn stream(&self, probe: &str) -> Result<&Seen, Judgement> {
        let Some(seen) = self.seen(probe) else {
            return Err(Judgement::unverified(self.missing()));
        };
        match seen.trouble() {
            None => Ok(seen),
            Some(why) => Err(Judgement::unverified(format!("{}: {why}", seen.about))),
        }
    }

    /// Why an exchange was not made.
    pub(crate) fn missing(&self) -> &'static str {
        if self.options.stopped() {
            "the run was interrupted before this was looked at"
        } else if self.is_of_views {
            "two views of a foreign origin cannot show it: --listen in place of --origin does"
        } else if self.options.quick {
            "left out by --quick"
        } else {
            "this was not looked at"
        }
    }

    /// How late events were without the hop, at worst.
    pub(crate) fn noise_us(&self) -> u64 {
        let direct = self.seen("direct").and_then(Seen::delivery);
        let delays = direct.map_or(Vec::new(), |direct| direct.delays());
        delays.into_iter().max().unwrap_or(0)
    }

    /// Whether this machine itself makes events late, so that no delay proves anything.
    pub(crate) fn is_noisy(&self) -> bool {
        self.noise_us() > self.options.bar_us()
    }

    /// Later than this after it was sent, an event is late by the hop: what the machine adds by
    /// itself is allowed for.
    pub(crate) fn bar_us(&self) -> u64 {
        self.options.bar_us() + self.noise_us()
    }

    /// What the hop does to small events.
    pub(crate) fn release(&self) -> Option<Shape> {
        let slow = self.stream("release").ok()?.delivery()?;
        let fast = self.stream("burst").ok().and_then(Seen::delivery);
        Some(Shape::of(slow, fast.as_ref(), self.bar_us()))
    }

    /// Whether the hop holds small events back.
    pub(crate) fn holds_small(&self) -> bool {
        self.release().is_some_and(|shape| !shape.is_immediate())
    }
}

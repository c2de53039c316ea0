//! When publishers publish, and on which topic.

use super::super::random::{random, unit};
use super::super::scenario::{Arrival, Population, TopicDist};

/// One publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publication {
    /// Intended instant, in microseconds since the begin of the plan.
    pub at_us: u64,
    /// Index of its topic; 0 where there are none.
    pub topic: u64,
    /// Its number within the topic, from 1.
    pub seq: u64,
}

/// A population that publishes.
#[derive(Debug, Clone)]
pub(super) struct Publisher {
    pub(super) population: usize,
    rate: f64,
    arrival: Arrival,
    times: Vec<(u64, u64)>,
    topics: u64,
    dist: TopicDist,
    seed: u64,
}

impl Publisher {
    pub(super) fn new(
        index: usize,
        population: &Population,
        seed: u64,
        times: Vec<(u64, u64)>,
    ) -> Self {
        Self {
            population: index,
            rate: population.rate.map_or(0.0, |rate| rate.0),
            arrival: population.arrival,
            times,
            topics: population.topics.len().max(1),
            dist: population.topic_dist,
            seed: random(seed, 5, index as u64, 0),
        }
    }

    /// Instants in order: the plan of an open loop, which no answer delays.
    fn instants(&self) -> impl Iterator<Item = u64> + Send + use<> {
        let (rate, arrival, seed) = (self.rate, self.arrival, self.seed);
        let spans = self.times.clone().into_iter().zip(0_u64..);
        spans.flat_map(move |((start, end), span)| {
            let times = (0_u64..).scan(0.0, move |random_at, number| match arrival {
                Arrival::Constant => Some(number as f64 * 1e6 / rate),
                Arrival::Poisson => {
                    *random_at += -(1.0 - unit(seed, span, number, 0)).ln() * 1e6 / rate;
                    Some(*random_at)
                }
            });
            let length = (end - start) as f64;
            times
                .take_while(move |at| *at < length)
                .map(move |at| start + at as u64)
        })
    }

    pub(super) fn publications(self) -> impl Iterator<Item = Publication> + Send {
        let shares = zipf(self.topics, self.dist);
        let mut counted = vec![0_u64; self.topics as usize];
        self.instants().zip(0_u64..).map(move |(at_us, number)| {
            let topic = if shares.is_empty() {
                number % self.topics
            } else {
                let drawn = unit(self.seed, 6, number, 0);
                let index = shares.partition_point(|share| *share <= drawn);
                (index as u64).min(self.topics - 1)
            };
            let seq = &mut counted[topic as usize];
            *seq += 1;
            Publication {
                at_us,
                topic,
                seq: *seq,
            }
        })
    }
}

/// Cumulated shares of topics; none where they take turns.
fn zipf(topics: u64, dist: TopicDist) -> Vec<f64> {
    if dist == TopicDist::Uniform {
        return Vec::new();
    }
    let weights = || (1..=topics).map(|rank| 1.0 / rank as f64);
    let all: f64 = weights().sum();
    let cumulated = weights().scan(0.0, |sum, weight| {
        *sum += weight / all;
        Some(*sum)
    });
    cumulated.collect()
}

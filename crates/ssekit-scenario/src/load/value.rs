//! Values of scenarios that are written as text: times, sizes, rates, shares.

use std::fmt;
use std::time::Duration;

use serde::de::{Error as _, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use ssekit_record::quantity;

/// Takes a string and reads it by this function; a number is taken too where `$number` says how.
macro_rules! text_value {
    ($(#[$doc:meta])* $name:ident($inner:ty), $read:expr, $expected:literal, $number:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd)]
        pub struct $name(pub $inner);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct Reader;
                impl Visitor<'_> for Reader {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expected)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        $read(text).map($name).map_err(E::custom)
                    }

                    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<$name, E> {
                        let read: Option<fn(f64) -> Option<$inner>> = $number;
                        let value = read.and_then(|read| read(number as f64));
                        value.map($name).ok_or_else(|| {
                            E::invalid_value(Unexpected::Signed(number), &self)
                        })
                    }

                    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<$name, E> {
                        let read: Option<fn(f64) -> Option<$inner>> = $number;
                        let value = read.and_then(|read| read(number));
                        value.map($name).ok_or_else(|| {
                            E::invalid_value(Unexpected::Float(number), &self)
                        })
                    }
                }
                from.deserialize_any(Reader)
            }
        }
    };
}

text_value!(
    /// A time with its unit, such as `"250ms"`.
    Time(Duration),
    quantity::time,
    "a time with its unit, such as \"250ms\", \"10s\" or \"2m\"",
    None
);

impl Time {
    /// In microseconds.
    pub fn us(self) -> u64 {
        u64::try_from(self.0.as_micros()).unwrap_or(u64::MAX)
    }
}

text_value!(
    /// Bytes, such as `"64KiB"`.
    Size(u64),
    quantity::size,
    "a size such as \"64KiB\"",
    Some(|number| (number >= 0.0 && number.fract() == 0.0).then_some(number as u64))
);

text_value!(
    /// How many a second, such as `"200/s"`.
    Rate(f64),
    quantity::rate,
    "a rate such as \"200/s\"",
    Some(|number| (number >= 0.0).then_some(number))
);

text_value!(
    /// From 0 to 1, such as `"25%"`.
    Share(f64),
    quantity::share,
    "a share such as \"25%\" or 0.25",
    Some(|number| (0.0..=1.0).contains(&number).then_some(number))
);

text_value!(
    /// Bytes a second, such as `"2KiB/s"`.
    Throughput(f64),
    throughput,
    "bytes a second, such as \"2KiB/s\"",
    Some(|number| (number >= 0.0).then_some(number))
);

fn throughput(text: &str) -> Result<f64, quantity::QuantityError> {
    let size = text.trim().strip_suffix("/s").unwrap_or(text);
    quantity::size(size).map(|size| size as f64)
}

/// Some of the open streams: `"100%"` or a number of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// A share of them.
    Share(f64),
    /// So many of them.
    Count(u64),
}

impl Amount {
    /// How many of so many.
    pub fn of(self, all: u64) -> u64 {
        match self {
            Self::Share(share) => (share * all as f64).round() as u64,
            Self::Count(count) => count.min(all),
        }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "expected a share such as \"50%\" or a number of streams"
        )]
        enum Written {
            Count(u64),
            Text(String),
        }
        match Written::deserialize(from)? {
            Written::Count(count) => Ok(Self::Count(count)),
            Written::Text(text) if text.ends_with('%') => quantity::share(&text)
                .map(Self::Share)
                .map_err(D::Error::custom),
            Written::Text(text) => text.trim().parse().map(Self::Count).map_err(|_| {
                D::Error::custom("expected a share such as \"50%\" or a number of streams")
            }),
        }
    }
}

/// Random times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spread {
    /// Always this long, in microseconds.
    Fixed(u64),
    /// Evenly between these, in microseconds.
    Uniform(u64, u64),
    /// Exponential with this mean, in microseconds.
    Exp(u64),
    /// Lognormal with this median in microseconds and this standard deviation of the logarithm.
    Lognormal(u64, f64),
}

impl Spread {
    /// A value in microseconds; `unit` and `other` are evenly from 0 to 1, 1 excluded.
    pub fn draw(self, unit: f64, other: f64) -> u64 {
        match self {
            Self::Fixed(us) => us,
            Self::Uniform(least, most) => least + (unit * (most - least) as f64) as u64,
            Self::Exp(mean) => (-(1.0 - unit).ln() * mean as f64) as u64,
            Self::Lognormal(median, sigma) => {
                // Box and Muller's transform of two even numbers to a normal one.
                let normal =
                    (-2.0 * (1.0 - unit).ln()).sqrt() * (std::f64::consts::TAU * other).cos();
                ((sigma * normal).exp() * median as f64).min(1e15) as u64
            }
        }
    }
}

/// How long streams stay: `"forever"`, or a spread.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Lifetime {
    /// Until the plan ends them.
    #[default]
    Forever,
    /// So long, then they leave and the next one comes in their place.
    Drawn(Spread),
}

const LIFETIME: &str = "expected \"forever\", \"fixed:30s\", \"uniform:10s..60s\", \"exp:30s\", \"lognormal:30s,0.5\" or a table such as { exp = \"30s\" }";

impl<'de> Deserialize<'de> for Lifetime {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            fixed: Option<Time>,
            uniform: Option<(Time, Time)>,
            exp: Option<Time>,
            lognormal: Option<(Time, f64)>,
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Text(String),
            Table(Table),
        }
        let wrong = || D::Error::custom(LIFETIME);
        let spread = match Written::deserialize(from).map_err(|_| wrong())? {
            Written::Text(text) if text == "forever" => return Ok(Self::Forever),
            Written::Text(text) => spread(&text).ok_or_else(wrong)?,
            Written::Table(table) => match table {
                Table {
                    fixed: Some(time),
                    uniform: None,
                    exp: None,
                    lognormal: None,
                } => Spread::Fixed(time.us()),
                Table {
                    fixed: None,
                    uniform: Some((a, b)),
                    exp: None,
                    lognormal: None,
                } => Spread::Uniform(a.us(), b.us()),
                Table {
                    fixed: None,
                    uniform: None,
                    exp: Some(mean),
                    lognormal: None,
                } => Spread::Exp(mean.us()),
                Table {
                    fixed: None,
                    uniform: None,
                    exp: None,
                    lognormal: Some((median, sigma)),
                } => Spread::Lognormal(median.us(), sigma),
                _ => return Err(wrong()),
            },
        };
        let is_sound = match spread {
            Spread::Fixed(us) | Spread::Exp(us) => us > 0,
            Spread::Uniform(least, most) => least <= most && most > 0,
            Spread::Lognormal(median, sigma) => median > 0 && (0.0..=10.0).contains(&sigma),
        };
        if is_sound {
            Ok(Self::Drawn(spread))
        } else {
            Err(wrong())
        }
    }
}

fn spread(text: &str) -> Option<Spread> {
    let us = |text: &str| quantity::time(text).ok().map(|time| Time(time).us());
    let (kind, value) = text.split_once(':')?;
    match kind {
        "fixed" => us(value).map(Spread::Fixed),
        "exp" => us(value).map(Spread::Exp),
        "uniform" => {
            let (least, most) = value.split_once("..")?;
            Some(Spread::Uniform(us(least)?, us(most)?))
        }
        "lognormal" => {
            let (median, sigma) = value.split_once(',')?;
            Some(Spread::Lognormal(us(median)?, sigma.trim().parse().ok()?))
        }
        _ => None,
    }
}

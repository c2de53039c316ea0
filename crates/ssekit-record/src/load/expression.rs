//! What a threshold demands, in words such as `p99 < 250ms`.

use std::fmt;
use std::str::FromStr;

/// A figure of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stat {
    /// The value at this percentile, 0 to 100.
    Percentile(f64),
    /// The least sample.
    Min,
    /// The mean.
    Mean,
    /// The largest sample.
    Max,
    /// How many samples, or how many of what is counted.
    Count,
    /// Of what is counted, the share of all that could have been; of samples, how many a second.
    Rate,
    /// As `rate` of what is counted.
    Ratio,
    /// The share of samples above this value, in the unit of the metric.
    FractionAbove(Quantity),
}

/// How a figure is held against a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
    /// `!=`
    Unequal,
}

/// A number with the unit it was written in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantity {
    /// A time, in microseconds.
    Time(f64),
    /// A share of one: `5%`.
    Share(f64),
    /// Bytes.
    Bytes(f64),
    /// A plain number.
    Number(f64),
}

/// What a threshold demands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expression {
    /// The figure.
    pub stat: Stat,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what.
    pub value: Quantity,
}

/// Why a text is no expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ExpressionError(String);

impl Comparison {
    const ALL: [(&'static str, Self); 6] = [
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("==", Self::Equal),
        ("!=", Self::Unequal),
        ("<", Self::Less),
        (">", Self::Greater),
    ];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        let mut all = Self::ALL.iter();
        all.find(|(_, comparison)| *comparison == self)
            .map_or("", |(text, _)| text)
    }

    /// Whether it holds between a figure and a value.
    pub fn holds(self, figure: f64, value: f64) -> bool {
        match self {
            Self::Less => figure < value,
            Self::AtMost => figure <= value,
            Self::Greater => figure > value,
            Self::AtLeast => figure >= value,
            Self::Equal => figure == value,
            Self::Unequal => figure != value,
        }
    }
}

impl Expression {
    /// Reads `METRIC STAT OP VALUE`, the form of the command line: the metric and the rest.
    ///
    /// # Errors
    /// When the text is no such expression.
    pub fn with_metric(text: &str) -> Result<(String, Self), ExpressionError> {
        let text = text.trim();
        let (metric, rest) = text.split_once(char::is_whitespace).ok_or_else(|| {
            ExpressionError(format!(
                "{text:?} is no threshold: write METRIC STAT OP VALUE, such as `delivery p99 < 250ms`"
            ))
        })?;
        Ok((metric.to_owned(), rest.parse()?))
    }
}

impl FromStr for Expression {
    type Err = ExpressionError;

    /// Reads `STAT OP VALUE`.
    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        let wrong = || {
            ExpressionError(format!(
                "{text:?} is no condition: write STAT OP VALUE, such as `p99 < 250ms`, `rate == 0` or `frac_above:250ms < 1%`"
            ))
        };
        let at = text.find(['<', '>', '=', '!']).ok_or_else(wrong)?;
        let (stat, rest) = text.split_at(at);
        let (sign, comparison) = Comparison::ALL
            .into_iter()
            .find(|(sign, _)| rest.starts_with(sign))
            .ok_or_else(wrong)?;
        Ok(Self {
            stat: stat.trim().parse()?,
            comparison,
            value: rest[sign.len()..].trim().parse()?,
        })
    }
}

impl FromStr for Stat {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        let stat = match text {
            "min" => Self::Min,
            "mean" | "avg" => Self::Mean,
            "max" => Self::Max,
            "median" => Self::Percentile(50.0),
            "count" => Self::Count,
            "rate" => Self::Rate,
            "ratio" => Self::Ratio,
            _ => {
                if let Some(value) = text.strip_prefix("frac_above:") {
                    return Ok(Self::FractionAbove(value.parse()?));
                }
                let percentile = text.strip_prefix('p').and_then(percentile);
                return percentile.map(Self::Percentile).ok_or_else(|| {
                    ExpressionError(format!(
                        "{text:?} is no figure: use p50, p99, p99.9 and so on, min, mean, max, count, rate, ratio or frac_above:TIME"
                    ))
                });
            }
        };
        Ok(stat)
    }
}

/// `99`, `99.9`, and as record fields have it `999` for 99.9.
fn percentile(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let number: f64 = text.parse().ok().filter(|_| plain)?;
    if number > 100.0 && text.starts_with("99") && !text.contains('.') {
        return format!("{}.{}", &text[..2], &text[2..]).parse().ok();
    }
    (0.0..=100.0).contains(&number).then_some(number)
}

impl FromStr for Quantity {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        let end = text
            .find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '_'))
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let number: f64 = number.replace('_', "").parse().map_err(|_| {
            ExpressionError(format!(
                "{text:?} is no value: write a number, with a unit where it has one (250ms, 5%, 2KiB)"
            ))
        })?;
        Ok(match unit.trim() {
            "us" | "µs" => Self::Time(number),
            "ms" => Self::Time(number * 1e3),
            "s" => Self::Time(number * 1e6),
            "m" | "min" => Self::Time(number * 60e6),
            "h" => Self::Time(number * 3600e6),
            "%" => Self::Share(number / 100.0),
            "B" => Self::Bytes(number),
            "KiB" => Self::Bytes(number * 1024.0),
            "MiB" => Self::Bytes(number * 1024.0 * 1024.0),
            "KB" | "kB" => Self::Bytes(number * 1e3),
            "MB" => Self::Bytes(number * 1e6),
            "" => Self::Number(number),
            other => {
                return Err(ExpressionError(format!(
                    "unknown unit {other:?}: use us, ms, s, m, h, %, B, KiB, MiB, or none"
                )));
            }
        })
    }
}

impl Quantity {
    /// The number: microseconds, a share of one, bytes, or itself.
    pub fn number(self) -> f64 {
        match self {
            Self::Time(number)
            | Self::Share(number)
            | Self::Bytes(number)
            | Self::Number(number) => number,
        }
    }
}

impl fmt::Display for Stat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percentile(percentile) => write!(f, "p{percentile}"),
            Self::Min => f.write_str("min"),
            Self::Mean => f.write_str("mean"),
            Self::Max => f.write_str("max"),
            Self::Count => f.write_str("count"),
            Self::Rate => f.write_str("rate"),
            Self::Ratio => f.write_str("ratio"),
            Self::FractionAbove(value) => write!(f, "frac_above:{value}"),
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Time(us) if us >= 1e6 => write!(f, "{}s", us / 1e6),
            Self::Time(us) if us >= 1e3 => write!(f, "{}ms", us / 1e3),
            Self::Time(us) => write!(f, "{us}us"),
            Self::Share(share) => write!(f, "{}%", share * 100.0),
            Self::Bytes(bytes) => write!(f, "{bytes}B"),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {}",
            self.stat,
            self.comparison.as_str(),
            self.value
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn conditions_are_read_and_written() {
        for (text, shown) in [
            ("p99 < 250ms", "p99 < 250ms"),
            ("p99.9<=1.5s", "p99.9 <= 1.5s"),
            ("p999 < 1s", "p99.9 < 1s"),
            ("median > 3us", "p50 > 3us"),
            ("rate == 0", "rate == 0"),
            ("ratio<0.1%", "ratio < 0.1%"),
            ("frac_above:250ms < 1%", "frac_above:250ms < 1%"),
            ("count >= 10_000", "count >= 10000"),
            ("max != 5", "max != 5"),
            ("p100 < 2KiB", "p100 < 2048B"),
        ] {
            let expression: Expression = text.parse().unwrap();
            assert_eq!(expression.to_string(), shown);
        }
        let (metric, expression) = Expression::with_metric("delivery p99 < 250ms").unwrap();
        assert_eq!(
            (metric.as_str(), expression.value),
            ("delivery", Quantity::Time(250_000.0))
        );
    }

    #[test]
    fn what_is_no_condition_says_how_one_is_written() {
        for text in [
            "",
            "p99",
            "p99 <",
            "p99 250ms",
            "p101 < 1s",
            "px < 1",
            "p-1 < 1",
            "p99 < 1 parsec",
            "p99 =< 3",
            "q99 < 3",
            "frac_above:x < 1%",
            "p99 < ms",
        ] {
            assert!(text.parse::<Expression>().is_err(), "{text}");
        }
        assert!(Expression::with_metric("p99").is_err());
    }
}

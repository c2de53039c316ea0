//! Texts with places to fill in: `/stream/{stream}`, `{"seq":{seq},"at":{intended_us}}`.

use std::fmt::Write as _;

use super::port::PLACE;
use super::random::random;
use super::reader::nearest;

const NAMES: &[&str] = &[
    "stream",
    "shard",
    "topic",
    "seq",
    "intended_us",
    "sent_us",
    "pad:N",
    "rand:N",
    "rand:A..B",
    "csv.COLUMN",
    "data.COLUMN",
];

/// Longest padding, in bytes.
const MAX_PAD: u64 = 16 * 1024 * 1024;

/// A text with places to fill in. A brace that is not one of `{stream}`, `{shard}`, `{topic}`,
/// `{seq}`, `{intended_us}`, `{sent_us}`, `{pad:N}`, `{rand:N}`, `{rand:A..B}`, `{csv.COLUMN}` or
/// `{data.COLUMN}` stands for itself, so JSON needs no escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Stream,
    Shard,
    Topic,
    Seq,
    IntendedUs,
    SentUs,
    Pad(usize),
    Random { from: u64, to: u64 },
    Column(String),
}

/// What is filled in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filling<'a> {
    /// Number of the stream.
    pub stream: u64,
    /// Index of the shard.
    pub shard: u32,
    /// Topic.
    pub topic: &'a str,
    /// Sequence number of a publication, from 1 within its topic.
    pub seq: u64,
    /// Intended instant of a publication, in microseconds since 1970-01-01T00:00:00Z.
    pub intended_us: u64,
    /// Instant of sending, likewise.
    pub sent_us: u64,
    /// Row of the data file: names and values.
    pub row: &'a [(String, String)],
    /// Seed of the random places: the same gives the same text.
    pub seed: u64,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// Where `{name}` is none of the places there are.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(start) = rest.find('{') {
            plain.push_str(&rest[..start]);
            rest = &rest[start + 1..];
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_.:-".contains(c)));
            let name = match end {
                Some(end) if rest[end..].starts_with('}') && is_name(&rest[..end]) => &rest[..end],
                _ => {
                    plain.push('{');
                    continue;
                }
            };
            rest = &rest[name.len() + 1..];
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::named(name)?);
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self(pieces))
    }

    /// Appends the text with everything filled in.
    pub fn fill(&self, with: &Filling<'_>, out: &mut String) {
        for (index, piece) in (0..).zip(&self.0) {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Stream => number(out, with.stream),
                Piece::Shard => number(out, u64::from(with.shard)),
                Piece::Topic => out.push_str(with.topic),
                Piece::Seq => number(out, with.seq),
                Piece::IntendedUs => number(out, with.intended_us),
                Piece::SentUs => number(out, with.sent_us),
                Piece::Pad(length) => out.extend(std::iter::repeat_n('x', *length)),
                Piece::Random { from, to } => {
                    let drawn = random(with.seed, index, with.stream, with.seq);
                    number(out, from + drawn % (to - from));
                }
                Piece::Column(name) => {
                    let found = with.row.iter().find(|(column, _)| column == name);
                    out.push_str(found.map_or("", |(_, value)| value));
                }
            }
        }
    }

    /// The columns of the data file it needs.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Column(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Whether it is the same for every stream.
    pub fn is_constant(&self) -> bool {
        self.0.iter().all(|piece| matches!(piece, Piece::Text(_)))
    }

    /// Whether it names the topic.
    pub fn has_topic(&self) -> bool {
        self.0.contains(&Piece::Topic)
    }

    /// Some text it could become.
    pub(super) fn sample(&self) -> String {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                _ => out.push('1'),
            }
        }
        out
    }
}

fn number(out: &mut String, value: u64) {
    // Writing to a string cannot fail.
    let _ = write!(out, "{value}");
}

/// Whether it looks like a place rather than like JSON.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
}

impl Piece {
    fn named(name: &str) -> Result<Self, String> {
        let wrong = |expected: &str| Err(format!("`{{{name}}}`: expected {expected}"));
        Ok(match (name, name.split_once(':'), name.split_once('.')) {
            // Put in before anything is filled, where the server is started for the run.
            ("port", ..) => Self::Text(PLACE.to_owned()),
            ("stream", ..) => Self::Stream,
            ("shard", ..) => Self::Shard,
            ("topic", ..) => Self::Topic,
            ("seq", ..) => Self::Seq,
            ("intended_us", ..) => Self::IntendedUs,
            ("sent_us", ..) => Self::SentUs,
            (_, Some(("pad", length)), _) => match length.parse::<u64>() {
                Ok(length) if length <= MAX_PAD => Self::Pad(length as usize),
                _ => return wrong("a number of bytes up to 16 MiB, such as {pad:512}"),
            },
            (_, Some(("rand", bounds)), _) => match range(bounds) {
                Some((from, to)) => Self::Random { from, to },
                None => return wrong("bounds such as {rand:100} or {rand:10..20}"),
            },
            (_, None, Some(("csv" | "data", column))) if !column.is_empty() => {
                Self::Column(column.to_owned())
            }
            _ => {
                let plain = name.split([':', '.']).next().unwrap_or(name);
                let known: Vec<_> = NAMES
                    .iter()
                    .map(|known| known.split([':', '.']).next().unwrap_or(known))
                    .collect();
                return Err(match nearest(plain, &known) {
                    Some(near) => {
                        format!("`{{{name}}}` is nothing to fill in; did you mean `{{{near}}}`?")
                    }
                    None => format!(
                        "`{{{name}}}` is nothing to fill in; there is {{{}}}",
                        NAMES.join("}, {")
                    ),
                });
            }
        })
    }
}

/// From the first, up to but not the second.
fn range(text: &str) -> Option<(u64, u64)> {
    let (from, to) = match text.split_once("..") {
        Some((from, to)) => (from.parse().ok()?, to.parse().ok()?),
        None => (0, text.parse().ok()?),
    };
    (from < to).then_some((from, to))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn filled(text: &str) -> String {
        let row = [("name".to_owned(), "Ada".to_owned())];
        let with = Filling {
            stream: 7,
            shard: 1,
            topic: "news",
            seq: 3,
            intended_us: 99,
            row: &row,
            ..Filling::default()
        };
        let mut out = String::new();
        Template::parse(text).unwrap().fill(&with, &mut out);
        out
    }

    #[test]
    fn places_are_filled_in_and_json_is_left_alone() {
        assert_eq!(filled("/s/{stream}/{topic}?{shard}"), "/s/7/news?1");
        assert_eq!(
            filled(r#"{"seq":{seq},"at":{intended_us},"who":{"n":"{csv.name}"},"p":"{pad:4}"}"#),
            r#"{"seq":3,"at":99,"who":{"n":"Ada"},"p":"xxxx"}"#
        );
        assert_eq!(filled("{}{ {\n}{"), "{}{ {\n}{");
        assert_eq!(filled("{rand:5..6}"), "5");
        assert_eq!(filled("{rand:1000}"), filled("{rand:1000}"));
    }

    #[test]
    fn what_is_mistyped_is_told() {
        for (text, says) in [
            ("{strem}", "did you mean `{stream}`?"),
            ("{quux}", "there is {stream}"),
            ("{pad:x}", "a number of bytes"),
            ("{rand:5..5}", "bounds such as"),
        ] {
            let error = Template::parse(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}

//! Numbers that servers put into events: sequence numbers and times.

/// Where in an event a number stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The last event ID.
    Id,
    /// The data: all of it, or where it is JSON, the value at a JSON pointer (RFC 6901), given as
    /// its reference tokens with the escapes undone.
    Data(Vec<String>),
}

impl Place {
    /// The place in the data that a JSON pointer names; the empty pointer is all of it.
    pub fn in_data(pointer: &str) -> Self {
        let tokens = pointer.split('/').skip(1);
        Self::Data(
            tokens
                .map(|token| token.replace("~1", "/").replace("~0", "~"))
                .collect(),
        )
    }

    /// The decimal number at this place, as its whole part and up to six digits behind the point
    /// in millionths; `None` where there is no number or it is negative or too large. A JSON string
    /// that holds a number counts as that number.
    #[inline]
    pub fn number(&self, data: &str, id: &str) -> Option<Number> {
        match self {
            Self::Id => Number::read(id.as_bytes()),
            Self::Data(path) if path.is_empty() => Number::read(data.trim().as_bytes()),
            Self::Data(path) => {
                let mut json = Json {
                    bytes: data.as_bytes(),
                    at: 0,
                };
                Number::read(json.value_at(path)?)
            }
        }
    }

    /// Whether there is text at this place: a JSON string in the data with anything in it, or where the
    /// place is all of the data or the id, anything at all.
    #[inline]
    pub fn has_text(&self, data: &str, id: &str) -> bool {
        match self {
            Self::Id => !id.is_empty(),
            Self::Data(path) if path.is_empty() => !data.is_empty(),
            Self::Data(path) => {
                let mut json = Json {
                    bytes: data.as_bytes(),
                    at: 0,
                };
                let text = json.go_to(path).and_then(|()| match json.next()? {
                    b'"' => json.string(),
                    _ => None,
                });
                text.is_some_and(|text| !text.is_empty())
            }
        }
    }
}

/// A number that is not negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    /// Whole part.
    pub whole: u64,
    /// Millionths.
    pub micro: u32,
}

impl Number {
    #[inline]
    fn read(text: &[u8]) -> Option<Self> {
        let end = text.iter().position(|byte| !byte.is_ascii_digit());
        let (digits, rest) = text.split_at(end.unwrap_or(text.len()));
        if digits.is_empty() || digits.len() > 19 {
            return None;
        }
        let whole = digits
            .iter()
            .fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        let micro = match rest {
            [] => 0,
            [b'.', fraction @ ..] if !fraction.is_empty() => millionths(fraction)?,
            _ => return None,
        };
        Some(Self { whole, micro })
    }

    /// A whole number.
    pub fn integer(self) -> Option<u64> {
        (self.micro == 0).then_some(self.whole)
    }

    /// As microseconds, where one unit is so many nanoseconds.
    pub fn micros(self, nanos_per_unit: u64) -> Option<u64> {
        let millionths = u128::from(self.whole) * 1_000_000 + u128::from(self.micro);
        let micros = millionths * u128::from(nanos_per_unit) / 1_000_000_000;
        u64::try_from(micros).ok()
    }
}

fn millionths(fraction: &[u8]) -> Option<u32> {
    let mut value = 0;
    for place in 0..6 {
        let digit = match fraction.get(place) {
            Some(byte @ b'0'..=b'9') => u32::from(byte - b'0'),
            Some(_) => return None,
            None => 0,
        };
        value = value * 10 + digit;
    }
    fraction.iter().all(u8::is_ascii_digit).then_some(value)
}

/// Walks over JSON text without keeping any of it. Text that is not JSON has no value anywhere; only
/// what stands before the value is looked at.
struct Json<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Json<'a> {
    fn value_at(&mut self, path: &[String]) -> Option<&'a [u8]> {
        self.go_to(path)?;
        self.scalar()
    }

    fn go_to(&mut self, path: &[String]) -> Option<()> {
        for token in path {
            match self.next()? {
                b'{' => self.member(token)?,
                b'[' => self.element(token.parse().ok()?)?,
                _ => return None,
            }
        }
        Some(())
    }

    /// The next byte that is not white space, taken.
    fn next(&mut self) -> Option<u8> {
        self.space();
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Goes to the value of a member of the object that was just entered.
    fn member(&mut self, name: &str) -> Option<()> {
        loop {
            if self.next()? != b'"' {
                return None;
            }
            let raw = self.string()?;
            let is_it = if raw.contains(&b'\\') {
                let quoted = [b"\"", raw, b"\""].concat();
                serde_json::from_slice::<String>(&quoted).is_ok_and(|text| text == name)
            } else {
                raw == name.as_bytes()
            };
            if self.next()? != b':' {
                return None;
            }
            if is_it {
                return Some(());
            }
            self.skip()?;
            if self.next()? != b',' {
                return None;
            }
        }
    }

    fn element(&mut self, index: usize) -> Option<()> {
        for _ in 0..index {
            self.skip()?;
            if self.next()? != b',' {
                return None;
            }
        }
        Some(())
    }

    /// The rest of a string whose opening quote was taken, as it stands.
    fn string(&mut self) -> Option<&'a [u8]> {
        let begin = self.at;
        loop {
            let rest = self.bytes.get(self.at..)?;
            let found = memchr::memchr2(b'"', b'\\', rest)?;
            self.at += found;
            if self.bytes[self.at] == b'"' {
                self.at += 1;
                return Some(&self.bytes[begin..self.at - 1]);
            }
            self.at += 2;
        }
    }

    /// Passes over one value, however deep, without recursion.
    fn skip(&mut self) -> Option<()> {
        let mut depth = 0_u32;
        loop {
            match self.next()? {
                b'"' => {
                    self.string()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    continue;
                }
                b'}' | b']' => depth = depth.checked_sub(1)?,
                b',' | b':' if depth > 0 => continue,
                _ => {
                    let rest = self.bytes.get(self.at..)?;
                    let ends = |byte: &u8| {
                        matches!(
                            byte,
                            b',' | b'}' | b']' | b':' | b' ' | b'\t' | b'\n' | b'\r'
                        )
                    };
                    self.at += rest.iter().position(ends).unwrap_or(rest.len());
                }
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// The text of a number, or of a string.
    fn scalar(&mut self) -> Option<&'a [u8]> {
        if self.next()? == b'"' {
            return self.string();
        }
        let begin = self.at - 1;
        let rest = &self.bytes[self.at..];
        let ends = |byte: &u8| !matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
        let len = rest.iter().position(ends).unwrap_or(rest.len());
        Some(&self.bytes[begin..self.at + len])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(pointer: &str, data: &str) -> Option<(u64, u32)> {
        let number = Place::in_data(pointer).number(data, "")?;
        Some((number.whole, number.micro))
    }

    #[test]
    fn numbers_are_found_where_the_pointer_says() {
        let json = r#" {"a": [1, {"x y": "q\"}"}, [2, 3]], "ts":1700000000.125 , "b~/c": {"d": "42"}, "\u0065": 5}"#;
        assert_eq!(at("/ts", json), Some((1_700_000_000, 125_000)));
        assert_eq!(at("/a/0", json), Some((1, 0)));
        assert_eq!(at("/a/2/1", json), Some((3, 0)));
        assert_eq!(at("/b~0~1c/d", json), Some((42, 0)));
        assert_eq!(at("/e", json), Some((5, 0)));
        assert_eq!(at("", " 17 "), Some((17, 0)));
    }

    #[test]
    fn what_is_no_number_is_none() {
        for (pointer, data) in [
            ("/a", r#"{"a": null}"#),
            ("/a", r#"{"a": -1}"#),
            ("/a", r#"{"a": 1e3}"#),
            ("/a", r#"{"a": "x"}"#),
            ("/a", r#"{"b": 1}"#),
            ("/a", r#"{"a""#),
            ("/a", "not json"),
            ("/0", "[]"),
            ("", "1a"),
            ("", "99999999999999999999"),
            ("", ""),
        ] {
            assert_eq!(at(pointer, data), None, "{pointer} {data}");
        }
    }

    #[test]
    fn text_is_a_string_with_something_in_it() {
        let has = |pointer: &str, data: &str| Place::in_data(pointer).has_text(data, "7");
        assert!(has("/a/0/b", r#"{"a": [{"b" : "x"}]}"#));
        assert!(has("/a", r#"{"a":"\""}"#));
        assert!(has("", "x") && Place::Id.has_text("", "7"));
        for data in [
            r#"{"a": ""}"#,
            r#"{"a": null}"#,
            r#"{"a": 1}"#,
            r#"{"a": {"a": "x"}}"#,
            r#"{"a": "x"#,
            r#"{"b": "x"}"#,
            "[DONE]",
            "",
        ] {
            assert!(!has("/a", data), "{data}");
        }
        assert!(!has("", "") && !Place::Id.has_text("x", ""));
    }

    #[test]
    fn units_become_microseconds() {
        let of =
            |text: &str, per_unit| Number::read(text.as_bytes()).and_then(|n| n.micros(per_unit));
        assert_eq!(
            of("1700000000.123456", 1_000_000_000),
            Some(1_700_000_000_123_456)
        );
        assert_eq!(of("1.5", 1_000_000), Some(1500));
        assert_eq!(of("1700000000123456789", 1), Some(1_700_000_000_123_456));
        assert_eq!(of("9999999999999999999", 1_000_000_000), None);
    }

    proptest! {
        #[test]
        fn it_finds_what_serde_json_finds(
            members in proptest::collection::vec(("[a-c\"\\\\é]{0,3}", any::<u32>(), ".{0,6}"), 0..6),
            name in "[a-c\"\\\\é]{0,3}",
        ) {
            let mut object = serde_json::Map::new();
            for (key, number, text) in members {
                object.insert(key.clone(), number.into());
                object.insert(format!("{key}{key}"), serde_json::json!([{ "k": text }, number]));
            }
            let want = object.get(&name).and_then(serde_json::Value::as_u64);
            let data = serde_json::Value::Object(object).to_string();
            let place = Place::Data(vec![name]);
            prop_assert_eq!(place.number(&data, "").and_then(Number::integer), want);
        }

        #[test]
        fn no_text_makes_it_panic(data in ".{0,40}", pointer in "(/[a0~]{0,2}){0,3}") {
            let _ = Place::in_data(&pointer).number(&data, &data);
        }
    }
}

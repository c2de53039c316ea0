//! The block a stream ended in.

/// What stands after the last empty line of a stream that has ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pending {
    /// Its first line that is not a comment, if there is one.
    pub(super) text: Option<String>,
    /// Whether an event would have been dispatched.
    pub(super) has_data: bool,
    /// Bytes before that line: a BOM, comments.
    pub(super) skipped: u64,
}

impl Pending {
    /// Reads the bytes from `tail` on.
    pub(super) fn of(bytes: &[u8], tail: u64) -> Self {
        let rest = usize::try_from(tail).ok().and_then(|at| bytes.get(at..));
        let rest = rest.unwrap_or_default();
        let mut pending = Self {
            text: None,
            has_data: false,
            skipped: 0,
        };
        let bom: &[u8] = if tail == 0 { b"\xEF\xBB\xBF" } else { b"" };
        let text = rest.strip_prefix(bom).unwrap_or(rest);
        let mut at = rest.len() - text.len();
        for line in text.split(|byte| matches!(byte, b'\r' | b'\n')) {
            if !line.is_empty() && line[0] != b':' {
                pending.has_data |= line == b"data" || line.starts_with(b"data:");
                if pending.text.is_none() && has_effect(line) {
                    pending.skipped = at as u64;
                    pending.text = Some(String::from_utf8_lossy(line).into_owned());
                }
            }
            at += line.len() + 1;
        }
        pending
    }
}

/// A complete `retry` line works at once, and other field names work never.
fn has_effect(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b':').next().unwrap_or(line);
    matches!(name, b"data" | b"event" | b"id")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_retry_leave_nothing_pending() {
        for rest in [": bye\n", ":", "retry: 5\n", "\u{feff}", ""] {
            assert_eq!(Pending::of(rest.as_bytes(), 0).text, None, "{rest:?}");
        }
    }

    #[test]
    fn data_is_found_behind_other_lines() {
        let pending = Pending::of(b"data: a\n\n: c\r\nid: 1\r\ndata", 9);
        assert_eq!(pending.text.as_deref(), Some("id: 1"));
        assert!(pending.has_data);
        assert_eq!(pending.skipped, 5);
        assert!(!Pending::of(b"event: a\ndatum: b\n", 0).has_data);
    }
}

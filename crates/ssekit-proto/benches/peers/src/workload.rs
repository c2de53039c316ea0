//! The streams that are parsed: about 256 KiB each, so that they stay in the second-level cache, as
//! bytes do that were just read from a socket.
use bytes::Bytes;

/// A stream, cut into slices.
pub struct Workload {
    pub name: &'static str,
    pub slices: Vec<Bytes>,
    pub events: usize,
    pub bytes: usize,
}

/// What one read of a socket usually gives at most.
const READ: usize = 16 * 1024;

pub fn workloads() -> Vec<Workload> {
    let plain = repeat(2_500, |_| format!("data: {}\n\n", text(92)));
    let named = repeat(2_500, |n| {
        format!("id: {n:06}\nevent: tick\ndata: {}\n\n", text(70))
    });
    let lines = repeat(400, |_| {
        format!(
            "event: log\n{}\n",
            format!("data: {}\n", text(73)).repeat(8)
        )
    });
    let long = repeat(4, |_| format!("data: {}\n\n", text(64 * 1024 - 8)));
    let wide = repeat(4, |_| {
        format!("data: {}\n\n", "ねこ ".repeat(64 * 1024 / 7))
    });
    vec![
        cut("100-byte events (`data` only)", &plain, READ),
        cut("100-byte events (`id`, `event`, `data`)", &named, READ),
        cut("8 `data` lines of 80 bytes", &lines, READ),
        cut("64 KiB lines, all in one slice", &long, usize::MAX),
        cut("64 KiB lines", &long, READ),
        cut("64 KiB lines, not ASCII", &wide, READ),
        cut("100-byte events, slices of one byte", &named[..20_000], 1),
    ]
}

fn repeat(count: usize, event: impl Fn(usize) -> String) -> Vec<u8> {
    (0..count).flat_map(|n| event(n).into_bytes()).collect()
}

/// So many bytes that look like JSON.
fn text(len: usize) -> String {
    r#"{"id":4711,"price":"101.25","note":"as before: nothing new"} "#
        .chars()
        .cycle()
        .take(len)
        .collect()
}

fn cut(name: &'static str, stream: &[u8], size: usize) -> Workload {
    let stream = Bytes::copy_from_slice(stream);
    let slices = (0..stream.len())
        .step_by(size.min(stream.len()))
        .map(|at| stream.slice(at..stream.len().min(at.saturating_add(size))))
        .collect();
    let events = stream.windows(2).filter(|pair| pair == b"\n\n").count();
    Workload {
        name,
        slices,
        events,
        bytes: stream.len(),
    }
}

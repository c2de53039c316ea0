//! How fast streams of several shapes are parsed. Beside the published parsers: `benches/peers`.
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use ssekit_proto::{Event, EventRef, Parser, Sink};

fn main() {
    divan::main();
}

/// What one read of a socket usually gives at most.
const READ: usize = 16 * 1024;

/// Shape of a stream of about 2 MB: name, one event, slice size.
type Shape = (&'static str, fn() -> String, usize);

const SHAPES: &[Shape] = &[
    ("100 bytes, data", plain, READ),
    ("100 bytes, id event data", named, READ),
    ("100 bytes, 1-byte slices", named, 1),
    ("8 lines", lines, READ),
    ("64 KiB", long, READ),
    ("64 KiB, one slice", long, usize::MAX),
    ("64 KiB, not ASCII", wide, READ),
    ("comments", comment, READ),
];

fn plain() -> String {
    format!("data: {}\n\n", "x".repeat(92))
}
fn named() -> String {
    format!("id: 123456\nevent: tick\ndata: {}\n\n", "x".repeat(70))
}
fn lines() -> String {
    let line = format!("data: {}\n", "x".repeat(73));
    format!("event: log\n{}\n", line.repeat(8))
}
fn long() -> String {
    format!("data: {}\n\n", "x".repeat(64 * 1024 - 8))
}
fn wide() -> String {
    format!("data: {}\n\n", "ねこ ".repeat(64 * 1024 / 7))
}
fn comment() -> String {
    ": heartbeat\n\n".to_owned()
}

struct Borrow;
impl Sink for Borrow {
    #[inline]
    fn event(&mut self, event: EventRef<'_>) {
        black_box(&event);
    }
}

struct Own;
impl Sink for Own {
    #[inline]
    fn event(&mut self, event: EventRef<'_>) {
        black_box(&Event::from(event));
    }
}

struct Observe;
impl Sink for Observe {
    const OBSERVE: bool = true;
    #[inline]
    fn event(&mut self, event: EventRef<'_>) {
        black_box(&event);
    }
}

fn parse<S: Sink>(bencher: Bencher<'_, '_>, shape: &str, mut sink: S) {
    let Some((_, event, slice)) = SHAPES.iter().find(|known| known.0 == shape) else {
        unreachable!("shapes are taken from the table");
    };
    let event = event();
    let stream = event.repeat(2_000_000 / event.len()).into_bytes();
    bencher
        .counter(BytesCount::new(stream.len()))
        .bench_local(|| {
            let mut parser = Parser::new();
            for slice in stream.chunks(*slice) {
                black_box(parser.feed(slice, &mut sink)).ok();
            }
        });
}

#[divan::bench(args = SHAPES.iter().map(|shape| shape.0))]
fn borrowed(bencher: Bencher<'_, '_>, shape: &str) {
    parse(bencher, shape, Borrow);
}

#[divan::bench(args = SHAPES.iter().map(|shape| shape.0))]
fn owned(bencher: Bencher<'_, '_>, shape: &str) {
    parse(bencher, shape, Own);
}

#[divan::bench(args = SHAPES.iter().map(|shape| shape.0))]
fn observed(bencher: Bencher<'_, '_>, shape: &str) {
    parse(bencher, shape, Observe);
}

//! Streams held by one task: what each takes, and that their ends are seen at once and whole.
#![allow(clippy::unwrap_used)]
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;

use super::*;
use crate::clock::Clock;
use crate::dial::{Dialer, Sharing};
use crate::expectation::{Expectation, Sequence};
use crate::halt::Halt;
use crate::precision::Precision;
use crate::reconnect::ReconnectPolicy;
use crate::request::{RequestBytes, Requests};
use crate::room::Room;
use crate::shift::{Act, Interval, Script, Shift};
use crate::stamp::Place as Where;
use crate::worker::Role;

/// Answers each connection with a stream of these pieces, a moment apart, and holds it.
fn origin(pieces: &'static [&'static str], holds: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            let mut line = String::new();
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            while lines.read_line(&mut line).is_ok_and(|read| read > 2) {}
            for piece in pieces {
                stream.write_all(piece.as_bytes()).unwrap();
                thread::sleep(Duration::from_micros(100));
            }
            if holds {
                held.push(stream);
            }
        }
    });
    address
}

/// Streams that begin one after the other, and for how long they are held after that.
struct Plan {
    address: SocketAddr,
    streams: u64,
    hold: Duration,
}

impl Plan {
    fn new(address: SocketAddr, streams: u64) -> Self {
        let hold = Duration::from_millis(200);
        Self {
            address,
            streams,
            hold,
        }
    }

    fn role(&self) -> Role {
        let request = format!("GET /events HTTP/1.1\r\nHost: {}\r\n\r\n", self.address);
        Role {
            expect: Expectation {
                interval_us: Some(1_000_000),
                sequence: Some(Sequence {
                    place: Where::Id,
                    shared: false,
                }),
                ..Expectation::default()
            },
            dialer: Dialer {
                names: None,
                targets: vec![self.address],
                sources: Vec::new(),
                ports: None,
                recv_buffer: None,
                tls: None,
                sharing: Sharing::Never,
                connect_timeout: Duration::from_secs(5),
            },
            requests: Requests::Alike(RequestBytes::new(request.as_bytes())),
            reconnect: ReconnectPolicy {
                enabled: false,
                ..ReconnectPolicy::default()
            },
            head_timeout: Duration::from_secs(5),
            pace: None,
            lifetime: None,
            topics: 1,
        }
    }

    fn script(&self) -> (Script, u64) {
        const APART_US: u64 = 2000;
        let start = |number| Act::Start {
            number,
            role: 0,
            renews: false,
            most_pending: None,
        };
        let acts = (0..self.streams).map(move |number| (number * APART_US, start(number)));
        let end_us = self.streams * APART_US + self.hold.as_micros() as u64;
        (Box::new(acts), end_us)
    }

    /// Does it all on this thread; the most memory it had at once, and what it counted.
    fn work(&self) -> (u64, Interval) {
        let (script, end_us) = self.script();
        let (out, intervals) = channel();
        let shift = Shift {
            worker: 0,
            script,
            publishers: Vec::new(),
            cuts: vec![end_us],
            halt: Halt::by(&Arc::default(), None),
            peeks: Arc::new(|_| false),
            out,
        };
        let roles = vec![self.role()];
        let used = allocation_counter::measure(|| {
            let clock = Clock::starting_in(Duration::from_millis(5));
            // Histograms are no matter of this test.
            let coarse = Precision {
                digits: 1,
                ..Precision::default()
            };
            let shared = (Arc::default(), Arc::new(Room::new(0)));
            let worker = Worker::new(clock, roles, Vec::new(), coarse, shared, 1);
            shift.work(worker.unwrap()).unwrap();
        });
        (used.bytes_max, intervals.recv().unwrap())
    }
}

const HEAD: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const EVENTS: &str = "15\r\nid: 1\ndata: abcdefg\n\n\r\n15\r\nid: 2\ndata: abcdefg\n\n\r\n";

#[test]
fn an_open_stream_takes_less_than_a_kibibyte() {
    let address = origin(&[HEAD, EVENTS], true);
    let (mut few, mut many) = (u64::MAX, u64::MAX);
    // Where the machine is busy many streams open at the same time, which takes more: once is enough.
    for _ in 0..10 {
        few = few.min(Plan::new(address, 100).work().0);
        let (used, interval) = Plan::new(address, 300).work();
        if interval.tallies[0].count.received == 600 {
            many = many.min(used);
        }
        if many.saturating_sub(few) / 200 < 1024 {
            return;
        }
    }
    panic!("{} bytes", (many - few) / 200);
}

#[test]
fn an_end_that_comes_with_the_last_events_is_seen() {
    let address = origin(
        &[HEAD, "15\r\nid: 1\ndata: abcdefg\n\n\r\n0\r\n\r\n"],
        false,
    );
    let mut plan = Plan::new(address, 20);
    plan.hold = Duration::from_secs(2);
    let (_, interval) = plan.work();
    let tally = &interval.tallies[0];
    assert_eq!((tally.count.received, tally.count.disconnects), (20, 20));
}

#[test]
fn a_connection_cut_with_unread_content_gives_all_of_it_and_then_its_end() {
    // Framed by the end of the connection: the end comes without a byte of its own.
    const BARE: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n";
    let address = origin(&[BARE, "data: 2\n\ndata: 3\n\n"], false);
    let mut plan = Plan::new(address, 20);
    plan.hold = Duration::from_secs(2);
    let (_, interval) = plan.work();
    let tally = &interval.tallies[0];
    assert_eq!((tally.count.received, tally.count.disconnects), (60, 20));
}

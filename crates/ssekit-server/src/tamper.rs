//! Changes what passes on an HTTP/2 connection, so that hyper behaves as it never
//! would by itself. HTTP/1.1 passes as it is.
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use crate::{flaw::TamperFlaw, rewritten::Rewrite};

/// The client's connection preface (RFC 9113 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Length of a frame header (RFC 9113 4.1).
const HEADER: usize = 9;
/// Types of frames (RFC 9113 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
/// The flag ACK.
const ACK: u8 = 1;
/// SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113 6.5.2), and what every connection starts with.
const INITIAL_WINDOW_SIZE: [u8; 2] = [0, 4];
const WINDOW: u32 = 65_535;
/// What is believed instead of a closed window.
const WIDE: u32 = 1 << 20;
/// A window that opens later than this after its stream was held back.
const LATE: Duration = Duration::from_millis(300);

/// Changes frames as one flaw does.
pub(crate) struct Tamper {
    streams: Streams,
    from_client: Frames,
    to_client: Frames,
    /// DATA that waits for other streams.
    parked: Vec<u8>,
}

/// What is known of the streams of a connection.
struct Streams {
    flaw: TamperFlaw,
    initial_window: u32,
    opened: BTreeMap<u32, Instant>,
    /// Streams without a window.
    closed: BTreeSet<u32>,
    /// Nothing more is read.
    deaf: bool,
}

/// Whole frames out of bytes.
#[derive(Default)]
struct Frames {
    held: Vec<u8>,
    /// Whether this is HTTP/2; unknown before the first bytes.
    is_http2: Option<bool>,
}

impl Tamper {
    pub(crate) fn new(flaw: TamperFlaw) -> Self {
        Self {
            streams: Streams {
                flaw,
                initial_window: WINDOW,
                opened: BTreeMap::new(),
                closed: BTreeSet::new(),
                deaf: false,
            },
            from_client: Frames::default(),
            to_client: Frames::default(),
            parked: Vec::new(),
        }
    }
}

impl Rewrite for Tamper {
    fn read(&mut self, bytes: &[u8], hyper: &mut Vec<u8>) {
        self.from_client.held.extend_from_slice(bytes);
        let begun = self.from_client.is_http2.is_some();
        let held = &self.from_client.held;
        if !begun && PREFACE.starts_with(&held[..held.len().min(PREFACE.len())]) {
            if held.len() < PREFACE.len() {
                return;
            }
            self.from_client.is_http2 = Some(true);
            hyper.extend(self.from_client.held.drain(..PREFACE.len()));
        }
        let is_http2 = *self.from_client.is_http2.get_or_insert(false);
        self.to_client.is_http2 = Some(is_http2);
        if !is_http2 {
            hyper.append(&mut self.from_client.held);
            return;
        }
        while let Some(mut frame) = self.from_client.next() {
            if self.streams.takes(&mut frame) {
                hyper.extend(frame);
            }
        }
    }

    fn write(&mut self, bytes: &[u8], client: &mut Vec<u8>) {
        self.to_client.held.extend_from_slice(bytes);
        if self.to_client.is_http2 != Some(true) {
            client.append(&mut self.to_client.held);
            return;
        }
        while let Some(frame) = self.to_client.next() {
            let waits = frame[3] == DATA && self.streams.all_wait();
            let place = if waits {
                &mut self.parked
            } else {
                &mut *client
            };
            place.extend(frame);
        }
        self.release(client);
    }

    fn release(&mut self, client: &mut Vec<u8>) {
        if !self.streams.all_wait() {
            client.append(&mut self.parked);
        }
    }

    fn is_deaf(&self) -> bool {
        self.streams.deaf
    }
}

impl Frames {
    fn next(&mut self) -> Option<Vec<u8>> {
        let header = self.held.get(..HEADER)?;
        let len = u32::from_be_bytes([0, header[0], header[1], header[2]]) as usize;
        let end = HEADER + len;
        (self.held.len() >= end).then(|| self.held.drain(..end).collect())
    }
}

impl Streams {
    /// Whether hyper gets to see this frame of the client, perhaps changed.
    fn takes(&mut self, frame: &mut [u8]) -> bool {
        let (kind, flags) = (frame[3], frame[4]);
        let stream = u32::from_be_bytes([frame[5], frame[6], frame[7], frame[8]]);
        match (kind, self.flaw) {
            (RST_STREAM, TamperFlaw::IgnoresCancel) => return false,
            (RST_STREAM, TamperFlaw::ClosesOnCancel) => self.deaf = true,
            (PING, TamperFlaw::IgnoresPing) => return flags & ACK != 0,
            (WINDOW_UPDATE, TamperFlaw::IgnoresLateWindow) => {
                let opened = self.opened.get(&stream);
                return opened.is_none_or(|opened| opened.elapsed() < LATE);
            }
            _ => {}
        }
        match kind {
            SETTINGS => self.settings(&mut frame[HEADER..]),
            HEADERS => {
                self.opened.insert(stream, Instant::now());
                if self.initial_window == 0 {
                    self.closed.insert(stream);
                }
            }
            RST_STREAM | WINDOW_UPDATE => {
                self.closed.remove(&stream);
            }
            _ => {}
        }
        !self.deaf
    }

    fn settings(&mut self, payload: &mut [u8]) {
        for entry in payload.chunks_exact_mut(6) {
            if entry[..2] != INITIAL_WINDOW_SIZE {
                continue;
            }
            self.initial_window = u32::from_be_bytes([entry[2], entry[3], entry[4], entry[5]]);
            if self.flaw == TamperFlaw::IgnoresWindow && self.initial_window == 0 {
                entry[2..].copy_from_slice(&WIDE.to_be_bytes());
            }
        }
    }

    /// Whether one stream without a window stops all.
    fn all_wait(&self) -> bool {
        self.flaw == TamperFlaw::AllWait && !self.closed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let len = u8::try_from(payload.len()).unwrap_or(0);
        let mut frame = vec![0, 0, len, kind, flags, 0, 0, 0, stream];
        frame.extend_from_slice(payload);
        frame
    }

    /// What hyper gets of these frames after the preface, in slices of this size.
    fn taken(flaw: TamperFlaw, frames: &[u8], size: usize) -> Vec<u8> {
        let (mut tamper, mut hyper) = (Tamper::new(flaw), Vec::new());
        for slice in [PREFACE, frames].concat().chunks(size) {
            tamper.read(slice, &mut hyper);
        }
        assert_eq!(&hyper[..PREFACE.len()], PREFACE);
        hyper.split_off(PREFACE.len())
    }

    #[test]
    fn only_the_frames_of_the_flaw_are_lost() {
        let ping = frame(PING, 0, 0, &[0; 8]);
        let pong = frame(PING, ACK, 0, &[0; 8]);
        let rst = frame(RST_STREAM, 0, 1, &[0, 0, 0, 8]);
        let all = [&ping[..], &pong, &rst].concat();
        for size in [1, 7, 1000] {
            let taken = |flaw| taken(flaw, &all, size);
            assert_eq!(taken(TamperFlaw::IgnoresPing), [&pong[..], &rst].concat());
            assert_eq!(
                taken(TamperFlaw::IgnoresCancel),
                [&ping[..], &pong].concat()
            );
            assert_eq!(
                taken(TamperFlaw::ClosesOnCancel),
                [&ping[..], &pong].concat()
            );
            assert_eq!(taken(TamperFlaw::AllWait), all);
        }
    }

    #[test]
    fn a_closed_window_is_believed_wide() {
        let closed = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
        let wide = frame(SETTINGS, 0, 0, &[0, 4, 0, 16, 0, 0]);
        assert_eq!(taken(TamperFlaw::IgnoresWindow, &closed, 5), wide);
        let other = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 9]);
        assert_eq!(taken(TamperFlaw::IgnoresWindow, &other, 5), other);
    }

    #[test]
    fn all_wait_for_the_one_without_a_window() {
        let mut tamper = Tamper::new(TamperFlaw::AllWait);
        let (mut hyper, mut client) = (Vec::new(), Vec::new());
        let closed = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
        let asked = frame(HEADERS, 5, 3, &[]);
        tamper.read(&[PREFACE, &closed, &asked].concat(), &mut hyper);
        let (data, pong) = (frame(DATA, 0, 1, b"x"), frame(PING, ACK, 0, &[0; 8]));
        tamper.write(&[&data[..], &pong].concat(), &mut client);
        assert_eq!(client, pong);
        let opened = frame(WINDOW_UPDATE, 0, 3, &[0, 0, 0, 1]);
        tamper.read(&opened, &mut hyper);
        tamper.write(&pong, &mut client);
        assert_eq!(client, [&pong[..], &pong, &data].concat());
    }

    #[test]
    fn http1_is_left_alone() {
        let mut tamper = Tamper::new(TamperFlaw::IgnoresPing);
        let (mut hyper, mut client) = (Vec::new(), Vec::new());
        tamper.read(b"GET / HTTP/1.1\r\n\r\n", &mut hyper);
        tamper.write(b"HTTP/1.1 200 OK\r\n\r\n", &mut client);
        assert_eq!(hyper, b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!(client, b"HTTP/1.1 200 OK\r\n\r\n");
    }
}

//! An HTTP/2 server that writes its own frames: an event every 50 ms on each stream, and whatever
//! its quirks add. It answers every request alike, and keeps the windows it is given.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// What is unusual about a server, or wrong.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quirks {
    /// DATA and HEADERS are padded.
    pub padded: bool,
    /// Field blocks are cut into frames of so many bytes.
    pub continued: usize,
    /// Frames of unknown type, PRIORITY, PING, SETTINGS and WINDOW_UPDATE in between.
    pub chatter: bool,
    /// An interim head comes first.
    pub interim: bool,
    /// SETTINGS_MAX_CONCURRENT_STREAMS.
    pub most_streams: Option<u32>,
    /// SETTINGS_HEADER_TABLE_SIZE 0.
    pub no_table: bool,
    /// Empty DATA frames whatever the window.
    pub empty_data: bool,
    /// Each byte is a DATA frame.
    pub torn: bool,
    /// What was queued for a cancelled stream leaves after the answer to PING.
    pub overtaken: bool,
    /// GOAWAY(NO_ERROR) comes early; the streams there are go on.
    pub leaves: bool,
    /// A stream that cannot be written to is reset.
    pub drops_slow: bool,
    /// No event ever comes.
    pub silent: bool,
    /// Every stream is reset when one is.
    pub resets_all: bool,
    /// The window of streams is not looked at.
    pub overruns: bool,
    /// A connection that breaks before any head: these bytes after SETTINGS.
    pub broken: Option<&'static [u8]>,
}

pub struct Origin2 {
    addr: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Origin2 {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Origin2 {
    pub async fn start(quirks: Quirks) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let began = Instant::now();
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let _ = Connection::new(quirks, began).serve(socket).await;
                });
            }
        });
        Self { addr, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}/events", self.addr)
    }
}

struct Stream {
    window: i64,
    queue: Vec<u8>,
    opened: Instant,
    cancelled: bool,
}

struct Connection {
    quirks: Quirks,
    began: Instant,
    streams: BTreeMap<u32, Stream>,
    window: i64,
    initial: i64,
    out: Vec<u8>,
    left: bool,
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const TICK: Duration = Duration::from_millis(50);

impl Connection {
    fn new(quirks: Quirks, began: Instant) -> Self {
        Self {
            quirks,
            began,
            streams: BTreeMap::new(),
            window: 65_535,
            initial: 65_535,
            out: Vec::new(),
            left: false,
        }
    }

    async fn serve(mut self, mut socket: TcpStream) -> std::io::Result<()> {
        socket.set_nodelay(true)?;
        let mut preface = [0; 24];
        socket.read_exact(&mut preface).await?;
        if preface != PREFACE {
            return Ok(());
        }
        let mut settings = Vec::new();
        if let Some(most) = self.quirks.most_streams {
            settings.extend([0, 3]);
            settings.extend(most.to_be_bytes());
        }
        if self.quirks.no_table {
            settings.extend([0, 1, 0, 0, 0, 0]);
        }
        self.frame(4, 0, 0, &settings);
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut held = Vec::new();
        let mut slice = [0; 4096];
        loop {
            tokio::select! {
                read = socket.read(&mut slice) => match read? {
                    0 => return Ok(()),
                    count => held.extend_from_slice(&slice[..count]),
                },
                _ = ticks.tick() => self.tick(),
            }
            while held.len() >= 9 {
                let len = u32::from_be_bytes([0, held[0], held[1], held[2]]) as usize;
                if held.len() < 9 + len {
                    break;
                }
                let frame: Vec<u8> = held.drain(..9 + len).collect();
                self.take(&frame);
            }
            self.flush();
            socket.write_all(&std::mem::take(&mut self.out)).await?;
        }
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
        self.out.extend([len[1], len[2], len[3], kind, flags]);
        self.out.extend(stream.to_be_bytes());
        self.out.extend(payload);
    }

    fn take(&mut self, frame: &[u8]) {
        let stream = u32::from_be_bytes([frame[5], frame[6], frame[7], frame[8]]);
        let payload = &frame[9..];
        let number = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
        match frame[3] {
            1 => self.open(stream),
            3 => self.cancelled(stream),
            4 if frame[4] & 1 == 0 => {
                for entry in payload.chunks_exact(6).filter(|entry| entry[..2] == [0, 4]) {
                    let size = u32::from_be_bytes(entry[2..].try_into().unwrap());
                    self.initial = size.into();
                }
                self.frame(4, 1, 0, &[]);
            }
            6 if frame[4] & 1 == 0 => {
                self.frame(6, 1, 0, payload);
                self.overtake();
            }
            8 if stream == 0 => self.window += i64::from(number(0)),
            8 => {
                if let Some(stream) = self.streams.get_mut(&stream) {
                    stream.window += i64::from(number(0));
                }
            }
            _ => {}
        }
    }

    fn open(&mut self, id: u32) {
        if let Some(bytes) = self.quirks.broken {
            return self.out.extend(bytes);
        }
        if self.quirks.interim {
            self.frame(1, 4, id, &[&[0, 7][..], b":status", &[3], b"103"].concat());
        }
        let mut block = vec![0x88];
        let fields = [
            ("content-type", "text/event-stream"),
            ("cache-control", "no-store"),
            ("date", "Sun, 01 Nov 2026 10:00:00 GMT"),
        ];
        for (name, value) in fields {
            block.extend([0, u8::try_from(name.len()).unwrap()]);
            block.extend(name.bytes());
            block.push(u8::try_from(value.len()).unwrap());
            block.extend(value.bytes());
        }
        if self.quirks.continued > 0 {
            let fragments: Vec<&[u8]> = block.chunks(self.quirks.continued).collect();
            for (at, fragment) in fragments.iter().enumerate() {
                let kind = if at == 0 { 1 } else { 9 };
                let end = if at + 1 == fragments.len() { 4 } else { 0 };
                self.frame(kind, end, id, fragment);
            }
        } else if self.quirks.padded {
            block.insert(0, 7);
            block.extend([0; 7]);
            self.frame(1, 4 | 8, id, &block);
        } else {
            self.frame(1, 4, id, &block);
        }
        let window = match self.quirks.overruns {
            true => 1 << 30,
            false => self.initial,
        };
        let stream = Stream {
            window,
            queue: b": hello\n\n".to_vec(),
            opened: Instant::now(),
            cancelled: false,
        };
        self.streams.insert(id, stream);
    }

    fn cancelled(&mut self, id: u32) {
        if self.quirks.resets_all {
            for other in self.streams.keys().copied().collect::<Vec<_>>() {
                self.frame(3, 0, other, &[0, 0, 0, 2]);
            }
            self.streams.clear();
        } else if self.quirks.overtaken {
            if let Some(stream) = self.streams.get_mut(&id) {
                stream.cancelled = true;
                stream.queue = b"data: late\n\n".to_vec();
            }
        } else {
            self.streams.remove(&id);
        }
    }

    /// Sends what was queued for cancelled streams, behind the answer to a PING.
    fn overtake(&mut self) {
        self.flush();
        self.streams.retain(|_, stream| !stream.cancelled);
    }

    fn tick(&mut self) {
        let number = self.began.elapsed().as_millis() / TICK.as_millis();
        for stream in self.streams.values_mut() {
            if !self.quirks.silent && !stream.cancelled && stream.queue.len() < 4096 {
                let event = format!("id: {number}\ndata: {number}\n\n");
                stream.queue.extend(event.bytes());
            }
        }
        if self.quirks.chatter {
            self.frame(99, 0xff, 77, b"unknown");
            self.frame(6, 0, 0, &[9; 8]);
            self.frame(4, 0, 0, &[0, 99, 0, 0, 0, 1]);
            self.frame(8, 0, 0, &[0, 0, 0, 9]);
            for id in self.streams.keys().copied().collect::<Vec<_>>() {
                self.frame(2, 0, id, &[0, 0, 0, 0, 15]);
                self.frame(8, 0, id, &[0, 0, 0, 9]);
            }
        }
        if self.quirks.empty_data {
            for id in self.streams.keys().copied().collect::<Vec<_>>() {
                self.frame(0, 0, id, &[]);
            }
        }
        let old = self
            .streams
            .values()
            .any(|s| s.opened.elapsed() > TICK * 20);
        if self.quirks.leaves && old && !self.left {
            self.left = true;
            self.frame(7, 0, 0, &[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
        }
        if self.quirks.drops_slow {
            let slow = |stream: &Stream| stream.window == 0 && stream.opened.elapsed() > TICK * 8;
            let slow: Vec<u32> = self
                .streams
                .iter()
                .filter(|(_, s)| slow(s))
                .map(|(id, _)| *id)
                .collect();
            for id in slow {
                self.frame(3, 0, id, &[0, 0, 0, 8]);
                self.streams.remove(&id);
            }
        }
    }

    fn flush(&mut self) {
        let padding = if self.quirks.padded { 5 } else { 0 };
        let around = if self.quirks.padded { 1 + padding } else { 0 };
        let mut frames = Vec::new();
        for (id, stream) in &mut self.streams {
            while !stream.queue.is_empty() {
                let room = stream.window.min(self.window) - i64::try_from(around).unwrap();
                let most = if self.quirks.torn { 1 } else { 16_000 };
                let len = stream
                    .queue
                    .len()
                    .min(usize::try_from(room).unwrap_or(0))
                    .min(most);
                if len == 0 {
                    break;
                }
                let spent = i64::try_from(len + around).unwrap();
                stream.window -= spent;
                self.window -= spent;
                let mut payload: Vec<u8> = stream.queue.drain(..len).collect();
                if self.quirks.padded {
                    payload.insert(0, u8::try_from(padding).unwrap());
                    payload.extend(vec![0; padding]);
                }
                frames.push((*id, payload));
            }
        }
        let flags = if self.quirks.padded { 8 } else { 0 };
        for (id, payload) in frames {
            self.frame(0, flags, id, &payload);
        }
    }
}

//! Builds the transcript of one exchange while it runs, and shows it to the observer.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use ssekit_record::{
    Capture, Chunk, Connection, End, EndKind, Fault, FaultKind, Field, Goaway, Head, Request,
    Slice, Transcript,
};

use crate::client::{Glimpse, Observer, Seen};
use crate::content::ContentDecoder;
use crate::head_reader::RawHead;
use crate::options::Limits;
use crate::redirect::{Judgement, Trail};

/// Bytes of coded content that are decoded at a time: 1 MiB comes of so many in gzip, at most.
const CODED_PART: usize = 1024;
/// Faults kept of one kind: a thousand bad chunks tell no more than these.
const FAULTS_PER_KIND: usize = 16;

/// GOAWAY frames kept.
const GOAWAYS: usize = 8;

/// The transcript in the making. Once it has ended, nothing but faults is added.
pub(crate) struct Recorder<'o> {
    began: Instant,
    limits: Limits,
    trail: Arc<Trail>,
    observer: Option<&'o mut Observer<'o>>,
    transcript: Transcript,
    decoder: Option<ContentDecoder>,
    /// Bytes after the head, and of the body, also those that are not kept.
    wire_len: u64,
    body_len: u64,
    end: Option<End>,
    next: Option<url::Url>,
    remark: String,
}

impl<'o> Recorder<'o> {
    /// Starts the clock of the exchange.
    pub fn new(
        probe: &str,
        request: Request,
        limits: Limits,
        trail: &Arc<Trail>,
        observer: Option<&'o mut Observer<'o>>,
    ) -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        let transcript = Transcript {
            probe: probe.into(),
            started_unix_ms: unix.map_or(0, |d| d.as_millis() as u64),
            request,
            connection: Connection::default(),
            redirects: trail.redirects().to_vec(),
            head: None,
            wire: Capture::default(),
            chunks: Vec::new(),
            trailers: Vec::new(),
            body: Capture::default(),
            content: None,
            goaways: Vec::new(),
            stop_us: None,
            faults: Vec::new(),
            end: End {
                kind: EndKind::Left,
                at_us: 0,
                detail: String::new(),
            },
        };
        Self {
            began: Instant::now(),
            limits,
            trail: Arc::clone(trail),
            observer,
            transcript,
            decoder: None,
            wire_len: 0,
            body_len: 0,
            end: None,
            next: None,
            remark: String::new(),
        }
    }

    /// Counts time from the beginning of the session that this stream belongs to.
    pub fn since(mut self, began: Instant, started_unix_ms: u64) -> Self {
        self.began = began;
        self.transcript.started_unix_ms = started_unix_ms;
        self
    }

    /// Microseconds from the beginning to `then`.
    pub fn us(&self, then: Instant) -> u64 {
        then.saturating_duration_since(self.began).as_micros() as u64
    }

    /// Microseconds since the beginning.
    pub fn now_us(&self) -> u64 {
        self.us(Instant::now())
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }

    pub fn connection(&mut self) -> &mut Connection {
        &mut self.transcript.connection
    }

    pub fn request(&mut self) -> &mut Request {
        &mut self.transcript.request
    }

    /// Whether nothing more is wanted from the peer.
    pub fn is_over(&self) -> bool {
        self.end.is_some()
    }

    /// Whether the message was complete.
    pub fn is_clean(&self) -> bool {
        self.end.as_ref().is_some_and(|e| e.kind == EndKind::Clean)
    }

    pub fn has_head(&self) -> bool {
        self.transcript.head.is_some()
    }

    /// Whether the answer is an event stream that declares its length.
    pub fn is_measured_stream(&self) -> bool {
        self.transcript.is_event_stream()
            && self.transcript.head.as_ref().is_some_and(|head| {
                head.first("content-length").is_some() && head.first("transfer-encoding").is_none()
            })
    }

    /// When the head was complete; 0 before.
    pub fn head_at_us(&self) -> u64 {
        self.transcript.head.as_ref().map_or(0, |h| h.at_us)
    }

    /// Bytes after the head so far.
    pub fn wire_len(&self) -> u64 {
        self.wire_len
    }

    /// Length of the body so far.
    pub fn body_len(&self) -> u64 {
        self.body_len
    }

    pub fn fault(&mut self, kind: FaultKind, offset: u64, at_us: u64, detail: impl Into<String>) {
        let faults = &mut self.transcript.faults;
        if faults.iter().filter(|f| f.kind == kind).count() < FAULTS_PER_KIND {
            faults.push(Fault {
                kind,
                offset,
                at_us,
                detail: detail.into(),
            });
        }
    }

    /// Notes the end; only the first one counts.
    pub fn end(&mut self, kind: EndKind, at_us: u64, detail: &str) {
        if self.end.is_none() {
            self.end = Some(End {
                kind,
                at_us,
                detail: detail.into(),
            });
        }
    }

    /// Takes the final head. A redirect to follow ends the exchange.
    pub fn head(&mut self, raw: &RawHead, interim: Vec<u16>, at_us: u64) {
        let head = Head {
            version: raw.version,
            status: raw.status,
            reason: raw.reason.clone(),
            fields: raw.fields.iter().map(|f| self.trail.record(f)).collect(),
            at_us,
            interim,
        };
        self.transcript.head = Some(head);
        match self.trail.judge(raw) {
            Judgement::Follow(url) => {
                self.next = Some(url);
                return self.end(EndKind::Left, at_us, "redirect followed");
            }
            Judgement::Stop(why) => self.remark = why,
            Judgement::Final => {}
        }
        self.begin_content(raw, at_us);
        if let (Some(head), Some(observer)) = (&self.transcript.head, &mut self.observer)
            && observer(Glimpse::Head(head)) == Seen::Enough
        {
            self.end(EndKind::Left, at_us, "");
        }
    }

    fn begin_content(&mut self, raw: &RawHead, at_us: u64) {
        match ContentDecoder::new(&raw.items("content-encoding")) {
            Ok(decoder) => {
                self.transcript.content = decoder.is_some().then(Capture::default);
                self.decoder = decoder;
            }
            Err(detail) => {
                let offset = raw.all("content-encoding").next().map_or(0, |f| f.offset);
                self.fault(FaultKind::ContentCodingUnknown, offset, at_us, detail);
            }
        }
    }

    /// Keeps bytes after the head as they came, within the limits; gives what was taken.
    pub fn wire<'b>(&mut self, bytes: &'b [u8], at_us: u64) -> &'b [u8] {
        let wire = &mut self.transcript.wire;
        let (taken, full) = take(wire, self.wire_len, &self.limits, bytes, at_us);
        self.wire_len += taken.len() as u64;
        if let Some(full) = full {
            self.end(EndKind::Limit, at_us, &full);
        }
        taken
    }

    /// Keeps content, undoes its coding and shows it.
    pub fn body(&mut self, bytes: &[u8], at_us: u64) {
        let offset = self.body_len;
        let body = &mut self.transcript.body;
        let (taken, full) = take(body, offset, &self.limits, bytes, at_us);
        self.body_len += taken.len() as u64;
        if self.decoder.is_some() {
            self.content(taken, offset, at_us);
        } else if !taken.is_empty() {
            self.show(taken, at_us);
        }
        if let Some(full) = full {
            self.end(EndKind::Limit, at_us, &full);
        }
    }

    /// Undoes the coding of what one read brought, in parts of which a small one may become much: the
    /// observer may have seen enough long before the last.
    fn content(&mut self, bytes: &[u8], offset: u64, at_us: u64) {
        let was_over = self.is_over();
        let content = self.transcript.content.as_ref();
        let before = content.map_or(0, |content| content.slices.len());
        let mut at = offset;
        for part in bytes.chunks(CODED_PART) {
            self.part(part, at, at_us);
            if self.is_over() && !was_over {
                break;
            }
            at += part.len() as u64;
        }
        if let Some(content) = &mut self.transcript.content {
            join_from(&mut content.slices, before);
        }
    }

    fn part(&mut self, bytes: &[u8], offset: u64, at_us: u64) {
        let (Some(decoder), Some(content)) = (&mut self.decoder, &mut self.transcript.content)
        else {
            return;
        };
        let before = content.bytes.len();
        let room = self.limits.body.saturating_sub(before);
        let mut decoded = decoder.decode(bytes, room);
        if decoded.fault.is_some()
            && let body = &self.transcript.body.bytes
            && let Some(mut exact) = decoder.decode_to_fault(body, self.limits.body)
            && exact.bytes.len() >= before
        {
            exact.bytes.drain(..before);
            exact.fault = exact
                .fault
                .map(|(at, why)| (at.saturating_sub(offset as usize), why));
            decoded = exact;
        }
        content.push(&decoded.bytes, at_us);
        if !decoded.bytes.is_empty() {
            self.show(&decoded.bytes, at_us);
        }
        if let Some((at, detail)) = decoded.fault {
            let kind = FaultKind::ContentCodingInvalid;
            self.fault(kind, offset + at as u64, at_us, detail);
        }
        if decoded.full {
            let full = format!("stopped after {} of content", in_bytes(self.limits.body));
            self.end(EndKind::Limit, at_us, &full);
        }
    }

    fn show(&mut self, bytes: &[u8], at_us: u64) {
        if let Some(observer) = &mut self.observer
            && observer(Glimpse::Content { bytes, at_us }) == Seen::Enough
        {
            self.end(EndKind::Left, at_us, "");
        }
    }

    pub fn chunk(&mut self, chunk: Chunk, at_us: u64) {
        if self.transcript.chunks.len() >= self.limits.slices {
            if self.limits.forgotten > 0 {
                return;
            }
            let full = format!("stopped after {} chunks", self.limits.slices);
            return self.end(EndKind::Limit, at_us, &full);
        }
        self.transcript.chunks.push(chunk);
    }

    pub fn goaway(&mut self, goaway: Goaway) {
        if self.transcript.goaways.len() < GOAWAYS {
            self.transcript.goaways.push(goaway);
        }
    }

    /// Whether the head says that an event stream follows.
    pub fn is_event_stream(&self) -> bool {
        self.transcript.is_event_stream()
    }

    pub fn trailer(&mut self, field: Field) {
        self.transcript.trailers.push(field);
    }

    /// Tells the observer that time passes.
    pub fn idle(&mut self) {
        let at_us = self.now_us();
        if !self.is_over()
            && let Some(observer) = &mut self.observer
            && observer(Glimpse::Idle { at_us }) == Seen::Enough
        {
            self.end(EndKind::Left, at_us, "");
        }
    }

    /// Compressed data must end where a complete message does.
    fn end_content(&mut self) {
        let open = self.decoder.as_ref().and_then(ContentDecoder::finish);
        if let (Some(detail), Some(end), true) = (open, &self.end, self.is_clean()) {
            let (offset, at_us) = (self.body_len, end.at_us);
            self.fault(FaultKind::ContentCodingInvalid, offset, at_us, detail);
        }
    }

    /// The transcript, and where a followed redirect leads.
    pub fn finish(mut self) -> (Transcript, Option<url::Url>) {
        let at_us = self.now_us();
        self.end(EndKind::Left, at_us, "");
        self.end_content();
        if let Some(mut end) = self.end {
            if !self.remark.is_empty() {
                let space = if end.detail.is_empty() { "" } else { "; " };
                end.detail = format!("{}{space}{}", self.remark, end.detail);
            }
            self.transcript.end = end;
        }
        (self.transcript, self.next)
    }
}

/// Makes one slice of those from this one on: what came of one read.
fn join_from(slices: &mut Vec<Slice>, first: usize) {
    let len = slices.iter().skip(first).map(|slice| slice.len).sum();
    if let Some(slice) = slices.get_mut(first) {
        slice.len = len;
        slices.truncate(first + 1);
    }
}

/// Takes what is within the limits after `before` bytes, and keeps what may be kept. Gives what it took,
/// and in words which limit is reached.
fn take<'b>(
    capture: &mut Capture,
    before: u64,
    limits: &Limits,
    bytes: &'b [u8],
    at_us: u64,
) -> (&'b [u8], Option<String>) {
    let crowded = capture.slices.len() >= limits.slices;
    if crowded && limits.forgotten == 0 {
        let full = format!("stopped after {} slices", limits.slices);
        return (&[], (!bytes.is_empty()).then_some(full));
    }
    let most = limits.forgotten.saturating_add(limits.body as u64);
    let room = usize::try_from(most.saturating_sub(before)).unwrap_or(usize::MAX);
    let taken = &bytes[..bytes.len().min(room)];
    if !crowded && before == capture.len() {
        let kept = limits.body.saturating_sub(capture.bytes.len());
        capture.push(&taken[..taken.len().min(kept)], at_us);
    }
    let full = (bytes.len() > room).then(|| {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        format!("stopped after {}", in_bytes(most))
    });
    (taken, full)
}

/// A size in words: whole MiB or KiB where it is, else bytes.
fn in_bytes(size: usize) -> String {
    match size {
        s if s >= 1 << 20 && s.is_multiple_of(1 << 20) => format!("{} MiB", s >> 20),
        s if s >= 1 << 10 && s.is_multiple_of(1 << 10) => format!("{} KiB", s >> 10),
        s => format!("{s} bytes"),
    }
}

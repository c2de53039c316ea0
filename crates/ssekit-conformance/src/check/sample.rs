//! Transcripts made by hand, to test checks without a network.

use ssekit_record::{
    Capture, Chunk, Connection, End, EndKind, Fault, FaultKind, Field, Finding, Head, HttpVersion,
    Level, Observation, Request, Skipped, Transcript, Verdict,
};

use crate::{Probe, Selection, judge};

/// When the head of a sample arrives, in milliseconds.
pub(super) const HEAD_MS: u64 = 10;
/// When ssekit leaves a sample, unless told otherwise, in milliseconds.
const LEFT_MS: u64 = 3_010;

/// A transcript under construction. It begins as the main probe's: a GET over HTTP/1.1, answered
/// after 10 ms with 200 and `text/event-stream`, not chunked, left by ssekit 3 s after the head.
#[derive(Debug, Clone)]
pub(crate) struct Sample(pub(crate) Transcript);

impl Sample {
    /// A stream whose bytes arrive in one slice, 1 ms after the head.
    pub(crate) fn stream(bytes: impl AsRef<[u8]>) -> Self {
        Self::slices([(HEAD_MS + 1, bytes)])
    }

    /// A stream whose slices arrive at these times, in milliseconds since the exchange began.
    pub(crate) fn slices(slices: impl IntoIterator<Item = (u64, impl AsRef<[u8]>)>) -> Self {
        let mut body = Capture::default();
        for (at_ms, bytes) in slices {
            body.push(bytes.as_ref(), at_ms * 1000);
        }
        Self(Transcript {
            probe: Probe::Main.name().into(),
            started_unix_ms: 1_700_000_000_000,
            request: Request {
                method: "GET".into(),
                url: "http://h.example/events".into(),
                version: HttpVersion::Http11,
                fields: vec![field("Accept", "text/event-stream")],
                body_len: 0,
            },
            connection: Connection {
                peer: Some("127.0.0.1:80".into()),
                connected_us: Some(500),
                tls_us: None,
                request_us: Some(600),
                tls: None,
            },
            redirects: Vec::new(),
            head: Some(Head {
                version: HttpVersion::Http11,
                status: 200,
                reason: "OK".into(),
                fields: vec![field("Content-Type", "text/event-stream")],
                at_us: HEAD_MS * 1000,
                interim: Vec::new(),
            }),
            wire: body.clone(),
            chunks: Vec::new(),
            trailers: Vec::new(),
            body,
            content: None,
            goaways: Vec::new(),
            stop_us: None,
            faults: Vec::new(),
            end: End {
                kind: EndKind::Left,
                at_us: LEFT_MS * 1000,
                detail: String::new(),
            },
        })
    }

    /// A stream in the chunked coding: one chunk per slice, at these times in milliseconds. A clean
    /// end ([`Sample::ended`] after this) adds the last chunk.
    pub(super) fn chunked(slices: impl IntoIterator<Item = (u64, impl AsRef<[u8]>)>) -> Self {
        let mut wire = Capture::default();
        let mut chunks = Vec::new();
        let mut sample = Self::slices(slices.into_iter().map(|(at_ms, bytes)| {
            let data = bytes.as_ref().to_vec();
            (at_ms, data)
        }));
        for slice in &sample.0.body.slices {
            let from = usize::try_from(slice.offset).unwrap();
            let to = from + usize::try_from(slice.len).unwrap();
            chunks.push(Chunk {
                wire_offset: wire.len(),
                body_offset: slice.offset,
                size: slice.len,
                extension: String::new(),
            });
            let mut coded = format!("{:x}\r\n", slice.len).into_bytes();
            coded.extend_from_slice(&sample.0.body.bytes[from..to]);
            coded.extend_from_slice(b"\r\n");
            wire.push(&coded, slice.at_us);
        }
        sample.0.wire = wire;
        sample.0.chunks = chunks;
        sample.with_field("Transfer-Encoding", "chunked")
    }

    /// A response that is not 200, or not an event stream.
    pub(crate) fn answer(status: u16, content_type: &str, body: &str) -> Self {
        let sample = Self::stream(body).status(status);
        let sample = sample.without_field("Content-Type");
        let sample = match content_type {
            "" => sample,
            value => sample.with_field("Content-Type", value),
        };
        sample.ended(HEAD_MS + 2)
    }

    /// No head ever came.
    pub(super) fn silence(kind: EndKind, at_ms: u64) -> Self {
        let mut sample = Self::stream("").end(kind, at_ms);
        sample.0.head = None;
        sample
    }

    /// As this probe's.
    pub(crate) fn by(mut self, probe: Probe) -> Self {
        self.0.probe = probe.name().into();
        self
    }

    /// With this content coding, undone as it arrived.
    pub(super) fn coded(self, coding: &str) -> Self {
        let mut sample = self.with_field("Content-Encoding", coding);
        let content = std::mem::take(&mut sample.0.body);
        for slice in &content.slices {
            sample.0.body.push(&[0xf0], slice.at_us);
        }
        sample.0.wire = sample.0.body.clone();
        sample.0.content = Some(content);
        sample
    }

    /// With another status.
    pub(super) fn status(mut self, status: u16) -> Self {
        if let Some(head) = &mut self.0.head {
            head.status = status;
        }
        self
    }

    /// Asked with this field.
    pub(super) fn asked(mut self, name: &str, value: &str) -> Self {
        self.0.request.fields.push(field(name, value));
        self
    }

    /// With one more field line in the head.
    pub(super) fn with_field(mut self, name: &str, value: &str) -> Self {
        if let Some(head) = &mut self.0.head {
            head.fields.push(field(name, value));
        }
        self
    }

    /// Without any field line of this name in the head.
    pub(super) fn without_field(mut self, name: &str) -> Self {
        if let Some(head) = &mut self.0.head {
            head.fields.retain(|f| !f.name.eq_ignore_ascii_case(name));
        }
        self
    }

    /// Over another version of HTTP.
    pub(super) fn version(mut self, version: HttpVersion) -> Self {
        self.0.request.version = version;
        if let Some(head) = &mut self.0.head {
            head.version = version;
        }
        if version == HttpVersion::Http2 {
            self.0.wire = Capture::default();
            self.0.chunks.clear();
            self = self.without_field("Transfer-Encoding");
        }
        self
    }

    /// With the head this late, in milliseconds.
    pub(super) fn head_at(mut self, at_ms: u64) -> Self {
        if let Some(head) = &mut self.0.head {
            head.at_us = at_ms * 1000;
        }
        self
    }

    /// With a fault of the framing at this offset on the wire.
    pub(super) fn fault(mut self, kind: FaultKind, offset: u64, detail: &str) -> Self {
        self.0.faults.push(Fault {
            kind,
            offset,
            at_us: self.0.wire.arrival_us(offset).unwrap_or(HEAD_MS * 1000),
            detail: detail.into(),
        });
        self
    }

    /// Ended like this, in milliseconds since the exchange began.
    pub(super) fn end(mut self, kind: EndKind, at_ms: u64) -> Self {
        self.0.end.kind = kind;
        self.0.end.at_us = at_ms * 1000;
        self
    }

    /// Ended by the server, cleanly, at this time in milliseconds.
    pub(crate) fn ended(mut self, at_ms: u64) -> Self {
        if !self.0.chunks.is_empty() {
            self.0.chunks.push(Chunk {
                wire_offset: self.0.wire.len(),
                body_offset: self.0.body.len(),
                size: 0,
                extension: String::new(),
            });
            self.0.wire.push(b"0\r\n\r\n", at_ms * 1000);
        }
        self.end(EndKind::Clean, at_ms)
    }
}

fn field(name: &str, value: &str) -> Field {
    Field {
        name: name.into(),
        value: value.into(),
    }
}

/// Judges one rule as a run does, with everything the judge adds: applicability, skipped probes,
/// the level.
pub(super) fn finding(id: &str, samples: impl IntoIterator<Item = Sample>) -> Finding {
    finding_with(id, samples, [])
}

/// As [`finding`], with exchanges that were not made.
pub(super) fn finding_with(
    id: &str,
    samples: impl IntoIterator<Item = Sample>,
    skipped: impl IntoIterator<Item = Skipped>,
) -> Finding {
    let mut observation = Observation::new("http://h.example/events");
    observation.transcripts = samples.into_iter().map(|sample| sample.0).collect();
    observation.skipped = skipped.into_iter().collect();
    let selection = Selection {
        only: vec![id.into()],
        skip: Vec::new(),
    };
    let mut record = judge(&observation, &selection, Level::Must).unwrap();
    assert_eq!(record.checks.len(), 1, "{id} names one rule");
    record.checks.remove(0)
}

/// The verdict on one main stream.
pub(super) fn verdict(id: &str, sample: Sample) -> Verdict {
    finding(id, [sample]).verdict
}

/// Verdict and offset of the first evidence on one main stream.
pub(super) fn place(id: &str, sample: Sample) -> (Verdict, Option<u64>) {
    let finding = finding(id, [sample]);
    let offset = finding.evidence.first().and_then(|seen| seen.offset);
    (finding.verdict, offset)
}

#[test]
fn a_sample_reads_as_an_event_stream() {
    let finding = finding("line.kind", [Sample::stream("data: a\r\n\r\n")]);
    assert_eq!(finding.verdict, Verdict::Info);
    let chunked = Sample::chunked([(20, "data: a\n"), (30, "\n")]).ended(40);
    assert_eq!(
        chunked.0.wire.bytes,
        b"8\r\ndata: a\n\r\n1\r\n\n\r\n0\r\n\r\n"
    );
    assert_eq!(verdict("line.kind", chunked), Verdict::Pass);
}

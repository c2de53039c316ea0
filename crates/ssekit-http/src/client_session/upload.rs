//! Contents of requests, sent as the windows of the peer allow (RFC 9113 section 6.9).

use super::ClientSession;
use crate::frame::MAX_FRAME;

/// The rest of a request content that waits for the window of its stream.
pub(super) struct Upload {
    pub body: Vec<u8>,
    pub sent: usize,
    pub window: i64,
}

impl ClientSession {
    pub(super) fn widen(&mut self, stream: u32, by: i64) {
        if stream == 0 {
            self.peer.window += by;
        } else if let Some(upload) = self.find(stream).and_then(|s| s.upload.as_mut()) {
            upload.window += by;
        }
        self.upload();
    }

    /// Sends of request contents what the peer's windows allow.
    pub(super) fn upload(&mut self) {
        if self.uploads == 0 {
            return;
        }
        for stream in &mut self.streams {
            let Some(upload) = &mut stream.upload else {
                continue;
            };
            loop {
                let rest = &upload.body[upload.sent..];
                let window = upload.window.min(self.peer.window).max(0) as usize;
                let count = rest.len().min(MAX_FRAME).min(window);
                if count == 0 {
                    break;
                }
                let is_last = count == rest.len();
                self.outbox.data(stream.number, &rest[..count], is_last);
                upload.sent += count;
                upload.window -= count as i64;
                self.peer.window -= count as i64;
                if is_last {
                    break;
                }
            }
            if upload.sent == upload.body.len() {
                stream.upload = None;
                self.uploads -= 1;
            }
        }
    }
}

//! HTTP/2 by prior knowledge: how it is asked for, and frames for raw servers.
#![allow(clippy::unwrap_used)]

use ssekit_http::{Ask, HttpChoice};
use url::Url;

pub fn ask2(url: &Url) -> Ask {
    Ask {
        http: HttpChoice::Http2,
        ..crate::peer::ask(url)
    }
}

pub fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut out = vec![len[1], len[2], len[3], kind, flags, 0, 0, 0, stream];
    out.extend_from_slice(payload);
    out
}

//! `/`: what there is, for people.
use http::{Response, StatusCode};

use crate::answer::{self, Content};

/// The page.
pub(crate) fn page() -> Response<Content> {
    let page = include_str!("page.html").replace("{version}", env!("CARGO_PKG_VERSION"));
    answer::text(StatusCode::OK, "text/html; charset=utf-8", page)
}

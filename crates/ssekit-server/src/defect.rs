//! Names of the ways in which the server can be broken.
use std::fmt;

use crate::{defect_table::TABLE, flaw::Flaw};

/// One way in which the server can be broken.
#[derive(Clone, Copy)]
pub struct Defect(&'static DefectEntry);

/// What is known of a defect.
#[derive(Debug)]
#[non_exhaustive]
pub struct DefectEntry {
    /// The id of the check it trips, or `CHECK/variant`.
    pub id: &'static str,
    /// The id of the check it trips.
    pub check: &'static str,
    /// What the server does wrong, in one line.
    pub about: &'static str,
    /// Whether only HTTP/1.1 can show it; over HTTP/2 the server then conforms.
    pub needs_h1: bool,
    /// Whether only HTTP/2 can show it; over HTTP/1.1 the server then conforms.
    pub needs_h2: bool,
    /// Whether only TLS can show it.
    pub needs_tls: bool,
    /// Path and query to point the check at.
    pub path: &'static str,
    /// Checks that may trip too, because this defect implies what they look for.
    pub also: &'static [&'static str],
    pub(crate) flaw: Flaw,
}

impl Defect {
    /// The defect with this id.
    #[must_use]
    pub fn find(id: &str) -> Option<Self> {
        Self::all().iter().find(|entry| entry.id == id).map(Self)
    }

    /// Every defect, in the order of the catalogue of checks.
    #[must_use]
    pub fn all() -> &'static [DefectEntry] {
        TABLE
    }

    /// Its id.
    #[must_use]
    pub fn id(self) -> &'static str {
        self.0.id
    }

    /// What is known of it.
    #[must_use]
    pub fn entry(self) -> &'static DefectEntry {
        self.0
    }
}

impl PartialEq for Defect {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for Defect {}

impl fmt::Debug for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Defect({})", self.0.id)
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.id)
    }
}

/// The steps by which the table is written.
impl DefectEntry {
    pub(crate) const fn new(id: &'static str, flaw: Flaw, about: &'static str) -> Self {
        Self {
            id,
            check: before_slash(id),
            about,
            needs_h1: false,
            needs_h2: false,
            needs_tls: false,
            path: "/events",
            also: &[],
            flaw,
        }
    }

    pub(crate) const fn at(mut self, path: &'static str) -> Self {
        self.path = path;
        self
    }

    pub(crate) const fn also(mut self, checks: &'static [&'static str]) -> Self {
        self.also = checks;
        self
    }

    pub(crate) const fn h1(mut self) -> Self {
        self.needs_h1 = true;
        self
    }

    pub(crate) const fn h2(mut self) -> Self {
        self.needs_h2 = true;
        self
    }

    pub(crate) const fn tls(mut self) -> Self {
        self.needs_tls = true;
        self
    }
}

const fn before_slash(id: &'static str) -> &'static str {
    let bytes = id.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'/' {
            return id.split_at(at).0;
        }
        at += 1;
    }
    id
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::collections::BTreeSet;

    use super::*;

    /// Every check.
    const CHECKS: &str = "
        response.status-200 response.content-type response.content-type-single
        response.charset-utf8 response.charset-absent response.accept-exact
        response.accept-absent response.accept-refused response.method-405-allow response.head
        response.date response.redirect-307-301 response.error-not-sse response.retry-after
        response.headers-prompt response.ttfb response.nosniff
        framing.well-formed framing.no-cl-and-te framing.no-content-length framing.clean-end
        framing.http10 framing.event-per-flush framing.no-fixed-block framing.tiny-storm
        framing.trailers
        encoding.valid-utf8 encoding.no-surrogates encoding.no-replacement encoding.bom-start
        encoding.bom-mid encoding.bom-on-reconnect
        line.consistent line.kind line.cr-only line.no-lfcr line.crlf-split line.blank-runs
        data.final-terminated data.block-without-data data.json-valid data.stray-lines
        data.space-style
        event.repeat event.empty event.reserved-names event.case event.name-space
        id.no-nul id.header-safe id.ascii id.length id.unique id.coverage
        retry.digits retry.unit retry.zero retry.present
        heartbeat.interval heartbeat.is-comment heartbeat.colon-form heartbeat.not-mid-event
        heartbeat.idle-start
        resume.accepted resume.replay resume.unknown resume.empty-absent resume.non-ascii
        resume.no-reflection resume.204-stops resume.close-without-event resume.auth
        cache.no-store cache.not-shared cache.no-transform cache.validators buffering.hint
        compression.identity compression.flush compression.valid compression.vary
        http2.goaway http2.available http2.no-conn-headers http2.lowercase http2.data-per-event
        http2.flow-control http2.rst-cancel http2.concurrency http2.ping http2.same-events
        lifecycle.min-duration lifecycle.half-open lifecycle.parallel
        lifecycle.shutdown lifecycle.restart-storm
        lifecycle.keepalive-headers
        cors.acao cors.credentials cors.vary cors.reflect-any cors.preflight-lei cors.on-errors
        encoding.astral encoding.split-char encoding.nul data.multiline data.crlf-normalised
        data.injection data.trailing-newline data.empty data.leading-space data.colon
        data.unicode-breaks data.large event.injection event.fidelity id.reset id.injection
        id.fidelity retry.fidelity retry.injection heartbeat.injection
        response.204-no-body framing.emission-lag resume.no-loss lifecycle.disconnect-noticed";

    #[test]
    fn every_check_has_a_defect_of_its_name() {
        for check in CHECKS.split_whitespace() {
            let defect = Defect::find(check).unwrap_or_else(|| panic!("no defect {check}"));
            assert_eq!(defect.entry().check, check);
        }
        let known: BTreeSet<&str> = CHECKS.split_whitespace().collect();
        for entry in Defect::all() {
            assert!(known.contains(entry.check), "{}", entry.id);
            for also in entry.also {
                assert!(known.contains(also) && *also != entry.check, "{}", entry.id);
            }
        }
    }

    #[test]
    fn ids_are_unique_and_entries_readable() {
        let ids: BTreeSet<&str> = Defect::all().iter().map(|entry| entry.id).collect();
        assert_eq!(ids.len(), Defect::all().len());
        for entry in Defect::all() {
            assert!(
                entry.path.starts_with('/') && entry.about.len() > 10,
                "{}",
                entry.id
            );
        }
        assert!(Defect::find("no.such").is_none());
    }
}

//! Who watches a load run while it goes on: a person, a log, Prometheus.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ssekit_load::{Exporter, Job, Progress};
use ssekit_scenario::load::{LiveView, Output};

use crate::dashboard::{Dashboard, Form};
use crate::failure::Failure;
use crate::output;

/// Everyone who is shown a run.
pub struct Audience {
    dashboard: Dashboard,
    exporter: Option<Exporter>,
}

impl Audience {
    /// As the command line and, where that says nothing, the scenario ask for it.
    ///
    /// # Errors
    /// When Prometheus cannot be served at the address asked for.
    pub fn new(
        job: &Job,
        scenario: &Output,
        prometheus: Option<SocketAddr>,
        quiet: bool,
    ) -> Result<Self, Failure> {
        let listen = match (&scenario.prometheus, prometheus) {
            (Some(asked), None) => Some(address(&asked.listen).map_err(|expected| {
                let given = &asked.listen;
                Failure::Usage(format!("output.prometheus.listen is `{given}`: {expected}"))
            })?),
            (_, listen) => listen,
        };
        let asked = scenario.prometheus.as_ref();
        let is_native = asked.is_some_and(|asked| asked.native);
        let exporter = listen
            .map(|listen| Exporter::start(listen, job, is_native))
            .transpose()?;
        if let (Some(exporter), false) = (&exporter, quiet) {
            output::say(&format!("metrics at http://{}/metrics", exporter.address()));
        }
        let form = match scenario.live {
            _ if quiet => Form::Silent,
            Some(LiveView::None) => Form::Silent,
            Some(LiveView::Line) => Form::Line,
            Some(LiveView::Tui) | None => Form::fitting(),
        };
        Ok(Self {
            dashboard: Dashboard::new(job, form),
            exporter,
        })
    }

    /// Shows them the newest interval.
    pub fn show(&mut self, mut progress: Progress<'_>) {
        self.dashboard.show(&progress);
        if let Some(exporter) = &mut self.exporter {
            exporter.take(&mut progress);
        }
    }
}

/// Reads `PORT`, on the loopback interface, or `ADDRESS:PORT`; port 0 is any that is free.
///
/// # Errors
/// Says what was expected.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let loopback = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let port = text.strip_prefix(':').unwrap_or(text).parse().map(loopback);
    port.or_else(|_| text.parse()).map_err(|_| {
        "expected a port, such as 9400, or an address with one, such as 0.0.0.0:9400".into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_port_is_on_loopback() {
        let read = |text| address(text).map(|address| address.to_string());
        for (text, expected) in [
            ("9400", "127.0.0.1:9400"),
            (":0", "127.0.0.1:0"),
            ("0.0.0.0:9400", "0.0.0.0:9400"),
            ("[::1]:9400", "[::1]:9400"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
        for text in [
            "",
            ":",
            "localhost:9400",
            "65536",
            "1.2.3.4",
            "-1",
            "http://x",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}

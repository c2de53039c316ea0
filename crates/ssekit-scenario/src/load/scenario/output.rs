//! Reports, and what is shown while the run goes on.

use std::path::PathBuf;

use serde::Deserialize;

/// `[output]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Output {
    /// Folder of the reports.
    pub dir: Option<PathBuf>,
    /// Which reports.
    pub formats: Vec<OutputFormat>,
    /// What is shown while it runs; by default a dashboard on a terminal, lines otherwise.
    pub live: Option<LiveView>,
    /// An endpoint for Prometheus.
    pub prometheus: Option<Prometheus>,
    /// One in so many streams has each of its events logged.
    pub trace_sample: Option<u64>,
}

/// One of `output.formats`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputFormat {
    /// The record.
    Json,
    /// One self-contained page.
    Html,
    /// Thresholds as test cases.
    Junit,
    /// The series as a table.
    Csv,
    /// HdrHistogram's interval log.
    Hlog,
    /// Percentile distributions.
    Hgrm,
    /// Markdown.
    Md,
}

/// `output.live`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LiveView {
    /// A dashboard.
    Tui,
    /// A line now and then.
    Line,
    /// Nothing.
    None,
}

/// `output.prometheus`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prometheus {
    /// Address to listen on.
    pub listen: String,
    /// Native histograms.
    #[serde(default)]
    pub native: bool,
}

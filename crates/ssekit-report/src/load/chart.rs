//! Charts as SVG, drawn with the colours of the page.

use std::fmt::Write as _;

use crate::text::{harmless, truncated};

/// Size of a chart.
const WIDTH: f64 = 840.0;
const HEIGHT: f64 = 220.0;
/// Room at the left for the scale, at the bottom for times.
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 24.0;
const TOP: f64 = 10.0;
/// The same where phases have their names above.
const NAMED_TOP: f64 = 24.0;
/// Width of a character of a name of a phase, at most.
const LETTER: f64 = 8.0;
const RIGHT: f64 = 8.0;

/// A value over time or over another axis.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// Name in the legend.
    pub name: &'static str,
    /// Class that gives it its colour: `a` to `e`.
    pub class: &'static str,
    /// Filled down to the axis.
    pub filled: bool,
    /// Points; a gap where `y` is absent.
    pub points: Vec<(f64, Option<f64>)>,
}

/// Where a value lies on a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// Evenly from 0.
    Linear,
    /// By its logarithm.
    Log,
}

/// A chart with its axes.
pub(super) struct Chart<'a> {
    pub about: &'a str,
    pub lines: Vec<Line>,
    pub scale: Scale,
    /// Marks of the horizontal axis: place and label.
    pub marks: Vec<(f64, String)>,
    /// Ends of the horizontal axis.
    pub span: (f64, f64),
    /// Stretches in the background with their names: phases.
    pub bands: Vec<(f64, f64, String)>,
    /// How a value reads.
    pub shown: fn(f64) -> String,
}

impl Chart<'_> {
    /// The drawing; all text in it is escaped.
    pub fn svg(&self) -> String {
        let (low, high) = self.range();
        let mut out = format!(
            r#"<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{}">"#,
            escaped(self.about)
        );
        self.bands(&mut out);
        for value in steps(low, high, self.scale) {
            let y = self.y(value, low, high);
            let _ = write!(
                out,
                r#"<line class="grid" x1="{LEFT}" x2="{:.1}" y1="{y:.1}" y2="{y:.1}"/><text class="scale" x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
                WIDTH - RIGHT,
                LEFT - 6.0,
                y + 4.0,
                escaped(&(self.shown)(value))
            );
        }
        for (at, label) in &self.marks {
            let x = self.x(*at);
            let anchor = if x > WIDTH - 60.0 { "end" } else { "middle" };
            let _ = write!(
                out,
                r#"<text class="scale" x="{x:.1}" y="{:.1}" text-anchor="{anchor}">{}</text>"#,
                HEIGHT - 6.0,
                escaped(label)
            );
        }
        for line in &self.lines {
            self.line(line, low, high, &mut out);
        }
        out.push_str("</svg>");
        out
    }

    fn top(&self) -> f64 {
        if self.bands.is_empty() {
            TOP
        } else {
            NAMED_TOP
        }
    }

    fn bands(&self, out: &mut String) {
        for (index, (from, to, name)) in self.bands.iter().enumerate() {
            let (x, end) = (self.x(*from), self.x(*to));
            let class = if index % 2 == 0 { "band" } else { "band odd" };
            let top = self.top();
            let _ = write!(
                out,
                r#"<rect class="{class}" x="{x:.1}" y="{top}" width="{:.1}" height="{:.1}"><title>{}</title></rect>"#,
                (end - x).max(0.0),
                HEIGHT - top - BOTTOM,
                escaped(name)
            );
            let room = ((end - x) / LETTER).max(0.0) as usize;
            let name = harmless(name);
            let short = truncated(&name, room);
            // One letter and an ellipsis name nothing.
            if short == name || room >= 4 {
                let _ = write!(
                    out,
                    r#"<text class="phase" x="{:.1}" y="{:.1}">{}</text>"#,
                    x + 2.0,
                    top - 6.0,
                    escaped(&short)
                );
            }
        }
    }

    fn line(&self, line: &Line, low: f64, high: f64, out: &mut String) {
        let mut path = String::new();
        let mut area = String::new();
        let mut begun: Option<f64> = None;
        let base = HEIGHT - BOTTOM;
        let mut last = 0.0;
        for (at, value) in &line.points {
            let Some(value) = value else {
                if let Some(first) = begun.take() {
                    let _ = write!(area, "L{last:.1} {base}L{first:.1} {base}Z");
                }
                continue;
            };
            let (x, y) = (self.x(*at), self.y(*value, low, high));
            let command = if begun.is_none() { 'M' } else { 'L' };
            let _ = write!(path, "{command}{x:.1} {y:.1}");
            let _ = write!(area, "{command}{x:.1} {y:.1}");
            begun.get_or_insert(x);
            last = x;
        }
        if let Some(first) = begun {
            let _ = write!(area, "L{last:.1} {base}L{first:.1} {base}Z");
        }
        if line.filled {
            let _ = write!(out, r#"<path class="area {}" d="{area}"/>"#, line.class);
        }
        let _ = write!(out, r#"<path class="line {}" d="{path}"/>"#, line.class);
    }

    fn range(&self) -> (f64, f64) {
        let values = || {
            self.lines
                .iter()
                .flat_map(|l| l.points.iter().filter_map(|p| p.1))
        };
        let high = values().fold(0.0, f64::max);
        match self.scale {
            Scale::Linear => (0.0, if high > 0.0 { high * 1.05 } else { 1.0 }),
            Scale::Log => {
                let least = values().filter(|v| *v > 0.0).fold(f64::MAX, f64::min);
                let low = least.min(high.max(1.0)).max(1.0);
                let low = 10f64.powf(low.log10().floor());
                (low, (high.max(low * 10.0)) * 1.1)
            }
        }
    }

    fn x(&self, at: f64) -> f64 {
        let (from, to) = self.span;
        let share = ((at - from) / (to - from).max(f64::EPSILON)).clamp(0.0, 1.0);
        LEFT + share * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64, low: f64, high: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => (value - low) / (high - low),
            Scale::Log => (value.max(low) / low).ln() / (high / low).ln(),
        };
        HEIGHT - BOTTOM - share.clamp(0.0, 1.0) * (HEIGHT - BOTTOM - self.top())
    }
}

/// Values at which a line is drawn.
fn steps(low: f64, high: f64, scale: Scale) -> Vec<f64> {
    match scale {
        Scale::Log => {
            let decades = std::iter::successors(Some(low), |v| Some(v * 10.0));
            decades.take_while(|v| *v <= high).take(12).collect()
        }
        Scale::Linear => {
            let raw = (high - low) / 4.0;
            let magnitude = 10f64.powf(raw.log10().floor());
            let step = [1.0, 2.0, 5.0, 10.0]
                .into_iter()
                .map(|factor| factor * magnitude)
                .find(|step| *step >= raw)
                .unwrap_or(raw);
            (0..=5)
                .map(|n| n as f64 * step)
                .take_while(|v| *v <= high)
                .collect()
        }
    }
}

/// One cell of a heat map: place, and how full it is from 0 to 1.
pub(super) struct Cell {
    pub column: usize,
    pub row: usize,
    pub share: f64,
}

/// A heat map: columns over time, rows from the lowest value up.
pub(super) fn heat(
    about: &str,
    cells: &[Cell],
    (columns, rows): (usize, usize),
    labels: &[(usize, String)],
    marks: &[(f64, String)],
) -> String {
    let (w, h) = (
        (WIDTH - LEFT - RIGHT) / columns.max(1) as f64,
        (HEIGHT - BOTTOM - TOP) / rows.max(1) as f64,
    );
    let mut out = format!(
        r#"<svg class="chart heat" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{}">"#,
        escaped(about)
    );
    for cell in cells {
        let (x, y) = (
            LEFT + cell.column as f64 * w,
            HEIGHT - BOTTOM - (cell.row + 1) as f64 * h,
        );
        let _ = write!(
            out,
            r#"<rect class="cell" x="{x:.1}" y="{y:.1}" width="{:.2}" height="{:.2}" opacity="{:.2}"/>"#,
            w + 0.3,
            h + 0.3,
            0.08 + 0.92 * cell.share.clamp(0.0, 1.0)
        );
    }
    for (row, label) in labels {
        let y = HEIGHT - BOTTOM - *row as f64 * h;
        let _ = write!(
            out,
            r#"<line class="grid" x1="{LEFT}" x2="{:.1}" y1="{y:.1}" y2="{y:.1}"/><text class="scale" x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0,
            escaped(label)
        );
    }
    for (share, label) in marks {
        let x = LEFT + share * (WIDTH - LEFT - RIGHT);
        let anchor = if x > WIDTH - 60.0 { "end" } else { "middle" };
        let _ = write!(
            out,
            r#"<text class="scale" x="{x:.1}" y="{:.1}" text-anchor="{anchor}">{}</text>"#,
            HEIGHT - 6.0,
            escaped(label)
        );
    }
    out.push_str("</svg>");
    out
}

/// Text for SVG within HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in crate::text::bounded_to(text, 200).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(bands: &[(f64, f64, &str)]) -> String {
        let bands = bands.iter();
        let chart = Chart {
            about: "a test",
            lines: vec![Line {
                name: "line",
                class: "a",
                filled: false,
                points: vec![(0.0, Some(1.0)), (10.0, Some(100.0))],
            }],
            scale: Scale::Linear,
            marks: Vec::new(),
            span: (0.0, 10.0),
            bands: bands
                .map(|(a, b, name)| (*a, *b, (*name).to_owned()))
                .collect(),
            shown: |value| value.to_string(),
        };
        chart.svg()
    }

    /// The names of phases that are shown, and their heights.
    fn names(svg: &str) -> Vec<(String, f64)> {
        let all = svg.split(r#"<text class="phase""#).skip(1);
        let told = all.filter_map(|part| {
            let y = part.split(r#"y=""#).nth(1)?.split('"').next()?;
            let name = part.split('>').nth(1)?.strip_suffix("</text")?;
            Some((name.to_owned(), y.parse().ok()?))
        });
        told.collect()
    }

    #[test]
    fn phases_have_their_names_above_the_plot_and_cut_to_their_width() {
        let long = "a name that goes on and on".repeat(5);
        let svg = drawn(&[(0.0, 4.0, "up"), (4.0, 9.9, &long), (9.9, 10.0, "down")]);
        let names = names(&svg);
        assert_eq!(names.len(), 2, "{names:?}");
        assert!(names.iter().all(|(_, y)| *y < NAMED_TOP), "{names:?}");
        assert_eq!(names[0].0, "up");
        assert!(names[1].0.ends_with('…') && names[1].0.chars().count() < 60);
        // The highest value lies below them.
        assert!(svg.contains(r#"y="24""#), "{svg}");
        assert!(drawn(&[]).contains("class=\"line a\""));
    }

    #[test]
    fn a_name_of_a_phase_is_harmless_when_it_is_cut() {
        let svg = drawn(&[(0.0, 1.0, "<script>\u{202e}alert(1)</script>")]);
        let names = names(&svg);
        assert!(names[0].0.starts_with("&lt;scr"), "{names:?}");
        assert!(!svg.contains("<script") && !svg.contains('\u{202e}'));
    }
}

//! Which format a scraper takes, by its `Accept` fields (RFC 9110 section 12.5.1).

use hyper::HeaderMap;
use hyper::header::ACCEPT;

/// The protobuf format of Prometheus, as a media type.
pub const PROTOBUF: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// Whether protobuf is named, and liked as much as text is or better.
pub fn likes_protobuf(fields: &HeaderMap) -> bool {
    let texts = fields.get_all(ACCEPT).iter();
    let ranges: Vec<Range> = texts
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(Range::read)
        .collect();
    let best = |is_meant: &dyn Fn(&Range) -> bool| {
        let qualities = ranges.iter().filter(|range| is_meant(range));
        qualities.map(|range| range.quality).reduce(f64::max)
    };
    let protobuf = best(&Range::is_protobuf).unwrap_or(0.0);
    // The most specific range says how text is liked.
    let text = ["text/plain", "text/*", "*/*"];
    let text = text.iter().find_map(|name| {
        let is_meant = |range: &Range| range.media_type == *name && range.has_version_of_text();
        best(&is_meant)
    });
    protobuf > 0.0 && protobuf >= text.unwrap_or(0.0)
}

/// One media range.
struct Range {
    media_type: String,
    parameters: Vec<(String, String)>,
    quality: f64,
}

impl Range {
    fn read(text: &str) -> Self {
        let mut parts = text.split(';').map(|part| part.trim().to_ascii_lowercase());
        let media_type = parts.next().unwrap_or_default();
        let parameters: Vec<(String, String)> = parts
            .filter_map(|part| {
                let (name, value) = part.split_once('=')?;
                let value = value.trim().trim_matches('"');
                Some((name.trim().to_owned(), value.to_owned()))
            })
            .collect();
        let quality = parameters.iter().find(|(name, _)| name == "q");
        let quality = quality.map_or(Some(1.0), |(_, value)| value.parse().ok());
        Self {
            media_type,
            parameters,
            // What cannot be read is not asked for.
            quality: quality.filter(|q| (0.0..=1.0).contains(q)).unwrap_or(0.0),
        }
    }

    fn is(&self, name: &str, value: &str) -> bool {
        let mut named = self.parameters.iter().filter(|(known, _)| known == name);
        named.any(|(_, known)| known == value)
    }

    fn is_protobuf(&self) -> bool {
        self.media_type == "application/vnd.google.protobuf"
            && self.is("proto", "io.prometheus.client.metricfamily")
            && self.is("encoding", "delimited")
    }

    /// Whether it asks for text of the version served here, or for any.
    fn has_version_of_text(&self) -> bool {
        let mut names = self.parameters.iter().map(|(name, _)| name.as_str());
        !names.any(|name| name == "version") || self.is("version", "0.0.4")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn likes(accept: &str) -> bool {
        let fields = accept.split('\n').filter(|line| !line.is_empty());
        likes_protobuf(&fields.map(|line| (ACCEPT, line.parse().unwrap())).collect())
    }

    #[test]
    fn protobuf_goes_to_those_that_name_it_and_like_it() {
        const PROTO: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
        for (accept, expected) in [
            (String::new(), false),
            ("*/*".into(), false),
            ("text/plain".into(), false),
            // Prometheus 2.42 with and without native histograms.
            (
                format!(
                    "{PROTO},application/openmetrics-text;version=1.0.0;q=0.8,\
                     application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
                ),
                true,
            ),
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
                    .into(),
                false,
            ),
            (PROTOBUF.into(), true),
            (format!("text/plain;q=0.3\n{PROTO};q=0.4"), true),
            (format!("{PROTO};q=0.4,text/plain"), false),
            (format!("{PROTO};q=0.4,text/plain;version=1.0.0"), true),
            (format!("{PROTO};q=0.4,text/plain;q=0.1,*/*"), true),
            (format!("{PROTO};q=0"), false),
            (format!("{PROTO};q=x"), false),
            ("application/vnd.google.protobuf".into(), false),
            (PROTO.replace("delimited", "text"), false),
            (PROTO.to_ascii_uppercase(), true),
        ] {
            assert_eq!(likes(&accept), expected, "{accept}");
        }
    }
}

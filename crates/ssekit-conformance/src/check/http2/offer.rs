//! Whether browsers get HTTP/2.

use ssekit_record::Level;

use crate::check::source::{HTML_AUTHORING, RFC9113_HTTPS};
use crate::{Applies, Case, Judgement, Needs, Rule};

pub(in crate::check) const RULES: &[Rule] = &[Rule {
    id: "http2.available",
    title: "HTTP/2 is offered over TLS",
    level: Level::Practice,
    needs: Needs::Passive,
    applies: Applies::Stream,
    probes: &[],
    sources: &[HTML_AUTHORING, RFC9113_HTTPS],
    expected: "h2 chosen by ALPN",
    impact: "Over HTTP/1.1 a browser opens few connections to a server, commonly six for all tabs \
             together: the seventh event stream, and every other request, waits.",
    remedy: "Turn on HTTP/2 where TLS ends: `listen … ssl http2` (nginx before 1.25.1), \
             `http2 on` (later), `alpn h2,http/1.1` (HAProxy), `http2.createSecureServer` (Node).",
    good: "ALPN: h2",
    bad: "ALPN: http/1.1",
    judge: available,
}];

fn available(case: &Case<'_>) -> Judgement {
    let Some(main) = case.main() else {
        return Judgement::unverified("no main observation");
    };
    let Some(tls) = &main.connection.tls else {
        return Judgement::not_applicable(
            "browsers speak HTTP/2 over TLS only, and this stream is asked for without",
        );
    };
    let chosen = tls.alpn.as_deref();
    if chosen == Some("h2") {
        return Judgement::pass("h2, by ALPN");
    }
    if !tls.offered.iter().any(|protocol| protocol == "h2") {
        return Judgement::unverified("HTTP/2 was not offered to the server; leave --http at auto");
    }
    let actual = match chosen {
        Some(chosen) => format!(
            "the server chose {} by ALPN",
            crate::check::sighting::quoted(chosen)
        ),
        None => "the server chose no protocol by ALPN".into(),
    };
    let tls_us = main.connection.tls_us;
    Judgement::warn(actual).noted(main, tls_us, "TLS handshake, h2 and http/1.1 offered")
}

#[cfg(test)]
mod tests {
    use crate::check::sample::{Sample, verdict};
    use ssekit_record::{TlsSession, Verdict};

    fn over_tls(chosen: Option<&str>, offered: &[&str]) -> Verdict {
        let mut sample = Sample::stream("data: a\n\n");
        sample.0.connection.tls = Some(TlsSession {
            version: "TLSv1.3".into(),
            alpn: chosen.map(Into::into),
            offered: offered.iter().map(|name| (*name).into()).collect(),
        });
        verdict("http2.available", sample)
    }

    #[test]
    fn what_the_server_chose_counts_where_it_had_the_choice() {
        let both = ["h2", "http/1.1"];
        assert_eq!(over_tls(Some("h2"), &both), Verdict::Pass);
        assert_eq!(over_tls(Some("h2"), &[]), Verdict::Pass);
        assert_eq!(over_tls(Some("http/1.1"), &both), Verdict::Warn);
        assert_eq!(over_tls(None, &both), Verdict::Warn);
        assert_eq!(
            over_tls(Some("http/1.1"), &["http/1.1"]),
            Verdict::Unverified
        );
        assert_eq!(over_tls(None, &[]), Verdict::Unverified);
    }

    #[test]
    fn without_tls_it_does_not_apply() {
        let plain = Sample::stream("data: a\n\n");
        assert_eq!(verdict("http2.available", plain), Verdict::NotApplicable);
    }
}

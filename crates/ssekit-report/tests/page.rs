//! The HTML page of the fixed record, and what must hold of it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fixture;

use fixture::{HOSTILE, finding, healthy, record};
use ssekit_record::{CheckOutcome, CheckSummary, Level, Source, Verdict, is_unsafe_to_show};
use ssekit_report::html;

/// The names of all elements, in order, closing ones with their slash.
fn tags(page: &str) -> Vec<&str> {
    let after = page.split('<').skip(1);
    after
        .map(|rest| rest.split([' ', '>', '\n']).next().unwrap())
        .collect()
}

#[test]
fn page_shows_hostile_text_as_text() {
    let page = html::render(&record());
    insta::assert_snapshot!(page);
    assert!(!page.contains(|c: char| c != '\n' && is_unsafe_to_show(c)));
    for finding in record().checks {
        assert!(page.contains(&finding.id), "{}", finding.id);
    }
}

#[test]
fn hostile_text_makes_no_element_and_no_attribute() {
    let attack = "'\"><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}</style></pre>";
    let tame = |text: &str| {
        let mut finding = finding("a.b", Verdict::Fail, Level::Must, text);
        for field in [&mut finding.title, &mut finding.impact, &mut finding.remedy] {
            text.clone_into(field);
        }
        finding.source[0].name = text.into();
        let mut record = record();
        record.target = text.into();
        record.summary = text.into();
        record.product = Some(text.into());
        record.ssekit = text.into();
        record.probes[0].request = text.into();
        record.probes[0].probe = text.into();
        let verdicts = [Verdict::Info, Verdict::Pass, Verdict::NotApplicable];
        record.checks = vec![finding.clone()];
        record.checks.extend(verdicts.map(|verdict| {
            let mut other = finding.clone();
            other.verdict = verdict;
            other
        }));
        record.counts = CheckSummary::of(&record.checks);
        html::render(&record)
    };
    let (attacked, plain) = (tame(attack), tame("plain"));
    assert_eq!(tags(&attacked), tags(&plain));
    assert_eq!(attacked.matches('"').count(), plain.matches('"').count());
}

#[test]
fn page_loads_nothing_and_follows_only_web_addresses() {
    let mut record = record();
    let source = |url: &str| Source {
        name: "x".into(),
        url: url.into(),
    };
    let urls = [
        "javascript:alert(1)",
        "data:text/html,x",
        "https://e/\u{202e}",
        "//e",
        HOSTILE,
    ];
    record.checks[2].source = urls.map(source).into();
    let page = html::render(&record);
    for part in page.split("href=\"").skip(1) {
        assert!(
            part.starts_with('#') || part.starts_with("https://www.rfc-editor.org/"),
            "{part}"
        );
    }
    for loads in ["src=", "<link", "<script", "url(", "@import", "srcset"] {
        assert!(!page.contains(loads), "{loads}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn every_link_within_the_page_has_its_place() {
    let page = html::render(&record());
    let links: Vec<&str> = page
        .split("href=\"#")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert!(links.len() > 4);
    for link in links {
        assert!(page.contains(&format!("id=\"{link}\"")), "{link}");
    }
}

#[test]
fn a_warning_at_the_gate_is_said_to_be_red() {
    let mut strict = record();
    assert!(!html::render(&strict).contains("red at this gate"));
    strict.gate = Level::Should;
    assert!(html::render(&strict).contains("red at this gate"));
}

#[test]
fn healthy_and_empty_records_have_pages_too() {
    let page = html::render(&healthy());
    assert!(page.contains("Conformant") && !page.contains("Failures"));
    let mut empty = record();
    empty.checks.clear();
    empty.probes.clear();
    empty.counts = CheckSummary::default();
    empty.outcome = CheckOutcome::Incomplete;
    empty.started_unix_ms = u64::MAX;
    let page = html::render(&empty);
    assert!(page.contains("Incomplete") && page.contains("Nothing was checked."));
}

//! The page and the JUnit file, read by parsers of others: html5ever finds no error in the page,
//! roxmltree none in the XML, and junit-parser counts as the record does.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fixture;

use std::collections::BTreeSet;
use std::io::Cursor;

use fixture::{healthy, record};
use html5ever::tendril::TendrilSink as _;
use html5ever::tree_builder::TreeBuilderOpts;
use html5ever::{ParseOpts, parse_document, tokenizer::TokenizerOpts};
use markup5ever_rcdom::{Handle, NodeData, RcDom};
use ssekit_record::{CheckOutcome, CheckRecord, CheckSummary, Level};
use ssekit_report::{html, junit};

fn records() -> Vec<CheckRecord> {
    let mut empty = record();
    empty.checks.clear();
    empty.probes.clear();
    empty.counts = CheckSummary::default();
    empty.outcome = CheckOutcome::Incomplete;
    vec![record(), healthy(), empty]
}

fn parsed(page: &str) -> RcDom {
    let options = ParseOpts {
        tokenizer: TokenizerOpts {
            exact_errors: true,
            ..TokenizerOpts::default()
        },
        tree_builder: TreeBuilderOpts {
            exact_errors: true,
            ..TreeBuilderOpts::default()
        },
    };
    parse_document(RcDom::default(), options).one(page)
}

/// Name and value of each attribute.
type Attributes = [(String, String)];

/// Visits every element with its attributes.
fn elements(node: &Handle, see: &mut dyn FnMut(&str, &Attributes)) {
    if let NodeData::Element { name, attrs, .. } = &node.data {
        let attributes = attrs.borrow();
        let attributes = attributes.iter();
        let pairs: Vec<_> = attributes
            .map(|a| (a.name.local.to_string(), a.value.to_string()))
            .collect();
        see(&name.local, &pairs);
    }
    for child in node.children.borrow().iter() {
        elements(child, see);
    }
}

#[test]
fn the_page_is_html_without_an_error() {
    for record in records() {
        let dom = parsed(&html::render(&record));
        assert_eq!(dom.errors.borrow().as_slice(), [""; 0]);
        let quirks = format!("{:?}", dom.quirks_mode.get());
        assert_eq!(quirks, "NoQuirks");
    }
}

#[test]
fn the_page_runs_and_loads_nothing_and_names_each_place_once() {
    let allowed = [
        "class",
        "id",
        "href",
        "title",
        "style",
        "open",
        "rel",
        "scope",
        "name",
        "content",
        "lang",
        "charset",
        "http-equiv",
        "viewbox",
        "preserveaspectratio",
        "d",
        "role",
        "aria-label",
        "aria-hidden",
        "aria-labelledby",
    ];
    for record in records() {
        let mut ids = BTreeSet::new();
        elements(
            &parsed(&html::render(&record)).document,
            &mut |name, attributes| {
                assert!(
                    !["script", "img", "link", "iframe", "form", "base"].contains(&name),
                    "{name}"
                );
                for (attribute, value) in attributes {
                    let known = allowed.contains(&attribute.to_ascii_lowercase().as_str());
                    assert!(known, "{name} {attribute}");
                    if attribute == "id" {
                        assert!(ids.insert(value.clone()), "{value} twice");
                    }
                    if attribute == "style" {
                        let plain = |c: char| c.is_ascii_alphanumeric() || ":-.%".contains(c);
                        assert!(value.chars().all(plain), "{value}");
                    }
                }
            },
        );
    }
}

#[test]
fn junit_is_read_as_it_was_meant() {
    for (record, gate) in records()
        .into_iter()
        .flat_map(|record| [Level::Must, Level::Practice].map(|gate| (record.clone(), gate)))
    {
        let mut record = record;
        record.gate = gate;
        let text = junit::render(&record);
        roxmltree::Document::parse(&text).unwrap();
        let report = junit_parser::from_reader(Cursor::new(&text)).unwrap();
        let cases = report.suites.iter().flat_map(|suite| &suite.cases);
        let mut counts = CheckSummary::default();
        for case in cases {
            match case.status {
                junit_parser::TestStatus::Success => counts.pass += 1,
                junit_parser::TestStatus::Failure(_) => counts.fail += 1,
                junit_parser::TestStatus::Error(_) => counts.error += 1,
                junit_parser::TestStatus::Skipped(_) => counts.unverified += 1,
            }
        }
        let red = record
            .checks
            .iter()
            .filter(|f| CheckRecord::reddens(f, gate));
        assert_eq!(counts.fail, red.count());
        let open = record.counts.unverified + record.counts.not_applicable;
        assert_eq!(counts.unverified, open);
        let unseen = usize::from(record.outcome == CheckOutcome::Incomplete);
        assert_eq!(counts.error, record.counts.error + unseen);
        assert_eq!(report.failures, counts.fail as u64);
    }
}

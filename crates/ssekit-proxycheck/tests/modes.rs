//! Every check, proved both ways on the built-in hop: it passes the hop as it is, and the mode made
//! for it trips it and nothing unrelated.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ssekit_proxycheck::{ProxyOptions, Stand, registry};
use ssekit_record::{ProxyRecord, Release, Verdict};
use ssekit_server::{Hop, HopConfig, HopEntry, HopMode};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Hops looked at at a time.
const AT_ONCE: usize = 8;
/// Silence and age looked at: longer than those of the modes that cut.
const IDLE: Duration = Duration::from_millis(1_500);
const LIFETIME: Duration = Duration::from_millis(5_000);

async fn at(mode: HopMode, tls: bool) -> ProxyRecord {
    let stand = Stand::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .await
        .unwrap();
    let mut config = HopConfig::new(stand.addr().to_string());
    (config.mode, config.tls) = (mode, tls);
    let hop = Hop::start(config).await.unwrap();
    let mut options = ProxyOptions::new(hop.url("/events?a=b").parse().unwrap());
    options.trust.ca_pem = hop.certificate_pem().map(|pem| pem.as_bytes().to_vec());
    // Ways of holding back last far longer, and a machine in use is late by itself.
    options.max_added_latency = Duration::from_millis(150);
    options.idle = IDLE;
    options.lifetime = Some(LIFETIME);
    stand.check(&options, &mut |_| {}).await.unwrap()
}

fn needs_tls(entry: &HopEntry) -> bool {
    entry.check == Some("proxy.http2")
}

async fn all(
    entries: Vec<&'static HopEntry>,
    at_once: usize,
) -> BTreeMap<&'static str, ProxyRecord> {
    let places = Arc::new(Semaphore::new(at_once));
    let mut running = JoinSet::new();
    for entry in entries {
        let places = Arc::clone(&places);
        running.spawn(async move {
            let _place = places.acquire_owned().await.unwrap();
            (
                entry.id,
                at(entry.id.parse().unwrap(), needs_tls(entry)).await,
            )
        });
    }
    let mut records = BTreeMap::new();
    while let Some(done) = running.join_next().await {
        let (id, record) = done.unwrap();
        records.insert(id, record);
    }
    records
}

fn tripped(record: &ProxyRecord) -> BTreeSet<&str> {
    let is_tripped = |verdict| {
        matches!(
            verdict,
            Verdict::Fail | Verdict::Warn | Verdict::Info | Verdict::Error
        )
    };
    let findings = record.run.checks.iter();
    let findings = findings.filter(|f| is_tripped(f.verdict));
    findings.map(|f| f.id.as_str()).collect()
}

/// What is wrong with the answer to one mode.
fn wrong(entry: &HopEntry, record: &ProxyRecord) -> Option<String> {
    let found = tripped(record);
    let told = |id: &str| {
        let finding = record.run.checks.iter().find(|f| f.id == id);
        finding.map_or(String::new(), |f| {
            format!("\n    {id} {}: {}", f.verdict, f.actual)
        })
    };
    let mut wrong = String::new();
    if let Some(check) = entry.check
        && !found.contains(check)
    {
        wrong += &format!("\n  does not trip{}", told(check));
    }
    for id in found {
        if entry.check != Some(id) && !entry.also.contains(&id) {
            wrong += &format!("\n  trips{}", told(id));
        }
    }
    (!wrong.is_empty()).then(|| format!("{}:{wrong}", entry.id))
}

#[test]
fn every_check_has_a_mode() {
    let broken: BTreeSet<&str> = HopMode::all()
        .iter()
        .filter_map(|entry| entry.check)
        .collect();
    let known: BTreeSet<&str> = registry().iter().map(|rule| rule.id).collect();
    assert_eq!(broken, known);
}

/// One that is wrong once more, beside few others, is wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_mode_trips_its_check_alone() {
    let mut records = all(HopMode::all().iter().collect(), AT_ONCE).await;
    let doubted = HopMode::all().iter();
    let doubted = doubted.filter(|entry| wrong(entry, &records[entry.id]).is_some());
    let again = all(doubted.collect(), 1).await;
    records.extend(again);
    let wrong: Vec<String> = HopMode::all()
        .iter()
        .filter_map(|entry| wrong(entry, &records[entry.id]))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    measured(&records);
}

/// The figures that the modes must give.
fn measured(records: &BTreeMap<&str, ProxyRecord>) {
    let of = |id: &str| &records[id].measurements;
    for (id, release, block) in [
        ("immediate", Release::Immediate, None),
        ("delay:300ms", Release::Delayed, None),
        ("coalesce:250ms", Release::Coalesced, None),
        ("block:256", Release::Block, Some(256)),
        ("block:4096", Release::Block, Some(4096)),
        ("until-close", Release::UntilClose, None),
    ] {
        assert_eq!(of(id).release, Some(release), "{id}");
        assert_eq!(of(id).block_bytes, block, "{id}");
    }
    let late = of("delay:300ms").added_latency_us.as_ref().unwrap();
    assert!(late.min_us >= 300_000, "{late:?}");
    assert_eq!(of("gzip").compressed.as_deref(), Some("gzip"));
    assert_eq!(of("immediate").compressed, None);
    let cut = of("idle-cut:600ms").idle_cut_ms.unwrap();
    assert!((600..1_500).contains(&cut), "{cut}");
    let beat = of("idle-cut:600ms").heartbeat_ms.unwrap();
    assert!((150..600).contains(&beat), "{beat}");
    let age = of("lifetime-cut:4s").lifetime_cut_ms.unwrap();
    assert!((4_000..5_000).contains(&age), "{age}");
    assert_eq!(of("abort-ignored").client_abort_seen_ms, None);
    assert!(of("immediate").client_abort_idle_seen_ms.unwrap() < 700);
}

/// Everything that passes over HTTP/1.1 passes over TLS, and over HTTP/2 there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transparent_hop_with_tls_passes() {
    let record = at(HopMode::Immediate, true).await;
    let entry = HopMode::all().first().unwrap();
    assert_eq!(wrong(entry, &record), None);
    let http2 = record.run.checks.iter().find(|f| f.id == "proxy.http2");
    assert_eq!(http2.unwrap().verdict, Verdict::Pass);
}

//! The view through a hop beside the view without it, of an origin that is not ssekit's own.
//!
//! The origin implements the echo contract: both views ask for the same script at the same time, and
//! each event is late by as much as it comes later, since its request was sent, through the hop than
//! without it. What only the origin could have seen cannot be concluded and is said to be so.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ssekit_http::{Ask, HttpChoice};
use ssekit_proto::{EventRef, Parser, Sink};
use ssekit_record::{EndKind, Piece, ProxyRecord, Transcript, redact_url};
use ssekit_scenario::{Script, Step};
use tokio::task::JoinSet;
use url::Url;

use crate::case::{Case, Seen};
use crate::client::{Leave, Sight, exchange};
use crate::clock::Clock;
use crate::delivery::{self, Delivery};
use crate::journal::Visit;
use crate::plan::SIZES;
use crate::runner::{Progress, exchange_options, secrets};
use crate::{ProxyError, ProxyOptions, judge};

/// Longest time one script takes beyond its waits.
const SPARE: Duration = Duration::from_secs(5);

/// A script to ask for in both views.
struct View {
    name: &'static str,
    about: &'static str,
    script: Script,
    accepts_coding: bool,
}

/// Compares the view through `options.via` with that of `origin`, whose echo endpoint both are.
///
/// # Errors
/// When either cannot be reached or does not answer as an echo endpoint.
pub async fn compare(
    origin: &Url,
    options: &ProxyOptions,
    sink: &mut (dyn FnMut(Progress) + Send),
) -> Result<ProxyRecord, ProxyError> {
    let began = Instant::now();
    let unix = SystemTime::now().duration_since(UNIX_EPOCH);
    let clock = Clock::start();
    let mut seen = BTreeMap::new();
    sink(Progress::Reaching);
    let canary = canary(origin, options, clock).await?;
    seen.insert("canary", canary);
    let views = views(options);
    sink(Progress::Planned(views.len()));
    let mut running = JoinSet::new();
    for view in views {
        sink(Progress::Started(view.name, view.about));
        let (origin, options) = (origin.clone(), options.clone());
        running.spawn(async move {
            let both = both(&view, &origin, &options, clock).await;
            (view, both)
        });
    }
    while let Some(done) = running.join_next().await {
        let (view, both) = match done {
            Ok(done) => done,
            // A panic in a probe is ours: let it surface as one.
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => continue,
        };
        sink(Progress::Finished(view.name));
        let (direct, through) = both?;
        // A coding of the origin's own says nothing about the hop.
        let head = direct.transcript.head.as_ref();
        let coded = head.is_some_and(|head| head.first("content-encoding").is_some());
        if !options.stopped() && !coded {
            seen.insert(view.name, paired(&view, &direct, through));
        }
    }
    let case = Case::of_views(options, seen);
    let mut record = judge::judge(&case);
    record.run.started_unix_ms = unix.map_or(0, |d| d.as_millis() as u64);
    record.run.elapsed_ms = began.elapsed().as_millis() as u64;
    Ok(record)
}

fn event(number: usize, size: usize) -> Step {
    let words = "the quick brown fox jumps over the lazy dog ";
    let mut data = format!("event {number} ");
    data.extend(words.chars().cycle().take(size.saturating_sub(data.len())));
    Step::Event {
        data: Some(data),
        event: None,
        id: None,
        retry: None,
    }
}

fn views(options: &ProxyOptions) -> Vec<View> {
    let bar = options.max_added_latency.as_millis() as u64;
    let (tail, gap) = (600.max(3 * bar), 300.max(3 * bar));
    let wait = |ms| Step::Wait { ms };
    let series = |count: usize, size: usize| {
        let events = (1..=count).flat_map(|n| [event(n, size), wait(100)]);
        events.chain([wait(tail)]).collect::<Vec<_>>()
    };
    let count = if options.quick { 10 } else { 20 };
    let mut large = vec![event(1, 40), wait(gap)];
    for (n, size) in (2..).zip(SIZES) {
        large.extend([event(n, size), wait(gap)]);
    }
    let view = |name, about, steps, accepts_coding| View {
        name,
        about,
        script: Script::new(steps),
        accepts_coding,
    };
    vec![
        view(
            "release",
            "small events, one every 100 ms",
            series(count, 20),
            false,
        ),
        view(
            "large",
            "single events of 512 bytes to 64 KiB",
            large,
            false,
        ),
        view(
            "head",
            "a head long before its first event",
            vec![wait(1_500), event(1, 20), wait(200)],
            false,
        ),
        view(
            "gzip",
            "events to a client that accepts compression",
            series(10, 120),
            true,
        ),
        view(
            "origin-fin",
            "an origin that breaks off",
            vec![event(1, 20), wait(300), Step::Abort {}],
            false,
        ),
    ]
}

fn ask(at: &Url, view: &View, options: &ProxyOptions, through: bool) -> Ask {
    let mut fields = vec![
        ("Accept".to_owned(), b"text/event-stream".to_vec()),
        ("Content-Type".to_owned(), b"application/json".to_vec()),
    ];
    if view.accepts_coding {
        fields.push(("Accept-Encoding".to_owned(), b"gzip, deflate, br".to_vec()));
    }
    for (name, value) in &options.fields {
        fields.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        fields.push((name.clone(), value.clone()));
    }
    Ask {
        probe: view.name.into(),
        method: "POST".into(),
        url: at.clone(),
        secret_fields: secrets(&options.secret_fields, &fields),
        fields,
        body: Some(view.script.to_json().into_bytes().into()),
        http: if through {
            options.http
        } else {
            HttpChoice::Auto
        },
    }
}

/// Both views of one script, asked for at the same time.
async fn both(
    view: &View,
    origin: &Url,
    options: &ProxyOptions,
    clock: Clock,
) -> Result<(Sight, Sight), ProxyError> {
    let most = view.script.waits() + SPARE;
    let exchanges = exchange_options(options);
    let stop = Arc::clone(&options.stop);
    let (first, second) = (
        ask(origin, view, options, false),
        ask(&options.via, view, options, true),
    );
    let (direct, through) = tokio::join!(
        exchange(&first, &exchanges, Leave::AtEnd, most, clock, &stop),
        exchange(&second, &exchanges, Leave::AtEnd, most, clock, &stop),
    );
    Ok((direct?, through?))
}

/// One event through each, so that what is no echo endpoint is told before anything is judged.
async fn canary(origin: &Url, options: &ProxyOptions, clock: Clock) -> Result<Seen, ProxyError> {
    let view = View {
        name: "canary",
        about: "whether both views show an echo endpoint",
        script: Script::new(vec![event(1, 20)]),
        accepts_coding: false,
    };
    let (direct, through) = both(&view, origin, options, clock).await?;
    if options.stopped() {
        return Err(ProxyError::Interrupted);
    }
    answered(origin, &direct, "the origin")?;
    answered(&options.via, &through, "the hop")?;
    Ok(paired(&view, &direct, through))
}

fn answered(at: &Url, sight: &Sight, who: &str) -> Result<(), ProxyError> {
    let at = redact_url(at);
    let transcript = &sight.transcript;
    let Some(head) = &transcript.head else {
        let why = transcript.end.detail.trim_end_matches('.');
        let why = if why.is_empty() {
            "no answer in time"
        } else {
            why
        };
        return Err(ProxyError::Unreachable(format!("{at}: {why}")));
    };
    if head.status == 200 && events(transcript).len() == 1 {
        return Ok(());
    }
    Err(ProxyError::NotForwarding(format!(
        "{at}: {who} answers a script of one event with {} and {} events: it is no echo endpoint \
         (echo contract, version 1)",
        head.status,
        events(transcript).len()
    )))
}

/// Arrival of each dispatched event and its size, in microseconds of the exchange.
fn events(transcript: &Transcript) -> Vec<(u64, u64)> {
    struct Ends(Vec<(u64, u64)>);
    impl Sink for Ends {
        fn event(&mut self, event: EventRef<'_>) {
            self.0.push((event.start, event.end));
        }
    }
    let stream = transcript.stream();
    let mut ends = Ends(Vec::new());
    // What goes beyond a limit of the parser was not sent by a script of ours.
    let _ = Parser::new().feed(&stream.bytes, &mut ends);
    let found = ends.0.into_iter().filter_map(|(start, end)| {
        let at = stream.arrival_us(end.checked_sub(1)?)?;
        Some((at, end - start))
    });
    found.collect()
}

/// The view through the hop, with the other one in the place of the origin: its times are put on
/// the clock by when each request was sent.
fn paired(view: &View, direct: &Sight, through: Sight) -> Seen {
    let sent = |sight: &Sight| sight.transcript.connection.request_us.unwrap_or(0);
    let zero = through.us(sent(&through));
    let moved = |us: u64| zero + us.saturating_sub(sent(direct));
    let got = events(&through.transcript);
    let pieces = events(&direct.transcript).into_iter().enumerate();
    let pieces = pieces.map(|(at, (us, bytes))| Piece {
        sent_us: moved(us),
        got_us: got.get(at).map(|(us, _)| through.us(*us)),
        bytes,
    });
    let ended = moved(direct.transcript.end.at_us);
    let delivery = Delivery {
        pieces: pieces.collect(),
        closed_us: Some(ended),
        bursts: delivery::bursts(&through),
    };
    let writes = delivery.pieces.iter().map(|piece| crate::journal::Write {
        at_us: piece.sent_us,
        offset: 0,
        len: 0,
    });
    let cut = matches!(
        direct.transcript.end.kind,
        EndKind::Truncated | EndKind::Reset
    );
    let visit = Visit {
        probe: Some(view.name.into()),
        number: 1,
        method: "POST".into(),
        version: "HTTP/1.1".into(),
        asked_us: zero,
        head_us: direct.transcript.head.as_ref().map(|h| moved(h.at_us)),
        writes: writes.collect(),
        ended_us: Some(ended),
        failed_us: cut.then_some(ended),
        ..Visit::default()
    };
    Seen {
        sight: through,
        visits: vec![visit],
        about: view.about,
        delivered: Some(delivery),
    }
}

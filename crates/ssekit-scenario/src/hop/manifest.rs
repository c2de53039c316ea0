//! Reading a scenario's text: shape by serde, unknown keys and values that cannot work by hand.
use super::{Demand, HopExpectation, HopScenario};
use crate::subject::manifest::{Fault, ensure, fault_of, is_name_byte, reject_unknown_keys};
use serde::Deserialize;
use ssekit_record::Release;
use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

const KEYS: &[&str] = &[
    "kind",
    "name",
    "about",
    "install",
    "needs",
    "version",
    "start",
    "via",
    "listen",
    "ready_within_s",
    "env",
    "demand",
    "expect",
];
const DEMAND_KEYS: &[&str] = &["max_added_latency", "idle", "lifetime"];
const EXPECT_KEYS: &[&str] = &["release", "fail", "warn"];
const VIA: &str = "http://{listen}/";
const DEFAULT_READY_WITHIN_S: u64 = 30;

type Text = Spanned<String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    kind: Text,
    name: Text,
    about: Text,
    #[serde(default)]
    install: Vec<Text>,
    #[serde(default)]
    needs: Vec<Text>,
    version: Option<Text>,
    start: Option<Text>,
    via: Option<Text>,
    listen: Option<Text>,
    ready_within_s: Option<Spanned<u64>>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    demand: DemandTable,
    #[serde(default)]
    expect: ExpectTable,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DemandTable {
    max_added_latency: Option<Text>,
    idle: Option<Text>,
    lifetime: Option<Text>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectTable {
    release: Option<Release>,
    #[serde(default)]
    fail: BTreeMap<Text, Text>,
    #[serde(default)]
    warn: BTreeMap<Text, Text>,
}

pub(super) fn read(text: &str) -> Result<HopScenario, Fault> {
    let table = DeTable::parse(text).map_err(|error| fault_of(&error))?;
    let table = table.get_ref();
    reject_unknown_keys(table, KEYS)?;
    for (name, keys) in [("demand", DEMAND_KEYS), ("expect", EXPECT_KEYS)] {
        if let Some(DeValue::Table(inner)) = table.get(name).map(Spanned::get_ref) {
            reject_unknown_keys(inner, keys)?;
        }
    }
    let manifest: Manifest = toml::from_str(text).map_err(|error| fault_of(&error))?;
    manifest.validate()?;
    manifest.into_scenario()
}

impl Manifest {
    fn validate(&self) -> Result<(), Fault> {
        let is_proxy = self.kind.get_ref() == "proxy";
        ensure(
            &self.kind,
            is_proxy,
            "this file is read as kind = \"proxy\"",
        )?;
        for value in self.texts() {
            let said = !value.get_ref().trim().is_empty() && !value.get_ref().contains('\0');
            ensure(value, said, "must not be empty, nor hold U+0000")?;
        }
        let named = self.name.get_ref().bytes().all(is_name_byte);
        let message = "a name has lower-case letters, digits, `-`, `.` and `_` only";
        ensure(&self.name, named, message)?;
        if let Some(wait) = &self.ready_within_s {
            let message = "must be from 1 to 3600 seconds";
            ensure(wait, (1..=3600).contains(wait.get_ref()), message)?;
        }
        self.validate_addresses()?;
        self.validate_reasons()
    }

    fn texts(&self) -> impl Iterator<Item = &Text> {
        let optional = [&self.version, &self.start, &self.via, &self.listen];
        [&self.name, &self.about]
            .into_iter()
            .chain(&self.install)
            .chain(&self.needs)
            .chain(optional.into_iter().flatten())
    }

    fn validate_addresses(&self) -> Result<(), Fault> {
        let Some(start) = &self.start else {
            let message = "a hop that is not started needs `via` and `listen`";
            return ensure(
                &self.name,
                self.via.is_some() && self.listen.is_some(),
                message,
            );
        };
        let told = |what: &str| {
            start.get_ref().contains(what) || self.env.values().any(|value| value.contains(what))
        };
        let message = "the hop must be told where to listen: use `{listen}` or `{listen_port}`";
        ensure(start, told("{listen}") || told("{listen_port}"), message)?;
        let message = "the hop must be told where to forward: use `{origin}` here or in `env`";
        ensure(start, told("{origin}"), message)?;
        match &self.via {
            Some(via) => {
                let local = ["http://{listen}", "https://{listen}"];
                let fine = local.iter().any(|url| via.get_ref().starts_with(url));
                ensure(via, fine, "must be `http://{listen}/…`, or https")
            }
            None => Ok(()),
        }
    }

    fn validate_reasons(&self) -> Result<(), Fault> {
        for (id, reason) in self.expect.fail.iter().chain(&self.expect.warn) {
            let of_proxy = id.get_ref().starts_with("proxy.");
            ensure(
                id,
                of_proxy,
                "a check of `ssekit proxy` begins with `proxy.`",
            )?;
            let said = !reason.get_ref().trim().is_empty();
            ensure(reason, said, "say why this finding is accepted")?;
        }
        Ok(())
    }

    fn into_scenario(self) -> Result<HopScenario, Fault> {
        let all = |texts: Vec<Text>| texts.into_iter().map(Spanned::into_inner).collect();
        let listen = self.listen.map(|text| address(&text)).transpose()?;
        let via = self.via.map_or_else(|| VIA.to_owned(), Spanned::into_inner);
        let wait = self.ready_within_s.map(Spanned::into_inner);
        Ok(HopScenario {
            name: self.name.into_inner(),
            about: self.about.into_inner(),
            install: all(self.install),
            needs: all(self.needs),
            version: self.version.map(Spanned::into_inner),
            start: self.start.map(Spanned::into_inner),
            via,
            listen,
            ready_within_s: wait.unwrap_or(DEFAULT_READY_WITHIN_S),
            env: self.env,
            demand: Demand {
                max_added_latency: time(self.demand.max_added_latency)?,
                idle: time(self.demand.idle)?,
                lifetime: time(self.demand.lifetime)?,
            },
            expect: HopExpectation {
                release: self.expect.release,
                fail: reasons(self.expect.fail),
                warn: reasons(self.expect.warn),
            },
            dir: PathBuf::new(),
        })
    }
}

fn reasons(table: BTreeMap<Text, Text>) -> BTreeMap<String, String> {
    let entries = table.into_iter();
    entries
        .map(|(id, reason)| (id.into_inner(), reason.into_inner()))
        .collect()
}

fn address(text: &Text) -> Result<SocketAddr, Fault> {
    text.get_ref().parse().map_err(|_| Fault {
        at: text.span().start,
        message: "expected an address and port such as 127.0.0.1:9000".to_owned(),
    })
}

/// `50ms`, `10s`, `2m`, `1h`: from 10 ms to one hour.
fn time(text: Option<Text>) -> Result<Option<Duration>, Fault> {
    let Some(text) = text else { return Ok(None) };
    let written = text.get_ref();
    let split = written.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = written.split_at(split.unwrap_or(written.len()));
    let scale = match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let ms = number.parse::<u64>().ok().zip(scale);
    let ms = ms.and_then(|(number, scale)| number.checked_mul(scale));
    match ms.filter(|ms| (10..=3_600_000).contains(ms)) {
        Some(ms) => Ok(Some(Duration::from_millis(ms))),
        None => Err(Fault {
            at: text.span().start,
            message: "expected a time from 10ms to 1h, such as \"50ms\" or \"10s\"".to_owned(),
        }),
    }
}

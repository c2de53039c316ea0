//! What a population asks for.

use std::sync::Arc;

use ssekit_http::{Ask, HttpChoice, request_bytes};
use ssekit_record::Shard;
use ssekit_scenario::load::{Filling, LoadPlan, PopulationKind, Template, Topics};
use url::Url;

use super::Order;
use super::file::{rows, text};
use crate::dial::Sharing;
use crate::error::LoadError;
use crate::publisher::{Publication, Publications, Publisher};
use crate::request::{RequestBytes, Requests};

impl Order {
    /// The requests of a population, and the URL of one of them.
    pub(super) fn requests(&self, index: Option<usize>) -> Result<(Requests, Url), LoadError> {
        let form = Form::new(self, index)?;
        let (first, url) = form.bytes(&Filling {
            shard: self.shard.index,
            topic: &form.topic(0),
            row: form.row(0),
            seed: self.scenario.seed,
            ..Filling::default()
        })?;
        if form.is_constant() {
            return Ok((Requests::Alike(RequestBytes::new(&first)), url));
        }
        let (shard, seed) = (self.shard.index, self.scenario.seed);
        let each = move |number: u64| {
            let stream = LoadPlan::ordinal(number);
            let topic = form.topic(stream);
            let filling = Filling {
                stream,
                shard,
                topic: &topic,
                row: form.row(stream),
                seed: seed ^ stream,
                ..Filling::default()
            };
            // What cannot be sent for one stream is asked as the first one was.
            let bytes = form
                .bytes(&filling)
                .map_or_else(|_| first.clone(), |(bytes, _)| bytes);
            RequestBytes::new(&bytes)
        };
        Ok((Requests::Each(Arc::new(each)), url))
    }

    /// Those who publish, with what they send when.
    pub(super) fn publishers(&self, plan: &Arc<LoadPlan>) -> Result<Vec<Publisher>, LoadError> {
        let all = plan.populations().iter().enumerate();
        let publishing = all.filter(|(_, population)| population.kind == PopulationKind::Publisher);
        let publishers = publishing.map(|(index, population)| {
            let form = Arc::new(Form::new(self, population.index)?);
            let topic = form.topic(0);
            let sample = Filling {
                topic: &topic,
                row: form.row(0),
                ..Filling::default()
            };
            let (_, url) = form.bytes(&sample)?;
            Ok(Publisher {
                role: index,
                dialer: self.dialer(&url, Sharing::Never)?,
                publications: publications(plan, &form, index, self.shard, self.scenario.seed),
                timeout: self.timeout(),
                in_order: population
                    .index
                    .is_some_and(|index| self.scenario.populations[index].in_order),
            })
        });
        publishers.collect()
    }
}

/// The form of a population's requests.
#[derive(Debug)]
struct Form {
    method: String,
    url: Template,
    fields: Vec<(String, Template)>,
    body: Option<Template>,
    topics: Topics,
    rows: Vec<Vec<(String, String)>>,
}

impl Form {
    fn new(order: &Order, index: Option<usize>) -> Result<Self, LoadError> {
        let target = &order.scenario.target;
        let population = index.map(|index| &order.scenario.populations[index]);
        let is_publisher = population.is_some_and(|p| p.kind == PopulationKind::Publisher);
        let body = match (&target.body, &target.body_file) {
            (Some(body), _) => Some(body.clone()),
            (None, Some(path)) => Some(text(&order.folder, path)?),
            (None, None) => None,
        };
        let body = match population {
            Some(population) if is_publisher => population.payload.clone(),
            _ => body,
        };
        let own = population.and_then(|population| population.method.clone());
        let method = own.or_else(|| target.method.clone().filter(|_| !is_publisher));
        let default = if body.is_some() { "POST" } else { "GET" };
        let mut fields: Vec<(String, String)> = Vec::new();
        if !is_publisher {
            fields.extend([
                ("Accept".to_owned(), "text/event-stream".to_owned()),
                ("Cache-Control".to_owned(), "no-store".to_owned()),
            ]);
            let offered = target.compression.0.join(", ");
            if !offered.is_empty() {
                fields.push(("Accept-Encoding".to_owned(), offered));
            }
            target
                .headers
                .iter()
                .for_each(|field| put(&mut fields, field));
        }
        let headers = population.iter().flat_map(|population| &population.headers);
        headers.for_each(|field| put(&mut fields, field));
        let template = |text: &str| Template::parse(text).map_err(LoadError::Scenario);
        let url = population
            .and_then(|population| population.url.as_ref())
            .unwrap_or(&target.url);
        let data = population.and_then(|population| population.data.as_ref());
        Ok(Self {
            method: method.unwrap_or_else(|| default.to_owned()),
            url: template(url)?,
            fields: fields
                .into_iter()
                .map(|(name, value)| Ok((name, template(&value)?)))
                .collect::<Result<_, LoadError>>()?,
            body: body.as_deref().map(template).transpose()?,
            topics: population
                .map(|population| population.topics.clone())
                .unwrap_or_default(),
            rows: data
                .map(|path| rows(&order.folder, path))
                .transpose()?
                .unwrap_or_default(),
        })
    }

    fn is_constant(&self) -> bool {
        let fields = self.fields.iter().map(|(_, value)| value);
        let mut all = fields.chain(&self.body).chain([&self.url]);
        all.all(Template::is_constant)
    }

    fn topic(&self, number: u64) -> String {
        self.topics.name(number)
    }

    fn row(&self, number: u64) -> &[(String, String)] {
        match self.rows.len() as u64 {
            0 => &[],
            len => &self.rows[(number % len) as usize],
        }
    }

    /// The bytes of a request, and its URL.
    fn bytes(&self, filling: &Filling<'_>) -> Result<(Vec<u8>, Url), LoadError> {
        let filled = |template: &Template| {
            let mut out = String::new();
            template.fill(filling, &mut out);
            out
        };
        let url = filled(&self.url);
        let url = Url::parse(&url)
            .map_err(|error| LoadError::Scenario(format!("target.url: {error}")))?;
        let fields = self.fields.iter();
        let ask = Ask {
            probe: "load".into(),
            method: self.method.clone(),
            url: url.clone(),
            fields: fields
                .map(|(name, value)| (name.clone(), filled(value).into_bytes()))
                .collect(),
            secret_fields: Vec::new(),
            body: self
                .body
                .as_ref()
                .map(|body| filled(body).into_bytes().into()),
            http: HttpChoice::Http11,
        };
        Ok((request_bytes(&ask)?, url))
    }
}

/// Sets a field line, in the place of one of the same name.
fn put(fields: &mut Vec<(String, String)>, (name, value): (&String, &String)) {
    fields.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    fields.push((name.clone(), value.clone()));
}

fn publications(
    plan: &Arc<LoadPlan>,
    form: &Arc<Form>,
    index: usize,
    shard: Shard,
    seed: u64,
) -> Arc<dyn Fn() -> Publications + Send + Sync> {
    let (plan, form) = (plan.clone(), form.clone());
    Arc::new(move || {
        let form = form.clone();
        let all = plan.publications(index, shard);
        Box::new(all.zip(0_u64..).map(move |(due, number)| {
            let form = form.clone();
            let request = move |intended_us: u64, sent_us: u64| {
                let topic = form.topic(due.topic);
                let filling = Filling {
                    stream: number,
                    shard: shard.index,
                    topic: &topic,
                    seq: due.seq,
                    intended_us,
                    sent_us,
                    row: form.row(number),
                    seed: seed ^ number,
                };
                form.bytes(&filling)
                    .map(|(bytes, _)| bytes)
                    .unwrap_or_default()
            };
            Publication {
                at_us: due.at_us,
                request: Box::new(request),
            }
        }))
    })
}

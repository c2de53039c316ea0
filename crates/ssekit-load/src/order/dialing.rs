//! How a population connects.

use std::net::SocketAddr;
use std::sync::Arc;

use ssekit_http::{HttpChoice, TlsIdentity, TlsTrust, tls_config_as};
use ssekit_scenario::load::{Http, PopulationKind, Resolve};
use url::Url;

use super::file::read;
use super::source::source_addresses;
use super::{Order, refuse};
use crate::address::{Names, addresses, host};
use crate::dial::{Dialer, Sharing, Tls};
use crate::error::LoadError;
use crate::port::Ports;

impl Order {
    /// Whether the streams of such a population share connections. A slow reader would hold up others
    /// on its connection, so where the version is left to the server it has its own.
    pub(super) fn sharing(&self, kind: PopulationKind) -> Sharing {
        let target = &self.scenario.target;
        let is_tls = target.url.starts_with("https:");
        match (kind, target.http) {
            (PopulationKind::Publisher, _) | (_, Http::Http11) => Sharing::Never,
            (_, Http::Http2) => Sharing::Always(self.scenario.per_connection()),
            (PopulationKind::Slow, Http::Auto) => Sharing::Never,
            (_, Http::Auto) if is_tls => Sharing::AsAgreed(self.scenario.per_connection()),
            (_, Http::Auto) => Sharing::Never,
        }
    }

    pub(super) fn dialer(&self, url: &Url, sharing: Sharing) -> Result<Dialer, LoadError> {
        let target = &self.scenario.target;
        let mut sources = Vec::new();
        for text in self.source_texts() {
            sources.extend(source_addresses(text)?);
        }
        let targets = self.targets(url)?;
        let names = self.names(url, &targets)?;
        Ok(Dialer {
            targets,
            names,
            sources,
            ports: target
                .port_range()
                .map(|range| Ports::only(range, self.shard)),
            recv_buffer: target.recv_buffer.map(|size| size.0 as usize),
            tls: self.tls(url, sharing)?,
            sharing,
            connect_timeout: self.timeout(),
        })
    }

    fn targets(&self, url: &Url) -> Result<Vec<SocketAddr>, LoadError> {
        let mut targets = Vec::new();
        for place in self.places(url)? {
            targets.extend(addresses(&place, self.timeout())?);
        }
        Ok(targets)
    }

    /// What is looked up anew for each connection, where that is asked for.
    fn names(&self, url: &Url, targets: &[SocketAddr]) -> Result<Option<Names>, LoadError> {
        if self.scenario.target.resolve == Resolve::Once {
            return Ok(None);
        }
        let is_ipv4 = targets.first().is_none_or(SocketAddr::is_ipv4);
        let hosts = self.places(url)?.iter().map(host).collect();
        Ok(Some(Names::new(hosts, is_ipv4)))
    }

    /// URLs of what is connected to: that of the streams, or those of `connect_to`.
    fn places(&self, url: &Url) -> Result<Vec<Url>, LoadError> {
        let places = &self.scenario.target.connect_to;
        if places.is_empty() {
            return Ok(vec![url.clone()]);
        }
        let place = |place: &String| {
            let scheme = url.scheme();
            let Ok(mut place_url) = Url::parse(&format!("{scheme}://{place}")) else {
                return refuse(format!("target.connect_to: {place:?} is not host:port"));
            };
            if place_url.port().is_none() {
                // The host was read from a URL of the same scheme, so it can carry a port.
                let _ = place_url.set_port(url.port());
            }
            Ok(place_url)
        };
        places.iter().map(place).collect()
    }

    fn tls(&self, url: &Url, sharing: Sharing) -> Result<Option<Tls>, LoadError> {
        if url.scheme() != "https" {
            return Ok(None);
        }
        let tls = &self.scenario.target.tls;
        let ca_pem = tls
            .ca
            .as_ref()
            .map(|path| read(&self.folder, path))
            .transpose()?;
        let trust = TlsTrust {
            ca_pem,
            insecure: tls.insecure,
        };
        let identity = self.identity()?;
        let config = |choice| -> Result<Arc<rustls::ClientConfig>, LoadError> {
            let mut config = tls_config_as(identity.as_ref(), &trust, choice)?;
            if tls.resume == Some(false) {
                Arc::make_mut(&mut config).resumption = rustls::client::Resumption::disabled();
            }
            Ok(config)
        };
        let own = config(HttpChoice::Http11)?;
        let shared = match sharing {
            Sharing::Never => own.clone(),
            Sharing::Always(_) => config(HttpChoice::Http2)?,
            Sharing::AsAgreed(_) => config(HttpChoice::Auto)?,
        };
        let mut url = url.clone();
        if let Some(name) = &tls.sni
            && url.set_host(Some(name)).is_err()
        {
            return refuse(format!("target.tls.sni: {name:?} is not a host name"));
        }
        Ok(Some(Tls { url, shared, own }))
    }

    /// The client certificate.
    fn identity(&self) -> Result<Option<TlsIdentity>, LoadError> {
        let tls = &self.scenario.target.tls;
        let files = tls.cert.as_ref().zip(tls.key.as_ref());
        let identity = files.map(|(cert, key)| {
            Ok(TlsIdentity {
                cert_pem: read(&self.folder, cert)?,
                key_pem: read(&self.folder, key)?,
            })
        });
        identity.transpose()
    }
}

//! The certificate made at start, and TLS with it.
use std::{net::IpAddr, sync::Arc};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio_rustls::TlsAcceptor;

use crate::ServerError;

/// A self-signed certificate and its key.
pub(crate) struct Certificate {
    pub(crate) pem: String,
    der: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Certificate {
    /// Makes one for the loopback names and the address listened on.
    pub(crate) fn make(address: IpAddr) -> Result<Self, ServerError> {
        Self::try_make(address).map_err(|error| ServerError::Certificate(error.to_string()))
    }

    fn try_make(address: IpAddr) -> Result<Self, rcgen::Error> {
        let mut names = vec!["localhost".into(), "127.0.0.1".into(), "::1".into()];
        let address = address.to_string();
        if !names.contains(&address) {
            names.push(address);
        }
        let mut params = CertificateParams::new(names)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, "ssekit reference server");
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            pem: certificate.pem(),
            der: certificate.der().clone(),
            key: key.serialize_der(),
        })
    }

    /// TLS that offers these protocols (RFC 7301, RFC 9113 3.2).
    pub(crate) fn acceptor(&self, protocols: &[&str]) -> Result<TlsAcceptor, ServerError> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|config| {
                let config = config.with_no_client_auth();
                config.with_single_cert(vec![self.der.clone()], key)
            });
        let mut config = config.map_err(|error| ServerError::Certificate(error.to_string()))?;
        config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

//! TLS with rustls: which certificates are trusted, the handshake, and its failures in words.

use std::io;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use ssekit_record::TlsSession;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::{Host, Url};

use crate::{HttpChoice, HttpError, TlsIdentity, TlsTrust};

/// The settings of a handshake, ALPN included.
///
/// # Errors
/// When the PEM bundle holds no usable certificate.
pub fn config(trust: &TlsTrust, choice: HttpChoice) -> Result<Arc<ClientConfig>, HttpError> {
    config_as(None, trust, choice)
}

/// The same, with a certificate for a server that asks for one (RFC 8446 section 4.4.2).
///
/// # Errors
/// Also when there is no certificate or key in the PEM of the identity, or they do not belong together.
pub fn config_as(
    identity: Option<&TlsIdentity>,
    trust: &TlsTrust,
    choice: HttpChoice,
) -> Result<Arc<ClientConfig>, HttpError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| HttpError::Trust(e.to_string()))?;
    let given = given(trust)?;
    let mut roots = system_roots().clone();
    for certificate in &given {
        roots
            .add(certificate.clone())
            .map_err(|e| HttpError::Trust(format!("CA certificates: {e}")))?;
    }
    let builder = if trust.insecure {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(TrustAnything(provider)))
    } else {
        let by_issuer = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|e| HttpError::Trust(e.to_string()))?;
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(TrustGiven { by_issuer, given }))
    };
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (chain, key) = shown(identity)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|e| HttpError::Trust(format!("client certificate and key: {e}")))?
        }
    };
    let protocols: &[&[u8]] = match choice {
        HttpChoice::Http10 => &[],
        HttpChoice::Http11 => &[b"http/1.1"],
        HttpChoice::Http2 => &[b"h2"],
        HttpChoice::Auto => &[b"h2", b"http/1.1"],
    };
    config.alpn_protocols = protocols.iter().map(|p| p.to_vec()).collect();
    Ok(Arc::new(config))
}

/// The certificates the caller trusts beside the system's.
fn given(trust: &TlsTrust) -> Result<Vec<CertificateDer<'static>>, HttpError> {
    let Some(pem) = &trust.ca_pem else {
        return Ok(Vec::new());
    };
    let given: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|e| HttpError::Trust(format!("CA certificates: {e}")))?;
    if given.is_empty() {
        let none = "CA certificates: no PEM certificate in the file";
        return Err(HttpError::Trust(none.into()));
    }
    Ok(given)
}

/// The certificates and the key of an identity.
fn shown(
    identity: &TlsIdentity,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), HttpError> {
    let wrong = |what: &str, why: String| HttpError::Trust(format!("client {what}: {why}"));
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&identity.cert_pem)
        .collect::<Result<_, _>>()
        .map_err(|e| wrong("certificate", e.to_string()))?;
    if chain.is_empty() {
        let none = "no PEM certificate in the file";
        return Err(wrong("certificate", none.into()));
    }
    let key = PrivateKeyDer::from_pem_slice(&identity.key_pem)
        .map_err(|e| wrong("key", e.to_string()))?;
    Ok((chain, key))
}

/// The system's roots, read once; those of Mozilla where the system has none.
fn system_roots() -> &'static RootCertStore {
    static ROOTS: OnceLock<RootCertStore> = OnceLock::new();
    ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        roots
    })
}

/// Makes the handshake.
///
/// # Errors
/// In words, one line: what failed and what to do about it.
pub async fn handshake(
    stream: TcpStream,
    url: &Url,
    config: Arc<ClientConfig>,
) -> Result<(TlsStream<TcpStream>, TlsSession), String> {
    let name = match url.host() {
        Some(Host::Domain(name)) => ServerName::try_from(name.to_owned())
            .map_err(|_| format!("{name} cannot be asked for by TLS"))?,
        Some(Host::Ipv4(ip)) => ServerName::IpAddress(std::net::IpAddr::V4(ip).into()),
        Some(Host::Ipv6(ip)) => ServerName::IpAddress(std::net::IpAddr::V6(ip).into()),
        None => return Err("the URL has no host".into()),
    };
    let offered = config.alpn_protocols.iter();
    let offered = offered
        .map(|p| String::from_utf8_lossy(p).into_owned())
        .collect();
    let connected = TlsConnector::from(config).connect(name, stream).await;
    let stream = connected.map_err(|e| handshake_words(&e, url))?;
    let session = stream.get_ref().1;
    let version = session.protocol_version().and_then(|v| v.as_str());
    let told = TlsSession {
        version: version.unwrap_or("unknown").replace('_', "."),
        alpn: session
            .alpn_protocol()
            .map(|p| String::from_utf8_lossy(p).into_owned()),
        offered,
    };
    Ok((stream, told))
}

fn handshake_words(error: &io::Error, url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let tls = error.get_ref().and_then(|e| e.downcast_ref::<Error>());
    match tls {
        Some(Error::InvalidCertificate(why)) => certificate_words(why, host),
        Some(Error::InvalidMessage(_)) => {
            "the server does not speak TLS on this port; use http://".into()
        }
        Some(Error::NoApplicationProtocol)
        | Some(Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol)) => {
            "the server offers none of the HTTP versions asked for (ALPN)".into()
        }
        Some(Error::AlertReceived(alert)) => {
            format!("the server refused the TLS handshake: alert {alert:?}")
        }
        Some(other) => format!("TLS handshake failed: {other}"),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the server closed the connection during the TLS handshake".into()
        }
        None => format!("the connection failed during the TLS handshake: {error}"),
    }
}

fn certificate_words(why: &CertificateError, host: &str) -> String {
    const TRUST: &str = "use --cacert FILE or --insecure";
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the certificate has expired; renew it, or use --insecure".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet; check the clocks, or use --insecure".into()
        }
        CertificateError::UnknownIssuer => {
            format!("the certificate is self-signed or of an unknown issuer; {TRUST}")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("the certificate is not for {host}; ask by a name it is for, or use --insecure")
        }
        CertificateError::Revoked => "the certificate has been revoked".into(),
        why if shows_an_authority(why) => {
            format!("the certificate is that of an authority, probably self-signed; {TRUST}")
        }
        other => format!("the certificate is not valid: {other}; {TRUST}"),
    }
}

/// Whether the server's certificate is one that may sign others: what a self-signed certificate
/// usually is, such as `openssl req -x509` makes it.
fn shows_an_authority(why: &CertificateError) -> bool {
    matches!(why, CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity"))
}

/// Verifies by issuer, and takes a certificate that the caller gave itself, which webpki refuses
/// where it is an authority's. webpki has looked at the dates before that; the name is left.
#[derive(Debug)]
struct TrustGiven {
    by_issuer: Arc<WebPkiServerVerifier>,
    given: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for TrustGiven {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.by_issuer.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verified {
            Err(Error::InvalidCertificate(why))
                if shows_an_authority(&why) && self.given.contains(end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_issuer.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_issuer.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.by_issuer.supported_verify_schemes()
    }
}

/// Verifies nothing but that the peer holds the key of the certificate it shows.
#[derive(Debug)]
struct TrustAnything(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustAnything {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

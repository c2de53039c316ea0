//! TLS: what is negotiated, what is trusted, and every refusal in words.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod peer;

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use peer::*;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use ssekit_http::{HttpChoice, HttpError, Options, Seen, TlsTrust, observe};
use ssekit_record::{EndKind, FaultKind, HttpVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use url::Url;

struct Identity {
    config: ServerConfig,
    pem: Vec<u8>,
}

fn identity(name: &str, last_year: i32) -> Identity {
    identity_of(name, last_year, IsCa::NoCa)
}

fn identity_of(name: &str, last_year: i32, is_ca: IsCa) -> Identity {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_after = date_time_ymd(last_year, 1, 1);
    params.is_ca = is_ca;
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
    let der = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, der)
        .unwrap();
    Identity {
        config,
        pem: certificate.pem().into_bytes(),
    }
}

fn trusting(identity: &Identity) -> Options {
    Options {
        trust: TlsTrust {
            ca_pem: Some(identity.pem.clone()),
            insecure: false,
        },
        ..options()
    }
}

/// A hyper server behind TLS that offers these protocols by ALPN.
async fn serve_tls(identity: &Identity, alpn: &[&str]) -> Url {
    let mut config = identity.config.clone();
    config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(stream) = acceptor.accept(stream).await else {
                continue;
            };
            let answer = service_fn(|_| async {
                let response = Response::new(Full::new(Bytes::from_static(b"data: x\n\n")));
                Ok::<_, Infallible>(response)
            });
            let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            tokio::spawn(async move {
                let _ = server.serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
    Url::parse(&format!("https://127.0.0.1:{port}/")).unwrap()
}

#[tokio::test]
async fn alpn_chooses_the_version() {
    let identity = identity("127.0.0.1", 4000);
    let both: &[&str] = &["h2", "http/1.1"];
    for (choice, alpn, version) in [
        (HttpChoice::Auto, both, HttpVersion::Http2),
        (HttpChoice::Http11, both, HttpVersion::Http11),
        (HttpChoice::Http10, both, HttpVersion::Http10),
        (HttpChoice::Http2, both, HttpVersion::Http2),
        (HttpChoice::Auto, &["http/1.1"], HttpVersion::Http11),
        (HttpChoice::Auto, &[], HttpVersion::Http11),
    ] {
        let url = serve_tls(&identity, alpn).await;
        let mut ask = ask(&url);
        ask.http = choice;
        let seen = watch(&ask, &trusting(&identity)).await;
        assert_seen(&seen, EndKind::Clean, &[], "data: x\n\n");
        assert_eq!(seen.request.version, version);
        let session = seen.connection.tls.unwrap();
        assert_eq!(session.version, "TLSv1.3");
        assert_eq!(
            session.alpn.as_deref() == Some("h2"),
            version == HttpVersion::Http2
        );
        assert!(seen.connection.connected_us <= seen.connection.tls_us);
        assert!(seen.connection.tls_us <= seen.connection.request_us);
    }
    for alpn in [["http/1.1"].as_slice(), &[]] {
        let mut ask = ask(&serve_tls(&identity, alpn).await);
        ask.http = HttpChoice::Http2;
        let seen = watch(&ask, &trusting(&identity)).await;
        assert_eq!(seen.end.kind, EndKind::Unreachable);
        assert!(seen.end.detail.contains("ALPN"), "{}", seen.end.detail);
    }
}

#[tokio::test]
async fn certificates_that_are_not_trusted() {
    let good = identity("127.0.0.1", 4000);
    let other = identity("other.example", 4000);
    let old = identity("127.0.0.1", 2001);
    for (identity, options, words) in [
        (&good, options(), "self-signed or of an unknown issuer"),
        (&other, trusting(&other), "not for 127.0.0.1"),
        (&old, trusting(&old), "expired"),
    ] {
        let url = serve_tls(identity, &[]).await;
        let seen = watch(&ask(&url), &options).await;
        assert_eq!(seen.end.kind, EndKind::Unreachable);
        assert!(seen.end.detail.contains(words), "{}", seen.end.detail);
        assert!(seen.end.detail.contains("--insecure"));
        let mut insecure = options;
        insecure.trust.insecure = true;
        let seen = watch(&ask(&url), &insecure).await;
        assert_seen(&seen, EndKind::Clean, &[], "data: x\n\n");
    }
}

#[tokio::test]
async fn tls_and_cleartext_taken_for_each_other() {
    let (url, _served) = serve(vec![vec![send("HTTP/1.1 400 Bad Request\r\n\r\n")]]).await;
    let mut https = url.clone();
    https.set_scheme("https").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    https
        .set_port(Some(listener.local_addr().unwrap().port()))
        .unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let seen = watch(&ask(&https), &options()).await;
    assert_eq!(seen.end.kind, EndKind::Unreachable);
    assert!(
        seen.end.detail.contains("use http://"),
        "{}",
        seen.end.detail
    );

    let mut http = serve_tls(&identity("127.0.0.1", 4000), &[]).await;
    http.set_scheme("http").unwrap();
    let seen = watch(&ask(&http), &options()).await;
    assert_eq!(seen.end.kind, EndKind::Malformed);
    assert_eq!(kinds(&seen), [FaultKind::NotHttp]);
    assert!(
        seen.end.detail.contains("use https://"),
        "{}",
        seen.end.detail
    );
}

#[tokio::test]
async fn an_end_without_close_notify_is_noted_and_framing_decides() {
    let identity = identity("127.0.0.1", 4000);
    let acceptor = TlsAcceptor::from(Arc::new(identity.config.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for field in ["", CHUNKED] {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = acceptor.accept(stream).await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await.unwrap();
            let answer = head(field) + "5\r\n:\n\n:\n\r\n";
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            // The TCP connection goes without a word from TLS.
            drop(stream.into_inner().0);
        }
    });
    let ask = ask(&url.parse().unwrap());
    let seen = watch(&ask, &trusting(&identity)).await;
    assert_eq!(seen.end.kind, EndKind::Clean, "{seen:?}");
    assert_eq!(kinds(&seen), [FaultKind::TlsUnclean]);
    let seen = watch(&ask, &trusting(&identity)).await;
    let faults = [FaultKind::TlsUnclean, FaultKind::LastChunkMissing];
    assert_seen(&seen, EndKind::Truncated, &faults, ":\n\n:\n");
}

#[tokio::test]
async fn a_self_signed_authority_is_trusted_when_given_itself() {
    let authority = || IsCa::Ca(BasicConstraints::Unconstrained);
    let mine = identity_of("127.0.0.1", 2999, authority());
    let url = serve_tls(&mine, &["http/1.1"]).await;
    let seen = watch(&ask(&url), &trusting(&mine)).await;
    assert_eq!(seen.end.kind, EndKind::Clean, "{seen:?}");
    let another = identity_of("127.0.0.1", 2999, authority());
    let old = identity_of("127.0.0.1", 2001, authority());
    let elsewhere = identity_of("example.org", 2999, authority());
    for (shown, given) in [(&mine, &another), (&old, &old), (&elsewhere, &elsewhere)] {
        let url = serve_tls(shown, &["http/1.1"]).await;
        let seen = watch(&ask(&url), &trusting(given)).await;
        assert_eq!(seen.end.kind, EndKind::Unreachable, "{seen:?}");
    }
}

#[tokio::test]
async fn faults_of_the_caller_are_errors() {
    let url: Url = "https://127.0.0.1:1/".parse().unwrap();
    let mut options = options();
    for pem in [
        "",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        options.trust.ca_pem = Some(pem.as_bytes().to_vec());
        let error = observe(&ask(&url), &options, &mut |_| Seen::More).await;
        assert!(matches!(error, Err(HttpError::Trust(_))), "{error:?}");
    }
    options.trust = TlsTrust::default();
    for url in ["ftp://h/", "data:,x"] {
        let error = observe(&ask(&url.parse().unwrap()), &options, &mut |_| Seen::More).await;
        assert!(matches!(error, Err(HttpError::Url(_))), "{error:?}");
    }
    let mut bad = Vec::new();
    for (name, value) in [
        ("a b", "v"),
        ("a", "v\r\nb: c"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "7"),
    ] {
        let mut ask = ask(&url);
        ask.fields.push((name.into(), value.into()));
        bad.push(ask);
    }
    for method in ["", "G T", "CONNECT"] {
        let mut ask = ask(&url);
        ask.method = method.into();
        bad.push(ask);
    }
    for ask in bad {
        let error = observe(&ask, &options, &mut |_| Seen::More).await;
        assert!(matches!(error, Err(HttpError::Request(_))), "{error:?}");
    }
}

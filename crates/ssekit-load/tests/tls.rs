//! What `target.tls` asks for, seen by a server on rustls.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{HandshakeKind, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use ssekit_load::{Order, run};
use ssekit_record::{LoadRecord, Shard};
use ssekit_scenario::load::LoadScenario;
use tempfile::TempDir;

/// What the server saw of one handshake.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    name: Option<String>,
    certificates: usize,
    resumed: bool,
}

/// An authority, certificates of it in a folder, and a server that wants one of its clients.
struct Bench {
    folder: TempDir,
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

fn issued(authority: &CertifiedIssuer<'_, KeyPair>, name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    (certificate.pem(), key.serialize_pem())
}

impl Bench {
    fn start() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
        };
        write("ca.pem", &authority.pem());
        let (cert, key) = issued(&authority, "client.test");
        write("client.pem", &cert);
        write("client.key", &key);
        let (cert, key) = issued(&authority, "server.test");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let address = serve(&authority.pem(), &cert, &key, seen.clone());
        Self {
            folder,
            address,
            seen,
        }
    }

    fn order(&self, tls: &str, phases: &str) -> Order {
        let text = format!(
            "[target]\nurl = \"https://{}/\"\nhttp = \"1.1\"\n[target.tls]\nca = \"ca.pem\"\nsni = \"server.test\"\n{tls}\n{phases}",
            self.address
        );
        let loaded = LoadScenario::parse(&text, Path::new("s.toml"), &[], |_| None);
        let loaded = loaded.unwrap_or_else(|error| panic!("{error}\n{text}"));
        Order {
            scenario: loaded.scenario,
            toml: loaded.toml,
            folder: self.folder.path().to_owned(),
            shard: Shard::default(),
            workers: None,
            processes: 1,
            ruling: None,
        }
    }

    fn run(&self, tls: &str, phases: &str) -> LoadRecord {
        let job = self.order(tls, phases).job().unwrap();
        run(&job, &Arc::new(AtomicBool::new(false)), &mut |_| {}).unwrap()
    }
}

/// Serves one event and the end to each client that shows a certificate of the authority.
fn serve(ca: &str, cert: &str, key: &str, seen: Arc<Mutex<Vec<Seen>>>) -> SocketAddr {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap())
        .unwrap();
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients.build().unwrap())
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (config, seen) = (config.clone(), seen.clone());
            thread::spawn(move || {
                let tls = ServerConnection::new(config).unwrap();
                let mut stream = StreamOwned::new(tls, stream.unwrap());
                let mut request = [0; 4096];
                if stream.read(&mut request).is_err() {
                    return;
                }
                seen.lock().unwrap().push(Seen {
                    name: stream.conn.server_name().map(str::to_owned),
                    certificates: stream.conn.peer_certificates().map_or(0, <[_]>::len),
                    resumed: stream.conn.handshake_kind() == Some(HandshakeKind::Resumed),
                });
                let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: 1\n\n";
                let _ = stream.write_all(answer.as_bytes());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            });
        }
    });
    address
}

const ONCE: &str = "[reconnect]\non_eof = \"finish\"\n[[phase]]\nkind = \"arrive\"\nrate = \"20/s\"\nover = \"500ms\"\n\
    [[phase]]\nkind = \"wait\"\nfor = \"1s\"\n";
const CLIENT: &str = "cert = \"client.pem\"\nkey = \"client.key\"";

#[test]
fn a_client_certificate_and_a_name_are_shown_and_sessions_are_resumed() {
    let bench = Bench::start();
    let record = bench.run(CLIENT, ONCE);
    assert_eq!(record.streams.opened, 10, "{:?}", record.errors);
    assert_eq!(record.streams.finished, 10, "{:?}", record.disconnects);
    let seen = bench.seen.lock().unwrap();
    assert_eq!(seen.len(), 10);
    let shown = |seen: &Seen| seen.name.as_deref() == Some("server.test") && seen.certificates == 1;
    assert!(seen.iter().all(shown), "{seen:?}");
    let resumed = seen.iter().filter(|seen| seen.resumed).count() as u64;
    assert!(resumed >= 1, "{seen:?}");
    assert_eq!(record.counts.tls_handshakes, 10);
    assert_eq!(record.counts.tls_resumed, resumed);
}

#[test]
fn sessions_are_not_resumed_where_that_is_asked_for() {
    let bench = Bench::start();
    let record = bench.run(&format!("{CLIENT}\nresume = false"), ONCE);
    assert_eq!(record.streams.opened, 10, "{:?}", record.errors);
    assert_eq!(
        (record.counts.tls_handshakes, record.counts.tls_resumed),
        (10, 0)
    );
    assert!(bench.seen.lock().unwrap().iter().all(|seen| !seen.resumed));
}

#[test]
fn without_a_certificate_the_server_refuses_and_that_is_counted() {
    let bench = Bench::start();
    let record = bench.run("", ONCE);
    assert_eq!(record.streams.opened, 0);
    // TLS 1.3 has the client send its request before it hears that it is refused.
    assert!(record.counts.errors >= 10, "{:?}", record.errors);
    assert_eq!(bench.seen.lock().unwrap().len(), 0);
}

#[test]
fn files_that_hold_no_certificate_or_key_are_refused_before_the_run() {
    let bench = Bench::start();
    for (tls, expected) in [
        (
            "cert = \"client.key\"\nkey = \"client.key\"",
            "client certificate: no PEM certificate",
        ),
        (
            "cert = \"client.pem\"\nkey = \"client.pem\"",
            "client key: ",
        ),
        (
            "cert = \"absent.pem\"\nkey = \"client.key\"",
            "cannot read ",
        ),
    ] {
        let error = bench.order(tls, ONCE).job().err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

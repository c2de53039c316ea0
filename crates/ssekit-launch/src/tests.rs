//! Subjects that behave, that do not, and that try to stay behind. The server they start is this
//! test program itself.
#![allow(clippy::unwrap_used, clippy::expect_used)]
use super::*;
use std::{
    io::Write as _,
    net::{SocketAddr, TcpStream},
};

/// Tells this program, started again as a subject, what to do.
const ROLE: &str = "SSEKIT_TEST_SERVER";

/// Not a test of its own: the server that subjects start. Answers every request with the status
/// in `ROLE`, or as a port that speaks TLS, and ends at a request for `/quit`.
#[test]
fn server() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let (port, status) = role.split_once(' ').unwrap();
    let listener = TcpListener::bind(("127.0.0.1", port.parse().unwrap())).unwrap();
    println!("listening");
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut request = [0; 1024];
        let length = stream.read(&mut request).unwrap_or(0);
        let answer = match status {
            "0" => "\x15\x03\x01\x00\x02\x02\x32".to_owned(),
            _ => format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n"),
        };
        let _ = stream.write_all(answer.as_bytes());
        if request[..length].starts_with(b"GET /quit") {
            return;
        }
    }
}

/// A shell command that runs [`server`]; it wants `ROLE`.
fn server_command() -> String {
    let program = std::env::current_exe().unwrap();
    let path = module_path!().split_once("::").unwrap().1;
    format!("'{}' --exact --nocapture {path}::server", program.display())
}

struct Scene {
    dir: TempDir,
    subject: Subject,
}

/// A subject with this start command, where `@SERVER` stands for the server's.
fn scene(start: &str, status: u16) -> Scene {
    let dir = tempfile::tempdir().unwrap();
    let start = start.replace("@SERVER", &server_command());
    let manifest = format!(
        "name = 'demo'\nabout = 'a server'\nready = 'http://127.0.0.1:{{port}}/'\n\
         url = 'http://127.0.0.1:{{port}}/events'\nready_within_s = 20\n\
         start = '''{start}'''\n[env]\n{ROLE} = '{{port}} {status}'\n"
    );
    let file = dir.path().join("subject.toml");
    std::fs::write(&file, manifest).unwrap();
    let subject = Subject::load(&file).unwrap();
    Scene { dir, subject }
}

impl Scene {
    fn log(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    async fn launch(&self) -> Result<Running, LaunchError> {
        launch(&self.subject, &self.log()).await
    }
}

fn answers(port: u16) -> bool {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    TcpStream::connect_timeout(&address, Duration::from_secs(5)).is_ok()
}

/// Waits for what must become true, however slow the machine is.
async fn eventually(mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "it never came true");
        tokio::time::sleep(POLL).await;
    }
}

/// A second view of the same processes, to look after the first has been used up.
fn observer(running: &Running) -> Family {
    Family::new(
        running.child.id().unwrap(),
        running.family.mark().to_owned(),
    )
    .unwrap()
}

#[tokio::test]
async fn a_subject_is_started_asked_and_stopped() {
    let scene = scene("exec @SERVER", 200);
    let running = scene.launch().await.unwrap();
    let (port, family) = (running.port(), observer(&running));
    assert_eq!(running.url(), format!("http://127.0.0.1:{port}/events"));
    assert!(answers(port) && family.is_alive());
    let printed = std::fs::read_to_string(running.log()).unwrap();
    assert!(printed.contains("listening"), "{printed}");

    running.stop().await.unwrap();
    assert!(!family.is_alive() && !answers(port));
}

/// HAProxy, nghttpx and Node refuse plain text at a port that speaks TLS with an alert or a close.
#[tokio::test]
async fn a_port_that_speaks_tls_is_ready_when_it_takes_connections() {
    let mut secure = scene("exec @SERVER", 0);
    secure.subject.ready = secure.subject.ready.replace("http://", "https://");
    secure.subject.ready_within_s = 3;
    secure.launch().await.unwrap();
}

#[tokio::test]
async fn an_answer_below_500_is_ready_and_one_above_is_not() {
    scene("exec @SERVER", 404).launch().await.unwrap();

    let mut late = scene("exec @SERVER", 503);
    late.subject.ready_within_s = 3;
    let error = late.launch().await.unwrap_err();
    assert!(
        matches!(error, LaunchError::NotReady { waited_s: 3, .. }),
        "{error}"
    );
    let text = error.to_string();
    assert!(text.contains("the last answer was status 503"), "{text}");
    assert!(text.contains("| listening"), "{text}");
}

#[tokio::test]
async fn a_command_that_ends_is_noticed_with_its_last_words() {
    let error = scene("echo one; echo two >&2; exit 3", 200)
        .launch()
        .await
        .unwrap_err();
    assert!(matches!(&error, LaunchError::EndedEarly { status, .. } if status.code() == Some(3)));
    let text = error.to_string();
    assert!(
        text.starts_with("demo ended before it was ready (exit status: 3)"),
        "{text}"
    );
    assert!(
        text.ends_with("its last output:\n  | one\n  | two"),
        "{text}"
    );
}

#[tokio::test]
async fn a_subject_that_is_not_installed_is_not_started() {
    let mut scene = scene("exec @SERVER", 200);
    scene.subject.needs = vec!["sh".into(), "no-such-program".into(), "lib/none".into()];
    scene.subject.install = vec!["make deps".into(), "make".into()];
    let error = scene.launch().await.unwrap_err();
    let dir = scene.subject.dir.display();
    assert_eq!(
        error.to_string(),
        format!(
            "demo is not installed: no-such-program, lib/none missing; in {dir} run: make deps && make"
        )
    );
    assert!(!scene.log().exists());
}

#[tokio::test]
async fn dropping_it_kills_what_was_started() {
    let scene = scene("sleep 1000 & @SERVER; sleep 1000", 200);
    let running = scene.launch().await.unwrap();
    let (port, family) = (running.port(), observer(&running));
    drop(running);
    eventually(|| !family.is_alive()).await;
    assert!(!answers(port));
}

#[tokio::test]
async fn a_subject_that_ignores_the_request_to_stop_is_killed() {
    let scene = scene("trap '' TERM; exec @SERVER", 200);
    let running = scene.launch().await.unwrap();
    let (port, family) = (running.port(), observer(&running));
    running
        .stop_within(Duration::from_millis(100))
        .await
        .unwrap();
    assert!(!family.is_alive() && !answers(port));
}

#[tokio::test]
async fn a_polite_subject_is_given_time() {
    let scene = scene(
        "trap 'echo bye; exit 0' TERM; @SERVER & while :; do wait; done",
        200,
    );
    let log = scene.log();
    scene.launch().await.unwrap().stop().await.unwrap();
    assert!(std::fs::read_to_string(log).unwrap().ends_with("bye\n"));
}

/// However ssekit ends, the lifeline breaks, and that alone is enough.
#[tokio::test]
async fn nothing_survives_the_end_of_ssekit() {
    let scene = scene("trap '' TERM; sleep 1000 & exec @SERVER", 200);
    let mut running = scene.launch().await.unwrap();
    let family = observer(&running);
    running.lifeline = None;
    eventually(|| !family.is_alive()).await;
    assert!(!answers(running.port()));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn who_leaves_the_group_is_stopped_as_well() {
    let scene = scene("setsid sleep 1000 & setsid @SERVER & wait", 200);
    let running = scene.launch().await.unwrap();
    let (port, family) = (running.port(), observer(&running));
    assert!(family.strays().len() >= 2, "{:?}", family.processes());
    running.stop().await.unwrap();
    assert!(!family.is_alive() && !answers(port));
}

/// A process that carries no mark and is in no group of ours was not started by the subject.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn another_listener_at_the_port_is_told_apart() {
    let start = format!("env -i {ROLE}=\"${ROLE}\" setsid @SERVER & sleep 1000");
    let error = scene(&start, 200).launch().await.unwrap_err();
    let LaunchError::ForeignListener { port, .. } = error else {
        panic!("{error}");
    };
    let mut quit = TcpStream::connect(("127.0.0.1", port)).unwrap();
    quit.write_all(b"GET /quit HTTP/1.1\r\n\r\n").unwrap();
    eventually(|| !answers(port)).await;
}

#[tokio::test]
async fn a_version_is_the_first_line_printed() {
    let mut subject = scene("exec @SERVER", 200).subject;
    subject.dir = std::env::temp_dir();
    assert_eq!(version(&subject).await, None);
    for (command, expected) in [
        ("printf ' v1.2 \\nmore'", Some("v1.2")),
        ("echo v1; exit 1", None),
        (":", None),
        ("no-such-program", None),
    ] {
        subject.version = Some(command.into());
        assert_eq!(version(&subject).await.as_deref(), expected, "{command}");
    }
}

#[test]
fn a_tail_is_the_last_lines() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text: String = (0..5000).map(|line| format!("line {line}\n")).collect();
    std::fs::write(file.path(), text).unwrap();
    let tail = tail(file.path());
    assert_eq!(tail.lines().count(), TAIL_LINES);
    assert!(
        tail.starts_with("line 4988\n") && tail.ends_with("line 4999"),
        "{tail}"
    );
    assert_eq!(super::tail(Path::new("/no/such/file")), "");
}

#[tokio::test]
async fn a_port_that_is_written_out_and_taken_is_told_before_the_start() {
    let mut scene = scene("exec @SERVER", 200);
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    scene.subject.ready = format!("http://127.0.0.1:{port}/");
    let error = scene.launch().await.unwrap_err();
    assert!(
        matches!(error, LaunchError::PortTaken { port: told } if told == port),
        "{error}"
    );
    assert!(!scene.log().exists());
}

#[tokio::test]
async fn a_command_that_is_not_there_is_told() {
    let error = scene("no-such-command-of-ours", 200)
        .launch()
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("127: command not found"), "{text}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_was_started_is_proved_to_listen() {
    let scene = scene("@SERVER & wait", 200);
    let running = scene.launch().await.unwrap();
    assert_eq!(running.unproved(), None);
    let tail = running.stop().await.unwrap();
    assert!(tail.iter().any(|line| line.contains("listening")));
}

#[tokio::test]
async fn it_can_be_asked_to_end_from_elsewhere() {
    let running = scene("trap 'echo bye; exit 0' TERM; @SERVER & wait", 200)
        .launch()
        .await
        .unwrap();
    let (terminate, family) = (running.terminator(), observer(&running));
    terminate();
    eventually(|| !answers(running.port())).await;
    drop(running);
    eventually(|| !family.is_alive()).await;
    terminate();
}

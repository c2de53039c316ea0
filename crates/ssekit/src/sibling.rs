//! One port served by several processes: past the limit of descriptors a process may have, and on
//! as many cores.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

use crate::failure::Failure;
use crate::input::cause;

/// Longest wait for a process to listen, and to end once it was asked to.
const PATIENCE: Duration = Duration::from_secs(15);

/// The processes that serve a port.
pub struct Siblings {
    /// Where they listen.
    pub address: SocketAddr,
    processes: Vec<Child>,
    /// The input of each, whose end asks it to stop.
    lifelines: Vec<ChildStdin>,
    /// Keeps the port from being given to anybody else; it takes no connections.
    _held: socket2::Socket,
}

impl Siblings {
    /// Starts `count` processes of this program with these arguments, and waits until all listen.
    /// They end with this one, however it ends.
    ///
    /// # Errors
    /// When the port cannot be had, or a process does not come up.
    pub async fn start(
        count: usize,
        address: SocketAddr,
        arguments: &[String],
    ) -> Result<Self, Failure> {
        let held = hold(address).map_err(|error| {
            Failure::Usage(format!(
                "cannot listen on {address}: {}; --listen takes another address or port",
                cause(&error)
            ))
        })?;
        let taken = held.local_addr().ok().and_then(|held| held.as_socket());
        let address = taken.unwrap_or(address);
        let program = std::env::current_exe().map_err(|error| cannot("find itself", &error))?;
        let mut processes = Vec::new();
        let mut lifelines = Vec::new();
        for _ in 0..count {
            let mut child = Command::new(&program)
                .arg("serve")
                .args(["--listen", &address.to_string(), "--shared-port"])
                .args(arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .map_err(|error| cannot("start a process", &error))?;
            // Taken, since waiting for a process closes the input it still has.
            lifelines.extend(child.stdin.take());
            processes.push(child);
        }
        for child in &mut processes {
            listening(child).await?;
        }
        Ok(Self {
            address,
            processes,
            lifelines,
            _held: held,
        })
    }

    /// Waits until a process ends by itself, which none should.
    pub async fn failed(&mut self) -> Failure {
        let ends = self
            .processes
            .iter_mut()
            .map(|child| Box::pin(child.wait()));
        let (ended, ..) = futures_util::future::select_all(ends).await;
        let how = ended.map_or_else(|error| cause(&error), |status| status.to_string());
        Failure::Environment(format!("a serving process ended: {how}"))
    }

    /// Ends them all, their streams cleanly.
    pub async fn stop(self) {
        drop(self.lifelines);
        for mut child in self.processes {
            let _ = timeout(PATIENCE, child.wait()).await;
        }
    }
}

/// Resolves when the process that started this one lets go of it.
pub async fn released() {
    let mut rest = [0; 16];
    let mut input = tokio::io::stdin();
    while input.read(&mut rest).await.is_ok_and(|count| count > 0) {}
}

fn cannot(what: &str, error: &std::io::Error) -> Failure {
    Failure::Environment(format!("cannot {what}: {}", cause(error)))
}

/// Takes a port without listening on it.
fn hold(address: SocketAddr) -> std::io::Result<socket2::Socket> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

async fn listening(child: &mut Child) -> Result<(), Failure> {
    let Some(out) = child.stdout.take() else {
        return Err(Failure::Internal("a process without an output".into()));
    };
    let mut line = String::new();
    let mut out = BufReader::new(out);
    let read = timeout(PATIENCE, out.read_line(&mut line)).await;
    if matches!(read, Ok(Ok(_))) && line.starts_with("listening on") {
        return Ok(());
    }
    Err(Failure::Environment(
        "a serving process did not come up; without --processes it says why".into(),
    ))
}

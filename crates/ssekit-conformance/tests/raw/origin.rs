//! A server that writes scripted bytes: for what no HTTP library would send.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as a scripted server sees it.
pub struct Asked {
    pub method: String,
    pub path: String,
    pub http10: bool,
    pub head: String,
}

impl Asked {
    pub fn field(&self, name: &str) -> Option<String> {
        self.head.lines().skip(1).find_map(|line| {
            let (n, v) = line.split_once(':')?;
            n.eq_ignore_ascii_case(name).then(|| v.trim().to_owned())
        })
    }
}

/// What a scripted server does with a connection.
pub enum Step {
    Send(Vec<u8>),
    /// Sends the same again and again until the client goes.
    Flood(Vec<u8>),
    /// Sends byte by byte, with this pause in milliseconds before each.
    Drip(Vec<u8>, u64),
    Wait(u64),
    /// Closes with RST.
    Reset,
    /// Stays open, silent, until the client goes.
    Hold,
}

pub type Play = Arc<dyn Fn(&Asked) -> Vec<Step> + Send + Sync>;

/// Serves until dropped.
pub struct Origin {
    pub addr: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Origin {
    pub async fn start(play: Play) -> Self {
        Self::serve(play, false).await
    }

    /// Serves one connection after the other, as single-threaded servers do.
    pub async fn one_at_a_time(play: Play) -> Self {
        Self::serve(play, true).await
    }

    async fn serve(play: Play, one_by_one: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection: Pin<Box<dyn Future<Output = ()> + Send>> =
                    Box::pin(talk(stream, Arc::clone(&play)));
                if one_by_one {
                    connection.await;
                } else {
                    tokio::spawn(connection);
                }
            }
        });
        Self { addr, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}/events", self.addr)
    }
}

async fn talk(mut stream: TcpStream, play: Play) {
    let _ = stream.set_nodelay(true);
    let Some(asked) = read_request(&mut stream).await else {
        return;
    };
    for step in play(&asked) {
        let gone = match step {
            Step::Send(bytes) => stream.write_all(&bytes).await.is_err(),
            Step::Flood(bytes) => {
                while stream.write_all(&bytes).await.is_ok() {}
                true
            }
            Step::Drip(bytes, ms) => drip(&mut stream, &bytes, ms).await,
            Step::Wait(ms) => left_within(&mut stream, Duration::from_millis(ms)).await,
            Step::Reset => {
                let socket = socket2::SockRef::from(&stream);
                let _ = socket.set_linger(Some(Duration::ZERO));
                return;
            }
            Step::Hold => left_within(&mut stream, Duration::from_secs(60)).await,
        };
        if gone {
            return;
        }
    }
    // A close with unread input would be a reset: end our side and wait for the client's.
    let _ = stream.shutdown().await;
    left_within(&mut stream, Duration::from_secs(5)).await;
}

/// Whether the client went meanwhile.
async fn drip(stream: &mut TcpStream, bytes: &[u8], ms: u64) -> bool {
    for byte in bytes {
        if left_within(stream, Duration::from_millis(ms)).await
            || stream.write_all(&[*byte]).await.is_err()
        {
            return true;
        }
    }
    false
}

/// Waits, but not longer than the client stays.
async fn left_within(stream: &mut TcpStream, time: Duration) -> bool {
    let mut rest = [0; 1024];
    let gone = async {
        loop {
            match stream.read(&mut rest).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    };
    tokio::time::timeout(time, gone).await.is_ok()
}

async fn read_request(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while !bytes.windows(4).any(|w| w == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
        }
    }
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let mut words = head.lines().next()?.split(' ');
    let method = words.next()?.to_owned();
    let path = words.next()?.to_owned();
    let http10 = words.next()? == "HTTP/1.0";
    Some(Asked {
        method,
        path,
        http10,
        head,
    })
}

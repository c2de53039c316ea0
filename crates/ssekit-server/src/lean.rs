//! HTTP/1.1 for many streams: a connection that asks for `/events` is served without hyper, and
//! joins a crowd where its stream is one of many.
use std::{io, sync::Arc, time::Instant};

use tokio::{net::TcpStream, time::timeout};

use crate::{
    answer,
    connection::OPENING,
    crowd::{Leave, Member, chunked},
    events::NoEvents,
    patience::Patient,
    plan::Plan,
    raw::{Connection, Turn},
    service::Service,
    subscription::{Order, STALL, Subscription, preamble},
};

/// Marks an answer whose stream is one of many.
#[derive(Debug, Clone)]
pub(crate) struct Common(pub(crate) Plan);

/// What such a connection begins with.
const BEGINNING: &[u8] = b"GET /events";
/// Bytes read and thrown away of a client that sends more while its stream goes on.
const AHEAD: usize = 64 * 1024;

/// Whether the client begins by asking for `/events`.
pub(crate) async fn is_asked_for(socket: &TcpStream) -> bool {
    let mut seen = [0; BEGINNING.len()];
    while let Ok(count) = socket.peek(&mut seen).await {
        if count == 0 || count == BEGINNING.len() || !BEGINNING.starts_with(&seen[..count]) {
            break;
        }
        // A head that comes in small pieces announces nothing of the next one.
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    seen == *BEGINNING
}

/// Serves one connection until it ends.
pub(crate) async fn serve(socket: TcpStream, service: &Arc<Service>) -> io::Result<()> {
    let mut connection = Connection::new(Patient::new(socket), None).joining();
    // Boxed, since what answers is large and what waits in a crowd is small.
    while let Ok(asked) = timeout(OPENING, Box::pin(connection.next_request(service))).await {
        let Some(asked) = asked? else {
            break;
        };
        match Box::pin(connection.answer(asked, service)).await? {
            Turn::Next => {}
            Turn::Last => break,
            Turn::Broken => {
                if crate::fault::reset_after(&service.config.faults).is_some() {
                    let socket = connection.into_inner().into_inner();
                    return reset(&socket);
                }
                break;
            }
            Turn::Common(plan, content) => {
                let socket = connection.into_inner().into_inner();
                let ended = join(socket, plan, service).await;
                drop(content);
                return ended;
            }
        }
    }
    connection.shutdown().await
}

/// Lets the connection end with a reset when it is closed.
fn reset(socket: &TcpStream) -> io::Result<()> {
    socket2::SockRef::from(socket).set_linger(Some(std::time::Duration::ZERO))
}

/// One stream of a crowd, from its preamble to its end.
async fn join(socket: TcpStream, plan: Plan, service: &Arc<Service>) -> io::Result<()> {
    let opening = chunked(&preamble());
    let mut sent = 0;
    while sent < opening.len() {
        socket.writable().await?;
        match socket.try_write(&opening[sent..]) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    let member = Member::new(socket);
    service.crowds.join(plan.clone(), &member);
    let leave = tokio::select! {
        leave = member.left() => leave,
        gone = until_gone(&member.socket) => return gone,
    };
    match leave {
        Leave::Gone | Leave::Ended => Ok(()),
        Leave::Behind { rest, number } => {
            let socket = alone(member).await;
            Box::pin(catch_up(socket, &rest, number, plan, service)).await
        }
    }
}

/// Reads until the client has gone. What it sends meanwhile is thrown away.
async fn until_gone(socket: &TcpStream) -> io::Result<()> {
    let mut read = 0;
    while read < AHEAD {
        socket.readable().await?;
        let mut thrown = [0; 256];
        match socket.try_read(&mut thrown) {
            Ok(0) => return Ok(()),
            Ok(count) => read += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The socket, once the crowd holds it no more.
async fn alone(mut member: Arc<Member>) -> TcpStream {
    loop {
        match Arc::try_unwrap(member) {
            Ok(member) => return member.socket,
            Err(shared) => member = shared,
        }
        tokio::task::yield_now().await;
    }
}

/// Serves a client that does not keep up, from where it left the crowd.
async fn catch_up(
    socket: TcpStream,
    rest: &[u8],
    number: u64,
    plan: Plan,
    service: &Arc<Service>,
) -> io::Result<()> {
    let mut connection = Connection::new(Patient::new(socket), None);
    let began = Instant::now();
    connection.write(rest).await?;
    // As with one that was never in a crowd: who did not read for so long is given no backlog.
    let content = if began.elapsed() > STALL {
        answer::streamed(NoEvents)
    } else {
        let order: Order = service.order_after(plan, number);
        answer::streamed(Subscription::continued(order))
    };
    connection.go_on(content).await?;
    connection.shutdown().await
}

//! Publishing by plan: each publication goes out when it is due, whether or not the ones before it
//! have been answered, unless they have to be taken in order.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ssekit_http::{ResponseCursor, ResponsePart};
use ssekit_record::LoadCounts;
use tokio::sync::Semaphore;
use tokio::task::spawn_local;
use tokio::time::{sleep_until, timeout};

use crate::cause::Cause;
use crate::dial::Dialer;
use crate::metric::Metric;
use crate::subscriber::Wire;
use crate::worker::Worker;

/// Publications due and not answered at most; those beyond count as failed.
const PENDING: usize = 10_000;
/// Most bytes taken of an answer in one read.
const READ: usize = 4096;

/// When a publication is due and the request that makes it, given the wall clock of its intended
/// and of its real instant in microseconds since 1970.
pub struct Publication {
    /// In microseconds since the run began.
    pub at_us: u64,
    /// Its request.
    pub request: Box<dyn FnOnce(u64, u64) -> Vec<u8> + Send>,
}

/// Publications in order of time.
pub type Publications = Box<dyn Iterator<Item = Publication> + Send>;

/// A population that publishes.
#[derive(Clone)]
pub struct Publisher {
    /// Index of its population.
    pub role: usize,
    /// Where to.
    pub dialer: Dialer,
    /// What and when.
    pub publications: Arc<dyn Fn() -> Publications + Send + Sync>,
    /// Longest wait for an answer.
    pub timeout: Duration,
    /// Whether each publication waits for the answer to the one before.
    pub in_order: bool,
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher")
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// Connections that wait for the next publication.
type Pool = Rc<RefCell<Vec<Wire>>>;

/// Publishes until there is nothing more to publish.
pub async fn publish(worker: Rc<Worker>, publisher: Publisher) {
    let publications = (publisher.publications)();
    let desk = Rc::new(Desk {
        worker,
        pool: Pool::default(),
        pending: Cell::new(0),
        unanswered: Cell::new(0),
        turns: publisher.in_order.then(|| Semaphore::new(1)),
        publisher,
    });
    for (publication, number) in publications.zip(0..) {
        let clock = desk.worker.clock;
        if clock.now_us() < publication.at_us {
            sleep_until(clock.instant(publication.at_us).into()).await;
        }
        desk.count(|count| count.published_due += 1);
        if desk.pending.get() >= PENDING {
            desk.count(|count| count.publish_failed += 1);
            continue;
        }
        desk.pending.set(desk.pending.get() + 1);
        let desk = desk.clone();
        spawn_local(async move {
            desk.make(publication, number).await;
            desk.pending.set(desk.pending.get() - 1);
        });
    }
}

/// Where the publications of one publisher are made.
struct Desk {
    worker: Rc<Worker>,
    publisher: Publisher,
    pool: Pool,
    /// Publications that are due and not answered.
    pending: Cell<usize>,
    /// Those of them that were sent.
    unanswered: Cell<usize>,
    /// Lets one at a time through, in the order in which they came, where that is asked for.
    turns: Option<Semaphore>,
}

impl Desk {
    fn count(&self, change: impl FnOnce(&mut LoadCounts)) {
        let mut books = self.worker.books.borrow_mut();
        change(&mut books.of(self.publisher.role).0.count);
    }

    async fn make(&self, publication: Publication, number: u64) {
        let _turn = match &self.turns {
            Some(turns) => turns.acquire().await.ok(),
            None => None,
        };
        let (clock, due) = (self.worker.clock, publication.at_us);
        let now = clock.now_us();
        let request = (publication.request)(clock.wall_us(due), clock.wall_us(now));
        {
            let mut books = self.worker.books.borrow_mut();
            let (tally, _) = books.of(self.publisher.role);
            tally.record(Metric::PublishLag, now.saturating_sub(due));
            tally.count.publish_overlapped += u64::from(self.unanswered.get() > 0);
        }
        self.unanswered.set(self.unanswered.get() + 1);
        let sending = send(&self.publisher.dialer, &self.pool, number, &request);
        let answer = timeout(self.publisher.timeout, sending).await;
        self.unanswered.set(self.unanswered.get() - 1);
        let answer = answer.unwrap_or(Err(Cause::HeadTimeout));
        account(&self.worker, self.publisher.role, due, answer);
    }
}

fn account(worker: &Worker, role: usize, due: u64, answer: Result<u16, Cause>) {
    let mut books = worker.books.borrow_mut();
    let (tally, _) = books.of(role);
    match answer {
        Ok(200..=299) => {
            tally.count.published += 1;
            let took = worker.clock.now_us().saturating_sub(due);
            tally.record(Metric::PublishAnswer, took);
        }
        Ok(status) => {
            tally.count.publish_failed += 1;
            tally.error(Cause::Status(status));
        }
        Err(cause) => {
            tally.count.publish_failed += 1;
            tally.error(cause);
        }
    }
}

/// Makes one request and reads its answer to the end; gives the status.
async fn send(dialer: &Dialer, pool: &Pool, number: u64, request: &[u8]) -> Result<u16, Cause> {
    let kept = pool.borrow_mut().pop();
    let is_kept = kept.is_some();
    let mut wire = match kept {
        Some(wire) => wire,
        None => connect(dialer, number).await?,
    };
    let mut answer = exchange(&mut wire, request).await;
    // The server may have closed a connection that was kept: that says nothing of this publication.
    if is_kept && matches!(answer, Err(Cause::Unanswered | Cause::Reset)) {
        wire = connect(dialer, number).await?;
        answer = exchange(&mut wire, request).await;
    }
    let (status, is_reusable) = answer?;
    if is_reusable {
        pool.borrow_mut().push(wire);
    }
    Ok(status)
}

async fn connect(dialer: &Dialer, number: u64) -> Result<Wire, Cause> {
    let target = dialer.target(number).await?;
    let stream = dialer.connect(number, target).await?;
    // A publication must not wait for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    dialer.secure_own(stream).await
}

async fn exchange(wire: &mut Wire, request: &[u8]) -> Result<(u16, bool), Cause> {
    wire.write(request)
        .await
        .map_err(|error| Cause::of_io(&error))?;
    let mut cursor = ResponseCursor::new();
    let mut buffer = [0; READ];
    let mut status = None;
    let mut closes = false;
    loop {
        let read = wire
            .read(&mut buffer)
            .await
            .map_err(|error| Cause::of_io(&error))?;
        if read == 0 {
            return match status {
                Some(status) => Ok((status, false)),
                None => Err(Cause::Unanswered),
            };
        }
        let mut input = &buffer[..read];
        while let Some(part) = cursor.next(&mut input) {
            match part {
                ResponsePart::Head(head) => {
                    status = Some(head.status);
                    let connection = head.field("connection").unwrap_or_default();
                    closes = connection.eq_ignore_ascii_case(b"close");
                }
                ResponsePart::End => {
                    return status
                        .map(|status| (status, !closes))
                        .ok_or(Cause::Malformed);
                }
                ResponsePart::Data(_) | ResponsePart::Fault(_) => {}
            }
        }
    }
}

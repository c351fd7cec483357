//! Requests and answers on one connection.
//!
//! In: packets of ours, in the order asked; pieces of the server's stream. Out: to each request its answer, or that the
//! connection broke.
//! Invariants: a packet goes out whole or the connection ends, whoever stops waiting; bytes of WRITE requests that
//! wait for an answer are [`IN_FLIGHT_BYTES_MAX`] at most, of all writers together; nobody waits longer than
//! [`PATIENCE`] without a byte going or coming; a session that broke stays broken.
//!
//! Why not russh-sftp: its raw session takes handles as text and replaces what is not UTF-8, so that a server whose
//! handles are counters (asyncssh's) fails from the 128th on; it counts a request's time from when it is queued, so
//! that a slow line is taken for a dead one; and the requests that don't wait are private there.
//!
//! Deliberately absent: what requests mean (`store`, `writer`, `reader`), making the connection (`connect`).

use std::collections::HashMap;
use std::future::Future;
use std::net::{Shutdown, TcpStream};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use russh::client;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::connect::{Heard, Host};
use super::failure::{Failure, OK};
use super::packet::{self, Answer, Assembly, Attributes, Request};

/// Bytes of WRITE requests without an answer.
pub(super) const IN_FLIGHT_BYTES_MAX: u32 = 8 << 20;
/// Longest wait without progress.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Packets that are ready and not yet in the channel.
const QUEUED_PACKETS_MAX: usize = 4;

/// What the server said it can do.
#[derive(Debug)]
pub(super) struct Offer {
    pub fsync: AtomicBool,
    pub statvfs: AtomicBool,
    pub hardlink: AtomicBool,
    pub limits: bool,
    /// OpenSSH's own server: one request after the other, and its RENAME replaces nothing.
    pub openssh: bool,
}

/// Bytes of one request's data.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub read: u32,
    pub write: u32,
}

/// See the module.
pub(super) struct Session {
    queue: mpsc::Sender<Vec<u8>>,
    shared: Arc<Shared>,
    window: Arc<Semaphore>,
    ids: AtomicU32,
    pub offer: Offer,
    pub sizes: Sizes,
    tasks: [JoinHandle<()>; 2],
    line: Arc<Line>,
}

/// One SSH connection: the channels of one or more sessions run through it. Ends when dropped.
pub(super) struct Line {
    pub ssh: client::Handle<Host>,
    pub heard: Heard,
    pub _cut: Cut,
}

/// Ends the connection when dropped, even where its task waits for a server that does not read.
pub(super) struct Cut(pub TcpStream);

impl Drop for Cut {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// A request that was sent.
pub(super) struct Ticket(oneshot::Receiver<Answer>);

struct Slot {
    answer: oneshot::Sender<Answer>,
    /// Its share of the window, free again when the answer comes, whether anybody looks or not.
    _share: Option<OwnedSemaphorePermit>,
}

struct Shared {
    waiting: Mutex<Waiting>,
    last_progress: Mutex<Instant>,
}

#[derive(Default)]
struct Waiting {
    slots: HashMap<u32, Slot>,
    broken: Option<String>,
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn progress(&self) {
        *self.last_progress.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn last_progress(&self) -> Instant {
        *self.last_progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first reason stays; all that wait are told.
    fn break_off(&self, why: &str) -> Failure {
        let mut waiting = self.waiting();
        let why = waiting.broken.get_or_insert_with(|| why.to_owned()).clone();
        waiting.slots.clear();
        Failure::Broken(why)
    }

    fn broken(&self) -> Option<Failure> {
        self.waiting().broken.clone().map(Failure::Broken)
    }

    fn deliver(&self, id: u32, answer: Answer) {
        // Nobody may wait any more: a reader that was dropped.
        if let Some(slot) = self.waiting().slots.remove(&id) {
            let _ = slot.answer.send(answer);
        }
    }

    /// Waits, as long as anything moves.
    async fn patiently<T>(&self, what: impl Future<Output = T>) -> Result<T, Failure> {
        let (mut what, asked) = (pin!(what), Instant::now());
        loop {
            let due = asked.max(self.last_progress()) + PATIENCE;
            match timeout_at(due, what.as_mut()).await {
                Ok(done) => return Ok(done),
                Err(_) if self.last_progress() + PATIENCE > Instant::now() => {}
                Err(_) => return Err(self.break_off(&format!("no answer for {} s", PATIENCE.as_secs()))),
            }
        }
    }
}

/// What a session is made of.
pub(super) struct Parts {
    pub line: Arc<Line>,
    pub reading: ChannelReadHalf,
    pub writing: ChannelWriteHalf<client::Msg>,
    pub assembly: Assembly,
    pub offer: Offer,
    pub sizes: Sizes,
}

impl Session {
    /// Begins to carry requests; the greetings were exchanged.
    pub fn begin(parts: Parts) -> Self {
        let Parts { line, reading, writing, assembly, offer, sizes } = parts;
        let shared = Arc::new(Shared { waiting: Mutex::default(), last_progress: Mutex::new(Instant::now()) });
        let (queue, queued) = mpsc::channel(QUEUED_PACKETS_MAX);
        let tasks = [
            tokio::spawn(send(queued, writing, Arc::clone(&shared))),
            tokio::spawn(receive(reading, assembly, Arc::clone(&shared))),
        ];
        let window = Arc::new(Semaphore::new(usize::try_from(IN_FLIGHT_BYTES_MAX).unwrap_or(usize::MAX)));
        Self { queue, shared, window, ids: AtomicU32::new(1), offer, sizes, tasks, line }
    }

    /// Bytes that go in one request now.
    pub fn set_sizes(&mut self, sizes: Sizes) {
        self.sizes = sizes;
    }

    /// The connection that it runs through.
    pub fn line(&self) -> Arc<Line> {
        Arc::clone(&self.line)
    }

    /// Can it still be used, as far as is known?
    pub fn is_whole(&self) -> bool {
        self.shared.broken().is_none()
    }

    /// A new request.
    pub fn request(&self, kind: u8) -> (u32, Request) {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        (id, Request::new(kind, id))
    }

    /// Sends a request; its answer is waited for by its ticket.
    pub async fn ask(&self, (id, request): (u32, Request)) -> Result<Ticket, Failure> {
        self.enqueue(id, request, None).await
    }

    /// Sends `bytes` to be written, when the window has room for them.
    pub async fn ask_write(&self, handle: &[u8], offset: u64, bytes: &[u8]) -> Result<Ticket, Failure> {
        let share = u32::try_from(bytes.len()).unwrap_or(u32::MAX).min(IN_FLIGHT_BYTES_MAX);
        let share = self.shared.patiently(Arc::clone(&self.window).acquire_many_owned(share)).await?;
        let (id, request) = self.request(packet::WRITE);
        // The window is never closed.
        self.enqueue(id, request.bytes(handle).long(offset).bytes(bytes), share.ok()).await
    }

    async fn enqueue(&self, id: u32, request: Request, share: Option<OwnedSemaphorePermit>) -> Result<Ticket, Failure> {
        let (answer, receiver) = oneshot::channel();
        self.expect(id, Slot { answer, _share: share })?;
        let sent = self.shared.patiently(self.queue.send(request.finish())).await?;
        sent.map_err(|_| self.shared.break_off("it was closed"))?;
        Ok(Ticket(receiver))
    }

    /// A slot is taken only while the session is whole, so that none is left waiting.
    fn expect(&self, id: u32, slot: Slot) -> Result<(), Failure> {
        let mut waiting = self.shared.waiting();
        if let Some(why) = &waiting.broken {
            return Err(Failure::Broken(why.clone()));
        }
        waiting.slots.insert(id, slot);
        Ok(())
    }

    /// Sends a request whose answer nobody needs, without waiting for anything.
    pub fn tell(self: &Arc<Self>, (_, request): (u32, Request)) {
        if let Err(mpsc::error::TrySendError::Full(packet)) = self.queue.try_send(request.finish()) {
            let queue = self.queue.clone();
            tokio::spawn(async move { queue.send(packet).await });
        }
    }

    /// The answer to a request.
    pub async fn answer(&self, ticket: Ticket) -> Result<Answer, Failure> {
        let answer = self.shared.patiently(ticket.0).await?;
        answer.map_err(|_| self.shared.broken().unwrap_or_else(|| Failure::Broken("it was closed".to_owned())))
    }

    /// The same, for a request that is answered by a status.
    pub async fn done(&self, ticket: Ticket) -> Result<(), Failure> {
        done(self.answer(ticket).await?)
    }

    /// The same, for a request that is answered by a handle.
    pub async fn handle(&self, ticket: Ticket) -> Result<Vec<u8>, Failure> {
        match self.answer(ticket).await? {
            Answer::Handle(handle) => Ok(handle),
            other => Err(unfit(other)),
        }
    }

    /// The same, for a request that is answered by attributes.
    pub async fn attributes(&self, ticket: Ticket) -> Result<Attributes, Failure> {
        match self.answer(ticket).await? {
            Answer::Attributes(attributes) => Ok(attributes),
            other => Err(unfit(other)),
        }
    }
}

impl Ticket {
    /// What a WRITE came to, if its answer is there.
    pub fn done_already(&mut self) -> Option<Result<(), Failure>> {
        match self.0.try_recv() {
            Ok(answer) => Some(done(answer)),
            Err(oneshot::error::TryRecvError::Empty) => None,
            Err(oneshot::error::TryRecvError::Closed) => Some(Err(Failure::Broken("it was closed".to_owned()))),
        }
    }
}

fn done(answer: Answer) -> Result<(), Failure> {
    match answer {
        Answer::Status { code: OK, .. } => Ok(()),
        other => Err(unfit(other)),
    }
}

/// An answer that is not the one hoped for: a refusal, or nonsense.
pub(super) fn unfit(answer: Answer) -> Failure {
    match answer {
        Answer::Status { code, text } if code != OK => Failure::Refused { code, text },
        _ => Failure::Unfit,
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Puts packets into the channel, one after the other, each whole.
async fn send(mut queued: mpsc::Receiver<Vec<u8>>, writing: ChannelWriteHalf<client::Msg>, shared: Arc<Shared>) {
    while let Some(packet) = queued.recv().await {
        if writing.data_bytes(packet).await.is_err() {
            break;
        }
        shared.progress();
    }
    shared.break_off("it was closed");
}

/// Gives each answer to who waits for it.
async fn receive(mut reading: ChannelReadHalf, mut assembly: Assembly, shared: Arc<Shared>) {
    let why = loop {
        match next(&mut reading).await {
            Some(bytes) => {
                shared.progress();
                assembly.push(&bytes);
            }
            None => break "the server closed it, or went away".to_owned(),
        }
        if let Err(strange) = deliver_all(&mut assembly, &shared) {
            break strange.to_string();
        }
    };
    shared.break_off(&why);
}

fn deliver_all(assembly: &mut Assembly, shared: &Shared) -> Result<(), packet::Strange> {
    while let Some(packet) = assembly.next()? {
        let (id, answer) = packet::decode(&packet)?;
        shared.deliver(id, answer);
    }
    Ok(())
}

/// The next bytes of the stream; none at its end.
pub(super) async fn next(reading: &mut ChannelReadHalf) -> Option<impl AsRef<[u8]> + std::ops::Deref<Target = [u8]>> {
    loop {
        match reading.wait().await? {
            ChannelMsg::Data { data } => return Some(data),
            ChannelMsg::Eof | ChannelMsg::Close => return None,
            _ => {}
        }
    }
}

//! Publishing: what waits goes to the server in one pipeline.
//!
//! The first of a quiet time goes at once; after a pipeline, [`GATHER_MS`] pass before the next,
//! so that under load each carries many. Nothing stalls for a server that is away: what it would
//! have got is dropped and counted, and when it is back the others are told to look at the log.

use super::wire;
use crate::clock::Clock;
use crate::redis::Shard;
use bytes::Bytes;
use protocol::Millis;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use uuid::Uuid;

/// Publications that wait for one server.
pub const QUEUE_OUT_MAX: usize = 16 * 1024;
/// Bytes that wait for one server.
pub const QUEUE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Publications of one pipeline.
pub const BATCH_MESSAGES_MAX: usize = 512;
/// Bytes of one pipeline, from which no more is added.
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// Between two pipelines.
pub const GATHER_MS: u64 = 1;
/// Whoever publishes an event waits this long, at most, for room in the queue.
pub const FULL_WAIT_MS: u64 = 100;
/// Between two looks at whether something is still owed.
const OWED_AGAIN_MS: u64 = 20;
/// The channel that all nodes listen to, on every server.
pub(super) const BROADCAST: &str = "broadcast";

#[derive(Debug)]
enum Outgoing {
    Publish { channel: Box<str>, payload: Bytes },
    Flush(oneshot::Sender<()>),
}

/// Publications on their way to one server.
pub(super) struct Outbound {
    from: Uuid,
    shard: Arc<Shard>,
    clock: Clock,
    queue: mpsc::Sender<Outgoing>,
    bytes: AtomicUsize,
    /// What was published since then may not have arrived.
    owes: Mutex<Option<Millis>>,
    /// Somebody waited in vain for room: nobody waits again until something was sent.
    stuck: AtomicBool,
    /// For tests: so many more are lost, and nobody notices.
    lose: AtomicU32,
    /// For measurements: each in a pipeline of its own.
    singly: AtomicBool,
}

impl Outbound {
    pub(super) fn start(from: Uuid, shard: Arc<Shard>, clock: Clock) -> Arc<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE_OUT_MAX);
        let outbound = Arc::new(Self {
            from,
            shard,
            clock,
            queue,
            bytes: AtomicUsize::new(0),
            owes: Mutex::default(),
            stuck: AtomicBool::new(false),
            lose: AtomicU32::new(0),
            singly: AtomicBool::new(false),
        });
        tokio::spawn(run(Arc::downgrade(&outbound), Arc::clone(&outbound.shard), waiting));
        outbound
    }

    /// Queues what may be lost without a word.
    pub(super) fn signal(&self, channel: String, payload: Bytes) {
        if !self.has_room() || self.push(channel, payload).is_err() {
            metrics::counter!("sanctuary_bus_dropped_total", "kind" => "signal").increment(1);
        }
    }

    /// Queues an event. `Err` gives it back where the queue is full and waiting may help.
    pub(super) fn event(&self, channel: String, payload: Bytes) -> Result<(), (String, Bytes)> {
        if !self.shard.is_up() {
            self.drop_event();
            return Ok(());
        }
        let full = if self.has_room() {
            match self.push(channel, payload) {
                Ok(()) => return Ok(()),
                Err(back) => back,
            }
        } else {
            (channel, payload)
        };
        if self.stuck.load(Ordering::Relaxed) {
            self.drop_event();
            return Ok(());
        }
        Err(full)
    }

    /// Somebody waited in vain.
    fn give_up(&self) {
        self.stuck.store(true, Ordering::Relaxed);
        self.drop_event();
    }

    /// An event is not published; the others will be told.
    pub(super) fn drop_event(&self) {
        metrics::counter!("sanctuary_bus_dropped_total", "kind" => "event").increment(1);
        self.owe();
    }

    /// Waits until what is queued by now was sent, or lost.
    pub(super) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.queue.send(Outgoing::Flush(done)).await.is_ok() {
            let _ = flushed.await;
        }
    }

    /// What was published may be lost, and nobody was told yet.
    pub(super) fn owes(&self) -> bool {
        self.owes.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Resolves when nothing is owed any more.
    pub(super) async fn settled(&self) {
        while self.owes() {
            tokio::time::sleep(Duration::from_millis(OWED_AGAIN_MS)).await;
            // Pays, if the server is there.
            self.flush().await;
        }
    }

    pub(super) fn lose(&self, publications: u32) {
        self.lose.store(publications, Ordering::SeqCst);
    }

    pub(super) fn to_lose(&self) -> u32 {
        self.lose.load(Ordering::SeqCst)
    }

    /// Tells the others to look at the log.
    pub(super) async fn resync(&self) {
        self.owe();
        self.flush().await;
    }

    pub(super) fn singly(&self, on: bool) {
        self.singly.store(on, Ordering::SeqCst);
    }

    fn has_room(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) < QUEUE_BYTES_MAX
    }

    fn push(&self, channel: String, payload: Bytes) -> Result<(), (String, Bytes)> {
        let lost = self.lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        if lost.is_ok() {
            return Ok(());
        }
        let bytes = payload.len();
        let outgoing = Outgoing::Publish { channel: channel.into(), payload };
        match self.queue.try_send(outgoing) {
            Ok(()) => {
                self.bytes.fetch_add(bytes, Ordering::Relaxed);
                Ok(())
            }
            Err(
                mpsc::error::TrySendError::Full(back) | mpsc::error::TrySendError::Closed(back),
            ) => match back {
                Outgoing::Publish { channel, payload } => Err((channel.into(), payload)),
                Outgoing::Flush(_) => Ok(()),
            },
        }
    }

    fn owe(&self) {
        let now = self.clock.now();
        self.owes.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(now);
    }

    async fn send(&self, batch: &[(Box<str>, Bytes)]) {
        let mut pipeline = redis::Pipeline::with_capacity(batch.len() + 1);
        let owed = self.owes.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(since) = owed {
            let resync = wire::resync(self.from, since);
            pipeline.cmd("PUBLISH").arg(BROADCAST).arg(&*resync).ignore();
        }
        for (channel, payload) in batch {
            pipeline.cmd("PUBLISH").arg(&**channel).arg(&**payload).ignore();
        }
        let sent = self.shard.pipe::<()>(&pipeline).await;
        let bytes: usize = batch.iter().map(|(_, payload)| payload.len()).sum();
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        if sent.is_ok() {
            self.stuck.store(false, Ordering::Relaxed);
            metrics::counter!("sanctuary_bus_published_total").increment(batch.len() as u64);
            metrics::counter!("sanctuary_bus_batches_total").increment(1);
            return;
        }
        if let Some(since) = owed {
            *self.owes.lock().unwrap_or_else(PoisonError::into_inner) = Some(since);
        }
        self.owe();
        metrics::counter!("sanctuary_bus_dropped_total", "kind" => "event")
            .increment(batch.len() as u64);
    }
}

async fn run(
    outbound: std::sync::Weak<Outbound>,
    shard: Arc<Shard>,
    mut waiting: mpsc::Receiver<Outgoing>,
) {
    let mut health = shard.watch();
    drop(shard);
    let gather = Duration::from_millis(GATHER_MS);
    let (mut taken, mut batch) = (Vec::new(), Vec::new());
    loop {
        tokio::select! {
            count = waiting.recv_many(&mut taken, BATCH_MESSAGES_MAX) => {
                if count == 0 {
                    return;
                }
            }
            changed = health.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
        let begun = Instant::now();
        let Some(outbound) = outbound.upgrade() else { return };
        let singly = outbound.singly.load(Ordering::Relaxed);
        let mut flushes = Vec::new();
        let mut bytes = 0;
        for outgoing in taken.drain(..) {
            match outgoing {
                Outgoing::Publish { channel, payload } => {
                    bytes += payload.len();
                    batch.push((channel, payload));
                    if singly || bytes >= BATCH_BYTES_MAX {
                        outbound.send(&batch).await;
                        batch.clear();
                        bytes = 0;
                    }
                }
                Outgoing::Flush(done) => flushes.push(done),
            }
        }
        if !batch.is_empty() || (outbound.owes() && health.borrow_and_update().up) {
            outbound.send(&batch).await;
            batch.clear();
        }
        for done in flushes {
            let _ = done.send(());
        }
        drop(outbound);
        if !singly {
            sleep_until(begun + gather).await;
        }
    }
}

/// Waits for room, for a bounded time; then the event is dropped.
pub(super) async fn with_patience(outbound: &Outbound, mut back: (String, Bytes)) {
    let waits = async {
        loop {
            tokio::time::sleep(Duration::from_millis(GATHER_MS)).await;
            match outbound.event(back.0, back.1) {
                Ok(()) => return,
                Err(again) => back = again,
            }
        }
    };
    if timeout(Duration::from_millis(FULL_WAIT_MS), waits).await.is_err() {
        outbound.give_up();
    }
}

/// The same for a thread.
pub(super) fn with_patience_blocking(outbound: &Outbound, mut back: (String, Bytes)) {
    let until = std::time::Instant::now() + Duration::from_millis(FULL_WAIT_MS);
    while std::time::Instant::now() < until {
        std::thread::sleep(Duration::from_millis(GATHER_MS));
        match outbound.event(back.0, back.1) {
            Ok(()) => return,
            Err(again) => back = again,
        }
    }
    outbound.give_up();
}

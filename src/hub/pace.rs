//! Keeps the hub from outrunning the connections' tasks: after a wave it waits until those it
//! woke have had their turn, so a queue is full only where a socket is slow, not where the
//! machine is busy. While the hub waits, the bus fills, and the log's writer waits in turn.

use futures_util::task::AtomicWaker;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time;

/// Of so many that were woken, one may still be asleep when the next wave starts.
const STRAGGLERS_DIVISOR: usize = 16;
/// The hub waits no longer for one wave: one task that is stuck must not silence a node.
const WAIT_MAX: Duration = Duration::from_millis(200);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pace {
    asleep: AtomicUsize,
    enough: AtomicUsize,
    hub: AtomicWaker,
    /// Of all connections, what waits to be written.
    outbox_bytes: AtomicUsize,
}

impl Pace {
    /// A wave begins that wakes so many tasks; `stuck` of earlier ones are not waited for.
    fn wave(&self, woken: usize, stuck: usize) {
        self.enough.store(stuck + woken / STRAGGLERS_DIVISOR, Ordering::SeqCst);
        self.asleep.fetch_add(woken, Ordering::SeqCst);
    }

    /// One of them had its turn.
    pub(super) fn turn(&self) {
        let before = self.asleep.fetch_sub(1, Ordering::SeqCst);
        if before == self.enough.load(Ordering::SeqCst).wrapping_add(1) {
            self.hub.wake();
        }
    }

    /// Enough of them had.
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.hub.register(cx.waker());
        if self.asleep.load(Ordering::SeqCst) <= self.enough.load(Ordering::SeqCst) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// A queue changed its size.
    pub(super) fn outbox_changed(&self, before: usize, after: usize) {
        // Wraps like any subtraction modulo 2^64; the sum is exact again at once.
        self.outbox_bytes.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
    }

    /// What waits on all connections.
    pub(super) fn outbox_bytes(&self) -> usize {
        self.outbox_bytes.load(Ordering::Relaxed)
    }
}

/// The hub's side of a [`Pace`].
#[derive(Debug)]
pub(super) struct Waves<'a> {
    pace: &'a Pace,
    stuck: usize,
}

impl<'a> Waves<'a> {
    pub(super) fn new(pace: &'a Pace) -> Self {
        Self { pace, stuck: 0 }
    }

    /// Counts a wave. To be called before its tasks are woken.
    pub(super) fn begin(&mut self, woken: usize) {
        self.stuck = self.stuck.min(self.pace.asleep.load(Ordering::SeqCst));
        self.pace.wave(woken, self.stuck);
    }

    /// Waits until enough tasks of the wave had their turn.
    pub(super) async fn settle(&mut self) {
        let settled = poll_fn(|cx| self.pace.poll(cx));
        if time::timeout(WAIT_MAX, settled).await.is_err() {
            self.stuck = self.pace.asleep.load(Ordering::SeqCst);
            metrics::counter!("sanctuary_hub_stalls_total").increment(1);
            tracing::warn!(tasks = self.stuck, "connections did not get their turn in time");
        }
    }
}

//! Keeps the hub from outrunning the connections' tasks: after a wave it waits until those it
//! woke have had their turn, so a queue is full only where a socket is slow, not where the
//! machine is busy. While the hub waits, the bus fills, and the log's writer waits in turn.

use futures_util::task::AtomicWaker;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

/// Of so many that were woken, one may still be asleep when the next wave starts.
const STRAGGLERS_DIVISOR: usize = 16;

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
    /// A wave begins that wakes so many tasks.
    pub(super) fn wave(&self, woken: usize) {
        self.enough.store(woken / STRAGGLERS_DIVISOR, Ordering::SeqCst);
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
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
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

//! Taking turns: decisions about one partition on this node wait for one another instead of
//! racing to the same version. Only to save work: what holds is what commits.

use super::super::Partition;
use crate::error::{Result, busy};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Decisions that wait for one partition; one more is `busy`.
pub const TURN_WAITERS_MAX: usize = 1_024;

#[derive(Default)]
struct Line {
    turn: tokio::sync::Mutex<()>,
    waiters: AtomicUsize,
}

/// The partitions that somebody decides about just now.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<Partition, Arc<Line>>>);

/// A place in the line of one partition.
pub(super) struct Place<'a> {
    turns: &'a Turns,
    partition: &'a Partition,
    line: Arc<Line>,
}

impl Turns {
    fn lines(&self) -> MutexGuard<'_, HashMap<Partition, Arc<Line>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn line_up<'a>(&'a self, partition: &'a Partition) -> Result<Place<'a>> {
        let mut lines = self.lines();
        let line = match lines.get(partition) {
            Some(line) => Arc::clone(line),
            None => Arc::clone(lines.entry(partition.clone()).or_default()),
        };
        // Counted under the lock, so that a line is never forgotten while somebody joins it.
        if line.waiters.load(Ordering::Relaxed) >= TURN_WAITERS_MAX {
            return Err(busy());
        }
        line.waiters.fetch_add(1, Ordering::Relaxed);
        drop(lines);
        Ok(Place { turns: self, partition, line })
    }
}

impl Place<'_> {
    /// Waits until those before are done.
    pub(super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.line.turn.lock().await
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut lines = self.turns.lines();
        if self.line.waiters.fetch_sub(1, Ordering::Relaxed) == 1 {
            lines.remove(self.partition);
        }
    }
}

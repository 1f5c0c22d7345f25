//! The writer's queue: bounded, in order, people before bulk.

use crate::error::{Result, unavailable};
use rusqlite::Connection;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Jobs that one transaction takes.
pub const GROUP_JOBS_MAX: usize = 128;
/// Bulk jobs that one transaction takes, where people leave room.
pub const GROUP_BULK_JOBS_MAX: usize = 32;
/// Bulk jobs that wait; more wait at the caller.
pub const QUEUE_BULK_JOBS_MAX: usize = 1_024;

/// Something to write, in one transaction with others.
pub(crate) trait Job: Send {
    /// Writes. Asked again, from the start, if the transaction was rolled back. An error rolls
    /// back whatever this job wrote; a refusal writes nothing and is no error here.
    fn write(&mut self, connection: &Connection) -> rusqlite::Result<()>;

    /// The commit holds: what others must hear of before the caller does. In order.
    fn committed(&mut self) {}

    /// Tells the caller. An error: nothing of it counts.
    fn finish(self: Box<Self>, outcome: Result<()>);
}

/// Who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// A person, or somebody a person waits for.
    People,
    /// Nobody: clearing, sweeping, repairs.
    Bulk,
}

#[derive(Default)]
struct Waiting {
    people: VecDeque<Box<dyn Job>>,
    bulk: VecDeque<Box<dyn Job>>,
    closed: bool,
}

/// The way into one lane: callers line up, so that the order of arrival is kept when it is full.
struct Door {
    line: tokio::sync::Mutex<()>,
    room: Semaphore,
}

impl Door {
    fn new(room: usize) -> Self {
        Self { line: tokio::sync::Mutex::new(()), room: Semaphore::new(room) }
    }
}

pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    ready: Condvar,
    people: Door,
    bulk: Door,
}

impl Queue {
    pub(crate) fn new(people_max: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            ready: Condvar::new(),
            people: Door::new(people_max),
            bulk: Door::new(QUEUE_BULK_JOBS_MAX),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enqueues by the first poll, unless the lane is full: then in the order of first polls.
    pub(crate) async fn push(&self, lane: Lane, job: Box<dyn Job>) -> Result<()> {
        let door = match lane {
            Lane::People => &self.people,
            Lane::Bulk => &self.bulk,
        };
        // Tokio's budget could make a first poll wait without having lined up.
        tokio::task::unconstrained(async {
            let _line = door.line.lock().await;
            let room = door.room.acquire().await.map_err(|_| unavailable())?;
            let mut waiting = self.waiting();
            if waiting.closed {
                return Err(unavailable());
            }
            room.forget();
            match lane {
                Lane::People => waiting.people.push_back(job),
                Lane::Bulk => waiting.bulk.push_back(job),
            }
            drop(waiting);
            self.ready.notify_one();
            Ok(())
        })
        .await
    }

    /// The next jobs; empty after `patience` without any, `None` when closed and drained.
    pub(crate) fn take(&self, patience: Duration) -> Option<Vec<Box<dyn Job>>> {
        let waiting = self.waiting();
        let (mut waiting, _) = self
            .ready
            .wait_timeout_while(waiting, patience, |waiting| {
                waiting.people.is_empty() && waiting.bulk.is_empty() && !waiting.closed
            })
            .unwrap_or_else(PoisonError::into_inner);
        if waiting.closed && waiting.people.is_empty() && waiting.bulk.is_empty() {
            return None;
        }
        let people = waiting.people.len().min(GROUP_JOBS_MAX);
        // One at least, so that people can't starve what clears up behind them.
        let bulk = GROUP_BULK_JOBS_MAX.min(GROUP_JOBS_MAX - people).max(1).min(waiting.bulk.len());
        let mut jobs: Vec<_> = waiting.people.drain(..people).collect();
        jobs.extend(waiting.bulk.drain(..bulk));
        drop(waiting);
        self.people.room.add_permits(people);
        self.bulk.room.add_permits(bulk);
        Some(jobs)
    }

    /// Takes no more; what waits is still done.
    pub(crate) fn close(&self) {
        self.waiting().closed = true;
        self.people.room.close();
        self.bulk.room.close();
        self.ready.notify_all();
    }
}

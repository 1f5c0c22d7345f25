//! What features use of the store: typed rows, and the outbox carried out after each commit.

use super::{
    Carry, Change, CommitError, Maximum, Partition, PlainRecord, Range, Snapshot, StoreEngine,
    Value, Version,
};
use crate::clock::Clock;
use crate::error::Result;
use crate::log::Log;
use crate::timers::Timers;
use std::sync::{Arc, OnceLock};

/// The kind of the timer that finishes what a crash left in an outbox; its subject is the
/// partition, as [`Partition::to_bytes`] gives it.
pub const RELAY_TIMER: &str = "relay";

/// Typed access to the records of one engine.
pub struct Store {
    engine: Arc<dyn StoreEngine>,
    log: Arc<dyn Log>,
    timers: Arc<dyn Timers>,
    clock: Clock,
    carry: OnceLock<Arc<dyn Carry>>,
}

impl Store {
    /// A store over an engine, with the log that takes its events and the timers of its relay.
    pub fn new(
        engine: Arc<dyn StoreEngine>,
        log: Arc<dyn Log>,
        timers: Arc<dyn Timers>,
        clock: Clock,
    ) -> Arc<Self> {
        Arc::new(Self { engine, log, timers, clock, carry: OnceLock::new() })
    }

    /// Who carries out effects. Once, at wiring time.
    pub fn carry_with(&self, carry: Arc<dyn Carry>) {
        let _ = self.carry.set(carry);
    }

    /// A row by its whole primary key.
    pub async fn get<R: PlainRecord>(&self, key: Vec<Value>) -> Result<Option<R>> {
        todo!()
    }

    /// Rows of one partition, by clustering key.
    pub async fn list<R: PlainRecord>(&self, range: Range) -> Result<Vec<R>> {
        todo!()
    }

    /// Writes whole rows of a plain table. May be repeated.
    pub async fn put<R: PlainRecord>(&self, rows: Vec<R>) -> Result<()> {
        todo!()
    }

    /// Deletes rows of a plain table by whole primary key. May be repeated.
    pub async fn remove<R: PlainRecord>(&self, keys: Vec<Vec<Value>>) -> Result<()> {
        todo!()
    }

    /// Raises maxima.
    pub async fn raise(&self, maxima: Vec<Maximum>) -> Result<()> {
        todo!()
    }

    /// A versioned partition, whole, at one version.
    pub async fn load(&self, partition: Partition) -> Result<Snapshot> {
        todo!()
    }

    /// Changes a partition as it was read. Returns once the commit is durable and, unless that
    /// failed and was left to the relay, everything that follows from it was carried out.
    pub async fn commit(
        &self,
        snapshot: &Snapshot,
        change: Change,
    ) -> std::result::Result<Version, CommitError> {
        todo!()
    }

    /// Reads, decides and commits until the commit holds; `busy` after
    /// [`super::COMMIT_TRIES_MAX`] tries. An empty change commits nothing.
    pub async fn decide<T, F>(&self, partition: Partition, mut decide: F) -> Result<T>
    where
        F: FnMut(&Snapshot) -> Result<(Change, T)> + Send,
        T: Send,
    {
        todo!()
    }

    /// Carries out what a partition's outbox still holds, and clears it: what a relay timer does.
    pub async fn relay(&self, partition: Partition) -> Result<()> {
        todo!()
    }
}

//! What features use of the store: typed rows, and the outbox carried out after each commit.
//!
//! What follows from the commits of a partition is carried out on a lane of its own, older
//! versions first, and what is carried out never waits for a lane: so it may itself decide on
//! any partition. What could not be carried out is left to the relay timer that was set with the
//! commit, and so is all that follows later on that lane.

mod lanes;
mod turns;

pub use lanes::{
    CARRIED_PARTITIONS_MAX, FOLLOWING_WAIT_MS, Following, GROUPS_AT_ONCE_MAX, LANES_MAX, on_a_lane,
};
pub use turns::TURN_WAITERS_MAX;

use super::{
    Batch, COMMIT_BYTES_MAX, COMMIT_TRIES_MAX, Carry, Change, CommitError, Maximum, OutboxRow,
    PARTITION_ROWS_MAX, Partition, PlainRecord, Range, Snapshot, StoreEngine, Value, Version,
};
use crate::clock::Clock;
use crate::engine::schema::Schema;
use crate::error::{Result, busy, internal, unavailable};
use crate::log::Log;
use crate::timers::{Timer, Timers};
use lanes::Lanes;
use protocol::Millis;
use std::sync::Arc;
use turns::Turns;

/// The kind of the timer that finishes what a crash left in an outbox; its subject is for
/// [`Partition::of_relay`].
pub const RELAY_TIMER: &str = "relay";
/// The relay looks after a commit this much later.
pub const RELAY_AFTER_MS: Millis = 5_000;

/// A relay timer whose commit is not there comes again until it is this old: a server that holds a
/// batch whose answer was lost may still carry it out.
pub const RELAY_GIVES_UP_MS: Millis = 120_000;

/// Typed access to the records of one engine.
pub struct Store {
    engine: Arc<dyn StoreEngine>,
    clock: Clock,
    lanes: Arc<Lanes>,
    turns: Turns,
    /// The partitions that a relay is at work on.
    relays: Turns,
}

impl Store {
    /// A store over an engine, with the log that takes its events and the timers of its relay.
    pub fn new(
        engine: Arc<dyn StoreEngine>,
        log: Arc<dyn Log>,
        timers: Arc<dyn Timers>,
        clock: Clock,
    ) -> Arc<Self> {
        let lanes = Lanes::new(log, timers);
        Arc::new(Self { engine, clock, lanes, turns: Turns::default(), relays: Turns::default() })
    }

    /// Who carries out effects. Once, at wiring time.
    pub fn carry_with(&self, carry: Arc<dyn Carry>) {
        self.lanes.carry_with(carry);
    }

    /// A row by its whole primary key.
    pub async fn get<R: PlainRecord>(&self, key: Vec<Value>) -> Result<Option<R>> {
        let cells = self.engine.get(R::TABLE, key).await?;
        cells.map(|cells| R::from_cells(&cells)).transpose().map_err(|error| internal(&error))
    }

    /// Rows of one partition, by clustering key.
    pub async fn list<R: PlainRecord>(&self, range: Range) -> Result<Vec<R>> {
        let rows = self.engine.list(R::TABLE, range).await?;
        rows.iter().map(|cells| R::from_cells(cells).map_err(|error| internal(&error))).collect()
    }

    /// Writes whole rows of a plain table. May be repeated.
    pub async fn put<R: PlainRecord>(&self, rows: Vec<R>) -> Result<()> {
        self.engine.put(R::TABLE, rows.into_iter().map(R::into_cells).collect()).await
    }

    /// Deletes rows of a plain table by whole primary key. May be repeated.
    pub async fn remove<R: PlainRecord>(&self, keys: Vec<Vec<Value>>) -> Result<()> {
        self.engine.remove(R::TABLE, keys).await
    }

    /// Raises maxima.
    pub async fn raise(&self, maxima: Vec<Maximum>) -> Result<()> {
        self.engine.raise(maxima).await
    }

    /// A versioned partition, whole, at one version.
    pub async fn load(&self, partition: Partition) -> Result<Snapshot> {
        self.engine.load(partition).await
    }

    /// Changes a partition as it was read, and brings the snapshot's version and outbox (not its
    /// rows) up to date. Returns once the commit is durable; what follows goes on behind it.
    pub async fn commit(
        &self,
        snapshot: &mut Snapshot,
        change: Change,
    ) -> std::result::Result<Following, CommitError> {
        check_size(snapshot, &change)?;
        if change.bytes() > COMMIT_BYTES_MAX {
            return Err(CommitError::TooLarge);
        }
        let partition = &snapshot.partition;
        let version = snapshot.version + 1;
        let carried = self.lanes.carried(partition);
        let Change { writes, deletes, follows, .. } = change;
        let outbox: Vec<OutboxRow> = follows
            .into_iter()
            .map(|(index, effect, body)| OutboxRow { version, index, effect, body })
            .collect();
        let relay = (!outbox.is_empty()).then(|| self.relay_timer(partition, version));
        let cleared = snapshot.outbox.iter().map(|row| row.version).filter(|of| *of <= carried);
        let batch = Batch {
            writes,
            deletes,
            outbox: outbox.clone(),
            done: cleared.max().unwrap_or(0),
            relay: relay.clone(),
        };
        #[cfg(feature = "broken")]
        let batch = if crate::broken::is(crate::broken::Defect::ClearEarly) {
            Batch { outbox: Vec::new(), relay: None, ..batch }
        } else {
            batch
        };
        let follows = !outbox.is_empty();
        let mut left = snapshot.outbox.clone();
        left.retain(|row| row.version > carried);
        left.extend(outbox);
        // A task of its own: once the engine has it, it goes on without the caller.
        let (engine, lanes) = (Arc::clone(&self.engine), Arc::clone(&self.lanes));
        let (partition, expected) = (partition.clone(), snapshot.version);
        let committed = tokio::spawn(async move {
            let version = engine.commit(partition.clone(), expected, batch).await?;
            #[cfg(feature = "broken")]
            crate::broken::dawdle(crate::broken::Defect::ClearEarly).await;
            // Together with what earlier commits left, on whatever node.
            let following = if left.is_empty() {
                Following::NOTHING
            } else {
                lanes.follow(&partition, version, &left, relay)
            };
            Ok::<_, CommitError>((version, left, following))
        });
        let committed = committed.await.unwrap_or_else(|_| Err(unavailable().into()));
        let (version, left, following) = committed?;
        (snapshot.version, snapshot.outbox) = (version, left);
        Ok(if follows { following } else { Following::NOTHING })
    }

    /// Reads, decides and commits until the commit holds, and waits for what follows; `busy`
    /// after [`COMMIT_TRIES_MAX`] tries. An empty change commits nothing. Decisions of this node
    /// about one partition take turns.
    pub async fn decide<T, F>(&self, partition: Partition, mut decide: F) -> Result<T>
    where
        F: FnMut(&Snapshot) -> Result<(Change, T)> + Send,
        T: Send,
    {
        let place = self.turns.line_up(&partition)?;
        let turn = place.turn().await;
        for _ in 0..COMMIT_TRIES_MAX {
            let mut snapshot = self.load(partition.clone()).await?;
            let (change, answer) = decide(&snapshot)?;
            if change.is_empty() {
                return Ok(answer);
            }
            match self.commit(&mut snapshot, change).await {
                Ok(following) => {
                    // What follows may decide about this partition.
                    drop(turn);
                    drop(place);
                    following.done().await;
                    return Ok(answer);
                }
                Err(CommitError::Conflict) => {
                    metrics::counter!("sanctuary_store_conflicts_total").increment(1);
                }
                Err(CommitError::TooLarge) => {
                    return Err(internal(&format!("a commit of {} is too large", partition.table)));
                }
                Err(CommitError::Failed(error)) => return Err(error),
            }
        }
        Err(busy())
    }

    /// Carries out what a partition's outbox still holds, and clears it.
    pub async fn relay(&self, partition: Partition) -> Result<()> {
        self.relay_seen(partition).await.map(|_| ())
    }

    /// What a relay timer does: the same. If the commit that it was set for is not there, it may
    /// still come, so the timer comes again for a while.
    pub async fn relay_of(&self, timer: &Timer, schema: &Schema) -> Result<()> {
        let Some((partition, version)) = Partition::of_relay(&timer.subject, schema) else {
            return Err(internal(&"a relay timer names no partition"));
        };
        let seen = self.relay_seen(partition).await?;
        let gives_up_at = timer.due_at.saturating_add(RELAY_GIVES_UP_MS);
        if seen < version && self.clock.now() < gives_up_at { Err(unavailable()) } else { Ok(()) }
    }

    /// The version at which there was nothing left to carry out. One at a time for a partition:
    /// those who come meanwhile wait, no longer than their timer may take, and find it done.
    async fn relay_seen(&self, partition: Partition) -> Result<Version> {
        let place = self.relays.line_up(&partition)?;
        let _turn = place.turn().await;
        let mut snapshot = self.load(partition.clone()).await?;
        let version = snapshot.version;
        if snapshot.outbox.is_empty() {
            return Ok(version);
        }
        let partition = &snapshot.partition;
        self.lanes.follow(partition, version, &snapshot.outbox, None).done().await;
        if self.lanes.carried(partition) < version {
            // The timer comes again.
            return Err(unavailable());
        }
        match self.commit(&mut snapshot, Change::new()).await {
            // Whoever was faster clears it.
            Ok(_) | Err(CommitError::Conflict) => Ok(version),
            Err(CommitError::TooLarge) => Err(internal(&"nothing is too large")),
            Err(CommitError::Failed(error)) => Err(error),
        }
    }

    /// Resolves when all that follows from this node's commits was carried out, or left to the
    /// relay.
    pub async fn settled(&self) {
        self.lanes.ended().await;
    }

    /// Two commits may share a millisecond: their timers differ by the version, so that clearing
    /// one never takes back the other.
    fn relay_timer(&self, partition: &Partition, version: Version) -> Timer {
        Timer {
            due_at: self.clock.now().saturating_add(RELAY_AFTER_MS),
            kind: RELAY_TIMER.to_owned(),
            subject: partition.to_bytes_at(version),
        }
    }
}

/// Refuses what would make a partition too large to be read again.
fn check_size(snapshot: &Snapshot, change: &Change) -> Result<()> {
    if snapshot.rows.len() + change.writes.len() <= PARTITION_ROWS_MAX {
        return Ok(());
    }
    let is_there = |row: &&super::Row| {
        snapshot.rows.iter().any(|other| other.kind == row.kind && other.item == row.item)
    };
    let added = change.writes.len() - change.writes.iter().filter(is_there).count();
    if snapshot.rows.len() + added > PARTITION_ROWS_MAX + change.deletes.len() {
        return Err(internal(&"a partition would have too many rows"));
    }
    Ok(())
}

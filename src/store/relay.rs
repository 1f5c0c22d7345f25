//! What features use of the store: typed rows, and the outbox carried out after each commit.
//!
//! Each partition has a lane on this node, in which what follows from its commits is carried
//! out, older versions first. A commit never waits for a lane, so what is carried out may itself
//! decide on any partition. What could not be carried out is left to the relay timer that was
//! set with the commit, and so is all that follows later on that lane.

use super::{
    Batch, COMMIT_TRIES_MAX, Carry, Change, CommitError, EVENT, Maximum, OutKey, OutboxRow,
    Partition, PlainRecord, Range, Snapshot, StoreEngine, Value, Version,
};
use crate::clock::Clock;
use crate::error::{Result, busy, internal};
use crate::log::{Log, append_to_feed};
use crate::timers::{Timer, Timers};
use dashmap::DashMap;
use futures_util::StreamExt as _;
use futures_util::stream;
use protocol::{Error, Event, Format, Millis, Topic};
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use tokio::sync::oneshot;

/// The kind of the timer that finishes what a crash left in an outbox; its subject is the
/// partition, as [`Partition::to_bytes`] gives it.
pub const RELAY_TIMER: &str = "relay";
/// The relay looks after a commit this much later.
pub const RELAY_AFTER_MS: Millis = 5_000;
/// Groups of one commit that are carried out at the same time.
const GROUPS_AT_ONCE_MAX: usize = 16;
/// Lanes that are remembered while nothing is on them; forgetting one only means that what it
/// carried out is carried out again, to no effect.
const IDLE_LANES_MAX: usize = 20_000;

/// Typed access to the records of one engine.
pub struct Store {
    engine: Arc<dyn StoreEngine>,
    log: Arc<dyn Log>,
    timers: Arc<dyn Timers>,
    clock: Clock,
    carry: OnceLock<Arc<dyn Carry>>,
    lanes: DashMap<Partition, Lane>,
}

/// What follows from one commit.
struct Work {
    version: Version,
    rows: Vec<OutboxRow>,
    timer: Option<Timer>,
    done: oneshot::Sender<()>,
}

#[derive(Default)]
struct Lane {
    running: bool,
    /// Everything that follows from commits up to this one was carried out, …
    carried: Version,
    /// … and up to this one it is on the lane.
    coming: Version,
    waiting: VecDeque<Work>,
}

/// Resolves when what follows from a commit was carried out, or was left to the relay.
#[must_use = "what follows is carried out in any case; wait for it where somebody relies on it"]
pub struct Following(Option<oneshot::Receiver<()>>);

impl Following {
    /// Waits.
    pub async fn done(self) {
        if let Some(done) = self.0 {
            let _ = done.await;
        }
    }
}

impl Store {
    /// A store over an engine, with the log that takes its events and the timers of its relay.
    pub fn new(
        engine: Arc<dyn StoreEngine>,
        log: Arc<dyn Log>,
        timers: Arc<dyn Timers>,
        clock: Clock,
    ) -> Arc<Self> {
        Arc::new(Self { engine, log, timers, clock, carry: OnceLock::new(), lanes: DashMap::new() })
    }

    /// Who carries out effects. Once, at wiring time.
    pub fn carry_with(&self, carry: Arc<dyn Carry>) {
        let _ = self.carry.set(carry);
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
        self: &Arc<Self>,
        snapshot: &mut Snapshot,
        change: Change,
    ) -> std::result::Result<Following, CommitError> {
        let partition = snapshot.partition.clone();
        let version = snapshot.version + 1;
        let (cleared, left) = self.sort_out(&partition, &snapshot.outbox);
        let Change { writes, deletes, follows, .. } = change;
        let outbox: Vec<OutboxRow> = follows
            .into_iter()
            .map(|(index, effect, body)| OutboxRow { version, index, effect, body })
            .collect();
        let timer = (!outbox.is_empty()).then(|| Timer {
            due_at: self.clock.now() + RELAY_AFTER_MS,
            kind: RELAY_TIMER.to_owned(),
            subject: partition.to_bytes(),
        });
        let batch = Batch {
            writes,
            deletes,
            outbox: outbox.clone(),
            done: cleared.clone(),
            relay: timer.clone(),
        };
        let version = self.engine.commit(partition.clone(), snapshot.version, batch).await?;
        snapshot.version = version;
        snapshot.outbox.retain(|row| !cleared.contains(&(row.version, row.index)));
        snapshot.outbox.extend(outbox.iter().cloned());
        if outbox.is_empty() && left.is_empty() {
            return Ok(Following(None));
        }
        // Oldest first: what an earlier commit left, on whatever node, goes before.
        for (version, rows) in by_version(left) {
            let _ = self.enqueue(&partition, version, rows, None);
        }
        Ok(Following(Some(self.enqueue(&partition, version, outbox, timer))))
    }

    /// Reads, decides and commits until the commit holds, and waits for what follows; `busy`
    /// after [`COMMIT_TRIES_MAX`] tries. An empty change commits nothing.
    pub async fn decide<T, F>(self: &Arc<Self>, partition: Partition, mut decide: F) -> Result<T>
    where
        F: FnMut(&Snapshot) -> Result<(Change, T)> + Send,
        T: Send,
    {
        for _ in 0..COMMIT_TRIES_MAX {
            let mut snapshot = self.load(partition.clone()).await?;
            let (change, answer) = decide(&snapshot)?;
            if change.is_empty() {
                return Ok(answer);
            }
            match self.commit(&mut snapshot, change).await {
                Ok(following) => {
                    following.done().await;
                    return Ok(answer);
                }
                Err(CommitError::Conflict) => {}
                Err(CommitError::Failed(error)) => return Err(error),
            }
        }
        Err(busy())
    }

    /// Carries out what a partition's outbox still holds, and clears it: what a relay timer does.
    pub async fn relay(self: &Arc<Self>, partition: Partition) -> Result<()> {
        let mut snapshot = self.load(partition.clone()).await?;
        let (_, left) = self.sort_out(&partition, &snapshot.outbox);
        let mut following = Vec::new();
        for (version, rows) in by_version(left) {
            following.push(self.enqueue(&partition, version, rows, None));
        }
        for done in following {
            let _ = done.await;
        }
        let (cleared, left) = self.sort_out(&partition, &snapshot.outbox);
        if !left.is_empty() {
            // Not all could be carried out: the timer comes again.
            return Err(crate::error::unavailable());
        }
        if cleared.is_empty() {
            return Ok(());
        }
        match self.commit(&mut snapshot, Change::new()).await {
            // Whoever was faster clears it.
            Ok(_) | Err(CommitError::Conflict) => Ok(()),
            Err(CommitError::Failed(error)) => Err(error),
        }
    }

    /// Parts an outbox into what this node knows to be carried out, and the rest.
    fn sort_out(
        &self,
        partition: &Partition,
        outbox: &[OutboxRow],
    ) -> (Vec<(Version, u32)>, Vec<OutboxRow>) {
        let (carried, coming) =
            self.lanes.get(partition).map_or((0, 0), |lane| (lane.carried, lane.coming));
        let done = |row: &&OutboxRow| row.version <= carried;
        let cleared = outbox.iter().filter(done).map(|row| (row.version, row.index)).collect();
        let left = outbox.iter().filter(|row| row.version > coming).cloned().collect();
        (cleared, left)
    }

    fn enqueue(
        self: &Arc<Self>,
        partition: &Partition,
        version: Version,
        rows: Vec<OutboxRow>,
        timer: Option<Timer>,
    ) -> oneshot::Receiver<()> {
        let (done, wait) = oneshot::channel();
        if self.lanes.len() > IDLE_LANES_MAX {
            self.lanes.retain(|_, lane| lane.running);
        }
        let mut lane = self.lanes.entry(partition.clone()).or_default();
        lane.coming = lane.coming.max(version);
        lane.waiting.push_back(Work { version, rows, timer, done });
        if !lane.running {
            lane.running = true;
            tokio::spawn(Arc::clone(self).drain(partition.clone()));
        }
        wait
    }

    async fn drain(self: Arc<Self>, partition: Partition) {
        loop {
            let work = {
                let Some(mut lane) = self.lanes.get_mut(&partition) else { return };
                let Some(work) = lane.waiting.pop_front() else {
                    lane.running = false;
                    return;
                };
                work
            };
            match self.carry_out(&partition, work.version, work.rows).await {
                Ok(()) => {
                    if let Some(mut lane) = self.lanes.get_mut(&partition) {
                        lane.carried = lane.carried.max(work.version);
                    }
                    if let Some(timer) = work.timer {
                        // A timer that stays fires for nothing.
                        let _ = self.timers.clear(vec![timer]).await;
                    }
                }
                Err(error) => {
                    metrics::counter!("sanctuary_outbox_left_to_relay_total").increment(1);
                    tracing::warn!(table = partition.table, %error, "left to the relay");
                    // Older versions first: the rest waits for the relay too.
                    if let Some(mut lane) = self.lanes.get_mut(&partition) {
                        lane.coming = lane.carried;
                        lane.waiting.clear();
                    }
                }
            }
            let _ = work.done.send(());
        }
    }

    /// Groups at the same time; within a group in order.
    async fn carry_out(
        &self,
        partition: &Partition,
        version: Version,
        rows: Vec<OutboxRow>,
    ) -> Result<()> {
        let mut groups: Vec<Vec<OutboxRow>> = Vec::new();
        for row in rows {
            match groups
                .last_mut()
                .filter(|group| group.first().map(group_of) == Some(group_of(&row)))
            {
                Some(group) => group.push(row),
                None => groups.push(vec![row]),
            }
        }
        let carried = stream::iter(groups.into_iter().map(|group| async move {
            for row in group {
                let key = OutKey { partition: partition.clone(), version, index: row.index };
                self.carry_one(&key, &row).await?;
            }
            Ok::<(), Error>(())
        }));
        let outcomes: Vec<Result<()>> =
            carried.buffer_unordered(GROUPS_AT_ONCE_MAX).collect().await;
        outcomes.into_iter().collect()
    }

    async fn carry_one(&self, key: &OutKey, row: &OutboxRow) -> Result<()> {
        if row.effect == EVENT {
            let (topic, event): (Topic, StoredEvent) =
                Format::MessagePack.decode(&row.body).map_err(|error| internal(&error))?;
            append_to_feed(&*self.log, topic, key.log_key(), None, event.0.body).await?;
            return Ok(());
        }
        match self.carry.get() {
            Some(carry) => carry.carry(key, &row.effect, &row.body).await,
            None => Err(internal(&"no carrier is wired")),
        }
    }
}

/// An event in an outbox row, as a push without a place.
#[derive(serde::Deserialize)]
struct StoredEvent(protocol::Push<Event>);

fn group_of(row: &OutboxRow) -> u32 {
    row.index / super::GROUP_ROWS_MAX
}

fn by_version(rows: Vec<OutboxRow>) -> Vec<(Version, Vec<OutboxRow>)> {
    let mut rows = rows;
    rows.sort_by_key(|row| (row.version, row.index));
    let mut versions: Vec<(Version, Vec<OutboxRow>)> = Vec::new();
    for row in rows {
        match versions.last_mut().filter(|(version, _)| *version == row.version) {
            Some((_, rows)) => rows.push(row),
            None => versions.push((row.version, vec![row])),
        }
    }
    versions
}

//! Lanes: each partition has one on this node, a task in which what follows from its commits is
//! carried out, older versions first. It ends when nothing is left, well or not, whether or not
//! somebody waits for it.
//!
//! What a lane holds always begins with the oldest row that is not known to be carried out,
//! since every commit brings all that its snapshot's outbox still held. So one number says what
//! was carried out: everything up to that version. A lane that fails stops and forgets; the next
//! commit, or the relay timer, brings the rows again.

use super::super::{Carry, EVENT, GROUP_ROWS_MAX, OutKey, OutboxRow, Partition, Version};
use crate::error::{Result, internal};
use crate::log::{Log, append_to_feed};
use crate::timers::{Timer, Timers};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;
use protocol::{Error, Event, Format, Push, Topic};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// Lanes at the same time; what comes on top is left to the relay timer.
pub const LANES_MAX: usize = 8_192;
/// Partitions of which this node remembers, twice, how far they were carried out; forgetting
/// costs a second try, to no effect.
pub const CARRIED_PARTITIONS_MAX: usize = 16_384;
/// Groups of one commit that are carried out at the same time.
pub const GROUPS_AT_ONCE_MAX: usize = 64;
/// Topics of one commit that are told of at the same time.
const TELLING_AT_ONCE_MAX: usize = 8;
/// Nobody waits longer for what follows from a commit; it goes on.
pub const FOLLOWING_WAIT_MS: u64 = 3_000;

tokio::task_local! {
    /// Set in what lanes carry out.
    static ON_A_LANE: ();
}

/// Resolves when what follows from a commit was carried out, or was left to the relay.
#[must_use = "what follows is carried out in any case; wait for it where somebody relies on it"]
pub struct Following(Option<oneshot::Receiver<()>>);

impl Following {
    pub(super) const NOTHING: Self = Self(None);

    /// Waits, at most [`FOLLOWING_WAIT_MS`]. Not at all where it is called by what a lane carries
    /// out: lanes that wait for lanes could wait in a circle.
    pub async fn done(self) {
        let Some(done) = self.0.filter(|_| !on_a_lane()) else { return };
        let limit = Duration::from_millis(FOLLOWING_WAIT_MS);
        if tokio::time::timeout(limit, done).await.is_err() {
            metrics::counter!("sanctuary_outbox_slow_total").increment(1);
        }
    }
}

/// Whether the caller is being carried out. Whoever hands work to another task and waits for it
/// asks this first, and then has that task not wait for a [`Following`] either.
pub fn on_a_lane() -> bool {
    ON_A_LANE.try_with(|()| ()).is_ok()
}

#[derive(Default)]
struct Lane {
    /// Not carried out yet, or just now.
    versions: BTreeMap<Version, Vec<OutboxRow>>,
    /// `versions` holds all that is not carried out up to here.
    until: Version,
    waiters: Vec<(Version, oneshot::Sender<()>)>,
    timers: Vec<Timer>,
    /// What is told beside the lane, before the timers are cleared.
    telling: Vec<JoinHandle<bool>>,
}

impl Lane {
    /// Everything up to here was carried out.
    fn carried(&self) -> Version {
        self.versions.first_key_value().map_or(self.until, |(version, _)| version - 1)
    }
}

#[derive(Default)]
struct State {
    lanes: HashMap<Partition, Lane>,
    carried: HashMap<Partition, Version>,
    /// What `carried` was before it was full.
    carried_before: HashMap<Partition, Version>,
}

impl State {
    fn carried(&self, partition: &Partition) -> Version {
        let carried = self.carried.get(partition).or_else(|| self.carried_before.get(partition));
        carried.copied().unwrap_or(0)
    }

    fn set_carried(&mut self, partition: &Partition, version: Version) {
        if version > self.carried(partition) {
            self.carried.insert(partition.clone(), version);
            if self.carried.len() >= CARRIED_PARTITIONS_MAX {
                self.carried_before = std::mem::take(&mut self.carried);
            }
        }
    }
}

/// The lanes of a store.
pub(super) struct Lanes {
    log: Arc<dyn Log>,
    timers: Arc<dyn Timers>,
    carry: OnceLock<Arc<dyn Carry>>,
    state: Mutex<State>,
    /// Each lane that runs holds a receiver.
    running: watch::Sender<()>,
}

/// What a lane does next.
enum Next {
    Carry(Version, Vec<OutboxRow>),
    Clear(Vec<Timer>, Vec<JoinHandle<bool>>),
    End,
}

/// Takes a lane away that failed or panicked.
struct Running<'a> {
    lanes: &'a Lanes,
    partition: &'a Partition,
    ended: bool,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // One that ended was taken away already, and another may run in its place.
        if !self.ended {
            self.lanes.state().lanes.remove(self.partition);
        }
    }
}

impl Lanes {
    pub(super) fn new(log: Arc<dyn Log>, timers: Arc<dyn Timers>) -> Arc<Self> {
        let (carry, state) = (OnceLock::new(), Mutex::default());
        Arc::new(Self { log, timers, carry, state, running: watch::Sender::new(()) })
    }

    /// Resolves when no lane runs.
    pub(super) async fn ended(&self) {
        self.running.closed().await;
    }

    pub(super) fn carry_with(&self, carry: Arc<dyn Carry>) {
        let _ = self.carry.set(carry);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Up to which version all that follows was carried out, as far as this node knows.
    pub(super) fn carried(&self, partition: &Partition) -> Version {
        self.state().carried(partition)
    }

    /// Has rows carried out: all that the outbox holds at `version`. `timer` is cleared then.
    pub(super) fn follow(
        self: &Arc<Self>,
        partition: &Partition,
        version: Version,
        rows: &[OutboxRow],
        timer: Option<Timer>,
    ) -> Following {
        let mut state = self.state();
        let runs = state.lanes.contains_key(partition);
        if !runs && state.lanes.len() >= LANES_MAX {
            metrics::counter!("sanctuary_outbox_lanes_full_total").increment(1);
            return Following::NOTHING;
        }
        let carried = state.carried(partition);
        let lane = state.lanes.entry(partition.clone()).or_default();
        let carried = carried.max(lane.carried());
        let mut fresh: BTreeMap<Version, Vec<OutboxRow>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.version > carried) {
            fresh.entry(row.version).or_default().push(row.clone());
        }
        for (version, mut rows) in fresh {
            rows.sort_by_key(|row| row.index);
            lane.versions.entry(version).or_insert(rows);
        }
        lane.until = lane.until.max(version);
        lane.timers.extend(timer);
        let (done, wait) = oneshot::channel();
        lane.waiters.push((version, done));
        drop(state);
        if !runs {
            let (lanes, partition) = (Arc::clone(self), partition.clone());
            let running = self.running.subscribe();
            tokio::spawn(ON_A_LANE.scope((), async move {
                lanes.run(&partition, running).await;
            }));
        }
        Following(Some(wait))
    }

    async fn run(self: &Arc<Self>, partition: &Partition, alive: watch::Receiver<()>) {
        let mut running = Running { lanes: self, partition, ended: false };
        loop {
            match self.next(partition) {
                Next::Carry(version, rows) => {
                    let concerned = match self.carry_out(partition, version, rows).await {
                        Ok(concerned) => concerned,
                        Err(error) => {
                            metrics::counter!("sanctuary_outbox_left_to_relay_total").increment(1);
                            tracing::warn!(table = partition.table, version, %error, "left to the relay");
                            return;
                        }
                    };
                    let telling = self.tell(concerned, &alive);
                    if let Some(lane) = self.state().lanes.get_mut(partition) {
                        lane.versions.remove(&version);
                        lane.telling.extend(telling);
                    }
                }
                Next::Clear(timers, telling) if telling.is_empty() => self.clear(timers).await,
                Next::Clear(timers, telling) => {
                    let (lanes, alive) = (Arc::clone(self), alive.clone());
                    tokio::spawn(async move {
                        let told = join_all(telling).await;
                        // What was not told is told when the timer fires.
                        if told.into_iter().all(|told| matches!(told, Ok(true))) {
                            lanes.clear(timers).await;
                        }
                        drop(alive);
                    });
                }
                Next::End => {
                    running.ended = true;
                    return;
                }
            }
        }
    }

    async fn clear(&self, timers: Vec<Timer>) {
        if let Err(error) = self.timers.clear(timers).await {
            // They fire for nothing.
            tracing::warn!(%error, "relay timers were not cleared");
        }
    }

    /// Tells, beside the lane, of what came into topics.
    fn tell(
        self: &Arc<Self>,
        concerned: HashSet<Topic>,
        alive: &watch::Receiver<()>,
    ) -> Option<JoinHandle<bool>> {
        let carry = self.carry.get().filter(|_| !concerned.is_empty())?;
        let (carry, alive) = (Arc::clone(carry), alive.clone());
        Some(tokio::spawn(async move {
            let told = stream::iter(concerned).map(|topic| carry.told(topic));
            let told: Vec<Result<()>> = told.buffer_unordered(TELLING_AT_ONCE_MAX).collect().await;
            drop(alive);
            let failed = told.into_iter().find_map(Result::err);
            if let Some(error) = &failed {
                tracing::warn!(%error, "somebody was not told; it is tried again");
            }
            failed.is_none()
        }))
    }

    /// Tells those who waited for what is done, and looks what is left.
    fn next(&self, partition: &Partition) -> Next {
        let mut state = self.state();
        let Some(lane) = state.lanes.get_mut(partition) else { return Next::End };
        let carried = lane.carried();
        for (_, waiter) in lane.waiters.extract_if(.., |(version, _)| *version <= carried) {
            let _ = waiter.send(());
        }
        let next = match lane.versions.first_key_value() {
            Some((version, rows)) => Next::Carry(*version, rows.clone()),
            None if lane.timers.is_empty() && lane.telling.is_empty() => Next::End,
            None => {
                Next::Clear(std::mem::take(&mut lane.timers), std::mem::take(&mut lane.telling))
            }
        };
        if matches!(next, Next::End) {
            state.lanes.remove(partition);
        }
        state.set_carried(partition, carried);
        next
    }

    /// Groups at the same time; within a group in order.
    async fn carry_out(
        &self,
        partition: &Partition,
        version: Version,
        rows: Vec<OutboxRow>,
    ) -> Result<HashSet<Topic>> {
        let mut groups: BTreeMap<u32, Vec<OutboxRow>> = BTreeMap::new();
        for row in rows {
            groups.entry(row.index / GROUP_ROWS_MAX).or_default().push(row);
        }
        let carried = stream::iter(groups.into_values().map(|group| async move {
            let mut concerned = Vec::new();
            for row in group {
                let key = OutKey { partition: partition.clone(), version, index: row.index };
                concerned.extend(self.carry_one(&key, &row).await?);
            }
            Ok::<_, Error>(concerned)
        }));
        let outcomes: Vec<Result<Vec<Topic>>> =
            carried.buffer_unordered(GROUPS_AT_ONCE_MAX).collect().await;
        let mut concerned = HashSet::new();
        for outcome in outcomes {
            concerned.extend(outcome?);
        }
        Ok(concerned)
    }

    /// The topic, where somebody is to hear of it beyond those who follow it.
    async fn carry_one(&self, key: &OutKey, row: &OutboxRow) -> Result<Option<Topic>> {
        if row.effect == EVENT {
            let (topic, push): (Topic, Push<Event>) =
                Format::MessagePack.decode(&row.body).map_err(|error| internal(&error))?;
            let carry = self.carry.get();
            let concerns = carry.is_some_and(|carry| carry.concerns(topic, &push.body));
            append_to_feed(&*self.log, topic, key.log_key(), None, push.body).await?;
            return Ok(concerns.then_some(topic));
        }
        match self.carry.get() {
            Some(carry) => carry.carry(key, &row.effect, &row.body).await.map(|()| None),
            None => Err(internal(&"no carrier is wired")),
        }
    }
}

//! The registry of many nodes, in Redis: see `presence.lua` for its shape.
//!
//! A node writes its own sessions only, under the epoch of its lease; nobody takes over anything.
//! What a reader makes of an entry is in [`model`]. Promises: a session of a living node is seen;
//! somebody whose sessions may be missing (the registry was lost, Redis is away, this node just
//! began) is *unknown*, never gone. Whatever is lost is written again by its node, in batches.

mod entry;
mod keeper;
mod news;
mod writer;

pub use keeper::{CHECK_MS, REFRESH_MS};
pub use writer::SYNC_USERS_MAX;

use super::model::{self, GRACE_MS, Known, Sessions, Standing};
use super::registry::{Ended, Registry};
use crate::clock::Clock;
use crate::hub::{Hub, Link};
use crate::redis::{
    Epoch, LEASE_MS, Peers, REFRESH_MS as LEASE_REFRESH_MS, Redis as Servers, Result, Shard,
};
use dashmap::{DashMap, DashSet};
use entry::{REGISTRY, key, read_record, read_registered, read_run, read_time};
use futures_util::future::{BoxFuture, join_all};
use protocol::presence::Declared;
use protocol::{Millis, SessionId, UserId};
use redis::{Script, Value};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use writer::Ending;

static CHANGE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("redis/presence.lua")));

/// A session that ended is waited for to be written, at most so long.
const CLOSE_WAIT: Duration = Duration::from_secs(1);
/// Somebody who is uncertain is looked at again after this.
const AGAIN: Duration = Duration::from_secs(2);
/// People whose last session ended and who may be back; the oldest beyond it are not followed up.
pub const ENDINGS_MAX: usize = 100_000;
/// Endings that one round follows up.
const ENDINGS_AT_ONCE_MAX: usize = 1_024;
/// Lives of nodes that are remembered for being over, or new.
const EPOCHS_MAX: usize = 1_024;

/// How long things take; only tests choose.
#[derive(Debug, Clone, Copy)]
pub struct Tempo {
    /// From a drop to being offline.
    pub grace: Duration,
    /// A living node may be without its lease, or not be known, for as long as this.
    pub settle: Duration,
    /// A node whose lapse is noticed has been gone for so long at least: a lease without a
    /// refresh, of which the last may have been due just then, and one more may be late.
    pub gone_for: Duration,
    /// Between two looks at whether the registry is still there.
    pub check: Duration,
    /// All sessions are written again this often, so that they don't expire.
    pub refresh: Duration,
}

impl Default for Tempo {
    fn default() -> Self {
        Self {
            grace: Duration::from_millis(GRACE_MS.unsigned_abs()),
            settle: Duration::from_millis(LEASE_MS),
            gone_for: Duration::from_millis(LEASE_MS - 2 * LEASE_REFRESH_MS),
            check: Duration::from_millis(CHECK_MS),
            refresh: Duration::from_millis(REFRESH_MS),
        }
    }
}

impl Tempo {
    /// What nobody writes again is gone after this.
    fn ttl(&self) -> Duration {
        self.refresh * 3
    }
}

/// What a person said, and when by Redis's clock; `None` until it is written.
#[derive(Debug, Clone, Copy)]
struct Said {
    declared: Declared,
    at: Option<Millis>,
}

/// A person's sessions on this node.
#[derive(Default)]
struct Own {
    sessions: Vec<SessionId>,
    said: Option<Said>,
}

/// The end of a node's life, as this node saw it.
#[derive(Debug, Clone, Copy)]
struct Lapse {
    noticed: Instant,
    /// The life was over by then: a lease before it was noticed.
    at: Millis,
}

/// One server's share.
struct Part {
    shard: Arc<Shard>,
    queue: writer::Queue,
    follows: news::Follows,
}

struct Inner {
    servers: Arc<Servers>,
    peers: Arc<Peers>,
    hub: Arc<Hub>,
    clock: Clock,
    tempo: Tempo,
    own: DashMap<UserId, Own>,
    parts: Vec<Part>,
    touched: DashSet<UserId>,
    /// Followed people who look different by then, though nobody says so.
    revisits: Mutex<HashMap<UserId, Instant>>,
    /// Lives that this node saw end.
    lapsed: DashMap<Epoch, Lapse>,
    /// Lives that hold sessions and that this node does not know, and since when.
    strangers: DashMap<Epoch, Instant>,
    endings: Mutex<HashMap<UserId, (Millis, Instant)>>,
    losses: watch::Sender<u64>,
}

/// See the module.
pub struct Redis {
    inner: Arc<Inner>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Redis {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Redis {
    /// Begins to write this node's sessions, and to listen. Call it inside a runtime.
    pub fn start(
        servers: Arc<Servers>,
        peers: Arc<Peers>,
        hub: Arc<Hub>,
        clock: Clock,
        tempo: Tempo,
    ) -> Arc<Self> {
        let part = |shard: &Arc<Shard>| Part {
            shard: Arc::clone(shard),
            queue: writer::Queue::default(),
            follows: news::Follows::default(),
        };
        let inner = Arc::new(Inner {
            parts: servers.shards().iter().map(part).collect(),
            servers,
            peers,
            hub,
            clock,
            tempo,
            own: DashMap::new(),
            touched: DashSet::new(),
            revisits: Mutex::default(),
            lapsed: DashMap::new(),
            strangers: DashMap::new(),
            endings: Mutex::default(),
            losses: watch::Sender::new(0),
        });
        let mut tasks = vec![tokio::spawn(keeper::watch_lapses(Arc::clone(&inner)))];
        for at in 0..inner.parts.len() {
            tasks.push(tokio::spawn(writer::run(Arc::clone(&inner), at)));
            tasks.push(tokio::spawn(keeper::run(Arc::clone(&inner), at)));
            tasks.push(tokio::spawn(news::run(Arc::clone(&inner), at)));
        }
        Arc::new(Self { inner, tasks })
    }
}

impl Inner {
    fn index(&self, user: UserId) -> usize {
        self.servers.index(key(user).as_bytes())
    }

    fn part(&self, user: UserId) -> Option<&Part> {
        self.parts.get(self.index(user))
    }

    fn is_followed(&self, user: UserId) -> bool {
        self.part(user).is_some_and(|part| part.follows.has(user))
    }

    /// This node's own people are seen by those who watch here, also while Redis is away.
    fn touch(&self, user: UserId) {
        if self.is_followed(user) {
            self.touched.insert(user);
        }
    }

    fn remember_ending(&self, user: UserId, ending: Ending) {
        let grace = if ending.goodbye { Duration::ZERO } else { self.tempo.grace };
        let mut endings = lock(&self.endings);
        if endings.len() < ENDINGS_MAX {
            endings.insert(user, (ending.at, Instant::now() + grace));
        }
    }

    /// What this node knows by itself.
    fn known_here(&self, user: UserId) -> Known {
        let said = self.own.get(&user).and_then(|own| own.said);
        let declared = said.map(|said| said.declared);
        let open = !self.hub.links_of(user).is_empty();
        let sessions = if open { Sessions::Open } else { Sessions::Unknown };
        let foreground = open && super::is_looking(&self.hub, user);
        Known { sessions, foreground, declared, ..Known::UNKNOWN }
    }

    fn standing(&self, epoch: Epoch) -> Standing {
        if epoch == self.peers.epoch() || self.peers.is_live(epoch) {
            return Standing::Living;
        }
        let now = Instant::now();
        if let Some(lapse) = self.lapsed.get(&epoch).map(|lapse| *lapse) {
            let grace = self.tempo.grace.saturating_sub(self.tempo.gone_for);
            let left = (lapse.noticed + grace).saturating_duration_since(now);
            let over = Standing::Dead(Some(lapse.at));
            return if left.is_zero() { over } else { Standing::Lapsed(left) };
        }
        if self.strangers.len() >= EPOCHS_MAX {
            self.strangers.retain(|_, since| now.duration_since(*since) < self.tempo.settle);
        }
        let since = *self.strangers.entry(epoch).or_insert(now);
        if now.duration_since(since) < self.tempo.settle {
            Standing::Stranger
        } else {
            Standing::Dead(None)
        }
    }

    /// Whether nothing happened lately that may have hidden a living node from this one.
    fn is_steady(&self, shard: &Shard) -> bool {
        let health = shard.health();
        let certain = self.peers.view().borrow().certain;
        health.up && health.since.elapsed() >= self.tempo.settle && certain && self.peers.is_held()
    }

    async fn look_at(&self, shard: &Shard, users: &[UserId]) -> Result<Vec<Known>> {
        let mut pipe = redis::pipe();
        pipe.cmd("TIME").cmd("INFO").arg("server").cmd("HGETALL").arg(REGISTRY);
        for &user in users {
            pipe.cmd("HGETALL").arg(key(user));
        }
        let values: Vec<Value> = shard.pipe(&pipe).await?;
        let [time, info, registered, people @ ..] = values.as_slice() else {
            return Ok(users.iter().map(|&user| self.known_here(user)).collect());
        };
        let now = read_time(time).unwrap_or_default();
        let view = self.peers.view().borrow().clone();
        let (registered, settle) = (read_registered(registered), self.tempo.settle);
        let is_whole = self.is_steady(shard)
            && model::is_whole(&registered, &read_run(info), &view.nodes, settle, now);
        let one = |(&user, fields): (&UserId, &Value)| {
            let record = read_record(fields);
            let known = model::known(&record, |epoch| self.standing(epoch), is_whole, now);
            let here = self.known_here(user);
            if here.sessions == Sessions::Open {
                let declared = known.declared.or(here.declared);
                let foreground = here.foreground || known.foreground;
                return Known { sessions: Sessions::Open, foreground, declared, ..Known::UNKNOWN };
            }
            known
        };
        Ok(users.iter().zip(people).map(one).collect())
    }

    /// When a followed person is to be looked at again without being told.
    fn plan_revisit(&self, user: UserId, known: &Known) {
        let wait = known.grace_left.or_else(|| known.is_uncertain().then_some(AGAIN));
        if let Some(wait) = wait.filter(|_| self.is_followed(user)) {
            let mut revisits = lock(&self.revisits);
            revisits.insert(user, Instant::now() + wait);
        }
    }
}

impl Registry for Redis {
    fn opened(&self, user: UserId, link: &Link) {
        let Some(part) = self.inner.part(user) else { return };
        {
            let mut own = self.inner.own.entry(user).or_default();
            if !own.sessions.contains(&link.id()) {
                own.sessions.push(link.id());
            }
            // It ended while it was opened, and its end was told before its beginning.
            if link.has_ended() {
                own.sessions.retain(|&session| session != link.id());
            }
        }
        let ending = Ending { goodbye: false, at: self.inner.clock.now() };
        drop(part.queue.push(user, Some(ending)));
        self.inner.touch(user);
    }

    fn turned(&self, user: UserId) {
        if let Some(part) = self.inner.part(user) {
            drop(part.queue.push(user, None));
        }
    }

    fn closed(&self, user: UserId, session: SessionId, goodbye: bool) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let Some(part) = self.inner.part(user) else { return };
            if let Some(mut own) = self.inner.own.get_mut(&user) {
                own.sessions.retain(|&other| other != session);
            }
            let ending = Ending { goodbye, at: self.inner.clock.now() };
            let written = part.queue.push(user, Some(ending));
            self.inner.touch(user);
            if part.shard.is_up() {
                let _ = timeout(CLOSE_WAIT, written).await;
            }
        })
    }

    fn declare(&self, user: UserId, declared: Declared) {
        let Some(part) = self.inner.part(user) else { return };
        self.inner.own.entry(user).or_default().said = Some(Said { declared, at: None });
        drop(part.queue.push(user, None));
        self.inner.touch(user);
    }

    fn look<'a>(&'a self, users: &'a [UserId]) -> BoxFuture<'a, Vec<Known>> {
        Box::pin(async move {
            let inner = &self.inner;
            let mut shares: Vec<Vec<(usize, UserId)>> = vec![Vec::new(); inner.parts.len()];
            for (place, &user) in users.iter().enumerate() {
                if let Some(share) = shares.get_mut(inner.index(user)) {
                    share.push((place, user));
                }
            }
            let asked = inner.parts.iter().zip(shares).map(async |(part, share)| {
                let users: Vec<UserId> = share.iter().map(|(_, user)| *user).collect();
                let found = if users.is_empty() {
                    Ok(Vec::new())
                } else {
                    inner.look_at(&part.shard, &users).await
                };
                let found = found
                    .unwrap_or_else(|_| users.iter().map(|&user| inner.known_here(user)).collect());
                share.into_iter().map(|(place, _)| place).zip(found).collect::<Vec<_>>()
            });
            let mut known = vec![Known::UNKNOWN; users.len()];
            for (place, found) in join_all(asked).await.into_iter().flatten() {
                if let Some(known) = known.get_mut(place) {
                    *known = found;
                }
            }
            for (&user, known) in users.iter().zip(&known) {
                inner.plan_revisit(user, known);
            }
            known
        })
    }

    fn follow(&self, user: UserId) {
        if let Some(part) = self.inner.part(user) {
            part.follows.add(user);
        }
    }

    fn unfollow(&self, user: UserId) {
        if let Some(part) = self.inner.part(user) {
            part.follows.remove(user);
        }
        lock(&self.inner.revisits).remove(&user);
        self.inner.touched.remove(&user);
    }

    fn touched(&self) -> Vec<UserId> {
        let now = Instant::now();
        let mut touched: Vec<UserId> = self.inner.touched.iter().map(|user| *user).collect();
        for user in &touched {
            self.inner.touched.remove(user);
        }
        lock(&self.inner.revisits).retain(|&user, due| {
            let is_due = *due <= now;
            if is_due {
                touched.push(user);
            }
            !is_due
        });
        touched
    }

    fn ended(&self) -> BoxFuture<'_, Vec<Ended>> {
        Box::pin(async move {
            let now = Instant::now();
            let due: Vec<(UserId, Millis)> = {
                let endings = lock(&self.inner.endings);
                let due = endings.iter().filter(|(_, (_, due))| *due <= now);
                due.map(|(&user, &(at, _))| (user, at)).take(ENDINGS_AT_ONCE_MAX).collect()
            };
            if due.is_empty() {
                return Vec::new();
            }
            let users: Vec<UserId> = due.iter().map(|(user, _)| *user).collect();
            let looked = self.look(&users).await;
            let mut endings = lock(&self.inner.endings);
            let mut ended = Vec::new();
            for ((user, at), known) in due.into_iter().zip(looked) {
                let again = known.grace_left.or_else(|| known.is_uncertain().then_some(AGAIN));
                if let Some(wait) = again {
                    endings.insert(user, (at, now + wait));
                    continue;
                }
                endings.remove(&user);
                if known.sessions == Sessions::None {
                    ended.push(Ended { user, at });
                }
            }
            ended
        })
    }

    fn losses(&self) -> watch::Receiver<u64> {
        self.inner.losses.subscribe()
    }

    fn is_shared(&self) -> bool {
        true
    }
}

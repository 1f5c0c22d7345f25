//! Presence: who is here, for those who watch.
//!
//! Whether a session is open is the hub's knowledge; this module adds what people say of
//! themselves, the grace after a drop, and who wants to hear of whom. Changes go out at most once
//! a second a watcher, newest state only. Costs nothing for people whom nobody watches.

mod model;

use crate::clock::Clock;
use crate::error::Result;
use crate::hub::{Hub, Link};
use crate::store::{Maximum, PlainRecord, Store, Value, record};
use dashmap::DashMap;
use futures_util::StreamExt as _;
use futures_util::stream;
use model::Known;
use protocol::limits::WATCHED_USERS_MAX;
use protocol::presence::{Changed, Declared, State, States, Status};
use protocol::{Error, ErrorCode, Push, SessionId, UserId};
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Between two rounds of changes; at most one push a watcher in each.
const ROUND: Duration = Duration::from_secs(1);
/// Rows of last-seen that one watch reads at the same time.
const READS_AT_ONCE: usize = 16;

record! {
    /// See `schema/presence.cql`.
    struct LastSeenRow in "last_seen" {
        user_id: UserId,
        at: Option<i64>,
    }
}

/// Someone who watches.
struct Watcher {
    link: Weak<Link>,
    /// Whom, with the status last told.
    watched: HashMap<UserId, Status>,
}

/// See the module.
pub struct Presence {
    hub: Arc<Hub>,
    store: Arc<Store>,
    clock: Clock,
    known: DashMap<UserId, Known>,
    watchers: DashMap<SessionId, Watcher>,
    watched_by: DashMap<UserId, Vec<SessionId>>,
    /// People who may look different since the last round.
    touched: DashMap<UserId, ()>,
}

impl Presence {
    /// Over the hub, which knows who is connected.
    pub fn new(hub: Arc<Hub>, store: Arc<Store>, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            hub,
            store,
            clock,
            known: DashMap::new(),
            watchers: DashMap::new(),
            watched_by: DashMap::new(),
            touched: DashMap::new(),
        })
    }

    /// Sends changes, round after round.
    pub async fn run(self: Arc<Self>) {
        let mut rounds = tokio::time::interval(ROUND);
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            if let Err(error) = self.round().await {
                tracing::warn!(%error, "last seen was not kept");
            }
        }
    }

    /// One round: ends graces, keeps when people were last seen, tells watchers.
    pub async fn round(&self) -> Result<()> {
        let now = self.clock.now();
        let mut gone = Vec::new();
        self.known.retain(|&user, known| {
            if known.grace_until.is_some_and(|until| until <= now) {
                gone.push((user, *known));
                return false;
            }
            true
        });
        for (user, _) in &gone {
            self.touched.insert(*user, ());
        }
        self.tell(now);
        let seen =
            gone.into_iter().filter(|(_, known)| known.declared != Some(Declared::Invisible));
        self.keep_last_seen(seen.map(|(user, _)| user), now - model::GRACE_MS).await
    }

    /// A session of this person opened.
    pub fn opened(&self, user: UserId) {
        self.known.remove_if_mut(&user, |_, known| {
            known.grace_until = None;
            known.declared.is_none()
        });
        self.touched.insert(user, ());
    }

    /// A session of this person ended, and the hub forgot it.
    pub async fn closed(&self, user: UserId, session: SessionId, goodbye: bool) -> Result<()> {
        self.unwatch_all(session);
        if self.is_connected(user) {
            return Ok(());
        }
        let now = self.clock.now();
        if goodbye {
            let declared = self.known.remove(&user).and_then(|(_, known)| known.declared);
            self.touched.insert(user, ());
            if declared != Some(Declared::Invisible) {
                return self.keep_last_seen(std::iter::once(user), now).await;
            }
        } else {
            let mut known = self.known.entry(user).or_default();
            *known = model::dropped(*known, goodbye, now);
        }
        Ok(())
    }

    /// `presence.set`
    pub fn set(&self, user: UserId, declared: Declared) {
        self.known.entry(user).or_default().declared = Some(declared);
        self.touched.insert(user, ());
    }

    /// `presence.watch`
    pub async fn watch(&self, link: &Arc<Link>, users: Vec<UserId>) -> Result<States> {
        let now = self.clock.now();
        {
            let mut watcher = self
                .watchers
                .entry(link.id())
                .or_insert_with(|| Watcher { link: Arc::downgrade(link), watched: HashMap::new() });
            let new = users.iter().filter(|user| !watcher.watched.contains_key(user)).count();
            if watcher.watched.len() + new > WATCHED_USERS_MAX {
                let message = format!("At most {WATCHED_USERS_MAX} people can be watched.");
                return Err(Error::new(ErrorCode::Full, message));
            }
            for &user in &users {
                if watcher.watched.insert(user, self.status(user, now)).is_none() {
                    self.watched_by.entry(user).or_default().push(link.id());
                }
            }
        }
        // The connection may have ended while it asked.
        if link.has_ended() {
            self.unwatch_all(link.id());
        }
        let states = stream::iter(users).map(|user| self.state(user, now));
        let states: Vec<Result<State>> = states.buffered(READS_AT_ONCE).collect().await;
        Ok(States { states: states.into_iter().collect::<Result<_>>()? })
    }

    /// `presence.unwatch`
    pub fn unwatch(&self, session: SessionId, users: &[UserId]) {
        if let Some(mut watcher) = self.watchers.get_mut(&session) {
            for user in users {
                watcher.watched.remove(user);
            }
        }
        self.watchers.remove_if(&session, |_, watcher| watcher.watched.is_empty());
        for user in users {
            self.forget_watcher(*user, session);
        }
    }

    fn unwatch_all(&self, session: SessionId) {
        if let Some((_, watcher)) = self.watchers.remove(&session) {
            for user in watcher.watched.into_keys() {
                self.forget_watcher(user, session);
            }
        }
    }

    fn forget_watcher(&self, user: UserId, session: SessionId) {
        self.watched_by.remove_if_mut(&user, |_, sessions| {
            sessions.retain(|&other| other != session);
            sessions.is_empty()
        });
    }

    fn is_connected(&self, user: UserId) -> bool {
        !self.hub.links_of(user).is_empty()
    }

    fn status(&self, user: UserId, now: i64) -> Status {
        let known = self.known.get(&user).map(|known| *known).unwrap_or_default();
        model::status(self.is_connected(user), known, now)
    }

    async fn state(&self, user_id: UserId, now: i64) -> Result<State> {
        let status = self.status(user_id, now);
        let last_seen_at = if status == Status::Offline {
            let row = self.store.get::<LastSeenRow>(vec![Value::Uuid(user_id.0)]).await?;
            row.and_then(|row| row.at)
        } else {
            None
        };
        Ok(State { user_id, status, last_seen_at })
    }

    /// Tells each watcher what looks different, in one push.
    fn tell(&self, now: i64) {
        let touched: Vec<UserId> = self.touched.iter().map(|entry| *entry.key()).collect();
        let mut news: HashMap<SessionId, Vec<State>> = HashMap::new();
        for user_id in touched {
            self.touched.remove(&user_id);
            let status = self.status(user_id, now);
            let Some(sessions) = self.watched_by.get(&user_id).map(|sessions| sessions.clone())
            else {
                continue;
            };
            let last_seen_at = (status == Status::Offline).then_some(now);
            for session in sessions {
                let Some(mut watcher) = self.watchers.get_mut(&session) else { continue };
                let told = watcher.watched.get_mut(&user_id);
                if let Some(told) = told.filter(|told| **told != status) {
                    *told = status;
                    let state = State { user_id, status, last_seen_at };
                    news.entry(session).or_default().push(state);
                }
            }
        }
        for (session, changes) in news {
            let link = self.watchers.get(&session).and_then(|watcher| watcher.link.upgrade());
            if let Some(link) = link {
                link.signal(&Push::signal(None, Changed { changes }));
            }
        }
    }

    async fn keep_last_seen(&self, users: impl Iterator<Item = UserId>, at: i64) -> Result<()> {
        let row = |user: UserId| Maximum {
            table: LastSeenRow::TABLE,
            key: vec![Value::Uuid(user.0)],
            columns: vec![("at", at)],
        };
        let rows: Vec<Maximum> = users.map(row).collect();
        if rows.is_empty() { Ok(()) } else { self.store.raise(rows).await }
    }
}

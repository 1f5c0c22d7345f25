//! Presence: who is here, for those who watch.
//!
//! Which sessions are open, and what people say of themselves, is the [`Registry`]'s knowledge;
//! this module knows who wants to hear of whom. Changes go out at most once a second a watcher,
//! newest state only. Costs nothing for people whom nobody watches. Nobody is told that somebody
//! is offline because the registry is uncertain.
//!
//! Who may see whom is asked at the watch and at each delivery ([`Sight`]); whom one may not see is
//! offline, and was never here.

mod model;
mod redis;
mod registry;

pub use model::{GRACE_MS, Known, Sessions};
pub use redis::{CHECK_MS, ENDINGS_MAX, REFRESH_MS, Redis, SYNC_USERS_MAX, Tempo};
pub use registry::{Ended, Local, Registry};

use crate::clock::Clock;
use crate::error::Result;
use crate::hub::{Hub, Link};
use crate::rights::{Sees, Sight};
use crate::store::{Maximum, PlainRecord, Store, Value, record};
use dashmap::{DashMap, DashSet};
use futures_util::stream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use protocol::limits::WATCHED_USERS_MAX;
use protocol::presence::{Changed, Declared, State, States, Status};
use protocol::{Error, ErrorCode, Millis, Push, SessionId, UserId};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Between two rounds of changes; at most one push a watcher in each.
const ROUND: Duration = Duration::from_secs(1);
/// Rows of last-seen that one watch reads at the same time.
const READS_AT_ONCE: usize = 16;
/// People that one question to the registry is about.
const LOOK_USERS_MAX: usize = 256;

record! {
    /// See `schema/presence.cql`.
    struct LastSeenRow in "last_seen" {
        user_id: UserId,
        at: Option<i64>,
    }
}

/// What is told of somebody whom one may not see.
const HIDDEN: Told = Told { status: Status::Offline, uncertain: false };
/// Whether a session of this person is in the foreground on this node.
pub fn is_looking(hub: &Hub, user: UserId) -> bool {
    let links = hub.links_of(user);
    links.iter().any(|link| link.session().is_some_and(|session| session.foreground))
}

/// What a watcher was told of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    status: Status,
    uncertain: bool,
}

/// Someone who watches.
struct Watcher {
    link: Weak<Link>,
    /// Who; nobody, of a connection without session.
    viewer: Option<UserId>,
    /// Whom.
    watched: HashMap<UserId, Place>,
}

/// What a watcher knows of one person.
struct Place {
    /// `None` while the answer is made.
    told: Option<Told>,
    /// The answer is queued: what is pushed from now on comes after it.
    answered: Arc<AtomicBool>,
}

/// Someone who is watched.
#[derive(Default)]
struct Watched {
    by: Vec<SessionId>,
    /// What was last known for sure.
    seen: Option<Status>,
    /// The look that saw it: one that began earlier and ended later knows less.
    look: u64,
}

/// See the module.
pub struct Presence {
    registry: Arc<dyn Registry>,
    store: Arc<Store>,
    sight: Arc<dyn Sight>,
    clock: Clock,
    watchers: DashMap<SessionId, Watcher>,
    watched: DashMap<UserId, Watched>,
    /// Those whom somebody began to watch since the last round: what changed while the first
    /// answer was made is found then.
    begun: DashSet<UserId>,
    /// Counts looks at the registry, in the order in which they begin.
    looks: AtomicU64,
}

impl Presence {
    /// Over a registry, which knows who is connected, and `sight`, who may know of it.
    pub fn new(
        registry: Arc<dyn Registry>,
        store: Arc<Store>,
        sight: Arc<dyn Sight>,
        clock: Clock,
    ) -> Arc<Self> {
        Arc::new(Self {
            registry,
            store,
            sight,
            clock,
            watchers: DashMap::new(),
            watched: DashMap::new(),
            begun: DashSet::new(),
            looks: AtomicU64::new(0),
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

    /// One round: tells watchers what changed, keeps when people were last seen.
    pub async fn round(&self) -> Result<()> {
        let mut touched: HashSet<UserId> = self.registry.touched().into_iter().collect();
        touched.extend(self.begun.iter().map(|user| *user));
        self.begun.retain(|user| !touched.contains(user));
        touched.retain(|user| self.watched.contains_key(user));
        let touched: Vec<UserId> = touched.into_iter().collect();
        let mut died = Vec::new();
        for users in touched.chunks(LOOK_USERS_MAX) {
            let look = self.begin_look();
            let known = self.registry.look(users).await;
            died.extend(self.tell(look, users.iter().copied().zip(known)).await);
        }
        self.keep(died).await?;
        self.keep_last_seen().await
    }

    /// What somebody lets others see changed, or, without a name, that of many may have: those
    /// who watch are told in the next round, and until then nothing.
    pub fn seen_differently(&self, user: Option<UserId>) {
        let Some(user) = user else {
            let all: Vec<UserId> = self.watched.iter().map(|watched| *watched.key()).collect();
            for user in all {
                self.begun.insert(user);
            }
            return;
        };
        if self.watched.contains_key(&user) {
            self.begun.insert(user);
        }
    }

    /// A session of this person opened.
    pub fn opened(&self, user: UserId, link: &Link) {
        self.registry.opened(user, link);
    }

    /// A session of this person went into the background, or came back.
    pub fn turned(&self, user: UserId) {
        self.registry.turned(user);
    }

    /// A session of this person ended, and the hub forgot it.
    pub async fn closed(&self, user: UserId, session: SessionId, goodbye: bool) -> Result<()> {
        self.unwatch_all(session);
        self.registry.closed(user, session, goodbye).await;
        if goodbye { self.keep_last_seen().await } else { Ok(()) }
    }

    /// `presence.set`
    pub fn set(&self, user: UserId, declared: Declared) {
        self.registry.declare(user, declared);
    }

    /// `presence.watch`
    pub async fn watch(&self, link: &Arc<Link>, users: Vec<UserId>) -> Result<States> {
        let answered = link.answered();
        let viewer = link.session().map(|session| session.caller.user_id);
        {
            let mut watcher = self.watchers.entry(link.id()).or_insert_with(|| Watcher {
                link: Arc::downgrade(link),
                viewer,
                watched: HashMap::new(),
            });
            let new = users.iter().filter(|user| !watcher.watched.contains_key(user)).count();
            if watcher.watched.len() + new > WATCHED_USERS_MAX {
                let message = format!("At most {WATCHED_USERS_MAX} people can be watched.");
                return Err(Error::new(ErrorCode::Full, message));
            }
            for &user in &users {
                let place = Place { told: None, answered: Arc::clone(&answered) };
                if watcher.watched.insert(user, place).is_none() {
                    self.begin(user, link.id());
                }
            }
        }
        // The connection may have ended while it asked.
        if link.has_ended() {
            self.unwatch_all(link.id());
        }
        let look = self.begin_look();
        let looked = self.registry.look(&users).await;
        let sees: Vec<Sees> = stream::iter(users.clone())
            .map(|user| self.sees(viewer, user))
            .buffered(READS_AT_ONCE)
            .try_collect()
            .await?;
        let told: Vec<(UserId, Told, Sees, Option<Millis>)> = users
            .iter()
            .zip(&looked)
            .zip(sees)
            .map(|((&user, known), sees)| {
                let told = self.see(user, look, known);
                (user, if sees.presence { told } else { HIDDEN }, sees, known.died_at)
            })
            .collect();
        if let Some(mut watcher) = self.watchers.get_mut(&link.id()) {
            for &(user, told, _, _) in &told {
                if let Some(place) = watcher.watched.get_mut(&user) {
                    place.told = Some(told);
                    self.begun.insert(user);
                }
            }
        }
        let states = stream::iter(told)
            .map(|(user, told, sees, died_at)| self.state(user, told, sees, died_at));
        Ok(States { states: states.buffered(READS_AT_ONCE).try_collect().await? })
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
            self.end(*user, session);
        }
    }

    fn unwatch_all(&self, session: SessionId) {
        if let Some((_, watcher)) = self.watchers.remove(&session) {
            for user in watcher.watched.into_keys() {
                self.end(user, session);
            }
        }
    }

    fn begin(&self, user: UserId, session: SessionId) {
        let mut watched = self.watched.entry(user).or_default();
        if watched.by.is_empty() {
            self.registry.follow(user);
        }
        watched.by.push(session);
    }

    fn end(&self, user: UserId, session: SessionId) {
        self.watched.remove_if_mut(&user, |_, watched| {
            watched.by.retain(|&other| other != session);
            let nobody = watched.by.is_empty();
            if nobody {
                self.registry.unfollow(user);
            }
            nobody
        });
    }

    fn begin_look(&self) -> u64 {
        self.looks.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// What is to be told of somebody; what is sure is remembered for when it is not, and for a
    /// look that was overtaken by a later one.
    fn see(&self, user: UserId, look: u64, known: &Known) -> Told {
        let mut watched = self.watched.get_mut(&user);
        let seen = watched.as_ref().and_then(|watched| watched.seen);
        let status = model::status(known, seen);
        let uncertain = known.is_uncertain();
        if let Some(watched) = watched.as_mut().filter(|_| !uncertain) {
            if let Some(status) = seen.filter(|_| look < watched.look) {
                return Told { status, uncertain };
            }
            (watched.seen, watched.look) = (Some(status), look);
        }
        Told { status, uncertain }
    }

    async fn sees(&self, viewer: Option<UserId>, user: UserId) -> Result<Sees> {
        match viewer {
            Some(viewer) => self.sight.sees(viewer, user).await,
            None => Ok(Sees::NOTHING),
        }
    }

    async fn state(
        &self,
        user_id: UserId,
        told: Told,
        sees: Sees,
        died_at: Option<Millis>,
    ) -> Result<State> {
        let Told { status, uncertain } = told;
        if status != Status::Offline || !sees.last_seen {
            return Ok(State { user_id, status, last_seen_at: None, uncertain });
        }
        let row = self.store.get::<LastSeenRow>(vec![Value::Uuid(user_id.0)]).await?;
        let kept = row.and_then(|row| row.at);
        // Nobody watched when the node died, so nobody kept it: once, by whoever asks first.
        if let Some(at) = died_at.filter(|_| died_at > kept) {
            self.keep(vec![Ended { user: user_id, at }]).await?;
        }
        Ok(State { user_id, status, last_seen_at: kept.max(died_at), uncertain })
    }

    /// Tells each watcher what looks different, in one push. Returns those who were seen here and
    /// are gone with their node, which keeps nothing any more.
    async fn tell(&self, look: u64, looked: impl Iterator<Item = (UserId, Known)>) -> Vec<Ended> {
        let now = self.clock.now();
        let mut died = Vec::new();
        let mut news: HashMap<SessionId, Vec<State>> = HashMap::new();
        for (user_id, known) in looked {
            let before = self.watched.get(&user_id).and_then(|watched| watched.seen);
            let uncertain = known.is_uncertain();
            if let Some(at) = known.died_at.filter(|_| before != Some(Status::Offline))
                && !uncertain
            {
                died.push(Ended { user: user_id, at });
            }
            // Where it is uncertain, whatever was told last still is the best there is to say.
            let known_now = (!uncertain).then(|| self.see(user_id, look, &known));
            let Some(by) = self.watched.get(&user_id).map(|watched| watched.by.clone()) else {
                continue;
            };
            let seen_at = known.died_at.unwrap_or(now);
            for session in by {
                if let Some(state) = self.news(session, user_id, known_now, seen_at).await {
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
        died
    }

    /// What one watcher is to be told of somebody, if it differs from what was told.
    async fn news(
        &self,
        session: SessionId,
        user_id: UserId,
        known: Option<Told>,
        seen_at: Millis,
    ) -> Option<State> {
        let viewer = self.watchers.get(&session)?.viewer;
        let Ok(sees) = self.sees(viewer, user_id).await else {
            // Rather nothing than what one may not see; again in the next round.
            self.begun.insert(user_id);
            return None;
        };
        let told_now = if sees.presence { known? } else { HIDDEN };
        let mut watcher = self.watchers.get_mut(&session)?;
        let place = watcher.watched.get_mut(&user_id)?;
        if !place.answered.load(Ordering::Acquire) {
            self.begun.insert(user_id);
            return None;
        }
        let told = place.told.as_mut()?;
        if *told == told_now {
            return None;
        }
        *told = told_now;
        let Told { status, uncertain } = told_now;
        let last_seen_at = (status == Status::Offline && sees.last_seen).then_some(seen_at);
        Some(State { user_id, status, last_seen_at, uncertain })
    }

    async fn keep_last_seen(&self) -> Result<()> {
        self.keep(self.registry.ended().await).await
    }

    /// Several nodes may keep the same; the latest holds.
    async fn keep(&self, ended: Vec<Ended>) -> Result<()> {
        if ended.is_empty() {
            return Ok(());
        }
        let row = |Ended { user, at }: Ended| Maximum {
            table: LastSeenRow::TABLE,
            key: vec![Value::Uuid(user.0)],
            columns: vec![("at", at)],
        };
        self.store.raise(ended.into_iter().map(row).collect()).await
    }
}

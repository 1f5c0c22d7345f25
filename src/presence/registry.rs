//! The registry: which sessions of a person are open, anywhere, and what the person declared.
//!
//! [`Local`] is that of a single node: the hub knows. Across nodes it is [`super::Redis`].
//! Both answer *unknown* rather than *none* where something may be missing.

use super::model::{self, Known, Sessions};
use crate::clock::Clock;
use crate::hub::{Hub, Link};
use dashmap::{DashMap, DashSet};
use futures_util::future::{BoxFuture, ready};
use protocol::presence::Declared;
use protocol::{Millis, SessionId, UserId};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Somebody whose last session ended here, and who is offline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Who.
    pub user: UserId,
    /// When the session ended.
    pub at: Millis,
}

/// See the module.
pub trait Registry: Send + Sync {
    /// A session opened on this node. Never waits.
    fn opened(&self, user: UserId, link: &Link);

    /// One of a person's sessions on this node went into the background, or came back. Never waits.
    fn turned(&self, user: UserId);

    /// It ended, and the hub forgot it. Resolves when all nodes can know, or when that takes too
    /// long; they will know later then.
    fn closed(&self, user: UserId, session: SessionId, goodbye: bool) -> BoxFuture<'_, ()>;

    /// What a person says, for all their sessions. Never waits.
    fn declare(&self, user: UserId, declared: Declared);

    /// What is known of each of them, in order. Never fails: what can't be asked is unknown.
    fn look<'a>(&'a self, users: &'a [UserId]) -> BoxFuture<'a, Vec<Known>>;

    /// Somebody on this node wants to hear of this person. Never waits.
    fn follow(&self, user: UserId);

    /// Nobody does any more.
    fn unfollow(&self, user: UserId);

    /// Takes those of the followed who may look different since the last call.
    fn touched(&self) -> Vec<UserId>;

    /// Takes those whose last session ended here and who are offline now, but for those who did
    /// not want to be seen.
    fn ended(&self) -> BoxFuture<'_, Vec<Ended>>;

    /// Changes when a node is gone whose people nobody reported.
    fn losses(&self) -> watch::Receiver<u64>;

    /// Whether other nodes may hold sessions too.
    fn is_shared(&self) -> bool;
}

/// The registry of a single node.
pub struct Local {
    hub: Arc<Hub>,
    clock: Clock,
    known: DashMap<UserId, Words>,
    touched: DashSet<UserId>,
    ended: Mutex<Vec<Ended>>,
    losses: watch::Sender<u64>,
}

/// What is known of a person beyond whether a session is open.
#[derive(Debug, Clone, Copy, Default)]
struct Words {
    declared: Option<Declared>,
    grace_until: Option<Millis>,
}

impl Local {
    /// Over the hub, which knows who is connected.
    pub fn new(hub: Arc<Hub>, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            hub,
            clock,
            known: DashMap::new(),
            touched: DashSet::new(),
            ended: Mutex::default(),
            losses: watch::Sender::new(0),
        })
    }

    fn is_connected(&self, user: UserId) -> bool {
        !self.hub.links_of(user).is_empty()
    }

    fn end(&self, user: UserId, words: Words, at: Millis) {
        self.touched.insert(user);
        if words.declared != Some(Declared::Invisible) {
            self.ended.lock().unwrap_or_else(PoisonError::into_inner).push(Ended { user, at });
        }
    }

    fn end_graces(&self) {
        let now = self.clock.now();
        self.known.retain(|&user, words| {
            let over = words.grace_until.filter(|&until| until <= now);
            if let Some(until) = over {
                self.end(user, *words, until - model::GRACE_MS);
            }
            over.is_none()
        });
    }

    fn one(&self, user: UserId, now: Millis) -> Known {
        let words = self.known.get(&user).map(|words| *words).unwrap_or_default();
        let open = self.is_connected(user);
        let left = words.grace_until.filter(|&until| !open && until > now);
        let left = left.and_then(|until| u64::try_from(until - now).ok());
        Known {
            sessions: if open { Sessions::Open } else { Sessions::None },
            grace_left: left.map(Duration::from_millis),
            foreground: super::is_looking(&self.hub, user),
            declared: words.declared,
            died_at: None,
        }
    }
}

impl Registry for Local {
    fn opened(&self, user: UserId, _: &Link) {
        self.known.remove_if_mut(&user, |_, words| {
            words.grace_until = None;
            words.declared.is_none()
        });
        self.touched.insert(user);
    }

    fn turned(&self, _: UserId) {}

    fn closed(&self, user: UserId, _: SessionId, goodbye: bool) -> BoxFuture<'_, ()> {
        if !self.is_connected(user) {
            let now = self.clock.now();
            if goodbye {
                let words = self.known.remove(&user).map(|(_, words)| words);
                self.end(user, words.unwrap_or_default(), now);
            } else {
                let mut words = self.known.entry(user).or_default();
                words.grace_until = Some(now + model::GRACE_MS);
            }
        }
        Box::pin(ready(()))
    }

    fn declare(&self, user: UserId, declared: Declared) {
        self.known.entry(user).or_default().declared = Some(declared);
        self.touched.insert(user);
    }

    fn look<'a>(&'a self, users: &'a [UserId]) -> BoxFuture<'a, Vec<Known>> {
        let now = self.clock.now();
        Box::pin(ready(users.iter().map(|&user| self.one(user, now)).collect()))
    }

    fn follow(&self, _: UserId) {}

    fn unfollow(&self, _: UserId) {}

    fn touched(&self) -> Vec<UserId> {
        self.end_graces();
        let touched: Vec<UserId> = self.touched.iter().map(|user| *user).collect();
        for user in &touched {
            self.touched.remove(user);
        }
        touched
    }

    fn ended(&self) -> BoxFuture<'_, Vec<Ended>> {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        Box::pin(ready(std::mem::take(&mut *ended)))
    }

    fn losses(&self) -> watch::Receiver<u64> {
        self.losses.subscribe()
    }

    fn is_shared(&self) -> bool {
        false
    }
}

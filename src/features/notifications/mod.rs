//! Notifications: what a person is told when they are not looking.
//!
//! Owns what people were told, what they chose, and the devices that take pushes. Two ways lead
//! here. What happens to a person is an event of their feed: this feature reads the feed behind
//! a cursor, so each event is looked at once and in order, and [`notice`] says what becomes of it.
//! And a conversation says, some seconds after a message, who did not read it.
//!
//! A row, its event in the feed and the push that it owes are one commit. A push goes out by timers:
//! after some seconds, if nobody looked, outside of quiet hours, and not too often. Promises: what
//! happened is told once; a push holds no text of a message, and goes to nobody whose login ended.
//!
//! Does not know: conversations, groups and all that comes after it.

mod commands;
mod consent;
mod deliver;
mod digest;
mod feed;
mod model;
mod notice;
mod personal;
mod push;
mod routes;
mod rows;
mod services;

pub use deliver::{DELIVER_TIMER, DELIVERIES_AT_ONCE_MAX, DELIVERY_TRIES_MAX};
pub use digest::DIGEST_TIMER;
pub(crate) use model::Attention;
pub use push::PUSH_TIMER;
pub use services::{ApnsSettings, PUSH_TTL_S, PushError, PushSettings};

use crate::auth::MasterKey;
use crate::bus::{Bus, Channel, Class, Notice as Signalled};
use crate::clock::Clock;
use crate::error::{Result, busy, internal};
use crate::features::accounts::Accounts;
use crate::features::people::{Act, People};
use crate::hub::Hub;
use crate::log::Log;
use crate::mail::Post;
use crate::presence::{self, Registry};
use crate::store::{COMMIT_TRIES_MAX, Change, CommitError, Store};
use crate::timers::{Timer, Timers};
use model::{Notice, Shelf};
use protocol::notifications::{Created, Kind, Read};
use protocol::people::Person;
use protocol::{ConversationId, Millis, NotificationId, Push, Seq, Topic, UserId};
use services::{Services, Vapid};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard, Semaphore};

/// Decisions of one node about what people are told, at the same time.
const TURNS: usize = 64;

/// A commit that was begun is there after this, or never will be.
const COMMIT_WITHIN_MS: Millis = 5_000;

/// See the module.
pub struct Notifications {
    store: Arc<Store>,
    log: Arc<dyn Log>,
    timers: Arc<dyn Timers>,
    bus: Arc<dyn Bus>,
    hub: Arc<Hub>,
    registry: Arc<dyn Registry>,
    accounts: Arc<Accounts>,
    people: Arc<People>,
    post: Arc<Post>,
    services: Services,
    clock: Clock,
    /// Decisions about one person take turns here; between nodes the version decides.
    turns: Vec<Mutex<()>>,
    /// Held while a service is asked.
    room: Semaphore,
}

/// What notifications are made of.
pub struct Parts<'a> {
    /// Where they are kept.
    pub store: Arc<Store>,
    /// People's feeds.
    pub log: Arc<dyn Log>,
    /// Deadlines.
    pub timers: Arc<dyn Timers>,
    /// Signals.
    pub bus: Arc<dyn Bus>,
    /// Who looks, on this node.
    pub hub: Arc<Hub>,
    /// Who looks, anywhere.
    pub registry: Arc<dyn Registry>,
    /// Names, addresses and logins.
    pub accounts: Arc<Accounts>,
    /// Who may have whom notified.
    pub people: Arc<People>,
    /// Digests.
    pub post: Arc<Post>,
    /// Seals the key of pushes.
    pub master: &'a MasterKey,
    /// The time.
    pub clock: Clock,
    /// Settings.
    pub settings: PushSettings,
}

/// Why there are no notifications.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store.
    #[error(transparent)]
    Store(#[from] protocol::Error),
    /// The services.
    #[error(transparent)]
    Push(#[from] PushError),
}

/// Messages of a conversation that somebody who is away did not read.
#[derive(Debug, Clone)]
pub(crate) struct Unread {
    pub(crate) conversation_id: ConversationId,
    /// Seq of the newest.
    pub(crate) seq: Seq,
    /// Who wrote it.
    pub(crate) from: Person,
    /// How many.
    pub(crate) count: u32,
}

/// What a decision leaves to be done.
#[derive(Default)]
struct Decided {
    /// Set before the commit.
    timers: Vec<Timer>,
    /// In the same commit.
    mail: Option<crate::mail::Letter>,
}

impl Notifications {
    /// From their parts. Makes the key of pushes if there is none.
    pub async fn open(parts: Parts<'_>) -> std::result::Result<Arc<Self>, OpenError> {
        metrics::describe_counter!(
            "sanctuary_pushes_total",
            "Pushes to devices, by service and outcome (sent, gone, later, refused)"
        );
        metrics::describe_counter!("sanctuary_notifications_total", "Notifications, by kind");
        let vapid = Arc::new(Vapid::open(&parts.store, parts.master, &parts.clock).await?);
        Ok(Arc::new(Self {
            services: Services::new(&parts.settings, vapid)?,
            store: parts.store,
            log: parts.log,
            timers: parts.timers,
            bus: parts.bus,
            hub: parts.hub,
            registry: parts.registry,
            accounts: parts.accounts,
            people: parts.people,
            post: parts.post,
            clock: parts.clock,
            turns: (0..TURNS).map(|_| Mutex::new(())).collect(),
            room: Semaphore::new(DELIVERIES_AT_ONCE_MAX),
        }))
    }

    /// Whether a session of this person is in the foreground on this node. Never waits.
    pub(crate) fn looks_here(&self, user: UserId) -> bool {
        presence::is_looking(&self.hub, user)
    }

    /// Whether one is anywhere. Where nobody can say, the person counts as away: a push too many
    /// is better than one too few.
    pub(crate) async fn attention(&self, user: UserId) -> Attention {
        if self.looks_here(user) {
            return Attention::Here;
        }
        let known = self.registry.look(&[user]).await.pop();
        if known.is_some_and(|known| known.foreground) { Attention::Here } else { Attention::Away }
    }

    /// Those of them who look nowhere.
    pub(crate) async fn away(&self, users: &[UserId]) -> HashSet<UserId> {
        let users: HashSet<UserId> =
            users.iter().copied().filter(|&user| !self.looks_here(user)).collect();
        let users: Vec<UserId> = users.into_iter().collect();
        let known = self.registry.look(&users).await;
        let away = users.into_iter().zip(known).filter(|(_, known)| !known.foreground);
        away.map(|(user, _)| user).collect()
    }

    /// Whether a person is told what another one did: not of those whom they blocked or muted, and of
    /// a stranger who waits only that.
    pub(crate) async fn may_tell(&self, from: UserId, act: Act, to: UserId) -> Result<bool> {
        self.people.may(from, act, to).await
    }

    /// Tells somebody who is away of messages. To be asked again for the same ones changes nothing.
    pub(crate) async fn messages(&self, user: UserId, unread: Unread) -> Result<()> {
        let Unread { conversation_id, seq, from, count } = unread;
        // Before the row: who reads the conversation looks here.
        rows::put_notified(&self.store, user, conversation_id, seq).await?;
        let wants = self.wants(user, Kind::Message).await?;
        let parts: [&[u8]; 3] = [user.as_bytes(), conversation_id.as_bytes(), &seq.to_be_bytes()];
        let id: NotificationId = crate::id::derived("notification.messages", &parts);
        let unread = model::Unread {
            gathers: conversation_id.0,
            link: notice::link("conversation", conversation_id.0),
            seq,
            from,
            count,
            words: crate::words::notifications::messages,
        };
        self.change(user, |shelf| {
            shelf.tell_messages(id, unread.clone(), wants, self.clock.now());
            Ok(((), Decided::default()))
        })
        .await
    }

    /// Somebody read a conversation up to there: what they were told of it is read as well.
    pub(crate) async fn conversation_read(
        &self,
        user: UserId,
        conversation: ConversationId,
        read: Seq,
    ) -> Result<()> {
        let Some(seq) = rows::notified(&self.store, user, conversation).await? else {
            return Ok(());
        };
        let about = |notice: &Notice| {
            let messages = notice.kind == Kind::Message && notice.gathers == conversation.0;
            messages && notice.seq <= read
        };
        let marked = self.mark_read(user, about).await?;
        if !marked.is_empty() && seq <= read {
            rows::remove_notified(&self.store, user, conversation).await?;
        }
        Ok(())
    }

    /// Marks some as read, and tells the person's other devices.
    async fn mark_read(
        &self,
        user: UserId,
        which: impl Fn(&Notice) -> bool + Sync,
    ) -> Result<Vec<NotificationId>> {
        let (marked, shelf) = self
            .change(user, |shelf| {
                let marked = shelf.read(&which, self.clock.now());
                Ok(((marked, shelf.clone()), Decided::default()))
            })
            .await?;
        self.say_read(user, marked.clone(), shelf).await?;
        Ok(marked)
    }

    /// Tells all devices what is read, or over.
    async fn say_read(
        &self,
        user: UserId,
        notification_ids: Vec<NotificationId>,
        shelf: Shelf,
    ) -> Result<()> {
        if notification_ids.is_empty() {
            return Ok(());
        }
        let unread = self.tellable(user, shelf).await?.unread();
        self.bus.notify(Signalled {
            audience: vec![Channel::User(user)],
            except: None,
            class: Class::Coalescing,
            push: Push::signal(Some(Topic::User(user)), Read { notification_ids, unread }),
        });
        Ok(())
    }

    async fn turn(&self, user: UserId) -> Result<MutexGuard<'_, ()>> {
        let mut hasher = DefaultHasher::new();
        user.hash(&mut hasher);
        let at = usize::try_from(hasher.finish() % TURNS as u64).unwrap_or(0);
        let turn = self.turns.get(at).ok_or_else(|| internal(&"there is a turn for everybody"))?;
        Ok(turn.lock().await)
    }

    /// Reads what a person is told, decides, and commits until the commit holds.
    async fn change<T>(
        &self,
        user: UserId,
        mut decide: impl FnMut(&mut Shelf) -> Result<(T, Decided)>,
    ) -> Result<T> {
        let _turn = self.turn(user).await?;
        for _ in 0..COMMIT_TRIES_MAX {
            let mut snapshot = self.store.load(rows::partition(user)).await?;
            let before = rows::shelf(&snapshot)?;
            let mut after = before.clone();
            let over = after.end(self.clock.now());
            let (answer, decided) = decide(&mut after)?;
            match self.commit(user, &mut snapshot, &before, &after, decided).await {
                Ok(()) => {
                    self.say_read(user, over, after).await?;
                    return Ok(answer);
                }
                Err(CommitError::Conflict) => {}
                Err(CommitError::TooLarge) => return Err(internal(&"too much is told at once")),
                Err(CommitError::Failed(error)) => return Err(error),
            }
        }
        Err(busy())
    }

    /// Rows, events and timers of a decision. Whoever is told hears of it by an event.
    async fn commit(
        &self,
        user: UserId,
        snapshot: &mut crate::store::Snapshot,
        before: &Shelf,
        after: &Shelf,
        decided: Decided,
    ) -> std::result::Result<(), CommitError> {
        let mut change: Change = rows::difference(before, after);
        let Decided { mut timers, mail } = decided;
        let mut push_at = None;
        for notice in &after.notices {
            let old = before.get(notice.id);
            if old.is_none_or(|old| grew(old, notice)) {
                change.event(Topic::User(user), Created { notification: notice.wire() });
                let kind = notice.kind.word();
                metrics::counter!("sanctuary_notifications_total", "kind" => kind).increment(1);
            }
            if let Some(at) = notice.push_at
                && old.and_then(|old| old.push_at) != Some(at)
            {
                push_at = Some(push_at.map_or(at, |other: i64| other.min(at)));
            }
            if let Some(at) = notice.over_at.filter(|_| notice.is_unread())
                && old.and_then(|old| old.over_at) != Some(at)
            {
                timers.push(push::timer(user, at));
            }
        }
        if let Some(letter) = mail {
            change.group().effect(crate::mail::SEND, &letter);
        }
        if change.is_empty() {
            return Ok(());
        }
        // A timer that is due at once could fire before the commit and find nothing: it is set
        // after that, and the one before it is for a crash in between.
        let soon = self.clock.now().saturating_add(COMMIT_WITHIN_MS);
        timers.extend(push_at.map(|at| push::timer(user, at.max(soon))));
        if !timers.is_empty() {
            self.timers.set(timers).await.map_err(CommitError::Failed)?;
        }
        let following = self.store.commit(snapshot, change).await?;
        if let Some(at) = push_at.filter(|at| *at < soon)
            && let Err(error) = self.timers.set(vec![push::timer(user, at)]).await
        {
            tracing::warn!(%error, "a push goes out a little later");
        }
        following.done().await;
        Ok(())
    }
}

/// Whether there is something new to hear about it.
fn grew(old: &Notice, new: &Notice) -> bool {
    (old.changed_at, old.seq, old.count, &old.text)
        != (new.changed_at, new.seq, new.count, &new.text)
}

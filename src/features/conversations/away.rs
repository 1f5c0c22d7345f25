//! Those who are away when something is written: some seconds later they are told, if they did not
//! read it by then.
//!
//! Nothing of this is on the way of a message: its members are put into a queue, if they do not look
//! on this node. Behind the queue a durable timer is set for each who looks on no other node
//! either, one for all messages of a conversation that come before it fires. What happened is asked
//! again when it does. That follows from the append, whether or not its sender is still there. A node
//! that dies within a moment of a message may leave out its timer: a retry of its sender brings it, or
//! the next message. Whoever looks is told nothing; a connection that breaks off may have been dead for
//! a while, so that while is looked at again then.

use super::model::State;
use super::{Conversations, ahead, rows};
use crate::clock::Clock;
use crate::error::Result;
use crate::features::notifications::{Attention, Notifications, Unread};
use crate::features::people::Act;
use crate::log::{self, Span};
use crate::timers::{Timer, Timers};
use protocol::limits::PUSH_AFTER_MS;
use protocol::{ConversationId, Event, Millis, Seq, Topic, UserId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use uuid::Uuid;

/// Somebody who is away is asked whether they read a conversation. Subject: who, and which.
pub const UNREAD_TIMER: &str = "conversation.unread";
/// A connection that broke off was silent for so long at most: a ping, and the time to answer it,
/// with what their spread and a slow machine add.
pub(super) const SILENCE_MAX_MS: Millis = 60_000;
/// Conversations of somebody whose connection broke off that are looked at.
const UNSEEN_MAX: usize = 32;
/// Those who wait for their timer to be set; beyond it, people are told with the next message.
const QUEUE_MAX: usize = 16 * 1_024;
/// Timers that are set at once.
const BATCH_MAX: usize = 256;
/// A timer that fires this soon is not relied upon: it may be firing on another node.
const MARGIN_MS: Millis = 1_000;
/// Timers of which this node remembers that they are set; forgetting one sets it twice.
const ARMED_MAX: usize = 100_000;
/// Events in which the newest message of others is looked for.
const NEWEST_EVENTS: u32 = 50;
/// Bytes of them.
const NEWEST_BYTES: usize = 256 * 1_024;

/// The newest message of others.
struct Newest {
    seq: Seq,
    at: Millis,
    sender: UserId,
}

/// A person and a conversation.
type Pair = (UserId, ConversationId);

/// See the module.
pub(super) struct Away {
    notifications: Arc<Notifications>,
    timers: Arc<dyn Timers>,
    /// Those who wait for their timer.
    queue: Mutex<Vec<Pair>>,
    wake: Notify,
    /// Held while timers are set.
    turn: tokio::sync::Mutex<()>,
    /// Until when a timer is set.
    armed: Mutex<HashMap<Pair, Millis>>,
}

impl Away {
    pub(super) fn new(notifications: Arc<Notifications>, timers: Arc<dyn Timers>) -> Self {
        metrics::describe_counter!(
            "sanctuary_messages_untold_total",
            "People who were away and are told of a message only with the next one"
        );
        metrics::describe_counter!(
            "sanctuary_inboxes_cut_total",
            "Reads of a person's conversations that ended before the last of them"
        );
        Self {
            notifications,
            timers,
            queue: Mutex::default(),
            wake: Notify::new(),
            turn: tokio::sync::Mutex::default(),
            armed: Mutex::default(),
        }
    }

    fn armed(&self) -> MutexGuard<'_, HashMap<Pair, Millis>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self) -> MutexGuard<'_, Vec<Pair>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something was written. Never waits.
    pub(super) fn written(&self, id: ConversationId, sender: UserId, members: &[UserId]) {
        for &user in members.iter().filter(|&&user| user != sender) {
            if self.notifications.looks_here(user) {
                continue;
            }
            let mut queue = self.queue();
            if queue.len() < QUEUE_MAX {
                queue.push((user, id));
                self.wake.notify_one();
            } else {
                metrics::counter!("sanctuary_messages_untold_total").increment(1);
            }
        }
    }

    /// Somebody read up to there.
    pub(super) async fn read(&self, user: UserId, id: ConversationId, read: Seq) -> Result<()> {
        self.notifications.conversation_read(user, id, read).await
    }

    /// Sets timers for those who wait for it.
    async fn arm(&self, clock: &Clock) {
        let _turn = self.turn.lock().await;
        let mut pairs = std::mem::take(&mut *self.queue());
        pairs.sort_unstable();
        pairs.dedup();
        for pairs in pairs.chunks(BATCH_MAX) {
            self.arm_some(pairs, clock.now()).await;
        }
    }

    async fn arm_some(&self, pairs: &[Pair], now: Millis) {
        let is_armed = |pair: &&Pair| self.armed().get(*pair).is_some_and(|until| *until > now);
        let mut pairs: Vec<Pair> = pairs.iter().filter(|pair| !is_armed(pair)).copied().collect();
        let users: Vec<UserId> = pairs.iter().map(|(user, _)| *user).collect();
        let away = self.notifications.away(&users).await;
        pairs.retain(|(user, _)| away.contains(user));
        if pairs.is_empty() {
            return;
        }
        let due_at = now.saturating_add(PUSH_AFTER_MS);
        let timers = pairs.iter().map(|&(user, id)| timer(user, id, due_at)).collect();
        if let Err(error) = self.timers.set(timers).await {
            metrics::counter!("sanctuary_messages_untold_total").increment(pairs.len() as u64);
            tracing::warn!(%error, "people who are away are told of a message with the next one");
            return;
        }
        let mut armed = self.armed();
        if armed.len() > ARMED_MAX {
            armed.retain(|_, until| *until > now);
        }
        let until = due_at.saturating_sub(MARGIN_MS);
        armed.extend(pairs.into_iter().map(|pair| (pair, until)));
    }
}

fn timer(user: UserId, id: ConversationId, due_at: Millis) -> Timer {
    let subject = [user.as_bytes().as_slice(), id.as_bytes()].concat();
    Timer { due_at, kind: UNREAD_TIMER.to_owned(), subject }
}

fn pair(subject: &[u8]) -> Option<Pair> {
    let (user, id) = subject.split_first_chunk::<16>()?;
    let id: [u8; 16] = id.try_into().ok()?;
    Some((UserId(Uuid::from_bytes(*user)), ConversationId(Uuid::from_bytes(id))))
}

impl Conversations {
    /// Sets the timers of those who are away, for ever.
    pub async fn run(self: Arc<Self>) {
        loop {
            self.away.wake.notified().await;
            self.away.arm(&self.clock).await;
        }
    }

    /// The same for those who wait now: at the end, and in tests.
    pub async fn settled(&self) {
        self.away.arm(&self.clock).await;
    }

    /// Somebody's connection in the foreground ended without a goodbye: they were taken to look, and
    /// may have been gone for [`SILENCE_MAX_MS`]. What happened in that time is looked at again a little
    /// later, when those who are back look by themselves: what was read is not told, and what was
    /// told is told once.
    pub(crate) async fn broke_off(&self, user: UserId) -> Result<()> {
        let notifications = &self.away.notifications;
        if notifications.looks_here(user) {
            return Ok(());
        }
        let now = self.clock.now();
        let since = now.saturating_sub(SILENCE_MAX_MS);
        notifications.owe_again(user, since).await?;
        let mut timers = Vec::new();
        for id in self.active_since(user, since).await?.into_iter().take(UNSEEN_MAX) {
            let read = rows::inbox_row(&self.store, user, id).await?.read_seq.unwrap_or(0);
            let newest = self.newest_of_others(user, id).await?;
            if newest.is_some_and(|newest| newest.seq > read && newest.at >= since) {
                timers.push(timer(user, id, now.saturating_add(PUSH_AFTER_MS)));
            }
        }
        if timers.is_empty() { Ok(()) } else { self.away.timers.set(timers).await }
    }

    /// Fires [`UNREAD_TIMER`].
    pub(crate) async fn unread_due(&self, subject: &[u8]) -> Result<()> {
        let Some((user, id)) = pair(subject) else { return Ok(()) };
        let Some(unread) = self.untold(user, id).await? else { return Ok(()) };
        let seq = unread.seq;
        let notifications = &self.away.notifications;
        notifications.messages(user, unread).await?;
        // It may have been read while it was told.
        let read = rows::inbox_row(&self.store, user, id).await?.read_seq.unwrap_or(0);
        if read >= seq {
            notifications.conversation_read(user, id, read).await?;
        }
        Ok(())
    }

    /// What somebody who is away did not read, if they want to hear of it.
    async fn untold(&self, user: UserId, id: ConversationId) -> Result<Option<Unread>> {
        let state = self.head(id).await?.1;
        // A stranger's words are told as a request, once.
        let hears = |state: &State| state.is_member(user) && state.hears(user);
        let Some(state) = state.filter(hears) else { return Ok(None) };
        let inbox = rows::inbox_row(&self.store, user, id).await?;
        let count = state.others(user).saturating_sub(inbox.read_others.unwrap_or(0));
        if count == 0 {
            return Ok(None);
        }
        let settings = rows::settings_of(&self.store, user, id).await?;
        let muted = settings.iter().find(|row| row.setting == rows::MUTED);
        if muted.is_some_and(|row| ahead(row.value, self.clock.now()).is_some()) {
            return Ok(None);
        }
        let notifications = &self.away.notifications;
        if notifications.attention(user).await == Attention::Here {
            return Ok(None);
        }
        let Some(newest) = self.newest_of_others(user, id).await? else { return Ok(None) };
        let Newest { seq, sender, .. } = newest;
        if seq <= inbox.read_seq.unwrap_or(0)
            || !notifications.may_tell(sender, Act::Notify, user).await?
        {
            return Ok(None);
        }
        let from = self.accounts.people_of(&[sender]).await?.pop();
        let Some(from) = from else { return Ok(None) };
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        Ok(Some(Unread { conversation_id: id, seq, from, count }))
    }

    /// The newest message that somebody else wrote, among the last events.
    async fn newest_of_others(&self, user: UserId, id: ConversationId) -> Result<Option<Newest>> {
        let topic = Topic::Conversation(id);
        let page = self.log.read(topic, Span::Newest, NEWEST_EVENTS, NEWEST_BYTES).await?;
        for entry in page.entries.iter().rev() {
            if let Event::MessageCreated(message) = log::decode(topic, entry)?.body
                && message.sender_id != user
            {
                return Ok(Some(Newest {
                    seq: entry.seq,
                    at: entry.at,
                    sender: message.sender_id,
                }));
            }
        }
        Ok(None)
    }
}

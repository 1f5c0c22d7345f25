//! Conversations: direct ones, and those that other features open.
//!
//! Owns who is a member, what was written and how far each member has read. Messages live in
//! the log; the inbox rows are hints and marks beside it. Other features open conversations and
//! change their members through [`Conversations::ensure`] and its neighbours, which may be
//! called again for the same cause.

mod away;
mod commands;
mod model;
mod personal;
mod refusal;
mod requests;
mod rows;
mod search;
mod view;

pub use away::UNREAD_TIMER;

use crate::bus::{Bus, Channel, Class, Notice};
use crate::clock::Clock;
use crate::error::{Result, not_found};
use crate::features::accounts::Accounts;
use crate::features::notifications::Notifications;
use crate::features::people::{Act, People};
use crate::log::{self, Append, Appended, Entry, Gate, Head, Key, Log, OwnedHead, Span, Stamped};
use crate::memory::Memory;
use crate::rights::Visible;
use crate::store::{OutKey, Store};
use crate::timers::Timers;
use away::Away;
use model::{Action, Refusal, Standing, State, Written};
use protocol::conversations::{ConversationJoined, Kind};
use protocol::{
    ClientId, ConversationId, Error, ErrorCode, Event, Millis, Push, RequestId, Seq, Signal, Topic,
    UserId,
};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, OnceLock};
use uuid::Uuid;

/// Tries of a change whose target moved while it was read.
const CHANGE_TRIES_MAX: u32 = 8;
/// Events that a count of unread messages reads at a time.
const COUNT_PAGE_EVENTS: u32 = 500;
/// Events that a look for the last words reads at a time.
const LAST_WORD_EVENTS: u32 = 100;
/// Reads of one such look. Who writes more without an answer has waited long enough.
const LAST_WORD_READS_MAX: usize = 10;
/// Bytes that it reads at a time.
const COUNT_PAGE_BYTES: usize = 1024 * 1024;

/// What conversations are made of.
pub struct Parts {
    /// Inboxes and marks.
    pub store: Arc<Store>,
    /// What was said.
    pub log: Arc<dyn Log>,
    /// Live signals.
    pub bus: Arc<dyn Bus>,
    /// Deadlines of those who are away.
    pub timers: Arc<dyn Timers>,
    /// Names.
    pub accounts: Arc<Accounts>,
    /// Who may write to whom.
    pub people: Arc<People>,
    /// The first message of a stranger waits as a request.
    pub strangers_ask: bool,
    /// Tells those who are away.
    pub notifications: Arc<Notifications>,
    /// The time.
    pub clock: Clock,
}

/// See the module.
pub struct Conversations {
    store: Arc<Store>,
    log: Arc<dyn Log>,
    bus: Arc<dyn Bus>,
    accounts: Arc<Accounts>,
    people: Arc<People>,
    /// The first message of a stranger waits as a request.
    strangers_ask: bool,
    talks: Memory<ConversationId, requests::Talk>,
    away: Arc<Away>,
    clock: Clock,
}

/// A conversation that another feature opens between a member and someone who helps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ensure {
    pub(crate) conversation_id: ConversationId,
    pub(crate) kind: Kind,
    pub(crate) subject_id: Uuid,
    /// The one who asked; writes the first words.
    pub(crate) member: UserId,
    pub(crate) first_words: Option<String>,
    /// The one who joins, also later and in place of another.
    pub(crate) helper: UserId,
}

/// The gate: the pure rule, put to the log.
struct Rule {
    conversation: ConversationId,
    action: Action,
    /// Why the sender may not write, if it is not a retry of what was written before.
    barred: Option<Error>,
    /// In whose list it shows, for the one who appends.
    audience: Arc<OnceLock<Vec<UserId>>>,
}

fn state_at(head: Head<'_>) -> std::result::Result<Option<State>, Error> {
    if head.seq == 0 {
        return Ok(None);
    }
    State::from_bytes(head.state)
        .map(Some)
        .ok_or_else(|| crate::error::internal(&"a conversation's state does not decode"))
}

impl Gate for Rule {
    fn stamp(&self, head: Head<'_>, now: Millis) -> std::result::Result<Stamped, Error> {
        let Written { event, state, redact, audience, inboxes } =
            model::decide(state_at(head)?, head.seq, now, &self.action)?;
        if let Some(barred) = &self.barred {
            return Err(barred.clone());
        }
        let _ = self.audience.set(inboxes.clone());
        let maxima = inboxes
            .iter()
            .map(|&user| rows::activity(user, self.conversation, head.seq + 1, now))
            .collect();
        Ok(Stamped {
            event,
            state: Some(state.to_bytes()),
            redact,
            maxima,
            audience: audience.into_iter().map(Channel::User).collect(),
        })
    }

    fn audience(&self, head: Head<'_>, seq: Seq) -> Vec<Channel> {
        let Ok(Some(state)) = state_at(head) else { return Vec::new() };
        let hears = |member: &&model::Member| {
            state.hears(member.user_id) && state.until(member).is_none_or(|until| seq <= until)
        };
        let _ = self.audience.set(state.present().collect());
        state.members.iter().filter(hears).map(|member| Channel::User(member.user_id)).collect()
    }
}

/// The end of a talk, as seen from one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LastWords {
    /// Who of the others wrote last, and when.
    pub(crate) other: Option<(UserId, Millis)>,
    /// The member's first message after that.
    pub(crate) unanswered_at: Option<Millis>,
}

impl Conversations {
    /// From their parts.
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            store: parts.store,
            log: parts.log,
            bus: parts.bus,
            accounts: parts.accounts,
            people: parts.people,
            strangers_ask: parts.strangers_ask,
            talks: Memory::new(requests::TALKS_MAX, requests::TALK_AGE_MAX_MS),
            away: Arc::new(Away::new(parts.notifications, parts.timers)),
            clock: parts.clock,
        })
    }

    /// The part of a conversation that a person may read.
    pub async fn visible(&self, user: UserId, id: ConversationId) -> Result<Option<Visible>> {
        let state = self.head(id).await?.1;
        let Some(state) = state else { return Ok(None) };
        let member = state.member(user);
        Ok(member.map(|member| Visible {
            from: 1,
            live: member.joined_at,
            until: state.until(member),
        }))
    }

    /// A person's conversations in which something may have happened since then.
    pub async fn active_since(&self, user: UserId, since: Millis) -> Result<Vec<ConversationId>> {
        let mut active = Vec::new();
        rows::each_inbox(&self.store, user, rows::INBOX_ROWS_MAX, |page| {
            let since = page.into_iter().filter(|row| row.head_at.is_some_and(|at| at >= since));
            active.extend(since.map(|row| row.conversation_id));
        })
        .await?;
        Ok(active)
    }

    /// The conversation that an event of somebody's feed brought them into.
    pub fn joined(event: &Event) -> Option<ConversationId> {
        match event {
            Event::ConversationJoined(joined) => Some(joined.conversation_id),
            _ => None,
        }
    }

    /// Opens a conversation for another feature, or lets the helper join it. Done once for each
    /// cause, however often it is asked: opening and joining are under one key, so who left since
    /// does not come back by it.
    pub(crate) async fn ensure(&self, cause: &OutKey, wanted: &Ensure) -> Result<()> {
        let id = wanted.conversation_id;
        let open = Action::Open {
            kind: wanted.kind,
            subject_id: Some(wanted.subject_id),
            members: vec![wanted.member, wanted.helper],
            stranger: None,
        };
        let key = Key::of_cause("joined", &[&cause.log_key().0]);
        let opened = self.append(id, Some(key.clone()), None, open).await;
        let is_open = matches!(&opened, Err(error) if error.code == ErrorCode::Conflict);
        already_is_fine(opened)?;
        if let Some(text) = &wanted.first_words {
            let words = Action::Send {
                sender: wanted.member,
                known: true,
                message_id: crate::id::derived("first-words", &[id.as_bytes()]),
                client_id: crate::id::derived::<ClientId>("first-words", &[id.as_bytes()]),
                text: text.clone(),
                reply_to: None,
            };
            let key = Key::of_cause("first-words", &[]);
            self.append(id, Some(key), Some(wanted.member), words).await?;
        }
        if is_open {
            let join = Action::Join { user: wanted.helper };
            already_is_fine(self.append(id, Some(key), None, join).await)?;
        }
        for user in [wanted.member, wanted.helper] {
            self.tell_joined(user, id, wanted.kind, Some(wanted.subject_id)).await?;
        }
        Ok(())
    }

    /// Takes a person out of a conversation, for another feature.
    pub(crate) async fn leave(
        &self,
        cause: &OutKey,
        id: ConversationId,
        user: UserId,
    ) -> Result<()> {
        let key = Key::of_cause("left", &[&cause.log_key().0]);
        already_is_fine(self.append(id, Some(key), None, Action::Leave { user }).await)
    }

    /// Closes a conversation, for another feature. It stays readable.
    pub(crate) async fn close(&self, cause: &OutKey, id: ConversationId) -> Result<()> {
        let key = Key::of_cause("closed", &[&cause.log_key().0]);
        already_is_fine(self.append(id, Some(key), None, Action::Close).await)
    }

    /// Opens a conversation again, for another feature.
    pub(crate) async fn reopen(&self, cause: &OutKey, id: ConversationId) -> Result<()> {
        let key = Key::of_cause("reopened", &[&cause.log_key().0]);
        already_is_fine(self.append(id, Some(key), None, Action::Reopen).await)
    }

    /// What was said last, with the beginning of what one member says without an answer.
    pub(crate) async fn last_words(&self, id: ConversationId, member: UserId) -> Result<LastWords> {
        let (topic, mut span) = (Topic::Conversation(id), Span::Newest);
        let mut unanswered_at = None;
        for _ in 0..LAST_WORD_READS_MAX {
            let page = self.log.read(topic, span, LAST_WORD_EVENTS, COUNT_PAGE_BYTES).await?;
            let messages = page.entries.iter().rev();
            let messages = messages.filter(|entry| log::is_named(&entry.body, "message.created"));
            for (sender, at) in messages.filter_map(|entry| Some((entry.sender?, entry.at))) {
                if sender != member {
                    return Ok(LastWords { other: Some((sender, at)), unanswered_at });
                }
                unanswered_at = Some(at);
            }
            match page.entries.first() {
                Some(first) if first.seq > 1 => span = Span::Before(first.seq),
                _ => break,
            }
        }
        Ok(LastWords { other: None, unanswered_at })
    }

    async fn tell_joined(
        &self,
        user: UserId,
        id: ConversationId,
        kind: Kind,
        subject_id: Option<Uuid>,
    ) -> Result<()> {
        let event = ConversationJoined { conversation_id: id, kind, subject_id };
        let key = Key::of_cause("conversation.joined", &[id.as_bytes()]);
        log::append_to_feed(&*self.log, Topic::User(user), key, None, event).await?;
        Ok(())
    }

    fn append(
        &self,
        id: ConversationId,
        key: Option<Key>,
        sender: Option<UserId>,
        action: Action,
    ) -> impl Future<Output = Result<Appended>> + Send + use<> {
        self.append_unless(id, key, sender, action, None)
    }

    /// The same, unless the sender is barred; a retry of what was written before is answered.
    fn append_unless(
        &self,
        id: ConversationId,
        key: Option<Key>,
        sender: Option<UserId>,
        action: Action,
        barred: Option<Error>,
    ) -> impl Future<Output = Result<Appended>> + Send + use<> {
        let audience = Arc::new(OnceLock::new());
        let message_of = match &action {
            Action::Send { sender, .. } => Some(*sender),
            _ => None,
        };
        let heard = Arc::clone(&audience);
        let gate = Box::new(Rule { conversation: id, action, barred, audience: heard });
        let append = Append { topic: Topic::Conversation(id), key, sender, gate };
        let (log, away) = (Arc::clone(&self.log), Arc::clone(&self.away));
        async move {
            let appended = log.append(append).await?;
            // Of a retry as well: the node of its first try may be gone, and twice is harmless.
            if let (Some(sender), Some(members)) = (message_of, audience.get()) {
                away.written(id, sender, members);
            }
            Ok(appended)
        }
    }

    async fn head(&self, id: ConversationId) -> Result<(OwnedHead, Option<State>)> {
        let head = self.log.heads(vec![Topic::Conversation(id)]).await?.pop().unwrap_or_default();
        let state = state_at(Head { seq: head.seq, state: &head.state })?;
        Ok((head, state))
    }

    /// The state, for someone who is in the conversation now.
    async fn as_member(&self, user: UserId, id: ConversationId) -> Result<(OwnedHead, State)> {
        match self.head(id).await? {
            (head, Some(state)) if state.is_member(user) => Ok((head, state)),
            _ => Err(Refusal::NoSuchConversation.into()),
        }
    }

    async fn event_at(&self, id: ConversationId, seq: Seq) -> Result<Option<(Push<Event>, Seq)>> {
        let topic = Topic::Conversation(id);
        let Some(before) = seq.checked_sub(1) else { return Ok(None) };
        let page = self.log.read(topic, Span::After(before), 1, 0).await?;
        let found = page.entries.first().filter(|entry| entry.seq == seq);
        found.map(|entry| Ok((log::decode(topic, entry)?, page.head))).transpose()
    }

    /// A message as it stands, with the edit that holds its text.
    async fn standing(&self, id: ConversationId, seq: Seq) -> Result<Standing> {
        let missing = || Error::from(Refusal::NoSuchMessage);
        let (push, read_at) = self.event_at(id, seq).await?.ok_or_else(missing)?;
        let Event::MessageCreated(message) = push.body else { return Err(missing()) };
        let mut standing = Standing {
            seq,
            at: push.at.unwrap_or_default(),
            edit: None,
            deleted: false,
            read_at,
            message,
        };
        if let Some(changed_by) = standing.message.changed_by {
            match self.event_at(id, changed_by).await?.map(|(push, _)| push.body) {
                Some(Event::MessageEdited(edit)) => standing.edit = Some((changed_by, edit)),
                _ => standing.deleted = true,
            }
        }
        Ok(standing)
    }

    /// Changes a message: reads it, and reads it again if it changed meanwhile.
    async fn change(
        &self,
        id: ConversationId,
        seq: Seq,
        user: UserId,
        action: impl Fn(Standing) -> Action + Send,
    ) -> Result<Appended> {
        for _ in 0..CHANGE_TRIES_MAX {
            let target = self.standing(id, seq).await?;
            match self.append(id, None, Some(user), action(target)).await {
                Err(error) if error.code == ErrorCode::Busy => {}
                done => return done,
            }
        }
        Err(crate::error::busy())
    }

    /// Messages that others than `user` wrote between two seqs (after, up to and with).
    async fn others_between(
        &self,
        user: UserId,
        id: ConversationId,
        mut after: Seq,
        until: Seq,
    ) -> Result<u64> {
        let topic = Topic::Conversation(id);
        let mut count = 0;
        while after < until {
            let page = self
                .log
                .read(topic, Span::After(after), COUNT_PAGE_EVENTS, COUNT_PAGE_BYTES)
                .await?;
            let Some(last) = page.entries.last() else { break };
            after = last.seq;
            let wanted = |entry: &&Entry| entry.seq <= until && entry.sender != Some(user);
            for entry in page.entries.iter().filter(wanted) {
                count +=
                    u64::from(matches!(log::decode(topic, entry)?.body, Event::MessageCreated(_)));
            }
        }
        Ok(count)
    }

    /// Tells the others in a conversation something of somebody that is true just now: those who
    /// may know it. Nobody, before a stranger's wish is answered.
    async fn tell_others(
        &self,
        id: ConversationId,
        state: &State,
        user: UserId,
        act: Act,
        signal: impl Into<Signal> + Send,
    ) -> Result<()> {
        if state.asked.is_some() || state.paused {
            return Ok(());
        }
        let class = if act == Act::Typing { Class::Signal } else { Class::Coalescing };
        let mut audience = Vec::new();
        for other in state.present().filter(|&other| other != user) {
            if self.people.may(other, act, user).await? {
                audience.push(Channel::User(other));
            }
        }
        if audience.is_empty() {
            return Ok(());
        }
        self.bus.notify(Notice {
            audience,
            except: Some(user),
            class,
            push: Push::signal(Some(Topic::Conversation(id)), signal),
        });
        Ok(())
    }

    /// The only conversation of two people has an id that follows from them.
    fn direct_id(one: UserId, other: UserId) -> ConversationId {
        let (low, high) = if one < other { (one, other) } else { (other, one) };
        crate::id::derived("conversation.direct", &[low.as_bytes(), high.as_bytes()])
    }

    /// The conversation of a support request, made with it.
    pub(crate) fn support_id(request: RequestId) -> ConversationId {
        crate::id::derived("conversation.support", &[request.as_bytes()])
    }
}

/// What follows from a commit may be asked twice; the second time it is already so.
fn already_is_fine(outcome: Result<Appended>) -> Result<()> {
    match outcome {
        Err(error) if error.code == ErrorCode::Conflict => Ok(()),
        outcome => outcome.map(|_| ()),
    }
}

/// `not_found`, for someone who may not know.
fn no_such_person() -> Error {
    not_found("person")
}

/// A message number as a setting's value.
fn number(messages: u64) -> i64 {
    i64::try_from(messages).unwrap_or(i64::MAX)
}

/// A time that a setting holds, if it is still ahead.
fn ahead(until: i64, now: Millis) -> Option<Millis> {
    (until > now).then_some(until)
}

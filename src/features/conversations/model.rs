//! The rules of a conversation: who may write what, and what it changes. Pure.
//!
//! A conversation's members, its numbering and whether it is closed are the state that the log
//! keeps beside its head, so who may write is decided at the place where it is written.

use protocol::conversations::{
    ConversationAccepted, ConversationClosed, ConversationOpened, ConversationPaused,
    ConversationRefused, ConversationReopened, ConversationResumed, Kind, MemberJoined, MemberLeft,
    MessageCreated, MessageDeleted, MessageEdited, MessageReacted,
};
use protocol::limits::{CONVERSATION_MEMBERS_MAX, EDIT_WINDOW_MS, STRANGER_MESSAGES_MAX};
use protocol::{ClientId, Error, ErrorCode, Event, MessageId, Millis, Seq, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// People who left a conversation and may still read their part of it; the one who left first
/// is forgotten first.
pub(crate) const FORMER_MEMBERS_MAX: usize = 32;

/// What the log keeps beside the head of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) kind: Kind,
    pub(crate) subject_id: Option<Uuid>,
    pub(crate) closed: bool,
    /// Number of the last message.
    pub(crate) messages: u64,
    /// Seq of the last edit or deletion. Someone who read before it must read again.
    pub(crate) changed_at: Seq,
    pub(crate) members: Vec<Member>,
    /// A stranger's wish to talk, until it is accepted.
    #[serde(default)]
    pub(crate) asked: Option<Asked>,
    /// One of the two blocked the other: nobody writes.
    #[serde(default)]
    pub(crate) paused: bool,
}

/// A stranger wrote, and the other did not say yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// Who wrote.
    pub(crate) by: UserId,
    /// Where the other said no; the stranger sees nothing from there on.
    pub(crate) refused_at: Option<Seq>,
}

/// A person in a conversation, now or once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) user_id: UserId,
    /// The last seq of one who left.
    pub(crate) until: Option<Seq>,
    /// Messages this person wrote here.
    pub(crate) sent: u64,
    /// The seq of joining, the last time.
    #[serde(default)]
    pub(crate) joined_at: Seq,
    /// It was closed when this person left.
    #[serde(default)]
    pub(crate) left_closed: bool,
}

impl Member {
    const fn new(user_id: UserId, joined_at: Seq) -> Self {
        Self { user_id, until: None, sent: 0, joined_at, left_closed: false }
    }
}

impl State {
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        rmp_serde::from_slice(bytes).ok()
    }

    /// Compact on purpose: it is rewritten with each message.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        rmp_serde::to_vec(self).unwrap_or_default()
    }

    pub(crate) fn member(&self, user_id: UserId) -> Option<&Member> {
        self.members.iter().find(|member| member.user_id == user_id)
    }

    pub(crate) fn is_member(&self, user_id: UserId) -> bool {
        self.member(user_id).is_some_and(|member| member.until.is_none())
    }

    /// Those who are in it now.
    pub(crate) fn present(&self) -> impl Iterator<Item = UserId> + '_ {
        self.members.iter().filter(|m| m.until.is_none()).map(|m| m.user_id)
    }

    /// Whether somebody hears of what happens here: a stranger's words wait where they are, and
    /// the stranger does not hear that they were refused.
    pub(crate) fn hears(&self, user_id: UserId) -> bool {
        self.asked.is_none_or(|asked| (asked.by == user_id) == asked.refused_at.is_none())
    }

    /// The last seq that somebody may see.
    pub(crate) fn until(&self, member: &Member) -> Option<Seq> {
        let refused = self.asked.filter(|asked| asked.by == member.user_id);
        let before = refused.and_then(|asked| asked.refused_at).map(|at| at - 1);
        member.until.map_or(before, |until| Some(before.map_or(until, |before| before.min(until))))
    }

    /// Those who are in it, as far as somebody sees: for who left, or was refused, as it was then.
    pub(crate) fn company(&self, user_id: UserId) -> Vec<UserId> {
        let until = self.member(user_id).and_then(|member| self.until(member));
        let is_there = |member: &&Member| match until {
            None => member.until.is_none(),
            Some(seen) => member.joined_at <= seen && member.until.is_none_or(|left| left > seen),
        };
        self.members.iter().filter(is_there).map(|member| member.user_id).collect()
    }

    /// Whether it is closed, as far as somebody sees.
    pub(crate) fn closed_for(&self, user_id: UserId) -> bool {
        let left = self.member(user_id).filter(|member| member.until.is_some());
        left.map_or(self.closed, |member| member.left_closed)
    }

    /// A stranger whose wish was refused.
    fn is_refused(&self, user_id: UserId) -> bool {
        self.asked.is_some_and(|asked| asked.by == user_id && asked.refused_at.is_some())
    }

    /// The two whom a block between them keeps from writing here: whatever two people talk about,
    /// but support.
    pub(crate) fn two(&self) -> Option<(UserId, UserId)> {
        let mut present = self.present();
        match (self.kind, present.next(), present.next(), present.next()) {
            (Kind::Support, ..) => None,
            (_, Some(one), Some(other), None) => Some((one, other)),
            _ => None,
        }
    }

    /// The other one of [those two](Self::two).
    pub(crate) fn other(&self, user_id: UserId) -> Option<UserId> {
        let (one, other) = self.two()?;
        match user_id {
            user_id if user_id == one => Some(other),
            user_id if user_id == other => Some(one),
            _ => None,
        }
    }

    /// Messages that others than `user_id` wrote.
    pub(crate) fn others(&self, user_id: UserId) -> u64 {
        self.messages - self.member(user_id).map_or(0, |member| member.sent)
    }
}

/// A message as it stands in the log, read before it is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) seq: Seq,
    pub(crate) at: Millis,
    pub(crate) message: MessageCreated,
    /// The edit that holds its text now.
    pub(crate) edit: Option<(Seq, MessageEdited)>,
    pub(crate) deleted: bool,
    /// Head of the topic when this was read.
    pub(crate) read_at: Seq,
}

/// What someone wants to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Open {
        kind: Kind,
        subject_id: Option<Uuid>,
        members: Vec<UserId>,
        /// The one of them who does not know the other, and has to ask.
        stranger: Option<UserId>,
    },
    Send {
        sender: UserId,
        /// The sender need not ask any more.
        known: bool,
        message_id: MessageId,
        client_id: ClientId,
        text: String,
        reply_to: Option<Seq>,
    },
    Edit {
        user: UserId,
        target: Standing,
        text: String,
    },
    Delete {
        user: UserId,
        target: Standing,
    },
    React {
        user: UserId,
        target: Standing,
        emoji: String,
        on: bool,
    },
    Join {
        user: UserId,
    },
    Leave {
        user: UserId,
    },
    Close,
    Reopen,
    Accept {
        user: UserId,
    },
    Refuse {
        user: UserId,
    },
    Pause,
    Resume,
}

/// What is written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Written {
    pub(crate) event: Event,
    pub(crate) state: State,
    pub(crate) redact: Vec<(Seq, Event)>,
    /// Who hears of it.
    pub(crate) audience: Vec<UserId>,
    /// In whose list it shows.
    pub(crate) inboxes: Vec<UserId>,
}

/// Why something is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.words())]
pub(crate) enum Refusal {
    NoSuchConversation,
    Closed,
    AlreadySo,
    Full,
    NotYours,
    TooLate,
    Paused,
    Waits,
    Unanswered,
    NoRequest,
    Deleted,
    NoSuchMessage,
    /// The target was read before the last change: read it again. Never shown.
    Stale,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::NoSuchConversation | Refusal::NoSuchMessage => ErrorCode::NotFound,
            Refusal::Closed => ErrorCode::Closed,
            Refusal::Paused => ErrorCode::Blocked,
            Refusal::AlreadySo
            | Refusal::TooLate
            | Refusal::Deleted
            | Refusal::Waits
            | Refusal::Unanswered
            | Refusal::NoRequest => ErrorCode::Conflict,
            Refusal::Full => ErrorCode::Full,
            Refusal::NotYours => ErrorCode::Forbidden,
            Refusal::Stale => ErrorCode::Busy,
        };
        Self::new(code, refusal.to_string())
    }
}

/// The one rule: what `action` writes at the end of a conversation, or why it does not.
pub(crate) fn decide(
    state: Option<State>,
    head: Seq,
    now: Millis,
    action: &Action,
) -> Result<Written, Refusal> {
    let seq = head + 1;
    let Some(state) = state else {
        return match action {
            Action::Open { kind, subject_id, members, stranger } => {
                open(*kind, *subject_id, members, *stranger)
            }
            _ => Err(Refusal::NoSuchConversation),
        };
    };
    match action {
        Action::Open { .. } => Err(Refusal::AlreadySo),
        Action::Send { sender, known, message_id, client_id, text, reply_to } => {
            let state = speaks(state, *sender, *known)?;
            if reply_to.is_some_and(|to| to == 0 || to > head) {
                return Err(Refusal::NoSuchMessage);
            }
            let mut state = state;
            state.messages += 1;
            if let Some(member) = state.members.iter_mut().find(|m| m.user_id == *sender) {
                member.sent += 1;
            }
            let event = MessageCreated {
                message_id: *message_id,
                number: state.messages,
                sender_id: *sender,
                client_id: *client_id,
                text: Some(text.clone()),
                attachments: Vec::new(),
                reply_to: *reply_to,
                changed_by: None,
            };
            Ok(written(event, state, Vec::new()))
        }
        Action::Edit { user, target, text } => {
            changes(&state, *user, target, now)?;
            let event = MessageEdited {
                message_id: target.message.message_id,
                message_seq: target.seq,
                text: Some(text.clone()),
            };
            // Who was refused does not see the event that holds the new text.
            let kept = state.is_refused(*user).then(|| text.clone());
            Ok(change(state, target, seq, kept, event))
        }
        Action::Delete { user, target } => {
            takes_back(&state, *user, target)?;
            let event =
                MessageDeleted { message_id: target.message.message_id, message_seq: target.seq };
            Ok(change(state, target, seq, None, event))
        }
        Action::React { user, target, emoji, on } => {
            touches(&state, *user)?;
            fresh(&state, target)?;
            let event = MessageReacted {
                message_id: target.message.message_id,
                message_seq: target.seq,
                user_id: *user,
                emoji: emoji.clone(),
                on: *on,
            };
            Ok(written(event, state, Vec::new()))
        }
        Action::Join { user } => join(state, *user, seq),
        Action::Leave { user } => leave(state, *user, seq),
        Action::Accept { user } => accept(state, *user),
        Action::Refuse { user } => refuse(state, *user, seq),
        Action::Pause if state.paused => Err(Refusal::AlreadySo),
        Action::Pause => {
            Ok(written(ConversationPaused {}, State { paused: true, ..state }, Vec::new()))
        }
        Action::Resume if !state.paused => Err(Refusal::AlreadySo),
        Action::Resume => {
            Ok(written(ConversationResumed {}, State { paused: false, ..state }, Vec::new()))
        }
        Action::Close if state.closed => Err(Refusal::AlreadySo),
        Action::Close => {
            Ok(written(ConversationClosed {}, State { closed: true, ..state }, Vec::new()))
        }
        Action::Reopen if !state.closed => Err(Refusal::AlreadySo),
        Action::Reopen => {
            Ok(written(ConversationReopened {}, State { closed: false, ..state }, Vec::new()))
        }
    }
}

fn open(
    kind: Kind,
    subject_id: Option<Uuid>,
    members: &[UserId],
    stranger: Option<UserId>,
) -> Result<Written, Refusal> {
    if members.len() > CONVERSATION_MEMBERS_MAX {
        return Err(Refusal::Full);
    }
    let state = State {
        kind,
        subject_id,
        closed: false,
        messages: 0,
        changed_at: 0,
        members: members.iter().map(|&user_id| Member::new(user_id, 1)).collect(),
        asked: stranger.map(|by| Asked { by, refused_at: None }),
        paused: false,
    };
    let event = ConversationOpened { kind, subject_id, members: members.to_vec() };
    Ok(written(event, state, Vec::new()))
}

fn join(mut state: State, user: UserId, seq: Seq) -> Result<Written, Refusal> {
    if state.is_member(user) {
        return Err(Refusal::AlreadySo);
    }
    if state.present().count() >= CONVERSATION_MEMBERS_MAX {
        return Err(Refusal::Full);
    }
    match state.members.iter_mut().find(|member| member.user_id == user) {
        Some(member) => (member.until, member.joined_at) = (None, seq),
        None => state.members.push(Member::new(user, seq)),
    }
    Ok(written(MemberJoined { user_id: user }, state, Vec::new()))
}

fn leave(mut state: State, user: UserId, seq: Seq) -> Result<Written, Refusal> {
    if !state.is_member(user) {
        return Err(Refusal::AlreadySo);
    }
    // The one who leaves still hears of it.
    let audience: Vec<UserId> = state.present().collect();
    let closed = state.closed;
    for member in state.members.iter_mut().filter(|member| member.user_id == user) {
        (member.until, member.left_closed) = (Some(seq), closed);
    }
    let former = state.members.iter().filter(|member| member.until.is_some());
    if former.clone().count() > FORMER_MEMBERS_MAX {
        let first = former.min_by_key(|member| member.until).map(|member| member.user_id);
        state.members.retain(|member| Some(member.user_id) != first);
    }
    let left = written(MemberLeft { user_id: user }, state, Vec::new());
    Ok(Written { inboxes: audience.clone(), audience, ..left })
}

fn writes(state: &State, user: UserId) -> Result<(), Refusal> {
    if !state.is_member(user) {
        Err(Refusal::NoSuchConversation)
    } else if state.closed {
        Err(Refusal::Closed)
    } else if state.paused {
        Err(Refusal::Paused)
    } else {
        Ok(())
    }
}

/// Whether somebody may send a message, and what that says of a stranger's wish: who answers it
/// accepts it.
fn speaks(state: State, sender: UserId, known: bool) -> Result<State, Refusal> {
    writes(&state, sender)?;
    match state.asked {
        Some(asked) if asked.by == sender && !known => {
            let sent = state.member(sender).map_or(0, |member| member.sent);
            if asked.refused_at.is_some() || sent >= STRANGER_MESSAGES_MAX {
                return Err(Refusal::Waits);
            }
            Ok(state)
        }
        Some(_) => Ok(State { asked: None, ..state }),
        None => Ok(state),
    }
}

/// Whether somebody may change or react to what is here: not before a stranger's wish is answered,
/// but for the stranger's own words. Also after it was refused, or the stranger could tell.
fn touches(state: &State, user: UserId) -> Result<(), Refusal> {
    writes(state, user)?;
    match state.asked {
        Some(asked) if asked.by != user => Err(Refusal::Unanswered),
        Some(_) | None => Ok(()),
    }
}

fn accept(state: State, user: UserId) -> Result<Written, Refusal> {
    match state.asked {
        _ if !state.is_member(user) => Err(Refusal::NoSuchConversation),
        None => Err(Refusal::AlreadySo),
        Some(asked) if asked.by == user => Err(Refusal::NoRequest),
        Some(_) => {
            let event = ConversationAccepted { user_id: user };
            Ok(written(event, State { asked: None, ..state }, Vec::new()))
        }
    }
}

fn refuse(state: State, user: UserId, seq: Seq) -> Result<Written, Refusal> {
    match state.asked {
        _ if !state.is_member(user) => Err(Refusal::NoSuchConversation),
        Some(Asked { refused_at: Some(_), by }) if by != user => Err(Refusal::AlreadySo),
        // Of who said nothing yet there is nothing to refuse.
        Some(asked) if asked.by != user && state.messages > 0 => {
            let asked = Some(Asked { refused_at: Some(seq), ..asked });
            let event = ConversationRefused { user_id: user };
            Ok(written(event, State { asked, ..state }, Vec::new()))
        }
        Some(_) | None => Err(Refusal::NoRequest),
    }
}

fn fresh(state: &State, target: &Standing) -> Result<(), Refusal> {
    if target.read_at < state.changed_at {
        Err(Refusal::Stale)
    } else if target.deleted {
        Err(Refusal::Deleted)
    } else {
        Ok(())
    }
}

fn changes(state: &State, user: UserId, target: &Standing, now: Millis) -> Result<(), Refusal> {
    touches(state, user)?;
    fresh(state, target)?;
    if target.message.sender_id != user {
        Err(Refusal::NotYours)
    } else if now - target.at > EDIT_WINDOW_MS {
        Err(Refusal::TooLate)
    } else {
        Ok(())
    }
}

/// Whether somebody may delete a message: one's own, at any time, and also where nobody writes.
fn takes_back(state: &State, user: UserId, target: &Standing) -> Result<(), Refusal> {
    if !state.is_member(user) {
        return Err(Refusal::NoSuchConversation);
    }
    fresh(state, target)?;
    if target.message.sender_id == user { Ok(()) } else { Err(Refusal::NotYours) }
}

/// An edit or deletion: the old text leaves the log, wherever it stood. `kept`: what stands at the
/// message's own place from now on.
fn change(
    state: State,
    target: &Standing,
    seq: Seq,
    kept: Option<String>,
    event: impl Into<Event>,
) -> Written {
    let mut redact = vec![(
        target.seq,
        Event::from(MessageCreated { text: kept, changed_by: Some(seq), ..target.message.clone() }),
    )];
    if let Some((edit_seq, edit)) = &target.edit {
        redact.push((*edit_seq, MessageEdited { text: None, ..edit.clone() }.into()));
    }
    written(event, State { changed_at: seq, ..state }, redact)
}

fn written(event: impl Into<Event>, state: State, redact: Vec<(Seq, Event)>) -> Written {
    // What a refused stranger does not see moves nothing in their list.
    let inboxes: Vec<UserId> = state.present().filter(|&user| !state.is_refused(user)).collect();
    let audience = inboxes.iter().copied().filter(|&user| state.hears(user)).collect();
    Written { event: event.into(), audience, inboxes, state, redact }
}

#[cfg(test)]
mod tests;

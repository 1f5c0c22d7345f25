//! The rules of a conversation: who may write what, and what it changes. Pure.
//!
//! A conversation's members, its numbering and whether it is closed are the state that the log
//! keeps beside its head, so who may write is decided at the place where it is written.

use protocol::conversations::{
    ConversationClosed, ConversationOpened, ConversationReopened, Kind, MemberJoined, MemberLeft,
    MessageCreated, MessageDeleted, MessageEdited, MessageReacted,
};
use protocol::limits::{CONVERSATION_MEMBERS_MAX, EDIT_WINDOW_MS};
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
}

/// A person in a conversation, now or once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) user_id: UserId,
    /// The last seq of one who left.
    pub(crate) until: Option<Seq>,
    /// Messages this person wrote here.
    pub(crate) sent: u64,
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
    },
    Send {
        sender: UserId,
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
}

/// What is written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Written {
    pub(crate) event: Event,
    pub(crate) state: State,
    pub(crate) redact: Vec<(Seq, Event)>,
    /// Who hears of it.
    pub(crate) audience: Vec<UserId>,
}

/// Why something is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("There is no such conversation.")]
    NoSuchConversation,
    #[error("This conversation is closed. You can still read it.")]
    Closed,
    #[error("That is already so.")]
    AlreadySo,
    #[error("A conversation holds at most {CONVERSATION_MEMBERS_MAX} people.")]
    Full,
    #[error("Only the one who wrote a message can change it.")]
    NotYours,
    #[error("A message can be changed for 24 hours.")]
    TooLate,
    #[error("This message was deleted.")]
    Deleted,
    #[error("There is no message at that place.")]
    NoSuchMessage,
    /// The target was read before the last change: read it again. Never shown.
    #[error("The message changed in the meantime. Please try again.")]
    Stale,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::NoSuchConversation | Refusal::NoSuchMessage => ErrorCode::NotFound,
            Refusal::Closed => ErrorCode::Closed,
            Refusal::AlreadySo | Refusal::TooLate | Refusal::Deleted => ErrorCode::Conflict,
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
            Action::Open { kind, subject_id, members } => open(*kind, *subject_id, members),
            _ => Err(Refusal::NoSuchConversation),
        };
    };
    match action {
        Action::Open { .. } => Err(Refusal::AlreadySo),
        Action::Send { sender, message_id, client_id, text, reply_to } => {
            writes(&state, *sender)?;
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
            Ok(change(state, target, seq, event))
        }
        Action::Delete { user, target } => {
            changes(&state, *user, target, now)?;
            let event =
                MessageDeleted { message_id: target.message.message_id, message_seq: target.seq };
            Ok(change(state, target, seq, event))
        }
        Action::React { user, target, emoji, on } => {
            writes(&state, *user)?;
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
        Action::Join { user } => join(state, *user),
        Action::Leave { user } => leave(state, *user, seq),
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

fn open(kind: Kind, subject_id: Option<Uuid>, members: &[UserId]) -> Result<Written, Refusal> {
    if members.len() > CONVERSATION_MEMBERS_MAX {
        return Err(Refusal::Full);
    }
    let state = State {
        kind,
        subject_id,
        closed: false,
        messages: 0,
        changed_at: 0,
        members: members.iter().map(|&user_id| Member { user_id, until: None, sent: 0 }).collect(),
    };
    let event = ConversationOpened { kind, subject_id, members: members.to_vec() };
    Ok(written(event, state, Vec::new()))
}

fn join(mut state: State, user: UserId) -> Result<Written, Refusal> {
    if state.is_member(user) {
        return Err(Refusal::AlreadySo);
    }
    if state.present().count() >= CONVERSATION_MEMBERS_MAX {
        return Err(Refusal::Full);
    }
    match state.members.iter_mut().find(|member| member.user_id == user) {
        Some(member) => member.until = None,
        None => state.members.push(Member { user_id: user, until: None, sent: 0 }),
    }
    Ok(written(MemberJoined { user_id: user }, state, Vec::new()))
}

fn leave(mut state: State, user: UserId, seq: Seq) -> Result<Written, Refusal> {
    if !state.is_member(user) {
        return Err(Refusal::AlreadySo);
    }
    // The one who leaves still hears of it.
    let audience = state.present().collect();
    for member in state.members.iter_mut().filter(|member| member.user_id == user) {
        member.until = Some(seq);
    }
    let former = state.members.iter().filter(|member| member.until.is_some());
    if former.clone().count() > FORMER_MEMBERS_MAX {
        let first = former.min_by_key(|member| member.until).map(|member| member.user_id);
        state.members.retain(|member| Some(member.user_id) != first);
    }
    Ok(Written { audience, ..written(MemberLeft { user_id: user }, state, Vec::new()) })
}

fn writes(state: &State, user: UserId) -> Result<(), Refusal> {
    if !state.is_member(user) {
        Err(Refusal::NoSuchConversation)
    } else if state.closed {
        Err(Refusal::Closed)
    } else {
        Ok(())
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
    writes(state, user)?;
    fresh(state, target)?;
    if target.message.sender_id != user {
        Err(Refusal::NotYours)
    } else if now - target.at > EDIT_WINDOW_MS {
        Err(Refusal::TooLate)
    } else {
        Ok(())
    }
}

/// An edit or deletion: the old text leaves the log, wherever it stood.
fn change(state: State, target: &Standing, seq: Seq, event: impl Into<Event>) -> Written {
    let mut redact = vec![(
        target.seq,
        Event::from(MessageCreated { text: None, changed_by: Some(seq), ..target.message.clone() }),
    )];
    if let Some((edit_seq, edit)) = &target.edit {
        redact.push((*edit_seq, MessageEdited { text: None, ..edit.clone() }.into()));
    }
    written(event, State { changed_at: seq, ..state }, redact)
}

fn written(event: impl Into<Event>, state: State, redact: Vec<(Seq, Event)>) -> Written {
    Written { event: event.into(), audience: state.present().collect(), state, redact }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(n: u128) -> UserId {
        UserId(Uuid::from_u128(n))
    }

    fn opened(members: &[u128]) -> State {
        let members: Vec<_> = members.iter().map(|&n| person(n)).collect();
        open(Kind::Direct, None, &members).unwrap().state
    }

    fn send(n: u128) -> Action {
        Action::Send {
            sender: person(n),
            message_id: MessageId(Uuid::from_u128(9)),
            client_id: ClientId(Uuid::from_u128(8)),
            text: "hello".to_owned(),
            reply_to: None,
        }
    }

    fn standing(by: u128, seq: Seq, read_at: Seq) -> Standing {
        let message = MessageCreated {
            message_id: MessageId(Uuid::from_u128(9)),
            number: 1,
            sender_id: person(by),
            client_id: ClientId(Uuid::from_u128(8)),
            text: Some("hello".to_owned()),
            attachments: Vec::new(),
            reply_to: None,
            changed_by: None,
        };
        Standing { seq, at: 0, message, edit: None, deleted: false, read_at }
    }

    /// Every action, by a member.
    fn actions() -> Vec<Action> {
        let target = standing(1, 2, 5);
        vec![
            Action::Open { kind: Kind::Direct, subject_id: None, members: vec![person(1)] },
            send(1),
            Action::Edit { user: person(1), target: target.clone(), text: "b".to_owned() },
            Action::Delete { user: person(1), target: target.clone() },
            Action::React { user: person(1), target, emoji: "🌱".to_owned(), on: true },
            Action::Join { user: person(3) },
            Action::Leave { user: person(1) },
            Action::Close,
        ]
    }

    #[test]
    fn each_state_takes_just_the_actions_it_should() {
        let open = opened(&[1, 2]);
        let closed = State { closed: true, ..open.clone() };
        let table: [(Option<State>, [Option<Refusal>; 8]); 3] = [
            (None, {
                let mut all = [Some(Refusal::NoSuchConversation); 8];
                all[0] = None;
                all
            }),
            (Some(open), {
                let mut all = [None; 8];
                all[0] = Some(Refusal::AlreadySo);
                all
            }),
            (
                Some(closed),
                [
                    Some(Refusal::AlreadySo),
                    Some(Refusal::Closed),
                    Some(Refusal::Closed),
                    Some(Refusal::Closed),
                    Some(Refusal::Closed),
                    None,
                    None,
                    Some(Refusal::AlreadySo),
                ],
            ),
        ];
        for (state, expected) in table {
            for (action, expected) in actions().iter().zip(expected) {
                let result = decide(state.clone(), 5, 10, action).err();
                assert_eq!(result, expected, "{action:?} in {state:?}");
            }
        }
    }

    #[test]
    fn numbers_count_messages_and_own_ones_are_not_others() {
        let mut state = opened(&[1, 2]);
        for (head, by) in [(1, 1), (2, 1), (3, 2)] {
            state = decide(Some(state), head, 0, &send(by)).unwrap().state;
        }
        assert_eq!(state.messages, 3);
        assert_eq!(state.others(person(1)), 1);
        assert_eq!(state.others(person(2)), 2);
    }

    #[test]
    fn an_outsider_does_not_learn_that_it_exists() {
        let state = opened(&[1, 2]);
        assert_eq!(decide(Some(state), 1, 0, &send(3)), Err(Refusal::NoSuchConversation));
    }

    #[test]
    fn one_who_left_hears_of_it_and_of_nothing_after() {
        let left = decide(Some(opened(&[1, 2])), 1, 0, &Action::Leave { user: person(2) }).unwrap();
        assert_eq!(left.audience, [person(1), person(2)]);
        assert_eq!(left.state.member(person(2)).unwrap().until, Some(2));
        let next = decide(Some(left.state.clone()), 2, 0, &send(1)).unwrap();
        assert_eq!(next.audience, [person(1)]);
        assert_eq!(decide(Some(left.state), 2, 0, &send(2)), Err(Refusal::NoSuchConversation));
    }

    #[test]
    fn an_edit_takes_the_old_text_out_wherever_it_stood() {
        let mut target = standing(1, 2, 5);
        target.edit = Some((
            4,
            MessageEdited {
                message_id: target.message.message_id,
                message_seq: 2,
                text: Some("older".to_owned()),
            },
        ));
        let action = Action::Edit { user: person(1), target, text: "new".to_owned() };
        let written = decide(Some(opened(&[1, 2])), 5, 0, &action).unwrap();
        assert_eq!(written.redact.len(), 2);
        let texts = format!("{:?}", written.redact);
        assert!(!texts.contains("hello") && !texts.contains("older"));
        assert_eq!(written.state.changed_at, 6);
    }

    #[test]
    fn a_change_is_refused_to_others_too_late_after_deletion_and_when_read_too_early() {
        let change = |target: Standing, by: u128, now: Millis| {
            let action = Action::Edit { user: person(by), target, text: "b".to_owned() };
            let state = State { changed_at: 4, ..opened(&[1, 2]) };
            decide(Some(state), 5, now, &action).err()
        };
        assert_eq!(change(standing(1, 2, 5), 2, 0), Some(Refusal::NotYours));
        assert_eq!(change(standing(1, 2, 5), 1, EDIT_WINDOW_MS), None);
        assert_eq!(change(standing(1, 2, 5), 1, EDIT_WINDOW_MS + 1), Some(Refusal::TooLate));
        assert_eq!(change(standing(1, 2, 3), 1, 0), Some(Refusal::Stale));
        let deleted = Standing { deleted: true, ..standing(1, 2, 5) };
        assert_eq!(change(deleted, 1, 0), Some(Refusal::Deleted));
    }

    #[test]
    fn a_full_conversation_takes_nobody_more_and_its_state_fits_the_log() {
        let members: Vec<u128> = (1..=CONVERSATION_MEMBERS_MAX as u128).collect();
        let mut state = opened(&members);
        let join = |n: u128| Action::Join { user: person(n) };
        assert_eq!(decide(Some(state.clone()), 1, 0, &join(99)), Err(Refusal::Full));
        for n in 100..300 {
            let leave = Action::Leave { user: *state.present().last().as_ref().unwrap() };
            state = decide(Some(state), u64::MAX - 10_000, 0, &leave).unwrap().state;
            state = decide(Some(state), u64::MAX - 10_000, 0, &join(n)).unwrap().state;
        }
        for member in &mut state.members {
            member.sent = u64::MAX;
        }
        let len = state.to_bytes().len();
        assert!(len <= crate::log::STATE_BYTES_MAX, "{len} bytes");
    }
}

//! `conversation.*`: people talking. Topic `conversation:<id>`.

use crate::id::nullable;
use crate::listed::if_known;
use crate::people::Person;
use crate::{ClientId, ConversationId, Event, MediaId, MessageId, Millis, Push, Seq, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a conversation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Two people.
    Direct,
    /// A member and a coach; the subject is the support request.
    Support,
    /// Two trainees; the subject is the exchange session.
    Exchange,
    /// A client and a coach; the subject is the booking.
    Booking,
    /// A training cohort.
    Training,
}

/// A conversation as one of its members sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// Which.
    pub id: ConversationId,
    /// What for.
    pub kind: Kind,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_id: Option<Uuid>,
    /// Who is in it, oneself included.
    pub members: Vec<Person>,
    /// Nobody may write any more.
    pub closed: bool,
    /// Nobody may write just now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// The first message of a stranger, and what became of it; absent once they just talk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// Seq of its last event.
    pub head_seq: Seq,
    /// Up to where one has read.
    pub read_seq: Seq,
    /// Messages of others above the read mark.
    pub unread: u64,
    /// When something last happened.
    pub active_at: Millis,
    /// The last event; absent, too, for a client that does not know it.
    #[serde(default, deserialize_with = "if_known", skip_serializing_if = "Option::is_none")]
    pub last: Option<Push<Event>>,
    /// No notices until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted_until: Option<Millis>,
    /// Put away by oneself.
    pub archived: bool,
}

/// A stranger's wish to talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Who wrote first.
    pub by: UserId,
    /// Said no to; shown to the one who said it only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
}

/// `conversation.open` with one other person. The same two people have one conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// The other person.
    pub user_id: UserId,
}

/// `conversation.get`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Get {
    /// Which.
    pub conversation_id: ConversationId,
}

/// The result of `conversation.open` and `conversation.get`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConversationResult {
    /// The conversation.
    pub conversation: Conversation,
}

/// `conversation.list`, newest activity first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct List {
    /// Only these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Only archived ones, or only others; others if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<bool>,
    /// Only first messages of strangers that wait for an answer, or only others; others if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<bool>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// 1–100; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// `conversation.search`, in messages one can read. Newest activity first, and in each conversation the newest
/// text first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Search {
    /// 2–200 characters. A message has to hold each of the words, or parts of words, in any case.
    pub text: String,
    /// Only in this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// 1–100; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// The result of `conversation.search`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoundMessages {
    /// Events `message.created`, with the text as it is now. A page may be empty and have a next one.
    pub items: Vec<Push<Event>>,
    /// `after` of the next page, if there is more to look through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The result of `conversation.list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conversations {
    /// A page.
    pub items: Vec<Conversation>,
    /// `after` of the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `conversation.send`. Again with the same `client_id`: the first result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Send {
    /// Where to.
    pub conversation_id: ConversationId,
    /// The message's idempotency key, chosen by the client.
    pub client_id: ClientId,
    /// 1–8 000 characters; may be absent where there are attachments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Uploaded files.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<MediaId>,
    /// Seq of the message this one answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Seq>,
}

/// The result of `conversation.send`: the message is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// Its place.
    pub seq: Seq,
    /// Its id.
    pub message_id: MessageId,
    /// When it was accepted.
    pub at: Millis,
    /// Whether it had been sent before.
    pub duplicate: bool,
}

/// `conversation.edit`: one's own message, within 24 h.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// Where.
    pub conversation_id: ConversationId,
    /// The message.
    pub seq: Seq,
    /// The new text.
    pub text: String,
}

/// `conversation.delete`: one's own message, for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delete {
    /// Where.
    pub conversation_id: ConversationId,
    /// The message.
    pub seq: Seq,
}

/// `conversation.react`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct React {
    /// Where.
    pub conversation_id: ConversationId,
    /// The message.
    pub seq: Seq,
    /// An emoji, 1–32 bytes.
    pub emoji: String,
    /// Add it or take it away.
    pub on: bool,
}

/// The result of edit, delete and react: the event that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Its place.
    pub seq: Seq,
    /// When it was accepted.
    pub at: Millis,
}

/// `conversation.mark`. Marks only rise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Where.
    pub conversation_id: ConversationId,
    /// Read up to here; delivered follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<Seq>,
    /// Arrived on a device up to here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered: Option<Seq>,
}

/// The result of `conversation.mark`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// Read up to here.
    pub read: Seq,
    /// Arrived up to here.
    pub delivered: Seq,
    /// Messages of others above `read`.
    pub unread: u64,
}

/// `conversation.typing`, sent every few seconds while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Typing {
    /// Where.
    pub conversation_id: ConversationId,
}

/// `conversation.mute`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mute {
    /// Where.
    pub conversation_id: ConversationId,
    /// No notices until then; absent ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_at: Option<Millis>,
}

/// `conversation.archive`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// Where.
    pub conversation_id: ConversationId,
    /// Put away or fetch back.
    pub on: bool,
}

/// `conversation.accept`: talk with the stranger who wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accept {
    /// Which.
    pub conversation_id: ConversationId,
}

/// `conversation.refuse`: the stranger is not told, and may not write more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refuse {
    /// Which.
    pub conversation_id: ConversationId,
}

/// Event `conversation.opened`, always seq 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationOpened {
    /// What for.
    pub kind: Kind,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_id: Option<Uuid>,
    /// Who is in it.
    pub members: Vec<UserId>,
}

/// Event `message.created`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageCreated {
    /// Which.
    pub message_id: MessageId,
    /// 1, 2, 3, … among the messages of the conversation.
    pub number: u64,
    /// Who wrote it.
    pub sender_id: UserId,
    /// The sender's idempotency key.
    pub client_id: ClientId,
    /// The text; absent once it was edited or deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Uploaded files.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<MediaId>,
    /// Seq of the message this one answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Seq>,
    /// Seq of the event that holds the text now (`message.edited`) or says that it is gone
    /// (`message.deleted`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<Seq>,
}

/// Event `message.edited`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageEdited {
    /// Which.
    pub message_id: MessageId,
    /// Where it stands.
    pub message_seq: Seq,
    /// The new text; absent once it was edited again or deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Event `message.deleted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageDeleted {
    /// Which.
    pub message_id: MessageId,
    /// Where it stood.
    pub message_seq: Seq,
}

/// Event `message.reacted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageReacted {
    /// Which.
    pub message_id: MessageId,
    /// Where it stands.
    pub message_seq: Seq,
    /// Who.
    pub user_id: UserId,
    /// With what.
    pub emoji: String,
    /// Added or taken away.
    pub on: bool,
}

/// Event `member.joined`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberJoined {
    /// Who.
    pub user_id: UserId,
}

/// Event `member.left`. The last event of this topic that the one who left is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberLeft {
    /// Who.
    pub user_id: UserId,
}

/// Event `conversation.closed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConversationClosed {}

/// Event `conversation.reopened`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConversationReopened {}

/// Event `conversation.accepted`: the stranger's message is welcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationAccepted {
    /// Who said so.
    pub user_id: UserId,
}

/// Event `conversation.refused`; the stranger does not see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationRefused {
    /// Who said so.
    pub user_id: UserId,
}

/// Event `conversation.paused`: nobody may write just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConversationPaused {}

/// Event `conversation.resumed`: that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConversationResumed {}

/// Feed `conversation.requested`: somebody whom one does not know wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationRequested {
    /// Which.
    pub conversation_id: ConversationId,
    /// Who.
    pub user_id: UserId,
}

/// Feed `conversation.joined`: one is now in this conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationJoined {
    /// Which.
    pub conversation_id: ConversationId,
    /// What for.
    pub kind: Kind,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_id: Option<Uuid>,
}

/// Signal `typing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypingNow {
    /// Who.
    pub user_id: UserId,
}

/// Signal `receipt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Whose.
    pub user_id: UserId,
    /// Read up to here.
    pub read: Seq,
    /// Arrived up to here.
    pub delivered: Seq,
}

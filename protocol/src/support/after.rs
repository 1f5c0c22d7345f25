//! What is kept of a request beside its conversation: private notes, ratings, the history.

use super::{Request, State};
use crate::{ClientId, ConversationId, DeskId, Millis, NoteId, RequestId, UserId};
use serde::{Deserialize, Serialize};

/// A coach's private note. Kept sealed; nobody but who wrote it reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Which.
    pub id: NoteId,
    /// On which request.
    pub request_id: RequestId,
    /// About whom.
    pub member_id: UserId,
    /// What was written.
    pub text: String,
    /// When.
    pub written_at: Millis,
}

/// `support.note`, by a coach who answers a request, or did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteNote {
    /// Which.
    pub request_id: RequestId,
    /// The note's idempotency key, chosen by the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
    /// 1–4 000 characters.
    pub text: String,
}

/// The result of `support.note`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteResult {
    /// The note.
    pub note: Note,
}

/// `support.notes`: one's own notes on a request, or about a member; newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GetNotes {
    /// On this request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// About this member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member_id: Option<UserId>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// 1–100; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// The result of `support.notes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notes {
    /// A page.
    pub items: Vec<Note>,
    /// `after` of the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What a member thinks of how a request was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rating {
    /// 1–5.
    pub stars: u8,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// When it was given first.
    pub rated_at: Millis,
    /// When it was changed, the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Millis>,
}

/// `support.rate`, by the member, after the end. Again within 7 days: it is changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// Which.
    pub request_id: RequestId,
    /// 1–5.
    pub stars: u8,
    /// At most 2 000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// The result of `support.rate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RatingResult {
    /// The rating as it is now.
    pub rating: Rating,
}

/// Feed `support.rated`, to the coach who answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rated {
    /// Which request.
    pub request_id: RequestId,
    /// Where they talked.
    pub conversation_id: ConversationId,
    /// What the member thinks.
    pub rating: Rating,
}

/// `support.history`: one's own ended requests, as member and as coach, newest first. A coach who
/// answers a member just now may name the member, and reads what ended at the same desk.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GetHistory {
    /// Of this member, whom one answers now; absent: one's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member_id: Option<UserId>,
    /// Only those that ended so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// Only those of this desk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desk_id: Option<DeskId>,
    /// Only those that asked for this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expertise: Option<String>,
    /// Only those with this in the subject or the summary, whatever the case of its letters;
    /// 1–200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Only those that ended then or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_at: Option<Millis>,
    /// Only those that ended before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_at: Option<Millis>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// 1–100; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// The result of `support.history`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// A page. Where much was left out by the filters it may be short, or empty, with a `next`.
    pub items: Vec<Request>,
    /// `after` of the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

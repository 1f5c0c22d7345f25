//! `exchange.*`: trainees of a training group who practise with one another.
//!
//! Somebody proposes a time, the other side answers: accepts, declines, or proposes another one.
//! An open offer on a group's board is a proposal to whoever takes it first; the session that
//! comes of it has the offer's id. Time that one gives and receives is counted when a session is
//! completed.

use crate::id::nullable;
use crate::people::Person;
use crate::{ClientId, ConversationId, ExchangeId, GroupId, Millis, UserId};
use serde::{Deserialize, Serialize};

/// Where a session is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Proposed; the side that did not propose answers.
    Requested,
    /// Agreed on.
    Accepted,
    /// Under way, or over and not confirmed yet.
    Started,
    /// It took place.
    Completed,
    /// One side says that it did not go as agreed.
    Disputed,
    /// Called off.
    Cancelled,
    /// One side did not come, or nobody did.
    NoShow,
    /// The answer was no.
    Declined,
    /// Taken back by who proposed it.
    Withdrawn,
    /// Nobody answered in time.
    Expired,
}

/// What is given and received, seen by who says it. At least one of the two. With one, the whole
/// time is given or received; with both, half and half.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Terms {
    /// What the speaker gives, in 1–80 characters: "listening", "a coaching hour".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub give: Option<String>,
    /// What the speaker would like to receive, in 1–80 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receive: Option<String>,
}

/// A session, as its two sides see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Which.
    pub id: ExchangeId,
    /// The training group that both are in.
    pub group_id: GroupId,
    /// Who asked, or posted the offer.
    pub requester: Person,
    /// Who was asked, or took the offer.
    pub responder: Person,
    /// Where it is in its life.
    pub state: State,
    /// When it begins.
    pub starts_at: Millis,
    /// When it ends.
    pub ends_at: Millis,
    /// How long it takes.
    pub duration_min: u32,
    /// What the requester gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester_gives: Option<String>,
    /// What the responder gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responder_gives: Option<String>,
    /// What was said with the latest proposal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Counts proposals: 1, 2, 3, …
    pub version: u32,
    /// Who made the latest one; the other side answers.
    pub proposed_by: UserId,
    /// When it was asked for, or its offer posted.
    pub created_at: Millis,
    /// While requested: it expires then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_by: Option<Millis>,
    /// When it was agreed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<Millis>,
    /// When somebody said that it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Millis>,
    /// Who confirmed that it took place.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub confirmed_by: Vec<UserId>,
    /// Once one side confirmed: completed then, whatever the other side says until then but a
    /// dispute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completes_at: Option<Millis>,
    /// When it came to its end state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Millis>,
    /// Who ended it; absent where time did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<UserId>,
    /// Of a no-show: who did not come; absent where nobody said that it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent_id: Option<UserId>,
    /// What was said with a decline, a cancellation or a dispute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where the two talk; opens with the acceptance.
    pub conversation_id: ConversationId,
}

/// An open offer on a board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Which; the session that comes of it has the same id.
    pub id: ExchangeId,
    /// On the board of which training group.
    pub group_id: GroupId,
    /// Who offers.
    pub author: Person,
    /// What, seen by the author.
    pub offer: Terms,
    /// When; absent: whoever takes it proposes a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Millis>,
    /// How long.
    pub duration_min: u32,
    /// When it was posted.
    pub posted_at: Millis,
    /// It leaves the board then.
    pub expires_at: Millis,
}

/// Notes on a session.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Notes {
    /// One's own; nobody else sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<String>,
    /// Of both sides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<String>,
}

/// `exchange.request`: proposes a session to somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Whom.
    pub responder_id: UserId,
    /// The session's idempotency key, chosen by the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
    /// A training group that both are in; any, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<GroupId>,
    /// When, at most [`crate::limits::EXCHANGE_HORIZON_MS`] ahead.
    pub starts_at: Millis,
    /// How long: 15–240.
    pub duration_min: u32,
    /// What one gives and receives.
    pub offer: Terms,
    /// A word with it, at most 1 000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// `exchange.post`: an open offer on the board of a training group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// Which group.
    pub group_id: GroupId,
    /// The offer's idempotency key, chosen by the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
    /// When; absent: whoever takes it proposes a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Millis>,
    /// How long: 15–240.
    pub duration_min: u32,
    /// What one gives and receives.
    pub offer: Terms,
}

/// `exchange.take`: exactly one takes an offer. One with a time is accepted by that; one without
/// becomes a request to its author.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Take {
    /// Which.
    pub offer_id: ExchangeId,
    /// When, for an offer without a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Millis>,
}

/// `exchange.board`: the open offers of a training group, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetBoard {
    /// Which group.
    pub group_id: GroupId,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// 1–100; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// `exchange.counter`: proposes something else, by the side that is to answer. What is absent
/// stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// Which.
    pub exchange_id: ExchangeId,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Millis>,
    /// How long: 15–240.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_min: Option<u32>,
    /// What one gives and receives, seen by who counters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<Terms>,
    /// A word with it, at most 1 000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// `exchange.accept`, by the side that is to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accept {
    /// Which.
    pub exchange_id: ExchangeId,
    /// The proposal that is meant; another one by now is a `conflict`. Any, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}

macro_rules! on_a_session {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name {
            /// Which.
            pub exchange_id: ExchangeId,
        }
    )*};
}

on_a_session! {
    /// `exchange.withdraw`, by who proposed it; also of an open offer, by its author.
    Withdraw
    /// `exchange.start`: it begins.
    Start
    /// `exchange.confirm`: it took place.
    Confirm
    /// `exchange.no_show`: the other side did not come.
    NoShow
    /// `exchange.get`.
    Get
}

macro_rules! with_a_reason {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name {
            /// Which.
            pub exchange_id: ExchangeId,
            /// A word with it, for the other side, at most 1 000 characters.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub reason: Option<String>,
        }
    )*};
}

with_a_reason! {
    /// `exchange.decline`, by the side that is to answer.
    Decline
    /// `exchange.cancel`, of what is agreed on, by either side.
    Cancel
    /// `exchange.dispute`: it did not go as agreed.
    Dispute
}

/// `exchange.note`: writes a note anew; an empty text takes it away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// On which session.
    pub exchange_id: ExchangeId,
    /// At most 4 000 characters.
    pub text: String,
    /// The note of both sides; one's own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<bool>,
}

/// `exchange.list`: one's own sessions, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct List {
    /// Only those that did not end, or only those that did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<bool>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// 1–100; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// `exchange.ledger`: time given and received in completed sessions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GetLedger {
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// 1–100; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// The result of commands on one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionResult {
    /// The session as it is now.
    pub session: Session,
}

/// The result of `exchange.get`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionAndNotes {
    /// The session.
    pub session: Session,
    /// What one may see of the notes on it.
    pub notes: Notes,
}

/// The result of `exchange.note`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotesResult {
    /// What one may see of the notes now.
    pub notes: Notes,
}

/// The result of `exchange.post`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferResult {
    /// The offer.
    pub offer: Offer,
}

/// The result of `exchange.withdraw`: one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WithdrawResult {
    /// The session as it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// The offer as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<Offer>,
}

/// The result of `exchange.board`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Board {
    /// A page. It may hold fewer than were asked for, although more follow.
    pub items: Vec<Offer>,
    /// `after` of the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The result of `exchange.list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions {
    /// A page. It may hold fewer than were asked for, although more follow.
    pub items: Vec<Session>,
    /// `after` of the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A completed session in a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Which.
    pub exchange_id: ExchangeId,
    /// With whom.
    pub with: Person,
    /// What one gave.
    pub given_min: u32,
    /// What one received.
    pub received_min: u32,
    /// When it was completed.
    pub completed_at: Millis,
}

/// The result of `exchange.ledger`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// All that one gave.
    pub given_min: u64,
    /// All that one received.
    pub received_min: u64,
    /// A page of it, newest first.
    pub items: Vec<Entry>,
    /// `after` of the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

macro_rules! session_events {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name {
            /// The session as it is after this.
            pub session: Session,
        }
    )*};
}

session_events! {
    /// Feed `exchange.requested`, to both sides.
    Requested
    /// Feed `exchange.countered`, to both sides.
    Countered
    /// Feed `exchange.accepted`, to both sides.
    Accepted
    /// Feed `exchange.declined`, to both sides.
    Declined
    /// Feed `exchange.withdrawn`, to both sides.
    Withdrawn
    /// Feed `exchange.expired`, to both sides.
    Expired
    /// Feed `exchange.started`, to both sides.
    Started
    /// Feed `exchange.confirmed`, to both sides: one of them confirmed.
    Confirmed
    /// Feed `exchange.completed`, to both sides.
    Completed
    /// Feed `exchange.cancelled`, to both sides.
    Cancelled
    /// Feed `exchange.no_show`, to both sides.
    Missed
    /// Feed `exchange.disputed`, to both sides.
    Disputed
}

macro_rules! offer_events {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name {
            /// The offer.
            pub offer: Offer,
        }
    )*};
}

offer_events! {
    /// Feed `exchange.offered`, to the author.
    Offered
    /// Feed `exchange.offer_withdrawn`, to the author.
    OfferWithdrawn
    /// Feed `exchange.offer_expired`, to the author.
    OfferExpired
}

/// Feed `exchange.noted`, to both sides: the shared note was written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// On which session.
    pub exchange_id: ExchangeId,
    /// By whom.
    pub by: UserId,
}

//! `support.*`, `desk.*` and `coach.*`: people in need of a word, and those who answer.
//!
//! A desk is a queue. A request waits there until a coach claims it; then a conversation opens
//! whose id was made with the request. Places in the queue are held while people are away.

mod after;

pub use after::{
    GetHistory, GetNotes, History, Note, NoteResult, Notes, Rate, Rated, Rating, RatingResult,
    WriteNote,
};

use crate::id::nullable;
pub use crate::money::Money;
use crate::people::Person;
use crate::{ClientId, ConversationId, DeskId, Millis, RequestId, UserId};
use serde::{Deserialize, Serialize};

/// Where a request is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The fee comes first.
    AwaitingPayment,
    /// In the queue.
    Queued,
    /// Shown to one coach, who may take it.
    Offered,
    /// A coach answers.
    Active,
    /// On its way from one coach to another.
    Transferring,
    /// Over.
    Closed,
    /// Taken back by the member.
    Cancelled,
    /// Waited too long.
    Expired,
    /// The member went silent.
    Abandoned,
}

/// A support request, as its member and the coaches of its desk see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Which.
    pub id: RequestId,
    /// Where.
    pub desk_id: DeskId,
    /// Who asks.
    pub member: Person,
    /// What about, in a line.
    pub subject: String,
    /// What the coach should know of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expertise: Option<String>,
    /// Where it is in its life.
    pub state: State,
    /// The coach who answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coach: Option<Person>,
    /// Where they talk; opens with the claim.
    pub conversation_id: ConversationId,
    /// When it was asked.
    pub created_at: Millis,
    /// The coach it is offered to, while it is `offered` or `transferring`. A hand-over to
    /// whoever is free may have none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered_to: Option<Person>,
    /// Until when that may be accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered_until: Option<Millis>,
    /// When a coach took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_at: Option<Millis>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Millis>,
    /// What it costs if a coach answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee: Option<Money>,
    /// The coach's connection dropped; back in the queue at the front unless it returns by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_until: Option<Millis>,
    /// What the coach wrote at the end; where the request is open again, at the end before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// What the member thinks of it, in the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<Rating>,
}

/// An honest wait: between the 10th and the 90th percentile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// The 10th percentile.
    pub low_ms: u64,
    /// The 90th.
    pub high_ms: u64,
}

/// A desk in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desk {
    /// Which.
    pub id: DeskId,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub topics: Vec<String>,
    /// Takes requests now.
    pub open: bool,
    /// How many wait.
    pub waiting: u32,
    /// How long; absent while not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Wait>,
}

/// `desk.list`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ListDesks {}

/// The result of `desk.list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desks {
    /// All desks.
    pub items: Vec<Desk>,
}

/// `desk.create`, for admins. Again with the same `client_id`: the same desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateDesk {
    /// The desk's idempotency key, chosen by the client.
    pub client_id: ClientId,
    /// 1–80 characters.
    pub name: String,
    /// What it is for.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<String>,
}

/// The result of `desk.create`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeskResult {
    /// The desk.
    pub desk: Desk,
}

/// `desk.update`, for admins. What is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateDesk {
    /// Which.
    pub desk_id: DeskId,
    /// 1–80 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topics: Option<Vec<String>>,
    /// Takes requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<bool>,
}

/// `desk.close`, for admins: it takes no new requests, and finishes those it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseDesk {
    /// Which.
    pub desk_id: DeskId,
}

/// `desk.board`, for coaches of the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetBoard {
    /// Which.
    pub desk_id: DeskId,
}

/// A coach on the board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardCoach {
    /// Who.
    pub coach: Person,
    /// Takes offers.
    pub available: bool,
    /// How many people at once.
    pub capacity: u32,
    /// How many now.
    pub load: u32,
}

/// The result of `desk.board`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Board {
    /// Counts the desk's changes; `desk.changed` goes on from here.
    pub version: u64,
    /// Queued and offered, in the order of the queue, at most [`crate::limits::BOARD_REQUESTS_MAX`].
    pub waiting: Vec<Request>,
    /// How many wait.
    pub waiting_total: u32,
    /// Active and transferring, one's own first, at most [`crate::limits::BOARD_REQUESTS_MAX`].
    pub active: Vec<Request>,
    /// How many are being answered.
    pub active_total: u32,
    /// Who answers.
    pub coaches: Vec<BoardCoach>,
}

/// `coach.set`. What is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SetCoach {
    /// Takes offers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<bool>,
    /// How many people at once, on each desk: 0–500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u32>,
    /// Serves these desks; all if never set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desks: Option<Vec<DeskId>>,
    /// What the coach knows of: words that a request's `expertise` is compared with, at most 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expertise: Option<Vec<String>>,
}

/// The result of `coach.set`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoachSettings {
    /// Takes offers.
    pub available: bool,
    /// How many people at once, on each desk.
    pub capacity: u32,
    /// Serves these desks; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desks: Option<Vec<DeskId>>,
    /// What the coach knows of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expertise: Vec<String>,
}

/// `support.request`. A member has at most one open request; another one is a `conflict` whose
/// detail holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Where; `general` is there from the start.
    pub desk_id: DeskId,
    /// The request's idempotency key, chosen by the client; without it the open request itself
    /// is what keeps a repetition from asking twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
    /// What about, 1–200 characters.
    pub subject: String,
    /// The first words, at most 8 000 characters; there when the coach opens the chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What the coach should know of, at most 80 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expertise: Option<String>,
    /// The coach who is offered it first, if available.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_coach_id: Option<UserId>,
    /// What the member agrees to pay if a coach answers; needed where the desk asks for a fee.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee: Option<Money>,
}

/// The result of `support.request`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The request.
    pub request: Request,
    /// 1 is next; absent where a coach was faster than the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
    /// How long; absent while not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Wait>,
}

/// `support.cancel`, while nobody answers yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// Which.
    pub request_id: RequestId,
}

/// The result of commands on one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestResult {
    /// The request as it is now.
    pub request: Request,
}

/// `support.status`: one's own open request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GetStatus {}

/// The result of `support.status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The open request; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// 1 is next; absent once a coach answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
    /// How long; absent while not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Wait>,
}

/// `support.claim`, for coaches: exactly one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Which.
    pub request_id: RequestId,
}

/// `support.accept`, by the coach to whom a request or a hand-over is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accept {
    /// Which.
    pub request_id: RequestId,
}

/// `support.decline`, by the same: it is not offered to this coach again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decline {
    /// Which.
    pub request_id: RequestId,
}

/// `support.transfer`, by the coach who answers, who keeps answering until somebody accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Which.
    pub request_id: RequestId,
    /// To whom; absent: whoever is free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coach_id: Option<UserId>,
}

/// `support.reopen`, by the member, within 72 hours after it was closed or abandoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reopen {
    /// Which.
    pub request_id: RequestId,
}

/// `support.close`, by the coach who answers or the member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Close {
    /// Which.
    pub request_id: RequestId,
    /// The coach's closing words, at most 4 000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
}

macro_rules! request_events {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name {
            /// The request as it is after this.
            pub request: Request,
            /// Where they talk.
            pub conversation_id: ConversationId,
        }
    )*};
}

request_events! {
    /// Feed `support.queued`, to the member.
    Queued
    /// Feed `support.awaiting_payment`, to the member: the fee comes first.
    AwaitingPayment
    /// Feed `support.offered`, to the member and the coach: it may be accepted until
    /// `request.offered_until`.
    Offered
    /// Feed `support.claimed`, to the member and the coach.
    Claimed
    /// Feed `support.transfer_offered`, to the member, the coach who answers and the one it is
    /// offered to.
    TransferOffered
    /// Feed `support.abandoned`, to the member and the coach: the member stayed silent.
    Abandoned
    /// Feed `support.expired`, to the member: nobody came in time.
    Expired
    /// Feed `support.reopened`, to the member and the coach who had answered.
    Reopened
    /// Feed `support.closed`, to the member and the coach.
    Closed
    /// Feed `support.cancelled`, to the member.
    Cancelled
}

/// Why a request is back in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The coach to whom it was offered said no: it is in its old place.
    Declined,
    /// That coach did not answer: it is in its old place.
    TimedOut,
    /// That coach is not here any more, or takes no offers: it is in its old place.
    OfferGone,
    /// The coach who answered is gone: it is at the front.
    CoachGone,
    /// The member waited too long for an answer: it is at the front.
    Unanswered,
}

/// Feed `support.requeued`, to the member and the coach who had it, or to whom it was offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requeued {
    /// The request as it is after this.
    pub request: Request,
    /// Where they talk.
    pub conversation_id: ConversationId,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

/// Feed `support.transferred`, to the member and both coaches: `request.coach` answers now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transferred {
    /// The request as it is after this.
    pub request: Request,
    /// Where they talk.
    pub conversation_id: ConversationId,
    /// Nobody took it: it stays with the coach who had it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub returned: bool,
}

/// Feed `support.warned`, to the one who is silent: the member, whose request ends, or the coach,
/// whose member goes back to the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warned {
    /// The request as it is after this.
    pub request: Request,
    /// Where they talk.
    pub conversation_id: ConversationId,
    /// Who is silent.
    pub user_id: UserId,
    /// A word until then, and nothing happens.
    pub until_at: Millis,
}

/// Feed `support.help`, to somebody whose words sound like an emergency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Help {
    /// Where help is to be had, in words.
    pub text: String,
}

/// Signal `support.position`, to the member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Of which request.
    pub request_id: RequestId,
    /// 1 is next.
    pub position: u32,
    /// How long; absent while not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Wait>,
}

/// Signal `support.coach_away`, to the member: the coach's connection dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoachAway {
    /// Of which request.
    pub request_id: RequestId,
    /// Back in the queue, at the front, unless the coach returns by then. Absent: the coach is
    /// back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_until: Option<Millis>,
}

/// Signal `desk.changed`, on `desk:<id>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeskChanged {
    /// The board's version after the changes. If it is not one more than the last one seen,
    /// read the board again.
    pub version: u64,
    /// What changed.
    pub changes: Vec<DeskChange>,
}

/// One change of a board: the newest form of a request or of a coach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeskChange {
    /// Queued, offered, active or transferring; any other state: it is off the board.
    Request(Box<Request>),
    /// A coach.
    Coach(BoardCoach),
}

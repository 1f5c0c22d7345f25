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
use crate::people::Person;
use crate::{ClientId, ConversationId, DeskId, Millis, RequestId};
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
    /// When a coach took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_at: Option<Millis>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Millis>,
    /// The coach's connection dropped; back in the queue at the front unless it returns by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_until: Option<Millis>,
    /// What the coach wrote at the end.
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
    /// In the order of the queue, at most [`crate::limits::BOARD_REQUESTS_MAX`].
    pub waiting: Vec<Request>,
    /// How many wait.
    pub waiting_total: u32,
    /// Being answered, one's own first, at most [`crate::limits::BOARD_REQUESTS_MAX`].
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
    /// Feed `support.claimed`, to the member and the coach.
    Claimed
    /// Feed `support.requeued`, to the member and the coach who dropped: back at the front.
    Requeued
    /// Feed `support.closed`, to the member and the coach.
    Closed
    /// Feed `support.cancelled`, to the member.
    Cancelled
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
    /// Waiting or active; any other state: it is off the board.
    Request(Box<Request>),
    /// A coach.
    Coach(BoardCoach),
}

//! The oracle: says whether anything was lost, doubled, reordered or disagreed about.
//!
//! Pure: no socket, no clock, no lock. [`watch`] holds what one receiver saw of one topic,
//! [`record`] what all agree on about one topic (sends, acknowledgements, history), [`claims`]
//! the life of support requests, [`departures`] who was shown as gone. Each returns [`Fault`]s;
//! [`Findings`] gathers them.

pub(crate) mod claims;
pub(crate) mod departures;
pub(crate) mod record;
pub(crate) mod watch;

use protocol::{ClientId, RequestId, Seq, UserId};
use serde::Serialize;
use std::collections::BTreeMap;

/// How many findings are kept in words; all are counted.
const FINDINGS_KEPT_MAX: usize = 20;

/// One broken promise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// A push came twice on one connection, or again after a resume whose cursor covers it.
    #[error("seq {seq} was pushed twice")]
    Doubled { seq: Seq },
    /// A push came after a later one.
    #[error("seq {seq} was pushed after {after}")]
    Reordered { seq: Seq, after: Seq },
    /// Pushes jumped and no `gap` announced it.
    #[error("the pushes jumped over {from}..={to}, and no gap was announced")]
    Gap { from: Seq, to: Seq },
    /// The newest events never reached a member who was online.
    #[error("the newest events {from}..={to} never arrived")]
    MissingTail { from: Seq, to: Seq },
    /// Events in the middle were never seen, neither pushed nor read.
    #[error("events {from}..={to} were never seen")]
    NotSeen { from: Seq, to: Seq },
    /// After a reconnect the topic ends before what was already seen.
    #[error("the head is {head}, and {cursor} had been seen")]
    HeadWentBack { cursor: Seq, head: Seq },
    /// Two receivers, or a receiver and the history, have different events at one place.
    #[error("seq {seq} is not the same event for everybody")]
    Disagreement { seq: Seq },
    /// An acknowledged message is not in the history.
    #[error("message {client_id} was acknowledged as seq {seq} and is not in the history")]
    Lost { client_id: ClientId, seq: Seq },
    /// A message is in the history more than once.
    #[error("message {client_id} is in the history {times} times")]
    Repeated { client_id: ClientId, times: usize },
    /// The acknowledgement and the history name different places or ids.
    #[error("message {client_id} was acknowledged as seq {acked}, and stands at {found}")]
    Moved { client_id: ClientId, acked: Seq, found: Seq },
    /// Two acknowledgements of one message differ.
    #[error("message {client_id} was acknowledged as seq {first}, and then as {second}")]
    AckChanged { client_id: ClientId, first: Seq, second: Seq },
    /// The first attempt was answered as a duplicate.
    #[error("message {client_id} was called a duplicate at its first attempt")]
    FalseDuplicate { client_id: ClientId },
    /// Text or sender are not those that were sent.
    #[error("seq {seq} does not hold what {client_id} sent")]
    Altered { client_id: ClientId, seq: Seq },
    /// A message nobody sent.
    #[error("seq {seq} holds a message that nobody sent")]
    Invented { seq: Seq },
    /// An opening text is not in the history exactly once.
    #[error("the first words of {sender} are in the history {times} times")]
    FirstWords { sender: UserId, times: usize },
    /// The history has a hole or goes back.
    #[error("the history goes from seq {before} to {after}")]
    Hole { before: Seq, after: Seq },
    /// The history ends before an acknowledged seq.
    #[error("the history ends at {found}, and {known} is known")]
    ShortHistory { found: Seq, known: Seq },
    /// Messages are not numbered 1, 2, 3, …
    #[error("seq {seq} has message number {found}, not {expected}")]
    Number { seq: Seq, expected: u64, found: u64 },
    /// A sender's messages stand in another order than they were sent in.
    #[error("{sender} sent seq {later} before seq {earlier}")]
    SenderOrder { sender: UserId, earlier: Seq, later: Seq },

    /// More owners than claims.
    #[error("request {request} had {owners} owners and went back to the queue {requeues} times")]
    TwoOwners { request: RequestId, owners: usize, requeues: usize },
    /// In neither the queue nor an end.
    #[error("request {request} was acknowledged and is now nowhere")]
    Forgotten { request: RequestId },
    /// The member's own view and the desk's board differ.
    #[error("request {request} is {status} for its member and {board} on the board")]
    BoardDisagrees { request: RequestId, status: &'static str, board: &'static str },
    /// A coach owns a request, and its member was not told.
    #[error("request {request} was claimed by {coach}, and its member was never told")]
    NotTold { request: RequestId, coach: UserId },
    /// A request ended as answered and no coach ever had it.
    #[error("request {request} was closed, and nobody had claimed it")]
    ClosedUnclaimed { request: RequestId },
    /// The position that a member was told is not the place on the board.
    #[error("request {request} was told position {told}, and stands at {low} to {high}")]
    WrongPosition { request: RequestId, told: u32, low: usize, high: usize },
    /// A coach has more people than wanted.
    #[error("coach {coach} has {load} people and wanted {capacity}")]
    BeyondCapacity { coach: UserId, load: u32, capacity: u32 },
    /// A place in the queue below 1.
    #[error("request {request} was told position {position}")]
    Position { request: RequestId, position: u32 },

    /// Somebody who is here was shown as gone.
    #[error(
        "{person} is here for {here_ms} ms, and {watcher} was told at {at_ms} ms of the run that \
         they are gone"
    )]
    FalselyGone { person: UserId, watcher: UserId, at_ms: u128, here_ms: u128 },
    /// Somebody who is gone was never shown as gone.
    #[error("{person} is gone, and {watcher} was never told")]
    StillShown { person: UserId, watcher: UserId },
    /// Somebody who is gone was shown as gone too late.
    #[error("{person} is gone, and {watcher} was told after {after_ms} ms")]
    ShownLate { person: UserId, watcher: UserId, after_ms: u128 },

    /// A command that never got its reply on a live connection.
    #[error("{count} commands never got a reply; the first is {first}")]
    Unanswered { count: usize, first: String },
    /// The same two people have two conversations.
    #[error("two people have two conversations")]
    TwoConversations,
    /// What the server sent could not be read.
    #[error("unreadable: {0}")]
    Unreadable(String),
    /// The server closed the connection for good, or never came back.
    #[error("the connection ended for good: {0}")]
    Gone(String),
    /// The history could not be read back.
    #[error("the history could not be read: {0}")]
    HistoryRefused(String),
    /// The load test did nothing, so it proves nothing.
    #[error("nothing was acknowledged in the whole run")]
    NothingHappened,
}

impl Fault {
    /// A stable word for counting.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Doubled { .. } => "doubled",
            Self::Reordered { .. } => "reordered",
            Self::Gap { .. } => "gap",
            Self::MissingTail { .. } => "missing_tail",
            Self::NotSeen { .. } => "not_seen",
            Self::HeadWentBack { .. } => "head_went_back",
            Self::Disagreement { .. } => "disagreement",
            Self::Lost { .. } => "lost",
            Self::Repeated { .. } => "repeated",
            Self::Moved { .. } => "moved",
            Self::AckChanged { .. } => "ack_changed",
            Self::FalseDuplicate { .. } => "false_duplicate",
            Self::Altered { .. } => "altered",
            Self::Invented { .. } => "invented",
            Self::FirstWords { .. } => "first_words",
            Self::Hole { .. } => "hole",
            Self::ShortHistory { .. } => "short_history",
            Self::Number { .. } => "number",
            Self::SenderOrder { .. } => "sender_order",
            Self::TwoOwners { .. } => "two_owners",
            Self::Forgotten { .. } => "forgotten",
            Self::BoardDisagrees { .. } => "board_disagrees",
            Self::NotTold { .. } => "not_told",
            Self::ClosedUnclaimed { .. } => "closed_unclaimed",
            Self::Position { .. } => "position",
            Self::WrongPosition { .. } => "wrong_position",
            Self::BeyondCapacity { .. } => "beyond_capacity",
            Self::FalselyGone { .. } => "falsely_gone",
            Self::StillShown { .. } => "still_shown",
            Self::ShownLate { .. } => "shown_late",
            Self::Unanswered { .. } => "unanswered",
            Self::TwoConversations => "two_conversations",
            Self::Unreadable(_) => "unreadable",
            Self::Gone(_) => "gone",
            Self::HistoryRefused(_) => "history_refused",
            Self::NothingHappened => "nothing_happened",
        }
    }
}

/// All faults of a run: counted, and the first of them in words.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Findings {
    /// How many in all.
    pub(crate) total: u64,
    /// How many of each kind.
    pub(crate) by_kind: BTreeMap<&'static str, u64>,
    /// The first ones.
    pub(crate) first: Vec<String>,
}

impl Findings {
    /// Adds one; `place` says where: a topic, a person.
    pub(crate) fn add(&mut self, place: &impl std::fmt::Display, fault: &Fault) {
        self.total += 1;
        *self.by_kind.entry(fault.kind()).or_default() += 1;
        if self.first.len() < FINDINGS_KEPT_MAX {
            self.first.push(format!("{}: {place}: {fault}", fault.kind()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_findings_are_counted_and_only_the_first_are_kept_in_words() {
        let mut findings = Findings::default();
        for seq in 0..50 {
            findings.add(&"here", &Fault::Doubled { seq });
        }
        assert_eq!(findings.total, 50);
        assert_eq!(findings.by_kind.get("doubled"), Some(&50));
        assert_eq!(findings.first.len(), FINDINGS_KEPT_MAX);
        assert_eq!(
            findings.first.first().map(String::as_str),
            Some("doubled: here: seq 0 was pushed twice")
        );
    }
}

//! Why a desk refuses. What people read of it stands in the service's `refusal.rs`.

use protocol::people::Person;

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoSuchRequest,
    AlreadyClaimed(Person),
    NoCapacity,
    NotServing,
    NoCoach,
    /// One of the two blocked the other.
    Apart,
    ColleagueApart,
    OwnRequest,
    Over,
    Answered,
    NotAnswered,
    NotYours,
    Full,
    DeskClosed,
    NotOffered,
    Unpaid,
    NoSuchCoach,
    ColleagueFull,
    HandingOver,
}

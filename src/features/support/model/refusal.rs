//! Why a desk refuses.

use crate::words::support as words;
use protocol::people::Person;
use protocol::{Error, ErrorCode};

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{}", words::NO_SUCH_REQUEST)]
    NoSuchRequest,
    #[error("{} is already answering.", .0.name)]
    AlreadyClaimed(Person),
    #[error("{}", words::NO_CAPACITY)]
    NoCapacity,
    #[error("{}", words::NOT_SERVING)]
    NotServing,
    #[error("{}", words::OWN_REQUEST)]
    OwnRequest,
    #[error("{}", words::OVER)]
    Over,
    #[error("{}", words::ANSWERED)]
    Answered,
    #[error("{}", words::NOT_ANSWERED)]
    NotAnswered,
    #[error("{}", words::NOT_YOURS)]
    NotYours,
    #[error("{}", words::DESK_FULL)]
    Full,
    #[error("{}", words::DESK_CLOSED)]
    DeskClosed,
    #[error("{}", words::NOT_OFFERED)]
    NotOffered,
    #[error("{}", words::UNPAID)]
    Unpaid,
    #[error("{}", words::NO_SUCH_COACH)]
    NoSuchCoach,
    #[error("{}", words::COLLEAGUE_FULL)]
    ColleagueFull,
    #[error("{}", words::HANDING_OVER)]
    HandingOver,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        let code = match &refusal {
            Refusal::NoSuchRequest | Refusal::NoSuchCoach => ErrorCode::NotFound,
            Refusal::AlreadyClaimed(_) => ErrorCode::AlreadyClaimed,
            Refusal::NoCapacity | Refusal::Full | Refusal::ColleagueFull => ErrorCode::Full,
            Refusal::NotServing | Refusal::OwnRequest | Refusal::NotYours => ErrorCode::Forbidden,
            Refusal::Over
            | Refusal::Answered
            | Refusal::NotAnswered
            | Refusal::DeskClosed
            | Refusal::NotOffered
            | Refusal::Unpaid
            | Refusal::HandingOver => ErrorCode::Conflict,
        };
        let error = Self::new(code, message);
        match refusal {
            Refusal::AlreadyClaimed(owner) => error.detail(serde_json::json!({ "coach": owner })),
            _ => error,
        }
    }
}

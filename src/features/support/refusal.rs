//! What people read when a desk refuses, and the code of it.

use super::model::Refusal;
use crate::words::support as words;
use protocol::{Error, ErrorCode};

fn message(refusal: &Refusal) -> String {
    match refusal {
        Refusal::NoSuchRequest => words::NO_SUCH_REQUEST.to_owned(),
        Refusal::AlreadyClaimed(owner) => words::already_claimed(&owner.name),
        Refusal::NoCapacity => words::NO_CAPACITY.to_owned(),
        Refusal::NotServing => words::NOT_SERVING.to_owned(),
        Refusal::NoCoach => words::FOR_COACHES.to_owned(),
        Refusal::Apart => words::APART.to_owned(),
        Refusal::ColleagueApart => words::COLLEAGUE_APART.to_owned(),
        Refusal::OwnRequest => words::OWN_REQUEST.to_owned(),
        Refusal::Over => words::OVER.to_owned(),
        Refusal::Answered => words::ANSWERED.to_owned(),
        Refusal::NotAnswered => words::NOT_ANSWERED.to_owned(),
        Refusal::NotYours => words::NOT_YOURS.to_owned(),
        Refusal::Full => words::DESK_FULL.to_owned(),
        Refusal::DeskClosed => words::DESK_CLOSED.to_owned(),
        Refusal::NotOffered => words::NOT_OFFERED.to_owned(),
        Refusal::Unpaid => words::UNPAID.to_owned(),
        Refusal::NoSuchCoach => words::NO_SUCH_COACH.to_owned(),
        Refusal::ColleagueFull => words::COLLEAGUE_FULL.to_owned(),
        Refusal::HandingOver => words::HANDING_OVER.to_owned(),
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let message = message(&refusal);
        let code = match &refusal {
            Refusal::NoSuchRequest | Refusal::NoSuchCoach => ErrorCode::NotFound,
            Refusal::AlreadyClaimed(_) => ErrorCode::AlreadyClaimed,
            Refusal::NoCapacity | Refusal::Full | Refusal::ColleagueFull => ErrorCode::Full,
            Refusal::NotServing
            | Refusal::NoCoach
            | Refusal::Apart
            | Refusal::ColleagueApart
            | Refusal::OwnRequest
            | Refusal::NotYours => ErrorCode::Forbidden,
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

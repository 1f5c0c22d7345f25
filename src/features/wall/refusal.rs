//! Why not, as clients and people are told.

use super::model::Refusal;
use super::model::plan::Over;
use crate::words::wall as words;
use protocol::{Error, ErrorCode};

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        use ErrorCode as C;
        let (code, message) = match refusal {
            Refusal::NoSuchPost => (C::NotFound, words::NO_SUCH_POST),
            Refusal::NoSuchComment => (C::NotFound, words::NO_SUCH_COMMENT),
            Refusal::Deleted => (C::Conflict, words::DELETED),
            Refusal::Locked => (C::Closed, words::LOCKED),
            Refusal::TooDeep => (C::Conflict, words::TOO_DEEP),
            Refusal::NotYours => (C::Forbidden, words::NOT_YOURS),
            Refusal::ForModerators => (C::Forbidden, words::FOR_MODERATORS),
            Refusal::TooManyPinned => (C::Full, words::TOO_MANY_PINNED),
            Refusal::AlreadySo => (C::Conflict, words::ALREADY_SO),
            Refusal::Stale => (C::Busy, words::STALE),
        };
        Self::new(code, message)
    }
}

impl From<Over> for Error {
    fn from(over: Over) -> Self {
        match over {
            Over::Published => Self::new(ErrorCode::Conflict, words::ON_THE_WALL),
            Over::Discarded => Self::new(ErrorCode::Conflict, words::DELETED),
        }
    }
}

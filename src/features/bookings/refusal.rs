//! Why not, as clients and people are told.

use super::model::review::ReviewRefusal;
use super::model::{Denial, Refusal};
use crate::words::bookings as words;
use protocol::{Error, ErrorCode, UserId};

/// What is tried again waits for so long, where the calendars are being asked.
const MOVING_AGAIN_MS: u64 = 500;

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        use ErrorCode as C;
        match refusal {
            Refusal::NoSuchBooking => Self::new(C::NotFound, words::NO_SUCH_BOOKING),
            Refusal::NoSuchService => Self::new(C::NotFound, words::NO_SUCH_SERVICE),
            Refusal::StateWrong => Self::new(C::Conflict, words::STATE_WRONG),
            Refusal::TooLate => Self::new(C::Conflict, words::TOO_LATE),
            Refusal::TooEarly => Self::new(C::Conflict, words::TOO_EARLY),
            Refusal::HoldOver => Self::new(C::Conflict, words::HOLD_OVER),
            Refusal::Unpaid => Self::new(C::PaymentRequired, words::UNPAID),
            Refusal::Moving => Self::new(C::Busy, words::MOVING).retry_after_ms(MOVING_AGAIN_MS),
            Refusal::Moves => Self::new(C::Full, words::MOVES),
            Refusal::SameTime => Self::invalid("starts_at", words::SAME_TIME),
            Refusal::NoSlot => Self::new(C::SlotTaken, words::NO_SLOT),
            Refusal::Oneself => Self::invalid("coach_id", words::ONESELF),
            Refusal::Holds => Self::new(C::Full, words::HOLDS),
        }
    }
}

impl From<ReviewRefusal> for Error {
    fn from(refusal: ReviewRefusal) -> Self {
        use ErrorCode as C;
        match refusal {
            ReviewRefusal::NotCompleted => Self::new(C::Conflict, words::NOT_COMPLETED),
            ReviewRefusal::TooLate => Self::new(C::Conflict, words::REVIEW_LATE),
            ReviewRefusal::NoReview => Self::new(C::NotFound, words::NO_REVIEW),
            ReviewRefusal::Responded => Self::new(C::Conflict, words::RESPONDED),
        }
    }
}

/// Why an attempt failed, for the one who made it. `detail.who`: `you` or `other`.
pub(super) fn denied(why: Denial, asker: UserId) -> Error {
    let (code, user) = match why {
        Denial::Taken(user) => (ErrorCode::SlotTaken, user),
        Denial::Full(user) => (ErrorCode::Full, user),
    };
    let is_own = user == asker;
    let message = match (code, is_own) {
        (ErrorCode::Full, _) => words::CALENDAR_FULL,
        (_, true) => words::TAKEN_YOU,
        (_, false) => words::TAKEN_OTHER,
    };
    let who = if is_own { "you" } else { "other" };
    Error::new(code, message).detail(serde_json::json!({ "who": who }))
}

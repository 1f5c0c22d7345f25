//! Why not, as clients and people are told.

use super::model::{Denial, Refusal};
use crate::words::exchange as words;
use protocol::{Error, ErrorCode, UserId};

/// What an answer waits before it comes again, where the calendars are being looked at.
const ACCEPTING_AGAIN_MS: u64 = 500;

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        use ErrorCode as C;
        match refusal {
            Refusal::NoSuchSession => Self::new(C::NotFound, words::NO_SUCH_SESSION),
            Refusal::StateWrong => Self::new(C::Conflict, words::STATE_WRONG),
            Refusal::OwnProposal => Self::new(C::Forbidden, words::OWN_PROPOSAL),
            Refusal::NotYourProposal => Self::new(C::Forbidden, words::NOT_YOUR_PROPOSAL),
            Refusal::OwnOffer => Self::new(C::Forbidden, words::OWN_OFFER),
            Refusal::Gone => Self::new(C::AlreadyClaimed, words::GONE),
            Refusal::OtherVersion => Self::new(C::Conflict, words::OTHER_VERSION),
            Refusal::Accepting => {
                Self::new(C::Busy, words::ACCEPTING).retry_after_ms(ACCEPTING_AGAIN_MS)
            }
            Refusal::Proposals => Self::new(C::Full, words::PROPOSALS),
            Refusal::StartMissing => Self::invalid("starts_at", words::START_MISSING),
            Refusal::StartFixed => Self::invalid("starts_at", words::START_FIXED),
            Refusal::StartWrong => Self::invalid("starts_at", words::START_WRONG),
            Refusal::DurationWrong => Self::invalid("duration_min", words::DURATION_WRONG),
            Refusal::GivesNothing => Self::invalid("offer", words::GIVES_NOTHING),
            Refusal::NothingNew => Self::new(C::Conflict, words::NOTHING_NEW),
            Refusal::TooEarly => Self::new(C::Conflict, words::TOO_EARLY),
            Refusal::TooLate => Self::new(C::Conflict, words::TOO_LATE),
        }
    }
}

/// Why an attempt failed, for the one who made it. `detail.who`: `you` or `other`.
pub(super) fn denied(why: Denial, asker: UserId) -> Error {
    let who = |user: UserId| if user == asker { "you" } else { "other" };
    match why {
        Denial::Taken(user) => {
            let message = if user == asker { words::TAKEN_YOU } else { words::TAKEN_OTHER };
            let detail = serde_json::json!({ "who": who(user) });
            Error::new(ErrorCode::SlotTaken, message).detail(detail)
        }
        Denial::Full(user) => {
            let detail = serde_json::json!({ "who": who(user) });
            Error::new(ErrorCode::Full, words::SESSIONS_FULL).detail(detail)
        }
        Denial::Late => Refusal::Accepting.into(),
    }
}

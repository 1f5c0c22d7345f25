//! What a refusal is in words.

use super::model::Refusal;
use crate::words::conversations as words;
use std::borrow::Cow;

impl Refusal {
    /// For whoever asked.
    pub(crate) fn words(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::NoSuchConversation => words::NO_SUCH_CONVERSATION,
            Self::Closed => words::CLOSED,
            Self::AlreadySo => words::ALREADY_SO,
            Self::Full => return Cow::Owned(words::full()),
            Self::NotYours => words::NOT_YOURS,
            Self::TooLate => words::TOO_LATE,
            Self::Paused => words::PAUSED,
            Self::Waits => words::WAITS,
            Self::Unanswered => words::UNANSWERED,
            Self::NoRequest => words::NO_REQUEST,
            Self::Deleted => words::DELETED,
            Self::NoSuchMessage => words::NO_SUCH_MESSAGE,
            Self::Stale => words::STALE,
        })
    }
}

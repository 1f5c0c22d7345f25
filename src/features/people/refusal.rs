//! What a refusal is in words.

use super::model::Refusal;
use crate::words::people as words;

impl Refusal {
    /// For whoever asked.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Blocked => words::BLOCKED,
            Self::NoRequest => words::NO_REQUEST,
            Self::NotFriends => words::NOT_FRIENDS,
            Self::Declined => words::DECLINED,
            Self::Oneself => words::ONESELF,
            Self::NoMessages => words::NO_MESSAGES,
            Self::NoSuchChoice => words::NO_SUCH_CHOICE,
            Self::NoSuchPerson => words::NO_SUCH_PERSON,
            Self::Full => words::FULL,
        }
    }
}

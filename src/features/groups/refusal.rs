//! Why not, as clients and people are told.

use super::model::Refusal;
use crate::words::groups as words;
use protocol::{Error, ErrorCode};

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        use ErrorCode as C;
        let (code, message) = match refusal {
            Refusal::NoSuchGroup => (C::NotFound, words::NO_SUCH_GROUP),
            Refusal::NoSuchPerson => (C::NotFound, words::NO_SUCH_PERSON),
            Refusal::NoSuchCategory => (C::NotFound, words::NO_SUCH_CATEGORY),
            Refusal::NotYours => (C::Forbidden, words::NOT_YOURS),
            Refusal::OwnerOnly => (C::Forbidden, words::OWNER_ONLY),
            Refusal::OwnerStays => (C::Conflict, words::OWNER_STAYS),
            Refusal::Banned => (C::Forbidden, words::BANNED),
            Refusal::IsBanned => (C::Conflict, words::IS_BANNED),
            Refusal::NotBanned => (C::Conflict, words::NOT_BANNED),
            Refusal::InviteOnly => (C::Forbidden, words::INVITE_ONLY),
            Refusal::Entitlement => (C::Forbidden, words::ENTITLEMENT),
            Refusal::RejectedLately => (C::Conflict, words::REJECTED_LATELY),
            Refusal::NoRequest => (C::Conflict, words::NO_REQUEST),
            Refusal::NoInvitation => (C::Conflict, words::NO_INVITATION),
            Refusal::NotIn => (C::Conflict, words::NOT_IN),
            Refusal::NotAMember => (C::Conflict, words::NOT_A_MEMBER),
            Refusal::Blocked => (C::Blocked, words::BLOCKED),
            Refusal::GroupsFull => (C::Full, words::GROUPS_FULL),
            Refusal::OwnedFull => (C::Full, words::OWNED_FULL),
            Refusal::AsksFull => (C::Full, words::ASKS_FULL),
            Refusal::WaitingFull => (C::Full, words::WAITING_FULL),
            Refusal::CategoriesFull => (C::Full, words::CATEGORIES_FULL),
        };
        Self::new(code, message)
    }
}

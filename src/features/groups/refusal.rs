//! Why not, as clients and people are told.

use super::model::Refusal;
use crate::words::groups as words;
use protocol::{Error, ErrorCode};

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        use ErrorCode as C;
        let (code, message) = match refusal {
            Refusal::NoSuchGroup => (C::NotFound, words::NO_SUCH_GROUP),
            Refusal::OwnerStays => (C::Conflict, words::OWNER_STAYS),
            Refusal::Banned => (C::Forbidden, words::BANNED),
            Refusal::NotYours => (C::Forbidden, words::NOT_YOURS),
        };
        Self::new(code, message)
    }
}

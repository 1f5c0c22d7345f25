//! The rules of membership. Pure.

use protocol::groups::Role;
use protocol::{Error, ErrorCode};

/// What a person is in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Never was in it.
    Stranger,
    /// Is in it.
    In(Role),
    /// Was in it.
    Left,
}

/// What a person wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// Make the group, and own it.
    Found,
    /// Get in.
    Join,
    /// Get out.
    Leave,
    /// Be forgotten: out, as owner too.
    Vanish,
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("There is no such group.")]
    NoSuchGroup,
    #[error("The owner of a group stays in it.")]
    OwnerStays,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::NoSuchGroup => ErrorCode::NotFound,
            Refusal::OwnerStays => ErrorCode::Conflict,
        };
        Self::new(code, refusal.to_string())
    }
}

/// The next standing; `None`: it is so already.
pub(super) fn decide(now: Standing, wish: Wish) -> Result<Option<Standing>, Refusal> {
    match (now, wish) {
        (Standing::In(_), Wish::Found | Wish::Join)
        | (Standing::Left, Wish::Leave)
        | (Standing::Left | Standing::Stranger, Wish::Vanish) => Ok(None),
        (Standing::Stranger | Standing::Left, Wish::Found) => Ok(Some(Standing::In(Role::Owner))),
        (Standing::Stranger | Standing::Left, Wish::Join) => Ok(Some(Standing::In(Role::Member))),
        (Standing::In(Role::Owner), Wish::Leave) => Err(Refusal::OwnerStays),
        (Standing::In(_), Wish::Vanish) | (Standing::In(Role::Member), Wish::Leave) => {
            Ok(Some(Standing::Left))
        }
        (Standing::Stranger, Wish::Leave) => Err(Refusal::NoSuchGroup),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_standing_answers_every_wish() {
        use Standing::{In, Left, Stranger};
        use Wish::{Found, Join, Leave, Vanish};
        let table = [
            (Stranger, Found, Ok(Some(In(Role::Owner)))),
            (Stranger, Join, Ok(Some(In(Role::Member)))),
            (Stranger, Leave, Err(Refusal::NoSuchGroup)),
            (In(Role::Owner), Found, Ok(None)),
            (In(Role::Owner), Join, Ok(None)),
            (In(Role::Owner), Leave, Err(Refusal::OwnerStays)),
            (In(Role::Member), Found, Ok(None)),
            (In(Role::Member), Join, Ok(None)),
            (In(Role::Member), Leave, Ok(Some(Left))),
            (Left, Found, Ok(Some(In(Role::Owner)))),
            (Left, Join, Ok(Some(In(Role::Member)))),
            (Left, Leave, Ok(None)),
            (Stranger, Vanish, Ok(None)),
            (In(Role::Owner), Vanish, Ok(Some(Left))),
            (In(Role::Member), Vanish, Ok(Some(Left))),
            (Left, Vanish, Ok(None)),
        ];
        for (now, wish, expected) in table {
            assert_eq!(decide(now, wish), expected, "{now:?} {wish:?}");
        }
    }
}

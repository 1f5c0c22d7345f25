//! The rules of membership. Pure.

use protocol::groups::{Role, Standing as Shown};

#[cfg(test)]
mod tests;

/// What a person is to a group: a closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Never had to do with it.
    Stranger,
    /// Asked to get in.
    Requested,
    /// Was invited.
    Invited,
    /// Is in it.
    In(Role),
    /// Was in it.
    Left,
    /// Asked, and was told no.
    Rejected,
    /// Took the request back, or declined the invitation.
    Withdrawn,
    /// May not come in.
    Banned,
}

impl Standing {
    /// The role of somebody who is in it.
    pub const fn role(self) -> Option<Role> {
        match self {
            Self::In(role) => Some(role),
            Self::Stranger
            | Self::Requested
            | Self::Invited
            | Self::Left
            | Self::Rejected
            | Self::Withdrawn
            | Self::Banned => None,
        }
    }

    /// As the person is told.
    pub const fn shown(self) -> Option<Shown> {
        match self {
            Self::Stranger => None,
            Self::Requested => Some(Shown::Requested),
            Self::Invited => Some(Shown::Invited),
            Self::In(_) => Some(Shown::Member),
            Self::Left => Some(Shown::Left),
            Self::Rejected => Some(Shown::Rejected),
            Self::Withdrawn => Some(Shown::Withdrawn),
            Self::Banned => Some(Shown::Banned),
        }
    }
}

/// What somebody may want to do on the wall of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Read it.
    Read,
    /// Write on it: posts, comments, likes.
    Post,
    /// Pin, lock, or delete what others wrote.
    Moderate,
}

/// Whether a person of this standing may.
pub(super) const fn may(standing: Standing, act: Act) -> bool {
    match (standing.role(), act) {
        (None, _) | (Some(Role::Member), Act::Moderate) => false,
        (Some(_), Act::Read | Act::Post) | (Some(Role::Owner | Role::Moderator), Act::Moderate) => {
            true
        }
    }
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    NoSuchGroup,
    OwnerStays,
    Banned,
    NotYours,
}

/// The next standing; `None`: it is so already.
pub(super) fn decide(now: Standing, wish: Wish) -> Result<Option<Standing>, Refusal> {
    use Standing::{Banned, In, Invited, Left, Rejected, Requested, Stranger, Withdrawn};
    match (now, wish) {
        (In(_), Wish::Found | Wish::Join)
        | (Left | Banned, Wish::Leave)
        | (Left | Stranger, Wish::Vanish) => Ok(None),
        (Banned, Wish::Join) => Err(Refusal::Banned),
        (_, Wish::Found) => Ok(Some(In(Role::Owner))),
        (_, Wish::Join) => Ok(Some(In(Role::Member))),
        (In(Role::Owner), Wish::Leave) => Err(Refusal::OwnerStays),
        (Stranger | Requested | Invited | Rejected | Withdrawn, Wish::Leave) => {
            Err(Refusal::NoSuchGroup)
        }
        (In(_), Wish::Leave) | (_, Wish::Vanish) => Ok(Some(Left)),
    }
}

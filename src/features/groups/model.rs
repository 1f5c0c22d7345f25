//! The rules of groups: what a person may be to one, and do in it. Pure.

mod charter;
mod decide;
#[cfg(test)]
mod tests;

pub(super) use charter::{Category, Charter, Edit, edit, may_see, may_see_members};
pub(super) use decide::{Actor, Held, Step, authorise, decide};

use protocol::groups::{Role, Standing as Shown};

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

    /// Looks after the group.
    pub(super) const fn looks_after(self) -> bool {
        matches!(self, Self::In(Role::Owner | Role::Moderator))
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

/// What a rule says.
pub(super) type Ruled<T> = Result<T, Refusal>;

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    NoSuchGroup,
    NoSuchPerson,
    NoSuchCategory,
    NotYours,
    OwnerOnly,
    OwnerStays,
    Banned,
    IsBanned,
    NotBanned,
    InviteOnly,
    Entitlement,
    RejectedLately,
    NoRequest,
    NoInvitation,
    NotIn,
    NotAMember,
    Blocked,
    GroupsFull,
    OwnedFull,
    AsksFull,
    WaitingFull,
    CategoriesFull,
}

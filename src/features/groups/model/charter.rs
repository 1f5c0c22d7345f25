//! What a group is: its charter, and who may see and change that.

use super::{Refusal, Standing};
use protocol::groups::{Joining, Kind, Role, Visibility};
use protocol::{CategoryId, Millis, UserId};

/// What a group is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Charter {
    pub(crate) name: String,
    pub(crate) description: String,
    /// The one owner: whatever else is kept of this person, they are in the group.
    pub(crate) owner_id: UserId,
    pub(crate) kind: Kind,
    pub(crate) visibility: Visibility,
    pub(crate) joining: Joining,
    pub(crate) created_at: Millis,
    /// The group is no more.
    pub(crate) ended_at: Option<Millis>,
    /// Oldest first.
    pub(crate) categories: Vec<Category>,
}

/// A category of posts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Category {
    pub(crate) id: CategoryId,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) created_at: Millis,
}

/// What is to change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) visibility: Option<Visibility>,
    pub(crate) joining: Option<Joining>,
}

impl Charter {
    /// What a person is, by the charter and what is kept of them.
    pub(crate) fn standing(&self, user: UserId, kept: Standing) -> Standing {
        if self.ended_at.is_some() {
            Standing::Stranger
        } else if self.owner_id == user {
            Standing::In(Role::Owner)
        } else {
            kept
        }
    }
}

/// Whether a group is there for somebody.
pub(crate) const fn may_see(visibility: Visibility, standing: Standing) -> bool {
    match visibility {
        Visibility::Public | Visibility::Private => true,
        Visibility::Hidden => {
            matches!(standing, Standing::In(_) | Standing::Invited | Standing::Requested)
        }
    }
}

/// Whether somebody may see who is in it.
pub(crate) const fn may_see_members(visibility: Visibility, standing: Standing) -> bool {
    match visibility {
        Visibility::Public => !matches!(standing, Standing::Banned),
        Visibility::Private | Visibility::Hidden => standing.role().is_some(),
    }
}

/// The charter after a change; `None`: it is so already. Name and description are for those who
/// look after the group, who comes in and who sees it for the owner.
pub(crate) fn edit(
    charter: &Charter,
    by: Standing,
    edit: Edit,
) -> Result<Option<Charter>, Refusal> {
    if !by.looks_after() {
        return Err(Refusal::NotYours);
    }
    let next = Charter {
        name: edit.name.unwrap_or_else(|| charter.name.clone()),
        description: edit.description.unwrap_or_else(|| charter.description.clone()),
        visibility: edit.visibility.unwrap_or(charter.visibility),
        joining: edit.joining.unwrap_or(charter.joining),
        ..charter.clone()
    };
    let doors = (next.visibility, next.joining) != (charter.visibility, charter.joining);
    if doors && by != Standing::In(Role::Owner) {
        return Err(Refusal::OwnerOnly);
    }
    Ok((next != *charter).then_some(next))
}

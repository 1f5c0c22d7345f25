//! Who is in a group, how they come in and go, and the group's categories.

use super::{Joining, Role, Standing, Visibility};
use crate::people::Person;
use crate::{CategoryId, ClientId, GroupId, Millis, UserId};
use serde::{Deserialize, Serialize};

/// `group.update`: what is given changes. Name and description by those who look after the group,
/// who sees it and how one gets in by its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// Which.
    pub group_id: GroupId,
    /// 1–80 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// At most 2 000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who may know of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// How one gets in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joining: Option<Joining>,
}

/// `group.delete`, by the owner: it is no more, for everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delete {
    /// Which.
    pub group_id: GroupId,
}

/// `group.invite`. Of somebody who asked: they are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// Where.
    pub group_id: GroupId,
    /// Whom.
    pub user_id: UserId,
}

/// `group.approve`: says yes to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approve {
    /// Where.
    pub group_id: GroupId,
    /// Whose.
    pub user_id: UserId,
}

/// `group.reject`: says no to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// Where.
    pub group_id: GroupId,
    /// Whose.
    pub user_id: UserId,
}

/// `group.withdraw`: takes one's own request back, or declines an invitation. With `user_id`, by
/// those who look after the group: takes the invitation of that person back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdraw {
    /// Where.
    pub group_id: GroupId,
    /// Whose invitation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
}

/// `group.remove`: sends a member away, who may come back as anybody may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remove {
    /// Where.
    pub group_id: GroupId,
    /// Whom.
    pub user_id: UserId,
}

/// `group.ban`: the same for good, and of anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// Where.
    pub group_id: GroupId,
    /// Whom.
    pub user_id: UserId,
}

/// `group.unban`: they may come in again as anybody may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unban {
    /// Where.
    pub group_id: GroupId,
    /// Whom.
    pub user_id: UserId,
}

/// `group.set_role`, by the owner; `owner` hands the group over. Who looks after a group may
/// become a `member` by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetRole {
    /// Where.
    pub group_id: GroupId,
    /// Whose.
    pub user_id: UserId,
    /// As what.
    pub role: Role,
}

/// Somebody and what they are to a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Who.
    pub user: Person,
    /// What they are to it; absent for strangers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// Their role, while they are in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Since when.
    pub since_at: Millis,
}

/// What became of somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberResult {
    /// As they are now.
    pub member: Member,
}

/// `group.members`: who is in it, or who waits or is banned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListMembers {
    /// Where.
    pub group_id: GroupId,
    /// `member` if absent; `requested`, `invited` and `banned` for those who look after the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// 1–100; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// The result of `group.members`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Members {
    /// A page.
    pub items: Vec<Member>,
    /// `after` of the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A category of a group's posts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Category {
    /// Which.
    pub id: CategoryId,
    /// Its name.
    pub name: String,
    /// What belongs there.
    pub description: String,
}

/// `category.create`. Again with the same `client_id`: the same category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateCategory {
    /// Where.
    pub group_id: GroupId,
    /// Its idempotency key, chosen by the client.
    pub client_id: ClientId,
    /// 1–80 characters.
    pub name: String,
    /// At most 2 000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// `category.update`: what is given changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateCategory {
    /// Where.
    pub group_id: GroupId,
    /// Which.
    pub category_id: CategoryId,
    /// 1–80 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// At most 2 000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// `category.delete`. Its posts stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteCategory {
    /// Where.
    pub group_id: GroupId,
    /// Which.
    pub category_id: CategoryId,
}

/// The result of `category.create` and `category.update`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryResult {
    /// The category.
    pub category: Category,
}

/// Feed `group.invited`: one may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invited {
    /// Where.
    pub group_id: GroupId,
    /// By whom.
    pub by_id: UserId,
}

/// Feed `group.requested`, of the owner: somebody would like to come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requested {
    /// Where.
    pub group_id: GroupId,
    /// Who.
    pub user_id: UserId,
}

/// Feed `group.approved`: one's request was answered with yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// Where.
    pub group_id: GroupId,
}

/// Feed `group.rejected`: one's request was answered with no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Where.
    pub group_id: GroupId,
}

/// Feed `group.removed`: others ended what one was to the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Where.
    pub group_id: GroupId,
    /// For good.
    pub banned: bool,
}

/// Feed `membership.changed`: one's role is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipChanged {
    /// Where.
    pub group_id: GroupId,
    /// As what.
    pub role: Role,
}

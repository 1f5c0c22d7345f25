//! `group.*`: groups and who is in them.

mod membership;

pub use membership::{
    Approve, Approved, Ban, Category, CategoryResult, CreateCategory, Delete, DeleteCategory,
    Invite, Invited, ListMembers, Member, MemberResult, Members, MembershipChanged, Reject,
    Rejected, Remove, Removed, Requested, SetRole, Unban, Update, UpdateCategory, Withdraw,
};

use crate::{ClientId, GroupId, Millis, Seq, UserId};
use serde::{Deserialize, Serialize};

/// How one gets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Joining {
    /// Whoever wants to.
    #[default]
    Open,
    /// By asking: those who look after the group answer.
    Request,
    /// By invitation only.
    Invite,
    /// With a membership, never by oneself.
    Entitlement,
}

/// Who may know of a group. Its wall is for members, whatever this says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Everybody finds it, and sees who is in it.
    #[default]
    Public,
    /// Everybody finds it; who is in it, members see.
    Private,
    /// Only its members know of it, and those who were invited.
    Hidden,
}

/// What somebody is to a group. Absent: they never had to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Is in it, in whatever role.
    Member,
    /// Asked to get in.
    Requested,
    /// Was invited.
    Invited,
    /// Was in it.
    Left,
    /// Asked, and was told no.
    Rejected,
    /// Took the request back, or declined the invitation.
    Withdrawn,
    /// May not come in.
    Banned,
}

/// What a group is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Being together.
    #[default]
    Community,
    /// Learning together: its trainees practise with one another (`exchange.*`).
    Training,
}

/// What one is in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Made it, or was given it. One for each group.
    Owner,
    /// Looks after it, with the owner.
    Moderator,
    /// Takes part.
    Member,
}

/// A group as the asker sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Which.
    pub id: GroupId,
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// Who owns it.
    pub owner_id: UserId,
    /// What it is for; `community` if absent.
    #[serde(default)]
    pub kind: Kind,
    /// Who may know of it; `public` if absent.
    #[serde(default)]
    pub visibility: Visibility,
    /// How one gets in.
    pub joining: Joining,
    /// When it was made.
    pub created_at: Millis,
    /// What the asker is in it; absent for those who are not members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// What the asker is to it; absent for strangers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// Its categories, oldest first; lists leave them out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<Category>,
    /// Seq of the wall's last event.
    pub head_seq: Seq,
}

/// `group.create`. Again with the same `client_id`: the same group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Create {
    /// The group's idempotency key, chosen by the client.
    pub client_id: ClientId,
    /// 1–80 characters.
    pub name: String,
    /// At most 2 000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `community` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// `public` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// `open` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joining: Option<Joining>,
}

/// `group.get`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Get {
    /// Which.
    pub group_id: GroupId,
}

/// The result of `group.create`, `group.get`, `group.update` and `group.join`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupResult {
    /// The group.
    pub group: Group,
}

/// `group.list`: all groups that are not hidden, or one's own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct List {
    /// Only those one is a member of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mine: Option<bool>,
    /// Only those to which one is that: `member`, `requested`, `invited` or `banned`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// 1–100; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// The result of `group.list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Groups {
    /// A page.
    pub items: Vec<Group>,
    /// `after` of the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `group.join`: comes in, asks to, or accepts an invitation: `standing` of the result says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// Which.
    pub group_id: GroupId,
}

/// `group.leave`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leave {
    /// Which.
    pub group_id: GroupId,
}

/// Feed `membership.started`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipStarted {
    /// Where.
    pub group_id: GroupId,
    /// As what.
    pub role: Role,
}

/// Feed `membership.ended`: not one further event of the group comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipEnded {
    /// Where.
    pub group_id: GroupId,
}

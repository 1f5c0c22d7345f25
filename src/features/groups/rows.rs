//! Rows of `schema/groups.cql`; the only file that names its tables.

use super::model::Standing;
use crate::error::{Result, internal};
use crate::store::{Partition, Range, Snapshot, Store, Value, VersionedRecord, record};
use protocol::groups::{Joining, Kind, Role, Visibility};
use protocol::{GroupId, UserId};
use uuid::Uuid;

/// The one partition of the directory.
const SHELF: i64 = 0;

record! {
    /// See the schema.
    pub(super) struct GroupRow in "groups" {
        group_id: GroupId,
        name: String,
        description: String,
        owner_id: UserId,
        joining: String,
        created_at: i64,
        /// Absent in groups that were made before there were kinds.
        kind: Option<String>,
        /// Absent in groups that were made when all were public.
        visibility: Option<String>,
    }
}

record! {
    /// See the schema.
    pub(super) struct DirectoryRow in "group_directory" {
        shelf: i64,
        group_id: GroupId,
    }
}

record! {
    /// See the schema.
    pub(super) struct MembershipRow in "memberships", kind "membership", item item: Uuid {
        role: String,
        status: String,
        since_at: i64,
    }
}

record! {
    /// See the schema.
    pub(super) struct GroupOfUserRow in "groups_of_user" {
        user_id: UserId,
        group_id: GroupId,
        role: String,
    }
}

record! {
    /// See the schema.
    pub(super) struct MemberOfGroupRow in "members_of_group" {
        group_id: GroupId,
        user_id: UserId,
        role: String,
    }
}

pub(super) fn role_word(role: Role) -> String {
    match role {
        Role::Owner => "owner",
        Role::Moderator => "moderator",
        Role::Member => "member",
    }
    .to_owned()
}

pub(super) fn role(word: &str) -> Result<Role> {
    match word {
        "owner" => Ok(Role::Owner),
        "moderator" => Ok(Role::Moderator),
        "member" => Ok(Role::Member),
        other => Err(internal(&format_args!("no role is named {other:?}"))),
    }
}

pub(super) fn kind_word(kind: Kind) -> String {
    match kind {
        Kind::Community => "community",
        Kind::Training => "training",
    }
    .to_owned()
}

pub(super) fn kind(word: Option<&str>) -> Result<Kind> {
    match word {
        None | Some("community") => Ok(Kind::Community),
        Some("training") => Ok(Kind::Training),
        Some(other) => Err(internal(&format_args!("no kind of group is named {other:?}"))),
    }
}

pub(super) fn joining_word(joining: Joining) -> String {
    match joining {
        Joining::Open => "open",
        Joining::Request => "request",
        Joining::Invite => "invite",
        Joining::Entitlement => "entitlement",
    }
    .to_owned()
}

pub(super) fn joining(word: &str) -> Result<Joining> {
    match word {
        "open" => Ok(Joining::Open),
        "request" => Ok(Joining::Request),
        "invite" => Ok(Joining::Invite),
        "entitlement" => Ok(Joining::Entitlement),
        other => Err(internal(&format_args!("no way of joining is named {other:?}"))),
    }
}

pub(super) fn visibility_word(visibility: Visibility) -> String {
    match visibility {
        Visibility::Public => "public",
        Visibility::Private => "private",
        Visibility::Hidden => "hidden",
    }
    .to_owned()
}

pub(super) fn visibility(word: Option<&str>) -> Result<Visibility> {
    match word {
        None | Some("public") => Ok(Visibility::Public),
        Some("private") => Ok(Visibility::Private),
        Some("hidden") => Ok(Visibility::Hidden),
        Some(other) => Err(internal(&format_args!("no visibility is named {other:?}"))),
    }
}

pub(super) fn membership(group: GroupId, user: UserId) -> Partition {
    Partition::new(MembershipRow::TABLE, [Value::Uuid(group.0), Value::Uuid(user.0)])
}

pub(super) fn standing(snapshot: &Snapshot) -> Result<Standing> {
    let Some(row) = snapshot.one::<MembershipRow>()? else { return Ok(Standing::Stranger) };
    match row.status.as_str() {
        "active" => Ok(Standing::In(role(&row.role)?)),
        "requested" => Ok(Standing::Requested),
        "invited" => Ok(Standing::Invited),
        "left" => Ok(Standing::Left),
        "rejected" => Ok(Standing::Rejected),
        "withdrawn" => Ok(Standing::Withdrawn),
        "banned" => Ok(Standing::Banned),
        "stranger" => Ok(Standing::Stranger),
        other => Err(internal(&format_args!("no standing is named {other:?}"))),
    }
}

fn status_word(standing: Standing) -> &'static str {
    match standing {
        Standing::In(_) => "active",
        Standing::Requested => "requested",
        Standing::Invited => "invited",
        Standing::Left => "left",
        Standing::Rejected => "rejected",
        Standing::Withdrawn => "withdrawn",
        Standing::Banned => "banned",
        Standing::Stranger => "stranger",
    }
}

pub(super) fn membership_row(next: Standing, since_at: i64) -> MembershipRow {
    MembershipRow {
        item: Uuid::nil(),
        role: role_word(next.role().unwrap_or(Role::Member)),
        status: status_word(next).to_owned(),
        since_at,
    }
}

pub(super) async fn group(store: &Store, id: GroupId) -> Result<Option<GroupRow>> {
    store.get(vec![Value::Uuid(id.0)]).await
}

pub(super) async fn put_group(store: &Store, row: GroupRow) -> Result<()> {
    let directory = DirectoryRow { shelf: SHELF, group_id: row.group_id };
    store.put(vec![row]).await?;
    store.put(vec![directory]).await
}

pub(super) async fn directory(
    store: &Store,
    after: Option<GroupId>,
    limit: u32,
) -> Result<Vec<GroupId>> {
    let range = Range {
        partition: vec![Value::Int(SHELF)],
        after: after.map(|id| vec![Value::Uuid(id.0)]),
        descending: false,
        limit,
    };
    Ok(store.list::<DirectoryRow>(range).await?.into_iter().map(|row| row.group_id).collect())
}

pub(super) async fn groups_of(
    store: &Store,
    user: UserId,
    after: Option<GroupId>,
    limit: u32,
) -> Result<Vec<GroupId>> {
    let range = Range {
        partition: vec![Value::Uuid(user.0)],
        after: after.map(|id| vec![Value::Uuid(id.0)]),
        descending: false,
        limit,
    };
    Ok(store.list::<GroupOfUserRow>(range).await?.into_iter().map(|row| row.group_id).collect())
}

/// Brings both projections in line with the membership.
pub(super) async fn project(
    store: &Store,
    group_id: GroupId,
    user_id: UserId,
    standing: Standing,
) -> Result<()> {
    if let Standing::In(role) = standing {
        let role = role_word(role);
        store.put(vec![GroupOfUserRow { user_id, group_id, role: role.clone() }]).await?;
        store.put(vec![MemberOfGroupRow { group_id, user_id, role }]).await
    } else {
        let (group, user) = (Value::Uuid(group_id.0), Value::Uuid(user_id.0));
        store.remove::<GroupOfUserRow>(vec![vec![user.clone(), group.clone()]]).await?;
        store.remove::<MemberOfGroupRow>(vec![vec![group, user]]).await
    }
}

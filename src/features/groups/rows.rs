//! Rows of `schema/groups.cql`; the only file that names its tables.

use super::model::{Category, Charter, Held, Standing};
use super::words;
use crate::error::Result;
use crate::store::{
    LIST_ROWS_MAX, Partition, Range, Snapshot, Store, Value, VersionedRecord as _, record,
};
use futures_util::try_join;
use protocol::groups::{Role, Standing as Shown};
use protocol::{CategoryId, GroupId, UserId};
use uuid::Uuid;

/// The one partition of the directory.
const SHELF: i64 = 0;

record! {
    /// See the schema.
    pub(super) struct CharterRow in "group_charters", kind "charter", item item: Uuid {
        name: String,
        description: String,
        owner_id: UserId,
        purpose: String,
        visibility: String,
        joining: String,
        created_at: i64,
        ended_at: Option<i64>,
    }
}

record! {
    /// See the schema.
    pub(super) struct CategoryRow in "group_charters", kind "category", item category_id: CategoryId {
        name: String,
        description: String,
        created_at: i64,
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
        since_at: Option<i64>,
    }
}

record! {
    /// See the schema.
    pub(super) struct WaitingRow in "group_waiting" {
        group_id: GroupId,
        standing: String,
        user_id: UserId,
        since_at: i64,
    }
}

record! {
    /// See the schema.
    pub(super) struct AskedRow in "groups_asked" {
        user_id: UserId,
        standing: String,
        group_id: GroupId,
        since_at: i64,
    }
}

/// Standings that have lists of their own.
pub(super) const LISTED: [Shown; 3] = [Shown::Requested, Shown::Invited, Shown::Banned];

/// The word of one of [`LISTED`]; `None` of others.
fn listed(standing: Shown) -> Option<&'static str> {
    match standing {
        Shown::Requested => Some("requested"),
        Shown::Invited => Some("invited"),
        Shown::Banned => Some("banned"),
        Shown::Member | Shown::Left | Shown::Rejected | Shown::Withdrawn => None,
    }
}

pub(super) fn charter_of(group: GroupId) -> Partition {
    Partition::new(CharterRow::TABLE, [Value::Uuid(group.0)])
}

pub(super) fn charter(snapshot: &Snapshot) -> Result<Option<Charter>> {
    let Some(row) = snapshot.one::<CharterRow>()? else { return Ok(None) };
    let mut categories: Vec<Category> = snapshot
        .all::<CategoryRow>()?
        .into_iter()
        .map(|row| Category {
            id: row.category_id,
            name: row.name,
            description: row.description,
            created_at: row.created_at,
        })
        .collect();
    categories.sort_by_key(|category| (category.created_at, category.id));
    Ok(Some(Charter {
        kind: words::kind(&row.purpose)?,
        visibility: words::visibility(&row.visibility)?,
        joining: words::joining(&row.joining)?,
        name: row.name,
        description: row.description,
        owner_id: row.owner_id,
        created_at: row.created_at,
        ended_at: row.ended_at,
        categories,
    }))
}

pub(super) fn charter_row(charter: &Charter) -> CharterRow {
    CharterRow {
        item: Uuid::nil(),
        name: charter.name.clone(),
        description: charter.description.clone(),
        owner_id: charter.owner_id,
        purpose: words::kind_word(charter.kind).to_owned(),
        visibility: words::visibility_word(charter.visibility).to_owned(),
        joining: words::joining_word(charter.joining).to_owned(),
        created_at: charter.created_at,
        ended_at: charter.ended_at,
    }
}

pub(super) fn category_row(category: &Category) -> CategoryRow {
    CategoryRow {
        category_id: category.id,
        name: category.name.clone(),
        description: category.description.clone(),
        created_at: category.created_at,
    }
}

pub(super) fn membership(group: GroupId, user: UserId) -> Partition {
    Partition::new(MembershipRow::TABLE, [Value::Uuid(group.0), Value::Uuid(user.0)])
}

/// As the membership keeps it; who owns the group is said by its charter.
pub(super) fn kept(snapshot: &Snapshot) -> Result<Held> {
    let Some(row) = snapshot.one::<MembershipRow>()? else {
        return Ok(Held { standing: Standing::Stranger, since_at: 0 });
    };
    Ok(Held { standing: words::standing(&row.status, &row.role)?, since_at: row.since_at })
}

pub(super) fn membership_row(next: Held) -> MembershipRow {
    MembershipRow {
        item: Uuid::nil(),
        role: words::role_word(next.standing.role().unwrap_or(Role::Member)).to_owned(),
        status: words::status_word(next.standing).to_owned(),
        since_at: next.since_at,
    }
}

/// Brings the directory in line with a charter.
pub(super) async fn put_listed(store: &Store, group_id: GroupId, is_listed: bool) -> Result<()> {
    if is_listed {
        store.put(vec![DirectoryRow { shelf: SHELF, group_id }]).await
    } else {
        let key = vec![Value::Int(SHELF), Value::Uuid(group_id.0)];
        store.remove::<DirectoryRow>(vec![key]).await
    }
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
) -> Result<Vec<(GroupId, bool)>> {
    let range = Range {
        partition: vec![Value::Uuid(user.0)],
        after: after.map(|id| vec![Value::Uuid(id.0)]),
        descending: false,
        limit,
    };
    let rows = store.list::<GroupOfUserRow>(range).await?.into_iter();
    let owner = words::role_word(Role::Owner);
    Ok(rows.map(|row| (row.group_id, row.role == owner)).collect())
}

/// A page of those who are in a group.
pub(super) async fn members_of(
    store: &Store,
    group: GroupId,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<MemberOfGroupRow>> {
    let range = Range {
        partition: vec![Value::Uuid(group.0)],
        after: after.map(|id| vec![Value::Uuid(id.0)]),
        descending: false,
        limit,
    };
    store.list::<MemberOfGroupRow>(range).await
}

/// A page of those who wait at a group, or are banned.
pub(super) async fn waiting_at(
    store: &Store,
    group: GroupId,
    standing: Shown,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<WaitingRow>> {
    let Some(word) = listed(standing) else { return Ok(Vec::new()) };
    // The nil id is nobody's, so the range begins with the first.
    let after = after.map_or(Uuid::nil(), |id| id.0);
    let range = Range {
        partition: vec![Value::Uuid(group.0)],
        after: Some(vec![Value::Text(word.to_owned()), Value::Uuid(after)]),
        descending: false,
        limit: limit.min(LIST_ROWS_MAX),
    };
    let rows = store.list::<WaitingRow>(range).await?;
    Ok(rows.into_iter().take_while(|row| row.standing == word).collect())
}

/// A page of the groups to which somebody is one of [`LISTED`].
pub(super) async fn asked_by(
    store: &Store,
    user: UserId,
    standing: Shown,
    after: Option<GroupId>,
    limit: u32,
) -> Result<Vec<GroupId>> {
    let Some(word) = listed(standing) else { return Ok(Vec::new()) };
    let after = after.map_or(Uuid::nil(), |id| id.0);
    let range = Range {
        partition: vec![Value::Uuid(user.0)],
        after: Some(vec![Value::Text(word.to_owned()), Value::Uuid(after)]),
        descending: false,
        limit: limit.min(LIST_ROWS_MAX),
    };
    let rows = store.list::<AskedRow>(range).await?.into_iter();
    Ok(rows.take_while(|row| row.standing == word).map(|row| row.group_id).collect())
}

/// Brings the projections in line with what a person is to a group, and takes them out of the
/// lists of what they were. Only those: a removal leaves a mark that every reader passes by.
pub(super) async fn project(
    store: &Store,
    group_id: GroupId,
    user_id: UserId,
    held: Held,
    were: &[Shown],
) -> Result<()> {
    let (group, user) = (Value::Uuid(group_id.0), Value::Uuid(user_id.0));
    let since_at = held.since_at;
    let now = held.standing.shown();
    if let Some(role) = held.standing.role() {
        let role = words::role_word(role).to_owned();
        let own = GroupOfUserRow { user_id, group_id, role: role.clone() };
        let member = MemberOfGroupRow { group_id, user_id, role, since_at: Some(since_at) };
        try_join!(store.put(vec![own]), store.put(vec![member]))?;
    } else if were.contains(&Shown::Member) {
        try_join!(
            store.remove::<GroupOfUserRow>(vec![vec![user.clone(), group.clone()]]),
            store.remove::<MemberOfGroupRow>(vec![vec![group.clone(), user.clone()]]),
        )?;
    }
    for word in were.iter().filter(|were| now != Some(**were)).copied().filter_map(listed) {
        let word = Value::Text(word.to_owned());
        let at = vec![group.clone(), word.clone(), user.clone()];
        let by = vec![user.clone(), word, group.clone()];
        try_join!(store.remove::<WaitingRow>(vec![at]), store.remove::<AskedRow>(vec![by]),)?;
    }
    if let Some(standing) = now.and_then(listed).map(str::to_owned) {
        let waiting = WaitingRow { group_id, standing: standing.clone(), user_id, since_at };
        let asked = AskedRow { user_id, standing, group_id, since_at };
        try_join!(store.put(vec![waiting]), store.put(vec![asked]))?;
    }
    Ok(())
}

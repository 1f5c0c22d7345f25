//! Rows of `schema/support.cql`; the only file that names its tables.

pub(super) mod after;

use super::model::{Choices, Coach, Desk, Request, State};
use crate::error::{Result, internal};
use crate::store::{Partition, Range, Snapshot, Store, Value, VersionedRecord, record};
use protocol::people::Person;
use protocol::{DeskId, Millis, RequestId, UserId};
use std::sync::Arc;
use uuid::Uuid;

/// The one partition of the directory.
const SHELF: i64 = 0;

record! {
    /// What a desk is.
    pub(super) struct DeskRow in "desks", kind "desk", item item: Uuid {
        name: String,
        topics: String,
        open: bool,
    }
}

record! {
    /// A request; one that ended stays until its end is known everywhere.
    pub(super) struct RequestRow in "desks", kind "request", item id: RequestId {
        member_id: UserId,
        member_name: String,
        subject: String,
        first_words: Option<String>,
        expertise: Option<String>,
        state: String,
        place: i64,
        coach_id: Option<UserId>,
        coach_name: Option<String>,
        created_at: i64,
        claimed_at: Option<i64>,
        ended_at: Option<i64>,
        summary: Option<String>,
    }
}

record! {
    /// A coach on a desk.
    pub(super) struct CoachRow in "desks", kind "coach", item id: UserId {
        coach_name: String,
        available: bool,
        capacity: u32,
        serves: bool,
        grace_until: Option<i64>,
    }
}

record! {
    /// See the schema.
    pub(super) struct DirectoryRow in "desk_directory" {
        shelf: i64,
        desk_id: DeskId,
    }
}

record! {
    /// A member's open request.
    pub(super) struct OpenRow in "support_members", kind "open", item item: Uuid {
        request_id: RequestId,
        desk_id: DeskId,
    }
}

record! {
    /// See the schema.
    pub(super) struct RouteRow in "support_requests" {
        request_id: RequestId,
        desk_id: DeskId,
        member_id: UserId,
    }
}

record! {
    /// See the schema.
    pub(super) struct HistoryRow in "support_history" {
        user_id: UserId,
        ended_at: i64,
        request_id: RequestId,
        desk_id: DeskId,
        member_id: UserId,
        member_name: String,
        subject: String,
        expertise: Option<String>,
        state: String,
        coach_id: Option<UserId>,
        coach_name: Option<String>,
        created_at: i64,
        claimed_at: Option<i64>,
        summary: Option<String>,
    }
}

record! {
    /// See the schema.
    pub(super) struct SettingsRow in "coach_settings" {
        user_id: UserId,
        available: bool,
        capacity: u32,
        chosen: bool,
    }
}

fn state_word(state: State) -> String {
    match state {
        State::Queued => "queued",
        State::Active => "active",
        State::Closed => "closed",
        State::Cancelled => "cancelled",
    }
    .to_owned()
}

fn state(word: &str) -> Result<State> {
    match word {
        "queued" => Ok(State::Queued),
        "active" => Ok(State::Active),
        "closed" => Ok(State::Closed),
        "cancelled" => Ok(State::Cancelled),
        other => Err(internal(&format_args!("no state of a request is named {other:?}"))),
    }
}

fn person(id: Option<UserId>, name: Option<String>) -> Option<Person> {
    Some(Person { id: id?, name: name.unwrap_or_default() })
}

pub(super) fn desk_partition(id: DeskId) -> Partition {
    Partition::new(DeskRow::TABLE, [Value::Uuid(id.0)])
}

pub(super) fn member_partition(id: UserId) -> Partition {
    Partition::new(OpenRow::TABLE, [Value::Uuid(id.0)])
}

/// A desk from its partition; `None` where there is none.
pub(super) fn desk(id: DeskId, snapshot: &Snapshot) -> Result<Option<Desk>> {
    let Some(row) = snapshot.one::<DeskRow>()? else { return Ok(None) };
    let mut desk = Desk {
        id,
        name: row.name,
        topics: row.topics.lines().map(str::to_owned).collect(),
        open: row.open,
        requests: std::collections::BTreeMap::new(),
        coaches: std::collections::BTreeMap::new(),
    };
    for row in snapshot.all::<RequestRow>()? {
        let request = Request {
            id: row.id,
            member: Person { id: row.member_id, name: row.member_name },
            subject: row.subject,
            first_words: row.first_words,
            expertise: row.expertise,
            state: state(&row.state)?,
            place: row.place,
            coach: person(row.coach_id, row.coach_name),
            created_at: row.created_at,
            claimed_at: row.claimed_at,
            ended_at: row.ended_at,
            summary: row.summary,
        };
        desk.requests.insert(request.id, Arc::new(request));
    }
    for row in snapshot.all::<CoachRow>()? {
        let choices =
            Choices { available: row.available, capacity: row.capacity, serves: row.serves };
        let person = Person { id: row.id, name: row.coach_name };
        desk.coaches.insert(row.id, Coach { person, choices, grace_until: row.grace_until });
    }
    Ok(Some(desk))
}

pub(super) fn desk_row(desk: &Desk) -> DeskRow {
    DeskRow {
        item: Uuid::nil(),
        name: desk.name.clone(),
        topics: desk.topics.join("\n"),
        open: desk.open,
    }
}

pub(super) fn request_row(request: &Request) -> RequestRow {
    RequestRow {
        id: request.id,
        member_id: request.member.id,
        member_name: request.member.name.clone(),
        subject: request.subject.clone(),
        first_words: request.first_words.clone(),
        expertise: request.expertise.clone(),
        state: state_word(request.state),
        place: request.place,
        coach_id: request.coach.as_ref().map(|coach| coach.id),
        coach_name: request.coach.as_ref().map(|coach| coach.name.clone()),
        created_at: request.created_at,
        claimed_at: request.claimed_at,
        ended_at: request.ended_at,
        summary: request.summary.clone(),
    }
}

pub(super) fn coach_row(coach: &Coach) -> CoachRow {
    CoachRow {
        id: coach.person.id,
        coach_name: coach.person.name.clone(),
        available: coach.choices.available,
        capacity: coach.choices.capacity,
        serves: coach.choices.serves,
        grace_until: coach.grace_until,
    }
}

pub(super) fn open(snapshot: &Snapshot) -> Result<Option<OpenRow>> {
    snapshot.one::<OpenRow>()
}

pub(super) async fn put_desk_in_directory(store: &Store, desk_id: DeskId) -> Result<()> {
    store.put(vec![DirectoryRow { shelf: SHELF, desk_id }]).await
}

pub(super) async fn desk_ids(store: &Store) -> Result<Vec<DeskId>> {
    let range = Range {
        partition: vec![Value::Int(SHELF)],
        after: None,
        descending: false,
        limit: crate::store::LIST_ROWS_MAX,
    };
    Ok(store.list::<DirectoryRow>(range).await?.into_iter().map(|row| row.desk_id).collect())
}

pub(super) async fn put_route(store: &Store, row: RouteRow) -> Result<()> {
    store.put(vec![row]).await
}

pub(super) async fn route(store: &Store, id: RequestId) -> Result<Option<RouteRow>> {
    store.get(vec![Value::Uuid(id.0)]).await
}

pub(super) async fn settings(store: &Store, coach: UserId) -> Result<Option<SettingsRow>> {
    store.get(vec![Value::Uuid(coach.0)]).await
}

pub(super) async fn put_settings(store: &Store, row: SettingsRow) -> Result<()> {
    store.put(vec![row]).await
}

/// An ended request, for its member and for the coach who answered.
pub(super) async fn put_history(store: &Store, desk_id: DeskId, ended: &Request) -> Result<()> {
    let row = |user_id| HistoryRow {
        user_id,
        ended_at: ended.ended_at.unwrap_or_default(),
        request_id: ended.id,
        desk_id,
        member_id: ended.member.id,
        member_name: ended.member.name.clone(),
        subject: ended.subject.clone(),
        expertise: ended.expertise.clone(),
        state: state_word(ended.state),
        coach_id: ended.coach.as_ref().map(|coach| coach.id),
        coach_name: ended.coach.as_ref().map(|coach| coach.name.clone()),
        created_at: ended.created_at,
        claimed_at: ended.claimed_at,
        summary: ended.summary.clone(),
    };
    let users = std::iter::once(ended.member.id).chain(ended.coach.as_ref().map(|c| c.id));
    store.put(users.map(row).collect()).await
}

/// Newest first, behind a place.
pub(super) async fn history(
    store: &Store,
    user: UserId,
    after: Option<(Millis, RequestId)>,
    limit: u32,
) -> Result<Vec<(DeskId, Request)>> {
    let range = Range {
        partition: vec![Value::Uuid(user.0)],
        after: after.map(|(at, id)| vec![Value::Int(at), Value::Uuid(id.0)]),
        descending: false,
        limit,
    };
    let rows = store.list::<HistoryRow>(range).await?;
    let request = |row: HistoryRow| {
        Ok((
            row.desk_id,
            Request {
                id: row.request_id,
                member: Person { id: row.member_id, name: row.member_name },
                subject: row.subject,
                first_words: None,
                expertise: row.expertise,
                state: state(&row.state)?,
                place: 0,
                coach: person(row.coach_id, row.coach_name),
                created_at: row.created_at,
                claimed_at: row.claimed_at,
                ended_at: Some(row.ended_at),
                summary: row.summary,
            },
        ))
    };
    rows.into_iter().map(request).collect()
}

//! Rows of `schema/support.cql`; the only file that names its tables.

pub(super) mod after;
pub(super) mod forget;

use super::model::{
    Choices, Coach, Desk, Fee, FeeState, Pace, Request, Ring, Rules, State, Stated,
};
use crate::error::{Result, internal};
use crate::store::{Partition, Range, Snapshot, Store, Value, VersionedRecord, record};
use protocol::people::Person;
use protocol::{DeskId, Millis, RequestId, UserId};
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
        offered_id: Option<UserId>,
        offered_name: Option<String>,
        until_at: Option<i64>,
        handed_to_anybody: Option<bool>,
        declined: Option<String>,
        preferred_id: Option<UserId>,
        crisis: Option<bool>,
        queued_at: Option<i64>,
        look_at: Option<i64>,
        warned_at: Option<i64>,
        reopened_at: Option<i64>,
        fee_amount: Option<i64>,
        fee_currency: Option<String>,
        fee_state: Option<String>,
        stated_at: Option<i64>,
        expected_ms: Option<i64>,
        low_ms: Option<i64>,
        high_ms: Option<i64>,
        waited_ms: Option<i64>,
        answered: Option<String>,
    }
}

record! {
    /// How fast places become free.
    pub(super) struct PaceRow in "desks", kind "pace", item item: Uuid {
        exposure_ms: i64,
        held_ms: i64,
        departures: i64,
        counted_at: i64,
        seen: u64,
        walks: u64,
        ratios: u64,
        sampled_at: Option<i64>,
        stretch: Option<i64>,
    }
}

record! {
    /// A wait of somebody who found a place free.
    pub(super) struct WalkRow in "desks", kind "walk", item item: Uuid {
        sample: i64,
    }
}

record! {
    /// A wait over what had been expected.
    pub(super) struct RatioRow in "desks", kind "ratio", item item: Uuid {
        sample: i64,
    }
}

record! {
    /// A coach on a desk.
    pub(super) struct CoachRow in "desks", kind "coach", item id: UserId {
        coach_name: String,
        available: bool,
        capacity: u32,
        serves: bool,
        knows: Option<String>,
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
        reopened_at: Option<i64>,
    }
}

record! {
    /// A request without a fee that counts towards the quota.
    pub(super) struct FreeRow in "support_members", kind "free", item id: RequestId {
        asked_at: i64,
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
        reopened_at: Option<i64>,
        low_ms: Option<i64>,
        high_ms: Option<i64>,
        waited_ms: Option<i64>,
        answered: Option<String>,
    }
}

record! {
    /// See the schema.
    pub(super) struct SettingsRow in "coach_settings" {
        user_id: UserId,
        available: bool,
        capacity: u32,
        chosen: bool,
        knows: Option<String>,
    }
}

fn state_word(state: State) -> String {
    match state {
        State::AwaitingPayment => "awaiting_payment",
        State::Queued => "queued",
        State::Offered => "offered",
        State::Active => "active",
        State::Transferring => "transferring",
        State::Closed => "closed",
        State::Cancelled => "cancelled",
        State::Expired => "expired",
        State::Abandoned => "abandoned",
    }
    .to_owned()
}

fn state(word: &str) -> Result<State> {
    match word {
        "awaiting_payment" => Ok(State::AwaitingPayment),
        "queued" => Ok(State::Queued),
        "offered" => Ok(State::Offered),
        "active" => Ok(State::Active),
        "transferring" => Ok(State::Transferring),
        "closed" => Ok(State::Closed),
        "cancelled" => Ok(State::Cancelled),
        "expired" => Ok(State::Expired),
        "abandoned" => Ok(State::Abandoned),
        other => Err(internal(&format_args!("no state of a request is named {other:?}"))),
    }
}

const fn fee_word(state: FeeState) -> &'static str {
    match state {
        FeeState::Asked => "asked",
        FeeState::Authorised => "authorised",
        FeeState::Captured => "captured",
        FeeState::Voided => "voided",
    }
}

fn fee(row: &RequestRow) -> Result<Option<Fee>> {
    let (Some(amount), Some(currency), Some(state)) =
        (row.fee_amount, row.fee_currency.clone(), row.fee_state.as_deref())
    else {
        return Ok(None);
    };
    let states = [FeeState::Asked, FeeState::Authorised, FeeState::Captured, FeeState::Voided];
    let state = states.into_iter().find(|known| fee_word(*known) == state);
    let state = state.ok_or_else(|| internal(&"no state of a fee has that name"))?;
    Ok(Some(Fee { amount, currency, state }))
}

/// Words of a column, a line each.
pub(super) fn lines(text: Option<&str>) -> Vec<String> {
    text.unwrap_or_default().lines().map(str::to_owned).collect()
}

/// As a column; `None` for none.
pub(super) fn column(words: &[String]) -> Option<String> {
    (!words.is_empty()).then(|| words.join("\n"))
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
pub(super) fn desk(id: DeskId, snapshot: &Snapshot, rules: Rules) -> Result<Option<Desk>> {
    let Some(row) = snapshot.one::<DeskRow>()? else { return Ok(None) };
    let topics = row.topics.lines().map(str::to_owned).collect();
    let mut desk = Desk::new(id, row.name, topics, rules);
    desk.open = row.open;
    for row in snapshot.all::<CoachRow>()? {
        let choices = Choices {
            available: row.available,
            capacity: row.capacity,
            serves: row.serves,
            knows: lines(row.knows.as_deref()),
        };
        let person = Person { id: row.id, name: row.coach_name };
        desk.coaches.insert(row.id, Coach { person, choices, grace_until: row.grace_until });
    }
    for row in snapshot.all::<RequestRow>()? {
        desk.put(request(row)?);
    }
    if let Some(row) = snapshot.one::<PaceRow>()? {
        let walks = snapshot.all::<WalkRow>()?.into_iter().map(|row| row.sample).collect();
        let ratios = snapshot.all::<RatioRow>()?.into_iter().map(|row| row.sample).collect();
        desk.pace = Pace {
            exposure_ms: row.exposure_ms,
            held_ms: row.held_ms,
            departures: row.departures,
            counted_at: row.counted_at,
            seen: row.seen,
            walks: Ring { values: walks, taken: row.walks },
            ratios: Ring { values: ratios, taken: row.ratios },
            sampled_at: row.sampled_at.unwrap_or_default(),
            stretch: row.stretch.unwrap_or_default(),
        };
    }
    Ok(Some(desk))
}

/// Whether there is a desk in a partition.
pub(super) fn is_desk(snapshot: &Snapshot) -> Result<bool> {
    Ok(snapshot.one::<DeskRow>()?.is_some())
}

/// A row of before there was a column has null in it.
fn request(row: RequestRow) -> Result<Request> {
    let (fee, state) = (fee(&row)?, state(&row.state)?);
    let (declined, answered) = (ids(row.declined.as_deref()), ids(row.answered.as_deref()));
    let stated = row.stated_at.map(|at| Stated {
        at,
        expected_ms: row.expected_ms.unwrap_or_default(),
        range_ms: row.low_ms.zip(row.high_ms),
    });
    Ok(Request {
        id: row.id,
        member: Person { id: row.member_id, name: row.member_name },
        subject: row.subject,
        first_words: row.first_words,
        expertise: row.expertise,
        state,
        place: row.place,
        coach: person(row.coach_id, row.coach_name),
        created_at: row.created_at,
        claimed_at: row.claimed_at,
        ended_at: row.ended_at,
        summary: row.summary,
        offered_to: person(row.offered_id, row.offered_name),
        offered_until: row.until_at,
        handed_to_anybody: row.handed_to_anybody.unwrap_or_default(),
        declined,
        preferred: row.preferred_id,
        crisis: row.crisis.unwrap_or_default(),
        queued_at: row.queued_at.unwrap_or(row.created_at),
        look_at: row.look_at.or(row.claimed_at),
        warned_at: row.warned_at,
        reopened_at: row.reopened_at,
        fee,
        stated,
        waited_ms: row.waited_ms,
        answered,
    })
}

/// Ids of a column, a line each.
fn ids(column: Option<&str>) -> Vec<UserId> {
    column.unwrap_or_default().lines().filter_map(|id| id.parse().ok()).collect()
}

fn ids_column(ids: &[UserId]) -> Option<String> {
    column(&ids.iter().map(UserId::to_string).collect::<Vec<_>>())
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
        offered_id: request.offered_to.as_ref().map(|coach| coach.id),
        offered_name: request.offered_to.as_ref().map(|coach| coach.name.clone()),
        until_at: request.offered_until,
        handed_to_anybody: Some(request.handed_to_anybody),
        declined: ids_column(&request.declined),
        preferred_id: request.preferred,
        crisis: Some(request.crisis),
        queued_at: Some(request.queued_at),
        look_at: request.look_at,
        warned_at: request.warned_at,
        reopened_at: request.reopened_at,
        fee_amount: request.fee.as_ref().map(|fee| fee.amount),
        fee_currency: request.fee.as_ref().map(|fee| fee.currency.clone()),
        fee_state: request.fee.as_ref().map(|fee| fee_word(fee.state).to_owned()),
        stated_at: request.stated.map(|stated| stated.at),
        expected_ms: request.stated.map(|stated| stated.expected_ms),
        low_ms: request.stated.and_then(|stated| Some(stated.range_ms?.0)),
        high_ms: request.stated.and_then(|stated| Some(stated.range_ms?.1)),
        waited_ms: request.waited_ms,
        answered: ids_column(&request.answered),
    }
}

pub(super) fn pace_row(pace: &Pace) -> PaceRow {
    PaceRow {
        item: Uuid::nil(),
        exposure_ms: pace.exposure_ms,
        held_ms: pace.held_ms,
        departures: pace.departures,
        counted_at: pace.counted_at,
        seen: pace.seen,
        walks: pace.walks.taken,
        ratios: pace.ratios.taken,
        sampled_at: Some(pace.sampled_at),
        stretch: Some(pace.stretch),
    }
}

/// Places of a ring that hold what came since `before`, as (item, value).
pub(super) fn fresh(ring: &Ring, before: u64) -> Vec<(Uuid, i64)> {
    let newest = ring.taken.saturating_sub(ring.values.len() as u64).max(before);
    let slots = (newest..ring.taken).map(Ring::slot);
    let value = |slot: usize| Some((Uuid::from_u128(slot as u128), *ring.values.get(slot)?));
    slots.filter_map(value).collect()
}

pub(super) fn coach_row(coach: &Coach) -> CoachRow {
    CoachRow {
        id: coach.person.id,
        coach_name: coach.person.name.clone(),
        available: coach.choices.available,
        capacity: coach.choices.capacity,
        serves: coach.choices.serves,
        knows: column(&coach.choices.knows),
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

/// An ended request, for its member and for all coaches who answered.
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
        reopened_at: ended.reopened_at,
        low_ms: ended.stated.and_then(|stated| Some(stated.range_ms?.0)),
        high_ms: ended.stated.and_then(|stated| Some(stated.range_ms?.1)),
        waited_ms: ended.waited_ms,
        answered: ids_column(&ended.answered),
    };
    store.put(ended.people().map(row).collect()).await
}

/// It is open again, or ended again: not a part of the history as of before.
pub(super) async fn remove_history(
    store: &Store,
    users: impl IntoIterator<Item = UserId>,
    ended_at: Millis,
    id: RequestId,
) -> Result<()> {
    let key = |user: UserId| vec![Value::Uuid(user.0), Value::Int(ended_at), Value::Uuid(id.0)];
    store.remove::<HistoryRow>(users.into_iter().map(key).collect()).await
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
        let wait = row.low_ms.zip(row.high_ms);
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
                offered_to: None,
                offered_until: None,
                handed_to_anybody: false,
                declined: Vec::new(),
                preferred: None,
                crisis: false,
                queued_at: row.created_at,
                look_at: None,
                warned_at: None,
                reopened_at: row.reopened_at,
                fee: None,
                stated: wait.map(|wait| Stated {
                    at: row.reopened_at.unwrap_or(row.created_at),
                    expected_ms: 0,
                    range_ms: Some(wait),
                }),
                waited_ms: row.waited_ms,
                answered: ids(row.answered.as_deref()),
            },
        ))
    };
    rows.into_iter().map(request).collect()
}

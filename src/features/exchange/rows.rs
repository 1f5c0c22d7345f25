//! Rows of `schema/exchange.cql`; the only file that names its tables.

use super::model::calendar::{Calendar, Keep, Slot};
use super::model::{Denial, Gives, Minutes, Pending, Proposal, Session, State};
use crate::error::{Result, internal};
use crate::store::{Partition, Range, Snapshot, Store, Value, VersionedRecord, record};
use protocol::people::Person;
use protocol::{ExchangeId, GroupId, Millis, UserId};
use uuid::Uuid;

record! {
    /// See the schema.
    pub(super) struct SessionRow in "exchange_sessions", kind "session", item item: Uuid {
        group_id: GroupId,
        requester_id: UserId,
        requester_name: String,
        responder_id: Option<UserId>,
        responder_name: Option<String>,
        state: String,
        starts_at: Option<i64>,
        duration_min: u32,
        requester_gives: Option<String>,
        responder_gives: Option<String>,
        word: Option<String>,
        proposal: u32,
        proposed_by: UserId,
        proposed_at: i64,
        created_at: i64,
        attempts: u32,
        held_by: Option<UserId>,
        held_until: Option<i64>,
        refused_attempt: Option<u32>,
        refused_user: Option<UserId>,
        refused_why: Option<String>,
        accepted_at: Option<i64>,
        started_at: Option<i64>,
        requester_confirmed_at: Option<i64>,
        responder_confirmed_at: Option<i64>,
        ended_at: Option<i64>,
        ended_by: Option<UserId>,
        absent_id: Option<UserId>,
        reason: Option<String>,
        talk_closed: bool,
    }
}

record! {
    /// A note: of its writer alone, or of both sides.
    pub(super) struct NoteRow in "exchange_sessions", kind "note", item writer: Uuid {
        note_text: String,
    }
}

record! {
    /// A time in somebody's calendar.
    pub(super) struct SlotRow in "exchange_calendars", kind "slot", item id: ExchangeId {
        starts_at: i64,
        ends_at: i64,
        keep: String,
        attempt: Option<u32>,
        until_at: Option<i64>,
    }
}

record! {
    /// What somebody gave and received in all.
    pub(super) struct TotalsRow in "exchange_calendars", kind "totals", item item: Uuid {
        given_min: u64,
        received_min: u64,
    }
}

record! {
    /// See the schema.
    pub(super) struct OwnRow in "exchanges_of_user" {
        user_id: UserId,
        created_at: i64,
        exchange_id: ExchangeId,
    }
}

record! {
    /// See the schema.
    pub(super) struct BoardRow in "exchange_boards" {
        group_id: GroupId,
        posted_at: i64,
        exchange_id: ExchangeId,
    }
}

record! {
    /// See the schema.
    pub(super) struct LedgerRow in "exchange_ledger" {
        user_id: UserId,
        completed_at: i64,
        exchange_id: ExchangeId,
        with_id: UserId,
        with_name: String,
        given_min: u32,
        received_min: u32,
    }
}

const STATES: [(State, &str); 11] = [
    (State::Open, "open"),
    (State::Requested, "requested"),
    (State::Accepted, "accepted"),
    (State::Started, "started"),
    (State::Completed, "completed"),
    (State::Disputed, "disputed"),
    (State::Cancelled, "cancelled"),
    (State::NoShow, "no_show"),
    (State::Declined, "declined"),
    (State::Withdrawn, "withdrawn"),
    (State::Expired, "expired"),
];

fn state(word: &str) -> Result<State> {
    let found = STATES.iter().find(|(_, known)| *known == word).map(|(state, _)| *state);
    found.ok_or_else(|| internal(&format_args!("no state of an exchange is named {word:?}")))
}

fn state_word(state: State) -> String {
    let found = STATES.iter().find(|(known, _)| *known == state);
    found.map(|(_, word)| (*word).to_owned()).unwrap_or_default()
}

pub(super) fn session_partition(id: ExchangeId) -> Partition {
    Partition::new(SessionRow::TABLE, [Value::Uuid(id.0)])
}

pub(super) fn calendar_partition(user: UserId) -> Partition {
    Partition::new(SlotRow::TABLE, [Value::Uuid(user.0)])
}

pub(super) fn session(id: ExchangeId, snapshot: &Snapshot) -> Result<Option<Session>> {
    let Some(row) = snapshot.one::<SessionRow>()? else { return Ok(None) };
    let denied = match (row.refused_attempt, row.refused_why.as_deref(), row.refused_user) {
        (None, _, _) => None,
        (Some(attempt), Some("taken"), Some(user)) => Some((attempt, Denial::Taken(user))),
        (Some(attempt), Some("full"), Some(user)) => Some((attempt, Denial::Full(user))),
        (Some(attempt), Some("late"), _) => Some((attempt, Denial::Late)),
        (Some(_), why, _) => {
            return Err(internal(&format_args!("no attempt fails for {why:?}")));
        }
    };
    let responder = row.responder_id.zip(row.responder_name);
    Ok(Some(Session {
        id,
        group_id: row.group_id,
        requester: Person { id: row.requester_id, name: row.requester_name },
        responder: responder.map(|(id, name)| Person { id, name }),
        state: state(&row.state)?,
        proposal: Proposal {
            version: row.proposal,
            by: row.proposed_by,
            at: row.proposed_at,
            starts_at: row.starts_at,
            duration_min: row.duration_min,
            note: row.word,
        },
        gives: Gives { requester: row.requester_gives, responder: row.responder_gives },
        created_at: row.created_at,
        attempts: row.attempts,
        pending: row.held_by.zip(row.held_until).map(|(by, until)| Pending { by, until }),
        denied,
        accepted_at: row.accepted_at,
        started_at: row.started_at,
        requester_confirmed_at: row.requester_confirmed_at,
        responder_confirmed_at: row.responder_confirmed_at,
        ended_at: row.ended_at,
        ended_by: row.ended_by,
        absent: row.absent_id,
        reason: row.reason,
        talk_closed: row.talk_closed,
    }))
}

pub(super) fn session_row(session: &Session) -> SessionRow {
    let (refused_why, refused_user) = match session.denied.map(|(_, why)| why) {
        None => (None, None),
        Some(Denial::Taken(user)) => (Some("taken"), Some(user)),
        Some(Denial::Full(user)) => (Some("full"), Some(user)),
        Some(Denial::Late) => (Some("late"), None),
    };
    let proposal = &session.proposal;
    SessionRow {
        item: Uuid::nil(),
        group_id: session.group_id,
        requester_id: session.requester.id,
        requester_name: session.requester.name.clone(),
        responder_id: session.responder.as_ref().map(|person| person.id),
        responder_name: session.responder.as_ref().map(|person| person.name.clone()),
        state: state_word(session.state),
        starts_at: proposal.starts_at,
        duration_min: proposal.duration_min,
        requester_gives: session.gives.requester.clone(),
        responder_gives: session.gives.responder.clone(),
        word: proposal.note.clone(),
        proposal: proposal.version,
        proposed_by: proposal.by,
        proposed_at: proposal.at,
        created_at: session.created_at,
        attempts: session.attempts,
        held_by: session.pending.map(|pending| pending.by),
        held_until: session.pending.map(|pending| pending.until),
        refused_attempt: session.denied.map(|(attempt, _)| attempt),
        refused_user,
        refused_why: refused_why.map(str::to_owned),
        accepted_at: session.accepted_at,
        started_at: session.started_at,
        requester_confirmed_at: session.requester_confirmed_at,
        responder_confirmed_at: session.responder_confirmed_at,
        ended_at: session.ended_at,
        ended_by: session.ended_by,
        absent_id: session.absent,
        reason: session.reason.clone(),
        talk_closed: session.talk_closed,
    }
}

/// The text of a writer's note, or of the shared one.
pub(super) fn note(snapshot: &Snapshot, writer: Option<UserId>) -> Result<Option<String>> {
    let item = writer.map_or(Uuid::nil(), Uuid::from);
    let found = snapshot.all::<NoteRow>()?.into_iter().find(|row| row.writer == item);
    Ok(found.map(|row| row.note_text))
}

pub(super) fn calendar(snapshot: &Snapshot) -> Result<Calendar> {
    let totals = snapshot.one::<TotalsRow>()?;
    let mut calendar = Calendar {
        given_min: totals.as_ref().map_or(0, |row| row.given_min),
        received_min: totals.as_ref().map_or(0, |row| row.received_min),
        ..Calendar::default()
    };
    for row in snapshot.all::<SlotRow>()? {
        let keep = match (row.keep.as_str(), row.attempt, row.until_at) {
            ("held", Some(attempt), Some(until)) => Keep::Held { attempt, until },
            ("booked", _, _) => Keep::Booked,
            ("over", _, Some(until)) => Keep::Over { until },
            (other, _, _) => {
                return Err(internal(&format_args!("no slot is kept as {other:?}")));
            }
        };
        let slot = Slot { starts_at: row.starts_at, ends_at: row.ends_at, keep };
        calendar.slots.insert(row.id, slot);
    }
    Ok(calendar)
}

pub(super) fn slot_row(id: ExchangeId, slot: Slot) -> SlotRow {
    let (keep, attempt, until_at) = match slot.keep {
        Keep::Held { attempt, until } => ("held", Some(attempt), Some(until)),
        Keep::Booked => ("booked", None, None),
        Keep::Over { until } => ("over", None, Some(until)),
    };
    let Slot { starts_at, ends_at, .. } = slot;
    SlotRow { id, starts_at, ends_at, keep: keep.to_owned(), attempt, until_at }
}

pub(super) fn totals_row(calendar: &Calendar) -> TotalsRow {
    let Calendar { given_min, received_min, .. } = *calendar;
    TotalsRow { item: Uuid::nil(), given_min, received_min }
}

/// In the lists of people; before the session is there.
pub(super) async fn list(
    store: &Store,
    users: impl IntoIterator<Item = UserId>,
    id: ExchangeId,
    created_at: Millis,
) -> Result<()> {
    let row = |user_id| OwnRow { user_id, created_at, exchange_id: id };
    store.put(users.into_iter().map(row).collect()).await
}

/// Takes sessions off somebody's list.
pub(super) async fn unlist(store: &Store, user: UserId, places: &[Place]) -> Result<()> {
    let key = |&(at, id): &Place| vec![Value::Uuid(user.0), Value::Int(at), Value::Uuid(id.0)];
    store.remove::<OwnRow>(places.iter().map(key).collect()).await
}

/// Takes rows off somebody's ledger.
pub(super) async fn unledger(store: &Store, user: UserId, rows: &[LedgerRow]) -> Result<()> {
    let key = |row: &LedgerRow| {
        let (at, id) = (row.completed_at, row.exchange_id);
        vec![Value::Uuid(user.0), Value::Int(at), Value::Uuid(id.0)]
    };
    store.remove::<LedgerRow>(rows.iter().map(key).collect()).await
}

/// On a board; before the offer is there.
pub(super) async fn put_on_board(
    store: &Store,
    group_id: GroupId,
    id: ExchangeId,
    posted_at: Millis,
) -> Result<()> {
    store.put(vec![BoardRow { group_id, posted_at, exchange_id: id }]).await
}

/// For good: an offer that is not open never is again.
pub(super) async fn take_off_board(
    store: &Store,
    group_id: GroupId,
    id: ExchangeId,
    posted_at: Millis,
) -> Result<()> {
    let key = vec![Value::Uuid(group_id.0), Value::Int(posted_at), Value::Uuid(id.0)];
    store.remove::<BoardRow>(vec![key]).await
}

/// A place in a list that runs by time.
pub(super) type Place = (Millis, ExchangeId);

fn newest_first(partition: Uuid, after: Option<Place>, limit: u32) -> Range {
    Range {
        partition: vec![Value::Uuid(partition)],
        after: after.map(|(at, id)| vec![Value::Int(at), Value::Uuid(id.0)]),
        descending: false,
        limit,
    }
}

pub(super) async fn own(
    store: &Store,
    user: UserId,
    after: Option<Place>,
    limit: u32,
) -> Result<Vec<Place>> {
    let rows = store.list::<OwnRow>(newest_first(user.0, after, limit)).await?;
    Ok(rows.into_iter().map(|row| (row.created_at, row.exchange_id)).collect())
}

pub(super) async fn board(
    store: &Store,
    group: GroupId,
    after: Option<Place>,
    limit: u32,
) -> Result<Vec<Place>> {
    let rows = store.list::<BoardRow>(newest_first(group.0, after, limit)).await?;
    Ok(rows.into_iter().map(|row| (row.posted_at, row.exchange_id)).collect())
}

/// Again with the same session: the same row.
pub(super) async fn put_ledger(
    store: &Store,
    user_id: UserId,
    id: ExchangeId,
    with: &Person,
    minutes: Minutes,
    completed_at: Millis,
) -> Result<()> {
    let row = LedgerRow {
        user_id,
        completed_at,
        exchange_id: id,
        with_id: with.id,
        with_name: with.name.clone(),
        given_min: minutes.given,
        received_min: minutes.received,
    };
    store.put(vec![row]).await
}

pub(super) async fn ledger(
    store: &Store,
    user: UserId,
    after: Option<Place>,
    limit: u32,
) -> Result<Vec<LedgerRow>> {
    store.list(newest_first(user.0, after, limit)).await
}

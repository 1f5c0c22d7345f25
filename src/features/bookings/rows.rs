//! Rows of `schema/bookings.cql`; the only file that names its tables.

pub(super) mod reviews;
pub(super) mod schedules;

use super::model::calendar::{Calendar, Entry};
use super::model::schedule::Service;
use super::model::{Aim, Booking, Denial, Pending, State, Time};
use crate::error::{Result, internal};
use crate::store::{
    Change, Partition, Range, Snapshot, Store, Value, VersionedRecord as _, record,
};
use protocol::Money;
use protocol::bookings::{PaymentState, Type};
use protocol::people::Person;
use protocol::{BookingId, Millis, ServiceId, UserId};
use uuid::Uuid;

record! {
    /// See the schema.
    pub(super) struct BookingRow in "bookings", kind "booking", item item: Uuid {
        coach_id: UserId,
        coach_name: String,
        client_id: UserId,
        client_name: String,
        service_id: ServiceId,
        title: String,
        live: bool,
        duration_min: u32,
        price: Option<i64>,
        currency: Option<String>,
        before_min: u32,
        after_min: u32,
        seats: u32,
        needs_confirmation: bool,
        state: String,
        starts_at: i64,
        attempt: u32,
        attempts: u32,
        pending: Option<String>,
        pending_starts_at: Option<i64>,
        denied_attempt: Option<u32>,
        denied_user: Option<UserId>,
        denied_why: Option<String>,
        description: Option<String>,
        created_at: i64,
        held_until: Option<i64>,
        asked_at: Option<i64>,
        confirmed_at: Option<i64>,
        reminded: u32,
        sequence: u32,
        ended_at: Option<i64>,
        ended_by: Option<UserId>,
        absent_id: Option<UserId>,
        reason: Option<String>,
        talk_closed: bool,
        payment_state: Option<String>,
    }
}

record! {
    /// A note: of its writer alone, sealed, or of both sides.
    pub(super) struct NoteRow in "bookings", kind "note", item writer: Uuid {
        note_text: Option<String>,
        sealed: Option<Vec<u8>>,
    }
}

record! {
    /// A time that is taken.
    struct EntryRow in "booking_calendars", kind "entry", item item: Uuid {
        booking_id: BookingId,
        attempt: u32,
        session_id: Uuid,
        from_at: i64,
        until_at: i64,
        seats: u32,
    }
}

record! {
    /// See the schema.
    struct OwnRow in "bookings_of_user" {
        user_id: UserId,
        created_at: i64,
        booking_id: BookingId,
    }
}

const STATES: [(State, &str); 11] = [
    (State::Holding, "holding"),
    (State::Refused, "refused"),
    (State::Held, "held"),
    (State::AwaitingCoach, "awaiting_coach"),
    (State::Confirmed, "confirmed"),
    (State::Completed, "completed"),
    (State::NoShow, "no_show"),
    (State::Cancelled, "cancelled"),
    (State::Expired, "expired"),
    (State::Released, "released"),
    (State::Declined, "declined"),
];
const AIMS: [(Aim, &str); 3] = [(Aim::Hold, "hold"), (Aim::Move, "move"), (Aim::Retake, "retake")];
const PAYMENTS: [(PaymentState, &str); 4] = [
    (PaymentState::Pending, "pending"),
    (PaymentState::Paid, "paid"),
    (PaymentState::Refunded, "refunded"),
    (PaymentState::Cancelled, "cancelled"),
];

/// The word for a thing, in a table of them.
fn word<T: PartialEq>(words: &[(T, &str)], thing: &T) -> String {
    let found = words.iter().find(|(known, _)| known == thing);
    found.map(|(_, word)| (*word).to_owned()).unwrap_or_default()
}

/// The thing that a word means.
fn meant<T: Copy>(words: &[(T, &str)], word: &str) -> Result<T> {
    let found = words.iter().find(|(_, known)| *known == word).map(|(thing, _)| *thing);
    found.ok_or_else(|| internal(&format_args!("a booking has no word {word:?}")))
}

pub(super) fn booking_partition(id: BookingId) -> Partition {
    Partition::new(BookingRow::TABLE, [Value::Uuid(id.0)])
}

pub(super) fn calendar_partition(user: UserId, stretch: i64) -> Partition {
    Partition::new(EntryRow::TABLE, [Value::Uuid(user.0), Value::Int(stretch)])
}

const fn kind(live: bool) -> Type {
    if live { Type::Live } else { Type::Text }
}

fn money(amount: Option<i64>, currency: Option<String>) -> Option<Money> {
    amount.zip(currency).map(|(amount, currency)| Money { amount, currency })
}

pub(super) fn booking(id: BookingId, snapshot: &Snapshot) -> Result<Option<Booking>> {
    let Some(row) = snapshot.one::<BookingRow>()? else { return Ok(None) };
    let denied = match (row.denied_attempt, row.denied_why.as_deref(), row.denied_user) {
        (Some(attempt), Some("taken"), Some(user)) => Some((attempt, Denial::Taken(user))),
        (Some(attempt), Some("full"), Some(user)) => Some((attempt, Denial::Full(user))),
        (_, _, _) => None,
    };
    let pending = match (row.pending.as_deref(), row.pending_starts_at) {
        (Some(aim), Some(starts_at)) => {
            let time = Time { attempt: row.attempts, starts_at };
            Some(Pending { aim: meant(&AIMS, aim)?, time })
        }
        _ => None,
    };
    let pay = row.payment_state.as_deref().map(|state| meant(&PAYMENTS, state)).transpose()?;
    Ok(Some(Booking {
        id,
        coach: Person { id: row.coach_id, name: row.coach_name },
        client: Person { id: row.client_id, name: row.client_name },
        service: Service {
            id: row.service_id,
            title: row.title,
            description: None,
            kind: kind(row.live),
            duration_min: row.duration_min,
            price: money(row.price, row.currency),
            before_min: row.before_min,
            after_min: row.after_min,
            // Rules of booking it; of no matter once it is booked.
            notice_min: 0,
            window_days: 0,
            every_min: row.duration_min,
            seats: row.seats,
            needs_confirmation: row.needs_confirmation,
        },
        state: meant(&STATES, &row.state)?,
        time: Time { attempt: row.attempt, starts_at: row.starts_at },
        attempts: row.attempts,
        pending,
        denied,
        description: row.description,
        created_at: row.created_at,
        held_until: row.held_until,
        asked_at: row.asked_at,
        confirmed_at: row.confirmed_at,
        reminded: row.reminded,
        sequence: row.sequence,
        ended_at: row.ended_at,
        ended_by: row.ended_by,
        absent: row.absent_id,
        reason: row.reason,
        talk_closed: row.talk_closed,
        pay,
    }))
}

pub(super) fn booking_row(booking: &Booking) -> BookingRow {
    let (denied_why, denied_user) = match booking.denied.map(|(_, why)| why) {
        None => (None, None),
        Some(Denial::Taken(user)) => (Some("taken"), Some(user)),
        Some(Denial::Full(user)) => (Some("full"), Some(user)),
    };
    let Booking { service, time, pending, pay, .. } = booking;
    BookingRow {
        item: Uuid::nil(),
        coach_id: booking.coach.id,
        coach_name: booking.coach.name.clone(),
        client_id: booking.client.id,
        client_name: booking.client.name.clone(),
        service_id: service.id,
        title: service.title.clone(),
        live: service.kind == Type::Live,
        duration_min: service.duration_min,
        price: service.price.as_ref().map(|price| price.amount),
        currency: service.price.as_ref().map(|price| price.currency.clone()),
        before_min: service.before_min,
        after_min: service.after_min,
        seats: service.seats,
        needs_confirmation: service.needs_confirmation,
        state: word(&STATES, &booking.state),
        starts_at: time.starts_at,
        attempt: time.attempt,
        attempts: booking.attempts,
        pending: pending.map(|pending| word(&AIMS, &pending.aim)),
        pending_starts_at: pending.map(|pending| pending.time.starts_at),
        denied_attempt: booking.denied.map(|(attempt, _)| attempt),
        denied_user,
        denied_why: denied_why.map(str::to_owned),
        description: booking.description.clone(),
        created_at: booking.created_at,
        held_until: booking.held_until,
        asked_at: booking.asked_at,
        confirmed_at: booking.confirmed_at,
        reminded: booking.reminded,
        sequence: booking.sequence,
        ended_at: booking.ended_at,
        ended_by: booking.ended_by,
        absent_id: booking.absent,
        reason: booking.reason.clone(),
        talk_closed: booking.talk_closed,
        payment_state: pay.as_ref().map(|pay| word(&PAYMENTS, pay)),
    }
}

/// A writer's note, or the shared one.
pub(super) fn note(snapshot: &Snapshot, writer: Option<UserId>) -> Result<Option<NoteRow>> {
    let item = writer.map_or(Uuid::nil(), Uuid::from);
    Ok(snapshot.all::<NoteRow>()?.into_iter().find(|row| row.writer == item))
}

pub(super) fn calendar(snapshot: &Snapshot) -> Result<Calendar> {
    let entry = |row: EntryRow| {
        let entry = Entry {
            booking: row.booking_id,
            attempt: row.attempt,
            session: row.session_id,
            from: row.from_at,
            until: row.until_at,
            seats: row.seats,
        };
        (row.item, entry)
    };
    Ok(Calendar { entries: snapshot.all::<EntryRow>()?.into_iter().map(entry).collect() })
}

/// The rows that changed.
pub(super) fn write_calendar(before: &Calendar, after: &Calendar) -> Change {
    let mut change = Change::new();
    for (&item, entry) in &after.entries {
        if before.entries.get(&item) != Some(entry) {
            change.write(EntryRow {
                item,
                booking_id: entry.booking,
                attempt: entry.attempt,
                session_id: entry.session,
                from_at: entry.from,
                until_at: entry.until,
                seats: entry.seats,
            });
        }
    }
    for &item in before.entries.keys().filter(|item| !after.entries.contains_key(*item)) {
        change.delete::<EntryRow>(item);
    }
    change
}

/// A place in a list that runs by time.
pub(super) type Place = (Millis, BookingId);

fn newest_first(partition: UserId, after: Option<Place>, limit: u32) -> Range {
    Range {
        partition: vec![Value::Uuid(partition.0)],
        after: after.map(|(at, id)| vec![Value::Int(at), Value::Uuid(id.0)]),
        descending: false,
        limit,
    }
}

/// In the lists of both; before the booking is there.
pub(super) async fn list(
    store: &Store,
    users: [UserId; 2],
    booking_id: BookingId,
    created_at: Millis,
) -> Result<()> {
    let row = |user_id| OwnRow { user_id, created_at, booking_id };
    store.put(users.into_iter().map(row).collect()).await
}

pub(super) async fn own(
    store: &Store,
    user: UserId,
    after: Option<Place>,
    limit: u32,
) -> Result<Vec<Place>> {
    let rows = store.list::<OwnRow>(newest_first(user, after, limit)).await?;
    Ok(rows.into_iter().map(|row| (row.created_at, row.booking_id)).collect())
}

fn keys(user: UserId, places: &[Place]) -> Vec<Vec<Value>> {
    let key = |&(at, id): &Place| vec![Value::Uuid(user.0), Value::Int(at), Value::Uuid(id.0)];
    places.iter().map(key).collect()
}

/// Takes bookings off somebody's list.
pub(super) async fn unlist(store: &Store, user: UserId, places: &[Place]) -> Result<()> {
    store.remove::<OwnRow>(keys(user, places)).await
}

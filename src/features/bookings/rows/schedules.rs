//! Rows of `schema/bookings.cql` about what a coach offers, and when.

use super::{kind, money};
use crate::error::{Result, internal};
use crate::features::bookings::model::schedule::{Schedule, Service, Window};
use crate::store::{Change, Partition, Snapshot, Value, VersionedRecord, record};
use jiff::civil::Date;
use protocol::bookings::Type;
use protocol::{Millis, ServiceId, UserId};
use uuid::Uuid;

record! {
    /// See the schema.
    pub(in crate::features::bookings) struct ServiceRow in "booking_schedules", kind "service", item id: ServiceId {
        title: String,
        description: Option<String>,
        live: bool,
        duration_min: u32,
        price: Option<i64>,
        currency: Option<String>,
        before_min: u32,
        after_min: u32,
        notice_min: u32,
        window_days: u32,
        every_min: u32,
        seats: u32,
        needs_confirmation: bool,
        created_at: i64,
    }
}

record! {
    /// The zone of all windows.
    struct ZoneRow in "booking_schedules", kind "zone", item item: Uuid {
        zone: String,
    }
}

record! {
    /// A window of each week.
    struct WeeklyRow in "booking_schedules", kind "weekly", item item: Uuid {
        day: u32,
        from_min: u32,
        until_min: u32,
    }
}

record! {
    /// A window of a date; without minutes: the date has none.
    struct OverrideRow in "booking_schedules", kind "override", item item: Uuid {
        from_date: String,
        from_min: Option<u32>,
        until_min: Option<u32>,
    }
}

record! {
    /// Days off.
    struct TimeOffRow in "booking_schedules", kind "time_off", item item: Uuid {
        from_date: String,
        until_date: String,
    }
}

pub(in crate::features::bookings) fn schedule_partition(coach: UserId) -> Partition {
    Partition::new(ServiceRow::TABLE, [Value::Uuid(coach.0)])
}

/// Services, those made first in front.
pub(in crate::features::bookings) fn services(snapshot: &Snapshot) -> Result<Vec<Service>> {
    let mut rows = snapshot.all::<ServiceRow>()?;
    rows.sort_by_key(|row| (row.created_at, row.id));
    Ok(rows.into_iter().map(service).collect())
}

fn service(row: ServiceRow) -> Service {
    Service {
        id: row.id,
        title: row.title,
        description: row.description,
        kind: kind(row.live),
        duration_min: row.duration_min,
        price: money(row.price, row.currency),
        before_min: row.before_min,
        after_min: row.after_min,
        notice_min: row.notice_min,
        window_days: row.window_days,
        every_min: row.every_min,
        seats: row.seats,
        needs_confirmation: row.needs_confirmation,
    }
}

/// When a service was made; what is changed keeps its place.
pub(in crate::features::bookings) fn made_at(
    snapshot: &Snapshot,
    id: ServiceId,
) -> Result<Option<Millis>> {
    let rows = snapshot.all::<ServiceRow>()?;
    Ok(rows.iter().find(|row| row.id == id).map(|row| row.created_at))
}

pub(in crate::features::bookings) fn service_row(
    service: Service,
    created_at: Millis,
) -> ServiceRow {
    ServiceRow {
        id: service.id,
        title: service.title,
        description: service.description,
        live: service.kind == Type::Live,
        duration_min: service.duration_min,
        currency: service.price.as_ref().map(|price| price.currency.clone()),
        price: service.price.map(|price| price.amount),
        before_min: service.before_min,
        after_min: service.after_min,
        notice_min: service.notice_min,
        window_days: service.window_days,
        every_min: service.every_min,
        seats: service.seats,
        needs_confirmation: service.needs_confirmation,
        created_at,
    }
}

fn date(text: &str) -> Result<Date> {
    text.parse().map_err(|error| internal(&error))
}

/// `None` while the coach did not say.
pub(in crate::features::bookings) fn schedule(snapshot: &Snapshot) -> Result<Option<Schedule>> {
    let Some(zone) = snapshot.one::<ZoneRow>()? else { return Ok(None) };
    let mut schedule = Schedule::new(&zone.zone)
        .ok_or_else(|| internal(&format_args!("there is no zone {:?}", zone.zone)))?;
    for WeeklyRow { day, from_min, until_min, .. } in snapshot.all()? {
        schedule.weekly.push((day, Window { from_min, until_min }));
    }
    for row in snapshot.all::<OverrideRow>()? {
        let windows = schedule.overrides.entry(date(&row.from_date)?).or_default();
        let window = row.from_min.zip(row.until_min);
        windows.extend(window.map(|(from_min, until_min)| Window { from_min, until_min }));
    }
    for row in snapshot.all::<TimeOffRow>()? {
        schedule.time_off.push((date(&row.from_date)?, date(&row.until_date)?));
    }
    schedule.weekly.sort_unstable();
    schedule.time_off.sort_unstable();
    Ok(Some(schedule))
}

/// Rows by their place in a list: written over those that were there, and the rest goes.
fn renew<R: VersionedRecord>(
    change: &mut Change,
    snapshot: &Snapshot,
    rows: impl IntoIterator<Item = R>,
) {
    let before = snapshot.rows.iter().filter(|row| row.kind == R::KIND).count();
    let mut count = 0;
    for row in rows {
        change.write(row);
        count += 1;
    }
    for place in count..before {
        change.delete::<R>(nth(place));
    }
}

/// The item of a place in a list.
fn nth(place: usize) -> Uuid {
    Uuid::from_u128(place as u128)
}

pub(in crate::features::bookings) fn write_schedule(
    change: &mut Change,
    snapshot: &Snapshot,
    schedule: &Schedule,
) {
    change.write(ZoneRow { item: Uuid::nil(), zone: schedule.zone_name.clone() });
    let weekly = schedule.weekly.iter().enumerate().map(|(place, &(day, window))| WeeklyRow {
        item: nth(place),
        day,
        from_min: window.from_min,
        until_min: window.until_min,
    });
    renew(change, snapshot, weekly);
    let overrides = schedule.overrides.iter().flat_map(|(&date, windows)| {
        let off = windows.is_empty().then_some((date, None));
        off.into_iter().chain(windows.iter().map(move |window| (date, Some(*window))))
    });
    let overrides = overrides.enumerate().map(|(place, (date, window))| OverrideRow {
        item: nth(place),
        from_date: date.to_string(),
        from_min: window.map(|window| window.from_min),
        until_min: window.map(|window| window.until_min),
    });
    renew(change, snapshot, overrides);
    let off = schedule.time_off.iter().enumerate().map(|(place, (first, last))| TimeOffRow {
        item: nth(place),
        from_date: first.to_string(),
        until_date: last.to_string(),
    });
    renew(change, snapshot, off);
}

/// All that a coach said of when they can be booked, and for what, goes.
pub(in crate::features::bookings) fn clear_schedule(
    change: &mut Change,
    snapshot: &Snapshot,
) -> Result<()> {
    for row in snapshot.all::<ServiceRow>()? {
        change.delete::<ServiceRow>(row.id);
    }
    if snapshot.one::<ZoneRow>()?.is_some() {
        change.delete::<ZoneRow>(Uuid::nil());
    }
    renew::<WeeklyRow>(change, snapshot, []);
    renew::<OverrideRow>(change, snapshot, []);
    renew::<TimeOffRow>(change, snapshot, []);
    Ok(())
}

//! What a coach offers, and when: `/v1/coaches/{id}/services` and `…/availability`.

use super::model::Refusal;
use super::model::schedule::{Schedule, Service, Window, minute, minute_text};
use super::rows::schedules as rows;
use super::{Bookings, view};
use crate::auth::{Caller, Role};
use crate::error::{Result, forbidden};
use crate::store::Change;
use crate::words::bookings as words;
use jiff::civil::Date;
use protocol::Money;
use protocol::bookings::{
    self as wire, Availability, CreateService, Day, ServiceResult, Services, UpdateService,
};
use protocol::limits::{
    BOOKING_BUFFER_MIN_MAX, BOOKING_LONGEST_MIN, BOOKING_NOTICE_MIN_DEFAULT,
    BOOKING_NOTICE_MIN_MAX, BOOKING_SEATS_MAX, BOOKING_SHORTEST_MIN, BOOKING_TEXT_CHARS_MAX,
    BOOKING_WINDOW_DAYS_DEFAULT, BOOKING_WINDOW_DAYS_MAX, OVERRIDE_WINDOWS_MAX, PAYMENT_AMOUNT_MAX,
    SERVICE_TITLE_CHARS_MAX, SERVICES_MAX, TIME_OFF_MAX, WEEKLY_WINDOWS_MAX,
};
use protocol::{Error, ErrorCode, Patch, ServiceId, UserId};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

const DAYS: [Day; 7] = [Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun];

impl Bookings {
    /// `GET /v1/coaches/{id}/services`
    pub(super) async fn services(&self, caller: &Caller, coach: UserId) -> Result<Services> {
        self.bookable(caller, coach).await?;
        let snapshot = self.store.load(rows::schedule_partition(coach)).await?;
        let services = rows::services(&snapshot)?;
        Ok(Services { items: services.iter().map(|it| view::service(it, coach)).collect() })
    }

    /// `POST /v1/coaches/{id}/services`
    pub(super) async fn create_service(
        &self,
        caller: &Caller,
        coach: UserId,
        create: CreateService,
    ) -> Result<ServiceResult> {
        as_coach(caller, coach)?;
        let id: ServiceId = match create.client_id {
            Some(client_id) => {
                crate::id::derived("booking.service", &[coach.as_bytes(), client_id.as_bytes()])
            }
            None => crate::id::fresh(),
        };
        let service = checked(new_service(id, create))?;
        let now = self.clock.now();
        let made = self
            .store
            .decide(rows::schedule_partition(coach), |snapshot| {
                let known = rows::services(snapshot)?;
                if let Some(known) = known.iter().find(|known| known.id == id) {
                    return Ok((Change::new(), known.clone()));
                }
                if known.len() >= SERVICES_MAX {
                    return Err(Error::new(ErrorCode::Full, words::MANY));
                }
                let mut change = Change::new();
                change.write(rows::service_row(service.clone(), now));
                Ok((change, service.clone()))
            })
            .await?;
        Ok(ServiceResult { service: view::service(&made, coach) })
    }

    /// `PATCH /v1/coaches/{id}/services/{service_id}`
    pub(super) async fn update_service(
        &self,
        caller: &Caller,
        coach: UserId,
        id: ServiceId,
        update: UpdateService,
    ) -> Result<ServiceResult> {
        as_coach(caller, coach)?;
        let made = self
            .store
            .decide(rows::schedule_partition(coach), |snapshot| {
                let known = rows::services(snapshot)?.into_iter().find(|known| known.id == id);
                let known = known.ok_or(Refusal::NoSuchService)?;
                let created_at = rows::made_at(snapshot, id)?.unwrap_or_default();
                let service = checked(changed(known.clone(), update.clone())?)?;
                let mut change = Change::new();
                if service != known {
                    change.write(rows::service_row(service.clone(), created_at));
                }
                Ok((change, service))
            })
            .await?;
        Ok(ServiceResult { service: view::service(&made, coach) })
    }

    /// `DELETE /v1/coaches/{id}/services/{service_id}`: what was booked stays booked.
    pub(super) async fn delete_service(
        &self,
        caller: &Caller,
        coach: UserId,
        id: ServiceId,
    ) -> Result<()> {
        as_coach(caller, coach)?;
        self.store
            .decide(rows::schedule_partition(coach), |snapshot| {
                let mut change = Change::new();
                if rows::made_at(snapshot, id)?.is_some() {
                    change.delete::<rows::ServiceRow>(id);
                }
                Ok((change, ()))
            })
            .await
    }

    /// `GET /v1/coaches/{id}/availability`
    pub(super) async fn availability(
        &self,
        caller: &Caller,
        coach: UserId,
    ) -> Result<Availability> {
        self.bookable(caller, coach).await?;
        let snapshot = self.store.load(rows::schedule_partition(coach)).await?;
        let schedule = rows::schedule(&snapshot)?;
        let none = || Error::new(ErrorCode::NotFound, words::NO_AVAILABILITY);
        Ok(said(&schedule.ok_or_else(none)?))
    }

    /// `PUT /v1/coaches/{id}/availability`
    pub(super) async fn set_availability(
        &self,
        caller: &Caller,
        coach: UserId,
        wanted: Availability,
    ) -> Result<Availability> {
        as_coach(caller, coach)?;
        let schedule = meant(&wanted)?;
        self.store
            .decide(rows::schedule_partition(coach), |snapshot| {
                let mut change = Change::new();
                if rows::schedule(snapshot)?.as_ref() != Some(&schedule) {
                    rows::write_schedule(&mut change, snapshot, &schedule);
                }
                Ok((change, ()))
            })
            .await?;
        Ok(said(&schedule))
    }
}

fn as_coach(caller: &Caller, coach: UserId) -> Result<()> {
    Bookings::as_that_coach(caller, coach)?;
    if caller.roles.has(Role::Coach) { Ok(()) } else { Err(forbidden(words::COACHES_ONLY)) }
}

fn new_service(id: ServiceId, create: CreateService) -> Service {
    Service {
        id,
        title: create.title,
        description: create.description,
        kind: create.kind,
        duration_min: create.duration_min,
        price: create.price,
        before_min: create.buffer_before_min.unwrap_or(0),
        after_min: create.buffer_after_min.unwrap_or(0),
        notice_min: create.notice_min.unwrap_or(BOOKING_NOTICE_MIN_DEFAULT),
        window_days: create.window_days.unwrap_or(BOOKING_WINDOW_DAYS_DEFAULT),
        every_min: create.every_min.unwrap_or(create.duration_min),
        seats: create.seats.unwrap_or(1),
        needs_confirmation: create.needs_confirmation.unwrap_or(false),
    }
}

/// What a patch makes of one; what is cleared gets its default.
fn changed(known: Service, update: UpdateService) -> Result<Service> {
    let needed = |field: &str| Error::invalid(field, words::LENGTH);
    let duration_min = update.duration_min.over(Some(known.duration_min));
    let duration_min = duration_min.ok_or_else(|| needed("duration_min"))?;
    let or = |patch: Patch<u32>, known, default| patch.over(Some(known)).unwrap_or(default);
    Ok(Service {
        id: known.id,
        title: update.title.over(Some(known.title)).ok_or_else(|| needed("title"))?,
        description: update.description.over(known.description),
        kind: update.kind.over(Some(known.kind)).ok_or_else(|| needed("type"))?,
        duration_min,
        price: update.price.over(known.price),
        before_min: or(update.buffer_before_min, known.before_min, 0),
        after_min: or(update.buffer_after_min, known.after_min, 0),
        notice_min: or(update.notice_min, known.notice_min, BOOKING_NOTICE_MIN_DEFAULT),
        window_days: or(update.window_days, known.window_days, BOOKING_WINDOW_DAYS_DEFAULT),
        every_min: or(update.every_min, known.every_min, duration_min),
        seats: or(update.seats, known.seats, 1),
        needs_confirmation: update
            .needs_confirmation
            .over(Some(known.needs_confirmation))
            .unwrap_or(false),
    })
}

fn checked(service: Service) -> Result<Service> {
    let lasts = BOOKING_SHORTEST_MIN..=BOOKING_LONGEST_MIN;
    within("duration_min", service.duration_min, lasts.clone())?;
    within("every_min", service.every_min, lasts)?;
    within("buffer_before_min", service.before_min, 0..=BOOKING_BUFFER_MIN_MAX)?;
    within("buffer_after_min", service.after_min, 0..=BOOKING_BUFFER_MIN_MAX)?;
    within("notice_min", service.notice_min, 0..=BOOKING_NOTICE_MIN_MAX)?;
    within("window_days", service.window_days, 1..=BOOKING_WINDOW_DAYS_MAX)?;
    within("seats", service.seats, 1..=BOOKING_SEATS_MAX)?;
    let title = service.title.trim().to_owned();
    if title.is_empty() || title.chars().count() > SERVICE_TITLE_CHARS_MAX {
        return Err(Error::invalid("title", words::LENGTH));
    }
    let description = text("description", service.description, BOOKING_TEXT_CHARS_MAX)?;
    service.price.as_ref().map_or(Ok(()), priced)?;
    Ok(Service { title, description, ..service })
}

fn within(field: &str, number: u32, range: RangeInclusive<u32>) -> Result<()> {
    if range.contains(&number) { Ok(()) } else { Err(Error::invalid(field, words::OUT_OF_RANGE)) }
}

fn priced(price: &Money) -> Result<()> {
    let currency = price.currency.len() == 3;
    let currency = currency && price.currency.bytes().all(|byte| byte.is_ascii_lowercase());
    if currency && (1..=PAYMENT_AMOUNT_MAX).contains(&price.amount) {
        Ok(())
    } else {
        Err(Error::invalid("price", words::PRICE))
    }
}

/// A text that may be left out; one without a letter is.
pub(super) fn text(field: &str, text: Option<String>, chars_max: usize) -> Result<Option<String>> {
    let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if text.as_ref().is_some_and(|text| text.chars().count() > chars_max) {
        return Err(Error::invalid(field, words::LENGTH));
    }
    Ok(text)
}

/// A date as people write it.
pub(super) fn date(field: &str, text: &str) -> Result<Date> {
    // Ten characters: jiff would take other forms, too.
    let date = (text.len() == 10).then(|| text.parse().ok()).flatten();
    date.ok_or_else(|| Error::invalid(field, words::DATE))
}

fn window(field: &str, from: &str, until: &str) -> Result<Window> {
    let window = minute(from).zip(minute(until)).filter(|(from, until)| from < until);
    let window = window.map(|(from_min, until_min)| Window { from_min, until_min });
    window.ok_or_else(|| Error::invalid(field, words::WINDOW))
}

fn few(field: &str, count: usize, max: usize) -> Result<()> {
    if count <= max { Ok(()) } else { Err(Error::invalid(field, words::MANY)) }
}

/// What a coach said.
fn meant(wanted: &Availability) -> Result<Schedule> {
    let mut schedule =
        Schedule::new(&wanted.zone).ok_or_else(|| Error::invalid("zone", words::ZONE))?;
    few("weekly", wanted.weekly.len(), WEEKLY_WINDOWS_MAX)?;
    for of in &wanted.weekly {
        let day = DAYS.iter().position(|day| *day == of.day).unwrap_or_default();
        let window = window("weekly", &of.from, &of.until)?;
        schedule.weekly.push((u32::try_from(day).unwrap_or_default(), window));
    }
    schedule.weekly.sort_unstable();
    schedule.weekly.dedup();
    let overrides = wanted.overrides.iter().map(|of| of.windows.len().max(1)).sum();
    few("overrides", overrides, OVERRIDE_WINDOWS_MAX)?;
    for of in &wanted.overrides {
        let windows = schedule.overrides.entry(date("overrides", &of.date)?).or_default();
        for of in &of.windows {
            windows.push(window("overrides", &of.from, &of.until)?);
        }
        windows.sort_unstable();
        windows.dedup();
    }
    few("time_off", wanted.time_off.len(), TIME_OFF_MAX)?;
    for of in &wanted.time_off {
        let (first, last) = (date("time_off", &of.from)?, date("time_off", &of.until)?);
        if last < first {
            return Err(Error::invalid("time_off", words::SPAN));
        }
        schedule.time_off.push((first, last));
    }
    schedule.time_off.sort_unstable();
    schedule.time_off.dedup();
    Ok(schedule)
}

/// The same as it goes over the wire.
pub(super) fn said(schedule: &Schedule) -> Availability {
    let day = |day: u32| DAYS.into_iter().nth(day as usize).unwrap_or(Day::Mon);
    let weekly = schedule.weekly.iter().map(|&(of, window)| wire::WeeklyWindow {
        day: day(of),
        from: minute_text(window.from_min),
        until: minute_text(window.until_min),
    });
    let window = |window: &Window| wire::Window {
        from: minute_text(window.from_min),
        until: minute_text(window.until_min),
    };
    let overrides: &BTreeMap<Date, Vec<Window>> = &schedule.overrides;
    let overrides = overrides.iter().map(|(date, windows)| wire::Override {
        date: date.to_string(),
        windows: windows.iter().map(window).collect(),
    });
    let time_off = schedule
        .time_off
        .iter()
        .map(|(first, last)| wire::TimeOff { from: first.to_string(), until: last.to_string() });
    Availability {
        zone: schedule.zone_name.clone(),
        weekly: weekly.collect(),
        overrides: overrides.collect(),
        time_off: time_off.collect(),
    }
}

//! `GET /v1/coaches/{id}/slots`: the times that can be booked.

use super::model::schedule::{self, MIN_MS, Schedule, Service, Slot, Span};
use super::model::{Refusal, calendar};
use super::rows::schedules as rows;
use super::{Bookings, offers};
use crate::auth::Caller;
use crate::error::Result;
use crate::features::accounts::Free;
use crate::words::bookings as words;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use protocol::bookings::{self as wire, Slots};
use protocol::limits::{BOOKING_BUFFER_MIN_MAX, BOOKING_LONGEST_MIN, SLOTS_DAYS_MAX, SLOTS_MAX};
use protocol::{Error, Millis, ServiceId, UserId};
use serde::Deserialize;

/// Days that are looked at where nobody says how many.
const DAYS_DEFAULT: i64 = 7;
/// How far from its beginning a session, with its buffers, keeps time at most.
const AROUND_MS: Millis =
    (BOOKING_BUFFER_MIN_MAX as Millis + BOOKING_LONGEST_MIN as Millis) * MIN_MS;

/// What is asked for.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Ask {
    service: ServiceId,
    /// The first date, in `zone`; absent: today.
    from: Option<String>,
    /// The last date; absent: a week.
    to: Option<String>,
    /// Absent: the coach's.
    zone: Option<String>,
}

impl Free for Bookings {
    fn is_free(&self, coach: UserId, from: Millis, until: Millis) -> BoxFuture<'_, Result<bool>> {
        async move {
            let snapshot = self.store.load(rows::schedule_partition(coach)).await?;
            let Some(plan) = rows::schedule(&snapshot)? else { return Ok(false) };
            let services = rows::services(&snapshot)?;
            let busy = self
                .busy(coach, from.saturating_sub(AROUND_MS), until.saturating_add(AROUND_MS))
                .await?;
            let (span, now) = (Span { from, until }, self.clock.now());
            Ok(services.iter().any(|service| {
                !schedule::slots(coach, &plan, service, span, &busy, now).is_empty()
            }))
        }
        .boxed()
    }
}

impl Bookings {
    pub(super) async fn slots(&self, caller: &Caller, coach: UserId, ask: Ask) -> Result<Slots> {
        self.bookable(caller, coach).await?;
        let (service, plan) = self.offer(coach, ask.service).await?;
        let zone = match &ask.zone {
            Some(name) => TimeZone::get(name).map_err(|_| Error::invalid("zone", words::ZONE))?,
            None => plan.as_ref().map_or(TimeZone::UTC, |plan| plan.zone.clone()),
        };
        let span = span(&zone, &ask, self.clock.now())?;
        let found = match &plan {
            Some(plan) => self.free(coach, plan, &service, span).await?,
            None => Vec::new(),
        };
        let next = found.get(SLOTS_MAX).and_then(|slot| {
            // Whole days, so that no slot comes twice.
            schedule::date_in(&zone, slot.starts_at)
        });
        let before = |slot: &&Slot| {
            next.is_none_or(|next| {
                schedule::date_in(&zone, slot.starts_at).is_some_and(|date| date < next)
            })
        };
        let items = found.iter().filter(before).filter_map(|slot| {
            Some(wire::Slot {
                starts_at: slot.starts_at,
                ends_at: slot.ends_at,
                local: schedule::local(&zone, slot.starts_at)?,
                seats_left: slot.seats_left,
            })
        });
        Ok(Slots {
            zone: zone.iana_name().unwrap_or("UTC").to_owned(),
            items: items.collect(),
            next: next.map(|date| date.to_string()),
        })
    }

    /// A service of a coach, and when they can be booked, if they said.
    pub(super) async fn offer(
        &self,
        coach: UserId,
        id: ServiceId,
    ) -> Result<(Service, Option<Schedule>)> {
        let snapshot = self.store.load(rows::schedule_partition(coach)).await?;
        let service = rows::services(&snapshot)?.into_iter().find(|service| service.id == id);
        Ok((service.ok_or(Refusal::NoSuchService)?, rows::schedule(&snapshot)?))
    }

    /// The slots of a span.
    pub(super) async fn free(
        &self,
        coach: UserId,
        plan: &Schedule,
        service: &Service,
        span: Span,
    ) -> Result<Vec<Slot>> {
        let (from, until) = (span.from - AROUND_MS, span.until + AROUND_MS);
        let busy = self.busy(coach, from, until).await?;
        Ok(schedule::slots(coach, plan, service, span, &busy, self.clock.now()))
    }

    /// Refuses a beginning that is no slot. What is taken is told apart from what never was one.
    pub(super) fn is_slot(
        &self,
        coach: UserId,
        plan: Option<&Schedule>,
        service: &Service,
        starts_at: Millis,
    ) -> Result<()> {
        let span = Span { from: starts_at, until: starts_at.saturating_add(1) };
        let now = self.clock.now();
        let offered = plan.map(|plan| schedule::slots(coach, plan, service, span, &[], now));
        let begins = |slot: &Slot| slot.starts_at == starts_at;
        if offered.is_some_and(|slots| slots.iter().any(begins)) {
            Ok(())
        } else {
            Err(Refusal::NoSlot.into())
        }
    }
}

/// From the beginning of one date to the end of another.
fn span(zone: &TimeZone, ask: &Ask, now: Millis) -> Result<Span> {
    let wrong = || Error::invalid("to", words::SPAN);
    let read = |field: &str, text: &Option<String>| -> Result<Option<Date>> {
        text.as_deref().map(|text| offers::date(field, text)).transpose()
    };
    let first = match read("from", &ask.from)? {
        Some(first) => first,
        None => schedule::date_in(zone, now).ok_or_else(wrong)?,
    };
    let last = match read("to", &ask.to)? {
        Some(last) => last,
        None => schedule::later(first, DAYS_DEFAULT - 1).ok_or_else(wrong)?,
    };
    let most = schedule::later(first, SLOTS_DAYS_MAX - 1).ok_or_else(wrong)?;
    if last < first || last > most {
        return Err(wrong());
    }
    let behind = schedule::later(last, 1).ok_or_else(wrong)?;
    let begins = |date| schedule::begins(zone, date).ok_or_else(wrong);
    Ok(Span { from: begins(first)?, until: begins(behind)? })
}

/// The longest that a calendar is asked for in one go is a few stretches.
const _: () = assert!(SLOTS_DAYS_MAX * 24 * 60 * MIN_MS < 3 * calendar::STRETCH_MS);

//! `/v1/bookings`: holding a time and what comes of it.

use super::model::{Booking, Input, New, Refusal, State};
use super::rows::{self, Place};
use super::{Bookings, offers, refusal, view};
use crate::auth::Caller;
use crate::error::{Result, forbidden};
use crate::limits;
use crate::words::bookings as words;
use protocol::bookings::{self as wire, BookingResult, Cancel, CreateBooking, Reschedule};
use protocol::limits::{
    BOOKING_HOLDS_MAX, BOOKING_REASON_CHARS_MAX, BOOKING_TEXT_CHARS_MAX, PAGE_ITEMS_MAX,
};
use protocol::people::Person;
use protocol::{BookingId, Error, ErrorCode, UserId};
use serde::Deserialize;

/// Bookings that one page looks through.
const LIST_LOOKS_MAX: usize = 1_000;

/// What is asked for in `GET /v1/bookings`.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct List {
    /// Only those that one is this side of: `client` or `coach`.
    role: Option<String>,
    /// Only those in this state.
    state: Option<wire::State>,
    /// Where the page begins.
    after: Option<String>,
    /// How long it is.
    limit: Option<u32>,
}

impl Bookings {
    /// `POST /v1/bookings`
    pub(super) async fn create(
        &self,
        caller: &Caller,
        create: CreateBooking,
    ) -> Result<BookingResult> {
        let CreateBooking { client_id, coach_id, service_id, starts_at, description } = create;
        if coach_id == caller.user_id {
            return Err(Refusal::Oneself.into());
        }
        let description = offers::text("description", description, BOOKING_TEXT_CHARS_MAX)?;
        let id: BookingId = match client_id {
            Some(client_id) => {
                let parts: [&[u8]; 2] = [caller.user_id.as_bytes(), client_id.as_bytes()];
                crate::id::derived("booking", &parts)
            }
            None => crate::id::fresh(),
        };
        if client_id.is_some()
            && let Some(known) = self.find(id).await?
        {
            return outcome(&known, caller.user_id, 1);
        }
        self.accounts.may_reach_out(caller.user_id).await?;
        let coach = self.bookable(caller, coach_id).await?;
        let (service, plan) = self.offer(coach_id, service_id).await?;
        self.is_slot(coach_id, plan.as_ref(), &service, starts_at)?;
        self.few_holds(caller.user_id).await?;
        let new = New {
            id,
            coach: Person { id: coach.id, name: coach.name },
            client: Person { id: caller.user_id, name: caller.name.to_string() },
            service,
            starts_at,
            description,
        };
        outcome(&self.make(new).await?, caller.user_id, 1)
    }

    /// Whether somebody may hold one more: not if the last ones they made all wait.
    async fn few_holds(&self, client: UserId) -> Result<()> {
        let most = u32::try_from(BOOKING_HOLDS_MAX).unwrap_or(u32::MAX);
        let places = rows::own(&self.store, client, None, most).await?;
        if places.len() < BOOKING_HOLDS_MAX {
            return Ok(());
        }
        let last = self.all(places.iter().map(|(_, id)| *id)).await?;
        let waits = |booking: &Option<Booking>| {
            let of_client = booking.as_ref().filter(|booking| booking.client.id == client);
            of_client.is_some_and(|booking| booking.state.is_open())
        };
        if last.iter().all(waits) { Err(Refusal::Holds.into()) } else { Ok(()) }
    }

    /// `GET /v1/bookings/{id}`
    pub(super) async fn get(&self, caller: &Caller, id: BookingId) -> Result<BookingResult> {
        let (_, booking) = self.side_of(caller, id).await?;
        Ok(BookingResult { booking })
    }

    /// A booking that the caller sees, and how.
    pub(super) async fn side_of(
        &self,
        caller: &Caller,
        id: BookingId,
    ) -> Result<(Booking, wire::Booking)> {
        let booking = self.find(id).await?;
        let seen = booking.and_then(|booking| {
            let seen = view::booking(&booking, caller.user_id)?;
            Some((booking, seen))
        });
        seen.ok_or_else(|| Refusal::NoSuchBooking.into())
    }

    /// `GET /v1/bookings`
    pub(super) async fn list(&self, caller: &Caller, list: List) -> Result<wire::Bookings> {
        let limit = limits::page(list.limit)?;
        let mut after = limits::place_in_time(list.after.as_deref())?;
        let me = caller.user_id;
        if !matches!(list.role.as_deref(), None | Some("client" | "coach")) {
            return Err(Error::invalid("role", words::ROLE));
        }
        let wanted = |booking: &wire::Booking| {
            let role = match list.role.as_deref() {
                Some("client") => booking.client.id == me,
                Some("coach") => booking.coach.id == me,
                _ => true,
            };
            role && list.state.is_none_or(|state| booking.state == state)
        };
        let (mut items, mut looked) = (Vec::new(), 0);
        loop {
            let places = rows::own(&self.store, me, after, PAGE_ITEMS_MAX).await?;
            looked += places.len();
            let bookings = self.all(places.iter().map(|(_, id)| *id)).await?;
            for (&place, booking) in places.iter().zip(&bookings) {
                after = Some(place);
                // A second try to make it left a row of its own.
                let is_own = booking.as_ref().filter(|booking| booking.created_at == place.0);
                let seen = is_own.and_then(|booking| view::booking(booking, me));
                items.extend(seen.filter(|booking| wanted(booking)));
                if items.len() == limit as usize {
                    return Ok(wire::Bookings { items, next: after.map(next) });
                }
            }
            if places.len() < PAGE_ITEMS_MAX as usize {
                return Ok(wire::Bookings { items, next: None });
            }
            if looked >= LIST_LOOKS_MAX {
                return Ok(wire::Bookings { items, next: after.map(next) });
            }
        }
    }

    /// `POST /v1/bookings/{id}/confirm`: by the client who holds it, by the coach who is asked.
    pub(super) async fn confirm(&self, caller: &Caller, id: BookingId) -> Result<BookingResult> {
        let (booking, _) = self.side_of(caller, id).await?;
        self.not_blocked(booking.client.id, booking.coach.id).await?;
        match self.decided(caller, id, &Input::Confirm { by: caller.user_id }).await {
            Err(error) if error.code == ErrorCode::PaymentRequired => Err(Self::unpaid(&booking)),
            decided => decided,
        }
    }

    /// `POST /v1/bookings/{id}/cancel`
    pub(super) async fn cancel(
        &self,
        caller: &Caller,
        id: BookingId,
        cancel: Cancel,
    ) -> Result<BookingResult> {
        self.side_of(caller, id).await?;
        let reason = offers::text("reason", cancel.reason, BOOKING_REASON_CHARS_MAX)?;
        self.decided(caller, id, &Input::Cancel { by: caller.user_id, reason }).await
    }

    /// `POST /v1/bookings/{id}/reschedule`: the client chooses among the slots, as they are offered
    /// now; the coach may choose any time that is free.
    pub(super) async fn reschedule(
        &self,
        caller: &Caller,
        id: BookingId,
        wanted: Reschedule,
    ) -> Result<BookingResult> {
        let (booking, seen) = self.side_of(caller, id).await?;
        let Reschedule { starts_at } = wanted;
        if booking.state == State::Confirmed && booking.time.starts_at == starts_at {
            // It came again.
            return Ok(BookingResult { booking: seen });
        }
        self.not_blocked(booking.client.id, booking.coach.id).await?;
        if caller.user_id == booking.client.id {
            let coach = booking.coach.id;
            let (offered, plan) = self.offer(coach, booking.service.id).await?;
            // As long, and as far apart from others, as was agreed on.
            let service = super::model::schedule::Service {
                notice_min: offered.notice_min,
                window_days: offered.window_days,
                every_min: offered.every_min,
                ..booking.service.clone()
            };
            self.is_slot(coach, plan.as_ref(), &service, starts_at)?;
        }
        let moved = self.apply(id, &Input::Move { by: caller.user_id, starts_at }).await?;
        outcome(&self.load(id).await?, caller.user_id, moved.attempts)
    }

    /// `POST /v1/bookings/{id}/complete`
    pub(super) async fn complete(&self, caller: &Caller, id: BookingId) -> Result<BookingResult> {
        self.side_of(caller, id).await?;
        self.decided(caller, id, &Input::Complete { by: caller.user_id }).await
    }

    /// `POST /v1/bookings/{id}/no-show`: the other side did not come.
    pub(super) async fn no_show(&self, caller: &Caller, id: BookingId) -> Result<BookingResult> {
        self.side_of(caller, id).await?;
        self.decided(caller, id, &Input::NoShow { by: caller.user_id }).await
    }

    async fn decided(
        &self,
        caller: &Caller,
        id: BookingId,
        input: &Input,
    ) -> Result<BookingResult> {
        let booking = self.apply(id, input).await?;
        let booking = view::booking(&booking, caller.user_id);
        Ok(BookingResult { booking: booking.ok_or(Refusal::NoSuchBooking)? })
    }

    /// What only the client may do.
    pub(super) fn as_client(caller: &Caller, booking: &Booking) -> Result<()> {
        if booking.client.id == caller.user_id {
            Ok(())
        } else {
            Err(forbidden(words::CLIENTS_OWN))
        }
    }
}

/// What came of an attempt, for the one who made it.
fn outcome(booking: &Booking, asker: UserId, attempt: u32) -> Result<BookingResult> {
    if booking.pending.is_some() {
        return Err(Refusal::Moving.into());
    }
    match booking.denied {
        Some((denied, why)) if denied == attempt => Err(refusal::denied(why, asker)),
        _ => {
            let seen = view::booking(booking, asker).ok_or(Refusal::NoSuchBooking)?;
            Ok(BookingResult { booking: seen })
        }
    }
}

/// The place behind which the next page begins.
pub(super) fn next((at, id): Place) -> String {
    format!("{at}.{id}")
}

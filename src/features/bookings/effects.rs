//! What follows from a booking's commits elsewhere: calendars and the conversation. Each may be
//! carried out again, also late, and changes nothing then.

use super::model::calendar::{self, Calendar, Entry, Hold};
use super::model::{Booking, Denial, Input, Time};
use super::{Bookings, rows};
use crate::error::{Result, busy};
use crate::features::conversations::Ensure;
use crate::features::people::Two;
use crate::store::{LIST_ROWS_MAX, OutKey};
use protocol::{BookingId, ConversationId, ErrorCode, Millis, UserId};
use serde::{Deserialize, Serialize};

/// An attempt asks the calendars, and then has its time or not. Body: [`Attempt`].
pub(crate) const HOLD: &str = "booking.hold";
/// An attempt's time is free again. Body: [`Attempt`].
pub(crate) const RELEASE: &str = "booking.release";
/// The conversation opens. Body: [`Ensure`].
pub(crate) const TALK: &str = "booking.talk";
/// The conversation closes. Body: its id.
pub(crate) const HUSH: &str = "booking.hush";

/// Times that one attempt finds something left behind in one calendar and tries again.
const ASKS_MAX: usize = 8;

/// See [`HOLD`].
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Attempt {
    booking_id: BookingId,
    number: u32,
    starts_at: Millis,
}

impl Attempt {
    pub(super) const fn new(booking_id: BookingId, time: Time) -> Self {
        Self { booking_id, number: time.attempt, starts_at: time.starts_at }
    }
}

/// A time in a stretch of somebody's calendar.
struct Place {
    user: UserId,
    stretch: i64,
    entry: Entry,
}

/// All that an attempt takes, in one order for everybody.
fn places(booking: &Booking, attempt: &Attempt) -> Vec<Place> {
    let Booking { service, .. } = booking;
    let starts_at = attempt.starts_at;
    let (from, until) = service.block(starts_at);
    let is_group = service.seats > 1;
    let own = booking.id.0;
    let of_coach = Entry {
        booking: booking.id,
        attempt: attempt.number,
        session: if is_group {
            calendar::session(booking.coach.id, service.id, from, until)
        } else {
            own
        },
        from,
        until,
        seats: service.seats,
    };
    let ends_at = starts_at.saturating_add(service.lasts_ms());
    let of_client = Entry { session: own, from: starts_at, until: ends_at, seats: 1, ..of_coach };
    let mut places = Vec::new();
    for (user, entry) in [(booking.coach.id, of_coach), (booking.client.id, of_client)] {
        for stretch in calendar::stretches(entry.from, entry.until) {
            places.push(Place { user, stretch, entry });
        }
    }
    places.sort_by_key(|place| (place.user, place.stretch));
    places
}

impl Bookings {
    /// Takes the time in one stretch after the other, and has the booking decide what that means.
    /// However often it is carried out, wherever it stopped before.
    pub(crate) async fn carry_hold(&self, attempt: Attempt) -> Result<()> {
        let number = attempt.number;
        let booking = self.load(attempt.booking_id).await?;
        if booking.pending.is_none_or(|pending| pending.time.attempt != number) {
            return Ok(());
        }
        for place in places(&booking, &attempt) {
            let why = match self.take(&place).await? {
                Hold::Done => continue,
                Hold::Taken(_) => Denial::Taken(place.user),
                Hold::Full => Denial::Full(place.user),
            };
            self.apply(booking.id, &Input::Denied { attempt: number, why }).await?;
            return Ok(());
        }
        let booking = self.apply(booking.id, &Input::Granted { attempt: number }).await?;
        if booking.claims(number) {
            return Ok(());
        }
        // It was given up meanwhile, and the entries may have come after their release.
        self.release(&booking, &attempt).await
    }

    /// Takes a time in one stretch. What stands in the way and is nobody's any more goes.
    async fn take(&self, place: &Place) -> Result<Hold> {
        for _ in 0..ASKS_MAX {
            let (user, stretch) = (place.user, place.stretch);
            let held =
                self.on_calendar(user, stretch, |calendar| calendar.hold(&place.entry)).await?;
            let Hold::Taken(by) = &held else { return Ok(held) };
            let mut left = Vec::new();
            for &(id, attempt) in by {
                let other = self.apply(id, &Input::Deadline).await?;
                if !other.claims(attempt) {
                    left.push((id, attempt));
                }
            }
            if left.is_empty() {
                return Ok(held);
            }
            self.on_calendar(user, stretch, |calendar| {
                for &(id, attempt) in &left {
                    calendar.release(id, attempt);
                }
            })
            .await?;
        }
        Err(busy())
    }

    pub(crate) async fn carry_release(&self, attempt: Attempt) -> Result<()> {
        let booking = self.load(attempt.booking_id).await?;
        self.release(&booking, &attempt).await
    }

    async fn release(&self, booking: &Booking, attempt: &Attempt) -> Result<()> {
        for place in places(booking, attempt) {
            self.on_calendar(place.user, place.stretch, |calendar| {
                calendar.release(booking.id, attempt.number);
            })
            .await?;
        }
        Ok(())
    }

    /// Decides about one stretch of a calendar, in one commit.
    async fn on_calendar<T: Send>(
        &self,
        user: UserId,
        stretch: i64,
        mut decide: impl FnMut(&mut Calendar) -> T + Send,
    ) -> Result<T> {
        self.store
            .decide(rows::calendar_partition(user, stretch), |snapshot| {
                let before = rows::calendar(snapshot)?;
                let mut calendar = before.clone();
                let answer = decide(&mut calendar);
                Ok((rows::write_calendar(&before, &calendar), answer))
            })
            .await
    }

    /// What is taken of somebody's time between two moments.
    pub(super) async fn busy(
        &self,
        user: UserId,
        from: Millis,
        until: Millis,
    ) -> Result<Vec<Entry>> {
        let mut busy = Vec::new();
        for stretch in calendar::stretches(from, until) {
            let snapshot = self.store.load(rows::calendar_partition(user, stretch)).await?;
            busy.extend(rows::calendar(&snapshot)?.entries.into_values());
        }
        Ok(busy)
    }

    pub(crate) async fn carry_talk(&self, key: &OutKey, wanted: &Ensure) -> Result<()> {
        self.conversations.ensure(key, wanted).await?;
        // A block that came in between found nothing to pause.
        match Two::of(wanted.member, wanted.helper) {
            Some((two, _)) => self.conversations.keep_apart(wanted.conversation_id, two).await,
            None => Ok(()),
        }
    }

    /// Carries out the effect of a block: what the two still write about their sessions is paused,
    /// or goes on.
    pub(crate) async fn carry_shut(&self, two: Two) -> Result<()> {
        let mut after: Option<rows::Place> = None;
        loop {
            let places = rows::own(&self.store, two.low, after, LIST_ROWS_MAX).await?;
            for booking in self.all(places.iter().map(|(_, id)| *id)).await?.into_iter().flatten() {
                let theirs = booking.is_side(two.low) && booking.is_side(two.high);
                if let Some(talk) = booking.conversation().filter(|_| theirs)
                    && !booking.talk_closed
                {
                    self.conversations.keep_apart(talk, two).await?;
                }
            }
            if places.len() < LIST_ROWS_MAX as usize {
                return Ok(());
            }
            after = places.last().copied();
        }
    }

    pub(crate) async fn carry_hush(&self, key: &OutKey, id: ConversationId) -> Result<()> {
        match self.conversations.close(key, id).await {
            Err(error) if error.code == ErrorCode::NotFound => Ok(()),
            outcome => outcome,
        }
    }
}

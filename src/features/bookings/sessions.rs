//! One booking: read, decide by the rules, set the deadline, commit with what follows.

use super::effects::{Attempt, HOLD, HUSH, RELEASE, TALK};
use super::model::{self, Booking, Happening, Input, New, Refusal};
use super::{Bookings, DEADLINE_TIMER, money, rows, view};
use crate::error::{Result, busy, internal};
use crate::features::conversations::Ensure;
use crate::store::{COMMIT_TRIES_MAX, Change, CommitError, Snapshot};
use crate::timers::Timer;
use crate::words::accounts::DELETED_MEMBER;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use protocol::bookings::Type;
use protocol::conversations::Kind;
use protocol::{BookingId, Millis, Topic, UserId};
use uuid::Uuid;

/// Bookings that one list reads at the same time.
const READS_AT_ONCE: usize = 8;

impl Bookings {
    /// `not_found` where there is none.
    pub(super) async fn load(&self, id: BookingId) -> Result<Booking> {
        self.find(id).await?.ok_or_else(|| Refusal::NoSuchBooking.into())
    }

    pub(super) async fn find(&self, id: BookingId) -> Result<Option<Booking>> {
        rows::booking(id, &self.store.load(rows::booking_partition(id)).await?)
    }

    /// Bookings as they are now, in the order asked.
    pub(super) async fn all(
        &self,
        ids: impl Iterator<Item = BookingId>,
    ) -> Result<Vec<Option<Booking>>> {
        let ids: Vec<BookingId> = ids.collect();
        stream::iter(ids)
            .map(|id| async move { self.find(id).await })
            .buffered(READS_AT_ONCE)
            .try_collect()
            .await
    }

    /// Decides about a booking, and waits for what follows. The booking as it was committed.
    pub(super) async fn apply(&self, id: BookingId, input: &Input) -> Result<Booking> {
        for _ in 0..COMMIT_TRIES_MAX {
            let mut snapshot = self.store.load(rows::booking_partition(id)).await?;
            let Some(before) = rows::booking(id, &snapshot)? else {
                return Err(Refusal::NoSuchBooking.into());
            };
            let mut booking = before.clone();
            let happened = booking.apply(input, self.clock.now())?;
            if happened.is_empty() {
                return Ok(booking);
            }
            let change = change(&booking, &happened);
            if self.commit(&mut snapshot, &booking, change).await? {
                return Ok(booking);
            }
        }
        Err(busy())
    }

    /// One side's account is deleted: their part of the booking, and what they noted.
    pub(super) async fn vanish(&self, id: BookingId, user: UserId) -> Result<()> {
        let input = Input::Vanish { by: user, name: DELETED_MEMBER.to_owned() };
        for _ in 0..COMMIT_TRIES_MAX {
            let mut snapshot = self.store.load(rows::booking_partition(id)).await?;
            let Some(before) = rows::booking(id, &snapshot)? else { return Ok(()) };
            let mut booking = before.clone();
            let happened = booking.apply(&input, self.clock.now())?;
            let mut change =
                if happened.is_empty() { Change::new() } else { change(&booking, &happened) };
            if rows::note(&snapshot, Some(user))?.is_some() {
                change.delete::<rows::NoteRow>(Uuid::from(user));
            }
            if change.is_empty() || self.commit(&mut snapshot, &booking, change).await? {
                return Ok(());
            }
        }
        Err(busy())
    }

    /// A new booking, once; the first one, if it comes again. By the same person: ids are made of
    /// whose they are.
    pub(super) async fn make(&self, new: New) -> Result<Booking> {
        let id = new.id;
        for _ in 0..COMMIT_TRIES_MAX {
            let mut snapshot = self.store.load(rows::booking_partition(id)).await?;
            if let Some(known) = rows::booking(id, &snapshot)? {
                return Ok(known);
            }
            let booking = Booking::new(new.clone(), self.clock.now());
            let change = change(&booking, &[Happening::Attempting(booking.time)]);
            let users = [booking.client.id, booking.coach.id];
            rows::list(&self.store, users, id, booking.created_at).await?;
            if self.commit(&mut snapshot, &booking, change).await? {
                return self.load(id).await;
            }
        }
        Err(busy())
    }

    /// Commits with the deadline set before; false where the booking moved on.
    async fn commit(
        &self,
        snapshot: &mut Snapshot,
        booking: &Booking,
        change: Change,
    ) -> Result<bool> {
        if let Some(due_at) = booking.deadline() {
            self.timers.set(vec![timer(booking.id, due_at)]).await?;
        }
        match self.store.commit(snapshot, change).await {
            Ok(following) => {
                following.done().await;
                Ok(true)
            }
            Err(CommitError::Conflict) => Ok(false),
            Err(CommitError::TooLarge) => Err(internal(&"a booking is too large")),
            Err(CommitError::Failed(error)) => Err(error),
        }
    }

    /// Fires [`DEADLINE_TIMER`]: the booking says what is due by now, if anything is.
    pub(crate) async fn deadline(&self, subject: &[u8]) -> Result<()> {
        let Ok(id) = Uuid::from_slice(subject) else { return Ok(()) };
        if self.find(BookingId(id)).await?.is_none() {
            // The commit that it was set for is not there.
            return Ok(());
        }
        self.apply(BookingId(id), &Input::Deadline).await.map(|_| ())
    }
}

fn timer(id: BookingId, due_at: Millis) -> Timer {
    Timer { due_at, kind: DEADLINE_TIMER.to_owned(), subject: id.as_bytes().to_vec() }
}

/// What a decision writes, and what follows from it.
fn change(booking: &Booking, happened: &[Happening]) -> Change {
    let mut change = Change::new();
    change.write(rows::booking_row(booking));
    for &happening in happened {
        for (user, event) in view::events(happening, booking) {
            change.group().event(Topic::User(user), event);
        }
    }
    // In one group, and so in this order.
    change.group();
    for &happening in happened {
        follow(happening, booking, &mut change);
    }
    money::follow(happened, booking, &mut change);
    change
}

fn follow(happening: Happening, booking: &Booking, change: &mut Change) {
    match happening {
        Happening::Attempting(time) => {
            change.effect(HOLD, &Attempt::new(booking.id, time));
        }
        Happening::Dropped(time) => {
            change.effect(RELEASE, &Attempt::new(booking.id, time));
        }
        Happening::Confirmed if booking.service.kind == Type::Text => {
            change.effect(TALK, &talk(booking));
        }
        Happening::Hushed => {
            change.effect(HUSH, &model::conversation_id(booking.id));
        }
        Happening::Confirmed
        | Happening::Held
        | Happening::Requested
        | Happening::Declined
        | Happening::Rescheduled
        | Happening::Cancelled
        | Happening::Completed
        | Happening::Missed
        | Happening::Expired { .. }
        | Happening::Released
        | Happening::Reminded(_)
        // See `money`.
        | Happening::Billed
        | Happening::Earned
        | Happening::Refunded
        | Happening::GivenBack
        | Happening::Vanished(_) => {}
    }
}

fn talk(booking: &Booking) -> Ensure {
    Ensure {
        conversation_id: model::conversation_id(booking.id),
        kind: Kind::Booking,
        subject_id: booking.id.0,
        member: booking.client.id,
        first_words: None,
        helper: booking.coach.id,
    }
}

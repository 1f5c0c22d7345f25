//! The rules of bookings: who may hold, confirm, move and end one, and when. Pure.
//!
//! Everything that decides about one booking goes through [`Booking::apply`]; what is taken of
//! whose time is [`calendar`]. A time is taken by an *attempt*: the booking says which time it is
//! about to have, the calendars are asked, and it has that time by [`Input::Granted`] or stays as
//! it was by [`Input::Denied`]. An attempt that is over never comes back: a later one has a new
//! number. So whoever finds an attempt in a calendar learns from its booking whether it counts.

pub(crate) mod calendar;
mod decide;
pub(crate) mod review;
pub(crate) mod schedule;

use self::schedule::{MIN_MS, Service};
use protocol::bookings::{PaymentState, Type};
use protocol::limits::{
    BOOKING_ANSWER_MS, BOOKING_COMPLETED_AFTER_MS, BOOKING_HOLD_MS, BOOKING_REMINDERS_MIN,
    BOOKING_TALK_AFTER_MS,
};
use protocol::people::Person;
use protocol::{BookingId, ConversationId, Millis, UserId};

/// Where a booking is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// The calendars are being asked.
    Holding,
    /// They said no. Nobody sees it.
    Refused,
    Held,
    AwaitingCoach,
    Confirmed,
    Completed,
    NoShow,
    Cancelled,
    Expired,
    Released,
    Declined,
}

/// What may happen to a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transition {
    /// The calendars took the time.
    Hold,
    /// They did not.
    Refuse,
    /// By the client, where the coach is to agree.
    Ask,
    /// By the client, or by the coach who was asked.
    Confirm,
    Expire,
    Release,
    Decline,
    Cancel,
    Move,
    Complete,
    NoShow,
    /// The money came after the hold was over, and the time was free still.
    Retake,
}

impl State {
    /// The state machine; `None`: refused.
    pub(crate) const fn next(self, transition: Transition) -> Option<Self> {
        use Transition as T;
        match (self, transition) {
            (Self::Holding, T::Hold) | (Self::Expired, T::Retake) => Some(Self::Held),
            (Self::Holding, T::Refuse) => Some(Self::Refused),
            (Self::Held, T::Ask) => Some(Self::AwaitingCoach),
            (Self::Held | Self::AwaitingCoach, T::Confirm) | (Self::Confirmed, T::Move) => {
                Some(Self::Confirmed)
            }
            (Self::Held | Self::AwaitingCoach, T::Expire) => Some(Self::Expired),
            (Self::Held, T::Release) => Some(Self::Released),
            (Self::AwaitingCoach, T::Decline) => Some(Self::Declined),
            (Self::AwaitingCoach | Self::Confirmed, T::Cancel) => Some(Self::Cancelled),
            (Self::Confirmed, T::Complete) => Some(Self::Completed),
            (Self::Confirmed, T::NoShow) => Some(Self::NoShow),
            (
                Self::Holding,
                T::Ask
                | T::Confirm
                | T::Expire
                | T::Release
                | T::Decline
                | T::Cancel
                | T::Move
                | T::Complete
                | T::NoShow
                | T::Retake,
            )
            | (
                Self::Held,
                T::Hold
                | T::Refuse
                | T::Decline
                | T::Cancel
                | T::Move
                | T::Complete
                | T::NoShow
                | T::Retake,
            )
            | (
                Self::AwaitingCoach,
                T::Hold
                | T::Refuse
                | T::Ask
                | T::Release
                | T::Move
                | T::Complete
                | T::NoShow
                | T::Retake,
            )
            | (
                Self::Confirmed,
                T::Hold
                | T::Refuse
                | T::Ask
                | T::Confirm
                | T::Expire
                | T::Release
                | T::Decline
                | T::Retake,
            )
            | (
                Self::Expired,
                T::Hold
                | T::Refuse
                | T::Ask
                | T::Confirm
                | T::Expire
                | T::Release
                | T::Decline
                | T::Cancel
                | T::Move
                | T::Complete
                | T::NoShow,
            )
            | (
                Self::Refused
                | Self::Completed
                | Self::NoShow
                | Self::Cancelled
                | Self::Released
                | Self::Declined,
                _,
            ) => None,
        }
    }

    /// It has its time in the calendars.
    pub(crate) const fn is_live(self) -> bool {
        matches!(self, Self::Held | Self::AwaitingCoach | Self::Confirmed)
    }

    /// Somebody waits for a decision; one client has so many of them at once.
    pub(crate) const fn is_open(self) -> bool {
        matches!(self, Self::Holding | Self::Held | Self::AwaitingCoach)
    }
}

/// A time, and the attempt by which it is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time {
    pub(crate) attempt: u32,
    pub(crate) starts_at: Millis,
}

/// Why a time is being asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aim {
    Hold,
    Move,
    Retake,
}

/// An attempt that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) aim: Aim,
    pub(crate) time: Time,
}

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denial {
    /// This person has something else at that time, or the session is full.
    Taken(UserId),
    /// This person's calendar is full.
    Full(UserId),
}

/// A booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Booking {
    pub(crate) id: BookingId,
    pub(crate) coach: Person,
    pub(crate) client: Person,
    /// As it was agreed on.
    pub(crate) service: Service,
    pub(crate) state: State,
    /// What it has, or had last.
    pub(crate) time: Time,
    /// The number of the last attempt.
    pub(crate) attempts: u32,
    pub(crate) pending: Option<Pending>,
    /// The attempt that failed last, and why.
    pub(crate) denied: Option<(u32, Denial)>,
    pub(crate) description: Option<String>,
    pub(crate) created_at: Millis,
    pub(crate) held_until: Option<Millis>,
    /// Since when the coach is asked.
    pub(crate) asked_at: Option<Millis>,
    pub(crate) confirmed_at: Option<Millis>,
    /// Reminders that are behind it.
    pub(crate) reminded: u32,
    pub(crate) sequence: u32,
    pub(crate) ended_at: Option<Millis>,
    pub(crate) ended_by: Option<UserId>,
    pub(crate) absent: Option<UserId>,
    pub(crate) reason: Option<String>,
    pub(crate) talk_closed: bool,
    /// Of one that costs something.
    pub(crate) pay: Option<PaymentState>,
}

/// What somebody, an effect or a deadline wants of a booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    Confirm {
        by: UserId,
    },
    /// Lets go of a hold, takes back or declines a request, calls off what was agreed on.
    Cancel {
        by: UserId,
        reason: Option<String>,
    },
    Move {
        by: UserId,
        starts_at: Millis,
    },
    Complete {
        by: UserId,
    },
    /// By the side that came.
    NoShow {
        by: UserId,
    },
    /// The calendars have the time.
    Granted {
        attempt: u32,
    },
    /// One of them does not.
    Denied {
        attempt: u32,
        why: Denial,
    },
    /// The payments say that the money is there, or held.
    Paid,
    /// They say that it was given back, by those who run the place.
    GivenBack,
    /// What waits for a time; too early it changes nothing.
    Deadline,
    /// An account is deleted: what is ahead ends, and the side has this name.
    Vanish {
        by: UserId,
        name: String,
    },
}

/// What happened to a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happening {
    /// An attempt began: ask the calendars.
    Attempting(Time),
    /// A time is not this booking's any more.
    Dropped(Time),
    Held,
    Requested,
    Confirmed,
    Declined,
    Rescheduled,
    Cancelled,
    Completed,
    Missed,
    Expired {
        was_held: bool,
    },
    Released,
    /// So long ahead.
    Reminded(u32),
    /// There is something to pay.
    Billed,
    /// The money that is held is taken.
    Earned,
    /// Nothing is to be paid any more; what was paid goes back.
    Refunded,
    /// The money is with the client again; of no matter for the rest.
    GivenBack,
    /// The conversation closes.
    Hushed,
    /// This side is gone.
    Vanished(UserId),
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("no such booking, or not for this person")]
    NoSuchBooking,
    #[error("no such service, or not for this person")]
    NoSuchService,
    #[error("the state does not allow it")]
    StateWrong,
    #[error("the time for that is over")]
    TooLate,
    #[error("it is too early for that")]
    TooEarly,
    #[error("the hold is over")]
    HoldOver,
    #[error("it costs something, and nothing was paid")]
    Unpaid,
    #[error("the calendars are being asked just now")]
    Moving,
    #[error("as many changes as there may be")]
    Moves,
    #[error("the time that it has already")]
    SameTime,
    #[error("a time that can't be booked")]
    NoSlot,
    #[error("with oneself")]
    Oneself,
    #[error("as many holds as one may have")]
    Holds,
}

/// What a new booking is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct New {
    pub(crate) id: BookingId,
    pub(crate) coach: Person,
    pub(crate) client: Person,
    pub(crate) service: Service,
    pub(crate) starts_at: Millis,
    pub(crate) description: Option<String>,
}

/// The conversation of a text session.
pub(crate) fn conversation_id(id: BookingId) -> ConversationId {
    crate::id::derived("conversation.booking", &[id.as_bytes()])
}

impl Booking {
    /// Its first attempt is under way.
    pub(crate) fn new(new: New, now: Millis) -> Self {
        let time = Time { attempt: 1, starts_at: new.starts_at };
        Self {
            id: new.id,
            coach: new.coach,
            client: new.client,
            service: new.service,
            state: State::Holding,
            time,
            attempts: 1,
            pending: Some(Pending { aim: Aim::Hold, time }),
            denied: None,
            description: new.description,
            created_at: now,
            held_until: None,
            asked_at: None,
            confirmed_at: None,
            reminded: 0,
            sequence: 0,
            ended_at: None,
            ended_by: None,
            absent: None,
            reason: None,
            talk_closed: false,
            pay: None,
        }
        .billed()
    }

    fn billed(self) -> Self {
        let pay = self.service.price.as_ref().map(|_| PaymentState::Pending);
        Self { pay, ..self }
    }

    pub(crate) fn sides(&self) -> [&Person; 2] {
        [&self.client, &self.coach]
    }

    pub(crate) fn is_side(&self, user: UserId) -> bool {
        self.sides().iter().any(|side| side.id == user)
    }

    /// Whether the coach hears of it: not of what a client only held.
    pub(crate) const fn is_known_to_coach(&self) -> bool {
        self.asked_at.is_some() || self.confirmed_at.is_some()
    }

    /// Nothing is to be paid for it any more.
    pub(crate) const fn is_given_up(&self) -> bool {
        matches!(self.pay, Some(PaymentState::Refunded | PaymentState::Cancelled))
    }

    pub(crate) fn ends_at(&self) -> Millis {
        self.time.starts_at.saturating_add(self.service.lasts_ms())
    }

    /// Whether this attempt's time is its own, or is about to be. Once it is not, it never is again.
    pub(crate) fn claims(&self, attempt: u32) -> bool {
        let is_asking = self.pending.is_some_and(|pending| pending.time.attempt == attempt);
        is_asking || (self.state.is_live() && self.time.attempt == attempt)
    }

    /// A text session's, from the confirmation on.
    pub(crate) fn conversation(&self) -> Option<ConversationId> {
        let opened = self.service.kind == Type::Text && self.confirmed_at.is_some();
        opened.then(|| conversation_id(self.id))
    }

    /// The coach has to answer by then.
    pub(crate) fn answer_by(&self) -> Option<Millis> {
        let asked_at = self.asked_at.filter(|_| self.state == State::AwaitingCoach)?;
        Some(asked_at.saturating_add(BOOKING_ANSWER_MS).min(self.time.starts_at))
    }

    /// The next reminder, and how long ahead it is.
    fn reminder(&self) -> Option<(Millis, u32)> {
        let ahead = BOOKING_REMINDERS_MIN.get(self.reminded as usize)?;
        Some((self.time.starts_at - Millis::from(*ahead) * MIN_MS, *ahead))
    }

    /// When time itself changes something next.
    pub(crate) fn deadline(&self) -> Option<Millis> {
        if self.pending.is_some() {
            return None;
        }
        match self.state {
            State::Held => self.held_until,
            State::AwaitingCoach => self.answer_by(),
            State::Confirmed => Some(match self.reminder() {
                Some((at, _)) => at,
                None => self.ends_at().saturating_add(BOOKING_COMPLETED_AFTER_MS),
            }),
            State::Completed | State::NoShow | State::Cancelled => {
                let open = !self.talk_closed && self.conversation().is_some();
                self.ended_at.filter(|_| open).map(|at| at.saturating_add(BOOKING_TALK_AFTER_MS))
            }
            State::Holding
            | State::Refused
            | State::Expired
            | State::Released
            | State::Declined => None,
        }
    }

    fn hold_from(&mut self, now: Millis) {
        self.held_until = Some(now.saturating_add(BOOKING_HOLD_MS));
    }
}

#[cfg(test)]
mod tests;

//! The rules of a desk: a queue, its coaches, and who answers whom. Pure.
//!
//! Everything that decides about one desk goes through [`Desk::apply`] and [`Desk::offer`]:
//! exactly one coach gets a request, nobody has more than fits, and a place is never lost.

mod coaches;
mod decide;
mod desk;
mod handover;
mod input;
mod matcher;
mod pace;
mod quiet;
pub(crate) mod rating;
mod refusal;
mod request;
mod waiting;

pub(crate) use desk::Desk;
pub(crate) use input::{Happening, Input};
pub(crate) use pace::{Pace, Ring};
pub(crate) use quiet::{Rules, Words};
pub(crate) use refusal::Refusal;
pub(crate) use request::{Fee, FeeState, NewRequest, Request, Stated};
pub(crate) use waiting::is_news;

use protocol::limits::COACH_CAPACITY_DEFAULT;
use protocol::people::Person;
use protocol::{Millis, support};
use serde::{Deserialize, Serialize};

/// Where a request is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    AwaitingPayment,
    Queued,
    Offered,
    Active,
    Transferring,
    Closed,
    Cancelled,
    Expired,
    Abandoned,
}

/// What may happen to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transition {
    /// The fee is authorised.
    Pay,
    /// The matcher found a coach.
    Offer,
    /// A coach claims, or accepts an offer.
    Claim,
    /// An offer or a hand-over is declined, or its time is over.
    Return,
    /// The coach is gone, or does not answer.
    Requeue,
    /// The coach wants to hand over.
    Transfer,
    /// Another coach takes over.
    TakeOver,
    Close,
    /// The member stayed silent.
    Abandon,
    Cancel,
    /// Nobody came in time.
    Expire,
    Reopen,
}

impl State {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 9] = [
        Self::AwaitingPayment,
        Self::Queued,
        Self::Offered,
        Self::Active,
        Self::Transferring,
        Self::Closed,
        Self::Cancelled,
        Self::Expired,
        Self::Abandoned,
    ];

    /// The state machine; `None`: refused.
    pub(crate) const fn next(self, transition: Transition) -> Option<Self> {
        use Transition as T;
        match (self, transition) {
            (Self::AwaitingPayment, T::Pay)
            | (Self::Offered, T::Return)
            | (Self::Active, T::Requeue)
            | (Self::Closed | Self::Abandoned, T::Reopen) => Some(Self::Queued),
            (Self::Queued, T::Offer) => Some(Self::Offered),
            (Self::Queued | Self::Offered, T::Claim)
            | (Self::Transferring, T::TakeOver | T::Return) => Some(Self::Active),
            (Self::Active, T::Transfer) => Some(Self::Transferring),
            (Self::Active, T::Close) => Some(Self::Closed),
            (Self::Active, T::Abandon) => Some(Self::Abandoned),
            (Self::AwaitingPayment | Self::Queued | Self::Offered, T::Cancel) => {
                Some(Self::Cancelled)
            }
            (Self::Queued, T::Expire) => Some(Self::Expired),
            (
                _,
                T::Pay
                | T::Offer
                | T::Claim
                | T::Return
                | T::Requeue
                | T::Transfer
                | T::TakeOver
                | T::Close
                | T::Abandon
                | T::Cancel
                | T::Expire
                | T::Reopen,
            ) => None,
        }
    }

    /// Whether it still is on the desk.
    pub(crate) const fn is_open(self) -> bool {
        match self {
            Self::AwaitingPayment
            | Self::Queued
            | Self::Offered
            | Self::Active
            | Self::Transferring => true,
            Self::Closed | Self::Cancelled | Self::Expired | Self::Abandoned => false,
        }
    }

    /// Whether it has a place in the queue.
    pub(crate) const fn is_waiting(self) -> bool {
        matches!(self, Self::Queued | Self::Offered)
    }

    /// Whether a coach answers.
    pub(crate) const fn is_answered(self) -> bool {
        matches!(self, Self::Active | Self::Transferring)
    }

    pub(crate) const fn wire(self) -> support::State {
        match self {
            Self::AwaitingPayment => support::State::AwaitingPayment,
            Self::Queued => support::State::Queued,
            Self::Offered => support::State::Offered,
            Self::Active => support::State::Active,
            Self::Transferring => support::State::Transferring,
            Self::Closed => support::State::Closed,
            Self::Cancelled => support::State::Cancelled,
            Self::Expired => support::State::Expired,
            Self::Abandoned => support::State::Abandoned,
        }
    }
}

/// A coach's choices on a desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choices {
    /// Takes offers.
    pub(crate) available: bool,
    /// How many people at once.
    pub(crate) capacity: u32,
    /// Answers at this desk at all.
    pub(crate) serves: bool,
    /// What the coach knows of.
    pub(crate) knows: Vec<String>,
}

impl Default for Choices {
    /// Of somebody who chose nothing: may claim everywhere, and is offered nothing.
    fn default() -> Self {
        let capacity = COACH_CAPACITY_DEFAULT;
        Self { available: false, capacity, serves: true, knows: Vec::new() }
    }
}

/// A coach on a desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Coach {
    pub(crate) person: Person,
    pub(crate) choices: Choices,
    /// Dropped; the people being answered go back to the queue then.
    pub(crate) grace_until: Option<Millis>,
}

#[cfg(test)]
mod tests;

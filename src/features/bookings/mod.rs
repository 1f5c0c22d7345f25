//! Bookings: coaching sessions that a client books with a coach.
//!
//! A booking is one partition; what is taken of a person's time is a partition for each stretch of
//! four weeks; what a coach offers, and when, is another one. Promises: no coach and no client has
//! two sessions at once, buffers included, under any race; the seats of a group session are one
//! booking of the calendar and are never more than there are; a paid session is confirmed by a
//! payment that was verified, and by nothing else. A rule over several calendars is kept by an
//! *attempt*: the booking says which time it is about to have, an effect takes it in one stretch
//! after the other, and the booking then has it or stays as it was. What an attempt left behind in a
//! calendar after a crash stands in nobody's way: whoever meets it asks its booking.
//!
//! Knows coaches and their averages by `accounts`, blocks by `people`; opens conversations.

mod calendar;
mod doors;
mod effects;
mod ics;
mod model;
mod money;
mod notes;
mod offers;
mod personal;
mod refusal;
mod reviews;
mod routes;
mod rows;
mod sessions;
mod slots;
mod view;

pub(crate) use effects::{HOLD, HUSH, RELEASE, TALK};
pub(crate) use money::{BILL, EARN, REFUND};
pub(crate) use reviews::RATED;

use crate::auth::{Caller, Vault};
use crate::clock::Clock;
use crate::error::{Result, forbidden};
use crate::features::accounts::Accounts;
use crate::features::conversations::Conversations;
use crate::features::payments::Charges;
use crate::features::people::People;
use crate::idempotency::Idempotency;
use crate::store::Store;
use crate::timers::Timers;
use crate::words::bookings as words;
use protocol::coaches::Coach;
use protocol::{Error, ErrorCode, UserId};
use std::sync::Arc;

/// The kind of the timer that ends, reminds and completes. Subject: the booking's id.
pub(crate) const DEADLINE_TIMER: &str = "booking_deadline";

/// What bookings stand on.
pub(crate) struct Ground {
    pub(crate) store: Arc<Store>,
    pub(crate) timers: Arc<dyn Timers>,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) people: Arc<People>,
    pub(crate) conversations: Arc<Conversations>,
    pub(crate) charges: Arc<dyn Charges>,
    pub(crate) keys: Arc<Idempotency>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Clock,
}

/// See the module.
pub struct Bookings {
    store: Arc<Store>,
    timers: Arc<dyn Timers>,
    accounts: Arc<Accounts>,
    people: Arc<People>,
    conversations: Arc<Conversations>,
    charges: Arc<dyn Charges>,
    keys: Arc<Idempotency>,
    vault: Arc<Vault>,
    clock: Clock,
}

impl Bookings {
    /// Over what is there.
    pub(crate) fn new(ground: Ground) -> Arc<Self> {
        let Ground { store, timers, accounts, people, conversations, charges, keys, vault, clock } =
            ground;
        Arc::new(Self {
            store,
            timers,
            accounts,
            people,
            conversations,
            charges,
            keys,
            vault,
            clock,
        })
    }

    /// A coach whom the caller may book: approved, and neither blocked the other.
    async fn bookable(&self, caller: &Caller, coach: UserId) -> Result<Coach> {
        self.accounts.coach(caller, coach).await
    }

    /// What only the coach themselves may do.
    fn as_that_coach(caller: &Caller, coach: UserId) -> Result<()> {
        if caller.user_id == coach { Ok(()) } else { Err(forbidden(words::COACHS_OWN)) }
    }

    async fn not_blocked(&self, one: UserId, other: UserId) -> Result<()> {
        if self.people.has_blocked(one, other).await? {
            return Err(Error::new(ErrorCode::Blocked, words::BLOCKED));
        }
        Ok(())
    }
}

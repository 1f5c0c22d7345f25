//! One person's calendar: which times are held or taken, and the time given and received. Pure.
//!
//! A hold belongs to an attempt to accept a session and has an expiry. What expired is not taken
//! away at once: the session is asked first, and refuses that attempt from then on. A slot that is
//! over stays for a while, so that nothing that comes late takes or counts it again.

use super::Minutes;
use protocol::limits::EXCHANGE_SESSIONS_MAX;
use protocol::{ExchangeId, Millis};
use std::collections::BTreeMap;

/// A slot that is over is remembered this long: longer than anything is carried out late.
pub(crate) const OVER_KEPT_MS: Millis = 7 * 24 * 60 * 60 * 1_000;

/// How firmly a time is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// By an attempt; to be asked about after that time.
    Held { attempt: u32, until: Millis },
    /// By an accepted session.
    Booked,
    /// By nobody any more; forgotten after that time.
    Over { until: Millis },
}

/// A session's time: from, up to and without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) starts_at: Millis,
    pub(crate) ends_at: Millis,
    pub(crate) keep: Keep,
}

impl Slot {
    const fn is_over(self) -> bool {
        matches!(self.keep, Keep::Over { .. })
    }
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Calendar {
    pub(crate) slots: BTreeMap<ExchangeId, Slot>,
    pub(crate) given_min: u64,
    pub(crate) received_min: u64,
}

/// What an attempt wants to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) id: ExchangeId,
    pub(crate) attempt: u32,
    pub(crate) starts_at: Millis,
    pub(crate) ends_at: Millis,
    pub(crate) until: Millis,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// It is held.
    Done,
    /// Something else has that time.
    Taken,
    /// Somebody's hold expired: ask their session first.
    Ask { id: ExchangeId, attempt: u32 },
    /// A later attempt was here, or the session is over.
    Stale,
    /// As many sessions as a person can have.
    Full,
}

impl Calendar {
    /// Holds a time for an attempt.
    pub(crate) fn hold(&mut self, wanted: &Wanted, now: Millis) -> Hold {
        match self.slots.get(&wanted.id).map(|slot| slot.keep) {
            Some(Keep::Held { attempt, .. }) if attempt == wanted.attempt => return Hold::Done,
            Some(Keep::Held { attempt, .. }) if attempt > wanted.attempt => return Hold::Stale,
            Some(Keep::Booked | Keep::Over { .. }) => return Hold::Stale,
            Some(Keep::Held { .. }) | None => {}
        }
        let overlaps = |slot: &Slot| {
            !slot.is_over() && slot.starts_at < wanted.ends_at && wanted.starts_at < slot.ends_at
        };
        let mut expired = None;
        for (&id, slot) in &self.slots {
            if id == wanted.id || !overlaps(slot) {
                continue;
            }
            match slot.keep {
                Keep::Held { attempt, until } if until <= now => {
                    expired = Some(Hold::Ask { id, attempt });
                }
                Keep::Held { .. } | Keep::Booked | Keep::Over { .. } => return Hold::Taken,
            }
        }
        if let Some(ask) = expired {
            return ask;
        }
        let others = self.slots.iter().filter(|(id, slot)| **id != wanted.id && !slot.is_over());
        if others.count() >= EXCHANGE_SESSIONS_MAX {
            return Hold::Full;
        }
        let keep = Keep::Held { attempt: wanted.attempt, until: wanted.until };
        let slot = Slot { starts_at: wanted.starts_at, ends_at: wanted.ends_at, keep };
        self.slots.insert(wanted.id, slot);
        Hold::Done
    }

    /// The attempt was the one: its hold is firm.
    pub(crate) fn book(&mut self, id: ExchangeId, of: u32) {
        if let Some(slot) = self.slots.get_mut(&id)
            && matches!(slot.keep, Keep::Held { attempt, .. } if attempt == of)
        {
            slot.keep = Keep::Booked;
        }
    }

    /// The attempt is over: its hold goes.
    pub(crate) fn release(&mut self, id: ExchangeId, of: u32) {
        let held = |slot: &Slot| matches!(slot.keep, Keep::Held { attempt, .. } if attempt <= of);
        if self.slots.get(&id).is_some_and(held) {
            self.slots.remove(&id);
        }
    }

    /// The session, accepted by that attempt, is over: its time is free, and counted, once.
    pub(crate) fn settle(&mut self, id: ExchangeId, of: u32, minutes: Minutes, now: Millis) {
        let taken = |slot: &&mut Slot| match slot.keep {
            Keep::Booked => true,
            // The booking is still on its way.
            Keep::Held { attempt, .. } => attempt == of,
            Keep::Over { .. } => false,
        };
        let Some(slot) = self.slots.get_mut(&id).filter(taken) else { return };
        slot.keep = Keep::Over { until: now.saturating_add(OVER_KEPT_MS) };
        self.given_min += u64::from(minutes.given);
        self.received_min += u64::from(minutes.received);
    }

    /// Forgets what was over long ago.
    pub(crate) fn forget(&mut self, now: Millis) {
        self.slots.retain(|_, slot| !matches!(slot.keep, Keep::Over { until } if until <= now));
    }
}

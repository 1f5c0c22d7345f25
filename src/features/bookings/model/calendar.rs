//! What is taken of one person's time, in one stretch of four weeks. Pure.
//!
//! A booking takes a time by an *attempt*, in every stretch that it touches. Two times that overlap
//! share a moment, and so the stretch that this moment is in: the partition of that stretch alone
//! refuses the second of them, wherever the stretches' borders are. Entries of one group session
//! share a session id, stand beside one another, and are counted against its seats.

use protocol::limits::BOOKING_CALENDAR_MAX;
use protocol::{BookingId, Millis, ServiceId, UserId};
use std::collections::BTreeMap;
use uuid::Uuid;

/// How long a stretch is. Longer than any booking with its buffers.
pub(crate) const STRETCH_MS: Millis = 28 * 24 * 60 * 60 * 1_000;

/// A time that a booking's attempt takes in one calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) booking: BookingId,
    pub(crate) attempt: u32,
    /// The same for all who are in one session.
    pub(crate) session: Uuid,
    /// Included; buffers too, in the coach's calendar.
    pub(crate) from: Millis,
    /// Not included.
    pub(crate) until: Millis,
    /// How many bookings the session has room for.
    pub(crate) seats: u32,
}

impl Entry {
    /// The name of its row.
    pub(crate) fn item(&self) -> Uuid {
        item(self.booking, self.attempt)
    }

    const fn overlaps(&self, other: &Self) -> bool {
        self.from < other.until && other.from < self.until
    }
}

/// The row of an attempt.
pub(crate) fn item(booking: BookingId, attempt: u32) -> Uuid {
    crate::id::derived("booking.entry", &[booking.as_bytes(), &attempt.to_be_bytes()])
}

/// What a group session is, among all bookings of it. Other terms are another session.
pub(crate) fn session(coach: UserId, service: ServiceId, from: Millis, until: Millis) -> Uuid {
    let parts: [&[u8]; 4] =
        [coach.as_bytes(), service.as_bytes(), &from.to_be_bytes(), &until.to_be_bytes()];
    crate::id::derived("booking.session", &parts)
}

/// The stretches that a time touches, in order.
pub(crate) fn stretches(from: Millis, until: Millis) -> std::ops::RangeInclusive<i64> {
    from.div_euclid(STRETCH_MS)..=until.saturating_sub(1).max(from).div_euclid(STRETCH_MS)
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Calendar {
    pub(crate) entries: BTreeMap<Uuid, Entry>,
}

/// What came of taking a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hold {
    /// It is taken.
    Done,
    /// These have it, or all its seats: each should be asked whether it still wants it.
    Taken(Vec<(BookingId, u32)>),
    /// As many as a calendar holds.
    Full,
}

impl Calendar {
    /// Takes a time. Other attempts of the same booking are no obstacle: one of them is let go.
    pub(crate) fn hold(&mut self, wanted: &Entry) -> Hold {
        let others = || self.entries.values().filter(|entry| entry.booking != wanted.booking);
        let name = |entry: &Entry| (entry.booking, entry.attempt);
        let in_the_way: Vec<_> = others()
            .filter(|entry| entry.session != wanted.session && entry.overlaps(wanted))
            .map(name)
            .collect();
        if !in_the_way.is_empty() {
            return Hold::Taken(in_the_way);
        }
        let beside: Vec<_> =
            others().filter(|entry| entry.session == wanted.session).map(name).collect();
        if beside.len() >= wanted.seats as usize {
            return Hold::Taken(beside);
        }
        if self.entries.len() >= BOOKING_CALENDAR_MAX {
            return Hold::Full;
        }
        self.entries.insert(wanted.item(), *wanted);
        Hold::Done
    }

    /// An attempt is over.
    pub(crate) fn release(&mut self, booking: BookingId, attempt: u32) {
        self.entries.remove(&item(booking, attempt));
    }
}

/// How many more have room at a time, over all stretches that it touches: 0, where something else
/// is in the way.
pub(crate) fn room(busy: &[Entry], session: Uuid, from: Millis, until: Millis, seats: u32) -> u32 {
    let overlapping = busy.iter().filter(|entry| entry.from < until && from < entry.until);
    let mut beside = std::collections::BTreeSet::new();
    for entry in overlapping {
        if entry.session != session {
            return 0;
        }
        beside.insert(entry.booking);
    }
    seats.saturating_sub(u32::try_from(beside.len()).unwrap_or(u32::MAX))
}

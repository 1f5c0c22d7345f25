//! What a coach offers and when: services, and availability by the clock on the wall. Pure.
//!
//! A window is the set of all moments at which the clock on the wall, in the coach's zone, shows a
//! time of that window on that date. So a window that lies in a gap is shorter or empty, one that
//! lies in a fold is longer, and a date that a zone skipped has none. Moments are reckoned stretch
//! by stretch between the zone's changes; nothing is ever guessed about a time that is not there.

use super::calendar::{self, Entry};
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan as _};
use protocol::Money;
use protocol::bookings::Type;
use protocol::{Millis, ServiceId, UserId};
use std::collections::{BTreeMap, BTreeSet};

/// A minute.
pub(crate) const MIN_MS: Millis = 60_000;
/// Twenty-four hours.
pub(crate) const DAY_MS: Millis = 24 * 60 * MIN_MS;
/// The last minute of a day, and not in it.
pub(crate) const DAY_MIN: u32 = 24 * 60;

/// From one minute of a day up to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Window {
    pub(crate) from_min: u32,
    pub(crate) until_min: u32,
}

/// When a coach can be booked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Schedule {
    pub(crate) zone_name: String,
    pub(crate) zone: TimeZone,
    /// By the day of the week, Monday is 0.
    pub(crate) weekly: Vec<(u32, Window)>,
    /// In place of the week; empty: that day is off.
    pub(crate) overrides: BTreeMap<Date, Vec<Window>>,
    /// First and last date.
    pub(crate) time_off: Vec<(Date, Date)>,
}

/// What can be booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) id: ServiceId,
    pub(crate) title: String,
    pub(crate) description: Option<String>,
    pub(crate) kind: Type,
    pub(crate) duration_min: u32,
    pub(crate) price: Option<Money>,
    pub(crate) before_min: u32,
    pub(crate) after_min: u32,
    pub(crate) notice_min: u32,
    pub(crate) window_days: u32,
    pub(crate) every_min: u32,
    pub(crate) seats: u32,
    pub(crate) needs_confirmation: bool,
}

/// A part of a window that is there, and where the window begins or would have begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Piece {
    from: Millis,
    until: Millis,
    anchor: Millis,
}

/// A time that can be booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot {
    pub(crate) starts_at: Millis,
    pub(crate) ends_at: Millis,
    pub(crate) seats_left: u32,
}

/// What is asked for: beginnings from one moment up to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: Millis,
    pub(crate) until: Millis,
}

impl Service {
    pub(crate) fn lasts_ms(&self) -> Millis {
        Millis::from(self.duration_min) * MIN_MS
    }

    /// What is kept free for a session that begins then.
    pub(crate) fn block(&self, starts_at: Millis) -> (Millis, Millis) {
        let from = starts_at.saturating_sub(Millis::from(self.before_min) * MIN_MS);
        let until = starts_at.saturating_add(self.lasts_ms());
        (from, until.saturating_add(Millis::from(self.after_min) * MIN_MS))
    }

    /// When it may begin, if it is booked now: included, and not included.
    pub(crate) fn bookable(&self, now: Millis) -> Span {
        Span {
            from: now.saturating_add(Millis::from(self.notice_min) * MIN_MS),
            until: now.saturating_add(Millis::from(self.window_days) * DAY_MS).saturating_add(1),
        }
    }
}

impl Schedule {
    /// Without a window.
    pub(crate) fn new(zone_name: &str) -> Option<Self> {
        let zone = TimeZone::get(zone_name).ok()?;
        Some(Self {
            zone_name: zone.iana_name()?.to_owned(),
            zone,
            weekly: Vec::new(),
            overrides: BTreeMap::new(),
            time_off: Vec::new(),
        })
    }

    fn windows_on(&self, date: Date) -> Vec<Window> {
        if self.time_off.iter().any(|&(first, last)| first <= date && date <= last) {
            return Vec::new();
        }
        if let Some(windows) = self.overrides.get(&date) {
            return windows.clone();
        }
        let day = u32::try_from(date.weekday().to_monday_zero_offset()).unwrap_or_default();
        self.weekly.iter().filter(|(of, _)| *of == day).map(|(_, window)| *window).collect()
    }

    /// The parts of windows between two moments.
    fn open(&self, from: Millis, until: Millis) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let Ok(start) = Timestamp::from_millisecond(from) else { return pieces };
        let mut begins = from;
        let mut offset = self.zone.to_offset(start);
        for change in self.zone.following(start) {
            let at = change.timestamp().as_millisecond();
            if at >= until {
                break;
            }
            self.open_at(offset, begins, at, &mut pieces);
            (begins, offset) = (at, change.offset());
        }
        self.open_at(offset, begins, until, &mut pieces);
        pieces.sort_unstable();
        pieces
    }

    /// The same where the zone keeps one offset.
    fn open_at(&self, offset: Offset, from: Millis, until: Millis, pieces: &mut Vec<Piece>) {
        let ahead = Millis::from(offset.seconds()) * 1_000;
        let (Some(first), Some(last)) = (date_of(from + ahead), date_of(until + ahead)) else {
            return;
        };
        let mut date = first;
        while date <= last {
            let Some(midnight) = midnight_of(date) else { return };
            for Window { from_min, until_min } in self.windows_on(date) {
                let anchor = midnight + Millis::from(from_min) * MIN_MS - ahead;
                let end = midnight + Millis::from(until_min) * MIN_MS - ahead;
                let piece = Piece { from: anchor.max(from), until: end.min(until), anchor };
                if piece.from < piece.until {
                    pieces.push(piece);
                }
            }
            let Ok(next) = date.tomorrow() else { return };
            date = next;
        }
    }
}

/// The date of a time of the wall, told as if the wall were at UTC.
fn date_of(wall: Millis) -> Option<Date> {
    Some(Offset::UTC.to_datetime(Timestamp::from_millisecond(wall).ok()?).date())
}

fn midnight_of(date: Date) -> Option<Millis> {
    let midnight = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
    Some(midnight.as_millisecond())
}

/// Where one piece ends, others that touch it go on.
fn joined(pieces: &[Piece]) -> Vec<(Millis, Millis)> {
    let mut joined: Vec<(Millis, Millis)> = Vec::new();
    for piece in pieces {
        match joined.last_mut() {
            Some((_, until)) if piece.from <= *until => *until = (*until).max(piece.until),
            _ => joined.push((piece.from, piece.until)),
        }
    }
    joined
}

/// The times of a service that can be booked now, with what is taken of the coach's time.
pub(crate) fn slots(
    coach: UserId,
    schedule: &Schedule,
    service: &Service,
    asked: Span,
    busy: &[Entry],
    now: Millis,
) -> Vec<Slot> {
    let bookable = service.bookable(now);
    let from = asked.from.max(bookable.from);
    let until = asked.until.min(bookable.until);
    if from >= until {
        return Vec::new();
    }
    let lasts = service.lasts_ms();
    let every = Millis::from(service.every_min.max(1)) * MIN_MS;
    let pieces = schedule.open(from, until.saturating_add(lasts));
    let open = joined(&pieces);
    let is_open = |starts_at: Millis| {
        let at = open.partition_point(|(begins, _)| *begins <= starts_at);
        let found = at.checked_sub(1).and_then(|at| open.get(at));
        found.is_some_and(|(_, ends)| starts_at + lasts <= *ends)
    };
    let mut found = BTreeSet::new();
    for piece in &pieces {
        let behind = piece.from.saturating_sub(piece.anchor);
        let mut starts_at = piece.anchor + behind.div_euclid(every) * every;
        while starts_at < piece.until.min(until) {
            if starts_at >= piece.from && is_open(starts_at) {
                let (begins, ends) = service.block(starts_at);
                let session = calendar::session(coach, service.id, begins, ends);
                let seats_left = calendar::room(busy, session, begins, ends, service.seats);
                if seats_left > 0 {
                    found.insert(Slot { starts_at, ends_at: starts_at + lasts, seats_left });
                }
            }
            starts_at += every;
        }
    }
    found.into_iter().collect()
}

/// A moment as a zone's clock shows it, RFC 3339.
pub(crate) fn local(zone: &TimeZone, at: Millis) -> Option<String> {
    let at = Timestamp::from_millisecond(at).ok()?;
    Some(at.display_with_offset(zone.to_offset(at)).to_string())
}

/// The first moment of a date in a zone, or of the next one where the zone skipped it.
pub(crate) fn begins(zone: &TimeZone, date: Date) -> Option<Millis> {
    let first = zone.to_ambiguous_timestamp(date.at(0, 0, 0, 0)).compatible().ok()?;
    Some(first.as_millisecond())
}

/// The date of a moment in a zone.
pub(crate) fn date_in(zone: &TimeZone, at: Millis) -> Option<Date> {
    Some(zone.to_datetime(Timestamp::from_millisecond(at).ok()?).date())
}

/// A time of a day: `"09:00"`; `"24:00"` is its end.
pub(crate) fn minute(text: &str) -> Option<u32> {
    let (hour, min) = text.split_once(':')?;
    let number = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u32>().ok()).flatten()
    };
    let (hour, min) = (number(hour)?, number(min)?);
    let total = hour * 60 + min;
    (min < 60 && total <= DAY_MIN).then_some(total)
}

/// The same as text.
pub(crate) fn minute_text(minute: u32) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// So many days later.
pub(crate) fn later(date: Date, days: i64) -> Option<Date> {
    date.checked_add(days.days()).ok()
}

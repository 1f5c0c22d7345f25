//! Bookings as a calendar's file (RFC 5545). The UID of a booking stays the same for ever, SEQUENCE
//! rises when it is moved or called off, and what was called off stays, as `STATUS:CANCELLED`.

use super::model::{Booking, State};
use crate::words::bookings as words;
use icalendar::{Calendar, Component as _, Event, EventStatus, Property};
use jiff::Timestamp;
use protocol::{Millis, UserId};

/// Who made the file (RFC 5545 §3.7.3).
const PRODUCT: &str = "-//Sanctuary//Bookings//EN";

/// The calendar of those of them that were agreed on, or waited for it, as one side sees them.
pub(super) fn calendar(bookings: &[Booking], viewer: UserId) -> String {
    let mut calendar = Calendar::empty();
    for (key, value) in
        [("VERSION", "2.0"), ("PRODID", PRODUCT), ("CALSCALE", "GREGORIAN"), ("METHOD", "PUBLISH")]
    {
        calendar.append_property(Property::new(key, value));
    }
    for booking in bookings {
        if let Some(event) = event(booking, viewer) {
            calendar.push(event);
        }
    }
    calendar.to_string()
}

fn event(booking: &Booking, viewer: UserId) -> Option<Event> {
    let status = match booking.state {
        State::Confirmed | State::Completed | State::NoShow => EventStatus::Confirmed,
        State::AwaitingCoach => EventStatus::Tentative,
        // What was never more than held was in no calendar.
        _ if !booking.is_known_to_coach() => return None,
        State::Cancelled | State::Declined | State::Expired => EventStatus::Cancelled,
        State::Holding | State::Refused | State::Held | State::Released => return None,
    };
    let with = booking.sides().into_iter().find(|side| side.id != viewer)?;
    let changed = [Some(booking.created_at), booking.confirmed_at, booking.ended_at];
    let changed_at = changed.into_iter().flatten().max()?;
    let mut event = Event::with_uid(&format!("{}@sanctuary", booking.id));
    event.summary(&plain(&words::summary(&booking.service.title, &with.name)));
    event.sequence(booking.sequence).status(status);
    for (key, at) in [
        ("DTSTAMP", changed_at),
        ("LAST-MODIFIED", changed_at),
        ("DTSTART", booking.time.starts_at),
        ("DTEND", booking.ends_at()),
    ] {
        event.append_property(Property::new(key, utc(at)?));
    }
    Some(event.done())
}

/// RFC 5545 §3.3.5, form 2.
fn utc(at: Millis) -> Option<String> {
    let at = Timestamp::from_millisecond(at).ok()?;
    Some(at.strftime("%Y%m%dT%H%M%SZ").to_string())
}

/// Without characters that no text of a calendar may hold; a new line is a space.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

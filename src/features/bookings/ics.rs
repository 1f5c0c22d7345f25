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

/// Whether a booking is in calendars: what was never more than held is in none.
pub(super) fn shows(booking: &Booking) -> bool {
    status(booking).is_some()
}

fn status(booking: &Booking) -> Option<EventStatus> {
    match booking.state {
        State::Confirmed | State::Completed | State::NoShow => Some(EventStatus::Confirmed),
        State::AwaitingCoach => Some(EventStatus::Tentative),
        _ if !booking.is_known_to_coach() => None,
        State::Cancelled | State::Declined | State::Expired => Some(EventStatus::Cancelled),
        State::Holding | State::Refused | State::Held | State::Released => None,
    }
}

fn event(booking: &Booking, viewer: UserId) -> Option<Event> {
    let status = status(booking)?;
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

#[cfg(test)]
mod tests {
    use super::super::model::schedule::Service;
    use super::super::model::{Input, New};
    use super::*;
    use protocol::bookings::Type;
    use protocol::people::Person;
    use protocol::{BookingId, ServiceId};
    use uuid::Uuid;

    /// Read by `tests/clients/read_calendar.py`, with a parser that is not ours.
    const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/booking.ics");
    const NOW: Millis = 1_800_000_000_000;
    const CLIENT: UserId = UserId(Uuid::from_u128(1));
    const COACH: UserId = UserId(Uuid::from_u128(2));

    fn booking(n: u128, title: &str) -> Booking {
        let person = |id, name: &str| Person { id, name: name.to_owned() };
        let new = New {
            id: BookingId(Uuid::from_u128(n)),
            coach: person(COACH, "Łucja; \"Lu\""),
            client: person(CLIENT, "Ada"),
            service: Service {
                id: ServiceId(Uuid::from_u128(9)),
                title: title.to_owned(),
                description: None,
                kind: Type::Live,
                duration_min: 50,
                price: None,
                before_min: 10,
                after_min: 10,
                notice_min: 0,
                window_days: 1,
                every_min: 50,
                seats: 1,
                needs_confirmation: false,
            },
            starts_at: NOW + 7 * 24 * 3_600_000,
            description: Some("not for calendars".to_owned()),
        };
        let mut booking = Booking::new(new, NOW);
        booking.apply(&Input::Granted { attempt: 1 }, NOW).unwrap();
        booking
    }

    #[test]
    fn a_calendar_is_the_golden_one() {
        let title = "Breathing, back\\forth; and\r\nBEGIN:VEVENT — a long title in which ten \
                     „words“ or more go over the end of a line: ää öö üü 🌿🌿🌿🌿🌿🌿🌿🌿";
        let held = booking(7, "only held");
        let mut agreed = booking(8, title);
        agreed.apply(&Input::Confirm { by: CLIENT }, NOW + 1_000).unwrap();
        let mut over = booking(9, "over");
        over.apply(&Input::Confirm { by: CLIENT }, NOW + 1_000).unwrap();
        over.apply(&Input::Cancel { by: COACH, reason: None }, NOW + 2_000).unwrap();
        let text = calendar(&[held, agreed, over], CLIENT);
        assert!(text.split("\r\n").all(|line| line.len() <= 75), "{text}");
        if std::env::var_os("SANCTUARY_UPDATE_VECTORS").is_some_and(|on| on == "1") {
            std::fs::write(GOLDEN, &text).unwrap();
        }
        assert_eq!(text, std::fs::read_to_string(GOLDEN).unwrap());
    }
}

//! What is taken of somebody's time: nothing overlaps, seats are counted, over any border.

use super::super::calendar::{Calendar, Entry, Hold, STRETCH_MS, room, session, stretches};
use super::{service, user};
use proptest::prelude::*;
use protocol::{BookingId, Millis};
use std::collections::BTreeMap;
use uuid::Uuid;

fn entry(booking: u128, from: Millis, until: Millis) -> Entry {
    let id = Uuid::from_u128(booking);
    Entry { booking: BookingId(id), attempt: 1, session: id, from, until, seats: 1 }
}

#[test]
fn a_time_is_taken_once_and_its_ends_touch_nothing() {
    let mut calendar = Calendar::default();
    assert_eq!(calendar.hold(&entry(1, 10, 20)), Hold::Done);
    assert_eq!(calendar.hold(&entry(1, 10, 20)), Hold::Done, "carried out again");
    let by = Hold::Taken(vec![(BookingId(Uuid::from_u128(1)), 1)]);
    for (from, until) in [(10, 20), (0, 11), (19, 30), (12, 13), (0, 40)] {
        assert_eq!(calendar.hold(&entry(2, from, until)), by, "{from}-{until}");
    }
    assert_eq!(calendar.hold(&entry(2, 0, 10)), Hold::Done);
    assert_eq!(calendar.hold(&entry(3, 20, 30)), Hold::Done);
    calendar.release(BookingId(Uuid::from_u128(1)), 1);
    assert_eq!(calendar.hold(&entry(4, 10, 20)), Hold::Done);
}

#[test]
fn a_booking_that_moves_is_not_in_its_own_way() {
    let mut calendar = Calendar::default();
    calendar.hold(&entry(1, 10, 20));
    assert_eq!(calendar.hold(&Entry { attempt: 2, ..entry(1, 15, 25) }), Hold::Done);
    // It has both, until one of them is let go.
    assert!(matches!(calendar.hold(&entry(2, 10, 12)), Hold::Taken(_)));
    calendar.release(BookingId(Uuid::from_u128(1)), 1);
    assert_eq!(calendar.hold(&entry(2, 10, 12)), Hold::Done);
    assert!(matches!(calendar.hold(&entry(3, 20, 30)), Hold::Taken(_)));
}

#[test]
fn seats_of_one_session_are_counted_and_other_terms_are_another_session() {
    let mut calendar = Calendar::default();
    let group = session(user(2), service().id, 10, 20);
    let seat = |booking| Entry { session: group, seats: 2, ..entry(booking, 10, 20) };
    assert_eq!(calendar.hold(&seat(1)), Hold::Done);
    assert_eq!(calendar.hold(&seat(2)), Hold::Done);
    assert!(matches!(calendar.hold(&seat(3)), Hold::Taken(by) if by.len() == 2));
    assert!(matches!(calendar.hold(&entry(4, 10, 20)), Hold::Taken(_)));
    assert_ne!(group, session(user(2), service().id, 10, 21));
    let busy: Vec<Entry> = calendar.entries.values().copied().collect();
    assert_eq!(room(&busy, group, 10, 20, 2), 0);
    assert_eq!(room(&busy, group, 10, 20, 3), 1);
    assert_eq!(room(&busy, Uuid::nil(), 19, 25, 1), 0);
    assert_eq!(room(&busy, Uuid::nil(), 20, 25, 1), 1);
}

#[test]
fn a_time_over_a_border_is_in_both_stretches() {
    let border = 700 * STRETCH_MS;
    assert_eq!(stretches(border - 5, border), 699..=699);
    assert_eq!(stretches(border, border + 5), 700..=700);
    assert_eq!(stretches(border - 1, border + 1), 699..=700);
    assert_eq!(stretches(-5, 5), -1..=0);
}

proptest! {
    /// Many bookings with two owners of time, over borders, moved and let go: at no moment do two
    /// that are in force overlap, and no session has more than its seats.
    #[test]
    fn nothing_ever_overlaps(
        steps in prop::collection::vec((0_u128..12, 0_i64..200, 1_i64..30, 0_u8..3), 1..120)
    ) {
        const SEATS: u32 = 3;
        let border = 700 * STRETCH_MS - 100;
        let mut stretch: BTreeMap<i64, Calendar> = BTreeMap::new();
        // What each booking has, as its own partition would say.
        let mut has: BTreeMap<u128, Entry> = BTreeMap::new();
        for (number, (who, at, lasts, what)) in (1..).zip(steps) {
            let from = border + at / 10 * 10;
            let until = from + if what == 1 { 10 } else { lasts };
            if what == 2 {
                if let Some(old) = has.remove(&who) {
                    for calendar in stretch.values_mut() {
                        calendar.release(old.booking, old.attempt);
                    }
                }
                continue;
            }
            let group = what == 1;
            let own = Uuid::from_u128(who);
            let wanted = Entry {
                attempt: number,
                session: if group { session(user(2), service().id, from, until) } else { own },
                seats: if group { SEATS } else { 1 },
                ..entry(who, from, until)
            };
            let all_done = stretches(from, until).all(|index| {
                stretch.entry(index).or_default().hold(&wanted) == Hold::Done
            });
            let over = if all_done { has.insert(who, wanted) } else { Some(wanted) };
            if let Some(over) = over {
                for calendar in stretch.values_mut() {
                    calendar.release(over.booking, over.attempt);
                }
            }
            for one in has.values() {
                let beside = has.values().filter(|other| other.session == one.session).count();
                prop_assert!(beside <= one.seats as usize);
                for other in has.values().filter(|other| other.session != one.session) {
                    prop_assert!(one.until <= other.from || other.until <= one.from);
                }
            }
        }
    }
}

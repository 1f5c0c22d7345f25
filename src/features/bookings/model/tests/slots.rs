//! Slots in real zones: across gaps, folds, half an hour, and a day that was skipped.

use super::super::calendar::{Entry, session};
use super::super::schedule::{
    MIN_MS, Schedule, Service, Slot, Span, Window, local, minute, minute_text, slots,
};
use super::{service, user};
use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use protocol::{BookingId, Millis};
use uuid::Uuid;

const DAY_MS: Millis = 24 * 60 * MIN_MS;

fn window(from: &str, until: &str) -> Window {
    Window { from_min: minute(from).unwrap(), until_min: minute(until).unwrap() }
}

fn each_day(zone: &str, windows: &[(&str, &str)]) -> Schedule {
    let mut schedule = Schedule::new(zone).unwrap();
    for day in 0..7 {
        schedule.weekly.extend(windows.iter().map(|(from, until)| (day, window(from, until))));
    }
    schedule
}

fn at(text: &str) -> Millis {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

/// Sessions of so many minutes, booked as far ahead as one likes.
fn of(duration_min: u32) -> Service {
    Service { duration_min, every_min: duration_min, window_days: 36_500, ..service() }
}

/// What a coach's clock shows at the beginnings of one date, and how long before it now is.
fn shown(schedule: &Schedule, service: &Service, on: Date) -> Vec<String> {
    let from = TimeZone::UTC.to_timestamp(on.at(0, 0, 0, 0)).unwrap().as_millisecond();
    let span = Span { from: from - 2 * DAY_MS, until: from + 3 * DAY_MS };
    slots(user(2), schedule, service, span, &[], from - 9 * DAY_MS)
        .into_iter()
        .map(|slot| local(&schedule.zone, slot.starts_at).unwrap())
        .filter(|text| text.starts_with(&on.to_string()))
        .map(|text| text.split_once('T').unwrap().1.replace(":00+", "+").replace(":00-", "-"))
        .collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table, a line for each window")]
fn windows_follow_the_clock_on_the_wall() {
    for (zone, on, windows, minutes, wanted) in [
        // A usual day, in winter and in summer.
        (
            "Europe/Berlin",
            date(2027, 1, 15),
            ("09:00", "11:00"),
            60,
            &["09:00+01:00", "10:00+01:00"][..],
        ),
        (
            "Europe/Berlin",
            date(2027, 7, 15),
            ("09:00", "11:00"),
            60,
            &["09:00+02:00", "10:00+02:00"],
        ),
        // The night of the gap, 02:00 to 03:00: an hour is not there.
        (
            "Europe/Berlin",
            date(2027, 3, 28),
            ("01:00", "05:00"),
            60,
            &["01:00+01:00", "03:00+02:00", "04:00+02:00"],
        ),
        // A window that is in the gap whole, or begins in it, or ends in it.
        ("Europe/Berlin", date(2027, 3, 28), ("02:00", "03:00"), 60, &[]),
        (
            "Europe/Berlin",
            date(2027, 3, 28),
            ("02:30", "05:00"),
            30,
            &["03:00+02:00", "03:30+02:00", "04:00+02:00", "04:30+02:00"],
        ),
        (
            "Europe/Berlin",
            date(2027, 3, 28),
            ("01:00", "02:30"),
            30,
            &["01:00+01:00", "01:30+01:00"],
        ),
        // The night of the fold: the hour from 02:00 is there twice.
        (
            "Europe/Berlin",
            date(2027, 10, 31),
            ("01:00", "04:00"),
            60,
            &["01:00+02:00", "02:00+02:00", "02:00+01:00", "03:00+01:00"],
        ),
        // A window that is in the fold in part is open twice; what would be outside is not.
        (
            "Europe/Berlin",
            date(2027, 10, 31),
            ("02:30", "03:30"),
            30,
            &["02:30+02:00", "02:30+01:00", "03:00+01:00"],
        ),
        (
            "America/New_York",
            date(2027, 3, 14),
            ("01:00", "04:00"),
            60,
            &["01:00-05:00", "03:00-04:00"],
        ),
        (
            "America/New_York",
            date(2027, 11, 7),
            ("00:00", "03:00"),
            60,
            &["00:00-04:00", "01:00-04:00", "01:00-05:00", "02:00-05:00"],
        ),
        // Half an hour: forward at 02:00 to 02:30, back at 02:00 to 01:30.
        (
            "Australia/Lord_Howe",
            date(2027, 10, 3),
            ("01:30", "03:30"),
            30,
            &["01:30+10:30", "02:30+11:00", "03:00+11:00"],
        ),
        (
            "Australia/Lord_Howe",
            date(2027, 4, 4),
            ("01:00", "02:30"),
            30,
            &["01:00+11:00", "01:30+11:00", "01:30+10:30", "02:00+10:30"],
        ),
        // An hour from 01:30 would end half an hour too late by its clock: the window is what counts.
        ("Australia/Lord_Howe", date(2027, 10, 3), ("01:00", "03:00"), 60, &["01:00+10:30"]),
        // A date that was not there, and those beside it.
        (
            "Pacific/Apia",
            date(2011, 12, 29),
            ("22:00", "24:00"),
            60,
            &["22:00-10:00", "23:00-10:00"],
        ),
        ("Pacific/Apia", date(2011, 12, 30), ("09:00", "11:00"), 60, &[]),
        (
            "Pacific/Apia",
            date(2011, 12, 31),
            ("09:00", "11:00"),
            60,
            &["09:00+14:00", "10:00+14:00"],
        ),
        // A midnight that was not there.
        ("Africa/Cairo", date(2027, 4, 30), ("00:00", "02:00"), 60, &["01:00+03:00"]),
        (
            "Asia/Kathmandu",
            date(2027, 5, 5),
            ("06:00", "07:30"),
            45,
            &["06:00+05:45", "06:45+05:45"],
        ),
    ] {
        let schedule = each_day(zone, &[windows]);
        assert_eq!(shown(&schedule, &of(minutes), on), wanted, "{zone} {on} {windows:?}");
    }
}

#[test]
fn a_session_may_go_on_into_the_next_window_and_the_next_day() {
    let night = each_day("Europe/Berlin", &[("22:00", "24:00"), ("00:00", "01:00")]);
    let on = date(2027, 6, 2);
    let long = Service { every_min: 60, ..of(120) };
    assert_eq!(shown(&night, &long, on), ["22:00+02:00", "23:00+02:00"]);
    // Over the day that was skipped, too: the clock goes from the 29th to the 31st.
    let apia = each_day("Pacific/Apia", &[("22:00", "24:00"), ("00:00", "01:00")]);
    assert_eq!(shown(&apia, &long, date(2011, 12, 29)), ["22:00-10:00", "23:00-10:00"]);
}

#[test]
fn single_dates_stand_above_the_week_and_days_off_above_all() {
    let mut schedule = Schedule::new("Europe/Berlin").unwrap();
    schedule.weekly.push((0, window("09:00", "10:00")));
    let monday = date(2027, 6, 7);
    assert_eq!(shown(&schedule, &of(60), monday), ["09:00+02:00"]);
    assert_eq!(shown(&schedule, &of(60), date(2027, 6, 8)), [""; 0]);
    schedule.overrides.insert(monday, vec![window("14:00", "15:00")]);
    assert_eq!(shown(&schedule, &of(60), monday), ["14:00+02:00"]);
    schedule.overrides.insert(monday, Vec::new());
    assert_eq!(shown(&schedule, &of(60), monday), [""; 0]);
    schedule.overrides.insert(date(2027, 6, 8), vec![window("08:00", "09:00")]);
    assert_eq!(shown(&schedule, &of(60), date(2027, 6, 8)), ["08:00+02:00"]);
    schedule.time_off.push((monday, date(2027, 6, 8)));
    assert_eq!(shown(&schedule, &of(60), date(2027, 6, 8)), [""; 0]);
}

#[test]
fn notice_and_window_bound_what_is_offered_to_the_millisecond() {
    let schedule = each_day("UTC", &[("09:00", "10:00")]);
    let slot = at("2027-06-10T09:00:00Z");
    let span = Span { from: slot - DAY_MS, until: slot + 1 };
    let offered = |service: &Service, now| {
        slots(user(2), &schedule, service, span, &[], now).iter().any(|it| it.starts_at == slot)
    };
    let service = Service { notice_min: 60, window_days: 7, ..of(60) };
    assert!(offered(&service, slot - 60 * MIN_MS));
    assert!(!offered(&service, slot - 60 * MIN_MS + 1));
    assert!(offered(&service, slot - 7 * DAY_MS));
    assert!(!offered(&service, slot - 7 * DAY_MS - 1));
}

#[test]
fn buffers_keep_sessions_apart_and_seats_share_one() {
    let schedule = each_day("UTC", &[("09:00", "12:00")]);
    let day = at("2027-06-10T00:00:00Z");
    let span = Span { from: day, until: day + DAY_MS };
    let service = Service { before_min: 15, after_min: 15, every_min: 30, ..of(60) };
    let (from, until) = service.block(at("2027-06-10T09:00:00Z"));
    let own = Uuid::from_u128(5);
    let busy = [Entry { booking: BookingId(own), attempt: 1, session: own, from, until, seats: 1 }];
    let starts = |found: Vec<Slot>| -> Vec<Millis> {
        found.into_iter().map(|slot| (slot.starts_at - day) / MIN_MS).collect()
    };
    let found = slots(user(2), &schedule, &service, span, &busy, day);
    assert_eq!(starts(found), [10 * 60 + 30, 11 * 60]);
    let group = Service { seats: 3, ..service };
    let session = session(user(2), group.id, from, until);
    let busy = [Entry { session, seats: 3, ..busy[0] }];
    let found = slots(user(2), &schedule, &group, span, &busy, day);
    let left: Vec<u32> = found.iter().map(|slot| slot.seats_left).collect();
    assert_eq!((starts(found), left), (vec![540, 630, 660], vec![2, 3, 3]));
}

#[test]
fn times_of_a_day_are_read_strictly() {
    for (text, wanted) in [
        ("00:00", Some(0)),
        ("09:30", Some(570)),
        ("24:00", Some(1_440)),
        ("24:01", None),
        ("9:30", None),
        ("09:60", None),
        ("0930", None),
        ("+9:30", None),
        ("", None),
    ] {
        assert_eq!(minute(text), wanted, "{text}");
    }
    assert_eq!(minute_text(570), "09:30");
}

const ZONES: [&str; 8] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "America/St_Johns",
    "UTC",
];

/// Whether a coach is open at a moment, told from the clock on the wall and nothing else.
fn is_open(schedule: &Schedule, moment: Millis) -> bool {
    let shown = schedule.zone.to_datetime(Timestamp::from_millisecond(moment).unwrap());
    let minute = u32::try_from(shown.hour()).unwrap() * 60 + u32::try_from(shown.minute()).unwrap();
    let day = u32::try_from(shown.weekday().to_monday_zero_offset()).unwrap();
    let holds = |window: &Window| window.from_min <= minute && minute < window.until_min;
    if schedule.time_off.iter().any(|(first, last)| (*first..=*last).contains(&shown.date())) {
        return false;
    }
    match schedule.overrides.get(&shown.date()) {
        Some(windows) => windows.iter().any(holds),
        None => schedule.weekly.iter().any(|(of, window)| *of == day && holds(window)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Each slot is within the availability minute by minute, and apart from all that is taken,
    /// buffers included; nothing that was free and fits is left out.
    #[test]
    fn slots_are_open_and_free_and_all_there_is(
        zone in 0..ZONES.len(),
        start in prop_oneof![
            Just(at("2027-03-27T00:00:00Z")),
            Just(at("2027-10-30T00:00:00Z")),
            Just(at("2027-04-03T00:00:00Z")),
            Just(at("2027-10-02T00:00:00Z")),
            Just(at("2011-12-29T00:00:00Z")),
            (0_i64..9_000).prop_map(|days| at("2010-01-01T00:00:00Z") + days * DAY_MS),
        ],
        windows in prop::collection::vec((0_u32..7, 0_u32..96, 1_u32..40), 1..12),
        lasts in 1_u32..16,
        buffers in (0_u32..4, 0_u32..4),
        every in 1_u32..8,
        taken in prop::collection::vec((0_i64..288, 1_i64..12), 0..8),
    ) {
        let mut schedule = Schedule::new(ZONES[zone]).unwrap();
        for (day, from, length) in windows {
            let (from_min, until_min) = (from * 15, ((from + length) * 15).min(1_440));
            schedule.weekly.push((day, Window { from_min, until_min }));
        }
        let service = Service {
            duration_min: lasts * 15,
            every_min: every * 15,
            before_min: buffers.0 * 15,
            after_min: buffers.1 * 15,
            window_days: 36_500,
            ..service()
        };
        let busy: Vec<Entry> = taken
            .iter()
            .zip(1_u128..)
            .map(|(&(at, long), n)| Entry {
                booking: BookingId(Uuid::from_u128(n)),
                attempt: 1,
                session: Uuid::from_u128(n),
                from: start + at * 15 * MIN_MS,
                until: start + (at + long) * 15 * MIN_MS,
                seats: 1,
            })
            .collect();
        let span = Span { from: start, until: start + 3 * DAY_MS };
        let found = slots(user(2), &schedule, &service, span, &busy, start);
        for slot in &found {
            prop_assert!(span.from <= slot.starts_at && slot.starts_at < span.until);
            prop_assert_eq!(slot.ends_at - slot.starts_at, service.lasts_ms());
            for minute in 0..i64::from(service.duration_min) {
                let moment = slot.starts_at + minute * MIN_MS;
                prop_assert!(is_open(&schedule, moment), "{}", local(&schedule.zone, moment).unwrap());
            }
            let (from, until) = service.block(slot.starts_at);
            prop_assert!(busy.iter().all(|entry| until <= entry.from || entry.until <= from));
        }
        // Sessions that begin each quarter: all that is open and free is offered.
        let often = Service { every_min: 15, ..service.clone() };
        let found = slots(user(2), &schedule, &often, span, &busy, start);
        let mut moment = start;
        while moment < span.until {
            let open = (0..i64::from(service.duration_min) / 15)
                .all(|quarter| is_open(&schedule, moment + quarter * 15 * MIN_MS));
            let (from, until) = service.block(moment);
            let free = busy.iter().all(|entry| until <= entry.from || entry.until <= from);
            let offered = found.iter().any(|slot| slot.starts_at == moment);
            prop_assert_eq!(open && free, offered, "{}", local(&schedule.zone, moment).unwrap());
            moment += 15 * MIN_MS;
        }
    }
}

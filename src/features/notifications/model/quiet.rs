//! Hours of a day in a person's zone, right across changes of the clock. Pure.
//!
//! A night of quiet is from its first minute to its last as instants: what a change of the clock
//! takes out of it or adds to it, it loses or gains. An hour that comes twice ends it the first time.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan as _};
use protocol::Millis;
use protocol::notifications::Digest;

/// Minutes of a day.
pub(crate) const DAY_MIN: u32 = 24 * 60;
/// When a digest is written, in the person's zone.
const DIGEST_MIN: u32 = 9 * 60;

/// The zone of an IANA name; `None` if there is no such zone.
pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    // Names alone: no POSIX rules and no paths.
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_+-".contains(c);
    let named = !name.is_empty() && name.len() <= 64 && name.chars().all(plain);
    named.then(|| TimeZone::get(name).ok()).flatten()
}

fn zone_or_utc(name: Option<&str>) -> TimeZone {
    name.and_then(zone).unwrap_or(TimeZone::UTC)
}

fn date(zone: &TimeZone, now: Millis) -> Option<Date> {
    let now = Timestamp::from_millisecond(now).ok()?;
    Some(zone.to_datetime(now).date())
}

/// The instant of a minute of a date. What the clock leaves out comes later, as much as it leaves out.
fn instant(zone: &TimeZone, date: Date, minute: u32) -> Option<Millis> {
    let minute = minute % DAY_MIN;
    let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
    let time = Time::new(hour, minute, 0, 0).ok()?;
    let moment = zone.to_timestamp(date.to_datetime(time)).ok()?;
    Some(moment.as_millisecond())
}

fn later(date: Date, span: Span) -> Option<Date> {
    date.checked_add(span).ok()
}

/// When the quiet hours end that `now` lies in; `None` outside of them.
pub(crate) fn until(
    zone: Option<&str>,
    from_min: u32,
    until_min: u32,
    now: Millis,
) -> Option<Millis> {
    let zone = zone_or_utc(zone);
    let today = date(&zone, now)?;
    // They may have begun yesterday.
    for begins in [later(today, -1.day())?, today] {
        let ends = if until_min <= from_min { later(begins, 1.day())? } else { begins };
        let (from, until) = (instant(&zone, begins, from_min)?, instant(&zone, ends, until_min)?);
        if from <= now && now < until {
            return Some(until);
        }
    }
    None
}

/// When the next digest is due after `now`.
pub(crate) fn next_digest(zone: Option<&str>, digest: Digest, now: Millis) -> Option<Millis> {
    let zone = zone_or_utc(zone);
    let today = date(&zone, now)?;
    for days in 0..=8 {
        let day = later(today, days.days())?;
        let wanted = match digest {
            Digest::Never => return None,
            Digest::Daily => true,
            Digest::Weekly => day.weekday() == Weekday::Monday,
        };
        if let Some(at) = instant(&zone, day, DIGEST_MIN).filter(|at| wanted && *at > now) {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Millis {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    const BERLIN: Option<&str> = Some("Europe/Berlin");
    const NIGHT: (u32, u32) = (22 * 60, 7 * 60);

    #[test]
    fn a_night_is_quiet_until_its_morning() {
        for (now, wanted) in [
            ("2026-01-15T20:59:59Z", None),
            ("2026-01-15T21:00:00Z", Some("2026-01-16T06:00:00Z")),
            ("2026-01-16T03:00:00Z", Some("2026-01-16T06:00:00Z")),
            ("2026-01-16T05:59:59Z", Some("2026-01-16T06:00:00Z")),
            ("2026-01-16T06:00:00Z", None),
            // Summer time.
            ("2026-07-15T19:59:59Z", None),
            ("2026-07-15T20:00:00Z", Some("2026-07-16T05:00:00Z")),
            // The night in which the clock goes forward, and the one in which it goes back.
            ("2026-03-28T22:00:00Z", Some("2026-03-29T05:00:00Z")),
            ("2026-10-24T23:00:00Z", Some("2026-10-25T06:00:00Z")),
        ] {
            assert_eq!(until(BERLIN, NIGHT.0, NIGHT.1, at(now)), wanted.map(at), "{now}");
        }
    }

    #[test]
    fn hours_that_the_clock_leaves_out_or_gives_twice_end_once() {
        // 02:30 is left out on 29 March: it ends at 03:30, an hour into summer time.
        assert_eq!(
            until(BERLIN, 60, 150, at("2026-03-29T00:30:00Z")),
            Some(at("2026-03-29T01:30:00Z"))
        );
        assert_eq!(until(BERLIN, 60, 150, at("2026-03-29T01:30:00Z")), None);
        // 02:30 comes twice on 25 October: the first one ends it.
        assert_eq!(
            until(BERLIN, 60, 150, at("2026-10-25T00:15:00Z")),
            Some(at("2026-10-25T00:30:00Z"))
        );
        assert_eq!(until(BERLIN, 60, 150, at("2026-10-25T01:15:00Z")), None);
    }

    #[test]
    fn an_afternoon_is_quiet_within_its_day_and_no_zone_is_utc() {
        let afternoon = |now: &str| until(None, 13 * 60, 15 * 60, at(now));
        assert_eq!(afternoon("2026-01-15T12:59:59Z"), None);
        assert_eq!(afternoon("2026-01-15T13:00:00Z"), Some(at("2026-01-15T15:00:00Z")));
        assert_eq!(afternoon("2026-01-15T15:00:00Z"), None);
        assert_eq!(afternoon("2026-01-16T02:00:00Z"), None);
    }

    #[test]
    fn a_digest_is_due_in_the_morning() {
        for (digest, now, wanted) in [
            (Digest::Daily, "2026-01-15T07:59:59Z", Some("2026-01-15T08:00:00Z")),
            (Digest::Daily, "2026-01-15T08:00:00Z", Some("2026-01-16T08:00:00Z")),
            (Digest::Daily, "2026-03-28T09:00:00Z", Some("2026-03-29T07:00:00Z")),
            (Digest::Weekly, "2026-01-15T08:00:00Z", Some("2026-01-19T08:00:00Z")),
            (Digest::Weekly, "2026-01-19T08:00:00Z", Some("2026-01-26T08:00:00Z")),
            (Digest::Never, "2026-01-19T08:00:00Z", None),
        ] {
            assert_eq!(next_digest(BERLIN, digest, at(now)), wanted.map(at), "{digest:?} {now}");
        }
    }

    #[test]
    fn only_names_of_zones_are_zones() {
        assert!(zone("Europe/Berlin").is_some() && zone("UTC").is_some());
        for name in ["", "Mars/Olympus", "../etc/passwd", "CET-1CEST,M3.5.0,M10.5.0/3"] {
            assert!(zone(name).is_none(), "{name}");
        }
    }
}

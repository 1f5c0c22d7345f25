//! Which minutes a scan reads. Pure.
//!
//! - Each scan reads what became due since the one before it and a little more, and from its first
//!   row on each minute that still had rows.
//! - Every few seconds the last minutes are read whole again: a node whose clock is a little
//!   behind, or whose write took long, sets timers there.
//! - Beside that the hours before are read round by round, some minutes at a time, for clocks that
//!   are far behind. The first round begins at the mark that an earlier node left, however old
//!   that is, and takes larger steps.

use crate::timers::BUCKET_MS;
use protocol::Millis;
use std::collections::BTreeMap;

/// Each scan looks back so far behind the one before it.
pub const RECENT_MS: Millis = 15_000;
/// Minutes that are read whole again at each trailing scan.
pub const NEAR_MINUTES: i64 = 10;
/// How far rounds look back.
pub const LOOK_BACK_MS: Millis = 6 * 3_600_000;
/// Minutes of one step of a round.
pub const ROUND_MINUTES: i64 = 8;
/// Minutes of one step of the first round, and minutes with rows left that one scan reads.
pub const MINUTES_A_SCAN_MAX: i64 = 120;

/// A part of a minute to be read: what is due from `from` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) minute: i64,
    pub(super) from: Millis,
}

/// Where the rounds are, and where rows were left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scan {
    /// The next minute of the round under way.
    next: i64,
    /// The first round is over.
    caught_up: bool,
    /// The time of the last scan.
    scanned_at: Millis,
    /// Minutes that had rows when they were last read, and when the first was due.
    left: BTreeMap<i64, Millis>,
}

const fn minute(at: Millis) -> i64 {
    at.div_euclid(BUCKET_MS)
}

impl Scan {
    /// Begins at a mark, or a round's length ago where that is earlier.
    pub(super) fn from(mark: Option<i64>, now: Millis) -> Self {
        let round = minute(now.saturating_sub(LOOK_BACK_MS));
        let next = mark.map_or(round, |mark| mark.min(round));
        Self { next, caught_up: false, scanned_at: now, left: BTreeMap::new() }
    }

    /// What to read now, in order, and the mark if a round is over with this.
    pub(super) fn plan(&mut self, now: Millis, trails: bool) -> (Vec<Span>, Option<i64>) {
        let this = minute(now);
        let before = self.scanned_at.min(now);
        self.scanned_at = now;
        if minute(before) < this - NEAR_MINUTES {
            // This node stood still, or its clock jumped: a round from there.
            self.next = self.next.min(minute(before.saturating_sub(RECENT_MS)));
            self.caught_up = false;
        }
        let mut spans: BTreeMap<i64, Millis> = BTreeMap::new();
        let mut read = |minute: i64, from: Millis| {
            let from = from.max(minute.saturating_mul(BUCKET_MS));
            spans.entry(minute).and_modify(|other| *other = from.min(*other)).or_insert(from);
        };
        let recent = before.saturating_sub(RECENT_MS);
        for at in minute(recent).max(this - NEAR_MINUTES)..=this {
            read(at, recent);
        }
        let left = self.left.range(..=this);
        for (at, first) in left.take(usize::try_from(MINUTES_A_SCAN_MAX).unwrap_or(0)) {
            read(*at, *first);
        }
        if trails {
            for at in this - NEAR_MINUTES..=this {
                read(at, Millis::MIN);
            }
        }
        let step = match (self.caught_up, trails) {
            (false, _) => MINUTES_A_SCAN_MAX,
            (true, true) => ROUND_MINUTES,
            (true, false) => 0,
        };
        let until = self.next.saturating_add(step).min(this);
        for at in self.next..until {
            read(at, Millis::MIN);
        }
        self.next = self.next.max(until);
        let round_is_over = step > 0 && self.next >= this;
        let mark = round_is_over.then(|| {
            self.caught_up = true;
            self.next = minute(now.saturating_sub(LOOK_BACK_MS));
            self.left.first_key_value().map_or(self.next, |(first, _)| self.next.min(*first))
        });
        (spans.into_iter().map(|(minute, from)| Span { minute, from }).collect(), mark)
    }

    /// What was found: when the first row of the span was due.
    pub(super) fn found(&mut self, span: Span, first: Option<Millis>) {
        match first {
            Some(first) => {
                self.left.insert(span.minute, first);
            }
            None => {
                let covered = |first: &Millis| *first >= span.from;
                if self.left.get(&span.minute).is_some_and(covered) {
                    self.left.remove(&span.minute);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_800_000_030_000;
    const THIS: i64 = 30_000_000;

    fn minutes(spans: &[Span]) -> Vec<i64> {
        spans.iter().map(|span| span.minute - THIS).collect()
    }

    fn caught_up() -> Scan {
        let mut scan = Scan::from(None, NOW);
        while scan.plan(NOW, true).1.is_none() {}
        scan
    }

    #[test]
    fn the_last_moments_are_read_each_time() {
        let mut scan = caught_up();
        let (spans, mark) = scan.plan(NOW, false);
        assert_eq!(spans, [Span { minute: THIS, from: NOW - RECENT_MS }]);
        assert_eq!(mark, None);
        let early = NOW - 25_000;
        let (spans, _) = scan.plan(early, false);
        let from = early - RECENT_MS;
        assert_eq!(
            spans,
            [Span { minute: THIS - 1, from }, Span { minute: THIS, from: NOW - 30_000 }]
        );
        let (spans, _) = scan.plan(NOW + BUCKET_MS, false);
        assert_eq!(minutes(&spans), [-1, 0, 1], "from the scan before on");
        assert_eq!(spans[0].from, from);
    }

    #[test]
    fn a_node_that_stood_still_reads_what_it_slept_through() {
        let mut scan = caught_up();
        let hours = 9 * 60;
        let mut read = Vec::new();
        while read.last() != Some(&(hours - 1)) && read.len() < 2_000 {
            let mut spans = minutes(&scan.plan(NOW + hours * BUCKET_MS, false).0);
            spans.retain(|minute| *minute != hours);
            read.extend(spans);
        }
        read.sort_unstable();
        read.dedup();
        assert!((0..hours).all(|minute| read.contains(&minute)));
    }

    #[test]
    fn a_minute_with_rows_left_is_read_from_the_first_of_them() {
        let mut scan = caught_up();
        let at = NOW - 3 * BUCKET_MS;
        let span = Span { minute: THIS - 3, from: at - 5 };
        scan.found(span, Some(at));
        assert!(scan.plan(NOW, false).0.contains(&Span { minute: THIS - 3, from: at }));
        scan.found(Span { minute: THIS - 3, from: at + 1 }, None);
        assert_eq!(minutes(&scan.plan(NOW, false).0), [-3, 0], "it was not looked at");
        scan.found(Span { minute: THIS - 3, from: at }, None);
        assert_eq!(minutes(&scan.plan(NOW, false).0), [0]);
    }

    #[test]
    fn trailing_scans_read_the_last_minutes_whole_and_go_on_with_the_round() {
        let mut scan = caught_up();
        let (spans, _) = scan.plan(NOW, true);
        let round: Vec<i64> = (-360..-352).collect();
        let near: Vec<i64> = (-10..=0).collect();
        assert_eq!(minutes(&spans), [round, near].concat());
        assert!(spans.iter().all(|span| span.from == span.minute * BUCKET_MS));
        assert_eq!(minutes(&scan.plan(NOW, true).0)[0], -352);
    }

    #[test]
    fn after_days_the_first_round_begins_at_the_mark_in_bounded_steps() {
        let days = 3 * 24 * 60;
        let mut scan = Scan::from(Some(THIS - days), NOW);
        let mut read = Vec::new();
        let mark = loop {
            let (spans, mark) = scan.plan(NOW, false);
            assert!(spans.len() <= 122);
            read.extend(minutes(&spans));
            if mark.is_some() {
                break mark;
            }
        };
        read.sort_unstable();
        read.dedup();
        assert_eq!(read, (-days..=0).collect::<Vec<_>>());
        assert_eq!(mark, Some(THIS - 360));
    }

    #[test]
    fn the_mark_stays_before_rows_that_are_left_and_trails_the_clock() {
        let mut scan = Scan::from(Some(THIS - 400), NOW);
        scan.found(Span { minute: THIS - 390, from: 0 }, Some((THIS - 390) * BUCKET_MS));
        let mark = (0..9).find_map(|_| scan.plan(NOW, false).1);
        assert_eq!(mark, Some(THIS - 390));
        // One that a clock far ahead left does not count.
        let ahead = Scan::from(Some(THIS + 999), NOW);
        assert_eq!(ahead, Scan::from(None, NOW));
        let mut scan = caught_up();
        assert_eq!(scan.plan(NOW - 1, false).1, None, "a clock that goes back is no jump");
    }
}

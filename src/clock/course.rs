//! From monotonic time to the time that is shown: never backwards, small corrections slowly.

use protocol::Millis;

/// A clock that is behind by more steps forward; one that is ahead by more crawls.
pub const SLEW_MS_MAX: i64 = 1_000;
/// A small correction takes one part in this many of the time that passes.
const SLEW_PART: i64 = 10;

/// What is shown, as a function of the monotonic clock. A correction makes a new one that begins
/// where the old one stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Course {
    /// Of the monotonic clock.
    since: Millis,
    /// What was shown then.
    shown: Millis,
    /// What was right then, less what was shown.
    behind: Millis,
}

impl Course {
    /// A course that is right.
    pub const fn new(monotonic: Millis, shown: Millis) -> Self {
        Self { since: monotonic, shown, behind: 0 }
    }

    /// What to show. Never less than for an earlier `monotonic`.
    pub fn at(&self, monotonic: Millis) -> Millis {
        let passed = (monotonic - self.since).max(0);
        let corrected = if self.behind >= 0 {
            self.behind.min(passed / SLEW_PART)
        } else if self.behind >= -SLEW_MS_MAX {
            self.behind.max(-(passed / SLEW_PART))
        } else {
            // Far ahead: it goes on at a tenth of its pace, and never stands still for good.
            self.behind.max(passed / SLEW_PART - passed)
        };
        self.shown + passed + corrected
    }

    /// A course to what is right at `monotonic`.
    #[must_use]
    pub fn toward(&self, monotonic: Millis, right: Millis) -> Self {
        let shown = self.at(monotonic);
        let behind = right - shown;
        if behind > SLEW_MS_MAX {
            return Self::new(monotonic, right);
        }
        Self { since: monotonic, shown, behind }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corrections_arrive_and_how() {
        // Behind by, after so long, and then still behind by.
        for (behind, passed, left) in [
            (0, 5_000, 0),
            (1, 10, 0),
            (500, 1_000, 400),
            (500, 5_000, 0),
            (500, 50_000, 0),
            (-500, 1_000, -400),
            (-500, 5_000, 0),
            // A large one forward is a step.
            (1_001, 0, 0),
            (3_600_000, 0, 0),
            // A large one back is a crawl.
            (-30_000, 10_000, -21_000),
            (-30_000, 33_334, 0),
            (-3_600_000, 1_000_000, -2_700_000),
        ] {
            let course = Course::new(100, 1_000_000).toward(100, 1_000_000 + behind);
            let right = 1_000_000 + behind + passed;
            assert_eq!(right - course.at(100 + passed), left, "{behind} after {passed}");
        }
    }

    #[test]
    fn it_never_goes_back_whatever_the_corrections() {
        let mut course = Course::new(0, 1_000_000);
        let mut shown = 1_000_000;
        let wishes = [30_000, -30_000, 3_600_000, -3_600_000, 3, -3, 999, -999, 1_001, -1_001];
        for (round, wish) in (0..1_000).zip(wishes.iter().cycle()) {
            let from = round * 97;
            course = course.toward(from, 1_000_000 + from + wish);
            for monotonic in from..from + 97 {
                let now = course.at(monotonic);
                assert!(now >= shown, "back from {shown} to {now}");
                shown = now;
            }
        }
    }

    #[test]
    fn a_monotonic_clock_that_lies_does_not_turn_it_back() {
        let course = Course::new(1_000, 50).toward(1_000, 40);
        assert_eq!(course.at(0), 50);
    }
}

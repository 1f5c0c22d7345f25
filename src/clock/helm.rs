//! What to make of what the references say: pure, all times are arguments.
//!
//! A reading is one question and its answer; the answer is taken for the middle between the two
//! (Cristian, *Probabilistic clock synchronization*, 1989), so half the round trip bounds the
//! error. Of each reference the median of its last readings counts, and of the references the
//! median of those.

use super::course::Course;
use protocol::Millis;
use std::collections::VecDeque;
use std::fmt;

/// Readings of one reference that are kept. Three of five must agree before a jump of the
/// reference itself is followed.
pub const READINGS_MAX: usize = 5;
/// An answer that took longer says too little about the time.
pub const ROUND_TRIP_MS_MAX: Millis = 2_000;
/// References that differ by more, or a clock that is off by more, are not trusted with
/// deadlines.
pub const DISAGREE_MS_MAX: Millis = 5_000;
/// With nothing heard for longer, a clock is not trusted with deadlines.
pub const SILENCE_MS_MAX: Millis = 60_000;

/// One answer of a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// When it was heard, by the monotonic clock.
    heard: Millis,
    /// What the reference showed, less the monotonic clock.
    offset: Millis,
    /// How far off that may be.
    error: Millis,
}

impl Reading {
    /// From the monotonic times of question and answer, and what the reference showed. None
    /// where the answer took too long.
    pub fn of(asked: Millis, heard: Millis, showed: Millis) -> Option<Self> {
        let round_trip = heard - asked;
        let error = round_trip / 2 + 1;
        (0..=ROUND_TRIP_MS_MAX).contains(&round_trip).then_some(Self {
            heard,
            offset: showed - (asked + round_trip / 2),
            error,
        })
    }
}

/// Why a clock is not to be trusted with deadlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// No reference was heard yet.
    Unheard,
    /// No reference was heard for so long.
    Silent(Millis),
    /// The references differ by so much, and no majority agrees.
    Disagree(Millis),
    /// This clock differs from the references by so much, until it has come round.
    Off(Millis),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unheard => f.write_str("no clock of the store or of Redis was heard yet"),
            Self::Silent(ms) => {
                write!(f, "no clock of the store or of Redis was heard for {} s", ms / 1_000)
            }
            Self::Disagree(ms) => {
                write!(f, "the clocks of the store and of Redis differ by {} s", ms / 1_000)
            }
            Self::Off(ms) => {
                write!(f, "this node's clock is still {} s off", ms / 1_000)
            }
        }
    }
}

/// What the references say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Verdict {
    offset: Millis,
    /// The largest difference between two of them, beyond what their round trips explain.
    spread: Millis,
    /// More than half agree with `offset`.
    agreed: bool,
}

/// Keeps the readings of some references and steers a course by them.
#[derive(Debug)]
pub struct Helm {
    readings: Vec<VecDeque<Reading>>,
    last_heard: Option<Millis>,
}

impl Helm {
    /// For so many references.
    pub fn new(references: usize) -> Self {
        Self { readings: vec![VecDeque::with_capacity(READINGS_MAX); references], last_heard: None }
    }

    /// A reference was heard.
    pub fn heard(&mut self, reference: usize, reading: Reading) {
        let Some(readings) = self.readings.get_mut(reference) else { return };
        if readings.len() == READINGS_MAX {
            readings.pop_front();
        }
        readings.push_back(reading);
        self.last_heard = self.last_heard.max(Some(reading.heard));
    }

    /// Whether any was.
    pub const fn is_heard(&self) -> bool {
        self.last_heard.is_some()
    }

    /// The course from `monotonic` on, and whether it is to be trusted. What references that do
    /// not agree say is followed only at the `first` time, where nothing better is known.
    pub fn steer(
        &mut self,
        monotonic: Millis,
        course: Course,
        first: bool,
    ) -> (Course, Option<Doubt>) {
        for readings in &mut self.readings {
            readings.retain(|reading| monotonic - reading.heard <= SILENCE_MS_MAX);
        }
        let Some(verdict) = self.verdict() else {
            let doubt = self.last_heard.map_or(Doubt::Unheard, |at| Doubt::Silent(monotonic - at));
            return (course, Some(doubt));
        };
        let right = monotonic + verdict.offset;
        if first {
            // Nobody has been shown a time yet.
            let doubt = (!verdict.agreed).then_some(Doubt::Disagree(verdict.spread));
            return (Course::new(monotonic, right), doubt);
        }
        if !verdict.agreed {
            return (course, Some(Doubt::Disagree(verdict.spread)));
        }
        let course = course.toward(monotonic, right);
        let off = (right - course.at(monotonic)).abs();
        (course, (off > DISAGREE_MS_MAX).then_some(Doubt::Off(off)))
    }

    /// The most that two references differ by, as last heard; 0 for fewer than two.
    pub fn spread(&self) -> Millis {
        self.verdict().map_or(0, |verdict| verdict.spread)
    }

    fn verdict(&self) -> Option<Verdict> {
        let mut estimates: Vec<(Millis, Millis)> =
            self.readings.iter().filter_map(median).collect();
        estimates.sort_unstable();
        // The lower of two: a clock that is late ends nothing early.
        let &(offset, error) = estimates.get(estimates.len().checked_sub(1)? / 2)?;
        let agrees = |other: &&(Millis, Millis)| {
            (other.0 - offset).abs() - other.1 - error <= DISAGREE_MS_MAX
        };
        let agreeing = estimates.iter().filter(agrees).count();
        let highest_low = estimates.iter().map(|(offset, error)| offset - error).max()?;
        let lowest_high = estimates.iter().map(|(offset, error)| offset + error).min()?;
        Some(Verdict {
            offset,
            spread: (highest_low - lowest_high).max(0),
            agreed: 2 * agreeing > estimates.len(),
        })
    }
}

/// Of one reference's readings; its nodes may each have a clock of their own.
fn median(readings: &VecDeque<Reading>) -> Option<(Millis, Millis)> {
    let mut sorted: Vec<(Millis, Millis)> =
        readings.iter().map(|reading| (reading.offset, reading.error)).collect();
    sorted.sort_unstable();
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Millis = 3_600_000;
    /// What a right reference shows at monotonic 0.
    const RIGHT: Millis = 1_800_000_000_000;

    #[test]
    fn half_the_round_trip_is_taken_off() {
        let reading = Reading::of(1_000, 1_100, RIGHT + 1_050).unwrap();
        assert_eq!((reading.offset, reading.error), (RIGHT, 51));
        assert!(Reading::of(0, ROUND_TRIP_MS_MAX, RIGHT).is_some());
        assert_eq!(Reading::of(0, ROUND_TRIP_MS_MAX + 1, RIGHT), None);
        assert_eq!(Reading::of(1, 0, RIGHT), None);
    }

    /// Each reference is off by so much at each of its readings, one a second.
    fn helm(references: &[&[Millis]]) -> Helm {
        let mut helm = Helm::new(references.len());
        for (reference, offs) in references.iter().enumerate() {
            for (second, off) in (0..).zip(*offs) {
                let at = second * 1_000;
                helm.heard(reference, Reading::of(at, at, RIGHT + at + off).unwrap());
            }
        }
        helm
    }

    #[test]
    fn what_references_say_together() {
        // Offsets of each reference's readings; the verdict: off by, agreed.
        let cases: &[(&[&[Millis]], Millis, bool)] = &[
            (&[&[0]], 0, true),
            (&[&[7, 7, 7]], 7, true),
            // One node of a store whose clock is an hour off.
            (&[&[0, HOUR, 0, 1, 0]], 0, true),
            (&[&[-HOUR, 0, 3, 0, -HOUR]], 0, true),
            // A reference that jumps is followed once most of its readings say so.
            (&[&[0, 0, 0, HOUR, HOUR]], 0, true),
            (&[&[0, 0, HOUR, HOUR, HOUR]], HOUR, true),
            // Two that agree more or less: the later one is not believed.
            (&[&[0], &[4_000]], 0, true),
            (&[&[5_000], &[0]], 0, true),
            // Two that do not.
            (&[&[0], &[5_003]], 0, false),
            (&[&[0], &[30_000]], 0, false),
            (&[&[0], &[-HOUR]], -HOUR, false),
            // One of three is wrong: the others are right.
            (&[&[0], &[HOUR], &[10]], 10, true),
            (&[&[0], &[-30_000], &[10]], 0, true),
            // All three differ.
            (&[&[0], &[HOUR], &[-HOUR]], 0, false),
            // One was never heard.
            (&[&[0], &[]], 0, true),
        ];
        for (references, off, agreed) in cases {
            let verdict = helm(references).verdict().unwrap();
            let found = (verdict.offset - RIGHT, verdict.agreed);
            assert_eq!(found, (*off, *agreed), "{references:?}");
        }
        assert_eq!(helm(&[&[], &[]]).verdict(), None);
    }

    #[test]
    fn slow_answers_are_no_disagreement() {
        let mut helm = Helm::new(2);
        helm.heard(0, Reading::of(0, 0, RIGHT).unwrap());
        helm.heard(1, Reading::of(0, 2_000, RIGHT + 6_500).unwrap());
        assert!(helm.verdict().unwrap().agreed, "5.5 s apart, of which one may be the way");
    }

    #[test]
    fn a_start_takes_what_is_there() {
        let (course, doubt) = helm(&[&[0]]).steer(0, Course::new(0, 5), true);
        assert_eq!((course.at(10), doubt), (RIGHT + 10, None));
        let (course, doubt) = helm(&[&[0], &[HOUR]]).steer(0, Course::new(0, 5), true);
        assert_eq!(course.at(0), RIGHT);
        assert!(matches!(doubt, Some(Doubt::Disagree(spread)) if spread > HOUR - 10));
        let (course, doubt) = helm(&[&[]]).steer(0, Course::new(0, 5), true);
        assert_eq!((course.at(0), doubt), (5, Some(Doubt::Unheard)));
    }

    #[test]
    fn references_that_part_are_not_followed() {
        let right = Course::new(0, RIGHT);
        let mut parted = helm(&[&[0, 0, 0], &[HOUR, HOUR, HOUR]]);
        let (course, doubt) = parted.steer(3_000, right, false);
        assert_eq!(course, right);
        assert!(matches!(doubt, Some(Doubt::Disagree(_))));
        // And when they are one again, all is well.
        for second in 3..6 {
            let at = second * 1_000;
            parted.heard(1, Reading::of(at, at, RIGHT + at).unwrap());
        }
        assert_eq!(parted.steer(6_000, right, false), (right.toward(6_000, RIGHT + 6_000), None));
    }

    #[test]
    fn silence_is_doubt_after_a_while_only() {
        let mut helm = helm(&[&[0]]);
        let right = Course::new(0, RIGHT);
        assert_eq!(helm.steer(SILENCE_MS_MAX, right, false).1, None);
        let late = SILENCE_MS_MAX + 1;
        assert_eq!(helm.steer(late, right, false), (right, Some(Doubt::Silent(late))));
        assert_eq!(right.at(late), RIGHT + late, "it runs on");
    }

    #[test]
    fn a_clock_that_is_far_ahead_is_in_doubt_until_it_came_round() {
        let ahead = Course::new(0, RIGHT + 30_000);
        let mut helm = helm(&[&[0]]);
        let (course, doubt) = helm.steer(0, ahead, false);
        assert_eq!(doubt, Some(Doubt::Off(30_000)));
        let (course, doubt) = helm.steer(20_000, course, false);
        assert_eq!(doubt, Some(Doubt::Off(12_000)));
        let (_, doubt) = helm.steer(28_000, course, false);
        assert_eq!(doubt, None);
        // Behind: a step, and no doubt.
        let (course, doubt) = helm.steer(0, Course::new(0, RIGHT - HOUR), false);
        assert_eq!((course.at(0), doubt), (RIGHT, None));
    }
}

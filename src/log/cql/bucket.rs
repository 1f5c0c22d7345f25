//! Buckets: a topic's events lie in partitions of equal size, filled one after the other.
//!
//! A bucket is *full* when its last seq is there. No round spans two buckets, so the head of a
//! full one never moves again: full is sealed.

use protocol::Seq;

/// The number of a topic's partition, from 0.
pub(super) type Bucket = i32;

/// How a topic is cut into buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Buckets {
    events: u64,
}

impl Buckets {
    pub(super) fn of_events(events: u32) -> Self {
        Self { events: u64::from(events.max(1)) }
    }

    /// Where an event lies. Seqs begin at 1.
    pub(super) fn of(self, seq: Seq) -> Bucket {
        Bucket::try_from(seq.saturating_sub(1) / self.events).unwrap_or(Bucket::MAX)
    }

    /// Where the event behind `head` is written.
    pub(super) fn of_next(self, head: Seq) -> Bucket {
        self.of(head.saturating_add(1))
    }

    /// The first seq of a bucket.
    pub(super) fn first(self, bucket: Bucket) -> Seq {
        u64::from(bucket.unsigned_abs()).saturating_mul(self.events).saturating_add(1)
    }

    /// The last seq of a bucket.
    pub(super) fn last(self, bucket: Bucket) -> Seq {
        u64::from(bucket.unsigned_abs()).saturating_add(1).saturating_mul(self.events)
    }

    /// How many events fit behind `head` before another bucket begins; never 0.
    pub(super) fn room(self, head: Seq) -> u64 {
        self.events - head % self.events
    }
}

/// What was found in a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing was ever written to it.
    Absent,
    /// It holds the topic's end.
    Open,
    /// All its places are taken.
    Full,
}

/// The search for the bucket that holds a topic's end: from a guess upward in growing steps,
/// then between the last that is there and the first that is not.
#[derive(Debug)]
pub(super) struct Search {
    guess: Bucket,
    /// The last that is known to be full; -1 for none.
    full: Bucket,
    absent: Option<Bucket>,
    step: Bucket,
}

/// What to do next in a [`Search`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Look into this bucket.
    Look(Bucket),
    /// The end is in this one. `None`: the topic has no events.
    End(Option<Bucket>),
}

impl Search {
    /// A search that looks into `guess` first.
    pub(super) fn from(guess: Bucket) -> Self {
        Self { guess: guess.max(0), full: -1, absent: None, step: 1 }
    }

    pub(super) fn next(&self) -> Next {
        match self.absent {
            None if self.full < 0 => Next::Look(self.guess),
            None => Next::Look(self.full.saturating_add(self.step)),
            Some(absent) if absent - self.full > 1 => {
                Next::Look(self.full + (absent - self.full) / 2)
            }
            Some(_) => Next::End((self.full >= 0).then_some(self.full)),
        }
    }

    /// What was found where [`Search::next`] said. `Some`: the end of the search.
    pub(super) fn found(&mut self, bucket: Bucket, found: Found) -> Option<Bucket> {
        match found {
            Found::Open => return Some(bucket),
            Found::Full => {
                if self.full >= 0 {
                    self.step = self.step.saturating_mul(2);
                }
                self.full = self.full.max(bucket);
            }
            Found::Absent => self.absent = Some(bucket),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seqs_lie_in_buckets_of_equal_size() {
        let buckets = Buckets::of_events(4_096);
        for (seq, bucket) in [(1, 0), (4_096, 0), (4_097, 1), (8_192, 1), (8_193, 2)] {
            assert_eq!(buckets.of(seq), bucket, "{seq}");
            assert!((buckets.first(bucket)..=buckets.last(bucket)).contains(&seq));
        }
        for (head, next, room) in
            [(0, 0, 4_096), (1, 0, 4_095), (4_095, 0, 1), (4_096, 1, 4_096), (4_097, 1, 4_095)]
        {
            assert_eq!((buckets.of_next(head), buckets.room(head)), (next, room), "{head}");
        }
        assert_eq!((buckets.first(0), buckets.last(0)), (1, 4_096));
        assert_eq!((buckets.first(2), buckets.last(2)), (8_193, 12_288));
    }

    #[test]
    fn a_bucket_is_never_empty_by_definition() {
        assert_eq!(Buckets::of_events(0), Buckets::of_events(1));
    }

    /// Runs a search over a topic whose end lies in `end`; where it looked.
    fn looks(guess: Bucket, end: Option<Bucket>, end_is_full: bool) -> Vec<Bucket> {
        let mut search = Search::from(guess);
        let mut looked = Vec::new();
        loop {
            match search.next() {
                Next::End(found) => {
                    assert_eq!(found, end);
                    return looked;
                }
                Next::Look(bucket) => {
                    assert!(!looked.contains(&bucket), "{bucket} twice");
                    looked.push(bucket);
                    let found = match end {
                        Some(end) if bucket < end => Found::Full,
                        Some(end) if bucket == end && end_is_full => Found::Full,
                        Some(end) if bucket == end => Found::Open,
                        _ => Found::Absent,
                    };
                    if let Some(bucket) = search.found(bucket, found) {
                        assert_eq!(Some(bucket), end);
                        return looked;
                    }
                }
            }
        }
    }

    #[test]
    fn a_search_gallops_and_goes_back() {
        let cases: [(Bucket, Option<Bucket>, bool, &[Bucket]); 9] = [
            (0, None, false, &[0]),
            (0, Some(0), false, &[0]),
            (0, Some(0), true, &[0, 1]),
            (0, Some(1), false, &[0, 1]),
            (0, Some(6), false, &[0, 1, 3, 7, 5, 6]),
            (0, Some(6), true, &[0, 1, 3, 7, 5, 6]),
            (5, Some(5), false, &[5]),
            (5, Some(6), false, &[5, 6]),
            (5, None, false, &[5, 2, 0]),
        ];
        for (guess, end, full, looked) in cases {
            assert_eq!(looks(guess, end, full), looked, "{guess} {end:?} {full}");
        }
    }

    #[test]
    fn a_search_ends_wherever_the_end_is() {
        for end in 0..70 {
            for guess in 0..70 {
                for full in [false, true] {
                    let looked = looks(guess, Some(end), full);
                    assert!(looked.len() <= 16, "{guess} {end} {looked:?}");
                }
            }
        }
    }
}

//! Counting: comments and replies by the events of the log, each once; likes by shelves.

use protocol::{Seq, UserId};

/// Shelves of one thing's likes.
pub(crate) const SHELVES: u8 = 16;

/// The shelf of one person's like.
pub(crate) fn shelf(user: UserId) -> u8 {
    let [.., last] = user.as_bytes();
    last % SHELVES
}

/// What is counted of a post (its comments) or a comment (its replies that are shown).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) count: u64,
    /// The last event that was counted.
    pub(crate) upto: Seq,
    /// Its words are gone.
    pub(crate) deleted: bool,
    /// The event by which it is not shown any more: deleted, and without replies.
    pub(crate) gone: Option<Seq>,
}

/// What an event means for a tally.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// One more.
    Added,
    /// One less.
    Removed,
    /// The thing itself was deleted.
    Deleted,
}

impl Tally {
    /// The tally after these events, oldest first; `None`: they were counted already.
    pub(crate) fn after(self, turns: &[(Seq, Turn)]) -> Option<Self> {
        let mut tally = self;
        for &(seq, turn) in turns {
            if seq > tally.upto {
                tally = tally.turn(seq, turn);
            }
        }
        (tally != self).then_some(tally)
    }

    fn turn(mut self, seq: Seq, turn: Turn) -> Self {
        self.upto = seq;
        match turn {
            Turn::Added => self.count += 1,
            Turn::Removed => self.count = self.count.saturating_sub(1),
            Turn::Deleted => self.deleted = true,
        }
        if self.deleted && self.count == 0 && self.gone.is_none() {
            self.gone = Some(seq);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn tally(count: u64, upto: Seq, deleted: bool, gone: Option<Seq>) -> Tally {
        Tally { count, upto, deleted, gone }
    }

    #[test]
    fn every_tally_takes_every_turn_once() {
        use Turn::{Added, Deleted, Removed};
        let table = [
            (tally(0, 0, false, None), Added, tally(1, 5, false, None)),
            (tally(0, 0, false, None), Removed, tally(0, 5, false, None)),
            (tally(0, 0, false, None), Deleted, tally(0, 5, true, Some(5))),
            (tally(2, 4, false, None), Added, tally(3, 5, false, None)),
            (tally(2, 4, false, None), Removed, tally(1, 5, false, None)),
            (tally(2, 4, false, None), Deleted, tally(2, 5, true, None)),
            (tally(1, 4, true, None), Added, tally(2, 5, true, None)),
            (tally(1, 4, true, None), Removed, tally(0, 5, true, Some(5))),
            (tally(1, 4, true, None), Deleted, tally(1, 5, true, None)),
            (tally(0, 4, true, Some(4)), Removed, tally(0, 5, true, Some(4))),
        ];
        for (before, turn, after) in table {
            assert_eq!(before.after(&[(5, turn)]), Some(after), "{before:?} {turn:?}");
            assert_eq!(after.after(&[(5, turn)]), None, "counted twice: {before:?} {turn:?}");
            assert_eq!(after.after(&[(3, turn)]), None, "counted late: {before:?} {turn:?}");
        }
    }

    #[test]
    fn several_turns_are_as_one_after_the_other() {
        let turns = [(1, Turn::Added), (2, Turn::Added), (3, Turn::Removed), (4, Turn::Deleted)];
        let mut one_by_one = Tally::default();
        for turn in turns {
            one_by_one = one_by_one.after(&[turn]).unwrap();
            // What is carried in again from the start, by another node, changes nothing.
            assert_eq!(one_by_one.after(&turns[..1]), None);
        }
        assert_eq!(Tally::default().after(&turns), Some(one_by_one));
        assert_eq!(one_by_one, tally(1, 4, true, None));
    }

    #[test]
    fn people_are_spread_over_all_shelves() {
        let shelves = (0..64).map(|n| shelf(UserId(Uuid::from_u128(n))));
        let mut seen: Vec<u8> = shelves.collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, (0..SHELVES).collect::<Vec<_>>());
    }
}

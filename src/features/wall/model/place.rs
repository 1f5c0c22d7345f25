//! Where a page of a wall, or of many, goes on. Newest first: by time, then by group, then by seq,
//! so that all walls together have one order, which a new post does not change.

use protocol::{GroupId, Millis, Seq};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// A place in that order: that of a post which was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) at: Millis,
    pub(crate) group: GroupId,
    pub(crate) seq: Seq,
}

impl Place {
    /// The last time and seq of a group that are before this place: what comes behind it are the
    /// posts whose (time, seq) is smaller.
    pub(crate) fn before(self, group: GroupId) -> (Millis, Seq) {
        match group.cmp(&self.group) {
            Ordering::Equal => (self.at, self.seq),
            Ordering::Less => (self.at.saturating_add(1), 0),
            Ordering::Greater => (self.at, 0),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.at, self.group.0.simple(), self.seq)
    }
}

/// That is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let mut parts = text.split('.');
        let mut part = || parts.next().ok_or(NoPlace);
        let at = part()?.parse().map_err(|_| NoPlace)?;
        let group = Uuid::try_parse(part()?).map_err(|_| NoPlace)?;
        let seq = part()?.parse().map_err(|_| NoPlace)?;
        if seq > i64::MAX.unsigned_abs() || parts.next().is_some() {
            return Err(NoPlace);
        }
        Ok(Self { at, group: GroupId(group), seq })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(n: u128) -> GroupId {
        GroupId(Uuid::from_u128(n))
    }

    #[test]
    fn a_place_reads_as_it_was_written() {
        let place = Place { at: 1_800_000_000_000, group: group(7), seq: 12 };
        assert_eq!(place.to_string().parse(), Ok(place));
        for wrong in ["", "1", "1.2", "a.b.c", "1.00000000000000000000000000000007.-1"] {
            assert_eq!(wrong.parse::<Place>(), Err(NoPlace), "{wrong:?}");
        }
    }

    /// All posts behind a place, by the bounds of each group, are those that are smaller.
    #[test]
    fn bounds_of_groups_cut_the_one_order() {
        let posts: Vec<Place> = (0..3)
            .flat_map(|at| (1..4).map(move |n| (at, n)))
            .flat_map(|(at, n)| (1..3).map(move |seq| Place { at, group: group(n), seq }))
            .collect();
        for place in &posts {
            for post in &posts {
                let behind = (post.at, post.seq) < place.before(post.group);
                assert_eq!(behind, post < place, "{post:?} behind {place:?}");
            }
        }
    }
}

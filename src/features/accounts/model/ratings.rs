//! How the ratings of a coach are summed up, each counted once, whatever comes twice or late. Pure.

/// What somebody thinks of one thing that a coach did, at a revision. No stars: taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) stars: Option<u8>,
    pub(crate) revision: u64,
}

/// All that was ever given and taken back. Each only rises, so the newest of two copies is known
/// by its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Total {
    pub(crate) given: u64,
    pub(crate) taken: u64,
    pub(crate) stars_given: u64,
    pub(crate) stars_taken: u64,
}

impl Total {
    /// The total with a share in its newest form; `None` if that was counted already.
    pub(crate) fn with(self, known: Option<Share>, new: Share) -> Option<Self> {
        if known.is_some_and(|known| known.revision >= new.revision) {
            return None;
        }
        let mut total = self;
        if let Some(stars) = known.and_then(|known| known.stars) {
            total.taken += 1;
            total.stars_taken += u64::from(stars);
        }
        if let Some(stars) = new.stars {
            total.given += 1;
            total.stars_given += u64::from(stars);
        }
        Some(total)
    }

    /// How many ratings hold.
    pub(crate) fn count(self) -> u64 {
        self.given.saturating_sub(self.taken)
    }

    /// Their stars.
    pub(crate) fn stars(self) -> u64 {
        self.stars_given.saturating_sub(self.stars_taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// Revisions of several ratings come in any order, some twice.
        #[test]
        fn the_total_is_that_of_the_newest_revisions(
            came in prop::collection::vec((0_u8..6, 1_u64..6, prop::option::of(1_u8..=5)), 0..60)
        ) {
            // A revision says the same each time.
            let mut said = BTreeMap::new();
            let mut known: BTreeMap<u8, Share> = BTreeMap::new();
            let mut total = Total::default();
            for (of, revision, stars) in came {
                let stars = *said.entry((of, revision)).or_insert(stars);
                let new = Share { stars, revision };
                if let Some(next) = total.with(known.get(&of).copied(), new) {
                    total = next;
                    known.insert(of, new);
                }
                let newest = said.iter().map(|((of, revision), _)| (*of, *revision));
                let newest: BTreeMap<u8, u64> = newest.collect();
                let held: Vec<u8> =
                    newest.iter().filter_map(|(of, revision)| said[&(*of, *revision)]).collect();
                prop_assert_eq!(total.count(), held.len() as u64);
                prop_assert_eq!(total.stars(), held.iter().map(|stars| u64::from(*stars)).sum::<u64>());
            }
        }
    }
}

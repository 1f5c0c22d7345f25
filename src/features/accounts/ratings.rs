//! What people think of a coach: how many ratings there are, and their average.
//!
//! Other features own the ratings themselves, of support requests and of bookings, and tell of
//! each here, as often as they like: a revision is counted once. Exact, since each shelf of a
//! coach's ratings is summed up in the commit that counts one.

use super::model::ratings::Share;
use super::{Accounts, rows};
use crate::error::Result;
use crate::store::Change;
use futures_util::future::try_join_all;
use protocol::UserId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Partitions over which the ratings of one coach are spread, so that none grows large.
const SHELVES: u8 = 16;

/// A rating of something a coach did, as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rated {
    pub(crate) coach: UserId,
    /// The support request or the booking.
    pub(crate) of: Uuid,
    /// 1–5; `None`: it is not this coach's any more.
    pub(crate) stars: Option<u8>,
    /// Rises with each change of this rating.
    pub(crate) revision: u64,
}

/// What people think of a coach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoachRating {
    /// How many ratings.
    pub count: u64,
    /// The sum of their stars.
    pub stars: u64,
}

impl CoachRating {
    /// The average, 1–5, in hundredths; `None` where nobody rated yet.
    pub fn average_hundredths(self) -> Option<u64> {
        (self.stars * 100 + self.count / 2).checked_div(self.count)
    }
}

impl Accounts {
    /// What people think of each of these coaches, in their order: ratings of support requests and
    /// of bookings together.
    pub async fn coach_ratings(&self, coaches: &[UserId]) -> Result<Vec<CoachRating>> {
        let of = async |coach: &UserId| {
            let total = rows::ratings::all_ratings(&self.store, *coach).await?;
            Ok(CoachRating { count: total.count(), stars: total.stars() })
        };
        try_join_all(coaches.iter().map(of)).await
    }

    /// Counts a rating, or its change. May be told again, and late.
    pub(crate) async fn count_rating(&self, rated: &Rated) -> Result<()> {
        let shelf = i64::from(rated.of.as_bytes().last().map_or(0, |byte| byte % SHELVES));
        let new = Share { stars: rated.stars, revision: rated.revision };
        let total = self
            .store
            .decide(rows::ratings::tallies(rated.coach, shelf), |snapshot| {
                let (total, known) = rows::ratings::tally(snapshot, rated.of)?;
                let mut change = Change::new();
                let Some(next) = total.with(known, new) else { return Ok((change, total)) };
                rows::ratings::write_tally(&mut change, rated.of, new, next);
                Ok((change, next))
            })
            .await?;
        // Should this fail, the caller comes again, and finds it counted.
        self.store.raise(vec![rows::ratings::ratings(rated.coach, shelf, total)]).await
    }
}

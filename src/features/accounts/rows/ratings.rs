//! Rows of `schema/accounts.cql` about the ratings of coaches.

use crate::error::Result;
use crate::features::accounts::model::ratings::{Share, Total};
use crate::store::{
    Change, LIST_ROWS_MAX, Maximum, Partition, PlainRecord as _, Range, Snapshot, Store, Value,
    VersionedRecord as _, record,
};
use protocol::UserId;
use uuid::Uuid;

record! {
    /// All ratings of a coach on this shelf, summed up.
    struct TotalRow in "coach_tallies", kind "total", item item: Uuid {
        given: u64,
        taken: u64,
        stars_given: u64,
        stars_taken: u64,
    }
}

record! {
    /// One rating; the item is what was rated.
    struct ShareRow in "coach_tallies", kind "share", item of: Uuid {
        stars: Option<u32>,
        revision: u64,
    }
}

record! {
    /// See the schema.
    struct RatingsRow in "coach_ratings" {
        coach_id: UserId,
        shelf: i64,
        given: Option<u64>,
        taken: Option<u64>,
        stars_given: Option<u64>,
        stars_taken: Option<u64>,
    }
}

/// The part of a coach's ratings to which one belongs.
pub(in crate::features::accounts) fn tallies(coach: UserId, shelf: i64) -> Partition {
    Partition::new(TotalRow::TABLE, [Value::Uuid(coach.0), Value::Int(shelf)])
}

/// The total, and what is known of one rating.
pub(in crate::features::accounts) fn tally(
    snapshot: &Snapshot,
    of: Uuid,
) -> Result<(Total, Option<Share>)> {
    let total = snapshot.one::<TotalRow>()?.map_or(Total::default(), |row| Total {
        given: row.given,
        taken: row.taken,
        stars_given: row.stars_given,
        stars_taken: row.stars_taken,
    });
    let share = snapshot.all::<ShareRow>()?.into_iter().find(|row| row.of == of);
    let share = share.map(|row| Share {
        stars: row.stars.and_then(|stars| u8::try_from(stars).ok()),
        revision: row.revision,
    });
    Ok((total, share))
}

pub(in crate::features::accounts) fn write_tally(
    change: &mut Change,
    of: Uuid,
    share: Share,
    total: Total,
) {
    let Total { given, taken, stars_given, stars_taken } = total;
    change.write(TotalRow { item: Uuid::nil(), given, taken, stars_given, stars_taken });
    let stars = share.stars.map(u32::from);
    change.write(ShareRow { of, stars, revision: share.revision });
}

/// The total of a shelf for those who only read.
pub(in crate::features::accounts) fn ratings(coach: UserId, shelf: i64, total: Total) -> Maximum {
    let int = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    Maximum {
        table: RatingsRow::TABLE,
        key: vec![Value::Uuid(coach.0), Value::Int(shelf)],
        columns: vec![
            ("given", int(total.given)),
            ("taken", int(total.taken)),
            ("stars_given", int(total.stars_given)),
            ("stars_taken", int(total.stars_taken)),
        ],
    }
}

/// All ratings of a coach.
pub(in crate::features::accounts) async fn all_ratings(
    store: &Store,
    coach: UserId,
) -> Result<Total> {
    let range = Range {
        partition: vec![Value::Uuid(coach.0)],
        after: None,
        descending: false,
        limit: LIST_ROWS_MAX,
    };
    let mut all = Total::default();
    for row in store.list::<RatingsRow>(range).await? {
        all.given += row.given.unwrap_or(0);
        all.taken += row.taken.unwrap_or(0);
        all.stars_given += row.stars_given.unwrap_or(0);
        all.stars_taken += row.stars_taken.unwrap_or(0);
    }
    Ok(all)
}

//! Rows of `schema/bookings.cql` about reviews and calendars' secrets.

use super::{Place, keys, newest_first};
use crate::error::{Result, internal};
use crate::features::bookings::model::review::Review;
use crate::store::{Change, Partition, Snapshot, Store, Value, VersionedRecord as _, record};
use protocol::people::Person;
use protocol::{BookingId, Millis, UserId};
use uuid::Uuid;

record! {
    /// See the schema.
    struct ReviewRow in "booking_reviews", kind "review", item item: Uuid {
        coach_id: UserId,
        author_id: UserId,
        author_name: String,
        stars: u32,
        words: Option<String>,
        created_at: i64,
        edited_at: Option<i64>,
        response: Option<String>,
        responded_at: Option<i64>,
        revision: u64,
    }
}

record! {
    /// See the schema.
    struct ReviewedRow in "reviews_of_coach" {
        coach_id: UserId,
        created_at: i64,
        booking_id: BookingId,
    }
}

record! {
    /// The hash of a calendar's secret.
    pub(in crate::features::bookings) struct FeedRow in "booking_feeds", kind "feed", item item: Uuid {
        hash: Vec<u8>,
        created_at: i64,
    }
}

pub(in crate::features::bookings) fn review_partition(id: BookingId) -> Partition {
    Partition::new(ReviewRow::TABLE, [Value::Uuid(id.0)])
}

pub(in crate::features::bookings) fn feed_partition(user: UserId) -> Partition {
    Partition::new(FeedRow::TABLE, [Value::Uuid(user.0)])
}

/// A review, whose coach and author it is of.
pub(in crate::features::bookings) struct Reviewed {
    pub(in crate::features::bookings) coach: UserId,
    pub(in crate::features::bookings) author: Person,
    pub(in crate::features::bookings) review: Review,
}

pub(in crate::features::bookings) fn review(snapshot: &Snapshot) -> Result<Option<Reviewed>> {
    let Some(row) = snapshot.one::<ReviewRow>()? else { return Ok(None) };
    Ok(Some(Reviewed {
        coach: row.coach_id,
        author: Person { id: row.author_id, name: row.author_name },
        review: Review {
            rating: u8::try_from(row.stars).map_err(|error| internal(&error))?,
            text: row.words,
            created_at: row.created_at,
            edited_at: row.edited_at,
            response: row.response,
            responded_at: row.responded_at,
            revision: row.revision,
        },
    }))
}

pub(in crate::features::bookings) fn write_review(change: &mut Change, reviewed: &Reviewed) {
    let Reviewed { coach, author, review } = reviewed;
    change.write(ReviewRow {
        item: Uuid::nil(),
        coach_id: *coach,
        author_id: author.id,
        author_name: author.name.clone(),
        stars: u32::from(review.rating),
        words: review.text.clone(),
        created_at: review.created_at,
        edited_at: review.edited_at,
        response: review.response.clone(),
        responded_at: review.responded_at,
        revision: review.revision,
    });
}

pub(in crate::features::bookings) async fn list_review(
    store: &Store,
    coach_id: UserId,
    created_at: Millis,
    booking_id: BookingId,
) -> Result<()> {
    store.put(vec![ReviewedRow { coach_id, created_at, booking_id }]).await
}

pub(in crate::features::bookings) async fn reviews(
    store: &Store,
    coach: UserId,
    after: Option<Place>,
    limit: u32,
) -> Result<Vec<Place>> {
    let rows = store.list::<ReviewedRow>(newest_first(coach, after, limit)).await?;
    Ok(rows.into_iter().map(|row| (row.created_at, row.booking_id)).collect())
}

/// Takes reviews off a coach's list.
pub(in crate::features::bookings) async fn unlist_reviews(
    store: &Store,
    coach: UserId,
    places: &[Place],
) -> Result<()> {
    store.remove::<ReviewedRow>(keys(coach, places)).await
}

//! Rows of `schema/support.cql` about what is kept beside a request: notes and ratings.

use crate::error::Result;
use crate::features::support::model::rating::Rating;
use crate::store::{Partition, Snapshot, Value, VersionedRecord as _, record};
use protocol::{NoteId, RequestId, UserId};
use uuid::Uuid;

record! {
    /// A coach's private note about a member, sealed.
    pub(in crate::features::support) struct NoteRow in "support_notes", kind "note", item id: NoteId {
        request_id: RequestId,
        sealed: Vec<u8>,
        written_at: i64,
    }
}

record! {
    /// A request's rating.
    struct RatingRow in "support_ratings", kind "rating", item item: Uuid {
        coach_id: UserId,
        stars: u32,
        words: Option<String>,
        rated_at: i64,
        edited_at: Option<i64>,
        revision: u64,
    }
}

/// What one coach noted about one member.
pub(in crate::features::support) fn notes(coach: UserId, member: UserId) -> Partition {
    Partition::new(NoteRow::TABLE, [Value::Uuid(coach.0), Value::Uuid(member.0)])
}

/// A request's rating.
pub(in crate::features::support) fn rating_of(request: RequestId) -> Partition {
    Partition::new(RatingRow::TABLE, [Value::Uuid(request.0)])
}

pub(in crate::features::support) fn rating(snapshot: &Snapshot) -> Result<Option<Rating>> {
    Ok(snapshot.one::<RatingRow>()?.map(|row| Rating {
        coach: row.coach_id,
        stars: u8::try_from(row.stars).unwrap_or(u8::MAX),
        text: row.words,
        rated_at: row.rated_at,
        edited_at: row.edited_at,
        revision: row.revision,
    }))
}

pub(in crate::features::support) fn write_rating(change: &mut crate::store::Change, of: &Rating) {
    change.write(RatingRow {
        item: Uuid::nil(),
        coach_id: of.coach,
        stars: u32::from(of.stars),
        words: of.text.clone(),
        rated_at: of.rated_at,
        edited_at: of.edited_at,
        revision: of.revision,
    });
}

//! The rules of reviews: one for each booking that took place, by its client; a week to change it;
//! one response. Pure.

use protocol::Millis;
use protocol::limits::REVIEW_EDIT_MS;

/// What a client thinks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Review {
    pub(crate) rating: u8,
    pub(crate) text: Option<String>,
    pub(crate) created_at: Millis,
    pub(crate) edited_at: Option<Millis>,
    pub(crate) response: Option<String>,
    pub(crate) responded_at: Option<Millis>,
    /// Rises with each change of the stars.
    pub(crate) revision: u64,
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReviewRefusal {
    #[error("the session did not take place, or not yet")]
    NotCompleted,
    #[error("the week for changes is over")]
    TooLate,
    #[error("there is no review")]
    NoReview,
    #[error("the coach responded already")]
    Responded,
}

/// Writes a review, or changes it; `None` where nothing changes.
pub(crate) fn write(
    known: Option<&Review>,
    is_completed: bool,
    rating: u8,
    text: Option<&str>,
    now: Millis,
) -> Result<Option<Review>, ReviewRefusal> {
    let text = text.map(str::to_owned);
    let Some(known) = known else {
        if !is_completed {
            return Err(ReviewRefusal::NotCompleted);
        }
        return Ok(Some(Review {
            rating,
            text,
            created_at: now,
            edited_at: None,
            response: None,
            responded_at: None,
            revision: 1,
        }));
    };
    if known.rating == rating && known.text == text {
        return Ok(None);
    }
    if now >= known.created_at.saturating_add(REVIEW_EDIT_MS) {
        return Err(ReviewRefusal::TooLate);
    }
    let revision = known.revision + 1;
    Ok(Some(Review { rating, text, edited_at: Some(now), revision, ..known.clone() }))
}

/// The coach's response; `None` where it was given before, in the same words.
pub(crate) fn respond(
    known: Option<&Review>,
    text: &str,
    now: Millis,
) -> Result<Option<Review>, ReviewRefusal> {
    let known = known.ok_or(ReviewRefusal::NoReview)?;
    match &known.response {
        Some(said) if said == text => Ok(None),
        Some(_) => Err(ReviewRefusal::Responded),
        None => Ok(Some(Review {
            response: Some(text.to_owned()),
            responded_at: Some(now),
            revision: known.revision + 1,
            ..known.clone()
        })),
    }
}

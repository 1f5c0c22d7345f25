//! `/v1/bookings/{id}/review` and `/v1/coaches/{id}/reviews`: what clients think of a session.
//!
//! A review is a partition of its own; that its coach hears of it, and that it counts in the
//! coach's average, follow from its commit. Revisions make both happen once.

use super::doors::next;
use super::model::State;
use super::model::review::{self, Review, ReviewRefusal};
use super::rows::reviews::{self as rows, Reviewed};
use super::{Bookings, offers, view};
use crate::auth::Caller;
use crate::error::Result;
use crate::features::accounts::Rated;
use crate::limits;
use crate::store::Change;
use crate::words::accounts::DELETED_MEMBER;
use crate::words::bookings as words;
use protocol::bookings::{
    self as wire, Respond, ReviewAnswered, ReviewResult, Reviews, WriteReview,
};
use protocol::limits::{RATING_STARS_MAX, REVIEW_CHARS_MAX};
use protocol::people::Person;
use protocol::{BookingId, Error, Topic, UserId};
use serde::Deserialize;

/// A review counts in its coach's average. Body: [`Rated`].
pub(crate) const RATED: &str = "booking.rated";

/// A page of reviews.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct List {
    after: Option<String>,
    limit: Option<u32>,
}

impl Bookings {
    /// `PUT /v1/bookings/{id}/review`
    pub(super) async fn review(
        &self,
        caller: &Caller,
        id: BookingId,
        write: WriteReview,
    ) -> Result<ReviewResult> {
        let (booking, _) = self.side_of(caller, id).await?;
        Self::as_client(caller, &booking)?;
        if !(1..=RATING_STARS_MAX).contains(&write.rating) {
            return Err(Error::invalid("rating", words::STARS));
        }
        let text = offers::text("text", write.text, REVIEW_CHARS_MAX)?;
        let is_completed = booking.state == State::Completed;
        let now = self.clock.now();
        let (coach, author) = (booking.coach.id, booking.client);
        if is_completed {
            // Before the review is there; a row alone means nothing.
            let known = self.find_review(id).await?;
            let created_at = known.map_or(now, |known| known.review.created_at);
            rows::list_review(&self.store, coach, created_at, id).await?;
        }
        let reviewed = self
            .store
            .decide(rows::review_partition(id), |snapshot| {
                let known = rows::review(snapshot)?;
                let before = known.as_ref().map(|known| &known.review);
                let changed =
                    review::write(before, is_completed, write.rating, text.as_deref(), now)?;
                let mut change = Change::new();
                let reviewed = match changed {
                    None => known,
                    Some(review) => {
                        let reviewed = Reviewed { coach, author: author.clone(), review };
                        rows::write_review(&mut change, &reviewed);
                        change.effect(RATED, &rated(id, &reviewed));
                        let review = view::review(id, &reviewed);
                        change.event(Topic::User(coach), wire::Reviewed { review });
                        Some(reviewed)
                    }
                };
                Ok((change, reviewed))
            })
            .await?;
        let reviewed = reviewed.ok_or(ReviewRefusal::NoReview)?;
        // Somebody was at it at the same moment, and their time is the review's.
        rows::list_review(&self.store, coach, reviewed.review.created_at, id).await?;
        Ok(ReviewResult { review: view::review(id, &reviewed) })
    }

    /// `GET /v1/bookings/{id}/review`
    pub(super) async fn review_of(&self, caller: &Caller, id: BookingId) -> Result<ReviewResult> {
        self.side_of(caller, id).await?;
        let reviewed = self.find_review(id).await?.ok_or(ReviewRefusal::NoReview)?;
        Ok(ReviewResult { review: view::review(id, &reviewed) })
    }

    pub(super) async fn find_review(&self, id: BookingId) -> Result<Option<Reviewed>> {
        rows::review(&self.store.load(rows::review_partition(id)).await?)
    }

    /// `POST /v1/coaches/{id}/reviews/{review_id}/response`
    pub(super) async fn respond(
        &self,
        caller: &Caller,
        coach: UserId,
        id: BookingId,
        respond: Respond,
    ) -> Result<ReviewResult> {
        Self::as_that_coach(caller, coach)?;
        let text = offers::text("text", Some(respond.text), REVIEW_CHARS_MAX)?;
        let text = text.ok_or_else(|| Error::invalid("text", words::LENGTH))?;
        let now = self.clock.now();
        let reviewed = self
            .store
            .decide(rows::review_partition(id), |snapshot| {
                let known = rows::review(snapshot)?.filter(|known| known.coach == coach);
                let before = known.as_ref().map(|known| &known.review);
                let changed = review::respond(before, &text, now)?;
                let known = known.ok_or(ReviewRefusal::NoReview)?;
                let mut change = Change::new();
                let Some(review) = changed else { return Ok((change, known)) };
                let reviewed = Reviewed { review, ..known };
                rows::write_review(&mut change, &reviewed);
                let review = view::review(id, &reviewed);
                change.event(Topic::User(reviewed.author.id), ReviewAnswered { review });
                Ok((change, reviewed))
            })
            .await?;
        Ok(ReviewResult { review: view::review(id, &reviewed) })
    }

    /// `GET /v1/coaches/{id}/reviews`
    pub(super) async fn reviews(
        &self,
        caller: &Caller,
        coach: UserId,
        list: List,
    ) -> Result<Reviews> {
        self.bookable(caller, coach).await?;
        let limit = limits::page(list.limit)?;
        let after = limits::place_in_time(list.after.as_deref())?;
        let places = rows::reviews(&self.store, coach, after, limit).await?;
        let mut items = Vec::new();
        for &(created_at, id) in &places {
            let found = self.find_review(id).await?;
            // A second try to write it left a row of its own.
            let found = found.filter(|of| of.review.created_at == created_at);
            items.extend(found.map(|reviewed| view::review(id, &reviewed)));
        }
        let is_full = places.len() == limit as usize;
        let next = places.last().filter(|_| is_full).map(|place| next(*place));
        Ok(Reviews { items, next })
    }

    pub(crate) async fn carry_rated(&self, rated: &Rated) -> Result<()> {
        self.accounts.count_rating(rated).await
    }

    /// Who wrote a review is gone: it stays, without the name.
    pub(super) async fn forget_author(&self, id: BookingId, author: UserId) -> Result<()> {
        self.store
            .decide(rows::review_partition(id), |snapshot| {
                let mut change = Change::new();
                let known = rows::review(snapshot)?.filter(|known| known.author.id == author);
                if let Some(known) = known.filter(|known| known.author.name != DELETED_MEMBER) {
                    let author = Person { id: author, name: DELETED_MEMBER.to_owned() };
                    rows::write_review(&mut change, &Reviewed { author, ..known });
                }
                Ok((change, ()))
            })
            .await
    }
}

fn rated(id: BookingId, reviewed: &Reviewed) -> Rated {
    let Review { rating, revision, .. } = reviewed.review;
    Rated { coach: reviewed.coach, of: id.0, stars: Some(rating), revision }
}

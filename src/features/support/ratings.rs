//! `support.rate`: what a member thinks of how a request was answered.
//!
//! The rating is a partition of its own; that its coach hears of it, and that it counts in the
//! coach's average, follow from its commit. Revisions make both happen once.

use super::Support;
use super::commands::text;
use super::model::rating::{self, Changed, RatingRefusal, Stands};
use super::model::{Desk, Refusal};
use super::rows::{self, RouteRow, after};
use crate::auth::Caller;
use crate::error::{Result, conflict};
use crate::features::accounts::Rated;
use crate::features::conversations::Conversations;
use crate::store::Change;
use crate::words;
use protocol::limits::{RATING_CHARS_MAX, RATING_STARS_MAX};
use protocol::support::{self, Rate, RatingResult};
use protocol::{Error, RequestId, Topic};

/// A rating counts in its coach's average. Body: [`Rated`].
pub(crate) const RATED: &str = "support.rated";

impl Support {
    /// `support.rate`
    pub async fn rate(&self, caller: &Caller, rate: Rate) -> Result<RatingResult> {
        if !(1..=RATING_STARS_MAX).contains(&rate.stars) {
            return Err(Error::invalid("stars", words::ratings::STARS));
        }
        text("text", rate.text.as_deref().unwrap_or_default(), 0, RATING_CHARS_MAX)?;
        let words = rate.text.as_deref().filter(|text| !text.trim().is_empty());
        let route = rows::route(&self.store, rate.request_id).await?;
        let route = route.filter(|route| route.member_id == caller.user_id);
        let stands = self.stands(&route.ok_or(Refusal::NoSuchRequest)?).await?;
        let now = self.clock.now();
        let rated = self
            .store
            .decide(after::rating_of(rate.request_id), |snapshot| {
                let known = after::rating(snapshot)?;
                let decided = rating::rate(known.as_ref(), stands, rate.stars, words, now);
                let changed = decided.map_err(refusal)?;
                let change = changed.as_ref().map(|changed| change(rate.request_id, changed));
                let rating = changed.map(|changed| changed.rating).or(known);
                Ok((change.unwrap_or_default(), rating))
            })
            .await?;
        let rating = rated.ok_or(Refusal::NoSuchRequest)?;
        Ok(RatingResult { rating: rating.wire() })
    }

    /// What members thought of these requests, in their order.
    pub(super) async fn ratings(
        &self,
        requests: &[RequestId],
    ) -> Result<Vec<Option<support::Rating>>> {
        let of = async |request: &RequestId| {
            let snapshot = self.store.load(after::rating_of(*request)).await?;
            Ok(after::rating(&snapshot)?.map(|rating| rating.wire()))
        };
        futures_util::future::try_join_all(requests.iter().map(of)).await
    }

    pub(crate) async fn carry_rated(&self, rated: &Rated) -> Result<()> {
        self.accounts.count_rating(rated).await
    }

    /// Whether a request is over, and who answered it the last time.
    async fn stands(&self, route: &RouteRow) -> Result<Stands> {
        let id = route.request_id;
        let look = move |desk: &Desk| {
            let request = desk.request(id)?;
            let coach = request.coach.as_ref().map(|coach| coach.id);
            Some(if request.state.is_open() { Stands::Open } else { Stands::Ended(coach) })
        };
        let there = self.newest(route.desk_id, look, |stands| stands != Some(Stands::Open)).await?;
        if let Some(stands) = there {
            return Ok(stands);
        }
        let ended = self.ended(route.member_id, id, 0).await?;
        Ok(ended.map_or(Stands::Open, |request| Stands::Ended(request.coach.map(|coach| coach.id))))
    }
}

fn change(request: RequestId, changed: &Changed) -> Change {
    let Changed { rating, taken_from } = changed;
    let mut change = Change::new();
    after::write_rating(&mut change, rating);
    let rated = |coach, stars| Rated { coach, of: request.0, stars, revision: rating.revision };
    if let Some(coach) = taken_from {
        change.effect(RATED, &rated(*coach, None));
    }
    change.effect(RATED, &rated(rating.coach, Some(rating.stars)));
    let event = support::Rated {
        request_id: request,
        conversation_id: Conversations::support_id(request),
        rating: rating.wire(),
    };
    change.event(Topic::User(rating.coach), event);
    change
}

fn refusal(refusal: RatingRefusal) -> Error {
    conflict(match refusal {
        RatingRefusal::NotOver => words::ratings::NOT_OVER,
        RatingRefusal::NobodyAnswered => words::ratings::NOBODY_ANSWERED,
        RatingRefusal::TooLate => words::ratings::TOO_LATE,
    })
}

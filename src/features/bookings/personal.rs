//! What bookings hold of a person: their sessions with what they noted, their reviews, and what a
//! coach offers. Who is forgotten leaves what is still ahead as anybody would; what was stays with
//! the other side, without the name.

use super::model::Booking;
use super::rows::{self, Place, reviews, schedules};
use super::{Bookings, offers, view};
use crate::error::Result;
use crate::features::accounts::{Personal, Section};
use crate::store::{Change, LIST_ROWS_MAX};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use protocol::UserId;
use serde_json::{Value, json};

/// Bookings of one person that end at the same time.
const ENDS_AT_ONCE: usize = 8;

impl Personal for Bookings {
    fn name(&self) -> &'static str {
        "bookings"
    }

    fn sections(&self, user_id: UserId) -> BoxFuture<'_, Result<Vec<Section>>> {
        async move {
            Ok(vec![
                Section { name: "bookings", data: Value::Array(self.all_of(user_id).await?) },
                Section { name: "offers", data: self.offers_of(user_id).await? },
            ])
        }
        .boxed()
    }

    fn erase(&self, user_id: UserId) -> BoxFuture<'_, Result<()>> {
        async move {
            self.close_feed(user_id).await?;
            self.store
                .decide(schedules::schedule_partition(user_id), |snapshot| {
                    let mut change = Change::new();
                    schedules::clear_schedule(&mut change, snapshot)?;
                    Ok((change, ()))
                })
                .await?;
            loop {
                let places = rows::own(&self.store, user_id, None, LIST_ROWS_MAX).await?;
                if places.is_empty() {
                    break;
                }
                stream::iter(places.clone())
                    .map(|(_, id)| async move {
                        self.vanish(id, user_id).await?;
                        self.forget_author(id, user_id).await
                    })
                    .buffer_unordered(ENDS_AT_ONCE)
                    .try_collect::<()>()
                    .await?;
                rows::unlist(&self.store, user_id, &places).await?;
            }
            loop {
                let places = reviews::reviews(&self.store, user_id, None, LIST_ROWS_MAX).await?;
                if places.is_empty() {
                    return Ok(());
                }
                reviews::unlist_reviews(&self.store, user_id, &places).await?;
            }
        }
        .boxed()
    }
}

impl Bookings {
    async fn all_of(&self, user: UserId) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut after: Option<Place> = None;
        loop {
            let places = rows::own(&self.store, user, after, LIST_ROWS_MAX).await?;
            for &(created_at, id) in &places {
                let booking = self.find(id).await?;
                let booking = booking.filter(|booking: &Booking| booking.created_at == created_at);
                let Some(seen) = booking.as_ref().and_then(|it| view::booking(it, user)) else {
                    continue;
                };
                let review = self.find_review(id).await?.map(|of| view::review(id, &of));
                // What the other side wrote is theirs.
                let said = review.map(|mut review| {
                    if review.author.id == user {
                        (review.response, review.responded_at) = (None, None);
                        json!({ "review": review })
                    } else {
                        json!({ "response": review.response })
                    }
                });
                all.push(json!({
                    "booking": seen,
                    "notes": self.notes_of(user, id).await?,
                    "said": said,
                }));
            }
            if places.len() < LIST_ROWS_MAX as usize {
                return Ok(all);
            }
            after = places.last().copied();
        }
    }

    /// Services and availability of a coach.
    async fn offers_of(&self, user: UserId) -> Result<Value> {
        let snapshot = self.store.load(schedules::schedule_partition(user)).await?;
        let services = schedules::services(&snapshot)?;
        let services: Vec<_> = services.iter().map(|it| view::service(it, user)).collect();
        let availability = schedules::schedule(&snapshot)?;
        Ok(json!({
            "services": services,
            "availability": availability.as_ref().map(offers::said),
        }))
    }
}

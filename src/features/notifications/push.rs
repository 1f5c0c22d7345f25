//! When pushes go out: what is owed is looked at again at the time it is due, and what is to go
//! becomes a delivery to each device, set before the commit that says so.

use super::deliver::{self, Parcel};
use super::model::{Plan, Push};
use super::{Decided, Notifications, rows};
use crate::error::Result;
use crate::timers::Timer;
use protocol::{EndpointId, Millis, UserId};
use uuid::Uuid;

/// A person's pushes are looked at. Subject: the person's id.
pub const PUSH_TIMER: &str = "notification.push";

/// The look at somebody's pushes.
pub(super) fn timer(user: UserId, due_at: Millis) -> Timer {
    Timer { due_at, kind: PUSH_TIMER.to_owned(), subject: user.as_bytes().to_vec() }
}

impl Notifications {
    /// Somebody who was taken to look, and was perhaps not there, is pushed what happened since
    /// then, if they are still away by the time it is due.
    pub(crate) async fn owe_again(&self, user: UserId, since: Millis) -> Result<()> {
        if rows::endpoints(&self.store, user).await?.is_empty() {
            return Ok(());
        }
        self.change(user, |shelf| {
            shelf.owe_again(since, self.clock.now());
            Ok(((), Decided::default()))
        })
        .await
    }

    /// Fires [`PUSH_TIMER`].
    pub(crate) async fn push_due(&self, subject: &[u8]) -> Result<()> {
        let Ok(user) = Uuid::from_slice(subject).map(UserId) else { return Ok(()) };
        let choices = rows::choices(&self.store, user).await?;
        let endpoints = rows::endpoints(&self.store, user).await?;
        let endpoints: Vec<EndpointId> = endpoints.iter().map(|row| row.endpoint_id).collect();
        let attention = self.attention(user).await;
        let shelf = rows::shelf(&self.store.load(rows::partition(user)).await?)?;
        let owed = shelf.notices.iter().filter(|notice| notice.push_at.is_some());
        let refused = self.refused(user, owed).await?;
        self.change(user, |shelf| {
            let now = self.clock.now();
            let plan = shelf.push(&choices, attention, &refused, now);
            let timers = deliveries(user, &endpoints, &plan, now);
            Ok(((), Decided { timers, mail: None }))
        })
        .await
    }
}

/// Each push to each device. They hold only once the commit does: see [`Parcel`].
fn deliveries(user: UserId, endpoints: &[EndpointId], plan: &Plan, now: Millis) -> Vec<Timer> {
    let to_all = |&push: &Push| {
        let parcel = move |&endpoint_id: &EndpointId| Parcel {
            user_id: user,
            endpoint_id,
            push,
            pushed_at: now,
            tries: 0,
        };
        endpoints.iter().map(parcel)
    };
    let parcels = plan.pushes.iter().flat_map(to_all);
    // What waits longer has its look already, or gets it with the commit.
    parcels.map(|parcel| deliver::timer(&parcel, now)).collect()
}

//! One push to one device: asked again at the last moment, given to its service, tried again where
//! the service is away, for a while.

use super::model::{Push, Shelf};
use super::services::{Letter, Outcome};
use super::{COMMIT_WITHIN_MS, Notifications, rows};
use crate::auth::{AccountFacts as _, Standing};
use crate::error::{Result, busy};
use crate::timers::Timer;
use crate::words::notifications as words;
use protocol::{EndpointId, Millis, NotificationId, UserId};
use uuid::Uuid;

/// A push goes to a device. Subject: a [`Parcel`].
pub const DELIVER_TIMER: &str = "notification.deliver";
/// Services that a node asks at the same time; others wait, and hold up no other timer.
pub const DELIVERIES_AT_ONCE_MAX: usize = 16;
/// Tries of one push to one device.
pub const DELIVERY_TRIES_MAX: u8 = 6;
/// Before the second try; twice as long before each one after it.
const RETRY_MS: Millis = 15_000;
/// Where a push that speaks of several leads.
const ALL_LINK: &str = "notifications";

/// A push on its way to a device. It holds while its notification, or the sum of them, says that it
/// was pushed at that time: what was set for a commit that never was, or was read since, is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parcel {
    pub(super) user_id: UserId,
    pub(super) endpoint_id: EndpointId,
    pub(super) push: Push,
    pub(super) pushed_at: Millis,
    pub(super) tries: u8,
}

impl Parcel {
    fn to_bytes(self) -> Vec<u8> {
        let notice = match self.push {
            Push::One(id) => id.0,
            Push::Several => Uuid::nil(),
        };
        let mut bytes = Vec::new();
        bytes.extend_from_slice(self.user_id.as_bytes());
        bytes.extend_from_slice(self.endpoint_id.as_bytes());
        bytes.extend_from_slice(notice.as_bytes());
        bytes.extend_from_slice(&self.pushed_at.to_be_bytes());
        bytes.push(self.tries);
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (user, rest) = bytes.split_first_chunk::<16>()?;
        let (endpoint, rest) = rest.split_first_chunk::<16>()?;
        let (notice, rest) = rest.split_first_chunk::<16>()?;
        let (pushed_at, rest) = rest.split_first_chunk::<8>()?;
        let [tries] = *rest else { return None };
        let notice = Uuid::from_bytes(*notice);
        let several = notice.is_nil();
        Some(Self {
            user_id: UserId(Uuid::from_bytes(*user)),
            endpoint_id: EndpointId(Uuid::from_bytes(*endpoint)),
            push: if several { Push::Several } else { Push::One(NotificationId(notice)) },
            pushed_at: Millis::from_be_bytes(*pushed_at),
            tries,
        })
    }
}

/// The delivery of a push.
pub(super) fn timer(parcel: &Parcel, due_at: Millis) -> Timer {
    Timer { due_at, kind: DELIVER_TIMER.to_owned(), subject: parcel.to_bytes() }
}

/// How long to wait before the next try.
fn pause_ms(tries: u8, asked: Option<Millis>) -> Millis {
    let own = RETRY_MS.saturating_mul(1 << tries.min(10));
    own.max(asked.unwrap_or(0))
}

impl Notifications {
    /// Fires [`DELIVER_TIMER`].
    pub(crate) async fn deliver_due(&self, subject: &[u8]) -> Result<()> {
        let Some(parcel) = Parcel::from_bytes(subject) else { return Ok(()) };
        let Ok(_room) = self.room.try_acquire() else { return Err(busy()) };
        let Parcel { user_id, endpoint_id, .. } = parcel;
        let endpoint = rows::endpoint(&self.store, user_id, endpoint_id).await?;
        let Some(endpoint) = endpoint else { return Ok(()) };
        // Rights are asked at each delivery: whose the device is, and whether the login is good.
        if rows::owner(&self.store, endpoint_id).await? != Some(user_id) {
            return self.drop_endpoint(user_id, endpoint_id).await;
        }
        let facts = self.accounts.facts(user_id, endpoint.login_id).await?;
        match facts.map_or(Standing::Ended, |facts| facts.standing) {
            Standing::Good => {}
            Standing::Suspended => return Ok(()),
            Standing::Ended => return self.drop_endpoint(user_id, endpoint_id).await,
        }
        let mut shelf = rows::shelf(&self.store.load(rows::partition(user_id)).await?)?;
        let now = self.clock.now();
        shelf.end(now);
        let is_early = now < parcel.pushed_at.saturating_add(COMMIT_WITHIN_MS)
            && shelf.may_stand(parcel.push, parcel.pushed_at);
        // Also whether who caused it may still have the person told.
        let shelf = self.tellable(user_id, shelf).await?;
        let Some(letter) = letter(&shelf, &parcel) else {
            // It was set before its commit, which may still be on its way.
            return if is_early { Err(busy()) } else { Ok(()) };
        };
        let choices = rows::choices(&self.store, user_id).await?;
        if let Some(until) = choices.quiet_until(now) {
            // It began while the service was away.
            return self.timers.set(vec![timer(&parcel, until)]).await;
        }
        let service = rows::service(&endpoint)?;
        // Switched off since.
        let Some(carrier) = self.services.of(service) else { return Ok(()) };
        let outcome = carrier.send(&endpoint, &letter, now).await?;
        let labels = [("service", service.word()), ("outcome", outcome.word())];
        metrics::counter!("sanctuary_pushes_total", &labels).increment(1);
        match outcome {
            Outcome::Sent => Ok(()),
            Outcome::Gone => self.drop_endpoint(user_id, endpoint_id).await,
            Outcome::Refused(status) => {
                let (service, status) = (service.word(), status.as_u16());
                tracing::warn!(service, status, "a push was refused");
                Ok(())
            }
            Outcome::Later(asked) => {
                let tries = parcel.tries.saturating_add(1);
                if tries >= DELIVERY_TRIES_MAX {
                    tracing::warn!(service = service.word(), "a push is given up");
                    return Ok(());
                }
                let due_at = now.saturating_add(pause_ms(parcel.tries, asked));
                self.timers.set(vec![timer(&Parcel { tries, ..parcel }, due_at)]).await
            }
        }
    }

    async fn drop_endpoint(&self, user: UserId, id: EndpointId) -> Result<()> {
        rows::remove_endpoint(&self.store, user, id).await
    }
}

/// What the device is told; `None` where it is no news any more.
fn letter(shelf: &Shelf, parcel: &Parcel) -> Option<Letter> {
    if !shelf.stands(parcel.push, parcel.pushed_at) {
        return None;
    }
    Some(match parcel.push {
        Push::One(id) => {
            let notice = shelf.get(id)?;
            Letter {
                id,
                kind: Some(notice.kind),
                text: notice.text.clone(),
                link: notice.link.clone(),
                count: notice.count,
            }
        }
        Push::Several => Letter {
            id: NotificationId(Uuid::nil()),
            kind: None,
            text: words::several(shelf.unread()),
            link: ALL_LINK.to_owned(),
            count: shelf.unread(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parcel_is_the_same_after_its_way_through_a_timer() {
        let parcel = |push| Parcel {
            user_id: UserId(Uuid::from_u128(1)),
            endpoint_id: EndpointId(Uuid::from_u128(2)),
            push,
            pushed_at: 1_800_000_000_000,
            tries: 3,
        };
        for push in [Push::One(NotificationId(Uuid::from_u128(3))), Push::Several] {
            let bytes = parcel(push).to_bytes();
            assert_eq!(Parcel::from_bytes(&bytes), Some(parcel(push)));
            assert_eq!(Parcel::from_bytes(&bytes[1..]), None);
        }
    }

    #[test]
    fn each_try_waits_longer_and_as_long_as_asked() {
        assert_eq!([0, 1, 2].map(|tries| pause_ms(tries, None)), [15_000, 30_000, 60_000]);
        assert_eq!(pause_ms(0, Some(90_000)), 90_000);
        assert_eq!(pause_ms(3, Some(1)), 120_000);
    }
}

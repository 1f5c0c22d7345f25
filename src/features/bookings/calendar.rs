//! Calendars out: `/v1/bookings/{id}.ics`, and a secret address for each person.
//!
//! The address is 256 random bits and whose they are; the store holds a hash. Whoever knows it may
//! read, until it is taken back or another one is made.

use super::model::Booking;
use super::rows::reviews as rows;
use super::{Bookings, ics};
use crate::auth::Caller;
use crate::error::{Result, not_found};
use crate::store::{Change, LIST_ROWS_MAX};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::bookings::CalendarFeed;
use protocol::limits::CALENDAR_EVENTS_MAX;
use protocol::{BookingId, Error, UserId};
use uuid::Uuid;

/// Bookings that one calendar looks through.
const CALENDAR_LOOKS_MAX: usize = 10_000;
/// The bytes of an address: a multiple of three, so that base64 has one form of it.
const SECRET_BYTES: usize = 16 + 32;

impl Bookings {
    /// `GET /v1/bookings/{id}.ics`
    pub(super) async fn ics(&self, caller: &Caller, id: BookingId) -> Result<String> {
        let (booking, _) = self.side_of(caller, id).await?;
        Ok(ics::calendar(&[booking], caller.user_id))
    }

    /// `POST /v1/calendar`: another address; the one before opens nothing any more.
    pub(super) async fn open_feed(&self, caller: &Caller) -> Result<CalendarFeed> {
        let user = caller.user_id;
        let secret: [u8; 32] = crate::id::random()?;
        let row = rows::FeedRow {
            item: Uuid::nil(),
            hash: hash(user, &secret),
            created_at: self.clock.now(),
        };
        self.store
            .decide(rows::feed_partition(user), |_| {
                let mut change = Change::new();
                change.write(row.clone());
                Ok((change, ()))
            })
            .await?;
        let name = URL_SAFE_NO_PAD.encode([user.as_bytes().as_slice(), &secret].concat());
        Ok(CalendarFeed { path: format!("/v1/calendar/{name}.ics"), created_at: row.created_at })
    }

    /// `DELETE /v1/calendar`: no address any more.
    pub(super) async fn close_feed(&self, user: UserId) -> Result<()> {
        self.store
            .decide(rows::feed_partition(user), |snapshot| {
                let mut change = Change::new();
                if snapshot.one::<rows::FeedRow>()?.is_some() {
                    change.delete::<rows::FeedRow>(Uuid::nil());
                }
                Ok((change, ()))
            })
            .await
    }

    /// `GET /v1/calendar/{secret}.ics`, by whoever knows it. Not of an account that is not in use.
    pub(super) async fn feed(&self, name: &str) -> Result<String> {
        let (user, secret) = read(name).ok_or_else(nothing)?;
        let snapshot = self.store.load(rows::feed_partition(user)).await?;
        let row = snapshot.one::<rows::FeedRow>()?.ok_or_else(nothing)?;
        if !crate::id::same_secret(&row.hash, &hash(user, &secret)) {
            return Err(nothing());
        }
        let status = self.accounts.status(user).await?;
        if !status.is_some_and(crate::features::accounts::Status::may_enter) {
            return Err(nothing());
        }
        Ok(ics::calendar(&self.newest(user).await?, user))
    }

    /// Somebody's bookings that were made last and are in calendars. Times that were only held are
    /// passed over, so nobody can push a session out of a coach's calendar.
    async fn newest(&self, user: UserId) -> Result<Vec<Booking>> {
        let (mut newest, mut after, mut looked) = (Vec::new(), None, 0);
        while newest.len() < CALENDAR_EVENTS_MAX && looked < CALENDAR_LOOKS_MAX {
            let places = super::rows::own(&self.store, user, after, LIST_ROWS_MAX).await?;
            let found = self.all(places.iter().map(|(_, id)| *id)).await?;
            let one = |(place, booking): (&(i64, BookingId), Option<Booking>)| {
                // A second try to make it left a row of its own.
                booking.filter(|booking| booking.created_at == place.0 && ics::shows(booking))
            };
            newest.extend(places.iter().zip(found).filter_map(one));
            looked += places.len();
            after = places.last().copied();
            if places.len() < LIST_ROWS_MAX as usize {
                break;
            }
        }
        newest.truncate(CALENDAR_EVENTS_MAX);
        Ok(newest)
    }
}

fn read(name: &str) -> Option<(UserId, [u8; 32])> {
    let bytes = URL_SAFE_NO_PAD.decode(name.strip_suffix(".ics")?).ok()?;
    let bytes: [u8; SECRET_BYTES] = bytes.try_into().ok()?;
    let (user, secret) = bytes.split_first_chunk::<16>()?;
    Some((UserId(Uuid::from_bytes(*user)), secret.try_into().ok()?))
}

/// The secret is random, so one round of SHA-256 is enough.
fn hash(user: UserId, secret: &[u8; 32]) -> Vec<u8> {
    crate::id::digest("secret of a calendar", &[user.as_bytes(), secret]).to_vec()
}

fn nothing() -> Error {
    not_found("calendar")
}

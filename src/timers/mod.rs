//! Timers: durable deadlines that fire at least once, on some live node, even if the node that
//! set them died.
//!
//! A timer is set before the commit that needs it. Firing re-checks the state, so firing twice
//! or for nothing is harmless. Timers know no feature: a kind and a subject is all.

mod cql;
mod driver;
mod share;
mod sqlite;

pub(crate) use cql::set as set_on_cql;
pub use cql::{
    CqlTimers, LOOK_BACK_MS, MINUTES_A_SCAN_MAX, NEAR_MINUTES, RECENT_MS, ROUND_MINUTES,
    TRAIL_INTERVAL_MS,
};
pub use driver::{Driver, FIRE_TIMEOUT_MS, FIRES_MAX, RETRYING_MAX};
pub use share::{Others, STRANGERS_TURNS, Share, TURN_MS, wait_ms};
pub use sqlite::SqliteTimers;
pub(crate) use sqlite::set;

use crate::error::Result;
use futures_util::future::BoxFuture;
use protocol::Millis;

/// Timers that one scan fires.
pub const SCAN_TIMERS_MAX: u32 = 500;
/// A subject.
pub const SUBJECT_BYTES_MAX: usize = 512;
/// The time that one partition of timers covers.
pub const BUCKET_MS: i64 = 60_000;
/// Between two scans.
pub const SCAN_INTERVAL_MS: u64 = 200;
/// A timer whose firing failed is tried again after this.
pub const RETRY_MS: i64 = 2_000;
/// Each further try waits twice as long as the one before, at most this.
pub const RETRY_MS_MAX: i64 = 32_000;

/// A deadline.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Timer {
    /// When it is due.
    pub due_at: Millis,
    /// What it is for: `relay`, `coach_grace`, …
    pub kind: String,
    /// What it is about.
    pub subject: Vec<u8>,
}

impl Timer {
    /// The partition it is kept in.
    pub const fn bucket(&self) -> i64 {
        self.due_at.div_euclid(BUCKET_MS)
    }
}

/// Whether all of them can be set.
pub(crate) fn check(timers: &[Timer]) -> Result<()> {
    match timers.iter().find(|timer| timer.subject.len() > SUBJECT_BYTES_MAX) {
        Some(timer) => {
            let cause = format!("the subject of a timer {} is too large", timer.kind);
            Err(crate::error::internal(&cause))
        }
        None => Ok(()),
    }
}

/// Timers of one engine.
pub trait Timers: Send + Sync {
    /// Sets timers, durably. Setting the same one again is harmless.
    fn set(&self, timers: Vec<Timer>) -> BoxFuture<'_, Result<()>>;
    /// Takes timers back, or clears those that fired. Need not be durable before it returns.
    fn clear(&self, timers: Vec<Timer>) -> BoxFuture<'_, Result<()>>;
    /// Timers due at `now`, oldest first, at most `limit`.
    fn due(&self, now: Millis, limit: u32) -> BoxFuture<'_, Result<Vec<Timer>>>;
}

/// What a due timer does; implemented in `dispatch.rs` and injected by `app.rs`.
pub trait Fire: Send + Sync {
    /// Re-checks the state and acts. An error: try again, first in [`RETRY_MS`].
    fn fire<'a>(&'a self, timer: &'a Timer, now: Millis) -> BoxFuture<'a, Result<()>>;
}

//! What may have been lost: raised by whoever noticed, taken by the one who repairs.

use protocol::Millis;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// Clocks of nodes may differ by so much: what is that much older is taken as new.
pub const CLOCK_MARGIN_MS: Millis = 10_000;

/// From when on something may be missing here. Several causes are one suspicion.
#[derive(Debug, Default)]
pub struct Suspects {
    since: Mutex<Option<Millis>>,
    raised: Notify,
}

impl Suspects {
    /// Something that was published since then may not have arrived.
    pub fn raise(&self, since: Millis, cause: &'static str) {
        #[cfg(feature = "broken")]
        if crate::broken::is(crate::broken::Defect::NoRepair) {
            return;
        }
        metrics::counter!("sanctuary_bus_suspect_total", "cause" => cause).increment(1);
        tracing::info!(cause, "live events may be missing; they are read from the log");
        let mut first = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        *first = Some(first.map_or(since, |first| first.min(since)));
        drop(first);
        self.raised.notify_one();
    }

    /// Waits for a suspicion, and takes it.
    pub async fn next(&self) -> Millis {
        loop {
            let taken = self.since.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(since) = taken {
                return since;
            }
            self.raised.notified().await;
        }
    }
}

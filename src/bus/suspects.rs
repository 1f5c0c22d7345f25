//! What may have been lost: raised by whoever noticed, taken by the one who repairs.

use protocol::Millis;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Clocks of nodes may differ by so much: what is that much older is taken as new.
pub const CLOCK_MARGIN_MS: Millis = 10_000;

/// From when on something may be missing here. Several causes are one suspicion.
///
/// What is suspect is in *doubt* until it was looked after. An event of a topic that is new here
/// hides what was lost of it before, so it tells nothing while there is doubt.
#[derive(Debug, Default)]
pub struct Suspects {
    state: Mutex<State>,
    raised: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// To be taken.
    since: Option<Millis>,
    doubt: Option<Millis>,
    /// How often something became doubtful.
    count: u64,
}

impl State {
    fn doubt(&mut self, since: Millis) {
        self.doubt = Some(earlier(self.doubt, since));
        self.count += 1;
    }
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
        let mut state = self.state();
        state.since = Some(earlier(state.since, since));
        state.doubt(since);
        drop(state);
        self.raised.notify_one();
    }

    /// The others are not heard since then. It is raised once they are again.
    pub fn doubt(&self, since: Millis) {
        self.state().doubt(since);
    }

    /// What was published since then may not have arrived, and was not looked after yet.
    pub fn in_doubt(&self) -> Option<Millis> {
        self.state().doubt
    }

    /// How often something became doubtful until now.
    pub fn count(&self) -> u64 {
        self.state().count
    }

    /// All was looked after, and nothing became doubtful since it was `count` times.
    pub fn settle(&self, count: u64) {
        let mut state = self.state();
        if state.count == count {
            state.doubt = None;
        }
    }

    /// Waits for a suspicion, and takes it.
    pub async fn next(&self) -> Millis {
        loop {
            let taken = self.state().since.take();
            if let Some(since) = taken {
                return since;
            }
            self.raised.notified().await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn earlier(one: Option<Millis>, other: Millis) -> Millis {
    one.map_or(other, |one| one.min(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubt_reaches_back_to_the_first_cause_and_ends_when_all_was_looked_after() {
        let suspects = Suspects::default();
        assert_eq!(suspects.in_doubt(), None);
        suspects.doubt(500);
        suspects.raise(300, "test");
        suspects.raise(400, "test");
        assert_eq!(suspects.in_doubt(), Some(300));
        suspects.settle(suspects.count());
        assert_eq!(suspects.in_doubt(), None);
    }

    #[test]
    fn what_becomes_doubtful_during_a_look_stays_so() {
        let suspects = Suspects::default();
        suspects.raise(300, "test");
        let count = suspects.count();
        suspects.doubt(600);
        suspects.settle(count);
        assert_eq!(suspects.in_doubt(), Some(300));
    }
}

//! Asking the references, every few seconds, for as long as the node runs.

use super::helm::{Doubt, Helm, Reading};
use super::{Clock, Shared, Source, machine, monotonic};
use crate::error;
use futures_util::future::{BoxFuture, join_all};
use protocol::Millis;
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Between two questions to each reference.
pub const ASK_INTERVAL_MS: u64 = 2_000;
/// A question that takes longer is given up.
pub const ASK_TIMEOUT_MS: u64 = 2_000;
/// Questions to each reference at the start, one after another.
pub const FIRST_ASKS: usize = 3;
/// A start with no answer at all is given up after this.
pub const START_TIMEOUT_MS: u64 = 10_000;
/// Between two tries at the start.
const START_PAUSE: Duration = Duration::from_millis(200);

type Ask = dyn Fn() -> BoxFuture<'static, error::Result<Millis>> + Send + Sync;

/// A clock that all nodes can ask: the store's, or a Redis server's.
#[derive(Clone)]
pub struct Reference {
    name: String,
    ask: Arc<Ask>,
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reference").field(&self.name).finish()
    }
}

impl Reference {
    /// `ask` answers in Unix milliseconds, and may fail.
    pub fn new<F, A>(name: impl Into<String>, ask: A) -> Self
    where
        A: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = error::Result<Millis>> + Send + 'static,
    {
        Self { name: name.into(), ask: Arc::new(move || Box::pin(ask())) }
    }

    /// The clock of this machine: that of a store on it.
    pub fn machine() -> Self {
        Self::new("machine", || std::future::ready(Ok(machine())))
    }

    async fn read(&self) -> Option<Reading> {
        let asked = monotonic();
        let answer = timeout(Duration::from_millis(ASK_TIMEOUT_MS), (self.ask)()).await;
        let heard = monotonic();
        let Ok(Ok(showed)) = answer else {
            tracing::debug!(reference = self.name, "no answer to what time it is");
            return None;
        };
        Reading::of(asked, heard, showed)
    }
}

/// No reference said what time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither the store nor Redis said what time it is")]
pub struct NeverHeard;

/// A clock that is set, and what keeps it so.
#[must_use = "run it, or the clock is not corrected any more"]
pub struct Following {
    shared: Arc<Shared>,
    references: Vec<Reference>,
    helm: Helm,
}

impl Clock {
    /// Sets a [`Clock::shared`] by its references, of which one has to answer within `limit`
    /// ([`START_TIMEOUT_MS`]). Whatever needs the time waits for this. None for a clock of another
    /// kind, which stays as it is.
    pub async fn follow(
        &self,
        references: Vec<Reference>,
        limit: Duration,
    ) -> Result<Option<Following>, NeverHeard> {
        let Source::Shared(shared) = &self.0 else { return Ok(None) };
        let helm = Helm::new(references.len());
        let mut following = Following { shared: Arc::clone(shared), references, helm };
        timeout(limit, following.first()).await.map_err(|_| NeverHeard)?;
        Ok(Some(following))
    }
}

impl Following {
    async fn first(&mut self) {
        loop {
            for _ in 0..FIRST_ASKS {
                self.ask().await;
            }
            if self.helm.is_heard() {
                return self.steer(true);
            }
            tokio::time::sleep(START_PAUSE).await;
        }
    }

    /// Corrects the clock, for ever.
    pub async fn run(mut self) {
        let mut ticks = interval(Duration::from_millis(ASK_INTERVAL_MS));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.round().await;
        }
    }

    /// Asks once more and corrects the clock.
    pub async fn round(&mut self) {
        self.ask().await;
        self.steer(false);
    }

    /// All references at once.
    async fn ask(&mut self) {
        let readings = join_all(self.references.iter().map(Reference::read)).await;
        for (index, reading) in readings.into_iter().enumerate() {
            if let Some(reading) = reading {
                self.helm.heard(index, reading);
            }
        }
    }

    fn steer(&mut self, first: bool) {
        let doubt = {
            let mut course = self.shared.course.write().unwrap_or_else(PoisonError::into_inner);
            let (next, doubt) = self.helm.steer(monotonic(), *course, first);
            *course = next;
            doubt
        };
        let mut shown = self.shared.doubt.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *shown, doubt);
        drop(shown);
        self.say(before, doubt);
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge")]
    fn say(&self, before: Option<Doubt>, doubt: Option<Doubt>) {
        metrics::gauge!("sanctuary_clock_trusted").set(if doubt.is_none() { 1.0 } else { 0.0 });
        metrics::gauge!("sanctuary_clock_spread_seconds").set(self.helm.spread() as f64 / 1_000.0);
        match (before, doubt) {
            (None, Some(doubt)) => tracing::error!(%doubt, "timers stop: the time is in doubt"),
            (None | Some(Doubt::Unheard), None) => {}
            (Some(_), None) => tracing::info!("timers go on: the time is known again"),
            (Some(before), Some(doubt)) => {
                if std::mem::discriminant(&before) != std::mem::discriminant(&doubt) {
                    tracing::error!(%doubt, "timers stay stopped");
                }
            }
        }
    }
}

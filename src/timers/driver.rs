//! The driver: scans for due timers and fires them, a bounded number at once, none twice at the
//! same time. One that failed waits; it does not hold up those behind it. Among several nodes
//! each leaves a timer to those whose turn comes before; and a node whose clock is in doubt fires
//! none.

use super::{
    Fire, RETRY_MS, RETRY_MS_MAX, SCAN_INTERVAL_MS, SCAN_TIMERS_MAX, Share, Timer, Timers,
};
use crate::clock::Clock;
use crate::error::Result;
use futures_util::future::join_all;
use protocol::Millis;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

/// Timers that fire at once.
pub const FIRES_MAX: usize = 64;
/// A firing that takes longer is given up, and tried again.
pub const FIRE_TIMEOUT_MS: u64 = 30_000;
/// Failed timers whose next try is remembered; more are tried again at each scan.
pub const RETRYING_MAX: usize = 10_000;

/// Where a timer that is due stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    UnderWay,
    /// It failed so many times; not again before.
    Failed {
        tries: u32,
        again_at: Millis,
    },
}

/// How long a timer that failed so many times waits for its next try.
fn pause_ms(tries: u32) -> Millis {
    RETRY_MS.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(RETRY_MS_MAX)
}

/// See the module.
pub struct Driver {
    timers: Arc<dyn Timers>,
    fire: Arc<dyn Fire>,
    clock: Clock,
    share: Share,
    known: Mutex<HashMap<Timer, State>>,
    room: Arc<Semaphore>,
    /// Each firing holds a receiver.
    firing: watch::Sender<()>,
}

/// Takes a timer out of those under way, even where its firing panicked.
struct UnderWay<'a> {
    driver: &'a Driver,
    timer: &'a Timer,
    next: Option<State>,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut known = self.driver.known();
        match self.next {
            Some(next) if known.len() <= RETRYING_MAX => known.insert(self.timer.clone(), next),
            _ => known.remove(self.timer),
        };
    }
}

impl Driver {
    /// A driver of an engine's timers, of one node alone.
    pub fn new(timers: Arc<dyn Timers>, fire: Arc<dyn Fire>, clock: Clock) -> Arc<Self> {
        Self::sharing(timers, fire, clock, Share::default())
    }

    /// One node's driver among those of others.
    pub fn sharing(
        timers: Arc<dyn Timers>,
        fire: Arc<dyn Fire>,
        clock: Clock,
        share: Share,
    ) -> Arc<Self> {
        let room = Arc::new(Semaphore::new(FIRES_MAX));
        let (known, firing) = (Mutex::default(), watch::Sender::new(()));
        Arc::new(Self { timers, fire, clock, share, known, room, firing })
    }

    /// Resolves when nothing fires.
    pub async fn settled(&self) {
        self.firing.closed().await;
    }

    /// Fires what is due, for ever. May be dropped at any moment.
    pub async fn run(self: Arc<Self>) {
        let mut interval = tokio::time::interval(Duration::from_millis(SCAN_INTERVAL_MS));
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            // The firings go on by themselves; a failed scan was logged, and the next one comes.
            if self.start(self.clock.now()).await.is_err() {
                metrics::counter!("sanctuary_timer_scans_failed_total").increment(1);
            }
        }
    }

    /// Fires what is due at `now` and not under way, and waits for it; how many fired well.
    pub async fn fire_due(self: &Arc<Self>, now: Millis) -> Result<usize> {
        let fired = join_all(self.start(now).await?).await;
        Ok(fired.into_iter().filter(|fired| matches!(fired, Ok(true))).count())
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Timer, State>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn start(self: &Arc<Self>, now: Millis) -> Result<Vec<JoinHandle<bool>>> {
        if self.clock.doubt().is_some() {
            // It said so; the timers of other nodes go on.
            return Ok(Vec::new());
        }
        // Beyond those that wait for their next try, or are under way.
        let known = u32::try_from(self.known().len()).unwrap_or(u32::MAX);
        let limit = SCAN_TIMERS_MAX.saturating_add(known);
        let due = self.timers.due(now, limit).await?;
        if u32::try_from(due.len()).is_ok_and(|count| count < limit) {
            self.forget_all_but(&due);
        }
        let others = self.share.others();
        let mut started = Vec::new();
        for timer in due {
            // Whoever is first clears it, and then a later scan does not show it.
            if now.saturating_sub(timer.due_at) < self.share.wait_ms(&timer, &others) {
                continue;
            }
            // Room first: nothing stays claimed if this is dropped while it waits.
            let Ok(room) = Arc::clone(&self.room).acquire_owned().await else { break };
            let Some(tries) = self.claim(&timer, now) else { continue };
            let (driver, firing) = (Arc::clone(self), self.firing.subscribe());
            started.push(tokio::spawn(async move {
                let fired = driver.one(&timer, tries, now).await;
                drop((room, firing));
                fired
            }));
        }
        Ok(started)
    }

    /// Failed timers that somebody else took back meanwhile.
    fn forget_all_but(&self, due: &[Timer]) {
        let due: HashSet<&Timer> = due.iter().collect();
        self.known().retain(|timer, state| *state == State::UnderWay || due.contains(timer));
    }

    /// How often it failed before; `None`: not now.
    fn claim(&self, timer: &Timer, now: Millis) -> Option<u32> {
        let mut known = self.known();
        let tries = match known.get(timer) {
            Some(State::UnderWay) => return None,
            Some(State::Failed { again_at, .. }) if now < *again_at => return None,
            Some(State::Failed { tries, .. }) => *tries,
            None => 0,
        };
        known.insert(timer.clone(), State::UnderWay);
        Some(tries)
    }

    async fn one(&self, timer: &Timer, tries: u32, now: Millis) -> bool {
        let tries = tries.saturating_add(1);
        let again_at = now.saturating_add(pause_ms(tries));
        let failed = Some(State::Failed { tries, again_at });
        let mut under_way = UnderWay { driver: self, timer, next: failed };
        let limit = Duration::from_millis(FIRE_TIMEOUT_MS);
        let cause = match tokio::time::timeout(limit, self.fire.fire(timer, now)).await {
            Ok(Ok(())) => match self.timers.clear(vec![timer.clone()]).await {
                Ok(()) => {
                    under_way.next = None;
                    return true;
                }
                Err(error) => error.to_string(),
            },
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it took too long".to_owned(),
        };
        metrics::counter!("sanctuary_timers_failed_total").increment(1);
        tracing::warn!(kind = %timer.kind, %cause, "a timer did not fire; it is tried again");
        false
    }
}

//! One coarse timer for all connections of a node: each stands in the slot of the second at
//! which somebody has to look at it again.

use crate::clock::Clock;
use crate::hub::{Link, Tempo};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::time::Instant;

/// Slots; a visit that is further away stays in its slot for another round.
const SLOTS: usize = 64;

/// A visit that is arranged.
struct Visit {
    tick: u32,
    link: Weak<Link>,
}

/// See the module.
pub(super) struct Wheel {
    tempo: Tempo,
    started: Instant,
    now: AtomicU32,
    slots: Vec<Mutex<Vec<Visit>>>,
}

impl Wheel {
    pub(super) fn new(tempo: Tempo) -> Self {
        Self {
            tempo,
            started: Instant::now(),
            now: AtomicU32::new(1),
            slots: (0..SLOTS).map(|_| Mutex::default()).collect(),
        }
    }

    /// The current tick.
    pub(super) fn now(&self) -> u32 {
        self.now.load(Ordering::SeqCst)
    }

    /// Has a connection looked at on the next tick; what was arranged before is void.
    pub(super) fn soon(&self, link: &Arc<Link>) {
        self.put(link, 0, None);
    }

    /// Arranges a visit at a tick, or at the next one if that has passed. `after`: unless
    /// something else was arranged since that visit.
    fn put(&self, link: &Arc<Link>, tick: u32, after: Option<u32>) {
        loop {
            let tick = tick.max(self.now().saturating_add(1));
            let Some(mut slot) = self.slot(tick) else { return };
            // The wheel says what time it is before it empties the slot.
            if self.now() < tick {
                if link.arrange(tick, after) {
                    slot.push(Visit { tick, link: Arc::downgrade(link) });
                }
                return;
            }
        }
    }

    fn slot(&self, tick: u32) -> Option<MutexGuard<'_, Vec<Visit>>> {
        let slot = self.slots.get(tick as usize % SLOTS)?;
        Some(slot.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// All connections.
    pub(super) fn links(&self) -> Vec<Arc<Link>> {
        let mut links: Vec<Arc<Link>> = Vec::new();
        for tick in 0..SLOTS {
            let Some(slot) = u32::try_from(tick).ok().and_then(|tick| self.slot(tick)) else {
                continue;
            };
            links.extend(slot.iter().filter_map(|visit| visit.link.upgrade()));
        }
        links.sort_unstable_by_key(|link| link.id());
        links.dedup_by_key(|link| link.id());
        links
    }

    /// Turns to where the time is.
    pub(super) fn turn(&self, clock: &Clock) {
        let elapsed = self.started.elapsed().as_nanos() / self.tempo.tick.as_nanos().max(1);
        let until = u32::try_from(elapsed).unwrap_or(u32::MAX).saturating_add(1);
        let now_ms = clock.now();
        for tick in self.now() + 1..=until {
            self.now.store(tick, Ordering::SeqCst);
            self.visit(tick, now_ms);
        }
    }

    fn visit(&self, tick: u32, now_ms: protocol::Millis) {
        let Some(mut slot) = self.slot(tick) else { return };
        let visits = std::mem::take(&mut *slot);
        drop(slot);
        for visit in visits {
            let Some(link) = visit.link.upgrade() else { continue };
            if !link.expects(visit.tick) {
                continue;
            }
            if visit.tick > tick {
                self.put(&link, visit.tick, Some(visit.tick));
            } else if let Some(next) = link.visit(tick, now_ms, &self.tempo) {
                self.put(&link, next, Some(visit.tick));
            }
        }
    }
}

//! Time, as an argument: rules never ask for it, edges do, and tests set it.
//!
//! One node alone takes its machine's clock. Among many, the machines' clocks may be wrong and may
//! jump, so a node takes its time from what all of them share (the store, Redis) and counts on
//! from there by the monotonic clock: [`Clock::shared`] and [`Clock::follow`].

mod course;
mod follow;
mod helm;

pub use course::{Course, SLEW_MS_MAX};
pub use follow::{
    ASK_INTERVAL_MS, ASK_TIMEOUT_MS, FIRST_ASKS, Following, NeverHeard, Reference, START_TIMEOUT_MS,
};
pub use helm::{
    DISAGREE_MS_MAX, Doubt, Helm, READINGS_MAX, ROUND_TRIP_MS_MAX, Reading, SILENCE_MS_MAX,
};

use protocol::Millis;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The machine's clock may be set back by this much without being followed; it is waited for.
/// More is somebody's correction.
pub const SET_BACK_MS_MAX: i64 = 10_000;

/// Where the time comes from. Cheap to clone and to ask.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Manual(Arc<AtomicI64>),
    Shared(Arc<Shared>),
}

/// The time of a node among others.
#[derive(Debug)]
struct Shared {
    course: RwLock<Course>,
    doubt: RwLock<Option<Doubt>>,
}

/// Milliseconds of the monotonic clock.
fn monotonic() -> Millis {
    static STARTED: OnceLock<Instant> = OnceLock::new();
    let since = STARTED.get_or_init(Instant::now).elapsed();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The machine's clock, as it is.
fn machine() -> Millis {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// What to show when the machine says `now` and `latest` was shown before.
const fn held(now: Millis, latest: Millis) -> Millis {
    if now < latest && latest - now <= SET_BACK_MS_MAX { latest } else { now }
}

/// The machine's clock, without its small steps back.
fn steady() -> Millis {
    static LATEST: AtomicI64 = AtomicI64::new(i64::MIN / 2);
    let now = machine();
    let latest = LATEST.load(Ordering::Relaxed);
    let shown = held(now, latest);
    if shown != latest {
        LATEST.store(shown, Ordering::Relaxed);
    }
    shown
}

impl Clock {
    /// The machine's clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `now` until [`Clock::advance`] moves it. For tests.
    pub fn manual(now: Millis) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(now))))
    }

    /// A clock that follows references, from [`Clock::follow`] on. Until then it shows what the
    /// machine's clock showed when it was made, and what has passed since.
    pub fn shared() -> Self {
        let course = Course::new(monotonic(), machine());
        Self(Source::Shared(Arc::new(Shared {
            course: RwLock::new(course),
            doubt: RwLock::new(Some(Doubt::Unheard)),
        })))
    }

    /// Unix milliseconds.
    pub fn now(&self) -> Millis {
        match &self.0 {
            Source::System => steady(),
            Source::Manual(now) => now.load(Ordering::SeqCst),
            Source::Shared(shared) => {
                // Asked for under the lock: a later course begins where this one ends.
                let course = shared.course.read().unwrap_or_else(PoisonError::into_inner);
                course.at(monotonic())
            }
        }
    }

    /// Why this clock should not be trusted with deadlines, if it should not.
    pub fn doubt(&self) -> Option<Doubt> {
        match &self.0 {
            Source::System | Source::Manual(_) => None,
            Source::Shared(shared) => *shared.doubt.read().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Moves a manual clock; the others do not listen.
    pub fn advance(&self, by: Millis) {
        if let Source::Manual(now) = &self.0 {
            now.fetch_add(by, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_steps_back_are_waited_for_and_large_ones_are_followed() {
        let (early, late) = (1_000_000, 1_000_000 + SET_BACK_MS_MAX);
        assert_eq!(held(late, early), late);
        assert_eq!(held(early, late), late);
        assert_eq!(held(early - 1, late), early - 1);
        assert_eq!(held(early, i64::MIN / 2), early);
    }

    #[test]
    fn a_shared_clock_is_in_doubt_until_it_follows() {
        let clock = Clock::shared();
        assert_eq!(clock.doubt(), Some(Doubt::Unheard));
        assert!((clock.now() - machine()).abs() < 60_000);
        assert_eq!(Clock::system().doubt(), None);
    }
}

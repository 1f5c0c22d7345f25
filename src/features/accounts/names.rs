//! Names of people, remembered for a moment: lists show the same few again and again.

use protocol::{Millis, UserId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Names that are remembered.
pub(super) const NAMES_MAX: usize = 20_000;
/// A name that changed on another node is seen here after this.
pub(super) const NAME_AGE_MAX_MS: Millis = 60_000;

/// A bounded memory in two generations: when the young one is full, the old one goes.
#[derive(Default)]
pub(super) struct Names(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    young: HashMap<UserId, Remembered>,
    old: HashMap<UserId, Remembered>,
}

#[derive(Clone)]
struct Remembered {
    name: Arc<str>,
    at: Millis,
}

impl Names {
    pub(super) fn get(&self, user_id: UserId, now: Millis) -> Option<Arc<str>> {
        let mut both = self.lock();
        let found = both.young.get(&user_id).or_else(|| both.old.get(&user_id))?.clone();
        if found.at + NAME_AGE_MAX_MS <= now {
            return None;
        }
        both.keep(user_id, found.clone());
        Some(found.name)
    }

    pub(super) fn put(&self, user_id: UserId, name: Arc<str>, now: Millis) {
        self.lock().keep(user_id, Remembered { name, at: now });
    }

    pub(super) fn forget(&self, user_id: UserId) {
        let mut both = self.lock();
        both.young.remove(&user_id);
        both.old.remove(&user_id);
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn keep(&mut self, user_id: UserId, remembered: Remembered) {
        if self.young.len() >= NAMES_MAX / 2 && !self.young.contains_key(&user_id) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(user_id, remembered);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn user(n: usize) -> UserId {
        UserId(Uuid::from_u128(n as u128))
    }

    #[test]
    fn a_name_is_remembered_for_a_while() {
        let names = Names::default();
        names.put(user(1), "Anna".into(), 0);
        assert_eq!(names.get(user(1), NAME_AGE_MAX_MS - 1).as_deref(), Some("Anna"));
        assert_eq!(names.get(user(1), NAME_AGE_MAX_MS), None);
    }

    #[test]
    fn the_memory_is_bounded_and_keeps_what_is_in_use() {
        let names = Names::default();
        for n in 0..3 * NAMES_MAX {
            names.put(user(n), "x".into(), 0);
            assert!(names.get(user(0), 0).is_some());
            let both = names.lock();
            assert!(both.young.len() + both.old.len() <= NAMES_MAX);
        }
        assert_eq!(names.get(user(1), 0), None);
    }
}

//! What was read lately, remembered for a moment: asked with each message and each presence.
//!
//! Bounded, in two generations: when the young one is full, the old one goes. What was read before
//! something was forgotten is not remembered after it, so a slow read never brings back what is
//! over. What another node changed and could not tell is seen after [`AGE_MAX_MS`].

use protocol::Millis;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Things of a kind that are remembered.
pub(super) const KEPT_MAX: usize = 50_000;
/// How long.
pub(super) const AGE_MAX_MS: Millis = 30_000;

/// See the module.
pub(crate) struct Memory<K, V> {
    age_max_ms: Millis,
    generations: Mutex<Generations<K, V>>,
}

struct Generations<K, V> {
    young: HashMap<K, (V, Millis)>,
    old: HashMap<K, (V, Millis)>,
    /// Counts what was forgotten on purpose.
    forgotten: u64,
}

/// When a read began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begun(u64);

impl<K, V> Default for Memory<K, V> {
    fn default() -> Self {
        let (young, old) = (HashMap::new(), HashMap::new());
        let generations = Mutex::new(Generations { young, old, forgotten: 0 });
        Self { age_max_ms: AGE_MAX_MS, generations }
    }
}

impl<K: Eq + Hash + Copy, V: Clone> Memory<K, V> {
    /// One that remembers for longer: what never changes.
    pub(crate) fn lasting(age_max_ms: Millis) -> Self {
        Self { age_max_ms, ..Self::default() }
    }

    /// What is remembered, or a mark to remember it by once it was read.
    pub(crate) fn get(&self, key: K, now: Millis) -> Result<V, Begun> {
        let mut both = self.lock();
        let found = both.young.get(&key).or_else(|| both.old.get(&key)).cloned();
        match found.filter(|(_, at)| at + self.age_max_ms > now) {
            Some((value, at)) => {
                if !both.young.contains_key(&key) {
                    both.keep(key, (value.clone(), at));
                }
                Ok(value)
            }
            None => Err(Begun(both.forgotten)),
        }
    }

    pub(crate) fn put(&self, key: K, value: V, now: Millis, begun: Begun) {
        let mut both = self.lock();
        if both.forgotten == begun.0 {
            both.keep(key, (value, now));
        }
    }

    pub(super) fn forget(&self, key: K) {
        let mut both = self.lock();
        both.young.remove(&key);
        both.old.remove(&key);
        both.forgotten += 1;
    }

    pub(super) fn forget_all(&self) {
        let mut both = self.lock();
        both.young.clear();
        both.old.clear();
        both.forgotten += 1;
    }

    fn lock(&self) -> MutexGuard<'_, Generations<K, V>> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash + Copy, V> Generations<K, V> {
    fn keep(&mut self, key: K, value: (V, Millis)) {
        if self.young.len() >= KEPT_MAX / 2 && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_remembered_for_a_while() {
        let memory = Memory::default();
        let begun = memory.get(1, 0).unwrap_err();
        memory.put(1, "read", 0, begun);
        assert_eq!(memory.get(1, AGE_MAX_MS - 1).ok(), Some("read"));
        assert!(memory.get(1, AGE_MAX_MS).is_err());
    }

    #[test]
    fn a_read_that_began_before_something_was_forgotten_is_not_remembered() {
        let memory = Memory::default();
        let begun = memory.get(1, 0).unwrap_err();
        memory.forget(1);
        memory.put(1, "before", 0, begun);
        let begun = memory.get(1, 0).unwrap_err();
        memory.put(1, "after", 0, begun);
        assert_eq!(memory.get(1, 0).ok(), Some("after"));
        memory.forget_all();
        assert!(memory.get(1, 0).is_err());
    }

    #[test]
    fn the_memory_is_bounded_and_keeps_what_is_in_use() {
        let memory = Memory::default();
        for n in 0..3 * KEPT_MAX {
            let begun = memory.get(n, 0).unwrap_err();
            memory.put(n, n, 0, begun);
            assert!(memory.get(0, 0).is_ok());
            let both = memory.lock();
            assert!(both.young.len() + both.old.len() <= KEPT_MAX);
        }
        assert!(memory.get(1, 0).is_err());
    }
}

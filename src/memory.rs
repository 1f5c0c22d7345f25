//! What was read lately, remembered for a moment: asked with each message and each presence.
//!
//! Bounded: what was not used for longest goes first. What was read before something was forgotten
//! is not remembered after it, so a slow read never brings back what is over. What another node
//! changed and could not tell is seen once its age is over.

use hashlink::LruCache;
use protocol::Millis;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// See the module.
pub(crate) struct Memory<K, V> {
    age_max_ms: Millis,
    kept: Mutex<Kept<K, V>>,
}

struct Kept<K, V> {
    /// With when it was read.
    values: LruCache<K, (V, Millis)>,
    /// Counts what was forgotten on purpose.
    forgotten: u64,
}

/// When a read began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begun(u64);

impl<K: Eq + Hash + Copy, V: Clone> Memory<K, V> {
    /// Remembers so many things for so long.
    pub(crate) fn new(kept_max: usize, age_max_ms: Millis) -> Self {
        let values = LruCache::new(kept_max);
        Self { age_max_ms, kept: Mutex::new(Kept { values, forgotten: 0 }) }
    }

    /// What is remembered, or a mark to remember it by once it was read.
    pub(crate) fn get(&self, key: K, now: Millis) -> Result<V, Begun> {
        let mut kept = self.lock();
        match kept.values.get(&key) {
            Some((value, at)) if *at + self.age_max_ms > now => Ok(value.clone()),
            _ => Err(Begun(kept.forgotten)),
        }
    }

    pub(crate) fn put(&self, key: K, value: V, now: Millis, begun: Begun) {
        let mut kept = self.lock();
        if kept.forgotten == begun.0 {
            kept.values.insert(key, (value, now));
        }
    }

    pub(crate) fn forget(&self, key: K) {
        let mut kept = self.lock();
        kept.values.remove(&key);
        kept.forgotten += 1;
    }

    pub(crate) fn forget_all(&self) {
        let mut kept = self.lock();
        kept.values.clear();
        kept.forgotten += 1;
    }

    fn lock(&self) -> MutexGuard<'_, Kept<K, V>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT_MAX: usize = 100;
    const AGE_MAX_MS: Millis = 30_000;

    fn memory<V: Clone>() -> Memory<usize, V> {
        Memory::new(KEPT_MAX, AGE_MAX_MS)
    }

    #[test]
    fn what_was_read_is_remembered_for_a_while() {
        let memory = memory();
        let begun = memory.get(1, 0).unwrap_err();
        memory.put(1, "read", 0, begun);
        assert_eq!(memory.get(1, AGE_MAX_MS - 1).ok(), Some("read"));
        assert!(memory.get(1, AGE_MAX_MS).is_err());
    }

    #[test]
    fn a_read_that_began_before_something_was_forgotten_is_not_remembered() {
        let memory = memory();
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
        let memory = memory();
        for n in 0..3 * KEPT_MAX {
            let begun = memory.get(n, 0).unwrap_err();
            memory.put(n, n, 0, begun);
            assert!(memory.get(0, 0).is_ok());
            assert!(memory.lock().values.len() <= KEPT_MAX);
        }
        assert!(memory.get(1, 0).is_err());
    }
}

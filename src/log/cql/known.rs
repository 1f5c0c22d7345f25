//! What this node remembers of the ends of topics. It only saves reads: a round written behind a
//! stale end is refused, and whatever is told to a caller rests on more than this.

use crate::log::OwnedHead;
use hashlink::LruCache;
use protocol::Topic;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Topics whose end is remembered; beyond it, those not used for longest are forgotten.
pub const KNOWN_TOPICS_MAX: usize = 8 * 1024;

/// The end of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) head: OwnedHead,
    /// All up to it is at a quorum: our own round, or a serial read. Another round may be behind
    /// it nevertheless. An end that was only seen in a read may have been seen on one replica.
    pub(super) settled: bool,
}

/// The ends of topics: what was not used for longest goes first.
pub(super) struct Ends(Mutex<LruCache<Topic, Known>>);

impl Default for Ends {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(KNOWN_TOPICS_MAX)))
    }
}

impl Ends {
    fn lock(&self) -> MutexGuard<'_, LruCache<Topic, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, topic: Topic) -> Option<Known> {
        self.lock().get(&topic).cloned()
    }

    pub(super) fn set(&self, topic: Topic, known: Known) {
        self.lock().insert(topic, known);
    }

    /// Remembers what a read saw, unless more is known.
    pub(super) fn seen(&self, topic: Topic, head: &OwnedHead) {
        let mut ends = self.lock();
        if ends.get(&topic).is_none_or(|known| known.head.seq < head.seq) {
            ends.insert(topic, Known { head: head.clone(), settled: false });
        }
    }

    pub(super) fn forget(&self, topic: Topic) {
        self.lock().remove(&topic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ConversationId;
    use uuid::Uuid;

    fn topic(n: usize) -> Topic {
        Topic::Conversation(ConversationId(Uuid::from_u128(n as u128)))
    }

    fn known(seq: u64, settled: bool) -> Known {
        Known { head: OwnedHead { seq, ..OwnedHead::default() }, settled }
    }

    #[test]
    fn what_is_used_stays_and_the_rest_goes() {
        let ends = Ends::default();
        ends.set(topic(0), known(7, true));
        ends.set(topic(1), known(8, true));
        for n in 2..3 * KNOWN_TOPICS_MAX {
            ends.set(topic(n), known(1, true));
            assert_eq!(ends.get(topic(0)), Some(known(7, true)));
            assert!(ends.lock().len() <= KNOWN_TOPICS_MAX);
        }
        assert_eq!(ends.get(topic(1)), None);
    }

    #[test]
    fn what_was_seen_never_replaces_what_is_known_better() {
        let ends = Ends::default();
        ends.set(topic(0), known(7, true));
        ends.seen(topic(0), &known(7, false).head);
        ends.seen(topic(0), &known(6, false).head);
        assert_eq!(ends.get(topic(0)), Some(known(7, true)));
        ends.seen(topic(0), &known(9, false).head);
        assert_eq!(ends.get(topic(0)), Some(known(9, false)));
        ends.forget(topic(0));
        assert_eq!(ends.get(topic(0)), None);
    }
}

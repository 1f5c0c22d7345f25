//! Which of several nodes fires a timer first. Only to save work: any node may fire any timer.

use super::Timer;
use crate::id;
use crate::store::{RELAY_TIMER, partition_of_relay};
use protocol::Millis;
use std::sync::Arc;

/// The next node's turn at a timer comes this much later.
pub const TURN_MS: Millis = 4_000;
/// Turns over which nodes spread that don't know of one another.
pub const STRANGERS_TURNS: i64 = 4;

/// Who fires timers beside this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Others {
    /// Nobody.
    None,
    /// The names of the nodes that live, as far as is known; this one may be among them.
    Known(Vec<String>),
    /// Somebody, but not known who: the way to the others is broken.
    Unknown,
}

/// A node's share of the timers.
#[derive(Clone)]
pub struct Share {
    me: String,
    others: Arc<dyn Fn() -> Others + Send + Sync>,
}

impl Default for Share {
    /// All of them.
    fn default() -> Self {
        Self::among("", || Others::None)
    }
}

impl Share {
    /// That of the node `me`. `others` is asked at each scan.
    pub fn among(
        me: impl Into<String>,
        others: impl Fn() -> Others + Send + Sync + 'static,
    ) -> Self {
        Self { me: me.into(), others: Arc::new(others) }
    }

    pub(super) fn others(&self) -> Others {
        (self.others)()
    }

    /// How long this node leaves a timer that is due to the others.
    pub(super) fn wait_ms(&self, timer: &Timer, others: &Others) -> Millis {
        wait_ms(&self.me, others, timer)
    }
}

/// How long `me` leaves a due timer to those before it. The order of the nodes is one of its own
/// for each timer, the same on all nodes (rendezvous hashing: Thaler and Ravishankar, 1998), so
/// when a node dies its share falls to all others alike, and waits one turn.
pub fn wait_ms(me: &str, others: &Others, timer: &Timer) -> Millis {
    match others {
        Others::None => 0,
        Others::Known(nodes) => {
            let mine = (weight(me, timer), me);
            let before = |node: &&String| (weight(node, timer), node.as_str()) > mine;
            let rank = nodes.iter().filter(before).count();
            i64::try_from(rank).unwrap_or(i64::MAX).saturating_mul(TURN_MS)
        }
        Others::Unknown => {
            let turns = u64::try_from(STRANGERS_TURNS * TURN_MS).unwrap_or(1);
            i64::try_from(weight(me, timer) % turns).unwrap_or(0)
        }
    }
}

fn weight(node: &str, timer: &Timer) -> u64 {
    // All relays of a partition have the same order: nodes that carry out the same rows at the
    // same time are in one another's way.
    let relayed = (timer.kind == RELAY_TIMER).then(|| partition_of_relay(&timer.subject)).flatten();
    let about = relayed.as_deref().unwrap_or(&timer.subject);
    let digest = id::digest("timer share", &[node.as_bytes(), timer.kind.as_bytes(), about]);
    digest.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn timer(n: u32) -> Timer {
        Timer { due_at: 5, kind: "test".to_owned(), subject: n.to_be_bytes().to_vec() }
    }

    fn known(names: &[&str]) -> Others {
        Others::Known(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn alone_or_first_a_node_does_not_wait() {
        assert_eq!(wait_ms("a", &Others::None, &timer(1)), 0);
        assert_eq!(wait_ms("a", &known(&[]), &timer(1)), 0);
        assert_eq!(wait_ms("a", &known(&["a"]), &timer(1)), 0);
    }

    #[test]
    fn each_timer_has_each_turn_once_and_first_turns_are_shared_out() {
        let names = ["a", "b", "c"];
        let mut first: BTreeMap<&str, u32> = BTreeMap::new();
        for n in 0..3_000 {
            let mut waits = names.map(|me| wait_ms(me, &known(&names), &timer(n)));
            *first.entry(names[waits.iter().position(|wait| *wait == 0).unwrap()]).or_default() +=
                1;
            waits.sort_unstable();
            assert_eq!(waits, [0, TURN_MS, 2 * TURN_MS]);
        }
        assert!(first.values().all(|count| (900..1_100).contains(count)), "{first:?}");
    }

    #[test]
    fn the_share_of_a_node_that_died_falls_to_the_others_and_no_other_timer_moves() {
        let (all, left) = (known(&["a", "b", "c"]), known(&["a", "b"]));
        let mut taken = BTreeMap::<&str, u32>::new();
        for n in 0..3_000 {
            for me in ["a", "b"] {
                let (before, after) = (wait_ms(me, &all, &timer(n)), wait_ms(me, &left, &timer(n)));
                assert!(after == before || after == before - TURN_MS);
                if before == TURN_MS && after == 0 {
                    assert_eq!(wait_ms("c", &all, &timer(n)), 0, "it was c's");
                    *taken.entry(me).or_default() += 1;
                }
            }
        }
        assert!(taken.values().all(|count| (400..600).contains(count)), "{taken:?}");
    }

    #[test]
    fn strangers_spread_and_nobody_waits_for_long() {
        let waits = (0..1_000).map(|n| wait_ms("a", &Others::Unknown, &timer(n)));
        let (low, high) = (waits.clone().min().unwrap(), waits.max().unwrap());
        assert!(low >= 0 && high < STRANGERS_TURNS * TURN_MS && high - low > 3 * TURN_MS);
        let other = wait_ms("b", &Others::Unknown, &timer(1));
        assert_ne!(wait_ms("a", &Others::Unknown, &timer(1)), other);
    }
}

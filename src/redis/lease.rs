//! The rules of leases: pure, time is an argument.
//!
//! A node that could not refresh its lease for as long as it lasts has lapsed: others took it for
//! dead, so it begins a new *epoch*. What several servers say of the others is brought together:
//! a node lives if any of them knows its lease.

use super::peers::{Epoch, Node, View};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long a lease lasts.
pub const LEASE_MS: u64 = 15_000;
/// How often it is refreshed.
pub const REFRESH_MS: u64 = 5_000;

/// How long leases last; only tests choose.
#[derive(Debug, Clone, Copy)]
pub struct Tempo {
    /// A lease.
    pub lease: Duration,
    /// Between refreshes.
    pub refresh: Duration,
}

impl Default for Tempo {
    fn default() -> Self {
        Self { lease: Duration::from_millis(LEASE_MS), refresh: Duration::from_millis(REFRESH_MS) }
    }
}

/// What one server said.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Somebody else has this node's name.
    pub(super) holder: Option<Epoch>,
    /// The lease was there before it was refreshed.
    pub(super) was: bool,
    /// Who lives.
    pub(super) nodes: BTreeMap<Arc<str>, Epoch>,
}

/// This node's own lease.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) epoch: Epoch,
    /// Held before, perhaps still in the eyes of a server.
    pub(super) before: Option<Epoch>,
    /// It was held at some time: whoever does not know it, forgot it.
    pub(super) known: bool,
    /// When the last good refresh was sent.
    good: Option<Instant>,
    length: Duration,
}

impl Lease {
    pub(super) fn new(length: Duration) -> Self {
        Self { epoch: Epoch::fresh(), before: None, known: false, good: None, length }
    }

    /// Begins a new epoch if the lease ran out. True: it did.
    pub(super) fn lapse(&mut self, now: Instant) -> bool {
        let over = self.good.is_some_and(|good| now.duration_since(good) > self.length);
        if over {
            self.before = Some(std::mem::replace(&mut self.epoch, Epoch::fresh()));
            self.good = None;
        }
        over
    }

    /// A refresh of `epoch`, sent at `sent`, was taken. An answer that took longer than the lease
    /// says nothing, nor one to an epoch that is over.
    pub(super) fn refreshed(&mut self, epoch: Epoch, sent: Instant) {
        if self.epoch == epoch {
            self.known = true;
            self.good = Some(self.good.map_or(sent, |good| good.max(sent)));
        }
    }

    /// Others know that this node lives.
    pub(super) fn is_held(&self, now: Instant) -> bool {
        self.good.is_some_and(|good| now.duration_since(good) <= self.length)
    }
}

/// Brings together what the servers said (`None`: no answer). `forgot`: a server lost its data
/// less than a lease ago, so who is missing there may live.
pub(super) fn next_view(last: &View, told: &[Option<Told>], forgot: bool) -> View {
    let mut nodes: BTreeMap<Arc<str>, Epoch> = BTreeMap::new();
    for told in told.iter().flatten() {
        nodes.extend(told.nodes.iter().map(|(name, epoch)| (Arc::clone(name), *epoch)));
    }
    let certain = !forgot && told.iter().all(Option::is_some);
    let mut lapses = last.lapses;
    for node in last.nodes.iter() {
        match nodes.get(&node.name) {
            Some(epoch) if *epoch == node.epoch => {}
            // Who is away cannot say who is gone.
            None if !certain => {
                nodes.insert(Arc::clone(&node.name), node.epoch);
            }
            // Gone; or its name has another epoch, and the older one is over, whoever says so.
            None | Some(_) => lapses += 1,
        }
    }
    let nodes = nodes.into_iter().map(|(name, epoch)| Node { name, epoch }).collect();
    View { nodes, certain, lapses, own_lapses: last.own_lapses, forgotten: last.forgotten }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(nodes: &[(&str, Epoch)]) -> Told {
        let nodes = nodes.iter().map(|(name, epoch)| (Arc::from(*name), *epoch)).collect();
        Told { holder: None, was: true, nodes }
    }

    fn names(view: &View) -> Vec<&str> {
        view.nodes.iter().map(|node| &*node.name).collect()
    }

    #[test]
    fn a_lease_that_ran_out_is_another_epoch_once() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut lease = Lease::new(Duration::from_millis(100));
        let first = lease.epoch;
        assert!(!lease.lapse(after(1_000)), "it was never held");
        lease.refreshed(first, after(1_000));
        assert!(!lease.lapse(after(1_100)) && lease.is_held(after(1_100)));
        assert!(!lease.is_held(after(1_101)) && lease.lapse(after(1_101)));
        assert_eq!(lease.before, Some(first));
        assert_ne!(lease.epoch, first);
        lease.refreshed(first, after(1_102));
        assert!(!lease.is_held(after(1_102)), "an answer to the epoch before");
        assert!(!lease.lapse(after(9_999)));
    }

    #[test]
    fn a_node_lapses_when_all_servers_answer_and_none_knows_it() {
        let (a, b, c) = (Epoch::fresh(), Epoch::fresh(), Epoch::fresh());
        let start = View::default();
        let both =
            next_view(&start, &[Some(told(&[("a", a), ("b", b)])), Some(told(&[("a", a)]))], false);
        assert_eq!((names(&both), both.lapses, both.certain), (vec!["a", "b"], 0, true));
        for (said, forgot, left, lapses) in [
            (vec![Some(told(&[("a", a)])), Some(told(&[("a", a), ("b", b)]))], false, 2, 0),
            (vec![Some(told(&[("a", a)])), Some(told(&[("a", a)]))], false, 1, 1),
            (vec![Some(told(&[("a", a)])), None], false, 2, 0),
            (vec![Some(told(&[])), Some(told(&[]))], true, 2, 0),
            (vec![Some(told(&[])), Some(told(&[]))], false, 0, 2),
            (vec![None, None], false, 2, 0),
            (vec![Some(told(&[("a", a), ("b", c)])), None], false, 2, 1),
        ] {
            let view = next_view(&both, &said, forgot);
            assert_eq!((view.nodes.len(), view.lapses), (left, lapses), "{said:?} {forgot}");
        }
    }
}

//! Defects on purpose. `tests/cluster/broken` runs a server with each of them and fails unless
//! the oracle says so: a chaos run that finds nothing has to be one that would find something.
//!
//! Compiled only with the feature `broken`, and never into a release. The defect is named by
//! `DEFECT_ON_PURPOSE` in the environment (not `SANCTUARY_…`: it is no setting); without it
//! nothing is broken.
//!
//! `ANSWERS_LOST=N` is no defect but bad luck: the answer of one commit in N never comes. A sound
//! server lives with it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A defect that only a crash shows leaves this much time for one.
const DAWDLE: Duration = Duration::from_millis(500);

#[cfg(not(debug_assertions))]
compile_error!("the feature `broken` is for tests only");

/// A promise that is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    /// An append is acknowledged before it is written.
    AckEarly,
    /// What the bus lost is never looked for.
    NoRepair,
    /// A conditional batch whose outcome is unknown is sent again.
    BlindRetry,
    /// What follows from a commit is cleared before it is carried out.
    ClearEarly,
}

impl Defect {
    fn of(word: &str) -> Option<Self> {
        match word {
            "ack_early" => Some(Self::AckEarly),
            "no_repair" => Some(Self::NoRepair),
            "blind_retry" => Some(Self::BlindRetry),
            "clear_early" => Some(Self::ClearEarly),
            _ => None,
        }
    }
}

/// Whether this is broken. A word that is no defect ends the process: it would prove nothing.
pub(crate) fn is(defect: Defect) -> bool {
    static CHOSEN: OnceLock<Option<Defect>> = OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| {
        let word = std::env::var("DEFECT_ON_PURPOSE").ok()?;
        let defect = Defect::of(&word);
        if defect.is_none() {
            tracing::error!(word, "no such defect");
            std::process::exit(2);
        }
        defect
    });
    *chosen == Some(defect)
}

/// Whether the answer of this commit is lost.
pub(crate) fn loses_an_answer() -> bool {
    static ONE_IN: OnceLock<Option<u64>> = OnceLock::new();
    static COMMITS: AtomicU64 = AtomicU64::new(0);
    let one_in = ONE_IN.get_or_init(|| std::env::var("ANSWERS_LOST").ok()?.parse().ok());
    one_in.is_some_and(|n| COMMITS.fetch_add(1, Ordering::Relaxed) % n == n - 1)
}

/// Waits, where this is broken.
pub(crate) async fn dawdle(defect: Defect) {
    if is(defect) {
        tokio::time::sleep(DAWDLE).await;
    }
}

//! Defects on purpose. `tests/cluster/broken` runs a server with each of them and fails unless
//! the oracle says so: a chaos run that finds nothing has to be one that would find something.
//!
//! Compiled only with the feature `broken`, and never into a release. The defect is named by
//! `DEFECT_ON_PURPOSE` in the environment (not `SANCTUARY_…`: it is no setting); without it
//! nothing is broken.

use std::sync::OnceLock;
use std::time::Duration;

/// A defect that only a crash shows leaves this much time for one.
const DAWDLE: Duration = Duration::from_millis(50);

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

/// Waits, where this is broken.
pub(crate) async fn dawdle(defect: Defect) {
    if is(defect) {
        tokio::time::sleep(DAWDLE).await;
    }
}

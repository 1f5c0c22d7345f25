//! Faults on purpose: tests break an engine while it runs.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// What is to go wrong. All off by default; each may be set at any moment. A commit is a
/// transaction of the embedded engine, a conditional batch of the CQL engine.
#[derive(Debug, Default)]
pub struct Faults {
    commits_refused: AtomicU32,
    commits_unknown: AtomicU32,
    write_refused_in: AtomicU32,
    slow_ms: AtomicU64,
    disk_full: AtomicBool,
}

/// How a commit goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommitFault {
    /// It fails, and nothing of it happened.
    Refused,
    /// It happens, and is reported as failed.
    Unknown,
}

impl Faults {
    /// The next `n` commits fail.
    pub fn refuse_commits(&self, n: u32) {
        self.commits_refused.store(n, Ordering::SeqCst);
    }

    /// The next `n` commits happen and are reported as failed.
    pub fn lose_commit_results(&self, n: u32) {
        self.commits_unknown.store(n, Ordering::SeqCst);
    }

    /// The `n`th write from now fails (1 is the next), however often it is tried. Embedded only.
    pub fn refuse_write(&self, n: u32) {
        self.write_refused_in.store(n, Ordering::SeqCst);
    }

    /// Each group takes this much longer; on the CQL engine each write.
    pub fn slow(&self, by: Duration) {
        let ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.slow_ms.store(ms, Ordering::SeqCst);
    }

    /// The file can't grow. Embedded only.
    pub fn fill_disk(&self, full: bool) {
        self.disk_full.store(full, Ordering::SeqCst);
    }

    pub(crate) fn on_commit(&self) -> Option<CommitFault> {
        #[cfg(feature = "broken")]
        if crate::broken::loses_an_answer() {
            return Some(CommitFault::Unknown);
        }
        if take(&self.commits_refused).is_some() {
            Some(CommitFault::Refused)
        } else {
            take(&self.commits_unknown).map(|_| CommitFault::Unknown)
        }
    }

    /// Which of a group's writes fails.
    pub(crate) fn on_group(&self, jobs: usize) -> Option<usize> {
        (0..jobs).find(|_| take(&self.write_refused_in) == Some(1))
    }

    pub(crate) fn delay(&self) -> Option<Duration> {
        match self.slow_ms.load(Ordering::Relaxed) {
            0 => None,
            ms => Some(Duration::from_millis(ms)),
        }
    }

    pub(crate) fn disk_is_full(&self) -> bool {
        self.disk_full.load(Ordering::Relaxed)
    }
}

/// Counts one down; what it was, unless it was 0.
fn take(counter: &AtomicU32) -> Option<u32> {
    if counter.load(Ordering::Relaxed) == 0 {
        return None;
    }
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).ok()
}

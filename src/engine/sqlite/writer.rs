//! The writer: one thread, one connection, many jobs a transaction.
//!
//! It takes what waits, writes it in one transaction, commits once, lets the hooks tell others,
//! then tells the callers. A job that fails takes nobody with it: the transaction is rolled back
//! and each job is run in one of its own [the good case pays nothing for it; a savepoint a job
//! would cost two statements an append]. A commit that fails, or whose outcome is not known, is
//! `unavailable` to all of its callers.

use super::queue::{Job, Queue};
use super::tables::SWEEP_ROWS_MAX;
use super::{WRITER_CACHE_KIB, configure, error};
use crate::clock::Clock;
use crate::engine::faults::{CommitFault, Faults};
use crate::engine::health::Health;
use rusqlite::{Connection, ffi};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Between two sweeps of rows whose time is over.
pub const SWEEP_INTERVAL_MS: u64 = 30_000;
/// Between two looks whether another process wrote.
pub const FOREIGN_LOOK_MS: u64 = 500;
/// The same while a sweep found as much as it may delete.
pub const SWEEP_AGAIN_MS: u64 = 1_000;

/// Told after each commit, on the writer's thread, before the callers are.
pub(crate) type Hook = Box<dyn Fn() + Send + Sync>;

pub(super) struct Writer {
    pub(super) path: PathBuf,
    pub(super) connection: Connection,
    pub(super) queue: Arc<Queue>,
    pub(super) faults: Arc<Faults>,
    pub(super) health: Arc<Health>,
    pub(super) hooks: Arc<Mutex<Vec<Hook>>>,
    pub(super) clock: Clock,
    pub(super) sweeps: Vec<String>,
    pub(super) foreign: watch::Sender<u64>,
}

enum Failure {
    /// One job's.
    Job(String),
    /// Not the fault of any of them.
    Group(String),
}

impl Writer {
    /// Until the queue is closed and drained.
    pub(super) fn run(mut self) {
        let mut next_sweep = Instant::now() + Duration::from_millis(SWEEP_INTERVAL_MS);
        let mut full = false;
        let mut seen = (Instant::now(), self.data_version());
        while let Some(jobs) = self.queue.take(Duration::from_millis(FOREIGN_LOOK_MS)) {
            if full != self.faults.disk_is_full() {
                full = !full;
                self.limit_pages(full);
            }
            if let Some(delay) = self.faults.delay() {
                std::thread::sleep(delay);
            }
            if !jobs.is_empty() {
                self.group(jobs);
            }
            if seen.0.elapsed() >= Duration::from_millis(FOREIGN_LOOK_MS) {
                let version = self.data_version();
                if version != seen.1 {
                    self.foreign.send_modify(|times| *times += 1);
                }
                seen = (Instant::now(), version);
            }
            if Instant::now() >= next_sweep {
                let pause = if self.sweep() { SWEEP_AGAIN_MS } else { SWEEP_INTERVAL_MS };
                next_sweep = Instant::now() + Duration::from_millis(pause);
            }
        }
        if let Err(error) = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::warn!(%error, "no checkpoint at the end; the next start reads the WAL");
        }
    }

    /// Changes with the commits of others, not with one's own.
    fn data_version(&self) -> Option<i64> {
        let mut pragma = self.connection.prepare_cached("PRAGMA data_version").ok()?;
        pragma.query_row([], |row| row.get(0)).ok()
    }

    fn group(&mut self, mut jobs: Vec<Box<dyn Job>>) {
        let started = Instant::now();
        #[expect(clippy::cast_precision_loss, reason = "at most a few hundred")]
        metrics::histogram!("sanctuary_store_group_jobs").record(jobs.len() as f64);
        let poisoned = self.faults.on_group(jobs.len());
        match self.attempt(&mut jobs, poisoned) {
            Ok(()) => self.tell(jobs),
            Err(Failure::Group(cause)) => self.fail(jobs, &cause),
            Err(Failure::Job(cause)) if jobs.len() == 1 => fail_one(jobs, &cause),
            Err(Failure::Job(..)) => {
                for (place, job) in jobs.into_iter().enumerate() {
                    let mut one = vec![job];
                    match self.attempt(&mut one, poisoned.filter(|p| *p == place).map(|_| 0)) {
                        Ok(()) => self.tell(one),
                        Err(Failure::Group(cause)) => self.fail(one, &cause),
                        Err(Failure::Job(cause)) => fail_one(one, &cause),
                    }
                }
            }
        }
        metrics::histogram!("sanctuary_store_commit_seconds").record(started.elapsed());
    }

    /// One transaction.
    fn attempt(
        &mut self,
        jobs: &mut [Box<dyn Job>],
        poisoned: Option<usize>,
    ) -> Result<(), Failure> {
        let group = |error: rusqlite::Error| Failure::Group(error.to_string());
        self.execute("BEGIN IMMEDIATE").map_err(group)?;
        for (place, job) in jobs.iter_mut().enumerate() {
            let written = if poisoned == Some(place) {
                Err(Failure::Job("a fault on purpose".to_owned()))
            } else {
                match catch_unwind(AssertUnwindSafe(|| job.write(&self.connection))) {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(error)) if error::is_of_the_disk(&error) => Err(group(error)),
                    Ok(Err(error)) => Err(Failure::Job(error.to_string())),
                    Err(_) => Err(Failure::Job("a job panicked".to_owned())),
                }
            };
            if written.is_err() {
                self.roll_back();
                return written;
            }
        }
        let fault = self.faults.on_commit();
        let committed = match fault {
            Some(CommitFault::Refused) => Err(injected()),
            Some(CommitFault::Unknown) => self.execute("COMMIT").and(Err(injected())),
            None => self.execute("COMMIT"),
        };
        committed.map_err(|error| {
            self.roll_back();
            group(error)
        })
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(|_| ())
    }

    /// Leaves no transaction open; takes a new connection where that is the only way.
    fn roll_back(&mut self) {
        if self.connection.is_autocommit() || self.execute("ROLLBACK").is_ok() {
            return;
        }
        match Connection::open(&self.path)
            .and_then(|new| configure(&new, WRITER_CACHE_KIB).map(|()| new))
        {
            Ok(new) => self.connection = new,
            Err(error) => tracing::error!(%error, "the store can't be opened again"),
        }
    }

    fn tell(&self, mut jobs: Vec<Box<dyn Job>>) {
        self.health.good();
        for job in &mut jobs {
            job.committed();
        }
        for hook in self.hooks.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            hook();
        }
        for job in jobs {
            job.finish(Ok(()));
        }
    }

    fn fail(&self, jobs: Vec<Box<dyn Job>>, cause: &str) {
        tracing::error!(cause, jobs = jobs.len(), "a transaction failed; its callers are told");
        metrics::counter!("sanctuary_store_failures_total").increment(1);
        self.health.bad(cause);
        for job in jobs {
            job.finish(Err(crate::error::unavailable()));
        }
    }

    /// Whether there is more.
    fn sweep(&mut self) -> bool {
        match sweep(&self.connection, &self.sweeps, self.clock.now()) {
            Ok(swept) => swept >= u64::from(SWEEP_ROWS_MAX),
            Err(error) => {
                tracing::warn!(%error, "rows whose time is over were not swept");
                self.roll_back();
                false
            }
        }
    }

    fn limit_pages(&self, full: bool) {
        let limit = if full { "1" } else { "4294967294" };
        // A limit below the file's size means its size.
        let set =
            self.connection.query_row(&format!("PRAGMA max_page_count = {limit}"), [], |_| Ok(()));
        if let Err(error) = set {
            tracing::warn!(%error, "the fault could not be set");
        }
    }
}

/// The others are well: this one asked for something that can't be.
fn fail_one(jobs: Vec<Box<dyn Job>>, cause: &str) {
    metrics::counter!("sanctuary_store_refused_jobs_total").increment(1);
    for job in jobs {
        job.finish(Err(crate::error::internal(&cause)));
    }
}

fn injected() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        ffi::Error::new(ffi::SQLITE_IOERR),
        Some("a fault on purpose".to_owned()),
    )
}

/// Deletes rows whose time is over, some of each table; how many.
pub(super) fn sweep(
    connection: &Connection,
    sweeps: &[String],
    now: protocol::Millis,
) -> rusqlite::Result<u64> {
    let mut swept = 0;
    for sql in sweeps {
        let rows = connection.prepare_cached(sql)?.execute((now, SWEEP_ROWS_MAX))?;
        swept += rows as u64;
    }
    Ok(swept)
}

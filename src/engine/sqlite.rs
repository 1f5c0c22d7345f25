//! The embedded engine: one SQLite file in the data folder, which log, store and timers share.
//!
//! Promises. What [`Sqlite::write`] and its kin acknowledge is on the disk (WAL,
//! `synchronous=FULL`), and nothing else is acknowledged. A read sees one moment. Another process
//! may open the same file: transactions take the write lock before they look.
//!
//! Does not know what it keeps: jobs are closures over a connection.

mod error;
mod queue;
mod readers;
mod tables;
mod writer;

pub use queue::{GROUP_BULK_JOBS_MAX, GROUP_JOBS_MAX, QUEUE_BULK_JOBS_MAX};
pub use readers::QUEUE_READS_MAX;
pub use tables::{SWEEP_ROWS_MAX, TablesError};
pub use writer::{FOREIGN_LOOK_MS, SWEEP_AGAIN_MS, SWEEP_INTERVAL_MS};

pub(crate) use queue::{Job, Lane};
pub(crate) use tables::EXPIRES_AT;

use super::Faults;
use super::health::Health;
use super::schema::{Schema, SchemaError};
use crate::clock::Clock;
use crate::error::{Result, unavailable};
use queue::Queue;
use readers::Readers;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// The file in the data folder.
pub const FILE_NAME: &str = "sanctuary.db";
/// Jobs of people that wait for the writer; more wait at the caller.
pub const QUEUE_JOBS_MAX: usize = 8 * 1024;
/// Threads that read.
pub const READERS: usize = 3;
/// A transaction waits this long for one of another process.
pub const BUSY_TIMEOUT_MS: u64 = 5_000;
/// Pages of the WAL (4 KiB each) from which a commit writes them back [10 000 topics: 1 000 pages
/// 6 800 appends/s, 4 000 14 800, 16 000 16 700; 8 000 is 32 MiB to read after a crash].
pub const CHECKPOINT_PAGES: u32 = 8_000;
/// What the writer may keep of the file in memory.
pub const WRITER_CACHE_KIB: u32 = 64 * 1024;
/// The same for each reader; the system's cache is behind it.
pub const READER_CACHE_KIB: u32 = 8 * 1024;
/// Prepared statements that a connection keeps.
pub const STATEMENTS_MAX: usize = 512;

/// What an embedded store is opened with.
#[derive(Debug)]
pub struct Options {
    /// The data folder; made if it is not there.
    pub folder: PathBuf,
    /// The time.
    pub clock: Clock,
    /// The tables.
    pub schema: Schema,
    /// What is to go wrong; for tests.
    pub faults: Arc<Faults>,
}

/// A store that can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The schema can't be read.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The folder can't be made, or a thread not started.
    #[error("data folder: {0}")]
    Folder(#[from] std::io::Error),
    /// The file is not ours, broken, or on a disk that refuses.
    #[error("store: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The file does not fit the schema.
    #[error("store: {0}")]
    Tables(#[from] TablesError),
}

/// See the module.
pub struct Sqlite {
    schema: Schema,
    clock: Clock,
    queue: Arc<Queue>,
    readers: Mutex<Option<Arc<Readers>>>,
    health: Arc<Health>,
    hooks: Arc<Mutex<Vec<writer::Hook>>>,
    sweeps: Vec<String>,
    foreign: watch::Receiver<u64>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Sqlite {
    /// Opens or makes the store of a data folder.
    pub fn open(folder: &Path, clock: Clock) -> std::result::Result<Arc<Self>, OpenError> {
        Self::open_with(Options {
            folder: folder.to_owned(),
            clock,
            schema: Schema::embedded().clone()?,
            faults: Arc::default(),
        })
    }

    /// The same, with all that can be chosen.
    pub fn open_with(options: Options) -> std::result::Result<Arc<Self>, OpenError> {
        let Options { folder, clock, schema, faults } = options;
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(FILE_NAME);
        let mut connection = Connection::open(&path)?;
        connection.busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS))?;
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        configure(&connection, WRITER_CACHE_KIB)?;
        tables::create(&mut connection, &schema)?;

        let queue = Arc::new(Queue::new(QUEUE_JOBS_MAX));
        let (health, hooks) = (Arc::new(Health::default()), Arc::default());
        let (readers, mut threads) = Readers::start(&path, READERS)?;
        let (foreign, heard) = watch::channel(0);
        let writer = writer::Writer {
            path,
            connection,
            queue: Arc::clone(&queue),
            faults,
            health: Arc::clone(&health),
            hooks: Arc::clone(&hooks),
            clock: clock.clone(),
            sweeps: tables::sweeps(&schema),
            foreign,
        };
        let sweeps = writer.sweeps.clone();
        let thread = std::thread::Builder::new().name("store-write".to_owned());
        threads.push(thread.spawn(move || writer.run())?);
        Ok(Arc::new(Self {
            schema,
            clock,
            queue,
            readers: Mutex::new(Some(Arc::new(readers))),
            health,
            hooks,
            sweeps,
            foreign: heard,
            threads: Mutex::new(threads),
        }))
    }

    /// `Err` with the cause while writes fail; for `/readyz`.
    pub fn health(&self) -> std::result::Result<(), String> {
        self.health.state()
    }

    /// The tables.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The time.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Rises when another process wrote to the file, [`FOREIGN_LOOK_MS`] later at most: what it
    /// appended was not published here, so all topics are suspect.
    pub fn foreign_changes(&self) -> watch::Receiver<u64> {
        self.foreign.clone()
    }

    /// Writes what waits, writes the WAL back and ends the threads. Blocks: not for async code.
    pub fn close(&self) {
        self.stop();
        let threads: Vec<_> =
            self.threads.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect();
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the store panicked");
            }
        }
    }

    /// Deletes rows whose time is over, some of each table; the writer does it now and then.
    pub async fn sweep(&self) -> Result<u64> {
        let (sweeps, now) = (self.sweeps.clone(), self.clock.now());
        self.write(Lane::Bulk, move |connection| writer::sweep(connection, &sweeps, now)).await
    }

    /// Calls `hook` after each commit, on the writer's thread, before its callers are told.
    pub(crate) fn after_commit(&self, hook: impl Fn() + Send + Sync + 'static) {
        self.hooks.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(hook));
    }

    /// Enqueues a job, by the first poll unless the queue is full.
    pub(crate) async fn enqueue(&self, lane: Lane, job: Box<dyn Job>) -> Result<()> {
        self.queue.push(lane, job).await
    }

    /// Writes in a transaction, and returns once that is durable.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, result) = oneshot::channel();
        self.enqueue(lane, Box::new(Write { run: work, result: None, reply })).await?;
        result.await.unwrap_or_else(|_| Err(unavailable()))
    }

    /// Reads in a transaction.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let readers = readers.ok_or_else(unavailable)?;
        let (reply, result) = oneshot::channel();
        let read = Box::new(move |connection: &Connection| {
            let read = in_one_moment(connection, work).map_err(|cause| error::of(&cause));
            let _ = reply.send(read);
        });
        readers.push(read).await?;
        result.await.unwrap_or_else(|_| Err(unavailable()))
    }

    fn stop(&self) {
        self.queue.close();
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Settings of every connection.
fn configure(connection: &Connection, cache_kib: u32) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.execute_batch(&format!(
        "PRAGMA synchronous = FULL;
         PRAGMA secure_delete = FAST;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -{cache_kib};
         PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES};
         PRAGMA journal_size_limit = 67108864;"
    ))
}

fn in_one_moment<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let read = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(connection)));
    let ended = connection.prepare_cached("COMMIT")?.execute([]);
    match read {
        Ok(read) => read.and_then(|value| ended.map(|_| value)),
        Err(_) => Err(rusqlite::Error::InvalidQuery),
    }
}

struct Write<F, T> {
    run: F,
    result: Option<T>,
    reply: oneshot::Sender<Result<T>>,
}

impl<F, T> Job for Write<F, T>
where
    F: FnMut(&Connection) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.result = Some((self.run)(connection)?);
        Ok(())
    }

    fn finish(self: Box<Self>, outcome: Result<()>) {
        let Self { result, reply, .. } = *self;
        // A caller that left does not hear of it; the write counts.
        let _ = reply.send(outcome.and_then(|()| result.ok_or_else(unavailable)));
    }
}

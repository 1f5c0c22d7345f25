//! The CQL engine: one connection to a cluster of ScyllaDB or Apache Cassandra 5, which log, store
//! and timers share.
//!
//! Promises. What is acknowledged was written by a quorum of the replicas of the local datacenter.
//! A conditional batch is one partition's, applied or refused as a whole; where its outcome is not
//! known, that is said ([`Outcome::Unknown`]) and nothing is tried again behind the caller's back:
//! the driver's retries are off, its statements are not marked idempotent, no time stamps are
//! sent. Only [`Cql::write`], for what may be repeated, tries a few times.
//!
//! Does not know what it keeps: statements are text with values.

mod connect;
mod error;
mod migrate;
mod probe;
mod tables;

pub use migrate::{CHANGE_TIMEOUT_MS, LOCK_AGAIN_MS, LOCK_TTL_S, LOCK_WAIT_MS};
pub use probe::PROBE_INTERVAL_MS;

use super::Faults;
use super::faults::CommitFault;
use super::health::Health;
use super::schema::{Schema, SchemaError};
use crate::clock::Clock;
use crate::config::Replication;
use crate::error::{Result, internal, unavailable};
use dashmap::DashMap;
use error::Failure;
use scylla::client::session::Session;
use scylla::response::query_result::QueryResult;
use scylla::response::{PagingState, PagingStateResponse};
use scylla::statement::Consistency;
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::value::{CqlValue, Row};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

/// A node that took no connection within this is away.
pub const CONNECT_TIMEOUT_MS: u64 = 5_000;
/// A request that was not answered within this has an unknown outcome.
pub const REQUEST_TIMEOUT_MS: u64 = 5_000;
/// Requests of this node under way at once; more wait, at most [`REQUEST_TIMEOUT_MS`].
pub const REQUESTS_MAX: usize = 512;
/// Texts of statements that are kept prepared; there are a few for each table.
pub const STATEMENTS_MAX: usize = 2_048;
/// Rows of one page of a read.
pub const PAGE_ROWS: i32 = 2_500;
/// Tries of the pages of a read, all together; a read changes nothing.
pub const READ_TRIES_MAX: u32 = 2;
/// Tries of a write that may be repeated.
pub const WRITE_TRIES_MAX: u32 = 3;
/// Before the second try of such a write; twice that before the third.
pub const WRITE_BACKOFF_MS: u64 = 100;

/// Values of one conditional batch [Cassandra 5.0 took 3.5 MiB in one partition and refused half
/// a segment of its commit log, by default 16 MiB; `ScyllaDB` refuses 1 MiB].
pub const BATCH_BYTES_MAX: usize = 512 * 1_024;

/// What a column holds; `None` is null.
pub type Cell = Option<CqlValue>;

/// A `bigint`.
pub const fn bigint(value: i64) -> Cell {
    Some(CqlValue::BigInt(value))
}

/// A statement of a batch: its text, and the values of its marks.
pub type Part<'a> = (&'a str, Vec<Cell>);

/// What a cluster is opened with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Nodes of first contact, `host:port`; the driver finds the others.
    pub nodes: Vec<String>,
    /// The keyspace; made if it is not there.
    pub keyspace: String,
    /// How often what is kept is kept; for a keyspace that is made.
    pub replication: Replication,
    /// Whether a keyspace that is made has tablets, where the server has a choice (`ScyllaDB`).
    pub tablets: bool,
    /// User and password.
    pub login: Option<(String, String)>,
    /// Encrypted connections.
    pub tls: Option<Tls>,
    /// The datacenter whose nodes are asked; the others only hold copies.
    pub datacenter: Option<String>,
    /// The time.
    pub clock: Clock,
    /// The tables.
    pub schema: Schema,
    /// What is to go wrong; for tests.
    pub faults: Arc<Faults>,
}

/// How nodes are believed. Their certificates must name the address that is dialled.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Certificates of the authorities that sign those of the nodes, PEM.
    pub ca: PathBuf,
    /// Our own certificate and key, PEM, where nodes ask for one.
    pub own: Option<(PathBuf, PathBuf)>,
}

/// A cluster that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The schema can't be read.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A certificate or key can't be read.
    #[error("cql: {}: {cause}", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// No node answered, or the login was refused.
    #[error("cql: no node of {nodes} can be used: {cause}")]
    Connect {
        /// Those that were tried.
        nodes: String,
        /// The driver's words.
        cause: String,
    },
    /// A statement of the set-up failed.
    #[error("cql: {what}: {cause}")]
    Migrate {
        /// What was to be done.
        what: String,
        /// The server's words.
        cause: String,
    },
    /// Another node holds the lock of the schema.
    #[error("cql: another node has been changing the schema for too long; is it stuck?")]
    Locked,
    /// A table was made by another version, and can't be changed in place.
    #[error(
        "cql: table {table} of this keyspace has another primary key, or {column} of another type; was it made by another version?"
    )]
    Differs {
        /// The table.
        table: String,
        /// The first column that differs.
        column: String,
    },
}

/// How a conditional batch ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// All of it is durable.
    Applied,
    /// Nothing of it happened: a condition did not hold. What the server names of the rows that
    /// conflicted, by column; one entry for each row it names.
    Refused(Vec<Vec<(String, CqlValue)>>),
    /// It happened, did not, or still may. Read before anything else is done.
    Unknown(String),
}

/// See the module.
pub struct Cql {
    session: Session,
    schema: Schema,
    clock: Clock,
    faults: Arc<Faults>,
    health: Health,
    last_write: Mutex<Instant>,
    statements: DashMap<String, PreparedStatement>,
    room: Semaphore,
}

impl Cql {
    /// Connects, makes what is missing in the keyspace, and watches over the cluster's health.
    pub async fn open(options: Options) -> std::result::Result<Arc<Self>, OpenError> {
        let session = connect::session(&options).await?;
        migrate::run(&session, &options).await?;
        let used = session.use_keyspace(&options.keyspace, true).await;
        used.map_err(|cause| OpenError::Migrate {
            what: format!("use of keyspace {}", options.keyspace),
            cause: cause.to_string(),
        })?;
        let engine = Arc::new(Self {
            session,
            schema: options.schema,
            clock: options.clock,
            faults: options.faults,
            health: Health::default(),
            last_write: Mutex::new(Instant::now()),
            statements: DashMap::new(),
            room: Semaphore::new(REQUESTS_MAX),
        });
        tokio::spawn(probe::run(Arc::downgrade(&engine)));
        Ok(engine)
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

    /// A prepared statement; prepared once.
    pub async fn prepare(&self, text: &str) -> Result<PreparedStatement> {
        if let Some(statement) = self.statements.get(text) {
            return Ok(statement.clone());
        }
        let prepared = self.session.prepare(text).await;
        let mut statement = prepared.map_err(|error| self.told(&Failure::of_prepare(&error)))?;
        statement.set_page_size(PAGE_ROWS);
        if self.statements.len() < STATEMENTS_MAX {
            self.statements.insert(text.to_owned(), statement.clone());
        } else {
            tracing::warn!("more statements than are kept prepared");
        }
        Ok(statement)
    }

    /// The first rows that a read finds, at most `limit`.
    pub async fn rows(&self, text: &str, values: Vec<Cell>, limit: usize) -> Result<Vec<Row>> {
        Ok(self.pages(text, values, limit).await?.0)
    }

    /// The same, and how many pages they came in. Pages are no snapshot.
    pub async fn pages(
        &self,
        text: &str,
        values: Vec<Cell>,
        limit: usize,
    ) -> Result<(Vec<Row>, u32)> {
        let statement = self.prepare(text).await?;
        self.read(&statement, values, limit).await
    }

    /// The same within one partition, after all conditional batches of it that were decided: one
    /// that was under way is finished or is over.
    pub async fn rows_serial(
        &self,
        text: &str,
        values: Vec<Cell>,
        limit: usize,
    ) -> Result<Vec<Row>> {
        let mut statement = self.prepare(text).await?;
        statement.set_consistency(Consistency::LocalSerial);
        Ok(self.read(&statement, values, limit).await?.0)
    }

    async fn read(
        &self,
        statement: &PreparedStatement,
        values: Vec<Cell>,
        limit: usize,
    ) -> Result<(Vec<Row>, u32)> {
        let mut found = Vec::new();
        let mut pages = 0;
        let mut at = PagingState::start();
        let mut tries = 0;
        loop {
            let room = self.room().await?;
            let page = self.session.execute_single_page(statement, &values, at.clone()).await;
            drop(room);
            let (page, next) = match page.map_err(|error| Failure::of(&error)) {
                Ok(page) => page,
                Err(failure) => {
                    tries += 1;
                    if tries >= READ_TRIES_MAX || failure.is_ours() {
                        return Err(self.told(&failure));
                    }
                    continue;
                }
            };
            pages += 1;
            for row in rows_of(page)? {
                if found.len() == limit {
                    return Ok((found, pages));
                }
                found.push(row);
            }
            match next {
                PagingStateResponse::HasMorePages { state } if found.len() < limit => at = state,
                _ => return Ok((found, pages)),
            }
        }
    }

    /// A write that is neither conditional nor changed by being repeated.
    pub async fn write(&self, text: &str, values: Vec<Cell>) -> Result<()> {
        let statement = self.prepare(text).await?;
        let mut tries = 0;
        loop {
            self.slow().await;
            let room = self.room().await?;
            let written = self.session.execute_unpaged(&statement, &values).await;
            drop(room);
            let failure = match written {
                Ok(_) => {
                    self.wrote();
                    return Ok(());
                }
                Err(error) => Failure::of(&error),
            };
            tries += 1;
            if tries == WRITE_TRIES_MAX || failure.is_ours() {
                return Err(self.told(&failure));
            }
            let pause = WRITE_BACKOFF_MS << (tries - 1);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    /// A batch of one partition with conditions: applied as a whole, or not at all. An error means
    /// that it was never sent, or that the server did not understand it: nothing happened.
    pub async fn conditional(&self, parts: Vec<Part<'_>>) -> Result<Outcome> {
        let mut batch = Batch::new(BatchType::Unlogged);
        let mut values = Vec::with_capacity(parts.len());
        for (text, bound) in parts {
            batch.append_statement(self.prepare(text).await?);
            values.push(bound);
        }
        self.slow().await;
        let fault = self.faults.on_commit();
        if fault == Some(CommitFault::Refused) {
            return Ok(self.unknown("a fault on purpose".to_owned()));
        }
        let room = self.room().await?;
        let started = Instant::now();
        #[cfg(feature = "broken")]
        let again = crate::broken::is(crate::broken::Defect::BlindRetry).then(|| values.clone());
        let answer = self.session.batch(&batch, values).await;
        let lost = fault == Some(CommitFault::Unknown);
        #[cfg(feature = "broken")]
        let (answer, lost) = match again {
            Some(values) if lost || answer.is_err() => {
                (self.session.batch(&batch, values).await, false)
            }
            _ => (answer, lost),
        };
        drop(room);
        metrics::histogram!("sanctuary_store_commit_seconds").record(started.elapsed());
        if lost {
            return Ok(self.unknown("a fault on purpose".to_owned()));
        }
        match answer {
            Ok(answer) => match outcome(answer) {
                Ok(outcome) => {
                    self.wrote();
                    Ok(outcome)
                }
                // It was sent: what can't be read says nothing.
                Err(cause) => Ok(self.unknown(cause)),
            },
            Err(error) => match Failure::of(&error) {
                failure if failure.is_ours() => Err(self.told(&failure)),
                failure => Ok(self.unknown(failure.cause)),
            },
        }
    }

    /// What a node's clock shows, in Unix milliseconds: a reference for [`Clock`]. Asks whichever
    /// node the driver takes; each has a clock of its own.
    pub async fn time(&self) -> Result<protocol::Millis> {
        let text = "SELECT toUnixTimestamp(now()) FROM system.local";
        let found = self.rows(text, vec![], 1).await?;
        let time = found.first().and_then(|row| row.columns.first()?.as_ref()?.as_bigint());
        time.ok_or_else(|| internal(&"the cluster does not say what time it is"))
    }

    /// What a failure is to a caller.
    fn told(&self, failure: &Failure) -> protocol::Error {
        if failure.is_ours() {
            return internal(&failure.cause);
        }
        self.failed(&failure.cause);
        unavailable()
    }

    fn unknown(&self, cause: String) -> Outcome {
        self.failed(&cause);
        Outcome::Unknown(cause)
    }

    fn failed(&self, cause: &str) {
        tracing::warn!(cause, "a request to the store failed");
        metrics::counter!("sanctuary_store_failures_total").increment(1);
        self.health.bad(cause);
        self.touch();
    }

    fn wrote(&self) {
        self.health.good();
        self.touch();
    }

    fn touch(&self) {
        *self.last_write.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn idle(&self) -> Duration {
        self.last_write.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    async fn slow(&self) {
        if let Some(delay) = self.faults.delay() {
            tokio::time::sleep(delay).await;
        }
    }

    async fn room(&self) -> Result<SemaphorePermit<'_>> {
        let wait = Duration::from_millis(REQUEST_TIMEOUT_MS);
        match tokio::time::timeout(wait, self.room.acquire()).await {
            Ok(Ok(room)) => Ok(room),
            _ => Err(crate::error::busy()),
        }
    }
}

fn rows_of(page: QueryResult) -> Result<Vec<Row>> {
    let rows = page.into_rows_result().map_err(|error| internal(&error))?;
    let rows = rows.rows::<Row>().map_err(|error| internal(&error))?;
    rows.collect::<std::result::Result<_, _>>().map_err(|error| internal(&error))
}

/// What a conditional batch was answered. `ScyllaDB` answers a row for each statement, Cassandra
/// one, or those that conflicted.
fn outcome(answer: QueryResult) -> std::result::Result<Outcome, String> {
    const APPLIED: &str = "[applied]";
    let rows = answer.into_rows_result().map_err(|error| error.to_string())?;
    let names: Vec<String> =
        rows.column_specs().iter().map(|column| column.name().to_owned()).collect();
    let found = rows.rows::<Row>().map_err(|error| error.to_string())?;
    let mut refused = Vec::new();
    let mut applied = None;
    for row in found {
        let row = row.map_err(|error| error.to_string())?;
        let mut named = Vec::new();
        for (name, cell) in names.iter().zip(row.columns) {
            match cell {
                Some(CqlValue::Boolean(yes)) if name == APPLIED => {
                    applied = Some(applied.unwrap_or(true) && yes);
                }
                Some(value) => named.push((name.clone(), value)),
                None => {}
            }
        }
        refused.push(named);
    }
    match applied {
        Some(true) => Ok(Outcome::Applied),
        Some(false) => Ok(Outcome::Refused(refused)),
        None => Err("a conditional batch was not answered as one".to_owned()),
    }
}

//! Records: rows in partitions, typed columns, on one of two engines.
//!
//! `get`, `list` (a range in one partition), `put` (unconditional, idempotent), `raise` (maxima),
//! and `commit`: an atomic, versioned change of one partition with the events and effects that
//! follow from it. There is no other multi-row atomicity, so a rule that must hold lives inside
//! one partition, and is decided in pure code between `load` and `commit`.
//!
//! Events and effects are outbox rows in the same batch. After the commit this node carries them
//! out, older versions first; a relay timer, set with the commit, lets any node finish what a
//! crash left. Keys make both idempotent: a state change and what follows are atomic, and happen
//! once.
//!
//! The store knows no feature. Tables are those of `schema/*.cql`; see `schema/README.md`.

mod cql;
mod record;
mod relay;
mod shape;
mod sqlite;

pub use cql::{CqlStore, LOAD_TRIES_MAX, NONCE_TTL_S, NONCES_KEPT_MIN};
pub(crate) use record::record;
pub use record::{Cells, Corrupt, Field, PlainRecord, Value, VersionedRecord};
pub use relay::{
    CARRIED_PARTITIONS_MAX, FOLLOWING_WAIT_MS, Following, GROUPS_AT_ONCE_MAX, LANES_MAX,
    RELAY_AFTER_MS, RELAY_GIVES_UP_MS, RELAY_TIMER, Store, TURN_WAITERS_MAX, on_a_lane,
};
pub(crate) use sqlite::Raises;
pub use sqlite::SqliteStore;

use crate::engine::schema::Schema;
use crate::error::Result;
use crate::timers::Timer;
use futures_util::future::BoxFuture;
use protocol::{Error, Event, Push, Topic};
use uuid::Uuid;

/// Rows of one `list`.
pub const LIST_ROWS_MAX: u32 = 1_000;
/// Rows of one versioned partition.
pub const PARTITION_ROWS_MAX: usize = 100_000;
/// Rows one commit may write, delete and add to the outbox.
pub const COMMIT_ROWS_MAX: usize = 2_000;
/// What one commit may write, delete and add to the outbox, in values [a conditional batch takes
/// 512 KiB, with the keys of each row].
pub const COMMIT_BYTES_MAX: usize = 256 * 1_024;
/// What a row of a commit takes beside its values, at most.
const ROW_BYTES: usize = 96;
/// Tries of a read-decide-commit loop before it is `busy`.
pub const COMMIT_TRIES_MAX: u32 = 8;

/// The kind of the rows of an outbox; no record has it.
pub const OUTBOX: &str = "outbox";

/// Counts the commits of a partition; 0 where there was none.
pub type Version = u64;

/// A partition of a versioned table: one aggregate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Partition {
    /// The table.
    pub table: &'static str,
    /// The values of its partition key, in order.
    pub key: Vec<Value>,
}

/// A partition as it is at a version.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Which.
    pub partition: Partition,
    /// At which version.
    pub version: Version,
    /// The rows, without those of the outbox.
    pub rows: Vec<Row>,
    /// What earlier commits left to be carried out and was not cleared yet.
    pub outbox: Vec<OutboxRow>,
}

impl Snapshot {
    /// The rows of one kind, typed.
    pub fn all<R: VersionedRecord>(&self) -> Result<Vec<R>> {
        self.rows
            .iter()
            .filter(|row| row.kind == R::KIND)
            .map(|row| R::from_cells(row.item, &row.cells).map_err(|e| crate::error::internal(&e)))
            .collect()
    }

    /// The only row of a kind, typed.
    pub fn one<R: VersionedRecord>(&self) -> Result<Option<R>> {
        Ok(self.all()?.into_iter().next())
    }
}

/// A row of a versioned partition: its clustering key is (kind, item).
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it is.
    pub kind: String,
    /// Which.
    pub item: Uuid,
    /// The other columns.
    pub cells: Cells,
}

/// Something that follows from a commit and still has to be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// The commit.
    pub version: Version,
    /// Its place among what follows from that commit.
    pub index: u32,
    /// [`EVENT`], or the kind of an effect.
    pub effect: String,
    /// Event: MessagePack of (topic, push without a place). Effect: the feature's own.
    pub body: Vec<u8>,
}

/// The `effect` of an outbox row that is an event.
pub const EVENT: &str = "event";

/// Things that may follow from one commit in one group.
pub const GROUP_ROWS_MAX: u32 = 256;

/// A change of one partition. Never writes and deletes the same row.
///
/// What follows from it is carried out in the order of the calls; after [`Change::group`], at
/// the same time as what other groups hold.
#[derive(Debug, Default)]
pub struct Change {
    writes: Vec<Row>,
    deletes: Vec<(&'static str, Uuid)>,
    /// Index, effect, body.
    follows: Vec<(u32, String, Vec<u8>)>,
    next: u32,
}

impl Change {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a row whole.
    pub fn write<R: VersionedRecord>(&mut self, record: R) -> &mut Self {
        let (item, cells) = record.into_cells();
        self.writes.push(Row { kind: R::KIND.to_owned(), item, cells });
        self
    }

    /// Deletes a row; the partition itself stays.
    pub fn delete<R: VersionedRecord>(&mut self, item: impl Into<Uuid>) -> &mut Self {
        self.deletes.push((R::KIND, item.into()));
        self
    }

    /// What follows from here on does not wait for what follows from before.
    pub fn group(&mut self) -> &mut Self {
        self.next = self.next.next_multiple_of(GROUP_ROWS_MAX);
        self
    }

    /// Appends an event to a topic of feeds, once the commit holds.
    pub fn event(&mut self, topic: Topic, event: impl Into<Event>) -> &mut Self {
        let push = Push { topic: None, seq: None, at: None, body: event.into() };
        self.follow(EVENT, protocol::Format::MessagePack.encode(&(topic, push)))
    }

    /// Has a feature do something elsewhere, once the commit holds.
    pub fn effect<E: serde::Serialize>(&mut self, kind: &'static str, body: &E) -> &mut Self {
        self.follow(kind, protocol::Format::MessagePack.encode(body))
    }

    fn follow(&mut self, effect: &str, body: Vec<u8>) -> &mut Self {
        self.follows.push((self.next, effect.to_owned(), body));
        self.next += 1;
        self
    }

    /// What it takes of [`COMMIT_BYTES_MAX`].
    pub fn bytes(&self) -> usize {
        let value = |value: &Value| match value {
            Value::Text(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Uuid(_) => 16,
        };
        let row = |row: &Row| row.cells.0.iter().map(|(_, cell)| value(cell)).sum::<usize>();
        let rows = self.writes.len() + self.deletes.len() + self.follows.len();
        let written: usize = self.writes.iter().map(row).sum();
        let follows = self.follows.iter().map(|(_, effect, body)| effect.len() + body.len());
        rows * ROW_BYTES + written + follows.sum::<usize>()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.deletes.is_empty() && self.follows.is_empty()
    }
}

/// Why a commit did not happen.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The partition is at another version: read again, decide again.
    #[error("the partition moved on")]
    Conflict,
    /// It is larger than [`COMMIT_BYTES_MAX`]; nothing of it happened. Decide less at once.
    #[error("a commit is too large")]
    TooLarge,
    /// The store did not take it, or can't say whether it did: nothing of it counts.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// The name under which something is carried out: the commit it follows from, and its place.
#[derive(Debug, Clone)]
pub struct OutKey {
    /// The partition.
    pub partition: Partition,
    /// The commit.
    pub version: Version,
    /// Its place.
    pub index: u32,
}

impl OutKey {
    /// The same as an idempotency key of the log.
    pub fn log_key(&self) -> crate::log::Key {
        crate::log::Key::of_cause(
            "outbox",
            &[&self.partition.to_bytes(), &self.version.to_be_bytes(), &self.index.to_be_bytes()],
        )
    }
}

/// Carries out effects; implemented in `dispatch.rs` and injected by `app.rs`. May be asked
/// twice for the same key, and must do it once. May decide on any partition, its own included:
/// it does not wait for what follows from that (see [`on_a_lane`]).
///
/// An error means: try again. What follows in the same partition waits for it, so what can never
/// be done is answered `Ok`, after a line in the log.
pub trait Carry: Send + Sync {
    /// Does what an effect says.
    fn carry<'a>(
        &'a self,
        key: &'a OutKey,
        effect: &'a str,
        body: &'a [u8],
    ) -> BoxFuture<'a, Result<()>>;

    /// Whether somebody is to hear, beyond the topic, of an event that an outbox brings into it.
    fn concerns(&self, _topic: Topic, _event: &Event) -> bool {
        false
    }

    /// Such an event is in the log. Asked beside the lane, so that nobody waits for it, and before
    /// the relay timer is cleared, so that a crash brings it again; at least once for each event.
    fn told(&self, _topic: Topic) -> BoxFuture<'_, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A column that only rises, in a table of maxima.
#[derive(Debug, Clone, PartialEq)]
pub struct Maximum {
    /// The table, of kind `maxima`.
    pub table: &'static str,
    /// The whole primary key, in order.
    pub key: Vec<Value>,
    /// What rises, and to what at least.
    pub columns: Vec<(&'static str, i64)>,
}

/// A range of rows in one partition, by clustering key.
#[derive(Debug, Clone)]
pub struct Range {
    /// The values of the partition key, in order.
    pub partition: Vec<Value>,
    /// Only rows behind this clustering key (a prefix is enough), in the direction of reading.
    pub after: Option<Vec<Value>>,
    /// From the end.
    pub descending: bool,
    /// At most [`LIST_ROWS_MAX`].
    pub limit: u32,
}

/// What an engine writes in one commit.
#[derive(Debug)]
pub struct Batch {
    /// Rows to write whole.
    pub writes: Vec<Row>,
    /// Rows to delete: (kind, item).
    pub deletes: Vec<(&'static str, Uuid)>,
    /// Outbox rows of this commit.
    pub outbox: Vec<OutboxRow>,
    /// Outbox rows of commits up to this one were carried out, and go.
    pub done: Version,
    /// The relay timer, where the outbox is not empty; set before the commit or with it.
    pub relay: Option<Timer>,
}

/// Rows of one engine. Untyped: [`Store`] is what features use.
pub trait StoreEngine: Send + Sync {
    /// A row by its whole primary key. Plain tables and tables of maxima.
    fn get(&self, table: &'static str, key: Vec<Value>) -> BoxFuture<'_, Result<Option<Cells>>>;
    /// Rows of a partition. Plain tables and tables of maxima.
    fn list(&self, table: &'static str, range: Range) -> BoxFuture<'_, Result<Vec<Cells>>>;
    /// Writes whole rows. Plain tables only; may be repeated. All or nothing on an embedded store,
    /// each on its own elsewhere.
    fn put(&self, table: &'static str, rows: Vec<Cells>) -> BoxFuture<'_, Result<()>>;
    /// Deletes rows by whole primary key. Plain tables only; may be repeated.
    fn remove(&self, table: &'static str, keys: Vec<Vec<Value>>) -> BoxFuture<'_, Result<()>>;
    /// Raises maxima.
    fn raise(&self, maxima: Vec<Maximum>) -> BoxFuture<'_, Result<()>>;
    /// A versioned partition, whole, at one version.
    fn load(&self, partition: Partition) -> BoxFuture<'_, Result<Snapshot>>;
    /// Changes a versioned partition if it still is at `expected`. The new version.
    fn commit(
        &self,
        partition: Partition,
        expected: Version,
        batch: Batch,
    ) -> BoxFuture<'_, std::result::Result<Version, CommitError>>;
}

impl Partition {
    /// A partition by its table and key.
    pub fn new(table: &'static str, key: impl IntoIterator<Item = Value>) -> Self {
        Self { table, key: key.into_iter().collect() }
    }

    /// The same as bytes, unique among all partitions.
    pub fn to_bytes(&self) -> Vec<u8> {
        protocol::Format::MessagePack.encode(&(self.table, &self.key))
    }

    /// The same with a version: the subject of a relay timer.
    pub(crate) fn to_bytes_at(&self, version: Version) -> Vec<u8> {
        protocol::Format::MessagePack.encode(&(self.table, &self.key, version))
    }

    /// From the subject of a relay timer, with the version, 0 where there is none; `None` if the
    /// schema has no such table.
    pub fn of_relay(bytes: &[u8], schema: &Schema) -> Option<(Self, Version)> {
        let Relay(table, key, version) = protocol::Format::MessagePack.decode(bytes).ok()?;
        Some((Self { table: schema.table(&table)?.name, key }, version))
    }
}

/// The subject of a relay timer: table, key, version.
#[derive(serde::Deserialize)]
struct Relay(String, Vec<Value>, #[serde(default)] Version);

/// The partition that a relay timer is about, as bytes: the same for all its versions.
pub(crate) fn partition_of_relay(subject: &[u8]) -> Option<Vec<u8>> {
    let Relay(table, key, _) = protocol::Format::MessagePack.decode(subject).ok()?;
    Some(protocol::Format::MessagePack.encode(&(table, key)))
}

//! Records on SQLite.

mod raises;
mod sql;

pub(crate) use raises::Raises;

use super::shape::{Statements, at_most_a_commit, check_batch};
use super::{
    Batch, Cells, CommitError, LIST_ROWS_MAX, Maximum, OUTBOX, OutboxRow, PARTITION_ROWS_MAX,
    Partition, Range, Row, Snapshot, StoreEngine, Value, Version,
};
use crate::engine::schema::Kind;
use crate::engine::sqlite::{Lane, Sqlite};
use crate::error::{Result, internal};
use futures_util::future::BoxFuture;
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use sql::TableSql;
use std::sync::Arc;
use uuid::Uuid;

/// Records of the embedded store.
pub struct SqliteStore {
    engine: Arc<Sqlite>,
    statements: Statements<TableSql>,
    raises: Arc<Raises>,
}

impl SqliteStore {
    /// The records of an open store.
    pub fn new(engine: Arc<Sqlite>) -> Self {
        let statements = Statements::new(engine.schema(), TableSql::new);
        let raises = Arc::new(Raises::new(engine.schema()));
        Self { engine, statements, raises }
    }

    fn table(&self, name: &str, kinds: &[Kind]) -> Result<Arc<TableSql>> {
        let table = self.statements.table(name)?;
        table.shape.is(kinds)?;
        Ok(table)
    }
}

impl StoreEngine for SqliteStore {
    fn get(&self, table: &'static str, key: Vec<Value>) -> BoxFuture<'_, Result<Option<Cells>>> {
        Box::pin(async move {
            let table = self.table(table, &[Kind::Plain, Kind::Maxima])?;
            table.shape.check_key(&key)?;
            let now = self.engine.clock().now();
            self.engine
                .read(move |connection| {
                    connection
                        .prepare_cached(&table.get)?
                        .query_row(params_from_iter(table.timed(&key, now)), |row| table.cells(row))
                        .optional()
                })
                .await
        })
    }

    fn list(&self, table: &'static str, range: Range) -> BoxFuture<'_, Result<Vec<Cells>>> {
        Box::pin(async move {
            let table = self.table(table, &[Kind::Plain, Kind::Maxima])?;
            let sql = table.list(&range)?;
            let now = self.engine.clock().now();
            self.engine
                .read(move |connection| {
                    let limit = Value::Int(i64::from(range.limit.min(LIST_ROWS_MAX)));
                    let mut values = range.partition;
                    values.extend(range.after.into_iter().flatten());
                    let values = table.timed(&values, now).into_iter().chain([limit]);
                    connection
                        .prepare_cached(&sql)?
                        .query_map(params_from_iter(values), |row| table.cells(row))?
                        .collect()
                })
                .await
        })
    }

    fn put(&self, table: &'static str, rows: Vec<Cells>) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let table = self.table(table, &[Kind::Plain])?;
            at_most_a_commit(rows.len())?;
            let now = self.engine.clock().now();
            let rows: Vec<Vec<Value>> =
                rows.iter().map(|cells| table.values(&[], cells, now)).collect::<Result<_>>()?;
            self.engine
                .write(Lane::People, move |connection| {
                    let mut put = connection.prepare_cached(&table.put)?;
                    for row in &rows {
                        put.execute(params_from_iter(row))?;
                    }
                    Ok(())
                })
                .await
        })
    }

    fn remove(&self, table: &'static str, keys: Vec<Vec<Value>>) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let table = self.table(table, &[Kind::Plain])?;
            at_most_a_commit(keys.len())?;
            keys.iter().try_for_each(|key| table.shape.check_key(key))?;
            self.engine
                .write(Lane::People, move |connection| {
                    let mut remove = connection.prepare_cached(&table.remove)?;
                    for key in &keys {
                        remove.execute(params_from_iter(key))?;
                    }
                    Ok(())
                })
                .await
        })
    }

    fn raise(&self, maxima: Vec<Maximum>) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            at_most_a_commit(maxima.len())?;
            self.raises.check(&maxima)?;
            let raises = Arc::clone(&self.raises);
            self.engine
                .write(Lane::People, move |connection| raises.write(connection, &maxima))
                .await
        })
    }

    fn load(&self, partition: Partition) -> BoxFuture<'_, Result<Snapshot>> {
        Box::pin(async move {
            let table = self.table(partition.table, &[Kind::Versioned])?;
            table.shape.check_partition(&partition.key)?;
            let snapshot =
                self.engine.read(move |connection| load(connection, &table, partition)).await?;
            if snapshot.rows.len() > PARTITION_ROWS_MAX {
                return Err(internal(&"a partition has too many rows"));
            }
            Ok(snapshot)
        })
    }

    fn commit(
        &self,
        partition: Partition,
        expected: Version,
        batch: Batch,
    ) -> BoxFuture<'_, std::result::Result<Version, CommitError>> {
        Box::pin(async move {
            let table = self.table(partition.table, &[Kind::Versioned])?;
            table.shape.check_partition(&partition.key)?;
            let commit = Commit::new(&table, partition.key, expected, batch)?;
            let version = self
                .engine
                .write(Lane::People, move |connection| commit.write(connection, &table))
                .await?;
            version.ok_or(CommitError::Conflict)
        })
    }
}

fn version(
    connection: &Connection,
    table: &TableSql,
    partition: &[Value],
) -> rusqlite::Result<Version> {
    let version = connection
        .prepare_cached(&table.version)?
        .query_row(params_from_iter(partition), |row| row.get(0))
        .optional()?;
    Ok(version.unwrap_or(0))
}

fn load(
    connection: &Connection,
    table: &TableSql,
    partition: Partition,
) -> rusqlite::Result<Snapshot> {
    let version = version(connection, table, &partition.key)?;
    let (mut rows, mut outbox) = (Vec::new(), Vec::new());
    let mut statement = connection.prepare_cached(&table.load)?;
    let mut found = statement.query(params_from_iter(&partition.key))?;
    while let Some(row) = found.next()? {
        let (kind, item): (String, [u8; 16]) = (row.get(0)?, row.get(1)?);
        let item = Uuid::from_bytes(item);
        let cells = table.regular_cells(row, 2)?;
        if kind == OUTBOX {
            outbox.push(outbox_row(item, &cells));
        } else {
            rows.push(Row { kind, item, cells });
        }
    }
    Ok(Snapshot { partition, version, rows, outbox })
}

fn outbox_row(item: Uuid, cells: &Cells) -> OutboxRow {
    let (version, index) = item.as_u64_pair();
    OutboxRow {
        version,
        index: u32::try_from(index).unwrap_or(u32::MAX),
        effect: cells.field("effect").unwrap_or_default(),
        body: cells.field("body").unwrap_or_default(),
    }
}

fn outbox_item(version: Version, index: u32) -> Uuid {
    Uuid::from_u64_pair(version, u64::from(index))
}

/// A commit as rows of values, ready to be written.
struct Commit {
    partition: Vec<Value>,
    expected: Version,
    writes: Vec<Vec<Value>>,
    deletes: Vec<Vec<Value>>,
    /// Outbox rows before this one were carried out.
    done: Option<Vec<Value>>,
    relay: Vec<crate::timers::Timer>,
}

impl Commit {
    fn new(
        table: &TableSql,
        partition: Vec<Value>,
        expected: Version,
        batch: Batch,
    ) -> Result<Self> {
        check_batch(&batch)?;
        let Batch { writes, deletes, outbox, done, relay } = batch;
        let key = |kind: &str, item: Uuid| {
            let mut key = partition.clone();
            key.extend([Value::Text(kind.to_owned()), Value::Uuid(item)]);
            key
        };
        let mut values = writes
            .iter()
            .map(|row| table.values(&key(&row.kind, row.item), &row.cells, 0))
            .collect::<Result<Vec<_>>>()?;
        for OutboxRow { version, index, effect, body } in outbox {
            let cells = Cells(vec![("effect", Value::Text(effect)), ("body", Value::Bytes(body))]);
            values.push(table.values(&key(OUTBOX, outbox_item(version, index)), &cells, 0)?);
        }
        let deletes = deletes.iter().map(|(kind, item)| key(kind, *item)).collect();
        let done = (done > 0).then(|| key(OUTBOX, outbox_item(done.saturating_add(1), 0)));
        let relay = relay.into_iter().collect();
        Ok(Self { partition, expected, writes: values, deletes, done, relay })
    }

    /// `None`: the partition is at another version.
    fn write(
        &self,
        connection: &Connection,
        table: &TableSql,
    ) -> rusqlite::Result<Option<Version>> {
        if version(connection, table, &self.partition)? != self.expected {
            return Ok(None);
        }
        let mut put = connection.prepare_cached(&table.put)?;
        for row in &self.writes {
            put.execute(params_from_iter(row))?;
        }
        let mut remove = connection.prepare_cached(&table.remove)?;
        for key in &self.deletes {
            remove.execute(params_from_iter(key))?;
        }
        if let Some(done) = &self.done {
            connection.prepare_cached(&table.clear)?.execute(params_from_iter(done))?;
        }
        let version = self.expected + 1;
        let value = Value::Int(i64::try_from(version).unwrap_or(i64::MAX));
        connection
            .prepare_cached(&table.set_version)?
            .execute(params_from_iter(self.partition.iter().chain([&value])))?;
        crate::timers::set(connection, &self.relay)?;
        Ok(Some(version))
    }
}

/// How a value is bound, whatever the column.
impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::{ToSqlOutput, ValueRef};
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Bool(value) => ValueRef::Integer(i64::from(*value)),
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
            Self::Uuid(value) => ValueRef::Blob(value.as_bytes()),
        }))
    }
}

//! Records on CQL.
//!
//! A commit is one conditional batch of its partition: the version rises from the one that was
//! read, or nothing happens. Each commit leaves a *nonce*, a row of its own for an hour. Where the
//! outcome of a batch is not known, the version and the nonce are read after all that was decided,
//! and say whether it happened.

mod commit;
mod item;
mod text;

use super::shape::{Statements, at_most_a_commit};
use super::{
    Batch, Cells, CommitError, LIST_ROWS_MAX, Maximum, OUTBOX, OutboxRow, PARTITION_ROWS_MAX,
    Partition, Range, Row, Snapshot, StoreEngine, Value, Version,
};
use crate::engine::cql::{Cell, Cql};
use crate::engine::schema::Kind;
use crate::error::{Result, busy, internal};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, TryStreamExt as _};
use scylla::value::CqlValue;
use std::sync::Arc;
use text::TableText;

/// How long a commit can be found out about.
pub const NONCE_TTL_S: u32 = 3_600;
/// Of how many commits of a partition the nonces are kept at least, if their time is not over.
pub const NONCES_KEPT_MIN: u64 = 4_096;
/// Reads of a partition that changes meanwhile, before it is `busy`.
pub const LOAD_TRIES_MAX: u32 = 8;
/// Writes of one call that are under way at once.
const WRITES_AT_ONCE_MAX: usize = 32;

/// The kind of nonces. All rows a reader may see are of kinds before it, so no read passes by
/// the nonces.
const NONCE: &str = "~nonce";

/// Records of a cluster.
pub struct CqlStore {
    engine: Arc<Cql>,
    statements: Statements<TableText>,
}

impl CqlStore {
    /// The records of an open cluster.
    pub fn new(engine: Arc<Cql>) -> Self {
        let statements = Statements::new(engine.schema(), TableText::new);
        Self { engine, statements }
    }

    fn table(&self, name: &str, kinds: &[Kind]) -> Result<Arc<TableText>> {
        let table = self.statements.table(name)?;
        table.shape.is(kinds)?;
        Ok(table)
    }

    /// The same write for many rows, some at once.
    async fn write_all(&self, writes: Vec<(String, Vec<Cell>)>) -> Result<()> {
        stream::iter(writes.into_iter().map(Ok))
            .try_for_each_concurrent(WRITES_AT_ONCE_MAX, |(text, values)| async move {
                self.engine.write(&text, values).await
            })
            .await
    }

    /// The version of a partition, whether or not it has rows.
    async fn version(&self, table: &TableText, partition: &[Cell]) -> Result<Version> {
        let found = self.engine.rows(&table.version, partition.to_vec(), 1).await?;
        version_in(found.first().and_then(|row| row.columns.first()))
    }

    /// One try of a load: `None` if the partition changed meanwhile.
    ///
    /// Rows of one page are of one moment, and each says the version. No rows say none, and more
    /// pages may be of several versions: so then the version is read by itself, as the last thing,
    /// and without rows as the first thing as well. Versions only rise.
    async fn load_once(
        &self,
        table: &TableText,
        partition: &Partition,
        is_empty_at: Option<Version>,
    ) -> Result<Loaded> {
        let key = TableText::bound(&table.shape.partition, &partition.key);
        let mut values = key.clone();
        values.push(Some(CqlValue::Text(NONCE.to_owned())));
        let limit = PARTITION_ROWS_MAX + 1;
        let (found, pages) = self.engine.pages(&table.load, values, limit).await?;
        let (mut rows, mut outbox) = (Vec::new(), Vec::new());
        let mut versions = Vec::new();
        for row in found {
            let mut cells = row.columns.into_iter();
            versions.push(version_in(cells.next().as_ref())?);
            let (Some(CqlValue::Text(kind)), Some(CqlValue::Uuid(item))) =
                (cells.next().flatten(), cells.next().flatten())
            else {
                return Err(internal(&format!("table {}: a row without a key", partition.table)));
            };
            let cells = text::cells(&table.shape.regular, cells)?;
            if kind == OUTBOX {
                outbox.push(outbox_row(item, &cells));
            } else {
                rows.push(Row { kind, item, cells });
            }
        }
        let first = versions.first().copied();
        let version = match first {
            Some(version) if pages == 1 => version,
            Some(_) | None => self.version(table, &key).await?,
        };
        let same = versions.iter().all(|other| *other == version);
        let settled = first.is_some() || version == 0 || is_empty_at == Some(version);
        if !same || !settled {
            return Ok(Loaded::Changed { is_empty_at: first.is_none().then_some(version) });
        }
        if rows.len() + outbox.len() > PARTITION_ROWS_MAX {
            return Err(internal(&"a partition has too many rows"));
        }
        Ok(Loaded::Whole(Snapshot { partition: partition.clone(), version, rows, outbox }))
    }
}

enum Loaded {
    Whole(Snapshot),
    /// Read again; with the version at which there may be no rows.
    Changed {
        is_empty_at: Option<Version>,
    },
}

fn version_in(cell: Option<&Cell>) -> Result<Version> {
    match cell {
        None | Some(None) => Ok(0),
        Some(Some(CqlValue::BigInt(version))) => {
            Version::try_from(*version).map_err(|_| internal(&"a version below 0"))
        }
        Some(Some(other)) => Err(internal(&format!("a version {other:?}"))),
    }
}

fn outbox_row(item: uuid::Uuid, cells: &Cells) -> OutboxRow {
    let (version, index) = item::numbers(item);
    OutboxRow {
        version,
        index: u32::try_from(index).unwrap_or(u32::MAX),
        effect: cells.field("effect").unwrap_or_default(),
        body: cells.field("body").unwrap_or_default(),
    }
}

impl StoreEngine for CqlStore {
    fn get(&self, table: &'static str, key: Vec<Value>) -> BoxFuture<'_, Result<Option<Cells>>> {
        Box::pin(async move {
            let table = self.table(table, &[Kind::Plain, Kind::Maxima])?;
            table.shape.check_key(&key)?;
            let key = TableText::bound(&table.shape.key, &key);
            let row = self.engine.rows(&table.get, key, 1).await?.pop();
            row.map(|row| table.cells(row)).transpose()
        })
    }

    fn list(&self, table: &'static str, range: Range) -> BoxFuture<'_, Result<Vec<Cells>>> {
        Box::pin(async move {
            let table = self.table(table, &[Kind::Plain, Kind::Maxima])?;
            let text = table.list(&range)?;
            let limit = range.limit.min(LIST_ROWS_MAX);
            if limit == 0 {
                return Ok(Vec::new());
            }
            let mut values = TableText::bound(&table.shape.partition, &range.partition);
            let after = range.after.unwrap_or_default();
            values.extend(TableText::bound(&table.shape.clustering, &after));
            values.push(Some(CqlValue::Int(i32::try_from(limit).unwrap_or(i32::MAX))));
            let rows = self.engine.rows(&text, values, limit as usize).await?;
            rows.into_iter().map(|row| table.cells(row)).collect()
        })
    }

    fn put(&self, table: &'static str, rows: Vec<Cells>) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let table = self.table(table, &[Kind::Plain])?;
            at_most_a_commit(rows.len())?;
            let write = |cells: &Cells| {
                let values = table.shape.values(&[], cells)?;
                Ok((table.put.clone(), TableText::bound(&table.shape.row, &values)))
            };
            let writes = rows.iter().map(write).collect::<Result<Vec<_>>>()?;
            self.write_all(writes).await
        })
    }

    fn remove(&self, table: &'static str, keys: Vec<Vec<Value>>) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let table = self.table(table, &[Kind::Plain])?;
            at_most_a_commit(keys.len())?;
            keys.iter().try_for_each(|key| table.shape.check_key(key))?;
            let bound = keys.iter().map(|key| TableText::bound(&table.shape.key, key));
            self.write_all(bound.map(|key| (table.remove.clone(), key)).collect()).await
        })
    }

    fn raise(&self, maxima: Vec<Maximum>) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            at_most_a_commit(maxima.len())?;
            let mut writes = Vec::new();
            for maximum in &maxima {
                let table = self.statements.table(maximum.table)?;
                table.shape.check_maximum(maximum)?;
                let key = TableText::bound(&table.shape.key, &maximum.key);
                for (column, value) in &maximum.columns {
                    let value = Some(CqlValue::BigInt(*value));
                    let values = [value.clone(), value].into_iter().chain(key.iter().cloned());
                    writes.push((table.raise(column), values.collect()));
                }
            }
            self.write_all(writes).await
        })
    }

    fn load(&self, partition: Partition) -> BoxFuture<'_, Result<Snapshot>> {
        Box::pin(async move {
            let table = self.table(partition.table, &[Kind::Versioned])?;
            table.shape.check_partition(&partition.key)?;
            let mut is_empty_at = None;
            for _ in 0..LOAD_TRIES_MAX {
                match self.load_once(&table, &partition, is_empty_at).await? {
                    Loaded::Whole(snapshot) => return Ok(snapshot),
                    Loaded::Changed { is_empty_at: at } => is_empty_at = at,
                }
            }
            Err(busy())
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
            commit::run(&self.engine, &table, &partition, expected, batch).await
        })
    }
}

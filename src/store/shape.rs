//! What a table takes, whatever the engine: the checks before anything is written, and where an
//! engine's statements of each table are kept.

use super::{Batch, COMMIT_ROWS_MAX, Cells, Maximum, OUTBOX, Value};
use crate::engine::schema::{Column, Kind, Schema, Table, Type};
use crate::error::{Result, internal};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use uuid::Uuid;

/// The statements of all tables, in one engine's words.
pub(super) struct Statements<T> {
    tables: HashMap<&'static str, Arc<T>>,
}

impl<T> Statements<T> {
    pub(super) fn new(schema: &Schema, write: impl Fn(&Table) -> T) -> Self {
        let tables = schema.tables().iter();
        Self { tables: tables.map(|table| (table.name, Arc::new(write(table)))).collect() }
    }

    pub(super) fn table(&self, name: &str) -> Result<Arc<T>> {
        self.tables.get(name).cloned().ok_or_else(|| internal(&format!("no table {name}")))
    }
}

/// See the module.
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) partition: Vec<Column>,
    pub(super) clustering: Vec<Column>,
    pub(super) key: Vec<Column>,
    pub(super) row: Vec<Column>,
    pub(super) regular: Vec<Column>,
    pub(super) descending: bool,
}

impl Shape {
    pub(super) fn new(table: &Table) -> Self {
        Self {
            name: table.name,
            kind: table.kind,
            partition: table.partition.clone(),
            clustering: table.clustering.clone(),
            key: table.key().copied().collect(),
            row: table.row().copied().collect(),
            regular: table.regular.clone(),
            descending: table.descending,
        }
    }

    pub(super) fn is(&self, kinds: &[Kind]) -> Result<()> {
        if kinds.contains(&self.kind) {
            Ok(())
        } else {
            Err(internal(&format!("table {} is {:?}: not for this", self.name, self.kind)))
        }
    }

    /// The clustering columns that a place behind which a range begins consists of.
    pub(super) fn prefix(&self, after: &[Value]) -> Result<&[Column]> {
        let prefix = self.clustering.get(..after.len());
        let prefix = prefix.ok_or_else(|| self.misused("a range is behind too long a key"))?;
        self.check(prefix, after)?;
        Ok(prefix)
    }

    /// A whole row in the order of the schema; `key` comes before what `cells` name, and what
    /// nobody names is null.
    pub(super) fn values(&self, key: &[Value], cells: &Cells) -> Result<Vec<Value>> {
        if let Some((name, _)) =
            cells.0.iter().find(|(name, _)| self.row.iter().all(|column| column.name != *name))
        {
            return Err(self.misused(&format!("no column {name}")));
        }
        let named = self.row.iter().skip(key.len());
        let mut values = key.to_vec();
        values.extend(named.map(|column| cells.get(column.name).clone()));
        self.check(&self.row, &values)?;
        self.check_key(values.get(..self.key.len()).unwrap_or_default())?;
        Ok(values)
    }

    pub(super) fn check_partition(&self, values: &[Value]) -> Result<()> {
        self.check_whole(&self.partition, values)
    }

    pub(super) fn check_key(&self, values: &[Value]) -> Result<()> {
        self.check_whole(&self.key, values)
    }

    fn check_whole(&self, columns: &[Column], values: &[Value]) -> Result<()> {
        if columns.len() != values.len() || values.contains(&Value::Null) {
            return Err(self.misused("not a whole key"));
        }
        self.check(columns, values)
    }

    fn check(&self, columns: &[Column], values: &[Value]) -> Result<()> {
        match columns.iter().zip(values).find(|(column, value)| !fits(column.holds, value)) {
            Some((column, _)) => Err(self.misused(&format!("{} can't hold that", column.name))),
            None => Ok(()),
        }
    }

    /// Whether a maximum can be raised here.
    pub(super) fn check_maximum(&self, maximum: &Maximum) -> Result<()> {
        self.is(&[Kind::Maxima])?;
        self.check_key(&maximum.key)?;
        if maximum.columns.is_empty() {
            return Err(self.misused("no column is said to rise"));
        }
        for (name, _) in &maximum.columns {
            if self.regular.iter().all(|column| column.name != *name) {
                return Err(self.misused(&format!("no column {name}")));
            }
        }
        Ok(())
    }

    fn misused(&self, how: &str) -> protocol::Error {
        internal(&format!("table {}: {how}", self.name))
    }
}

pub(super) fn names(columns: &[Column]) -> impl Iterator<Item = &str> {
    columns.iter().map(|column| column.name)
}

/// Names in quotes, with commas between.
pub(super) fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

pub(super) fn at_most_a_commit(rows: usize) -> Result<()> {
    if rows > COMMIT_ROWS_MAX {
        return Err(internal(&format!("{rows} rows at once are too many")));
    }
    Ok(())
}

/// Whether a commit is one: not too large, each row once, its timer fit to be set.
pub(super) fn check_batch(batch: &Batch) -> Result<()> {
    at_most_a_commit(batch.writes.len() + batch.deletes.len() + batch.outbox.len())?;
    let mut rows: HashSet<(&str, Uuid)> = HashSet::new();
    let written = batch.writes.iter().map(|row| (row.kind.as_str(), row.item));
    for row in written.chain(batch.deletes.iter().copied()) {
        if row.0 == OUTBOX || !rows.insert(row) {
            return Err(internal(&format!("a commit changes a row {} twice", row.0)));
        }
    }
    crate::timers::check(batch.relay.as_slice())
}

/// Whether a column can hold a value.
fn fits(holds: Type, value: &Value) -> bool {
    match (holds, value) {
        (_, Value::Null)
        | (Type::Uuid, Value::Uuid(_))
        | (Type::Text, Value::Text(_))
        | (Type::Bigint, Value::Int(_))
        | (Type::Boolean, Value::Bool(_))
        | (Type::Blob, Value::Bytes(_)) => true,
        (Type::Int, Value::Int(value)) => i32::try_from(*value).is_ok(),
        _ => false,
    }
}

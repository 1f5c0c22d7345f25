//! The statements of a table, written once when the store opens.

use super::fits;
use crate::engine::schema::{Column, Kind, Schema, Table, Type};
use crate::engine::sqlite::EXPIRES_AT;
use crate::error::{Result, internal};
use crate::store::{Cells, Range, Value};
use protocol::Millis;
use rusqlite::types::ValueRef;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use uuid::Uuid;

/// The statements of all tables.
pub(super) struct Statements {
    tables: HashMap<&'static str, Arc<TableSql>>,
}

impl Statements {
    pub(super) fn new(schema: &Schema) -> Self {
        let tables = schema.tables().iter();
        Self { tables: tables.map(|table| (table.name, Arc::new(TableSql::new(table)))).collect() }
    }

    pub(super) fn table(&self, name: &str) -> Result<Arc<TableSql>> {
        self.tables.get(name).cloned().ok_or_else(|| internal(&format!("no table {name}")))
    }
}

/// See the module.
pub(super) struct TableSql {
    name: &'static str,
    pub(super) kind: Kind,
    partition: Vec<Column>,
    clustering: Vec<Column>,
    pub(super) key: Vec<Column>,
    row: Vec<Column>,
    regular: Vec<Column>,
    descending: bool,
    ttl_ms: Option<i64>,
    /// By whole key, then the time where rows end.
    pub(super) get: String,
    /// All columns, key first.
    pub(super) put: String,
    /// By whole key.
    pub(super) remove: String,
    /// Versioned: kind, item and regular columns, by partition.
    pub(super) load: String,
    /// Versioned: by partition.
    pub(super) version: String,
    /// Versioned: partition, then version.
    pub(super) set_version: String,
}

/// Names in quotes, with commas between.
pub(super) fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

fn names(columns: &[Column]) -> impl Iterator<Item = &str> {
    columns.iter().map(|column| column.name)
}

fn equal(columns: &[Column]) -> String {
    names(columns).map(|name| format!("\"{name}\" = ?")).collect::<Vec<_>>().join(" AND ")
}

fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

impl TableSql {
    pub(super) fn new(table: &Table) -> Self {
        let name = table.name;
        let key: Vec<Column> = table.key().copied().collect();
        let row: Vec<Column> = table.row().copied().collect();
        let live = live(table.ttl_s.is_some());
        let expires = table.ttl_s.map(|_| EXPIRES_AT);
        let (partition, regular) = (&table.partition, &table.regular);
        let read: Vec<Column> = table.clustering.iter().chain(regular).copied().collect();
        Self {
            name,
            kind: table.kind,
            get: format!(
                "SELECT {} FROM \"{name}\" WHERE {}{live}",
                quoted(names(&row)),
                equal(&key)
            ),
            put: format!(
                "INSERT OR REPLACE INTO \"{name}\" ({}) VALUES ({})",
                quoted(names(&row).chain(expires)),
                marks(row.len() + expires.iter().len())
            ),
            remove: format!("DELETE FROM \"{name}\" WHERE {}", equal(&key)),
            load: format!(
                "SELECT {} FROM \"{name}\" WHERE {}",
                quoted(names(&read)),
                equal(partition)
            ),
            version: format!("SELECT version FROM \"{name}_static\" WHERE {}", equal(partition)),
            set_version: format!(
                "INSERT OR REPLACE INTO \"{name}_static\" ({}, version) VALUES ({})",
                quoted(names(partition)),
                marks(partition.len() + 1)
            ),
            partition: table.partition.clone(),
            clustering: table.clustering.clone(),
            key,
            row,
            regular: table.regular.clone(),
            descending: table.descending,
            ttl_ms: table.ttl_s.map(|ttl_s| i64::from(ttl_s) * 1_000),
        }
    }

    /// Rows of a range: by partition, then `after`, then the time where rows end, then limit.
    pub(super) fn list(&self, range: &Range) -> Result<String> {
        self.check_partition(&range.partition)?;
        let down = self.descending != range.descending;
        let order: Vec<String> = names(&self.clustering)
            .map(|name| format!("\"{name}\"{}", if down { " DESC" } else { "" }))
            .collect();
        let mut sql = format!(
            "SELECT {} FROM \"{}\" WHERE {}",
            quoted(names(&self.row)),
            self.name,
            equal(&self.partition)
        );
        if let Some(after) = range.after.as_ref().filter(|after| !after.is_empty()) {
            let prefix = self.clustering.get(..after.len());
            let prefix = prefix.ok_or_else(|| self.misused("a range is behind too long a key"))?;
            self.check(prefix, after)?;
            let _ = write!(
                sql,
                " AND ({}) {} ({})",
                quoted(names(prefix)),
                if down { "<" } else { ">" },
                marks(after.len())
            );
        }
        sql += &live(self.ttl_ms.is_some());
        if !order.is_empty() {
            let _ = write!(sql, " ORDER BY {}", order.join(", "));
        }
        Ok(sql + " LIMIT ?")
    }

    /// Values to look by, with the time where rows end.
    pub(super) fn timed(&self, values: &[Value], now: Millis) -> Vec<Value> {
        let mut values = values.to_vec();
        values.extend(self.ttl_ms.map(|_| Value::Int(now)));
        values
    }

    /// A row as `put` wants it; `key` comes before what `cells` name.
    pub(super) fn values(&self, key: &[Value], cells: &Cells, now: Millis) -> Result<Vec<Value>> {
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
        values.extend(self.ttl_ms.map(|ttl_ms| Value::Int(now.saturating_add(ttl_ms))));
        Ok(values)
    }

    pub(super) fn cells(&self, row: &rusqlite::Row<'_>) -> rusqlite::Result<Cells> {
        cells(&self.row, row, 0)
    }

    /// The regular columns, which begin at `first`.
    pub(super) fn regular_cells(
        &self,
        row: &rusqlite::Row<'_>,
        first: usize,
    ) -> rusqlite::Result<Cells> {
        cells(&self.regular, row, first)
    }

    pub(super) fn regular(&self, name: &str) -> Result<()> {
        if self.regular.iter().any(|column| column.name == name) {
            Ok(())
        } else {
            Err(self.misused(&format!("no column {name}")))
        }
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

    fn misused(&self, how: &str) -> protocol::Error {
        internal(&format!("table {}: {how}", self.name))
    }
}

fn live(ends: bool) -> String {
    if ends { format!(" AND \"{EXPIRES_AT}\" > ?") } else { String::new() }
}

fn cells(columns: &[Column], row: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<Cells> {
    let mut cells = Vec::with_capacity(columns.len());
    for (place, column) in (first..).zip(columns) {
        let value = match (column.holds, row.get_ref(place)?) {
            (_, ValueRef::Null) => continue,
            (Type::Uuid, value) => Uuid::from_slice(value.as_blob()?)
                .map(Value::Uuid)
                .map_err(|_| rusqlite::Error::InvalidQuery)?,
            (Type::Text, value) => Value::Text(value.as_str()?.to_owned()),
            (Type::Bigint | Type::Int, value) => Value::Int(value.as_i64()?),
            (Type::Boolean, value) => Value::Bool(value.as_i64()? != 0),
            (Type::Blob, value) => Value::Bytes(value.as_blob()?.to_vec()),
        };
        cells.push((column.name, value));
    }
    Ok(Cells(cells))
}

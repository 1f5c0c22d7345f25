//! The statements of a table, written once when the store opens.

use crate::engine::schema::{Column, Table, Type};
use crate::engine::sqlite::EXPIRES_AT;
use crate::error::Result;
use crate::store::shape::{Shape, names, quoted};
use crate::store::{Cells, Range, Value};
use protocol::Millis;
use rusqlite::types::ValueRef;
use std::fmt::Write as _;
use uuid::Uuid;

/// See the module.
pub(super) struct TableSql {
    pub(super) shape: Shape,
    ttl_ms: Option<i64>,
    /// By whole key, then the time where rows end.
    pub(super) get: String,
    /// All columns, key first.
    pub(super) put: String,
    /// By whole key.
    pub(super) remove: String,
    /// Versioned: by partition, kind, and the item before which rows go.
    pub(super) clear: String,
    /// Versioned: kind, item and regular columns, by partition.
    pub(super) load: String,
    /// Versioned: by partition.
    pub(super) version: String,
    /// Versioned: partition, then version.
    pub(super) set_version: String,
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
        let shape = Shape::new(table);
        let (key, row) = (&shape.key, &shape.row);
        let live = live(table.ttl_s.is_some());
        let expires = table.ttl_s.map(|_| EXPIRES_AT);
        let (partition, regular) = (&table.partition, &table.regular);
        let read: Vec<Column> = table.clustering.iter().chain(regular).copied().collect();
        Self {
            get: format!(
                "SELECT {} FROM \"{name}\" WHERE {}{live}",
                quoted(names(row)),
                equal(key)
            ),
            put: format!(
                "INSERT OR REPLACE INTO \"{name}\" ({}) VALUES ({})",
                quoted(names(row).chain(expires)),
                marks(row.len() + expires.iter().len())
            ),
            remove: format!("DELETE FROM \"{name}\" WHERE {}", equal(key)),
            clear: format!(
                "DELETE FROM \"{name}\" WHERE {} AND kind = ? AND item < ?",
                equal(partition)
            ),
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
            shape,
            ttl_ms: table.ttl_s.map(|ttl_s| i64::from(ttl_s) * 1_000),
        }
    }

    /// Rows of a range: by partition, then `after`, then the time where rows end, then limit.
    pub(super) fn list(&self, range: &Range) -> Result<String> {
        let shape = &self.shape;
        shape.check_partition(&range.partition)?;
        let down = shape.descending != range.descending;
        let order: Vec<String> = names(&shape.clustering)
            .map(|name| format!("\"{name}\"{}", if down { " DESC" } else { "" }))
            .collect();
        let mut sql = format!(
            "SELECT {} FROM \"{}\" WHERE {}",
            quoted(names(&shape.row)),
            shape.name,
            equal(&shape.partition)
        );
        if let Some(after) = range.after.as_ref().filter(|after| !after.is_empty()) {
            let _ = write!(
                sql,
                " AND ({}) {} ({})",
                quoted(names(shape.prefix(after)?)),
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
        let mut values = self.shape.values(key, cells)?;
        values.extend(self.ttl_ms.map(|ttl_ms| Value::Int(now.saturating_add(ttl_ms))));
        Ok(values)
    }

    pub(super) fn cells(&self, row: &rusqlite::Row<'_>) -> rusqlite::Result<Cells> {
        cells(&self.shape.row, row, 0)
    }

    /// The regular columns, which begin at `first`.
    pub(super) fn regular_cells(
        &self,
        row: &rusqlite::Row<'_>,
        first: usize,
    ) -> rusqlite::Result<Cells> {
        cells(&self.shape.regular, row, first)
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

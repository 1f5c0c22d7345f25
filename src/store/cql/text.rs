//! The statements of a table, written once when the store opens, and values as cells.

use crate::engine::cql::Cell;
use crate::engine::schema::{Column, Table, Type};
use crate::error::{Result, internal};
use crate::store::shape::{Shape, names, quoted};
use crate::store::{Cells, Range, Value};
use scylla::value::{CqlValue, Row};
use std::fmt::Write as _;

/// See the module.
pub(super) struct TableText {
    pub(super) shape: Shape,
    /// By whole key.
    pub(super) get: String,
    /// All columns, key first.
    pub(super) put: String,
    /// By whole key.
    pub(super) remove: String,
    /// Versioned: version, kind, item and regular columns, by partition and the kind before which
    /// all rows are.
    pub(super) load: String,
    /// Versioned: by partition. Also where there are no rows (law 4).
    pub(super) version: String,
    /// Versioned: version now, partition, version before or null.
    pub(super) set_version: String,
    /// Versioned: an outbox row: key, effect, body. Written once, so no other column is named.
    pub(super) follow: String,
    /// Versioned: by partition, kind, and the item before which rows go.
    pub(super) clear: String,
    /// Versioned: the nonce of a commit: key.
    pub(super) nonce: String,
    /// Versioned: by key.
    pub(super) has_nonce: String,
}

fn equal(columns: &[Column]) -> String {
    names(columns).map(|name| format!("\"{name}\" = ?")).collect::<Vec<_>>().join(" AND ")
}

fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

impl TableText {
    pub(super) fn new(table: &Table) -> Self {
        let name = table.name;
        let shape = Shape::new(table);
        let insert = |columns: &[&str], end: &str| {
            format!(
                "INSERT INTO \"{name}\" ({}) VALUES ({}){end}",
                quoted(columns.iter().copied()),
                marks(columns.len())
            )
        };
        let (partition, key) = (&shape.partition, &shape.key);
        let key_names: Vec<&str> = names(key).collect();
        let row_names: Vec<&str> = names(&shape.row).collect();
        let follow = [key_names.as_slice(), &["effect", "body"]].concat();
        Self {
            get: format!(
                "SELECT {} FROM \"{name}\" WHERE {}",
                quoted(names(&shape.row)),
                equal(key)
            ),
            put: insert(&row_names, ""),
            remove: format!("DELETE FROM \"{name}\" WHERE {}", equal(key)),
            load: format!(
                "SELECT {} FROM \"{name}\" WHERE {} AND kind < ?",
                quoted(
                    std::iter::once("version")
                        .chain(names(&shape.clustering))
                        .chain(names(&shape.regular))
                ),
                equal(partition)
            ),
            version: format!("SELECT DISTINCT version FROM \"{name}\" WHERE {}", equal(partition)),
            set_version: format!(
                "UPDATE \"{name}\" SET version = ? WHERE {} IF version = ?",
                equal(partition)
            ),
            follow: insert(&follow, ""),
            clear: format!(
                "DELETE FROM \"{name}\" WHERE {} AND kind = ? AND item < ?",
                equal(partition)
            ),
            nonce: insert(&key_names, &format!(" USING TTL {}", super::NONCE_TTL_S)),
            has_nonce: format!("SELECT item FROM \"{name}\" WHERE {}", equal(key)),
            shape,
        }
    }

    /// Rows of a range: by partition, then `after`, then limit.
    pub(super) fn list(&self, range: &Range) -> Result<String> {
        let shape = &self.shape;
        shape.check_partition(&range.partition)?;
        let down = shape.descending != range.descending;
        let mut text = format!(
            "SELECT {} FROM \"{}\" WHERE {}",
            quoted(names(&shape.row)),
            shape.name,
            equal(&shape.partition)
        );
        if let Some(after) = range.after.as_ref().filter(|after| !after.is_empty()) {
            let _ = write!(
                text,
                " AND ({}) {} ({})",
                quoted(names(shape.prefix(after)?)),
                if down { "<" } else { ">" },
                marks(after.len())
            );
        }
        if !shape.clustering.is_empty() {
            let order: Vec<String> = names(&shape.clustering)
                .map(|name| format!("\"{name}\" {}", if down { "DESC" } else { "ASC" }))
                .collect();
            let _ = write!(text, " ORDER BY {}", order.join(", "));
        }
        Ok(text + " LIMIT ?")
    }

    /// One column of a maximum: time stamp, value, key (law 5).
    pub(super) fn raise(&self, column: &str) -> String {
        format!(
            "UPDATE \"{}\" USING TIMESTAMP ? SET \"{column}\" = ? WHERE {}",
            self.shape.name,
            equal(&self.shape.key)
        )
    }

    /// A row that was read by [`Self::get`] or [`Self::list`].
    pub(super) fn cells(&self, row: Row) -> Result<Cells> {
        cells(&self.shape.row, row.columns.into_iter())
    }

    /// The values of columns as they are bound.
    pub(super) fn bound(columns: &[Column], values: &[Value]) -> Vec<Cell> {
        let holds = columns.iter().map(|column| column.holds);
        holds.zip(values).map(|(holds, value)| bound(holds, value)).collect()
    }
}

/// A value as a column holds it; it fits.
fn bound(holds: Type, value: &Value) -> Cell {
    Some(match value {
        Value::Null => return None,
        Value::Bool(value) => CqlValue::Boolean(*value),
        Value::Int(value) if holds == Type::Int => CqlValue::Int(i32::try_from(*value).ok()?),
        Value::Int(value) => CqlValue::BigInt(*value),
        Value::Text(value) => CqlValue::Text(value.clone()),
        Value::Bytes(value) => CqlValue::Blob(value.clone()),
        Value::Uuid(value) => CqlValue::Uuid(*value),
    })
}

/// What columns hold, without what is null.
pub(super) fn cells(columns: &[Column], found: impl Iterator<Item = Cell>) -> Result<Cells> {
    let mut cells = Vec::with_capacity(columns.len());
    for (column, cell) in columns.iter().zip(found) {
        let Some(cell) = cell else { continue };
        let value = match cell {
            CqlValue::Boolean(value) => Value::Bool(value),
            CqlValue::Int(value) => Value::Int(i64::from(value)),
            CqlValue::BigInt(value) => Value::Int(value),
            CqlValue::Text(value) => Value::Text(value),
            CqlValue::Blob(value) => Value::Bytes(value),
            CqlValue::Uuid(value) => Value::Uuid(value),
            other => return Err(internal(&format!("{} holds {other:?}", column.name))),
        };
        cells.push((column.name, value));
    }
    Ok(Cells(cells))
}

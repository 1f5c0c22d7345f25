//! The schema as tables of SQLite.
//!
//! Rows lie in the order of their primary key (`WITHOUT ROWID`). Static columns become a second
//! table `<table>_static`, keyed by the partition. A time to live becomes a column with an index,
//! and a sweep. A file of an older version gets the columns that it lacks; what can't be added is
//! an error.

use crate::engine::schema::{Column, Schema, Table, Type};
use rusqlite::Connection;
use std::fmt::Write as _;

/// The column that says when a row ends, in unix milliseconds.
pub(crate) const EXPIRES_AT: &str = "expires_at_ms";
/// Rows that one sweep deletes from a table.
pub const SWEEP_ROWS_MAX: u32 = 1_000;

/// A file that does not fit the schema.
#[derive(Debug, thiserror::Error)]
pub enum TablesError {
    /// SQLite did not do it.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The table was made by another version, and can't be changed in place.
    #[error(
        "table {table} of this data folder has another primary key, or {column} of another type; was it made by another version?"
    )]
    Differs {
        /// The table.
        table: String,
        /// The first column that differs.
        column: String,
    },
}

/// Makes what is missing.
pub(super) fn create(connection: &mut Connection, schema: &Schema) -> Result<(), TablesError> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for table in schema.tables() {
        let mut regular: Vec<(&str, &str)> = table.regular.iter().map(typed).collect();
        if table.ttl_s.is_some() {
            regular.push((EXPIRES_AT, "INTEGER"));
        }
        let key: Vec<_> = table.key().collect();
        one(&transaction, table.name, &key, &regular, table)?;
        if !table.statics.is_empty() {
            let key: Vec<_> = table.partition.iter().collect();
            let regular: Vec<_> = table.statics.iter().map(typed).collect();
            one(&transaction, &format!("{}_static", table.name), &key, &regular, table)?;
        }
        if table.ttl_s.is_some() {
            let name = table.name;
            transaction.execute_batch(&format!(
                "CREATE INDEX IF NOT EXISTS \"{name}_expiry\" ON \"{name}\" (\"{EXPIRES_AT}\")"
            ))?;
        }
    }
    Ok(transaction.commit()?)
}

const fn sqlite_type(holds: Type) -> &'static str {
    match holds {
        Type::Uuid | Type::Blob => "BLOB",
        Type::Text => "TEXT",
        Type::Bigint | Type::Int | Type::Boolean => "INTEGER",
    }
}

fn typed(column: &Column) -> (&'static str, &'static str) {
    (column.name, sqlite_type(column.holds))
}

fn one(
    connection: &Connection,
    name: &str,
    key: &[&Column],
    regular: &[(&str, &str)],
    table: &Table,
) -> Result<(), TablesError> {
    let present: Vec<(String, String, u32)> = connection
        .prepare("SELECT name, type, pk FROM pragma_table_info(?1)")?
        .query_map([name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    if present.is_empty() {
        return Ok(connection.execute_batch(&definition(name, key, regular, table))?);
    }
    let differs =
        |column: &str| TablesError::Differs { table: name.to_owned(), column: column.to_owned() };
    let found = |column: &str| present.iter().find(|(name, _, _)| name == column);
    for (place, column) in (1..).zip(key) {
        match found(column.name) {
            Some((_, holds, pk)) if *pk == place && holds == sqlite_type(column.holds) => {}
            _ => return Err(differs(column.name)),
        }
    }
    for (column, holds) in regular {
        match found(column) {
            Some((_, present, 0)) if present == holds => {}
            Some(_) => return Err(differs(column)),
            None => connection.execute_batch(&format!(
                "ALTER TABLE \"{name}\" ADD COLUMN \"{column}\" {holds}"
            ))?,
        }
    }
    Ok(())
}

fn definition(name: &str, key: &[&Column], regular: &[(&str, &str)], table: &Table) -> String {
    let mut sql = format!("CREATE TABLE \"{name}\" (");
    for column in key {
        let _ = write!(sql, "\"{}\" {} NOT NULL, ", column.name, sqlite_type(column.holds));
    }
    for (column, holds) in regular {
        let _ = write!(sql, "\"{column}\" {holds}, ");
    }
    let parts: Vec<String> = key
        .iter()
        .map(|column| {
            let down = table.descending && table.clustering.contains(column);
            format!("\"{}\"{}", column.name, if down { " DESC" } else { "" })
        })
        .collect();
    let _ = write!(sql, "PRIMARY KEY ({})) WITHOUT ROWID, STRICT", parts.join(", "));
    sql
}

/// Deletes rows whose time is over: statements that take (now, limit).
pub(super) fn sweeps(schema: &Schema) -> Vec<String> {
    let sweep = |table: &Table| {
        let name = table.name;
        let key: Vec<String> = table.key().map(|column| format!("\"{}\"", column.name)).collect();
        let key = key.join(", ");
        format!(
            "DELETE FROM \"{name}\" WHERE ({key}) IN (SELECT {key} FROM \"{name}\" \
             WHERE \"{EXPIRES_AT}\" <= ?1 LIMIT ?2)"
        )
    };
    schema.tables().iter().filter(|table| table.ttl_s.is_some()).map(sweep).collect()
}

//! Raising maxima: one statement a table and set of columns.

use super::sql::TableSql;
use crate::engine::schema::{Kind, Schema};
use crate::error::{Result, internal};
use crate::store::shape::quoted;
use crate::store::{Maximum, Value};
use rusqlite::{Connection, params_from_iter};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

/// Writes maxima in a transaction of somebody else's; the log's too.
pub(crate) struct Raises {
    tables: HashMap<&'static str, TableSql>,
    statements: Mutex<HashMap<Shape, std::sync::Arc<str>>>,
}

/// A table, and the columns that rise together.
type Shape = (&'static str, Vec<&'static str>);

impl Raises {
    pub(crate) fn new(schema: &Schema) -> Self {
        let tables = schema.tables().iter().filter(|table| table.kind == Kind::Maxima);
        let tables = tables.map(|table| (table.name, TableSql::new(table))).collect();
        Self { tables, statements: Mutex::default() }
    }

    /// Whether all of them can be written.
    pub(crate) fn check(&self, maxima: &[Maximum]) -> Result<()> {
        for maximum in maxima {
            let Some(table) = self.tables.get(maximum.table) else {
                return Err(internal(&format!("{} is no table of maxima", maximum.table)));
            };
            table.shape.check_maximum(maximum)?;
        }
        Ok(())
    }

    pub(crate) fn write(
        &self,
        connection: &Connection,
        maxima: &[Maximum],
    ) -> rusqlite::Result<()> {
        for maximum in maxima {
            let sql = self.statement(maximum);
            let raised = maximum.columns.iter().map(|(_, value)| Value::Int(*value));
            let values: Vec<Value> = maximum.key.iter().cloned().chain(raised).collect();
            connection.prepare_cached(&sql)?.execute(params_from_iter(values))?;
        }
        Ok(())
    }

    fn statement(&self, maximum: &Maximum) -> std::sync::Arc<str> {
        let columns: Vec<_> = maximum.columns.iter().map(|(column, _)| *column).collect();
        let mut statements = self.statements.lock().unwrap_or_else(PoisonError::into_inner);
        let shape = (maximum.table, columns);
        if let Some(sql) = statements.get(&shape) {
            return std::sync::Arc::clone(sql);
        }
        let key = self.tables.get(shape.0).map_or(&[][..], |table| &table.shape.key);
        let names: Vec<&str> =
            key.iter().map(|column| column.name).chain(shape.1.iter().copied()).collect();
        let marks = vec!["?"; names.len()].join(", ");
        let mut sql = format!(
            "INSERT INTO \"{}\" ({}) VALUES ({marks}) ON CONFLICT DO UPDATE SET ",
            shape.0,
            quoted(names.iter().copied()),
        );
        for (n, column) in shape.1.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            let _ = write!(
                sql,
                "{comma}\"{column}\" = max(coalesce(\"{column}\", excluded.\"{column}\"), \
                 excluded.\"{column}\")"
            );
        }
        let sql: std::sync::Arc<str> = sql.into();
        statements.insert(shape, std::sync::Arc::clone(&sql));
        sql
    }
}

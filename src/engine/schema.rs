//! The schema: reads `schema/*.cql`, the only description of what is kept.
//!
//! A small reader of the part of CQL that the files use: `CREATE TABLE` with typed columns,
//! `static`, a primary key, a clustering order and a default time to live. A comment
//! `-- kind: versioned | plain | maxima | log` before each table says how it is written, and the
//! reader holds it to that. What it does not know is an error with file and line, never skipped.

mod check;
mod read;

use std::sync::LazyLock;

/// The files. A feature adds its own.
const FILES: &[(&str, &str)] = &[
    ("log.cql", include_str!("../../schema/log.cql")),
    ("timers.cql", include_str!("../../schema/timers.cql")),
    ("presence.cql", include_str!("../../schema/presence.cql")),
    ("vault.cql", include_str!("../../schema/vault.cql")),
    ("idempotency.cql", include_str!("../../schema/idempotency.cql")),
    ("mail.cql", include_str!("../../schema/mail.cql")),
    ("accounts.cql", include_str!("../../schema/accounts.cql")),
    ("people.cql", include_str!("../../schema/people.cql")),
    ("notifications.cql", include_str!("../../schema/notifications.cql")),
    ("groups.cql", include_str!("../../schema/groups.cql")),
    ("conversations.cql", include_str!("../../schema/conversations.cql")),
    ("payments.cql", include_str!("../../schema/payments.cql")),
    ("support.cql", include_str!("../../schema/support.cql")),
    ("exchange.cql", include_str!("../../schema/exchange.cql")),
    ("wall.cql", include_str!("../../schema/wall.cql")),
    ("bookings.cql", include_str!("../../schema/bookings.cql")),
];

/// The table of timers, which is a queue; its rows are known to `timers` only.
pub(crate) const TIMERS: &str = "timers";

/// How a table is written. Law 1 of the CQL engine: conditionally or not, never both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Partitions with a version, changed by `commit` only.
    Versioned,
    /// Whole rows, written by `put` and deleted by `remove`.
    Plain,
    /// Columns that only rise, written by `raise` and by the log.
    Maxima,
    /// The log's own.
    Log,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Type {
    Uuid,
    Text,
    Bigint,
    Int,
    Boolean,
    Blob,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub holds: Type,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// How it is written.
    pub kind: Kind,
    /// The columns of the partition key, in order.
    pub partition: Vec<Column>,
    /// The columns of the clustering key, in order.
    pub clustering: Vec<Column>,
    /// Rows of a partition run from the greatest clustering key to the smallest.
    pub descending: bool,
    /// Columns that a partition has once.
    pub statics: Vec<Column>,
    /// All other columns.
    pub regular: Vec<Column>,
    /// Rows end this many seconds after they were written.
    pub ttl_s: Option<u32>,
}

impl Table {
    /// The columns of the primary key, in order.
    pub fn key(&self) -> impl Iterator<Item = &Column> {
        self.partition.iter().chain(&self.clustering)
    }

    /// The columns of a row: key, then others.
    pub fn row(&self) -> impl Iterator<Item = &Column> {
        self.key().chain(&self.regular)
    }
}

/// A schema that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("schema/{file}:{line}: {message}")]
pub struct SchemaError {
    /// The file.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
    /// What is wrong there.
    pub message: String,
}

/// All tables.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schema {
    tables: Vec<Table>,
}

impl Schema {
    /// The server's own schema. It was read by a test, so it can be read.
    pub fn embedded() -> &'static Result<Self, SchemaError> {
        static SCHEMA: LazyLock<Result<Schema, SchemaError>> =
            LazyLock::new(|| Schema::read(FILES));
        &SCHEMA
    }

    /// Reads files of (name, text).
    pub fn read(files: &[(&'static str, &'static str)]) -> Result<Self, SchemaError> {
        let mut schema = Self::default();
        for (file, text) in files {
            for (line, table) in read::tables(file, text)? {
                check::table(&table, schema.table(table.name)).map_err(|message| SchemaError {
                    file,
                    line,
                    message,
                })?;
                schema.tables.push(table);
            }
        }
        Ok(schema)
    }

    /// This schema and that of more files; for tests that bring tables of their own.
    pub fn with(mut self, files: &[(&'static str, &'static str)]) -> Result<Self, SchemaError> {
        let more = Self::read(files)?;
        for table in more.tables {
            check::table(&table, self.table(table.name)).map_err(|message| SchemaError {
                file: files.first().map_or("", |(name, _)| name),
                line: 1,
                message,
            })?;
            self.tables.push(table);
        }
        Ok(self)
    }

    /// All tables, in the order of the files.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// A table by its name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }
}

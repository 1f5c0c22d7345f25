//! The log on SQLite.

/// The log of the embedded store.
pub struct SqliteLog;

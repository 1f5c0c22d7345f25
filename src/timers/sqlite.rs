//! Timers on SQLite.

/// Timers of the embedded store.
pub struct SqliteTimers;

//! Records on SQLite.

/// Records of the embedded store.
pub struct SqliteStore;

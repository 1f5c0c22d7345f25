//! Engines: what log, store and timers of one kind share.

pub mod schema;
pub mod sqlite;

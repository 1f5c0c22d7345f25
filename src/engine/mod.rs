//! Engines: what log, store and timers of one kind share.

pub mod cql;
mod faults;
mod health;
pub mod schema;
pub mod sqlite;

pub use faults::Faults;

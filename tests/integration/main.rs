//! The integration tests: one binary, one module a subject.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may panic")]

mod engines;
mod log;
mod outbox;
mod schema;
mod sqlite;
mod store;
mod timers;

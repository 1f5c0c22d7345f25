//! The integration tests: one binary, one module a subject.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may panic")]

mod accounts;
mod config;
mod door;
mod engines;
mod http;
mod keys;
mod log;
mod logins;
mod outbox;
mod schema;
mod store;
mod timers;

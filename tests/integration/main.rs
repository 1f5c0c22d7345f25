//! Everything that is tested through the public door of the library or the server.

mod engines;
mod log;
mod outbox;
mod schema;
mod store;
mod timers;

//! The integration tests: one binary, one module a subject.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "tests may panic"
)]

mod accounts;
mod across;
mod apart;
mod booking_payments;
mod bookings;
mod bus;
mod cassandra;
mod client;
mod clock;
mod coach_role;
mod coaches;
mod config;
mod conversations;
mod cql;
mod cql_log;
mod desk;
mod door;
mod doors;
mod drain;
mod edge;
mod engines;
mod exchange;
mod forgotten;
mod group_limits;
mod group_members;
mod groups;
mod history;
mod http;
mod hub;
mod keys;
mod laws;
mod lifecycle;
mod log;
mod logins;
mod mail;
mod mailed;
mod nodes;
mod notes;
mod notifications;
mod outbox;
mod payments;
mod peers;
mod people;
mod place;
mod presence;
mod push_service;
mod rates;
mod ratings;
mod redis_server;
mod registry;
mod resume;
mod schema;
mod search;
mod sequencer;
mod server;
mod silence;
mod smtp_server;
mod sqlite;
mod stage;
mod store;
mod stripe_service;
mod support;
mod support_race;
mod timers;
mod vault;
mod waits;
mod wall;

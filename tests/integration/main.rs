//! Tests through the public doors, one file a feature.

mod accounts;
mod config;
mod door;
mod http;
mod keys;
mod logins;

#![doc = include_str!("ARCHITECTURE.md")]

pub mod auth;
pub mod bus;
pub mod clock;
pub mod engine;
pub mod error;
pub mod hub;
pub mod id;
pub mod log;
pub mod rights;
pub mod store;
pub mod timers;
pub mod ws;

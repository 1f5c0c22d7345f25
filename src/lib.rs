#![doc = include_str!("ARCHITECTURE.md")]

pub mod app;
pub mod auth;
#[cfg(feature = "broken")]
mod broken;
pub mod bus;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod dispatch;
pub mod engine;
pub mod error;
pub mod features;
pub mod http;
pub mod hub;
pub mod id;
pub mod idempotency;
pub mod limits;
pub mod log;
pub mod mail;
mod memory;
pub mod outbound;
pub mod presence;
pub mod problem;
pub mod rates;
pub mod redis;
pub mod rights;
pub mod session;
pub mod store;
pub mod timers;
pub mod words;
pub mod ws;

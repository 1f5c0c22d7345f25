//! What people do here. A feature is a folder: `mod.rs` its service, `model.rs` its pure rules,
//! `rows.rs` its rows, `commands.rs` and `routes.rs` its doors. In the order of this file, each
//! may call those before it, and reaches those behind it by an effect.

pub mod accounts;

pub mod people;

pub mod notifications;

pub mod groups;

pub mod conversations;

pub mod payments;

pub mod support;

pub mod exchange;

pub mod bookings;
pub mod wall;

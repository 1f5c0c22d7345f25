//! Words that people read, in English: plain, warm, never blaming. What happened, what it means,
//! what you can do.

pub mod accounts;
pub mod bookings;
pub mod conversations;
pub mod exchange;
pub mod groups;
pub mod idempotency;
pub mod mails;
pub mod notes;
pub mod notifications;
pub mod payments;
pub mod people;
pub mod ratings;
pub mod session;
pub mod support;
pub mod wall;

/// Of a list that is asked for from somewhere else than its pages say.
pub const NO_PLACE: &str = "This is not a place in the list.";

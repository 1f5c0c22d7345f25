//! Words that people read, in English: plain, warm, never blaming. What happened, what it means,
//! what you can do.

pub mod accounts;
pub mod bookings;
pub mod conversations;
pub mod exchange;
pub mod idempotency;
pub mod mails;
pub mod notes;
pub mod notifications;
pub mod payments;
pub mod people;
pub mod ratings;
pub mod session;
pub mod support;

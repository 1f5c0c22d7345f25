//! Payments, plans, products and subscriptions.

mod charges;
mod model;

pub use charges::{Charge, Charges, OUTCOME, Outcome};
pub use model::{Capture, Opening, Purpose, PurposeKind, State};

//! Money, wherever it is named.

use serde::{Deserialize, Serialize};

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// In the currency's minor unit: cents.
    pub amount: i64,
    /// ISO 4217, in lower case.
    pub currency: String,
}

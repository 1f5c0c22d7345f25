//! Payments, as the features behind this one see them: what they may ask for, and how they hear
//! what came of it.

use super::model::{Opening, Purpose, State};
use crate::error::Result;
use futures_util::future::BoxFuture;
use protocol::{Millis, Money, PaymentId, RefundId, UserId};
use serde::{Deserialize, Serialize};

/// The effect that tells what became of a payment. Body: [`Outcome`]. `dispatch.rs` gives it to
/// the feature that the purpose is of. It may come twice, and of two the newer may come first
/// ([`Outcome::revision`] counts up), so look at what is told, not at how often.
pub const OUTCOME: &str = "payments.outcome";

/// See [`OUTCOME`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The payment as it was then.
    pub charge: Charge,
    /// Counts what was told of this payment.
    pub revision: u64,
    /// When it came to this state.
    pub at: Millis,
}

/// A payment, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// Which.
    pub payment_id: PaymentId,
    /// What for.
    pub purpose: Purpose,
    /// Who pays.
    pub payer: UserId,
    /// How much.
    pub price: Money,
    /// Where it stands.
    pub state: State,
    /// What was taken.
    pub captured: i64,
    /// What was given back of it.
    pub refunded: i64,
}

impl Charge {
    /// Whether the money is ours, or held for us: what it pays for may begin.
    pub const fn is_good(&self) -> bool {
        matches!(self.state, State::Authorized | State::Succeeded | State::PartiallyRefunded)
    }

    /// Whether nothing will come of it without a new attempt of its payer. A payment that is
    /// `failed` may still be paid; who does not want that any more voids it.
    pub const fn is_bad(&self) -> bool {
        matches!(self.state, State::Failed | State::Cancelled)
    }
}

/// What may be asked of the payments. All of it may be asked twice for the same purpose and
/// happens once; an error means: ask again. An answer says how the payment stands now; what comes
/// of it later is told by [`OUTCOME`], and that is told in every case.
pub trait Charges: Send + Sync {
    /// Opens the payment for a purpose, or finds it; `conflict` if it is open with another price
    /// or payer. Called while an effect is carried out, it answers before the provider does.
    fn open(&self, opening: Opening) -> BoxFuture<'_, Result<Charge>>;
    /// The payment for a purpose.
    fn find(&self, purpose: Purpose, payer: UserId) -> BoxFuture<'_, Result<Option<Charge>>>;
    /// Takes what is held; `conflict` where nothing is.
    fn capture(&self, purpose: Purpose, payer: UserId) -> BoxFuture<'_, Result<Charge>>;
    /// Gives it up: an open payment and a held one are cancelled, one that was taken, or is taken
    /// while this is asked, is given back whole. Nothing where there is none.
    fn void(&self, purpose: Purpose, payer: UserId) -> BoxFuture<'_, Result<Option<Charge>>>;
    /// Gives back a part of what was taken, or what is left of it. Under one id once.
    fn refund(
        &self,
        purpose: Purpose,
        payer: UserId,
        id: RefundId,
        amount: Option<i64>,
        reason: Option<String>,
    ) -> BoxFuture<'_, Result<Charge>>;
}

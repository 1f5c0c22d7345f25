//! What follows from a commit elsewhere: the bodies of effects.

use protocol::{PaymentId, SubscriptionId, UserId};
use serde::{Deserialize, Serialize};

/// Something is to be asked of the provider. Body: the payment's id.
pub(crate) const STEP: &str = "payments.step";
/// The payment of a subscription's period is opened. Body: [`OfPeriod`].
pub(crate) const RENEW: &str = "payments.renew";
/// The payment of a period is tried again. Body: [`OfPeriod`].
pub(crate) const RETRY: &str = "payments.retry";
/// The payment of a period is given up, or back. Body: [`OfPeriod`].
pub(crate) const DROP: &str = "payments.drop";

/// See [`STEP`].
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct OfPayment {
    pub(super) payment_id: PaymentId,
}

/// See [`RENEW`].
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct OfPeriod {
    pub(super) user_id: UserId,
    pub(super) subscription_id: SubscriptionId,
    pub(super) period: u32,
}

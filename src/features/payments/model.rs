//! What a payment is for. Pure.

pub use protocol::payments::{PaymentState as State, PurposeKind};

use protocol::{Money, PaymentId, ProductId, RequestId, SubscriptionId, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a payment is for. There is one payment for a purpose (of a product, one of a person), so
/// who opens it twice opens it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Purpose {
    /// A support request.
    Support(RequestId),
    /// A booking, by its id.
    Booking(Uuid),
    /// A product; `nth` time that this person buys it.
    Product {
        /// Which.
        id: ProductId,
        /// Counts the payments of this person for it.
        nth: u32,
    },
    /// A period of a subscription.
    Subscription {
        /// Which.
        id: SubscriptionId,
        /// Counts from 1.
        period: u32,
    },
}

impl Purpose {
    /// The kind of thing, which of them, and a number that tells payments for it apart.
    pub fn parts(self) -> (PurposeKind, Uuid, u32) {
        match self {
            Self::Support(id) => (PurposeKind::Support, id.0, 0),
            Self::Booking(id) => (PurposeKind::Booking, id, 0),
            Self::Product { id, nth } => (PurposeKind::Product, id.0, nth),
            Self::Subscription { id, period } => (PurposeKind::Subscription, id.0, period),
        }
    }

    /// The id of the payment for it. The payer counts where several may pay for the same thing.
    pub fn payment_id(self, payer: UserId) -> PaymentId {
        let (kind, id, serial) = self.parts();
        let shared = matches!(self, Self::Product { .. });
        let payer = if shared { payer.0 } else { Uuid::nil() };
        let parts: [&[u8]; 4] =
            [kind_word(kind).as_bytes(), id.as_bytes(), &serial.to_be_bytes(), payer.as_bytes()];
        crate::id::derived("payment", &parts)
    }
}

const fn kind_word(kind: PurposeKind) -> &'static str {
    match kind {
        PurposeKind::Support => "support",
        PurposeKind::Booking => "booking",
        PurposeKind::Product => "product",
        PurposeKind::Subscription => "subscription",
    }
}

/// When the money is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Capture {
    /// With the payment.
    AtOnce,
    /// It is held first, and taken when we say so.
    Later,
}

/// A payment to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// What for.
    pub purpose: Purpose,
    /// Who pays.
    pub payer: UserId,
    /// How much.
    pub price: Money,
    /// When it is taken.
    pub capture: Capture,
    /// What to pay with, in the provider's words. Without, the payer confirms it later.
    pub method: Option<String>,
    /// The method may be used again without its owner.
    pub save: bool,
    /// Its owner is not here, and the method was saved before.
    pub off_session: bool,
}

impl Opening {
    /// A payment with its payer here, whose method is not kept.
    pub fn new(purpose: Purpose, payer: UserId, price: Money, capture: Capture) -> Self {
        Self { purpose, payer, price, capture, method: None, save: false, off_session: false }
    }
}

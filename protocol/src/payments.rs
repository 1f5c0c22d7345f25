//! Bodies of `/v1/payments`, `/v1/plans`, `/v1/products` and `/v1/subscriptions`, and the events
//! about them on a person's feed.

use crate::id::nullable;
use crate::{
    DeskId, Millis, Money, Patch, PaymentId, PlanId, ProductId, RefundId, SubscriptionId, UserId,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// Waits for a method to pay with.
    Pending,
    /// Its payer has to do something: what their bank asks for.
    RequiresAction,
    /// The provider is at it.
    Processing,
    /// Held for us, and not taken.
    Authorized,
    /// Taken.
    Succeeded,
    /// A part of it was given back.
    PartiallyRefunded,
    /// All of it was given back.
    Refunded,
    /// It did not work; another attempt may follow.
    Failed,
    /// Given up, or what was held was let go.
    Cancelled,
    /// The payer's bank wants it back.
    Disputed,
}

/// What kind of thing a payment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PurposeKind {
    /// A support request.
    Support,
    /// A booking.
    Booking,
    /// Something that is bought once.
    Product,
    /// A period of a subscription.
    Subscription,
}

/// What a payment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Purpose {
    /// The kind of thing.
    pub kind: PurposeKind,
    /// Which: of the request, the booking, the product or the subscription.
    pub id: Uuid,
}

/// What a payer's client needs to go on with the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientAction {
    /// `sandbox` or `stripe`.
    pub provider: String,
    /// Of the provider's `PaymentIntent`; for its payer only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// The provider's key for clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Its id.
    pub id: PaymentId,
    /// Who pays.
    pub payer_id: UserId,
    /// What for.
    pub purpose: Purpose,
    /// How much.
    pub price: Money,
    /// Where it stands.
    pub state: PaymentState,
    /// What was taken.
    pub captured: i64,
    /// What was given back of it.
    pub refunded: i64,
    /// What it was paid with, in the provider's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Why the latest attempt did not work: `declined`, `insufficient_funds`, `expired`, `other`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// When it was opened.
    pub created_at: Millis,
    /// When it was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<Millis>,
    /// When it came to the state it is in.
    pub changed_at: Millis,
    /// Refunds, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub refunds: Vec<Refund>,
    /// Not in events: for its payer, while it is not paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<ClientAction>,
}

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// On its way.
    Pending,
    /// The provider took it on.
    Succeeded,
    /// The provider refused it.
    Failed,
}

/// A refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Its id.
    pub id: RefundId,
    /// How much, in the payment's currency.
    pub amount: i64,
    /// Where it stands.
    pub state: RefundState,
    /// Why, for the payer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was asked for.
    pub created_at: Millis,
}

/// A page of payments, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payments {
    /// The page.
    pub items: Vec<Payment>,
    /// `after` of the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `POST /v1/payments`: buys a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buy {
    /// What.
    pub product_id: ProductId,
    /// What to pay with, in the provider's words; without, the client confirms later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
}

/// `POST /v1/payments/{id}/confirm`: an attempt to pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirm {
    /// What to pay with, in the provider's words.
    pub method: String,
}

/// `POST /v1/payments/{id}/refund`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AskRefund {
    /// How much; all that is left, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// Why, for the payer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How long a period of a subscription is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    /// A month.
    Monthly,
    /// A year.
    Yearly,
}

/// What a period of a plan costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// How long a period is.
    pub interval: Interval,
    /// How much a period costs.
    pub price: Money,
}

/// A plan that people subscribe to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Its id.
    pub id: PlanId,
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Its prices as they are now, one an interval.
    pub prices: Vec<Price>,
    /// Counts the changes of its prices.
    pub version: u32,
    /// Whether requests at a desk cost its subscribers nothing.
    pub includes_support: bool,
    /// Whether one may subscribe to it.
    pub active: bool,
}

/// `POST /v1/plans`, for admins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatePlan {
    /// Its name.
    pub name: String,
    /// What it is.
    #[serde(default, skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
    pub description: String,
    /// Its prices, one an interval.
    pub prices: Vec<Price>,
    /// Whether requests at a desk cost its subscribers nothing.
    #[serde(default, deserialize_with = "nullable")]
    pub includes_support: bool,
}

/// `PATCH /v1/plans/{id}`, a merge patch (RFC 7396), for admins. Nothing of it can be cleared.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UpdatePlan {
    /// Its name.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub name: Patch<String>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub description: Patch<String>,
    /// Its prices from now on; who subscribed keeps theirs.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub prices: Patch<Vec<Price>>,
    /// Whether requests at a desk cost its subscribers nothing.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub includes_support: Patch<bool>,
    /// Whether one may subscribe to it.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub active: Patch<bool>,
}

/// `GET /v1/plans`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plans {
    /// All that one may subscribe to; for admins, the others too.
    pub items: Vec<Plan>,
}

/// Something that is bought once: premium content, or a request at a desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Its id.
    pub id: ProductId,
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// What it costs now.
    pub price: Money,
    /// Counts the changes of its price.
    pub version: u32,
    /// The desk whose requests cost this much. Such a product is not bought by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desk_id: Option<DeskId>,
    /// Whether it is to be had.
    pub active: bool,
    /// Whether the asker owns it.
    #[serde(default, deserialize_with = "nullable")]
    pub owned: bool,
}

/// `POST /v1/products`, for admins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateProduct {
    /// Its name.
    pub name: String,
    /// What it is.
    #[serde(default, skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
    pub description: String,
    /// What it costs.
    pub price: Money,
    /// The desk whose requests cost this much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desk_id: Option<DeskId>,
}

/// `PATCH /v1/products/{id}`, a merge patch (RFC 7396), for admins. Nothing of it can be cleared.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UpdateProduct {
    /// Its name.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub name: Patch<String>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub description: Patch<String>,
    /// What it costs from now on; what was opened before keeps its price.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub price: Patch<Money>,
    /// Whether it is to be had.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub active: Patch<bool>,
}

/// `GET /v1/products`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Products {
    /// All that is to be had; for admins, the others too.
    pub items: Vec<Product>,
}

/// Where a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionState {
    /// Its first payment is on its way.
    Incomplete,
    /// Paid.
    Active,
    /// Its first payment never came.
    IncompleteExpired,
    /// A renewal was not paid yet; what it gives goes on for a while.
    PastDue,
    /// Over.
    Cancelled,
}

/// Somebody's subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// To what.
    pub plan_id: PlanId,
    /// The plan's name when it was agreed on.
    pub plan_name: String,
    /// How long a period is.
    pub interval: Interval,
    /// What a period costs, as agreed on.
    pub price: Money,
    /// Where it stands.
    pub state: SubscriptionState,
    /// It ends with the period that is paid.
    pub cancel_at_period_end: bool,
    /// When it began; absent while `incomplete`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Millis>,
    /// The end of the period that is paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_end_at: Option<Millis>,
    /// While `past_due`: when it ends, if nothing is paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_until: Option<Millis>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Millis>,
    /// When it was asked for.
    pub created_at: Millis,
    /// Of the latest period that was asked for.
    pub payment_id: PaymentId,
}

/// `POST /v1/subscriptions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscribe {
    /// To what.
    pub plan_id: PlanId,
    /// How long a period is.
    pub interval: Interval,
    /// What to pay with, in the provider's words; without, the client confirms the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
}

/// `POST /v1/subscriptions/{id}/cancel`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CancelSubscription {
    /// At once, and not at the end of the period. Nothing is given back for it.
    #[serde(default, deserialize_with = "nullable")]
    pub now: bool,
}

/// A subscription, and the payment of its latest period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscribed {
    /// It.
    pub subscription: Subscription,
    /// Of its latest period.
    pub payment: Payment,
}

/// `GET /v1/subscriptions`: all of one's own, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscriptions {
    /// They.
    pub items: Vec<Subscription>,
}

macro_rules! payment_events {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub struct $name {
            /// The payment as it is now.
            pub payment: Payment,
        }
    )*};
}

payment_events! {
    /// `payment.requires_action`: its payer has something to do.
    RequiresAction
    /// `payment.processing`: the provider is at it.
    Processing
    /// `payment.authorized`: it is held for us.
    Authorized
    /// `payment.succeeded`: it was taken, or a dispute about it ended well.
    Succeeded
    /// `payment.failed`: it did not work; another attempt may follow.
    Failed
    /// `payment.cancelled`: nothing is taken.
    Cancelled
    /// `payment.refunded`: all of it, or a part, was given back.
    Refunded
    /// `payment.disputed`: the payer's bank wants it back.
    Disputed
}

macro_rules! subscription_events {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub struct $name {
            /// The subscription as it is now.
            pub subscription: Subscription,
        }
    )*};
}

subscription_events! {
    /// `subscription.started`: its first period is paid.
    Started
    /// `subscription.renewed`: a further period is paid.
    Renewed
    /// `subscription.changed`: whether it ends with its period.
    Changed
    /// `subscription.past_due`: a further period was not paid.
    PastDue
    /// `subscription.ended`: it is over, or never began.
    Ended
}

//! What a payment is, and the rules of its life. Pure: the time is an argument.
//!
//! A payment holds *facts* that the provider told (taken, given back, disputed), and *wishes* of
//! ours (an attempt, to take, to give up, to give back). What is to be asked of the provider
//! follows from both ([`Payment::next_step`]), so asking again after a crash asks for the same.

pub(crate) mod catalog;
pub(crate) mod decide;
pub(crate) mod subscription;

#[cfg(test)]
mod tests;

pub(crate) use protocol::payments::RefundState;
pub use protocol::payments::{PaymentState as State, PurposeKind};

use protocol::limits::{PAYMENT_AMOUNT_MAX, PAYMENT_METHOD_BYTES_MAX};
use protocol::{
    Blob, Millis, Money, PaymentId, ProductId, RefundId, RequestId, SubscriptionId, UserId,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A payment that nobody pays is given up after this.
pub(crate) const OPEN_MS: Millis = 24 * 60 * 60 * 1_000;
/// One that is open is looked after this often: news may have got lost.
pub(crate) const LOOK_MS: Millis = 10 * 60 * 1_000;
/// One that is held is looked after this often: holds end.
pub(crate) const HELD_LOOK_MS: Millis = 12 * 60 * 60 * 1_000;
/// Times at which it is looked after lie so far apart.
pub(crate) const GRID_MS: Millis = 60 * 1_000;
/// Attempts at one payment.
pub(crate) const ATTEMPTS_MAX: u32 = 20;
/// Refunds of one payment.
pub(crate) const REFUNDS_MAX: usize = 50;

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
    /// The kind of thing.
    pub fn kind(self) -> PurposeKind {
        self.parts().0
    }

    /// The kind of thing, which of them, and a number that tells payments for it apart.
    pub(crate) fn parts(self) -> (PurposeKind, Uuid, u32) {
        match self {
            Self::Support(id) => (PurposeKind::Support, id.0, 0),
            Self::Booking(id) => (PurposeKind::Booking, id, 0),
            Self::Product { id, nth } => (PurposeKind::Product, id.0, nth),
            Self::Subscription { id, period } => (PurposeKind::Subscription, id.0, period),
        }
    }

    pub(crate) fn of_parts(kind: PurposeKind, id: Uuid, serial: u32) -> Self {
        match kind {
            PurposeKind::Support => Self::Support(RequestId(id)),
            PurposeKind::Booking => Self::Booking(id),
            PurposeKind::Product => Self::Product { id: ProductId(id), nth: serial },
            PurposeKind::Subscription => {
                Self::Subscription { id: SubscriptionId(id), period: serial }
            }
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

pub(crate) const fn kind_word(kind: PurposeKind) -> &'static str {
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

/// Why an attempt did not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Failure {
    /// The bank says no.
    Declined,
    /// There is not enough on the account.
    InsufficientFunds,
    /// The card's time is over.
    Expired,
    /// Something else.
    Other,
}

/// What is wanted of a payment beyond its being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Wish {
    /// Take what is held.
    Capture,
    /// Give it up, or back: whatever comes first.
    Void,
}

/// What the payer's bank says. A later word counts whatever the order of hearing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Dispute {
    Open,
    Won,
    Lost,
}

/// A refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refund {
    pub(crate) amount: i64,
    pub(crate) state: RefundState,
    pub(crate) reason: Option<String>,
    pub(crate) created_at: Millis,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payment {
    pub(crate) id: PaymentId,
    pub(crate) payer: UserId,
    pub(crate) purpose: Purpose,
    pub(crate) price: Money,
    pub(crate) capture: Capture,
    pub(crate) save: bool,
    pub(crate) off_session: bool,
    pub(crate) state: State,
    pub(crate) method: Option<String>,
    /// Attempts that were asked for, and those of which the provider said what came of them.
    pub(crate) attempt: u32,
    pub(crate) answered: u32,
    pub(crate) wish: Option<Wish>,
    /// The word of the step that may have reached the provider.
    pub(crate) sent: Option<String>,
    /// Nothing is asked of the provider before this.
    pub(crate) rests_until: Option<Millis>,
    pub(crate) provider: String,
    pub(crate) provider_ref: Option<String>,
    /// Sealed.
    pub(crate) client_secret: Option<Blob>,
    pub(crate) captured: i64,
    pub(crate) refunded: i64,
    pub(crate) dispute: Option<Dispute>,
    pub(crate) failure: Option<Failure>,
    pub(crate) created_at: Millis,
    pub(crate) changed_at: Millis,
    pub(crate) paid_at: Option<Millis>,
    pub(crate) refunds: BTreeMap<RefundId, Refund>,
}

/// What moves a payment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transition {
    Attempt,
    NeedAction,
    Process,
    Authorize,
    Succeed,
    Fail,
    Cancel,
    RefundPart,
    RefundAll,
    Dispute,
    /// A dispute ended well, with nothing given back before it.
    WinWhole,
    /// The same, where a part had been given back.
    WinPart,
}

impl Transition {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 12] = [
        Self::Attempt,
        Self::NeedAction,
        Self::Process,
        Self::Authorize,
        Self::Succeed,
        Self::Fail,
        Self::Cancel,
        Self::RefundPart,
        Self::RefundAll,
        Self::Dispute,
        Self::WinWhole,
        Self::WinPart,
    ];
}

/// The table of a payment's life: where a transition leads, if it is one of this state.
pub(crate) const fn next(state: State, transition: Transition) -> Option<State> {
    use State as S;
    use Transition as T;
    match (state, transition) {
        (S::Pending | S::RequiresAction | S::Failed, T::Attempt | T::Process) => {
            Some(S::Processing)
        }
        (S::Pending | S::Processing | S::Failed, T::NeedAction) => Some(S::RequiresAction),
        (S::Pending | S::RequiresAction | S::Processing | S::Failed, T::Authorize) => {
            Some(S::Authorized)
        }
        (
            S::Pending | S::RequiresAction | S::Processing | S::Failed | S::Authorized,
            T::Succeed,
        )
        | (S::Disputed, T::WinWhole) => Some(S::Succeeded),
        (S::Pending | S::RequiresAction | S::Processing, T::Fail) => Some(S::Failed),
        (S::Pending | S::RequiresAction | S::Processing | S::Failed | S::Authorized, T::Cancel) => {
            Some(S::Cancelled)
        }
        (S::Succeeded | S::PartiallyRefunded, T::RefundPart) | (S::Disputed, T::WinPart) => {
            Some(S::PartiallyRefunded)
        }
        (S::Succeeded | S::PartiallyRefunded, T::RefundAll) => Some(S::Refunded),
        (S::Succeeded | S::PartiallyRefunded, T::Dispute) => Some(S::Disputed),
        _ => None,
    }
}

/// Whether nothing was taken and nothing is held yet, and it may still be paid.
pub(crate) const fn is_open(state: State) -> bool {
    matches!(state, State::Pending | State::RequiresAction | State::Processing | State::Failed)
}

/// The first time of the grid that is not before a time.
pub(crate) const fn on_grid(at: Millis) -> Millis {
    at.saturating_add(GRID_MS - 1).div_euclid(GRID_MS) * GRID_MS
}

/// What is to be asked of the provider next. Its word is its name in the provider's books: asked
/// again under the same, it is done once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// An attempt with the payment's method.
    Start {
        attempt: u32,
    },
    Capture,
    Cancel,
    Refund {
        id: RefundId,
        amount: i64,
    },
}

impl Step {
    pub(crate) fn word(&self) -> String {
        match self {
            Self::Start { attempt } => format!("start:{attempt}"),
            Self::Capture => "capture".to_owned(),
            Self::Cancel => "cancel".to_owned(),
            Self::Refund { id, .. } => format!("refund:{id}"),
        }
    }
}

/// How the provider has a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// It waits for a method.
    Open,
    NeedsAction,
    Processing,
    Held,
    Taken,
    Failed,
    Gone,
}

/// What the provider says of a payment at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) reference: Option<String>,
    pub(crate) status: Status,
    pub(crate) captured: i64,
    pub(crate) refunded: i64,
    pub(crate) failure: Option<Failure>,
    /// What it was paid with.
    pub(crate) method: Option<String>,
    pub(crate) dispute: Option<Dispute>,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The payment is so now.
    Seen(Seen),
    /// The attempt did not work.
    Declined(Failure, Option<Seen>),
    /// The refund is on its way.
    Refunded,
    /// It can't be done, and asking again would not help.
    Refused,
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoSuchPayment,
    StateWrong,
    UnderWay,
    Attempts,
    AmountWrong,
    CurrencyWrong,
    MethodWrong,
    ReasonWrong,
    NothingLeft,
    RefundTooLarge,
    Refunds,
    OtherTerms,
}

/// Something that may be a method, in a provider's words.
pub(crate) fn check_method(method: &str) -> Result<(), Refusal> {
    let visible = method.bytes().all(|byte| byte.is_ascii_graphic());
    if method.is_empty() || method.len() > PAYMENT_METHOD_BYTES_MAX || !visible {
        return Err(Refusal::MethodWrong);
    }
    Ok(())
}

/// An amount that can be paid, in a currency's code.
pub(crate) fn check_money(money: &Money) -> Result<(), Refusal> {
    if !(1..=PAYMENT_AMOUNT_MAX).contains(&money.amount) {
        return Err(Refusal::AmountWrong);
    }
    let code = money.currency.as_bytes();
    if code.len() == 3 && code.iter().all(u8::is_ascii_lowercase) {
        Ok(())
    } else {
        Err(Refusal::CurrencyWrong)
    }
}

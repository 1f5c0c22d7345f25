//! Why not, as clients and people are told.

use super::model::Refusal;
use super::model::catalog::Flaw;
use super::model::subscription::NotNow;
use crate::words::payments as words;
use protocol::{Error, ErrorCode};

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        use ErrorCode as C;
        match refusal {
            Refusal::NoSuchPayment => Self::new(C::NotFound, words::NO_SUCH_PAYMENT),
            Refusal::StateWrong => Self::new(C::Conflict, words::STATE_WRONG),
            Refusal::UnderWay => crate::error::busy(),
            Refusal::Attempts => Self::new(C::Full, words::ATTEMPTS),
            Refusal::AmountWrong => Self::invalid("amount", words::AMOUNT_WRONG),
            Refusal::CurrencyWrong => Self::invalid("currency", words::CURRENCY_WRONG),
            Refusal::MethodWrong => Self::invalid("method", words::METHOD_WRONG),
            Refusal::ReasonWrong => Self::invalid("reason", words::REASON_WRONG),
            Refusal::NothingLeft => Self::new(C::Conflict, words::NOTHING_LEFT),
            Refusal::RefundTooLarge => Self::invalid("amount", words::REFUND_TOO_LARGE),
            Refusal::Refunds => Self::new(C::Full, words::REFUNDS),
            Refusal::OtherTerms => Self::new(C::Conflict, words::OTHER_TERMS),
        }
    }
}

impl From<Flaw> for Error {
    fn from(flaw: Flaw) -> Self {
        match flaw {
            Flaw::Name => Self::invalid("name", words::NAME_WRONG),
            Flaw::Description => Self::invalid("description", words::DESCRIPTION_WRONG),
            Flaw::NoPrices => Self::invalid("prices", words::NO_PRICES),
            Flaw::IntervalTwice => Self::invalid("prices", words::INTERVAL_TWICE),
            Flaw::Money(refusal) => refusal.into(),
            Flaw::Editions => Self::new(ErrorCode::Full, words::EDITIONS),
            Flaw::Cleared => Self::invalid("body", words::CLEARED),
        }
    }
}

impl From<NotNow> for Error {
    fn from(NotNow: NotNow) -> Self {
        Self::new(ErrorCode::Conflict, words::SUBSCRIPTION_STATE_WRONG)
    }
}

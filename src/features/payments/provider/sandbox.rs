//! A provider without a network: the method says what happens, always the same. For tests, demos
//! and places where nothing costs anything.

use super::{Away, Provider, Told};
use crate::features::payments::model::{
    Answer, Capture, Dispute, Failure, Payment, Seen, State, Status, Step,
};
use futures_util::future::{BoxFuture, ready};
use protocol::{Millis, UserId};

/// A payment that takes its time is done after this.
const PROCESSING_MS: Millis = 60 * 1_000;

/// What a method does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    /// `pm_sandbox_ok`, and all that is not named here.
    Ok,
    /// `pm_sandbox_action`: its owner has to confirm again, with `pm_sandbox_ok`.
    Action,
    /// `pm_sandbox_declined`.
    Declined,
    /// `pm_sandbox_insufficient_funds`.
    InsufficientFunds,
    /// `pm_sandbox_expired`.
    Expired,
    /// `pm_sandbox_processing`: done after a minute, when it is looked at.
    Processing,
    /// `pm_sandbox_disputed`: taken, and disputed at once.
    Disputed,
    /// `pm_sandbox_renewal_declined`: works while its owner is here.
    RenewalDeclined,
    /// `pm_sandbox_hold_lost`: what is held can't be taken.
    HoldLost,
    /// `pm_sandbox_refund_refused`: what was taken can't be given back.
    RefundRefused,
}

/// See the module.
pub(super) struct Sandbox;

fn method(payment: &Payment) -> Method {
    match payment.method.as_deref() {
        Some("pm_sandbox_action") => Method::Action,
        Some("pm_sandbox_declined") => Method::Declined,
        Some("pm_sandbox_insufficient_funds") => Method::InsufficientFunds,
        Some("pm_sandbox_expired") => Method::Expired,
        Some("pm_sandbox_processing") => Method::Processing,
        Some("pm_sandbox_disputed") => Method::Disputed,
        Some("pm_sandbox_renewal_declined") => Method::RenewalDeclined,
        Some("pm_sandbox_hold_lost") => Method::HoldLost,
        Some("pm_sandbox_refund_refused") => Method::RefundRefused,
        _ => Method::Ok,
    }
}

/// The payment with another status, and nothing else new.
fn seen(payment: &Payment, status: Status) -> Seen {
    Seen {
        reference: Some(format!("sandbox_{}", payment.id)),
        status,
        captured: payment.captured,
        refunded: payment.refunded,
        failure: None,
        method: None,
        dispute: None,
    }
}

fn taken(payment: &Payment) -> Seen {
    let dispute = (method(payment) == Method::Disputed).then_some(Dispute::Open);
    Seen { captured: payment.price.amount, dispute, ..seen(payment, Status::Taken) }
}

fn paid(payment: &Payment) -> Seen {
    match payment.capture {
        Capture::AtOnce => taken(payment),
        Capture::Later => seen(payment, Status::Held),
    }
}

fn answer(payment: &Payment, step: &Step) -> Answer {
    let declined = |failure| Answer::Declined(failure, Some(seen(payment, Status::Failed)));
    match step {
        Step::Start { .. } if payment.method.is_none() => Answer::Seen(seen(payment, Status::Open)),
        Step::Start { .. } => match method(payment) {
            Method::Action if payment.off_session => declined(Failure::Other),
            Method::Action => Answer::Seen(seen(payment, Status::NeedsAction)),
            Method::Declined => declined(Failure::Declined),
            Method::InsufficientFunds => declined(Failure::InsufficientFunds),
            Method::Expired => declined(Failure::Expired),
            Method::Processing => Answer::Seen(seen(payment, Status::Processing)),
            Method::RenewalDeclined if payment.off_session => declined(Failure::Declined),
            Method::Ok
            | Method::Disputed
            | Method::RenewalDeclined
            | Method::HoldLost
            | Method::RefundRefused => Answer::Seen(paid(payment)),
        },
        Step::Capture if method(payment) == Method::HoldLost => Answer::Refused,
        Step::Capture => Answer::Seen(taken(payment)),
        Step::Cancel => Answer::Seen(seen(payment, Status::Gone)),
        Step::Refund { .. } if method(payment) == Method::RefundRefused => Answer::Refused,
        Step::Refund { .. } => Answer::Refunded,
    }
}

impl Provider for Sandbox {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn run<'a>(
        &'a self,
        payment: &'a Payment,
        step: &'a Step,
        _: Option<&'a str>,
        _: Millis,
    ) -> BoxFuture<'a, Result<Told, Away>> {
        Box::pin(ready(Ok(Told::of(answer(payment, step)))))
    }

    fn find<'a>(
        &'a self,
        _: &'a Payment,
        _: &'a Step,
        _: Millis,
    ) -> BoxFuture<'a, Result<Option<Told>, Away>> {
        // It remembers nothing, and does the same again.
        Box::pin(ready(Ok(None)))
    }

    fn read<'a>(
        &'a self,
        payment: &'a Payment,
        _: &'a str,
        now: Millis,
    ) -> BoxFuture<'a, Result<Option<Seen>, Away>> {
        let since = now.saturating_sub(payment.changed_at);
        let done = method(payment) == Method::Processing && since >= PROCESSING_MS;
        let seen = match payment.state {
            State::Processing if done => paid(payment),
            State::Pending => seen(payment, Status::Open),
            State::RequiresAction => seen(payment, Status::NeedsAction),
            State::Processing => seen(payment, Status::Processing),
            State::Authorized => seen(payment, Status::Held),
            State::Failed => Seen { failure: payment.failure, ..seen(payment, Status::Failed) },
            State::Cancelled => seen(payment, Status::Gone),
            State::Succeeded | State::PartiallyRefunded | State::Refunded | State::Disputed => {
                seen(payment, Status::Taken)
            }
        };
        Box::pin(ready(Ok(Some(seen))))
    }

    fn customer(&self, _: UserId) -> BoxFuture<'_, Result<Option<String>, Away>> {
        Box::pin(ready(Ok(None)))
    }

    fn forget<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), Away>> {
        Box::pin(ready(Ok(())))
    }
}

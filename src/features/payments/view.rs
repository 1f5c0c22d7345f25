//! Payments, plans and subscriptions as they go over the wire.

use super::model::catalog::{Plan, Product};
use super::model::subscription::{Happening, Subscription};
use super::model::{Payment, Purpose, State, is_open};
use super::{Payments, rows};
use protocol::Event;
use protocol::payments as wire;

/// Without what only its payer's client needs.
pub(super) fn payment(payment: &Payment) -> wire::Payment {
    let (kind, id, _) = payment.purpose.parts();
    let mut refunds: Vec<wire::Refund> = payment
        .refunds
        .iter()
        .map(|(id, refund)| wire::Refund {
            id: *id,
            amount: refund.amount,
            state: refund.state,
            reason: refund.reason.clone(),
            created_at: refund.created_at,
        })
        .collect();
    refunds.sort_by_key(|refund| (refund.created_at, refund.id));
    wire::Payment {
        id: payment.id,
        payer_id: payment.payer,
        purpose: wire::Purpose { kind, id },
        price: payment.price.clone(),
        state: payment.state,
        captured: payment.captured,
        refunded: payment.refunded,
        method: payment.method.clone(),
        failure: payment.failure.map(|failure| rows::failure_word(failure).to_owned()),
        created_at: payment.created_at,
        paid_at: payment.paid_at,
        changed_at: payment.changed_at,
        refunds,
        action: None,
    }
}

impl Payments {
    /// For its payer: with what their client needs to go on.
    pub(super) fn own_payment(&self, payment: &Payment) -> wire::Payment {
        let action = is_open(payment.state).then(|| wire::ClientAction {
            provider: payment.provider.clone(),
            client_secret: self.client_secret(payment),
            public_key: self.public_key.clone(),
        });
        wire::Payment { action, ..self::payment(payment) }
    }
}

/// What its payer hears; `None` for what is no news.
pub(super) fn event(of: &Payment) -> Option<Event> {
    let payment = payment(of);
    Some(match of.state {
        State::Pending => return None,
        State::RequiresAction => wire::RequiresAction { payment }.into(),
        State::Processing => wire::Processing { payment }.into(),
        State::Authorized => wire::Authorized { payment }.into(),
        State::Succeeded => wire::Succeeded { payment }.into(),
        State::Failed => wire::Failed { payment }.into(),
        State::Cancelled => wire::Cancelled { payment }.into(),
        State::PartiallyRefunded | State::Refunded => wire::Refunded { payment }.into(),
        State::Disputed => wire::Disputed { payment }.into(),
    })
}

pub(super) fn plan(plan: &Plan) -> wire::Plan {
    let price = |(interval, price): (&wire::Interval, &protocol::Money)| wire::Price {
        interval: *interval,
        price: price.clone(),
    };
    wire::Plan {
        id: plan.id,
        name: plan.name.clone(),
        description: plan.description.clone(),
        prices: plan.prices.iter().map(price).collect(),
        version: plan.edition,
        includes_support: plan.includes_support,
        active: plan.active,
    }
}

pub(super) fn product(product: &Product, owned: bool) -> wire::Product {
    wire::Product {
        id: product.id,
        name: product.name.clone(),
        description: product.description.clone(),
        price: product.price.clone(),
        version: product.edition,
        desk_id: product.desk_id,
        active: product.active,
        owned,
    }
}

pub(super) fn subscription(of: &Subscription) -> wire::Subscription {
    let purpose = Purpose::Subscription { id: of.id, period: of.asked };
    wire::Subscription {
        id: of.id,
        plan_id: of.plan_id,
        plan_name: of.plan_name.clone(),
        interval: of.interval,
        price: of.price.clone(),
        state: of.state,
        cancel_at_period_end: of.cancel_at_period_end,
        started_at: of.started_at,
        period_end_at: of.period_end_at,
        grace_until: of.grace_until,
        ended_at: of.ended_at,
        created_at: of.created_at,
        payment_id: purpose.payment_id(of.user),
    }
}

/// What its person hears; `None` for what is no news.
pub(super) fn subscription_event(happening: Happening, of: &Subscription) -> Option<Event> {
    let subscription = subscription(of);
    Some(match happening {
        Happening::Started => wire::Started { subscription }.into(),
        Happening::Renewed => wire::Renewed { subscription }.into(),
        Happening::Changed => wire::Changed { subscription }.into(),
        Happening::PastDue => wire::PastDue { subscription }.into(),
        Happening::Ended => wire::Ended { subscription }.into(),
        Happening::Ask(_) | Happening::Retry(_) | Happening::Drop(_) => return None,
    })
}

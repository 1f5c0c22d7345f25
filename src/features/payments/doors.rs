//! What people and admins may do with payments, and what their own things hear of them.

use super::model::decide::Passed;
use super::model::{Payment, Purpose, Refusal};
use super::routes::ListPayments;
use super::{Outcome, Payments, as_admin, rows, view};
use crate::auth::{Caller, Role};
use crate::error::{Result, conflict};
use crate::limits;
use crate::words::payments as words;
use protocol::PaymentId;
use protocol::payments as wire;
use uuid::Uuid;

impl Payments {
    /// One's own; for admins, anybody's.
    async fn seen_by(&self, caller: &Caller, id: PaymentId) -> Result<Payment> {
        let found = self.find_payment(id).await?;
        let sees =
            |payment: &Payment| payment.payer == caller.user_id || caller.roles.has(Role::Admin);
        found.filter(sees).ok_or_else(|| Refusal::NoSuchPayment.into())
    }

    async fn own(&self, caller: &Caller, id: PaymentId) -> Result<Payment> {
        let found = self.find_payment(id).await?;
        let own = found.filter(|payment| payment.payer == caller.user_id);
        own.ok_or_else(|| Refusal::NoSuchPayment.into())
    }

    fn shown(&self, caller: &Caller, payment: &Payment) -> wire::Payment {
        if payment.payer == caller.user_id {
            self.own_payment(payment)
        } else {
            view::payment(payment)
        }
    }

    pub(super) async fn get(&self, caller: &Caller, id: PaymentId) -> Result<wire::Payment> {
        let payment = self.seen_by(caller, id).await?;
        Ok(self.shown(caller, &payment))
    }

    pub(super) async fn list(
        &self,
        caller: &Caller,
        wanted: ListPayments,
    ) -> Result<wire::Payments> {
        let ListPayments { user_id, after, limit } = wanted;
        let user = user_id.unwrap_or(caller.user_id);
        if user != caller.user_id {
            as_admin(caller)?;
        }
        let after = limits::place_in_time(after.as_deref())?;
        let limit = limits::page(limit)?;
        let places = rows::own(&self.store, user, after, limit).await?;
        let full = places.len() == limit as usize;
        let next = places.last().filter(|_| full).map(|(at, id)| format!("{at}.{id}"));
        let mut items = Vec::new();
        for (created_at, id) in places {
            let found = self.find_payment(id).await?;
            // A second try to open it left a row of its own.
            if let Some(payment) = found.filter(|payment| payment.created_at == created_at) {
                items.push(self.shown(caller, &payment));
            }
        }
        Ok(wire::Payments { items, next })
    }

    /// An attempt of the payer.
    pub(super) async fn confirm(
        &self,
        caller: &Caller,
        id: PaymentId,
        wanted: &wire::Confirm,
    ) -> Result<wire::Payment> {
        self.own(caller, id).await?;
        let payment = self
            .on_payment(id, |payment, now| {
                // Who was away is here now.
                payment.off_session = false;
                payment.confirm(&wanted.method, now)
            })
            .await?;
        Ok(self.own_payment(&payment))
    }

    /// Gives up a purchase that is not paid. What belongs to something else goes with that.
    pub(super) async fn cancel(&self, caller: &Caller, id: PaymentId) -> Result<wire::Payment> {
        let payment = self.own(caller, id).await?;
        if !matches!(payment.purpose, Purpose::Product { .. }) {
            return Err(conflict(words::NOT_BY_ITSELF));
        }
        let payment = self.on_payment(id, Payment::give_up).await?;
        Ok(self.own_payment(&payment))
    }

    pub(super) async fn refund_by_admin(
        &self,
        caller: &Caller,
        id: PaymentId,
        wanted: wire::AskRefund,
        seed: Uuid,
    ) -> Result<wire::Payment> {
        let wire::AskRefund { amount, reason } = wanted;
        let refund_id = crate::id::derived("refund", &[seed.as_bytes()]);
        let payment = self
            .on_payment(id, |payment, now| {
                let asked = payment.refund(refund_id, amount, reason.clone(), now);
                asked.map(|()| Passed::new())
            })
            .await?;
        Ok(self.shown(caller, &payment))
    }

    /// What became of a payment for something of ours. What is told may be old by now, so how it
    /// is, is read.
    pub(crate) async fn carry_outcome(&self, outcome: Outcome) -> Result<()> {
        let Some(payment) = self.find_payment(outcome.charge.payment_id).await? else {
            return Ok(());
        };
        let (user, state) = (payment.payer, payment.state);
        match payment.purpose {
            Purpose::Product { id, nth } => self.settle_purchase(user, id, nth, state).await,
            Purpose::Subscription { id, period } => {
                self.settle_period(user, id, period, state, payment.method.as_deref()).await
            }
            Purpose::Support(_) | Purpose::Booking(_) => Ok(()),
        }
    }
}

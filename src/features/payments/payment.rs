//! One payment: read, decide by the rules, set the timer, commit with what follows; and its steps
//! at the provider.

use super::charges::{Charge, Charges, OUTCOME, Outcome};
use super::effects::{OfPayment, STEP};
use super::model::decide::Passed;
use super::model::{Opening, Payment, Purpose, Refusal, State, Step};
use super::provider::Told;
use super::{PAYMENT_TIMER, Payments, rows, view};
use crate::error::{Result, busy, internal, unavailable};
use crate::store::{COMMIT_TRIES_MAX, Change, CommitError, Snapshot, Version};
use crate::timers::Timer;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use protocol::{Blob, Millis, PaymentId, RefundId, Topic, UserId};
use uuid::Uuid;

/// Steps of one payment that are asked for in one go.
const STEPS_AT_ONCE_MAX: usize = 20;

impl Payments {
    pub(super) async fn find_payment(&self, id: PaymentId) -> Result<Option<Payment>> {
        rows::payment(id, &self.store.load(rows::payment_partition(id)).await?)
    }

    /// Opens a payment, or finds it. The payment as it is once the provider was asked, where that
    /// can be waited for.
    pub(super) async fn open_payment(&self, opening: &Opening) -> Result<Payment> {
        let id = opening.purpose.payment_id(opening.payer);
        for _ in 0..COMMIT_TRIES_MAX {
            let mut snapshot = self.store.load(rows::payment_partition(id)).await?;
            if let Some(known) = rows::payment(id, &snapshot)? {
                known.is_of(opening)?;
                return Ok(known);
            }
            let now = self.clock.now();
            let (payment, passed) = Payment::new(opening, self.provider.name(), now)?;
            let place = (payment.created_at, id);
            rows::list(&self.store, payment.payer, place).await?;
            let change = Self::change(&snapshot, None, &payment, &passed, true, now);
            if self.commit(&mut snapshot, &payment, change, now).await? {
                return Ok(self.find_payment(id).await?.unwrap_or(payment));
            }
        }
        Err(busy())
    }

    /// Decides about a payment, and waits for what follows where it may. The payment as it is then.
    pub(super) async fn on_payment(
        &self,
        id: PaymentId,
        mut decide: impl FnMut(&mut Payment, Millis) -> std::result::Result<Passed, Refusal> + Send,
    ) -> Result<Payment> {
        for _ in 0..COMMIT_TRIES_MAX {
            let mut snapshot = self.store.load(rows::payment_partition(id)).await?;
            let before = rows::payment(id, &snapshot)?.ok_or(Refusal::NoSuchPayment)?;
            let (mut payment, now) = (before.clone(), self.clock.now());
            let passed = decide(&mut payment, now)?;
            if payment == before {
                return Ok(payment);
            }
            let change = Self::change(&snapshot, Some(&before), &payment, &passed, true, now);
            if self.commit(&mut snapshot, &payment, change, now).await? {
                return Ok(self.find_payment(id).await?.unwrap_or(payment));
            }
        }
        Err(busy())
    }

    /// What a decision writes, and what follows from it. `steps`: the provider is asked for what
    /// is next; not where whoever decides does so.
    pub(super) fn change(
        snapshot: &Snapshot,
        before: Option<&Payment>,
        payment: &Payment,
        passed: &[State],
        steps: bool,
        now: Millis,
    ) -> Change {
        let mut change = Change::new();
        rows::write(before, payment, &mut change);
        for &state in passed {
            let event = view::event(&Payment { state, ..payment.clone() });
            if let Some(event) = event {
                change.event(Topic::User(payment.payer), event);
            }
        }
        if !passed.is_empty() {
            change.group().effect(OUTCOME, &outcome(payment, snapshot.version + 1));
        }
        if steps && payment.next_step(now).is_some() {
            change.group().effect(STEP, &OfPayment { payment_id: payment.id });
        }
        change
    }

    /// Commits, with the timer set before; false where the payment moved on.
    pub(super) async fn commit(
        &self,
        snapshot: &mut Snapshot,
        payment: &Payment,
        change: Change,
        now: Millis,
    ) -> Result<bool> {
        if let Some(due_at) = payment.watch_at(now) {
            self.timers.set(vec![timer(payment.id, due_at)]).await?;
        }
        match self.store.commit(snapshot, change).await {
            Ok(following) => {
                following.done().await;
                Ok(true)
            }
            Err(CommitError::Conflict) => Ok(false),
            Err(CommitError::TooLarge) => Err(internal(&"a payment is too large")),
            Err(CommitError::Failed(error)) => Err(error),
        }
    }

    /// Asks the provider for all that is to be asked. However often it is carried out, and by
    /// whom: what may have reached the provider before is looked for first.
    pub(crate) async fn carry_step(&self, of: OfPayment) -> Result<()> {
        self.steps(of.payment_id).await
    }

    pub(super) async fn steps(&self, id: PaymentId) -> Result<()> {
        for _ in 0..STEPS_AT_ONCE_MAX {
            let mut snapshot = self.store.load(rows::payment_partition(id)).await?;
            let Some(mut payment) = rows::payment(id, &snapshot)? else { return Ok(()) };
            let now = self.clock.now();
            let Some(step) = payment.next_step(now) else { return Ok(()) };
            let mut told = None;
            if payment.sent.as_deref() == Some(&*step.word()) {
                told = self.provider.find(&payment, &step, now).await.map_err(|_| unavailable())?;
            } else {
                let before = payment.clone();
                payment.begin(&step);
                let change = Self::change(&snapshot, Some(&before), &payment, &[], false, now);
                if !self.commit(&mut snapshot, &payment, change, now).await? {
                    continue;
                }
            }
            let told = if let Some(told) = told {
                told
            } else {
                let customer = self.customer(&payment).await?;
                let asked = self.provider.run(&payment, &step, customer.as_deref(), now);
                asked.await.map_err(|_| unavailable())?
            };
            self.conclude(id, &step, &told, snapshot.version).await?;
        }
        Err(busy())
    }

    /// What came of a step that was asked at a version. If the payment moved on meanwhile, how it
    /// is now is read anew.
    async fn conclude(
        &self,
        id: PaymentId,
        step: &Step,
        told: &Told,
        asked_at: Version,
    ) -> Result<()> {
        for _ in 0..COMMIT_TRIES_MAX {
            let mut snapshot = self.store.load(rows::payment_partition(id)).await?;
            let Some(before) = rows::payment(id, &snapshot)? else { return Ok(()) };
            let (mut payment, now) = (before.clone(), self.clock.now());
            let fresh = snapshot.version == asked_at;
            let passed = payment.conclude(step, &told.answer, fresh, now);
            if payment == before {
                return Ok(());
            }
            let refused = payment.refused() > before.refused();
            if let Some(secret) = &told.client_secret {
                let sealed = self.seal.close(id.as_bytes(), secret.as_bytes())?;
                payment.client_secret = Some(Blob(sealed));
            }
            if let (None, Some(reference)) = (&before.provider_ref, &payment.provider_ref) {
                rows::put_ref(&self.store, &payment.provider, reference, id).await?;
            }
            let change = Self::change(&snapshot, Some(&before), &payment, &passed, false, now);
            if self.commit(&mut snapshot, &payment, change, now).await? {
                if refused {
                    metrics::counter!("sanctuary_refunds_refused_total").increment(1);
                    tracing::error!(payment = %id, "a refund was refused; somebody has to look");
                }
                return if fresh { Ok(()) } else { self.look(id, None).await };
            }
        }
        Err(busy())
    }

    /// Gives up what nobody wants any more; what was taken, or is about to be, stays.
    pub(crate) async fn release(&self, purpose: Purpose, payer: UserId) -> Result<()> {
        let id = purpose.payment_id(payer);
        if self.find_payment(id).await?.is_none() {
            return Ok(());
        }
        self.on_payment(id, |payment, now| Ok(payment.release(now))).await.map(|_| ())
    }

    /// By which name the provider knows the payer, where it keeps their method.
    async fn customer(&self, payment: &Payment) -> Result<Option<String>> {
        if !payment.save && !payment.off_session {
            return Ok(None);
        }
        let provider = self.provider.name();
        if let Some(known) = rows::customer(&self.store, payment.payer, provider).await? {
            return Ok(Some(known));
        }
        let made = self.provider.customer(payment.payer).await.map_err(|_| unavailable())?;
        if let Some(made) = &made {
            rows::put_customer(&self.store, payment.payer, provider, made).await?;
        }
        Ok(made)
    }

    /// Fires [`PAYMENT_TIMER`]: what is open is looked after, and given up in the end.
    pub(crate) async fn payment_due(&self, subject: &[u8]) -> Result<()> {
        let Ok(id) = Uuid::from_slice(subject).map(PaymentId) else { return Ok(()) };
        let Some(payment) = self.find_payment(id).await? else { return Ok(()) };
        let now = self.clock.now();
        if payment.watch_at(now).is_none() {
            return Ok(());
        }
        // Where this fails, this timer fires again: the next one is set only then.
        if payment.next_step(now).is_some() {
            self.steps(id).await?;
        } else {
            self.look(id, None).await?;
            let over = |payment: &mut Payment, now| {
                Ok(if payment.is_over(now) { payment.void(now) } else { Passed::new() })
            };
            self.on_payment(id, over).await?;
        }
        let Some(payment) = self.find_payment(id).await? else { return Ok(()) };
        match payment.watch_at(self.clock.now()) {
            Some(due_at) => self.timers.set(vec![timer(id, due_at)]).await,
            None => Ok(()),
        }
    }
}

/// On a grid: what is set again and again within one field is one timer.
fn timer(id: PaymentId, due_at: Millis) -> Timer {
    let due_at = super::model::on_grid(due_at);
    Timer { due_at, kind: PAYMENT_TIMER.to_owned(), subject: id.as_bytes().to_vec() }
}

fn outcome(payment: &Payment, revision: Version) -> Outcome {
    Outcome { charge: charge(payment), revision, at: payment.changed_at }
}

pub(super) fn charge(payment: &Payment) -> Charge {
    Charge {
        payment_id: payment.id,
        purpose: payment.purpose,
        payer: payment.payer,
        price: payment.price.clone(),
        state: payment.state,
        captured: payment.captured,
        refunded: payment.refunded,
    }
}

impl Charges for Payments {
    fn open(&self, opening: Opening) -> BoxFuture<'_, Result<Charge>> {
        async move { Ok(charge(&self.open_payment(&opening).await?)) }.boxed()
    }

    fn find(&self, purpose: Purpose, payer: UserId) -> BoxFuture<'_, Result<Option<Charge>>> {
        async move {
            let found = self.find_payment(purpose.payment_id(payer)).await?;
            Ok(found.map(|payment| charge(&payment)))
        }
        .boxed()
    }

    fn capture(&self, purpose: Purpose, payer: UserId) -> BoxFuture<'_, Result<Charge>> {
        async move {
            let capture = |payment: &mut Payment, _| payment.capture().map(|()| Passed::new());
            Ok(charge(&self.on_payment(purpose.payment_id(payer), capture).await?))
        }
        .boxed()
    }

    fn void(&self, purpose: Purpose, payer: UserId) -> BoxFuture<'_, Result<Option<Charge>>> {
        async move {
            let id = purpose.payment_id(payer);
            if self.find_payment(id).await?.is_none() {
                return Ok(None);
            }
            let void = |payment: &mut Payment, now| Ok(payment.void(now));
            Ok(Some(charge(&self.on_payment(id, void).await?)))
        }
        .boxed()
    }

    fn refund(
        &self,
        purpose: Purpose,
        payer: UserId,
        id: RefundId,
        amount: Option<i64>,
        reason: Option<String>,
    ) -> BoxFuture<'_, Result<Charge>> {
        async move {
            let refund = |payment: &mut Payment, now| {
                payment.refund(id, amount, reason.clone(), now).map(|()| Passed::new())
            };
            Ok(charge(&self.on_payment(purpose.payment_id(payer), refund).await?))
        }
        .boxed()
    }
}

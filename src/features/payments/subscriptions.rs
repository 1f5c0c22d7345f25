//! Subscriptions: begun and ended by people, renewed by timers, paid by payments of their own.

use super::effects::{DROP, OfPeriod, RENEW, RETRY};
use super::model::subscription::{Happening, Input, State as Life, Subscription};
use super::model::{Capture, Opening, Purpose, State, check_method};
use super::rows::holdings;
use super::{Charges as _, Payments, SUBSCRIPTION_TIMER, view};
use crate::auth::Caller;
use crate::error::{Result, busy, conflict, internal};
use crate::store::{COMMIT_TRIES_MAX, Change, CommitError, Snapshot};
use crate::timers::Timer;
use crate::words::payments as words;
use protocol::limits::PAYMENT_THINGS_MAX;
use protocol::payments as wire;
use protocol::{Error, ErrorCode, Millis, PlanId, ProductId, SubscriptionId, Topic, UserId};
use serde_json::json;
use uuid::Uuid;

/// What somebody may be entitled to by paying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entitlement {
    /// What a plan gives.
    Plan(PlanId),
    /// A product that was bought.
    Product(ProductId),
}

fn no_such() -> Error {
    Error::new(ErrorCode::NotFound, words::NO_SUCH_SUBSCRIPTION)
}

impl Payments {
    /// Whether somebody is entitled to something now. One read; while a renewal is late, for the
    /// time of grace.
    pub async fn is_entitled(&self, user: UserId, to: Entitlement) -> Result<bool> {
        let snapshot = self.store.load(holdings::partition(user)).await?;
        match to {
            Entitlement::Product(id) => {
                Ok(holdings::owned(&snapshot, id)?.is_some_and(|row| row.owned))
            }
            Entitlement::Plan(id) => {
                let now = self.clock.now();
                let all = holdings::subscriptions(user, &snapshot)?;
                Ok(all.iter().any(|one| one.plan_id == id && one.entitles(now, self.grace_ms)))
            }
        }
    }

    pub(super) async fn includes_support(&self, user: UserId) -> Result<bool> {
        let now = self.clock.now();
        let all = self.all_subscriptions(user).await?;
        Ok(all.iter().any(|one| one.includes_support && one.entitles(now, self.grace_ms)))
    }

    pub(super) async fn all_subscriptions(&self, user: UserId) -> Result<Vec<Subscription>> {
        holdings::subscriptions(user, &self.store.load(holdings::partition(user)).await?)
    }

    pub(super) async fn subscriptions(&self, caller: &Caller) -> Result<wire::Subscriptions> {
        let all = self.all_subscriptions(caller.user_id).await?;
        Ok(wire::Subscriptions { items: all.iter().map(view::subscription).collect() })
    }

    pub(super) async fn subscription(
        &self,
        caller: &Caller,
        id: SubscriptionId,
    ) -> Result<wire::Subscribed> {
        let all = self.all_subscriptions(caller.user_id).await?;
        let found = all.into_iter().find(|one| one.id == id).ok_or_else(no_such)?;
        self.with_payment(&found).await
    }

    async fn with_payment(&self, of: &Subscription) -> Result<wire::Subscribed> {
        let subscription = view::subscription(of);
        let payment = match self.find_payment(subscription.payment_id).await? {
            Some(payment) => payment,
            // Whoever subscribed was cut off before the payment was opened.
            None if of.state == Life::Incomplete => self.open_payment(&first(of)).await?,
            None if of.state == Life::IncompleteExpired => {
                let unpaid = self.open_payment(&opening(of)).await?;
                self.on_payment(unpaid.id, |payment, now| Ok(payment.void(now))).await?
            }
            None => return Err(busy()),
        };
        Ok(wire::Subscribed { subscription, payment: self.own_payment(&payment) })
    }

    /// Subscribes, and opens the first payment.
    pub(super) async fn subscribe(
        &self,
        caller: &Caller,
        wanted: wire::Subscribe,
        seed: Uuid,
    ) -> Result<wire::Subscribed> {
        let user = caller.user_id;
        if let Some(method) = &wanted.method {
            check_method(method)?;
        }
        let plan = self.plan(wanted.plan_id).await?;
        let price = plan.prices.get(&wanted.interval).cloned();
        let price = price.ok_or_else(|| Error::invalid("interval", words::NO_SUCH_INTERVAL))?;
        let new = Subscription {
            id: crate::id::derived("subscription", &[seed.as_bytes()]),
            user,
            plan_id: plan.id,
            plan_name: plan.name,
            interval: wanted.interval,
            price,
            includes_support: plan.includes_support,
            state: Life::Incomplete,
            cancel_at_period_end: false,
            started_at: None,
            period: 0,
            asked: 1,
            period_end_at: None,
            grace_until: None,
            retry_at: None,
            ended_at: None,
            created_at: self.clock.now(),
            method: wanted.method,
        };
        let made = self.make(new).await?;
        self.open_payment(&first(&made)).await?;
        self.subscription(caller, made.id).await
    }

    /// A new subscription, once; the first one, if it comes again.
    async fn make(&self, new: Subscription) -> Result<Subscription> {
        let user = new.user;
        for _ in 0..COMMIT_TRIES_MAX {
            let mut snapshot = self.store.load(holdings::partition(user)).await?;
            let all = holdings::subscriptions(user, &snapshot)?;
            if let Some(known) = all.iter().find(|one| one.id == new.id) {
                return Ok(known.clone());
            }
            let same = all.iter().find(|one| one.is_live() && one.plan_id == new.plan_id);
            if let Some(same) = same {
                let detail = json!({ "subscription_id": same.id });
                return Err(conflict(words::SUBSCRIBED).detail(detail));
            }
            if holdings::count(&snapshot) >= PAYMENT_THINGS_MAX {
                return Err(Error::new(ErrorCode::Full, words::THINGS_FULL));
            }
            let mut change = Change::new();
            change.write(holdings::subscription_row(&new));
            if self.commit_holdings(&mut snapshot, &new, change).await? {
                return Ok(new);
            }
        }
        Err(busy())
    }

    /// Decides about a subscription, and waits for what follows. `None`: there is none.
    pub(super) async fn on_subscription(
        &self,
        user: UserId,
        id: SubscriptionId,
        input: Input,
        method: Option<&str>,
    ) -> Result<Option<Subscription>> {
        for _ in 0..COMMIT_TRIES_MAX {
            let mut snapshot = self.store.load(holdings::partition(user)).await?;
            let all = holdings::subscriptions(user, &snapshot)?;
            let Some(before) = all.into_iter().find(|one| one.id == id) else { return Ok(None) };
            let mut now_is = before.clone();
            let happened = now_is.apply(input, self.clock.now(), self.grace_ms)?;
            if let (Input::Paid { .. }, Some(method)) = (input, method) {
                now_is.method = Some(method.to_owned());
            }
            if happened.is_empty() && now_is == before {
                return Ok(Some(before));
            }
            let mut change = Change::new();
            change.write(holdings::subscription_row(&now_is));
            follow(&now_is, &happened, &mut change);
            if self.commit_holdings(&mut snapshot, &now_is, change).await? {
                return Ok(Some(now_is));
            }
        }
        Err(busy())
    }

    async fn commit_holdings(
        &self,
        snapshot: &mut Snapshot,
        of: &Subscription,
        change: Change,
    ) -> Result<bool> {
        if let Some(due_at) = of.deadline(self.grace_ms) {
            self.timers.set(vec![timer(of, due_at)]).await?;
        }
        match self.store.commit(snapshot, change).await {
            Ok(following) => {
                following.done().await;
                Ok(true)
            }
            Err(CommitError::Conflict) => Ok(false),
            Err(CommitError::TooLarge) => Err(internal(&"a subscription is too large")),
            Err(CommitError::Failed(error)) => Err(error),
        }
    }

    pub(super) async fn cancel_subscription(
        &self,
        caller: &Caller,
        id: SubscriptionId,
        wanted: wire::CancelSubscription,
    ) -> Result<wire::Subscribed> {
        let input = Input::Cancel { now: wanted.now };
        let found = self.on_subscription(caller.user_id, id, input, None).await?;
        self.with_payment(&found.ok_or_else(no_such)?).await
    }

    pub(super) async fn resume_subscription(
        &self,
        caller: &Caller,
        id: SubscriptionId,
    ) -> Result<wire::Subscribed> {
        let found = self.on_subscription(caller.user_id, id, Input::Resume, None).await?;
        self.with_payment(&found.ok_or_else(no_such)?).await
    }

    /// Fires [`SUBSCRIPTION_TIMER`]: the subscription says what is due by now, if anything is.
    pub(crate) async fn subscription_due(&self, subject: &[u8]) -> Result<()> {
        let Some((user, id)) = subject.split_at_checked(16) else { return Ok(()) };
        let (Ok(user), Ok(id)) = (Uuid::from_slice(user), Uuid::from_slice(id)) else {
            return Ok(());
        };
        let (user, id) = (UserId(user), SubscriptionId(id));
        self.on_subscription(user, id, Input::Due, None).await.map(|_| ())
    }

    async fn of_period(&self, of: OfPeriod) -> Result<Option<Subscription>> {
        let all = self.all_subscriptions(of.user_id).await?;
        let found = all.into_iter().find(|one| one.id == of.subscription_id);
        Ok(found.filter(|one| one.asked == of.period))
    }

    /// The renewal is paid with the method that was saved, at the price that was agreed on.
    pub(crate) async fn carry_renew(&self, of: OfPeriod) -> Result<()> {
        // Carried late, it may be over by now.
        let found = self.of_period(of).await?.filter(Subscription::is_live);
        let Some(found) = found else { return Ok(()) };
        let method = found.method.clone();
        let away = method.is_some();
        let next = Opening { off_session: away, method, ..opening(&found) };
        self.open_payment(&next).await?;
        if !away {
            let input = Input::Unpaid { period: of.period };
            self.on_subscription(of.user_id, of.subscription_id, input, None).await?;
        }
        Ok(())
    }

    /// Another attempt; where the payment is not in a state for it, none.
    pub(crate) async fn carry_retry(&self, of: OfPeriod) -> Result<()> {
        let Some(found) = self.of_period(of).await? else { return Ok(()) };
        let (Life::PastDue, Some(method)) = (found.state, found.method) else { return Ok(()) };
        let purpose = Purpose::Subscription { id: found.id, period: of.period };
        let confirm = self
            .on_payment(purpose.payment_id(of.user_id), |payment, now| {
                // Whoever tried it meanwhile is not here now.
                payment.off_session = true;
                payment.confirm(&method, now)
            })
            .await;
        match confirm {
            Err(error) if !error.retryable => Ok(()),
            outcome => outcome.map(|_| ()),
        }
    }

    pub(crate) async fn carry_drop(&self, of: OfPeriod) -> Result<()> {
        let purpose = Purpose::Subscription { id: of.subscription_id, period: of.period };
        self.void(purpose, of.user_id).await.map(|_| ())
    }

    /// A payment of a period came to another state.
    pub(super) async fn settle_period(
        &self,
        user: UserId,
        id: SubscriptionId,
        period: u32,
        state: State,
        method: Option<&str>,
    ) -> Result<()> {
        let input = match state {
            State::Succeeded | State::PartiallyRefunded => Input::Paid { period },
            State::Failed | State::RequiresAction | State::Cancelled => Input::Unpaid { period },
            State::Refunded | State::Disputed => Input::TakenBack { period },
            State::Pending | State::Processing | State::Authorized => return Ok(()),
        };
        self.on_subscription(user, id, input, method).await.map(|_| ())
    }
}

fn timer(of: &Subscription, due_at: Millis) -> Timer {
    let subject = [of.user.as_bytes().as_slice(), of.id.as_bytes().as_slice()].concat();
    Timer { due_at, kind: SUBSCRIPTION_TIMER.to_owned(), subject }
}

fn opening(of: &Subscription) -> Opening {
    let purpose = Purpose::Subscription { id: of.id, period: of.asked };
    Opening::new(purpose, of.user, of.price.clone(), Capture::AtOnce)
}

/// The first payment, whose method is kept.
fn first(of: &Subscription) -> Opening {
    Opening { save: true, method: of.method.clone(), ..opening(of) }
}

fn follow(of: &Subscription, happened: &[Happening], change: &mut Change) {
    for &happening in happened {
        if let Some(event) = view::subscription_event(happening, of) {
            change.event(Topic::User(of.user), event);
        }
    }
    let period = |period| OfPeriod { user_id: of.user, subscription_id: of.id, period };
    for &happening in happened {
        match happening {
            Happening::Ask(asked) => change.group().effect(RENEW, &period(asked)),
            Happening::Retry(asked) => change.group().effect(RETRY, &period(asked)),
            Happening::Drop(asked) => change.group().effect(DROP, &period(asked)),
            Happening::Started
            | Happening::Renewed
            | Happening::Changed
            | Happening::PastDue
            | Happening::Ended => change,
        };
    }
}

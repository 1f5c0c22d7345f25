//! What one person subscribed to and bought.

use super::of_word;
use crate::error::Result;
use crate::features::payments::model::subscription::{Interval, State, Subscription};
use crate::store::{Partition, Snapshot, Value, VersionedRecord, record};
use protocol::{Money, PlanId, ProductId, SubscriptionId, UserId};

record! {
    /// See the schema.
    pub(crate) struct SubscriptionRow in "payment_holdings", kind "subscription", item id: SubscriptionId {
        plan_id: PlanId,
        plan_name: String,
        every: String,
        amount: i64,
        currency: String,
        includes_support: bool,
        state: String,
        cancel_at_period_end: bool,
        started_at: Option<i64>,
        period: u32,
        asked: u32,
        period_end_at: Option<i64>,
        grace_until: Option<i64>,
        retry_at: Option<i64>,
        ended_at: Option<i64>,
        created_at: i64,
        method: Option<String>,
    }
}

record! {
    /// A product that somebody bought, or tried to.
    pub(crate) struct OwnedRow in "payment_holdings", kind "owned", item id: ProductId {
        nth: u32,
        owned: bool,
        created_at: i64,
    }
}

const STATES: [(State, &str); 5] = [
    (State::Incomplete, "incomplete"),
    (State::Active, "active"),
    (State::IncompleteExpired, "incomplete_expired"),
    (State::PastDue, "past_due"),
    (State::Cancelled, "cancelled"),
];
pub(super) const INTERVALS: [(Interval, &str); 2] =
    [(Interval::Monthly, "monthly"), (Interval::Yearly, "yearly")];

pub(crate) fn partition(user: UserId) -> Partition {
    Partition::new(SubscriptionRow::TABLE, [Value::Uuid(user.0)])
}

/// Newest first.
pub(crate) fn subscriptions(user: UserId, snapshot: &Snapshot) -> Result<Vec<Subscription>> {
    let mut found = snapshot
        .all::<SubscriptionRow>()?
        .into_iter()
        .map(|row| subscription(user, row))
        .collect::<Result<Vec<_>>>()?;
    found.sort_by_key(|one| std::cmp::Reverse((one.created_at, one.id)));
    Ok(found)
}

fn subscription(user: UserId, row: SubscriptionRow) -> Result<Subscription> {
    Ok(Subscription {
        id: row.id,
        user,
        plan_id: row.plan_id,
        plan_name: row.plan_name,
        interval: of_word(&INTERVALS, &row.every)?,
        price: Money { amount: row.amount, currency: row.currency },
        includes_support: row.includes_support,
        state: of_word(&STATES, &row.state)?,
        cancel_at_period_end: row.cancel_at_period_end,
        started_at: row.started_at,
        period: row.period,
        asked: row.asked,
        period_end_at: row.period_end_at,
        grace_until: row.grace_until,
        retry_at: row.retry_at,
        ended_at: row.ended_at,
        created_at: row.created_at,
        method: row.method,
    })
}

pub(crate) fn subscription_row(of: &Subscription) -> SubscriptionRow {
    SubscriptionRow {
        id: of.id,
        plan_id: of.plan_id,
        plan_name: of.plan_name.clone(),
        every: super::word(&INTERVALS, &of.interval).to_owned(),
        amount: of.price.amount,
        currency: of.price.currency.clone(),
        includes_support: of.includes_support,
        state: super::word(&STATES, &of.state).to_owned(),
        cancel_at_period_end: of.cancel_at_period_end,
        started_at: of.started_at,
        period: of.period,
        asked: of.asked,
        period_end_at: of.period_end_at,
        grace_until: of.grace_until,
        retry_at: of.retry_at,
        ended_at: of.ended_at,
        created_at: of.created_at,
        method: of.method.clone(),
    }
}

pub(crate) fn owned(snapshot: &Snapshot, id: ProductId) -> Result<Option<OwnedRow>> {
    Ok(snapshot.all::<OwnedRow>()?.into_iter().find(|row| row.id == id))
}

/// Rows that are there.
pub(crate) fn count(snapshot: &Snapshot) -> usize {
    snapshot.rows.len()
}

pub(crate) fn all_owned(snapshot: &Snapshot) -> Result<Vec<OwnedRow>> {
    snapshot.all()
}

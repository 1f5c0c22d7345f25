//! Rows of `schema/payments.cql`: payments; holdings and the catalog are in the folder beside.

pub(super) mod catalog;
pub(super) mod holdings;

use super::model::{
    Capture, Dispute, Failure, Payment, Purpose, PurposeKind, Refund, RefundState, State, Wish,
    kind_word,
};
use crate::error::{Result, internal};
use crate::store::{Change, Partition, Range, Snapshot, Store, Value, VersionedRecord, record};
use protocol::{Blob, Millis, Money, PaymentId, RefundId, UserId};
use std::collections::BTreeMap;
use uuid::Uuid;

/// News of one payment that are remembered; with more, the oldest go. News comes again for days,
/// and what is old changes nothing by then.
pub(super) const EVENTS_KEPT: usize = 200;

record! {
    /// See the schema.
    pub(super) struct PaymentRow in "payments", kind "payment", item item: Uuid {
        payer_id: UserId,
        purpose_kind: String,
        purpose_id: Uuid,
        serial: u32,
        amount: i64,
        currency: String,
        later: bool,
        keep_method: bool,
        off_session: bool,
        state: String,
        method: Option<String>,
        attempt: u32,
        answered: u32,
        wish: Option<String>,
        sent: Option<String>,
        rests_until: Option<i64>,
        provider: String,
        provider_ref: Option<String>,
        client_secret: Option<Blob>,
        captured: i64,
        refunded: i64,
        dispute: Option<String>,
        failure: Option<String>,
        created_at: i64,
        changed_at: i64,
        paid_at: Option<i64>,
    }
}

record! {
    /// A refund.
    pub(super) struct RefundRow in "payments", kind "refund", item id: RefundId {
        amount: i64,
        state: String,
        reason: Option<String>,
        created_at: i64,
    }
}

record! {
    /// News that was used.
    pub(super) struct EventRow in "payments", kind "event", item item: Uuid {
        received_at: i64,
    }
}

record! {
    /// See the schema.
    struct OwnRow in "payments_of_user" {
        user_id: UserId,
        created_at: i64,
        payment_id: PaymentId,
    }
}

record! {
    /// See the schema.
    struct RefRow in "payment_refs" {
        provider: String,
        reference: String,
        payment_id: PaymentId,
    }
}

record! {
    /// See the schema.
    struct CustomerRow in "payment_customers" {
        user_id: UserId,
        provider: String,
        reference: String,
    }
}

const STATES: [(State, &str); 10] = [
    (State::Pending, "pending"),
    (State::RequiresAction, "requires_action"),
    (State::Processing, "processing"),
    (State::Authorized, "authorized"),
    (State::Succeeded, "succeeded"),
    (State::PartiallyRefunded, "partially_refunded"),
    (State::Refunded, "refunded"),
    (State::Failed, "failed"),
    (State::Cancelled, "cancelled"),
    (State::Disputed, "disputed"),
];
const KINDS: [(PurposeKind, &str); 4] = [
    (PurposeKind::Support, kind_word(PurposeKind::Support)),
    (PurposeKind::Booking, kind_word(PurposeKind::Booking)),
    (PurposeKind::Product, kind_word(PurposeKind::Product)),
    (PurposeKind::Subscription, kind_word(PurposeKind::Subscription)),
];
const WISHES: [(Wish, &str); 2] = [(Wish::Capture, "capture"), (Wish::Void, "void")];
const DISPUTES: [(Dispute, &str); 3] =
    [(Dispute::Open, "open"), (Dispute::Won, "won"), (Dispute::Lost, "lost")];
const FAILURES: [(Failure, &str); 4] = [
    (Failure::Declined, "declined"),
    (Failure::InsufficientFunds, "insufficient_funds"),
    (Failure::Expired, "expired"),
    (Failure::Other, "other"),
];
const REFUND_STATES: [(RefundState, &str); 3] = [
    (RefundState::Pending, "pending"),
    (RefundState::Succeeded, "succeeded"),
    (RefundState::Failed, "failed"),
];

fn of_word<T: Copy>(words: &[(T, &str)], word: &str) -> Result<T> {
    let found = words.iter().find(|(_, known)| *known == word).map(|(value, _)| *value);
    found.ok_or_else(|| internal(&format_args!("a payment's row says {word:?}")))
}

fn word<T: PartialEq>(words: &[(T, &'static str)], value: &T) -> &'static str {
    words.iter().find(|(known, _)| known == value).map_or("", |(_, word)| word)
}

/// Its name on the wire.
pub(super) fn failure_word(failure: Failure) -> &'static str {
    word(&FAILURES, &failure)
}

pub(super) fn payment_partition(id: PaymentId) -> Partition {
    Partition::new(PaymentRow::TABLE, [Value::Uuid(id.0)])
}

pub(super) fn payment(id: PaymentId, snapshot: &Snapshot) -> Result<Option<Payment>> {
    let Some(row) = snapshot.one::<PaymentRow>()? else { return Ok(None) };
    let mut refunds = BTreeMap::new();
    for refund in snapshot.all::<RefundRow>()? {
        let RefundRow { id, amount, state, reason, created_at } = refund;
        let state = of_word(&REFUND_STATES, &state)?;
        refunds.insert(id, Refund { amount, state, reason, created_at });
    }
    let kind = of_word(&KINDS, &row.purpose_kind)?;
    Ok(Some(Payment {
        id,
        payer: row.payer_id,
        purpose: Purpose::of_parts(kind, row.purpose_id, row.serial),
        price: Money { amount: row.amount, currency: row.currency },
        capture: if row.later { Capture::Later } else { Capture::AtOnce },
        save: row.keep_method,
        off_session: row.off_session,
        state: of_word(&STATES, &row.state)?,
        method: row.method,
        attempt: row.attempt,
        answered: row.answered,
        wish: row.wish.as_deref().map(|word| of_word(&WISHES, word)).transpose()?,
        sent: row.sent,
        rests_until: row.rests_until,
        provider: row.provider,
        provider_ref: row.provider_ref,
        client_secret: row.client_secret,
        captured: row.captured,
        refunded: row.refunded,
        dispute: row.dispute.as_deref().map(|word| of_word(&DISPUTES, word)).transpose()?,
        failure: row.failure.as_deref().map(|word| of_word(&FAILURES, word)).transpose()?,
        created_at: row.created_at,
        changed_at: row.changed_at,
        paid_at: row.paid_at,
        refunds,
    }))
}

/// The rows of a payment that changed.
pub(super) fn write(before: Option<&Payment>, payment: &Payment, change: &mut Change) {
    let (kind, purpose_id, serial) = payment.purpose.parts();
    change.write(PaymentRow {
        item: Uuid::nil(),
        payer_id: payment.payer,
        purpose_kind: kind_word(kind).to_owned(),
        purpose_id,
        serial,
        amount: payment.price.amount,
        currency: payment.price.currency.clone(),
        later: payment.capture == Capture::Later,
        keep_method: payment.save,
        off_session: payment.off_session,
        state: word(&STATES, &payment.state).to_owned(),
        method: payment.method.clone(),
        attempt: payment.attempt,
        answered: payment.answered,
        wish: payment.wish.map(|wish| word(&WISHES, &wish).to_owned()),
        sent: payment.sent.clone(),
        rests_until: payment.rests_until,
        provider: payment.provider.clone(),
        provider_ref: payment.provider_ref.clone(),
        client_secret: payment.client_secret.clone(),
        captured: payment.captured,
        refunded: payment.refunded,
        dispute: payment.dispute.map(|dispute| word(&DISPUTES, &dispute).to_owned()),
        failure: payment.failure.map(|failure| failure_word(failure).to_owned()),
        created_at: payment.created_at,
        changed_at: payment.changed_at,
        paid_at: payment.paid_at,
    });
    for (id, refund) in &payment.refunds {
        if before.and_then(|before| before.refunds.get(id)) != Some(refund) {
            change.write(RefundRow {
                id: *id,
                amount: refund.amount,
                state: word(&REFUND_STATES, &refund.state).to_owned(),
                reason: refund.reason.clone(),
                created_at: refund.created_at,
            });
        }
    }
}

/// Notes that news was used. False: it was before.
pub(super) fn use_event(
    snapshot: &Snapshot,
    item: Uuid,
    now: Millis,
    change: &mut Change,
) -> Result<bool> {
    let mut events: Vec<EventRow> = snapshot.all()?;
    if events.iter().any(|event| event.item == item) {
        return Ok(false);
    }
    events.sort_by_key(|event| (event.received_at, event.item));
    let too_many = (events.len() + 1).saturating_sub(EVENTS_KEPT);
    for old in events.iter().take(too_many) {
        change.delete::<EventRow>(old.item);
    }
    change.write(EventRow { item, received_at: now });
    Ok(true)
}

/// A place in somebody's list.
pub(super) type Place = (Millis, PaymentId);

pub(super) async fn list(store: &Store, user: UserId, place: Place) -> Result<()> {
    let (created_at, payment_id) = place;
    store.put(vec![OwnRow { user_id: user, created_at, payment_id }]).await
}

pub(super) async fn own(
    store: &Store,
    user: UserId,
    after: Option<Place>,
    limit: u32,
) -> Result<Vec<Place>> {
    let after = after.map(|(at, id)| vec![Value::Int(at), Value::Uuid(id.0)]);
    let partition = vec![Value::Uuid(user.0)];
    let rows: Vec<OwnRow> =
        store.list(Range { partition, after, descending: false, limit }).await?;
    Ok(rows.into_iter().map(|row| (row.created_at, row.payment_id)).collect())
}

pub(super) async fn put_ref(
    store: &Store,
    provider: &str,
    reference: &str,
    payment_id: PaymentId,
) -> Result<()> {
    let (provider, reference) = (provider.to_owned(), reference.to_owned());
    store.put(vec![RefRow { provider, reference, payment_id }]).await
}

pub(super) async fn by_ref(
    store: &Store,
    provider: &str,
    reference: &str,
) -> Result<Option<PaymentId>> {
    let key = vec![Value::Text(provider.to_owned()), Value::Text(reference.to_owned())];
    Ok(store.get::<RefRow>(key).await?.map(|row| row.payment_id))
}

pub(super) async fn customer(
    store: &Store,
    user: UserId,
    provider: &str,
) -> Result<Option<String>> {
    let key = vec![Value::Uuid(user.0), Value::Text(provider.to_owned())];
    Ok(store.get::<CustomerRow>(key).await?.map(|row| row.reference))
}

pub(super) async fn put_customer(
    store: &Store,
    user: UserId,
    provider: &str,
    reference: &str,
) -> Result<()> {
    let (provider, reference) = (provider.to_owned(), reference.to_owned());
    store.put(vec![CustomerRow { user_id: user, provider, reference }]).await
}

pub(super) async fn remove_customer(store: &Store, user: UserId, provider: &str) -> Result<()> {
    let key = vec![Value::Uuid(user.0), Value::Text(provider.to_owned())];
    store.remove::<CustomerRow>(vec![key]).await
}

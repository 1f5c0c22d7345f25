//! Payments, plans, products and subscriptions.
//!
//! A payment is one partition: what its provider told, what we wish, and which news was heard. All
//! that is asked of a provider is an effect of a commit, under a name of its own, and where an
//! answer got lost, what became of it is read before it is asked again: nothing is held, taken or
//! given back twice. Later features open payments and hear of them by [`Charges`] and [`OUTCOME`].
//! A subscription is ours, not the provider's: each of its periods is a payment, at the price that
//! was agreed on. Does not know what a request or a booking is.

mod catalog;
mod charges;
mod doors;
mod effects;
mod model;
mod payment;
mod personal;
mod provider;
mod refusal;
mod routes;
mod rows;
mod subscriptions;
mod view;
mod webhooks;

pub use charges::{Charge, Charges, OUTCOME, Outcome};
pub(crate) use effects::{DROP, RENEW, RETRY, STEP};
pub use model::{Capture, Opening, Purpose, PurposeKind, State};
pub use provider::{API_VERSION, OpenError, TOLERANCE_S, signed};
pub use subscriptions::Entitlement;

use crate::auth::{Caller, MasterKey, Role, Seal};
use crate::clock::Clock;
use crate::config::Settings;
use crate::error::{Result, forbidden};
use crate::idempotency::Idempotency;
use crate::store::Store;
use crate::timers::Timers;
use crate::words::payments as words;
use protocol::Millis;
use provider::Provider;
use std::sync::Arc;

/// The kind of the timer that looks after a payment. Subject: its id.
pub(crate) const PAYMENT_TIMER: &str = "payment";
/// The kind of the timer of what is due of a subscription. Subject: its person's and its own id.
pub(crate) const SUBSCRIPTION_TIMER: &str = "subscription";

/// A day.
const DAY_MS: Millis = 24 * 60 * 60 * 1_000;

/// See the module.
pub struct Payments {
    store: Arc<Store>,
    timers: Arc<dyn Timers>,
    keys: Arc<Idempotency>,
    provider: Arc<dyn Provider>,
    seal: Seal,
    clock: Clock,
    grace_ms: Millis,
    webhook_secret: Option<String>,
    public_key: Option<String>,
}

/// What payments stand on.
pub struct Parts<'a> {
    /// The rows.
    pub store: Arc<Store>,
    /// The deadlines.
    pub timers: Arc<dyn Timers>,
    /// Requests that come again.
    pub keys: Arc<Idempotency>,
    /// Seals what only a payer may see.
    pub master: &'a MasterKey,
    /// The time.
    pub clock: Clock,
    /// The settings.
    pub settings: &'a Settings,
}

impl Payments {
    /// Over its parts, with the provider that the settings name.
    pub fn open(parts: Parts<'_>) -> std::result::Result<Arc<Self>, OpenError> {
        let Parts { store, timers, keys, master, clock, settings } = parts;
        let secret = settings.payments_webhook_key_file.as_ref();
        Ok(Arc::new(Self {
            store,
            timers,
            keys,
            provider: provider::open(settings)?,
            seal: master.seal("payments"),
            clock,
            grace_ms: Millis::from(settings.payments_grace_days) * DAY_MS,
            webhook_secret: provider::secret("payments.webhook_key_file", secret)?,
            public_key: settings.payments_stripe_public_key.clone(),
        }))
    }

    /// Requests that come again, for the doors of features that create what costs something.
    pub fn keys(&self) -> &Arc<Idempotency> {
        &self.keys
    }
}

fn as_admin(caller: &Caller) -> Result<()> {
    if caller.roles.has(Role::Admin) { Ok(()) } else { Err(forbidden(words::ADMINS_ONLY)) }
}

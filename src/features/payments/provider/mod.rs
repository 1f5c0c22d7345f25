//! Who moves the money: a *provider*. It is asked step by step, each under a name of its own, so
//! that asking twice does it once. Where no answer came, what became of the step is read first.
//!
//! Knows payments and nothing of what they are for. Promises: no name, no address and no text of a
//! person is sent to a provider, and no amount gets into a log beside somebody's id.

mod sandbox;
mod signature;
mod stripe;

pub(super) use signature::verify;
pub use signature::{TOLERANCE_S, signed};
pub use stripe::API_VERSION;

use super::model::{Answer, Dispute, Payment, Seen, Step};
use crate::config::Settings;
use crate::outbound::{Client, Failed};
use futures_util::future::BoxFuture;
use protocol::{Millis, PaymentId, UserId};
use sandbox::Sandbox;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use stripe::Stripe;

/// No answer: the provider may have done it or not, or wants to be asked later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Away;

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) answer: Answer,
    /// By which the payer's client goes on with the provider.
    pub(super) client_secret: Option<String>,
}

impl Told {
    fn of(answer: Answer) -> Self {
        Self { answer, client_secret: None }
    }
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct News {
    /// The event's own id.
    pub(super) id: String,
    /// Where the provider knows our id of it.
    pub(super) payment_id: Option<PaymentId>,
    /// The provider's id of the payment.
    pub(super) reference: Option<String>,
    pub(super) dispute: Option<Dispute>,
}

/// See the module.
pub(super) trait Provider: Send + Sync {
    /// As in the settings, and in `/v1/webhooks/{provider}`.
    fn name(&self) -> &'static str;

    /// Asks for a step. `customer`: by which name it knows the payer, where it keeps methods.
    fn run<'a>(
        &'a self,
        payment: &'a Payment,
        step: &'a Step,
        customer: Option<&'a str>,
        now: Millis,
    ) -> BoxFuture<'a, Result<Told, Away>>;

    /// What became of a step that may have reached it; `None`: nothing is seen of it, and asking
    /// again under the same name does it once.
    fn find<'a>(
        &'a self,
        payment: &'a Payment,
        step: &'a Step,
        now: Millis,
    ) -> BoxFuture<'a, Result<Option<Told>, Away>>;

    /// The payment as the provider has it now; `None` where it has none that is this one.
    fn read<'a>(
        &'a self,
        payment: &'a Payment,
        reference: &'a str,
        now: Millis,
    ) -> BoxFuture<'a, Result<Option<Seen>, Away>>;

    /// A name for somebody whose method is kept; `None`: it needs none.
    fn customer(&self, user: UserId) -> BoxFuture<'_, Result<Option<String>, Away>>;

    /// Forgets somebody and their methods.
    fn forget<'a>(&'a self, customer: &'a str) -> BoxFuture<'a, Result<(), Away>>;
}

/// Why there is no provider.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file of a secret.
    #[error("{setting} {}: {cause}", path.display())]
    Secret {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it can't be read.
        cause: std::io::Error,
    },
    /// Our side of the network.
    #[error("payments: {0}")]
    Client(#[from] Failed),
}

/// A secret out of a file, without the end of its line.
pub(super) fn secret(
    setting: &'static str,
    path: Option<&PathBuf>,
) -> Result<Option<String>, OpenError> {
    let Some(path) = path else { return Ok(None) };
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|cause| OpenError::Secret { setting, path: path.clone(), cause })?;
    let text = text.trim();
    if text.is_empty() {
        // Anybody can sign with an empty key.
        let cause = std::io::Error::new(std::io::ErrorKind::InvalidData, "there is nothing in it");
        return Err(OpenError::Secret { setting, path: path.clone(), cause });
    }
    Ok(Some(text.to_owned()))
}

/// The provider that the settings name.
pub(super) fn open(settings: &Settings) -> Result<Arc<dyn Provider>, OpenError> {
    let key = secret("payments.stripe_key_file", settings.payments_stripe_key_file.as_ref())?;
    match (settings.payments_provider, key) {
        (crate::config::PaymentProvider::Stripe, Some(key)) => {
            let client = Client::trusted()?;
            Ok(Arc::new(Stripe::new(client, &settings.payments_stripe_url, &key)))
        }
        _ => Ok(Arc::new(Sandbox)),
    }
}

/// What an event says it is about: `{id, type, data: {object}}`. `None` for what is none.
pub(super) fn news(body: &[u8]) -> Option<News> {
    let event: Value = serde_json::from_slice(body).ok()?;
    let id = event.get("id")?.as_str()?.to_owned();
    let kind = event.get("type")?.as_str()?;
    let object = event.get("data")?.get("object")?;
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let reference = if kind.starts_with("payment_intent.") {
        text("id")
    } else {
        // What stands beside a payment names it, or holds it whole.
        let inner = object.get("payment_intent");
        inner.and_then(|inner| inner.as_str().or_else(|| inner.get("id")?.as_str()))
    };
    let ours = object.get("metadata").and_then(|of| of.get("payment_id")).and_then(Value::as_str);
    let dispute = kind.starts_with("charge.dispute.").then(|| dispute(text("status")));
    Some(News {
        id,
        payment_id: ours.and_then(|text| text.parse().ok()),
        reference: reference.map(str::to_owned),
        dispute: dispute.flatten(),
    })
}

/// An inquiry is no dispute, and ends as if there had been none.
fn dispute(status: Option<&str>) -> Option<Dispute> {
    match status? {
        "won" => Some(Dispute::Won),
        "lost" => Some(Dispute::Lost),
        status if status.starts_with("warning_") => None,
        _ => Some(Dispute::Open),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_secret_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("webhook.secret");
        for empty in ["", "\n", " \n\n"] {
            std::fs::write(&path, empty).unwrap();
            let error = secret("payments.webhook_key_file", Some(&path)).unwrap_err().to_string();
            assert!(error.starts_with("payments.webhook_key_file"), "{error}");
        }
        std::fs::write(&path, "whsec_1\n").unwrap();
        let read = secret("payments.webhook_key_file", Some(&path)).unwrap();
        assert_eq!(read.as_deref(), Some("whsec_1"));
        assert_eq!(secret("payments.webhook_key_file", None).unwrap(), None);
    }
}

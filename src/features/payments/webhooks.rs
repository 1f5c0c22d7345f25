//! News of the provider: who signed it, which payment it is about, and how that is now.
//!
//! An event only says that something happened. How the payment is, is read from the provider, at
//! the version at which it is written; so the order in which events come, and how often, decides
//! nothing. That an event was used is in the commit of what follows from it.

use super::model::{Dispute, Payment};
use super::provider::{News, news, verify};
use super::{Payments, rows};
use crate::error::{Result, busy, not_found, unavailable};
use crate::store::COMMIT_TRIES_MAX;
use crate::words::payments as words;
use protocol::{Error, ErrorCode, PaymentId};
use uuid::Uuid;

/// What an event adds to what is read.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    /// The event.
    event: Uuid,
    /// The provider's id of the payment.
    reference: Option<String>,
    dispute: Option<Dispute>,
}

impl Payments {
    /// `POST /v1/webhooks/{provider}`. An error: the provider sends it again.
    pub(super) async fn hear(&self, provider: &str, signature: &str, body: &[u8]) -> Result<()> {
        let Some(secret) =
            self.webhook_secret.as_ref().filter(|_| provider == self.provider.name())
        else {
            return Err(not_found("page"));
        };
        if !verify(secret, signature, body, self.clock.now()) {
            return Err(Error::new(ErrorCode::Unauthenticated, words::NOT_SIGNED));
        }
        let Some(news) = news(body) else {
            return Err(Error::new(ErrorCode::Malformed, words::NO_EVENT));
        };
        let Some(id) = self.whose(&news).await? else { return Ok(()) };
        let event = crate::id::derived("payment event", &[news.id.as_bytes()]);
        let News { reference, dispute, .. } = news;
        self.look(id, Some(Heard { event, reference, dispute })).await?;
        // The wish to give it up may have waited for this.
        self.steps(id).await
    }

    /// Ours, or of somebody else who uses the same account at the provider.
    async fn whose(&self, news: &News) -> Result<Option<PaymentId>> {
        if let Some(id) = news.payment_id {
            return Ok(Some(id));
        }
        match &news.reference {
            Some(reference) => rows::by_ref(&self.store, self.provider.name(), reference).await,
            None => Ok(None),
        }
    }

    /// Reads how a payment is at the provider, and brings ours to that. Decided at the version that
    /// was read before, so that of two looks the later one counts.
    pub(super) async fn look(&self, id: PaymentId, heard: Option<Heard>) -> Result<()> {
        for _ in 0..COMMIT_TRIES_MAX {
            let mut snapshot = self.store.load(rows::payment_partition(id)).await?;
            let Some(before) = rows::payment(id, &snapshot)? else { return Ok(()) };
            let said = heard.as_ref().and_then(|heard| heard.reference.clone());
            let reference = before.provider_ref.clone().or(said);
            let seen = match &reference {
                Some(reference) => {
                    let read = self.provider.read(&before, reference, self.clock.now());
                    read.await.map_err(|_| unavailable())?
                }
                None => None,
            };
            let (mut payment, now) = (before.clone(), self.clock.now());
            let mut passed = Vec::new();
            if let Some(seen) = &seen {
                passed.extend(payment.observe(seen, now));
            }
            // Of a payment that was not read, only its own reference says that it is meant.
            let meant = seen.is_some();
            if let Some(dispute) = heard.as_ref().and_then(|heard| heard.dispute).filter(|_| meant)
            {
                passed.extend(payment.disputed(dispute, now));
            }
            let mut change = Self::change(&snapshot, Some(&before), &payment, &passed, true, now);
            let used = match &heard {
                Some(heard) => rows::use_event(&snapshot, heard.event, now, &mut change)?,
                None => payment != before,
            };
            if !used {
                return Ok(());
            }
            if let (None, Some(reference)) = (&before.provider_ref, &payment.provider_ref) {
                rows::put_ref(&self.store, &payment.provider, reference, id).await?;
            }
            if self.commit(&mut snapshot, &payment, change, now).await? {
                return Ok(());
            }
        }
        Err(busy())
    }

    /// Whether a payment waits for its payer's client, and what that needs.
    pub(super) fn client_secret(&self, payment: &Payment) -> Option<String> {
        let sealed = payment.client_secret.as_ref()?;
        let plain = self.seal.open(payment.id.as_bytes(), &sealed.0)?;
        String::from_utf8(plain).ok()
    }
}

//! What accounts write to their people by mail. Words are in [`crate::words::mails`].

use super::Accounts;
use super::model::Purpose;
use super::rows::AccountRow;
use super::secrets::MailSecret;
use crate::error::Result;
use crate::mail::{Mail, SEND};
use crate::store::{Change, Snapshot};
use crate::words::mails::{self as words, Words};
use protocol::Millis;

impl Accounts {
    /// Sends words to an address once the commit holds, without holding anything up.
    pub(super) fn write_to(&self, change: &mut Change, to: &str, words: Words) -> Result<()> {
        let (subject, text) = words;
        let letter = self.post.enclose(&Mail { to: to.to_owned(), subject, text })?;
        change.group();
        change.effect(SEND, &letter);
        Ok(())
    }

    /// Sends a secret for this purpose to an address.
    pub(super) fn send_secret(
        &self,
        change: &mut Change,
        snapshot: &Snapshot,
        account: &AccountRow,
        purpose: Purpose,
        to: &str,
        now: Millis,
    ) -> Result<()> {
        let secret = MailSecret::fresh(account.user_id)?;
        secret.put(change, snapshot, purpose, to, now)?;
        let link = format!("{}/#{}={}", self.settings.public_url, purpose.word(), secret.write());
        let words = match purpose {
            Purpose::Verify => words::verify(&account.name, &link),
            Purpose::Reset => words::reset(&account.name, &link),
            Purpose::Email => words::email_confirm(&account.name, &link),
        };
        self.write_to(change, to, words)
    }
}

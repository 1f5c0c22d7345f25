//! Secrets that stand in mails: 256 random bits and whose they are. The store holds hashes. One
//! is used in the commit that does what it is for, so of two who come with it one gets nothing.

use super::model::{self, Purpose, Refusal};
use super::rows::TokenRow;
use crate::error::Result;
use crate::store::{Change, Snapshot};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::{Millis, UserId};
use uuid::Uuid;

/// Bytes of a secret: a multiple of three, so that base64 has one form of it.
const TOKEN_BYTES: usize = 16 + 32;
/// The same in base64.
const TOKEN_CHARS: usize = TOKEN_BYTES / 3 * 4;

/// A secret, as its holder has it.
pub(super) struct MailSecret {
    pub(super) user_id: UserId,
    secret: [u8; 32],
}

impl MailSecret {
    pub(super) fn fresh(user_id: UserId) -> Result<Self> {
        Ok(Self { user_id, secret: crate::id::random()? })
    }

    /// As it stands in a mail.
    pub(super) fn write(&self) -> String {
        let bytes = [self.user_id.as_bytes().as_slice(), &self.secret].concat();
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// From a client. Whether it is one of ours is for the account to say.
    pub(super) fn read(token: &str) -> Result<Self> {
        let token = token.trim();
        let bytes = (token.len() == TOKEN_CHARS).then(|| URL_SAFE_NO_PAD.decode(token).ok());
        let bytes = bytes.flatten().ok_or(Refusal::TokenOver)?;
        let (user, secret) = bytes.split_first_chunk::<16>().ok_or(Refusal::TokenOver)?;
        let secret = secret.try_into().map_err(|_| Refusal::TokenOver)?;
        Ok(Self { user_id: UserId(Uuid::from_bytes(*user)), secret })
    }

    /// The secret is random, so one round of SHA-256 is enough.
    fn hash(&self) -> Vec<u8> {
        crate::id::digest("token of a mail", &[self.user_id.as_bytes(), &self.secret]).to_vec()
    }

    /// Lets an account know it, for an address.
    pub(super) fn put(
        &self,
        change: &mut Change,
        snapshot: &Snapshot,
        purpose: Purpose,
        email: &str,
        now: Millis,
    ) -> Result<()> {
        let held: Vec<_> = snapshot.all::<TokenRow>()?.iter().map(TokenRow::held).collect();
        for id in model::make_room_for_token(&held, purpose, now) {
            change.delete::<TokenRow>(id);
        }
        let token_hash = self.hash();
        change.write(TokenRow {
            token_id: crate::id::derived("token of a mail", &[&token_hash]),
            purpose: purpose.word().to_owned(),
            token_hash,
            email: email.to_owned(),
            created_at: now,
            expires_at: now + purpose.ttl_ms(),
        });
        Ok(())
    }

    /// The row of it, if it is good for this now.
    pub(super) fn find(
        &self,
        snapshot: &Snapshot,
        purpose: Purpose,
        now: Millis,
    ) -> Result<TokenRow> {
        let hash = self.hash();
        let mut rows = snapshot.all::<TokenRow>()?.into_iter();
        let row = rows.find(|row| crate::id::same_secret(&row.token_hash, &hash));
        let good = row.filter(|row| model::is_good(&row.held(), purpose, now));
        good.ok_or_else(|| Refusal::TokenOver.into())
    }
}

/// Takes back all secrets of these purposes.
pub(super) fn take_back(
    change: &mut Change,
    snapshot: &Snapshot,
    purposes: &[Purpose],
) -> Result<()> {
    for row in snapshot.all::<TokenRow>()? {
        if row.held().purpose.is_none_or(|purpose| purposes.contains(&purpose)) {
            change.delete::<TokenRow>(row.token_id);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_reads_as_it_was_written_and_nothing_else_is_read() {
        let secret = MailSecret::fresh(crate::id::fresh()).unwrap();
        let text = secret.write();
        let read = MailSecret::read(&format!(" {text}\n")).unwrap();
        assert!(read.user_id == secret.user_id && read.hash() == secret.hash());
        let other = MailSecret::fresh(secret.user_id).unwrap();
        assert_ne!(other.hash(), secret.hash());
        for text in ["", "A", &text[1..], &format!("{text}A"), &"!".repeat(TOKEN_CHARS)] {
            assert!(MailSecret::read(text).is_err());
        }
    }
}

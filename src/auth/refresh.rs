//! Refresh tokens: opaque to clients, used once, each the parent of the next.
//!
//! A token is `base64url(version, user, login, secret, tag)`. The tag says that it is ours, so
//! that an old one is told from a forged one without keeping it. The secret of the successor
//! follows from the secret before it, so a repeated request gives the same answer without the
//! store holding a secret: it holds hashes.

use super::master_key::MasterKey;
use crate::error::Result;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::{LoginId, UserId};
use uuid::Uuid;

/// The first byte of a token.
const VERSION: u8 = 1;
/// Bytes of the tag.
const TAG_BYTES: usize = 16;
/// Bytes of a token before base64: a multiple of three, so that base64 has one form of it.
const TOKEN_BYTES: usize = 1 + 16 + 16 + 32 + TAG_BYTES;
/// The same in base64.
const TOKEN_CHARS: usize = TOKEN_BYTES / 3 * 4;

/// Makes and reads refresh tokens.
pub struct RefreshTokens {
    key: [u8; 32],
}

/// A token that is ours. Whether it is still good is for the login to say.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshSecret {
    /// Whose.
    pub user_id: UserId,
    /// Of which login.
    pub login_id: LoginId,
    secret: [u8; 32],
}

impl RefreshTokens {
    /// The key hangs on the master key.
    pub fn new(master: &MasterKey) -> Self {
        Self { key: master.derive("refresh tokens") }
    }

    /// The first secret of a login.
    pub fn first(&self, user_id: UserId, login_id: LoginId) -> Result<RefreshSecret> {
        Ok(RefreshSecret { user_id, login_id, secret: crate::id::random()? })
    }

    /// The secret that follows; always the same one.
    pub fn successor(&self, of: &RefreshSecret) -> RefreshSecret {
        let parts = [of.user_id.as_bytes(), of.login_id.as_bytes(), of.secret.as_slice()];
        RefreshSecret { secret: crate::id::keyed_digest(&self.key, "successor", &parts), ..*of }
    }

    /// As a client gets it.
    pub fn write(&self, secret: &RefreshSecret) -> String {
        let mut bytes = Vec::with_capacity(TOKEN_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(secret.user_id.as_bytes());
        bytes.extend_from_slice(secret.login_id.as_bytes());
        bytes.extend_from_slice(&secret.secret);
        bytes.extend_from_slice(&self.tag(&bytes));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// From a client; `None` if it is not one of ours.
    pub fn read(&self, token: &str) -> Option<RefreshSecret> {
        if token.len() != TOKEN_CHARS {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (body, tag) = bytes.split_last_chunk::<TAG_BYTES>()?;
        if !crate::id::same_secret(&self.tag(body), tag) {
            return None;
        }
        let (version, body) = body.split_first()?;
        let (user, body) = body.split_first_chunk::<16>()?;
        let (login, secret) = body.split_first_chunk::<16>()?;
        (*version == VERSION).then_some(RefreshSecret {
            user_id: UserId(Uuid::from_bytes(*user)),
            login_id: LoginId(Uuid::from_bytes(*login)),
            secret: secret.try_into().ok()?,
        })
    }

    fn tag(&self, body: &[u8]) -> [u8; TAG_BYTES] {
        let digest = crate::id::keyed_digest(&self.key, "tag", &[body]);
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(digest.split_at(TAG_BYTES).0);
        tag
    }
}

impl RefreshSecret {
    /// As the store keeps it. The secret is random, so one round of SHA-256 is enough.
    pub fn hash(&self) -> Vec<u8> {
        crate::id::digest("refresh token", &[&self.secret]).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(key: u8) -> RefreshTokens {
        RefreshTokens::new(&MasterKey::from_bytes([key; 32]))
    }

    #[test]
    fn a_token_reads_as_it_was_written() {
        let tokens = tokens(1);
        let first = tokens.first(crate::id::fresh(), crate::id::fresh()).unwrap();
        assert!(tokens.read(&tokens.write(&first)) == Some(first));
    }

    #[test]
    fn the_successor_is_always_the_same_and_never_the_token_itself() {
        let tokens = tokens(1);
        let first = tokens.first(crate::id::fresh(), crate::id::fresh()).unwrap();
        let next = tokens.successor(&first);
        assert!(next == tokens.successor(&first));
        assert!(next != first && next.hash() != first.hash());
        assert!(next.user_id == first.user_id && next.login_id == first.login_id);
    }

    #[test]
    fn what_is_not_ours_is_not_read() {
        let ours = tokens(1);
        let token = ours.write(&ours.first(crate::id::fresh(), crate::id::fresh()).unwrap());
        assert!(tokens(2).read(&token).is_none(), "another key");
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert!(ours.read(std::str::from_utf8(&changed).unwrap()).is_none(), "byte {at}");
        }
        for text in ["", "A", &token[1..], &format!("{token}A"), &format!("{token}=")] {
            assert!(ours.read(text).is_none());
        }
    }
}

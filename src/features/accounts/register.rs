//! Registration: one commit on the e-mail address decides, and the account follows from it.
//!
//! A username is held first, for a while, so that the commit on the address is the last thing
//! that can be refused. The account itself is made by the effect of that commit, which any node
//! finishes after a crash.

use super::model::{self, Refusal, Status, USERNAME_HOLD_MS};
use super::rows::{self, AccountRow, HandleRow};
use super::{ACCOUNT_CHANGED, Accounts, Origin};
use crate::auth::{Role, Roles};
use crate::error::Result;
use crate::store::{Change, OutKey};
use protocol::accounts::{Register, Tokens};
use protocol::{Format, Millis, UserId};
use serde::{Deserialize, Serialize};

/// The effect that makes an account; see [`Accounts::carry`].
pub const ACCOUNT_CREATE: &str = "account.create";

/// What the effect carries.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct NewAccount {
    user_id: UserId,
    email: String,
    name: String,
    username: Option<String>,
    password_hash: String,
    status: String,
    created_at: Millis,
}

impl Accounts {
    /// `POST /v1/auth/register`: makes an account and logs in.
    pub async fn register(&self, origin: &Origin, wanted: Register) -> Result<Tokens> {
        let email = model::email(&wanted.email)?;
        model::password(&wanted.password)?;
        let name = model::name(&wanted.name)?;
        let username = wanted.username.as_deref().map(model::username).transpose()?;
        self.throttle.registration(origin.address).await?;
        if self.by_email(&email).await?.is_some() {
            return Err(Refusal::EmailTaken.into());
        }
        let password_hash = self.passwords.hash(wanted.password).await?;

        let user_id: UserId = crate::id::fresh();
        if let Some(username) = &username {
            self.hold_username(user_id, username).await?;
        }
        let status =
            if self.settings.verify_email { Status::PendingVerification } else { Status::Active };
        let new = NewAccount {
            user_id,
            email,
            name,
            username,
            password_hash,
            status: status.word().to_owned(),
            created_at: self.clock.now(),
        };
        if !self.take_email(&new).await? {
            if let Some(username) = &new.username {
                self.release_username(user_id, username).await?;
            }
            return Err(Refusal::EmailTaken.into());
        }
        tracing::info!(user = %user_id, "an account was made");
        self.begin_login(user_id, &origin.device).await
    }

    /// Carries out [`ACCOUNT_CREATE`]; may be asked again for the same cause.
    pub async fn carry(&self, _cause: &OutKey, body: &[u8]) -> Result<()> {
        let Ok(new) = Format::MessagePack.decode::<NewAccount>(body) else {
            // It will not read better the next time, and what follows waits for it.
            tracing::error!("an effect {ACCOUNT_CREATE} can't be read, and is left out");
            return Ok(());
        };
        let username = match new.username {
            Some(name) if self.confirm_username(new.user_id, &name).await? => Some(name),
            _ => None,
        };
        let row = AccountRow {
            user_id: new.user_id,
            email: new.email,
            name: new.name,
            username,
            password_hash: Some(new.password_hash),
            roles: Roles::new([Role::Member]).to_column(),
            status: new.status,
            created_at: new.created_at,
            last_login_at: None,
        };
        let partition = rows::account(new.user_id);
        self.store
            .decide(partition, |account| {
                let mut change = Change::new();
                if account.one::<AccountRow>()?.is_none() {
                    change.write(row.clone());
                    change.effect(ACCOUNT_CHANGED, &new.user_id);
                }
                Ok((change, ()))
            })
            .await
    }

    /// Takes an address for good, unless somebody has it.
    async fn take_email(&self, new: &NewAccount) -> Result<bool> {
        let partition = rows::email(&new.email);
        self.store
            .decide(partition, |handle| {
                let mut change = Change::new();
                let free = rows::holder(handle, new.created_at)?.is_none();
                if free {
                    change.write(HandleRow {
                        user_id: new.user_id,
                        held_until: None,
                        created_at: new.created_at,
                    });
                    change.effect(ACCOUNT_CREATE, new);
                }
                Ok((change, free))
            })
            .await
    }

    async fn hold_username(&self, user_id: UserId, username: &str) -> Result<()> {
        let now = self.clock.now();
        let partition = rows::username(username);
        self.store
            .decide(partition, |handle| {
                if rows::holder(handle, now)?.is_some() {
                    return Err(Refusal::UsernameTaken.into());
                }
                let mut change = Change::new();
                for lapsed in handle.all::<HandleRow>()? {
                    change.delete::<HandleRow>(lapsed.user_id);
                }
                let held_until = Some(now + USERNAME_HOLD_MS);
                change.write(HandleRow { user_id, held_until, created_at: now });
                Ok((change, ()))
            })
            .await
    }

    /// Makes a held username one's own; false if the hold lapsed and somebody else came.
    async fn confirm_username(&self, user_id: UserId, username: &str) -> Result<bool> {
        let partition = rows::username(username);
        self.store
            .decide(partition, |handle| {
                let mut change = Change::new();
                let held = handle.all::<HandleRow>()?;
                let mine = held.into_iter().find(|row| row.user_id == user_id);
                let is_mine = mine.is_some();
                if let Some(row) = mine.filter(|row| row.held_until.is_some()) {
                    change.write(HandleRow { held_until: None, ..row });
                }
                Ok((change, is_mine))
            })
            .await
    }

    async fn release_username(&self, user_id: UserId, username: &str) -> Result<()> {
        let partition = rows::username(username);
        self.store
            .decide(partition, |handle| {
                let mut change = Change::new();
                let held = handle.all::<HandleRow>()?;
                if held.iter().any(|row| row.user_id == user_id && row.held_until.is_some()) {
                    change.delete::<HandleRow>(user_id);
                }
                Ok((change, ()))
            })
            .await
    }
}

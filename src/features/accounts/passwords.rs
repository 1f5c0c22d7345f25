//! Forgotten and changed passwords.

use super::logins::{end_all, end_one};
use super::model::{self, Purpose, Refusal, Status};
use super::rows::{self, AccountRow, LoginRow};
use super::secrets::{MailSecret, take_back};
use super::verifying::verified;
use super::{Accounts, Origin};
use crate::auth::Caller;
use crate::error::Result;
use crate::store::Change;
use crate::words::mails;
use protocol::UserId;
use protocol::accounts::{ChangePassword, ForgotPassword, ResetPassword};
use protocol::limits::PASSWORD_BYTES_MAX;
use protocol::session::{Done, RevokeReason};
use std::sync::Arc;

impl Accounts {
    /// `POST /v1/auth/password/forgot`. The answer, and the time it takes, are the same whether or
    /// not there is such an account: the mail is written behind it.
    pub async fn forgot_password(
        self: &Arc<Self>,
        origin: &Origin,
        wanted: ForgotPassword,
    ) -> Result<Done> {
        let email = model::email(&wanted.email)?;
        self.throttle.mail(&email, origin.address).await?;
        let accounts = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error) = accounts.send_reset(&email).await {
                tracing::warn!(%error, "a mail for a new password was not written");
            }
        });
        Ok(Done {})
    }

    async fn send_reset(&self, email: &str) -> Result<()> {
        let Some(account) = self.account_by_email(email).await? else { return Ok(()) };
        let now = self.clock.now();
        self.store
            .decide(rows::account(account.user_id), |snapshot| {
                let mut change = Change::new();
                let account = snapshot.one::<AccountRow>()?.ok_or(Refusal::NoSuchPerson)?;
                let status = account.status()?;
                if status.may_enter() || status == Status::DeletionPending {
                    let to = &account.email;
                    self.send_secret(&mut change, snapshot, &account, Purpose::Reset, to, now)?;
                }
                Ok((change, ()))
            })
            .await
    }

    /// `POST /v1/auth/password/reset`: another password; all logins end. Whoever has the mail has
    /// the address, so that is verified, too.
    pub async fn reset_password(&self, origin: &Origin, wanted: ResetPassword) -> Result<Done> {
        model::password(&wanted.password)?;
        self.throttle.secret(origin.address).await?;
        let secret = MailSecret::read(&wanted.token)?;
        let user_id = secret.user_id;
        // Looked at before the hash is made: that costs.
        let snapshot = self.store.load(rows::account(user_id)).await?;
        secret.find(&snapshot, Purpose::Reset, self.clock.now())?;
        let password_hash = Some(self.passwords.hash(wanted.password).await?);
        let now = self.clock.now();
        self.store
            .decide(rows::account(user_id), |snapshot| {
                let token = secret.find(snapshot, Purpose::Reset, now)?;
                let account = snapshot.one::<AccountRow>()?.ok_or(Refusal::TokenOver)?;
                let status = account.status()?;
                let may = status.may_enter() || status == Status::DeletionPending;
                if !may || account.email != token.email {
                    return Err(Refusal::TokenOver.into());
                }
                let account = AccountRow { password_hash: password_hash.clone(), ..account };
                let mut change = Change::new();
                take_back(&mut change, snapshot, &Purpose::ALL)?;
                end_all(&mut change, snapshot, user_id, RevokeReason::PasswordChanged, now)?;
                let (to, name) = (account.email.clone(), account.name.clone());
                if status == Status::PendingVerification {
                    verified(&mut change, account)?;
                } else {
                    change.write(account);
                }
                self.write_to(&mut change, &to, mails::password_changed(&name))?;
                Ok((change, ()))
            })
            .await?;
        Ok(Done {})
    }

    /// `POST /v1/auth/password/change`: another password; all other logins end.
    pub async fn change_password(
        &self,
        caller: &Caller,
        origin: &Origin,
        wanted: ChangePassword,
    ) -> Result<Done> {
        model::password(&wanted.password)?;
        let known = self.prove(caller, origin, wanted.current).await?;
        let password_hash = Some(self.passwords.hash(wanted.password).await?);
        let (user_id, now) = (caller.user_id, self.clock.now());
        self.store
            .decide(rows::account(user_id), |snapshot| {
                let account = snapshot.one::<AccountRow>()?.ok_or(Refusal::NoSuchPerson)?;
                if account.password_hash != known.password_hash {
                    // Somebody changed it in between.
                    return Err(Refusal::PasswordWrong.into());
                }
                let mut change = Change::new();
                take_back(&mut change, snapshot, &[Purpose::Reset, Purpose::Email])?;
                for login in snapshot.all::<LoginRow>()? {
                    if login.login_id != caller.login_id && login.revoked_at.is_none() {
                        end_one(&mut change, user_id, login, RevokeReason::PasswordChanged, now);
                    }
                }
                let (to, name) = (account.email.clone(), account.name.clone());
                change.write(AccountRow { password_hash: password_hash.clone(), ..account });
                self.write_to(&mut change, &to, mails::password_changed(&name))?;
                Ok((change, ()))
            })
            .await?;
        Ok(Done {})
    }

    /// Whether it is the person who asks, by the password. Tries count as logins do.
    pub(super) async fn prove(
        &self,
        caller: &Caller,
        origin: &Origin,
        password: String,
    ) -> Result<AccountRow> {
        let account = self.known(caller.user_id).await?;
        self.throttle.login(&account.email, origin.address).await?;
        let possible = password.len() <= PASSWORD_BYTES_MAX;
        let hash = account.password_hash.clone().filter(|_| possible);
        let password = if possible { password } else { String::new() };
        if self.passwords.verify(password, hash).await? {
            Ok(account)
        } else {
            Err(Refusal::PasswordWrong.into())
        }
    }

    /// An account that has to be there.
    pub(super) async fn known(&self, user_id: UserId) -> Result<AccountRow> {
        self.account(user_id).await?.ok_or_else(|| Refusal::NoSuchPerson.into())
    }
}

//! Another e-mail address: it is confirmed by a mail to it, and the old one is told.

use super::handles::{HANDLES, Moved};
use super::model::{self, EMAIL_HOLD_MS, Purpose, Refusal, Status};
use super::rows::{self, AccountRow};
use super::secrets::{MailSecret, take_back};
use super::verifying::verified;
use super::{Accounts, Origin};
use crate::auth::Caller;
use crate::error::Result;
use crate::store::Change;
use crate::words::mails;
use protocol::accounts::{ChangeEmail, MailToken};
use protocol::session::Done;

impl Accounts {
    /// `POST /v1/auth/email/change`. Whether the new address is somebody's is not said.
    pub async fn change_email(
        &self,
        caller: &Caller,
        origin: &Origin,
        wanted: ChangeEmail,
    ) -> Result<Done> {
        let email = model::email(&wanted.email)?;
        let known = self.prove(caller, origin, wanted.password).await?;
        self.throttle.mail(&email, origin.address).await?;
        self.throttle.mail(&known.email, origin.address).await?;
        if self.by_email(&email).await?.is_some() {
            return Ok(Done {});
        }
        let now = self.clock.now();
        self.store
            .decide(rows::account(caller.user_id), |snapshot| {
                let account = snapshot.one::<AccountRow>()?.ok_or(Refusal::NoSuchPerson)?;
                let mut change = Change::new();
                self.send_secret(&mut change, snapshot, &account, Purpose::Email, &email, now)?;
                Ok((change, ()))
            })
            .await?;
        Ok(Done {})
    }

    /// `POST /v1/auth/email/confirm`
    pub async fn confirm_email(&self, origin: &Origin, wanted: MailToken) -> Result<Done> {
        self.throttle.secret(origin.address).await?;
        let secret = MailSecret::read(&wanted.token)?;
        let (user_id, now) = (secret.user_id, self.clock.now());
        let snapshot = self.store.load(rows::account(user_id)).await?;
        let new = secret.find(&snapshot, Purpose::Email, now)?.email;
        let handle = rows::email_handle(&new);
        self.hold(user_id, &handle, EMAIL_HOLD_MS, Refusal::EmailTaken).await?;
        self.store
            .decide(rows::account(user_id), |snapshot| {
                secret.find(snapshot, Purpose::Email, now)?;
                let account = snapshot.one::<AccountRow>()?.ok_or(Refusal::TokenOver)?;
                let status = account.status()?;
                if !status.may_enter() {
                    return Err(Refusal::TokenOver.into());
                }
                let mut change = Change::new();
                // Those for the old address, too.
                take_back(&mut change, snapshot, &Purpose::ALL)?;
                let (old, name) = (account.email.clone(), account.name.clone());
                let account = AccountRow { email: new.clone(), ..account };
                if status == Status::PendingVerification {
                    verified(&mut change, account)?;
                } else {
                    change.write(account);
                }
                let release = vec![rows::email_handle(&old)];
                change.effect(HANDLES, &Moved { user_id, take: vec![handle.clone()], release });
                self.write_to(&mut change, &old, mails::email_changed(&name))?;
                Ok((change, ()))
            })
            .await?;
        Ok(Done {})
    }
}

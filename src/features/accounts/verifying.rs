//! Whether an e-mail address is its person's own, and what those may not do who did not say so
//! yet.

use super::model::{Cause, Purpose, Refusal, Status};
use super::rows::{self, AccountRow};
use super::secrets::{MailSecret, take_back};
use super::{Accounts, Origin};
use crate::auth::Caller;
use crate::error::Result;
use crate::store::Change;
use protocol::accounts::{AccountChanged, MailToken};
use protocol::session::Done;
use protocol::{Topic, UserId};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// People of whom it is remembered that they are verified, twice.
const VERIFIED_MAX: usize = 50_000;

/// People who are verified. That never ends, so what is remembered holds on all nodes; two
/// generations bound it.
#[derive(Default)]
pub(super) struct Verified(Mutex<(HashSet<UserId>, HashSet<UserId>)>);

impl Verified {
    fn knows(&self, user_id: UserId) -> bool {
        let both = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        both.0.contains(&user_id) || both.1.contains(&user_id)
    }

    fn put(&self, user_id: UserId) {
        let mut both = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if both.0.len() >= VERIFIED_MAX {
            both.1 = std::mem::take(&mut both.0);
        }
        both.0.insert(user_id);
    }
}

impl Accounts {
    /// Asked at each door through which one reaches others: posts, first messages, friend requests.
    /// Who waits to be verified may look and ask for support, and hears here what to do. Costs a
    /// look in memory, but for those who wait.
    pub async fn may_reach_out(&self, user_id: UserId) -> Result<()> {
        if !self.settings.verify_email || self.verified.knows(user_id) {
            return Ok(());
        }
        let account = self.account(user_id).await?.ok_or(Refusal::NoSuchPerson)?;
        if account.status()? == Status::PendingVerification {
            return Err(Refusal::Unverified.into());
        }
        self.verified.put(user_id);
        Ok(())
    }

    /// `POST /v1/auth/verify`
    pub async fn verify_by_mail(&self, origin: &Origin, wanted: MailToken) -> Result<Done> {
        self.throttle.secret(origin.address).await?;
        let secret = MailSecret::read(&wanted.token)?;
        let (user_id, now) = (secret.user_id, self.clock.now());
        self.store
            .decide(rows::account(user_id), |snapshot| {
                let token = secret.find(snapshot, Purpose::Verify, now)?;
                let account = snapshot.one::<AccountRow>()?.ok_or(Refusal::TokenOver)?;
                if account.email != token.email {
                    return Err(Refusal::TokenOver.into());
                }
                let mut change = Change::new();
                take_back(&mut change, snapshot, &[Purpose::Verify])?;
                if account.status()? == Status::PendingVerification {
                    verified(&mut change, account)?;
                }
                Ok((change, ()))
            })
            .await?;
        Ok(Done {})
    }

    /// `POST /v1/auth/verify/send`: the mail again.
    pub async fn send_verification(&self, caller: &Caller, origin: &Origin) -> Result<Done> {
        let account = self.account(caller.user_id).await?.ok_or(Refusal::NoSuchPerson)?;
        self.throttle.mail(&account.email, origin.address).await?;
        let now = self.clock.now();
        self.store
            .decide(rows::account(caller.user_id), |snapshot| {
                let account = snapshot.one::<AccountRow>()?.ok_or(Refusal::NoSuchPerson)?;
                if account.status()? != Status::PendingVerification {
                    return Err(Refusal::VerifiedAlready.into());
                }
                let mut change = Change::new();
                let to = &account.email;
                self.send_secret(&mut change, snapshot, &account, Purpose::Verify, to, now)?;
                Ok((change, ()))
            })
            .await?;
        Ok(Done {})
    }
}

/// Writes an account that waited as an active one, and says so on its feed.
pub(super) fn verified(change: &mut Change, account: AccountRow) -> Result<()> {
    let status = account.status()?.after(Cause::Verify)?.word().to_owned();
    let changed = AccountChanged { status: status.clone(), delete_at: None };
    change.event(Topic::User(account.user_id), changed);
    change.write(AccountRow { status, ..account });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn what_is_remembered_is_bounded() {
        let verified = Verified::default();
        let user = |n: usize| UserId(Uuid::from_u128(n as u128));
        for n in 0..=2 * VERIFIED_MAX {
            verified.put(user(n));
        }
        assert!(!verified.knows(user(0)) && verified.knows(user(2 * VERIFIED_MAX)));
        let both = verified.0.lock().unwrap();
        assert!(both.0.len() + both.1.len() <= 2 * VERIFIED_MAX);
    }
}

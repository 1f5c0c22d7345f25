//! What accounts say at the door, and what changes that: roles and states.

use super::logins::end_all;
use super::model::{Cause, Refusal, Status};
use super::rows::{self, AccountRow, LoginRow};
use super::{ACCOUNT_CHANGED, Accounts, COACH_ROLE, sockets};
use crate::auth::{AccountFacts, Facts, Role, Roles, Standing};
use crate::error::{Result, unavailable};
use crate::store::Change;
use crate::words::accounts as words;
use crate::words::mails::{self, Words};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use protocol::accounts::AccountChanged;
use protocol::close::CloseCode;
use protocol::session::RevokeReason;
use protocol::{Error, LoginId, Topic, UserId};

impl AccountFacts for Accounts {
    fn facts(&self, user_id: UserId, login_id: LoginId) -> BoxFuture<'_, Result<Option<Facts>>> {
        async move {
            let snapshot = self.store.load(rows::account(user_id)).await?;
            // Whoever asks was let in before, and a version never goes: this is no answer.
            if snapshot.version == 0 {
                tracing::error!(user = %user_id, "the store does not know an account that it knew");
                return Err(unavailable());
            }
            let Some(account) = snapshot.one::<AccountRow>()? else { return Ok(None) };
            let login = rows::login(&snapshot, login_id)?;
            let status = account.status()?;
            let standing = if status == Status::Suspended {
                Standing::Suspended
            } else if status.may_enter() && login.is_some_and(|login| login.revoked_at.is_none()) {
                Standing::Good
            } else {
                Standing::Ended
            };
            let roles = account.roles();
            Ok(Some(Facts { name: account.name.into(), roles, standing }))
        }
        .boxed()
    }
}

impl Accounts {
    /// Gives a role, or takes it away. What is given holds for sessions and requests that begin,
    /// or renew their token, from now on; who loses one begins a new session.
    pub async fn set_role(&self, user_id: UserId, role: Role, on: bool) -> Result<Roles> {
        if role == Role::Member && !on {
            return Err(Error::invalid("role", words::MEMBER_ALWAYS));
        }
        self.store
            .decide(rows::account(user_id), |snapshot| {
                let account = snapshot.one::<AccountRow>()?.ok_or(Refusal::NoSuchPerson)?;
                let roles = account.roles().with(role, on);
                let mut change = Change::new();
                if roles != account.roles() {
                    change.write(AccountRow { roles: roles.to_column(), ..account });
                    if role == Role::Coach {
                        change.effect(COACH_ROLE, &user_id);
                    }
                    if !on {
                        // Roles are those of the start of a session.
                        let logins = snapshot.all::<LoginRow>()?;
                        let login_ids = logins.into_iter().map(|login| login.login_id).collect();
                        sockets::close(&mut change, user_id, login_ids, CloseCode::Resync);
                    }
                }
                Ok((change, roles))
            })
            .await
    }

    /// The e-mail address is the person's own; said by those who run the place.
    pub async fn verify(&self, user_id: UserId) -> Result<()> {
        self.turn(user_id, Cause::Verify, None, |_| None).await
    }

    /// Pauses an account: ends its logins and closes its sockets with 4505.
    pub async fn suspend(&self, user_id: UserId) -> Result<()> {
        self.suspend_for(user_id, None).await
    }

    /// The same, with a reason that the person may read.
    pub async fn suspend_for(&self, user_id: UserId, note: Option<&str>) -> Result<()> {
        let ends = Some(RevokeReason::Suspended);
        self.turn(user_id, Cause::Suspend, ends, |name| Some(mails::suspended(name, note))).await
    }

    /// Takes that back. The person logs in again.
    pub async fn restore(&self, user_id: UserId) -> Result<()> {
        self.turn(user_id, Cause::Restore, None, |name| Some(mails::restored(name))).await
    }

    async fn turn(
        &self,
        user_id: UserId,
        cause: Cause,
        ends_logins: Option<RevokeReason>,
        words: impl Fn(&str) -> Option<Words> + Send + Sync,
    ) -> Result<()> {
        let now = self.clock.now();
        self.store
            .decide(rows::account(user_id), |snapshot| {
                let account = snapshot.one::<AccountRow>()?.ok_or(Refusal::NoSuchPerson)?;
                let status = account.status()?.after(cause)?.word().to_owned();
                let (to, words) = (account.email.clone(), words(&account.name));
                let mut change = Change::new();
                if let Some(reason) = ends_logins {
                    end_all(&mut change, snapshot, user_id, reason, now)?;
                } else {
                    let changed = AccountChanged { status: status.clone(), delete_at: None };
                    change.event(Topic::User(user_id), changed);
                }
                change.group().effect(ACCOUNT_CHANGED, &user_id);
                change.write(AccountRow { status, ..account });
                if let Some(words) = words {
                    self.write_to(&mut change, &to, words)?;
                }
                Ok((change, ()))
            })
            .await
    }
}

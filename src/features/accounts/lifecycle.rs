//! How an account ends: it waits for a while to be deleted, which logging in takes back; then it
//! is erased. What each feature holds of the person goes by effects of the commit that ends the
//! account, so a crash in the middle finishes.

use super::handles::{HANDLES, Moved};
use super::logins::end_all;
use super::model::{Cause, Refusal, Status};
use super::personal::{ERASE, Erase};
use super::rows::{self, AccountRow, LoginRow, ProfileRow, TokenRow};
use super::{ACCOUNT_CHANGED, Accounts, DAY_MS, Origin, sockets};
use crate::auth::Caller;
use crate::error::Result;
use crate::store::{Change, Snapshot};
use crate::timers::Timer;
use crate::words::mails::{self, DecidedBy};
use protocol::accounts::{AccountChanged, DeleteMe};
use protocol::close::CloseCode;
use protocol::session::{Done, RevokeReason};
use protocol::{Topic, UserId};
use uuid::Uuid;

/// The timer at which an account is erased; its subject is the user's id.
pub const ERASE_TIMER: &str = "account.erase";

impl Accounts {
    /// `DELETE /v1/me`
    pub async fn delete_me(
        &self,
        caller: &Caller,
        origin: &Origin,
        wanted: DeleteMe,
    ) -> Result<Done> {
        self.prove(caller, origin, wanted.password).await?;
        self.begin_deletion(caller.user_id, DecidedBy::Oneself).await?;
        Ok(Done {})
    }

    /// Has an account deleted once its time of grace is over, as those who run the place decided.
    pub async fn request_deletion(&self, user_id: UserId) -> Result<()> {
        self.begin_deletion(user_id, DecidedBy::Admins).await
    }

    /// Its logins end now.
    async fn begin_deletion(&self, user_id: UserId, by: DecidedBy) -> Result<()> {
        let now = self.clock.now();
        let grace_ms = self.settings.deletion_grace_ms;
        let delete_at = now + grace_ms;
        // Before the commit: a timer that finds another state does nothing.
        let subject = user_id.as_bytes().to_vec();
        let timer = Timer { due_at: delete_at, kind: ERASE_TIMER.to_owned(), subject };
        self.timers.set(vec![timer]).await?;
        self.store
            .decide(rows::account(user_id), |snapshot| {
                let account = snapshot.one::<AccountRow>()?.ok_or(Refusal::NoSuchPerson)?;
                let status = account.status()?.after(Cause::RequestDeletion)?.word().to_owned();
                let (to, name) = (account.email.clone(), account.name.clone());
                let mut change = Change::new();
                end_all(&mut change, snapshot, user_id, RevokeReason::AccountDeleted, now)?;
                let delete_at = Some(delete_at);
                let changed = AccountChanged { status: status.clone(), delete_at };
                change.event(Topic::User(user_id), changed);
                let prior = Some(account.status.clone());
                change.write(AccountRow { status, delete_at, prior, ..account });
                change.effect(ACCOUNT_CHANGED, &user_id);
                let words = mails::deletion_requested(&name, by, grace_ms / DAY_MS);
                self.write_to(&mut change, &to, words)?;
                Ok((change, ()))
            })
            .await
    }

    /// Takes that back; the account is what it was before.
    pub async fn keep(&self, user_id: UserId) -> Result<()> {
        self.store
            .decide(rows::account(user_id), |snapshot| {
                let account = snapshot.one::<AccountRow>()?.ok_or(Refusal::NoSuchPerson)?;
                account.status()?.after(Cause::Keep)?;
                let prior = account.prior.as_deref().and_then(Status::from_word);
                let status = Status::kept(prior).word().to_owned();
                let (to, name) = (account.email.clone(), account.name.clone());
                let mut change = Change::new();
                let changed = AccountChanged { status: status.clone(), delete_at: None };
                change.event(Topic::User(user_id), changed);
                change.write(AccountRow { status, prior: None, delete_at: None, ..account });
                change.effect(ACCOUNT_CHANGED, &user_id);
                self.write_to(&mut change, &to, mails::deletion_cancelled(&name))?;
                Ok((change, ()))
            })
            .await
    }

    /// Fires [`ERASE_TIMER`]: the account as it is by now decides.
    pub async fn erase_due(&self, subject: &[u8]) -> Result<()> {
        let Ok(user_id) = Uuid::from_slice(subject).map(UserId) else { return Ok(()) };
        let now = self.clock.now();
        let parts = self.personal_names();
        let erased = self
            .store
            .decide(rows::account(user_id), |snapshot| {
                let account = snapshot.one::<AccountRow>()?;
                let due = account.filter(|row| row.delete_at.is_some_and(|at| at <= now));
                let due = due.filter(|row| row.status == Status::DeletionPending.word());
                let Some(account) = due else { return Ok((Change::new(), false)) };
                Ok((erased(snapshot, &account, &parts)?, true))
            })
            .await?;
        if erased {
            self.names.forget(user_id);
            tracing::info!(user = %user_id, "an account was deleted");
        }
        Ok(())
    }
}

/// What is left of an account: its id, and that it is deleted.
fn erased(snapshot: &Snapshot, account: &AccountRow, parts: &[String]) -> Result<Change> {
    let user_id = account.user_id;
    let mut change = Change::new();
    let mut release = vec![rows::email_handle(&account.email)];
    release.extend(account.username.as_deref().map(rows::username_handle));
    change.effect(ACCOUNT_CHANGED, &user_id);
    change.write(AccountRow {
        user_id,
        name: String::new(),
        email: String::new(),
        username: None,
        password_hash: None,
        roles: String::new(),
        status: account.status()?.after(Cause::Erase)?.word().to_owned(),
        created_at: account.created_at,
        last_login_at: None,
        delete_at: None,
        prior: None,
    });
    let logins = snapshot.all::<LoginRow>()?;
    let login_ids = logins.iter().map(|login| login.login_id).collect();
    for login in logins {
        change.delete::<LoginRow>(login.login_id);
    }
    for token in snapshot.all::<TokenRow>()? {
        change.delete::<TokenRow>(token.token_id);
    }
    if snapshot.one::<ProfileRow>()?.is_some() {
        change.delete::<ProfileRow>(user_id);
    }
    sockets::close(&mut change, user_id, login_ids, CloseCode::Revoked);
    change.effect(HANDLES, &Moved { user_id, take: Vec::new(), release });
    for part in parts {
        // Side by side: one that can't be reached does not hold up the others.
        change.group();
        change.effect(ERASE, &Erase { user_id, part: part.clone() });
    }
    Ok(change)
}

//! For the command line: tokens without a password, and people for load tests.

use super::Accounts;
use super::logins::make_room;
use super::model::{Refusal, Status};
use super::rows::{self, AccountRow, HandleRow, LoginRow};
use crate::auth::{Issued, Role, Roles};
use crate::error::Result;
use crate::store::{Change, CommitError, Partition, Snapshot};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use protocol::{LoginId, Millis, UserId};

/// People that are made at the same time; the store groups their commits.
const PEOPLE_AT_ONCE: usize = 512;
/// What a login of the command line is called among a person's devices.
const DEVICE: &str = "command line";

/// People for a load test.
#[derive(Debug, Clone)]
pub struct NewPeople {
    /// How many.
    pub count: u32,
    /// A role, beside member.
    pub role: Option<Role>,
    /// Their addresses are `load-<prefix>-<n>@example.invalid`; a fresh one if absent.
    pub prefix: Option<String>,
    /// How long their tokens live.
    pub ttl_ms: Millis,
}

impl Accounts {
    /// An access token of a person, without a refresh token. All of them share one login, which
    /// logging out everywhere ends.
    pub async fn token_for(&self, user_id: UserId, ttl_ms: Millis) -> Result<Issued> {
        let now = self.clock.now();
        let (login_id, roles) = self
            .store
            .decide(rows::account(user_id), |snapshot| {
                let account = snapshot.one::<AccountRow>()?.ok_or(Refusal::NoSuchPerson)?;
                if !account.status()?.may_enter() {
                    return Err(Refusal::StateWrong.into());
                }
                let ours =
                    |login: &LoginRow| login.refresh_hash.is_none() && login.revoked_at.is_none();
                let mut change = Change::new();
                let known = snapshot.all::<LoginRow>()?.into_iter().find(ours);
                let login_id = known.as_ref().map_or_else(crate::id::fresh, |row| row.login_id);
                if known.is_none() {
                    make_room(&mut change, snapshot, user_id)?;
                    change.write(login_row(login_id, now));
                }
                Ok((change, (login_id, account.roles())))
            })
            .await?;
        self.tokens.issue(user_id, login_id, &roles, now, ttl_ms)
    }

    /// Makes people, and a token for each. The same prefix again gives the same people.
    pub async fn create_people(&self, wanted: NewPeople) -> Result<Vec<(UserId, String)>> {
        let prefix = match wanted.prefix {
            Some(prefix) => prefix,
            None => format!("{:08x}", u32::from_be_bytes(crate::id::random()?)),
        };
        let roles = Roles::new([Role::Member].into_iter().chain(wanted.role));
        stream::iter(1..=wanted.count)
            .map(|n| self.create_person(&prefix, n, &roles, wanted.ttl_ms))
            .buffered(PEOPLE_AT_ONCE)
            .try_collect()
            .await
    }

    async fn create_person(
        &self,
        prefix: &str,
        n: u32,
        roles: &Roles,
        ttl_ms: Millis,
    ) -> Result<(UserId, String)> {
        let now = self.clock.now();
        let parts = [prefix.as_bytes(), &n.to_be_bytes()];
        let user_id: UserId = crate::id::derived("load person", &parts);
        let login_id: LoginId = crate::id::derived("load login", &parts);
        let email = format!("load-{prefix}-{n}@example.invalid");

        // Nothing reads these before their tokens are printed, so the two commits need no effect
        // to bind them. Nobody has them yet, as a rule, so they are not read first either.
        let mut handle = Change::new();
        handle.write(HandleRow { user_id, held_until: None, created_at: now });
        self.commit_first(rows::email(&email), handle).await?;
        let mut account = Change::new();
        account.write(AccountRow {
            user_id,
            name: format!("Load {prefix} {n}"),
            email,
            username: None,
            password_hash: None,
            roles: roles.to_column(),
            status: Status::Active.word().to_owned(),
            created_at: now,
            last_login_at: None,
            delete_at: None,
            prior: None,
        });
        account.write(login_row(login_id, now));
        let issued = if self.commit_first(rows::account(user_id), account).await? {
            self.tokens.issue(user_id, login_id, roles, now, ttl_ms)?
        } else {
            self.token_for(user_id, ttl_ms).await?
        };
        Ok((user_id, issued.token))
    }

    /// Commits to a partition that was never written; false if it was.
    async fn commit_first(&self, partition: Partition, change: Change) -> Result<bool> {
        let mut nothing = Snapshot { partition, version: 0, rows: Vec::new(), outbox: Vec::new() };
        match self.store.commit(&mut nothing, change).await {
            Ok(_) => Ok(true),
            Err(CommitError::Conflict) => Ok(false),
            Err(CommitError::TooLarge) => Err(crate::error::internal(&"an account is too large")),
            Err(CommitError::Failed(error)) => Err(error),
        }
    }
}

fn login_row(login_id: LoginId, now: Millis) -> LoginRow {
    LoginRow {
        login_id,
        device: DEVICE.to_owned(),
        refresh_hash: None,
        previous_hash: None,
        rotated_at: None,
        created_at: now,
        last_used_at: now,
        revoked_at: None,
    }
}

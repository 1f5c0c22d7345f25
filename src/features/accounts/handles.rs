//! Handles: an e-mail address or a username has one owner under any race.
//!
//! A handle is held first, for a while; the commit that needs it, on the account, carries the
//! effect that makes it one's own and lets the old one go.

use super::Accounts;
use super::model::Refusal;
use super::rows::{self, AccountRow, HandleRow};
use crate::error::Result;
use crate::store::Change;
use protocol::{Millis, UserId};
use serde::{Deserialize, Serialize};

/// The effect that follows a change of handles; see [`Moved`].
pub(crate) const HANDLES: &str = "account.handles";

/// Body of [`HANDLES`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Moved {
    pub(super) user_id: UserId,
    /// Held until now, one's own from now on.
    pub(super) take: Vec<String>,
    /// Free for others.
    pub(super) release: Vec<String>,
}

impl Accounts {
    /// Holds a handle for somebody, unless somebody else has it.
    pub(super) async fn hold(
        &self,
        user_id: UserId,
        handle: &str,
        hold_ms: Millis,
        taken: Refusal,
    ) -> Result<()> {
        let now = self.clock.now();
        self.store
            .decide(rows::handle(handle), |snapshot| {
                let mut change = Change::new();
                match rows::holder(snapshot, now)? {
                    Some(holder) if holder != user_id => return Err(taken.into()),
                    Some(_) if rows::own(snapshot, user_id)? => return Ok((change, ())),
                    Some(_) | None => {}
                }
                let lapsed = snapshot.all::<HandleRow>()?;
                for row in lapsed.into_iter().filter(|row| row.user_id != user_id) {
                    change.delete::<HandleRow>(row.user_id);
                }
                let held_until = Some(now + hold_ms);
                change.write(HandleRow { user_id, held_until, created_at: now });
                Ok((change, ()))
            })
            .await
    }

    /// Makes a handle one's own; false if the hold lapsed and somebody else came.
    pub(super) async fn take(&self, user_id: UserId, handle: &str) -> Result<bool> {
        let now = self.clock.now();
        self.store
            .decide(rows::handle(handle), |snapshot| {
                let mut change = Change::new();
                let mine = rows::holder(snapshot, now)?.is_none_or(|holder| holder == user_id);
                if mine && !rows::own(snapshot, user_id)? {
                    let others = snapshot.all::<HandleRow>()?;
                    for row in others.into_iter().filter(|row| row.user_id != user_id) {
                        change.delete::<HandleRow>(row.user_id);
                    }
                    change.write(HandleRow { user_id, held_until: None, created_at: now });
                }
                Ok((change, mine))
            })
            .await
    }

    /// Lets a handle go, if it is this person's.
    pub(super) async fn release(&self, user_id: UserId, handle: &str) -> Result<()> {
        self.store
            .decide(rows::handle(handle), |snapshot| {
                let mut change = Change::new();
                if snapshot.all::<HandleRow>()?.iter().any(|row| row.user_id == user_id) {
                    change.delete::<HandleRow>(user_id);
                }
                Ok((change, ()))
            })
            .await
    }

    /// Carries out [`HANDLES`]. What the account has by now is not let go: an older effect may
    /// come late.
    pub(super) async fn carry_handles(&self, moved: Moved) -> Result<()> {
        let Moved { user_id, take, release } = moved;
        let snapshot = self.store.load(rows::account(user_id)).await?;
        let account = snapshot.one::<AccountRow>()?;
        let has = |handle: &String| account.as_ref().is_some_and(|account| account.has(handle));
        for handle in take.iter().filter(|handle| has(handle)) {
            if !self.take(user_id, handle).await? {
                self.lose_username(user_id, handle).await?;
            }
        }
        for handle in release.iter().filter(|handle| !has(handle)) {
            self.release(user_id, handle).await?;
        }
        Ok(())
    }

    /// Somebody else came while the hold had lapsed: a username is theirs then. An address is held
    /// for a day, and stays with the account, which can't log in by it until it is sorted out.
    async fn lose_username(&self, user_id: UserId, handle: &str) -> Result<()> {
        tracing::error!(user = %user_id, "a handle was taken while it was being changed");
        self.store
            .decide(rows::account(user_id), |snapshot| {
                let mut change = Change::new();
                let account = snapshot.one::<AccountRow>()?;
                let lost = |name: &String| rows::username_handle(name) == handle;
                if let Some(account) = account.filter(|row| row.username.as_ref().is_some_and(lost))
                {
                    change.write(AccountRow { username: None, ..account });
                }
                Ok((change, ()))
            })
            .await
    }
}

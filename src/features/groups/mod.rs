//! Groups: who is in them.
//!
//! Owns who is in a group: groups are too large for a log's state, so membership is asked
//! before each append and, by [`Groups::visible`], before each delivery. What is on a group's wall
//! is the business of `wall`.

mod commands;
mod model;
mod personal;
mod refusal;
mod rows;
mod training;

pub use model::{Act, Standing};

use crate::bus::Channel;
use crate::clock::Clock;
use crate::error::{Result, busy};
use crate::features::accounts::Accounts;
use crate::hub::Hub;
use crate::log::Log;
use crate::rights::Visible;
use crate::store::{COMMIT_TRIES_MAX, Change, Store};
use model::{Refusal, Wish};
use protocol::groups::{MembershipEnded, MembershipStarted, Role};
use protocol::{GroupId, Topic, UserId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The effect that brings the projections in line with a membership.
pub(crate) const PROJECT: &str = "groups.project";

/// Body of [`PROJECT`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Project {
    group_id: GroupId,
    user_id: UserId,
}

/// See the module.
pub struct Groups {
    store: Arc<Store>,
    log: Arc<dyn Log>,
    hub: Arc<Hub>,
    accounts: Arc<Accounts>,
    clock: Clock,
}

impl Groups {
    /// Over the store, the log and the hub; names come from `accounts`.
    pub fn new(
        store: Arc<Store>,
        log: Arc<dyn Log>,
        hub: Arc<Hub>,
        accounts: Arc<Accounts>,
        clock: Clock,
    ) -> Arc<Self> {
        Arc::new(Self { store, log, hub, accounts, clock })
    }

    /// The part of a wall that a person may read.
    pub async fn visible(&self, user: UserId, id: GroupId) -> Result<Option<Visible>> {
        Ok(self.may(user, Act::Read, id).await?.then_some(Visible::ALL))
    }

    /// What a person is to a group; a stranger where there is none.
    pub async fn standing(&self, user: UserId, id: GroupId) -> Result<Standing> {
        rows::standing(&self.store.load(rows::membership(id, user)).await?)
    }

    /// The role of somebody who is in it; `None`: they are not.
    pub async fn role(&self, user: UserId, id: GroupId) -> Result<Option<Role>> {
        Ok(self.standing(user, id).await?.role())
    }

    /// Whether a person may do this on a group's wall, as it is now.
    pub async fn may(&self, user: UserId, act: Act, id: GroupId) -> Result<bool> {
        Ok(model::may(self.standing(user, id).await?, act))
    }

    /// The same as a door: the role of who may. Who is not in it hears that there is no such
    /// group (`not_found`), who is in it and may not, that this is for others (`forbidden`).
    pub async fn demand(&self, user: UserId, act: Act, id: GroupId) -> Result<Role> {
        let standing = self.standing(user, id).await?;
        let role = standing.role().ok_or(Refusal::NoSuchGroup)?;
        if model::may(standing, act) { Ok(role) } else { Err(Refusal::NotYours.into()) }
    }

    /// Those whom a person is in, in order of their ids, after one of them: at most `limit`, no
    /// more than [`crate::store::LIST_ROWS_MAX`]. A listing may be a moment late: ask
    /// [`Self::may`] where it matters.
    pub async fn groups_of(
        &self,
        user: UserId,
        after: Option<GroupId>,
        limit: u32,
    ) -> Result<Vec<GroupId>> {
        rows::groups_of(&self.store, user, after, limit).await
    }

    /// Carries out [`PROJECT`]: the projections follow the membership as it is now, so the
    /// order of two of them does not matter. Read again after the writing: a node that slept in
    /// between may have written what was true before.
    pub(crate) async fn project(&self, project: &Project) -> Result<()> {
        let &Project { group_id, user_id } = project;
        let membership = rows::membership(group_id, user_id);
        let mut snapshot = self.store.load(membership.clone()).await?;
        for _ in 0..COMMIT_TRIES_MAX {
            let standing = rows::standing(&snapshot)?;
            rows::project(&self.store, group_id, user_id, standing).await?;
            snapshot = self.store.load(membership.clone()).await?;
            if rows::standing(&snapshot)? == standing {
                return Ok(());
            }
        }
        Err(busy())
    }

    async fn change(&self, user_id: UserId, group_id: GroupId, wish: Wish) -> Result<()> {
        let now = self.clock.now();
        let standing = self
            .store
            .decide(rows::membership(group_id, user_id), |snapshot| {
                let mut change = Change::new();
                let now_is = rows::standing(snapshot)?;
                let next = model::decide(now_is, wish)?;
                if let Some(next) = next {
                    change.write(rows::membership_row(next, now));
                    change.effect(PROJECT, &Project { group_id, user_id });
                    let feed = Topic::User(user_id);
                    if let Some(role) = next.role() {
                        change.event(feed, MembershipStarted { group_id, role });
                    } else if now_is.role().is_some() {
                        change.event(feed, MembershipEnded { group_id });
                    }
                }
                Ok((change, next.unwrap_or(now_is)))
            })
            .await?;
        // Of a retry as well: its first try may have been cut off between the two.
        if standing.role().is_none() {
            self.hub.revoke(user_id, Channel::Group(group_id));
        }
        Ok(())
    }
}

//! Groups and the posts on their walls.
//!
//! Owns who is in a group: groups are too large for a log's state, so membership is asked
//! before each append and, by [`Groups::visible`], before each delivery. Posts live in the log
//! of `group:<id>`.

mod commands;
mod model;
mod personal;
mod posts;
mod rows;
mod training;

use crate::bus::Channel;
use crate::clock::Clock;
use crate::error::{Result, busy};
use crate::features::accounts::Accounts;
use crate::hub::Hub;
use crate::log::Log;
use crate::rights::Visible;
use crate::store::{COMMIT_TRIES_MAX, Change, Store};
use model::{Refusal, Standing, Wish};
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
        Ok(self.role(user, id).await?.map(|_| Visible::ALL))
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

    async fn role(&self, user: UserId, id: GroupId) -> Result<Option<Role>> {
        match rows::standing(&self.store.load(rows::membership(id, user)).await?)? {
            Standing::In(role) => Ok(Some(role)),
            Standing::Stranger | Standing::Left => Ok(None),
        }
    }

    async fn as_member(&self, user: UserId, id: GroupId) -> Result<Role> {
        self.role(user, id).await?.ok_or_else(|| Refusal::NoSuchGroup.into())
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
                    match next {
                        Standing::In(role) => {
                            change.event(feed, MembershipStarted { group_id, role });
                        }
                        Standing::Left | Standing::Stranger => {
                            change.event(feed, MembershipEnded { group_id });
                        }
                    }
                }
                Ok((change, next.unwrap_or(now_is)))
            })
            .await?;
        // Of a retry as well: its first try may have been cut off between the two.
        if standing == Standing::Left {
            self.hub.revoke(user_id, Channel::Group(group_id));
        }
        Ok(())
    }
}

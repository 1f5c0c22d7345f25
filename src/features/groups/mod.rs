//! Groups: what they are, and who is in them.
//!
//! Owns charters and memberships. Groups are too large for a log's state, so membership is asked
//! before each append and, by [`Groups::visible`], before each delivery.
//!
//! What a group is, and who owns it, is one partition; what one person is to it, another. So a
//! crowd that joins does not contend, and a group has one owner at any time: whoever the charter
//! names is in it, whatever their membership says. A step about a person reads the membership
//! first and the charter after it, and commits on the membership; who becomes the owner has their
//! membership written (`SEAT`), so that a step which has not seen it is refused.
//!
//! Promises: after a revocation (leave, removal, ban, the group's end) not one further event is
//! delivered; it is told to all nodes by an effect, so that a crash holds it up at most.

mod charters;
mod commands;
mod effects;
mod members;
mod model;
mod personal;
mod refusal;
mod rows;
mod steps;
mod training;
mod words;

pub(crate) use effects::EFFECTS;
pub use model::{Act, Standing};

use crate::clock::Clock;
use crate::error::Result;
use crate::features::accounts::Accounts;
use crate::features::people::People;
use crate::hub::Hub;
use crate::log::Log;
use crate::rights::Visible;
use crate::store::Store;
use futures_util::try_join;
use model::{Charter, Held, Refusal};
use protocol::groups::Role;
use protocol::{CategoryId, GroupId, UserId};
use std::sync::Arc;

/// See the module.
pub struct Groups {
    store: Arc<Store>,
    log: Arc<dyn Log>,
    hub: Arc<Hub>,
    accounts: Arc<Accounts>,
    people: Arc<People>,
    clock: Clock,
}

/// A group and what somebody is to it.
struct Seen {
    charter: Charter,
    held: Held,
}

impl Groups {
    /// Over the store, the log and the hub; names come from `accounts`, blocks from `people`.
    pub fn new(
        store: Arc<Store>,
        log: Arc<dyn Log>,
        hub: Arc<Hub>,
        accounts: Arc<Accounts>,
        people: Arc<People>,
        clock: Clock,
    ) -> Arc<Self> {
        Arc::new(Self { store, log, hub, accounts, people, clock })
    }

    /// The part of a wall that a person may read.
    pub async fn visible(&self, user: UserId, id: GroupId) -> Result<Option<Visible>> {
        Ok(self.may(user, Act::Read, id).await?.then_some(Visible::ALL))
    }

    /// What a person is to a group; a stranger where there is none, or none any more.
    pub async fn standing(&self, user: UserId, id: GroupId) -> Result<Standing> {
        let seen = self.look(user, id).await?;
        Ok(seen.map_or(Standing::Stranger, |seen| seen.held.standing))
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

    /// Whether a group has a category.
    pub async fn has_category(&self, id: GroupId, category: CategoryId) -> Result<bool> {
        let charter = self.charter(id).await?;
        Ok(charter.is_some_and(|it| it.categories.iter().any(|one| one.id == category)))
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
        let rows = rows::groups_of(&self.store, user, after, limit).await?;
        Ok(rows.into_iter().map(|(id, _)| id).collect())
    }

    /// A group that has not ended.
    async fn charter(&self, id: GroupId) -> Result<Option<Charter>> {
        let charter = rows::charter(&self.store.load(rows::charter_of(id)).await?)?;
        Ok(charter.filter(|charter| charter.ended_at.is_none()))
    }

    /// A group that has not ended, and what somebody is to it.
    async fn look(&self, user: UserId, id: GroupId) -> Result<Option<Seen>> {
        let (membership, charter) =
            try_join!(self.store.load(rows::membership(id, user)), self.charter(id))?;
        let kept = rows::kept(&membership)?;
        Ok(charter.map(|charter| Seen::new(charter, user, kept)))
    }

    /// The same, of a group that is there for that person.
    async fn find(&self, user: UserId, id: GroupId) -> Result<Seen> {
        let seen = self.look(user, id).await?.ok_or(Refusal::NoSuchGroup)?;
        if model::may_see(seen.charter.visibility, seen.held.standing) {
            Ok(seen)
        } else {
            Err(Refusal::NoSuchGroup.into())
        }
    }
}

impl Seen {
    fn new(charter: Charter, user: UserId, kept: Held) -> Self {
        let held = Held { standing: charter.standing(user, kept.standing), ..kept };
        Self { charter, held }
    }
}

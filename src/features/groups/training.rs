//! Training groups: who practises with whom. Asked by features that come after this one.

use super::{Groups, rows};
use crate::error::Result;
use crate::store::LIST_ROWS_MAX;
use protocol::groups::Kind;
use protocol::{GroupId, UserId};

impl Groups {
    /// Whether a group is a training group and somebody is in it. By the memberships themselves.
    pub(crate) async fn trains_in(&self, user: UserId, group: GroupId) -> Result<bool> {
        let Some(seen) = self.look(user, group).await? else { return Ok(false) };
        Ok(seen.charter.kind == Kind::Training && seen.held.standing.role().is_some())
    }

    /// A training group that both are in.
    pub(crate) async fn common_training(
        &self,
        one: UserId,
        other: UserId,
    ) -> Result<Option<GroupId>> {
        for (group, _) in rows::groups_of(&self.store, one, None, LIST_ROWS_MAX).await? {
            if self.trains_in(one, group).await? && self.trains_in(other, group).await? {
                return Ok(Some(group));
            }
        }
        Ok(None)
    }
}

//! The `group.*` commands.

use super::Groups;
use super::model::{Refusal, Wish};
use super::rows::{self, GroupRow};
use crate::auth::Caller;
use crate::error::Result;
use crate::limits;
use protocol::groups::{Create, Get, Group, GroupResult, Groups as Page, Join, Leave, List};
use protocol::limits::{DESCRIPTION_CHARS_MAX, NAME_CHARS_MAX};
use protocol::session::Done;
use protocol::{Error, GroupId, Topic, UserId};

impl Groups {
    /// `group.create`
    pub async fn create(&self, caller: &Caller, create: Create) -> Result<GroupResult> {
        let owner_id = caller.user_id;
        self.accounts.may_reach_out(owner_id).await?;
        let Create { client_id, name, description, kind, visibility, joining } = create;
        let description = description.unwrap_or_default();
        if name.trim().is_empty() || name.chars().count() > NAME_CHARS_MAX {
            let message = format!("A name has 1 to {NAME_CHARS_MAX} characters.");
            return Err(Error::invalid("name", message));
        }
        if description.chars().count() > DESCRIPTION_CHARS_MAX {
            let message = format!("A description has at most {DESCRIPTION_CHARS_MAX} characters.");
            return Err(Error::invalid("description", message));
        }
        let group_id: GroupId =
            crate::id::derived("group", &[owner_id.as_bytes(), client_id.as_bytes()]);
        if rows::group(&self.store, group_id).await?.is_none() {
            let joining = rows::joining_word(joining.unwrap_or_default());
            let created_at = self.clock.now();
            let kind = Some(rows::kind_word(kind.unwrap_or_default()));
            let visibility = Some(rows::visibility_word(visibility.unwrap_or_default()));
            let row = GroupRow {
                group_id,
                name,
                description,
                owner_id,
                joining,
                created_at,
                kind,
                visibility,
            };
            rows::put_group(&self.store, row).await?;
        }
        // Again on a retry: a crash may have left the group without its owner.
        self.change(owner_id, group_id, Wish::Found).await?;
        self.get(caller, Get { group_id }).await
    }

    /// `group.get`
    pub async fn get(&self, caller: &Caller, get: Get) -> Result<GroupResult> {
        let group = self.view(caller.user_id, get.group_id).await?.ok_or(Refusal::NoSuchGroup)?;
        Ok(GroupResult { group })
    }

    /// `group.list`
    pub async fn list(&self, caller: &Caller, list: List) -> Result<Page> {
        let limit = limits::page(list.limit)?;
        let after = list.after.as_deref().map(str::parse::<GroupId>).transpose();
        let after =
            after.map_err(|_| Error::invalid("after", "This is not a place in the list."))?;
        let ids = if list.mine.unwrap_or(false) {
            rows::groups_of(&self.store, caller.user_id, after, limit).await?
        } else {
            rows::directory(&self.store, after, limit).await?
        };
        let next = (ids.len() == limit as usize).then(|| ids.last().map(GroupId::to_string));
        let mut items = Vec::with_capacity(ids.len());
        for id in ids {
            items.extend(self.view(caller.user_id, id).await?);
        }
        Ok(Page { items, next: next.flatten() })
    }

    /// `group.join`
    pub async fn join(&self, caller: &Caller, join: Join) -> Result<GroupResult> {
        rows::group(&self.store, join.group_id).await?.ok_or(Refusal::NoSuchGroup)?;
        self.change(caller.user_id, join.group_id, Wish::Join).await?;
        self.get(caller, Get { group_id: join.group_id }).await
    }

    /// `group.leave`
    pub async fn leave(&self, caller: &Caller, leave: Leave) -> Result<Done> {
        self.change(caller.user_id, leave.group_id, Wish::Leave).await?;
        Ok(Done {})
    }

    async fn view(&self, user: UserId, id: GroupId) -> Result<Option<Group>> {
        let Some(row) = rows::group(&self.store, id).await? else { return Ok(None) };
        let head = self.log.heads(vec![Topic::Group(id)]).await?.pop().unwrap_or_default();
        let standing = self.standing(user, id).await?;
        Ok(Some(Group {
            id,
            name: row.name,
            description: row.description,
            owner_id: row.owner_id,
            kind: rows::kind(row.kind.as_deref())?,
            visibility: rows::visibility(row.visibility.as_deref())?,
            joining: rows::joining(&row.joining)?,
            created_at: row.created_at,
            role: standing.role(),
            standing: standing.shown(),
            head_seq: head.seq,
        }))
    }
}

//! Making, finding and listing groups.

use super::charters::{check_description, check_name, shown};
use super::effects::{CATALOGUE, OfGroup, Project, SEAT, Seat};
use super::model::{self, Charter, Refusal};
use super::{Groups, Seen, rows};
use crate::auth::Caller;
use crate::error::Result;
use crate::limits;
use crate::store::Change;
use crate::words::groups as words;
use protocol::groups::{Create, Get, Group, GroupResult, Groups as Page, List, Standing as Shown};
use protocol::limits::GROUPS_OWNED_MAX;
use protocol::{Error, GroupId, Topic, UserId};

impl Groups {
    /// `group.create`. The same `client_id` of the same person: the group that it made.
    pub async fn create(&self, caller: &Caller, create: Create) -> Result<GroupResult> {
        let owner_id = caller.user_id;
        self.accounts.may_reach_out(owner_id).await?;
        let Create { client_id, name, description, kind, visibility, joining } = create;
        let description = description.unwrap_or_default();
        check_name(&name)?;
        check_description(&description)?;
        let group_id: GroupId =
            crate::id::derived("group", &[owner_id.as_bytes(), client_id.as_bytes()]);
        let charter = Charter {
            name,
            description,
            owner_id,
            kind: kind.unwrap_or_default(),
            visibility: visibility.unwrap_or_default(),
            joining: joining.unwrap_or_default(),
            created_at: self.clock.now(),
            ended_at: None,
            categories: Vec::new(),
        };
        let full = self.owns(owner_id).await? >= GROUPS_OWNED_MAX;
        self.store
            .decide(rows::charter_of(group_id), |snapshot| {
                let mut change = Change::new();
                if rows::charter(snapshot)?.is_none() {
                    if full {
                        return Err(Refusal::OwnedFull.into());
                    }
                    change.write(rows::charter_row(&charter));
                    change.effect(SEAT, &Seat { group_id, user_id: owner_id });
                    change.effect(CATALOGUE, &OfGroup { group_id });
                }
                Ok((change, ()))
            })
            .await?;
        // What follows from a seat is not waited for, and the list of one's own is to show it.
        self.project(Project { group_id, user_id: owner_id, was: None }).await?;
        self.get(caller, Get { group_id }).await
    }

    /// `group.get`
    pub async fn get(&self, caller: &Caller, get: Get) -> Result<GroupResult> {
        let seen = self.find(caller.user_id, get.group_id).await?;
        let categories = seen.charter.categories.clone().into_iter().map(shown).collect();
        let group = self.view(get.group_id, seen).await?;
        Ok(GroupResult { group: Group { categories, ..group } })
    }

    /// `group.list`
    pub async fn list(&self, caller: &Caller, list: List) -> Result<Page> {
        let limit = limits::page(list.limit)?;
        let after = limits::place_at::<GroupId>(list.after.as_deref())?;
        let own = list.mine.unwrap_or(false).then_some(Shown::Member);
        let wanted = list.standing.or(own);
        let ids = self.ids(caller.user_id, wanted, after, limit).await?;
        let next = (ids.len() == limit as usize).then(|| ids.last().map(GroupId::to_string));
        let mut items = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(seen) = self.look(caller.user_id, id).await? else { continue };
            let standing = seen.held.standing;
            // A list may be a moment late; where one is banned one is told, whatever it shows.
            let fits = wanted.is_none_or(|wanted| standing.shown() == Some(wanted));
            let sees = model::may_see(seen.charter.visibility, standing);
            if fits && (sees || standing.shown() == wanted) {
                items.push(self.view(id, seen).await?);
            }
        }
        Ok(Page { items, next: next.flatten() })
    }

    async fn ids(
        &self,
        user: UserId,
        wanted: Option<Shown>,
        after: Option<GroupId>,
        limit: u32,
    ) -> Result<Vec<GroupId>> {
        match wanted {
            None => rows::directory(&self.store, after, limit).await,
            Some(Shown::Member) => self.groups_of(user, after, limit).await,
            Some(it @ (Shown::Requested | Shown::Invited | Shown::Banned)) => {
                rows::asked_by(&self.store, user, it, after, limit).await
            }
            Some(Shown::Left | Shown::Rejected | Shown::Withdrawn) => {
                Err(Error::invalid("standing", words::NO_SUCH_LIST))
            }
        }
    }

    /// Without its categories.
    async fn view(&self, id: GroupId, seen: Seen) -> Result<Group> {
        let head = self.log.heads(vec![Topic::Group(id)]).await?.pop().unwrap_or_default();
        let Seen { charter, held } = seen;
        Ok(Group {
            id,
            name: charter.name,
            description: charter.description,
            owner_id: charter.owner_id,
            kind: charter.kind,
            visibility: charter.visibility,
            joining: charter.joining,
            created_at: charter.created_at,
            role: held.standing.role(),
            standing: held.standing.shown(),
            categories: Vec::new(),
            head_seq: head.seq,
        })
    }
}

//! The commands about people in a group.

use super::model::{self, Held, Refusal, Standing, Step};
use super::{Groups, rows};
use crate::auth::Caller;
use crate::error::Result;
use crate::limits;
use protocol::groups::{
    Approve, Ban, Get, GroupResult, Invite, Join, Joining, Leave, ListMembers, Member,
    MemberResult, Members, Reject, Remove, Role, SetRole, Standing as Shown, Unban, Withdraw,
};
use protocol::session::Done;
use protocol::{Error, GroupId, Millis, UserId};

impl Groups {
    /// `group.join`
    pub async fn join(&self, caller: &Caller, join: Join) -> Result<GroupResult> {
        // The charter says which way of joining it is.
        self.own(caller.user_id, join.group_id, Step::Join(Joining::Open)).await?;
        self.get(caller, Get { group_id: join.group_id }).await
    }

    /// `group.leave`
    pub async fn leave(&self, caller: &Caller, leave: Leave) -> Result<Done> {
        self.own(caller.user_id, leave.group_id, Step::Leave).await?;
        Ok(Done {})
    }

    /// `group.withdraw`
    pub async fn withdraw(&self, caller: &Caller, it: Withdraw) -> Result<MemberResult> {
        match it.user_id {
            Some(user) if user != caller.user_id => {
                self.take(caller, user, it.group_id, Step::Uninvite).await
            }
            _ => self.take(caller, caller.user_id, it.group_id, Step::Withdraw).await,
        }
    }

    /// `group.invite`
    pub async fn invite(&self, caller: &Caller, it: Invite) -> Result<MemberResult> {
        self.accounts.may_reach_out(caller.user_id).await?;
        self.take(caller, it.user_id, it.group_id, Step::Invite).await
    }

    /// `group.approve`
    pub async fn approve(&self, caller: &Caller, it: Approve) -> Result<MemberResult> {
        self.take(caller, it.user_id, it.group_id, Step::Approve).await
    }

    /// `group.reject`
    pub async fn reject(&self, caller: &Caller, it: Reject) -> Result<MemberResult> {
        self.take(caller, it.user_id, it.group_id, Step::Reject).await
    }

    /// `group.remove`
    pub async fn remove(&self, caller: &Caller, it: Remove) -> Result<MemberResult> {
        self.take(caller, it.user_id, it.group_id, Step::Remove).await
    }

    /// `group.ban`
    pub async fn ban(&self, caller: &Caller, it: Ban) -> Result<MemberResult> {
        self.take(caller, it.user_id, it.group_id, Step::Ban).await
    }

    /// `group.unban`
    pub async fn unban(&self, caller: &Caller, it: Unban) -> Result<MemberResult> {
        self.take(caller, it.user_id, it.group_id, Step::Unban).await
    }

    /// `group.set_role`
    pub async fn set_role(&self, caller: &Caller, it: SetRole) -> Result<MemberResult> {
        let SetRole { group_id, user_id, role } = it;
        if role == Role::Owner {
            self.hand_over(caller.user_id, user_id, group_id).await?;
            let held = self.look(user_id, group_id).await?.ok_or(Refusal::NoSuchGroup)?.held;
            return self.shown(user_id, held).await;
        }
        self.take(caller, user_id, group_id, Step::Rank(role)).await
    }

    /// `group.members`
    pub async fn members(&self, caller: &Caller, list: ListMembers) -> Result<Members> {
        let limit = limits::page(list.limit)?;
        let after = limits::place_at::<UserId>(list.after.as_deref())?;
        let wanted = list.standing.unwrap_or(Shown::Member);
        let seen = self.find(caller.user_id, list.group_id).await?;
        let standing = seen.held.standing;
        let (may, rows) = match wanted {
            Shown::Member => {
                (model::may_see_members(seen.charter.visibility, standing), Vec::new())
            }
            Shown::Requested | Shown::Invited | Shown::Banned if standing.looks_after() => {
                let rows =
                    rows::waiting_at(&self.store, list.group_id, wanted, after, limit).await?;
                let rows = rows.into_iter().map(|row| (row.user_id, None, row.since_at));
                (true, rows.collect())
            }
            Shown::Requested | Shown::Invited | Shown::Banned => (false, Vec::new()),
            Shown::Left | Shown::Rejected | Shown::Withdrawn => {
                let message = crate::words::groups::NO_SUCH_LIST;
                return Err(Error::invalid("standing", message));
            }
        };
        if !may {
            return Err(Refusal::NotYours.into());
        }
        let rows = if wanted == Shown::Member {
            let owner_id = seen.charter.owner_id;
            self.listed_members(list.group_id, owner_id, after, limit).await?
        } else {
            rows
        };
        let next = (rows.len() == limit as usize).then(|| rows.last().map(|row| row.0.to_string()));
        let ids: Vec<UserId> = rows.iter().map(|row| row.0).collect();
        // Those who blocked one another are not shown to one another, unless that is one's task.
        let shut = if standing.looks_after() {
            std::collections::HashSet::new()
        } else {
            self.people.shut_out(caller.user_id, &ids).await?
        };
        let people = self.accounts.people_of(&ids).await?;
        let items = rows
            .into_iter()
            .zip(people)
            .filter(|((id, ..), _)| !shut.contains(id))
            .map(|((_, role, since_at), user)| Member {
                user,
                standing: Some(wanted),
                role,
                since_at,
            })
            .collect();
        Ok(Members { items, next: next.flatten() })
    }

    async fn listed_members(
        &self,
        group: GroupId,
        owner_id: UserId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<(UserId, Option<Role>, Millis)>> {
        let rows = rows::members_of(&self.store, group, after, limit).await?;
        let role = |row: &rows::MemberOfGroupRow| {
            if row.user_id == owner_id {
                return Ok(Role::Owner);
            }
            // Whoever was the owner and is not any more looks after it.
            super::words::role(&row.role)
        };
        rows.iter()
            .map(|row| Ok((row.user_id, Some(role(row)?), row.since_at.unwrap_or(0))))
            .collect()
    }

    async fn take(
        &self,
        caller: &Caller,
        user: UserId,
        id: GroupId,
        step: Step,
    ) -> Result<MemberResult> {
        let held = self.about(caller.user_id, user, id, step).await?;
        self.shown(user, held).await
    }

    async fn shown(&self, user: UserId, held: Held) -> Result<MemberResult> {
        let mut people = self.accounts.people_of(&[user]).await?;
        let user = people.pop().ok_or(Refusal::NoSuchPerson)?;
        let Held { standing, since_at } = held;
        let role = Standing::role(standing);
        Ok(MemberResult { member: Member { user, standing: standing.shown(), role, since_at } })
    }
}

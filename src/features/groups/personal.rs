//! What groups hold of a person: memberships, requests and invitations. Who is forgotten hands their
//! groups over and leaves.

use super::charters::give;
use super::model::{Refusal, Standing, Step};
use super::{Groups, rows};
use crate::error::Result;
use crate::features::accounts::{Personal, Section, Status};
use crate::store::{Change, LIST_ROWS_MAX};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use protocol::groups::{Role, Standing as Shown};
use protocol::{GroupId, Millis, UserId};
use serde_json::{Value, json};

impl Personal for Groups {
    fn name(&self) -> &'static str {
        "groups"
    }

    fn sections(&self, user_id: UserId) -> BoxFuture<'_, Result<Vec<Section>>> {
        async move {
            let mut memberships = Vec::new();
            for id in self.all_of(user_id).await? {
                let Some(seen) = self.look(user_id, id).await? else { continue };
                let (name, role) = (seen.charter.name, seen.held.standing.role());
                memberships.push(json!({ "group_id": id, "name": name, "role": role }));
            }
            let mut asked = Vec::new();
            for (id, standing) in self.all_asked(user_id).await? {
                asked.push(json!({ "group_id": id, "standing": standing }));
            }
            Ok(vec![
                Section { name: "memberships", data: Value::Array(memberships) },
                Section { name: "requests", data: Value::Array(asked) },
            ])
        }
        .boxed()
    }

    fn erase(&self, user_id: UserId) -> BoxFuture<'_, Result<()>> {
        async move {
            for id in self.all_of(user_id).await? {
                self.hand_on(user_id, id).await?;
                self.own(user_id, id, Step::Vanish).await?;
            }
            for (id, _) in self.all_asked(user_id).await? {
                self.own(user_id, id, Step::Vanish).await?;
            }
            Ok(())
        }
        .boxed()
    }
}

/// Those who may be asked to own a group next.
const HEIRS_MAX: usize = 20;

impl Groups {
    async fn all_of(&self, user_id: UserId) -> Result<Vec<GroupId>> {
        let mut all = Vec::new();
        loop {
            let after = all.last().copied();
            let page = self.groups_of(user_id, after, LIST_ROWS_MAX).await?;
            let more = page.len() == LIST_ROWS_MAX as usize;
            all.extend(page);
            if !more {
                return Ok(all);
            }
        }
    }

    async fn all_asked(&self, user_id: UserId) -> Result<Vec<(GroupId, Shown)>> {
        let mut all = Vec::new();
        for standing in rows::LISTED {
            let mut after = None;
            loop {
                let page =
                    rows::asked_by(&self.store, user_id, standing, after, LIST_ROWS_MAX).await?;
                let Some(last) = page.last() else { break };
                after = Some(*last);
                all.extend(page.into_iter().map(|id| (id, standing)));
            }
        }
        Ok(all)
    }

    /// A group whose owner goes passes to the oldest moderator, else the oldest member; one that
    /// nobody else is in ends.
    async fn hand_on(&self, owner: UserId, id: GroupId) -> Result<()> {
        let Some(charter) = self.charter(id).await? else { return Ok(()) };
        if charter.owner_id != owner {
            return Ok(());
        }
        let heir = self.heir(owner, id).await?;
        self.store
            .decide(rows::charter_of(id), |snapshot| {
                let mut change = Change::new();
                let charter = rows::charter(snapshot)?.ok_or(Refusal::NoSuchGroup)?;
                if charter.owner_id == owner && charter.ended_at.is_none() {
                    match heir {
                        Some(heir) => give(id, &charter, heir, &mut change),
                        None => self.close(id, &charter, &mut change),
                    }
                }
                Ok((change, ()))
            })
            .await
    }

    async fn heir(&self, owner: UserId, id: GroupId) -> Result<Option<UserId>> {
        let mut first: Vec<(bool, Millis, UserId)> = Vec::new();
        let mut after = None;
        loop {
            let page = rows::members_of(&self.store, id, after, LIST_ROWS_MAX).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.user_id);
            let others = page.iter().filter(|row| row.user_id != owner);
            for row in others {
                let is_member = super::words::role(&row.role)? == Role::Member;
                first.push((is_member, row.since_at.unwrap_or(0), row.user_id));
            }
            first.sort_unstable();
            first.truncate(HEIRS_MAX);
        }
        for (_, _, user) in first {
            let is_in = matches!(self.standing(user, id).await?, Standing::In(_));
            if is_in && self.accounts.status(user).await? == Some(Status::Active) {
                return Ok(Some(user));
            }
        }
        Ok(None)
    }
}

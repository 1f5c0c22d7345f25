//! What groups hold of a person: memberships. Who is forgotten leaves.

use super::Groups;
use super::model::Wish;
use super::rows;
use crate::error::Result;
use crate::features::accounts::{Personal, Section};
use crate::store::LIST_ROWS_MAX;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use protocol::{GroupId, UserId};
use serde_json::{Value, json};

impl Personal for Groups {
    fn name(&self) -> &'static str {
        "groups"
    }

    fn sections(&self, user_id: UserId) -> BoxFuture<'_, Result<Vec<Section>>> {
        async move {
            let mut memberships = Vec::new();
            for id in self.all_of(user_id).await? {
                let name = rows::group(&self.store, id).await?.map(|group| group.name);
                let role = self.role(user_id, id).await?;
                memberships.push(json!({ "group_id": id, "name": name, "role": role }));
            }
            Ok(vec![Section { name: "memberships", data: Value::Array(memberships) }])
        }
        .boxed()
    }

    fn erase(&self, user_id: UserId) -> BoxFuture<'_, Result<()>> {
        async move {
            for id in self.all_of(user_id).await? {
                self.change(user_id, id, Wish::Vanish).await?;
            }
            Ok(())
        }
        .boxed()
    }
}

impl Groups {
    async fn all_of(&self, user_id: UserId) -> Result<Vec<GroupId>> {
        let mut all = Vec::new();
        loop {
            let after = all.last().copied();
            let page = rows::groups_of(&self.store, user_id, after, LIST_ROWS_MAX).await?;
            let more = page.len() == LIST_ROWS_MAX as usize;
            all.extend(page);
            if !more {
                return Ok(all);
            }
        }
    }
}

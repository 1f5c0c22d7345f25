//! What groups hold of a person: memberships and posts. Who is forgotten leaves; posts stay, and
//! their author has no name any more.

use super::Groups;
use super::model::Wish;
use super::rows;
use crate::error::Result;
use crate::features::accounts::{Personal, Section};
use crate::log::{self, READ_EVENTS_MAX, Span};
use crate::store::LIST_ROWS_MAX;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use protocol::limits::PAGE_BYTES_MAX;
use protocol::{Event, GroupId, Topic, UserId};
use serde_json::{Value, json};

impl Personal for Groups {
    fn name(&self) -> &'static str {
        "groups"
    }

    fn sections(&self, user_id: UserId) -> BoxFuture<'_, Result<Vec<Section>>> {
        async move {
            let (mut memberships, mut posts) = (Vec::new(), Vec::new());
            for id in self.all_of(user_id).await? {
                let name = rows::group(&self.store, id).await?.map(|group| group.name);
                let role = self.role(user_id, id).await?;
                memberships.push(json!({ "group_id": id, "name": name, "role": role }));
                posts.extend(self.posts_of(user_id, id).await?);
            }
            Ok(vec![
                Section { name: "memberships", data: Value::Array(memberships) },
                Section { name: "posts", data: Value::Array(posts) },
            ])
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

    async fn posts_of(&self, user_id: UserId, group_id: GroupId) -> Result<Vec<Value>> {
        let topic = Topic::Group(group_id);
        let (mut posts, mut after) = (Vec::new(), 0);
        loop {
            let span = Span::After(after);
            let page = self.log.read(topic, span, READ_EVENTS_MAX, PAGE_BYTES_MAX).await?;
            let Some(last) = page.entries.last() else { return Ok(posts) };
            after = last.seq;
            for entry in page.entries.iter().filter(|entry| entry.sender == Some(user_id)) {
                if let Event::PostCreated(post) = log::decode(topic, entry)?.body {
                    let (id, text) = (post.post_id, post.text);
                    posts.push(
                        json!({ "id": id, "group_id": group_id, "at": entry.at, "text": text }),
                    );
                }
            }
        }
    }
}

//! What walls hold of a person: what they wrote, planned, like, and have read. Who is forgotten
//! leaves what they wrote to the others, without a name; likes and plans go.

use super::Wall;
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

/// What somebody wrote.
#[derive(Default)]
struct Written {
    posts: Vec<Value>,
    comments: Vec<Value>,
}

impl Personal for Wall {
    fn name(&self) -> &'static str {
        "wall"
    }

    fn sections(&self, user_id: UserId) -> BoxFuture<'_, Result<Vec<Section>>> {
        async move {
            let (mut written, mut marks) = (Written::default(), Vec::new());
            for group in self.all_groups_of(user_id).await? {
                self.collect(user_id, group, &mut written).await?;
                let read = rows::read_mark(&self.store, user_id, group).await?;
                marks.push(json!({ "group_id": group, "read": read }));
            }
            let mut planned = Vec::new();
            for plan in self.plans_of(user_id).await? {
                planned.push(json!(self.show_plan(&plan).await?));
            }
            Ok(vec![
                Section { name: "posts", data: Value::Array(written.posts) },
                Section { name: "comments", data: Value::Array(written.comments) },
                Section { name: "planned", data: Value::Array(planned) },
                Section { name: "likes", data: self.all_likes(user_id).await? },
                Section { name: "read", data: Value::Array(marks) },
            ])
        }
        .boxed()
    }

    fn erase(&self, user_id: UserId) -> BoxFuture<'_, Result<()>> {
        async move {
            self.forget_plans(user_id).await?;
            self.forget_likes(user_id).await
        }
        .boxed()
    }
}

impl Wall {
    async fn collect(&self, user_id: UserId, group: GroupId, written: &mut Written) -> Result<()> {
        let (topic, mut after) = (Topic::Group(group), 0);
        loop {
            let span = Span::After(after);
            let page = self.log.read(topic, span, READ_EVENTS_MAX, PAGE_BYTES_MAX).await?;
            let Some(last) = page.entries.last() else { return Ok(()) };
            after = last.seq;
            for entry in page.entries.iter().filter(|entry| entry.sender == Some(user_id)) {
                written.add(group, entry.at, log::decode(topic, entry)?.body);
            }
        }
    }

    async fn all_likes(&self, user_id: UserId) -> Result<Value> {
        let (mut likes, mut after) = (Vec::new(), None);
        loop {
            let rows = rows::likes_of(&self.store, user_id, after, LIST_ROWS_MAX).await?;
            after = rows.last().map(|row| row.target_id);
            let more = rows.len() == LIST_ROWS_MAX as usize;
            let likes_of =
                |row: rows::LikeOfUserRow| json!({ "of": row.target_id, "since_at": row.since_at });
            likes.extend(rows.into_iter().map(likes_of));
            if !more {
                return Ok(Value::Array(likes));
            }
        }
    }
}

impl Written {
    fn add(&mut self, group_id: GroupId, at: protocol::Millis, event: Event) {
        match event {
            Event::PostCreated(post) => self.posts.push(json!({
                "id": post.post_id, "group_id": group_id, "at": at, "text": post.text,
                "link": post.link,
            })),
            Event::PostEdited(edit) => self.posts.push(json!({
                "edits": edit.post_id, "group_id": group_id, "at": at, "text": edit.text,
                "link": edit.link,
            })),
            Event::CommentCreated(comment) => self.comments.push(json!({
                "id": comment.comment_id, "post_id": comment.post_id,
                "parent_id": comment.parent_id, "group_id": group_id, "at": at,
                "text": comment.text,
            })),
            Event::CommentEdited(edit) => self.comments.push(json!({
                "edits": edit.comment_id, "group_id": group_id, "at": at, "text": edit.text,
            })),
            _ => {}
        }
    }
}

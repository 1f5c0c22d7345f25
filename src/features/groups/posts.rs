//! The `post.*` commands.

use super::Groups;
use crate::auth::Caller;
use crate::error::Result;
use crate::limits;
use crate::log::{self, Entry, Key, Span};
use protocol::groups::{CreatePost, ListPosts, Post, PostCreated, PostPublished, Posts};
use protocol::limits::{PAGE_BYTES_MAX, POST_CHARS_MAX};
use protocol::{Error, Event, Seq, Topic};
use std::collections::HashMap;

impl Groups {
    /// `post.create`
    pub async fn create_post(&self, caller: &Caller, create: CreatePost) -> Result<PostCreated> {
        let CreatePost { group_id, client_id, text } = create;
        if text.trim().is_empty() || text.chars().count() > POST_CHARS_MAX {
            let message = format!("A post has 1 to {POST_CHARS_MAX} characters.");
            return Err(Error::invalid("text", message));
        }
        // The lane keeps posts of one connection in order, although membership is looked up
        // before the append.
        let turn = caller.lane.lock().await;
        self.accounts.may_reach_out(caller.user_id).await?;
        self.as_member(caller.user_id, group_id).await?;
        let event = PostPublished {
            post_id: crate::id::fresh(),
            author_id: caller.user_id,
            client_id,
            text,
        };
        let key = Key::of_client(caller.user_id, client_id);
        let topic = Topic::Group(group_id);
        let append = log::append_to_feed(&*self.log, topic, key, Some(caller.user_id), event);
        let begun = log::begin(append).await;
        drop(turn);
        let appended = begun.end().await?;
        let entry = Entry { seq: appended.seq, at: appended.at, sender: None, body: appended.body };
        match log::decode(topic, &entry)?.body {
            Event::PostCreated(post) => Ok(PostCreated {
                post_id: post.post_id,
                seq: appended.seq,
                at: appended.at,
                duplicate: appended.duplicate,
            }),
            _ => Err(crate::error::conflict("This client_id was used for something else.")),
        }
    }

    /// `post.list`
    pub async fn list_posts(&self, caller: &Caller, list: ListPosts) -> Result<Posts> {
        self.as_member(caller.user_id, list.group_id).await?;
        let limit = limits::page(list.limit)?;
        let after = list.after.as_deref().map(str::parse::<Seq>).transpose();
        let before =
            after.map_err(|_| Error::invalid("after", "This is not a place in the list."))?;
        let span = before.map_or(Span::Newest, Span::Before);
        let topic = Topic::Group(list.group_id);
        let page = self.log.read(topic, span, limit, PAGE_BYTES_MAX).await?;
        let oldest = page.entries.first().map(|entry| entry.seq);

        let mut posts = Vec::with_capacity(page.entries.len());
        for entry in page.entries.iter().rev() {
            if let Event::PostCreated(post) = log::decode(topic, entry)?.body {
                posts.push((entry.seq, entry.at, post));
            }
        }
        let authors: Vec<_> = posts.iter().map(|(_, _, post)| post.author_id).collect();
        let people = self.accounts.people_of(&authors).await?;
        let people: HashMap<_, _> = people.into_iter().map(|person| (person.id, person)).collect();
        let items = posts
            .into_iter()
            .filter_map(|(seq, at, post)| {
                Some(Post {
                    id: post.post_id,
                    group_id: list.group_id,
                    seq,
                    author: people.get(&post.author_id)?.clone(),
                    text: post.text,
                    at,
                })
            })
            .collect();
        Ok(Posts { items, next: oldest.filter(|&seq| seq > 1).map(|seq| seq.to_string()) })
    }
}

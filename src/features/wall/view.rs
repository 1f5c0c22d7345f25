//! Posts and comments as somebody sees them.

use super::Wall;
use super::model::plan::{Plan, Stage};
use super::model::{CommentStanding, PostStanding};
use super::rows::{self, BranchRow};
use crate::error::Result;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use protocol::people::Person;
use protocol::wall::{Comment, Post, PostState, Version};
use protocol::{GroupId, Seq, UserId};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// Posts or comments that are read at the same time.
const LOOKUPS_AT_ONCE: usize = 16;

/// What is counted of a post or comment, and whether the asker likes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counts {
    /// Comments, or replies that are shown.
    pub(super) below: u64,
    pub(super) likes: u64,
    pub(super) liked: bool,
}

/// What a post said before, oldest first.
pub(super) fn versions(standing: &PostStanding) -> Vec<Version> {
    let post = &standing.post;
    if post.event.deleted || standing.edits.is_empty() {
        return Vec::new();
    }
    let first = (post.at, post.event.text.clone(), post.event.link.clone());
    let edits = standing.edits.iter();
    let edits = edits.map(|edit| (edit.at, edit.event.text.clone(), edit.event.link.clone()));
    let all = std::iter::once(first).chain(edits).take(standing.edits.len());
    all.filter_map(|(at, text, link)| Some(Version { at, text: text?, link })).collect()
}

impl Wall {
    /// What is counted of a thing.
    pub(super) async fn counts(&self, user: Option<UserId>, target: Uuid) -> Result<Counts> {
        let snapshot = self.store.load(rows::tallies(target)).await?;
        let tally = rows::tally(&snapshot)?;
        let likes = rows::likes(&snapshot)?;
        let liked = match user {
            Some(user) if likes > 0 => rows::is_liked(&self.store, target, user).await?,
            _ => false,
        };
        Ok(Counts { below: tally.count, likes, liked })
    }

    /// Posts at their places, in that order, without those that are not shown to somebody: by
    /// people with whom they have nothing to do, and deleted ones, if these are not `wanted`.
    pub(super) async fn view_posts(
        &self,
        user: UserId,
        places: Vec<(GroupId, Seq)>,
        deleted_too: bool,
    ) -> Result<Vec<Post>> {
        let read: Vec<(GroupId, PostStanding, Counts)> = stream::iter(places)
            .map(|(group, seq)| async move {
                let standing = self.standing(group, seq).await?;
                let counts = self.counts(Some(user), standing.id().0).await?;
                Ok::<_, protocol::Error>((group, standing, counts))
            })
            .buffered(LOOKUPS_AT_ONCE)
            .try_collect()
            .await?;
        let authors: Vec<UserId> = read.iter().map(|(_, standing, _)| standing.author()).collect();
        let people = self.people_shown(user, &authors).await?;
        let shown = read.into_iter().filter_map(|(group_id, standing, counts)| {
            let event = &standing.post.event;
            if event.deleted && !deleted_too {
                return None;
            }
            let author = people.get(&event.author_id)?.clone();
            let state = if event.deleted { PostState::Deleted } else { PostState::Published };
            Some(Post {
                id: event.post_id,
                group_id,
                seq: standing.post.seq,
                author,
                state,
                category_id: standing.category(),
                text: standing.text().map(str::to_owned),
                link: standing.link().map(str::to_owned),
                at: standing.post.at,
                publish_at: None,
                edited_at: standing.edits.last().map(|edit| edit.at),
                pinned: event.pinned,
                locked: event.locked,
                likes: counts.likes,
                liked: counts.liked,
                comments: counts.below,
            })
        });
        Ok(shown.collect())
    }

    /// Those of these people whom somebody is shown, by id.
    pub(super) async fn people_shown(
        &self,
        user: UserId,
        people: &[UserId],
    ) -> Result<HashMap<UserId, Person>> {
        let shut = self.people.shut_out(user, people).await?;
        let shown: HashSet<UserId> =
            people.iter().copied().filter(|other| !shut.contains(other)).collect();
        let shown: Vec<UserId> = shown.into_iter().collect();
        let people = self.accounts.people_of(&shown).await?;
        Ok(people.into_iter().map(|person| (person.id, person)).collect())
    }

    /// A plan, to its author.
    pub(super) async fn show_plan(&self, plan: &Plan) -> Result<Post> {
        let mut people = self.accounts.people_of(&[plan.author_id]).await?;
        let author = people.pop().ok_or_else(|| crate::error::internal(&"nobody is missing"))?;
        let (state, publish_at) = match plan.stage {
            Stage::Draft => (PostState::Draft, None),
            Stage::Scheduled(at) => (PostState::Scheduled, Some(at)),
            Stage::Published => (PostState::Published, None),
            Stage::Discarded => (PostState::Deleted, None),
        };
        let words = plan.words.as_ref();
        Ok(Post {
            id: plan.post_id,
            group_id: plan.group_id,
            seq: 0,
            author,
            state,
            category_id: words.and_then(|words| words.category_id),
            text: words.map(|words| words.text.clone()),
            link: words.and_then(|words| words.link.clone()),
            at: plan.created_at,
            publish_at,
            edited_at: None,
            pinned: false,
            locked: false,
            likes: 0,
            liked: false,
            comments: 0,
        })
    }

    /// A branch's comments as somebody sees them. Of those that are deleted, or by people with whom
    /// they have nothing to do, only the place, while there are replies.
    pub(super) async fn view_comments(
        &self,
        user: UserId,
        group: GroupId,
        rows: Vec<BranchRow>,
    ) -> Result<Vec<Comment>> {
        let read: Vec<(CommentStanding, Counts)> = stream::iter(rows)
            .map(|row| async move {
                let standing = self.comment_standing(group, row.seq).await?;
                let counts = self.counts(Some(user), row.comment_id.0).await?;
                Ok::<_, protocol::Error>((standing, counts))
            })
            .buffered(LOOKUPS_AT_ONCE)
            .try_collect()
            .await?;
        let authors = read.iter().map(|(standing, _)| standing.comment.event.author_id);
        let authors: Vec<UserId> = authors.collect();
        let people = self.people_shown(user, &authors).await?;
        let shown = read.into_iter().filter_map(|(standing, counts)| {
            let event = &standing.comment.event;
            let author = people.get(&event.author_id).filter(|_| !event.deleted).cloned();
            if author.is_none() && counts.below == 0 {
                return None;
            }
            let is_shown = author.is_some();
            Some(Comment {
                id: event.comment_id,
                post_id: event.post_id,
                parent_id: event.parent_id,
                depth: event.depth,
                seq: standing.comment.seq,
                author,
                text: standing.text().filter(|_| is_shown).map(str::to_owned),
                at: standing.comment.at,
                edited_at: standing.edit.as_ref().filter(|_| is_shown).map(|edit| edit.at),
                likes: if is_shown { counts.likes } else { 0 },
                liked: is_shown && counts.liked,
                replies: counts.below,
            })
        });
        Ok(shown.collect())
    }
}

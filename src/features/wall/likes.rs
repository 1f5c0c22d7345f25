//! The `like.*` commands. A like is a row of a shelf of its thing, decided there; lists and counts
//! follow by an effect. No event goes to a group for one.

use super::Wall;
use super::model::Refusal;
use super::model::count::shelf;
use super::rows::{self, LikeRow, ShelfRow};
use crate::auth::Caller;
use crate::error::{Result, busy};
use crate::features::groups::Act;
use crate::limits;
use crate::store::{COMMIT_TRIES_MAX, Change, Snapshot};
use crate::words::wall as words;
use protocol::wall::{CommentLiked, LikeSet, Likes, ListLikes, PostLiked, SetLike};
use protocol::{CommentId, Error, GroupId, PostId, Seq, Topic, UserId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// The effect that brings lists and counts in line with a like. Body: [`Liked`].
pub(crate) const LIKED: &str = "wall.liked";

/// Body of [`LIKED`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Liked {
    target_id: Uuid,
    user_id: UserId,
}

/// What is liked.
struct Target {
    group_id: GroupId,
    seq: Seq,
    post_id: PostId,
    comment_id: Option<CommentId>,
    author_id: UserId,
}

impl Target {
    fn id(&self) -> Uuid {
        self.comment_id.map_or(self.post_id.0, Uuid::from)
    }
}

impl Wall {
    /// `like.set`
    pub async fn set_like(self: &Arc<Self>, caller: &Caller, set: SetLike) -> Result<LikeSet> {
        let user = caller.user_id;
        let target = self.target(caller, set.post_id, set.comment_id, Act::Post).await?;
        if set.on {
            self.accounts.may_reach_out(user).await?;
            if self.is_deleted(&target).await? {
                return Err(Refusal::Deleted.into());
            }
        }
        self.decide_like(&target, user, set.on).await?;
        let likes = self.counts(None, target.id()).await?.likes;
        self.stirred(target.group_id, target.post_id);
        Ok(LikeSet { on: set.on, likes })
    }

    /// `like.list`
    pub async fn list_likes(&self, caller: &Caller, list: ListLikes) -> Result<Likes> {
        let limit = limits::page(list.limit)?;
        let after = limits::place_at(list.after.as_deref())?;
        let target = self.target(caller, list.post_id, list.comment_id, Act::Read).await?;
        let ids = rows::likers(&self.store, target.id(), after, limit).await?;
        let more = ids.len() == limit as usize;
        let next = ids.last().filter(|_| more).map(UserId::to_string);
        let mut people = self.people_shown(caller.user_id, &ids).await?;
        let items = ids.iter().filter_map(|id| people.remove(id)).collect();
        Ok(Likes { items, next })
    }

    async fn target(
        &self,
        caller: &Caller,
        post: Option<PostId>,
        comment: Option<CommentId>,
        act: Act,
    ) -> Result<Target> {
        match (post, comment) {
            (Some(post), None) => {
                let place = self.post_for(caller, post, act).await?;
                Ok(Target {
                    group_id: place.group_id,
                    seq: place.seq,
                    post_id: post,
                    comment_id: None,
                    author_id: place.author_id,
                })
            }
            (None, Some(comment)) => {
                let place = self.comment_for(caller, comment, act).await?;
                // Below a post that is not shown, nothing is.
                self.post_for(caller, place.post_id, act).await?;
                Ok(Target {
                    group_id: place.group_id,
                    seq: place.seq,
                    post_id: place.post_id,
                    comment_id: Some(comment),
                    author_id: place.author_id,
                })
            }
            _ => Err(Error::invalid("post_id", words::ONE_OF_TWO)),
        }
    }

    async fn is_deleted(&self, target: &Target) -> Result<bool> {
        let (group, seq) = (target.group_id, target.seq);
        Ok(if target.comment_id.is_some() {
            self.comment_standing(group, seq).await?.comment.event.deleted
        } else {
            self.standing(group, seq).await?.post.event.deleted
        })
    }

    /// A person's like, in the shelf that holds it. Its author is told once of each person, while
    /// they are in the group.
    async fn decide_like(&self, target: &Target, user_id: UserId, on: bool) -> Result<()> {
        let (now, target_id) = (self.clock.now(), target.id());
        let is_told = on
            && target.author_id != user_id
            && self.groups.may(target.author_id, Act::Read, target.group_id).await?;
        self.store
            .decide(rows::shelf(target_id, shelf(user_id)), |snapshot| {
                let mut change = Change::new();
                let like = like_of(snapshot, user_id)?;
                if like.as_ref().is_some_and(|like| like.liked) == on {
                    return Ok((change, ()));
                }
                change.write(LikeRow { user_id, liked: on, since_at: now });
                change.effect(LIKED, &Liked { target_id, user_id });
                if is_told && like.is_none() {
                    let Target { group_id, post_id, .. } = *target;
                    let feed = Topic::User(target.author_id);
                    match target.comment_id {
                        None => change.event(feed, PostLiked { group_id, post_id, user_id }),
                        Some(comment_id) => change
                            .event(feed, CommentLiked { group_id, post_id, comment_id, user_id }),
                    };
                }
                Ok((change, ()))
            })
            .await
    }

    /// Carries out [`LIKED`]: lists follow the like as it is now, so the order of two of them does
    /// not matter; read again after the writing, since a node that slept in between may have written
    /// what was true before. The count of the shelf is that of the newest version.
    pub(crate) async fn carry_liked(&self, liked: Liked) -> Result<()> {
        let Liked { target_id, user_id } = liked;
        let of = shelf(user_id);
        let partition = rows::shelf(target_id, of);
        let mut snapshot = self.store.load(partition.clone()).await?;
        for _ in 0..COMMIT_TRIES_MAX {
            let since_at = since(&snapshot, user_id)?;
            rows::project_like(&self.store, target_id, user_id, since_at).await?;
            self.count_shelf(target_id, of, &snapshot).await?;
            snapshot = self.store.load(partition.clone()).await?;
            if since(&snapshot, user_id)? == since_at {
                return Ok(());
            }
        }
        Err(busy())
    }

    async fn count_shelf(&self, target: Uuid, shelf: u8, read: &Snapshot) -> Result<()> {
        let likes = read.all::<LikeRow>()?;
        let count = likes.iter().filter(|like| like.liked).count() as u64;
        let item = rows::shelf_item(shelf);
        self.store
            .decide(rows::tallies(target), |snapshot| {
                let mut change = Change::new();
                let rows = snapshot.all::<ShelfRow>()?;
                let row = rows.iter().find(|row| row.shelf == item);
                if row.is_none_or(|row| row.shelf_version < read.version) {
                    change.write(ShelfRow { shelf: item, count, shelf_version: read.version });
                }
                Ok((change, ()))
            })
            .await
    }

    /// Takes back all that a person likes.
    pub(super) async fn forget_likes(&self, user: UserId) -> Result<()> {
        loop {
            let limit = crate::store::LIST_ROWS_MAX;
            let rows = rows::likes_of(&self.store, user, None, limit).await?;
            if rows.is_empty() {
                return Ok(());
            }
            for target_id in rows.into_iter().map(|row| row.target_id) {
                self.store
                    .decide(rows::shelf(target_id, shelf(user)), |snapshot| {
                        let mut change = Change::new();
                        if like_of(snapshot, user)?.is_some() {
                            change.delete::<LikeRow>(user);
                            change.effect(LIKED, &Liked { target_id, user_id: user });
                        }
                        Ok((change, ()))
                    })
                    .await?;
                // Of one whose like went before, and whose lists did not follow.
                self.carry_liked(Liked { target_id, user_id: user }).await?;
            }
        }
    }
}

fn like_of(snapshot: &Snapshot, user: UserId) -> Result<Option<LikeRow>> {
    Ok(snapshot.all::<LikeRow>()?.into_iter().find(|like| like.user_id == user))
}

/// Since when somebody likes it; `None`: they do not.
fn since(snapshot: &Snapshot, user: UserId) -> Result<Option<i64>> {
    Ok(like_of(snapshot, user)?.filter(|like| like.liked).map(|like| like.since_at))
}

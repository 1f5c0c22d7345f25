//! Posts and comments as they stand in the log, and where they are.

use super::model::{Action, CommentStanding, Placed, PostStanding, Refusal};
use super::rows::{self, CommentPlaceRow, PostPlaceRow};
use super::{CHANGE_TRIES_MAX, Wall, is_already};
use crate::error::{Result, busy};
use crate::log::{self, Span};
use crate::store::LIST_ROWS_MAX;
use protocol::limits::POST_EDITS_KEPT_MAX;
use protocol::{CommentId, Error, ErrorCode, Event, GroupId, Millis, PostId, Seq, Topic, UserId};

/// An event, its time, and the head that it was read with.
type Found = (Event, Millis, Seq);

impl Wall {
    /// Where a post is. One that the log holds and no row knows yet is looked for on the walls of
    /// those groups that the asker is in: nobody else may see it.
    pub(super) async fn post_place(&self, user: UserId, id: PostId) -> Result<PostPlaceRow> {
        if let Some(place) = rows::post_place(&self.store, id).await? {
            return Ok(place);
        }
        self.index_all_of(user).await?;
        let place = rows::post_place(&self.store, id).await?;
        place.ok_or_else(|| Refusal::NoSuchPost.into())
    }

    /// Where a comment is: see [`Self::post_place`].
    pub(super) async fn comment_place(
        &self,
        user: UserId,
        id: CommentId,
    ) -> Result<CommentPlaceRow> {
        if let Some(place) = rows::comment_place(&self.store, id).await? {
            return Ok(place);
        }
        self.index_all_of(user).await?;
        let place = rows::comment_place(&self.store, id).await?;
        place.ok_or_else(|| Refusal::NoSuchComment.into())
    }

    async fn index_all_of(&self, user: UserId) -> Result<()> {
        self.index_each(&self.all_groups_of(user).await?).await
    }

    /// The groups that a person is in, by id.
    pub(super) async fn all_groups_of(&self, user: UserId) -> Result<Vec<GroupId>> {
        let mut all: Vec<GroupId> = Vec::new();
        loop {
            let after = all.last().copied();
            let page = self.groups.groups_of(user, after, LIST_ROWS_MAX).await?;
            let more = page.len() == LIST_ROWS_MAX as usize;
            all.extend(page);
            if !more {
                return Ok(all);
            }
        }
    }

    async fn event_at(&self, group: GroupId, seq: Seq) -> Result<Option<Found>> {
        let topic = Topic::Group(group);
        let Some(before) = seq.checked_sub(1) else { return Ok(None) };
        let page = self.log.read(topic, Span::After(before), 1, 0).await?;
        let found = page.entries.first().filter(|entry| entry.seq == seq);
        found.map(|entry| Ok((log::decode(topic, entry)?.body, entry.at, page.head))).transpose()
    }

    /// A post as it stands, with the edits whose text is kept.
    pub(super) async fn standing(&self, group: GroupId, seq: Seq) -> Result<PostStanding> {
        let found = self.event_at(group, seq).await?;
        let Some((Event::PostCreated(event), at, read_at)) = found else {
            return Err(Refusal::NoSuchPost.into());
        };
        let mut next = event.changed_by.filter(|_| !event.deleted);
        let mut edits = Vec::new();
        while let Some(seq) = next {
            let Some((Event::PostEdited(edit), at, _)) = self.event_at(group, seq).await? else {
                break;
            };
            // A long past one, or the post was deleted since.
            if edit.text.is_none() || edits.len() == POST_EDITS_KEPT_MAX {
                break;
            }
            next = edit.before;
            edits.push(Placed { seq, at, event: edit });
        }
        edits.reverse();
        Ok(PostStanding { post: Placed { seq, at, event }, edits, read_at })
    }

    /// A comment as it stands, with the edit that holds its text.
    pub(super) async fn comment_standing(
        &self,
        group: GroupId,
        seq: Seq,
    ) -> Result<CommentStanding> {
        let found = self.event_at(group, seq).await?;
        let Some((Event::CommentCreated(event), at, read_at)) = found else {
            return Err(Refusal::NoSuchComment.into());
        };
        let mut edit = None;
        if let Some(seq) = event.changed_by.filter(|_| !event.deleted)
            && let Some((Event::CommentEdited(event), at, _)) = self.event_at(group, seq).await?
        {
            edit = Some(Placed { seq, at, event });
        }
        Ok(CommentStanding { comment: Placed { seq, at, event }, edit, read_at })
    }

    /// Changes a post: reads it, and reads it again if it changed meanwhile. What is so already is
    /// as well.
    pub(super) async fn change_post(
        &self,
        place: &PostPlaceRow,
        user: UserId,
        action: impl Fn(PostStanding) -> Action + Send,
    ) -> Result<()> {
        for _ in 0..CHANGE_TRIES_MAX {
            let target = self.standing(place.group_id, place.seq).await?;
            let action = action(target);
            if let Some(done) = self.tried(place.group_id, user, action).await? {
                return Ok(done);
            }
        }
        Err(busy())
    }

    /// The same of a comment.
    pub(super) async fn change_comment(
        &self,
        place: &CommentPlaceRow,
        user: UserId,
        action: impl Fn(CommentStanding) -> Action + Send,
    ) -> Result<()> {
        for _ in 0..CHANGE_TRIES_MAX {
            let target = self.comment_standing(place.group_id, place.seq).await?;
            let action = action(target);
            if let Some(done) = self.tried(place.group_id, user, action).await? {
                return Ok(done);
            }
        }
        Err(busy())
    }

    /// `None`: it was overtaken.
    async fn tried(&self, group: GroupId, user: UserId, action: Action) -> Result<Option<()>> {
        match self.append(group, None, user, action, None).await {
            Err(error) if is_stale(&error) => Ok(None),
            Err(error) if is_already(&error) => Ok(Some(())),
            outcome => outcome.map(|_| Some(())),
        }
    }
}

/// Whether the target was read before its last change.
pub(super) fn is_stale(error: &Error) -> bool {
    error.code == ErrorCode::Busy && *error == Error::from(Refusal::Stale)
}

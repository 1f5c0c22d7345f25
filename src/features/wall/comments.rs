//! The `comment.*` commands.

use super::model::{Action, Refusal};
use super::posts::is_used_otherwise;
use super::rows::CommentPlaceRow;
use super::standing::is_stale;
use super::{CHANGE_TRIES_MAX, Wall, rows};
use crate::auth::Caller;
use crate::error::{Result, busy};
use crate::features::groups::Act;
use crate::limits;
use crate::log::{self, Appended, Entry, Key};
use crate::words::wall as words;
use protocol::limits::COMMENT_CHARS_MAX;
use protocol::session::Done;
use protocol::wall::{
    Comment, CommentCreated, CommentPublished, CommentResult, Comments, CreateComment,
    DeleteComment, EditComment, ListComments,
};
use protocol::{CommentId, Error, Event, GroupId, Seq, Topic, UserId};
use std::sync::Arc;

/// Comments that one page of a branch looks at, those included that are not shown.
const LOOKS_MAX: usize = 400;

impl Wall {
    /// `comment.create`
    pub async fn create_comment(
        self: &Arc<Self>,
        caller: &Caller,
        create: CreateComment,
    ) -> Result<CommentCreated> {
        let CreateComment { post_id, parent_id, client_id, text } = create;
        let (user, text) = (caller.user_id, comment_text(text)?);
        // The lane keeps comments of one connection in order, although much is looked up before.
        let turn = caller.lane.lock().await;
        self.accounts.may_reach_out(user).await?;
        let place = self.post_for(caller, post_id, Act::Post).await?;
        let group = place.group_id;
        let above = match parent_id {
            Some(parent) => Some(self.comment_for(caller, parent, Act::Post).await?),
            None => None,
        };
        if above.as_ref().is_some_and(|above| above.post_id != post_id) {
            return Err(Refusal::NoSuchComment.into());
        }
        let comment = CommentPublished {
            comment_id: crate::id::fresh(),
            post_id,
            parent_id,
            depth: 0,
            author_id: user,
            client_id,
            text: Some(text),
            changed_by: None,
            deleted: false,
        };
        let mut outcome = Err(busy());
        for _ in 0..CHANGE_TRIES_MAX {
            let post = self.standing(group, place.seq).await?;
            let parent = match &above {
                Some(above) => Some(self.comment_standing(group, above.seq).await?),
                None => None,
            };
            let (post, parent) = (Box::new(post), parent.map(Box::new));
            let action = Action::Comment { post, parent, comment: Box::new(comment.clone()) };
            let key = Key::of_client(user, client_id);
            outcome = self.append(group, Some(key), user, action, None).await;
            if !outcome.as_ref().is_err_and(is_stale) {
                break;
            }
        }
        drop(turn);
        let created = created(group, outcome?)?;
        self.nudge(group);
        self.stirred(group, post_id);
        Ok(created)
    }

    /// `comment.edit`
    pub async fn edit_comment(
        self: &Arc<Self>,
        caller: &Caller,
        edit: EditComment,
    ) -> Result<CommentResult> {
        let (user, text) = (caller.user_id, comment_text(edit.text)?);
        let place = self.comment_for(caller, edit.comment_id, Act::Post).await?;
        self.change_comment(&place, user, |target| Action::EditComment {
            user,
            target,
            text: text.clone(),
        })
        .await?;
        let comment = self.show_comment(user, &place).await?;
        Ok(CommentResult { comment })
    }

    /// `comment.delete`
    pub async fn delete_comment(
        self: &Arc<Self>,
        caller: &Caller,
        delete: DeleteComment,
    ) -> Result<Done> {
        let user = caller.user_id;
        // Also where one has nothing to do with the author: those who look after a group do so.
        let place = self.comment_place(user, delete.comment_id).await?;
        // One's own words can be taken back by who is not in the group any more, too.
        if place.author_id != user && !self.groups.may(user, Act::Read, place.group_id).await? {
            return Err(Refusal::NoSuchComment.into());
        }
        let moderates = self.groups.may(user, Act::Moderate, place.group_id).await?;
        self.change_comment(&place, user, |target| Action::DeleteComment {
            user,
            moderates,
            target,
        })
        .await?;
        self.stirred(place.group_id, place.post_id);
        Ok(Done {})
    }

    /// `comment.list`
    pub async fn list_comments(&self, caller: &Caller, list: ListComments) -> Result<Comments> {
        let limit = limits::page(list.limit)? as usize;
        let seq = |text: &str| text.parse::<Seq>().ok().filter(|seq| i64::try_from(*seq).is_ok());
        let mut after = limits::place(list.after.as_deref(), seq)?.unwrap_or(0);
        let place = self.post_for(caller, list.post_id, Act::Read).await?;
        if let Some(parent) = list.parent_id {
            let parent = self.comment_for(caller, parent, Act::Read).await?;
            if parent.post_id != list.post_id {
                return Err(Refusal::NoSuchComment.into());
            }
        }
        self.index(place.group_id).await?;
        let (mut items, mut looked) = (Vec::new(), 0);
        loop {
            let wanted = u32::try_from(limit - items.len()).unwrap_or(u32::MAX);
            let (post, parent) = (list.post_id, list.parent_id);
            let rows = rows::branch(&self.store, post, parent, after, wanted).await?;
            let more = rows.len() == wanted as usize;
            looked += rows.len();
            after = rows.last().map_or(after, |row| row.seq);
            items.extend(self.view_comments(caller.user_id, place.group_id, rows).await?);
            if !more || items.len() == limit || looked >= LOOKS_MAX {
                return Ok(Comments { items, next: more.then(|| after.to_string()) });
            }
        }
    }

    /// Where a comment is, for somebody who may do this on its wall and to whom it is shown.
    pub(super) async fn comment_for(
        &self,
        caller: &Caller,
        id: CommentId,
        act: Act,
    ) -> Result<CommentPlaceRow> {
        let place = self.comment_place(caller.user_id, id).await?;
        let may = self.groups.may(caller.user_id, act, place.group_id).await?;
        if !may || self.is_apart(caller.user_id, place.author_id).await? {
            return Err(Refusal::NoSuchComment.into());
        }
        Ok(place)
    }

    async fn show_comment(&self, user: UserId, place: &CommentPlaceRow) -> Result<Comment> {
        self.index(place.group_id).await?;
        let row = rows::BranchRow {
            post_id: place.post_id,
            parent_id: place.parent_id.map_or(uuid::Uuid::nil(), uuid::Uuid::from),
            seq: place.seq,
            comment_id: place.comment_id,
            author_id: place.author_id,
        };
        let shown = self.view_comments(user, place.group_id, vec![row]).await?;
        shown.into_iter().next().ok_or_else(|| Refusal::NoSuchComment.into())
    }
}

/// The text of a comment, within its limits. It is kept as it was written.
fn comment_text(text: String) -> Result<String> {
    if text.trim().is_empty() || text.chars().count() > COMMENT_CHARS_MAX {
        return Err(Error::invalid("text", words::comment_chars(COMMENT_CHARS_MAX)));
    }
    Ok(text)
}

fn created(group: GroupId, appended: Appended) -> Result<CommentCreated> {
    let Appended { seq, at, duplicate, body } = appended;
    let entry = Entry { seq, at, sender: None, body };
    match log::decode(Topic::Group(group), &entry)?.body {
        Event::CommentCreated(comment) => {
            Ok(CommentCreated { comment_id: comment.comment_id, seq, at, duplicate })
        }
        _ => Err(is_used_otherwise()),
    }
}

//! The `post.*` commands about one post.

use super::model::plan::{Plan, Stage};
use super::model::{Action, Refusal, Words};
use super::rows::PostPlaceRow;
use super::{Wall, rows, view};
use crate::auth::Caller;
use crate::error::{Result, conflict};
use crate::features::groups::Act;
use crate::log::{self, Appended, Entry, Key};
use crate::words::wall as words;
use protocol::limits::{LINK_BYTES_MAX, POST_CHARS_MAX, SCHEDULE_MS_MAX};
use protocol::session::Done;
use protocol::wall::{
    CreatePost, DeletePost, EditPost, GetPost, LockPost, PinPost, Post, PostCreated, PostPublished,
    PostResult,
};
use protocol::{CategoryId, ClientId, Error, Event, GroupId, Millis, PostId, Topic, UserId};
use std::sync::Arc;

impl Wall {
    /// `post.create`
    pub async fn create_post(
        self: &Arc<Self>,
        caller: &Caller,
        create: CreatePost,
    ) -> Result<PostCreated> {
        let CreatePost { group_id, client_id, text, category_id, link, media, publish_at, draft } =
            create;
        if !media.is_empty() {
            return Err(Error::invalid("media", words::NO_SUCH_FILE));
        }
        let said = said(text, link, category_id)?;
        let publish_at = self.ahead(publish_at)?;
        // The lane keeps posts of one connection in order, although membership is looked up
        // before the append.
        let turn = caller.lane.lock().await;
        let stage = match (draft.unwrap_or(false), publish_at) {
            (true, _) => Some(Stage::Draft),
            (false, Some(at)) => Some(Stage::Scheduled(at)),
            (false, None) => None,
        };
        let barred = match self.may_post(caller.user_id, group_id, said.category_id).await {
            Ok(()) => None,
            Err(refused) if stage.is_some() || refused.retryable => return Err(refused),
            // What was posted before is answered all the same.
            Err(refused) => Some(refused),
        };
        if let Some(stage) = stage {
            drop(turn);
            return self.plan(caller, group_id, client_id, stage, said).await;
        }
        let event = PostPublished {
            post_id: crate::id::fresh(),
            author_id: caller.user_id,
            client_id,
            text: Some(said.text),
            category_id: said.category_id,
            link: said.link,
            changed_by: None,
            deleted: false,
            pinned: false,
            locked: false,
        };
        let key = Key::of_client(caller.user_id, client_id);
        let action = Action::Publish(event);
        let append = self.append(group_id, Some(key), caller.user_id, action, barred);
        let begun = log::begin(append).await;
        drop(turn);
        let created = created(group_id, begun.end().await?)?;
        self.nudge(group_id);
        Ok(created)
    }

    /// `post.edit`
    pub async fn edit_post(
        self: &Arc<Self>,
        caller: &Caller,
        edit: EditPost,
    ) -> Result<PostResult> {
        let EditPost { post_id, text, category_id, link, publish_at } = edit;
        let said = said(text, link, category_id)?;
        let publish_at = match publish_at {
            Some(at) => Some(self.ahead(Some(at))?.unwrap_or(at)),
            None => None,
        };
        if let Some(plan) = self.own_plan(caller.user_id, post_id).await? {
            self.has_category(plan.group_id, said.category_id).await?;
            return self.rewrite(caller, plan, said, publish_at).await;
        }
        let place = self.post_for(caller, post_id, Act::Post).await?;
        if publish_at.is_some() {
            return Err(conflict(words::ON_THE_WALL));
        }
        self.has_category(place.group_id, said.category_id).await?;
        let user = caller.user_id;
        self.change_post(&place, user, |target| Action::Edit { user, target, words: said.clone() })
            .await?;
        let post = self.show_post(user, &place).await?;
        Ok(PostResult { post, versions: Vec::new() })
    }

    /// `post.delete`
    pub async fn delete_post(
        self: &Arc<Self>,
        caller: &Caller,
        delete: DeletePost,
    ) -> Result<Done> {
        let user = caller.user_id;
        if let Some(plan) = self.own_plan(user, delete.post_id).await? {
            return self.discard(plan).await;
        }
        // Also where one has nothing to do with the author: those who look after a group do so.
        let place = self.post_place(user, delete.post_id).await?;
        // One's own words can be taken back by who is not in the group any more, too.
        let moderates = if place.author_id == user {
            self.groups.may(user, Act::Moderate, place.group_id).await?
        } else {
            self.moderates(caller, &place).await?
        };
        self.change_post(&place, user, |target| Action::Delete { user, moderates, target }).await?;
        Ok(Done {})
    }

    /// `post.pin`
    pub async fn pin_post(self: &Arc<Self>, caller: &Caller, pin: PinPost) -> Result<Done> {
        let place = self.post_place(caller.user_id, pin.post_id).await?;
        let moderates = self.moderates(caller, &place).await?;
        let on = pin.on;
        self.change_post(&place, caller.user_id, |target| Action::Pin { moderates, target, on })
            .await?;
        Ok(Done {})
    }

    /// `post.lock`
    pub async fn lock_post(self: &Arc<Self>, caller: &Caller, lock: LockPost) -> Result<Done> {
        let place = self.post_place(caller.user_id, lock.post_id).await?;
        let moderates = self.moderates(caller, &place).await?;
        let on = lock.on;
        self.change_post(&place, caller.user_id, |target| Action::Lock { moderates, target, on })
            .await?;
        Ok(Done {})
    }

    /// `post.get`
    pub async fn get_post(&self, caller: &Caller, get: GetPost) -> Result<PostResult> {
        if let Some(plan) = self.own_plan(caller.user_id, get.post_id).await? {
            let post = self.show_plan(&plan).await?;
            return Ok(PostResult { post, versions: Vec::new() });
        }
        let place = self.post_for(caller, get.post_id, Act::Read).await?;
        self.index(place.group_id).await?;
        let standing = self.standing(place.group_id, place.seq).await?;
        let versions = view::versions(&standing);
        let post = self.show_post(caller.user_id, &place).await?;
        Ok(PostResult { post, versions })
    }

    /// Where a post is, for somebody who may do this on its wall and to whom it is shown.
    pub(super) async fn post_for(
        &self,
        caller: &Caller,
        id: PostId,
        act: Act,
    ) -> Result<PostPlaceRow> {
        let place = self.post_place(caller.user_id, id).await?;
        if !self.groups.may(caller.user_id, act, place.group_id).await?
            || self.is_apart(caller.user_id, place.author_id).await?
        {
            return Err(Refusal::NoSuchPost.into());
        }
        Ok(place)
    }

    /// Whether somebody looks after the group of a post. Who is not in it does not learn of it.
    async fn moderates(&self, caller: &Caller, place: &PostPlaceRow) -> Result<bool> {
        if !self.groups.may(caller.user_id, Act::Read, place.group_id).await? {
            return Err(Refusal::NoSuchPost.into());
        }
        self.groups.may(caller.user_id, Act::Moderate, place.group_id).await
    }

    async fn show_post(&self, user: UserId, place: &PostPlaceRow) -> Result<Post> {
        let shown = self.view_posts(user, vec![(place.group_id, place.seq)], true).await?;
        shown.into_iter().next().ok_or_else(|| Refusal::NoSuchPost.into())
    }

    /// When it is to be published, where that is ahead.
    fn ahead(&self, publish_at: Option<Millis>) -> Result<Option<Millis>> {
        let now = self.clock.now();
        match publish_at {
            Some(at) if at > now.saturating_add(SCHEDULE_MS_MAX) => {
                Err(Error::invalid("publish_at", words::TOO_FAR))
            }
            publish_at => Ok(publish_at.filter(|&at| at > now)),
        }
    }

    async fn may_post(
        &self,
        user: UserId,
        group: GroupId,
        category: Option<CategoryId>,
    ) -> Result<()> {
        self.accounts.may_reach_out(user).await?;
        self.groups.demand(user, Act::Post, group).await?;
        self.has_category(group, category).await
    }

    /// Whether a group has the category that a post is to belong to.
    async fn has_category(&self, group: GroupId, category: Option<CategoryId>) -> Result<()> {
        match category {
            Some(category) if !self.groups.has_category(group, category).await? => {
                Err(Error::invalid("category_id", words::NO_CATEGORY))
            }
            _ => Ok(()),
        }
    }

    /// Somebody's own plan that is not on the wall yet.
    async fn own_plan(&self, user: UserId, id: PostId) -> Result<Option<Plan>> {
        let snapshot = self.store.load(rows::plan_partition(id)).await?;
        let plan = rows::plan(id, &snapshot)?.filter(|plan| plan.author_id == user);
        Ok(plan.filter(|plan| plan.stage != Stage::Published))
    }
}

/// What a post says, within its limits. The text is kept as it was written.
fn said(text: String, link: Option<String>, category_id: Option<CategoryId>) -> Result<Words> {
    if text.trim().is_empty() || text.chars().count() > POST_CHARS_MAX {
        return Err(Error::invalid("text", words::post_chars(POST_CHARS_MAX)));
    }
    let is_web = |link: &String| link.starts_with("https://") || link.starts_with("http://");
    let is_plain = |link: &String| !link.chars().any(|c| c.is_whitespace() || c.is_control());
    let fits = |link: &String| link.len() <= LINK_BYTES_MAX && is_web(link) && is_plain(link);
    if link.as_ref().is_some_and(|link| !fits(link)) {
        return Err(Error::invalid("link", words::BAD_LINK));
    }
    Ok(Words { text, link, category_id })
}

/// What came of an append whose key was the client's.
pub(super) fn created(group: GroupId, appended: Appended) -> Result<PostCreated> {
    let Appended { seq, at, duplicate, body } = appended;
    let entry = Entry { seq, at, sender: None, body };
    match log::decode(Topic::Group(group), &entry)?.body {
        Event::PostCreated(post) => Ok(PostCreated { post_id: post.post_id, seq, at, duplicate }),
        _ => Err(is_used_otherwise()),
    }
}

/// The key of a post was that of a comment, or the other way round.
pub(super) fn is_used_otherwise() -> Error {
    conflict(words::CLIENT_ID_USED)
}

/// The id of a post that is planned: its author may ask for it twice.
pub(super) fn planned_id(caller: &Caller, group: GroupId, client_id: ClientId) -> PostId {
    let parts = [caller.user_id.as_bytes().as_slice(), group.as_bytes(), client_id.as_bytes()];
    crate::id::derived("wall.plan", &parts)
}

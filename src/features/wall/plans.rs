//! Drafts and scheduled posts. A plan is a partition of its own; that it is published is decided
//! there once, with an effect that writes the post.

use super::model::plan::{Plan, Stage, Step};
use super::model::{Action, Refusal, Words};
use super::posts::{created, planned_id};
use super::{Wall, rows};
use crate::auth::Caller;
use crate::error::{Result, internal, unavailable};
use crate::features::accounts::Status;
use crate::features::groups::Act;
use crate::log::Key;
use crate::store::Change;
use crate::timers::Timer;
use crate::words::wall as words;
use protocol::limits::PLANNED_POSTS_MAX;
use protocol::session::Done;
use protocol::wall::{Post, PostCreated, PostPublished, PostResult, Posts};
use protocol::{ClientId, Error, ErrorCode, GroupId, Millis, PostId, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The effect that brings an author's list in line with a plan, and publishes. Body: [`Planned`].
pub(crate) const PLANNED: &str = "wall.planned";
/// A commit that was begun is there after this, or never will be.
const COMMIT_WITHIN_MS: Millis = 120_000;
/// The kind of the timer that publishes. Subject: the post's id.
pub const PUBLISH_TIMER: &str = "wall_publish";

/// Body of [`PLANNED`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Planned {
    post_id: PostId,
    /// What is to be on the wall, where it is time.
    publish: Option<Words>,
}

impl Wall {
    /// A post that is not to be on the wall yet.
    pub(super) async fn plan(
        &self,
        caller: &Caller,
        group_id: GroupId,
        client_id: ClientId,
        stage: Stage,
        said: Words,
    ) -> Result<PostCreated> {
        let (post_id, author_id) = (planned_id(caller, group_id, client_id), caller.user_id);
        let now = self.clock.now();
        let is_new = self.load_plan(post_id).await?.is_none();
        if is_new && rows::plans_of(&self.store, author_id).await?.len() >= PLANNED_POSTS_MAX {
            return Err(Error::new(ErrorCode::Full, words::TOO_MANY_PLANS));
        }
        if let Stage::Scheduled(at) = stage {
            self.wake_at(post_id, at).await?;
        }
        let plan = Plan {
            post_id,
            group_id,
            author_id,
            client_id,
            created_at: now,
            stage,
            words: Some(said),
        };
        let (at, duplicate) = self
            .store
            .decide(rows::plan_partition(post_id), |snapshot| {
                let mut change = Change::new();
                if let Some(plan) = rows::plan(post_id, snapshot)? {
                    return Ok((change, (plan.created_at, true)));
                }
                change.write(rows::plan_row(&plan));
                change.effect(PLANNED, &Planned { post_id, publish: None });
                Ok((change, (plan.created_at, false)))
            })
            .await?;
        Ok(PostCreated { post_id, seq: 0, at, duplicate })
    }

    /// Its author writes it anew, and may say when.
    pub(super) async fn rewrite(
        &self,
        caller: &Caller,
        plan: Plan,
        words: Words,
        publish_at: Option<Millis>,
    ) -> Result<PostResult> {
        let (group, now) = (plan.group_id, self.clock.now());
        self.groups.demand(caller.user_id, Act::Post, group).await?;
        if let Some(at) = publish_at.filter(|&at| at > now) {
            self.wake_at(plan.post_id, at).await?;
        }
        let step = Step::Write { words, publish_at };
        let plan = self.step(plan.post_id, &step).await?.ok_or(Refusal::NoSuchPost)?;
        let post = if plan.stage == Stage::Published {
            self.published(caller, &plan).await?
        } else {
            self.show_plan(&plan).await?
        };
        Ok(PostResult { post, versions: Vec::new() })
    }

    async fn published(&self, caller: &Caller, plan: &Plan) -> Result<Post> {
        self.index(plan.group_id).await?;
        let place = self.post_place(caller.user_id, plan.post_id).await?;
        let places = vec![(place.group_id, place.seq)];
        let shown = self.view_posts(caller.user_id, places, true).await?;
        shown.into_iter().next().ok_or_else(|| Refusal::NoSuchPost.into())
    }

    /// Its author does not want it.
    pub(super) async fn discard(&self, plan: Plan) -> Result<Done> {
        self.step(plan.post_id, &Step::Discard).await?;
        Ok(Done {})
    }

    /// One's own drafts and scheduled posts of a group: there are few.
    pub(super) async fn list_plans(&self, user: UserId, group: GroupId) -> Result<Posts> {
        let mut items = Vec::new();
        for row in rows::plans_of(&self.store, user).await? {
            if row.group_id != group {
                continue;
            }
            let plan = self.load_plan(row.post_id).await?;
            let is_open = |plan: &Plan| matches!(plan.stage, Stage::Draft | Stage::Scheduled(_));
            if let Some(plan) = plan.filter(is_open) {
                items.push(self.show_plan(&plan).await?);
            }
        }
        items.sort_by_key(|post| std::cmp::Reverse((post.at, post.id)));
        Ok(Posts { items, next: None })
    }

    /// All plans of a person that are not at their end.
    pub(super) async fn plans_of(&self, user: UserId) -> Result<Vec<Plan>> {
        let mut plans = Vec::new();
        for row in rows::plans_of(&self.store, user).await? {
            plans.extend(self.load_plan(row.post_id).await?);
        }
        plans.retain(|plan| matches!(plan.stage, Stage::Draft | Stage::Scheduled(_)));
        Ok(plans)
    }

    /// Discards all that a person planned.
    pub(super) async fn forget_plans(&self, user: UserId) -> Result<()> {
        for row in rows::plans_of(&self.store, user).await? {
            self.step(row.post_id, &Step::Discard).await?;
            // Of one that was at its end, and whose list did not follow.
            self.carry_planned(Planned { post_id: row.post_id, publish: None }).await?;
        }
        Ok(())
    }

    /// A timer of [`PUBLISH_TIMER`] fired.
    pub(crate) async fn publish_due(&self, timer: &Timer) -> Result<()> {
        let id = Uuid::from_slice(&timer.subject).map_err(|error| internal(&error))?;
        let Some(plan) = self.load_plan(PostId(id)).await? else {
            // The commit that it was set for may still come; or never was.
            let gives_up_at = timer.due_at.saturating_add(COMMIT_WITHIN_MS);
            return if self.clock.now() < gives_up_at { Err(unavailable()) } else { Ok(()) };
        };
        let author = self.accounts.status(plan.author_id).await?;
        let may = author == Some(Status::Active)
            && self.groups.may(plan.author_id, Act::Post, plan.group_id).await?;
        self.step(plan.post_id, &Step::Due { may }).await.map(|_| ())
    }

    async fn wake_at(&self, post: PostId, due_at: Millis) -> Result<()> {
        let subject = post.as_bytes().to_vec();
        let timer = Timer { due_at, kind: PUBLISH_TIMER.to_owned(), subject };
        self.timers.set(vec![timer]).await
    }

    async fn load_plan(&self, id: PostId) -> Result<Option<Plan>> {
        rows::plan(id, &self.store.load(rows::plan_partition(id)).await?)
    }

    /// The plan after a step; `None` where there is none.
    async fn step(&self, post_id: PostId, step: &Step) -> Result<Option<Plan>> {
        let now = self.clock.now();
        self.store
            .decide(rows::plan_partition(post_id), |snapshot| {
                let mut change = Change::new();
                let Some(plan) = rows::plan(post_id, snapshot)? else { return Ok((change, None)) };
                let Some((next, publish)) = plan.after(now, step.clone())? else {
                    return Ok((change, Some(plan)));
                };
                change.write(rows::plan_row(&next));
                change.effect(PLANNED, &Planned { post_id, publish });
                Ok((change, Some(next)))
            })
            .await
    }

    /// Carries out [`PLANNED`]. The list follows the plan as it is now; the post is written once, by
    /// the key that it would have had, were it written at once.
    pub(crate) async fn carry_planned(&self, planned: Planned) -> Result<()> {
        let Planned { post_id, publish } = planned;
        let Some(plan) = self.load_plan(post_id).await? else { return Ok(()) };
        rows::project_plan(&self.store, &plan).await?;
        if let Stage::Scheduled(at) = plan.stage {
            // The timer that was set before the commit may have fired before it.
            self.wake_at(post_id, at.max(self.clock.now())).await?;
        }
        let Some(said) = publish else { return Ok(()) };
        let event = PostPublished {
            post_id,
            author_id: plan.author_id,
            client_id: plan.client_id,
            text: Some(said.text),
            category_id: said.category_id,
            link: said.link,
            changed_by: None,
            deleted: false,
            pinned: false,
            locked: false,
        };
        let (group, author) = (plan.group_id, plan.author_id);
        let key = Key::of_client(author, plan.client_id);
        let action = Action::Publish(event.clone());
        let appended = self.append(group, Some(key), author, action, None).await?;
        match created(group, appended) {
            Ok(made) if made.post_id == post_id => return Ok(()),
            Err(error) if error.code != ErrorCode::Conflict => return Err(error),
            // The key is that of something else, so the plan goes by one of its own.
            Ok(_) | Err(_) => {}
        }
        let key = Key::of_cause("wall.plan", &[post_id.as_bytes()]);
        self.append(group, Some(key), author, Action::Publish(event), None).await.map(|_| ())
    }
}

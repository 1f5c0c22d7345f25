//! From the log into rows: where posts and comments are, and how many comments and replies.
//!
//! Whoever reads a wall brings its rows up to the log's head first; a moment after something was
//! written, the node that wrote it does. An event is carried in as often as somebody does not know
//! that it was, so each step may come again: places are written as they were, and counts know the
//! last event that they count.

use super::lists::GROUPS_AT_ONCE;
use super::model::count::{Tally, Turn};
use super::rows::{self, BranchRow, CommentPlaceRow, PostPlaceRow, PostRow};
use super::{State, Wall, state_of};
use crate::error::{Result, internal};
use crate::log::{self, Entry, Key, READ_EVENTS_MAX, Span};
use crate::store::Change;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use protocol::wall::{CommentDeleted, CommentPublished, CommentReplied, PostCommented};
use protocol::{Event, GroupId, PostId, Seq, Topic, UserId};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Bytes of the log that are carried over at a time.
const BATCH_BYTES: usize = 1024 * 1024;
/// After something was written, so that a crowd's posts are carried over together.
const NUDGE_AFTER: Duration = Duration::from_millis(500);
/// Groups whose logs wait for that; of more, whoever reads them does it.
const NUDGED_MAX: usize = 10_000;

/// The end of a wall.
pub(super) struct End {
    pub(super) seq: Seq,
    pub(super) state: State,
}

impl Wall {
    /// Brings the rows of a wall up to the head of its log.
    pub(super) async fn index(&self, group: GroupId) -> Result<End> {
        let head = self.log.heads(vec![Topic::Group(group)]).await?.pop().unwrap_or_default();
        self.index_to(group, head.seq).await?;
        Ok(End { seq: head.seq, state: state_of(&head.state)? })
    }

    /// The same of many.
    pub(super) async fn index_each(&self, groups: &[GroupId]) -> Result<()> {
        let topics = groups.iter().map(|&group| Topic::Group(group)).collect();
        let heads = self.log.heads(topics).await?;
        let walls: Vec<(GroupId, Seq)> =
            groups.iter().copied().zip(heads.iter().map(|head| head.seq)).collect();
        stream::iter(walls)
            .map(|(group, head)| self.index_to(group, head))
            .buffer_unordered(GROUPS_AT_ONCE)
            .try_collect()
            .await
    }

    async fn index_to(&self, group: GroupId, until: Seq) -> Result<()> {
        if rows::indexed(&self.store, group).await? >= until {
            return Ok(());
        }
        let mut hasher = DefaultHasher::new();
        group.hash(&mut hasher);
        let turn = usize::try_from(hasher.finish() % self.turns.len() as u64).unwrap_or(0);
        let turn = self.turns.get(turn).ok_or_else(|| internal(&"a wall has no turn"))?;
        let _turn = turn.lock().await;
        let mut after = rows::indexed(&self.store, group).await?;
        while after < until {
            let span = Span::After(after);
            let page =
                self.log.read(Topic::Group(group), span, READ_EVENTS_MAX, BATCH_BYTES).await?;
            let Some(last) = page.entries.last() else { break };
            self.absorb(group, &page.entries).await?;
            rows::raise_indexed(&self.store, group, last.seq).await?;
            after = last.seq;
        }
        Ok(())
    }

    /// Has it done in a moment, beside whoever wrote.
    pub(super) fn nudge(self: &Arc<Self>, group: GroupId) {
        if self.nudged.len() >= NUDGED_MAX || !self.nudged.insert(group) {
            return;
        }
        let this = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(NUDGE_AFTER).await;
            // What is written from now on nudges anew.
            this.nudged.remove(&group);
            if let Err(error) = this.index(group).await {
                tracing::warn!(%error, %group, "a wall is behind its log: who reads it carries on");
            }
        });
    }

    async fn absorb(&self, group: GroupId, entries: &[Entry]) -> Result<()> {
        let mut batch = Batch::default();
        for entry in entries {
            let event = log::decode(Topic::Group(group), entry)?.body;
            batch.add(group, entry, event);
        }
        let Batch { posts, post_places, branches, comment_places, steps } = batch;
        // Places first: what is counted, deleted or told of below may be among them.
        if !post_places.is_empty() {
            self.store.put(posts).await?;
            self.store.put(post_places).await?;
        }
        if !comment_places.is_empty() {
            self.store.put(branches).await?;
            self.store.put(comment_places).await?;
        }
        let mut added: BTreeMap<Uuid, Vec<(Seq, Turn)>> = BTreeMap::new();
        let mut written = Vec::new();
        for step in steps {
            match step {
                Step::Commented(seq, comment) => {
                    let parent = comment.parent_id.map(Uuid::from);
                    for target in [Some(comment.post_id.0), parent].into_iter().flatten() {
                        added.entry(target).or_default().push((seq, Turn::Added));
                    }
                    written.push(comment);
                }
                // In the order of the log for each thing: first what was added before.
                Step::Uncommented(seq, gone) => {
                    self.count_all(std::mem::take(&mut added)).await?;
                    self.count_out(seq, gone).await?;
                }
                Step::TakenOff(post) => {
                    if let Some(place) = rows::post_place(&self.store, post).await? {
                        rows::take_off(&self.store, &place).await?;
                    }
                }
            }
        }
        self.count_all(added).await?;
        for comment in written {
            self.tell(group, &comment).await?;
        }
        Ok(())
    }

    async fn count_all(&self, turns: BTreeMap<Uuid, Vec<(Seq, Turn)>>) -> Result<()> {
        for (target, turns) in turns {
            self.count(target, &turns).await?;
        }
        Ok(())
    }

    /// The tally of a thing after these events.
    async fn count(&self, target: Uuid, turns: &[(Seq, Turn)]) -> Result<Tally> {
        self.store
            .decide(rows::tallies(target), |snapshot| {
                let tally = rows::tally(snapshot)?;
                let mut change = Change::new();
                let next = tally.after(turns);
                if let Some(next) = next {
                    change.write(rows::tally_row(next));
                }
                Ok((change, next.unwrap_or(tally)))
            })
            .await
    }

    /// A comment was deleted. It is not shown any more once it has no replies that are; then it is
    /// one less below its parent, which may have waited for that.
    async fn count_out(&self, seq: Seq, gone: CommentDeleted) -> Result<()> {
        self.count(gone.post_id.0, &[(seq, Turn::Removed)]).await?;
        let mut tally = self.count(gone.comment_id.0, &[(seq, Turn::Deleted)]).await?;
        let mut id = gone.comment_id;
        // Asked of what it is now, not of what was done here: half of it may have been done before.
        while tally.gone == Some(seq) {
            let place = rows::comment_place(&self.store, id).await?;
            let Some(parent) = place.and_then(|place| place.parent_id) else { break };
            tally = self.count(parent.0, &[(seq, Turn::Removed)]).await?;
            id = parent;
        }
        Ok(())
    }

    /// Tells the author of what was commented on; once, by the comment's own id.
    async fn tell(&self, group_id: GroupId, comment: &CommentPublished) -> Result<()> {
        let CommentPublished { post_id, comment_id, author_id: user_id, .. } = *comment;
        if comment.deleted {
            return Ok(());
        }
        let (to, event): (UserId, Event) = if let Some(parent_id) = comment.parent_id {
            let Some(parent) = rows::comment_place(&self.store, parent_id).await? else {
                return Ok(());
            };
            let replied = CommentReplied { group_id, post_id, parent_id, comment_id, user_id };
            (parent.author_id, replied.into())
        } else {
            let Some(post) = rows::post_place(&self.store, post_id).await? else { return Ok(()) };
            (post.author_id, PostCommented { group_id, post_id, comment_id, user_id }.into())
        };
        if to == user_id || self.groups.role(to, group_id).await?.is_none() {
            return Ok(());
        }
        let key = Key::of_cause("wall.commented", &[comment_id.as_bytes()]);
        let topic = Topic::User(to);
        log::append_to_feed(&*self.log, topic, key, None, event).await?;
        // It is in the feed: whoever looks next brings it.
        if let Err(error) = self.notifications.told(topic).await {
            tracing::warn!(%error, "somebody is told of a comment later");
        }
        Ok(())
    }
}

/// What events mean for rows, in the order of the log.
#[derive(Default)]
struct Batch {
    posts: Vec<PostRow>,
    post_places: Vec<PostPlaceRow>,
    branches: Vec<BranchRow>,
    comment_places: Vec<CommentPlaceRow>,
    steps: Vec<Step>,
}

enum Step {
    Commented(Seq, CommentPublished),
    Uncommented(Seq, CommentDeleted),
    TakenOff(PostId),
}

impl Batch {
    fn add(&mut self, group_id: GroupId, entry: &Entry, event: Event) {
        let (seq, created_at) = (entry.seq, entry.at);
        match event {
            Event::PostCreated(post) => {
                let (post_id, author_id) = (post.post_id, post.author_id);
                self.post_places.push(PostPlaceRow {
                    post_id,
                    group_id,
                    seq,
                    author_id,
                    created_at,
                });
                // The event by which it was deleted comes later, and takes out what others wrote.
                if !post.deleted {
                    self.posts.push(PostRow { group_id, created_at, seq, post_id, author_id });
                }
            }
            Event::PostDeleted(post) => self.steps.push(Step::TakenOff(post.post_id)),
            Event::CommentCreated(comment) => {
                let CommentPublished { post_id, comment_id, parent_id, author_id, .. } = comment;
                self.branches.push(BranchRow {
                    post_id,
                    parent_id: parent_id.map_or(Uuid::nil(), Uuid::from),
                    seq,
                    comment_id,
                    author_id,
                });
                self.comment_places.push(CommentPlaceRow {
                    comment_id,
                    group_id,
                    post_id,
                    parent_id,
                    seq,
                    author_id,
                });
                self.steps.push(Step::Commented(seq, comment));
            }
            Event::CommentDeleted(gone) => self.steps.push(Step::Uncommented(seq, gone)),
            // Read from the log itself, or of no meaning here.
            _ => {}
        }
    }
}

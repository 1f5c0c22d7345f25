//! The signal `post.stats`: what is counted of a post, to those who watch its wall. At most one a
//! second a post from each node, and always one after the last change.

use super::Wall;
use crate::bus::{Channel, Class, Notice};
use crate::error::Result;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use protocol::wall::PostStats;
use protocol::{GroupId, PostId, Push, Topic};
use std::sync::Arc;
use std::time::Duration;

/// Between two signals about a post.
const EVERY: Duration = Duration::from_secs(1);
/// Posts that are told of at the same time; of more, the counts are seen when they are read.
const POSTS_MAX: usize = 10_000;

/// Posts that were told of within the last second; true: they changed since.
#[derive(Default)]
pub(super) struct Pace(DashMap<PostId, bool>);

impl Pace {
    /// Whether it is to be told of now.
    fn begins(&self, post: PostId) -> bool {
        if self.0.len() >= POSTS_MAX {
            return false;
        }
        match self.0.entry(post) {
            Entry::Occupied(mut busy) => {
                busy.insert(true);
                false
            }
            Entry::Vacant(free) => {
                free.insert(true);
                true
            }
        }
    }

    /// Whether it changed since it was told of last.
    fn goes_on(&self, post: PostId) -> bool {
        match self.0.entry(post) {
            Entry::Occupied(mut busy) if *busy.get() => {
                busy.insert(false);
                true
            }
            Entry::Occupied(quiet) => {
                quiet.remove();
                false
            }
            Entry::Vacant(_) => false,
        }
    }
}

impl Wall {
    /// Likes or comments of a post changed.
    pub(super) fn stirred(self: &Arc<Self>, group: GroupId, post: PostId) {
        if !self.stats.begins(post) {
            return;
        }
        let this = Arc::clone(self);
        tokio::spawn(async move {
            while this.stats.goes_on(post) {
                if let Err(error) = this.tell_stats(group, post).await {
                    tracing::warn!(%error, "the counts of a post were not told");
                }
                tokio::time::sleep(EVERY).await;
            }
        });
    }

    async fn tell_stats(&self, group: GroupId, post_id: PostId) -> Result<()> {
        self.index(group).await?;
        let counts = self.counts(None, post_id.0).await?;
        let stats = PostStats { post_id, likes: counts.likes, comments: counts.below };
        self.bus.notify(Notice {
            audience: vec![Channel::Group(group)],
            except: None,
            class: Class::Coalescing,
            push: Push::signal(Some(Topic::Group(group)), stats),
        });
        Ok(())
    }
}

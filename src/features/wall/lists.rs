//! `post.list`, `post.feed`, and how far one has read: `group.mark` and `group.unread`.

use super::Wall;
use super::model::place::Place;
use super::rows::{self, PostRow};
use crate::auth::Caller;
use crate::error::Result;
use crate::features::groups::Act;
use crate::limits;
use crate::words::wall as words;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use protocol::limits::UNREAD_POSTS_MAX;
use protocol::wall::{
    GroupUnread, ListPosts, ListUnread, MarkGroup, Post, Posts, ReadFeed, Unread,
};
use protocol::{Error, GroupId, Millis, Seq, UserId};
use std::collections::VecDeque;

/// Posts that one page looks at, those included that are not shown.
const LOOKS_MAX: usize = 400;
/// Rows of one group that are read at a time, where there are many groups.
const ROWS_MIN: u32 = 8;
/// Groups that are read at the same time.
pub(super) const GROUPS_AT_ONCE: usize = 16;
/// Clocks of nodes differ by less, so posts that are so much older have smaller seqs.
const SKEW_MS: Millis = 10_000;
/// Rows that a count of unread posts reads at a time.
const COUNT_ROWS: u32 = 2 * UNREAD_POSTS_MAX;
/// Such reads of one count: who wrote all of that by themselves knows it.
const COUNT_READS_MAX: usize = 10;

/// The rest of one group's wall, newest first, of which some is read already.
struct Source {
    group: GroupId,
    ready: VecDeque<PostRow>,
    /// Where to go on; `None`: at the end.
    next: Option<(Millis, Seq)>,
    is_over: bool,
}

impl Source {
    fn new(group: GroupId, after: Option<Place>) -> Self {
        let next = after.map(|place| place.before(group));
        Self { group, ready: VecDeque::new(), next, is_over: false }
    }

    fn newest(&self) -> Option<Place> {
        self.ready.front().map(PostRow::place)
    }
}

impl Wall {
    /// `post.list`
    pub async fn list_posts(&self, caller: &Caller, list: ListPosts) -> Result<Posts> {
        let limit = limits::page(list.limit)? as usize;
        let after = limits::place_at(list.after.as_deref())?;
        let user = caller.user_id;
        self.groups.demand(user, Act::Read, list.group_id).await?;
        if list.planned.unwrap_or(false) {
            return self.list_plans(user, list.group_id).await;
        }
        let end = self.index(list.group_id).await?;
        if list.pinned.unwrap_or(false) {
            let pinned = end.state.pinned.iter().rev();
            let places = pinned.map(|&(_, seq)| (list.group_id, seq)).collect();
            let items = self.view_posts(user, places, false).await?;
            return Ok(Posts { items, next: None });
        }
        let wanted =
            |post: &Post| list.category_id.is_none_or(|wanted| post.category_id == Some(wanted));
        let sources = vec![Source::new(list.group_id, after)];
        self.page(user, sources, limit, wanted).await
    }

    /// `post.feed`
    pub async fn read_feed(&self, caller: &Caller, feed: ReadFeed) -> Result<Posts> {
        let limit = limits::page(feed.limit)? as usize;
        let after = limits::place_at(feed.after.as_deref())?;
        let groups = self.all_groups_of(caller.user_id).await?;
        // By the memberships themselves: a list of groups may be a moment late.
        let groups: Vec<Option<GroupId>> = stream::iter(groups)
            .map(|group| async move {
                let may = self.groups.may(caller.user_id, Act::Read, group).await?;
                Ok::<_, Error>(may.then_some(group))
            })
            .buffered(GROUPS_AT_ONCE)
            .try_collect()
            .await?;
        let groups: Vec<GroupId> = groups.into_iter().flatten().collect();
        self.index_each(&groups).await?;
        let sources = groups.into_iter().map(|group| Source::new(group, after)).collect();
        self.page(caller.user_id, sources, limit, |_| true).await
    }

    /// A page of one or many walls. It looks at so many posts at most, so it may hold less than
    /// was asked for, and still say where the next one begins.
    async fn page(
        &self,
        user: UserId,
        mut sources: Vec<Source>,
        limit: usize,
        wanted: impl Fn(&Post) -> bool + Send,
    ) -> Result<Posts> {
        let (mut items, mut looked) = (Vec::new(), 0);
        loop {
            let places = self.newest(&mut sources, limit - items.len()).await?;
            let more = places.len() == limit - items.len();
            looked += places.len();
            let last = places.last().copied();
            let read = places.iter().map(|place| (place.group, place.seq)).collect();
            let shown = self.view_posts(user, read, false).await?;
            items.extend(shown.into_iter().filter(&wanted));
            if !more || items.len() == limit || looked >= LOOKS_MAX {
                let next = last.filter(|_| more).map(|place| place.to_string());
                return Ok(Posts { items, next });
            }
        }
    }

    /// The newest posts of all these walls, taken from them.
    async fn newest(&self, sources: &mut Vec<Source>, count: usize) -> Result<Vec<Place>> {
        let share = u32::try_from(2 * count / sources.len().max(1)).unwrap_or(u32::MAX);
        let share = share.clamp(ROWS_MIN, limits_of(count));
        let mut places = Vec::with_capacity(count);
        while places.len() < count {
            self.refill(sources, share).await?;
            let newest = sources.iter_mut().max_by_key(|source| source.newest());
            let Some(row) = newest.and_then(|source| source.ready.pop_front()) else { break };
            places.push(row.place());
        }
        Ok(places)
    }

    /// Reads on where nothing is ready: which of them is newest is not known before.
    async fn refill(&self, sources: &mut Vec<Source>, share: u32) -> Result<()> {
        if sources.iter().all(|source| source.is_over || !source.ready.is_empty()) {
            return Ok(());
        }
        let all = std::mem::take(sources);
        *sources = stream::iter(all)
            .map(|mut source| async move {
                if source.is_over || !source.ready.is_empty() {
                    return Ok::<_, Error>(source);
                }
                let rows = rows::posts(&self.store, source.group, source.next, share).await?;
                source.is_over = rows.len() < share as usize;
                source.next = rows.last().map(|row| (row.created_at, row.seq)).or(source.next);
                source.ready = rows.into();
                Ok(source)
            })
            .buffered(GROUPS_AT_ONCE)
            .try_collect()
            .await?;
        Ok(())
    }

    /// `group.mark`
    pub async fn mark_group(&self, caller: &Caller, mark: MarkGroup) -> Result<GroupUnread> {
        let MarkGroup { group_id, read } = mark;
        self.groups.demand(caller.user_id, Act::Read, group_id).await?;
        let end = self.index(group_id).await?;
        if read > end.seq {
            return Err(Error::invalid("read", words::BEHIND_THE_LAST));
        }
        let before = rows::read_mark(&self.store, caller.user_id, group_id).await?;
        if read > before {
            rows::raise_mark(&self.store, caller.user_id, group_id, read).await?;
        }
        self.unread_of(caller.user_id, group_id, read.max(before)).await
    }

    /// `group.unread`
    pub async fn list_unread(&self, caller: &Caller, list: ListUnread) -> Result<Unread> {
        let limit = limits::page(list.limit)?;
        let after = limits::place_at(list.after.as_deref())?;
        let user = caller.user_id;
        let groups = self.groups.groups_of(user, after, limit).await?;
        let more = groups.len() == limit as usize;
        let next = groups.last().filter(|_| more).map(GroupId::to_string);
        self.index_each(&groups).await?;
        let mut items = Vec::with_capacity(groups.len());
        for group in groups {
            if self.groups.may(user, Act::Read, group).await? {
                let read = rows::read_mark(&self.store, user, group).await?;
                items.push(self.unread_of(user, group, read).await?);
            }
        }
        Ok(Unread { items, next })
    }

    /// Posts of others above a mark, as far as they are shown and counted.
    async fn unread_of(&self, user: UserId, group_id: GroupId, read: Seq) -> Result<GroupUnread> {
        let (mut unread, mut before) = (0, None);
        // Rows are in the order of time; a node whose clock is behind gives a later seq an earlier
        // time, by little.
        let mut stop_at = None;
        for _ in 0..COUNT_READS_MAX {
            let rows = rows::posts(&self.store, group_id, before, COUNT_ROWS).await?;
            let more = rows.len() == COUNT_ROWS as usize;
            before = rows.last().map(|row| (row.created_at, row.seq));
            let authors: Vec<UserId> = rows.iter().map(|row| row.author_id).collect();
            let shut = self.people.shut_out(user, &authors).await?;
            for row in &rows {
                if stop_at.is_some_and(|at| row.created_at < at) || unread >= UNREAD_POSTS_MAX {
                    return Ok(GroupUnread { group_id, read, unread });
                }
                if row.seq <= read {
                    stop_at = stop_at.or(Some(row.created_at - SKEW_MS));
                } else if row.author_id != user && !shut.contains(&row.author_id) {
                    unread += 1;
                }
            }
            if !more {
                break;
            }
        }
        Ok(GroupUnread { group_id, read, unread })
    }
}

/// Rows that are read of one group at most, for so many posts.
fn limits_of(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX).max(ROWS_MIN)
}

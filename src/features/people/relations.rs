//! What two people are to one another: decided in the partition of the pair, and told from there.
//!
//! Lists are projections. An effect of each change brings them in line with the pair as it is
//! then, so the order of two of them does not matter, and a crash leaves it to the relay.

use super::model::{Follow, Friends, News, Pair, Refusal, Side, Two, Wish};
use super::rows::{self, BarRow, CircleRow};
use crate::clock::Clock;
use crate::error::{Result, busy};
use crate::store::{COMMIT_TRIES_MAX, Change, Snapshot, Store};
use protocol::people::{FollowAdded, FollowRequested, FriendAccepted, FriendRequested};
use protocol::{Topic, UserId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The effect that brings the lists in line with a pair, and has what was remembered forgotten.
pub const PROJECT: &str = "people.project";
/// The effect that pauses or resumes the conversations of a pair; body: [`Two`].
pub const SHUT: &str = "people.shut";

/// Body of [`PROJECT`].
#[derive(Debug, Serialize, Deserialize)]
pub struct Project {
    /// Which pair.
    pub two: Two,
    /// What it was before the change.
    pub was: Pair,
}

/// See the module.
pub struct Relations {
    store: Arc<Store>,
    clock: Clock,
}

/// The rows that a pair has in lists.
struct Listed {
    bars: Vec<BarRow>,
    circles: Vec<CircleRow>,
}

impl Listed {
    fn of(pair: &Pair, two: Two) -> Self {
        let (mut bars, mut circles) = (Vec::new(), Vec::new());
        for side in [Side::Low, Side::High] {
            let (me, them) = (two.at(side), two.at(side.other()));
            let (mine, theirs) = (pair.of(side), pair.of(side.other()));
            for (holds, bar) in [
                (mine.blocks, rows::BLOCKED),
                (theirs.blocks, rows::BLOCKED_BY),
                (mine.mutes, rows::MUTED),
            ] {
                if holds {
                    bars.push(rows::bar(me, bar, them));
                }
            }
            let follows = |follow| matches!(follow, Follow::Yes | Follow::Approved);
            for (holds, list) in [
                (pair.friends == Friends::Yes, rows::FRIENDS),
                (pair.friends == Friends::Pending(side.other()), rows::INCOMING),
                (pair.friends == Friends::Pending(side), rows::OUTGOING),
                (follows(mine.follow), rows::FOLLOWING),
                (follows(theirs.follow), rows::FOLLOWERS),
                (theirs.follow == Follow::Asked, rows::REQUESTS),
            ] {
                if holds {
                    circles.push(CircleRow { user_id: me, list: list.to_owned(), other_id: them });
                }
            }
        }
        Self { bars, circles }
    }
}

impl Relations {
    /// Over a store.
    pub fn new(store: Arc<Store>, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// What two people are to one another.
    pub async fn pair(&self, two: Two) -> Result<Pair> {
        rows::pair(&self.store.load(rows::relation(two)).await?, two)
    }

    /// Does what one wishes of the other; the pair as it is then, from the side of the one.
    pub async fn wish(&self, me: UserId, them: UserId, wish: Wish) -> Result<(Pair, Side)> {
        let (two, side) = Two::of(me, them).ok_or(Refusal::Oneself)?;
        let now = self.clock.now();
        let decide = |snapshot: &Snapshot| {
            let was = rows::pair(snapshot, two)?;
            let (next, news) = was.after(side, wish, now)?;
            let mut change = Change::new();
            if next != was {
                change.write(rows::pair_row(next, two));
                change.effect(PROJECT, &Project { two, was });
                if next.is_shut() != was.is_shut() {
                    change.effect(SHUT, &two);
                }
                tell(&mut change, two, side, news);
            }
            Ok((change, next))
        };
        let next = self.store.decide(rows::relation(two), decide).await?;
        Ok((next, side))
    }

    /// Carries out [`PROJECT`]. Read again after the writing: a node that slept in between may
    /// have written what was true before.
    pub async fn project(&self, project: &Project) -> Result<()> {
        let two = project.two;
        let mut before = vec![project.was];
        let mut pair = self.pair(two).await?;
        for _ in 0..COMMIT_TRIES_MAX {
            self.list(two, &pair, &before).await?;
            let now = self.pair(two).await?;
            if now == pair {
                return Ok(());
            }
            before.push(std::mem::replace(&mut pair, now));
        }
        Err(busy())
    }

    async fn list(&self, two: Two, pair: &Pair, before: &[Pair]) -> Result<()> {
        let Listed { bars, circles } = Listed::of(pair, two);
        let (mut no_bars, mut no_circles) = (Vec::new(), Vec::new());
        for was in before {
            let was = Listed::of(was, two);
            no_bars.extend(was.bars.into_iter().filter(|row| !bars.contains(row)));
            no_circles.extend(was.circles.into_iter().filter(|row| !circles.contains(row)));
        }
        rows::put_bars(&self.store, bars).await?;
        rows::put_circles(&self.store, circles).await?;
        rows::remove_bars(&self.store, &no_bars).await?;
        rows::remove_circles(&self.store, &no_circles).await
    }

    /// A page of one of somebody's lists: `friends`, `incoming`, `outgoing`, `following`,
    /// `followers`, `requests`, or of those behind one of their bars.
    pub async fn listed(
        &self,
        user: UserId,
        list: &str,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<UserId>> {
        if rows::CIRCLES.contains(&list) {
            rows::circle(&self.store, user, list, after, limit).await
        } else {
            rows::behind_bar(&self.store, user, list, after, limit).await
        }
    }
}

fn tell(change: &mut Change, two: Two, side: Side, news: News) {
    let (me, them) = (two.at(side), two.at(side.other()));
    match news {
        News::None => {}
        News::FollowRequested => {
            change.event(Topic::User(them), FollowRequested { user_id: me });
        }
        News::FollowAdded(by) => {
            let added = FollowAdded { follower_id: two.at(by), followed_id: two.at(by.other()) };
            change.event(Topic::User(them), added);
            change.event(Topic::User(me), added);
        }
        News::FriendRequested => {
            change.event(Topic::User(them), FriendRequested { user_id: me });
        }
        News::FriendAccepted => {
            change.event(Topic::User(them), FriendAccepted { user_id: me });
            change.event(Topic::User(me), FriendAccepted { user_id: them });
        }
    }
}

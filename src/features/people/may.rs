//! The one question of every door: may this person do that to, or see that of, the other?
//!
//! The answer rests on the *facts* of the other: their choices and whom they have to do nothing
//! with, read at once and remembered; and on the pair, where the choice is "connections".

use super::model::{self, Pair, Refusal, Two};
use super::{People, rows};
use crate::error::Result;
use crate::features::accounts::Apart;
use futures_util::future::BoxFuture;
use protocol::UserId;
use protocol::people::{Audience, Privacy};
use std::collections::HashSet;
use std::sync::Arc;

/// Bars of one person that are remembered; of more, the pair itself is asked.
const BARS_MAX: usize = 10_000;

/// What somebody wants to do to, or see of, another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Write to them.
    Message,
    /// Be told that they write, and tell them so.
    Typing,
    /// See how far they have read.
    Receipts,
    /// See whether they are here.
    Presence,
    /// See when they were last here.
    LastSeen,
    /// See their profile.
    Profile,
    /// Find them.
    Find,
    /// Have them notified of something oneself did: also for mobile push.
    Notify,
}

/// See the module.
pub(super) struct Facts {
    pub(super) privacy: Privacy,
    /// One of the two blocked the other.
    shut: HashSet<UserId>,
    muted: HashSet<UserId>,
    /// Strangers whose first message was not answered.
    waiting: HashSet<UserId>,
    /// Whom this one blocked and muted: how many.
    pub(super) blocks: usize,
    pub(super) mutes: usize,
    /// There are no more bars than these.
    whole: bool,
}

impl Apart for People {
    fn are_apart(&self, one: UserId, other: UserId) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async move { Ok(!self.shut_out(one, &[other]).await?.is_empty()) })
    }
}

impl People {
    /// Whether `who` may do this to `whom`. Asked at every door and each delivery.
    pub async fn may(&self, who: UserId, act: Act, whom: UserId) -> Result<bool> {
        Ok(self.refusal(who, act, whom).await?.is_none())
    }

    /// Why not; `None`: they may.
    pub(crate) async fn refusal(
        &self,
        who: UserId,
        act: Act,
        whom: UserId,
    ) -> Result<Option<Refusal>> {
        if who == whom {
            return Ok(None);
        }
        let facts = self.facts(whom).await?;
        if self.is_shut(&facts, who, whom).await? {
            return Ok(Some(Refusal::Blocked));
        }
        let waits = facts.waiting.contains(&who);
        let privacy = &facts.privacy;
        let (admits, refusal) = match act {
            Act::Message => (self.admits(privacy.messages, who, whom).await?, Refusal::NoMessages),
            Act::Typing => (!waits, Refusal::NoSuchPerson),
            Act::Receipts => {
                let both = privacy.read_receipts && self.facts(who).await?.privacy.read_receipts;
                (both && !waits, Refusal::NoSuchPerson)
            }
            Act::Presence => {
                let sees = !waits && self.admits(privacy.presence, who, whom).await?;
                (sees, Refusal::NoSuchPerson)
            }
            Act::LastSeen => {
                let sees = !waits
                    && self.admits(privacy.presence, who, whom).await?
                    && self.admits(privacy.last_seen, who, whom).await?;
                (sees, Refusal::NoSuchPerson)
            }
            Act::Profile | Act::Find => {
                (self.admits(privacy.profile, who, whom).await?, Refusal::NoSuchPerson)
            }
            // Also of a stranger who waits: that somebody does is what is told.
            Act::Notify => (!facts.muted.contains(&who), Refusal::NoSuchPerson),
        };
        Ok((!admits).then_some(refusal))
    }

    /// Whether `whom` counts `who` among their connections.
    pub async fn is_connected(&self, who: UserId, whom: UserId) -> Result<bool> {
        let Some((two, side)) = Two::of(whom, who) else { return Ok(true) };
        Ok(self.pair(two).await?.is_connected(side))
    }

    /// Those of these whom somebody has nothing to do with, since one blocked the other.
    pub async fn shut_out(&self, user: UserId, others: &[UserId]) -> Result<HashSet<UserId>> {
        let facts = self.facts(user).await?;
        let mut shut = HashSet::new();
        for &other in others.iter().filter(|&&other| other != user) {
            if self.is_shut(&facts, other, user).await? {
                shut.insert(other);
            }
        }
        Ok(shut)
    }

    /// All whom somebody has nothing to do with, as far as they are remembered: see [`BARS_MAX`].
    pub async fn apart_from(&self, user: UserId) -> Result<HashSet<UserId>> {
        Ok(self.facts(user).await?.shut.clone())
    }

    /// Whether one of the two blocked the other, read from the pair now.
    pub(crate) async fn is_shut_now(&self, two: Two) -> Result<bool> {
        Ok(self.relations.pair(two).await?.is_shut())
    }

    /// Whether one of two people blocked the other, read from the pair now.
    pub async fn has_blocked(&self, one: UserId, other: UserId) -> Result<bool> {
        match Two::of(one, other) {
            Some((two, _)) => self.is_shut_now(two).await,
            None => Ok(false),
        }
    }

    /// A stranger wrote: sees nothing more of the other until that is answered.
    pub(crate) async fn begin_waiting(&self, stranger: UserId, other: UserId) -> Result<()> {
        if !self.facts(other).await?.waiting.contains(&stranger) {
            let row = rows::bar(other, rows::WAITING, stranger);
            rows::put_bars(&self.store, vec![row]).await?;
            self.forget(other, Some(stranger));
        }
        Ok(())
    }

    /// It was answered with yes.
    pub(crate) async fn end_waiting(&self, stranger: UserId, other: UserId) -> Result<()> {
        let row = rows::bar(other, rows::WAITING, stranger);
        rows::remove_bars(&self.store, &[row]).await?;
        self.forget(other, Some(stranger));
        Ok(())
    }

    /// Whether it was not answered yet, as far as is known here.
    pub(crate) async fn is_waiting(&self, stranger: UserId, other: UserId) -> Result<bool> {
        Ok(self.facts(other).await?.waiting.contains(&stranger))
    }

    async fn is_shut(&self, facts: &Facts, one: UserId, other: UserId) -> Result<bool> {
        if facts.shut.contains(&one) {
            return Ok(true);
        }
        match Two::of(one, other) {
            Some((two, _)) if !facts.whole => Ok(self.pair(two).await?.is_shut()),
            _ => Ok(false),
        }
    }

    async fn admits(&self, audience: Audience, who: UserId, whom: UserId) -> Result<bool> {
        match model::admits(audience) {
            Some(admits) => Ok(admits),
            None => self.is_connected(who, whom).await,
        }
    }

    async fn pair(&self, two: Two) -> Result<Pair> {
        let begun = match self.pairs.get(two, self.clock.now()) {
            Ok(pair) => return Ok(pair),
            Err(begun) => begun,
        };
        let pair = self.relations.pair(two).await?;
        self.pairs.put(two, pair, self.clock.now(), begun);
        Ok(pair)
    }

    pub(super) async fn facts(&self, user: UserId) -> Result<Arc<Facts>> {
        let begun = match self.facts.get(user, self.clock.now()) {
            Ok(facts) => return Ok(facts),
            Err(begun) => begun,
        };
        let facts = Arc::new(self.read_facts(user).await?);
        self.facts.put(user, Arc::clone(&facts), self.clock.now(), begun);
        Ok(facts)
    }

    async fn read_facts(&self, user: UserId) -> Result<Facts> {
        let snapshot = self.store.load(rows::privacy_of(user)).await?;
        let mut facts = Facts {
            privacy: rows::privacy(&snapshot)?,
            shut: HashSet::new(),
            muted: HashSet::new(),
            waiting: HashSet::new(),
            blocks: 0,
            mutes: 0,
            whole: true,
        };
        let mut bars = rows::bars(&self.store, user, None).await?;
        let mut read = 0;
        while let Some(last) = bars.last().cloned() {
            let page = bars.len();
            read += page;
            for row in bars {
                facts.add(&row.bar, row.other_id);
            }
            if page < crate::store::LIST_ROWS_MAX as usize {
                break;
            }
            if read >= BARS_MAX {
                facts.whole = false;
                break;
            }
            bars = rows::bars(&self.store, user, Some((&last.bar, last.other_id))).await?;
        }
        Ok(facts)
    }
}

impl Facts {
    fn add(&mut self, bar: &str, other: UserId) {
        match bar {
            rows::BLOCKED => {
                self.blocks += 1;
                self.shut.insert(other);
            }
            rows::BLOCKED_BY => {
                self.shut.insert(other);
            }
            rows::MUTED => {
                self.mutes += 1;
                self.muted.insert(other);
            }
            rows::WAITING => {
                self.waiting.insert(other);
            }
            // Of a newer version.
            _ => {}
        }
    }
}

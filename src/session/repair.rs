//! Repair: when something may be missing on this node, every session is looked after.
//!
//! A *pass* asks of each session whether its login still holds and its topics are still to be
//! seen, and compares the heads of its topics with what it was sent; what it missed, it reads
//! from the log. Promises: spread over [`SPREAD_MS`], so that a node is not busy with itself; a
//! head is read once for all sessions; while the others can't be heard, a pass every
//! [`AWAY_EVERY_MS`], so that remote events come late rather than never, and revocations hold.
//!
//! Does not know: why. That is [`Suspects`]'s.

use crate::auth::{Authenticator, Caller};
use crate::bus::{CLOCK_MARGIN_MS, Channel, Missed, Suspects};
use crate::clock::Clock;
use crate::error::Result;
use crate::features::conversations::Conversations;
use crate::features::people::People;
use crate::hub::{Hub, Link, REPAIR_EVENTS_MAX};
use crate::log::{Log, Span};
use crate::rights::Rights;
use dashmap::DashMap;
use futures_util::{StreamExt as _, stream};
use protocol::{Millis, Seq, Topic};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// A pass over all sessions takes so long, at least where there are many.
pub const SPREAD_MS: u64 = 3_000;
/// Sessions that are looked after at once.
pub const SESSIONS_AT_ONCE: usize = 16;
/// Between two passes while the others can't be heard, and after one that failed.
pub const AWAY_EVERY_MS: u64 = 10_000;
/// Between two passes.
const REST_MS: u64 = 500;
/// How often it is noted that this process runs.
const AWAKE_MS: u64 = 1_000;
/// A process that did not run for so long was paused.
const PAUSED_MS: Millis = 8_000;
/// Sessions of one step of the spread.
const STEP_SESSIONS_MIN: usize = 64;
/// Bytes of one look at the end of a topic.
const LOOK_BYTES: usize = 256 * 1024;

/// See the module.
pub struct Repair {
    /// Who is connected.
    pub hub: Arc<Hub>,
    /// What happened.
    pub log: Arc<dyn Log>,
    /// Who may see what.
    pub rights: Arc<dyn Rights>,
    /// Who may still be here.
    pub authenticator: Arc<Authenticator>,
    /// Who lets whom see what.
    pub people: Arc<People>,
    /// Where a person may have news.
    pub conversations: Arc<Conversations>,
    /// The time.
    pub clock: Clock,
}

/// What is known in one pass.
struct Pass {
    /// What happened before is not missing.
    since: Millis,
    heads: DashMap<Topic, (Seq, Millis)>,
    /// The last seq before `since`, of topics in which some session has no place.
    starts: DashMap<Topic, Seq>,
}

impl Repair {
    /// Repairs whenever something is suspect, for ever. `is_away`: the others can't be heard.
    pub async fn run(self: Arc<Self>, suspects: Arc<Suspects>, is_away: impl Fn() -> bool + Send) {
        let mut owed: Option<Millis> = None;
        let mut again = Instant::now() + Duration::from_millis(AWAY_EVERY_MS);
        // What was suspect from before the last look, while nothing could be heard.
        let mut looked = self.clock.now();
        let mut awake = self.clock.now();
        loop {
            tokio::select! {
                since = suspects.next() => {
                    owed = Some(owed.map_or(since, |owed| owed.min(since)));
                }
                () = sleep_until(again), if owed.is_some() || is_away() => {
                    owed = Some(owed.map_or(looked, |owed| owed.min(looked)));
                }
                () = sleep(Duration::from_millis(AWAKE_MS)) => {
                    let (before, now) = (awake, self.clock.now());
                    awake = now;
                    if now - before > PAUSED_MS {
                        suspects.raise(before, "paused");
                    }
                    continue;
                }
            }
            let Some(since) = owed else { continue };
            let begun = self.clock.now();
            let doubts = (!is_away()).then(|| suspects.count());
            self.people.forget_all();
            let failed = self.pass(since - CLOCK_MARGIN_MS).await;
            metrics::counter!("sanctuary_repair_passes_total").increment(1);
            if failed == 0 {
                owed = None;
                looked = begun;
                if let Some(count) = doubts {
                    suspects.settle(count);
                }
            } else {
                tracing::warn!(sessions = failed, "sessions were not repaired; again soon");
            }
            again = Instant::now() + Duration::from_millis(AWAY_EVERY_MS);
            awake = self.clock.now();
            sleep(Duration::from_millis(REST_MS)).await;
        }
    }

    /// One pass. How many sessions could not be looked after.
    pub async fn pass(&self, since: Millis) -> usize {
        let mut sessions = self.hub.sessions();
        // By lot, so that a group's people do not come one after the other.
        sessions.sort_by_key(|link| link.lot());
        let pass = Pass { since, heads: DashMap::new(), starts: DashMap::new() };
        let steps = usize::try_from(SPREAD_MS / 100).unwrap_or(1);
        let step = sessions.len().div_ceil(steps).max(STEP_SESSIONS_MIN);
        let mut failed = 0;
        for (at, some) in sessions.chunks(step).enumerate() {
            if at > 0 {
                sleep(Duration::from_millis(100)).await;
            }
            let pass = &pass;
            let looked = stream::iter(some.to_vec())
                .map(|link| async move { self.look_after(&link, pass).await });
            let outcomes: Vec<Result<()>> =
                looked.buffer_unordered(SESSIONS_AT_ONCE).collect().await;
            failed += outcomes.iter().filter(|outcome| outcome.is_err()).count();
        }
        failed
    }

    async fn look_after(&self, link: &Arc<Link>, pass: &Pass) -> Result<()> {
        let Some(session) = link.session() else { return Ok(()) };
        let caller = &session.caller;
        if let Err(denied) = self.authenticator.still_good(caller).await {
            let Some(code) = denied.close_code() else { return Err(denied.into()) };
            tracing::warn!(user = %caller.user_id, ?denied, "a session ends, since its login did");
            link.close(code);
            return Ok(());
        }
        let mut owed: BTreeMap<Topic, Option<Seq>> = BTreeMap::new();
        for channel in link.channels() {
            let topic = channel.topic();
            if self.rights.visible(caller, topic).await?.is_none() {
                self.hub.revoke_here(caller.user_id, channel);
                continue;
            }
            owed.insert(topic, None);
        }
        let since = pass.since;
        for id in self.conversations.active_since(caller.user_id, since).await? {
            owed.insert(Topic::Conversation(id), None);
        }
        owed.extend(link.places().into_iter().map(|(topic, last)| (topic, Some(last))));
        self.compare(link, caller, owed, pass).await
    }

    /// Compares what a session was sent with the heads.
    async fn compare(
        &self,
        link: &Arc<Link>,
        caller: &Caller,
        sent: BTreeMap<Topic, Option<Seq>>,
        pass: &Pass,
    ) -> Result<()> {
        let unread: Vec<Topic> =
            sent.keys().filter(|topic| !pass.heads.contains_key(topic)).copied().collect();
        if !unread.is_empty() {
            let heads = self.log.heads(unread.clone()).await?;
            for (topic, head) in unread.into_iter().zip(heads) {
                pass.heads.insert(topic, (head.seq, head.at));
            }
        }
        for (topic, last) in sent {
            let (head, at) = pass.heads.get(&topic).map_or((0, 0), |head| *head);
            let after = match last {
                Some(last) => last,
                None if at < pass.since => head,
                None => self.start(topic, head, pass).await?,
            };
            if head <= after {
                continue;
            }
            metrics::counter!("sanctuary_repaired_topics_total").increment(1);
            let audience = vec![Channel::User(caller.user_id)];
            let since = pass.since;
            link.missed(&Missed { topic, after, until: head, since, audience });
        }
        Ok(())
    }

    /// The last seq of a topic that is older than what may be missing; of a long interval, the
    /// newest events only: for the rest a client has its cursors.
    async fn start(&self, topic: Topic, head: Seq, pass: &Pass) -> Result<Seq> {
        if let Some(start) = pass.starts.get(&topic) {
            return Ok(*start);
        }
        let mut start = head;
        let limit = u32::try_from(REPAIR_EVENTS_MAX).unwrap_or(u32::MAX);
        let page = self.log.read(topic, Span::Before(head + 1), limit, LOOK_BYTES).await?;
        for entry in page.entries.iter().rev().take_while(|entry| entry.at >= pass.since) {
            start = entry.seq - 1;
        }
        pass.starts.insert(topic, start);
        Ok(start)
    }
}

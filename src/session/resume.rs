//! Resuming: what each cursor is owed.

use super::Sessions;
use crate::auth::Caller;
use crate::bus::Channel;
use crate::error::Result;
use crate::hub::{Link, Replay};
use protocol::limits::{REPLAY_MAX, REPLAY_PER_TOPIC_MAX};
use protocol::session::{Behind, Cursor, Head};
use protocol::{Seq, Topic};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A share of the replay, topic by topic in the order of the cursors.
#[derive(Debug)]
struct Budget(u64);

impl Budget {
    /// What is replayed after a cursor, and what stands in `behind`.
    fn plan(&mut self, topic: Topic, after: Seq, head: Seq) -> (Replay, Option<Behind>) {
        let share = (head - after).min(REPLAY_PER_TOPIC_MAX).min(self.0);
        self.0 -= share;
        let until = after + share;
        let behind = (until < head).then_some(Behind { topic, from: until + 1, head });
        (Replay { after, until, then: head }, behind)
    }
}

impl Sessions {
    /// Has each readable cursor's topic replayed and followed. The heads of the own feed and of
    /// those topics, and what is too far behind.
    pub(super) async fn resume(
        &self,
        link: &Arc<Link>,
        caller: &Caller,
        cursors: Vec<Cursor>,
    ) -> Result<(Vec<Head>, Vec<Behind>)> {
        let feed = Topic::User(caller.user_id);
        let mut wanted: Vec<Cursor> = Vec::with_capacity(cursors.len());
        let mut untils: BTreeMap<Topic, Seq> = BTreeMap::new();
        for cursor in cursors {
            if untils.contains_key(&cursor.topic) {
                continue;
            }
            let Some(visible) = self.rights.visible(caller, cursor.topic).await? else { continue };
            untils.insert(cursor.topic, visible.until.unwrap_or(Seq::MAX));
            wanted.push(cursor);
        }
        // Channels first, then heads: nothing may fall between.
        let channels: Vec<(Topic, Channel)> = wanted
            .iter()
            .filter_map(|cursor| Some((cursor.topic, Channel::by_subscription(cursor.topic)?)))
            .collect();
        for &(_, channel) in &channels {
            self.hub.subscribe(link, channel);
        }
        if channels.iter().any(|(topic, _)| matches!(topic, Topic::Group(_))) {
            self.hub.withhold(link).await;
        }
        for (topic, channel) in channels {
            self.hub.listening(channel).await;
            // Asked again, as `topic.subscribe` does: what was revoked in between was revoked from
            // a connection that did not listen yet.
            if self.rights.visible(caller, topic).await?.is_none() {
                self.hub.end(link, channel);
                wanted.retain(|cursor| cursor.topic != topic);
            }
        }
        let mut topics = vec![feed];
        topics.extend(wanted.iter().map(|cursor| cursor.topic).filter(|&topic| topic != feed));
        let found = self.log.heads(topics.clone()).await?;
        let heads: BTreeMap<Topic, Seq> =
            topics.iter().zip(&found).map(|(&topic, head)| (topic, head.seq)).collect();

        let mut budget = Budget(REPLAY_MAX);
        let mut behind = Vec::new();
        for cursor in wanted {
            let head = heads.get(&cursor.topic).copied().unwrap_or(0);
            let head = head.min(untils.get(&cursor.topic).copied().unwrap_or(0));
            // A cursor from a future that never was (a restored backup): everything is new.
            let after = if cursor.seq > head { 0 } else { cursor.seq };
            let (replay, rest) = budget.plan(cursor.topic, after, head);
            behind.extend(rest);
            link.follow(cursor.topic, replay);
        }
        let heads = heads.into_iter().map(|(topic, head)| Head { topic, head }).collect();
        Ok((heads, behind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ConversationId;

    #[test]
    fn a_replay_is_bounded_for_each_topic_and_in_all() {
        let topic = Topic::Conversation(ConversationId(uuid::Uuid::nil()));
        let mut budget = Budget(REPLAY_MAX);
        let (replay, behind) = budget.plan(topic, 5, 5 + REPLAY_PER_TOPIC_MAX);
        assert_eq!((replay.until, behind), (5 + REPLAY_PER_TOPIC_MAX, None));
        let (replay, behind) = budget.plan(topic, 5, 6 + REPLAY_PER_TOPIC_MAX);
        let next = 6 + REPLAY_PER_TOPIC_MAX;
        assert_eq!(behind, Some(Behind { topic, from: next, head: next }));
        assert_eq!(replay.then, next);
        budget.plan(topic, 0, REPLAY_PER_TOPIC_MAX);
        let (replay, behind) = budget.plan(topic, 0, 200);
        assert_eq!(replay.until, 100, "what is left of {REPLAY_MAX}");
        assert_eq!(behind, Some(Behind { topic, from: 101, head: 200 }));
        let (replay, behind) = budget.plan(topic, 7, 7);
        assert_eq!((replay.until, behind), (7, None));
    }
}

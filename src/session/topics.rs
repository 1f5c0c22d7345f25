//! The `topic.*` commands.

use super::Sessions;
use crate::auth::Caller;
use crate::bus::Channel;
use crate::error::{Result, not_found};
use crate::hub::{Link, Replay};
use crate::limits;
use crate::log::{self, Page as LogPage, Span};
use crate::rights::Visible;
use protocol::limits::{PAGE_BYTES_MAX, SUBSCRIPTIONS_MAX};
use protocol::session::Done;
use protocol::topics::{Page, Read, Subscribe, Subscribed, Unsubscribe};
use protocol::{Error, ErrorCode, Seq, Topic};
use std::sync::Arc;

impl Sessions {
    async fn visible(&self, caller: &Caller, topic: Topic) -> Result<Visible> {
        self.rights.visible(caller, topic).await?.ok_or_else(|| not_found("topic"))
    }

    /// `topic.subscribe`
    pub async fn subscribe(
        &self,
        link: &Arc<Link>,
        caller: &Caller,
        subscribe: Subscribe,
    ) -> Result<Subscribed> {
        let Subscribe { topic, after } = subscribe;
        self.visible(caller, topic).await?;
        if let Some(channel) = Channel::by_subscription(topic) {
            if link.subscriptions() >= SUBSCRIPTIONS_MAX && !link.listens_to(channel) {
                let message =
                    format!("At most {SUBSCRIPTIONS_MAX} topics can be followed at once.");
                return Err(Error::new(ErrorCode::Full, message));
            }
            self.hub.subscribe(link, channel);
            self.hub.listening(channel).await;
            if matches!(topic, Topic::Group(_)) {
                // Nothing of it is sent before the reply; and what changes from now on is heard of.
                self.hub.withhold(link).await;
            }
        }
        // Asked again, now that it would be delivered: what was revoked in between was revoked
        // from a connection that did not listen yet.
        let visible = match self.visible(caller, topic).await {
            Ok(visible) => visible,
            Err(error) => {
                self.stop(link, topic);
                return Err(error);
            }
        };
        let head = self.log.heads(vec![topic]).await?.pop().unwrap_or_default().seq;
        let head = head.min(visible.until.unwrap_or(Seq::MAX));
        let after = after.map_or(head, |after| if after > head { 0 } else { after });
        link.follow(topic, Replay { after, until: head, then: head });
        Ok(Subscribed { head })
    }

    /// `topic.unsubscribe`
    pub fn unsubscribe(&self, link: &Arc<Link>, unsubscribe: Unsubscribe) -> Done {
        self.stop(link, unsubscribe.topic);
        Done {}
    }

    fn stop(&self, link: &Arc<Link>, topic: Topic) {
        // One's own feed and one's conversations are always on.
        if let Some(channel) = Channel::by_subscription(topic) {
            self.hub.unsubscribe(link, channel);
            link.unfollow(topic);
        }
    }

    /// `topic.read`
    pub async fn read(&self, caller: &Caller, read: Read) -> Result<Page> {
        let Read { topic, after, before, limit } = read;
        let limit = limits::page(limit)?;
        let visible = self.visible(caller, topic).await?;
        let end = visible.until.map_or(Seq::MAX, |until| until + 1);
        let span = match (after, before) {
            (Some(_), Some(_)) => {
                return Err(Error::invalid("before", "Either after or before, please."));
            }
            (Some(after), None) => Span::After(after.max(visible.from - 1)),
            (None, Some(before)) => Span::Before(before.min(end)),
            (None, None) if end == Seq::MAX => Span::Newest,
            (None, None) => Span::Before(end),
        };
        let LogPage { mut entries, head } =
            self.log.read(topic, span, limit, PAGE_BYTES_MAX).await?;
        if matches!(topic, Topic::Group(_))
            && let Some(apart) = self.rights.apart(caller.user_id).await?
        {
            for entry in &mut entries {
                if let Some(instead) = apart.in_place_of(topic, &entry.body) {
                    entry.body = instead;
                }
            }
        }
        let events = entries.iter().filter(|entry| visible.contains(entry.seq));
        let events = events.map(|entry| log::decode(topic, entry)).collect::<Result<_>>()?;
        Ok(Page::new(events, head.min(visible.until.unwrap_or(Seq::MAX))))
    }
}

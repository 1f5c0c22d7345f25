//! The gate of topics without rules of their own: whatever the system writes is taken.

use super::{Append, Appended, Gate, Head, Key, Log, Stamped};
use crate::bus::Channel;
use crate::error::Result;
use protocol::{Error, Event, Millis, Seq, Topic, UserId};

struct Feed {
    topic: Topic,
    event: Event,
}

impl Feed {
    fn channels(&self) -> Vec<Channel> {
        // A conversation's events are written under its own rule, which knows its members.
        Channel::of(self.topic).into_iter().collect()
    }
}

impl Gate for Feed {
    fn stamp(&self, _head: Head<'_>, _now: Millis) -> std::result::Result<Stamped, Error> {
        Ok(Stamped {
            event: self.event.clone(),
            state: None,
            redact: Vec::new(),
            maxima: Vec::new(),
            audience: self.channels(),
        })
    }

    fn audience(&self, _head: Head<'_>, _seq: Seq) -> Vec<Channel> {
        self.channels()
    }
}

/// Appends an event to a topic without rules: a person's feed, a group's wall.
pub async fn append_to_feed(
    log: &dyn Log,
    topic: Topic,
    key: Key,
    sender: Option<UserId>,
    event: impl Into<Event>,
) -> Result<Appended> {
    let gate = Box::new(Feed { topic, event: event.into() });
    log.append(Append { topic, key: Some(key), sender, gate }).await
}

//! The topics that one person follows, and what still has to be sent for them.

use crate::oracle::record::Record;
use crate::oracle::watch::Watch;
use crate::outbox::{Entry, Outbox, Purpose};
use crate::run::Run;
use protocol::limits::PAGE_ITEMS_MAX;
use protocol::topics::{Read, Subscribe};
use protocol::{Seq, Topic};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A conversation that shows up this soon after a reconnect may have begun before it.
const RESUME_WINDOW: Duration = Duration::from_secs(10);

/// A topic that is followed.
pub(super) struct Followed {
    pub(super) watch: Watch,
    pub(super) record: Arc<Mutex<Record>>,
    /// A `topic.read` is under way that fills a hole.
    pub(super) reading: bool,
    /// Needs no cursor any more.
    pub(super) over: bool,
}

#[derive(Default)]
pub(super) struct Inner {
    pub(super) outbox: Outbox,
    pub(super) topics: HashMap<Topic, Followed>,
    pub(super) subscriptions: Vec<Topic>,
    pub(super) connections: u64,
    pub(super) sessions: u64,
    pub(super) opened_at: Option<Instant>,
    pub(super) feed_head: Seq,
    pub(super) retry_after: Option<Duration>,
}

impl Followed {
    pub(super) fn new(watch: Watch, record: Arc<Mutex<Record>>) -> Self {
        Self { watch, record, reading: false, over: false }
    }
}

impl Inner {
    pub(super) fn resumed_just_now(&self) -> bool {
        self.sessions + u64::from(self.opened_at.is_none()) > 1
            && self.opened_at.is_none_or(|at| at.elapsed() < RESUME_WINDOW)
    }

    /// What is known of a topic; a topic that was not known begins here.
    pub(super) fn followed(&mut self, topic: Topic, run: &Run) -> &mut Followed {
        let resumed = self.resumed_just_now();
        self.topics.entry(topic).or_insert_with(|| {
            let watch = match topic {
                Topic::Conversation(_) if resumed => Watch::of_missed_topic(),
                Topic::Conversation(_) => Watch::of_new_topic(),
                Topic::User(_) | Topic::Group(_) | Topic::Desk(_) => Watch::of_known_topic(),
            };
            Followed::new(watch, run.record(topic))
        })
    }

    /// Reads what is missing up to `to`, if anything is.
    pub(super) fn repair(&mut self, topic: Topic, to: Seq) {
        let Some(followed) = self.topics.get_mut(&topic) else { return };
        let Some(after) = followed.watch.cursor().filter(|cursor| *cursor < to) else { return };
        if followed.reading {
            return;
        }
        followed.reading = true;
        let read = Read { topic, after: Some(after), before: None, limit: Some(PAGE_ITEMS_MAX) };
        self.outbox.push_first(Entry::new(read, Purpose::Read { topic, to }));
    }

    pub(super) fn subscription(&self, topic: Topic) -> Entry {
        let after = self.topics.get(&topic).and_then(|followed| followed.watch.cursor());
        Entry::new(Subscribe { topic, after }, Purpose::Subscribe(topic))
    }
}

//! What one person hears: replies, events and signals, each shown to the oracle first.

use super::following::Followed;
use super::{Hook, Link, Person};
use crate::memo::Pushed;
use crate::metrics::Measure;
use crate::oracle::Fault;
use crate::oracle::record::{Entry as Compared, Placed};
use crate::oracle::watch::Watch;
use crate::outbox::{Entry, Purpose, Reply, Sending};
use crate::run::held;
use protocol::session::Opened;
use protocol::topics::{Gap, Page, Subscribed};
use protocol::{DecodeError, Error, Event, Incoming, Push, Seq, Signal, Topic};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Bytes;

/// Between two attempts of a command whose error says that it may be tried again.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// How an event came.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Pushed,
    Read,
}

impl Person {
    /// Reads one message of the server. An error ends the session for good or for now.
    pub(crate) fn message(
        self: &Arc<Self>,
        hook: &mut dyn Hook,
        message: &Bytes,
    ) -> Result<(), Error> {
        match self.read_message(hook, message) {
            Ok(refused) => refused,
            Err(error) => {
                self.run.found(&self.id, &Fault::Unreadable(error.to_string()));
                Ok(())
            }
        }
    }

    fn read_message(
        self: &Arc<Self>,
        hook: &mut dyn Hook,
        message: &Bytes,
    ) -> Result<Result<(), Error>, DecodeError> {
        if let Some(pushed) = self.run.memo.push(self.format, message)? {
            self.pushed(hook, &pushed);
            return Ok(Ok(()));
        }
        for frame in self.format.split(message)? {
            match Incoming::decode(self.format, frame)? {
                Incoming::Reply { id, error } => {
                    let frame = message.slice_ref(frame);
                    if let Err(refused) = self.reply(hook, id, error, frame)? {
                        return Ok(Err(refused));
                    }
                }
                push => {
                    if let Some(pushed) = Pushed::of(push) {
                        self.pushed(hook, &pushed);
                    }
                }
            }
        }
        Ok(Ok(()))
    }

    fn pushed(self: &Arc<Self>, hook: &mut dyn Hook, pushed: &Pushed) {
        match pushed {
            Pushed::Event(push, entry) => self.event(hook, push, entry, Way::Pushed),
            Pushed::Signal(push) => self.signal(hook, push),
            Pushed::Unknown(Some((topic, seq))) => {
                let outcome = {
                    let mut inner = held(&self.inner);
                    inner.followed(*topic, &self.run).watch.pushed(*seq, false)
                };
                self.judge(*topic, outcome);
            }
            Pushed::Unknown(None) => {}
        }
    }

    fn signal(self: &Arc<Self>, hook: &mut dyn Hook, push: &Push<Signal>) {
        match &push.body {
            Signal::Gap(Gap { topic, from, to }) => {
                held(&self.run.metrics).counts.gaps_read += 1;
                let mut inner = held(&self.inner);
                inner.followed(*topic, &self.run).watch.announced(*from, *to);
                inner.repair(*topic, *to);
            }
            Signal::Bye(bye) => {
                held(&self.inner).retry_after = Some(Duration::from_millis(bye.retry_after_ms));
            }
            _ => {}
        }
        hook.signal(self, push);
    }

    fn event(
        self: &Arc<Self>,
        hook: &mut dyn Hook,
        push: &Push<Event>,
        entry: &Compared,
        way: Way,
    ) {
        let (Some(topic), Some(seq)) = (push.topic, push.seq) else { return };
        let (outcome, agreed) = {
            let mut inner = held(&self.inner);
            let followed = inner.followed(topic, &self.run);
            let outcome = match way {
                Way::Pushed => followed.watch.pushed(seq, self.joins(&push.body)),
                Way::Read => Ok(followed.watch.read(seq)),
            };
            let agreed = held(&followed.record).seen(seq, entry.hash);
            match &push.body {
                Event::MemberLeft(left) if left.user_id == self.id => followed.watch.leaves_at(seq),
                Event::MemberJoined(_) if self.joins(&push.body) => followed.watch.joins_again(),
                Event::ConversationClosed(_) => followed.over = true,
                Event::ConversationReopened(_) => followed.over = false,
                _ => {}
            }
            if way == Way::Pushed {
                inner.repair(topic, seq);
            }
            (outcome, agreed)
        };
        self.judge(topic, agreed);
        let fresh = match outcome {
            Ok(fresh) => fresh,
            Err(fault) => {
                self.run.found(&self.place(topic), &fault);
                !matches!(fault, Fault::Doubled { .. })
            }
        };
        if fresh {
            if topic == Topic::User(self.id) {
                self.learn(push, seq, way);
            }
            self.measure_delivery(push, entry);
            hook.event(self, push);
        }
    }

    fn joins(&self, event: &Event) -> bool {
        matches!(event, Event::MemberJoined(joined) if joined.user_id == self.id)
    }

    /// The feed names a conversation one is in now.
    fn learn(&self, push: &Push<Event>, seq: Seq, way: Way) {
        let conversation_id = match &push.body {
            Event::ConversationJoined(joined) => joined.conversation_id,
            Event::SupportClaimed(claimed) => claimed.conversation_id,
            // It was over, and is not: what came while one was away was not asked for.
            Event::SupportReopened(again) => again.conversation_id,
            _ => return,
        };
        let topic = Topic::Conversation(conversation_id);
        let mut inner = held(&self.inner);
        let missed = way == Way::Read || seq <= inner.feed_head || inner.resumed_just_now();
        if missed && !inner.topics.contains_key(&topic) {
            let followed = Followed::new(Watch::of_missed_topic(), self.run.record(topic));
            inner.topics.insert(topic, followed);
        }
        inner.followed(topic, &self.run);
        if missed {
            inner.repair(topic, Seq::MAX);
        }
    }

    fn measure_delivery(&self, push: &Push<Event>, entry: &Compared) {
        let Some(written) = entry.written else { return };
        if written.sender == self.id || !self.run.is_ours(written.client_id) {
            return;
        }
        let text = match &push.body {
            Event::MessageCreated(message) => message.text.as_deref(),
            Event::PostCreated(post) => post.text.as_deref(),
            _ => None,
        };
        let mut metrics = held(&self.run.metrics);
        metrics.counts.delivered += 1;
        if let Some(intended) = text.and_then(|text| self.run.intended(text)) {
            metrics.record(Measure::Delivery, intended.elapsed());
        }
    }

    fn reply(
        self: &Arc<Self>,
        hook: &mut dyn Hook,
        id: Option<u32>,
        error: Option<Error>,
        frame: Bytes,
    ) -> Result<Result<(), Error>, DecodeError> {
        let entry = id.and_then(|id| held(&self.inner).outbox.answered(id));
        if let Some(error) = &error {
            let mut metrics = held(&self.run.metrics);
            *metrics.errors.entry(error.code.word()).or_default() += 1;
        }
        let Some(entry) = entry else {
            let what = error.map_or_else(|| "a reply to no command".to_owned(), |e| e.to_string());
            self.run.found(&self.id, &Fault::Unreadable(what));
            return Ok(Ok(()));
        };
        match error {
            None => self.result(hook, entry, frame)?,
            Some(error) if matches!(entry.purpose, Purpose::Open) => return Ok(Err(error)),
            Some(error) if error.retryable => self.try_again(entry, &error),
            Some(error) => match entry.purpose {
                Purpose::Send(sending) => hook.answered(self, &sending, false),
                Purpose::Call(caller) => {
                    let _ = caller.send(Err(error));
                }
                Purpose::Read { topic, .. } => {
                    held(&self.inner).followed(topic, &self.run).reading = false;
                }
                Purpose::Open | Purpose::Subscribe(_) => {}
            },
        }
        Ok(Ok(()))
    }

    fn result(
        self: &Arc<Self>,
        hook: &mut dyn Hook,
        entry: Entry,
        frame: Bytes,
    ) -> Result<(), DecodeError> {
        match entry.purpose {
            Purpose::Open => {
                self.session_opened(&Incoming::result::<Opened>(self.format, &frame)?);
                hook.opened(self);
            }
            Purpose::Subscribe(topic) => {
                let subscribed: Subscribed = Incoming::result(self.format, &frame)?;
                if matches!(topic, Topic::Group(_)) {
                    let outcome = {
                        let mut inner = held(&self.inner);
                        inner.followed(topic, &self.run).watch.starts_at(subscribed.head)
                    };
                    self.judge(topic, outcome);
                }
            }
            Purpose::Read { topic, to } => {
                let page: Page = Incoming::result(self.format, &frame)?;
                let progress = !page.events.is_empty();
                for push in &page.events {
                    let entry = Compared::of(push);
                    self.event(hook, push, &entry, Way::Read);
                }
                let mut inner = held(&self.inner);
                inner.followed(topic, &self.run).reading = false;
                if progress {
                    inner.repair(topic, to.min(page.head));
                }
            }
            Purpose::Send(sending) => {
                self.acknowledged(&sending, entry.attempts, &frame)?;
                hook.answered(self, &sending, true);
            }
            Purpose::Call(caller) => {
                let reply: Reply = Ok((self.format, frame));
                let _ = caller.send(reply);
            }
        }
        Ok(())
    }

    fn acknowledged(
        &self,
        sending: &Sending,
        attempts: u32,
        frame: &[u8],
    ) -> Result<(), DecodeError> {
        let (seq, id, duplicate) = if matches!(sending.topic, Topic::Group(_)) {
            let post: protocol::wall::PostCreated = Incoming::result(self.format, frame)?;
            (post.seq, post.post_id.0, post.duplicate)
        } else {
            let sent: protocol::conversations::Sent = Incoming::result(self.format, frame)?;
            (sent.seq, sent.message_id.0, sent.duplicate)
        };
        {
            let mut metrics = held(&self.run.metrics);
            metrics.counts.acked += 1;
            metrics.counts.duplicates_merged += u64::from(duplicate);
            metrics.record(Measure::Ack, sending.intended.elapsed());
        }
        let outcome = {
            let mut inner = held(&self.inner);
            let record = &inner.followed(sending.topic, &self.run).record;
            held(record).acked(sending.client_id, Placed { seq, id }, duplicate, attempts)
        };
        self.judge(sending.topic, outcome);
        Ok(())
    }

    fn session_opened(&self, opened: &Opened) {
        let feed = Topic::User(self.id);
        let mut faults = Vec::new();
        {
            let mut inner = held(&self.inner);
            inner.opened_at = Some(Instant::now());
            inner.sessions += 1;
            for head in &opened.heads {
                if head.topic == feed {
                    inner.feed_head = head.head;
                    let _ = inner.followed(feed, &self.run).watch.starts_at(head.head);
                }
                let cursor = inner.topics.get(&head.topic).and_then(|f| f.watch.cursor());
                if let Some(cursor) = cursor.filter(|cursor| *cursor > head.head) {
                    faults.push((head.topic, Fault::HeadWentBack { cursor, head: head.head }));
                }
            }
            for behind in &opened.behind {
                let watch = &mut inner.followed(behind.topic, &self.run).watch;
                watch.announced(behind.from, behind.head);
                inner.repair(behind.topic, behind.head);
            }
            for topic in inner.subscriptions.clone() {
                let subscribe = inner.subscription(topic);
                inner.outbox.push_first(subscribe);
            }
            let mut metrics = held(&self.run.metrics);
            metrics.counts.opened += 1;
            metrics.counts.reconnects += u64::from(inner.sessions > 1);
        }
        for (topic, fault) in faults {
            self.run.found(&self.place(topic), &fault);
        }
        self.link.send_replace(Link::Open);
    }

    /// The error says that the command may be tried again, and perhaps when.
    fn try_again(self: &Arc<Self>, mut entry: Entry, error: &Error) {
        entry.refused = Some(error.code);
        let after = error.retry_after_ms.map_or(RETRY_AFTER, Duration::from_millis);
        held(&self.inner).outbox.push_later(Instant::now() + after, entry);
        let person = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(after + Duration::from_millis(1)).await;
            person.waker.wake();
        });
    }
}

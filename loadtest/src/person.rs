//! One simulated person: sends commands, follows topics, and has the oracle watch all of it.
//!
//! A person outlives connections: [`crate::life`] connects, [`Person::message`] reads. What a
//! scenario adds stands in a [`Hook`].

use crate::connection::Source;
use crate::memo::Pushed;
use crate::metrics::Measure;
use crate::oracle::Fault;
use crate::oracle::record::{Placed, Record, text_hash};
use crate::oracle::watch::Watch;
use crate::outbox::{Entry, Outbox, Purpose, Reply, Sending};
use crate::run::{Run, held};
use crate::tokens::Credentials;
use futures_util::task::AtomicWaker;
use protocol::limits::{CURSORS_MAX, PAGE_ITEMS_MAX};
use protocol::session::{Cursor, Open, Opened};
use protocol::topics::{Gap, Page, Read, Subscribe, Subscribed};
use protocol::{
    Call, DecodeError, Error, ErrorCode, Event, Format, Incoming, Push, Seq, Signal, Topic, UserId,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Context;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, oneshot, watch};
use tokio_tungstenite::tungstenite::Bytes;

/// Between two attempts of a command whose error says that it may be tried again.
const RETRY_AFTER: Duration = Duration::from_millis(100);
/// A conversation that shows up this soon after a reconnect may have begun before it.
const RESUME_WINDOW: Duration = Duration::from_secs(10);

/// What a scenario does with what its people hear. Called on the person's own task, with no
/// lock held; each event comes once, however often it was pushed or read.
pub(crate) trait Hook: Send {
    /// A session was opened, again or for the first time.
    fn opened(&mut self, _person: &Arc<Person>) {}
    /// An event was seen for the first time.
    fn event(&mut self, _person: &Arc<Person>, _push: &Push<Event>) {}
    /// A signal came.
    fn signal(&mut self, _person: &Arc<Person>, _push: &Push<Signal>) {}
    /// A message was acknowledged, or refused for good.
    fn answered(&mut self, _person: &Arc<Person>, _sending: &Sending, _ok: bool) {}
}

/// People who only listen.
impl Hook for () {}

/// A person's connection, as others wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Link {
    /// Not there yet, or not there just now.
    Down,
    /// A session is open.
    Open,
    /// It will not come back, and why.
    Gone(String),
}

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error(transparent)]
    Refused(#[from] Error),
    #[error("the result could not be read: {0}")]
    Unreadable(#[from] DecodeError),
    #[error("the connection ended for good: {0}")]
    Gone(String),
}

impl CallError {
    /// The server's code, if it answered.
    pub(crate) const fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused(error) => Some(error.code),
            Self::Unreadable(_) | Self::Gone(_) => None,
        }
    }
}

/// A topic that is followed.
struct Followed {
    watch: Watch,
    record: Arc<Mutex<Record>>,
    /// A `topic.read` is under way that fills a hole.
    reading: bool,
    /// Needs no cursor any more.
    over: bool,
}

#[derive(Default)]
struct Inner {
    outbox: Outbox,
    topics: HashMap<Topic, Followed>,
    subscriptions: Vec<Topic>,
    connections: u64,
    sessions: u64,
    opened_at: Option<Instant>,
    feed_head: Seq,
    retry_after: Option<Duration>,
}

/// See the module.
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) index: usize,
    pub(crate) format: Format,
    pub(crate) run: Arc<Run>,
    token: String,
    inner: Mutex<Inner>,
    waker: AtomicWaker,
    link: watch::Sender<Link>,
    stopping: AtomicBool,
    pub(crate) stop: Notify,
}

/// How an event came.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Pushed,
    Read,
}

impl Person {
    pub(crate) fn new(
        run: &Arc<Run>,
        index: usize,
        credentials: Credentials,
        format: Format,
    ) -> Arc<Self> {
        Arc::new(Self {
            id: credentials.id,
            index,
            format,
            run: Arc::clone(run),
            token: credentials.token,
            inner: Mutex::default(),
            waker: AtomicWaker::new(),
            link: watch::Sender::new(Link::Down),
            stopping: AtomicBool::new(false),
            stop: Notify::new(),
        })
    }

    /// Sends a message to a conversation, or posts to a group. Returns at once.
    pub(crate) fn send(&self, topic: Topic, intended: Instant) {
        let client_id = self.run.client_id();
        let text = self.run.text(intended);
        let hash = text_hash(&text);
        let command = match topic {
            Topic::Conversation(conversation_id) => protocol::conversations::Send {
                conversation_id,
                client_id,
                text: Some(text),
                attachments: Vec::new(),
                reply_to: None,
            }
            .command(),
            Topic::Group(group_id) => {
                protocol::groups::CreatePost { group_id, client_id, text }.command()
            }
            Topic::User(_) | Topic::Desk(_) => return,
        };
        held(&self.run.metrics).counts.sent += 1;
        let purpose = Purpose::Send(Sending { topic, client_id, intended });
        {
            let mut inner = held(&self.inner);
            held(&inner.followed(topic, &self.run).record).issued(client_id, self.id, hash);
            inner.outbox.push(Entry::new(command, purpose));
        }
        self.waker.wake();
    }

    /// Sends a command and waits for its result, over as many connections as that takes.
    pub(crate) async fn call<C: Call>(&self, params: C) -> Result<C::Result, CallError> {
        let (reply, answer) = oneshot::channel();
        held(&self.inner).outbox.push(Entry::new(params.command(), Purpose::Call(reply)));
        self.waker.wake();
        let gone = || match &*self.link.borrow() {
            Link::Gone(why) => CallError::Gone(why.clone()),
            Link::Down | Link::Open => CallError::Gone("stopped".to_owned()),
        };
        let (format, frame) = answer.await.map_err(|_| gone())??;
        Ok(Incoming::result(format, &frame)?)
    }

    /// Follows a topic that has to be subscribed to, on this connection and all later ones.
    pub(crate) fn subscribe(&self, topic: Topic) {
        {
            let mut inner = held(&self.inner);
            inner.subscriptions.push(topic);
            let subscribe = inner.subscription(topic);
            inner.outbox.push(subscribe);
        }
        self.waker.wake();
    }

    /// The server said where a topic ends just now: everything behind that has to come.
    pub(crate) fn knows_head(&self, topic: Topic, head: Seq) {
        let outcome = {
            let mut inner = held(&self.inner);
            let watch = Watch::of_known_topic;
            let followed = inner
                .topics
                .entry(topic)
                .or_insert_with(|| Followed::new(watch(), self.run.record(topic)));
            held(&followed.record).begins_after(head);
            followed.watch.starts_at(head)
        };
        self.run.judge(&self.place(topic), outcome);
    }

    /// Waits until a session is open.
    pub(crate) async fn opened(&self) -> Result<(), CallError> {
        let mut link = self.link.subscribe();
        let state = link.wait_for(|link| *link != Link::Down).await;
        match state.as_deref() {
            Ok(Link::Gone(why)) => Err(CallError::Gone(why.clone())),
            Ok(Link::Open | Link::Down) | Err(_) => Ok(()),
        }
    }

    /// The connection as it is now.
    pub(crate) fn link(&self) -> Link {
        self.link.borrow().clone()
    }

    /// Commands without a reply.
    pub(crate) fn unanswered(&self) -> usize {
        held(&self.inner).outbox.len()
    }

    /// Whether everything that anybody knows of in the person's topics has arrived here.
    pub(crate) fn has_everything(&self) -> bool {
        held(&self.inner).topics.values().all(|followed| {
            let head = held(&followed.record).head();
            followed.watch.complete_to(head)
        })
    }

    /// Notes what should have arrived and did not.
    pub(crate) fn judge_topics(&self) {
        for (topic, followed) in &held(&self.inner).topics {
            let head = held(&followed.record).head();
            for fault in followed.watch.faults_to(head) {
                self.run.found(&self.place(*topic), &fault);
            }
        }
    }

    /// The topics that are followed.
    pub(crate) fn topics(&self) -> Vec<Topic> {
        held(&self.inner).topics.keys().copied().collect()
    }

    /// Leaves, and does not come back.
    pub(crate) fn leave(&self) {
        self.stopping.store(true, Ordering::Release);
        self.stop.notify_one();
        self.waker.wake();
    }

    pub(crate) fn place(&self, topic: Topic) -> String {
        format!("{topic} at {} ({})", self.id, self.format.subprotocol())
    }

    /// A connection is there: `session.open` goes first, with cursors of all that is followed.
    pub(crate) fn connecting(&self) {
        let mut inner = held(&self.inner);
        inner.connections += 1;
        inner.opened_at = None;
        let mut cursors = Vec::new();
        for (&topic, followed) in &mut inner.topics {
            followed.reading = false;
            let replayed = matches!(topic, Topic::User(_) | Topic::Conversation(_));
            let cursor = followed
                .watch
                .cursor()
                .filter(|_| replayed && !followed.over && cursors.len() < CURSORS_MAX);
            followed.watch.connected(cursor);
            cursors.extend(cursor.map(|seq| Cursor { topic, seq }));
        }
        let open = Open {
            token: Some(self.token.clone()),
            device_id: self.run.device(self.index),
            attempt: Some(inner.connections),
            client: Some(concat!("loadtest/", env!("CARGO_PKG_VERSION")).to_owned()),
            foreground: None,
            cursors,
        };
        inner.outbox.push_first(Entry::new(open, Purpose::Open));
    }

    /// The connection is gone.
    pub(crate) fn disconnected(&self) -> Option<Duration> {
        self.link.send_if_modified(|link| match link {
            Link::Open => {
                *link = Link::Down;
                true
            }
            Link::Down | Link::Gone(_) => false,
        });
        let mut inner = held(&self.inner);
        inner.outbox.disconnected();
        inner.opened_at = None;
        inner.retry_after.take()
    }

    /// It will not come back. Whoever waits for a reply hears of it.
    pub(crate) fn gone(&self, why: String) {
        let sessions = {
            let mut inner = held(&self.inner);
            inner.outbox = Outbox::default();
            inner.sessions
        };
        // Before the first session this is an error of setting up, which the scenario reports.
        if sessions > 0 {
            self.run.found(&self.id, &Fault::Gone(why.clone()));
        }
        self.link.send_replace(Link::Gone(why));
    }

    /// Whether the session is open.
    pub(crate) fn is_open(&self) -> bool {
        *self.link.borrow() == Link::Open
    }

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
                self.run.judge(&self.place(*topic), outcome);
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
        entry: &crate::oracle::record::Entry,
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
        if let Err(fault) = agreed {
            self.run.found(&self.place(topic), &fault);
        }
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

    fn measure_delivery(&self, push: &Push<Event>, entry: &crate::oracle::record::Entry) {
        let Some(written) = entry.written else { return };
        if written.sender == self.id || !self.run.is_ours(written.client_id) {
            return;
        }
        let text = match &push.body {
            Event::MessageCreated(message) => message.text.as_deref(),
            Event::PostCreated(post) => Some(post.text.as_str()),
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
                    self.run.judge(&self.place(topic), outcome);
                }
            }
            Purpose::Read { topic, to } => {
                let page: Page = Incoming::result(self.format, &frame)?;
                let progress = !page.events.is_empty();
                for push in &page.events {
                    let entry = crate::oracle::record::Entry::of(push);
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
            let post: protocol::groups::PostCreated = Incoming::result(self.format, frame)?;
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
        self.run.judge(&self.place(sending.topic), outcome);
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
    fn try_again(self: &Arc<Self>, entry: Entry, error: &Error) {
        let after = error.retry_after_ms.map_or(RETRY_AFTER, Duration::from_millis);
        held(&self.inner).outbox.push_later(Instant::now() + after, entry);
        let person = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(after + Duration::from_millis(1)).await;
            person.waker.wake();
        });
    }
}

impl Followed {
    fn new(watch: Watch, record: Arc<Mutex<Record>>) -> Self {
        Self { watch, record, reading: false, over: false }
    }
}

impl Inner {
    fn resumed_just_now(&self) -> bool {
        self.sessions + u64::from(self.opened_at.is_none()) > 1
            && self.opened_at.is_none_or(|at| at.elapsed() < RESUME_WINDOW)
    }

    /// What is known of a topic; a topic that was not known begins here.
    fn followed(&mut self, topic: Topic, run: &Run) -> &mut Followed {
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
    fn repair(&mut self, topic: Topic, to: Seq) {
        let Some(followed) = self.topics.get_mut(&topic) else { return };
        let Some(after) = followed.watch.cursor().filter(|cursor| *cursor < to) else { return };
        if followed.reading {
            return;
        }
        followed.reading = true;
        let read = Read { topic, after: Some(after), before: None, limit: Some(PAGE_ITEMS_MAX) };
        self.outbox.push_first(Entry::new(read, Purpose::Read { topic, to }));
    }

    fn subscription(&self, topic: Topic) -> Entry {
        let after = self.topics.get(&topic).and_then(|followed| followed.watch.cursor());
        Entry::new(Subscribe { topic, after }, Purpose::Subscribe(topic))
    }
}

impl Source for Arc<Person> {
    fn register(&self, context: &Context<'_>) {
        self.waker.register(context.waker());
    }

    /// Before the session is open only `session.open` goes out.
    fn next_frame(&self) -> Option<Vec<u8>> {
        let mut inner = held(&self.inner);
        if inner.opened_at.is_none() {
            return inner.outbox.next_open(self.format);
        }
        inner.outbox.next(self.format, Instant::now())
    }

    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}

//! One simulated person: sends commands, follows topics, and has the oracle watch all of it.
//!
//! A person outlives connections: [`crate::life`] connects, [`Person::message`] reads. What a
//! scenario adds stands in a [`Hook`].

mod following;
mod hearing;

use self::following::{Followed, Inner};
use crate::connection::Source;
use crate::oracle::Fault;
use crate::oracle::record::text_hash;
use crate::oracle::watch::Watch;
use crate::outbox::{Entry, Outbox, Purpose, Sending};
use crate::run::{Run, held};
use crate::tokens::Credentials;
use futures_util::task::AtomicWaker;
use protocol::limits::CURSORS_MAX;
use protocol::session::{Cursor, Open, Ping};
use protocol::{
    Call, DecodeError, Error, ErrorCode, Event, Format, Incoming, Push, Seq, Signal, Topic, UserId,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Context;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, oneshot, watch};

/// What a scenario does with what its people hear. Called on the person's own task, with no
/// lock held; each event comes once, however often it was pushed or read.
pub(crate) trait Hook: Send {
    /// A session was opened, again or for the first time.
    fn opened(&mut self, _person: &Arc<Person>) {}
    /// An open session ended, and the person did not end it.
    fn lost(&mut self, _person: &Arc<Person>) {}
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

/// How a person deals with servers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habits {
    /// The first one to dial, by its place among the targets.
    pub(crate) home: usize,
    /// Whether to come back after a loss.
    pub(crate) returns: bool,
}

impl Habits {
    /// Spread over all servers; comes back.
    pub(crate) const fn of(index: usize) -> Self {
        Self { home: index, returns: true }
    }
}

/// See the module.
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) index: usize,
    pub(crate) format: Format,
    pub(crate) habits: Habits,
    pub(crate) run: Arc<Run>,
    token: String,
    inner: Mutex<Inner>,
    waker: AtomicWaker,
    link: watch::Sender<Link>,
    stopping: AtomicBool,
    pub(crate) stop: Notify,
    /// The connection breaks, without a word.
    pub(crate) breaks: Notify,
}

impl Person {
    pub(crate) fn new(
        run: &Arc<Run>,
        index: usize,
        credentials: Credentials,
        format: Format,
        habits: Habits,
    ) -> Arc<Self> {
        Arc::new(Self {
            id: credentials.id,
            index,
            format,
            habits,
            run: Arc::clone(run),
            token: credentials.token,
            inner: Mutex::default(),
            waker: AtomicWaker::new(),
            link: watch::Sender::new(Link::Down),
            stopping: AtomicBool::new(false),
            stop: Notify::new(),
            breaks: Notify::new(),
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
                protocol::wall::CreatePost::new(group_id, client_id, text).command()
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
        if matches!(self.link(), Link::Gone(_)) {
            return Err(gone());
        }
        let (format, frame) = answer.await.map_err(|_| gone())??;
        Ok(Incoming::result(format, &frame)?)
    }

    /// Asks the server for a sign of life. The answer is heard like everything else.
    pub(crate) fn ping(&self) {
        let nobody = Purpose::Call(oneshot::channel().0);
        held(&self.inner).outbox.push(Entry::new(Ping { payload: None }, nobody));
        self.waker.wake();
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
        self.judge(topic, outcome);
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

    /// One of the commands without a reply, in words.
    pub(crate) fn first_unanswered(&self) -> Option<String> {
        held(&self.inner).outbox.first()
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

    /// Notes the fault, if there is one.
    fn judge<T>(&self, topic: Topic, outcome: Result<T, Fault>) {
        if let Err(fault) = outcome {
            self.run.found(&self.place(topic), &fault);
        }
    }

    /// Where something was found.
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

    /// Stays away on purpose.
    pub(crate) fn stays_away(&self) {
        held(&self.inner).outbox = Outbox::default();
        self.link.send_replace(Link::Gone("stayed away".to_owned()));
    }

    /// It will not come back. Whoever waits for a reply hears of it.
    pub(crate) fn gone(&self, why: String) {
        // First: what is asked from here on is refused by it, and what was is dropped.
        self.link.send_replace(Link::Gone(why.clone()));
        let sessions = {
            let mut inner = held(&self.inner);
            inner.outbox = Outbox::default();
            inner.sessions
        };
        // Before the first session this is an error of setting up, which the scenario reports.
        if sessions > 0 {
            self.run.found(&self.id, &Fault::Gone(why));
        }
    }

    /// Whether the session is open.
    pub(crate) fn is_open(&self) -> bool {
        *self.link.borrow() == Link::Open
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

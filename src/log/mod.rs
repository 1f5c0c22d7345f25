//! The log: a topic is a durable, gapless, ordered list of events with sequence numbers
//! 1, 2, 3, …
//!
//! Promises. An acknowledged append survives `kill -9` of any process. An append carries an
//! idempotency key; a retry returns the first result, and looks the key up before anything is
//! refused. The *gate* of an append is the topic's pure rule, asked at the head: who may write
//! changes only by events of the same topic, so a late append can't slip past them.
//!
//! Does not know: conversations, groups, people. State is opaque bytes to it.

mod begun;
pub mod cql;
mod feed;
mod sqlite;

pub use begun::{Begun, Lasting, begin};
pub use cql::{CqlLog, REDACT_TIMER};
pub use feed::append_to_feed;
pub use sqlite::SqliteLog;

use crate::bus::Channel;
use crate::error::{Result, internal};
use crate::store::Maximum;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use protocol::{Error, Event, Millis, Push, Seq, Topic, UserId};

/// A topic's state, kept beside its head.
pub const STATE_BYTES_MAX: usize = 4 * 1024;
/// Events that one round appends.
pub const ROUND_EVENTS_MAX: usize = 128;
/// Appends that wait for the writer; more wait at the caller.
pub const QUEUE_APPENDS_MAX: usize = 8 * 1024;
/// Events of one read.
pub const READ_EVENTS_MAX: u32 = 1_000;
/// Older events that one append replaces.
pub const REDACTIONS_MAX: usize = 16;
/// An idempotency key.
pub const KEY_BYTES_MAX: usize = 64;

/// An idempotency key, unique in its topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key(pub Vec<u8>);

impl Key {
    /// The key of what a person creates: sender and client id.
    pub fn of_client(sender: UserId, client_id: protocol::ClientId) -> Self {
        Self([sender.as_bytes().as_slice(), client_id.as_bytes()].concat())
    }

    /// The key of what follows from a cause, by SHA-256.
    pub fn of_cause(domain: &str, parts: &[&[u8]]) -> Self {
        Self(crate::id::digest(domain, parts).to_vec())
    }
}

/// The end of a topic, as a gate sees it.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// Seq of the last event; 0 for a topic without any.
    pub seq: Seq,
    /// The topic's state; empty for a topic without any.
    pub state: &'a [u8],
}

/// The topic's pure rule for one append. Asked again when the head moved.
pub trait Gate: Send + Sync {
    /// Refuses, or says what is written. `head.seq + 1` is the event's place.
    fn stamp(&self, head: Head<'_>, now: Millis) -> std::result::Result<Stamped, Error>;

    /// Who hears again of an event that a retry found at `seq`.
    fn audience(&self, head: Head<'_>, seq: Seq) -> Vec<Channel>;
}

/// What an append writes.
#[derive(Debug, Clone)]
pub struct Stamped {
    /// The event.
    pub event: Event,
    /// The topic's state from now on; `None` leaves it.
    pub state: Option<Vec<u8>>,
    /// Older events that are replaced at their place: an edited message's old text leaves
    /// the log.
    pub redact: Vec<(Seq, Event)>,
    /// Inbox maxima that rise.
    pub maxima: Vec<Maximum>,
    /// Who hears of it.
    pub audience: Vec<Channel>,
}

impl Stamped {
    /// Whether the log can take it behind `head`; it is the gate's fault if not.
    pub(crate) fn check(&self, head: Seq) -> Result<()> {
        if self.state.as_ref().is_some_and(|state| state.len() > STATE_BYTES_MAX) {
            return Err(internal(&"a gate's state is too large"));
        }
        if self.redact.len() > REDACTIONS_MAX {
            return Err(internal(&"a gate redacts too much at once"));
        }
        if self.redact.iter().any(|(seq, _)| *seq == 0 || *seq > head) {
            return Err(internal(&"a gate redacts what is not there"));
        }
        Ok(())
    }
}

/// One append.
pub struct Append {
    /// Where to.
    pub topic: Topic,
    /// `None`: a retry is a new event.
    pub key: Option<Key>,
    /// Who wrote it; `None` for the system.
    pub sender: Option<UserId>,
    /// The rule.
    pub gate: Box<dyn Gate>,
}

/// What came of an append. The event is durable.
#[derive(Debug, Clone)]
pub struct Appended {
    /// Its place.
    pub seq: Seq,
    /// When it was accepted.
    pub at: Millis,
    /// Whether the key had been used: everything here is the first result.
    pub duplicate: bool,
    /// The event as it is kept: see [`encode`].
    pub body: Bytes,
}

/// An event at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub seq: Seq,
    /// When it was accepted.
    pub at: Millis,
    /// Who wrote it; `None` for the system.
    pub sender: Option<UserId>,
    /// The event as it is kept: see [`encode`].
    pub body: Bytes,
}

/// Which part of a topic to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Events with a greater seq, the oldest of them.
    After(Seq),
    /// Events with a smaller seq, the newest of them.
    Before(Seq),
    /// The newest events.
    Newest,
}

/// A part of a topic, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The events.
    pub entries: Vec<Entry>,
    /// Seq of the topic's last event, read with them.
    pub head: Seq,
}

/// A topic's end, with its state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OwnedHead {
    /// Seq of the last event.
    pub seq: Seq,
    /// When it was accepted.
    pub at: Millis,
    /// The state.
    pub state: Vec<u8>,
}

/// The log of one engine.
pub trait Log: Send + Sync {
    /// Appends one event. The first poll enqueues it: appends to a topic keep the order in
    /// which their futures were first polled. After the commit and before this returns, the
    /// event is published on the bus (again, if it is a duplicate).
    fn append(&self, append: Append) -> BoxFuture<'_, Result<Appended>>;

    /// At most `limit` events (and [`READ_EVENTS_MAX`]), and about `bytes` bytes (one event at
    /// least, where there is one and `limit` is not 0).
    fn read(
        &self,
        topic: Topic,
        span: Span,
        limit: u32,
        bytes: usize,
    ) -> BoxFuture<'_, Result<Page>>;

    /// The ends of topics, in the order asked; default for those without events.
    fn heads(&self, topics: Vec<Topic>) -> BoxFuture<'_, Result<Vec<OwnedHead>>>;

    /// Finishes what a crash left between an append and its redactions: what a [`REDACT_TIMER`]
    /// does with its subject. May be asked twice, or for nothing. Where redactions are always
    /// written with their append there is nothing to do.
    fn finish_redactions<'a>(&'a self, _subject: &'a [u8]) -> BoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// An event as the log keeps it: a MessagePack map `{event, data}`, the tail of a push.
pub fn encode(event: &Event) -> Bytes {
    #[derive(serde::Serialize)]
    struct Body<'a> {
        event: &'a str,
        data: &'a Event,
    }
    protocol::Format::MessagePack.encode(&Body { event: event.name(), data: event }).into()
}

/// Whether a body made by [`encode`] is of the event of that name, without decoding it.
pub fn is_named(body: &[u8], name: &str) -> bool {
    // A map of two, the key "event", a string of less than 32 bytes.
    const HEAD: &[u8] = b"\x82\xa5event";
    let Some([length, rest @ ..]) = body.strip_prefix(HEAD) else { return false };
    usize::from(*length) == 0xa0 + name.len() && rest.starts_with(name.as_bytes())
}

/// The event of a body made by [`encode`], as a push.
pub fn decode(topic: Topic, entry: &Entry) -> Result<Push<Event>> {
    let mut push = Push::<Event>::decode(protocol::Format::MessagePack, &entry.body)
        .map_err(|error| internal(&error))?;
    push.topic = Some(topic);
    push.seq = Some(entry.seq);
    push.at = Some(entry.at);
    Ok(push)
}

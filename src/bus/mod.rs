//! How an event reaches the people who may see it, on every node. Live delivery is fast and
//! *may* lose; the log never does, and every loss is noticed and repaired from it.
//!
//! One node has the [`local`] bus. The traits are shaped for Redis pub/sub beneath them.

mod local;

pub use local::{LocalBus, QUEUE_MESSAGES_MAX};

use bytes::Bytes;
use protocol::{DeskId, GroupId, Millis, Push, Seq, Signal, Topic, UserId};

/// What a connection listens to. A publication names the channels that hear of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// All sessions of a person; carries the events of all that person's conversations.
    User(UserId),
    /// Those who subscribed to a group's wall.
    Group(GroupId),
    /// Those who subscribed to a desk's board.
    Desk(DeskId),
}

/// An event of a topic's log on its way to the people who may see it.
#[derive(Debug, Clone)]
pub struct Publication {
    /// The topic.
    pub topic: Topic,
    /// Its place there.
    pub seq: Seq,
    /// When it was accepted.
    pub at: Millis,
    /// The event as the log keeps it: see [`crate::log::encode`].
    pub body: Bytes,
    /// Who hears of it.
    pub audience: Vec<Channel>,
}

/// A signal on its way. It has no seq, and nothing replays it.
#[derive(Debug, Clone)]
pub struct Notice {
    /// Who hears of it.
    pub audience: Vec<Channel>,
    /// Not told: the one it comes from.
    pub except: Option<UserId>,
    /// What happens to an older one that still waits.
    pub class: Class,
    /// The signal.
    pub push: Push<Signal>,
}

/// What may be lost on a full or slow connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The newest replaces the older of its (topic, event, subject): positions, receipts.
    Coalescing,
    /// Dropped first: typing.
    Signal,
}

/// What travels on the bus.
#[derive(Debug, Clone)]
pub enum Message {
    /// An event.
    Event(Publication),
    /// A signal.
    Notice(Notice),
}

/// The way to the hubs of all nodes.
pub trait Bus: Send + Sync {
    /// From the log's writer, in the order of the log: waits while the way is full, so that
    /// writers slow down before anything is lost. Never call it from async code.
    fn publish_blocking(&self, publications: Vec<Publication>);

    /// A signal; dropped and counted where the way is full.
    fn notify(&self, notice: Notice);
}

//! How an event reaches the people who may see it, on every node. Live delivery is fast and
//! *may* lose; the log never does, and every loss is noticed and repaired from it.
//!
//! One node has the bus of [`LocalBus`]. Between nodes there is Redis: [`RedisBus`] publishes what
//! this node appended, hears what the others did, and puts both in order by a [`Sequencer`]; what
//! may have been lost, it calls [`Suspects`].

mod local;
mod redis;
mod sequencer;
mod suspects;

pub use self::redis::{
    BATCH_BYTES_MAX, BATCH_MESSAGES_MAX, FULL_WAIT_MS, GATHER_MS, LINGER_MS, LISTENING_WAIT_MS,
    QUEUE_BYTES_MAX, QUEUE_OUT_MAX, RedisBus, RedisDrain, SUBSCRIBE_BATCH,
};
pub use local::{LocalBus, QUEUE_MESSAGES_MAX};
pub use sequencer::{
    ACTIVE_MS, Gap, HELD_EVENTS_MAX, HELD_PER_TOPIC_MAX, HOLD_MS, NET_MS, Out, READ_EVENTS_MAX,
    Sequencer, TOPICS_MAX,
};
pub use suspects::{CLOCK_MARGIN_MS, Suspects};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use protocol::close::CloseCode;
use protocol::{DeskId, GroupId, LoginId, Millis, Push, Seq, SessionId, Signal, Topic, UserId};
use serde::{Deserialize, Serialize};

/// What a connection listens to. A publication names the channels that hear of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Channel {
    /// All sessions of a person; carries the events of all that person's conversations.
    User(UserId),
    /// Those who subscribed to a group's wall.
    Group(GroupId),
    /// Those who subscribed to a desk's board.
    Desk(DeskId),
}

impl Channel {
    /// The channel of a topic; a conversation has none of its own.
    pub const fn of(topic: Topic) -> Option<Self> {
        match topic {
            Topic::User(id) => Some(Self::User(id)),
            Topic::Group(id) => Some(Self::Group(id)),
            Topic::Desk(id) => Some(Self::Desk(id)),
            Topic::Conversation(_) => None,
        }
    }

    /// The channel that a connection has to subscribe to for a topic; `None`: it is always on.
    pub const fn by_subscription(topic: Topic) -> Option<Self> {
        match topic {
            Topic::Group(_) | Topic::Desk(_) => Self::of(topic),
            Topic::User(_) | Topic::Conversation(_) => None,
        }
    }

    /// The topic whose events come by this channel; a person's also brings their conversations.
    pub const fn topic(self) -> Topic {
        match self {
            Self::User(id) => Topic::User(id),
            Self::Group(id) => Topic::Group(id),
            Self::Desk(id) => Topic::Desk(id),
        }
    }
}

impl std::fmt::Display for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Group(id) => write!(f, "group:{id}"),
            Self::Desk(id) => write!(f, "desk:{id}"),
        }
    }
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

/// Events of a topic that were published and did not arrive here. Connections read them from the
/// log, each as far as it may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// The topic.
    pub topic: Topic,
    /// Everything up to here was delivered, …
    pub after: Seq,
    /// … and this is the last one that was not.
    pub until: Seq,
    /// A connection that has no place in the topic yet is owed nothing older than this.
    pub since: Millis,
    /// Who would have heard of them.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Class {
    /// The newest replaces the older of its (topic, event, subject): positions, receipts.
    Coalescing,
    /// Dropped first: typing.
    Signal,
}

/// What the hub of one node asks of the hubs of the others. It may be lost: whatever relies on
/// it also holds by a durable row, which a node reads again when it was cut off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Control {
    /// Close a person's connections: those of one login, or all.
    Close {
        /// Whose.
        user: UserId,
        /// Of which login.
        login: Option<LoginId>,
        /// With what.
        code: CloseCode,
    },
    /// A device opened a session; its older connections are to be closed with 4503.
    Opened {
        /// Whose.
        user: UserId,
        /// The client's own name for the device.
        device_id: String,
        /// Counts up with each connect of the device.
        attempt: u64,
        /// The session that opened.
        session: SessionId,
    },
    /// A right was taken away.
    Revoke {
        /// Whose.
        user: UserId,
        /// To listen to what.
        channel: Channel,
    },
    /// What somebody lets others see or do changed, or what is between two people: what was
    /// remembered of it is out of date. To all nodes.
    Forget {
        /// Whose.
        user: UserId,
        /// With whom; `None`: with anybody.
        other: Option<UserId>,
    },
}

impl Control {
    /// Whom it is about; but for [`Control::Forget`], it reaches the nodes where that person is
    /// connected.
    pub const fn user(&self) -> UserId {
        match self {
            Self::Close { user, .. }
            | Self::Opened { user, .. }
            | Self::Revoke { user, .. }
            | Self::Forget { user, .. } => *user,
        }
    }

    /// Whether it is for all nodes.
    pub const fn is_for_all(&self) -> bool {
        matches!(self, Self::Forget { .. })
    }
}

/// What travels on the bus.
#[derive(Debug, Clone)]
pub enum Message {
    /// An event.
    Event(Publication),
    /// Events that are to be read from the log.
    Missed(Missed),
    /// A signal.
    Notice(Notice),
    /// From the hub of another node.
    Control(Control),
}

/// The way to the hubs of all nodes.
pub trait Bus: Send + Sync {
    /// From the log's writer, in the order of the log: waits while the way is full, so that
    /// writers slow down before anything is lost. Never call it from async code.
    fn publish_blocking(&self, publications: Vec<Publication>);

    /// The same from async code.
    fn publish(&self, publications: Vec<Publication>) -> BoxFuture<'_, ()>;

    /// To the hubs of all other nodes. Dropped and counted where the way is full.
    fn control(&self, control: Control);

    /// Somebody on this node listens to a channel from now on. Never waits.
    fn listen(&self, channel: Channel);

    /// Nobody on this node listens to it any more. Never waits.
    fn unlisten(&self, channel: Channel);

    /// Resolves when all that is published to a channel from now on reaches this node. Where the
    /// way to the others is broken, it resolves as well: what is missed then is repaired.
    fn listening(&self, channel: Channel) -> BoxFuture<'_, ()>;

    /// A signal; dropped and counted where the way is full.
    fn notify(&self, notice: Notice);
}

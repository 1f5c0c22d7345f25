//! `topic.*`: following topics and reading what they hold.

use crate::listed::Listed;
use crate::{Event, Push, Seq, Topic};
use serde::{Deserialize, Serialize};

/// `topic.subscribe`. The events after `after` follow the result, then live ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscribe {
    /// The topic.
    pub topic: Topic,
    /// The last seq seen; without it only live events come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Seq>,
}

/// The result of `topic.subscribe`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscribed {
    /// Seq of the topic's last event.
    pub head: Seq,
}

/// `topic.unsubscribe`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsubscribe {
    /// The topic.
    pub topic: Topic,
}

/// `topic.read`: history and repair are the same call. At most one of `after` and `before`;
/// with neither, the newest events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    /// The topic.
    pub topic: Topic,
    /// Events with a greater seq, the oldest of them first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Seq>,
    /// Events with a smaller seq, the newest of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Seq>,
    /// 1–100; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// The result of `topic.read`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "AnyPage")]
pub struct Page {
    /// Oldest first; at most [`crate::limits::PAGE_BYTES_MAX`].
    pub events: Vec<Push<Event>>,
    /// Seq of the topic's last event.
    pub head: Seq,
    /// For a client of a newer server: the places of events on this page that this version does
    /// not know, in order. A cursor advances past them. Never sent.
    #[serde(skip)]
    pub unknown: Vec<Seq>,
}

impl Page {
    /// A page as a server sends it.
    pub const fn new(events: Vec<Push<Event>>, head: Seq) -> Self {
        Self { events, head, unknown: Vec::new() }
    }
}

/// A page of a server that may be newer.
#[derive(Deserialize)]
struct AnyPage {
    events: Vec<Listed>,
    head: Seq,
}

impl From<AnyPage> for Page {
    fn from(page: AnyPage) -> Self {
        let mut known = Self::new(Vec::with_capacity(page.events.len()), page.head);
        for event in page.events {
            match event {
                Listed::Known(push) => known.events.push(*push),
                Listed::Unknown { seq } => known.unknown.extend(seq),
            }
        }
        known
    }
}

/// Signal `gap`: the next push of this topic jumps. Read the events between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The topic.
    pub topic: Topic,
    /// The first seq that is not pushed.
    pub from: Seq,
    /// The last one.
    pub to: Seq,
}

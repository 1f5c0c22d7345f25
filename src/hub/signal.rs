//! What identifies a signal while it waits: its class, its key, and the channel it came by.

use super::outbox::{Entry, Kind};
use crate::bus::{Channel, Class};
use bytes::Bytes;
use protocol::{Push, Signal, Topic};
use std::hash::{DefaultHasher, Hash, Hasher};
use uuid::Uuid;

/// How a signal is treated that a feature sends to one connection.
pub(super) fn class(signal: &Signal) -> Class {
    match signal {
        Signal::Typing(_) => Class::Signal,
        Signal::Expiring(_)
        | Signal::Bye(_)
        | Signal::Gap(_)
        | Signal::PresenceChanged(_)
        | Signal::Receipt(_)
        | Signal::NotificationRead(_)
        | Signal::Position(_)
        | Signal::CoachAway(_)
        | Signal::DeskChanged(_)
        | Signal::PostStats(_) => Class::Coalescing,
    }
}

/// A signal as it waits.
pub(super) fn entry(push: &Push<Signal>, class: Class, bytes: Bytes) -> Entry {
    let (kind, key) = match class {
        Class::Coalescing => (Kind::Coalescing, key(push)),
        Class::Signal => (Kind::Signal, 0),
    };
    Entry { bytes, kind, frames: 1, channel: 0, key }
}

/// The newest of a key says all that the older ones said. 0: nothing may replace it.
fn key(push: &Push<Signal>) -> u64 {
    let mut hasher = DefaultHasher::new();
    push.topic.map(|topic| (topic.kind(), topic.uuid())).hash(&mut hasher);
    push.body.name().hash(&mut hasher);
    match &push.body {
        Signal::Typing(typing) => typing.user_id.hash(&mut hasher),
        Signal::Receipt(receipt) => receipt.user_id.hash(&mut hasher),
        Signal::Position(position) => position.request_id.hash(&mut hasher),
        Signal::CoachAway(away) => away.request_id.hash(&mut hasher),
        Signal::PostStats(stats) => stats.post_id.hash(&mut hasher),
        Signal::PresenceChanged(changed) => {
            for change in &changed.changes {
                change.user_id.hash(&mut hasher);
            }
        }
        Signal::Expiring(_) => {}
        // These tell of changes, not of a state.
        Signal::Bye(_) | Signal::Gap(_) | Signal::NotificationRead(_) | Signal::DeskChanged(_) => {
            return 0;
        }
    }
    hasher.finish().max(1)
}

fn tag_of(kind: u64, id: Uuid) -> u64 {
    let (high, low) = id.as_u64_pair();
    (low ^ high.rotate_left(32) ^ kind.wrapping_mul(0x9e37_79b9_7f4a_7c15)).max(1)
}

/// A channel as a number. Ids hold 74 random bits, and the two of a pair that collide would
/// have to wait in one queue while one of them is revoked.
pub(super) fn tag(channel: Channel) -> u64 {
    match channel {
        Channel::User(id) => tag_of(1, id.0),
        Channel::Group(id) => tag_of(2, id.0),
        Channel::Desk(id) => tag_of(3, id.0),
    }
}

/// The mark of the channel that a topic's events come by; 0 where it has none of its own.
pub(super) fn tag_of_topic(topic: Topic) -> u64 {
    Channel::of(topic).map_or(0, tag)
}

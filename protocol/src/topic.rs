//! Topics: what events are published on, and where they are kept in order.

use crate::{ConversationId, DeskId, GroupId, UserId};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// The name of an ordered stream of events. Text form `kind:<uuid>`, in both encodings.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Topic {
    /// A person's own feed; always on for that person.
    User(UserId),
    /// A conversation; always on for its members.
    Conversation(ConversationId),
    /// A group's wall; on subscribe.
    Group(GroupId),
    /// A support desk's live board, for its coaches; on subscribe. Carries signals only.
    Desk(DeskId),
}

/// Text that is not a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a topic is user:, conversation:, group: or desk: and a UUID")]
pub struct TopicError;

impl Topic {
    /// The kind, as it stands before the colon.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Conversation(_) => "conversation",
            Self::Group(_) => "group",
            Self::Desk(_) => "desk",
        }
    }

    /// The id behind the colon.
    pub const fn uuid(self) -> Uuid {
        match self {
            Self::User(id) => id.0,
            Self::Conversation(id) => id.0,
            Self::Group(id) => id.0,
            Self::Desk(id) => id.0,
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind(), self.uuid())
    }
}

impl FromStr for Topic {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        let (kind, id) = text.split_once(':').ok_or(TopicError)?;
        // Only the hyphenated form: one topic has one name.
        if id.len() != 36 {
            return Err(TopicError);
        }
        let id = Uuid::parse_str(id).map_err(|_| TopicError)?;
        match kind {
            "user" => Ok(Self::User(UserId(id))),
            "conversation" => Ok(Self::Conversation(ConversationId(id))),
            "group" => Ok(Self::Group(GroupId(id))),
            "desk" => Ok(Self::Desk(DeskId(id))),
            _ => Err(TopicError),
        }
    }
}

impl Serialize for Topic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Topic {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

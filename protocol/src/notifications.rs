//! `notification.*` and `push.*`: what a person is told when they are not looking.
//!
//! A notification is about one thing: several messages of one conversation, or several people who
//! did the same, are one. It never holds the text of a message.

use crate::id::nullable;
use crate::people::Person;
use crate::{EndpointId, Millis, NotificationId};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use uuid::Uuid;

/// What a notification is about; preferences are per kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Somebody wrote.
    Message,
    /// A support request.
    Support,
    /// A coaching session.
    Booking,
    /// An exchange session.
    Exchange,
    /// A friend or follow request.
    People,
    /// A group, a post or a comment.
    Wall,
    /// A workshop or an event begins soon.
    Workshop,
    /// A payment or a subscription.
    Payment,
    /// A membership.
    Membership,
    /// A report, or a decision about something of one's own.
    Moderation,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::Message,
        Self::Support,
        Self::Booking,
        Self::Exchange,
        Self::People,
        Self::Wall,
        Self::Workshop,
        Self::Payment,
        Self::Membership,
        Self::Moderation,
    ];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Support => "support",
            Self::Booking => "booking",
            Self::Exchange => "exchange",
            Self::People => "people",
            Self::Wall => "wall",
            Self::Workshop => "workshop",
            Self::Payment => "payment",
            Self::Membership => "membership",
            Self::Moderation => "moderation",
        }
    }

    /// The kind that a word means.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// Something a person is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Which.
    pub id: NotificationId,
    /// What about.
    pub kind: Kind,
    /// In words; never those of a message.
    pub text: String,
    /// What it is about: `conversation:<id>`, `request:<id>`, `user:<id>`, `group:<id>`, …
    pub link: String,
    /// Who did it, the newest of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Person>,
    /// How many: people who did it, or messages.
    pub count: u32,
    /// When it began.
    pub created_at: Millis,
    /// When it last grew.
    pub changed_at: Millis,
    /// When it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_at: Option<Millis>,
}

/// `notification.list`: one's own, what last grew first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct List {
    /// Only those that were not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<bool>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// 1–100; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// The result of `notification.list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notifications {
    /// A page.
    pub items: Vec<Notification>,
    /// How many were not read, on all pages.
    pub unread: u32,
    /// `after` of the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Which ones: an id, or the word `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// One.
    One(NotificationId),
    /// All there are.
    All,
}

impl Serialize for Which {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(id) => id.serialize(serializer),
            Self::All => serializer.serialize_str("all"),
        }
    }
}

impl<'de> Deserialize<'de> for Which {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WhichVisitor;
        impl Visitor<'_> for WhichVisitor {
            type Value = Which;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the id of a notification, or \"all\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Which, E> {
                match text {
                    "all" => Ok(Which::All),
                    id => id.parse().map(Which::One).map_err(E::custom),
                }
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Which, E> {
                let id = Uuid::from_slice(bytes).map_err(E::custom)?;
                Ok(Which::One(NotificationId(id)))
            }
        }
        deserializer.deserialize_any(WhichVisitor)
    }
}

/// `notification.mark`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// These were read.
    pub read: Which,
}

/// The result of `notification.mark`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marked {
    /// How many were not read.
    pub unread: u32,
}

/// How often what was not read is mailed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Digest {
    /// Not at all.
    #[default]
    Never,
    /// Each morning.
    Daily,
    /// On Monday morning.
    Weekly,
}

/// Hours without pushes, every day, in the person's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiet {
    /// Whether there are any.
    pub on: bool,
    /// From this minute of the day, 0–1439.
    pub from_min: u32,
    /// Until this minute of the day, 0–1439; of the next day where it is smaller.
    pub until_min: u32,
}

/// What a person wants of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Of which kind.
    pub kind: Kind,
    /// In the app. Without it, nothing of the kind comes at all.
    pub app: bool,
    /// As a push to a device, where nobody looks.
    pub push: bool,
    /// In the digest.
    pub email: bool,
}

/// What a person chose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// An IANA zone, such as `Europe/Berlin`; UTC where none was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Quiet hours.
    pub quiet: Quiet,
    /// The digest.
    pub digest: Digest,
    /// Each kind.
    pub kinds: Vec<Choice>,
}

/// `notification.settings.get`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GetSettings {}

/// `notification.settings.set`. What is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SetSettings {
    /// See [`Settings::zone`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// See [`Settings::quiet`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet: Option<Quiet>,
    /// See [`Settings::digest`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Kinds that are not named stay.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<Choice>,
}

/// The result of `notification.settings.*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsResult {
    /// What holds now.
    pub settings: Settings,
}

/// Who carries pushes to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// A browser's push service (RFC 8030).
    Web,
    /// Firebase Cloud Messaging.
    Fcm,
    /// Apple's.
    Apns,
}

impl Service {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Fcm => "fcm",
            Self::Apns => "apns",
        }
    }

    /// The service that a word means.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Web, Self::Fcm, Self::Apns].into_iter().find(|service| service.word() == word)
    }
}

/// `push.register`. Again for the same device: the same endpoint. `web` takes `endpoint`, `p256dh` and
/// `auth` as the browser's `PushSubscription` has them; `fcm` and `apns` take `token`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    /// Who carries it.
    pub kind: Service,
    /// `web`: an https address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// `web`: the device's public key, base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p256dh: Option<String>,
    /// `web`: the device's secret, base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<String>,
    /// `fcm`, `apns`: the device's token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// The result of `push.register`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// For `push.unregister`.
    pub endpoint_id: EndpointId,
}

/// `push.unregister`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unregister {
    /// Which.
    pub endpoint_id: EndpointId,
}

/// The answer of `GET /v1/push/vapid`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VapidKey {
    /// `applicationServerKey` of a browser's subscription: a P-256 point, base64url (RFC 8292).
    pub public_key: String,
}

/// Feed `notification.created`: a new one, or one that grew (the same id again).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// As it is now.
    pub notification: Notification,
}

/// Signal `notification.read`: on another device, or because its conversation was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    /// Which; all where there are none.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub notification_ids: Vec<NotificationId>,
    /// How many were not read.
    pub unread: u32,
}

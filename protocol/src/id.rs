//! Identifiers and the few scalar types that travel on the wire.
//!
//! An id is a UUID: its text form in JSON, 16 bytes of bin in MessagePack (RFC 9562).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// Position of an event in its topic: 1, 2, 3, … without gaps; 0 means "before the first".
pub type Seq = u64;

/// A point in time, Unix milliseconds.
pub type Millis = i64;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The 16 bytes, as they are stored.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )*};
}

ids! {
    /// A person with an account.
    UserId
    /// One login of a person: the family of refresh tokens that grew from it.
    LoginId
    /// One open connection of a person.
    SessionId
    /// A conversation between at most 32 people.
    ConversationId
    /// A message, the same in every copy.
    MessageId
    /// The idempotency key a client gives to a thing it creates.
    ClientId
    /// An uploaded file.
    MediaId
    /// A group with a wall.
    GroupId
    /// A category of a group's posts.
    CategoryId
    /// A post on a wall.
    PostId
    /// A comment on a post.
    CommentId
    /// A support desk.
    DeskId
    /// A support request.
    RequestId
    /// A coach's private note.
    NoteId
    /// Something a person is told.
    NotificationId
    /// A device that takes pushes.
    EndpointId
    /// An exchange session, or the open offer that it comes of.
    ExchangeId
    /// A coaching session that somebody booked.
    BookingId
    /// What a coach can be booked for.
    ServiceId
    /// A payment.
    PaymentId
    /// A refund of a payment, or of a part of it.
    RefundId
    /// A plan that people subscribe to.
    PlanId
    /// Something that is bought once.
    ProductId
    /// Somebody's subscription.
    SubscriptionId
}

/// Bytes: base64 (RFC 4648 §4) in JSON, bin in MessagePack.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Blob(pub Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&STANDARD.encode(&self.0))
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BlobVisitor;
        impl Visitor<'_> for BlobVisitor {
            type Value = Blob;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes, or base64 text")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Blob, E> {
                STANDARD.decode(text).map(Blob).map_err(E::custom)
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob(bytes.to_vec()))
            }
        }
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(BlobVisitor)
        } else {
            deserializer.deserialize_bytes(BlobVisitor)
        }
    }
}

/// For lists and flags that may be absent or null: both mean the default.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

//! `session.*` and `ping`: who is on the other end of a socket.

use crate::id::nullable;
use crate::{LoginId, Millis, Seq, SessionId, Topic, UserId};
use serde::{Deserialize, Serialize};

/// The empty result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Done {}

/// A place in a topic: everything up to and with `seq` is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The topic.
    pub topic: Topic,
    /// The last seq seen; 0 for none.
    pub seq: Seq,
}

/// `session.open`, the first command of a connection.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Open {
    /// Access token; may come in the upgrade's `Authorization: Bearer` instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The client's own name for the device, 1–64 bytes.
    pub device_id: String,
    /// Counts up with each connect of the device; the highest wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u64>,
    /// Name and version of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// False when the app is in the background; true if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreground: Option<bool>,
    /// Where to resume.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub cursors: Vec<Cursor>,
}

/// The person a session belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionUser {
    /// Who.
    pub id: UserId,
    /// Their name.
    pub name: String,
    /// What they may do: `member`, `trainee`, `coach`, `moderator`, `admin`.
    pub roles: Vec<String>,
}

/// Where a topic ends just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The topic.
    pub topic: Topic,
    /// Seq of its last event; 0 when it has none.
    pub head: Seq,
}

/// A topic that is too far behind to be replayed: page it with `topic.read`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behind {
    /// The topic.
    pub topic: Topic,
    /// The first seq that is not sent.
    pub from: Seq,
    /// Seq of its last event.
    pub head: Seq,
}

/// The limits a client should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// See [`crate::limits::MESSAGE_BYTES_MAX`].
    pub message_bytes_max: u32,
    /// See [`crate::limits::MESSAGE_CHARS_MAX`].
    pub message_chars_max: u32,
    /// See [`crate::limits::OPEN_COMMANDS_MAX`].
    pub open_commands_max: u32,
    /// See [`crate::limits::SUBSCRIPTIONS_MAX`].
    pub subscriptions_max: u32,
}

/// The result of `session.open`. The events after each cursor follow it, then live ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// This connection.
    pub session_id: SessionId,
    /// Who it belongs to.
    pub user: SessionUser,
    /// The server's clock.
    pub server_at: Millis,
    /// A ping comes about this often.
    pub ping_interval_ms: u64,
    /// Limits.
    pub limits: Limits,
    /// `session.refresh` before this.
    pub token_expires_at: Millis,
    /// The heads of one's own feed and of the topics in `cursors`.
    pub heads: Vec<Head>,
    /// Topics that are not replayed whole.
    pub behind: Vec<Behind>,
}

/// `session.refresh`: a newer access token of the same login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refresh {
    /// The new access token.
    pub token: String,
}

/// The result of `session.refresh`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refreshed {
    /// When the new token ends.
    pub token_expires_at: Millis,
}

/// `session.background`: in the background only durable pushes come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Background {
    /// In the background or not.
    pub on: bool,
}

/// `session.close`: goodbye.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Close {}

/// `ping`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ping {
    /// Comes back unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
}

/// The result of `ping`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pong {
    /// As it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// The server's clock.
    pub server_at: Millis,
}

/// Signal `session.expiring`: refresh the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expiring {
    /// When the token ends.
    pub token_expires_at: Millis,
}

/// Signal `bye`: the server goes down; the close follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bye {
    /// Come back after this long.
    pub retry_after_ms: u64,
}

/// Why logins ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokeReason {
    /// The person logged out.
    Logout,
    /// The person logged out everywhere.
    LogoutAll,
    /// A refresh token came again after its successor was used: somebody has a copy.
    TokenReused,
    /// The account was suspended.
    Suspended,
    /// The person, or whoever had the mail, chose another password.
    PasswordChanged,
    /// The person ended it from another device.
    DeviceRemoved,
    /// The account is to be deleted.
    AccountDeleted,
}

/// Feed `session.revoked`: logins that ended. Holds on every node, now or when it hears of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// The login; absent for all that began before this event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_id: Option<LoginId>,
    /// Why.
    pub reason: RevokeReason,
}

//! Close codes of the WebSocket. Below 4500 a client reconnects, from 4500 on it does not.

use serde::{Deserialize, Serialize};

/// Why the server closes a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u16)]
pub enum CloseCode {
    /// RFC 6455: the client said goodbye.
    Normal = 1000,
    /// RFC 6455: a frame that WebSocket does not allow.
    Protocol = 1002,
    /// RFC 6455: a frame kind that this subprotocol does not use.
    Unsupported = 1003,
    /// RFC 6455: text that is not UTF-8.
    NotUtf8 = 1007,
    /// RFC 6455: a message over [`crate::limits::MESSAGE_BYTES_MAX`].
    TooLarge = 1009,
    /// The server is going down; the signal `bye` came first.
    Draining = 4001,
    /// The client reads too slowly; nothing is lost, resume.
    TooSlow = 4002,
    /// The server lost its place; nothing is lost, resume.
    Resync = 4003,
    /// No answer to a ping.
    NoPong = 4004,
    /// The token ended: refresh first.
    TokenExpired = 4005,
    /// Too many commands in too short a time.
    RateLimited = 4006,
    /// The token is not one of ours.
    BadToken = 4500,
    /// The protocol was violated, or `session.open` did not come in time.
    Violated = 4501,
    /// The login was ended.
    Revoked = 4502,
    /// A newer connection of the same device is here.
    Replaced = 4503,
    /// The account is suspended.
    Suspended = 4505,
}

impl CloseCode {
    /// The number on the wire.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// A few words for logs and developer tools.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Normal => "goodbye",
            Self::Protocol => "not a WebSocket frame",
            Self::Unsupported => "frame kind not used here",
            Self::NotUtf8 => "text is not UTF-8",
            Self::TooLarge => "message too large",
            Self::Draining => "draining",
            Self::TooSlow => "too slow",
            Self::Resync => "resync",
            Self::NoPong => "no pong",
            Self::TokenExpired => "token expired",
            Self::RateLimited => "rate limited",
            Self::BadToken => "bad token",
            Self::Violated => "protocol violated",
            Self::Revoked => "session revoked",
            Self::Replaced => "replaced by the same device",
            Self::Suspended => "account suspended",
        }
    }
}

//! The one error a client sees: a stable code, words for a person, and what to do.

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $status:literal, $retryable:literal;)*) => {
        /// A stable lower-case word. Append only.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)*
            /// A code of a newer server.
            #[serde(other)]
            Unknown,
        }

        impl ErrorCode {
            /// All codes that this version sends.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word on the wire.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* Self::Unknown => "unknown" }
            }

            /// The HTTP status it maps to.
            pub const fn http_status(self) -> u16 {
                match self { $(Self::$variant => $status,)* Self::Unknown => 500 }
            }

            /// Whether a client may try again on its own.
            pub const fn retryable(self) -> bool {
                match self { $(Self::$variant => $retryable,)* Self::Unknown => false }
            }
        }
    };
}

codes! {
    /// The frame could not be read as a command.
    Malformed = "malformed", 400, false;
    /// Something is larger than its limit.
    TooLarge = "too_large", 413, false;
    /// No such method.
    UnknownMethod = "unknown_method", 404, false;
    /// A field is wrong; `detail` names it.
    Invalid = "invalid", 422, false;
    /// No session, or no valid token.
    Unauthenticated = "unauthenticated", 401, false;
    /// The token's time is over: refresh.
    TokenExpired = "token_expired", 401, false;
    /// Known, and not allowed.
    Forbidden = "forbidden", 403, false;
    /// One of the two people blocked the other.
    Blocked = "blocked", 403, false;
    /// Not there, or not for this person to know of.
    NotFound = "not_found", 404, false;
    /// The thing's state does not allow this now.
    Conflict = "conflict", 409, false;
    /// Another coach has the request.
    AlreadyClaimed = "already_claimed", 409, false;
    /// The conversation is closed.
    Closed = "closed", 409, false;
    /// Somebody else has that time.
    SlotTaken = "slot_taken", 409, false;
    /// A named limit is reached.
    Full = "full", 409, false;
    /// A payment comes first.
    PaymentRequired = "payment_required", 402, false;
    /// Too many in too short a time.
    RateLimited = "rate_limited", 429, true;
    /// Too much under way just now.
    Busy = "busy", 503, true;
    /// The store is away; nothing was lost or half done.
    Unavailable = "unavailable", 503, true;
    /// Our fault.
    Internal = "internal", 500, false;
}

/// What a command ends with when it does not end well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{}: {message}", code.word())]
pub struct Error {
    /// What went wrong, for programs.
    pub code: ErrorCode,
    /// What went wrong, for people.
    pub message: String,
    /// Whether the client may try again on its own.
    pub retryable: bool,
    /// Not before this many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// More: the field of an `invalid`, the owner of an `already_claimed`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<serde_json::Value>,
}

impl Error {
    /// An error with its code's own `retryable`.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            retryable: code.retryable(),
            retry_after_ms: None,
            detail: None,
        }
    }

    /// `invalid`, with the field's name in `detail.field`.
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self {
            detail: Some(serde_json::json!({ "field": field })),
            ..Self::new(ErrorCode::Invalid, message)
        }
    }

    /// The same error, not to be tried again before `ms`.
    #[must_use]
    pub fn retry_after_ms(mut self, ms: u64) -> Self {
        self.retry_after_ms = Some(ms);
        self
    }

    /// The same error with more detail.
    #[must_use]
    pub fn detail(mut self, detail: serde_json::Value) -> Self {
        self.detail = Some(detail);
        self
    }
}

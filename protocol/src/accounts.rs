//! Bodies of `/v1/auth/…` and `/v1/me`.

use crate::{Millis, UserId};
use serde::{Deserialize, Serialize};

/// `POST /v1/auth/register`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    /// E-mail address, at most [`crate::limits::EMAIL_BYTES_MAX`] bytes.
    pub email: String,
    /// At least [`crate::limits::PASSWORD_CHARS_MIN`] characters.
    pub password: String,
    /// 1–80 characters.
    pub name: String,
    /// Optional: 3–32 of a–z, 0–9, `_`, `.`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

/// `POST /v1/auth/login`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// E-mail address.
    pub email: String,
    /// Password.
    pub password: String,
}

/// `POST /v1/auth/refresh` and `POST /v1/auth/logout`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshToken {
    /// As it was given by login or the last refresh.
    pub refresh_token: String,
}

/// Oneself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Me {
    /// Who.
    pub id: UserId,
    /// E-mail address.
    pub email: String,
    /// Name.
    pub name: String,
    /// Username, if one was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// `member`, `trainee`, `coach`, `moderator`, `admin`.
    pub roles: Vec<String>,
    /// `active`, `pending_verification`, `suspended`.
    pub status: String,
    /// When the account was made.
    pub created_at: Millis,
}

/// The result of register, login and refresh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// A JWT (RFC 7519), EdDSA (RFC 8037), 15 minutes.
    pub access_token: String,
    /// When it ends.
    pub expires_at: Millis,
    /// To be used once, for the next pair.
    pub refresh_token: String,
    /// Oneself.
    pub user: Me,
}

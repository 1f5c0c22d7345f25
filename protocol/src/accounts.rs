//! Bodies of `/v1/auth/…` and `/v1/me`.

use crate::{LoginId, MediaId, Millis, UserId};
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
    /// `active`, `pending_verification`, `suspended`, `deletion_pending`.
    pub status: String,
    /// When the account was made.
    pub created_at: Millis,
    /// What one says of oneself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bio: Option<String>,
    /// One's picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<MediaId>,
    /// What one likes to talk about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interests: Vec<String>,
    /// What one knows well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expertise: Vec<String>,
    /// When the account will be deleted, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_at: Option<Millis>,
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

/// `POST /v1/auth/verify` and `POST /v1/auth/email/confirm`: the secret of a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailToken {
    /// As the mail has it; good once.
    pub token: String,
}

/// `POST /v1/auth/password/forgot`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgotPassword {
    /// E-mail address.
    pub email: String,
}

/// `POST /v1/auth/password/reset`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetPassword {
    /// As the mail has it; good once.
    pub token: String,
    /// The new one.
    pub password: String,
}

/// `POST /v1/auth/password/change`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangePassword {
    /// The one until now.
    pub current: String,
    /// The new one.
    pub password: String,
}

/// `POST /v1/auth/email/change`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeEmail {
    /// The new address; it gets a mail, and holds once that is confirmed.
    pub email: String,
    /// The password.
    pub password: String,
}

/// `DELETE /v1/me`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteMe {
    /// The password.
    pub password: String,
}

/// A login of one's own, on some device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Which.
    pub id: LoginId,
    /// What the device calls itself.
    pub name: String,
    /// Whether it is the one that asks.
    pub current: bool,
    /// When it logged in.
    pub created_at: Millis,
    /// When it last renewed its token.
    pub last_used_at: Millis,
}

/// `GET /v1/auth/devices`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Devices {
    /// All that are logged in, the last used first.
    pub items: Vec<Device>,
}

/// Why an account is suspended, for the person to read: `POST /v1/admin/users/{id}/suspend`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reason {
    /// At most [`crate::limits::REASON_CHARS_MAX`] characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// An account, for those who run the place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountState {
    /// Whose.
    pub user_id: UserId,
    /// Its state now.
    pub status: String,
}

/// Feed `account.changed`: one's own account is in another state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountChanged {
    /// See [`Me::status`].
    pub status: String,
    /// When the account will be deleted, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_at: Option<Millis>,
}

//! `profile.*`: who people are to one another.

use crate::{MediaId, Patch, UserId};
use serde::{Deserialize, Serialize};

/// A person as others see them in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Who.
    pub id: UserId,
    /// Their name.
    pub name: String,
}

/// `profile.get`, by id or by username.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GetProfile {
    /// Whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// Whose, where the id is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

/// A person's profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Who.
    pub id: UserId,
    /// Their name.
    pub name: String,
    /// Their username, if they took one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// What they are here: `member`, `trainee`, `coach`, …
    pub roles: Vec<String>,
    /// What they say of themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bio: Option<String>,
    /// Their picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<MediaId>,
    /// What they like to talk about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interests: Vec<String>,
    /// What they know well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expertise: Vec<String>,
}

/// `profile.update` and `PATCH /v1/me`, a merge patch (RFC 7396): what is absent stays, null
/// clears.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UpdateProfile {
    /// 1–80 characters; can't be cleared.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub name: Patch<String>,
    /// 3–32 of a–z, 0–9, `_`, `.`.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub username: Patch<String>,
    /// At most [`crate::limits::BIO_CHARS_MAX`] characters.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub bio: Patch<String>,
    /// A picture of one's own.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub picture: Patch<MediaId>,
    /// At most [`crate::limits::INTERESTS_MAX`], each of at most
    /// [`crate::limits::INTEREST_CHARS_MAX`] characters.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub interests: Patch<Vec<String>>,
    /// The same.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub expertise: Patch<Vec<String>>,
}

/// The result of `profile.get`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileResult {
    /// The profile.
    pub profile: Profile,
}

//! Bodies of `/v1/coaches`, `/v1/me/coach` and `/v1/admin/coaches`.

use crate::{MediaId, Millis, Patch, UserId};
use serde::{Deserialize, Serialize};

/// Where a coach's application stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CoachState {
    /// Waits for a decision.
    Pending,
    /// Listed, with the role `coach`.
    Approved,
    /// Declined.
    Rejected,
    /// Was approved, and is not listed just now.
    Suspended,
}

/// `POST /v1/me/coach`: to become a coach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apply {
    /// What one learned, 1–[`crate::limits::QUALIFICATIONS_CHARS_MAX`] characters.
    pub qualifications: String,
    /// What one knows well; at least one.
    pub expertise: Vec<String>,
    /// What one says of oneself as a coach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bio: Option<String>,
}

/// `PATCH /v1/me/coach`, a merge patch (RFC 7396).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UpdateCoach {
    /// Can't be cleared.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub qualifications: Patch<String>,
    /// Can't be cleared.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub expertise: Patch<Vec<String>>,
    /// What one says of oneself as a coach.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub bio: Patch<String>,
}

/// An application, for the one who made it and for those who decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// Whose.
    pub user_id: UserId,
    /// Their name.
    pub name: String,
    /// Where it stands.
    pub state: CoachState,
    /// What they learned.
    pub qualifications: String,
    /// What they know well.
    pub expertise: Vec<String>,
    /// What they say of themselves as a coach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bio: Option<String>,
    /// When it was made.
    pub applied_at: Millis,
    /// When it was last decided on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Millis>,
    /// What those who decided say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// `GET /v1/admin/coaches`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applications {
    /// A page.
    pub items: Vec<Application>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What clients say of a coach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rating {
    /// 1 to 5; absent while nobody rated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average: Option<f64>,
    /// How many rated.
    pub count: u64,
}

/// A coach, as everybody sees them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coach {
    /// Who.
    pub id: UserId,
    /// Their name.
    pub name: String,
    /// Their username, if they took one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Their picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<MediaId>,
    /// What they learned.
    pub qualifications: String,
    /// What they know well.
    pub expertise: Vec<String>,
    /// What they say of themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bio: Option<String>,
    /// What clients say.
    pub rating: Rating,
}

/// `GET /v1/coaches`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coaches {
    /// A page.
    pub items: Vec<Coach>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Feed `coach.changed`: one's own application was made or decided on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoachChanged {
    /// Where it stands now.
    pub state: CoachState,
    /// What those who decided say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

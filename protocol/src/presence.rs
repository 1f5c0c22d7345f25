//! `presence.*`: who is here.

use crate::{Millis, UserId};
use serde::{Deserialize, Serialize};

/// What a person says of their being here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Declared {
    /// Here.
    Online,
    /// Here, but not looking.
    Away,
    /// Here, and not to be disturbed.
    Busy,
    /// Shown as offline to everybody.
    Invisible,
}

/// What others see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Here.
    Online,
    /// Here, but not looking.
    Away,
    /// Here, and not to be disturbed.
    Busy,
    /// Not here.
    Offline,
}

/// One person's presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Who.
    pub user_id: UserId,
    /// What others see.
    pub status: Status,
    /// When they were last here; absent while they are, or where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_at: Option<Millis>,
    /// The nodes can't say for sure just now; `status` is the last one known here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uncertain: bool,
}

/// `presence.watch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// At most [`crate::limits::WATCHED_USERS_MAX`], also in sum.
    pub users: Vec<UserId>,
}

/// The result of `presence.watch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct States {
    /// One for each of `users` whose presence one may see.
    pub states: Vec<State>,
}

/// `presence.unwatch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unwatch {
    /// No longer of interest.
    pub users: Vec<UserId>,
}

/// `presence.set`, for the person, on all devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Set {
    /// What to show.
    pub status: Declared,
}

/// Signal `presence.changed`, at most one a second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// The newest state of each person that changed.
    pub changes: Vec<State>,
}

//! Who may see what. Asked at every door: subscribe, read, resume, and each delivery.
//!
//! Features supply the facts; this module knows the question only.

use crate::auth::Caller;
use crate::error::Result;
use futures_util::future::BoxFuture;
use protocol::{Seq, Topic, UserId};

/// The part of a topic that a person may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visible {
    /// The first seq.
    pub from: Seq,
    /// The first that is pushed to who has no place in the topic yet: what is before is history.
    pub live: Seq,
    /// The last seq; `None`: to the end, and live.
    pub until: Option<Seq>,
}

impl Visible {
    /// All of it.
    pub const ALL: Self = Self { from: 1, live: 1, until: None };

    /// Whether an event is in it.
    pub fn contains(self, seq: Seq) -> bool {
        seq >= self.from && self.until.is_none_or(|until| seq <= until)
    }
}

/// Answers for all kinds of topics; implemented in `dispatch.rs`, injected by `app.rs`.
pub trait Rights: Send + Sync {
    /// What of a topic the caller may see now; `None`: nothing, not even that it exists.
    fn visible<'a>(
        &'a self,
        caller: &'a Caller,
        topic: Topic,
    ) -> BoxFuture<'a, Result<Option<Visible>>>;
}

/// What of a person's presence another may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sees {
    /// Whether the person is here.
    pub presence: bool,
    /// When they were last here.
    pub last_seen: bool,
}

impl Sees {
    /// All of it.
    pub const ALL: Self = Self { presence: true, last_seen: true };
    /// Nothing.
    pub const NOTHING: Self = Self { presence: false, last_seen: false };
}

/// Who may see whose presence; implemented in `dispatch.rs`, injected by `app.rs`.
pub trait Sight: Send + Sync {
    /// What the viewer may see of a person now.
    fn sees(&self, viewer: UserId, user: UserId) -> BoxFuture<'_, Result<Sees>>;
}

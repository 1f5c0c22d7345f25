//! Who may see what. Asked at every door: subscribe, read, resume, and each delivery.
//!
//! Features supply the facts; this module knows the question only.

use crate::auth::Caller;
use crate::error::Result;
use futures_util::future::BoxFuture;
use protocol::{Seq, Topic};

/// The part of a topic that a person may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visible {
    /// The first seq.
    pub from: Seq,
    /// The last seq; `None`: to the end, and live.
    pub until: Option<Seq>,
}

impl Visible {
    /// All of it.
    pub const ALL: Self = Self { from: 1, until: None };

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

//! Who may see what. Asked at every door: subscribe, read, resume, and each delivery.
//!
//! Features supply the facts; this module knows the question only.

use crate::auth::Caller;
use crate::error::Result;
use crate::log::{self, Entry};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use protocol::wall::Withheld;
use protocol::{Event, Seq, Topic, UserId};
use std::collections::HashSet;
use std::sync::Arc;

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

/// Those with whom somebody has nothing to do, since one blocked the other. What they wrote on a wall
/// is not shown; an event without words stands at its place, so no seq is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apart(pub HashSet<UserId>);

impl Apart {
    /// What stands in place of an event of a topic; `None`: the event itself.
    pub fn in_place_of(&self, topic: Topic, body: &Bytes) -> Option<Bytes> {
        let Topic::Group(_) = topic else { return None };
        let entry = Entry { seq: 0, at: 0, sender: None, body: body.clone() };
        let author = match log::decode(topic, &entry).ok()?.body {
            Event::PostCreated(post) => post.author_id,
            Event::PostEdited(edit) => edit.author_id,
            Event::CommentCreated(comment) => comment.author_id,
            Event::CommentEdited(edit) => edit.author_id,
            _ => return None,
        };
        self.0.contains(&author).then(|| log::encode(&Withheld {}.into()))
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

    /// With whom somebody has nothing to do; `None`: with nobody.
    fn apart(&self, _user: UserId) -> BoxFuture<'_, Result<Option<Arc<Apart>>>> {
        Box::pin(std::future::ready(Ok(None)))
    }
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

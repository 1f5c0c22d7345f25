//! The rules of a wall: what may be written at the end of its log. Pure.
//!
//! An event of the log holds what a post or comment is now, but for what edits say, so a change
//! replaces it at its place. Such a change was read before; [`State`] knows the newest changes, so
//! that one which was overtaken is told to read again.

pub(super) mod count;
pub(super) mod place;
pub(super) mod plan;

use protocol::limits::{COMMENT_DEPTH_MAX, PINNED_POSTS_MAX, POST_EDITS_KEPT_MAX};
use protocol::wall::{
    CommentDeleted, CommentEdited, CommentPublished, PostDeleted, PostEdited, PostLocked,
    PostPinned, PostPublished,
};
use protocol::{CategoryId, Event, Format, Millis, PostId, Seq, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Changes that a wall's state names. What was read before the oldest of them is read again.
const CHANGES_KEPT_MAX: usize = 64;

/// What the log keeps beside a wall's head.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct State {
    /// Changes up to here are not in `changes` any more.
    floor: Seq,
    /// Which posts and comments changed, and at which seq; the newest last.
    changes: Vec<(Uuid, Seq)>,
    /// Pinned posts and their places; the newest last.
    pub(super) pinned: Vec<(PostId, Seq)>,
}

impl State {
    /// `None`: those are not of a wall.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::default());
        }
        Format::MessagePack.decode(bytes).ok()
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        Format::MessagePack.encode(self)
    }

    /// Whether a thing may have changed since it was read.
    fn is_stale(&self, id: Uuid, read_at: Seq) -> bool {
        read_at < self.floor || self.changes.iter().any(|&(of, at)| of == id && at > read_at)
    }

    fn changed(&self, id: Uuid, seq: Seq) -> Self {
        let mut state = self.clone();
        state.changes.push((id, seq));
        if state.changes.len() > CHANGES_KEPT_MAX {
            state.floor = state.changes.remove(0).1;
        }
        state
    }
}

/// An event with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed<E> {
    pub(super) seq: Seq,
    pub(super) at: Millis,
    pub(super) event: E,
}

/// A post as it stands in the log, read before it is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PostStanding {
    pub(super) post: Placed<PostPublished>,
    /// Its edits whose text is kept, oldest first.
    pub(super) edits: Vec<Placed<PostEdited>>,
    /// Head of the topic when this was read.
    pub(super) read_at: Seq,
}

impl PostStanding {
    pub(super) const fn id(&self) -> PostId {
        self.post.event.post_id
    }

    pub(super) const fn author(&self) -> UserId {
        self.post.event.author_id
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self.edits.last() {
            Some(edit) => edit.event.text.as_deref(),
            None => self.post.event.text.as_deref(),
        }
    }

    pub(super) fn link(&self) -> Option<&str> {
        match self.edits.last() {
            Some(edit) => edit.event.link.as_deref(),
            None => self.post.event.link.as_deref(),
        }
    }

    pub(super) fn category(&self) -> Option<CategoryId> {
        match self.edits.last() {
            Some(edit) => edit.event.category_id,
            None => self.post.event.category_id,
        }
    }
}

/// A comment as it stands in the log, read before it is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CommentStanding {
    pub(super) comment: Placed<CommentPublished>,
    /// The edit that holds its text now.
    pub(super) edit: Option<Placed<CommentEdited>>,
    /// Head of the topic when this was read.
    pub(super) read_at: Seq,
}

impl CommentStanding {
    pub(super) fn text(&self) -> Option<&str> {
        match &self.edit {
            Some(edit) => edit.event.text.as_deref(),
            None => self.comment.event.text.as_deref(),
        }
    }

    fn is(&self) -> (Uuid, Seq) {
        (self.comment.event.comment_id.0, self.read_at)
    }
}

/// What a post says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Words {
    pub(super) text: String,
    pub(super) link: Option<String>,
    pub(super) category_id: Option<CategoryId>,
}

/// What someone wants to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    Publish(PostPublished),
    Edit {
        user: UserId,
        target: PostStanding,
        words: Words,
    },
    Delete {
        user: UserId,
        /// Looks after the group.
        moderates: bool,
        target: PostStanding,
    },
    Pin {
        moderates: bool,
        target: PostStanding,
        on: bool,
    },
    Lock {
        moderates: bool,
        target: PostStanding,
        on: bool,
    },
    /// The depth is told by the parent.
    Comment {
        post: Box<PostStanding>,
        parent: Option<Box<CommentStanding>>,
        comment: Box<CommentPublished>,
    },
    EditComment {
        user: UserId,
        target: CommentStanding,
        text: String,
    },
    DeleteComment {
        user: UserId,
        moderates: bool,
        target: CommentStanding,
    },
}

/// What is written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Written {
    pub(super) event: Event,
    /// `None`: as it was.
    pub(super) state: Option<State>,
    pub(super) redact: Vec<(Seq, Event)>,
}

impl Written {
    fn new(event: impl Into<Event>) -> Self {
        Self { event: event.into(), state: None, redact: Vec::new() }
    }
}

/// Why something is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    NoSuchPost,
    NoSuchComment,
    Deleted,
    Locked,
    TooDeep,
    NotYours,
    ForModerators,
    TooManyPinned,
    /// Nothing changes: it is so already. Never shown.
    AlreadySo,
    /// The target was read before its last change: read it again. Never shown.
    Stale,
}

/// The one rule: what `action` writes at the end of a wall, or why it does not.
pub(super) fn decide(state: &State, head: Seq, action: &Action) -> Result<Written, Refusal> {
    let seq = head + 1;
    match action {
        Action::Publish(post) => Ok(Written::new(post.clone())),
        Action::Edit { user, target, words } => {
            fresh(state, target)?;
            living(target)?;
            if target.author() != *user {
                return Err(Refusal::NotYours);
            }
            edit(state, seq, target, words)
        }
        Action::Delete { user, moderates, target } => {
            fresh(state, target)?;
            if target.author() != *user && !moderates {
                return Err(Refusal::NotYours);
            }
            living(target).map_err(|_| Refusal::AlreadySo)?;
            Ok(delete(state, seq, target))
        }
        Action::Pin { moderates, target, on } => {
            fresh(state, target)?;
            moderating(*moderates)?;
            living(target)?;
            pin(state, seq, target, *on)
        }
        Action::Lock { moderates, target, on } => {
            fresh(state, target)?;
            moderating(*moderates)?;
            living(target)?;
            if target.post.event.locked == *on {
                return Err(Refusal::AlreadySo);
            }
            let locked = PostPublished { locked: *on, ..target.post.event.clone() };
            let event = PostLocked { post_id: target.id(), post_seq: target.post.seq, on: *on };
            Ok(Written {
                state: Some(state.changed(target.id().0, seq)),
                redact: vec![(target.post.seq, locked.into())],
                ..Written::new(event)
            })
        }
        Action::Comment { post, parent, comment } => {
            fresh(state, post)?;
            living(post)?;
            if post.post.event.locked {
                return Err(Refusal::Locked);
            }
            let depth = depth(state, post.id(), parent.as_deref())?;
            Ok(Written::new(CommentPublished { depth, ..CommentPublished::clone(comment) }))
        }
        Action::EditComment { user, target, text } => {
            fresh_comment(state, target)?;
            let comment = &target.comment.event;
            if comment.deleted {
                return Err(Refusal::Deleted);
            }
            if comment.author_id != *user {
                return Err(Refusal::NotYours);
            }
            if target.text() == Some(text) {
                return Err(Refusal::AlreadySo);
            }
            let event = CommentEdited {
                comment_id: comment.comment_id,
                comment_seq: target.comment.seq,
                post_id: comment.post_id,
                author_id: comment.author_id,
                text: Some(text.clone()),
            };
            Ok(change_comment(state, seq, target, false, event))
        }
        Action::DeleteComment { user, moderates, target } => {
            fresh_comment(state, target)?;
            let comment = &target.comment.event;
            if comment.author_id != *user && !moderates {
                return Err(Refusal::NotYours);
            }
            if comment.deleted {
                return Err(Refusal::AlreadySo);
            }
            let event = CommentDeleted {
                comment_id: comment.comment_id,
                comment_seq: target.comment.seq,
                post_id: comment.post_id,
            };
            Ok(change_comment(state, seq, target, true, event))
        }
    }
}

fn fresh(state: &State, target: &PostStanding) -> Result<(), Refusal> {
    if state.is_stale(target.id().0, target.read_at) { Err(Refusal::Stale) } else { Ok(()) }
}

fn fresh_comment(state: &State, target: &CommentStanding) -> Result<(), Refusal> {
    let (id, read_at) = target.is();
    if state.is_stale(id, read_at) { Err(Refusal::Stale) } else { Ok(()) }
}

const fn living(target: &PostStanding) -> Result<(), Refusal> {
    if target.post.event.deleted { Err(Refusal::Deleted) } else { Ok(()) }
}

const fn moderating(moderates: bool) -> Result<(), Refusal> {
    if moderates { Ok(()) } else { Err(Refusal::ForModerators) }
}

/// How deep a comment stands: one below its parent.
fn depth(state: &State, post: PostId, parent: Option<&CommentStanding>) -> Result<u8, Refusal> {
    let Some(parent) = parent else { return Ok(1) };
    fresh_comment(state, parent)?;
    let comment = &parent.comment.event;
    if comment.post_id != post {
        Err(Refusal::NoSuchComment)
    } else if comment.deleted {
        Err(Refusal::Deleted)
    } else if comment.depth >= COMMENT_DEPTH_MAX {
        Err(Refusal::TooDeep)
    } else {
        Ok(comment.depth + 1)
    }
}

/// The old texts stay, at their places in the log; of the edits only the newest.
fn edit(state: &State, seq: Seq, target: &PostStanding, words: &Words) -> Result<Written, Refusal> {
    let same = target.text() == Some(&words.text)
        && target.link() == words.link.as_deref()
        && target.category() == words.category_id;
    if same {
        return Err(Refusal::AlreadySo);
    }
    let edited = PostPublished { changed_by: Some(seq), ..target.post.event.clone() };
    let mut redact = vec![(target.post.seq, edited.into())];
    let too_many = (target.edits.len() + 1).saturating_sub(POST_EDITS_KEPT_MAX);
    redact.extend(target.edits.iter().take(too_many).map(forgotten));
    let event = PostEdited {
        post_id: target.id(),
        post_seq: target.post.seq,
        author_id: target.author(),
        text: Some(words.text.clone()),
        category_id: words.category_id,
        link: words.link.clone(),
        before: target.edits.last().map(|edit| edit.seq),
    };
    let state = Some(state.changed(target.id().0, seq));
    Ok(Written { state, redact, ..Written::new(event) })
}

/// An edit whose words leave the log.
fn forgotten(edit: &Placed<PostEdited>) -> (Seq, Event) {
    (edit.seq, PostEdited { text: None, link: None, ..edit.event.clone() }.into())
}

/// The words leave the log, wherever they stand.
fn delete(state: &State, seq: Seq, target: &PostStanding) -> Written {
    let gone = PostPublished {
        text: None,
        link: None,
        changed_by: Some(seq),
        deleted: true,
        pinned: false,
        ..target.post.event.clone()
    };
    let mut redact = vec![(target.post.seq, gone.into())];
    redact.extend(target.edits.iter().map(forgotten));
    let mut state = state.changed(target.id().0, seq);
    state.pinned.retain(|&(post, _)| post != target.id());
    let event = PostDeleted { post_id: target.id(), post_seq: target.post.seq };
    Written { state: Some(state), redact, ..Written::new(event) }
}

fn pin(state: &State, seq: Seq, target: &PostStanding, on: bool) -> Result<Written, Refusal> {
    if target.post.event.pinned == on {
        return Err(Refusal::AlreadySo);
    }
    if on && state.pinned.len() >= PINNED_POSTS_MAX {
        return Err(Refusal::TooManyPinned);
    }
    let mut state = state.changed(target.id().0, seq);
    state.pinned.retain(|&(post, _)| post != target.id());
    if on {
        state.pinned.push((target.id(), target.post.seq));
    }
    let pinned = PostPublished { pinned: on, ..target.post.event.clone() };
    let event = PostPinned { post_id: target.id(), post_seq: target.post.seq, on };
    let redact = vec![(target.post.seq, pinned.into())];
    Ok(Written { state: Some(state), redact, ..Written::new(event) })
}

/// An edit or deletion: the old text leaves the log, wherever it stood.
fn change_comment(
    state: &State,
    seq: Seq,
    target: &CommentStanding,
    deleted: bool,
    event: impl Into<Event>,
) -> Written {
    let comment = CommentPublished {
        text: None,
        changed_by: Some(seq),
        deleted,
        ..target.comment.event.clone()
    };
    let mut redact = vec![(target.comment.seq, comment.into())];
    if let Some(edit) = &target.edit {
        redact.push((edit.seq, CommentEdited { text: None, ..edit.event.clone() }.into()));
    }
    let state = Some(state.changed(target.is().0, seq));
    Written { state, redact, ..Written::new(event) }
}

#[cfg(test)]
mod tests;

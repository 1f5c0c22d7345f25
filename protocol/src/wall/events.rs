//! What happens on a wall.

use crate::{CategoryId, ClientId, CommentId, GroupId, PostId, Seq, UserId};
use serde::{Deserialize, Serialize};

/// Event `post.created`, as the post stands now but for what edits say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostPublished {
    /// Which.
    pub post_id: PostId,
    /// Who wrote it.
    pub author_id: UserId,
    /// The author's idempotency key.
    pub client_id: ClientId,
    /// What it said at first; absent once it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Where it belonged at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category_id: Option<CategoryId>,
    /// What it pointed to at first; absent once it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Seq of the event that holds what it says now (`post.edited`), or says that it is gone
    /// (`post.deleted`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<Seq>,
    /// It is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// It is pinned.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// It takes no comments.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub locked: bool,
}

/// Event `post.edited`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostEdited {
    /// Which.
    pub post_id: PostId,
    /// Its place on the wall.
    pub post_seq: Seq,
    /// Who wrote it.
    pub author_id: UserId,
    /// What it says; absent once the post was deleted, and of an edit long ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Where it belongs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category_id: Option<CategoryId>,
    /// What it points to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Seq of the edit before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Seq>,
}

/// Event `post.deleted`. Its text is gone from the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostDeleted {
    /// Which.
    pub post_id: PostId,
    /// Its place on the wall.
    pub post_seq: Seq,
}

/// Event `post.pinned`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostPinned {
    /// Which.
    pub post_id: PostId,
    /// Its place on the wall.
    pub post_seq: Seq,
    /// Or not any more.
    pub on: bool,
}

/// Event `post.locked`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostLocked {
    /// Which.
    pub post_id: PostId,
    /// Its place on the wall.
    pub post_seq: Seq,
    /// Or not any more.
    pub on: bool,
}

/// Event `comment.created`, as the comment stands now but for what an edit says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentPublished {
    /// Which.
    pub comment_id: CommentId,
    /// On which post.
    pub post_id: PostId,
    /// What it replies to; absent: the post itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<CommentId>,
    /// 1 for one on the post itself, up to 8.
    pub depth: u8,
    /// Who wrote it.
    pub author_id: UserId,
    /// The author's idempotency key.
    pub client_id: ClientId,
    /// What it says; absent once it was edited or deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Seq of the event that holds the text now (`comment.edited`), or says that it is gone
    /// (`comment.deleted`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<Seq>,
    /// It is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}

/// Event `comment.edited`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentEdited {
    /// Which.
    pub comment_id: CommentId,
    /// Its place on the wall.
    pub comment_seq: Seq,
    /// On which post.
    pub post_id: PostId,
    /// Who wrote it.
    pub author_id: UserId,
    /// What it says; absent once it was edited again or deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Event `comment.deleted`. Its text is gone from the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentDeleted {
    /// Which.
    pub comment_id: CommentId,
    /// Its place on the wall.
    pub comment_seq: Seq,
    /// On which post.
    pub post_id: PostId,
}

/// Event `wall.withheld`: stands in place of what somebody wrote with whom one has nothing to do,
/// since one blocked the other. Only its place is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Withheld {}

/// Signal `post.stats`: at most one a second a post. The topic is that of the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostStats {
    /// Which.
    pub post_id: PostId,
    /// How many like it.
    pub likes: u64,
    /// How many comments there are.
    pub comments: u64,
}

/// Feed `post.commented`: somebody commented on one's post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostCommented {
    /// Where.
    pub group_id: GroupId,
    /// On which post.
    pub post_id: PostId,
    /// What.
    pub comment_id: CommentId,
    /// Who.
    pub user_id: UserId,
}

/// Feed `comment.replied`: somebody replied to one's comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentReplied {
    /// Where.
    pub group_id: GroupId,
    /// On which post.
    pub post_id: PostId,
    /// To which comment.
    pub parent_id: CommentId,
    /// What.
    pub comment_id: CommentId,
    /// Who.
    pub user_id: UserId,
}

/// Feed `post.liked`: somebody likes one's post; told once a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostLiked {
    /// Where.
    pub group_id: GroupId,
    /// Which.
    pub post_id: PostId,
    /// Who.
    pub user_id: UserId,
}

/// Feed `comment.liked`: somebody likes one's comment; told once a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentLiked {
    /// Where.
    pub group_id: GroupId,
    /// On which post.
    pub post_id: PostId,
    /// Which.
    pub comment_id: CommentId,
    /// Who.
    pub user_id: UserId,
}

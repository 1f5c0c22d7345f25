//! `post.*`, `comment.*`, `like.*` and how far one has read a wall. Topic `group:<id>`.

mod events;

pub use events::{
    CommentDeleted, CommentEdited, CommentLiked, CommentPublished, CommentReplied, PostCommented,
    PostDeleted, PostEdited, PostLiked, PostLocked, PostPinned, PostPublished, PostStats, Withheld,
};

use crate::id::nullable;
use crate::people::Person;
use crate::{CategoryId, ClientId, CommentId, GroupId, MediaId, Millis, PostId, Seq};
use serde::{Deserialize, Serialize};

/// What a post is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PostState {
    /// Its author is not done with it; nobody else sees it.
    Draft,
    /// Comes to the wall by itself; nobody else sees it until then.
    Scheduled,
    /// On the wall.
    #[default]
    Published,
    /// Gone; its place stays.
    Deleted,
}

/// A post as the asker sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// Which.
    pub id: PostId,
    /// Where.
    pub group_id: GroupId,
    /// Its place on the wall; 0 while it is not there.
    pub seq: Seq,
    /// Who wrote it.
    pub author: Person,
    /// What it is.
    #[serde(default)]
    pub state: PostState,
    /// Where it belongs in the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category_id: Option<CategoryId>,
    /// What it says; absent once it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What it points to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// When it was published; of one that is not: when it was written.
    pub at: Millis,
    /// When it will be, of one that is scheduled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_at: Option<Millis>,
    /// When it was last edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Millis>,
    /// Those who look after the group put it first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// Takes no comments.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub locked: bool,
    /// How many like it.
    #[serde(default)]
    pub likes: u64,
    /// The asker does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub liked: bool,
    /// How many comments there are, in all branches.
    #[serde(default)]
    pub comments: u64,
}

/// What a post said before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// From when on.
    pub at: Millis,
    /// What.
    pub text: String,
    /// What it pointed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// `post.create`. Again with the same `client_id`: the first result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatePost {
    /// Where.
    pub group_id: GroupId,
    /// The post's idempotency key, chosen by the client.
    pub client_id: ClientId,
    /// 1–8 000 characters.
    pub text: String,
    /// Where it belongs in the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category_id: Option<CategoryId>,
    /// A web address: `http:` or `https:`, at most 2 048 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Uploaded files.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<MediaId>,
    /// Not before this: it is scheduled, and nobody else sees it until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_at: Option<Millis>,
    /// Not at all yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft: Option<bool>,
}

impl CreatePost {
    /// A post of words alone, for now.
    pub fn new(group_id: GroupId, client_id: ClientId, text: impl Into<String>) -> Self {
        Self {
            group_id,
            client_id,
            text: text.into(),
            category_id: None,
            link: None,
            media: Vec::new(),
            publish_at: None,
            draft: None,
        }
    }
}

/// The result of `post.create`: the post is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostCreated {
    /// Which.
    pub post_id: PostId,
    /// Its place on the wall; 0 while it is not there.
    pub seq: Seq,
    /// When it was accepted.
    pub at: Millis,
    /// Whether it had been sent before.
    pub duplicate: bool,
}

/// `post.edit`: the post says this from now on. Its author, at any time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditPost {
    /// Which.
    pub post_id: PostId,
    /// 1–8 000 characters.
    pub text: String,
    /// Where it belongs in the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category_id: Option<CategoryId>,
    /// See [`CreatePost::link`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Of one that is not on the wall: when it comes there; a time that is over: now. Absent: as
    /// it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_at: Option<Millis>,
}

/// `post.delete`. Its author, and those who look after the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletePost {
    /// Which.
    pub post_id: PostId,
}

/// `post.pin`. Those who look after the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinPost {
    /// Which.
    pub post_id: PostId,
    /// Or not any more.
    pub on: bool,
}

/// `post.lock`: no more comments. Those who look after the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockPost {
    /// Which.
    pub post_id: PostId,
    /// Or not any more.
    pub on: bool,
}

/// `post.get`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetPost {
    /// Which.
    pub post_id: PostId,
}

/// The result of `post.get` and `post.edit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostResult {
    /// The post.
    pub post: Post,
    /// What it said before, oldest first; of `post.get` only.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<Version>,
}

/// `post.list`: what is on a wall, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListPosts {
    /// Where.
    pub group_id: GroupId,
    /// Only those of a category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category_id: Option<CategoryId>,
    /// Only those that are pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<bool>,
    /// One's own that are not on the wall: drafts, and what is scheduled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<bool>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// 1–100; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

impl ListPosts {
    /// All that is on a wall.
    pub const fn of(group_id: GroupId) -> Self {
        Self { group_id, category_id: None, pinned: None, planned: None, after: None, limit: None }
    }
}

/// `post.feed`: what is on the walls of all one's groups, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReadFeed {
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// 1–100; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// The result of `post.list` and `post.feed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posts {
    /// A page.
    pub items: Vec<Post>,
    /// `after` of the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A comment as the asker sees it. Of one that was deleted, or that is not for the asker, only the
/// place is left, while there are replies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// Which.
    pub id: CommentId,
    /// On which post.
    pub post_id: PostId,
    /// What it replies to; absent: the post itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<CommentId>,
    /// 1 for one on the post itself, up to 8.
    pub depth: u8,
    /// Its place on the wall.
    pub seq: Seq,
    /// Who wrote it; absent where only the place is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Person>,
    /// What it says; absent where only the place is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// When it was written.
    pub at: Millis,
    /// When it was last edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Millis>,
    /// How many like it.
    pub likes: u64,
    /// The asker does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub liked: bool,
    /// How many replies it has, those left out that are gone.
    pub replies: u64,
}

/// `comment.create`. Again with the same `client_id`: the first result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateComment {
    /// On which post.
    pub post_id: PostId,
    /// What it replies to; absent: the post itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<CommentId>,
    /// The comment's idempotency key, chosen by the client.
    pub client_id: ClientId,
    /// 1–4 000 characters.
    pub text: String,
}

/// The result of `comment.create`: the comment is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentCreated {
    /// Which.
    pub comment_id: CommentId,
    /// Its place on the wall.
    pub seq: Seq,
    /// When it was accepted.
    pub at: Millis,
    /// Whether it had been sent before.
    pub duplicate: bool,
}

/// `comment.edit`. Its author, at any time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditComment {
    /// Which.
    pub comment_id: CommentId,
    /// 1–4 000 characters.
    pub text: String,
}

/// The result of `comment.edit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentResult {
    /// The comment.
    pub comment: Comment,
}

/// `comment.delete`. Its author, and those who look after the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteComment {
    /// Which.
    pub comment_id: CommentId,
}

/// `comment.list`: a branch of a post's comments, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListComments {
    /// On which post.
    pub post_id: PostId,
    /// Replies to this one; absent: those on the post itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<CommentId>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// 1–100; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// The result of `comment.list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comments {
    /// A page.
    pub items: Vec<Comment>,
    /// `after` of the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `like.set`: one of the two ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetLike {
    /// A post.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_id: Option<PostId>,
    /// A comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment_id: Option<CommentId>,
    /// Or not any more.
    pub on: bool,
}

/// The result of `like.set`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LikeSet {
    /// As asked.
    pub on: bool,
    /// How many like it.
    pub likes: u64,
}

/// `like.list`: who likes it; one of the two ids.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ListLikes {
    /// A post.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_id: Option<PostId>,
    /// A comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment_id: Option<CommentId>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// 1–100; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// The result of `like.list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Likes {
    /// A page.
    pub items: Vec<Person>,
    /// `after` of the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `group.mark`: how far one has read a wall. It only rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkGroup {
    /// Where.
    pub group_id: GroupId,
    /// Up to which seq.
    pub read: Seq,
}

/// What one has not read of a group. The result of `group.mark`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupUnread {
    /// Where.
    pub group_id: GroupId,
    /// Read up to here.
    pub read: Seq,
    /// Posts of others above it; 100: that many or more.
    pub unread: u32,
}

/// `group.unread`: the same, of all one's groups.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ListUnread {
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// 1–100; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// The result of `group.unread`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// A page.
    pub items: Vec<GroupUnread>,
    /// `after` of the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

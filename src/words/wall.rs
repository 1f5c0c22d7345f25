//! Walls: posts, comments, likes.

/// Not there, or not for this person to know of.
pub const NO_SUCH_POST: &str = "There is no such post.";
/// Not there, or not for this person to know of.
pub const NO_SUCH_COMMENT: &str = "There is no such comment.";
/// Its author, or those who look after the group, took it away.
pub const DELETED: &str = "This was deleted.";
/// Comments are closed.
pub const LOCKED: &str = "This post takes no more comments.";
/// A reply below the deepest place.
pub const TOO_DEEP: &str = "Replies do not go deeper than this. You can reply one level up.";
/// Somebody else wrote it.
pub const NOT_YOURS: &str = "This was written by somebody else.";
/// Pinning and locking.
pub const FOR_MODERATORS: &str = "This is for those who look after the group.";
/// Another post would have to go.
pub const TOO_MANY_PINNED: &str = "No more posts can be pinned here. Please unpin another first.";
/// It is so.
pub const ALREADY_SO: &str = "It is so already.";
/// The wall moved.
pub const STALE: &str = "This changed just now. Please try again.";
/// A key that was used before.
pub const CLIENT_ID_USED: &str = "This client_id was used for something else.";
/// `media`.
pub const NO_SUCH_FILE: &str = "There is no such file.";
/// `link`.
pub const BAD_LINK: &str = "A link begins with https:// or http:// and has at most 2 048 bytes.";
/// `category_id`.
pub const NO_CATEGORY: &str = "This group has no such category.";
/// `post_id` and `comment_id`.
pub const ONE_OF_TWO: &str = "Either a post or a comment, please.";
/// `publish_at`.
pub const TOO_FAR: &str = "A post can be scheduled at most a year ahead.";
/// `publish_at` of a post that is there.
pub const ON_THE_WALL: &str = "This post is on the wall already.";
/// `read`.
pub const BEHIND_THE_LAST: &str = "That is behind the last event.";
/// One more draft.
pub const TOO_MANY_PLANS: &str =
    "That is as many drafts and scheduled posts as fit. Please publish or delete one first.";

/// How long a post is.
pub fn post_chars(max: usize) -> String {
    format!("A post has 1 to {max} characters.")
}

/// How long a comment is.
pub fn comment_chars(max: usize) -> String {
    format!("A comment has 1 to {max} characters.")
}

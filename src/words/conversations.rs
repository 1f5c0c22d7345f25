//! Conversations: why something is not written.

use protocol::limits::CONVERSATION_MEMBERS_MAX;

/// Not there, or not one's own.
pub const NO_SUCH_CONVERSATION: &str = "There is no such conversation.";
/// Nobody may write any more.
pub const CLOSED: &str = "This conversation is closed. You can still read it.";
/// Nothing would change.
pub const ALREADY_SO: &str = "That is already so.";
/// Written by somebody else.
pub const NOT_YOURS: &str = "Only the one who wrote a message can change it.";
/// See `EDIT_WINDOW_MS`.
pub const TOO_LATE: &str = "A message can be changed for 24 hours.";
/// One of the two blocked the other.
pub const PAUSED: &str = "You can't write to one another here just now. You can still read it.";
/// A stranger said enough until the other answers.
pub const WAITS: &str =
    "Your first words are on their way. You can write more once they are answered.";
/// An answer to a stranger accepts them first.
pub const UNANSWERED: &str = "Somebody you don't know wrote this. Please accept it first.";
/// Nothing waits.
pub const NO_REQUEST: &str = "There is nothing here that waits for your answer.";
/// Its words are gone.
pub const DELETED: &str = "This message was deleted.";
/// Nothing, or no message, at that seq.
pub const NO_SUCH_MESSAGE: &str = "There is no message at that place.";
/// Somebody changed it at the same moment.
pub const STALE: &str = "The message changed in the meantime. Please try again.";

/// As many members as there may be.
pub fn full() -> String {
    format!("A conversation holds at most {CONVERSATION_MEMBERS_MAX} people.")
}

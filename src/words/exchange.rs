//! Exchange sessions.

/// Not there, or not for this person to know of.
pub const NO_SUCH_SESSION: &str = "There is no such exchange session.";
/// Somebody without the role.
pub const TRAINEES_ONLY: &str = "Exchange sessions are for trainees who practise together.";
/// No training group that both are trainees of.
pub const NO_COMMON_GROUP: &str =
    "You two have no training group in common, so you can't arrange a session here.";
/// One of the two blocked the other.
pub const BLOCKED: &str = "You can't arrange a session with this person.";
/// With oneself.
pub const ONESELF: &str = "A session takes two. Please choose somebody else.";
/// A transition that there is none for.
pub const STATE_WRONG: &str = "The session is in another state by now. Please look at it again.";
/// By who proposed it.
pub const OWN_PROPOSAL: &str =
    "This is your own proposal; the answer is the other person's. You can withdraw it.";
/// By who is to answer it.
pub const NOT_YOUR_PROPOSAL: &str =
    "This proposal is the other person's. You can accept it, decline it or propose another time.";
/// One's own offer.
pub const OWN_OFFER: &str = "This is your own offer. You can withdraw it.";
/// Somebody was faster, or the offer is over.
pub const GONE: &str = "This offer is not open any more. Others may be on the board.";
/// Another proposal was accepted than the one that stands.
pub const OTHER_VERSION: &str = "There is a newer proposal. Please look at it first.";
/// The calendars are being looked at.
pub const ACCEPTING: &str = "Both calendars are being looked at just now. Please try again.";
/// Too many proposals.
pub const PROPOSALS: &str =
    "There were many proposals already. It may be easier to talk, and to begin anew.";
/// Without a start.
pub const START_MISSING: &str = "Please say when you would like to begin.";
/// Another start than the offer's.
pub const START_FIXED: &str = "This offer has a time already.";
/// Over, or too far ahead.
pub const START_WRONG: &str = "Please choose a time that is ahead, within the next 90 days.";
/// Too short or too long.
pub const DURATION_WRONG: &str = "A session takes 15 to 240 minutes.";
/// Neither.
pub const GIVES_NOTHING: &str = "Please say what you give, or what you would like to receive.";
/// A topic of a wrong length.
pub const TOPIC_LENGTH: &str = "A topic has 1 to 80 characters.";
/// A word that is too long.
pub const WORD_LENGTH: &str = "At most 1 000 characters, please.";
/// A note that is too long.
pub const NOTE_LENGTH: &str = "A note has at most 4 000 characters.";
/// The same again.
pub const NOTHING_NEW: &str = "That is what is proposed already. You can accept it.";
/// Not yet.
pub const TOO_EARLY: &str = "It is too early for that. Nothing is lost; please come back later.";
/// Not any more.
pub const TOO_LATE: &str = "The time for that is over. You can propose another session.";
/// One's own time.
pub const TAKEN_YOU: &str =
    "You have another exchange session at that time. You can propose another time.";
/// The other's time.
pub const TAKEN_OTHER: &str =
    "The other person is not free at that time. You can propose another time.";
/// The limit of one of the two.
pub const SESSIONS_FULL: &str =
    "There are as many agreed sessions as one person can have. Some have to be over first.";
/// The board's limit.
pub const BOARD_FULL: &str = "The board is full just now. Please try again another day.";

//! Words that people read, in English: plain, warm, never blaming. What happened, what it means,
//! what you can do.

/// Accounts.
pub mod accounts {
    /// No, or no likely, e-mail address.
    pub const EMAIL_WRONG: &str = "That doesn't look like an e-mail address. Please check it.";
    /// Too long.
    pub const EMAIL_LONG: &str = "That e-mail address is longer than we can keep.";
    /// Too short.
    pub const PASSWORD_SHORT: &str = "Please choose a password of at least 10 characters.";
    /// Too long.
    pub const PASSWORD_LONG: &str = "Please choose a password of at most 256 bytes.";
    /// Empty.
    pub const NAME_EMPTY: &str = "Please tell us a name that others may call you.";
    /// Too long.
    pub const NAME_LONG: &str = "Please choose a name of at most 80 characters.";
    /// With characters that can't be shown.
    pub const NAME_WRONG: &str = "A name can't hold line breaks or other hidden characters.";
    /// Not of the form that usernames have.
    pub const USERNAME_WRONG: &str =
        "A username has 3 to 32 characters: a to z, 0 to 9, underscore and dot.";
    /// Somebody has it.
    pub const EMAIL_TAKEN: &str = "We couldn't make an account with this e-mail address. If you have one already, please log in.";
    /// Somebody has it.
    pub const USERNAME_TAKEN: &str = "This username is not free. Please choose another one.";
    /// No such pair; which of the two is not said.
    pub const LOGIN_WRONG: &str =
        "This e-mail address and password don't go together. Please try again.";
    /// No, an old, or an ended refresh token.
    pub const LOGIN_OVER: &str = "You were logged out here. Please log in again when you like.";
    /// Suspended.
    pub const SUSPENDED: &str =
        "Your account is paused just now. Nothing in it is lost; please write to us.";
    /// A state that can't follow.
    pub const STATE_WRONG: &str = "The account's state does not allow this.";
    /// A role that can't be taken away.
    pub const MEMBER_ALWAYS: &str = "Everybody here is a member.";
    /// Neither id nor username, or both.
    pub const PROFILE_WHOSE: &str = "Please name a person, by user_id or by username.";
    /// Too many tries.
    pub const TRIES_MANY: &str =
        "That were many tries in a short time. Please wait a little and try again.";
    /// In place of a name that is gone.
    pub const DELETED_MEMBER: &str = "deleted member";
}

/// Exchange sessions.
pub mod exchange {
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
    pub const STATE_WRONG: &str =
        "The session is in another state by now. Please look at it again.";
    /// By who proposed it.
    pub const OWN_PROPOSAL: &str =
        "This is your own proposal; the answer is the other person's. You can withdraw it.";
    /// By who is to answer it.
    pub const NOT_YOUR_PROPOSAL: &str = "This proposal is the other person's. You can accept it, decline it or propose another time.";
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
    pub const TOO_EARLY: &str =
        "It is too early for that. Nothing is lost; please come back later.";
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
}

//! Accounts.

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
pub const EMAIL_TAKEN: &str =
    "We couldn't make an account with this e-mail address. If you have one already, please log in.";
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

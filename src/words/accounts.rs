//! Accounts.

/// No, or no likely, e-mail address.
pub const EMAIL_WRONG: &str = "That doesn't look like an e-mail address. Please check it.";
/// Too long.
pub const EMAIL_LONG: &str = "That e-mail address is longer than we can keep.";
/// Too short.
pub const PASSWORD_SHORT: &str = "Please choose a password of at least 10 characters.";
/// Too long.
pub const PASSWORD_LONG: &str = "That password is longer than we can keep.";
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
pub const STATE_WRONG: &str =
    "This was decided already. Please write to us if you would like to talk about it.";
/// A role that can't be taken away.
pub const MEMBER_ALWAYS: &str = "Everybody here is a member.";
/// Neither id nor username, or both.
pub const PROFILE_WHOSE: &str = "Please name a person, by user_id or by username.";
/// Too many tries.
pub const TRIES_MANY: &str = "There were many tries just now, so we pause to keep your account safe. Please try again in a \
     little while.";
/// In place of a name that is gone.
pub const DELETED_MEMBER: &str = "deleted member";
/// A secret of a mail that is none, or not good any more.
pub const TOKEN_OVER: &str =
    "This link was used already, or its time is over. Please ask for a new one.";
/// The password that was to prove who is asking.
pub const PASSWORD_WRONG: &str = "This password doesn't fit. Please try once more.";
/// Nothing to confirm.
pub const VERIFIED_ALREADY: &str = "Your e-mail address is confirmed already.";
/// Not verified yet, and would reach others.
pub const UNVERIFIED: &str = "Please confirm your e-mail address first: there is a mail for you. \
    Until then you can look around and ask for support.";
/// No login of that name.
pub const DEVICE: &str = "device";
/// Too long.
pub const BIO_LONG: &str = "Please say it in at most 2000 characters.";
/// Too many, too long or empty.
pub const INTERESTS_WRONG: &str =
    "Please name at most 20, each of 1 to 80 characters and on one line.";
/// An expertise that a coach has to have.
pub const EXPERTISE_NONE: &str = "Please name at least one thing that you know well.";
/// Empty or too long.
pub const QUALIFICATIONS_WRONG: &str =
    "Please tell us what you learned, in at most 4000 characters.";
/// Too long.
pub const NOTE_LONG: &str = "Please keep the note to 1000 characters.";
/// A coach's state that can't follow.
pub const COACH_STATE_WRONG: &str =
    "This was decided already. Please write to us if you would like to talk about it.";
/// For those who run the place.
pub const ADMINS_ONLY: &str = "This is for those who run the place.";
/// Larger than one archive may be.
pub const EXPORT_LARGE: &str =
    "There is more than one archive holds. Please write to us, and we send it to you.";
/// Too many archives are being made.
pub const EXPORT_BUSY: &str =
    "Other archives are being made just now. Please try again in a minute.";
/// Times of coaches.
pub const AVAILABLE_SPAN: &str = "Please ask for at most 62 days, up to a later time.";

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

/// Notifications. None says what somebody wrote.
pub mod notifications {
    /// A coach took the request.
    pub fn claimed(coach: &str, _: u32) -> String {
        format!("{coach} is here for you now.")
    }

    /// The coach's connection was lost for good.
    pub fn requeued(_: &str, _: u32) -> String {
        "Your coach's connection broke off. You are at the front, and somebody will be with you."
            .to_owned()
    }

    /// The conversation with a coach ended.
    pub fn closed(coach: &str, _: u32) -> String {
        if coach.is_empty() {
            return "Your support request has ended. You can read it whenever you like.".to_owned();
        }
        format!("Your talk with {coach} has ended. You can read it whenever you like.")
    }

    /// Messages that were not read.
    pub fn messages(name: &str, count: u32) -> String {
        match count {
            0 | 1 => format!("{name} wrote to you."),
            count => format!("{count} new messages, the last from {name}."),
        }
    }

    /// A name, and how many others.
    pub fn people(name: &str, others: u32) -> String {
        match others {
            0 => name.to_owned(),
            1 => format!("{name} and one other"),
            others => format!("{name} and {others} others"),
        }
    }

    /// Many at once.
    pub fn several(count: u32) -> String {
        match count {
            0 | 1 => "There is something new for you.".to_owned(),
            count => format!("There are {count} things new for you."),
        }
    }

    /// No zone of that name.
    pub const ZONE_WRONG: &str =
        "We don't know this time zone. Please name one like Europe/Berlin.";
    /// Not a time of day, or no time at all.
    pub const QUIET_WRONG: &str =
        "Quiet hours go from one minute of the day to another, 0 to 1439.";
    /// Not an address that a browser gives.
    pub const ENDPOINT_WRONG: &str = "This is not the address of a push service.";
    /// Not the keys that a browser gives.
    pub const KEYS_WRONG: &str = "These are not the keys of a browser's subscription.";
    /// Not a device's token.
    pub const TOKEN_WRONG: &str = "This is not a device's token.";
    /// Not set up here.
    pub const SERVICE_OFF: &str = "This place does not send pushes this way.";
    /// Too many.
    pub const ENDPOINTS_MANY: &str = "You have many devices already. Please remove one first.";

    /// The subject of a digest.
    pub fn digest_subject(count: usize) -> String {
        match count {
            1 => "One thing is waiting for you".to_owned(),
            count => format!("{count} things are waiting for you"),
        }
    }

    /// Before the lines of a digest.
    pub fn digest_greeting(name: &str) -> String {
        format!("Hello {name},\n\nthis happened while you were away. There is no hurry.\n")
    }

    /// After them.
    pub const DIGEST_END: &str =
        "You can choose how often we write, or that we don't, in your settings.\n";
}

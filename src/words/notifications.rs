//! Notifications. None says what somebody wrote.

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
pub const ZONE_WRONG: &str = "We don't know this time zone. Please name one like Europe/Berlin.";
/// Not a time of day, or no time at all.
pub const QUIET_WRONG: &str = "Quiet hours go from one minute of the day to another, 0 to 1439.";
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

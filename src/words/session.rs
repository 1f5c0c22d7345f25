//! Sessions: opening and keeping a connection.

/// `session.open` came twice.
pub const OPEN_ALREADY: &str = "This session is open already.";
/// No token.
pub const LOG_IN: &str = "Please log in.";
/// More connections than the settings allow.
pub const DEVICES_MANY: &str = "You are here on many devices already. Please close one first.";
/// It goes on over there.
pub const NEWER: &str = "A newer connection of this device is here.";
/// A session keeps its login.
pub const OTHER_LOGIN: &str = "This token is of another login.";

/// Bytes that a text has to keep to.
pub fn bytes(least: usize, most: usize) -> String {
    if least == 0 { format!("At most {most} bytes.") } else { format!("{least} to {most} bytes.") }
}

/// People that may be watched.
pub fn people_at_most(most: usize) -> String {
    format!("At most {most} people.")
}

/// Entries of a list.
pub fn at_most(most: usize) -> String {
    format!("At most {most}.")
}

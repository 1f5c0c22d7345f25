//! What mails say. Each is a subject and a text; `{…}` is filled in by who sends it.

/// The end of every mail.
pub const GOODBYE: &str = "\n-- \nSanctuary\n";

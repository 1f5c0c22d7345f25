//! Groups: who is in them.

/// Not there, or not for this person to know of.
pub const NO_SUCH_GROUP: &str = "There is no such group.";
/// The owner wants out.
pub const OWNER_STAYS: &str =
    "A group keeps its owner. Please hand it over to somebody else first.";
/// Those who look after it said so.
pub const BANNED: &str = "This group is closed to you, by those who look after it.";
/// A member, or somebody outside.
pub const NOT_YOURS: &str = "This is for those who look after the group.";

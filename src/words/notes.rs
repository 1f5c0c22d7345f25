//! Private notes.

/// The key of somebody's notes was destroyed.
pub const KEY_DESTROYED: &str =
    "Your private notes were deleted for good, so no new ones can be kept.";
/// Too many about one member.
pub const MANY: &str =
    "You have as many notes about this person as can be kept. Thank you for your care.";
/// Neither a request nor a member, or both.
pub const WHOSE: &str = "Please name a request or a member, one of the two.";

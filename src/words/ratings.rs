//! Ratings of support requests.

/// Not 1 to 5.
pub const STARS: &str = "Please give 1 to 5 stars.";
/// Not over.
pub const NOT_OVER: &str = "You can say how it was once the conversation has ended.";
/// Over before anybody answered.
pub const NOBODY_ANSWERED: &str = "Nobody had answered this request, so there is nothing to rate.";
/// The time to change it is over.
pub const TOO_LATE: &str = "A rating can be changed for 7 days. It stays as it is now.";

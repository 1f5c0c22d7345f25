//! People: what is between two of them.

/// One blocked the other.
pub const BLOCKED: &str = "You can't reach this person here.";
/// There is no request that could be answered.
pub const NO_REQUEST: &str = "There is no open request between you two just now.";
/// They are not friends.
pub const NOT_FRIENDS: &str = "You two are not friends here.";
/// It was declined not long ago.
pub const DECLINED: &str = "This person would rather not just now. You can ask again after a week.";
/// It is about oneself.
pub const ONESELF: &str = "This is about somebody else than yourself.";
/// The person wants no messages, or none of people who are not connected.
pub const NO_MESSAGES: &str = "This person does not take messages just now.";
/// No such choice.
pub const NO_SUCH_CHOICE: &str = "Please choose everyone, connections or nobody.";
/// Not there, or not to be known.
pub const NO_SUCH_PERSON: &str = "There is no such person.";
/// The list is full.
pub const FULL: &str = "This list is full. Please take somebody off it first.";

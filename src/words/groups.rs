//! Groups: who is in them.

/// Not there, or not for this person to know of.
pub const NO_SUCH_GROUP: &str = "There is no such group.";
/// Nobody has this id.
pub const NO_SUCH_PERSON: &str = "There is no such person.";
/// Not in this group.
pub const NO_SUCH_CATEGORY: &str = "There is no such category in this group.";
/// A member, or somebody outside.
pub const NOT_YOURS: &str = "This is for those who look after the group.";
/// A moderator.
pub const OWNER_ONLY: &str = "Who sees a group and how one gets in is for its owner to say.";
/// The owner wants out, or is to go.
pub const OWNER_STAYS: &str =
    "A group keeps its owner. It can be handed over to somebody else first.";
/// Those who look after it said so.
pub const BANNED: &str = "This group is closed to you, by those who look after it.";
/// Invited, and banned.
pub const IS_BANNED: &str = "This person was banned from the group. The ban can be lifted first.";
/// There is no ban to lift.
pub const NOT_BANNED: &str = "This person is not banned from the group.";
/// One waits for an invitation.
pub const INVITE_ONLY: &str = "One comes into this group by invitation.";
/// Nobody joins by themselves.
pub const ENTITLEMENT: &str =
    "One comes into this group with a membership, so nobody can join or be invited by hand.";
/// Told no a short while ago.
pub const REJECTED_LATELY: &str =
    "Your request was answered with no. You can ask again a week after that.";
/// Nothing waits for an answer.
pub const NO_REQUEST: &str =
    "There is no open request any more. It may have been answered already.";
/// Nothing to take back.
pub const NO_INVITATION: &str = "There is no open invitation for this person.";
/// One is not in it.
pub const NOT_IN: &str = "You are not in this group just now.";
/// The other is not in it.
pub const NOT_A_MEMBER: &str = "This person is not in the group just now.";
/// One of the two blocked the other.
pub const BLOCKED: &str = "You can't reach this person here.";
/// As many groups as one person can be in.
pub const GROUPS_FULL: &str =
    "That is as many groups as one person can be in. One of them can be left first.";
/// As many groups as one person can own.
pub const OWNED_FULL: &str =
    "That is as many groups as one person can own. One of them can be handed over first.";
/// As many open requests as one person can have.
pub const ASKS_FULL: &str =
    "As many requests or invitations of one person as there can be wait for an answer already.";
/// As many as can wait at one group.
pub const WAITING_FULL: &str =
    "Many requests and invitations wait at this group just now. Please try again another day.";
/// As many categories as a group can have.
pub const CATEGORIES_FULL: &str = "That is as many categories as a group can have.";
/// A name of a wrong length.
pub const NAME_LENGTH: &str = "A name has 1 to 80 characters.";
/// A description that is too long.
pub const DESCRIPTION_LENGTH: &str = "A description has at most 2 000 characters.";
/// A list that is not kept.
pub const NO_SUCH_LIST: &str = "Please choose member, requested, invited or banned.";

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

/// Private notes.
pub mod notes {
    /// The key of somebody's notes was destroyed.
    pub const KEY_DESTROYED: &str =
        "Your private notes were deleted for good, so no new ones can be kept.";
    /// Too many about one member.
    pub const MANY: &str =
        "You have as many notes about this person as can be kept. Thank you for your care.";
    /// Neither a request nor a member, or both.
    pub const WHOSE: &str = "Please name a request or a member, one of the two.";
}

/// Ratings of support requests.
pub mod ratings {
    /// Not 1 to 5.
    pub const STARS: &str = "Please give 1 to 5 stars.";
    /// Not over.
    pub const NOT_OVER: &str = "You can say how it was once the conversation has ended.";
    /// Over before anybody answered.
    pub const NOBODY_ANSWERED: &str =
        "Nobody had answered this request, so there is nothing to rate.";
    /// The time to change it is over.
    pub const TOO_LATE: &str = "A rating can be changed for 7 days. It stays as it is now.";
}

/// Support.
pub mod support {
    /// Not there, or not to be known of.
    pub const NO_SUCH_REQUEST: &str = "There is no such request.";
    /// Somebody was faster.
    pub fn already_claimed(coach: &str) -> String {
        format!("{coach} is already answering.")
    }

    /// A coach's places are taken.
    pub const NO_CAPACITY: &str = "You are talking to as many people as you wanted to at once.";
    /// Another desk's coach.
    pub const NOT_SERVING: &str = "You don't answer at this desk.";
    /// One's own.
    pub const OWN_REQUEST: &str = "Somebody else has to answer your own request.";
    /// Ended.
    pub const OVER: &str = "This request is over.";
    /// Too late to take it back.
    pub const ANSWERED: &str =
        "Somebody is already answering. You can end the conversation instead.";
    /// Too early to end it.
    pub const NOT_ANSWERED: &str =
        "Nobody is answering yet. You can take the request back instead.";
    /// Somebody else's.
    pub const NOT_YOURS: &str = "Only the one who answers and the one who asked can do this.";
    /// As many as can be.
    pub const DESK_FULL: &str =
        "This desk is as full as it can be. Please try again a little later.";
    /// Takes nobody now.
    pub const DESK_CLOSED: &str = "This desk is closed just now.";
    /// An offer that is over, or somebody else's.
    pub const NOT_OFFERED: &str = "This isn't offered to you just now.";
    /// The fee comes first.
    pub const UNPAID: &str = "The payment for this request is still on its way.";
    /// Nobody of that name here.
    pub const NO_SUCH_COACH: &str = "There is no such coach at this desk.";
    /// A colleague's places are taken.
    pub const COLLEAGUE_FULL: &str = "Your colleague can't take anybody more just now.";
    /// A colleague without a session.
    pub const COLLEAGUE_AWAY: &str = "Your colleague isn't here just now.";
    /// On its way to somebody.
    pub const HANDING_OVER: &str = "This conversation is being handed over just now.";
    /// A second request.
    pub const ONE_AT_A_TIME: &str = "You have asked already; your place is held.";
    /// The first request is ending.
    pub const STILL_ENDING: &str = "This request is just ending. Please try again in a moment.";
    /// Not any more.
    pub const REOPEN_LATE: &str =
        "This conversation ended a while ago. Please ask again; we are glad to hear from you.";
    /// What was paid for was something else.
    pub const FEE_NEEDED: &str = "This desk asks for a fee. It is due only when a coach answers.";
    /// All that are free are used.
    pub const FREE_USED: &str =
        "You have used the free requests of this time. New ones are there a little later.";
    /// Admins only.
    pub const DESKS_OF_ADMINS: &str = "Desks are made by those who run the place.";
    /// Coaches only.
    pub const FOR_COACHES: &str = "Requests are answered by coaches.";
    /// To somebody whose words sound like an emergency.
    pub const HELP: &str = "It sounds as if this is very hard right now. You don't have to carry \
        it alone. If you or somebody else is in danger, please call your local emergency number \
        (112 in Europe, 911 in North America) or a crisis line near you: findahelpline.com lists \
        them. We are still here, too.";
    /// What an emergency sounds like, where no list is configured. A phrase each; compared
    /// without case.
    pub const CRISIS: &[&str] = &[
        "suicide",
        "suicidal",
        "kill myself",
        "killing myself",
        "end my life",
        "ending my life",
        "take my own life",
        "want to die",
        "wish i was dead",
        "wish i were dead",
        "better off dead",
        "no reason to live",
        "don't want to live",
        "do not want to live",
        "hurt myself",
        "hurting myself",
        "harm myself",
        "self-harm",
        "cut myself",
        "overdose",
    ];
}

//! Support.

use jiff::Timestamp;
use protocol::Millis;

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
/// One of the two blocked the other. It isn't said who.
pub const APART: &str = "This is for one of your colleagues: the two of you are not in touch here.";
/// The same, of a colleague who was to take over.
pub const COLLEAGUE_APART: &str =
    "Your colleague can't answer this one. Somebody else, or whoever is free, can.";
/// One's own.
pub const OWN_REQUEST: &str = "Somebody else has to answer your own request.";
/// Ended.
pub const OVER: &str = "This request has ended. You can read it, and ask again at any time.";
/// Too late to take it back.
pub const ANSWERED: &str = "Somebody is already answering. You can end the conversation instead.";
/// Too early to end it.
pub const NOT_ANSWERED: &str = "Nobody is answering yet. You can take the request back instead.";
/// Somebody else's.
pub const NOT_YOURS: &str = "Only the one who answers and the one who asked can do this.";
/// As many as can be.
pub const DESK_FULL: &str = "This desk is as full as it can be. Please try again a little later.";
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
/// Not any more.
pub const REOPEN_LATE: &str =
    "This conversation ended a while ago. Please ask again; we are glad to hear from you.";
/// What was paid for was something else.
pub const FEE_NEEDED: &str = "This desk asks for a fee. It is due only when a coach answers.";
/// All that are free are used; a place is free again then.
pub fn free_used(free_at: Millis) -> String {
    let day = Timestamp::from_millisecond(free_at).map(|at| at.strftime("%-d %B %Y").to_string());
    let from = day.map_or_else(|_| "in a while".to_owned(), |day| format!("from {day} on"));
    format!("You have used the free requests of this time. You can ask again {from}.")
}

/// Admins only.
pub const DESKS_OF_ADMINS: &str = "Desks are made by those who run the place.";
/// As many desks as can be.
pub fn desks_full(most: usize) -> String {
    format!("There are {most} desks, and no more can be made.")
}
/// A coach's capacity.
pub fn people_at_once(most: u32) -> String {
    format!("At most {most} people at once.")
}
/// Desks that a coach serves.
pub fn desks_most(most: usize) -> String {
    format!("At most {most} desks.")
}
/// Of a list.
pub fn most(most: usize) -> String {
    format!("At most {most}, please.")
}
/// Of a text.
pub fn length(min: usize, max: usize) -> String {
    let max = thousands(max);
    match min {
        0 => format!("Please say it in at most {max} characters."),
        1 => format!("Please write something, in at most {max} characters."),
        min => format!("Please say it in {min} to {max} characters."),
    }
}

fn thousands(n: usize) -> String {
    match (n / 1_000, n % 1_000) {
        (0, rest) => rest.to_string(),
        (more, rest) => format!("{more} {rest:03}"),
    }
}

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

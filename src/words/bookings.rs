//! Bookings of coaching sessions.

/// Not there, or not for this person to know of.
pub const NO_SUCH_BOOKING: &str = "There is no such booking.";
/// Not there any more, or not for this person.
pub const NO_SUCH_SERVICE: &str = "This coach has no such service just now.";
/// A transition that there is none for.
pub const STATE_WRONG: &str = "The booking is in another state by now. Please look at it again.";
/// Not any more.
pub const TOO_LATE: &str = "The time for that is over. You can write to the other person.";
/// Not yet.
pub const TOO_EARLY: &str = "It is too early for that. Nothing is lost; please come back later.";
/// Ten minutes went by.
pub const HOLD_OVER: &str =
    "The time was kept for ten minutes, which are over. It may still be free: please choose again.";
/// A price.
pub const UNPAID: &str = "This session is confirmed once it is paid.";
/// The calendars are being looked at.
pub const MOVING: &str = "The calendars are being looked at just now. Please try again.";
/// Too many changes.
pub const MOVES: &str =
    "The time was changed very often. It may be easier to cancel, and to book anew.";
/// The same again.
pub const SAME_TIME: &str = "That is the time it has already.";
/// Not a slot, or not any more.
pub const NO_SLOT: &str = "This time can't be booked. Please look at the free times again.";
/// With oneself.
pub const ONESELF: &str = "A session takes two. Please choose another coach.";
/// Too many holds.
pub const HOLDS: &str =
    "You hold several times already. Please confirm some of them, or let go of them first.";
/// One's own time.
pub const TAKEN_YOU: &str = "You have another session at that time.";
/// The other's time.
pub const TAKEN_OTHER: &str = "This time is not free any more. Please choose another one.";
/// The limit of one of the two.
pub const CALENDAR_FULL: &str = "There are as many sessions in these weeks as a calendar holds.";
/// Somebody else's services or availability.
pub const COACHS_OWN: &str = "Only the coach can change this.";
/// Somebody without the role.
pub const COACHES_ONLY: &str = "This is for coaches.";
/// One of the two blocked the other.
pub const BLOCKED: &str = "You can't book a session with this person.";
/// By the client.
pub const CLIENTS_OWN: &str = "Only the person who booked the session can do this.";
/// A review too early.
pub const NOT_COMPLETED: &str = "You can say how it was once the session took place.";
/// A week went by.
pub const REVIEW_LATE: &str = "A review can be changed for a week, which is over.";
/// Nothing to respond to.
pub const NO_REVIEW: &str = "There is no such review.";
/// Twice.
pub const RESPONDED: &str = "You answered this review already.";
/// Stars.
pub const STARS: &str = "Please give 1 to 5 stars.";
/// Numbers of a service.
pub const OUT_OF_RANGE: &str = "This number is too small or too large.";
/// A text of a wrong length.
pub const LENGTH: &str = "This text is empty, or longer than we take.";
/// A price.
pub const PRICE: &str = "A price is an amount above 0 and a currency of three small letters.";
/// A zone.
pub const ZONE: &str = "We don't know this time zone. An example: Europe/Berlin.";
/// A time of a day.
pub const WINDOW: &str = "A window is from one time of a day up to a later one: 09:00, 17:30.";
/// A date.
pub const DATE: &str = "Please write a date like 2027-03-28.";
/// A span of dates.
pub const SPAN: &str = "Please ask for at most 62 days, from a date up to a later one.";
/// More than a coach may say.
pub const MANY: &str = "These are more than we keep.";
/// No availability was said.
pub const NO_AVAILABILITY: &str = "This coach did not say yet when they can be booked.";
/// A side of a booking.
pub const ROLE: &str = "A role is client or coach.";
/// In a calendar: what it is, and with whom.
pub fn summary(title: &str, with: &str) -> String {
    format!("{title}, with {with}")
}

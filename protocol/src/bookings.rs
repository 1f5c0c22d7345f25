//! Bodies of `/v1/coaches/{id}/services|availability|slots|reviews`, `/v1/bookings` and
//! `/v1/calendar`, and what feeds hear of bookings (`booking.*`).
//!
//! A client holds a time of a coach for ten minutes and confirms it; the coach may have to agree.
//! Availability is said in wall-clock time of a zone (IANA); bookings are instants.

use crate::people::Person;
use crate::{
    BookingId, ClientId, ConversationId, Millis, Money, Patch, PaymentId, ServiceId, UserId,
};
use serde::{Deserialize, Serialize};

/// How a session takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// In writing; a conversation opens once it is confirmed.
    Text,
    /// Live, where the coach says.
    Live,
}

/// What a coach can be booked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Which.
    pub id: ServiceId,
    /// Whose.
    pub coach_id: UserId,
    /// What it is, 1–80 characters.
    pub title: String,
    /// More of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How it takes place.
    #[serde(rename = "type")]
    pub kind: Type,
    /// How long a session takes.
    pub duration_min: u32,
    /// What it costs; absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// Kept free before each session.
    pub buffer_before_min: u32,
    /// Kept free after each session.
    pub buffer_after_min: u32,
    /// A session is booked at least this long ahead.
    pub notice_min: u32,
    /// A session is booked at most so many days ahead.
    pub window_days: u32,
    /// Sessions begin each so many minutes within a window of the availability.
    pub every_min: u32,
    /// Clients of one session: more than 1 makes it a group session.
    pub seats: u32,
    /// The coach agrees to each booking.
    pub needs_confirmation: bool,
}

/// `POST /v1/coaches/{id}/services`, by the coach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateService {
    /// The service's idempotency key, chosen by the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
    /// 1–80 characters.
    pub title: String,
    /// At most 2 000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How it takes place.
    #[serde(rename = "type")]
    pub kind: Type,
    /// 5–480.
    pub duration_min: u32,
    /// Absent: it costs nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// 0–120, by default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buffer_before_min: Option<u32>,
    /// 0–120, by default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buffer_after_min: Option<u32>,
    /// At most 30 days, by default an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice_min: Option<u32>,
    /// 1–365, by default 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_days: Option<u32>,
    /// 5–480, by default the duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_min: Option<u32>,
    /// 1–100, by default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seats: Option<u32>,
    /// By default not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs_confirmation: Option<bool>,
}

/// `PATCH /v1/coaches/{id}/services/{service_id}`, a merge patch (RFC 7396). Bookings that were
/// made keep what was agreed then.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UpdateService {
    /// Can't be cleared.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub title: Patch<String>,
    /// More of it.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub description: Patch<String>,
    /// Can't be cleared.
    #[serde(default, rename = "type", skip_serializing_if = "Patch::is_keep")]
    pub kind: Patch<Type>,
    /// Can't be cleared.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub duration_min: Patch<u32>,
    /// Cleared: it costs nothing.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub price: Patch<Money>,
    /// Cleared: the default, as of all below.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub buffer_before_min: Patch<u32>,
    /// Kept free after each session.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub buffer_after_min: Patch<u32>,
    /// Booked at least this long ahead.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub notice_min: Patch<u32>,
    /// Booked at most so many days ahead.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub window_days: Patch<u32>,
    /// Sessions begin each so many minutes.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub every_min: Patch<u32>,
    /// Clients of one session.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub seats: Patch<u32>,
    /// The coach agrees to each booking.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub needs_confirmation: Patch<bool>,
}

/// `GET /v1/coaches/{id}/services`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Services {
    /// All of them.
    pub items: Vec<Service>,
}

/// An answer about one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceResult {
    /// As it is now.
    pub service: Service,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// From one time of a day to another, by the clock on the wall: `"09:00"`, `"24:00"` the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Included.
    pub from: String,
    /// Not included.
    pub until: String,
}

/// A window of each week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeeklyWindow {
    /// On which day.
    pub day: Day,
    /// Included.
    pub from: String,
    /// Not included.
    pub until: String,
}

/// What holds on one date in place of the week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// `"2027-03-28"`.
    pub date: String,
    /// None: the day is off.
    #[serde(default)]
    pub windows: Vec<Window>,
}

/// Days off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeOff {
    /// The first date.
    pub from: String,
    /// The last date.
    pub until: String,
}

/// `GET` and `PUT /v1/coaches/{id}/availability`, written whole by the coach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Availability {
    /// An IANA zone, as `Europe/Berlin`: all below is meant there.
    pub zone: String,
    /// Each week.
    #[serde(default)]
    pub weekly: Vec<WeeklyWindow>,
    /// Single dates.
    #[serde(default)]
    pub overrides: Vec<Override>,
    /// Above all else.
    #[serde(default)]
    pub time_off: Vec<TimeOff>,
}

/// A time that can be booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// When it begins.
    pub starts_at: Millis,
    /// When it ends.
    pub ends_at: Millis,
    /// The beginning as the clock shows it in the zone that was asked for, RFC 3339 with offset.
    pub local: String,
    /// Of a group session.
    pub seats_left: u32,
}

/// `GET /v1/coaches/{id}/slots`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slots {
    /// In which `local` is said.
    pub zone: String,
    /// In the order of time.
    pub items: Vec<Slot>,
    /// `from` of the next page, where there were more than fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Where a booking is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The time is kept for the client until `held_until`.
    Held,
    /// The coach is to agree until `answer_by`.
    AwaitingCoach,
    /// Agreed on.
    Confirmed,
    /// It took place.
    Completed,
    /// One side did not come.
    NoShow,
    /// Called off.
    Cancelled,
    /// Not confirmed, or not answered, in time.
    Expired,
    /// The client let go of it before confirming.
    Released,
    /// The coach's answer was no.
    Declined,
}

/// How a booking is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// The money is not there yet.
    Pending,
    /// The money is there, or is held until the coach agrees.
    Paid,
    /// It goes back, or went.
    Refunded,
    /// Nothing was paid, and nothing is to be.
    Cancelled,
}

/// A booking, as its two sides see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booking {
    /// Which.
    pub id: BookingId,
    /// Who was booked.
    pub coach: Person,
    /// Who booked.
    pub client: Person,
    /// For what.
    pub service_id: ServiceId,
    /// The service's title as it was agreed on.
    pub title: String,
    /// How it takes place.
    #[serde(rename = "type")]
    pub kind: Type,
    /// Where it is in its life.
    pub state: State,
    /// When it begins.
    pub starts_at: Millis,
    /// When it ends.
    pub ends_at: Millis,
    /// How long it takes.
    pub duration_min: u32,
    /// Clients of the session.
    pub seats: u32,
    /// What the client said with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it costs; absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// Of one that costs something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_state: Option<PaymentState>,
    /// The payment, for the client who pays it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<PaymentId>,
    /// When it was made.
    pub created_at: Millis,
    /// While held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_until: Option<Millis>,
    /// While the coach is to agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_by: Option<Millis>,
    /// When it was agreed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<Millis>,
    /// Counts changes of time and the end, as a calendar's `SEQUENCE` (RFC 5545).
    pub sequence: u32,
    /// When it came to its end state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Millis>,
    /// Who ended it; absent where time did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<UserId>,
    /// Of a no-show: who did not come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent_id: Option<UserId>,
    /// What was said with a decline or a cancellation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where the two write, in a text session; opens with the confirmation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
}

/// `POST /v1/bookings`: holds a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateBooking {
    /// The booking's idempotency key, chosen by the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
    /// Whom.
    pub coach_id: UserId,
    /// For what.
    pub service_id: ServiceId,
    /// A slot's beginning.
    pub starts_at: Millis,
    /// What one would like to say before, at most 2 000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// `POST /v1/bookings/{id}/reschedule`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reschedule {
    /// Another slot's beginning; the coach may choose any time that is free.
    pub starts_at: Millis,
}

/// `POST /v1/bookings/{id}/cancel`: lets go of it, declines it, or calls it off.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cancel {
    /// For the other side, at most 1 000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An answer about one booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingResult {
    /// As it is now.
    pub booking: Booking,
}

/// `GET /v1/bookings`: one's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bookings {
    /// A page, those made last first.
    pub items: Vec<Booking>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `PUT /v1/bookings/{id}/notes`; an empty text takes the note away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteNote {
    /// At most 4 000 characters.
    pub text: String,
    /// The note of both sides, and not one's own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
}

/// `GET /v1/bookings/{id}/notes`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Notes {
    /// One's own; nobody else sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<String>,
    /// Of both sides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<String>,
}

/// `PUT /v1/bookings/{id}/review`, by the client after it took place; for a week also again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteReview {
    /// 1–5.
    pub rating: u8,
    /// At most 2 000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// `POST /v1/coaches/{id}/reviews/{booking_id}/response`, by the coach, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Respond {
    /// 1–2 000 characters.
    pub text: String,
}

/// What a client thinks of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Of which booking: the review's id.
    pub id: BookingId,
    /// Whose session it was.
    pub coach_id: UserId,
    /// Who wrote it.
    pub author: Person,
    /// 1–5.
    pub rating: u8,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// When it was written.
    pub created_at: Millis,
    /// When it was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Millis>,
    /// What the coach says to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
    /// When the coach did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responded_at: Option<Millis>,
}

/// An answer about one review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewResult {
    /// As it is now.
    pub review: Review,
}

/// `GET /v1/coaches/{id}/reviews`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviews {
    /// A page, newest first.
    pub items: Vec<Review>,
    /// Where the next page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `POST /v1/calendar`: a secret address of one's sessions, in place of the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarFeed {
    /// Its path: whoever knows it may read. Shown once.
    pub path: String,
    /// When it was made.
    pub created_at: Millis,
}

macro_rules! booking_events {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name {
            /// The booking as it is after this.
            pub booking: Booking,
        }
    )*};
}

booking_events! {
    /// Feed `booking.held`, to the client.
    Held
    /// Feed `booking.requested`, to both sides: the coach is to agree.
    Requested
    /// Feed `booking.confirmed`, to both sides.
    Confirmed
    /// Feed `booking.declined`, to both sides.
    Declined
    /// Feed `booking.rescheduled`, to both sides.
    Rescheduled
    /// Feed `booking.cancelled`, to both sides.
    Cancelled
    /// Feed `booking.completed`, to both sides.
    Completed
    /// Feed `booking.no_show`, to both sides.
    Missed
    /// Feed `booking.expired`: of a hold to the client, of a request to both sides.
    Expired
    /// Feed `booking.released`, to the client.
    Released
}

/// Feed `booking.reminder`, to both sides: it begins soon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reminder {
    /// The booking.
    pub booking: Booking,
    /// How long it is until then, about: a day, or an hour.
    pub ahead_min: u32,
}

/// Feed `booking.reviewed`, to the coach: a review was written or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviewed {
    /// The review.
    pub review: Review,
}

/// Feed `booking.review_answered`, to the client: the coach responded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewAnswered {
    /// The review.
    pub review: Review,
}

/// Feed `booking.noted`, to both sides: the shared note was written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// On which booking.
    pub booking_id: BookingId,
    /// By whom.
    pub by: UserId,
}

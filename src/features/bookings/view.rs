//! Bookings as they go over the wire.

use super::model::{Booking, Happening, State, schedule};
use super::rows::reviews::Reviewed;
use crate::features::payments::Purpose;
use protocol::bookings as wire;
use protocol::{BookingId, Event, PaymentId, UserId};

/// `None` of one that nobody sees.
const fn state(state: State) -> Option<wire::State> {
    match state {
        State::Holding | State::Refused => None,
        State::Held => Some(wire::State::Held),
        State::AwaitingCoach => Some(wire::State::AwaitingCoach),
        State::Confirmed => Some(wire::State::Confirmed),
        State::Completed => Some(wire::State::Completed),
        State::NoShow => Some(wire::State::NoShow),
        State::Cancelled => Some(wire::State::Cancelled),
        State::Expired => Some(wire::State::Expired),
        State::Released => Some(wire::State::Released),
        State::Declined => Some(wire::State::Declined),
    }
}

/// The payment that there is, or will be, for one that costs something.
pub(super) fn payment_id(booking: &Booking) -> PaymentId {
    Purpose::Booking(booking.id.0).payment_id(booking.client.id)
}

/// As one side sees it; `None` where it does not.
pub(super) fn booking(booking: &Booking, viewer: UserId) -> Option<wire::Booking> {
    let state = state(booking.state)?;
    let is_client = booking.client.id == viewer;
    if !is_client && (booking.coach.id != viewer || !booking.is_known_to_coach()) {
        return None;
    }
    let service = &booking.service;
    let pay = booking.pay;
    Some(wire::Booking {
        id: booking.id,
        coach: booking.coach.clone(),
        client: booking.client.clone(),
        service_id: service.id,
        title: service.title.clone(),
        kind: service.kind,
        state,
        starts_at: booking.time.starts_at,
        ends_at: booking.ends_at(),
        duration_min: service.duration_min,
        seats: service.seats,
        description: booking.description.clone(),
        price: service.price.clone(),
        payment_state: pay,
        payment_id: pay.filter(|_| is_client).map(|_| payment_id(booking)),
        created_at: booking.created_at,
        held_until: booking.held_until.filter(|_| booking.state == State::Held),
        answer_by: booking.answer_by(),
        confirmed_at: booking.confirmed_at,
        sequence: booking.sequence,
        ended_at: booking.ended_at,
        ended_by: booking.ended_by,
        absent_id: booking.absent,
        reason: booking.reason.clone(),
        conversation_id: booking.conversation(),
    })
}

/// The events of a happening, each with whose feed it is for.
pub(super) fn events(happening: Happening, of: &Booking) -> Vec<(UserId, Event)> {
    let told = [of.client.id, of.coach.id];
    let event = |user: UserId| {
        // What the coach did not hear of, ends without them as well.
        let booking = booking(of, user)?;
        event(happening, booking).map(|event| (user, event))
    };
    told.into_iter().filter_map(event).collect()
}

fn event(happening: Happening, booking: wire::Booking) -> Option<Event> {
    use Happening as H;
    Some(match happening {
        H::Held => wire::Held { booking }.into(),
        H::Requested => wire::Requested { booking }.into(),
        H::Confirmed => wire::Confirmed { booking }.into(),
        H::Declined => wire::Declined { booking }.into(),
        H::Rescheduled => wire::Rescheduled { booking }.into(),
        H::Cancelled => wire::Cancelled { booking }.into(),
        H::Completed => wire::Completed { booking }.into(),
        H::Missed => wire::Missed { booking }.into(),
        H::Expired { .. } => wire::Expired { booking }.into(),
        H::Released => wire::Released { booking }.into(),
        H::Reminded(ahead_min) if ahead_min > 0 => wire::Reminder { booking, ahead_min }.into(),
        H::Reminded(_)
        | H::Attempting(_)
        | H::Dropped(_)
        | H::Billed
        | H::Earned
        | H::Refunded
        | H::GivenBack
        | H::Hushed
        | H::Vanished(_) => return None,
    })
}

/// A service, as everybody sees it.
pub(super) fn service(service: &schedule::Service, coach_id: UserId) -> wire::Service {
    wire::Service {
        id: service.id,
        coach_id,
        title: service.title.clone(),
        description: service.description.clone(),
        kind: service.kind,
        duration_min: service.duration_min,
        price: service.price.clone(),
        buffer_before_min: service.before_min,
        buffer_after_min: service.after_min,
        notice_min: service.notice_min,
        window_days: service.window_days,
        every_min: service.every_min,
        seats: service.seats,
        needs_confirmation: service.needs_confirmation,
    }
}

/// A review, as everybody sees it.
pub(super) fn review(id: BookingId, reviewed: &Reviewed) -> wire::Review {
    let Reviewed { coach, author, review } = reviewed;
    wire::Review {
        id,
        coach_id: *coach,
        author: author.clone(),
        rating: review.rating,
        text: review.text.clone(),
        created_at: review.created_at,
        edited_at: review.edited_at,
        response: review.response.clone(),
        responded_at: review.responded_at,
    }
}

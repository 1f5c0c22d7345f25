//! The rules of bookings, state by state.

mod calendars;
mod slots;

use super::*;
use protocol::Money;
use protocol::ServiceId;
use protocol::limits::{BOOKING_MOVES_MAX, BOOKING_NO_SHOW_AFTER_MS};
use uuid::Uuid;

const NOW: Millis = 1_800_000_000_000;
const HOUR: Millis = 60 * MIN_MS;
const DAY: Millis = 24 * HOUR;

pub(super) fn user(n: u128) -> UserId {
    UserId(Uuid::from_u128(n))
}

const fn client() -> UserId {
    UserId(Uuid::from_u128(1))
}

const fn coach() -> UserId {
    UserId(Uuid::from_u128(2))
}

pub(super) fn service() -> Service {
    Service {
        id: ServiceId(Uuid::from_u128(9)),
        title: "talk".to_owned(),
        description: None,
        kind: Type::Text,
        duration_min: 60,
        price: None,
        before_min: 0,
        after_min: 0,
        notice_min: 0,
        window_days: 60,
        every_min: 60,
        seats: 1,
        needs_confirmation: false,
    }
}

fn priced() -> Service {
    Service { price: Some(Money { amount: 5_000, currency: "eur".to_owned() }), ..service() }
}

fn asked() -> Service {
    Service { needs_confirmation: true, ..service() }
}

fn person(id: UserId) -> Person {
    Person { id, name: "name".to_owned() }
}

fn booking(service: Service) -> Booking {
    let new = New {
        id: BookingId(Uuid::from_u128(7)),
        coach: person(coach()),
        client: person(client()),
        service,
        starts_at: NOW + 3 * DAY,
        description: Some("a word".to_owned()),
    };
    Booking::new(new, NOW)
}

fn held(service: Service) -> Booking {
    let mut booking = booking(service);
    let happened = booking.apply(&Input::Granted { attempt: 1 }, NOW).unwrap();
    assert_eq!(happened.first(), Some(&Happening::Held));
    booking
}

fn confirmed(service: Service) -> Booking {
    let mut booking = held(service);
    booking.apply(&Input::Confirm { by: client() }, NOW).unwrap();
    if booking.state == State::AwaitingCoach {
        booking.apply(&Input::Confirm { by: coach() }, NOW).unwrap();
    }
    assert_eq!(booking.state, State::Confirmed);
    booking
}

fn paid() -> Booking {
    let mut booking = held(priced());
    booking.apply(&Input::Paid, NOW).unwrap();
    booking
}

fn cancel(by: UserId) -> Input {
    Input::Cancel { by, reason: None }
}

#[test]
fn every_transition_that_is_not_listed_is_refused() {
    use State as S;
    use Transition as T;
    const STATES: [State; 11] = [
        S::Holding,
        S::Refused,
        S::Held,
        S::AwaitingCoach,
        S::Confirmed,
        S::Completed,
        S::NoShow,
        S::Cancelled,
        S::Expired,
        S::Released,
        S::Declined,
    ];
    const TRANSITIONS: [Transition; 12] = [
        T::Hold,
        T::Refuse,
        T::Ask,
        T::Confirm,
        T::Expire,
        T::Release,
        T::Decline,
        T::Cancel,
        T::Move,
        T::Complete,
        T::NoShow,
        T::Retake,
    ];
    let listed = [
        (S::Holding, T::Hold, S::Held),
        (S::Holding, T::Refuse, S::Refused),
        (S::Held, T::Ask, S::AwaitingCoach),
        (S::Held, T::Confirm, S::Confirmed),
        (S::Held, T::Expire, S::Expired),
        (S::Held, T::Release, S::Released),
        (S::AwaitingCoach, T::Confirm, S::Confirmed),
        (S::AwaitingCoach, T::Decline, S::Declined),
        (S::AwaitingCoach, T::Expire, S::Expired),
        (S::AwaitingCoach, T::Cancel, S::Cancelled),
        (S::Confirmed, T::Cancel, S::Cancelled),
        (S::Confirmed, T::Move, S::Confirmed),
        (S::Confirmed, T::Complete, S::Completed),
        (S::Confirmed, T::NoShow, S::NoShow),
        (S::Expired, T::Retake, S::Held),
    ];
    for state in STATES {
        for transition in TRANSITIONS {
            let known = listed.iter().find(|(from, by, _)| (*from, *by) == (state, transition));
            let wanted = known.map(|(_, _, to)| *to);
            assert_eq!(state.next(transition), wanted, "{state:?} {transition:?}");
        }
    }
}

#[test]
fn a_free_session_is_confirmed_by_its_client_alone() {
    let mut booking = held(service());
    assert_eq!(booking.held_until, Some(NOW + BOOKING_HOLD_MS));
    assert_eq!(booking.apply(&Input::Confirm { by: coach() }, NOW), Err(Refusal::StateWrong));
    let happened = booking.apply(&Input::Confirm { by: client() }, NOW + 1).unwrap();
    assert_eq!(happened, [Happening::Confirmed]);
    // Said again: nothing.
    assert_eq!(booking.apply(&Input::Confirm { by: client() }, NOW + 2).unwrap(), []);
}

#[test]
fn a_coach_who_is_asked_agrees_or_does_not() {
    let ask = |at| {
        let mut booking = held(asked());
        let happened = booking.apply(&Input::Confirm { by: client() }, at).unwrap();
        assert_eq!(happened, [Happening::Requested]);
        booking
    };
    let mut yes = ask(NOW);
    assert_eq!(yes.answer_by(), Some(NOW + BOOKING_ANSWER_MS));
    assert_eq!(
        yes.clone().apply(&Input::Confirm { by: coach() }, NOW + BOOKING_ANSWER_MS),
        Err(Refusal::TooLate)
    );
    assert_eq!(yes.apply(&Input::Confirm { by: coach() }, NOW).unwrap(), [Happening::Confirmed]);
    let mut no = ask(NOW);
    let happened = no.apply(&cancel(coach()), NOW).unwrap();
    assert_eq!(happened, [Happening::Dropped(no.time), Happening::Declined]);
    let mut back = ask(NOW);
    back.apply(&cancel(client()), NOW).unwrap();
    assert_eq!((back.state, back.ended_by), (State::Cancelled, Some(client())));
    let mut late = ask(NOW);
    assert_eq!(late.apply(&Input::Deadline, NOW + BOOKING_ANSWER_MS - 1).unwrap(), []);
    late.apply(&Input::Deadline, NOW + BOOKING_ANSWER_MS).unwrap();
    assert_eq!((late.state, late.ended_by), (State::Expired, None));
}

#[test]
fn a_hold_ends_after_ten_minutes_whatever_the_timer_does() {
    let over = NOW + BOOKING_HOLD_MS;
    let mut booking = held(service());
    assert_eq!(
        booking.clone().apply(&Input::Confirm { by: client() }, over),
        Err(Refusal::HoldOver)
    );
    assert_eq!(booking.apply(&Input::Deadline, over - 1).unwrap(), []);
    let happened = booking.apply(&Input::Deadline, over).unwrap();
    assert_eq!(happened, [Happening::Dropped(booking.time), Happening::Expired { was_held: true }]);
    assert!(!booking.claims(1));
    assert_eq!(booking.apply(&Input::Confirm { by: client() }, over), Err(Refusal::HoldOver));
    // Nothing that is carried out late brings it back.
    assert_eq!(booking.apply(&Input::Granted { attempt: 1 }, over).unwrap(), []);
    assert_eq!(booking.apply(&Input::Paid, over).unwrap(), []);
}

#[test]
fn only_money_confirms_what_costs_something() {
    let mut booking = held(priced());
    assert_eq!(booking.apply(&Input::Confirm { by: client() }, NOW), Err(Refusal::Unpaid));
    assert_eq!(booking.apply(&Input::Paid, NOW).unwrap(), [Happening::Confirmed]);
    assert_eq!(booking.apply(&Input::Paid, NOW).unwrap(), []);
    let happened = booking.apply(&cancel(client()), NOW).unwrap();
    assert!(happened.contains(&Happening::Refunded));
    assert_eq!(booking.pay, Some(PaymentState::Refunded));
    assert_eq!(booking.apply(&Input::Paid, NOW).unwrap(), []);

    let mut asked = held(Service { needs_confirmation: true, ..priced() });
    assert_eq!(asked.apply(&Input::Paid, NOW).unwrap(), [Happening::Requested]);
    let happened = asked.apply(&Input::Confirm { by: coach() }, NOW).unwrap();
    assert_eq!(happened, [Happening::Confirmed, Happening::Earned]);
}

#[test]
fn money_that_comes_late_takes_the_time_again_or_goes_back() {
    let expired = || {
        let mut booking = held(priced());
        let happened = booking.apply(&Input::Deadline, NOW + BOOKING_HOLD_MS).unwrap();
        assert!(!happened.contains(&Happening::Refunded));
        booking
    };
    let later = NOW + HOUR;
    let again = |booking: &mut Booking| {
        let happened = booking.apply(&Input::Paid, later).unwrap();
        let time = Time { attempt: 2, starts_at: NOW + 3 * DAY };
        assert_eq!(happened, [Happening::Attempting(time)]);
        assert!(booking.claims(2) && !booking.claims(1));
    };
    let mut free = expired();
    again(&mut free);
    let happened = free.apply(&Input::Granted { attempt: 2 }, later).unwrap();
    assert_eq!(happened, [Happening::Confirmed]);
    assert_eq!(free.ended_at, None);
    let mut taken = expired();
    again(&mut taken);
    let why = Denial::Taken(coach());
    let happened = taken.apply(&Input::Denied { attempt: 2, why }, later).unwrap();
    assert!(happened.contains(&Happening::Refunded));
    assert_eq!((taken.state, taken.pay), (State::Expired, Some(PaymentState::Refunded)));
    let mut over = expired();
    assert_eq!(over.apply(&Input::Paid, NOW + 3 * DAY).unwrap(), [Happening::Refunded]);
    // Let go of, and paid all the same.
    let mut released = held(priced());
    let happened = released.apply(&cancel(client()), NOW).unwrap();
    assert!(happened.contains(&Happening::Refunded));
    assert_eq!(released.apply(&Input::Paid, NOW).unwrap(), [Happening::Refunded]);
    assert_eq!(released.state, State::Released);
}

#[test]
fn moving_is_one_step_and_keeps_everything_else() {
    let mut booking = paid();
    let before = booking.time;
    let by = client();
    let other = NOW + 5 * DAY;
    let wanted = |starts_at| Input::Move { by, starts_at };
    assert_eq!(booking.apply(&wanted(before.starts_at), NOW), Err(Refusal::SameTime));
    assert_eq!(booking.apply(&wanted(NOW - 1), NOW), Err(Refusal::NoSlot));
    let time = Time { attempt: 2, starts_at: other };
    assert_eq!(booking.apply(&wanted(other), NOW).unwrap(), [Happening::Attempting(time)]);
    // Meanwhile it has both times, and nothing else may happen to it.
    assert!(booking.claims(1) && booking.claims(2));
    assert_eq!(booking.time, before);
    for input in [cancel(by), Input::Complete { by }, Input::NoShow { by }, wanted(other + HOUR)] {
        assert_eq!(booking.apply(&input, NOW), Err(Refusal::Moving));
    }
    let mut refused = booking.clone();
    let why = Denial::Taken(coach());
    let happened = refused.apply(&Input::Denied { attempt: 2, why }, NOW).unwrap();
    assert_eq!(happened, [Happening::Dropped(time)]);
    assert!(refused.claims(1) && !refused.claims(2));
    assert_eq!((refused.sequence, refused.time), (0, before));
    let happened = booking.apply(&Input::Granted { attempt: 2 }, NOW).unwrap();
    assert_eq!(happened, [Happening::Dropped(before), Happening::Rescheduled]);
    assert!(!booking.claims(1) && booking.claims(2));
    assert_eq!((booking.sequence, booking.state), (1, State::Confirmed));
    assert_eq!(booking.pay, Some(PaymentState::Paid));
    booking.attempts = BOOKING_MOVES_MAX + 1;
    assert_eq!(booking.apply(&wanted(other + HOUR), NOW), Err(Refusal::Moves));
    assert_eq!(
        confirmed(service()).apply(&wanted(other), NOW + 3 * DAY),
        Err(Refusal::TooLate),
        "it began"
    );
}

#[test]
fn both_are_reminded_a_day_and_an_hour_ahead_and_again_after_a_move() {
    let mut booking = confirmed(service());
    let starts_at = booking.time.starts_at;
    let mut told = Vec::new();
    while let Some(at) = booking.deadline().filter(|at| *at < starts_at) {
        assert_eq!(booking.apply(&Input::Deadline, at - 1).unwrap(), []);
        told.push((starts_at - at, booking.apply(&Input::Deadline, at).unwrap()));
    }
    let wanted = [(DAY, vec![Happening::Reminded(24 * 60)]), (HOUR, vec![Happening::Reminded(60)])];
    assert_eq!(told, wanted);
    let by = client();
    let half_past = starts_at - HOUR / 2;
    booking.apply(&Input::Move { by, starts_at: starts_at + 2 * HOUR }, half_past).unwrap();
    booking.apply(&Input::Granted { attempt: 2 }, half_past).unwrap();
    assert_eq!(booking.deadline(), Some(starts_at + HOUR), "the day is over, the hour is ahead");
    // A node that was away for a day says the last one only; one that was away longer, none.
    let mut late = confirmed(service());
    let happened = late.apply(&Input::Deadline, starts_at - HOUR).unwrap();
    assert_eq!(happened, [Happening::Reminded(60)]);
    let mut over = confirmed(service());
    assert_eq!(over.apply(&Input::Deadline, starts_at).unwrap(), [Happening::Reminded(0)]);
}

#[test]
fn a_session_is_completed_or_missed_by_those_who_were_there_or_by_time() {
    let starts_at = NOW + 3 * DAY;
    let complete = |by, at| confirmed(service()).apply(&Input::Complete { by }, at);
    assert_eq!(complete(coach(), starts_at - 1), Err(Refusal::TooEarly));
    assert!(complete(coach(), starts_at).is_ok());
    assert_eq!(complete(client(), starts_at + HOUR - 1), Err(Refusal::TooEarly));
    assert!(complete(client(), starts_at + HOUR).is_ok());
    let from = starts_at + BOOKING_NO_SHOW_AFTER_MS;
    for (by, absent) in [(coach(), client()), (client(), coach())] {
        let mut booking = confirmed(service());
        let input = Input::NoShow { by };
        assert_eq!(booking.apply(&input, from - 1), Err(Refusal::TooEarly));
        booking.apply(&input, from).unwrap();
        assert_eq!((booking.state, booking.absent), (State::NoShow, Some(absent)));
        assert_eq!(booking.apply(&Input::Complete { by }, from), Err(Refusal::StateWrong));
    }
    let mut alone = confirmed(service());
    alone.apply(&Input::Deadline, alone.deadline().unwrap()).unwrap();
    alone.apply(&Input::Deadline, alone.deadline().unwrap()).unwrap();
    let last = alone.deadline().unwrap();
    assert_eq!(last, alone.ends_at() + BOOKING_COMPLETED_AFTER_MS);
    alone.apply(&Input::Deadline, last).unwrap();
    assert_eq!((alone.state, alone.sequence), (State::Completed, 0));
    let hushed = alone.deadline().unwrap();
    assert_eq!(hushed, last + BOOKING_TALK_AFTER_MS);
    assert_eq!(alone.apply(&Input::Deadline, hushed).unwrap(), [Happening::Hushed]);
    assert_eq!(alone.deadline(), None);
}

#[test]
fn a_coach_who_did_not_come_is_not_paid() {
    let mut booking = held(priced());
    booking.apply(&Input::Paid, NOW).unwrap();
    let at = NOW + 3 * DAY + HOUR;
    let mut client_absent = booking.clone();
    let happened = client_absent.apply(&Input::NoShow { by: coach() }, at).unwrap();
    assert!(!happened.contains(&Happening::Refunded));
    let happened = booking.apply(&Input::NoShow { by: client() }, at).unwrap();
    assert!(happened.contains(&Happening::Refunded));
}

#[test]
fn what_began_is_not_called_off() {
    let mut booking = confirmed(service());
    let starts_at = booking.time.starts_at;
    assert_eq!(booking.apply(&cancel(client()), starts_at), Err(Refusal::TooLate));
    booking.apply(&cancel(coach()), starts_at - 1).unwrap();
    assert_eq!((booking.state, booking.sequence), (State::Cancelled, 1));
    for input in [cancel(client()), Input::Move { by: client(), starts_at: starts_at + DAY }] {
        assert_eq!(booking.apply(&input, NOW), Err(Refusal::StateWrong));
    }
}

#[test]
fn who_is_gone_leaves_what_is_ahead_and_no_name() {
    let gone = |mut booking: Booking, by: UserId, at| {
        let input = Input::Vanish { by, name: "nobody".to_owned() };
        booking.apply(&input, at).unwrap();
        assert_eq!(booking.apply(&input, at).unwrap(), [], "twice");
        booking
    };
    let ahead = gone(confirmed(service()), client(), NOW);
    assert_eq!((ahead.state, ahead.client.name.as_str()), (State::Cancelled, "nobody"));
    assert_eq!(ahead.description, None);
    assert_eq!(gone(held(service()), client(), NOW).state, State::Released);
    assert_eq!(gone(held(service()), coach(), NOW).state, State::Expired);
    let began = gone(confirmed(service()), coach(), NOW + 3 * DAY);
    assert_eq!((began.state, began.coach.name.as_str()), (State::Confirmed, "nobody"));
}

#[test]
fn a_review_is_written_once_changed_for_a_week_and_answered_once() {
    use protocol::limits::REVIEW_EDIT_MS;
    use review::{ReviewRefusal as R, respond, write};
    assert_eq!(write(None, false, 5, None, NOW), Err(R::NotCompleted));
    let first = write(None, true, 5, Some("good"), NOW).unwrap().unwrap();
    assert_eq!(write(Some(&first), true, 5, Some("good"), NOW).unwrap(), None);
    let second = write(Some(&first), true, 3, None, NOW + REVIEW_EDIT_MS - 1).unwrap().unwrap();
    assert_eq!((second.rating, second.revision, second.created_at), (3, 2, NOW));
    assert_eq!(write(Some(&first), true, 3, None, NOW + REVIEW_EDIT_MS), Err(R::TooLate));
    assert_eq!(respond(None, "thanks", NOW), Err(R::NoReview));
    let answered = respond(Some(&second), "thanks", NOW).unwrap().unwrap();
    assert_eq!(respond(Some(&answered), "thanks", NOW).unwrap(), None);
    assert_eq!(respond(Some(&answered), "more", NOW), Err(R::Responded));
}

//! Sessions that cost something: only a payment confirms them, one that is late takes the time
//! again or goes back, and what will not take place is not paid. On both engines.

use crate::bookings::{
    DAY, HOUR, MIN, MONDAY, act, get, heard, hold, look, monday, offering, post,
};
use crate::place::{Place, on_both_engines};
use crate::server::{Person, TestServer, eventually};
use protocol::bookings::{Booking, BookingResult, PaymentState as Paid, Service, State};
use protocol::payments::{Payment, PaymentState};
use protocol::{ErrorCode, PaymentId};
use serde_json::{Value, json};

on_both_engines! {
    only_a_payment_confirms_and_what_is_called_off_is_given_back,
    a_payment_that_is_late_takes_the_time_again_or_goes_back,
}

fn priced(needs_confirmation: bool) -> Value {
    json!({
        "title": "A talk", "type": "live", "duration_min": 60,
        "price": { "amount": 5_000, "currency": "eur" },
        "needs_confirmation": needs_confirmation,
    })
}

async fn held(server: &TestServer, client: &Person, service: &Service, at: i64) -> Booking {
    hold(server, client, service, at).await.good::<BookingResult>().booking
}

/// Once it was opened.
async fn payment(server: &TestServer, payer: &Person, id: PaymentId) -> Payment {
    let path = format!("/v1/payments/{id}");
    eventually(async || {
        let answer = get(server, payer, &path).await;
        (answer.status == reqwest::StatusCode::OK).then(|| answer.good())
    })
    .await
}

async fn pay(server: &TestServer, payer: &Person, booking: &Booking, method: &str) {
    let id = booking.payment_id.unwrap();
    payment(server, payer, id).await;
    let path = format!("/v1/payments/{id}/confirm");
    eventually(async || {
        let answer = post(server, payer, &path, json!({ "method": method })).await;
        if answer.status == reqwest::StatusCode::OK {
            return Some(());
        }
        // Its start is under way.
        assert!(answer.code().retryable(), "{}", answer.text);
        None
    })
    .await;
}

async fn until(server: &TestServer, who: &Person, of: &Booking, state: State, paid: Paid) {
    eventually(async || {
        let now = look(server, who, of.id).await;
        (now.state == state && now.payment_state == Some(paid)).then_some(())
    })
    .await;
}

async fn until_payment(server: &TestServer, payer: &Person, of: &Booking, state: PaymentState) {
    let id = of.payment_id.unwrap();
    eventually(async || (payment(server, payer, id).await.state == state).then_some(())).await;
}

async fn only_a_payment_confirms_and_what_is_called_off_is_given_back(place: Place) {
    let server = place.node().await;
    let (coach, service) = offering(&server, "coach", priced(false)).await;
    let anna = server.member("anna").await;
    let booked = held(&server, &anna, &service, MONDAY).await;
    assert_eq!(booked.payment_state, Some(Paid::Pending));
    let refused = act(&server, &anna, booked.id, "confirm").await;
    assert_eq!(refused.code(), ErrorCode::PaymentRequired);
    assert!(refused.text.contains(&booked.payment_id.unwrap().to_string()), "{}", refused.text);
    pay(&server, &anna, &booked, "pm_sandbox_declined").await;
    until_payment(&server, &anna, &booked, PaymentState::Failed).await;
    assert_eq!(look(&server, &anna, booked.id).await.state, State::Held);
    pay(&server, &anna, &booked, "pm_sandbox_ok").await;
    until(&server, &anna, &booked, State::Confirmed, Paid::Paid).await;
    assert_eq!(look(&server, &coach, booked.id).await.payment_id, None, "the payer's alone");
    let path = format!("/v1/bookings/{}/reschedule", booked.id);
    let moved = post(&server, &anna, &path, json!({ "starts_at": MONDAY + HOUR })).await;
    let moved: BookingResult = moved.good();
    assert_eq!(moved.booking.payment_state, Some(Paid::Paid));
    assert_eq!(payment(&server, &anna, booked.payment_id.unwrap()).await.refunded, 0);
    act(&server, &coach, booked.id, "cancel").await.good::<BookingResult>();
    until(&server, &anna, &booked, State::Cancelled, Paid::Refunded).await;
    until_payment(&server, &anna, &booked, PaymentState::Refunded).await;
    // Let go of before anything was paid.
    let other = held(&server, &anna, &service, MONDAY + DAY).await;
    payment(&server, &anna, other.payment_id.unwrap()).await;
    act(&server, &anna, other.id, "cancel").await.good::<BookingResult>();
    until(&server, &anna, &other, State::Released, Paid::Cancelled).await;
    until_payment(&server, &anna, &other, PaymentState::Cancelled).await;
}

async fn a_payment_that_is_late_takes_the_time_again_or_goes_back(place: Place) {
    let server = place.node().await;
    let (_, service) = offering(&server, "coach", priced(false)).await;
    let (anna, ben) = (server.member("anna").await, server.member("ben").await);
    let free = held(&server, &anna, &service, MONDAY).await;
    let taken = held(&server, &anna, &service, MONDAY + HOUR).await;
    for of in [&free, &taken] {
        payment(&server, &anna, of.payment_id.unwrap()).await;
    }
    server.later(10 * MIN).await;
    until(&server, &anna, &free, State::Expired, Paid::Pending).await;
    until(&server, &anna, &taken, State::Expired, Paid::Pending).await;
    held(&server, &ben, &service, MONDAY + HOUR).await;
    pay(&server, &anna, &free, "pm_sandbox_ok").await;
    until(&server, &anna, &free, State::Confirmed, Paid::Paid).await;
    assert!(!monday(&server, &ben, &service).await.contains(&0));
    pay(&server, &anna, &taken, "pm_sandbox_ok").await;
    until(&server, &anna, &taken, State::Expired, Paid::Refunded).await;
    until_payment(&server, &anna, &taken, PaymentState::Refunded).await;
    assert_eq!(payment(&server, &anna, free.payment_id.unwrap()).await.refunded, 0);
}

#[tokio::test]
async fn money_is_held_until_the_coach_agrees() {
    let server = Place::embedded().node().await;
    let (coach, service) = offering(&server, "coach", priced(true)).await;
    let anna = server.member("anna").await;
    let (yes, no) = (
        held(&server, &anna, &service, MONDAY).await,
        held(&server, &anna, &service, MONDAY + HOUR).await,
    );
    for of in [&yes, &no] {
        pay(&server, &anna, of, "pm_sandbox_ok").await;
        until(&server, &anna, of, State::AwaitingCoach, Paid::Paid).await;
        until_payment(&server, &anna, of, PaymentState::Authorized).await;
    }
    act(&server, &coach, yes.id, "confirm").await.good::<BookingResult>();
    until_payment(&server, &anna, &yes, PaymentState::Succeeded).await;
    act(&server, &coach, no.id, "cancel").await.good::<BookingResult>();
    until_payment(&server, &anna, &no, PaymentState::Cancelled).await;
    assert_eq!(look(&server, &anna, no.id).await.state, State::Declined);
    let of_coach = heard(&server, &coach).await;
    assert!(!of_coach.contains(&"booking.held"), "{of_coach:?}");
}

//! The rules of the desk, by example and by chance.

mod days;
mod offers;
mod roles;
mod silence;
mod waits;

use super::*;
use proptest::prelude::*;
use protocol::limits::{DESK_OPEN_REQUESTS_MAX, OFFER_MS, TRANSFER_MS};
use protocol::support::Cause;
use protocol::{DeskId, RequestId, UserId};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

const MINUTE_MS: i64 = 60_000;

fn rules() -> Rules {
    Rules {
        max_wait_ms: 24 * 60 * MINUTE_MS,
        nudge_ms: 10 * MINUTE_MS,
        unanswered_ms: 5 * MINUTE_MS,
        warn_ms: 30 * MINUTE_MS,
        abandon_ms: 30 * MINUTE_MS,
    }
}

fn person(n: u128) -> Person {
    Person { id: UserId(Uuid::from_u128(n)), name: format!("person {n}") }
}

fn request_id(n: u128) -> RequestId {
    RequestId(Uuid::from_u128(n))
}

fn desk() -> Desk {
    Desk::new(DeskId(Uuid::nil()), "general".to_owned(), Vec::new(), rules())
}

fn new(n: u128) -> NewRequest {
    NewRequest {
        id: request_id(n),
        member: person(1_000 + n),
        subject: "a word".to_owned(),
        first_words: None,
        expertise: None,
        created_at: 0,
        preferred: None,
        crisis: false,
        fee: None,
        reopened_at: None,
        former_coach: None,
        former_summary: None,
        spared: Vec::new(),
        answered: Vec::new(),
    }
}

fn ask(n: u128) -> Input {
    Input::Enqueue(Box::new(new(n)))
}

fn claim(n: u128, coach: u128) -> Input {
    Input::Claim { request: request_id(n), coach: person(coach), choices: Choices::default() }
}

fn accept(n: u128, coach: u128) -> Input {
    Input::Accept { request: request_id(n), coach: person(coach) }
}

fn decline(n: u128, coach: u128) -> Input {
    Input::Decline { request: request_id(n), coach: person(coach).id }
}

fn transfer(n: u128, by: u128, to: Option<u128>) -> Input {
    let to = to.map(|to| person(to).id);
    Input::Transfer { request: request_id(n), by: person(by).id, to }
}

fn close(n: u128, by: u128) -> Input {
    Input::Close { request: request_id(n), by: person(by).id, summary: Some("well".to_owned()) }
}

fn cancel(n: u128) -> Input {
    Input::Cancel { request: request_id(n), member: person(1_000 + n).id }
}

fn choose(coach: u128, capacity: u32) -> Input {
    let choices = Choices { available: true, capacity, ..Choices::default() };
    Input::SetCoach { coach: person(coach), choices }
}

fn due() -> Input {
    Input::Due { words: Vec::new() }
}

fn forget(n: u128) -> Input {
    Input::Forget { request: request_id(n), reopened_at: None }
}

fn here(coaches: impl IntoIterator<Item = u128>) -> BTreeSet<UserId> {
    coaches.into_iter().map(|n| person(n).id).collect()
}

fn positions(desk: &Desk) -> Vec<RequestId> {
    desk.queue().map(|request| request.id).collect()
}

fn state(desk: &Desk, n: u128) -> State {
    desk.request(request_id(n)).unwrap().state
}

fn coach(desk: &Desk, n: u128) -> Option<UserId> {
    desk.request(request_id(n)).unwrap().coach.as_ref().map(|coach| coach.id)
}

fn offered(desk: &Desk, n: u128) -> Option<UserId> {
    desk.request(request_id(n)).unwrap().offered_to.as_ref().map(|coach| coach.id)
}

#[test]
fn every_state_answers_every_transition() {
    use State as S;
    use Transition as T;
    let transitions = [
        T::Pay,
        T::Offer,
        T::Claim,
        T::Return,
        T::Requeue,
        T::Transfer,
        T::TakeOver,
        T::Close,
        T::Abandon,
        T::Cancel,
        T::Expire,
        T::Reopen,
    ];
    let allowed = [
        (S::AwaitingPayment, T::Pay, S::Queued),
        (S::AwaitingPayment, T::Cancel, S::Cancelled),
        (S::Queued, T::Offer, S::Offered),
        (S::Queued, T::Claim, S::Active),
        (S::Queued, T::Cancel, S::Cancelled),
        (S::Queued, T::Expire, S::Expired),
        (S::Offered, T::Claim, S::Active),
        (S::Offered, T::Return, S::Queued),
        (S::Offered, T::Cancel, S::Cancelled),
        (S::Active, T::Requeue, S::Queued),
        (S::Active, T::Transfer, S::Transferring),
        (S::Active, T::Close, S::Closed),
        (S::Active, T::Abandon, S::Abandoned),
        (S::Transferring, T::TakeOver, S::Active),
        (S::Transferring, T::Return, S::Active),
        (S::Closed, T::Reopen, S::Queued),
        (S::Abandoned, T::Reopen, S::Queued),
    ];
    for state in S::ALL {
        for transition in transitions {
            let expected = allowed.iter().find(|(s, t, _)| (*s, *t) == (state, transition));
            let expected = expected.map(|(_, _, next)| *next);
            assert_eq!(state.next(transition), expected, "{state:?} {transition:?}");
        }
    }
}

#[test]
fn one_coach_wins_and_the_other_learns_who() {
    let mut desk = desk();
    desk.apply(&ask(1), 0).unwrap();
    desk.apply(&claim(1, 50), 5).unwrap();
    assert_eq!(desk.apply(&claim(1, 51), 6), Err(Refusal::AlreadyClaimed(person(50))));
    assert_eq!(desk.apply(&claim(1, 50), 6), Ok(Vec::new()), "again by the owner");
}

#[test]
fn capacity_is_kept_and_frees_up() {
    let mut desk = desk();
    for n in 1..=5 {
        desk.apply(&ask(n), 0).unwrap();
    }
    for n in 1..=u128::from(COACH_CAPACITY_DEFAULT) {
        desk.apply(&claim(n, 50), 0).unwrap();
    }
    assert_eq!(desk.apply(&claim(5, 50), 0), Err(Refusal::NoCapacity));
    desk.apply(&close(1, 50), 0).unwrap();
    assert!(desk.apply(&claim(5, 50), 0).is_ok());
}

#[test]
fn only_a_serving_coach_who_is_not_the_member_claims() {
    let mut desk = desk();
    desk.apply(&ask(1), 0).unwrap();
    assert_eq!(desk.apply(&claim(1, 1_001), 0), Err(Refusal::OwnRequest));
    let choices = Choices { serves: false, ..Choices::default() };
    desk.apply(&Input::SetCoach { coach: person(50), choices }, 0).unwrap();
    assert_eq!(desk.apply(&claim(1, 50), 0), Err(Refusal::NotServing));
}

#[test]
fn asking_again_keeps_the_place() {
    let mut desk = desk();
    for n in [1, 2, 1] {
        desk.apply(&ask(n), 0).unwrap();
    }
    assert_eq!(positions(&desk), [request_id(1), request_id(2)]);
    assert_eq!(desk.position(request_id(2)), Some(2));
}

#[test]
fn cancel_is_for_the_member_and_only_while_waiting() {
    let mut desk = desk();
    desk.apply(&ask(1), 0).unwrap();
    let other = Input::Cancel { request: request_id(1), member: person(7).id };
    assert_eq!(desk.apply(&other, 0), Err(Refusal::NoSuchRequest));
    desk.apply(&claim(1, 50), 0).unwrap();
    assert_eq!(desk.apply(&cancel(1), 0), Err(Refusal::Answered));
}

#[test]
fn close_is_for_the_two_and_only_while_answered_and_the_summary_is_the_coachs() {
    let mut desk = desk();
    desk.apply(&ask(1), 0).unwrap();
    assert_eq!(desk.apply(&close(1, 1_001), 0), Err(Refusal::NotAnswered));
    desk.apply(&claim(1, 50), 0).unwrap();
    assert_eq!(desk.apply(&close(1, 51), 0), Err(Refusal::NotYours));
    let happened = desk.apply(&close(1, 1_001), 3).unwrap();
    let Some(Happening::Closed(request)) = happened.last() else { panic!("{happened:?}") };
    assert_eq!((request.summary.as_deref(), request.ended_at), (None, Some(3)));
}

#[test]
fn a_dropped_coach_has_a_grace_and_then_all_are_back_at_the_front_in_order() {
    let mut desk = desk();
    for n in 1..=4 {
        desk.apply(&ask(n), 0).unwrap();
    }
    desk.apply(&claim(2, 50), 0).unwrap();
    desk.apply(&claim(1, 50), 0).unwrap();
    let gone = Input::CoachGone { coach: person(50).id, until: 60 };
    assert_eq!(desk.apply(&gone, 0).unwrap().len(), 1);
    let over = Input::GraceOver { coach: person(50).id };
    assert_eq!(desk.apply(&over, 59), Ok(Vec::new()), "too early");
    desk.apply(&over, 60).unwrap();
    assert_eq!(positions(&desk), [1, 2, 3, 4].map(request_id));
    assert_eq!(desk.load(person(50).id), 0);
}

#[test]
fn a_coach_who_comes_back_in_time_keeps_everybody() {
    let mut desk = desk();
    desk.apply(&ask(1), 0).unwrap();
    desk.apply(&claim(1, 50), 0).unwrap();
    desk.apply(&Input::CoachGone { coach: person(50).id, until: 60 }, 0).unwrap();
    desk.apply(&Input::CoachBack { coach: person(50).id }, 30).unwrap();
    assert_eq!(desk.apply(&Input::GraceOver { coach: person(50).id }, 60), Ok(Vec::new()));
    assert_eq!(desk.load(person(50).id), 1);
}

#[test]
fn a_full_desk_takes_nobody_more() {
    let mut desk = desk();
    for n in 0..DESK_OPEN_REQUESTS_MAX as u128 {
        desk.apply(&ask(n), 0).unwrap();
    }
    assert_eq!(desk.apply(&ask(1 << 64), 0), Err(Refusal::Full));
}

#[test]
fn a_closed_desk_takes_nobody_new_and_finishes_those_it_has() {
    let mut desk = desk();
    desk.apply(&ask(1), 0).unwrap();
    let shut = Input::SetDesk { name: None, topics: None, open: Some(false) };
    assert_eq!(desk.apply(&shut, 0), Ok(vec![Happening::DeskChanged]));
    assert_eq!(desk.apply(&shut, 0), Ok(Vec::new()));
    assert_eq!(desk.apply(&ask(2), 0), Err(Refusal::DeskClosed));
    assert_eq!(desk.apply(&ask(1), 0), Ok(Vec::new()), "asked before");
    desk.apply(&claim(1, 50), 0).unwrap();
    desk.apply(&close(1, 50), 0).unwrap();
}

#[test]
fn what_ended_does_not_come_back_and_is_forgotten_once_it_may_be() {
    let mut desk = desk();
    desk.apply(&ask(1), 0).unwrap();
    assert_eq!(desk.apply(&forget(1), 0), Ok(Vec::new()), "still open");
    desk.apply(&cancel(1), 0).unwrap();
    assert_eq!(desk.apply(&ask(1), 0), Ok(Vec::new()));
    assert_eq!(desk.apply(&claim(1, 50), 0), Err(Refusal::Over));
    assert_eq!(desk.apply(&cancel(1), 0), Err(Refusal::Over));
    assert_eq!(desk.apply(&close(1, 1_001), 0), Err(Refusal::Over));
    assert_eq!(desk.apply(&forget(1), 0), Ok(vec![Happening::Forgotten(request_id(1))]));
    assert_eq!(desk.apply(&claim(1, 50), 0), Err(Refusal::NoSuchRequest));
}

#[test]
fn opened_again_it_is_a_new_life_in_which_late_words_of_the_old_one_count_nothing() {
    let mut desk = desk();
    desk.apply(&ask(1), 0).unwrap();
    desk.apply(&claim(1, 50), 0).unwrap();
    desk.apply(&close(1, 50), 10).unwrap();
    let again = NewRequest {
        reopened_at: Some(11),
        former_coach: Some(person(50)),
        former_summary: None,
        preferred: Some(person(50).id),
        ..new(1)
    };
    desk.apply(&ask(2), 12).unwrap();
    // The desk may still have it, or may have forgotten it.
    let mut forgot = desk.clone();
    forgot.apply(&forget(1), 12).unwrap();
    for desk in [&mut desk, &mut forgot] {
        let happened = desk.apply(&Input::Enqueue(Box::new(again.clone())), 20).unwrap();
        assert!(matches!(&happened[..], [Happening::Reopened { former: Some(_), .. }]));
        assert_eq!(positions(desk), [2, 1].map(request_id), "behind those who wait");
        assert_eq!(desk.apply(&forget(1), 21), Ok(Vec::new()));
        assert_eq!(desk.apply(&ask(1), 21), Ok(Vec::new()));
        desk.apply(&cancel(1), 22).unwrap();
        assert_eq!(desk.apply(&forget(1), 22), Ok(Vec::new()), "that of the old life");
    }
    desk.apply(&cancel(2), 23).unwrap();
    let cancelled = NewRequest { reopened_at: Some(99), ..new(2) };
    assert_eq!(desk.apply(&Input::Enqueue(Box::new(cancelled)), 30), Err(Refusal::Over));
}

#[test]
fn a_fee_comes_first_and_without_it_nobody_waits() {
    let fee = Fee { amount: 500, currency: "eur".to_owned(), state: FeeState::Asked };
    let paying = |n| Input::Enqueue(Box::new(NewRequest { fee: Some(fee.clone()), ..new(n) }));
    let paid = |n, authorised| Input::Paid { request: request_id(n), authorised };
    let mut desk = desk();
    for n in 1..=3 {
        desk.apply(&paying(n), 0).unwrap();
        assert_eq!(state(&desk, n), State::AwaitingPayment);
    }
    desk.apply(&ask(4), 0).unwrap();
    assert_eq!(desk.apply(&claim(1, 50), 0), Err(Refusal::Unpaid));
    desk.apply(&paid(1, true), 5).unwrap();
    assert_eq!(desk.apply(&paid(1, true), 6), Ok(Vec::new()));
    assert_eq!(positions(&desk), [4, 1].map(request_id), "behind those who asked meanwhile");
    desk.apply(&paid(2, false), 5).unwrap();
    assert_eq!(state(&desk, 2), State::Cancelled);
    // Nobody waits for ever for money.
    let late = protocol::limits::PAYMENT_MS;
    assert_eq!(desk.apply(&due(), late - 1), Ok(Vec::new()));
    desk.apply(&due(), late).unwrap();
    assert_eq!((state(&desk, 3), state(&desk, 1)), (State::Cancelled, State::Queued));
    assert_eq!(desk.apply(&paid(3, true), late), Ok(Vec::new()), "and does not come back");
}

#[test]
fn an_emergency_goes_before_all_that_are_none_in_the_order_in_which_it_was_said() {
    let mut desk = desk();
    for n in 1..=3 {
        desk.apply(&ask(n), 0).unwrap();
    }
    desk.apply(&Input::Enqueue(Box::new(NewRequest { crisis: true, ..new(4) })), 0).unwrap();
    desk.apply(&Input::Raise { request: request_id(3) }, 0).unwrap();
    assert_eq!(desk.apply(&Input::Raise { request: request_id(3) }, 0), Ok(Vec::new()));
    assert_eq!(positions(&desk), [3, 4, 1, 2].map(request_id));
    assert_eq!(desk.position(request_id(1)), Some(3));
    desk.apply(&claim(2, 50), 0).unwrap();
    assert_eq!(desk.apply(&Input::Raise { request: request_id(2) }, 0), Ok(Vec::new()));
}

#[test]
fn nobody_waits_longer_than_is_allowed() {
    let mut desk = desk();
    desk.apply(&ask(1), 0).unwrap();
    let end = rules().max_wait_ms;
    assert_eq!(desk.first_deadline(), Some(end));
    assert_eq!(desk.apply(&due(), end - 1), Ok(Vec::new()));
    let happened = desk.apply(&due(), end).unwrap();
    assert!(matches!(&happened[..], [Happening::Expired(_)]));
    assert_eq!(state(&desk, 1), State::Expired);
}

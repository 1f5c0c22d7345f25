//! The rules of the desk, by example and by chance.

use super::*;
use proptest::prelude::*;
use uuid::Uuid;

fn person(n: u128) -> Person {
    Person { id: UserId(Uuid::from_u128(n)), name: format!("person {n}") }
}

fn request_id(n: u128) -> RequestId {
    RequestId(Uuid::from_u128(n))
}

fn desk() -> Desk {
    Desk {
        id: DeskId(Uuid::nil()),
        name: "general".to_owned(),
        topics: Vec::new(),
        open: true,
        requests: BTreeMap::new(),
        coaches: BTreeMap::new(),
    }
}

fn ask(n: u128) -> Input {
    Input::Enqueue(NewRequest {
        id: request_id(n),
        member: person(1_000 + n),
        subject: "a word".to_owned(),
        first_words: None,
        expertise: None,
        created_at: 0,
    })
}

fn claim(n: u128, coach: u128) -> Input {
    Input::Claim { request: request_id(n), coach: person(coach), choices: Choices::default() }
}

fn close(n: u128, by: u128) -> Input {
    Input::Close { request: request_id(n), by: person(by).id, summary: Some("well".to_owned()) }
}

fn cancel(n: u128) -> Input {
    Input::Cancel { request: request_id(n), member: person(1_000 + n).id }
}

fn positions(desk: &Desk) -> Vec<RequestId> {
    desk.queue().iter().map(|request| request.id).collect()
}

#[test]
fn every_state_answers_every_transition() {
    use State::{Active, Cancelled, Closed, Queued};
    let transitions =
        [Transition::Claim, Transition::Requeue, Transition::Close, Transition::Cancel];
    let table = [
        (Queued, [Some(Active), None, None, Some(Cancelled)]),
        (Active, [None, Some(Queued), Some(Closed), None]),
        (Closed, [None; 4]),
        (Cancelled, [None; 4]),
    ];
    for (state, expected) in table {
        for (transition, expected) in transitions.into_iter().zip(expected) {
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
    assert_eq!(desk.apply(&claim(9, 51), 0), Err(Refusal::NoSuchRequest));
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
fn what_ended_does_not_come_back_and_is_forgotten_once_it_may_be() {
    let mut desk = desk();
    desk.apply(&ask(1), 0).unwrap();
    let forget = Input::Forget { request: request_id(1) };
    assert_eq!(desk.apply(&forget, 0), Ok(Vec::new()), "still open");
    desk.apply(&cancel(1), 0).unwrap();
    assert_eq!(desk.apply(&ask(1), 0), Ok(Vec::new()));
    assert_eq!(desk.apply(&claim(1, 50), 0), Err(Refusal::Over));
    assert_eq!(desk.apply(&cancel(1), 0), Err(Refusal::Over));
    assert_eq!(desk.apply(&close(1, 1_001), 0), Err(Refusal::Over));
    assert_eq!(desk.apply(&forget, 0), Ok(vec![Happening::Forgotten(request_id(1))]));
    assert_eq!(desk.apply(&claim(1, 50), 0), Err(Refusal::NoSuchRequest));
}

#[derive(Debug, Clone)]
enum Step {
    Ask(u128),
    Claim(u128, u128),
    Close(u128, u128),
    Cancel(u128),
    Gone(u128),
    Back(u128),
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let request = 0..12_u128;
    let coach = 50..54_u128;
    let step = prop_oneof![
        request.clone().prop_map(Step::Ask),
        (request.clone(), coach.clone()).prop_map(|(r, c)| Step::Claim(r, c)),
        (request.clone(), coach.clone()).prop_map(|(r, c)| Step::Close(r, c)),
        request.prop_map(Step::Cancel),
        coach.clone().prop_map(Step::Gone),
        coach.prop_map(Step::Back),
        (1..90_i64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    /// Whatever people and deadlines do: nobody is forgotten, nobody has two coaches, nobody
    /// has more than fits, and those who wait keep their order.
    #[test]
    fn random_days_keep_the_invariants(steps in steps()) {
        let mut desk = desk();
        let mut now = 0;
        let mut open = std::collections::BTreeSet::new();
        for step in steps {
            let before = positions(&desk);
            let input = match step {
                Step::Ask(n) => ask(n),
                Step::Claim(n, c) => claim(n, c),
                Step::Close(n, c) => close(n, c),
                Step::Cancel(n) => cancel(n),
                Step::Gone(c) => Input::CoachGone { coach: person(c).id, until: now + 60 },
                Step::Back(c) => Input::CoachBack { coach: person(c).id },
                Step::Wait(ms) => {
                    now += ms;
                    for c in 50..54 {
                        desk.apply(&Input::GraceOver { coach: person(c).id }, now).unwrap();
                    }
                    continue;
                }
            };
            let unchanged = desk.clone();
            match desk.apply(&input, now) {
                Err(_) => prop_assert_eq!(&desk, &unchanged),
                Ok(happened) => {
                    for happening in happened {
                        match happening {
                            Happening::Queued(r) => { open.insert(r.id); }
                            Happening::Closed(r) | Happening::Cancelled(r) => { open.remove(&r.id); }
                            _ => {}
                        }
                    }
                }
            }
            let on_desk: std::collections::BTreeSet<_> =
                desk.requests.values().filter(|r| r.state.is_open()).map(|r| r.id).collect();
            prop_assert_eq!(&on_desk, &open, "nobody is forgotten");
            for coach in desk.coaches.values() {
                prop_assert!(desk.load(coach.person.id) <= coach.choices.capacity);
            }
            for request in desk.requests.values() {
                let answered = matches!(request.state, State::Active | State::Closed);
                prop_assert_eq!(request.coach.is_some(), answered);
            }
            let after = positions(&desk);
            let kept: Vec<_> = before.iter().filter(|id| after.contains(id)).collect();
            let same: Vec<_> = after.iter().filter(|id| before.contains(id)).collect();
            prop_assert_eq!(kept, same, "those who wait keep their order");
        }
    }
}

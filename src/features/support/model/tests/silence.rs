//! Silence of either side.

use super::*;

fn look(n: u128, by: Side, at: i64) -> Input {
    let last = Some(LastWord { by, at });
    Input::Due { words: vec![(request_id(n), Words { last, coach_spoke: true })] }
}

fn talking() -> Desk {
    let mut desk = desk();
    desk.apply(&ask(1), 0).unwrap();
    desk.apply(&ask(2), 0).unwrap();
    desk.apply(&claim(1, 50), 0).unwrap();
    desk
}

fn warned(happened: &[Happening]) -> Option<(UserId, i64)> {
    happened.iter().find_map(|happening| match happening {
        Happening::Warned { whom, until, .. } => Some((*whom, *until)),
        _ => None,
    })
}

#[test]
fn a_coach_who_does_not_answer_is_nudged_and_then_loses_the_member_to_the_front() {
    let mut desk = talking();
    assert_eq!(desk.first_deadline(), Some(10 * MINUTE_MS));
    let (at, nudge) = (3 * MINUTE_MS, 13 * MINUTE_MS);
    desk.apply(&look(1, Side::Member, at), 10 * MINUTE_MS).unwrap();
    assert_eq!(desk.first_deadline(), Some(nudge), "counted from the message");
    let happened = desk.apply(&look(1, Side::Member, at), nudge).unwrap();
    assert_eq!(warned(&happened), Some((person(50).id, nudge + 5 * MINUTE_MS)));
    let end = nudge + 5 * MINUTE_MS;
    assert_eq!(desk.first_deadline(), Some(end));
    let happened = desk.apply(&look(1, Side::Member, at), end).unwrap();
    assert!(matches!(happened.last(), Some(Happening::Requeued { cause: Cause::Unanswered, .. })));
    assert_eq!(positions(&desk), [1, 2].map(request_id));
    desk.apply(&choose(50, 2), end).unwrap();
    desk.offer(&here([50]), end);
    assert_eq!((offered(&desk, 1), offered(&desk, 2)), (None, Some(person(50).id)));
}

#[test]
fn a_word_after_the_nudge_is_enough() {
    let mut desk = talking();
    desk.apply(&look(1, Side::Member, 0), 10 * MINUTE_MS).unwrap();
    desk.apply(&look(1, Side::Coach, 12 * MINUTE_MS), 15 * MINUTE_MS).unwrap();
    assert_eq!(state(&desk, 1), State::Active);
    assert_eq!(desk.first_deadline(), Some(42 * MINUTE_MS));
    // And the same coach is nudged anew for the next silence.
    let happened = desk.apply(&look(1, Side::Member, 20 * MINUTE_MS), 42 * MINUTE_MS).unwrap();
    assert_eq!(warned(&happened), Some((person(50).id, 47 * MINUTE_MS)));
}

#[test]
fn a_member_who_is_silent_is_warned_and_then_the_request_is_abandoned() {
    let mut desk = talking();
    let at = 5 * MINUTE_MS;
    desk.apply(&look(1, Side::Coach, at), 10 * MINUTE_MS).unwrap();
    let happened = desk.apply(&look(1, Side::Coach, at), at + 30 * MINUTE_MS).unwrap();
    let until = at + 60 * MINUTE_MS;
    assert_eq!(warned(&happened), Some((person(1_001).id, until)));
    desk.apply(&look(1, Side::Coach, at), until).unwrap();
    assert_eq!(state(&desk, 1), State::Abandoned);
    assert_eq!(desk.load(person(50).id), 0);
}

#[test]
fn a_coach_without_a_word_owes_one_and_a_new_coach_has_the_whole_time() {
    let mut desk = talking();
    let silent = Input::Due { words: vec![(request_id(1), Words::default())] };
    let happened = desk.apply(&silent, 10 * MINUTE_MS).unwrap();
    assert_eq!(warned(&happened).map(|(whom, _)| whom), Some(person(50).id));
    desk.apply(&choose(51, 1), 0).unwrap();
    desk.apply(&transfer(1, 50, Some(51)), 11 * MINUTE_MS).unwrap();
    desk.apply(&accept(1, 51), 12 * MINUTE_MS - 1).unwrap();
    desk.apply(&look(1, Side::Member, 0), 21 * MINUTE_MS).unwrap();
    assert_eq!(coach(&desk, 1), Some(person(51).id));
    let happened = desk.apply(&look(1, Side::Member, 0), 22 * MINUTE_MS - 1).unwrap();
    assert_eq!(warned(&happened).map(|(whom, _)| whom), Some(person(51).id));
}

#[test]
fn what_was_not_looked_at_stays_due() {
    let mut desk = talking();
    assert_eq!(desk.apply(&due(), 60 * MINUTE_MS), Ok(Vec::new()));
    assert_eq!(desk.first_deadline(), Some(10 * MINUTE_MS));
    assert_eq!(desk.overdue(60 * MINUTE_MS).count(), 1);
}

#[test]
fn a_fee_is_due_with_the_first_reply() {
    let fee = Fee { amount: 500, currency: "eur".to_owned(), state: FeeState::Asked };
    let mut desk = desk();
    desk.apply(&Input::Enqueue(NewRequest { fee: Some(fee), ..new(1) }), 0).unwrap();
    desk.apply(&Input::Paid { request: request_id(1), authorised: true }, 0).unwrap();
    desk.apply(&claim(1, 50), 0).unwrap();
    let at = desk.first_deadline().unwrap();
    assert!(at < MINUTE_MS);
    let silent = Input::Due { words: vec![(request_id(1), Words::default())] };
    let happened = desk.apply(&silent, at).unwrap();
    assert!(matches!(&happened[..], [Happening::Looked(_)]));
    let happened = desk.apply(&look(1, Side::Coach, at), 2 * at).unwrap();
    assert!(matches!(&happened[..], [Happening::Earned(_), Happening::Looked(_)]));
    let happened = desk.apply(&look(1, Side::Coach, at), at + 30 * MINUTE_MS).unwrap();
    assert!(matches!(&happened[..], [Happening::Warned { .. }]), "once");
}

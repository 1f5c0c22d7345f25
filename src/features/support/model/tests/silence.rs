//! Silence of either side.

use super::*;

/// The coach said the last word then.
fn answered(n: u128, coach: u128, at: i64) -> Input {
    let words = Words { coach: Some((person(coach).id, at)), unanswered_at: None };
    Input::Due { words: vec![(request_id(n), words)] }
}

/// And the member wrote since that other time.
fn waits(n: u128, coach: u128, at: i64, since: i64) -> Input {
    let words = Words { coach: Some((person(coach).id, at)), unanswered_at: Some(since) };
    Input::Due { words: vec![(request_id(n), words)] }
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
    desk.apply(&waits(1, 50, 1, at), 10 * MINUTE_MS).unwrap();
    assert_eq!(desk.first_deadline(), Some(nudge), "counted from the message");
    let happened = desk.apply(&waits(1, 50, 1, at), nudge).unwrap();
    assert_eq!(warned(&happened), Some((person(50).id, nudge + 5 * MINUTE_MS)));
    let end = nudge + 5 * MINUTE_MS;
    assert_eq!(desk.first_deadline(), Some(end));
    let happened = desk.apply(&waits(1, 50, 1, at), end).unwrap();
    assert!(matches!(happened.last(), Some(Happening::Requeued { cause: Cause::Unanswered, .. })));
    assert_eq!(positions(&desk), [1, 2].map(request_id));
    desk.apply(&choose(50, 2), end).unwrap();
    desk.offer(&here([50]), end);
    assert_eq!((offered(&desk, 1), offered(&desk, 2)), (None, Some(person(50).id)));
}

#[test]
fn a_word_after_the_nudge_is_enough() {
    let mut desk = talking();
    desk.apply(&waits(1, 50, 0, 0), 10 * MINUTE_MS).unwrap();
    let word_at = 12 * MINUTE_MS;
    desk.apply(&answered(1, 50, word_at), 15 * MINUTE_MS).unwrap();
    assert_eq!(state(&desk, 1), State::Active);
    assert_eq!(desk.first_deadline(), Some(25 * MINUTE_MS), "the member may write at any time");
    // And the same coach is nudged anew for the next silence.
    let next = waits(1, 50, word_at, 20 * MINUTE_MS);
    assert_eq!(warned(&desk.apply(&next, 25 * MINUTE_MS).unwrap()), None);
    assert_eq!(desk.first_deadline(), Some(30 * MINUTE_MS));
    let happened = desk.apply(&next, 30 * MINUTE_MS).unwrap();
    assert_eq!(warned(&happened), Some((person(50).id, 35 * MINUTE_MS)));
}

#[test]
fn a_member_who_is_silent_is_warned_and_then_the_request_is_abandoned() {
    let mut desk = talking();
    let at = 5 * MINUTE_MS;
    desk.apply(&answered(1, 50, at), 10 * MINUTE_MS).unwrap();
    let happened = desk.apply(&answered(1, 50, at), at + 30 * MINUTE_MS).unwrap();
    let until = at + 60 * MINUTE_MS;
    assert_eq!(warned(&happened), Some((person(1_001).id, until)));
    desk.apply(&answered(1, 50, at), until).unwrap();
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
    desk.apply(&waits(1, 50, 0, 0), 21 * MINUTE_MS).unwrap();
    assert_eq!(coach(&desk, 1), Some(person(51).id));
    let happened = desk.apply(&waits(1, 50, 0, 0), 22 * MINUTE_MS - 1).unwrap();
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
    desk.apply(&Input::Enqueue(Box::new(NewRequest { fee: Some(fee), ..new(1) })), 0).unwrap();
    desk.apply(&Input::Paid { request: request_id(1), authorised: true }, 0).unwrap();
    desk.apply(&claim(1, 50), 0).unwrap();
    let at = desk.first_deadline().unwrap();
    assert!(at < MINUTE_MS);
    let silent = Input::Due { words: vec![(request_id(1), Words::default())] };
    let happened = desk.apply(&silent, at).unwrap();
    assert!(matches!(&happened[..], [Happening::Looked(_)]));
    let happened = desk.apply(&answered(1, 50, at), 2 * at).unwrap();
    assert!(matches!(&happened[..], [Happening::Earned(_), Happening::Looked(_)]));
    let happened = desk.apply(&answered(1, 50, at), at + 30 * MINUTE_MS).unwrap();
    assert!(matches!(&happened[..], [Happening::Warned { .. }]), "once");
}

#[test]
fn a_word_of_before_is_none_of_this_coachs() {
    let mut desk = desk();
    desk.apply(&ask(1), 0).unwrap();
    desk.apply(&claim(1, 50), 20 * MINUTE_MS).unwrap();
    let claimed_at = 20 * MINUTE_MS;
    let due_at = claimed_at + 10 * MINUTE_MS;
    // Of a former coach, of an earlier life, and with words of the member after it.
    for words in [
        answered(1, 51, claimed_at),
        answered(1, 50, claimed_at - 1),
        waits(1, 50, claimed_at - 1, claimed_at + 9 * MINUTE_MS),
    ] {
        let mut desk = desk.clone();
        let happened = desk.apply(&words, due_at).unwrap();
        assert_eq!(warned(&happened), Some((person(50).id, due_at + 5 * MINUTE_MS)));
    }
    let happened = desk.apply(&answered(1, 50, claimed_at), due_at).unwrap();
    assert_eq!(warned(&happened), None);
}

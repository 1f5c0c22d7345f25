//! Coaches who are none any more, and are again.

use super::*;

fn dismiss(coach: u128) -> Input {
    Input::Dismiss { coach: person(coach) }
}

fn reinstate(coach: u128) -> Input {
    Input::Reinstate { coach: person(coach).id }
}

fn requeued(happened: &[Happening]) -> Vec<RequestId> {
    let requeued = happened.iter().filter_map(|happening| match happening {
        Happening::Requeued { request, cause: Cause::CoachGone, .. } => Some(request.id),
        _ => None,
    });
    requeued.collect()
}

#[test]
fn a_dismissed_coach_gives_everything_back_at_once_and_is_offered_nothing() {
    let mut desk = desk();
    desk.apply(&choose(50, 4), 0).unwrap();
    desk.apply(&choose(51, 4), 0).unwrap();
    for n in 1..=5 {
        desk.apply(&ask(n), 0).unwrap();
    }
    desk.apply(&claim(2, 50), 0).unwrap();
    desk.apply(&claim(1, 50), 0).unwrap();
    desk.apply(&claim(3, 51), 0).unwrap();
    desk.apply(&transfer(3, 51, Some(50)), 0).unwrap();
    desk.apply(&transfer(2, 50, Some(51)), 0).unwrap();
    desk.offer(&here([50]), 0);
    assert_eq!(offered(&desk, 4), Some(person(50).id));
    let happened = desk.apply(&dismiss(50), 1).unwrap();
    assert_eq!(requeued(&happened), [2, 1].map(request_id));
    assert_eq!(positions(&desk), [1, 2, 4, 5].map(request_id), "in the order in which they asked");
    assert_eq!((state(&desk, 3), coach(&desk, 3)), (State::Active, Some(person(51).id)));
    assert_eq!([50, 51].map(|n| desk.load(person(n).id)), [0, 1]);
    assert_eq!(desk.offer(&here([50]), 1), Vec::new());
    assert_eq!(desk.apply(&claim(1, 50), 1), Err(Refusal::NotServing));
    assert_eq!(desk.apply(&accept(4, 50), 1), Err(Refusal::NotOffered));
    assert_eq!(desk.apply(&transfer(3, 51, Some(50)), 1), Err(Refusal::NoSuchCoach));
    let again = desk.apply(&dismiss(50), 2).unwrap();
    assert_eq!(again, [Happening::CoachChanged(person(50).id)], "so already");
}

#[test]
fn neither_a_return_nor_the_end_of_a_grace_undoes_a_dismissal() {
    let mut desk = desk();
    desk.apply(&ask(1), 0).unwrap();
    desk.apply(&claim(1, 50), 0).unwrap();
    desk.apply(&Input::CoachGone { coach: person(50).id, until: 60 }, 0).unwrap();
    desk.apply(&dismiss(50), 1).unwrap();
    for input in
        [Input::CoachBack { coach: person(50).id }, Input::GraceOver { coach: person(50).id }]
    {
        assert_eq!(desk.apply(&input, 60), Ok(Vec::new()));
    }
    assert_eq!((state(&desk, 1), coach(&desk, 1)), (State::Queued, None));
}

#[test]
fn whom_the_desk_did_not_know_can_be_dismissed() {
    let mut desk = desk();
    desk.apply(&ask(1), 0).unwrap();
    desk.apply(&dismiss(50), 0).unwrap();
    assert_eq!(desk.apply(&claim(1, 50), 0), Err(Refusal::NotServing));
}

#[test]
fn who_is_a_coach_again_is_one_who_has_chosen_nothing() {
    let mut desk = desk();
    desk.apply(&choose(50, 4), 0).unwrap();
    desk.apply(&ask(1), 0).unwrap();
    assert_eq!(desk.apply(&reinstate(50), 0), Ok(Vec::new()), "was not dismissed");
    desk.apply(&dismiss(50), 0).unwrap();
    desk.apply(&reinstate(50), 0).unwrap();
    assert_eq!(desk.apply(&reinstate(50), 0), Ok(Vec::new()));
    assert_eq!(desk.offer(&here([50]), 0), Vec::new(), "takes no offers");
    desk.apply(&claim(1, 50), 0).unwrap();
}

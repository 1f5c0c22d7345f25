//! Offers and hand-overs.

use super::*;

/// A desk with these coaches, a place each, who are here.
fn served(coaches: impl IntoIterator<Item = u128>) -> Desk {
    let mut desk = desk();
    for n in coaches {
        desk.apply(&choose(n, 1), 0).unwrap();
    }
    desk
}

#[test]
fn the_oldest_is_offered_first_and_only_to_those_who_are_here_and_free() {
    let mut desk = served([50, 51]);
    for n in 1..=3 {
        desk.apply(&ask(n), 0).unwrap();
    }
    assert_eq!(desk.offer(&here([]), 0), Vec::new());
    assert_eq!(desk.offer(&here([51]), 0).len(), 2);
    assert_eq!((state(&desk, 1), offered(&desk, 1)), (State::Offered, Some(person(51).id)));
    assert_eq!(state(&desk, 2), State::Queued);
    assert_eq!(positions(&desk), [1, 2, 3].map(request_id), "the place is kept");
    assert_eq!(desk.load(person(51).id), 1, "an offer takes a place");
    desk.apply(&accept(1, 51), 5).unwrap();
    assert_eq!((state(&desk, 1), coach(&desk, 1)), (State::Active, Some(person(51).id)));
    assert_eq!(desk.offer(&here([51]), 0), Vec::new());
}

#[test]
fn declined_or_timed_out_it_is_back_in_its_old_place_and_not_offered_to_the_same_coach_again() {
    let mut desk = served([50, 51]);
    for n in 1..=2 {
        desk.apply(&ask(n), 0).unwrap();
    }
    desk.offer(&here([50]), 0);
    let happened = desk.apply(&decline(1, 50), 1).unwrap();
    assert!(matches!(happened.last(), Some(Happening::Returned { cause: Cause::Declined, .. })));
    assert_eq!(desk.apply(&decline(1, 50), 1), Ok(Vec::new()), "said twice");
    desk.offer(&here([50]), 2);
    assert_eq!((state(&desk, 1), offered(&desk, 2)), (State::Queued, Some(person(50).id)));
    assert_eq!(desk.apply(&due(), 2 + OFFER_MS - 1), Ok(Vec::new()));
    desk.apply(&due(), 2 + OFFER_MS).unwrap();
    assert_eq!(positions(&desk), [1, 2].map(request_id));
    assert_eq!(desk.offer(&here([50]), 40_000), Vec::new());
    assert_eq!(desk.apply(&accept(1, 50), 40_000), Err(Refusal::NotOffered));
    desk.apply(&claim(1, 50), 40_000).unwrap();
    desk.offer(&here([51]), 40_000);
    assert_eq!(offered(&desk, 2), Some(person(51).id));
}

#[test]
fn expertise_counts_more_than_preference_and_both_more_than_room() {
    let mut desk = served([50]);
    let knows = Choices {
        available: true,
        knows: vec!["Sleep".to_owned()],
        capacity: 2,
        ..Choices::default()
    };
    desk.apply(&Input::SetCoach { coach: person(51), choices: knows }, 0).unwrap();
    desk.apply(&choose(52, 9), 0).unwrap();
    let preferred = Some(person(50).id);
    let both = NewRequest { expertise: Some("sleep".to_owned()), preferred, ..new(1) };
    desk.apply(&Input::Enqueue(Box::new(both)), 0).unwrap();
    desk.apply(&Input::Enqueue(Box::new(NewRequest { preferred, ..new(2) })), 0).unwrap();
    desk.apply(&ask(3), 0).unwrap();
    desk.offer(&here([50, 51, 52]), 0);
    let to = [1, 2, 3].map(|n| offered(&desk, n));
    assert_eq!(to, [51, 50, 52].map(|n| Some(person(n).id)));
}

#[test]
fn a_request_that_is_opened_again_goes_to_the_old_coach_if_free() {
    let mut desk = served([50]);
    let knows = Choices { available: true, knows: vec!["sleep".to_owned()], ..Choices::default() };
    desk.apply(&Input::SetCoach { coach: person(51), choices: knows }, 0).unwrap();
    let again = NewRequest {
        expertise: Some("sleep".to_owned()),
        preferred: Some(person(50).id),
        reopened_at: Some(5),
        ..new(1)
    };
    desk.apply(&Input::Enqueue(Box::new(again)), 6).unwrap();
    desk.offer(&here([50, 51]), 6);
    assert_eq!(offered(&desk, 1), Some(person(50).id));
}

#[test]
fn a_coach_who_drops_or_pauses_gives_offers_back_at_once() {
    for leaves in [true, false] {
        let mut desk = served([50]);
        for n in 1..=2 {
            desk.apply(&ask(n), 0).unwrap();
        }
        desk.offer(&here([50]), 0);
        let coach = person(50).id;
        let input = if leaves {
            Input::CoachGone { coach, until: 60 }
        } else {
            let choices = Choices { capacity: 1, ..Choices::default() };
            Input::SetCoach { coach: person(50), choices }
        };
        desk.apply(&input, 1).unwrap();
        assert_eq!(positions(&desk), [1, 2].map(request_id));
        assert_eq!((state(&desk, 1), desk.load(coach)), (State::Queued, 0));
        // That was no refusal.
        desk.apply(&choose(50, 1), 2).unwrap();
        desk.offer(&here([50]), 3);
        assert_eq!(offered(&desk, 1), Some(coach));
    }
}

#[test]
fn a_claim_by_hand_is_faster_than_an_offer_and_takes_a_place_of_its_own() {
    let mut desk = served([50, 51]);
    desk.apply(&ask(1), 0).unwrap();
    desk.offer(&here([50]), 0);
    let happened = desk.apply(&claim(1, 51), 1).unwrap();
    let passed = |happening: &Happening| match happening {
        Happening::Claimed { passed, .. } => passed.clone(),
        _ => None,
    };
    assert_eq!(happened.iter().find_map(passed), Some(person(50)));
    assert_eq!(desk.load(person(50).id), 0);
    assert_eq!(desk.apply(&accept(1, 50), 1), Err(Refusal::AlreadyClaimed(person(51))));
    desk.apply(&ask(2), 0).unwrap();
    desk.offer(&here([50]), 0);
    assert_eq!(desk.apply(&claim(2, 51), 1), Err(Refusal::NoCapacity));
    desk.apply(&claim(2, 50), 1).unwrap();
}

#[test]
fn a_hand_over_leaves_the_old_coach_answering_until_the_new_one_accepts() {
    let mut desk = served([50, 51, 52]);
    desk.apply(&ask(1), 0).unwrap();
    desk.apply(&claim(1, 50), 0).unwrap();
    assert_eq!(desk.apply(&transfer(1, 51, None), 0), Err(Refusal::NotYours));
    assert_eq!(desk.apply(&transfer(1, 50, Some(50)), 0), Err(Refusal::NoSuchCoach));
    assert_eq!(desk.apply(&transfer(1, 50, Some(99)), 0), Err(Refusal::NoSuchCoach));
    desk.apply(&transfer(1, 50, Some(51)), 0).unwrap();
    assert_eq!(desk.apply(&transfer(1, 50, Some(51)), 0), Ok(Vec::new()), "said twice");
    assert_eq!(desk.apply(&transfer(1, 50, Some(52)), 0), Err(Refusal::HandingOver));
    assert_eq!((state(&desk, 1), coach(&desk, 1)), (State::Transferring, Some(person(50).id)));
    assert_eq!([50, 51].map(|n| desk.load(person(n).id)), [1, 1]);
    assert_eq!(desk.apply(&claim(1, 52), 1), Err(Refusal::AlreadyClaimed(person(50))));
    assert_eq!(desk.apply(&accept(1, 52), 1), Err(Refusal::AlreadyClaimed(person(50))));
    desk.apply(&accept(1, 51), 1).unwrap();
    assert_eq!((state(&desk, 1), coach(&desk, 1)), (State::Active, Some(person(51).id)));
    assert_eq!([50, 51].map(|n| desk.load(person(n).id)), [0, 1]);
}

#[test]
fn a_hand_over_that_nobody_takes_stays_with_the_old_coach() {
    for end in ["declined", "late", "gone"] {
        let mut desk = served([50, 51]);
        desk.apply(&ask(1), 0).unwrap();
        desk.apply(&claim(1, 50), 0).unwrap();
        desk.apply(&transfer(1, 50, Some(51)), 0).unwrap();
        match end {
            "declined" => desk.apply(&decline(1, 51), 1).unwrap(),
            "late" => {
                assert_eq!(desk.apply(&due(), TRANSFER_MS - 1), Ok(Vec::new()));
                desk.apply(&due(), TRANSFER_MS).unwrap()
            }
            _ => desk.apply(&Input::CoachGone { coach: person(51).id, until: 9 }, 1).unwrap(),
        };
        assert_eq!((state(&desk, 1), coach(&desk, 1)), (State::Active, Some(person(50).id)));
        assert_eq!([50, 51].map(|n| desk.load(person(n).id)), [1, 0], "{end}");
    }
}

#[test]
fn a_hand_over_to_the_pool_is_offered_on_until_its_time_is_over() {
    let mut desk = served([50, 51, 52]);
    desk.apply(&ask(1), 0).unwrap();
    desk.apply(&claim(1, 50), 0).unwrap();
    desk.apply(&transfer(1, 50, None), 0).unwrap();
    desk.offer(&here([50, 51]), 0);
    assert_eq!(offered(&desk, 1), Some(person(51).id), "not the one who hands over");
    desk.apply(&decline(1, 51), 1).unwrap();
    assert_eq!((state(&desk, 1), offered(&desk, 1)), (State::Transferring, None));
    desk.offer(&here([50, 51, 52]), 2);
    assert_eq!(offered(&desk, 1), Some(person(52).id));
    desk.apply(&decline(1, 52), 3).unwrap();
    // Whoever sees it may take it, also after having declined.
    let mut taken = desk.clone();
    taken.apply(&claim(1, 51), 4).unwrap();
    assert_eq!(coach(&taken, 1), Some(person(51).id));
    desk.apply(&due(), TRANSFER_MS).unwrap();
    assert_eq!((state(&desk, 1), coach(&desk, 1)), (State::Active, Some(person(50).id)));
}

#[test]
fn who_hands_over_and_drops_loses_the_member_to_the_front_and_closing_ends_the_hand_over() {
    let mut desk = served([50, 51]);
    for n in 1..=2 {
        desk.apply(&ask(n), 0).unwrap();
    }
    desk.apply(&claim(1, 50), 0).unwrap();
    desk.apply(&transfer(1, 50, Some(51)), 0).unwrap();
    let mut closed = desk.clone();
    closed.apply(&close(1, 1_001), 5).unwrap();
    assert_eq!(state(&closed, 1), State::Closed);
    assert_eq!([50, 51].map(|n| closed.load(person(n).id)), [0, 0]);
    desk.apply(&Input::CoachGone { coach: person(50).id, until: 10 }, 0).unwrap();
    desk.apply(&Input::GraceOver { coach: person(50).id }, 10).unwrap();
    assert_eq!(positions(&desk), [1, 2].map(request_id));
    assert_eq!([50, 51].map(|n| desk.load(person(n).id)), [0, 0]);
}

#[test]
fn who_is_to_be_spared_is_offered_nothing_and_preferred_for_nothing() {
    let mut desk = served([50, 51]);
    let spared = vec![person(50).id];
    let new = NewRequest { spared, preferred: Some(person(50).id), ..new(1) };
    desk.apply(&Input::Enqueue(Box::new(new)), 0).unwrap();
    assert_eq!(desk.offer(&here([50]), 0), Vec::new());
    assert_eq!(desk.request(request_id(1)).unwrap().preferred, None);
    desk.offer(&here([50, 51]), 0);
    assert_eq!(offered(&desk, 1), Some(person(51).id));
}

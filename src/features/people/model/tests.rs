//! Every state and every wish, and two people who act at random.

use super::*;
use proptest::prelude::*;

const NOW: Millis = 1_000_000;

fn friends_states() -> Vec<Friends> {
    use Side::{High, Low};
    vec![
        Friends::No,
        Friends::Pending(Low),
        Friends::Pending(High),
        Friends::Yes,
        Friends::Declined(Low),
        Friends::Declined(High),
        Friends::Cancelled,
        Friends::Removed,
    ]
}

fn with(friends: Friends) -> Pair {
    Pair { friends, friends_at: NOW, ..Pair::default() }
}

#[test]
fn friendship_takes_just_the_wishes_it_should() {
    use Friends::{Cancelled, Declined, No, Pending, Removed, Yes};
    use Refusal as R;
    use Side::{High, Low};
    // What the lower id wishes, in the order of `friends_states`.
    let table: [(Wish, [Result<Friends, R>; 8]); 5] = [
        (
            Wish::Request,
            [
                Ok(Pending(Low)),
                Ok(Pending(Low)),
                Ok(Yes),
                Ok(Yes),
                Err(R::Declined),
                Ok(Pending(Low)),
                Ok(Pending(Low)),
                Ok(Pending(Low)),
            ],
        ),
        (
            Wish::Accept,
            [
                Err(R::NoRequest),
                Err(R::NoRequest),
                Ok(Yes),
                Ok(Yes),
                Err(R::NoRequest),
                Err(R::NoRequest),
                Err(R::NoRequest),
                Err(R::NoRequest),
            ],
        ),
        (
            Wish::Decline,
            [
                Err(R::NoRequest),
                Err(R::NoRequest),
                Ok(Declined(High)),
                Err(R::NoRequest),
                Err(R::NoRequest),
                Ok(Declined(High)),
                Err(R::NoRequest),
                Err(R::NoRequest),
            ],
        ),
        (
            Wish::Cancel,
            [
                Err(R::NoRequest),
                Ok(Cancelled),
                Err(R::NoRequest),
                Err(R::NoRequest),
                Err(R::NoRequest),
                Err(R::NoRequest),
                Ok(Cancelled),
                Err(R::NoRequest),
            ],
        ),
        (
            Wish::Remove,
            [
                Err(R::NotFriends),
                Err(R::NotFriends),
                Err(R::NotFriends),
                Ok(Removed),
                Err(R::NotFriends),
                Err(R::NotFriends),
                Err(R::NotFriends),
                Ok(Removed),
            ],
        ),
    ];
    for (wish, expected) in table {
        for (state, expected) in friends_states().into_iter().zip(expected) {
            let next = with(state).after(Low, wish, NOW).map(|(pair, _)| pair.friends);
            assert_eq!(next, expected, "{wish:?} in {state:?}");
            // The other side sees the mirror image.
            let mirrored = |friends| match friends {
                Pending(by) => Pending(by.other()),
                Declined(by) => Declined(by.other()),
                No | Yes | Cancelled | Removed => friends,
            };
            let next = with(mirrored(state)).after(High, wish, NOW).map(|(pair, _)| pair.friends);
            assert_eq!(next, expected.map(mirrored), "{wish:?} in {state:?}, mirrored");
        }
    }
}

#[test]
fn following_takes_just_the_wishes_it_should() {
    use Follow::{Approved, Asked, No, Yes};
    use Side::{High, Low};
    let states = [No, Asked, Yes, Approved];
    // What the lower id wishes of its own following.
    let own: [(Wish, [Follow; 4]); 3] = [
        (Wish::Follow { asks: true }, [Asked, Asked, Yes, Approved]),
        (Wish::Follow { asks: false }, [Yes, Yes, Yes, Approved]),
        (Wish::Unfollow, [No; 4]),
    ];
    for (wish, expected) in own {
        for (state, expected) in states.into_iter().zip(expected) {
            let low = Stance { follow: state, ..Stance::default() };
            let (pair, _) = Pair { low, ..Pair::default() }.after(Low, wish, NOW).unwrap();
            assert_eq!(pair.low.follow, expected, "{wish:?} in {state:?}");
            assert_eq!(pair.high, Stance::default());
        }
    }
    // And of the other's.
    let theirs: [(Wish, [Result<Follow, Refusal>; 4]); 2] = [
        (Wish::Approve, [Err(Refusal::NoRequest), Ok(Approved), Ok(Approved), Ok(Approved)]),
        (Wish::Reject, [Ok(No); 4]),
    ];
    for (wish, expected) in theirs {
        for (state, expected) in states.into_iter().zip(expected) {
            let low = Stance { follow: state, ..Stance::default() };
            let next = Pair { low, ..Pair::default() }.after(High, wish, NOW);
            assert_eq!(next.map(|(pair, _)| pair.low.follow), expected, "{wish:?} in {state:?}");
        }
    }
    // A friend need not ask.
    let (pair, news) = with(Friends::Yes).after(Low, Wish::Follow { asks: true }, NOW).unwrap();
    assert_eq!((pair.low.follow, news), (Yes, News::FollowAdded(Low)));
}

#[test]
fn a_block_ends_what_was_and_lets_nothing_begin() {
    use Side::{High, Low};
    for friends in friends_states() {
        let follow = Stance { follow: Follow::Approved, ..Stance::default() };
        let pair = Pair { low: follow, high: follow, friends, friends_at: 0 };
        let (shut, news) = pair.after(High, Wish::Block, NOW).unwrap();
        assert_eq!(news, News::None, "nobody is told");
        assert!(shut.is_shut() && !shut.low.blocks);
        assert_eq!((shut.low.follow, shut.high.follow), (Follow::No, Follow::No));
        assert!(!matches!(shut.friends, Friends::Yes | Friends::Pending(_)));
        for side in [Low, High] {
            assert!(!shut.is_connected(side) && shut.seen_by(side).blocked);
            for wish in [
                Wish::Follow { asks: false },
                Wish::Approve,
                Wish::Reject,
                Wish::Request,
                Wish::Accept,
                Wish::Decline,
                Wish::Cancel,
                Wish::Remove,
                Wish::Mute,
            ] {
                assert_eq!(shut.after(side, wish, NOW), Err(Refusal::Blocked), "{wish:?}");
            }
        }
        // Only the one who blocked ends it, and each his own.
        let (still, _) = shut.after(Low, Wish::Unblock, NOW).unwrap();
        assert!(still.is_shut());
        let (open, _) = still.after(High, Wish::Unblock, NOW).unwrap();
        assert!(!open.is_shut() && !open.is_connected(Low));
    }
}

#[test]
fn nothing_is_left_between_somebody_and_who_is_gone() {
    let feels = Stance { follow: Follow::Approved, blocks: true, mutes: true };
    for friends in friends_states() {
        for (low, high) in [(feels, Stance::default()), (Stance::default(), feels), (feels, feels)]
        {
            let pair = Pair { low, high, friends, friends_at: NOW };
            for side in [Side::Low, Side::High] {
                let gone = pair.after(side, Wish::Vanish, NOW).unwrap();
                assert_eq!(gone, (Pair::default(), News::None), "{pair:?}");
                assert_eq!(gone.0.after(side, Wish::Vanish, NOW), Ok(gone), "again");
            }
        }
    }
}

#[test]
fn who_was_declined_asks_again_after_a_week() {
    use Side::{High, Low};
    let (asked, news) = Pair::default().after(Low, Wish::Request, 0).unwrap();
    assert_eq!(news, News::FriendRequested);
    let (declined, news) = asked.after(High, Wish::Decline, NOW).unwrap();
    assert_eq!(news, News::None);
    assert_eq!(asked.seen_by(Low).friendship, Friendship::Outgoing);
    assert_eq!(asked.seen_by(High).friendship, Friendship::Incoming);
    assert_eq!(declined.seen_by(Low).friendship, Friendship::None);
    let early = NOW + FRIEND_AGAIN_MS - 1;
    assert_eq!(declined.after(Low, Wish::Request, early), Err(Refusal::Declined));
    assert!(declined.after(Low, Wish::Request, early + 1).is_ok());
    let (other_way, _) = declined.after(High, Wish::Request, NOW).unwrap();
    assert_eq!(other_way.friends, Friends::Pending(High));
}

#[test]
fn connections_are_friends_whom_one_follows_and_approved_followers() {
    use Side::{High, Low};
    let of = |follow| Pair { low: Stance { follow, ..Stance::default() }, ..Pair::default() };
    assert_eq!(
        [Follow::No, Follow::Asked, Follow::Yes, Follow::Approved]
            .map(|follow| (of(follow).is_connected(Low), of(follow).is_connected(High))),
        [(false, false), (false, false), (true, false), (true, true)]
    );
    assert!(with(Friends::Yes).is_connected(Low) && with(Friends::Yes).is_connected(High));
}

#[test]
fn choices_that_are_absent_stay_and_some_are_none() {
    let wanted = SetPrivacy { messages: Some(Audience::Nobody), ..SetPrivacy::default() };
    let chosen = choose(PRIVACY, wanted).unwrap();
    assert_eq!(chosen, Privacy { messages: Audience::Nobody, ..PRIVACY });
    let members = SetPrivacy { presence: Some(Audience::Members), ..SetPrivacy::default() };
    assert_eq!(choose(PRIVACY, members), Err(Refusal::NoSuchChoice));
    let choices = [Audience::Everyone, Audience::Members, Audience::Connections, Audience::Nobody];
    assert_eq!(choices.map(admits), [Some(true), Some(true), None, Some(false)]);
    let asked = choices.map(|profile| asks(Privacy { profile, ..PRIVACY }));
    assert_eq!(asked, [false, false, true, true]);
}

#[test]
fn people_are_found_by_each_word_of_their_name_and_shown_once() {
    let terms = terms("  Anna  Maria Berg ", Some("anna.b"));
    assert_eq!(terms, ["anna maria berg", "anna.b", "berg", "maria berg"]);
    assert_eq!(shown_by(&terms, "ann"), Some("anna maria berg"));
    assert_eq!(shown_by(&terms, "anna."), Some("anna.b"));
    assert_eq!(shown_by(&terms, "nna"), None);
}

fn wish() -> impl Strategy<Value = Wish> {
    prop_oneof![
        Just(Wish::Follow { asks: true }),
        Just(Wish::Follow { asks: false }),
        Just(Wish::Unfollow),
        Just(Wish::Approve),
        Just(Wish::Reject),
        Just(Wish::Request),
        Just(Wish::Accept),
        Just(Wish::Decline),
        Just(Wish::Cancel),
        Just(Wish::Remove),
        Just(Wish::Block),
        Just(Wish::Unblock),
        Just(Wish::Mute),
        Just(Wish::Unmute),
    ]
}

proptest! {
    #[test]
    fn whatever_two_people_do_a_block_leaves_nothing_between_them(
        wishes in prop::collection::vec((any::<bool>(), wish()), 0..60)
    ) {
        let mut pair = Pair::default();
        let mut blocks = [false; 2];
        for (at, (low, wish)) in (0..).zip(wishes) {
            let side = if low { Side::Low } else { Side::High };
            match wish {
                Wish::Block => blocks[usize::from(low)] = true,
                Wish::Unblock => blocks[usize::from(low)] = false,
                _ => {}
            }
            let before = pair;
            if let Ok((next, _)) = pair.after(side, wish, at) {
                pair = next;
            }
            prop_assert_eq!([pair.high.blocks, pair.low.blocks], blocks);
            if pair.is_shut() {
                prop_assert_eq!((pair.low.follow, pair.high.follow), (Follow::No, Follow::No));
                prop_assert!(!matches!(pair.friends, Friends::Yes | Friends::Pending(_)));
            }
            // Nobody becomes a friend alone.
            if pair.friends == Friends::Yes && before.friends != Friends::Yes {
                prop_assert_eq!(before.friends, Friends::Pending(side.other()));
            }
            // A wish that holds can be said again, and changes nothing.
            if let Ok((next, _)) = before.after(side, wish, at) {
                let again = next.after(side, wish, at);
                prop_assert_eq!(again.map(|(pair, _)| pair), Ok(next));
            }
        }
    }
}

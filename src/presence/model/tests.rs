//! What others see, by all that the registry may say.

use super::*;
use proptest::prelude::*;

const SETTLE: Duration = Duration::from_secs(15);

fn epoch(n: u128) -> Epoch {
    Epoch(uuid::Uuid::from_u128(n))
}

fn node(name: &str, n: u128) -> Node {
    Node { name: name.into(), epoch: epoch(n) }
}

#[test]
fn what_others_see_follows_from_sessions_words_and_grace() {
    let declared = [None, Some(Declared::Away), Some(Declared::Busy), Some(Declared::Invisible)];
    let here = [Status::Online, Status::Away, Status::Busy, Status::Offline];
    let grace = Some(Duration::from_millis(1));
    for (declared, here) in declared.into_iter().zip(here) {
        for (sessions, grace_left, seen) in [
            (Sessions::Open, None, here),
            (Sessions::None, None, Status::Offline),
            (Sessions::None, grace, here),
            (Sessions::Unknown, grace, here),
        ] {
            let known = Known { sessions, grace_left, declared, ..Known::UNKNOWN };
            for last in [None, Some(Status::Busy)] {
                assert_eq!(status(&known, last), seen, "{known:?}");
            }
        }
    }
}

#[test]
fn what_nobody_knows_stays_as_it_was_seen() {
    for last in [Status::Online, Status::Away, Status::Busy, Status::Offline] {
        assert_eq!(status(&Known::UNKNOWN, Some(last)), last);
    }
    assert_eq!(status(&Known::UNKNOWN, None), Status::Offline);
}

#[test]
fn a_session_counts_while_its_holder_lives() {
    let record = Record { holders: vec![epoch(1)], ..Record::default() };
    let left = Duration::from_secs(7);
    for (standing, is_whole, sessions, grace_left) in [
        (Standing::Living, true, Sessions::Open, None),
        (Standing::Living, false, Sessions::Open, None),
        (Standing::Lapsed(left), true, Sessions::None, Some(left)),
        (Standing::Lapsed(left), false, Sessions::Unknown, Some(left)),
        (Standing::Stranger, true, Sessions::Unknown, None),
        (Standing::Stranger, false, Sessions::Unknown, None),
        (Standing::Dead(None), true, Sessions::None, None),
        (Standing::Dead(None), false, Sessions::Unknown, None),
    ] {
        let found = known(&record, |_| standing, is_whole, 0);
        assert_eq!((found.sessions, found.grace_left), (sessions, grace_left), "{standing:?}");
    }
}

#[test]
fn a_drop_counts_until_its_grace_ends() {
    let record = Record { grace_until: Some(GRACE_MS), ..Record::default() };
    let at = |now| known(&record, |_| Standing::Dead(None), true, now).grace_left;
    assert_eq!(at(0), Some(Duration::from_secs(30)));
    assert_eq!(at(GRACE_MS - 1), Some(Duration::from_millis(1)));
    assert_eq!(at(GRACE_MS), None);
    assert_eq!(at(GRACE_MS + 1), None);
}

#[test]
fn who_died_with_a_node_was_here_until_then() {
    let invisible = Some(Declared::Invisible);
    let left = Duration::from_secs(7);
    for (first, second, is_whole, declared, died_at) in [
        (Standing::Dead(Some(5)), Standing::Dead(None), true, None, Some(5)),
        (Standing::Dead(Some(5)), Standing::Dead(Some(9)), true, None, Some(9)),
        (Standing::Dead(None), Standing::Dead(None), true, None, None),
        // Not gone, or not for sure.
        (Standing::Dead(Some(5)), Standing::Living, true, None, None),
        (Standing::Dead(Some(5)), Standing::Lapsed(left), true, None, None),
        (Standing::Dead(Some(5)), Standing::Stranger, true, None, None),
        (Standing::Dead(Some(5)), Standing::Dead(None), false, None, None),
        // Who did not want to be seen was not.
        (Standing::Dead(Some(5)), Standing::Dead(None), true, invisible, None),
    ] {
        let record = Record { holders: vec![epoch(1), epoch(2)], declared, ..Record::default() };
        let standing = |asked| if asked == epoch(1) { first } else { second };
        let found = known(&record, standing, is_whole, 0);
        assert_eq!(found.died_at, died_at, "{first:?} {second:?} {is_whole} {declared:?}");
    }
}

#[test]
fn a_registry_is_whole_when_all_have_written_and_nobody_can_be_missing() {
    let living = [node("a", 3), node("b", 1)];
    let whole = Registered {
        run: "r".to_owned(),
        born_at: Some(1_000),
        written: BTreeMap::from([("a".to_owned(), epoch(3)), ("b".to_owned(), epoch(1))]),
    };
    let test = |registered: &Registered, now| is_whole(registered, "r", &living, SETTLE, now);
    assert!(test(&whole, 16_000));
    assert!(!test(&whole, 15_999), "a node may still be without its lease");
    assert!(!test(&Registered { run: "q".to_owned(), ..whole.clone() }, 16_000));
    assert!(!test(&Registered { born_at: None, ..whole.clone() }, 16_000));
    for written in
        [BTreeMap::new(), BTreeMap::from([("a".to_owned(), epoch(3)), ("b".to_owned(), epoch(0))])]
    {
        assert!(!test(&Registered { written, ..whole.clone() }, 16_000));
    }
    // Of those who are gone, it does not matter what they wrote.
    assert!(is_whole(&whole, "r", &[], SETTLE, 16_000));
}

fn standings() -> impl Strategy<Value = Vec<(Epoch, Standing)>> {
    let standing = prop_oneof![
        Just(Standing::Living),
        prop::option::of(-40_000_i64..0).prop_map(Standing::Dead),
        Just(Standing::Stranger),
        (1_u64..30_000).prop_map(|ms| Standing::Lapsed(Duration::from_millis(ms))),
    ];
    prop::collection::vec(((0_u128..9).prop_map(epoch), standing), 0..6)
}

fn declared() -> impl Strategy<Value = Option<Declared>> {
    use Declared::{Away, Busy, Invisible, Online};
    prop_oneof![
        Just(None),
        Just(Some(Online)),
        Just(Some(Away)),
        Just(Some(Busy)),
        Just(Some(Invisible)),
    ]
}

proptest! {
    #[test]
    fn nobody_goes_offline_by_what_is_missing(
        held in standings(),
        declared in declared(),
        grace_until in prop::option::of(-40_000_i64..40_000),
        is_whole: bool,
        was_here: bool,
    ) {
        let record = Record {
            holders: held.iter().map(|(holder, _)| *holder).collect(),
            looked_at: held.iter().map(|(holder, _)| *holder).collect(),
            declared,
            grace_until,
        };
        let standing = |asked: Epoch| {
            let found = held.iter().find(|(holder, _)| *holder == asked);
            found.map_or(Standing::Dead(None), |(_, standing)| *standing)
        };
        let found = known(&record, standing, is_whole, 0);
        let living = record.holders.iter().any(|&holder| standing(holder) == Standing::Living);
        // A living session is seen, whatever else is missing.
        prop_assert_eq!(found.sessions == Sessions::Open, living);
        prop_assert_eq!(found.foreground, living);
        // Only a whole registry says that somebody has none.
        prop_assert!(is_whole || found.sessions != Sessions::None);
        let last = if was_here { Status::Online } else { Status::Offline };
        let seen = status(&found, Some(last));
        if declared == Some(Declared::Invisible) {
            prop_assert_eq!(seen, Status::Offline);
        } else if living {
            prop_assert_ne!(seen, Status::Offline);
        } else if !is_whole && was_here {
            prop_assert_ne!(seen, Status::Offline);
        }
        // A grace is never longer than a grace, and ends.
        prop_assert!(found.grace_left.is_none_or(|left| left <= Duration::from_secs(40)));
        if let Some(left) = found.grace_left {
            let until = i64::try_from(left.as_millis()).unwrap();
            let later = known(&Record { holders: Vec::new(), ..record }, standing, true, until);
            prop_assert_eq!(later.grace_left, None);
        }
    }
}

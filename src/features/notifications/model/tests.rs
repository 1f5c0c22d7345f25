//! Tables and runs of the rules.

use super::*;
use proptest::prelude::*;
use std::collections::HashSet;
use uuid::Uuid;

const NOW: Millis = 1_800_000_000_000;
const ALL: Wants = Wants { app: true, push: true, email: true };

fn id(n: u128) -> NotificationId {
    NotificationId(Uuid::from_u128(n))
}

fn person(n: u128) -> Person {
    Person { id: UserId(Uuid::from_u128(n)), name: format!("P{n}") }
}

fn liked(name: &str, others: u32) -> String {
    format!("{name}+{others}")
}

fn draft(about: u128, by: u128) -> Draft {
    Draft {
        kind: Kind::Wall,
        gathers: Uuid::from_u128(about),
        link: format!("post:{about}"),
        from: Some(person(by)),
        counts: true,
        is_turn: false,
        over_at: None,
        words: liked,
    }
}

fn unread(seq: Seq, count: u32) -> Unread {
    Unread {
        gathers: Uuid::from_u128(9),
        link: "conversation:9".to_owned(),
        seq,
        from: person(2),
        count,
        words: liked,
    }
}

fn due() -> Notice {
    let mut shelf = Shelf::default();
    shelf.tell(id(1), draft(1, 2), ALL, NOW - PUSH_AFTER_MS);
    shelf.notices.remove(0)
}

fn quiet_night() -> Choices {
    // NOW is 08:00 UTC on a Friday.
    let quiet = Quiet { on: true, from_min: 7 * 60, until_min: 9 * 60 };
    Choices { quiet: Some(quiet), ..Choices::default() }
}

/// Every state of a notification that is owed a push, with every answer.
#[test]
fn what_becomes_of_a_push_in_each_state() {
    type Change = fn(&mut Notice, &mut Choices, &mut Attention, &mut Cursor);
    let hour_ends = NOW - 1 + HOUR_MS;
    let table: [(&str, Change, Deliver); 14] = [
        ("due", |_, _, _, _| {}, Deliver::Now),
        ("none is owed", |n, _, _, _| n.push_at = None, Deliver::Never),
        ("read", |n, _, _, _| n.read_at = Some(NOW), Deliver::Never),
        ("not due", |n, _, _, _| n.push_at = Some(NOW + 1), Deliver::Hold(NOW + 1)),
        ("seen", |_, _, a, _| *a = Attention::Here, Deliver::Never),
        (
            "no pushes of the kind",
            |_, c, _, _| {
                c.kinds.insert(Kind::Wall, Wants { push: false, ..ALL });
            },
            Deliver::Never,
        ),
        (
            "nothing of the kind",
            |_, c, _, _| {
                c.kinds.insert(Kind::Wall, Wants { app: false, ..ALL });
            },
            Deliver::Never,
        ),
        (
            "pushes of another kind are off",
            |_, c, _, _| {
                c.kinds.insert(Kind::Message, Wants { push: false, ..ALL });
            },
            Deliver::Now,
        ),
        ("quiet hours", |_, c, _, _| *c = quiet_night(), Deliver::Hold(NOW + HOUR_MS)),
        (
            "quiet hours are off",
            |_, c, _, _| {
                *c = quiet_night();
                c.quiet.as_mut().unwrap().on = false;
            },
            Deliver::Now,
        ),
        (
            "pushed a moment ago",
            |n, _, _, _| n.pushed_at = Some(NOW - 1),
            Deliver::Hold(NOW - 1 + PUSH_AGAIN_MS),
        ),
        (
            "an hour is full",
            |_, _, _, s| (s.hour_at, s.hour_count) = (NOW - 1, PUSHES_PER_HOUR_MAX),
            Deliver::Hold(hour_ends),
        ),
        (
            "an hour is full, and somebody waits",
            |n, _, _, s| {
                n.kind = Kind::Support;
                (s.hour_at, s.hour_count) = (NOW - 1, PUSHES_PER_HOUR_MAX);
            },
            Deliver::Now,
        ),
        (
            "an hour was full",
            |_, _, _, s| (s.hour_at, s.hour_count) = (NOW - HOUR_MS, PUSHES_PER_HOUR_MAX),
            Deliver::Now,
        ),
    ];
    for (name, change, wanted) in table {
        let (mut notice, mut choices) = (due(), Choices::default());
        let (mut attention, mut cursor) = (Attention::Away, Cursor::default());
        change(&mut notice, &mut choices, &mut attention, &mut cursor);
        assert_eq!(decide(&notice, &choices, attention, &cursor, NOW), wanted, "{name}");
    }
}

/// What is read is over, whatever else holds.
#[test]
fn reading_wins_over_every_reason_to_wait() {
    let mut notice = due();
    (notice.read_at, notice.pushed_at, notice.push_at) = (Some(NOW), Some(NOW), Some(NOW + 9));
    for attention in [Attention::Here, Attention::Away] {
        for choices in [Choices::default(), quiet_night()] {
            let decided = decide(&notice, &choices, attention, &Cursor::default(), NOW);
            assert_eq!(decided, Deliver::Never);
        }
    }
}

#[test]
fn people_who_did_the_same_are_one_notification_until_it_is_read() {
    let mut shelf = Shelf::default();
    for (n, by) in [(1, 2), (2, 3), (3, 2), (4, 4)] {
        shelf.tell(id(n), draft(7, by), ALL, NOW);
    }
    let [notice] = shelf.notices.as_slice() else { panic!("{shelf:?}") };
    assert_eq!((notice.count, notice.text.as_str(), notice.id), (3, "P4+2", id(1)));
    assert_eq!(shelf.read(|_| true, NOW), [id(1)]);
    assert_eq!(shelf.read(|_| true, NOW), [], "once");
    shelf.tell(id(5), draft(7, 5), ALL, NOW);
    shelf.tell(id(5), draft(7, 5), ALL, NOW);
    shelf.tell(id(6), draft(8, 5), ALL, NOW);
    assert_eq!((shelf.notices.len(), shelf.unread()), (3, 2));
    shelf.tell(id(7), draft(9, 5), Wants { app: false, ..ALL }, NOW);
    assert_eq!(shelf.notices.len(), 3, "nothing of that kind is wanted");
}

#[test]
fn what_does_not_count_takes_the_place_of_the_older() {
    let mut shelf = Shelf::default();
    for by in [2, 3] {
        let turn = Draft { counts: false, ..draft(7, by) };
        shelf.tell(id(by), turn, ALL, NOW);
    }
    let [notice] = shelf.notices.as_slice() else { panic!("{shelf:?}") };
    assert_eq!((notice.count, notice.text.as_str()), (1, "P3+0"));
}

#[test]
fn a_turn_is_pushed_though_the_one_before_it_was_a_moment_ago() {
    for (is_turn, waits) in [(true, PUSH_AFTER_MS), (false, PUSH_AGAIN_MS)] {
        let mut shelf = Shelf::default();
        let turn = |by| Draft { counts: false, is_turn, kind: Kind::Support, ..draft(7, by) };
        shelf.tell(id(1), turn(2), ALL, NOW - PUSH_AFTER_MS);
        let push = [Push::One(id(1))];
        assert_eq!(
            shelf.push(&Choices::default(), Attention::Away, &HashSet::new(), NOW).pushes,
            push
        );
        shelf.tell(id(2), turn(3), ALL, NOW);
        assert_eq!(shelf.stands(push[0], NOW), !is_turn, "the newer is on its way");
        for at in [NOW, NOW + waits - 1] {
            assert_eq!(
                shelf.push(&Choices::default(), Attention::Away, &HashSet::new(), at).pushes,
                []
            );
        }
        assert_eq!(
            shelf.push(&Choices::default(), Attention::Away, &HashSet::new(), NOW + waits).pushes,
            push
        );
    }
}

/// Many who wait are one push, and hold up none of the others, nor are they held up.
#[test]
fn pushes_of_support_requests_are_counted_apart() {
    let mut shelf = Shelf::default();
    shelf.cursor.hour_at = NOW - PUSH_AFTER_MS;
    shelf.cursor.hour_count = PUSHES_PER_HOUR_MAX;
    for n in 1..=4 {
        let kind = if n > 3 { Kind::Wall } else { Kind::Support };
        shelf.tell(id(n), Draft { kind, ..draft(n, 2) }, ALL, NOW - PUSH_AFTER_MS);
    }
    let plan = shelf.push(&Choices::default(), Attention::Away, &HashSet::new(), NOW);
    assert_eq!(plan.pushes, [1, 2, 3].map(|n| Push::One(id(n))));
    assert_eq!(plan.next_at, Some(NOW - PUSH_AFTER_MS + HOUR_MS));
    for n in 5..=8 {
        shelf.tell(id(n), Draft { kind: Kind::Support, ..draft(n, 2) }, ALL, NOW);
    }
    let plan =
        shelf.push(&Choices::default(), Attention::Away, &HashSet::new(), NOW + PUSH_AFTER_MS);
    assert_eq!(plan.pushes, [Push::Several]);
}

/// An offer of a moment is no news after it: not in the list, not in the morning, not in a mail.
#[test]
fn what_is_over_counts_as_read() {
    let offer =
        Draft { counts: false, kind: Kind::Support, over_at: Some(NOW + 90_000), ..draft(7, 2) };
    let mut shelf = Shelf::default();
    shelf.tell(id(1), offer.clone(), ALL, NOW);
    assert_eq!(shelf.notices[0].text, "P2+2", "in two minutes");
    assert_eq!(shelf.end(NOW + 89_999), []);
    let none = HashSet::new();
    let plan = shelf.push(&quiet_night(), Attention::Away, &none, NOW + PUSH_AFTER_MS);
    assert_eq!(plan.next_at, Some(NOW + HOUR_MS));
    let mut claimed = shelf.clone();
    assert_eq!(shelf.end(NOW + 90_000), [id(1)]);
    assert_eq!(shelf.end(NOW + 90_000), [], "once");
    let plan = shelf.push(&quiet_night(), Attention::Away, &none, NOW + HOUR_MS);
    assert_eq!((plan, shelf.unread()), (Plan::default(), 0));
    assert_eq!(shelf.mail(&Choices::default(), &none, NOW + 2 * HOUR_MS), []);
    // What comes in its place stays.
    claimed.tell(id(2), Draft { over_at: None, ..offer }, ALL, NOW + 1);
    assert_eq!(claimed.end(NOW + 90_000), []);
}

#[test]
fn what_nobody_saw_after_all_is_owed_again() {
    type Change = fn(&mut Notice);
    let table: [(&str, Change, bool); 6] = [
        ("taken for seen", |_| {}, true),
        ("pushed before it grew", |n| n.pushed_at = Some(n.changed_at - 1), true),
        ("pushed", |n| n.pushed_at = Some(n.changed_at), false),
        ("read", |n| n.read_at = Some(NOW), false),
        ("longer ago", |n| n.changed_at -= 1, false),
        ("owed anyway", |n| n.push_at = Some(NOW + 9), false),
    ];
    for (name, change, owed) in table {
        let mut shelf = Shelf::default();
        shelf.tell(id(1), draft(1, 2), ALL, NOW - PUSH_AFTER_MS);
        assert_eq!(
            shelf.push(&Choices::default(), Attention::Here, &HashSet::new(), NOW),
            Plan::default()
        );
        change(&mut shelf.notices[0]);
        let before = shelf.notices[0].push_at;
        shelf.owe_again(NOW - PUSH_AFTER_MS, NOW);
        let after = if owed { Some(NOW + PUSH_AFTER_MS) } else { before };
        assert_eq!(shelf.notices[0].push_at, after, "{name}");
    }
}

#[test]
fn messages_of_a_conversation_are_one_notification_and_told_once() {
    let mut shelf = Shelf::default();
    shelf.tell_messages(id(1), unread(4, 1), ALL, NOW);
    shelf.tell_messages(id(2), unread(6, 3), ALL, NOW + 1);
    let told = shelf.clone();
    shelf.tell_messages(id(2), unread(6, 3), ALL, NOW + 2);
    shelf.tell_messages(id(1), unread(4, 1), ALL, NOW + 2);
    assert_eq!(shelf, told, "again, and late");
    let [notice] = shelf.notices.as_slice() else { panic!("{shelf:?}") };
    assert_eq!((notice.count, notice.seq, notice.changed_at), (3, 6, NOW + 1));
}

#[test]
fn many_pushes_at_once_are_one() {
    let mut shelf = Shelf::default();
    for n in 1..=3 {
        shelf.tell(id(n), draft(n, 2), ALL, NOW);
    }
    let later = NOW + PUSH_AFTER_MS;
    let plan = shelf.push(&Choices::default(), Attention::Away, &HashSet::new(), later);
    assert_eq!(plan.pushes, [1, 2, 3].map(|n| Push::One(id(n))));
    assert!(shelf.stands(Push::One(id(2)), later) && !shelf.stands(Push::One(id(2)), later + 1));
    for n in 4..=7 {
        shelf.tell(id(n), draft(n, 2), ALL, NOW);
    }
    let plan = shelf.push(&Choices::default(), Attention::Away, &HashSet::new(), later + 1);
    assert_eq!(plan.pushes, [Push::Several]);
    assert!(shelf.stands(Push::Several, later + 1));
    assert_eq!(shelf.cursor.hour_count, 4);
    shelf.read(|_| true, later + 2);
    assert!(!shelf.stands(Push::Several, later + 1) && !shelf.stands(Push::One(id(1)), later));
}

#[test]
fn what_waits_for_its_morning_goes_out_then() {
    let mut shelf = Shelf::default();
    shelf.tell(id(1), draft(1, 2), ALL, NOW);
    let plan = shelf.push(&quiet_night(), Attention::Away, &HashSet::new(), NOW + PUSH_AFTER_MS);
    assert_eq!(plan, Plan { pushes: Vec::new(), next_at: Some(NOW + HOUR_MS) });
    let plan = shelf.push(&quiet_night(), Attention::Away, &HashSet::new(), NOW + HOUR_MS);
    assert_eq!(plan, Plan { pushes: vec![Push::One(id(1))], next_at: None });
}

#[test]
fn a_digest_takes_what_was_not_read_for_a_while_once() {
    let mut shelf = Shelf::default();
    shelf.tell(id(1), draft(1, 2), ALL, NOW - DIGEST_AGE_MS);
    shelf.tell(id(2), draft(2, 2), ALL, NOW - DIGEST_AGE_MS + 1);
    shelf.tell(id(3), draft(3, 2), ALL, NOW - DIGEST_AGE_MS);
    shelf.read(|notice| notice.id == id(3), NOW);
    let mut choices = Choices::default();
    choices.kinds.insert(Kind::Message, Wants { email: false, ..ALL });
    shelf.tell_messages(id(4), unread(1, 1), ALL, NOW - DIGEST_AGE_MS);
    let ids = |mailed: Vec<Notice>| mailed.iter().map(|notice| notice.id).collect::<Vec<_>>();
    assert_eq!(ids(shelf.mail(&choices, &HashSet::new(), NOW)), [id(1)]);
    assert_eq!(ids(shelf.mail(&choices, &HashSet::new(), NOW)), []);
    assert_eq!(ids(shelf.mail(&choices, &HashSet::new(), NOW + 1)), [id(2)]);
}

#[test]
fn the_oldest_that_were_read_go_first() {
    let mut shelf = Shelf::default();
    let max = NOTIFICATIONS_MAX as u128;
    for n in 1..=max {
        shelf.tell(id(n), draft(n, 2), ALL, NOW + Millis::try_from(n).unwrap());
    }
    assert_eq!(shelf.notices.len(), NOTIFICATIONS_MAX);
    shelf.read(|notice| notice.id == id(5), NOW);
    shelf.tell(id(max + 1), draft(max + 1, 2), ALL, NOW + 1_000);
    assert!(shelf.get(id(5)).is_none() && shelf.get(id(1)).is_some());
    shelf.tell(id(max + 2), draft(max + 2, 2), ALL, NOW + 1_000);
    assert!(shelf.get(id(1)).is_none());
    assert_eq!(shelf.notices.len(), NOTIFICATIONS_MAX);
}

/// What happens to one person.
#[derive(Debug, Clone)]
enum Step {
    Tell(u128, u128),
    Messages(u64),
    Read(u128),
    ReadAll,
    Push(bool),
    Wait(Millis),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u128..6, 2_u128..6).prop_map(|(about, by)| Step::Tell(about, by)),
        2 => (1_u64..20).prop_map(Step::Messages),
        1 => (0_u128..40).prop_map(Step::Read),
        1 => Just(Step::ReadAll),
        4 => any::<bool>().prop_map(Step::Push),
        4 => (1_i64..30 * 60 * 1_000).prop_map(Step::Wait),
    ]
}

proptest! {
    /// Whatever happens in whatever order: pushes keep to their number in an hour, none is of what
    /// was read, what is owed is asked again, and one thing is one unread notification.
    #[test]
    fn pushes_stay_calm(steps in prop::collection::vec(step(), 1..200), quiet in any::<bool>()) {
        let choices = if quiet { quiet_night() } else { Choices::default() };
        let (mut shelf, mut now, mut next) = (Shelf::default(), NOW, 1);
        let mut sent: Vec<Millis> = Vec::new();
        for step in steps {
            match step {
                Step::Tell(about, by) => {
                    shelf.tell(id(next), draft(about, by), ALL, now);
                    next += 1;
                }
                Step::Messages(seq) => {
                    shelf.tell_messages(id(10_000 + u128::from(seq)), unread(seq, 1), ALL, now);
                }
                Step::Read(n) => {
                    shelf.read(|notice| notice.id == id(n), now);
                }
                Step::ReadAll => {
                    shelf.read(|_| true, now);
                    prop_assert_eq!(shelf.unread(), 0);
                }
                Step::Push(here) => {
                    let attention = if here { Attention::Here } else { Attention::Away };
                    let plan = shelf.push(&choices, attention, &HashSet::new(), now);
                    prop_assert!(!here || plan.pushes.is_empty());
                    prop_assert!(plan.pushes.is_empty() || choices.quiet_until(now).is_none());
                    for push in &plan.pushes {
                        prop_assert!(shelf.stands(*push, now));
                        sent.push(now);
                    }
                    prop_assert!(plan.next_at.is_none_or(|at| at > now));
                }
                Step::Wait(ms) => now += ms,
            }
            let in_an_hour = |from: Millis| sent.iter().filter(|at| (from..from + HOUR_MS).contains(*at)).count();
            // Two windows may touch.
            let most = sent.iter().map(|&at| in_an_hour(at)).max().unwrap_or(0);
            prop_assert!(most <= 2 * PUSHES_PER_HOUR_MAX as usize);
            let mut open: Vec<_> = shelf.notices.iter().filter(|n| n.is_unread()).map(|n| (n.kind, n.gathers)).collect();
            let all = open.len();
            open.sort_unstable();
            open.dedup();
            prop_assert_eq!(open.len(), all);
            prop_assert!(shelf.notices.iter().all(|n| n.is_unread() || n.push_at.is_none()));
        }
    }
}

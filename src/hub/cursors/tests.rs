//! Whatever comes and whenever: each seq is sent once and in order, or announced.

use super::*;
use protocol::GroupId;
use uuid::Uuid;

fn topic(n: u128) -> Topic {
    Topic::Group(GroupId(Uuid::from_u128(n)))
}

fn replay(after: Seq, until: Seq, then: Seq) -> Replay {
    Replay { after, until, then }
}

#[track_caller]
fn wanted(cursors: &mut Cursors) -> Wanted {
    cursors.next_wanted().unwrap_or_else(|| panic!("nothing is wanted"))
}

fn span(wanted: Wanted) -> (Seq, Seq) {
    (wanted.after, wanted.until)
}

#[test]
fn live_from_the_first_event_seen_and_never_back() {
    let mut cursors = Cursors::default();
    assert_eq!(cursors.offer(topic(1), 41, None), Verdict::Send);
    assert_eq!(cursors.offer(topic(1), 41, None), Verdict::Skip);
    assert_eq!(cursors.offer(topic(1), 7, None), Verdict::Skip);
    assert_eq!(cursors.offer(topic(1), 42, None), Verdict::Send);
}

#[test]
fn what_is_missing_is_read_from_the_log() {
    let mut cursors = Cursors::default();
    cursors.offer(topic(1), 10, None);
    assert_eq!(cursors.offer(topic(1), 13, None), Verdict::Skip);
    let page = wanted(&mut cursors);
    assert_eq!(span(page), (10, 13));
    assert_eq!(cursors.offer(topic(1), 14, None), Verdict::Skip);
    assert!(cursors.caught(page, 13, None));
    let page = wanted(&mut cursors);
    assert_eq!(span(page), (13, 14));
    assert!(cursors.caught(page, 14, None));
    assert_eq!(cursors.next_wanted(), None);
    assert_eq!(cursors.offer(topic(1), 15, None), Verdict::Send);
}

#[test]
fn too_much_missing_is_announced() {
    let mut cursors = Cursors::default();
    cursors.offer(topic(1), 10, None);
    let at_the_limit = 10 + REPAIR_EVENTS_MAX + 1;
    assert_eq!(cursors.offer(topic(1), at_the_limit, None), Verdict::Skip);
    cursors.offer(topic(2), 10, None);
    let past = at_the_limit + 1;
    assert_eq!(cursors.offer(topic(2), past, None), Verdict::Jump { from: 11, to: past - 1 });
    assert_eq!(cursors.offer(topic(2), past + 1, None), Verdict::Send);
}

#[test]
fn a_replay_ends_at_its_limit_and_jumps_to_the_head() {
    let mut cursors = Cursors::default();
    assert!(cursors.follow(topic(1), replay(5, 305, 900)));
    let page = wanted(&mut cursors);
    assert_eq!(span(page), (5, 305));
    assert!(cursors.caught(page, 100, None));
    let page = wanted(&mut cursors);
    assert_eq!(span(page), (100, 305));
    cursors.offer(topic(1), 901, None);
    assert!(cursors.caught(page, 305, None));
    assert_eq!(span(wanted(&mut cursors)), (900, 901));
}

#[test]
fn nothing_to_replay_is_live_at_once() {
    let mut cursors = Cursors::default();
    assert!(cursors.follow(topic(1), replay(7, 7, 7)));
    assert_eq!(cursors.next_wanted(), None);
    assert_eq!(cursors.offer(topic(1), 7, None), Verdict::Skip);
    assert_eq!(cursors.offer(topic(1), 8, None), Verdict::Send);
}

#[test]
fn a_second_follow_does_not_go_back() {
    let mut cursors = Cursors::default();
    cursors.offer(topic(1), 50, None);
    assert!(cursors.follow(topic(1), replay(10, 50, 50)));
    assert_eq!(cursors.next_wanted(), None);
    assert_eq!(cursors.offer(topic(1), 51, None), Verdict::Send);
}

#[test]
fn before_the_session_is_open_events_are_only_noted() {
    let mut cursors = Cursors::default();
    assert_eq!(cursors.offer(topic(1), 8, Some(OPENING)), Verdict::Skip);
    assert_eq!(cursors.offer(topic(2), 3, Some(OPENING)), Verdict::Skip);
    assert_eq!(cursors.next_wanted(), None);
    // Topic 2 was followed by the command: its own cursor counts.
    assert!(cursors.follow(topic(2), replay(1, 2, 2)));
    cursors.release(OPENING);
    let first = wanted(&mut cursors);
    assert_eq!((first.topic, span(first)), (topic(2), (1, 2)));
    let second = wanted(&mut cursors);
    assert_eq!((second.topic, span(second)), (topic(1), (7, 8)));
    assert!(cursors.caught(first, 2, None));
    assert_eq!(span(wanted(&mut cursors)), (2, 3));
}

#[test]
fn a_held_topic_that_was_not_followed_is_forgotten_or_live_from_the_first_seen() {
    let mut cursors = Cursors::default();
    cursors.hold(topic(1), 7);
    cursors.hold(topic(2), 7);
    cursors.hold(topic(3), 8);
    cursors.offer(topic(2), 20, None);
    cursors.offer(topic(2), 21, None);
    cursors.release(7);
    assert_eq!(span(wanted(&mut cursors)), (19, 21));
    assert_eq!(cursors.offer(topic(1), 99, None), Verdict::Send);
    assert_eq!(cursors.offer(topic(3), 99, None), Verdict::Skip);
}

#[test]
fn a_page_of_an_earlier_life_is_thrown_away() {
    let mut cursors = Cursors::default();
    assert!(cursors.follow(topic(1), replay(0, 10, 10)));
    let page = wanted(&mut cursors);
    cursors.remove(topic(1));
    assert!(!cursors.caught(page, 10, None));
    assert!(cursors.follow(topic(1), replay(3, 10, 10)));
    assert!(!cursors.caught(page, 10, None));
    assert_eq!(span(wanted(&mut cursors)), (3, 10));
}

fn missed(after: Seq, until: Seq) -> Missed {
    Missed { topic: topic(1), after, until, since: 77, audience: Vec::new() }
}

#[test]
fn what_did_not_come_live_is_read_from_where_the_connection_stands() {
    let mut cursors = Cursors::default();
    cursors.offer(topic(1), 10, None);
    assert_eq!(cursors.missed(&missed(3, 10), None), Verdict::Skip);
    assert_eq!(cursors.next_wanted(), None, "it was sent");
    assert_eq!(cursors.missed(&missed(3, 12), None), Verdict::Skip);
    assert_eq!(cursors.missed(&missed(3, 13), None), Verdict::Skip);
    let page = wanted(&mut cursors);
    assert_eq!((span(page), page.since), ((10, 12), 0));
    assert!(cursors.caught(page, 12, None));
    let page = wanted(&mut cursors);
    assert_eq!(span(page), (12, 13));
    assert!(cursors.caught(page, 13, None));
    let far = 13 + REPAIR_EVENTS_MAX + 2;
    assert_eq!(cursors.missed(&missed(3, far), None), Verdict::Jump { from: 14, to: far });
    assert_eq!(cursors.offer(topic(1), far + 1, None), Verdict::Send);
}

#[test]
fn a_topic_that_is_new_is_owed_what_is_new() {
    let mut cursors = Cursors::default();
    assert_eq!(cursors.missed(&missed(3, 5), None), Verdict::Skip);
    assert_eq!(cursors.places().collect::<Vec<_>>(), [(topic(1), 5)]);
    let page = wanted(&mut cursors);
    assert_eq!((span(page), page.since), ((3, 5), 77));
    assert_eq!(cursors.offer(topic(1), 6, None), Verdict::Skip);
    assert!(cursors.caught(page, 5, None));
    assert_eq!(span(wanted(&mut cursors)), (5, 6));
    // Before the session is open, it is only noted.
    let mut cursors = Cursors::default();
    assert_eq!(cursors.missed(&missed(3, 5), Some(OPENING)), Verdict::Skip);
    assert_eq!(cursors.next_wanted(), None);
    cursors.release(OPENING);
    assert_eq!(span(wanted(&mut cursors)), (4, 5));
}

#[test]
fn topics_are_bounded() {
    let mut cursors = Cursors::default();
    for n in 0..TOPICS_MAX {
        assert_eq!(cursors.offer(topic(n as u128), 1, None), Verdict::Send);
    }
    assert_eq!(cursors.offer(topic(u128::MAX), 1, None), Verdict::TooMany);
    assert!(!cursors.follow(topic(u128::MAX), replay(0, 1, 1)));
    assert_eq!(cursors.offer(topic(0), 2, None), Verdict::Send);
}

#[test]
fn what_was_passed_over_in_silence_is_owed_once_there_is_more() {
    let mut cursors = Cursors::default();
    assert_eq!(cursors.offer(topic(1), 10, None), Verdict::Send);
    // 11 is missing when 12 comes, and the person has left at 10.
    assert_eq!(cursors.offer(topic(1), 12, None), Verdict::Skip);
    let page = wanted(&mut cursors);
    assert_eq!(span(page), (10, 12));
    assert!(cursors.caught(page, 12, Some(10)));
    assert!(!cursors.owes());
    // Back again: all since then is read, with the rights of now.
    assert_eq!(cursors.offer(topic(1), 13, None), Verdict::Skip);
    let page = wanted(&mut cursors);
    assert_eq!(span(page), (10, 13));
    // More came while it was read, and again it was not to be seen.
    assert_eq!(cursors.offer(topic(1), 14, None), Verdict::Skip);
    assert!(cursors.caught(page, 13, Some(10)));
    assert_eq!(span(wanted(&mut cursors)), (10, 14));
}

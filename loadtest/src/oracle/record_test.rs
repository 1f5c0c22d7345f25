//! The oracle can fail: each test breaks one promise of the log and sees it found.

use super::*;
use protocol::conversations::MessageCreated;
use protocol::{ConversationId, MessageId, Topic};

const ANNA: UserId = UserId(Uuid::from_u128(1));
const BEN: UserId = UserId(Uuid::from_u128(2));

fn key(n: u64) -> ClientId {
    ClientId(Uuid::from_u64_pair(7, n))
}

fn entry(seq: Seq, sender: UserId, client: u64, number: u64) -> Entry {
    let id = Uuid::from_u64_pair(8, client);
    let written =
        Written { id, sender, client_id: key(client), text: client, number: Some(number) };
    Entry { seq, hash: 1_000 + client, written: Some(written) }
}

fn opened() -> Entry {
    Entry { seq: 1, hash: 1, written: None }
}

/// Messages 1, 2, 3 of Anna, sent one after the other and acknowledged as seq 2, 3, 4.
fn three_acked() -> Record {
    let mut record = Record::default();
    for n in 1..=3 {
        record.issued(key(n), ANNA, n);
        let placed = Placed { seq: n + 1, id: Uuid::from_u64_pair(8, n) };
        assert_eq!(record.acked(key(n), placed, false, 1), Ok(()));
    }
    record
}

fn three() -> Vec<Entry> {
    vec![opened(), entry(2, ANNA, 1, 1), entry(3, ANNA, 2, 2), entry(4, ANNA, 3, 3)]
}

#[test]
fn a_whole_history_is_clean() {
    let mut record = three_acked();
    for entry in three() {
        assert_eq!(record.seen(entry.seq, entry.hash), Ok(()));
        assert_eq!(record.seen(entry.seq, entry.hash), Ok(()));
    }
    assert_eq!(record.faults_of_history(&three()), vec![]);
    assert_eq!(record.head(), 4);
}

#[test]
fn a_lost_message_is_found() {
    let history: Vec<Entry> = three().into_iter().take(3).collect();
    let faults = three_acked().faults_of_history(&history);
    assert!(faults.contains(&Fault::Lost { client_id: key(3), seq: 4 }), "{faults:?}");
    assert!(faults.contains(&Fault::ShortHistory { found: 3, known: 4 }), "{faults:?}");
}

#[test]
fn a_doubled_message_is_found_acknowledged_or_not() {
    let mut record = three_acked();
    record.issued(key(4), ANNA, 4);
    let mut history = three();
    history.extend([entry(5, ANNA, 3, 4), entry(6, ANNA, 4, 5), entry(7, ANNA, 4, 6)]);
    let faults = record.faults_of_history(&history);
    assert!(faults.contains(&Fault::Repeated { client_id: key(3), times: 2 }), "{faults:?}");
    assert!(faults.contains(&Fault::Repeated { client_id: key(4), times: 2 }), "{faults:?}");
    assert_eq!(faults.len(), 2, "{faults:?}");
}

#[test]
fn a_message_without_acknowledgement_may_be_there_or_not() {
    let mut record = three_acked();
    record.issued(key(4), ANNA, 4);
    assert_eq!(record.faults_of_history(&three()), vec![]);
    let mut history = three();
    history.push(entry(5, ANNA, 4, 4));
    assert_eq!(record.faults_of_history(&history), vec![]);
}

#[test]
fn a_hole_is_found() {
    let mut history = three();
    history.remove(0);
    let faults = three_acked().faults_of_history(&history);
    assert_eq!(faults, vec![Fault::Hole { before: 0, after: 2 }]);
}

#[test]
fn a_hole_in_the_numbers_is_found() {
    let mut history = three();
    history.pop();
    history.push(entry(4, ANNA, 3, 4));
    let faults = three_acked().faults_of_history(&history);
    assert_eq!(faults, vec![Fault::Number { seq: 4, expected: 3, found: 4 }]);
}

#[test]
fn receivers_that_disagree_are_found() {
    let mut record = three_acked();
    assert_eq!(record.seen(2, 1_001), Ok(()));
    assert_eq!(record.seen(2, 9), Err(Fault::Disagreement { seq: 2 }));
}

#[test]
fn a_history_that_disagrees_with_what_was_seen_is_found() {
    let mut record = three_acked();
    assert_eq!(record.seen(2, 9), Ok(()));
    assert_eq!(record.faults_of_history(&three()), vec![Fault::Disagreement { seq: 2 }]);
}

#[test]
fn an_acknowledgement_that_names_another_place_is_found() {
    let mut record = Record::default();
    record.issued(key(1), ANNA, 1);
    let placed = Placed { seq: 5, id: Uuid::from_u64_pair(8, 1) };
    assert_eq!(record.acked(key(1), placed, false, 1), Ok(()));
    let faults = record.faults_of_history(&[opened(), entry(2, ANNA, 1, 1)]);
    assert!(faults.contains(&Fault::Moved { client_id: key(1), acked: 5, found: 2 }), "{faults:?}");
}

#[test]
fn a_second_acknowledgement_that_differs_is_found() {
    let mut record = three_acked();
    let placed = |seq| Placed { seq, id: Uuid::from_u64_pair(8, 1) };
    assert_eq!(record.acked(key(1), placed(2), true, 2), Ok(()));
    let changed = Fault::AckChanged { client_id: key(1), first: 2, second: 3 };
    assert_eq!(record.acked(key(1), placed(3), true, 2), Err(changed));
}

#[test]
fn a_first_attempt_that_is_called_a_duplicate_is_found() {
    let mut record = Record::default();
    record.issued(key(1), ANNA, 1);
    let placed = Placed { seq: 2, id: Uuid::from_u64_pair(8, 1) };
    let wrong = Fault::FalseDuplicate { client_id: key(1) };
    assert_eq!(record.acked(key(1), placed, true, 1), Err(wrong));
}

#[test]
fn a_message_that_was_changed_on_the_way_is_found() {
    let mut history = three();
    for entry in &mut history {
        if let Some(written) = entry.written.as_mut().filter(|w| w.client_id == key(2)) {
            written.text = 99;
        }
        if let Some(written) = entry.written.as_mut().filter(|w| w.client_id == key(3)) {
            written.sender = BEN;
        }
    }
    let faults = three_acked().faults_of_history(&history);
    let altered = |n| Fault::Altered { client_id: key(n), seq: n + 1 };
    assert_eq!(faults, vec![altered(2), altered(3)]);
}

#[test]
fn a_message_nobody_sent_is_found_unless_it_is_of_an_earlier_run() {
    let mut history = three();
    history.push(entry(5, BEN, 77, 4));
    let mut record = three_acked();
    assert_eq!(record.faults_of_history(&history), vec![Fault::Invented { seq: 5 }]);
    record.begins_after(5);
    assert_eq!(record.faults_of_history(&history), vec![]);
}

#[test]
fn first_words_are_there_exactly_once() {
    let mut record = Record::default();
    record.expects_first_words(BEN, 50);
    assert_eq!(
        record.faults_of_history(&[opened()]),
        vec![Fault::FirstWords { sender: BEN, times: 0 }]
    );
    assert_eq!(record.faults_of_history(&[opened(), entry(2, BEN, 50, 1)]), vec![]);
    let twice = [opened(), entry(2, BEN, 50, 1), entry(3, BEN, 50, 2)];
    assert_eq!(record.faults_of_history(&twice), vec![Fault::FirstWords { sender: BEN, times: 2 }]);
}

/// Two sends under way together, acknowledged in `order`, the first one at attempt `attempt`.
fn pipelined(places: [Seq; 2], attempt: u32) -> Vec<Fault> {
    let mut record = Record::default();
    record.issued(key(1), ANNA, 1);
    record.issued(key(2), ANNA, 2);
    for (n, seq) in (1..).zip(places) {
        let placed = Placed { seq, id: Uuid::from_u64_pair(8, n) };
        assert_eq!(record.acked(key(n), placed, false, attempt), Ok(()));
    }
    record.faults_of_sender_order()
}

#[test]
fn sends_that_change_places_are_found() {
    assert_eq!(pipelined([2, 3], 1), vec![]);
    let swapped = Fault::SenderOrder { sender: ANNA, earlier: 3, later: 2 };
    assert_eq!(pipelined([3, 2], 1), vec![swapped]);
}

#[test]
fn sends_that_were_repeated_may_change_places_while_both_were_under_way() {
    assert_eq!(pipelined([3, 2], 2), vec![]);
}

#[test]
fn a_send_stands_behind_all_that_were_acknowledged_before_it_was_sent() {
    let mut record = Record::default();
    for (n, seq) in [(1, 3), (2, 2)] {
        record.issued(key(n), ANNA, n);
        let placed = Placed { seq, id: Uuid::from_u64_pair(8, n) };
        assert_eq!(record.acked(key(n), placed, true, 2), Ok(()));
    }
    let swapped = Fault::SenderOrder { sender: ANNA, earlier: 3, later: 2 };
    assert_eq!(record.faults_of_sender_order(), vec![swapped]);
}

#[test]
fn the_same_event_has_the_same_hash_in_both_encodings_and_another_has_not() {
    let message = |text: &str| {
        Push::event(
            Topic::Conversation(ConversationId(Uuid::from_u128(9))),
            2,
            1_700_000_000_000,
            Event::MessageCreated(MessageCreated {
                message_id: MessageId(Uuid::from_u128(3)),
                number: 1,
                sender_id: ANNA,
                client_id: key(1),
                text: Some(text.to_owned()),
                attachments: Vec::new(),
                reply_to: None,
                changed_by: None,
            }),
        )
    };
    let push = message("hello");
    for format in [Format::Json, Format::MessagePack] {
        let decoded = Push::decode(format, &format.encode(&push));
        assert_eq!(decoded.as_ref().map(Entry::of), Ok(Entry::of(&push)));
    }
    assert_ne!(Entry::of(&push).hash, Entry::of(&message("hallo")).hash);
}

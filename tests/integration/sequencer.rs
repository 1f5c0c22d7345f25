//! The order of what the bus delivers: whatever comes in, each seq leaves at most once, in order.

use bytes::Bytes;
use proptest::prelude::*;
use protocol::{ConversationId, GroupId, Seq, Topic, UserId};
use sanctuary::bus::{
    Channel, Gap, HELD_EVENTS_MAX, HELD_PER_TOPIC_MAX, HOLD_MS, Out, Publication, READ_EVENTS_MAX,
    Sequencer,
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

fn group(n: u128) -> Topic {
    Topic::Group(GroupId(Uuid::from_u128(n)))
}

fn conversation(n: u128) -> Topic {
    Topic::Conversation(ConversationId(Uuid::from_u128(n)))
}

fn event(topic: Topic, seq: Seq) -> Publication {
    let audience = match topic {
        Topic::Group(id) => vec![Channel::Group(id)],
        _ => [1, 2].map(|n| Channel::User(UserId(Uuid::from_u128(n)))).into(),
    };
    Publication { topic, seq, at: 1_000_000, body: Bytes::new(), audience }
}

/// What left: a seq, or the ends of what is to be read by the connections.
#[derive(Debug, PartialEq, Eq)]
enum Left {
    Seq(Seq),
    Missed(Seq, Seq),
}
use Left::{Missed, Seq as S};

#[derive(Default)]
struct Node {
    core: Sequencer,
    out: Vec<Out>,
}

impl Node {
    fn offer(&mut self, topic: Topic, seq: Seq, now: u64) -> Vec<Left> {
        self.core.offer(event(topic, seq), now, &mut self.out);
        self.left()
    }

    fn due(&mut self, now: u64) -> (Vec<Gap>, Vec<Left>) {
        let gaps = self.core.due(now, &mut self.out);
        (gaps, self.left())
    }

    fn filled(&mut self, gap: &Gap, seqs: Option<Vec<Seq>>) -> Vec<Left> {
        let events = seqs.map(|seqs| seqs.into_iter().map(|seq| event(gap.topic, seq)).collect());
        self.core.filled(gap, events, &mut self.out);
        self.left()
    }

    fn left(&mut self) -> Vec<Left> {
        let left = |out| match out {
            Out::Event(publication) => S(publication.seq),
            Out::Missed(missed) => {
                assert!(!missed.audience.is_empty());
                Missed(missed.after, missed.until)
            }
        };
        self.out.drain(..).map(left).collect()
    }
}

#[test]
fn in_order_is_at_once_and_twice_is_dropped() {
    for topic in [group(1), conversation(1)] {
        let mut node = Node::default();
        for seq in 1..=3 {
            assert_eq!(node.offer(topic, seq, 0), [S(seq)]);
            assert_eq!(node.offer(topic, seq, 0), []);
        }
        assert_eq!(node.offer(topic, 1, 0), []);
        assert_eq!(node.core.next_due(), None);
    }
}

#[test]
fn out_of_order_waits_for_what_is_missing_and_no_longer_than_the_limit() {
    for topic in [group(1), conversation(1)] {
        let mut node = Node::default();
        node.offer(topic, 1, 0);
        assert_eq!(node.offer(topic, 4, 10), []);
        assert_eq!(node.offer(topic, 3, 20), []);
        assert_eq!(node.core.next_due(), Some(10 + HOLD_MS));
        assert_eq!(node.due(9 + HOLD_MS), (vec![], vec![]));
        assert_eq!(node.offer(topic, 2, 30), [S(2), S(3), S(4)]);
        assert_eq!(node.core.next_due(), None);
    }
}

#[test]
fn what_is_missing_in_a_group_is_read_once_for_the_node() {
    let mut node = Node::default();
    node.offer(group(1), 1, 0);
    node.offer(group(1), 4, 0);
    let gap = Gap { topic: group(1), after: 1, until: 3 };
    assert_eq!(node.due(HOLD_MS), (vec![gap.clone()], vec![]));
    assert_eq!(node.offer(group(1), 5, 60), [], "while it is read");
    assert_eq!(node.core.next_due(), None);
    assert_eq!(node.filled(&gap, Some(vec![2, 3])), [S(2), S(3), S(4), S(5)]);

    node.offer(group(1), 8, 100);
    let (gaps, _) = node.due(100 + HOLD_MS);
    assert_eq!(node.filled(&gaps[0], None), [Missed(5, 7), S(8)], "it could not be read");
    node.offer(group(1), 11, 200);
    let (gaps, _) = node.due(200 + HOLD_MS);
    assert_eq!(node.filled(&gaps[0], Some(vec![10])), [S(10), S(11)], "the log has a hole");
}

#[test]
fn what_is_missing_in_a_conversation_is_for_its_members_to_read() {
    let mut node = Node::default();
    node.offer(conversation(1), 1, 0);
    node.offer(conversation(1), 4, 0);
    assert_eq!(node.due(HOLD_MS), (vec![], vec![Missed(1, 3), S(4)]));
    assert_eq!(node.offer(conversation(1), 3, 60), [], "too late");
    assert_eq!(node.offer(conversation(1), 5, 60), [S(5)]);
}

#[test]
fn the_first_of_a_topic_may_be_the_second_of_two() {
    let mut node = Node::default();
    assert_eq!(node.offer(conversation(1), 8, 0), []);
    assert_eq!(node.offer(conversation(1), 7, 0), []);
    // Whoever has no place in the topic reads what came just before.
    assert_eq!(node.due(HOLD_MS), (vec![], vec![Missed(0, 6), S(7), S(8)]));
}

#[test]
fn while_something_may_be_missing_more_is_read() {
    let since = |doubt| {
        let mut node = Node::default();
        node.core.doubt(doubt);
        node.core.offer(event(conversation(1), 8), 0, &mut node.out);
        node.core.due(HOLD_MS, &mut node.out);
        match node.out.first() {
            Some(Out::Missed(missed)) => missed.since,
            other => panic!("{other:?}"),
        }
    };
    assert!(since(Some(500_000)) < 500_000, "an outage that began then hides nothing");
    assert_eq!(since(Some(999_999)), since(None));
}

#[test]
fn a_topic_that_waits_holds_no_other_up() {
    let mut node = Node::default();
    node.offer(group(1), 1, 0);
    node.offer(group(1), 3, 0);
    assert_eq!(node.offer(group(2), 1, 0), [S(1)]);
    assert_eq!(node.due(HOLD_MS).0.len(), 1);
    assert_eq!(node.offer(group(2), 2, 60), [S(2)]);
}

#[test]
fn a_head_beyond_what_was_delivered_is_a_gap() {
    let mut node = Node::default();
    for topic in [group(1), group(2), conversation(1)] {
        node.offer(topic, 1, 0);
    }
    assert_eq!(node.core.active().len(), 3);
    assert_eq!(node.core.head(group(1), 1, 0, &mut node.out), None);
    let gap = node.core.head(group(1), 3, 0, &mut node.out).unwrap();
    assert_eq!((gap.after, gap.until), (1, 3));
    assert_eq!(node.filled(&gap, Some(vec![2, 3])), [S(2), S(3)]);
    assert_eq!(node.core.head(conversation(1), 3, 0, &mut node.out), None);
    assert_eq!(node.left(), [Missed(1, 3)]);
    let far = 1 + READ_EVENTS_MAX;
    assert!(node.core.head(group(2), far, 0, &mut node.out).is_some());
    node.core.forget(group(2));
    node.offer(group(2), 1, 0);
    assert_eq!(node.core.head(group(2), far + 1, 0, &mut node.out), None);
    assert_eq!(node.left(), [Missed(1, far + 1)]);
}

#[test]
fn quiet_topics_are_forgotten_and_those_that_wait_are_not() {
    let mut node = Node::default();
    node.offer(group(1), 1, 0);
    node.offer(group(2), 1, 500);
    node.offer(group(3), 7, 0);
    node.core.sweep(1_000, 1_000);
    assert_eq!(node.core.len(), 2);
    node.core.forget(group(3));
    assert_eq!((node.core.len(), node.core.next_due()), (1, None));
}

#[test]
fn what_waits_is_bounded() {
    let mut node = Node::default();
    let most = HELD_PER_TOPIC_MAX as Seq;
    node.offer(group(1), 1, 0);
    for seq in 3..3 + most {
        assert_eq!(node.offer(group(1), seq, 0), []);
    }
    let left = node.offer(group(1), 3 + most, 0);
    assert_eq!((left.len(), &left[0]), (HELD_PER_TOPIC_MAX + 2, &Missed(1, 2)));

    for n in 0..HELD_EVENTS_MAX as u128 {
        assert_eq!(node.offer(group(10 + n), 5, 0), []);
    }
    assert_eq!(node.offer(group(5), 5, 0), [Missed(0, 4), S(5)]);
}

/// Something that happens to a node.
#[derive(Debug, Clone)]
enum Step {
    /// The event with this index of a shuffled list comes, or comes again.
    Come(usize),
    Pass(u64),
    /// The oldest read comes back, or fails.
    Read(bool),
    Look,
    Forget(usize),
}

const EVENTS: usize = 40;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (0..EVENTS * 3).prop_map(Step::Come),
        4 => (0..30_u64).prop_map(Step::Pass),
        2 => prop::bool::weighted(0.8).prop_map(Step::Read),
        1 => Just(Step::Look),
        1 => (0..3_usize).prop_map(Step::Forget),
    ];
    prop::collection::vec(step, 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_any_loss_any_copies(steps in steps()) {
        let topics = [group(1), conversation(1), group(2)];
        let mut core = Sequencer::default();
        let mut now = 0;
        let mut reads: Vec<Gap> = Vec::new();
        // Of each topic: the last that left, what left in any way, where it began.
        let mut last: BTreeMap<Topic, Seq> = BTreeMap::new();
        let mut begun: BTreeMap<Topic, Seq> = BTreeMap::new();
        let mut covered: BTreeMap<Topic, BTreeSet<Seq>> = BTreeMap::new();
        for step in steps {
            let mut out = Vec::new();
            match step {
                // Near the middle of what has come: so that order and loss both happen.
                Step::Come(n) => {
                    let topic = topics[n % 3];
                    let near = last.get(&topic).copied().unwrap_or(4);
                    let seq = (near + (n / 3) as Seq % 9).saturating_sub(2).max(1);
                    core.offer(event(topic, seq), now, &mut out);
                }
                Step::Pass(ms) => now += ms,
                Step::Read(well) if !reads.is_empty() => {
                    let gap = reads.remove(0);
                    let events = (gap.after + 1..=gap.until).map(|seq| event(gap.topic, seq));
                    core.filled(&gap, well.then(|| events.collect()), &mut out);
                }
                Step::Read(_) => {}
                Step::Look => for topic in core.active() {
                    let head = last.get(&topic).copied().unwrap_or(0) + 2;
                    reads.extend(core.head(topic, head, 0, &mut out));
                },
                Step::Forget(n) => {
                    let topic = topics[n];
                    core.forget(topic);
                    reads.retain(|gap| gap.topic != topic);
                    last.remove(&topic);
                    begun.remove(&topic);
                    covered.remove(&topic);
                }
            }
            reads.extend(core.due(now, &mut out));
            // Nothing waits longer than the limit, but for a read.
            prop_assert!(core.next_due().is_none_or(|due| due > now && due <= now + HOLD_MS));
            for out in out {
                match out {
                    Out::Event(Publication { topic, seq, .. }) => {
                        prop_assert!(last.get(&topic).is_none_or(|&last| seq > last), "{topic} {seq}");
                        last.insert(topic, seq);
                        begun.entry(topic).or_insert(seq);
                        covered.entry(topic).or_default().insert(seq);
                    }
                    Out::Missed(missed) => {
                        // Before the first that is seen of a topic, from anywhere.
                        let after = last.get(&missed.topic).copied().unwrap_or(missed.after);
                        prop_assert_eq!(after, missed.after);
                        begun.entry(missed.topic).or_insert(missed.after + 1);
                        last.insert(missed.topic, missed.until);
                        covered.entry(missed.topic).or_default().extend(missed.after + 1..=missed.until);
                    }
                }
            }
            // Nothing between the first and the last is lost without a word.
            for (topic, &last) in &last {
                let first = begun[topic];
                prop_assert!((first..=last).all(|seq| covered[topic].contains(&seq)), "{topic}");
            }
        }
    }
}

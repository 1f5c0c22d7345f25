//! What a round takes and writes, table by table, and against one append at a time.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use super::*;
use crate::log::{Gate, STATE_BYTES_MAX};
use proptest::prelude::*;
use protocol::conversations::MessageEdited;
use protocol::{ConversationId, Event, MessageId, Topic, UserId};
use uuid::Uuid;

/// What a gate under test does.
#[derive(Debug, Clone, Default)]
struct Script {
    text_bytes: usize,
    state: Option<Vec<u8>>,
    redact: Vec<(Seq, usize)>,
    /// Refuses unless the state begins with this.
    wants_state: Option<u8>,
    refuses: bool,
    panics: bool,
    maxima: Vec<Maximum>,
}

fn event(text_bytes: usize) -> Event {
    let text = Some("x".repeat(text_bytes));
    MessageEdited { message_id: MessageId(Uuid::nil()), message_seq: 1, text }.into()
}

impl Gate for Script {
    fn stamp(&self, head: Head<'_>, _: Millis) -> std::result::Result<Stamped, Error> {
        assert!(!self.panics, "on purpose");
        if self.refuses || self.wants_state.is_some_and(|wants| head.state.first() != Some(&wants))
        {
            return Err(crate::error::conflict("not now"));
        }
        Ok(Stamped {
            event: event(self.text_bytes),
            state: self.state.clone(),
            redact: self.redact.iter().map(|(seq, bytes)| (*seq, event(*bytes))).collect(),
            maxima: self.maxima.clone(),
            audience: Vec::new(),
        })
    }

    fn audience(&self, _: Head<'_>, _: Seq) -> Vec<Channel> {
        Vec::new()
    }
}

fn append(key: Option<u8>, script: Script) -> Append {
    Append {
        topic: Topic::Conversation(ConversationId(Uuid::nil())),
        key: key.map(|key| Key(vec![key])),
        sender: Some(UserId(Uuid::nil())),
        gate: Box::new(script),
    }
}

fn head(seq: Seq, state: &[u8]) -> OwnedHead {
    OwnedHead { seq, at: 100, state: state.to_vec() }
}

fn planned(head: &OwnedHead, events: u32, appends: &[Append]) -> Plan {
    plan(head, Buckets::of_events(events), 50, appends, &|_| Ok(()))
}

/// The fates in short: the seq of what was written, the same with `=` where merged, or `no`.
fn fates(plan: &Plan) -> Vec<String> {
    let seq = |at: usize| plan.events[at].entry.seq;
    let fate = |fate: &Fate| match fate {
        Fate::Written(at) => seq(*at).to_string(),
        Fate::Merged(at) => format!("={}", seq(*at)),
        Fate::Refused(_) => "no".to_owned(),
    };
    plan.fates.iter().map(fate).collect()
}

fn open() -> Script {
    Script::default()
}

fn refusing() -> Script {
    Script { refuses: true, ..open() }
}

#[test]
fn fates_come_in_the_order_of_the_queue() {
    type Case = (&'static str, Seq, Vec<(Option<u8>, Script)>, &'static [&'static str]);
    let cases: [Case; 9] = [
        ("nothing waits", 0, vec![], &[]),
        ("one", 0, vec![(Some(1), open())], &["1"]),
        ("behind the head", 7, vec![(Some(1), open()), (None, open())], &["8", "9"]),
        ("without keys", 0, vec![(None, open()), (None, open())], &["1", "2"]),
        (
            "equal keys are one event",
            0,
            vec![(Some(1), open()), (Some(2), open()), (Some(1), refusing())],
            &["1", "2", "=1"],
        ),
        (
            "a refusal does not stop the others",
            3,
            vec![(Some(1), open()), (Some(2), refusing()), (Some(3), open())],
            &["4", "no", "5"],
        ),
        (
            "a refused key is free",
            0,
            vec![(Some(1), refusing()), (Some(1), open()), (Some(1), open())],
            &["no", "1", "=1"],
        ),
        (
            "a panic is a refusal of its own append",
            0,
            vec![(None, Script { panics: true, ..open() }), (None, open())],
            &["no", "1"],
        ),
        ("all refused", 5, vec![(None, refusing()), (Some(1), refusing())], &["no", "no"]),
    ];
    for (name, seq, appends, wanted) in cases {
        let appends: Vec<Append> = appends.into_iter().map(|(k, s)| append(k, s)).collect();
        let plan = planned(&head(seq, b""), 4_096, &appends);
        assert_eq!(fates(&plan), wanted, "{name}");
        assert_eq!(plan.before, seq, "{name}");
        assert_eq!(plan.end.seq, seq + plan.events.len() as Seq, "{name}");
        assert_eq!(plan.refuses(), wanted.contains(&"no"), "{name}");
    }
}

#[test]
fn each_gate_sees_what_those_before_it_left() {
    let moves = |from, to| Script { wants_state: Some(from), state: Some(vec![to]), ..open() };
    let appends = [
        append(None, moves(0, 1)),
        append(None, moves(0, 9)),
        append(None, moves(1, 2)),
        append(None, open()),
        append(None, moves(2, 3)),
    ];
    let plan = planned(&head(4, &[0]), 4_096, &appends);
    assert_eq!(fates(&plan), ["5", "no", "6", "7", "8"]);
    assert_eq!((plan.end.state.as_slice(), plan.state_changed), (&[3][..], true));
    let plan = planned(&head(4, &[9]), 4_096, &appends);
    assert_eq!(fates(&plan), ["no", "no", "no", "5", "no"]);
    assert_eq!((plan.end.state.as_slice(), plan.state_changed), (&[9][..], false));
}

#[test]
fn a_round_holds_so_many_events() {
    let appends: Vec<Append> = (0..200).map(|_| append(None, open())).collect();
    assert_eq!(planned(&head(0, b""), 4_096, &appends[..128]).events.len(), 128);
    assert_eq!(planned(&head(0, b""), 4_096, &appends[..129]).fates.len(), ROUND_EVENTS_MAX);
    // Refused and merged ones take no place.
    let mut appends: Vec<Append> = (0..128).map(|_| append(None, refusing())).collect();
    appends.extend((0..128).map(|_| append(Some(1), open())));
    appends.push(append(None, open()));
    let plan = planned(&head(0, b""), 4_096, &appends);
    assert_eq!((plan.fates.len(), plan.events.len()), (257, 2));
}

#[test]
fn a_round_ends_with_its_bucket() {
    let appends: Vec<Append> = (0..10).map(|_| append(None, open())).collect();
    for (seq, bucket, count) in [(0, 0, 4), (1, 0, 3), (3, 0, 1), (4, 1, 4), (7, 1, 1), (8, 2, 4)] {
        let plan = planned(&head(seq, b""), 4, &appends);
        assert_eq!((plan.bucket, plan.events.len()), (bucket, count), "head {seq}");
        assert_eq!(plan.fates.len(), count);
    }
}

#[test]
fn a_round_weighs_so_much() {
    let empty = encode(&event(0)).len();
    // Above 255 bytes of text, MessagePack spends two bytes more on its length, and no more.
    let of = |bytes: usize| Script { text_bytes: bytes - empty - 2, ..open() };
    assert_eq!(encode(&event(of(1_024).text_bytes)).len(), 1_024, "as it is computed here");
    let weighs = |scripts: &[Script]| {
        let appends: Vec<Append> = scripts.iter().map(|s| append(None, s.clone())).collect();
        planned(&head(9, b""), 4_096, &appends).events.len()
    };
    let kib: Vec<Script> = (0..40).map(|_| of(1_024)).collect();
    assert_eq!(weighs(&kib), 32);
    let half = ROUND_BODY_BYTES_MAX / 2;
    assert_eq!(weighs(&[of(half), of(half)]), 2);
    assert_eq!(weighs(&[of(half), of(half + 1)]), 1);
    assert_eq!(weighs(&[of(ROUND_BODY_BYTES_MAX + 500), open()]), 1, "one goes alone");
    let redacts = |bytes| Script { redact: vec![(1, bytes)], ..of(1_024) };
    assert_eq!(weighs(&[of(half), redacts(half)]), 1, "redactions weigh too");
}

#[test]
fn a_round_redacts_so_much() {
    let redacts = Script { redact: (1..=16).map(|seq| (seq, 0)).collect(), ..open() };
    let appends: Vec<Append> = (0..5).map(|_| append(None, redacts.clone())).collect();
    assert_eq!(
        planned(&head(16, b""), 4_096, &appends).events.len(),
        5,
        "the same again and again"
    );
    let later = |n: Seq| (1..=16).map(|seq| (seq + n * 16, 0)).collect();
    let appends: Vec<Append> =
        (0..5).map(|n| append(None, Script { redact: later(n), ..open() })).collect();
    assert_eq!(planned(&head(100, b""), 4_096, &appends).events.len(), 4);
}

#[test]
fn redactions_find_their_bucket() {
    let redacts =
        |redact: &[(Seq, usize)]| append(None, Script { redact: redact.to_vec(), ..open() });
    // Buckets of 4; the head is 9, so the round begins with 10 in bucket 2 (9 to 12).
    let appends = [redacts(&[(1, 1), (9, 2)]), redacts(&[(10, 3), (8, 4)]), redacts(&[(1, 5)])];
    let plan = planned(&head(9, b""), 4, &appends);
    assert_eq!(fates(&plan), ["10", "11", "12"]);
    let body = |bytes| encode(&event(bytes));
    let of = |cause, bytes| Redaction { cause, body: body(bytes) };
    assert_eq!(plan.here, BTreeMap::from([(9, of(10, 2))]));
    assert_eq!(plan.older, BTreeMap::from([(1, of(12, 5)), (8, of(11, 4))]), "the newest counts");
    assert_eq!(plan.events[0].entry.body, body(3), "kept as it is from now on");
    assert_eq!(plan.events[0].told, body(0), "told as it was");
}

#[test]
fn what_the_log_can_not_take_is_refused() {
    let cases = [
        Script { state: Some(vec![0; STATE_BYTES_MAX + 1]), ..open() },
        Script { redact: vec![(0, 0)], ..open() },
        Script { redact: vec![(4, 0)], ..open() },
        Script { redact: (0..17).map(|_| (1, 0)).collect(), ..open() },
    ];
    for script in cases {
        let plan = planned(&head(3, b""), 4_096, &[append(None, script), append(None, open())]);
        assert_eq!(fates(&plan), ["no", "4"]);
        assert!(plan.here.is_empty() && plan.older.is_empty());
    }
    let maxima = |table| vec![Maximum { table, key: Vec::new(), columns: Vec::new() }];
    let appends =
        ["known", "unknown"].map(|table| append(None, Script { maxima: maxima(table), ..open() }));
    let check = |maxima: &[Maximum]| match maxima[0].table {
        "known" => Ok(()),
        _ => Err(internal(&"no such table")),
    };
    let plan = plan(&head(3, b""), Buckets::of_events(9), 0, &appends, &check);
    assert_eq!(fates(&plan), ["4", "no"]);
    assert_eq!(plan.maxima.len(), 1);
}

#[test]
fn maxima_of_one_row_are_one_write() {
    let maximum = |row: i64, columns: &[(&'static str, i64)]| Maximum {
        table: "marks",
        key: vec![Value::Int(row)],
        columns: columns.to_vec(),
    };
    let appends = [
        append(None, Script { maxima: vec![maximum(1, &[("seen", 4)])], ..open() }),
        append(None, Script { maxima: vec![maximum(2, &[("seen", 1)])], ..open() }),
        append(None, Script { maxima: vec![maximum(1, &[("seen", 3), ("sent", 9)])], ..open() }),
        append(None, Script { maxima: vec![maximum(1, &[("seen", 7)])], ..open() }),
    ];
    let plan = planned(&head(0, b""), 4_096, &appends);
    let wanted = [maximum(1, &[("seen", 7), ("sent", 9)]), maximum(2, &[("seen", 1)])];
    assert_eq!(plan.maxima, wanted);
}

#[test]
fn the_time_never_goes_back() {
    let plan = planned(&head(1, b""), 4_096, &[append(None, open())]);
    assert_eq!((plan.events[0].entry.at, plan.end.at), (100, 100), "the clock shows 50");
    let appends = [append(None, open())];
    let plan = super::plan(&head(1, b""), Buckets::of_events(9), 120, &appends, &|_| Ok(()));
    assert_eq!((plan.events[0].entry.at, plan.end.at), (120, 120));
}

fn script() -> impl Strategy<Value = (Option<u8>, Script)> {
    let redact = prop::collection::vec((1_u64..40, 0_usize..3), 0..3);
    let sizes = prop_oneof![9 => 0_usize..50, 1 => 10_000_usize..40_000];
    (
        prop::option::of(0_u8..12),
        sizes,
        prop::option::of(prop::collection::vec(0_u8..3, 1)),
        redact,
        prop::option::weighted(0.3, 0_u8..3),
    )
        .prop_map(|(key, text_bytes, state, redact, wants_state)| {
            (key, Script { text_bytes, state, redact, wants_state, ..open() })
        })
}

/// A log that takes one append at a time.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plain {
    head: OwnedHead,
    bodies: Vec<Bytes>,
    keys: HashMap<u8, Seq>,
    /// The seq that each append led to; `None` where it was refused.
    seqs: Vec<Option<Seq>>,
}

impl Plain {
    fn append(&mut self, key: Option<u8>, script: &Script) {
        if let Some(seq) = key.and_then(|key| self.keys.get(&key)) {
            self.seqs.push(Some(*seq));
            return;
        }
        let head = Head { seq: self.head.seq, state: &self.head.state };
        let stamped = script.stamp(head, 0).and_then(|stamped| {
            stamped.check(self.head.seq)?;
            Ok(stamped)
        });
        let Ok(stamped) = stamped else {
            self.seqs.push(None);
            return;
        };
        self.bodies.push(encode(&stamped.event));
        for (seq, event) in &stamped.redact {
            self.bodies[usize::try_from(*seq).unwrap() - 1] = encode(event);
        }
        self.head.seq += 1;
        self.head.state = stamped.state.unwrap_or(std::mem::take(&mut self.head.state));
        self.keys.extend(key.map(|key| (key, self.head.seq)));
        self.seqs.push(Some(self.head.seq));
    }

    /// What a round does, with what waits behind those it took.
    fn apply(&mut self, plan: Plan, taken: &[(Option<u8>, Script)]) {
        for event in &plan.events {
            assert_eq!(Buckets::of_events(7).of(event.entry.seq), plan.bucket);
            self.bodies.push(event.entry.body.clone());
            assert_eq!(self.bodies.len() as Seq, event.entry.seq);
        }
        for (seq, redaction) in plan.here.iter().chain(&plan.older) {
            assert!(*seq <= plan.before && redaction.cause > plan.before);
            self.bodies[usize::try_from(*seq).unwrap() - 1] = redaction.body.clone();
        }
        for (fate, (key, _)) in plan.fates.iter().zip(taken) {
            let seq = match fate {
                Fate::Written(at) | Fate::Merged(at) => Some(plan.events[*at].entry.seq),
                Fate::Refused(_) => None,
            };
            self.keys.extend(key.zip(seq));
            self.seqs.push(seq);
        }
        self.head = OwnedHead { at: 0, ..plan.end };
    }
}

proptest! {
    /// However appends are gathered into rounds, the log is as if each had come alone.
    #[test]
    fn rounds_are_as_good_as_one_at_a_time(scripts in prop::collection::vec(script(), 0..60)) {
        let mut plain = Plain::default();
        for (key, script) in &scripts {
            plain.append(*key, script);
        }
        let mut rounds = Plain::default();
        let mut waiting = scripts.as_slice();
        while let [(key, script), rest @ ..] = waiting {
            // A key that is known is answered before any gate is asked, and in its turn.
            if key.is_some_and(|key| rounds.keys.contains_key(&key)) {
                rounds.append(*key, script);
                waiting = rest;
                continue;
            }
            let known = |(key, _): &&(Option<u8>, Script)| {
                !key.is_some_and(|key| rounds.keys.contains_key(&key))
            };
            let new: Vec<(Option<u8>, Script)> =
                waiting.iter().take_while(known).cloned().collect();
            let appends: Vec<Append> = new.iter().map(|(k, s)| append(*k, s.clone())).collect();
            let plan = plan(&rounds.head, Buckets::of_events(7), 0, &appends, &|_| Ok(()));
            let taken = plan.fates.len();
            prop_assert!(taken > 0);
            prop_assert!(plan.events.len() <= 7);
            let bytes: usize = plan.events.iter().map(|event| event.told.len()).sum();
            prop_assert!(bytes <= ROUND_BODY_BYTES_MAX || plan.events.len() == 1);
            rounds.apply(plan, &new[..taken]);
            waiting = &waiting[taken..];
        }
        prop_assert_eq!(rounds, plain);
    }
}

//! What the log promises, on every engine.

use crate::engines::{Engine, Home, START, on_every_engine};
use futures_util::future::join_all;
use protocol::conversations::MessageEdited;
use protocol::{ClientId, Error, ErrorCode, Event, MessageId, Millis, Seq, Topic, UserId};
use sanctuary::bus::Channel;
use sanctuary::error::conflict;
use sanctuary::log::{
    Append, Appended, Gate, Head, KEY_BYTES_MAX, Key, READ_EVENTS_MAX, REDACTIONS_MAX,
    STATE_BYTES_MAX, Span, Stamped, decode,
};
use sanctuary::store::{Maximum, Range, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use uuid::Uuid;

on_every_engine! {
    seqs_are_gapless_under_concurrent_appends,
    appends_of_one_caller_keep_their_order,
    two_nodes_append_to_one_topic_without_gap_or_double,
    an_append_outlives_a_restart,
    a_key_that_comes_again_gets_the_first_result,
    equal_keys_in_one_queue_become_one_event,
    a_key_is_found_before_the_gate_refuses,
    a_key_that_was_refused_is_free,
    the_same_key_in_two_topics_is_two_events,
    a_gate_sees_the_head_that_it_writes_behind,
    a_refusal_writes_and_publishes_nothing,
    a_gate_that_panics_hurts_only_its_own_append,
    state_is_carried_until_it_is_changed,
    state_is_limited,
    keys_are_limited,
    redactions_are_limited,
    a_redaction_replaces_the_event_at_its_place,
    a_redaction_of_nothing_writes_nothing,
    maxima_rise_with_their_event_and_never_fall,
    the_time_of_a_topic_never_goes_back,
    publications_come_in_the_order_of_the_log,
    pages_end_at_their_limits,
    heads_come_in_the_order_asked,
    a_failed_commit_is_never_acknowledged,
    an_unknown_outcome_is_settled_by_the_key,
}

/// A gate that takes everything, and can be told otherwise.
#[derive(Clone)]
pub(crate) struct Open {
    number: u128,
    text: Option<String>,
    state: Option<Vec<u8>>,
    redact: Vec<(Seq, Event)>,
    maxima: Vec<Maximum>,
    refuse: Arc<AtomicBool>,
    asked: Arc<AtomicU32>,
    audience: Vec<Channel>,
}

pub(crate) fn event(number: u128, text: Option<String>) -> Event {
    MessageEdited { message_id: MessageId(Uuid::from_u128(number)), message_seq: 1, text }.into()
}

pub(crate) fn open(number: u128) -> Open {
    Open {
        number,
        text: None,
        state: None,
        redact: Vec::new(),
        maxima: Vec::new(),
        refuse: Arc::default(),
        asked: Arc::default(),
        audience: vec![Channel::User(UserId(Uuid::nil()))],
    }
}

impl Open {
    pub(crate) fn saying(self, text: String) -> Self {
        Self { text: Some(text), ..self }
    }
}

impl Gate for Open {
    fn stamp(&self, _: Head<'_>, _: Millis) -> Result<Stamped, Error> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.refuse.load(Ordering::SeqCst) {
            return Err(conflict("not now"));
        }
        Ok(Stamped {
            event: event(self.number, self.text.clone()),
            state: self.state.clone(),
            redact: self.redact.clone(),
            maxima: self.maxima.clone(),
            audience: self.audience.clone(),
        })
    }

    fn audience(&self, _: Head<'_>, _: Seq) -> Vec<Channel> {
        self.audience.clone()
    }
}

/// Takes `limit` events in all, by the state it keeps.
struct Counted {
    limit: u8,
}

impl Gate for Counted {
    fn stamp(&self, head: Head<'_>, _: Millis) -> Result<Stamped, Error> {
        let count = head.state.first().copied().unwrap_or(0);
        assert_eq!(head.seq, Seq::from(count), "state and head belong together");
        if count >= self.limit {
            return Err(conflict("full"));
        }
        let gate = Open { state: Some(vec![count + 1]), ..open(u128::from(count)) };
        gate.stamp(head, 0)
    }

    fn audience(&self, _: Head<'_>, _: Seq) -> Vec<Channel> {
        Vec::new()
    }
}

struct Panics;

impl Gate for Panics {
    fn stamp(&self, _: Head<'_>, _: Millis) -> Result<Stamped, Error> {
        panic!("on purpose");
    }

    fn audience(&self, _: Head<'_>, _: Seq) -> Vec<Channel> {
        Vec::new()
    }
}

pub(crate) fn topic(n: u128) -> Topic {
    Topic::Conversation(protocol::ConversationId(Uuid::from_u128(n)))
}

#[expect(clippy::unnecessary_wraps, reason = "an append takes it so")]
pub(crate) fn key(n: u128) -> Option<Key> {
    Some(Key::of_client(UserId(Uuid::from_u128(7)), ClientId(Uuid::from_u128(n))))
}

pub(crate) async fn append(
    engine: &Engine,
    topic: Topic,
    key: Option<Key>,
    gate: impl Gate + 'static,
) -> Result<Appended, Error> {
    let sender = Some(UserId(Uuid::from_u128(7)));
    engine.log.append(Append { topic, key, sender, gate: Box::new(gate) }).await
}

/// The numbers of a topic's events, and that their seqs are 1, 2, 3, …
pub(crate) async fn numbers(engine: &Engine, topic: Topic) -> Vec<u128> {
    let mut numbers = Vec::new();
    loop {
        let after = numbers.len() as Seq;
        let page = engine.log.read(topic, Span::After(after), 1_000, usize::MAX).await.unwrap();
        for entry in &page.entries {
            assert_eq!(entry.seq, numbers.len() as Seq + 1);
            match decode(topic, entry).unwrap().body {
                Event::MessageEdited(edited) => numbers.push(edited.message_id.0.as_u128()),
                other => panic!("not written by this suite: {other:?}"),
            }
        }
        if page.entries.is_empty() {
            assert_eq!(page.head, after);
            return numbers;
        }
    }
}

async fn seqs_are_gapless_under_concurrent_appends(home: &dyn Home) {
    let engine = home.open().await;
    let appends = (0..600_u128).map(|n| append(&engine, topic(n % 3), key(n), open(n)));
    for appended in join_all(appends).await {
        assert!(!appended.unwrap().duplicate);
    }
    for n in 0..3 {
        let mut numbers = numbers(&engine, topic(n)).await;
        numbers.sort_unstable();
        assert_eq!(numbers, (0..600).filter(|m| m % 3 == n).collect::<Vec<_>>());
    }
}

async fn appends_of_one_caller_keep_their_order(home: &dyn Home) {
    let engine = home.open().await;
    engine.faults.slow(Duration::from_millis(1));
    // More than the queue takes: the rest lines up.
    let count = sanctuary::log::QUEUE_APPENDS_MAX as u128 + 500;
    let appends = (0..count).map(|n| append(&engine, topic(1), None, open(n)));
    join_all(appends).await;
    assert_eq!(numbers(&engine, topic(1)).await, (0..count).collect::<Vec<_>>());
}

async fn two_nodes_append_to_one_topic_without_gap_or_double(home: &dyn Home) {
    let (one, two) = (home.open().await, home.open().await);
    // Each key is sent to both.
    let appends = (0..200_u128).flat_map(|n| {
        [append(&one, topic(1), key(n), open(n)), append(&two, topic(1), key(n), open(n))]
    });
    let appended = join_all(appends).await;
    for pair in appended.chunks(2) {
        let [one, two] = pair else { panic!("two each") };
        let (one, two) = (one.as_ref().unwrap(), two.as_ref().unwrap());
        assert_eq!((one.seq, &one.body), (two.seq, &two.body));
        assert!(one.duplicate != two.duplicate);
    }
    assert_eq!(numbers(&one, topic(1)).await.len(), 200);
    assert_eq!(numbers(&one, topic(1)).await, numbers(&two, topic(1)).await);
}

async fn an_append_outlives_a_restart(home: &dyn Home) {
    let engine = home.open().await;
    append(&engine, topic(1), key(1), open(1)).await.unwrap();
    drop(engine);
    let engine = home.open().await;
    assert_eq!(numbers(&engine, topic(1)).await, [1]);
    assert_eq!(append(&engine, topic(1), key(2), open(2)).await.unwrap().seq, 2);
}

async fn a_key_that_comes_again_gets_the_first_result(home: &dyn Home) {
    let engine = home.open().await;
    let first = append(&engine, topic(1), key(1), open(1)).await.unwrap();
    append(&engine, topic(1), key(2), open(2)).await.unwrap();
    engine.bus.take();
    drop(engine);
    let engine = home.open().await;
    engine.clock.advance(5_000);
    let again = append(&engine, topic(1), key(1), open(99)).await.unwrap();
    assert!(again.duplicate);
    assert_eq!((again.seq, again.at, &again.body), (first.seq, first.at, &first.body));
    assert_eq!(numbers(&engine, topic(1)).await, [1, 2]);
    let published = engine.bus.take();
    assert_eq!(published.len(), 1, "whoever missed it hears of it now");
    assert_eq!((published[0].seq, &published[0].body), (1, &first.body));
    assert_eq!(published[0].audience, open(1).audience);
}

async fn equal_keys_in_one_queue_become_one_event(home: &dyn Home) {
    let engine = home.open().await;
    engine.faults.slow(Duration::from_millis(20));
    let appends = (0..50).map(|n| append(&engine, topic(1), key(1), open(n)));
    let appended: Vec<_> = join_all(appends).await.into_iter().map(Result::unwrap).collect();
    assert!(appended.iter().all(|appended| appended.seq == 1));
    assert_eq!(appended.iter().filter(|appended| !appended.duplicate).count(), 1);
    assert_eq!(numbers(&engine, topic(1)).await, [0]);
}

async fn a_key_is_found_before_the_gate_refuses(home: &dyn Home) {
    let engine = home.open().await;
    let gate = open(1);
    append(&engine, topic(1), key(1), gate.clone()).await.unwrap();
    gate.refuse.store(true, Ordering::SeqCst);
    let again = append(&engine, topic(1), key(1), gate.clone()).await.unwrap();
    assert!(again.duplicate);
    assert_eq!(gate.asked.load(Ordering::SeqCst), 1);
    let other = append(&engine, topic(1), key(2), gate).await.unwrap_err();
    assert_eq!(other.code, ErrorCode::Conflict);
}

async fn a_key_that_was_refused_is_free(home: &dyn Home) {
    let engine = home.open().await;
    let gate = open(1);
    gate.refuse.store(true, Ordering::SeqCst);
    append(&engine, topic(1), key(1), gate.clone()).await.unwrap_err();
    gate.refuse.store(false, Ordering::SeqCst);
    assert!(!append(&engine, topic(1), key(1), gate).await.unwrap().duplicate);
}

async fn the_same_key_in_two_topics_is_two_events(home: &dyn Home) {
    let engine = home.open().await;
    assert!(!append(&engine, topic(1), key(1), open(1)).await.unwrap().duplicate);
    assert!(!append(&engine, topic(2), key(1), open(1)).await.unwrap().duplicate);
}

async fn a_gate_sees_the_head_that_it_writes_behind(home: &dyn Home) {
    let (one, two) = (home.open().await, home.open().await);
    let appends = (0..80_u128).map(|n| {
        let engine = if n % 2 == 0 { &one } else { &two };
        append(engine, topic(1), key(n), Counted { limit: 30 })
    });
    let (written, refused): (Vec<_>, Vec<_>) =
        join_all(appends).await.into_iter().partition(Result::is_ok);
    assert_eq!((written.len(), refused.len()), (30, 50));
    assert_eq!(numbers(&one, topic(1)).await, (0..30).collect::<Vec<_>>());
}

async fn a_refusal_writes_and_publishes_nothing(home: &dyn Home) {
    let engine = home.open().await;
    let gate = open(1);
    gate.refuse.store(true, Ordering::SeqCst);
    let refused = append(&engine, topic(1), key(1), gate).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Conflict);
    assert_eq!(numbers(&engine, topic(1)).await, [0_u128; 0]);
    assert!(engine.bus.take().is_empty());
}

async fn a_gate_that_panics_hurts_only_its_own_append(home: &dyn Home) {
    let engine = home.open().await;
    engine.faults.slow(Duration::from_millis(20));
    let (before, broken, after) = tokio::join!(
        append(&engine, topic(1), key(1), open(1)),
        append(&engine, topic(1), key(2), Panics),
        append(&engine, topic(1), key(3), open(3)),
    );
    assert_eq!(broken.unwrap_err().code, ErrorCode::Internal);
    assert_eq!((before.unwrap().seq, after.unwrap().seq), (1, 2));
    assert_eq!(numbers(&engine, topic(1)).await, [1, 3]);
    assert_eq!(engine.bus.take().len(), 2);
}

async fn state_is_carried_until_it_is_changed(home: &dyn Home) {
    let engine = home.open().await;
    let stated = Open { state: Some(b"open".to_vec()), ..open(1) };
    append(&engine, topic(1), None, stated).await.unwrap();
    for n in 2..300 {
        append(&engine, topic(1), None, open(n)).await.unwrap();
    }
    let head = &engine.log.heads(vec![topic(1)]).await.unwrap()[0];
    assert_eq!((head.seq, head.state.as_slice(), head.at), (299, b"open".as_slice(), START));
    append(&engine, topic(1), None, Open { state: Some(Vec::new()), ..open(300) }).await.unwrap();
    assert!(engine.log.heads(vec![topic(1)]).await.unwrap()[0].state.is_empty());
}

async fn state_is_limited(home: &dyn Home) {
    let engine = home.open().await;
    let stated = |bytes| Open { state: Some(vec![7; bytes]), ..open(1) };
    append(&engine, topic(1), None, stated(STATE_BYTES_MAX)).await.unwrap();
    let error = append(&engine, topic(1), None, stated(STATE_BYTES_MAX + 1)).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Internal);
    assert_eq!(engine.log.heads(vec![topic(1)]).await.unwrap()[0].seq, 1);
}

async fn keys_are_limited(home: &dyn Home) {
    let engine = home.open().await;
    let key = |bytes| Some(Key(vec![7; bytes]));
    append(&engine, topic(1), key(KEY_BYTES_MAX), open(1)).await.unwrap();
    let error = append(&engine, topic(1), key(KEY_BYTES_MAX + 1), open(2)).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Internal);
    assert_eq!(numbers(&engine, topic(1)).await, [1]);
}

async fn redactions_are_limited(home: &dyn Home) {
    let engine = home.open().await;
    append(&engine, topic(1), None, open(1)).await.unwrap();
    let redacts = |count| Open { redact: vec![(1, event(9, None)); count], ..open(2) };
    append(&engine, topic(1), None, redacts(REDACTIONS_MAX)).await.unwrap();
    let error = append(&engine, topic(1), None, redacts(REDACTIONS_MAX + 1)).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Internal);
    assert_eq!(numbers(&engine, topic(1)).await, [9, 2]);
}

async fn a_redaction_replaces_the_event_at_its_place(home: &dyn Home) {
    let engine = home.open().await;
    let secret = Open { text: Some("a secret".to_owned()), ..open(1) };
    let first = append(&engine, topic(1), key(1), secret).await.unwrap();
    engine.clock.advance(10);
    let redacts = Open { redact: vec![(1, event(100, None))], ..open(2) };
    append(&engine, topic(1), key(2), redacts).await.unwrap();
    let page = engine.log.read(topic(1), Span::After(0), 10, usize::MAX).await.unwrap();
    assert_eq!(numbers(&engine, topic(1)).await, [100, 2]);
    assert_eq!(page.entries[0].at, first.at);
    assert_eq!(page.entries[0].sender, Some(UserId(Uuid::from_u128(7))));
    let again = append(&engine, topic(1), key(1), open(1)).await.unwrap();
    assert!(again.duplicate, "the key is still known");
    assert_eq!(again.body, page.entries[0].body, "and gives nothing away");
}

async fn a_redaction_of_nothing_writes_nothing(home: &dyn Home) {
    let engine = home.open().await;
    append(&engine, topic(1), None, open(1)).await.unwrap();
    for seq in [0, 2, 3] {
        let redacts = Open { redact: vec![(seq, event(9, None))], ..open(2) };
        let error = append(&engine, topic(1), None, redacts).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Internal);
    }
    assert_eq!(numbers(&engine, topic(1)).await, [1]);
}

fn mark(seen: i64) -> Maximum {
    let key = vec![Value::Uuid(Uuid::from_u128(1)), Value::Uuid(Uuid::from_u128(2))];
    Maximum { table: "test_marks", key, columns: vec![("seen", seen)] }
}

async fn seen(engine: &Engine) -> Option<i64> {
    let partition = vec![Value::Uuid(Uuid::from_u128(1))];
    let range = Range { partition, after: None, descending: false, limit: 10 };
    let rows = engine.store.list("test_marks", range).await.unwrap();
    rows.first().map(|cells| cells.field("seen").unwrap())
}

async fn maxima_rise_with_their_event_and_never_fall(home: &dyn Home) {
    let engine = home.open().await;
    for (number, seen) in [(1, 5), (2, 9), (3, 7)] {
        let gate = Open { maxima: vec![mark(seen)], ..open(number) };
        append(&engine, topic(1), None, gate).await.unwrap();
    }
    assert_eq!(seen(&engine).await, Some(9));
    let refused = Open { maxima: vec![mark(50)], ..open(4) };
    refused.refuse.store(true, Ordering::SeqCst);
    append(&engine, topic(1), None, refused).await.unwrap_err();
    assert_eq!(seen(&engine).await, Some(9));
}

async fn the_time_of_a_topic_never_goes_back(home: &dyn Home) {
    let engine = home.open().await;
    engine.clock.advance(5_000);
    append(&engine, topic(1), None, open(1)).await.unwrap();
    engine.clock.advance(-4_000);
    let second = append(&engine, topic(1), None, open(2)).await.unwrap();
    assert_eq!(second.at, START + 5_000);
    let elsewhere = append(&engine, topic(2), None, open(1)).await.unwrap();
    assert_eq!(elsewhere.at, START + 1_000);
}

async fn publications_come_in_the_order_of_the_log(home: &dyn Home) {
    let engine = home.open().await;
    join_all((0..300).map(|n| append(&engine, topic(1), key(n), open(n)))).await;
    let published = engine.bus.take();
    let seqs: Vec<Seq> = published.iter().map(|publication| publication.seq).collect();
    assert_eq!(seqs, (1..=300).collect::<Vec<_>>());
    let page = engine.log.read(topic(1), Span::Newest, 1, usize::MAX).await.unwrap();
    assert_eq!(page.entries[0].body, published[299].body);
}

async fn pages_end_at_their_limits(home: &dyn Home) {
    let engine = home.open().await;
    let empty = engine.log.read(topic(9), Span::Newest, 10, 10).await.unwrap();
    assert_eq!((empty.entries.len(), empty.head), (0, 0));
    join_all((1..=1_100).map(|n| append(&engine, topic(1), None, open(n)))).await;
    let read = async |span, limit, bytes| -> Vec<Seq> {
        let page = engine.log.read(topic(1), span, limit, bytes).await.unwrap();
        assert_eq!(page.head, 1_100);
        page.entries.iter().map(|entry| entry.seq).collect()
    };
    let all = usize::MAX;
    assert_eq!(read(Span::After(3), 2, all).await, [4, 5]);
    assert_eq!(read(Span::After(1_098), 3, all).await, [1_099, 1_100]);
    assert_eq!(read(Span::After(1_100), 3, all).await, [0; 0]);
    assert_eq!(read(Span::Before(3), 5, all).await, [1, 2]);
    assert_eq!(read(Span::Before(4), 2, all).await, [2, 3]);
    assert_eq!(read(Span::Before(1), 2, all).await, [0; 0]);
    assert_eq!(read(Span::Newest, 2, all).await, [1_099, 1_100]);
    assert_eq!(read(Span::After(0), 0, all).await, [0; 0]);
    assert_eq!(read(Span::After(0), READ_EVENTS_MAX, all).await.len(), 1_000);
    assert_eq!(read(Span::After(0), READ_EVENTS_MAX + 1, all).await.len(), 1_000);
    let page = engine.log.read(topic(1), Span::After(0), 2, all).await.unwrap();
    let two = page.entries.iter().map(|entry| entry.body.len()).sum::<usize>();
    assert_eq!(read(Span::After(0), 10, two).await, [1, 2]);
    assert_eq!(read(Span::After(0), 10, two - 1).await, [1]);
    assert_eq!(read(Span::After(0), 10, 0).await, [1], "one at least");
    assert_eq!(read(Span::Newest, 10, 0).await, [1_100]);
}

async fn heads_come_in_the_order_asked(home: &dyn Home) {
    let engine = home.open().await;
    append(&engine, topic(2), None, open(1)).await.unwrap();
    append(&engine, topic(2), None, open(2)).await.unwrap();
    append(&engine, topic(1), None, open(1)).await.unwrap();
    let heads = engine.log.heads(vec![topic(1), topic(3), topic(2), topic(1)]).await.unwrap();
    assert_eq!(heads.iter().map(|head| head.seq).collect::<Vec<_>>(), [1, 0, 2, 1]);
}

async fn a_failed_commit_is_never_acknowledged(home: &dyn Home) {
    let engine = home.open().await;
    // One failure an engine may make good by itself; a store that is away it can't.
    for (topic, refused) in [(topic(1), 1), (topic(2), 1_000)] {
        append(&engine, topic, key(0), open(0)).await.unwrap();
        engine.bus.take();
        engine.faults.refuse_commits(refused);
        engine.faults.slow(Duration::from_millis(10));
        let appended = join_all((1..=40).map(|n| append(&engine, topic, key(n), open(n)))).await;
        engine.faults.refuse_commits(0);
        let failed: Vec<&Error> = appended.iter().filter_map(|one| one.as_ref().err()).collect();
        assert!(!failed.is_empty() || (refused == 1 && engine.finds_out));
        assert!(failed.iter().all(|error| error.code == ErrorCode::Unavailable && error.retryable));
        let kept = numbers(&engine, topic).await;
        assert_eq!(kept.len(), 1 + 40 - failed.len());
        assert_eq!(engine.bus.take().len(), 40 - failed.len(), "nothing else was announced");
        // Everybody tries again, and nothing is doubled.
        for n in 1..=40 {
            append(&engine, topic, key(n), open(n)).await.unwrap();
        }
        let mut kept = numbers(&engine, topic).await;
        kept.sort_unstable();
        assert_eq!(kept, (0..=40).collect::<Vec<_>>());
    }
}

async fn an_unknown_outcome_is_settled_by_the_key(home: &dyn Home) {
    let engine = home.open().await;
    engine.faults.lose_commit_results(1);
    let appended = append(&engine, topic(1), key(1), open(1)).await;
    if engine.finds_out {
        let appended = appended.unwrap();
        assert_eq!((appended.seq, appended.duplicate), (1, false));
    } else {
        assert_eq!(appended.unwrap_err().code, ErrorCode::Unavailable);
        assert!((engine.health)().is_err());
        assert!(engine.bus.take().is_empty());
    }
    let again = append(&engine, topic(1), key(1), open(1)).await.unwrap();
    assert_eq!((again.seq, again.duplicate), (1, true));
    assert!(!engine.bus.take().is_empty(), "now it is announced");
    assert_eq!(append(&engine, topic(1), key(2), open(2)).await.unwrap().seq, 2);
    assert!((engine.health)().is_ok());
    assert_eq!(numbers(&engine, topic(1)).await, [1, 2]);
}

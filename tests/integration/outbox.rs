//! What follows from a commit happens once, whatever dies in between; on every engine.

use crate::engines::{Engine, Home, START, on_every_engine, schema};
use futures_util::future::{BoxFuture, join_all};
use protocol::conversations::MessageEdited;
use protocol::{ErrorCode, Event, MessageId, Millis, Topic, UserId};
use sanctuary::bus::Channel;
use sanctuary::error::{Result, busy};
use sanctuary::log::{Span, decode};
use sanctuary::store::{
    Carry, Cells, Change, CommitError, Corrupt, OutKey, Partition, RELAY_AFTER_MS, RELAY_TIMER,
    Store, Value, VersionedRecord, on_a_lane,
};
use sanctuary::timers::{Driver, Fire, RETRY_MS, Timer};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tokio::sync::Notify;
use uuid::Uuid;

on_every_engine! {
    events_are_in_their_topics_when_a_decision_returns,
    effects_are_carried_out_in_order_with_keys_of_their_own,
    groups_do_not_wait_for_one_another,
    nothing_is_left_after_the_next_commit,
    a_crash_before_carrying_is_made_good_by_the_timer,
    a_crash_after_carrying_changes_nothing,
    relays_of_one_partition_wait_for_one_another_and_find_it_done,
    two_nodes_that_relay_the_same_commit_do_it_once,
    a_node_that_sleeps_while_it_carries_does_nothing_twice,
    a_node_that_sleeps_before_its_commit_decides_again,
    a_relay_that_sleeps_does_not_clear_what_came_since,
    a_failed_effect_stops_its_partition_and_is_tried_again,
    what_failed_is_not_cleared_by_a_later_commit,
    the_next_commit_brings_what_failed_before,
    older_versions_go_first,
    what_fails_now_and_then_follows_once_and_in_order_in_the_end,
    an_effect_may_decide_on_its_own_partition,
    effects_may_decide_in_a_circle,
    a_caller_that_leaves_does_not_stop_what_follows,
    a_caller_that_leaves_during_the_commit_does_not_either,
    an_effect_that_panics_is_left_to_the_relay,
    a_conflict_leaves_nothing_to_carry,
    a_commit_of_unknown_outcome_is_carried_by_its_timer,
    a_relay_without_anything_left_is_harmless,
    timers_of_one_millisecond_are_kept_apart,
}

const TIMES: usize = 5;

/// A counter in a box, so that a commit has something to write.
struct Count(i64);

impl VersionedRecord for Count {
    const TABLE: &'static str = "test_boxes";
    const KIND: &'static str = "count";
    const COLUMNS: &'static [&'static str] = &["number"];

    fn into_cells(self) -> (Uuid, Cells) {
        (Uuid::nil(), Cells(vec![("number", Value::Int(self.0))]))
    }

    fn from_cells(_: Uuid, cells: &Cells) -> std::result::Result<Self, Corrupt> {
        cells.field("number").map(Self)
    }
}

/// What an effect called `told` does, by its body.
type Told = Box<dyn Fn(Arc<Store>, OutKey) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// Carries effects out and remembers in which order.
#[derive(Default)]
struct Carrier {
    carried: Mutex<Vec<(u64, u32, String)>>,
    failing: Mutex<Vec<String>>,
    told: Mutex<HashMap<String, Told>>,
    store: Mutex<Weak<Store>>,
}

impl Carrier {
    fn names(&self) -> Vec<String> {
        self.carried.lock().unwrap().iter().map(|(_, _, name)| name.clone()).collect()
    }

    fn fail(&self, name: &str) {
        self.failing.lock().unwrap().push(name.to_owned());
    }

    fn heal(&self) {
        self.failing.lock().unwrap().clear();
    }

    fn tell<F>(&self, name: &str, told: impl Fn(Arc<Store>, OutKey) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let told: Told = Box::new(move |store, key| Box::pin(told(store, key)));
        self.told.lock().unwrap().insert(name.to_owned(), told);
    }
}

impl Carry for Carrier {
    fn carry<'a>(
        &'a self,
        key: &'a OutKey,
        effect: &'a str,
        body: &'a [u8],
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            assert!(on_a_lane());
            assert_eq!(effect, "tell");
            let name: String = protocol::Format::MessagePack.decode(body).unwrap();
            if self.failing.lock().unwrap().contains(&name) {
                return Err(busy());
            }
            let store = self.store.lock().unwrap().upgrade();
            let told =
                self.told.lock().unwrap().get(&name).map(|told| told(store.unwrap(), key.clone()));
            if let Some(told) = told {
                told.await?;
            }
            self.carried.lock().unwrap().push((key.version, key.index, name));
            Ok(())
        })
    }
}

/// One node with all that carries things out.
struct Node {
    engine: Engine,
    store: Arc<Store>,
    carrier: Arc<Carrier>,
    driver: Arc<Driver>,
}

struct Relay(Arc<Store>);

impl Fire for Relay {
    fn fire<'a>(&'a self, timer: &'a Timer, _: Millis) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            assert_eq!(timer.kind, RELAY_TIMER);
            self.0.relay_of(timer, &schema()).await
        })
    }
}

async fn node(home: &dyn Home) -> Node {
    let engine = home.open().await;
    let store = engine.records();
    let carrier = Arc::new(Carrier::default());
    *carrier.store.lock().unwrap() = Arc::downgrade(&store);
    store.carry_with(Arc::clone(&carrier) as _);
    let relay = Arc::new(Relay(Arc::clone(&store)));
    let driver = Driver::new(Arc::clone(&engine.timers), relay, engine.clock.clone());
    Node { engine, store, carrier, driver }
}

const LATER: Millis = START + RELAY_AFTER_MS;
/// When every timer of these tests is due.
const MUCH_LATER: Millis = LATER + 60_000;

fn in_box(id: u128) -> Partition {
    Partition::new("test_boxes", [Value::Uuid(Uuid::from_u128(id))])
}

fn feed(n: u128) -> Topic {
    Topic::User(UserId(Uuid::from_u128(n)))
}

fn event(n: u128) -> Event {
    let message_id = MessageId(Uuid::from_u128(n));
    MessageEdited { message_id, message_seq: 1, text: None }.into()
}

/// Commits what `fill` says, and a count.
async fn change(node: &Node, id: u128, fill: impl Fn(&mut Change) + Send + Sync) -> Result<()> {
    count(&node.store, id, fill).await
}

async fn count(store: &Store, id: u128, fill: impl Fn(&mut Change) + Send + Sync) -> Result<()> {
    store
        .decide(in_box(id), |snapshot| {
            let count = snapshot.one::<Count>()?.map_or(0, |count| count.0);
            let mut change = Change::new();
            change.write(Count(count + 1));
            fill(&mut change);
            Ok((change, ()))
        })
        .await
}

fn tell(change: &mut Change, name: impl std::fmt::Display) {
    change.effect("tell", &name.to_string());
}

async fn numbers(node: &Node, topic: Topic) -> Vec<u128> {
    let page = node.engine.log.read(topic, Span::After(0), 1_000, usize::MAX).await.unwrap();
    let entries = page.entries.iter().map(|entry| match decode(topic, entry).unwrap().body {
        Event::MessageEdited(edited) => edited.message_id.0.as_u128(),
        other => panic!("not written by this suite: {other:?}"),
    });
    entries.collect()
}

/// No relay timer stays for what was carried out.
async fn no_timers(node: &Node) {
    let wait = async {
        while !node.engine.timers.due(MUCH_LATER, 10).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap();
}

/// Ends as by `kill -9`, as far as one process can: an effect never returns.
async fn crash_in_an_effect(home: &dyn Home, fill: impl Fn(&mut Change) + Send + Sync + 'static) {
    let node = node(home).await;
    let begun = Arc::new(Notify::new());
    let signal = Arc::clone(&begun);
    node.carrier.tell("crash", move |_, _| {
        let begun = Arc::clone(&signal);
        async move {
            begun.notify_one();
            std::future::pending().await
        }
    });
    let store = Arc::clone(&node.store);
    let caller = tokio::spawn(async move {
        count(&store, 1, move |change| {
            tell(change, "crash");
            fill(change);
        })
        .await
    });
    begun.notified().await;
    caller.abort();
}

async fn events_are_in_their_topics_when_a_decision_returns(home: &dyn Home) {
    let node = node(home).await;
    let group = Topic::Group(protocol::GroupId(Uuid::from_u128(3)));
    change(&node, 1, |change| {
        change.event(feed(1), event(10)).event(group, event(11)).event(feed(1), event(12));
    })
    .await
    .unwrap();
    assert_eq!(numbers(&node, feed(1)).await, [10, 12]);
    assert_eq!(numbers(&node, group).await, [11]);
    let audiences: Vec<_> =
        node.engine.bus.take().into_iter().map(|publication| publication.audience).collect();
    let (user, group) = (
        vec![Channel::User(UserId(Uuid::from_u128(1)))],
        vec![Channel::Group(protocol::GroupId(Uuid::from_u128(3)))],
    );
    assert_eq!(audiences, [user.clone(), group, user]);
    no_timers(&node).await;
}

async fn effects_are_carried_out_in_order_with_keys_of_their_own(home: &dyn Home) {
    let node = node(home).await;
    change(&node, 1, |change| ["a", "b"].iter().for_each(|name| tell(change, name))).await.unwrap();
    change(&node, 1, |change| tell(change, "c")).await.unwrap();
    let expected = [(1, 0, "a"), (1, 1, "b"), (2, 0, "c")];
    assert_eq!(
        *node.carrier.carried.lock().unwrap(),
        expected.map(|(version, index, name)| (version, index, name.to_owned()))
    );
}

async fn groups_do_not_wait_for_one_another(home: &dyn Home) {
    let node = node(home).await;
    let met = Arc::new(tokio::sync::Barrier::new(2));
    for name in ["a", "b"] {
        let met = Arc::clone(&met);
        node.carrier.tell(name, move |_, _| {
            let met = Arc::clone(&met);
            async move {
                met.wait().await;
                Ok(())
            }
        });
    }
    change(&node, 1, |change| {
        tell(change, "a");
        tell(change, "after a");
        change.group();
        tell(change, "b");
    })
    .await
    .unwrap();
    let carried = node.carrier.carried.lock().unwrap().clone();
    assert_eq!(carried.len(), 3);
    assert!(carried.contains(&(1, sanctuary::store::GROUP_ROWS_MAX, "b".to_owned())));
}

async fn nothing_is_left_after_the_next_commit(home: &dyn Home) {
    let node = node(home).await;
    change(&node, 1, |change| tell(change, "a")).await.unwrap();
    change(&node, 1, |_| {}).await.unwrap();
    assert!(node.store.load(in_box(1)).await.unwrap().outbox.is_empty());
    assert_eq!(node.carrier.names(), ["a"]);
}

async fn a_crash_before_carrying_is_made_good_by_the_timer(home: &dyn Home) {
    crash_in_an_effect(home, |change| {
        change.event(feed(1), event(10));
        tell(change, "after");
        change.event(feed(1), event(11));
    })
    .await;
    let node = node(home).await;
    assert_eq!(numbers(&node, feed(1)).await, [0_u128; 0]);
    assert_eq!(node.driver.fire_due(LATER - 1).await.unwrap(), 0);
    assert_eq!(node.driver.fire_due(LATER).await.unwrap(), 1);
    assert_eq!(numbers(&node, feed(1)).await, [10, 11]);
    assert_eq!(node.carrier.names(), ["crash", "after"]);
    let snapshot = node.store.load(in_box(1)).await.unwrap();
    assert_eq!((snapshot.version, snapshot.outbox.len()), (2, 0));
    assert_eq!(node.driver.fire_due(MUCH_LATER).await.unwrap(), 0);
}

async fn a_crash_after_carrying_changes_nothing(home: &dyn Home) {
    let first = node(home).await;
    change(&first, 1, |change| {
        change.event(feed(1), event(10));
    })
    .await
    .unwrap();
    // The timer was not cleared, nor the row.
    let snapshot = first.store.load(in_box(1)).await.unwrap();
    assert_eq!(snapshot.outbox.len(), 1);
    no_timers(&first).await;
    let left = Timer { due_at: LATER, kind: RELAY_TIMER.to_owned(), subject: in_box(1).to_bytes() };
    first.engine.timers.set(vec![left]).await.unwrap();
    drop(first);
    let second = node(home).await;
    assert_eq!(second.driver.fire_due(LATER).await.unwrap(), 1);
    assert_eq!(numbers(&second, feed(1)).await, [10]);
    assert!(second.store.load(in_box(1)).await.unwrap().outbox.is_empty());
}

async fn relays_of_one_partition_wait_for_one_another_and_find_it_done(home: &dyn Home) {
    crash_in_an_effect(home, |change| tell(change, "after")).await;
    let node = node(home).await;
    let (begun, goes_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (says, hears) = (Arc::clone(&begun), Arc::clone(&goes_on));
    node.carrier.tell("after", move |_, _| {
        let (says, hears) = (Arc::clone(&says), Arc::clone(&hears));
        async move {
            says.notify_one();
            hears.notified().await;
            Ok(())
        }
    });
    let relays = (0..40).map(|_| node.store.relay(in_box(1)));
    let lets_go = async {
        begun.notified().await;
        goes_on.notify_one();
    };
    let (outcomes, ()) = futures_util::join!(join_all(relays), lets_go);
    for outcome in outcomes {
        outcome.unwrap();
    }
    assert_eq!(node.carrier.names(), ["crash", "after"]);
}

async fn two_nodes_that_relay_the_same_commit_do_it_once(home: &dyn Home) {
    crash_in_an_effect(home, |change| {
        for n in 10..20 {
            change.event(feed(1), event(n));
        }
    })
    .await;
    let (one, two) = (node(home).await, node(home).await);
    let (first, second) = tokio::join!(one.driver.fire_due(LATER), two.driver.fire_due(LATER));
    assert!(first.unwrap() + second.unwrap() >= 1);
    assert_eq!(numbers(&one, feed(1)).await, (10..20).collect::<Vec<_>>());
    assert!(one.store.load(in_box(1)).await.unwrap().outbox.is_empty());
}

/// An effect called `sleep` that waits to be woken, on this node.
fn sleeps(node: &Node) -> (Arc<Notify>, Arc<Notify>) {
    let (asleep, wake) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (signal, goes_on) = (Arc::clone(&asleep), Arc::clone(&wake));
    node.carrier.tell("sleep", move |_, _| {
        let (asleep, wake) = (Arc::clone(&signal), Arc::clone(&goes_on));
        async move {
            asleep.notify_one();
            wake.notified().await;
            Ok(())
        }
    });
    (asleep, wake)
}

async fn a_node_that_sleeps_while_it_carries_does_nothing_twice(home: &dyn Home) {
    let (sleepy, awake) = (node(home).await, node(home).await);
    let (asleep, wake) = sleeps(&sleepy);
    let store = Arc::clone(&sleepy.store);
    let caller = tokio::spawn(async move {
        count(&store, 1, |change| {
            change.event(feed(1), event(10));
            tell(change, "sleep");
            change.event(feed(1), event(11));
        })
        .await
    });
    asleep.notified().await;
    // The other one finishes it, and goes on.
    assert_eq!(awake.driver.fire_due(LATER).await.unwrap(), 1);
    change(&awake, 1, |change| {
        change.event(feed(1), event(12));
    })
    .await
    .unwrap();
    wake.notify_one();
    caller.await.unwrap().unwrap();
    no_timers(&sleepy).await;
    change(&sleepy, 1, |change| {
        change.event(feed(1), event(13));
    })
    .await
    .unwrap();
    assert_eq!(numbers(&awake, feed(1)).await, [10, 11, 12, 13]);
    assert_eq!(awake.carrier.names(), ["sleep"]);
}

async fn a_node_that_sleeps_before_its_commit_decides_again(home: &dyn Home) {
    let (sleepy, awake) = (node(home).await, node(home).await);
    let mut decisions = 0;
    let mut seen = Vec::new();
    let decided = sleepy.store.decide(in_box(1), |snapshot| {
        let before = snapshot.one::<Count>()?.map_or(0, |count| count.0);
        seen.push(before);
        decisions += 1;
        if decisions == 1 {
            // As if it slept here: the other one decides meanwhile.
            let change = change(&awake, 1, |_| {});
            tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(change).unwrap();
            });
        }
        let mut change = Change::new();
        change.write(Count(before + 1));
        change.event(feed(1), event(10));
        Ok((change, ()))
    });
    decided.await.unwrap();
    assert_eq!(seen, [0, 1]);
    assert_eq!(numbers(&awake, feed(1)).await, [10]);
    let count = awake.store.load(in_box(1)).await.unwrap().one::<Count>().unwrap().unwrap();
    assert_eq!(count.0, 2);
}

async fn a_relay_that_sleeps_does_not_clear_what_came_since(home: &dyn Home) {
    crash_in_an_effect(home, |change| {
        change.event(feed(1), event(10));
    })
    .await;
    let (sleepy, awake) = (node(home).await, node(home).await);
    let (asleep, wake) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (signal, goes_on) = (Arc::clone(&asleep), Arc::clone(&wake));
    sleepy.carrier.tell("crash", move |_, _| {
        let (asleep, wake) = (Arc::clone(&signal), Arc::clone(&goes_on));
        async move {
            asleep.notify_one();
            wake.notified().await;
            Ok(())
        }
    });
    let driver = Arc::clone(&sleepy.driver);
    let firing = tokio::spawn(async move { driver.fire_due(LATER).await });
    asleep.notified().await;
    assert_eq!(awake.driver.fire_due(LATER).await.unwrap(), 1);
    awake.carrier.fail("broken");
    change(&awake, 1, |change| tell(change, "broken")).await.unwrap();
    wake.notify_one();
    firing.await.unwrap().unwrap();
    let outbox = awake.store.load(in_box(1)).await.unwrap().outbox;
    assert_eq!(outbox.len(), 1, "what was not carried out is still there");
    awake.carrier.heal();
    let again = LATER + RELAY_AFTER_MS + RETRY_MS;
    assert!(awake.driver.fire_due(again).await.unwrap() >= 1);
    assert_eq!(awake.carrier.names(), ["crash", "broken"]);
    assert_eq!(numbers(&awake, feed(1)).await, [10]);
}

async fn a_failed_effect_stops_its_partition_and_is_tried_again(home: &dyn Home) {
    let node = node(home).await;
    node.carrier.fail("broken");
    // The commit holds all the same.
    change(&node, 1, |change| {
        tell(change, "broken");
        change.event(feed(1), event(10));
    })
    .await
    .unwrap();
    assert_eq!(numbers(&node, feed(1)).await, [0_u128; 0]);
    assert_eq!(node.driver.fire_due(LATER).await.unwrap(), 0, "still broken");
    node.carrier.heal();
    let again = LATER + RETRY_MS;
    assert_eq!(node.driver.fire_due(again).await.unwrap(), 1);
    assert_eq!(numbers(&node, feed(1)).await, [10]);
    assert_eq!(node.carrier.names(), ["broken"]);
    assert!(node.store.load(in_box(1)).await.unwrap().outbox.is_empty());
}

async fn what_failed_is_not_cleared_by_a_later_commit(home: &dyn Home) {
    let node = node(home).await;
    node.carrier.fail("broken");
    change(&node, 1, |change| tell(change, "broken")).await.unwrap();
    for _ in 0..TIMES {
        change(&node, 1, |_| {}).await.unwrap();
        change(&node, 1, |change| {
            change.event(feed(1), event(10));
        })
        .await
        .unwrap();
    }
    let outbox = node.store.load(in_box(1)).await.unwrap().outbox;
    assert_eq!(outbox.len(), 1 + TIMES, "all of it waits behind what is broken");
    assert_eq!(numbers(&node, feed(1)).await, [0_u128; 0]);
    node.carrier.heal();
    assert!(node.driver.fire_due(LATER).await.unwrap() >= 1);
    assert_eq!(numbers(&node, feed(1)).await, [10; TIMES]);
    assert!(node.store.load(in_box(1)).await.unwrap().outbox.is_empty());
}

async fn the_next_commit_brings_what_failed_before(home: &dyn Home) {
    let node = node(home).await;
    node.carrier.fail("broken");
    change(&node, 1, |change| tell(change, "broken")).await.unwrap();
    node.carrier.heal();
    change(&node, 1, |change| tell(change, "next")).await.unwrap();
    assert_eq!(node.carrier.names(), ["broken", "next"]);
    // The timer of the first one fires for nothing.
    assert!(node.driver.fire_due(LATER).await.unwrap() >= 1);
    assert_eq!(node.carrier.names(), ["broken", "next"]);
    assert!(node.store.load(in_box(1)).await.unwrap().outbox.is_empty());
}

async fn older_versions_go_first(home: &dyn Home) {
    let node = node(home).await;
    let changes = (0..40_u128).map(|n| {
        let node = &node;
        async move {
            node.store
                .decide(in_box(1), |snapshot| {
                    let mut change = Change::new();
                    change.write(Count(1));
                    // The event says which version it follows from.
                    change.event(feed(1), event(u128::from(snapshot.version)));
                    Ok((change, n))
                })
                .await
        }
    });
    for changed in join_all(changes).await {
        changed.unwrap();
    }
    assert_eq!(numbers(&node, feed(1)).await, (0..40).collect::<Vec<_>>());
}

async fn what_fails_now_and_then_follows_once_and_in_order_in_the_end(home: &dyn Home) {
    let (one, two) = (node(home).await, node(home).await);
    let calls = Arc::new(AtomicUsize::new(0));
    for node in [&one, &two] {
        let calls = Arc::clone(&calls);
        node.carrier.tell("flaky", move |_, _| {
            let fails = calls.fetch_add(1, Ordering::SeqCst) % 3 != 2;
            async move { if fails { Err(busy()) } else { Ok(()) } }
        });
    }
    let changes = (0..60_usize).map(|n| {
        let store = if n % 2 == 0 { &one.store } else { &two.store };
        async move {
            loop {
                let changed = store.decide(in_box(1), |snapshot| {
                    let mut change = Change::new();
                    change.write(Count(1));
                    tell(&mut change, "flaky");
                    change.event(feed(1), event(u128::from(snapshot.version)));
                    Ok((change, ()))
                });
                match changed.await {
                    Ok(()) => break,
                    Err(error) => assert_eq!(error.code, ErrorCode::Busy),
                }
            }
        }
    });
    join_all(changes).await;
    let mut now = LATER;
    while !one.store.load(in_box(1)).await.unwrap().outbox.is_empty() {
        assert!(now < LATER + 1_000 * RETRY_MS, "never ends");
        one.driver.fire_due(now).await.unwrap();
        two.driver.fire_due(now).await.unwrap();
        now += RETRY_MS;
    }
    // Clearing commits count as versions, without an event.
    let numbers = numbers(&one, feed(1)).await;
    assert_eq!(numbers.len(), 60);
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
}

async fn an_effect_may_decide_on_its_own_partition(home: &dyn Home) {
    let node = node(home).await;
    node.carrier.tell("again", |store, _| async move {
        count(&store, 1, |change| {
            change.event(feed(1), event(11));
        })
        .await
    });
    let changed = change(&node, 1, |change| {
        tell(change, "again");
        change.event(feed(1), event(10));
    });
    tokio::time::timeout(Duration::from_secs(2), changed).await.unwrap().unwrap();
    no_timers(&node).await;
    assert_eq!(numbers(&node, feed(1)).await, [10, 11]);
}

async fn effects_may_decide_in_a_circle(home: &dyn Home) {
    let node = node(home).await;
    for (name, next) in [("to 2", 2), ("to 3", 3), ("to 1", 1)] {
        node.carrier.tell(name, move |store, key| async move {
            count(&store, next, |change| {
                change.event(feed(next), event(u128::from(key.version)));
                if next != 1 {
                    tell(change, if next == 2 { "to 3" } else { "to 1" });
                }
            })
            .await
        });
    }
    // All three at the same time, so that every lane meets a busy one.
    let starts = (0..30_u128).map(|n| {
        let node = &node;
        change(node, n % 3 + 1, move |change| {
            tell(change, ["to 2", "to 3", "to 1"][usize::try_from(n % 3).unwrap()]);
        })
    });
    let all = tokio::time::timeout(Duration::from_secs(20), join_all(starts)).await.unwrap();
    all.into_iter().for_each(Result::unwrap);
    no_timers(&node).await;
    let mut events = 0;
    for n in 1..=3 {
        events += numbers(&node, feed(n)).await.len();
    }
    // From 1: three steps, from 2: two, from 3: one; ten each.
    assert_eq!(events, 60);
}

async fn a_caller_that_leaves_does_not_stop_what_follows(home: &dyn Home) {
    let node = node(home).await;
    let begun = Arc::new(Notify::new());
    let (signal, goes_on) = (Arc::clone(&begun), Arc::new(Notify::new()));
    let go_on = Arc::clone(&goes_on);
    node.carrier.tell("slow", move |_, _| {
        let (begun, goes_on) = (Arc::clone(&signal), Arc::clone(&goes_on));
        async move {
            begun.notify_one();
            goes_on.notified().await;
            Ok(())
        }
    });
    let store = Arc::clone(&node.store);
    let caller = tokio::spawn(async move {
        count(&store, 1, |change| {
            tell(change, "slow");
            change.event(feed(1), event(10));
        })
        .await
    });
    begun.notified().await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    go_on.notify_one();
    no_timers(&node).await;
    assert_eq!(numbers(&node, feed(1)).await, [10]);
}

async fn a_caller_that_leaves_during_the_commit_does_not_either(home: &dyn Home) {
    let node = node(home).await;
    let mut snapshot = node.store.load(in_box(1)).await.unwrap();
    node.engine.faults.slow(Duration::from_millis(50));
    let mut change = Change::new();
    change.event(feed(1), event(10));
    let commit = node.store.commit(&mut snapshot, change);
    assert!(tokio::time::timeout(Duration::from_millis(10), commit).await.is_err());
    let wait = async {
        while numbers(&node, feed(1)).await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    // Long before its relay timer.
    tokio::time::timeout(Duration::from_secs(4), wait).await.unwrap();
    assert_eq!(numbers(&node, feed(1)).await, [10]);
}

async fn an_effect_that_panics_is_left_to_the_relay(home: &dyn Home) {
    let node = node(home).await;
    let sound = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&sound);
    node.carrier.tell("panics", move |_, _| {
        let sound = flag.load(Ordering::SeqCst);
        async move {
            assert!(sound, "on purpose");
            Ok(())
        }
    });
    change(&node, 1, |change| tell(change, "panics")).await.unwrap();
    sound.store(true, Ordering::SeqCst);
    assert_eq!(node.driver.fire_due(LATER).await.unwrap(), 1);
    assert_eq!(node.carrier.names(), ["panics"]);
}

async fn a_conflict_leaves_nothing_to_carry(home: &dyn Home) {
    let node = node(home).await;
    let mut old = node.store.load(in_box(1)).await.unwrap();
    change(&node, 1, |_| {}).await.unwrap();
    let mut late = Change::new();
    late.event(feed(1), event(10));
    let outcome = node.store.commit(&mut old, late).await;
    assert!(matches!(outcome, Err(CommitError::Conflict)));
    assert_eq!(old.version, 0);
    // Where a timer is written before its commit, it fires for nothing.
    let timers = node.driver.fire_due(MUCH_LATER).await.unwrap();
    assert_eq!(timers, usize::from(node.engine.finds_out));
    assert_eq!(numbers(&node, feed(1)).await, [0_u128; 0]);
}

async fn a_commit_of_unknown_outcome_is_carried_by_its_timer(home: &dyn Home) {
    let node = node(home).await;
    node.engine.faults.lose_commit_results(1);
    let failed = change(&node, 1, |change| {
        change.event(feed(1), event(10));
    });
    if node.engine.finds_out {
        failed.await.unwrap();
        no_timers(&node).await;
    } else {
        assert_eq!(failed.await.unwrap_err().code, ErrorCode::Unavailable);
        assert_eq!(node.driver.fire_due(LATER).await.unwrap(), 1);
    }
    assert_eq!(numbers(&node, feed(1)).await, [10]);
}

async fn a_relay_without_anything_left_is_harmless(home: &dyn Home) {
    let node = node(home).await;
    node.store.relay(in_box(1)).await.unwrap();
    change(&node, 1, |change| tell(change, "a")).await.unwrap();
    for _ in 0..2 {
        node.store.relay(in_box(1)).await.unwrap();
    }
    assert_eq!(node.carrier.names(), ["a"]);
    assert_eq!(node.store.load(in_box(1)).await.unwrap().version, 2);
}

async fn timers_of_one_millisecond_are_kept_apart(home: &dyn Home) {
    let node = node(home).await;
    node.carrier.fail("broken");
    for _ in 0..3 {
        change(&node, 1, |change| tell(change, "broken")).await.unwrap();
    }
    let timers = node.engine.timers.due(LATER, 10).await.unwrap();
    assert_eq!(timers.len(), 3);
    for timer in timers {
        let of = Partition::of_relay(&timer.subject, &schema());
        assert_eq!(of.map(|(partition, _)| partition), Some(in_box(1)));
    }
}

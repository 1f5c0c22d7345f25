//! What timers promise, on every engine.

use crate::engines::{Engine, Home, START, on_every_engine};
use futures_util::future::{BoxFuture, join_all};
use protocol::{ErrorCode, Millis};
use sanctuary::error::{Result, busy};
use sanctuary::timers::{
    Driver, FIRES_MAX, Fire, Others, RETRY_MS, SCAN_TIMERS_MAX, SUBJECT_BYTES_MAX, Share, TURN_MS,
    Timer,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

on_every_engine! {
    due_timers_come_oldest_first_and_up_to_a_limit,
    a_timer_set_twice_is_one,
    a_timer_taken_back_does_not_fire,
    a_timer_fires_after_a_restart_and_only_once,
    a_timer_of_a_node_that_died_fires_on_another,
    nodes_that_know_one_another_fire_each_timer_once,
    the_share_of_a_dead_node_waits_for_one_turn,
    a_timer_that_failed_is_tried_again_later,
    failed_timers_do_not_hold_up_those_behind,
    a_firing_that_panics_is_tried_again,
    a_timer_under_way_is_not_fired_again,
    few_fire_at_once,
    the_driver_scans_on_its_own,
    subjects_are_limited,
}

fn timer(due_at: Millis, subject: &str) -> Timer {
    Timer { due_at, kind: "test".to_owned(), subject: subject.as_bytes().to_vec() }
}

/// Counts what fires, and does as it is told.
#[derive(Default)]
struct Fired {
    times: Mutex<HashMap<Vec<u8>, usize>>,
    failing: Mutex<Vec<String>>,
    panicking: Mutex<Vec<String>>,
    takes: Mutex<Duration>,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
}

impl Fired {
    fn times(&self, subject: &str) -> usize {
        self.times.lock().unwrap().get(subject.as_bytes()).copied().unwrap_or(0)
    }
}

impl Fire for Fired {
    fn fire<'a>(&'a self, timer: &'a Timer, _: Millis) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            *self.times.lock().unwrap().entry(timer.subject.clone()).or_default() += 1;
            let subject = String::from_utf8_lossy(&timer.subject).into_owned();
            let at_once = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_at_once.fetch_max(at_once, Ordering::SeqCst);
            let takes = *self.takes.lock().unwrap();
            if !takes.is_zero() {
                tokio::time::sleep(takes).await;
            }
            self.at_once.fetch_sub(1, Ordering::SeqCst);
            assert!(!self.panicking.lock().unwrap().contains(&subject), "on purpose");
            if self.failing.lock().unwrap().contains(&subject) { Err(busy()) } else { Ok(()) }
        })
    }
}

fn driver(engine: &Engine, fired: &Arc<Fired>) -> Arc<Driver> {
    Driver::new(Arc::clone(&engine.timers), Arc::clone(fired) as _, engine.clock.clone())
}

async fn due_timers_come_oldest_first_and_up_to_a_limit(home: &dyn Home) {
    let engine = home.open().await;
    let set = [(70_000, "c"), (-60_000, "a"), (59_999, "b"), (60_001, "z"), (-1, "aa")];
    let set = set.iter().map(|(at, subject)| timer(START + at, subject)).collect();
    engine.timers.set(set).await.unwrap();
    let due = async |now, limit| {
        let due = engine.timers.due(now, limit).await.unwrap();
        due.iter().map(|timer| String::from_utf8_lossy(&timer.subject).into_owned()).collect()
    };
    let none: Vec<String> = due(START - 60_001, 10).await;
    assert!(none.is_empty());
    let one: Vec<String> = due(START - 60_000, 10).await;
    assert_eq!(one, ["a"]);
    let three: Vec<String> = due(START + 60_000, 10).await;
    assert_eq!(three, ["a", "aa", "b"]);
    let two: Vec<String> = due(START + 90_000, 2).await;
    assert_eq!(two, ["a", "aa"]);
    let all: Vec<String> = due(START + 90_000, 10).await;
    assert_eq!(all, ["a", "aa", "b", "z", "c"]);
}

async fn a_timer_set_twice_is_one(home: &dyn Home) {
    let engine = home.open().await;
    for _ in 0..2 {
        engine.timers.set(vec![timer(START, "a"), timer(START, "a")]).await.unwrap();
    }
    assert_eq!(engine.timers.due(START, 10).await.unwrap(), [timer(START, "a")]);
}

async fn a_timer_taken_back_does_not_fire(home: &dyn Home) {
    let engine = home.open().await;
    let fired = Arc::default();
    engine.timers.set(vec![timer(START, "a"), timer(START, "b")]).await.unwrap();
    engine.timers.clear(vec![timer(START, "a"), timer(START, "never set")]).await.unwrap();
    assert_eq!(driver(&engine, &fired).fire_due(START).await.unwrap(), 1);
    assert_eq!((fired.times("a"), fired.times("b")), (0, 1));
}

async fn a_timer_fires_after_a_restart_and_only_once(home: &dyn Home) {
    let engine = home.open().await;
    engine.timers.set(vec![timer(START + 5, "a")]).await.unwrap();
    drop(engine);
    let engine = home.open().await;
    let fired = Arc::default();
    let driver = driver(&engine, &fired);
    assert_eq!(driver.fire_due(START + 4).await.unwrap(), 0);
    assert_eq!(driver.fire_due(START + 5).await.unwrap(), 1);
    assert_eq!(driver.fire_due(START + 5).await.unwrap(), 0);
    assert_eq!(fired.times("a"), 1);
}

async fn a_timer_of_a_node_that_died_fires_on_another(home: &dyn Home) {
    let (one, two) = (home.open().await, home.open().await);
    one.timers.set(vec![timer(START, "a")]).await.unwrap();
    drop(one);
    let fired = Arc::default();
    assert_eq!(driver(&two, &fired).fire_due(START).await.unwrap(), 1);
}

/// The driver of a node called `me` that believes these nodes to live.
fn sharing(engine: &Engine, fired: &Arc<Fired>, me: &str, nodes: [&str; 3]) -> Arc<Driver> {
    let others = Others::Known(nodes.map(str::to_owned).to_vec());
    Driver::sharing(
        Arc::clone(&engine.timers),
        Arc::clone(fired) as _,
        engine.clock.clone(),
        Share::among(me, move || others.clone()),
    )
}

async fn nodes_that_know_one_another_fire_each_timer_once(home: &dyn Home) {
    const NAMES: [&str; 3] = ["a", "b", "c"];
    let (engines, fired): (Vec<Engine>, Arc<Fired>) =
        (join_all((0..3).map(|_| home.open())).await, Arc::default());
    let drivers: Vec<_> =
        engines.iter().zip(NAMES).map(|(engine, me)| sharing(engine, &fired, me, NAMES)).collect();
    let timers = (0..30).map(|n| timer(START, &n.to_string())).collect();
    engines[0].timers.set(timers).await.unwrap();
    let mut counts = Vec::new();
    for driver in &drivers {
        counts.push(driver.fire_due(START).await.unwrap());
    }
    assert_eq!(counts.iter().sum::<usize>(), 30);
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    assert!((0..30).all(|n| fired.times(&n.to_string()) == 1));
}

async fn the_share_of_a_dead_node_waits_for_one_turn(home: &dyn Home) {
    const NAMES: [&str; 3] = ["a", "b", "dead"];
    let (one, two) = (home.open().await, home.open().await);
    let fired: Arc<Fired> = Arc::default();
    let (a, b) = (sharing(&one, &fired, "a", NAMES), sharing(&two, &fired, "b", NAMES));
    one.timers.set((0..30).map(|n| timer(START, &n.to_string())).collect()).await.unwrap();
    let mut sum = 0;
    for (now, all) in [(START, false), (START + TURN_MS - 1, false), (START + TURN_MS, true)] {
        sum += a.fire_due(now).await.unwrap() + b.fire_due(now).await.unwrap();
        assert_eq!(sum == 30, all, "{sum} at {now}");
    }
    assert!((0..30).all(|n| fired.times(&n.to_string()) == 1));
}

async fn a_timer_that_failed_is_tried_again_later(home: &dyn Home) {
    let engine = home.open().await;
    let fired: Arc<Fired> = Arc::default();
    let driver = driver(&engine, &fired);
    engine.timers.set(vec![timer(START, "a")]).await.unwrap();
    fired.failing.lock().unwrap().push("a".to_owned());
    assert_eq!(driver.fire_due(START).await.unwrap(), 0);
    assert_eq!(driver.fire_due(START + RETRY_MS - 1).await.unwrap(), 0);
    assert_eq!(fired.times("a"), 1, "too early");
    fired.failing.lock().unwrap().clear();
    assert_eq!(driver.fire_due(START + RETRY_MS).await.unwrap(), 1);
    assert_eq!(fired.times("a"), 2);
}

async fn failed_timers_do_not_hold_up_those_behind(home: &dyn Home) {
    let engine = home.open().await;
    let fired: Arc<Fired> = Arc::default();
    let driver = driver(&engine, &fired);
    let names: Vec<String> = (0..SCAN_TIMERS_MAX).map(|n| format!("broken {n}")).collect();
    fired.failing.lock().unwrap().extend(names.clone());
    let mut timers: Vec<Timer> = names.iter().map(|name| timer(START, name)).collect();
    timers.push(timer(START + 1, "good"));
    engine.timers.set(timers).await.unwrap();
    assert_eq!(driver.fire_due(START + 1).await.unwrap(), 0);
    assert_eq!(driver.fire_due(START + 1).await.unwrap(), 1);
    assert_eq!(fired.times("good"), 1);
}

async fn a_firing_that_panics_is_tried_again(home: &dyn Home) {
    let engine = home.open().await;
    let fired: Arc<Fired> = Arc::default();
    let driver = driver(&engine, &fired);
    engine.timers.set(vec![timer(START, "a"), timer(START, "b")]).await.unwrap();
    fired.panicking.lock().unwrap().push("a".to_owned());
    assert_eq!(driver.fire_due(START).await.unwrap(), 1);
    fired.panicking.lock().unwrap().clear();
    assert_eq!(driver.fire_due(START + RETRY_MS).await.unwrap(), 1);
    assert_eq!((fired.times("a"), fired.times("b")), (2, 1));
}

async fn a_timer_under_way_is_not_fired_again(home: &dyn Home) {
    let engine = home.open().await;
    let fired: Arc<Fired> = Arc::default();
    let driver = driver(&engine, &fired);
    engine.timers.set(vec![timer(START, "a")]).await.unwrap();
    *fired.takes.lock().unwrap() = Duration::from_millis(100);
    let (one, two) = tokio::join!(driver.fire_due(START), driver.fire_due(START + RETRY_MS));
    assert_eq!(one.unwrap() + two.unwrap(), 1);
    assert_eq!(fired.times("a"), 1);
}

async fn few_fire_at_once(home: &dyn Home) {
    let engine = home.open().await;
    let fired: Arc<Fired> = Arc::default();
    let timers = (0..2 * FIRES_MAX).map(|n| timer(START, &n.to_string())).collect();
    engine.timers.set(timers).await.unwrap();
    *fired.takes.lock().unwrap() = Duration::from_millis(20);
    assert_eq!(driver(&engine, &fired).fire_due(START).await.unwrap(), 2 * FIRES_MAX);
    assert!(fired.most_at_once.load(Ordering::SeqCst) <= FIRES_MAX);
}

async fn the_driver_scans_on_its_own(home: &dyn Home) {
    let engine = home.open().await;
    let fired: Arc<Fired> = Arc::default();
    let running = tokio::spawn(driver(&engine, &fired).run());
    engine.timers.set(vec![timer(START + 1_000, "a")]).await.unwrap();
    engine.clock.advance(1_000);
    let wait = async {
        while !engine.timers.due(START + 1_000, 1).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.unwrap();
    assert_eq!(fired.times("a"), 1);
    running.abort();
}

async fn subjects_are_limited(home: &dyn Home) {
    let engine = home.open().await;
    let long = |bytes| vec![timer(START, &"x".repeat(bytes))];
    engine.timers.set(long(SUBJECT_BYTES_MAX)).await.unwrap();
    let error = engine.timers.set(long(SUBJECT_BYTES_MAX + 1)).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Internal);
    assert_eq!(engine.timers.due(START, 10).await.unwrap().len(), 1);
}

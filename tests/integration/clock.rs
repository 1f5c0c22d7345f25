//! The time that nodes share: references that a test moves, and a driver that asks for doubts.

use crate::client::PATIENCE;
use crate::engines::{Embedded, Home, START};
use futures_util::future::BoxFuture;
use sanctuary::clock::{Clock, Doubt, Following, READINGS_MAX, Reference};
use sanctuary::error::{Result, unavailable};
use sanctuary::timers::{Driver, Fire, Timer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const HOUR: i64 = 3_600_000;

/// A clock somewhere else, which a test sets.
#[derive(Clone)]
struct Elsewhere {
    off: Arc<AtomicI64>,
    away: Arc<AtomicBool>,
    started: Instant,
}

impl Elsewhere {
    fn new(off: i64) -> Self {
        Self { off: Arc::new(AtomicI64::new(off)), away: Arc::default(), started: Instant::now() }
    }

    fn now(&self) -> i64 {
        let passed = i64::try_from(self.started.elapsed().as_millis()).unwrap();
        START + passed + self.off.load(Ordering::SeqCst)
    }

    fn reference(&self) -> Reference {
        let own = self.clone();
        Reference::new("elsewhere", move || {
            let away = own.away.load(Ordering::SeqCst);
            std::future::ready(if away { Err(unavailable()) } else { Ok(own.now()) })
        })
    }
}

async fn following(clock: &Clock, references: &[&Elsewhere]) -> Following {
    let references = references.iter().map(|elsewhere| elsewhere.reference()).collect();
    clock.follow(references, PATIENCE).await.unwrap().unwrap()
}

/// How far apart two times are that should be one; a slow machine makes them differ.
fn apart(one: i64, other: i64) -> i64 {
    (one - other).abs()
}

#[tokio::test]
async fn the_time_is_that_of_the_reference_whatever_the_machine_says() {
    let elsewhere = Elsewhere::new(0);
    let clock = Clock::shared();
    let machine = clock.now();
    let _following = following(&clock, &[&elsewhere]).await;
    assert!(apart(machine, START) > HOUR, "the test's time is another one");
    assert!(apart(clock.now(), elsewhere.now()) < 5_000);
    assert_eq!(clock.doubt(), None);
}

#[tokio::test]
async fn without_any_answer_there_is_no_start() {
    let elsewhere = Elsewhere::new(0);
    elsewhere.away.store(true, Ordering::SeqCst);
    let clock = Clock::shared();
    let limit = Duration::from_millis(300);
    assert!(clock.follow(vec![elsewhere.reference()], limit).await.is_err());
    assert_eq!(clock.doubt(), Some(Doubt::Unheard));
    assert!(Clock::manual(START).follow(Vec::new(), limit).await.unwrap().is_none());
}

#[tokio::test]
async fn one_of_two_references_is_enough_to_start() {
    let (here, away) = (Elsewhere::new(0), Elsewhere::new(0));
    away.away.store(true, Ordering::SeqCst);
    let clock = Clock::shared();
    let _following = following(&clock, &[&away, &here]).await;
    assert!(apart(clock.now(), here.now()) < 5_000);
    assert_eq!(clock.doubt(), None);
}

/// Counts what fires.
#[derive(Default)]
struct Fired(AtomicUsize);

impl Fire for Fired {
    fn fire<'a>(&'a self, _: &'a Timer, _: i64) -> BoxFuture<'a, Result<()>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test]
async fn timers_stop_while_references_part_and_go_on_when_they_are_one_again() {
    let home = Embedded::new();
    let engine = home.open().await;
    let (store, redis) = (Elsewhere::new(0), Elsewhere::new(0));
    let clock = Clock::shared();
    let mut following = following(&clock, &[&store, &redis]).await;
    let fired = Arc::new(Fired::default());
    let driver = Driver::new(Arc::clone(&engine.timers), Arc::clone(&fired) as _, clock.clone());
    let timer = |subject: &[u8]| Timer {
        due_at: START,
        kind: "test".to_owned(),
        subject: subject.to_vec(),
    };
    engine.timers.set(vec![timer(b"a")]).await.unwrap();
    assert_eq!(driver.fire_due(clock.now()).await.unwrap(), 1);

    redis.off.store(HOUR, Ordering::SeqCst);
    for _ in 0..READINGS_MAX {
        following.round().await;
    }
    assert!(matches!(clock.doubt(), Some(Doubt::Disagree(by)) if by > HOUR - 10_000));
    assert!(apart(clock.now(), store.now()) < 5_000, "it runs on as before");
    engine.timers.set(vec![timer(b"b")]).await.unwrap();
    assert_eq!(driver.fire_due(clock.now()).await.unwrap(), 0);

    redis.off.store(0, Ordering::SeqCst);
    for _ in 0..READINGS_MAX {
        following.round().await;
    }
    assert_eq!(driver.fire_due(clock.now()).await.unwrap(), 1);
    assert_eq!(fired.0.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_reference_that_is_set_back_does_not_turn_the_clock_back() {
    let elsewhere = Elsewhere::new(HOUR);
    let clock = Clock::shared();
    let mut following = following(&clock, &[&elsewhere]).await;
    elsewhere.off.store(0, Ordering::SeqCst);
    let mut shown = clock.now();
    for _ in 0..200 {
        following.round().await;
        let now = clock.now();
        assert!(now >= shown);
        shown = now;
    }
    assert!(matches!(clock.doubt(), Some(Doubt::Off(_))), "{:?}", clock.doubt());
}

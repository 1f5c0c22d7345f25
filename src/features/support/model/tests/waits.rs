//! Honest waits: a virtual desk on which the stated range is compared with what came of it.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a day has few milliseconds"
)]

use super::*;
use protocol::support::Wait;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What a day is like.
struct Weather {
    coaches: u128,
    capacity: u32,
    members: u128,
    /// Mean time of a conversation, and how it spreads: 0 all the same, 1 exponential.
    hold_ms: f64,
    spread: f64,
    /// Mean time until an offer is accepted.
    accept_ms: f64,
    /// Of a hundred offers nobody answers so many.
    ignored: u32,
    /// Mean time between the end of one request of a member and the next one.
    pause_ms: f64,
    /// How much conversations become longer over the day.
    drift: f64,
    /// How much everything takes longer in bad moments of some seconds each.
    stutter: f64,
    seconds: i64,
}

/// Days of each kind. [88–98 % over three seeds; 71–81 % where offers are ignored for 30 s.]
const SEEDS: u64 = 1;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Ask(u128),
    Accept(u128, u128),
    Close(u128),
    Due,
}

#[derive(Default, Debug)]
struct Score {
    hits: u32,
    misses: u32,
    unknown: u32,
    width: f64,
}

fn random(rng: &mut StdRng, mean: f64, spread: f64) -> i64 {
    let exponential = -(1.0 - rng.random::<f64>()).ln();
    (mean * (1.0 - spread + spread * exponential)) as i64 + 1
}

struct Sim {
    desk: Desk,
    here: BTreeSet<UserId>,
    events: BinaryHeap<Reverse<(i64, Next)>>,
    rng: StdRng,
    next: u128,
    of: BTreeMap<RequestId, u128>,
    score: Score,
}

impl Sim {
    fn run(weather: &Weather, seed: u64) -> Score {
        let mut sim = Self {
            desk: desk(),
            here: here(1..=weather.coaches),
            events: BinaryHeap::new(),
            rng: StdRng::seed_from_u64(seed),
            next: 0,
            of: BTreeMap::new(),
            score: Score::default(),
        };
        sim.desk.here = sim.here.clone();
        for n in 1..=weather.coaches {
            sim.desk.apply(&choose(n, weather.capacity), 0).unwrap();
        }
        for _ in 0..weather.members {
            let at = random(&mut sim.rng, weather.pause_ms, 1.0);
            sim.ask_at(at);
        }
        while let Some(Reverse((now, next))) = sim.events.pop() {
            if now > weather.seconds * 1_000 {
                break;
            }
            sim.step(weather, now, &next);
        }
        sim.score
    }

    fn ask_at(&mut self, at: i64) {
        self.next += 1;
        self.events.push(Reverse((at, Next::Ask(self.next))));
    }

    fn step(&mut self, weather: &Weather, now: i64, next: &Next) {
        let input = match *next {
            Next::Ask(n) => {
                self.of.insert(request_id(100_000 + n), n);
                Input::Enqueue(Box::new(NewRequest { created_at: now, ..new(100_000 + n) }))
            }
            Next::Accept(n, c) => accept(100_000 + n, c),
            Next::Close(n) => close(100_000 + n, 101_000 + n),
            Next::Due => due(),
        };
        let Ok(mut happened) = self.desk.apply(&input, now) else { return };
        happened.extend(self.desk.offer(&self.here, now));
        for happening in happened {
            match happening {
                Happening::Offered(request) => {
                    let n = self.of[&request.id];
                    let c = request.offered_to.as_ref().unwrap().id.0.as_u128();
                    self.events.push(Reverse((now + OFFER_MS, Next::Due)));
                    if self.rng.random_range(0..100) >= weather.ignored {
                        let at = now + random(&mut self.rng, weather.accept_ms, 1.0);
                        self.events.push(Reverse((at, Next::Accept(n, c))));
                    }
                }
                Happening::Claimed { request, .. } => {
                    let n = self.of[&request.id];
                    let day = now as f64 / (weather.seconds as f64 * 1_000.0);
                    let moment = StdRng::seed_from_u64((now / 7_000) as u64).random::<f64>();
                    let slow = 1.0 + weather.drift * day + weather.stutter * moment;
                    let mean = weather.hold_ms * slow;
                    let at = now + random(&mut self.rng, mean, weather.spread);
                    self.events.push(Reverse((at, Next::Close(n))));
                    self.judge(&request);
                }
                Happening::Closed(request) => {
                    self.desk
                        .apply(&Input::Forget { request: request.id, reopened_at: None }, now)
                        .unwrap();
                    let at = now + random(&mut self.rng, weather.pause_ms, 1.0);
                    self.ask_at(at);
                }
                _ => {}
            }
        }
    }

    fn judge(&mut self, request: &Request) {
        let Some((stated, waited)) = request.stated.zip(request.waited_ms) else {
            self.score.unknown += 1;
            return;
        };
        match stated.holds(waited) {
            None => self.score.unknown += 1,
            Some(hit) => {
                let (low, high) = stated.range_ms.unwrap();
                self.score.width += (high - low) as f64 / (waited as f64).max(1_000.0);
                if hit { self.score.hits += 1 } else { self.score.misses += 1 }
            }
        }
    }
}

const BUSY: Weather = Weather {
    coaches: 40,
    capacity: 4,
    members: 1_000,
    hold_ms: 2_000.0,
    spread: 0.6,
    accept_ms: 100.0,
    ignored: 0,
    pause_ms: 20.0,
    drift: 0.0,
    stutter: 0.0,
    seconds: 120,
};

#[test]
fn the_range_holds_for_at_least_seven_in_ten_on_desks_of_all_kinds() {
    let days = [
        ("the load test", BUSY),
        ("slow coaches", Weather { accept_ms: 2_000.0, ..BUSY }),
        ("offers ignored", Weather { ignored: 5, ..BUSY }),
        ("conversations all alike", Weather { spread: 0.0, ..BUSY }),
        ("a day that slows down", Weather { drift: 1.0, ..BUSY }),
        ("a day that speeds up", Weather { drift: -0.6, ..BUSY }),
        ("a machine that stutters", Weather { stutter: 3.0, ..BUSY }),
        (
            "one that stutters for longer than one waits",
            Weather { stutter: 3.0, members: 400, ..BUSY },
        ),
        ("few coaches", Weather { coaches: 3, capacity: 2, members: 40, seconds: 600, ..BUSY }),
        (
            "an office",
            Weather {
                coaches: 5,
                capacity: 2,
                members: 60,
                hold_ms: 900_000.0,
                spread: 1.0,
                accept_ms: 8_000.0,
                ignored: 3,
                pause_ms: 3_600_000.0,
                seconds: 8 * 3_600,
                ..BUSY
            },
        ),
        (
            "a quiet desk",
            Weather { members: 20, accept_ms: 5_000.0, pause_ms: 60_000.0, seconds: 3_600, ..BUSY },
        ),
    ];
    for (name, weather) in days {
        for seed in 0..SEEDS {
            let score = Sim::run(&weather, seed);
            let told = score.hits + score.misses;
            let share = f64::from(score.hits) / f64::from(told);
            eprintln!(
                "{name}: {:.0} % of {told}, {} unknown, width {:.2}",
                share * 100.0,
                score.unknown,
                score.width / f64::from(told)
            );
            assert!(told > 100 && share >= 0.7, "{name}: {score:?}");
        }
    }
}

#[test]
fn nothing_is_said_before_ten_places_became_free() {
    let mut desk = desk();
    desk.here = here([50]);
    desk.apply(&choose(50, 1), 0).unwrap();
    for n in 1..=11 {
        let now = i64::try_from(n).unwrap() * 1_000;
        desk.apply(&ask(n), now).unwrap();
        let told = desk.request(request_id(n)).unwrap().stated;
        assert_eq!(told.is_some(), n == 11, "{n}");
        desk.apply(&claim(n, 50), now).unwrap();
        desk.apply(&close(n, 50), now + 500).unwrap();
    }
}

#[test]
fn a_wait_is_news_once_it_moved_by_a_quarter_and_half_a_minute_or_is_not_known_any_more() {
    let wait = |low_s: u64, high_s: u64| Wait { low_ms: low_s * 1_000, high_ms: high_s * 1_000 };
    let told = wait(60, 600);
    for (now, news) in [
        (wait(60, 600), false),
        (wait(61, 601), false),
        (wait(89, 600), false),
        (wait(90, 600), true),
        (wait(60, 749), false),
        (wait(60, 750), true),
        (wait(60, 450), true),
    ] {
        assert_eq!(is_news(Some(told), Some(now)), news, "{now:?}");
    }
    assert!(is_news(Some(told), None) && is_news(None, Some(told)));
    assert!(!is_news(None, None));
}

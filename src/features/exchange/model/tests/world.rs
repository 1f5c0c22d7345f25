//! Random schedules of several people, deadlines and crashes over sessions and calendars that
//! commit one by one, as the store makes them: nothing but a single step is atomic, each step may
//! come late or twice, and a node may stop between any two.

use super::super::calendar::{Calendar, Hold, Keep, Wanted};
use super::super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};
use uuid::Uuid;

const MIN: Millis = 60_000;
const HOUR: Millis = 60 * MIN;
const BEGIN: Millis = 1_000_000;
const PEOPLE: u128 = 4;

fn person(n: u128) -> Person {
    Person { id: UserId(Uuid::from_u128(n % PEOPLE)), name: String::new() }
}

/// What follows from commits, step by step, as `effects.rs` carries it out.
#[derive(Debug, Clone)]
enum Step {
    /// Hold in the calendar of the side with this place among the two, or go on.
    Hold {
        id: ExchangeId,
        attempt: u32,
        users: Vec<UserId>,
        at: usize,
        wanted: Option<Wanted>,
    },
    Decide {
        id: ExchangeId,
        input: Input,
        users: Vec<UserId>,
    },
    Book {
        id: ExchangeId,
        attempt: u32,
        user: UserId,
    },
    Release {
        id: ExchangeId,
        attempt: u32,
        user: UserId,
    },
    Settle {
        id: ExchangeId,
        attempt: u32,
        user: UserId,
        minutes: Minutes,
    },
}

#[derive(Default)]
struct World {
    now: Millis,
    sessions: BTreeMap<ExchangeId, Session>,
    calendars: BTreeMap<UserId, Calendar>,
    /// Each is what one node still has to do, in order.
    outbox: Vec<VecDeque<Step>>,
    /// The end that a session came to.
    ends: BTreeMap<ExchangeId, State>,
}

impl World {
    fn calendar(&mut self, user: UserId) -> &mut Calendar {
        self.calendars.entry(user).or_default()
    }

    fn users(session: &Session) -> Vec<UserId> {
        let mut users: Vec<UserId> = session.sides().map(|side| side.id).collect();
        users.sort_unstable();
        users
    }

    /// One decision of a session, and what follows from it. `None`: refused.
    fn decide(&mut self, id: ExchangeId, input: &Input) -> Option<Session> {
        let before = self.sessions.get(&id)?.clone();
        let mut session = before.clone();
        let happened = session.apply(input, self.now).ok()?;
        let mut follows = VecDeque::new();
        let attempt = session.attempts;
        for happening in happened {
            let users = Self::users(&before);
            match happening {
                Happening::Accepting => {
                    let users = Self::users(&session);
                    follows.push_back(Step::Hold { id, attempt, users, at: 0, wanted: None });
                }
                Happening::Accepted => {
                    follows.extend(users.into_iter().map(|user| Step::Book { id, attempt, user }));
                }
                Happening::Denied => follows.extend(users.into_iter().map(|user| Step::Release {
                    id,
                    attempt,
                    user,
                })),
                _ => {}
            }
        }
        if session.state.is_end() && !before.state.is_end() {
            assert!(self.ends.insert(id, session.state).is_none(), "one end");
            if session.accepted_at.is_some() {
                let split = session.split();
                for side in session.sides() {
                    let completed = session.state == State::Completed;
                    let minutes = if completed {
                        split.of_side(&session, side.id)
                    } else {
                        Minutes::default()
                    };
                    follows.push_back(Step::Settle { id, attempt, user: side.id, minutes });
                }
            }
        }
        if !follows.is_empty() {
            self.outbox.push(follows);
        }
        self.sessions.insert(id, session.clone());
        Some(session)
    }

    /// One step; what is still to be done of it goes to the front.
    fn step(&mut self, step: Step) -> Vec<Step> {
        match step {
            Step::Hold { id, attempt, users, at, wanted } => {
                self.hold(id, attempt, users, at, wanted)
            }
            Step::Decide { id, input, users } => {
                let Input::Granted { attempt } = input else {
                    self.decide(id, &input);
                    return Vec::new();
                };
                let session = self.decide(id, &input);
                let ours =
                    session.is_some_and(|s| s.attempts == attempt && s.accepted_at.is_some());
                let release = |user| Step::Release { id, attempt, user };
                if ours { Vec::new() } else { users.into_iter().map(release).collect() }
            }
            Step::Book { id, attempt, user } => {
                self.calendar(user).book(id, attempt);
                Vec::new()
            }
            Step::Release { id, attempt, user } => {
                self.calendar(user).release(id, attempt);
                Vec::new()
            }
            Step::Settle { id, attempt, user, minutes } => {
                let now = self.now;
                self.calendar(user).settle(id, attempt, minutes, now);
                Vec::new()
            }
        }
    }

    fn hold(
        &mut self,
        id: ExchangeId,
        attempt: u32,
        users: Vec<UserId>,
        at: usize,
        wanted: Option<Wanted>,
    ) -> Vec<Step> {
        let session = &self.sessions[&id];
        let wanted = if let Some(wanted) = wanted {
            wanted
        } else {
            let Some(pending) = session.pending.filter(|_| session.attempts == attempt) else {
                return Vec::new();
            };
            Wanted {
                id,
                attempt,
                starts_at: session.starts_at(),
                ends_at: session.ends_at(),
                until: pending.until,
            }
        };
        let Some(&user) = users.get(at) else {
            return vec![Step::Decide { id, input: Input::Granted { attempt }, users }];
        };
        let now = self.now;
        let again = |at| Step::Hold { id, attempt, users: users.clone(), at, wanted: Some(wanted) };
        let denied = |why| {
            let input = Input::Denied { attempt, why };
            vec![Step::Decide { id, input, users: users.clone() }]
        };
        match self.calendar(user).hold(&wanted, now) {
            Hold::Done => vec![again(at + 1)],
            Hold::Taken => denied(Denial::Taken(user)),
            Hold::Full => denied(Denial::Full(user)),
            Hold::Stale => Vec::new(),
            Hold::Ask { id: other, attempt: theirs } => {
                let input = Input::Denied { attempt: theirs, why: Denial::Late };
                let asked = self.decide(other, &input).unwrap();
                let step = if asked.attempts == theirs && asked.accepted_at.is_some() {
                    Step::Book { id: other, attempt: theirs, user }
                } else {
                    Step::Release { id: other, attempt: theirs, user }
                };
                vec![step, again(at)]
            }
        }
    }

    /// The first step of one of the things to be done; with `twice`, another node does it as well.
    fn carry(&mut self, which: usize, twice: bool) {
        if self.outbox.is_empty() {
            return;
        }
        let which = which % self.outbox.len();
        if twice && self.outbox.len() < 64 {
            let copy = self.outbox[which].clone();
            self.outbox.push(copy);
        }
        if let Some(step) = self.outbox[which].pop_front() {
            for follows in self.step(step).into_iter().rev() {
                self.outbox[which].push_front(follows);
            }
        }
        self.outbox.retain(|steps| !steps.is_empty());
        self.check();
    }

    /// A node stops in the middle of something: it begins again from the attempt's start.
    fn crash(&mut self, which: usize) {
        if self.outbox.is_empty() {
            return;
        }
        let which = which % self.outbox.len();
        if let Some(Step::Hold { at, wanted, .. }) = self.outbox[which].front_mut() {
            (*at, *wanted) = (0, None);
        }
    }

    fn check(&self) {
        let live = |session: &&Session| matches!(session.state, State::Accepted | State::Started);
        for one in self.sessions.values().filter(live) {
            for other in self.sessions.values().filter(live).filter(|other| other.id > one.id) {
                let shared = one.sides().any(|side| other.is_side(side.id));
                let overlap =
                    one.starts_at() < other.ends_at() && other.starts_at() < one.ends_at();
                assert!(!(shared && overlap), "{one:?} and {other:?}");
            }
        }
        for session in self.sessions.values() {
            if let Some(pending) = session.pending {
                assert_ne!(pending.by, session.proposal.by, "nobody answers themselves");
            }
            if let Some(end) = self.ends.get(&session.id) {
                assert_eq!(*end, session.state, "one end, for good");
            }
        }
    }

    /// Everything is carried out, time goes on, and what is due happens.
    fn rest(&mut self) {
        for _ in 0..200 {
            while !self.outbox.is_empty() {
                self.carry(0, false);
            }
            let due = self.sessions.values().filter_map(Session::deadline).min();
            let Some(due) = due else { break };
            self.now = self.now.max(due);
            let ids: Vec<ExchangeId> = self.sessions.keys().copied().collect();
            for id in ids {
                self.decide(id, &Input::Deadline);
            }
        }
        self.check();
        assert!(self.outbox.is_empty());
        let mut given: BTreeMap<UserId, (u64, u64)> = BTreeMap::new();
        for session in self.sessions.values() {
            assert_eq!(session.pending, None, "no attempt hangs");
            if session.state == State::Completed {
                for side in session.sides() {
                    let minutes = session.split().of_side(session, side.id);
                    let sums = given.entry(side.id).or_default();
                    sums.0 += u64::from(minutes.given);
                    sums.1 += u64::from(minutes.received);
                }
            }
        }
        for (user, calendar) in &self.calendars {
            let sums = given.get(user).copied().unwrap_or_default();
            assert_eq!((calendar.given_min, calendar.received_min), sums, "counted once");
            for (id, slot) in &calendar.slots {
                let session = &self.sessions[id];
                match slot.keep {
                    Keep::Booked => {
                        assert!(matches!(session.state, State::Accepted | State::Started));
                    }
                    // Of a step that came late; whoever meets it asks, and it goes.
                    Keep::Held { until, .. } => assert!(until <= self.now + HOLD_MS),
                    Keep::Over { .. } => assert!(session.state.is_end()),
                }
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Event {
    Request { by: u128, to: u128, start: u8 },
    Post { by: u128, start: Option<u8> },
    Do { session: usize, by: u128, what: u8 },
    Carry { which: usize, twice: bool },
    Crash { which: usize },
    Later { by: Millis },
}

fn events() -> impl Strategy<Value = Event> {
    let who = 0..PEOPLE;
    prop_oneof![
        3 => (who.clone(), who.clone(), 0_u8..6)
            .prop_map(|(by, to, start)| Event::Request { by, to, start }),
        1 => (who.clone(), prop::option::of(0_u8..6))
            .prop_map(|(by, start)| Event::Post { by, start }),
        8 => (0_usize..8, who, 0_u8..11)
            .prop_map(|(session, by, what)| Event::Do { session, by, what }),
        12 => (any::<usize>(), prop::bool::weighted(0.2))
            .prop_map(|(which, twice)| Event::Carry { which, twice }),
        1 => any::<usize>().prop_map(|which| Event::Crash { which }),
        2 => prop_oneof![Just(5_000), Just(HOLD_MS), Just(20 * MIN), Just(HOUR), Just(50 * HOUR)]
            .prop_map(|by| Event::Later { by }),
    ]
}

fn gives(n: u8) -> Gives {
    let topic = || Some("a topic".to_owned());
    match n % 3 {
        0 => Gives { requester: topic(), responder: None },
        1 => Gives { requester: None, responder: topic() },
        _ => Gives { requester: topic(), responder: topic() },
    }
}

fn input(session: &Session, by: u128, what: u8, now: Millis) -> Input {
    let user = person(by).id;
    match what {
        0 => Input::Counter {
            by: user,
            terms: Terms {
                starts_at: Some(session.starts_at().max(now) + 30 * MIN),
                ..Terms::default()
            },
        },
        1..=3 => {
            if session.state == State::Open {
                let fixed = session.proposal.starts_at.is_some();
                let starts_at = (!fixed).then_some(now + HOUR);
                Input::Take { by: person(by), starts_at }
            } else {
                Input::Accept { by: user, version: None }
            }
        }
        4 => Input::Decline { by: user, reason: None },
        5 => Input::Withdraw { by: user },
        6 => Input::Cancel { by: user, reason: None },
        7 => Input::Start { by: user },
        8 => Input::Confirm { by: user },
        9 => Input::Vanish { by: user, name: "gone".to_owned() },
        _ => Input::Dispute { by: user, reason: None },
    }
}

fn run(schedule: Vec<Event>) {
    let mut world = World { now: BEGIN, ..World::default() };
    for (n, event) in schedule.into_iter().enumerate() {
        let n = n as u128;
        let make = |world: &mut World, by, to: Option<u128>, start: Option<u8>| {
            let id = ExchangeId(Uuid::from_u128(n));
            let new = New {
                id,
                group_id: GroupId(Uuid::nil()),
                requester: person(by),
                responder: to.map(person),
                // Slots of an hour that begin each half hour, so that many overlap.
                starts_at: start.map(|slot| world.now + HOUR + Millis::from(slot) * 30 * MIN),
                duration_min: 60,
                gives: gives(start.unwrap_or(0)),
                note: None,
            };
            world.sessions.insert(id, Session::new(new, world.now).unwrap());
        };
        match event {
            Event::Request { by, to, start } if by != to => {
                make(&mut world, by, Some(to), Some(start));
            }
            Event::Request { .. } => {}
            Event::Post { by, start } => make(&mut world, by, None, start),
            Event::Do { session, by, what } => {
                // The newest ones, so that they meet.
                let found = world.sessions.keys().rev().nth(session).copied();
                let Some(id) = found else { continue };
                let input = input(&world.sessions[&id], by, what, world.now);
                world.decide(id, &input);
                world.check();
            }
            Event::Carry { which, twice } => world.carry(which, twice),
            Event::Crash { which } => world.crash(which),
            Event::Later { by } => {
                world.now += by;
                let ids: Vec<ExchangeId> = world.sessions.keys().copied().collect();
                for id in ids {
                    world.decide(id, &Input::Deadline);
                }
                world.check();
            }
        }
    }
    world.rest();
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_024,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_schedules_keep_every_promise(
        schedule in prop::collection::vec(events(), 1..160),
    ) {
        run(schedule);
    }
}

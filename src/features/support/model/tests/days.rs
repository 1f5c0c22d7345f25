//! Whole days by chance: people, time-outs, drops, and crashes after which the desk is read again.

use super::*;
use std::collections::HashMap;

const MEMBERS: u128 = 12;
const COACHES: std::ops::Range<u128> = 50..54;

#[derive(Debug, Clone)]
enum Step {
    Ask(u128),
    Urgent(u128),
    Claim(u128, u128),
    Accept(u128, u128),
    Decline(u128, u128),
    Transfer(u128, u128, Option<u128>),
    Close(u128, u128),
    Cancel(u128),
    Reopen(u128),
    Choose(u128, bool, u32),
    Gone(u128),
    Back(u128),
    Silent(u128, bool),
    Crash,
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let request = || 0..MEMBERS;
    let coach = || COACHES;
    let step = prop_oneof![
        4 => request().prop_map(Step::Ask),
        1 => request().prop_map(Step::Urgent),
        2 => (request(), coach()).prop_map(|(r, c)| Step::Claim(r, c)),
        6 => (request(), coach()).prop_map(|(r, c)| Step::Accept(r, c)),
        2 => (request(), coach()).prop_map(|(r, c)| Step::Decline(r, c)),
        2 => (request(), coach(), prop::option::of(coach()))
            .prop_map(|(r, c, to)| Step::Transfer(r, c, to)),
        3 => (request(), coach()).prop_map(|(r, c)| Step::Close(r, c)),
        1 => request().prop_map(Step::Cancel),
        2 => request().prop_map(Step::Reopen),
        2 => (coach(), any::<bool>(), 0..4_u32).prop_map(|(c, on, n)| Step::Choose(c, on, n)),
        1 => coach().prop_map(Step::Gone),
        2 => coach().prop_map(Step::Back),
        1 => (request(), any::<bool>()).prop_map(|(r, m)| Step::Silent(r, m)),
        1 => Just(Step::Crash),
        3 => (1..40_000_i64).prop_map(Step::Wait),
        1 => (1..20 * MINUTE_MS).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..160)
}

/// A day, and what is known of it from outside.
struct Day {
    desk: Desk,
    now: i64,
    here: BTreeSet<UserId>,
    open: BTreeSet<RequestId>,
    /// The coach who answers, by what was said.
    owners: HashMap<RequestId, UserId>,
    lives: i64,
}

impl Day {
    fn new() -> Self {
        Self {
            desk: desk(),
            now: 0,
            here: BTreeSet::new(),
            open: BTreeSet::new(),
            owners: HashMap::new(),
            lives: 0,
        }
    }

    fn input(&mut self, step: &Step) -> Option<Input> {
        Some(match *step {
            Step::Ask(n) => ask(n),
            Step::Urgent(n) => Input::Raise { request: request_id(n) },
            Step::Claim(n, c) => claim(n, c),
            Step::Accept(n, c) => accept(n, c),
            Step::Decline(n, c) => decline(n, c),
            Step::Transfer(n, c, to) => transfer(n, c, to),
            Step::Close(n, c) => close(n, c),
            Step::Cancel(n) => cancel(n),
            Step::Reopen(n) => {
                self.lives += 1;
                Input::Enqueue(Box::new(NewRequest {
                    reopened_at: Some(self.lives),
                    former_coach: Some(person(50)),
                    former_summary: None,
                    preferred: Some(person(50).id),
                    ..new(n)
                }))
            }
            Step::Choose(c, available, capacity) => {
                let choices = Choices { available, capacity, ..Choices::default() };
                Input::SetCoach { coach: person(c), choices }
            }
            Step::Gone(c) => {
                let coach = person(c).id;
                self.here.remove(&coach);
                Input::CoachGone { coach, until: self.now + 60_000 }
            }
            Step::Back(c) => {
                self.here.insert(person(c).id);
                Input::CoachBack { coach: person(c).id }
            }
            Step::Silent(n, member) => {
                self.now += 31 * MINUTE_MS;
                let request = self.desk.request(request_id(n));
                let at = request.and_then(|request| request.claimed_at);
                let coach = request.and_then(|request| Some((request.coach.as_ref()?.id, at?)));
                let words = Words { coach, unanswered_at: at.filter(|_| !member) };
                Input::Due { words: vec![(request_id(n), words)] }
            }
            Step::Crash => {
                self.crash();
                return None;
            }
            Step::Wait(ms) => {
                self.now += ms;
                for c in COACHES {
                    let over = Input::GraceOver { coach: person(c).id };
                    let happened = self.desk.apply(&over, self.now).unwrap();
                    self.heard(&happened);
                }
                Input::Due { words: Vec::new() }
            }
        })
    }

    /// What is kept is all there is.
    fn crash(&mut self) {
        let mut again = desk();
        for request in self.desk.requests() {
            again.put(Request::clone(request));
        }
        again.coaches = self.desk.coaches.clone();
        again.pace = self.desk.pace.clone();
        assert_eq!(again.queue().collect::<Vec<_>>(), self.desk.queue().collect::<Vec<_>>());
        assert_eq!(again.first_deadline(), self.desk.first_deadline());
        assert_eq!(again.candidates(), self.desk.candidates());
        assert_eq!(again.answered_total(), self.desk.answered_total());
        self.desk = again;
    }

    fn heard(&mut self, happened: &[Happening]) {
        for happening in happened {
            match happening {
                Happening::Queued(r) | Happening::Reopened { request: r, .. } => {
                    self.open.insert(r.id);
                }
                Happening::Claimed { request, .. } => {
                    let coach = request.coach.as_ref().unwrap().id;
                    assert_eq!(self.owners.insert(request.id, coach), None, "two coaches");
                }
                Happening::Transferred { request, from, .. } => {
                    let coach = request.coach.as_ref().unwrap().id;
                    assert_eq!(self.owners.insert(request.id, coach), Some(from.id));
                }
                Happening::Requeued { request, from, .. } => {
                    assert_eq!(self.owners.remove(&request.id), Some(from.id));
                }
                Happening::Closed(r)
                | Happening::Abandoned(r)
                | Happening::Cancelled { request: r, .. }
                | Happening::Expired(r) => {
                    self.open.remove(&r.id);
                    self.owners.remove(&r.id);
                }
                _ => {}
            }
        }
    }

    fn check(&self) {
        let desk = &self.desk;
        let on_desk: BTreeSet<RequestId> =
            desk.requests().filter(|r| r.state.is_open()).map(|r| r.id).collect();
        assert_eq!(on_desk, self.open, "nobody is forgotten");
        for request in desk.requests() {
            let owner = request.coach.as_ref().map(|coach| coach.id);
            if request.state.is_open() {
                assert_eq!(owner, self.owners.get(&request.id).copied(), "one owner");
            }
            let offered = request.offered_to.is_some();
            assert_eq!(request.state == State::Offered, offered && owner.is_none());
            assert!(!offered || request.state == State::Transferring || owner.is_none());
        }
        for (place, request) in (1_u32..).zip(desk.queue()) {
            assert_eq!(desk.position(request.id), Some(place));
        }
    }
}

/// Loads before a step, and who could take how many.
fn loads(desk: &Desk) -> BTreeMap<UserId, (u32, u32)> {
    let load =
        |coach: &Coach| (coach.person.id, (desk.load(coach.person.id), coach.choices.capacity));
    desk.coaches.values().map(load).collect()
}

proptest! {
    /// Whatever people and deadlines do: nobody is forgotten, nobody has two coaches, nobody
    /// gets more than fits, nobody who declined is asked again, and those who wait keep their
    /// order.
    #[test]
    fn random_days_keep_the_invariants(steps in steps()) {
        let mut day = Day::new();
        for step in steps {
            let before = positions(&day.desk);
            let Some(input) = day.input(&step) else { continue };
            let unchanged = day.desk.clone();
            match day.desk.apply(&input, day.now) {
                Err(_) => {
                    let mut unchanged = unchanged.clone();
                    unchanged.pace = day.desk.pace.clone();
                    prop_assert_eq!(&day.desk, &unchanged);
                }
                Ok(happened) => day.heard(&happened),
            }
            let declined: HashMap<RequestId, Vec<UserId>> =
                day.desk.requests().map(|r| (r.id, r.declined.clone())).collect();
            let happened = day.desk.offer(&day.here, day.now);
            for happening in &happened {
                if let Happening::Offered(request) | Happening::TransferOffered(request) = happening {
                    let to = request.offered_to.as_ref().unwrap().id;
                    prop_assert!(day.here.contains(&to), "offered to somebody who is gone");
                    prop_assert!(!declined[&request.id].contains(&to), "asked again");
                    prop_assert!(request.member.id != to);
                }
            }
            day.heard(&happened);
            day.check();
            let was = loads(&unchanged);
            for (coach, (load, capacity)) in loads(&day.desk) {
                let before = was.get(&coach).map_or(0, |(load, _)| *load);
                prop_assert!(load <= capacity.max(before), "more than fits");
            }
            if !matches!(step, Step::Urgent(_) | Step::Ask(_)) {
                let after = positions(&day.desk);
                let kept: Vec<_> = before.iter().filter(|id| after.contains(id)).collect();
                let same: Vec<_> = after.iter().filter(|id| before.contains(id)).collect();
                let reopened = matches!(step, Step::Reopen(_) | Step::Silent(..) | Step::Wait(_));
                prop_assert!(reopened || kept == same, "those who wait keep their order");
            }
        }
    }

    /// No free coach who is here passes by somebody who waits and could be offered.
    #[test]
    fn nobody_waits_beside_a_free_coach(steps in steps()) {
        let mut day = Day::new();
        for step in steps {
            let Some(input) = day.input(&step) else { continue };
            if let Ok(happened) = day.desk.apply(&input, day.now) {
                day.heard(&happened);
            }
            let happened = day.desk.offer(&day.here, day.now);
            day.heard(&happened);
            let free = day.desk.candidates();
            let free: Vec<_> = free.into_iter().filter(|id| day.here.contains(id)).collect();
            for request in day.desk.queue().filter(|r| r.state == State::Queued) {
                let all = free.iter().all(|id| request.declined.contains(id));
                prop_assert!(all, "{:?} could have been offered", request.id);
            }
        }
    }
}

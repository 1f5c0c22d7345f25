//! Asking, claiming, and the ends of a request.

use super::handover::step;
use super::{
    Choices, Coach, Desk, Fee, FeeState, Happening, NewRequest, Refusal, Request, State, Transition,
};
use protocol::limits::DESK_OPEN_REQUESTS_MAX;
use protocol::people::Person;
use protocol::{Millis, RequestId, UserId};
use std::sync::Arc;

type Outcome = Result<Vec<Happening>, Refusal>;

impl Desk {
    pub(super) fn enqueue(&mut self, new: &NewRequest, now: Millis) -> Outcome {
        let known = self.requests.get(&new.id);
        if let Some(known) = known {
            // What ended is opened again only by its member, and comes with the time of that.
            if known.state.is_open() || known.reopened_at >= new.reopened_at {
                return Ok(Vec::new());
            }
            step(known, Transition::Reopen)?;
        }
        if !self.open {
            return Err(Refusal::DeskClosed);
        }
        if known.is_none() && self.requests.len() >= DESK_OPEN_REQUESTS_MAX {
            return Err(Refusal::Full);
        }
        let place = self.last_place(new.reopened_at.unwrap_or(new.created_at));
        let mut request = Request::new(new, place, now);
        if request.state == State::AwaitingPayment {
            return Ok(vec![Happening::AwaitingPayment(self.put(request))]);
        }
        self.put(request.clone());
        request.stated = self.state_wait(request.id, now);
        let request = self.put(request);
        let Some(_) = new.reopened_at else { return Ok(vec![Happening::Queued(request)]) };
        Ok(vec![Happening::Reopened { request, former: new.former_coach.clone() }])
    }

    pub(super) fn paid(&mut self, id: RequestId, authorised: bool, now: Millis) -> Vec<Happening> {
        let Some(request) = self.requests.get(&id) else { return Vec::new() };
        let Some(state) = request.state.next(Transition::Pay) else { return Vec::new() };
        if !authorised {
            return self.call_off(id, now).into_iter().collect();
        }
        let mut request = Request::clone(request);
        // Behind those who asked before the money was there.
        request.place = self.last_place(now);
        request.queued_at = now;
        request.state = state;
        set_fee(&mut request, FeeState::Authorised);
        self.put(request.clone());
        request.stated = self.state_wait(id, now);
        vec![Happening::Queued(self.put(request))]
    }

    /// Taken back, by the member or because the money did not come.
    pub(super) fn call_off(&mut self, id: RequestId, now: Millis) -> Option<Happening> {
        let mut request = Request::clone(self.requests.get(&id)?);
        request.state = request.state.next(Transition::Cancel)?;
        let passed = request.settle_offer();
        Some(Happening::Cancelled { request: self.end(request, now), passed })
    }

    pub(super) fn cancel(&mut self, id: RequestId, member: UserId, now: Millis) -> Outcome {
        let request = self.requests.get(&id).filter(|request| request.member.id == member);
        let request = request.ok_or(Refusal::NoSuchRequest)?;
        if !request.state.is_open() {
            return Err(Refusal::Over);
        }
        Ok(vec![self.call_off(id, now).ok_or(Refusal::Answered)?])
    }

    pub(super) fn claim(
        &mut self,
        id: RequestId,
        coach: &Person,
        choices: &Choices,
        now: Millis,
    ) -> Outcome {
        let request = self.requests.get(&id).ok_or(Refusal::NoSuchRequest)?;
        if request.is_offered_to(coach.id) {
            return self.accept(id, coach, now);
        }
        match (request.state, &request.coach) {
            (State::Active | State::Transferring, Some(owner)) if owner.id == coach.id => {
                return Ok(Vec::new());
            }
            (State::Transferring, _) if self.adrift.contains(&id) => {}
            (State::Active | State::Transferring, owner) => {
                let owner = owner.as_ref().ok_or(Refusal::Over)?;
                return Err(Refusal::AlreadyClaimed(owner.clone()));
            }
            (State::AwaitingPayment, _) => return Err(Refusal::Unpaid),
            (State::Queued | State::Offered, _) => {}
            (State::Closed | State::Cancelled | State::Expired | State::Abandoned, _) => {
                return Err(Refusal::Over);
            }
        }
        if request.member.id == coach.id {
            return Err(Refusal::OwnRequest);
        }
        let choices = self.coaches.get(&coach.id).map_or(choices, |known| &known.choices);
        if !choices.serves {
            return Err(Refusal::NotServing);
        }
        if self.load(coach.id) >= choices.capacity {
            return Err(Refusal::NoCapacity);
        }
        let choices = choices.clone();
        let known = || Coach { person: coach.clone(), choices, grace_until: None };
        self.coaches.entry(coach.id).or_insert_with(known);
        self.take(id, coach, now)
    }

    /// An offer or a hand-over; the place is taken already.
    pub(super) fn accept(&mut self, id: RequestId, coach: &Person, now: Millis) -> Outcome {
        let request = self.requests.get(&id).ok_or(Refusal::NoSuchRequest)?;
        if request.is_offered_to(coach.id) {
            return self.take(id, coach, now);
        }
        match (&request.coach, request.state) {
            (Some(owner), State::Active) if owner.id == coach.id => Ok(Vec::new()),
            (Some(owner), State::Active | State::Transferring) => {
                Err(Refusal::AlreadyClaimed(owner.clone()))
            }
            (_, state) if !state.is_open() => Err(Refusal::Over),
            _ => Err(Refusal::NotOffered),
        }
    }

    /// The coach answers from here on.
    fn take(&mut self, id: RequestId, coach: &Person, now: Millis) -> Outcome {
        let old = self.requests.get(&id).ok_or(Refusal::NoSuchRequest)?;
        let mut request = Request::clone(old);
        let claimed_at = old.claimed_at;
        let handed_over = request.state == State::Transferring;
        let transition = if handed_over { Transition::TakeOver } else { Transition::Claim };
        request.state = step(old, transition)?;
        let passed = request.settle_offer().filter(|offered| offered.id != coach.id);
        let from = request.coach.replace(coach.clone()).filter(|_| handed_over);
        request.remember(coach.id);
        request.claimed_at = Some(now);
        request.warned_at = None;
        request.handed_to_anybody = false;
        request.look_at = Some(now + self.rules.first_look_ms(&request));
        self.judge_wait(&mut request, now);
        let request = self.put(request);
        if let Some(known) = self.coaches.get_mut(&coach.id) {
            known.grace_until = None;
        }
        let mut happened = vec![Happening::CoachChanged(coach.id)];
        happened.extend(passed.iter().map(|passed| Happening::CoachChanged(passed.id)));
        if let Some(from) = from {
            self.freed(claimed_at, now);
            happened.push(Happening::CoachChanged(from.id));
            happened.push(Happening::Transferred { request, from, passed });
        } else {
            happened.push(Happening::Claimed { request, passed });
        }
        Ok(happened)
    }

    pub(super) fn close(
        &mut self,
        id: RequestId,
        by: UserId,
        summary: Option<&str>,
        now: Millis,
    ) -> Outcome {
        let request = self.requests.get(&id).ok_or(Refusal::NoSuchRequest)?;
        let coach = request.coach.as_ref().map(|coach| coach.id);
        if request.member.id != by && coach != Some(by) {
            return Err(Refusal::NotYours);
        }
        if !request.state.is_open() {
            return Err(Refusal::Over);
        }
        // Nobody has to stay because a hand-over is under way: it comes to nothing first.
        let mut happened = Vec::new();
        if request.state == State::Transferring {
            happened.extend(self.stay(id, now));
        }
        let request = self.requests.get(&id).ok_or(Refusal::NoSuchRequest)?;
        let mut ended = Request::clone(request);
        ended.state = request.state.next(Transition::Close).ok_or(Refusal::NotAnswered)?;
        if let Some(summary) = summary.filter(|_| coach == Some(by)) {
            ended.summary = Some(summary.to_owned());
        }
        let ended = self.end(ended, now);
        self.freed(ended.claimed_at, now);
        happened.extend(coach.map(Happening::CoachChanged));
        happened.push(Happening::Closed(ended));
        Ok(happened)
    }

    pub(super) fn end(&mut self, mut request: Request, now: Millis) -> Arc<Request> {
        request.ended_at = Some(now);
        request.look_at = None;
        request.offered_to = None;
        request.offered_until = None;
        self.put(request)
    }

    /// Idempotent, and only while it helps.
    pub(super) fn raise(&mut self, id: RequestId) -> Vec<Happening> {
        let Some(request) = self.requests.get(&id) else { return Vec::new() };
        let waits = request.state.is_waiting() || request.state == State::AwaitingPayment;
        if request.crisis || !waits {
            return Vec::new();
        }
        let request = Request { crisis: true, ..Request::clone(request) };
        vec![Happening::Raised(self.put(request))]
    }

    pub(super) fn forget(&mut self, id: RequestId, reopened_at: Option<Millis>) -> Vec<Happening> {
        match self.requests.get(&id) {
            Some(request) if !request.state.is_open() && request.reopened_at == reopened_at => {
                self.remove(id);
                vec![Happening::Forgotten(id)]
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn set(
        &mut self,
        name: Option<&str>,
        topics: Option<&[String]>,
        open: Option<bool>,
    ) -> Vec<Happening> {
        let before = (self.name.clone(), self.topics.clone(), self.open);
        if let Some(name) = name {
            name.clone_into(&mut self.name);
        }
        if let Some(topics) = topics {
            self.topics = topics.to_vec();
        }
        self.open = open.unwrap_or(self.open);
        let changed = before != (self.name.clone(), self.topics.clone(), self.open);
        if changed { vec![Happening::DeskChanged] } else { Vec::new() }
    }
}

pub(super) fn set_fee(request: &mut Request, state: FeeState) {
    if let Some(fee) = &request.fee {
        request.fee = Some(Fee { state, ..fee.clone() });
    }
}

//! Offers that come to nothing, and hand-overs from coach to coach.

use super::{Desk, Happening, Refusal, Request, State, Transition};
use protocol::limits::TRANSFER_MS;
use protocol::people::Person;
use protocol::support::Cause;
use protocol::{Millis, RequestId, UserId};

type Outcome = Result<Vec<Happening>, Refusal>;

/// The state after a transition, or why there is none.
pub(super) fn step(request: &Request, transition: Transition) -> Result<State, Refusal> {
    request.state.next(transition).ok_or(match request.state {
        State::AwaitingPayment => Refusal::Unpaid,
        State::Queued | State::Offered => Refusal::NotAnswered,
        State::Active => Refusal::Answered,
        State::Transferring => Refusal::HandingOver,
        State::Closed | State::Cancelled | State::Expired | State::Abandoned => Refusal::Over,
    })
}

impl Desk {
    pub(super) fn decline(&mut self, id: RequestId, coach: UserId, now: Millis) -> Outcome {
        let request = self.requests.get(&id).ok_or(Refusal::NoSuchRequest)?;
        if request.is_offered_to(coach) {
            return Ok(self.offer_over(id, Cause::Declined, now));
        }
        if !request.state.is_open() {
            return Err(Refusal::Over);
        }
        if request.is_silent_to(coach) { Ok(Vec::new()) } else { Err(Refusal::NotOffered) }
    }

    /// An offer, or a hand-over to one coach, came to nothing.
    pub(super) fn offer_over(
        &mut self,
        id: RequestId,
        cause: Cause,
        now: Millis,
    ) -> Vec<Happening> {
        let Some(old) = self.requests.get(&id) else { return Vec::new() };
        let mut request = Request::clone(old);
        let Some(from) = request.offered_to.take() else { return Vec::new() };
        if cause != Cause::OfferGone {
            request.spare(from.id);
        }
        let mut happened = vec![Happening::CoachChanged(from.id)];
        if request.state == State::Offered {
            request.offered_until = None;
            request.state = State::Queued;
            let request = self.put(request);
            happened.push(Happening::Returned { request, from, cause });
            happened.extend(self.expire(id, now));
            return happened;
        }
        // A hand-over that was meant for whoever is free looks on, until its time is over.
        let looks_on = request.handed_to_anybody && request.offered_until > Some(now);
        let coach = request.coach.as_ref().map(|coach| coach.id);
        let request = self.put(request);
        if looks_on {
            happened.push(Happening::TransferReturned { request, to: Some(from) });
        } else {
            happened.extend(self.stay_after(id, Some(from), now));
            happened.extend(coach.map(Happening::CoachChanged));
        }
        happened
    }

    /// The hand-over is over, and nobody took it.
    pub(super) fn stay(&mut self, id: RequestId, now: Millis) -> Vec<Happening> {
        let Some(old) = self.requests.get(&id) else { return Vec::new() };
        let to = old.offered_to.clone();
        let mut happened: Vec<_> = to.iter().map(|to| Happening::CoachChanged(to.id)).collect();
        happened.extend(self.stay_after(id, to, now));
        happened
    }

    fn stay_after(&mut self, id: RequestId, to: Option<Person>, now: Millis) -> Option<Happening> {
        let old = self.requests.get(&id)?;
        let state = old.state.next(Transition::Return).filter(|state| state.is_answered())?;
        let mut request = Request { state, ..Request::clone(old) };
        request.settle_offer();
        request.handed_to_anybody = false;
        request.look_at = Some(now + self.rules.first_look_ms(&request));
        Some(Happening::TransferReturned { request: self.put(request), to })
    }

    pub(super) fn transfer(
        &mut self,
        id: RequestId,
        by: UserId,
        to: Option<UserId>,
        now: Millis,
    ) -> Outcome {
        let old = self.requests.get(&id).ok_or(Refusal::NoSuchRequest)?;
        if !old.state.is_open() {
            return Err(Refusal::Over);
        }
        if !old.is_answered_by(by) {
            return Err(Refusal::NotYours);
        }
        let same =
            to.is_none_or(|to| old.is_offered_to(to)) && (to.is_none() == old.handed_to_anybody);
        if old.state == State::Transferring && same {
            return Ok(Vec::new());
        }
        let state = step(old, Transition::Transfer)?;
        let mut request = Request { state, ..Request::clone(old) };
        let mut happened = vec![Happening::CoachChanged(by)];
        if let Some(to) = to {
            let colleague = self.coaches.get(&to).ok_or(Refusal::NoSuchCoach)?;
            if to == by || !colleague.choices.serves {
                return Err(Refusal::NoSuchCoach);
            }
            if to == request.member.id {
                return Err(Refusal::OwnRequest);
            }
            if self.load(to) >= colleague.choices.capacity || colleague.grace_until.is_some() {
                return Err(Refusal::ColleagueFull);
            }
            request.offered_to = Some(colleague.person.clone());
            happened.push(Happening::CoachChanged(to));
        }
        request.handed_to_anybody = to.is_none();
        request.offered_until = Some(now + TRANSFER_MS);
        happened.push(Happening::TransferOffered(self.put(request)));
        Ok(happened)
    }

    /// Nobody came in time.
    pub(super) fn expire(&mut self, id: RequestId, now: Millis) -> Option<Happening> {
        let request = self.requests.get(&id)?;
        if request.queued_at + self.rules.max_wait_ms > now {
            return None;
        }
        let state = request.state.next(Transition::Expire)?;
        let request = Request { state, ..Request::clone(request) };
        Some(Happening::Expired(self.end(request, now)))
    }
}

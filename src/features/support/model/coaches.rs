//! Coaches: what they choose, and that they come and go.

use super::{Choices, Coach, Desk, Happening, Request, State, Transition};
use protocol::people::Person;
use protocol::support::Cause;
use protocol::{Millis, RequestId, UserId};

impl Desk {
    pub(super) fn set_coach(
        &mut self,
        coach: &Person,
        choices: &Choices,
        now: Millis,
    ) -> Vec<Happening> {
        let grace_until = self.coaches.get(&coach.id).and_then(|known| known.grace_until);
        let next = Coach { person: coach.clone(), choices: choices.clone(), grace_until };
        if self.coaches.get(&coach.id) == Some(&next) {
            return Vec::new();
        }
        self.coaches.insert(coach.id, next);
        let mut happened = vec![Happening::CoachChanged(coach.id)];
        if !choices.available || !choices.serves {
            happened.extend(self.take_offers_back(coach.id, now));
        }
        happened
    }

    /// Offers to somebody who is gone go back at once; hand-overs as well.
    fn take_offers_back(&mut self, coach: UserId, now: Millis) -> Vec<Happening> {
        let offered = self.offered_to(coach);
        let back =
            offered.iter().flat_map(|request| self.offer_over(request.id, Cause::OfferGone, now));
        back.collect()
    }

    pub(super) fn coach_gone(
        &mut self,
        coach: UserId,
        until: Millis,
        now: Millis,
    ) -> Vec<Happening> {
        let mut happened = self.take_offers_back(coach, now);
        let requests: Vec<_> = self.answered_by(coach).cloned().collect();
        match self.coaches.get_mut(&coach) {
            Some(known) if !requests.is_empty() => known.grace_until = Some(until),
            _ => return happened,
        }
        happened.push(Happening::CoachAway { coach, until, requests });
        happened
    }

    pub(super) fn coach_back(&mut self, coach: UserId) -> Vec<Happening> {
        let requests: Vec<_> = self.answered_by(coach).cloned().collect();
        match self.coaches.get_mut(&coach) {
            Some(known) if known.grace_until.is_some() => known.grace_until = None,
            _ => return Vec::new(),
        }
        vec![Happening::CoachReturned { coach, requests }]
    }

    /// Back to the front of the queue, in the order in which they had asked.
    pub(super) fn grace_over(&mut self, coach: UserId, now: Millis) -> Vec<Happening> {
        let Some(known) = self.coaches.get_mut(&coach) else { return Vec::new() };
        if known.grace_until.is_none_or(|until| until > now) {
            return Vec::new();
        }
        known.grace_until = None;
        let mut happened = vec![Happening::CoachChanged(coach)];
        happened.extend(self.give_back(coach, now));
        happened
    }

    /// No coach any more: offers and people go back at once. Said again, it is so already; but
    /// the row is written, so that what was decided beside it is decided again.
    pub(super) fn dismiss(&mut self, coach: &Person, now: Millis) -> Vec<Happening> {
        let known = self.coaches.get(&coach.id).map(|known| known.choices.clone());
        let choices = known.unwrap_or_default();
        let choices = Choices { available: false, serves: false, ..choices };
        let dismissed = Coach { person: coach.clone(), choices, grace_until: None };
        self.coaches.insert(coach.id, dismissed);
        let mut happened = vec![Happening::CoachChanged(coach.id)];
        happened.extend(self.take_offers_back(coach.id, now));
        happened.extend(self.give_back(coach.id, now));
        happened
    }

    /// As a coach who has chosen nothing.
    pub(super) fn reinstate(&mut self, coach: UserId) -> Vec<Happening> {
        let dismissed = self.coaches.get(&coach).is_some_and(|known| !known.choices.serves);
        if !dismissed || self.load(coach) > 0 {
            return Vec::new();
        }
        self.coaches.remove(&coach);
        vec![Happening::CoachChanged(coach)]
    }

    fn give_back(&mut self, coach: UserId, now: Millis) -> Vec<Happening> {
        let mut dropped: Vec<(i64, RequestId)> =
            self.answered_by(coach).map(|request| (request.place, request.id)).collect();
        dropped.sort_unstable();
        let mut happened = Vec::new();
        for (_, id) in dropped.into_iter().rev() {
            if self.requests.get(&id).is_some_and(|r| r.state == State::Transferring) {
                happened.extend(self.stay(id, now));
            }
            happened.extend(self.requeue(id, Cause::CoachGone, now));
        }
        happened
    }

    /// From a coach to the front of the queue.
    pub(super) fn requeue(
        &mut self,
        id: RequestId,
        cause: Cause,
        now: Millis,
    ) -> Option<Happening> {
        let old = self.requests.get(&id)?;
        let state = old.state.next(Transition::Requeue)?;
        let mut request = Request { state, ..Request::clone(old) };
        let from = request.coach.take()?;
        request.place = self.first_place(now);
        request.queued_at = now;
        let claimed_at = request.claimed_at.take();
        request.look_at = None;
        request.warned_at = None;
        if cause == Cause::Unanswered {
            request.spare(from.id);
        }
        let request = self.put(request);
        self.freed(claimed_at, now);
        Some(Happening::Requeued { request, from, cause })
    }
}

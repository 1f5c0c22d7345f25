//! The matcher: offers requests to coaches who have a free place.
//!
//! Oldest first; of the coaches the one who is asked for again, then one who knows of what it is
//! about, then the one who is preferred, then the one with the most room.

use super::{Desk, Happening, Request, State, Transition};
use protocol::limits::OFFER_MS;
use protocol::{Millis, RequestId, UserId};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// Smaller is better.
type Rank = (bool, bool, bool, u32, UserId);

impl Desk {
    /// Coaches with a free place who take offers; nobody where nobody waits for one.
    pub(crate) fn candidates(&self) -> Vec<UserId> {
        if self.unmatched.is_empty() && self.adrift.is_empty() {
            return Vec::new();
        }
        let free = self.coaches.values().filter(|coach| {
            coach.choices.available
                && coach.choices.serves
                && coach.grace_until.is_none()
                && self.load(coach.person.id) < coach.choices.capacity
        });
        free.map(|coach| coach.person.id).collect()
    }

    /// Offers what can be offered to `here`: candidates who are known to be here.
    pub(crate) fn offer(&mut self, here: &BTreeSet<UserId>, now: Millis) -> Vec<Happening> {
        let mut free: BTreeMap<UserId, u32> = BTreeMap::new();
        for id in self.candidates().into_iter().filter(|id| here.contains(id)) {
            if let Some(coach) = self.coaches.get(&id) {
                free.insert(id, coach.choices.capacity.saturating_sub(self.load(id)));
            }
        }
        let mut happened = Vec::new();
        let adrift: Vec<RequestId> = self.adrift.iter().copied().collect();
        for id in adrift {
            happened.extend(self.offer_one(id, &mut free, now));
        }
        // Those who are spared everybody who is free are looked past.
        let mut at = self.unmatched.first().copied();
        while let Some(key) = at.filter(|_| !free.is_empty()) {
            happened.extend(self.offer_one(key.2, &mut free, now));
            at = self.unmatched.range((Bound::Excluded(key), Bound::Unbounded)).next().copied();
        }
        happened
    }

    fn offer_one(
        &mut self,
        id: RequestId,
        free: &mut BTreeMap<UserId, u32>,
        now: Millis,
    ) -> Vec<Happening> {
        let found = self.requests.get(&id).and_then(|request| self.best(request, free));
        let Some(coach) = found else { return Vec::new() };
        if let Some(left) = free.get_mut(&coach) {
            *left -= 1;
            if *left == 0 {
                free.remove(&coach);
            }
        }
        self.offer_to(id, coach, now)
    }

    fn best(&self, request: &Request, free: &BTreeMap<UserId, u32>) -> Option<UserId> {
        let fits = |id: &&UserId| {
            !request.is_silent_to(**id)
                && **id != request.member.id
                && request.coach.as_ref().is_none_or(|coach| coach.id != **id)
        };
        let ranked = free.keys().filter(fits).map(|&id| (self.rank(request, id), id));
        ranked.min().map(|(_, id)| id)
    }

    fn rank(&self, request: &Request, id: UserId) -> Rank {
        let wanted = request.preferred == Some(id);
        let again = wanted && request.reopened_at.is_some();
        let knows = match (&request.expertise, self.coaches.get(&id)) {
            (Some(wanted), Some(coach)) => {
                coach.choices.knows.iter().any(|known| known.eq_ignore_ascii_case(wanted))
            }
            _ => false,
        };
        (!again, !knows, !wanted, self.load(id), id)
    }

    fn offer_to(&mut self, id: RequestId, coach: UserId, now: Millis) -> Vec<Happening> {
        let (Some(old), Some(known)) = (self.requests.get(&id), self.coaches.get(&coach)) else {
            return Vec::new();
        };
        let mut request = Request::clone(old);
        request.offered_to = Some(known.person.clone());
        let offered = if request.state == State::Transferring {
            Happening::TransferOffered(self.put(request))
        } else {
            let Some(state) = request.state.next(Transition::Offer) else { return Vec::new() };
            request.state = state;
            request.offered_until = Some(now + OFFER_MS);
            Happening::Offered(self.put(request))
        };
        vec![Happening::CoachChanged(coach), offered]
    }
}

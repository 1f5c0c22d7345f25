//! A desk as it is at one version, with what is looked up in it: who waits, who answers whom,
//! and which deadline comes first. Every change goes through [`Desk::put`], so that deciding
//! costs what changes, and not what is there.

use super::request::Key;
use super::{Coach, Happening, Input, Pace, Refusal, Request, Rules, State};
use protocol::limits::PAYMENT_MS;
use protocol::{DeskId, Millis, RequestId, UserId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Desk {
    pub(crate) id: DeskId,
    pub(crate) name: String,
    pub(crate) topics: Vec<String>,
    pub(crate) open: bool,
    pub(crate) coaches: BTreeMap<UserId, Coach>,
    pub(crate) pace: Pace,
    pub(crate) rules: Rules,
    /// Coaches who are here, as far as this node knows. Not a part of the desk: who waits is
    /// told less well without it, and no rule rests on it.
    pub(crate) here: BTreeSet<UserId>,
    pub(super) requests: BTreeMap<RequestId, Arc<Request>>,
    /// Those who wait, in order.
    pub(super) waiting: BTreeSet<Key>,
    /// Of those: to whom nobody is offered.
    pub(super) unmatched: BTreeSet<Key>,
    /// Hand-overs to whoever is free, while nobody is found.
    pub(super) adrift: BTreeSet<RequestId>,
    /// Requests that take a place of a coach.
    pub(super) held: BTreeMap<UserId, BTreeSet<RequestId>>,
    deadlines: BTreeSet<(Millis, RequestId)>,
    last_place: i64,
    answered: u32,
}

impl Desk {
    /// A desk where nobody was yet.
    pub(crate) fn new(id: DeskId, name: String, topics: Vec<String>, rules: Rules) -> Self {
        Self {
            id,
            name,
            topics,
            open: true,
            coaches: BTreeMap::new(),
            pace: Pace::default(),
            rules,
            here: BTreeSet::new(),
            requests: BTreeMap::new(),
            waiting: BTreeSet::new(),
            unmatched: BTreeSet::new(),
            adrift: BTreeSet::new(),
            held: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            last_place: i64::MIN,
            answered: 0,
        }
    }

    /// The one rule. Refused: nothing changed. An empty answer: it was so already.
    pub(crate) fn apply(&mut self, input: &Input, now: Millis) -> Result<Vec<Happening>, Refusal> {
        self.account(now);
        match input {
            Input::Enqueue(new) => self.enqueue(new, now),
            Input::Paid { request, authorised } => Ok(self.paid(*request, *authorised, now)),
            Input::Cancel { request, member } => self.cancel(*request, *member, now),
            Input::Claim { request, coach, choices } => self.claim(*request, coach, choices, now),
            Input::Accept { request, coach } => self.accept(*request, coach, now),
            Input::Decline { request, coach } => self.decline(*request, *coach, now),
            Input::Transfer { request, by, to } => self.transfer(*request, *by, *to, now),
            Input::Close { request, by, summary } => {
                self.close(*request, *by, summary.as_deref(), now)
            }
            Input::Raise { request } => Ok(self.raise(*request)),
            Input::SetCoach { coach, choices } => Ok(self.set_coach(coach, choices, now)),
            Input::Dismiss { coach } => Ok(self.dismiss(coach, now)),
            Input::Reinstate { coach } => Ok(self.reinstate(*coach)),
            Input::CoachGone { coach, until } => Ok(self.coach_gone(*coach, *until, now)),
            Input::CoachBack { coach } => Ok(self.coach_back(*coach)),
            Input::GraceOver { coach } => Ok(self.grace_over(*coach, now)),
            Input::Due { words } => Ok(self.due(words, now)),
            Input::SetDesk { name, topics, open } => {
                Ok(self.set(name.as_deref(), topics.as_deref(), *open))
            }
            Input::Forget { request, reopened_at } => Ok(self.forget(*request, *reopened_at)),
            Input::Look => Ok(Vec::new()),
        }
    }

    /// All requests, those that ended included, in no order of meaning.
    pub(crate) fn requests(&self) -> impl Iterator<Item = &Arc<Request>> {
        self.requests.values()
    }

    /// How many are on the desk.
    pub(crate) fn requests_total(&self) -> usize {
        self.requests.len()
    }

    pub(crate) fn request(&self, id: RequestId) -> Option<&Arc<Request>> {
        self.requests.get(&id)
    }

    /// Writes a request, in place of what it was.
    pub(crate) fn put(&mut self, request: Request) -> Arc<Request> {
        if let Some(old) = self.requests.get(&request.id).map(Arc::clone) {
            self.index(&old, false);
        }
        self.last_place = self.last_place.max(request.place);
        let request = Arc::new(request);
        self.index(&request, true);
        self.requests.insert(request.id, Arc::clone(&request));
        request
    }

    pub(super) fn remove(&mut self, id: RequestId) {
        if let Some(old) = self.requests.remove(&id) {
            self.index(&old, false);
        }
    }

    fn index(&mut self, request: &Request, add: bool) {
        fn set<T: Ord>(set: &mut BTreeSet<T>, item: T, add: bool) {
            if add {
                set.insert(item);
            } else {
                set.remove(&item);
            }
        }
        if request.state.is_waiting() {
            set(&mut self.waiting, request.key(), add);
        }
        if request.state == State::Queued {
            set(&mut self.unmatched, request.key(), add);
        }
        if request.state == State::Transferring && request.offered_to.is_none() {
            set(&mut self.adrift, request.id, add);
        }
        if request.state.is_answered() {
            self.answered = self.answered.saturating_add_signed(if add { 1 } else { -1 });
        }
        for holder in request.holders() {
            let held = self.held.entry(holder).or_default();
            set(held, request.id, add);
            if held.is_empty() {
                self.held.remove(&holder);
            }
        }
        if let Some(at) = self.deadline(request) {
            set(&mut self.deadlines, (at, request.id), add);
        }
    }

    fn deadline(&self, request: &Request) -> Option<Millis> {
        match request.state {
            State::AwaitingPayment => Some(request.queued_at + PAYMENT_MS),
            State::Queued => Some(request.queued_at + self.rules.max_wait_ms),
            State::Offered | State::Transferring => request.offered_until,
            State::Active => request.look_at,
            State::Closed | State::Cancelled | State::Expired | State::Abandoned => None,
        }
    }

    /// The first thing that has to be looked at, and when.
    pub(crate) fn first_deadline(&self) -> Option<Millis> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// What has to be looked at by now, earliest first.
    pub(crate) fn overdue(&self, now: Millis) -> impl Iterator<Item = &Arc<Request>> {
        let due = self.deadlines.iter().take_while(move |(at, _)| *at <= now);
        due.filter_map(|(_, id)| self.requests.get(id))
    }

    /// Waiting requests, next one first.
    pub(crate) fn queue(&self) -> impl Iterator<Item = &Arc<Request>> {
        self.waiting.iter().filter_map(|(_, _, id)| self.requests.get(id))
    }

    /// How many wait.
    pub(crate) fn waiting_total(&self) -> u32 {
        u32::try_from(self.waiting.len()).unwrap_or(u32::MAX)
    }

    /// How many are being answered.
    pub(crate) const fn answered_total(&self) -> u32 {
        self.answered
    }

    /// 1 for the next one. Counted from behind, where those stand who have just asked.
    pub(crate) fn position(&self, id: RequestId) -> Option<u32> {
        let own = self.requests.get(&id).filter(|request| request.state.is_waiting())?;
        let behind = self.waiting.range(own.key()..).count();
        u32::try_from((self.waiting.len() + 1).saturating_sub(behind)).ok()
    }

    /// A place behind everybody who is or was here, whatever the clock says.
    pub(super) fn last_place(&self, at: Millis) -> i64 {
        at.max(self.last_place.saturating_add(1))
    }

    /// A place before everybody who waits.
    pub(super) fn first_place(&self, now: Millis) -> i64 {
        let urgent = self.waiting.first();
        let others = self.waiting.range((true, i64::MIN, RequestId(uuid::Uuid::nil()))..).next();
        let first = urgent.into_iter().chain(others).map(|(_, place, _)| *place).min();
        first.unwrap_or(now).saturating_sub(1)
    }

    /// Requests that a coach answers.
    pub(crate) fn answered_by(&self, coach: UserId) -> impl Iterator<Item = &Arc<Request>> {
        let held = self.held.get(&coach).into_iter().flatten();
        let held = held.filter_map(|id| self.requests.get(id));
        held.filter(move |request| request.is_answered_by(coach))
    }

    /// Requests that are offered to a coach.
    pub(super) fn offered_to(&self, coach: UserId) -> Vec<Arc<Request>> {
        let held = self.held.get(&coach).into_iter().flatten();
        let held = held.filter_map(|id| self.requests.get(id));
        held.filter(|request| request.is_offered_to(coach)).cloned().collect()
    }

    /// How many of a coach's places are taken: by people, by offers, by hand-overs.
    pub(crate) fn load(&self, coach: UserId) -> u32 {
        self.held.get(&coach).map_or(0, |held| u32::try_from(held.len()).unwrap_or(u32::MAX))
    }

    /// All places of coaches who are here, and all that are taken.
    pub(crate) fn places(&self) -> u32 {
        let places = self.coaches.values().map(|coach| {
            let load = self.load(coach.person.id);
            let choices = &coach.choices;
            let open = choices.available && choices.serves && self.here.contains(&coach.person.id);
            if open { choices.capacity.max(load) } else { load }
        });
        places.fold(0, u32::saturating_add)
    }
}

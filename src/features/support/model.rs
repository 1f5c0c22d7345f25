//! The rules of a desk: a queue, its coaches, and who answers whom. Pure.
//!
//! Everything that decides about one desk goes through [`Desk::apply`]: exactly one coach gets
//! a request, nobody has more than fits, and a place is never lost.

pub(crate) mod rating;

use protocol::limits::{COACH_CAPACITY_DEFAULT, DESK_OPEN_REQUESTS_MAX};
use protocol::people::Person;
use protocol::{DeskId, Error, ErrorCode, Millis, RequestId, UserId, support};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a request is in its life. Offers, transfers and fees are further states of this set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    Queued,
    Active,
    Closed,
    Cancelled,
}

/// What may happen to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transition {
    Claim,
    Requeue,
    Close,
    Cancel,
}

impl State {
    /// The state machine; `None`: refused.
    pub(crate) const fn next(self, transition: Transition) -> Option<Self> {
        match (self, transition) {
            (Self::Queued, Transition::Claim) => Some(Self::Active),
            (Self::Queued, Transition::Cancel) => Some(Self::Cancelled),
            (Self::Active, Transition::Requeue) => Some(Self::Queued),
            (Self::Active, Transition::Close) => Some(Self::Closed),
            (Self::Queued, Transition::Requeue | Transition::Close)
            | (Self::Active, Transition::Claim | Transition::Cancel)
            | (
                Self::Closed | Self::Cancelled,
                Transition::Claim | Transition::Requeue | Transition::Close | Transition::Cancel,
            ) => None,
        }
    }

    /// Whether it still is on the desk.
    pub(crate) const fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Active)
    }

    pub(crate) const fn wire(self) -> support::State {
        match self {
            Self::Queued => support::State::Queued,
            Self::Active => support::State::Active,
            Self::Closed => support::State::Closed,
            Self::Cancelled => support::State::Cancelled,
        }
    }
}

/// A request on a desk. One that ended stays until its end is known everywhere else, so that
/// nothing late can bring it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) id: RequestId,
    pub(crate) member: Person,
    pub(crate) subject: String,
    pub(crate) first_words: Option<String>,
    pub(crate) expertise: Option<String>,
    pub(crate) state: State,
    /// Order in the queue, smallest first.
    pub(crate) place: i64,
    /// Who answers; only while active, or at the end.
    pub(crate) coach: Option<Person>,
    pub(crate) created_at: Millis,
    pub(crate) claimed_at: Option<Millis>,
    pub(crate) ended_at: Option<Millis>,
    pub(crate) summary: Option<String>,
}

/// What someone asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NewRequest {
    pub(crate) id: RequestId,
    pub(crate) member: Person,
    pub(crate) subject: String,
    pub(crate) first_words: Option<String>,
    pub(crate) expertise: Option<String>,
    pub(crate) created_at: Millis,
}

/// A coach's choices on a desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Choices {
    /// Takes offers.
    pub(crate) available: bool,
    /// How many people at once.
    pub(crate) capacity: u32,
    /// Answers at this desk at all.
    pub(crate) serves: bool,
}

impl Default for Choices {
    fn default() -> Self {
        Self { available: true, capacity: COACH_CAPACITY_DEFAULT, serves: true }
    }
}

/// A coach on a desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Coach {
    pub(crate) person: Person,
    pub(crate) choices: Choices,
    /// Dropped; the people being answered go back to the queue then.
    pub(crate) grace_until: Option<Millis>,
}

/// A desk as it is at one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Desk {
    pub(crate) id: DeskId,
    pub(crate) name: String,
    pub(crate) topics: Vec<String>,
    pub(crate) open: bool,
    /// Shared with the desk before a decision, so that deciding copies what changes only.
    pub(crate) requests: BTreeMap<RequestId, Arc<Request>>,
    pub(crate) coaches: BTreeMap<UserId, Coach>,
}

/// What someone, or a deadline, wants of a desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// Asked once or again: the request keeps its place.
    Enqueue(NewRequest),
    Cancel {
        request: RequestId,
        member: UserId,
    },
    /// `choices`: what the coach chose for all desks, where this desk knows nothing.
    Claim {
        request: RequestId,
        coach: Person,
        choices: Choices,
    },
    Close {
        request: RequestId,
        by: UserId,
        summary: Option<String>,
    },
    SetCoach {
        coach: Person,
        choices: Choices,
    },
    /// The coach's last session is gone.
    CoachGone {
        coach: UserId,
        until: Millis,
    },
    CoachBack {
        coach: UserId,
    },
    /// The deadline of `CoachGone`.
    GraceOver {
        coach: UserId,
    },
    /// The end of a request is known everywhere.
    Forget {
        request: RequestId,
    },
}

/// What happened at a desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Happening {
    Queued(Request),
    Claimed(Request),
    Requeued {
        request: Request,
        from: Person,
    },
    Closed(Request),
    Cancelled(Request),
    Forgotten(RequestId),
    CoachChanged(UserId),
    /// The coach of these requests dropped, and has until then.
    CoachAway {
        coach: UserId,
        until: Millis,
        requests: Vec<Request>,
    },
    CoachReturned {
        coach: UserId,
        requests: Vec<Request>,
    },
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("There is no such request.")]
    NoSuchRequest,
    #[error("{} is already answering.", .0.name)]
    AlreadyClaimed(Person),
    #[error("You are talking to as many people as you wanted to at once.")]
    NoCapacity,
    #[error("You don't answer at this desk.")]
    NotServing,
    #[error("Somebody else has to answer your own request.")]
    OwnRequest,
    #[error("This request is over.")]
    Over,
    #[error("Somebody is already answering. You can end the conversation instead.")]
    Answered,
    #[error("Nobody is answering yet. You can take the request back instead.")]
    NotAnswered,
    #[error("Only the one who answers and the one who asked can end this.")]
    NotYours,
    #[error("This desk is as full as it can be. Please try again a little later.")]
    Full,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        let code = match &refusal {
            Refusal::NoSuchRequest => ErrorCode::NotFound,
            Refusal::AlreadyClaimed(_) => ErrorCode::AlreadyClaimed,
            Refusal::NoCapacity | Refusal::Full => ErrorCode::Full,
            Refusal::NotServing | Refusal::OwnRequest | Refusal::NotYours => ErrorCode::Forbidden,
            Refusal::Over | Refusal::Answered | Refusal::NotAnswered => ErrorCode::Conflict,
        };
        let error = Self::new(code, message);
        match refusal {
            Refusal::AlreadyClaimed(owner) => error.detail(serde_json::json!({ "coach": owner })),
            _ => error,
        }
    }
}

impl Desk {
    /// Waiting requests, next one first.
    pub(crate) fn queue(&self) -> Vec<&Request> {
        let mut queue: Vec<_> = self.waiting().collect();
        queue.sort_by_key(|request| (request.place, request.id));
        queue
    }

    /// Waiting requests, in no order.
    fn waiting(&self) -> impl Iterator<Item = &Request> {
        self.requests.values().map(Arc::as_ref).filter(|request| request.state == State::Queued)
    }

    /// How many wait.
    pub(crate) fn waiting_total(&self) -> u32 {
        u32::try_from(self.waiting().count()).unwrap_or(u32::MAX)
    }

    /// 1 for the next one.
    pub(crate) fn position(&self, id: RequestId) -> Option<u32> {
        let own = self.requests.get(&id).filter(|request| request.state == State::Queued)?;
        let before = |other: &&Request| (other.place, other.id) < (own.place, own.id);
        u32::try_from(self.waiting().filter(before).count() + 1).ok()
    }

    /// Requests that a coach answers.
    pub(crate) fn answered_by(&self, coach: UserId) -> impl Iterator<Item = &Request> {
        self.requests.values().map(Arc::as_ref).filter(move |request| {
            request.state == State::Active && request.coach.as_ref().is_some_and(|c| c.id == coach)
        })
    }

    /// How many people a coach has here.
    pub(crate) fn load(&self, coach: UserId) -> u32 {
        u32::try_from(self.answered_by(coach).count()).unwrap_or(u32::MAX)
    }

    /// The one rule. Refused: nothing changed. An empty answer: it was so already.
    pub(crate) fn apply(&mut self, input: &Input, now: Millis) -> Result<Vec<Happening>, Refusal> {
        match input {
            Input::Enqueue(new) => self.enqueue(new),
            Input::Cancel { request, member } => self.cancel(*request, *member, now),
            Input::Claim { request, coach, choices } => self.claim(*request, coach, *choices, now),
            Input::Close { request, by, summary } => {
                self.close(*request, *by, summary.as_deref(), now)
            }
            Input::SetCoach { coach, choices } => Ok(self.set_coach(coach, *choices)),
            Input::CoachGone { coach, until } => Ok(self.coach_gone(*coach, *until)),
            Input::CoachBack { coach } => Ok(self.coach_back(*coach)),
            Input::GraceOver { coach } => Ok(self.grace_over(*coach, now)),
            Input::Forget { request } => Ok(self.forget(*request)),
        }
    }

    fn enqueue(&mut self, new: &NewRequest) -> Result<Vec<Happening>, Refusal> {
        if self.requests.contains_key(&new.id) {
            return Ok(Vec::new());
        }
        if self.requests.len() >= DESK_OPEN_REQUESTS_MAX {
            return Err(Refusal::Full);
        }
        // Behind everybody who is here, whatever the clock says.
        let last = self.requests.values().map(|request| request.place).max();
        let request = Request {
            id: new.id,
            member: new.member.clone(),
            subject: new.subject.clone(),
            first_words: new.first_words.clone(),
            expertise: new.expertise.clone(),
            state: State::Queued,
            place: last.map_or(new.created_at, |last| new.created_at.max(last + 1)),
            coach: None,
            created_at: new.created_at,
            claimed_at: None,
            ended_at: None,
            summary: None,
        };
        self.requests.insert(new.id, Arc::new(request.clone()));
        Ok(vec![Happening::Queued(request)])
    }

    fn claim(
        &mut self,
        id: RequestId,
        coach: &Person,
        choices: Choices,
        now: Millis,
    ) -> Result<Vec<Happening>, Refusal> {
        let load = self.load(coach.id);
        let choices = self.coaches.get(&coach.id).map_or(choices, |known| known.choices);
        let request =
            self.requests.get_mut(&id).map(Arc::make_mut).ok_or(Refusal::NoSuchRequest)?;
        if let (State::Active, Some(owner)) = (request.state, &request.coach) {
            return if owner.id == coach.id {
                Ok(Vec::new())
            } else {
                Err(Refusal::AlreadyClaimed(owner.clone()))
            };
        }
        if !request.state.is_open() {
            return Err(Refusal::Over);
        }
        if request.member.id == coach.id {
            return Err(Refusal::OwnRequest);
        }
        if !choices.serves {
            return Err(Refusal::NotServing);
        }
        if load >= choices.capacity {
            return Err(Refusal::NoCapacity);
        }
        request.state = request.state.next(Transition::Claim).ok_or(Refusal::Over)?;
        request.coach = Some(coach.clone());
        request.claimed_at = Some(now);
        let request = request.clone();
        let known = self.coaches.entry(coach.id).or_insert_with(|| Coach {
            person: coach.clone(),
            choices,
            grace_until: None,
        });
        known.grace_until = None;
        Ok(vec![Happening::CoachChanged(coach.id), Happening::Claimed(request)])
    }

    fn cancel(
        &mut self,
        id: RequestId,
        member: UserId,
        now: Millis,
    ) -> Result<Vec<Happening>, Refusal> {
        let request = self.requests.get(&id).filter(|request| request.member.id == member);
        let request = request.ok_or(Refusal::NoSuchRequest)?;
        if !request.state.is_open() {
            return Err(Refusal::Over);
        }
        let state = request.state.next(Transition::Cancel).ok_or(Refusal::Answered)?;
        Ok(vec![Happening::Cancelled(self.end(id, state, None, now)?)])
    }

    fn close(
        &mut self,
        id: RequestId,
        by: UserId,
        summary: Option<&str>,
        now: Millis,
    ) -> Result<Vec<Happening>, Refusal> {
        let request = self.requests.get(&id).ok_or(Refusal::NoSuchRequest)?;
        let coach = request.coach.as_ref().map(|coach| coach.id);
        if request.member.id != by && coach != Some(by) {
            return Err(Refusal::NotYours);
        }
        if !request.state.is_open() {
            return Err(Refusal::Over);
        }
        let state = request.state.next(Transition::Close).ok_or(Refusal::NotAnswered)?;
        let summary = summary.filter(|_| coach == Some(by)).map(str::to_owned);
        let ended = self.end(id, state, summary, now)?;
        let changed = coach.map(Happening::CoachChanged);
        Ok(changed.into_iter().chain([Happening::Closed(ended)]).collect())
    }

    fn end(
        &mut self,
        id: RequestId,
        state: State,
        summary: Option<String>,
        now: Millis,
    ) -> Result<Request, Refusal> {
        let request =
            self.requests.get_mut(&id).map(Arc::make_mut).ok_or(Refusal::NoSuchRequest)?;
        request.state = state;
        request.summary = summary;
        request.ended_at = Some(now);
        Ok(request.clone())
    }

    fn forget(&mut self, id: RequestId) -> Vec<Happening> {
        match self.requests.get(&id) {
            Some(request) if !request.state.is_open() => {
                self.requests.remove(&id);
                vec![Happening::Forgotten(id)]
            }
            _ => Vec::new(),
        }
    }

    fn set_coach(&mut self, coach: &Person, choices: Choices) -> Vec<Happening> {
        let grace_until = self.coaches.get(&coach.id).and_then(|known| known.grace_until);
        let next = Coach { person: coach.clone(), choices, grace_until };
        if self.coaches.get(&coach.id) == Some(&next) {
            return Vec::new();
        }
        self.coaches.insert(coach.id, next);
        vec![Happening::CoachChanged(coach.id)]
    }

    fn coach_gone(&mut self, coach: UserId, until: Millis) -> Vec<Happening> {
        let requests: Vec<Request> = self.answered_by(coach).cloned().collect();
        match self.coaches.get_mut(&coach) {
            Some(known) if !requests.is_empty() => known.grace_until = Some(until),
            _ => return Vec::new(),
        }
        vec![Happening::CoachAway { coach, until, requests }]
    }

    fn coach_back(&mut self, coach: UserId) -> Vec<Happening> {
        let requests: Vec<Request> = self.answered_by(coach).cloned().collect();
        match self.coaches.get_mut(&coach) {
            Some(known) if known.grace_until.is_some() => known.grace_until = None,
            _ => return Vec::new(),
        }
        vec![Happening::CoachReturned { coach, requests }]
    }

    /// Back to the front of the queue, in the order in which they had asked.
    fn grace_over(&mut self, coach: UserId, now: Millis) -> Vec<Happening> {
        let Some(known) = self.coaches.get_mut(&coach) else { return Vec::new() };
        if known.grace_until.is_none_or(|until| until > now) {
            return Vec::new();
        }
        known.grace_until = None;
        let from = known.person.clone();
        let mut dropped: Vec<(i64, RequestId)> =
            self.answered_by(coach).map(|request| (request.place, request.id)).collect();
        dropped.sort_unstable();
        let mut front = self.waiting().map(|request| request.place).min().unwrap_or(now);
        let mut happened = vec![Happening::CoachChanged(coach)];
        for (_, id) in dropped.into_iter().rev() {
            let Some(request) = self.requests.get_mut(&id).map(Arc::make_mut) else { continue };
            let Some(state) = request.state.next(Transition::Requeue) else { continue };
            front -= 1;
            request.state = state;
            request.place = front;
            request.coach = None;
            request.claimed_at = None;
            happened.push(Happening::Requeued { request: request.clone(), from: from.clone() });
        }
        happened
    }
}

#[cfg(test)]
mod tests;

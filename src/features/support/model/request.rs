//! A support request: what was asked, and where it stands.

use super::State;
use protocol::people::Person;
use protocol::{Millis, RequestId, UserId};
use serde::{Deserialize, Serialize};

/// Coaches who declined and are remembered; the first is forgotten first.
pub(crate) const DECLINED_MAX: usize = 64;

/// Coaches who answered and are remembered. More of them are not in the history.
pub(crate) const ANSWERED_MAX: usize = 32;

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
    /// Order in the queue, smallest first, behind all that are urgent.
    pub(crate) place: i64,
    /// Who answers; only while active or transferring, or at the end.
    pub(crate) coach: Option<Person>,
    pub(crate) created_at: Millis,
    pub(crate) claimed_at: Option<Millis>,
    pub(crate) ended_at: Option<Millis>,
    pub(crate) summary: Option<String>,
    /// The coach it is offered to; only while offered or transferring.
    #[serde(default)]
    pub(crate) offered_to: Option<Person>,
    /// When that ends.
    #[serde(default)]
    pub(crate) offered_until: Option<Millis>,
    /// A hand-over to whoever is free.
    #[serde(default)]
    pub(crate) handed_to_anybody: bool,
    /// Whom it is not offered to again.
    #[serde(default)]
    pub(crate) declined: Vec<UserId>,
    /// Whom it is offered to first.
    #[serde(default)]
    pub(crate) preferred: Option<UserId>,
    /// Its words sound like an emergency: before all that are not.
    #[serde(default)]
    pub(crate) crisis: bool,
    /// Since when it waits, the last time.
    #[serde(default)]
    pub(crate) queued_at: Millis,
    /// When to look who is silent.
    #[serde(default)]
    pub(crate) look_at: Option<Millis>,
    /// When the one who is silent was told so; void once that one wrote.
    #[serde(default)]
    pub(crate) warned_at: Option<Millis>,
    /// Tells the lives of a request apart.
    #[serde(default)]
    pub(crate) reopened_at: Option<Millis>,
    #[serde(default)]
    pub(crate) fee: Option<Fee>,
    /// The wait that was predicted.
    #[serde(default)]
    pub(crate) stated: Option<Stated>,
    /// The wait as it was.
    #[serde(default)]
    pub(crate) waited_ms: Option<i64>,
    /// All who answered, in all its lives.
    #[serde(default)]
    pub(crate) answered: Vec<UserId>,
}

/// What a request costs if a coach answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fee {
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) state: FeeState,
}

/// Where the money is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum FeeState {
    /// To be authorised.
    Asked,
    Authorised,
    Captured,
    Voided,
}

/// A wait as it was predicted when the request came into the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stated {
    pub(crate) at: Millis,
    /// In the middle; 0 where a place was free.
    pub(crate) expected_ms: i64,
    /// What was said; `None`: not known yet.
    pub(crate) range_ms: Option<(i64, i64)>,
}

impl Stated {
    /// Whether a real wait is what was said; `None` where nothing was.
    pub(crate) fn holds(&self, waited_ms: i64) -> Option<bool> {
        self.range_ms.map(|(low, high)| (low..=high).contains(&waited_ms))
    }
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
    #[serde(default)]
    pub(crate) preferred: Option<UserId>,
    #[serde(default)]
    pub(crate) crisis: bool,
    #[serde(default)]
    pub(crate) fee: Option<Fee>,
    /// Opened again, and who had answered.
    #[serde(default)]
    pub(crate) reopened_at: Option<Millis>,
    #[serde(default)]
    pub(crate) former_coach: Option<Person>,
    /// What that coach wrote at the end: the next one reads it.
    #[serde(default)]
    pub(crate) former_summary: Option<String>,
    /// Coaches whom it is not offered to: one of the two blocked the other.
    #[serde(default)]
    pub(crate) spared: Vec<UserId>,
    /// All who answered before.
    #[serde(default)]
    pub(crate) answered: Vec<UserId>,
}

/// The order in the queue.
pub(crate) type Key = (bool, i64, RequestId);

impl Request {
    pub(crate) fn new(new: &NewRequest, place: i64, now: Millis) -> Self {
        let state = match new.fee {
            Some(_) if new.reopened_at.is_none() => State::AwaitingPayment,
            _ => State::Queued,
        };
        let preferred = new.preferred.filter(|coach| !new.spared.contains(coach));
        let mut request = Self {
            id: new.id,
            member: new.member.clone(),
            subject: new.subject.clone(),
            first_words: new.first_words.clone(),
            expertise: new.expertise.clone(),
            state,
            place,
            coach: None,
            created_at: new.created_at,
            claimed_at: None,
            ended_at: None,
            summary: new.former_summary.clone(),
            offered_to: None,
            offered_until: None,
            handed_to_anybody: false,
            declined: Vec::new(),
            preferred,
            crisis: new.crisis,
            queued_at: now,
            look_at: None,
            warned_at: None,
            reopened_at: new.reopened_at,
            fee: new.fee.clone(),
            stated: None,
            waited_ms: None,
            answered: new.answered.clone(),
        };
        for coach in &new.spared {
            request.spare(*coach);
        }
        request
    }

    pub(crate) const fn key(&self) -> Key {
        (!self.crisis, self.place, self.id)
    }

    /// Coaches of whose places it takes one.
    pub(crate) fn holders(&self) -> impl Iterator<Item = UserId> {
        let coach = self.coach.as_ref().filter(|_| self.state.is_answered());
        let offered = self.offered_to.as_ref();
        coach.into_iter().chain(offered).map(|person| person.id)
    }

    pub(crate) fn is_answered_by(&self, coach: UserId) -> bool {
        self.state.is_answered() && self.coach.as_ref().is_some_and(|owner| owner.id == coach)
    }

    pub(crate) fn is_offered_to(&self, coach: UserId) -> bool {
        self.offered_to.as_ref().is_some_and(|offered| offered.id == coach)
    }

    pub(crate) fn is_silent_to(&self, coach: UserId) -> bool {
        self.declined.contains(&coach)
    }

    /// This coach answers.
    pub(crate) fn remember(&mut self, coach: UserId) {
        if self.answered.len() < ANSWERED_MAX && !self.answered.contains(&coach) {
            self.answered.push(coach);
        }
    }

    /// Whose history it is a part of, once it ended.
    pub(crate) fn people(&self) -> impl Iterator<Item = UserId> {
        std::iter::once(self.member.id).chain(self.coaches())
    }

    /// All who answered; also of a row of before they were remembered.
    pub(crate) fn coaches(&self) -> impl Iterator<Item = UserId> {
        let last = self.coach.as_ref().map(|coach| coach.id);
        let last = last.filter(|coach| !self.answered.contains(coach));
        self.answered.iter().copied().chain(last)
    }

    /// It is not offered to this coach again.
    pub(crate) fn spare(&mut self, coach: UserId) {
        if !self.declined.contains(&coach) {
            if self.declined.len() >= DECLINED_MAX {
                self.declined.remove(0);
            }
            self.declined.push(coach);
        }
    }

    /// The offer is over, either way.
    pub(crate) fn settle_offer(&mut self) -> Option<Person> {
        self.offered_until = None;
        self.offered_to.take()
    }
}

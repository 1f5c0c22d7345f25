//! Silence: members who stopped writing, and coaches who do not answer; and what else happens
//! because time went by.

use super::decide::set_fee;
use super::{Desk, FeeState, Happening, Request, State, Transition};
use protocol::support::Cause;
use protocol::{Millis, RequestId, UserId};
use std::collections::BTreeMap;

/// How long things may take at a desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "units are in names")]
pub(crate) struct Rules {
    /// In the queue.
    pub(crate) max_wait_ms: i64,
    /// A member's message without an answer, until the coach is nudged.
    pub(crate) nudge_ms: i64,
    /// From then on, until the member is at the front of the queue.
    pub(crate) unanswered_ms: i64,
    /// A coach's message without an answer, until the member is asked.
    pub(crate) warn_ms: i64,
    /// From then on, until the request ends.
    pub(crate) abandon_ms: i64,
}

/// Between two looks while a fee waits for the first reply.
const FEE_LOOK_MS: i64 = 30_000;

/// Who is silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Member,
    Coach,
}

/// What a conversation says about who is silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Words {
    /// The last word of a coach: this one's, or one's of before.
    pub(crate) coach: Option<(UserId, Millis)>,
    /// The member's first word after that. From it on an answer is due, however often the member
    /// writes again.
    pub(crate) unanswered_at: Option<Millis>,
}

/// What silence leads to, and when to look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Silence {
    Fine { look_at: Millis },
    Warn { side: Side, until: Millis, look_at: Millis },
    Over { side: Side },
}

impl Rules {
    /// From the moment a coach answers to the first look at who is silent.
    pub(super) fn first_look_ms(&self, request: &Request) -> i64 {
        let look = self.nudge_ms.min(self.warn_ms);
        if awaits_reply(request) { look.min(FEE_LOOK_MS) } else { look }
    }

    /// The member waits from the first word that has no answer. Words of a former coach, or of an
    /// earlier life of the request, are none of this coach's: without one, the member waits since
    /// the coach is there. Else the member is the one who is silent.
    fn silence(&self, request: &Request, words: Words, now: Millis) -> Silence {
        let since = request.claimed_at.unwrap_or(request.created_at);
        let coach = request.coach.as_ref().map(|coach| coach.id);
        let answered = words.coach.filter(|(by, at)| Some(*by) == coach && *at >= since);
        let (side, at) = match (answered, words.unanswered_at) {
            (Some((_, at)), None) => (Side::Member, at),
            (Some(_), Some(at)) => (Side::Coach, at),
            (None, _) => (Side::Coach, since),
        };
        let (first, second) = match side {
            Side::Coach => (self.nudge_ms, self.unanswered_ms),
            Side::Member => (self.warn_ms, self.abandon_ms),
        };
        // A member who is silent may write the next moment, and is owed an answer from then on.
        let look = |look_at: Millis| match side {
            Side::Coach => look_at,
            Side::Member => look_at.min(now + self.nudge_ms),
        };
        match request.warned_at.filter(|warned| *warned >= at) {
            None if now < at + first => Silence::Fine { look_at: look(at + first) },
            None => Silence::Warn { side, until: now + second, look_at: look(now + second) },
            Some(warned) if now < warned + second => {
                Silence::Fine { look_at: look(warned + second) }
            }
            Some(_) => Silence::Over { side },
        }
    }
}

fn awaits_reply(request: &Request) -> bool {
    request.fee.as_ref().is_some_and(|fee| fee.state == FeeState::Authorised)
}

impl Desk {
    /// Deadlines that passed, earliest first. What was not looked at stays due.
    pub(super) fn due(&mut self, words: &[(RequestId, Words)], now: Millis) -> Vec<Happening> {
        let words: BTreeMap<RequestId, Words> = words.iter().copied().collect();
        let due: Vec<(RequestId, State)> =
            self.overdue(now).map(|request| (request.id, request.state)).collect();
        let mut happened = Vec::new();
        for (id, state) in due {
            match state {
                State::AwaitingPayment => happened.extend(self.call_off(id, now)),
                State::Queued => happened.extend(self.expire(id, now)),
                State::Offered => happened.extend(self.offer_over(id, Cause::TimedOut, now)),
                State::Transferring => {
                    let owner = self.requests.get(&id).and_then(|r| r.coach.as_ref()).map(|c| c.id);
                    happened.extend(self.stay(id, now));
                    happened.extend(owner.map(Happening::CoachChanged));
                }
                State::Active => {
                    if let Some(words) = words.get(&id) {
                        happened.extend(self.look(id, *words, now));
                    }
                }
                State::Closed | State::Cancelled | State::Expired | State::Abandoned => {}
            }
        }
        happened
    }

    fn look(&mut self, id: RequestId, words: Words, now: Millis) -> Vec<Happening> {
        let Some(old) = self.requests.get(&id) else { return Vec::new() };
        let mut request = Request::clone(old);
        let earned = words.coach.is_some() && awaits_reply(&request);
        if earned {
            set_fee(&mut request, FeeState::Captured);
        }
        let fee_look = awaits_reply(&request).then_some(now + FEE_LOOK_MS);
        let next = |look_at: Millis| Some(fee_look.map_or(look_at, |fee| fee.min(look_at)));
        let coach = request.coach.as_ref().map(|coach| coach.id);
        let silence = self.rules.silence(&request, words, now);
        match silence {
            Silence::Fine { look_at } => request.look_at = next(look_at),
            Silence::Warn { look_at, .. } => {
                request.warned_at = Some(now);
                request.look_at = next(look_at);
            }
            Silence::Over { .. } => {}
        }
        let request = self.put(request);
        let mut happened: Vec<_> =
            earned.then(|| Happening::Earned(request.clone())).into_iter().collect();
        match silence {
            Silence::Fine { .. } => happened.push(Happening::Looked(request)),
            Silence::Warn { side, until, .. } => {
                let whom = silent(&request, side);
                happened.push(Happening::Warned { request, whom, until });
            }
            Silence::Over { side: Side::Coach } => {
                happened.extend(coach.map(Happening::CoachChanged));
                happened.extend(self.requeue(id, Cause::Unanswered, now));
            }
            Silence::Over { side: Side::Member } => {
                happened.extend(coach.map(Happening::CoachChanged));
                happened.extend(self.abandon(id, now));
            }
        }
        happened
    }

    fn abandon(&mut self, id: RequestId, now: Millis) -> Option<Happening> {
        let request = self.requests.get(&id)?;
        let state = request.state.next(Transition::Abandon)?;
        let request = Request { state, ..Request::clone(request) };
        let ended = self.end(request, now);
        self.freed(ended.claimed_at, now);
        Some(Happening::Abandoned(ended))
    }
}

fn silent(request: &Request, side: Side) -> UserId {
    match (side, &request.coach) {
        (Side::Coach, Some(coach)) => coach.id,
        _ => request.member.id,
    }
}

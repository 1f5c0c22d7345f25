//! What somebody, an effect or a deadline may do with a session. Pure.

use super::{
    Denial, Gives, HOLD_MS, Happening, Input, Pending, Refusal, Session, State, Terms, Transition,
    check_time,
};
use protocol::limits::{
    EXCHANGE_NO_SHOW_AFTER_MS, EXCHANGE_PROPOSALS_MAX, EXCHANGE_START_EARLY_MS,
};
use protocol::people::Person;
use protocol::{Millis, UserId};

impl Session {
    /// Decides. Nothing happened: it is so already, or it is too early for a deadline.
    pub(crate) fn apply(&mut self, input: &Input, now: Millis) -> Result<Vec<Happening>, Refusal> {
        match input {
            Input::Take { by, starts_at } => self.take(by, *starts_at, now),
            Input::Counter { by, terms } => self.counter(*by, terms, now),
            Input::Accept { by, version } => self.accept(*by, *version, now),
            Input::Granted { attempt } => self.granted(*attempt, now),
            Input::Denied { attempt, why } => Ok(self.denied(*attempt, *why)),
            Input::Decline { by, reason } => self.decline(*by, reason.clone(), now),
            Input::Withdraw { by } => self.withdraw(*by, now),
            Input::Cancel { by, reason } => self.cancel(*by, reason.clone(), now),
            Input::Start { by } => self.start(*by, now),
            Input::Confirm { by } => self.confirm(*by, now),
            Input::NoShow { by } => self.no_show(*by, now),
            Input::Dispute { by, reason } => self.dispute(*by, reason.clone(), now),
            Input::Deadline => self.at_deadline(now),
            Input::Vanish { by, name } => self.vanish(*by, name, now),
        }
    }

    fn as_side(&self, user: UserId) -> Result<(), Refusal> {
        if self.is_side(user) { Ok(()) } else { Err(Refusal::NoSuchSession) }
    }

    /// Moves on, where the state machine lets it.
    fn turn(&mut self, transition: Transition) -> Result<(), Refusal> {
        self.state = self.state.next(transition).ok_or(Refusal::StateWrong)?;
        Ok(())
    }

    fn end(
        &mut self,
        transition: Transition,
        by: Option<UserId>,
        now: Millis,
    ) -> Result<(), Refusal> {
        self.turn(transition)?;
        (self.ended_at, self.ended_by) = (Some(now), by);
        Ok(())
    }

    /// Whether a side may bring it to this end. False: they did, and doing it again is no mistake.
    fn may_end(&self, by: UserId, state: State, transition: Transition) -> Result<bool, Refusal> {
        self.as_side(by)?;
        if self.state == state && self.ended_by == Some(by) {
            return Ok(false);
        }
        if self.state.next(transition).is_some() { Ok(true) } else { Err(Refusal::StateWrong) }
    }

    /// What waits for an answer and is over in time is as good as expired.
    fn in_time(&self, now: Millis) -> Result<(), Refusal> {
        if now < self.answer_by() { Ok(()) } else { Err(Refusal::TooLate) }
    }

    fn not_pending(&self) -> Result<(), Refusal> {
        if self.pending.is_some() { Err(Refusal::Accepting) } else { Ok(()) }
    }

    fn attempt(&mut self, by: UserId, now: Millis) -> Vec<Happening> {
        self.attempts += 1;
        self.pending = Some(Pending { by, until: now.saturating_add(HOLD_MS) });
        vec![Happening::Accepting]
    }

    fn take(
        &mut self,
        by: &Person,
        starts_at: Option<Millis>,
        now: Millis,
    ) -> Result<Vec<Happening>, Refusal> {
        if self.requester.id == by.id {
            return Err(Refusal::OwnOffer);
        }
        if let Some(responder) = &self.responder {
            // Taken, or being taken; by the same person it is no mistake.
            return if responder.id == by.id { Ok(Vec::new()) } else { Err(Refusal::Gone) };
        }
        if self.state != State::Open {
            return Err(Refusal::Gone);
        }
        self.in_time(now)?;
        match (self.proposal.starts_at, starts_at) {
            (Some(fixed), given) => {
                if given.is_some_and(|given| given != fixed) {
                    return Err(Refusal::StartFixed);
                }
                self.responder = Some(by.clone());
                Ok(self.attempt(by.id, now))
            }
            (None, None) => Err(Refusal::StartMissing),
            (None, Some(start)) => {
                check_time(now, Some(start), self.proposal.duration_min)?;
                self.turn(Transition::Take)?;
                self.responder = Some(by.clone());
                self.proposal.starts_at = Some(start);
                self.propose(by.id, None, now);
                Ok(vec![Happening::Requested])
            }
        }
    }

    fn propose(&mut self, by: UserId, note: Option<String>, now: Millis) {
        self.proposal.version += 1;
        (self.proposal.by, self.proposal.at, self.proposal.note) = (by, now, note);
    }

    /// Whether somebody may answer what is proposed.
    fn answers(&self, by: UserId, now: Millis) -> Result<(), Refusal> {
        self.as_side(by)?;
        if self.state != State::Requested {
            return Err(Refusal::StateWrong);
        }
        if self.proposal.by == by {
            return Err(Refusal::OwnProposal);
        }
        self.not_pending()?;
        self.in_time(now)
    }

    fn counter(
        &mut self,
        by: UserId,
        terms: &Terms,
        now: Millis,
    ) -> Result<Vec<Happening>, Refusal> {
        self.answers(by, now)?;
        if self.proposal.version >= EXCHANGE_PROPOSALS_MAX {
            return Err(Refusal::Proposals);
        }
        let starts_at = terms.starts_at.or(self.proposal.starts_at);
        let duration_min = terms.duration_min.unwrap_or(self.proposal.duration_min);
        let gives = terms.gives.clone().unwrap_or_else(|| self.gives.clone());
        check_time(now, starts_at, duration_min)?;
        if gives == Gives::default() {
            return Err(Refusal::GivesNothing);
        }
        let old = (self.proposal.starts_at, self.proposal.duration_min, &self.gives);
        if old == (starts_at, duration_min, &gives) {
            return Err(Refusal::NothingNew);
        }
        self.turn(Transition::Counter)?;
        (self.proposal.starts_at, self.proposal.duration_min) = (starts_at, duration_min);
        self.gives = gives;
        self.propose(by, terms.note.clone(), now);
        Ok(vec![Happening::Countered])
    }

    fn accept(
        &mut self,
        by: UserId,
        version: Option<u32>,
        now: Millis,
    ) -> Result<Vec<Happening>, Refusal> {
        self.as_side(by)?;
        let same = version.is_none_or(|version| version == self.proposal.version);
        let answered = self.pending.map_or(self.state == State::Accepted, |p| p.by == by);
        if same && answered && self.proposal.by != by {
            return Ok(Vec::new());
        }
        self.answers(by, now)?;
        if !same {
            return Err(Refusal::OtherVersion);
        }
        Ok(self.attempt(by, now))
    }

    fn granted(&mut self, attempt: u32, now: Millis) -> Result<Vec<Happening>, Refusal> {
        if self.pending.is_none() || self.attempts != attempt {
            return Ok(Vec::new());
        }
        self.turn(Transition::Accept)?;
        (self.pending, self.accepted_at) = (None, Some(now));
        Ok(vec![Happening::Accepted])
    }

    fn denied(&mut self, attempt: u32, why: Denial) -> Vec<Happening> {
        if self.pending.is_none() || self.attempts != attempt {
            return Vec::new();
        }
        self.pending = None;
        self.denied = Some((attempt, why));
        if self.state == State::Open {
            self.responder = None;
        }
        vec![Happening::Denied]
    }

    fn decline(
        &mut self,
        by: UserId,
        reason: Option<String>,
        now: Millis,
    ) -> Result<Vec<Happening>, Refusal> {
        if !self.may_end(by, State::Declined, Transition::Decline)? {
            return Ok(Vec::new());
        }
        self.answers(by, now)?;
        self.end(Transition::Decline, Some(by), now)?;
        self.reason = reason;
        Ok(vec![Happening::Declined])
    }

    fn withdraw(&mut self, by: UserId, now: Millis) -> Result<Vec<Happening>, Refusal> {
        if !self.may_end(by, State::Withdrawn, Transition::Withdraw)? {
            return Ok(Vec::new());
        }
        if self.proposal.by != by {
            return Err(Refusal::NotYourProposal);
        }
        self.not_pending()?;
        let happening = if self.state == State::Open {
            Happening::OfferWithdrawn
        } else {
            Happening::Withdrawn
        };
        self.end(Transition::Withdraw, Some(by), now)?;
        Ok(vec![happening])
    }

    fn cancel(
        &mut self,
        by: UserId,
        reason: Option<String>,
        now: Millis,
    ) -> Result<Vec<Happening>, Refusal> {
        if !self.may_end(by, State::Cancelled, Transition::Cancel)? {
            return Ok(Vec::new());
        }
        self.end(Transition::Cancel, Some(by), now)?;
        (self.reason, self.talk_closed) = (reason, true);
        Ok(vec![Happening::Cancelled, Happening::Hushed])
    }

    fn start(&mut self, by: UserId, now: Millis) -> Result<Vec<Happening>, Refusal> {
        self.as_side(by)?;
        if self.state == State::Started {
            return Ok(Vec::new());
        }
        if self.state.next(Transition::Start).is_none() {
            return Err(Refusal::StateWrong);
        }
        if now < self.starts_at().saturating_sub(EXCHANGE_START_EARLY_MS) {
            return Err(Refusal::TooEarly);
        }
        if self.deadline().is_some_and(|deadline| now >= deadline) {
            return Err(Refusal::TooLate);
        }
        self.turn(Transition::Start)?;
        self.started_at = Some(now);
        Ok(vec![Happening::Started])
    }

    fn confirm(&mut self, by: UserId, now: Millis) -> Result<Vec<Happening>, Refusal> {
        self.as_side(by)?;
        let is_requester = self.requester.id == by;
        let (own, others) = if is_requester {
            (&mut self.requester_confirmed_at, self.responder_confirmed_at)
        } else {
            (&mut self.responder_confirmed_at, self.requester_confirmed_at)
        };
        if own.is_some() && matches!(self.state, State::Started | State::Completed) {
            return Ok(Vec::new());
        }
        if self.state.next(Transition::Confirm).is_none() {
            return Err(Refusal::StateWrong);
        }
        *own = Some(now);
        if others.is_none() {
            self.turn(Transition::Confirm)?;
            return Ok(vec![Happening::Confirmed]);
        }
        self.end(Transition::Complete, Some(by), now)?;
        Ok(vec![Happening::Completed])
    }

    fn no_show(&mut self, by: UserId, now: Millis) -> Result<Vec<Happening>, Refusal> {
        if !self.may_end(by, State::NoShow, Transition::NoShow)? {
            return Ok(Vec::new());
        }
        if now < self.starts_at().saturating_add(EXCHANGE_NO_SHOW_AFTER_MS) {
            return Err(Refusal::TooEarly);
        }
        self.end(Transition::NoShow, Some(by), now)?;
        self.absent = self.other(by).map(|other| other.id);
        Ok(vec![Happening::Missed])
    }

    fn dispute(
        &mut self,
        by: UserId,
        reason: Option<String>,
        now: Millis,
    ) -> Result<Vec<Happening>, Refusal> {
        if !self.may_end(by, State::Disputed, Transition::Dispute)? {
            return Ok(Vec::new());
        }
        self.end(Transition::Dispute, Some(by), now)?;
        self.reason = reason;
        Ok(vec![Happening::Disputed])
    }

    /// A session that began stays as it is: the other side says how it went.
    fn vanish(&mut self, by: UserId, name: &str, now: Millis) -> Result<Vec<Happening>, Refusal> {
        if !self.is_side(by) {
            return Ok(Vec::new());
        }
        // An attempt first: what it waited for may be over in time as well.
        let mut happened = self.denied(self.attempts, Denial::Late);
        happened.extend(self.at_deadline(now)?);
        // Whoever was taking an offer is no side of it any more.
        let named = std::iter::once(&mut self.requester).chain(&mut self.responder);
        for side in named.filter(|side| side.id == by && side.name != name) {
            name.clone_into(&mut side.name);
            happened.push(Happening::Vanished(by));
        }
        if !self.is_side(by) {
            return Ok(happened);
        }
        happened.extend(match self.state {
            State::Open => self.withdraw(by, now)?,
            State::Requested if self.proposal.by == by => self.withdraw(by, now)?,
            State::Requested => self.decline(by, None, now)?,
            State::Accepted => self.cancel(by, None, now)?,
            // Nobody is left to talk about it with.
            State::Completed | State::Disputed | State::NoShow if !self.talk_closed => {
                self.talk_closed = true;
                vec![Happening::Hushed]
            }
            State::Started
            | State::Completed
            | State::Disputed
            | State::NoShow
            | State::Cancelled
            | State::Declined
            | State::Withdrawn
            | State::Expired => Vec::new(),
        });
        Ok(happened)
    }

    fn at_deadline(&mut self, now: Millis) -> Result<Vec<Happening>, Refusal> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Ok(Vec::new());
        }
        if self.pending.is_some() {
            return Ok(self.denied(self.attempts, Denial::Late));
        }
        let happening = match self.state {
            State::Open => Happening::OfferExpired,
            State::Requested => Happening::Expired,
            State::Accepted => Happening::Missed,
            State::Started => Happening::Completed,
            State::Completed
            | State::Disputed
            | State::Cancelled
            | State::NoShow
            | State::Declined
            | State::Withdrawn
            | State::Expired => {
                self.talk_closed = true;
                return Ok(vec![Happening::Hushed]);
            }
        };
        let transition = match self.state {
            State::Accepted => Transition::NoShow,
            State::Started => Transition::Complete,
            _ => Transition::Expire,
        };
        self.end(transition, None, now)?;
        Ok(vec![happening])
    }
}

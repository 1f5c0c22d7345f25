//! What we, the provider or its news may do with a payment. Pure.

use super::{
    ATTEMPTS_MAX, Answer, Capture, Dispute, HELD_LOOK_MS, LOOK_MS, OPEN_MS, Opening, Payment,
    Purpose, REFUNDS_MAX, Refund, RefundState, Refusal, Seen, State, Status, Step, Transition,
    Wish, check_method, check_money, is_open, next,
};
use protocol::limits::REFUND_REASON_CHARS_MAX;
use protocol::{Millis, RefundId};

/// The states that a payment came to, in order.
pub(crate) type Passed = Vec<State>;

impl Payment {
    /// A payment, with its first attempt where there is a method.
    pub(crate) fn new(
        opening: &Opening,
        provider: &str,
        now: Millis,
    ) -> Result<(Self, Passed), Refusal> {
        check_money(&opening.price)?;
        let mut payment = Self {
            id: opening.purpose.payment_id(opening.payer),
            payer: opening.payer,
            purpose: opening.purpose,
            price: opening.price.clone(),
            capture: opening.capture,
            save: opening.save,
            off_session: opening.off_session,
            state: State::Pending,
            method: None,
            attempt: 0,
            answered: 0,
            wish: None,
            sent: None,
            rests_until: None,
            provider: provider.to_owned(),
            provider_ref: None,
            client_secret: None,
            captured: 0,
            refunded: 0,
            dispute: None,
            failure: None,
            created_at: now,
            changed_at: now,
            paid_at: None,
            refunds: std::collections::BTreeMap::new(),
        };
        let passed = if let Some(method) = &opening.method {
            payment.confirm(method, now)?
        } else {
            // The provider has to know of it before the payer's client can pay.
            payment.attempt = 1;
            Passed::new()
        };
        Ok((payment, passed))
    }

    /// Whether it is what somebody wants to open.
    pub(crate) fn is_of(&self, opening: &Opening) -> Result<(), Refusal> {
        let same = self.payer == opening.payer && self.price == opening.price;
        if same { Ok(()) } else { Err(Refusal::OtherTerms) }
    }

    fn turn(&mut self, transition: Transition, now: Millis, passed: &mut Passed) -> bool {
        let Some(state) = next(self.state, transition) else { return false };
        (self.state, self.changed_at) = (state, now);
        passed.push(state);
        true
    }

    /// An attempt with a method.
    pub(crate) fn confirm(&mut self, method: &str, now: Millis) -> Result<Passed, Refusal> {
        check_method(method)?;
        if self.wish.is_some() || next(self.state, Transition::Attempt).is_none() {
            return Err(Refusal::StateWrong);
        }
        if self.attempt > self.answered && self.sent.is_some() {
            // What became of the one before is not known yet.
            return Err(Refusal::UnderWay);
        }
        if self.attempt >= ATTEMPTS_MAX {
            return Err(Refusal::Attempts);
        }
        let mut passed = Passed::new();
        self.turn(Transition::Attempt, now, &mut passed);
        self.attempt += 1;
        (self.method, self.failure) = (Some(method.to_owned()), None);
        Ok(passed)
    }

    /// To take what is held. What is taken, or about to be, is no mistake.
    pub(crate) fn capture(&mut self) -> Result<(), Refusal> {
        match (self.state, self.wish) {
            (State::Authorized, None) => {
                self.wish = Some(Wish::Capture);
                Ok(())
            }
            (State::Authorized, Some(Wish::Capture))
            | (
                State::Succeeded | State::PartiallyRefunded | State::Refunded | State::Disputed,
                _,
            ) => Ok(()),
            (
                State::Authorized
                | State::Pending
                | State::RequiresAction
                | State::Processing
                | State::Failed
                | State::Cancelled,
                _,
            ) => Err(Refusal::StateWrong),
        }
    }

    /// To give it up, or all of it back. What is given up is no mistake.
    pub(crate) fn void(&mut self, now: Millis) -> Passed {
        let mut passed = Passed::new();
        match self.state {
            State::Cancelled | State::Refunded => return passed,
            // What is disputed is given back once the dispute ended well.
            State::Disputed
            | State::Pending
            | State::RequiresAction
            | State::Processing
            | State::Failed
            | State::Authorized
            | State::Succeeded
            | State::PartiallyRefunded => self.wish = Some(Wish::Void),
        }
        self.settle(0, now, &mut passed);
        // Asked for anew, what was refused before is tried again, under another name.
        let tries = u64::try_from(self.refunds.len()).unwrap_or(u64::MAX);
        self.give_back(&tries.to_be_bytes(), now);
        passed
    }

    /// To give it up, if nothing was taken of it and nothing is about to be: that was our own wish.
    pub(crate) fn release(&mut self, now: Millis) -> Passed {
        if self.captured > 0 || self.wish == Some(Wish::Capture) {
            return Passed::new();
        }
        self.void(now)
    }

    /// By its payer, while nothing is taken.
    pub(crate) fn give_up(&mut self, now: Millis) -> Result<Passed, Refusal> {
        if is_open(self.state) || self.state == State::Cancelled {
            Ok(self.void(now))
        } else {
            Err(Refusal::StateWrong)
        }
    }

    /// To give back a part, or what is left. Under the id of a refund that was asked for before,
    /// nothing more.
    pub(crate) fn refund(
        &mut self,
        id: RefundId,
        amount: Option<i64>,
        reason: Option<String>,
        now: Millis,
    ) -> Result<(), Refusal> {
        if self.refunds.contains_key(&id) {
            return Ok(());
        }
        if !matches!(self.state, State::Succeeded | State::PartiallyRefunded) {
            return Err(Refusal::StateWrong);
        }
        if reason.as_ref().is_some_and(|text| text.chars().count() > REFUND_REASON_CHARS_MAX) {
            return Err(Refusal::ReasonWrong);
        }
        let left = self.left();
        if left <= 0 {
            return Err(Refusal::NothingLeft);
        }
        let amount = amount.unwrap_or(left);
        if amount <= 0 {
            return Err(Refusal::AmountWrong);
        }
        if amount > left {
            return Err(Refusal::RefundTooLarge);
        }
        if self.refunds.len() >= REFUNDS_MAX {
            return Err(Refusal::Refunds);
        }
        let refund = Refund { amount, state: RefundState::Pending, reason, created_at: now };
        self.refunds.insert(id, refund);
        Ok(())
    }

    /// What can still be given back.
    pub(crate) fn left(&self) -> i64 {
        self.captured.saturating_sub(self.refunded.max(self.given(RefundState::Succeeded)))
            - self.given(RefundState::Pending)
    }

    fn given(&self, state: RefundState) -> i64 {
        self.refunds.values().filter(|refund| refund.state == state).map(|r| r.amount).sum()
    }

    /// What is to be asked of the provider, if anything is by now.
    pub(crate) fn next_step(&self, now: Millis) -> Option<Step> {
        if self.rests_until.is_some_and(|until| now < until) {
            return None;
        }
        let start = Step::Start { attempt: self.attempt };
        let awaits = self.attempt > self.answered && is_open(self.state);
        // What may be under way is brought to its end first: else it might hold money later on.
        let under_way = awaits && self.sent.as_deref() == Some(&*start.word());
        if under_way {
            return Some(start);
        }
        match self.wish {
            Some(Wish::Void) if is_open(self.state) || self.state == State::Authorized => {
                return Some(Step::Cancel);
            }
            Some(Wish::Capture) if self.state == State::Authorized => return Some(Step::Capture),
            Some(_) | None => {}
        }
        if awaits {
            return Some(start);
        }
        let pending = |refund: &Refund| refund.state == RefundState::Pending;
        let oldest = self.refunds.iter().filter(|(_, refund)| pending(refund));
        let oldest = oldest.min_by_key(|(id, refund)| (refund.created_at, **id));
        oldest.map(|(id, refund)| Step::Refund { id: *id, amount: refund.amount })
    }

    /// Says, before it is asked, that a step may reach the provider.
    pub(crate) fn begin(&mut self, step: &Step) {
        self.sent = Some(step.word());
    }

    /// What came of a step. `fresh`: nothing happened to the payment since it was asked, so that
    /// the answer is the newest there is.
    pub(crate) fn conclude(
        &mut self,
        step: &Step,
        answer: &Answer,
        fresh: bool,
        now: Millis,
    ) -> Passed {
        let mut passed = Passed::new();
        if self.sent.as_deref() != Some(&*step.word()) {
            return passed;
        }
        self.sent = None;
        match step {
            Step::Start { attempt } => {
                self.answered = self.answered.max(*attempt);
                self.started(answer, fresh, now, &mut passed);
            }
            Step::Capture => {
                self.saw(answer, fresh, now, &mut passed);
                if *answer == Answer::Refused && self.state == State::Authorized {
                    // A hold that can't be taken is let go.
                    self.wish = Some(Wish::Void);
                }
            }
            Step::Cancel => {
                self.saw(answer, fresh, now, &mut passed);
                if *answer == Answer::Refused {
                    // It is being taken, perhaps: what comes of it is seen later.
                    self.rests_until = Some(now.saturating_add(LOOK_MS));
                }
            }
            Step::Refund { id, .. } => {
                if let Some(refund) = self.refunds.get_mut(id) {
                    refund.state = match answer {
                        Answer::Refunded | Answer::Seen(_) => RefundState::Succeeded,
                        Answer::Declined(..) | Answer::Refused => RefundState::Failed,
                    };
                }
                self.saw(answer, fresh, now, &mut passed);
            }
        }
        self.settle(0, now, &mut passed);
        passed
    }

    fn started(&mut self, answer: &Answer, fresh: bool, now: Millis, passed: &mut Passed) {
        match answer {
            Answer::Declined(failure, seen) => {
                if let Some(seen) = seen {
                    self.learn(seen);
                }
                if fresh && self.turn(Transition::Fail, now, passed) {
                    self.failure = Some(*failure);
                }
            }
            Answer::Refused => {
                if fresh && self.turn(Transition::Fail, now, passed) {
                    self.failure = Some(super::Failure::Other);
                }
            }
            Answer::Seen(_) | Answer::Refunded => self.saw(answer, fresh, now, passed),
        }
    }

    fn saw(&mut self, answer: &Answer, fresh: bool, now: Millis, passed: &mut Passed) {
        if let Answer::Seen(seen) = answer {
            if fresh {
                passed.extend(self.observe(seen, now));
            } else {
                // What is certain whatever came since.
                self.learn(seen);
                let amounts = Seen { status: Status::Open, ..seen.clone() };
                let rests_until = self.rests_until;
                passed.extend(self.observe(&amounts, now));
                self.rests_until = rests_until;
            }
        }
    }

    /// What does not change any more once it is known.
    fn learn(&mut self, seen: &Seen) {
        if self.provider_ref.is_none() {
            self.provider_ref.clone_from(&seen.reference);
        }
        if seen.method.is_some() {
            self.method.clone_from(&seen.method);
        }
    }

    /// What the provider says of it, as it is now. Amounts only rise, so an old word about them
    /// changes nothing.
    pub(crate) fn observe(&mut self, seen: &Seen, now: Millis) -> Passed {
        let mut passed = Passed::new();
        self.learn(seen);
        if seen.status != Status::Processing {
            // What was waited for is over.
            self.rests_until = None;
        }
        if seen.captured > self.captured {
            self.captured = seen.captured;
        }
        if self.captured > 0 {
            if self.turn(Transition::Succeed, now, &mut passed) {
                (self.paid_at, self.failure) = (Some(now), None);
            }
        } else {
            match seen.status {
                Status::Open | Status::Taken => {}
                // Of the attempt before, perhaps: what comes of this one is told by itself.
                Status::NeedsAction | Status::Failed if self.attempt > self.answered => {}
                Status::NeedsAction => {
                    self.turn(Transition::NeedAction, now, &mut passed);
                }
                Status::Processing => {
                    self.turn(Transition::Process, now, &mut passed);
                }
                Status::Held => {
                    self.turn(Transition::Authorize, now, &mut passed);
                }
                Status::Failed => {
                    if self.turn(Transition::Fail, now, &mut passed) {
                        self.failure = seen.failure.or(Some(super::Failure::Other));
                    }
                }
                Status::Gone => {
                    self.turn(Transition::Cancel, now, &mut passed);
                }
            }
        }
        if let Some(dispute) = seen.dispute {
            self.dispute = self.dispute.max(Some(dispute));
        }
        self.settle(seen.refunded, now, &mut passed);
        passed
    }

    /// What the payer's bank says.
    pub(crate) fn disputed(&mut self, dispute: Dispute, now: Millis) -> Passed {
        let mut passed = Passed::new();
        self.dispute = self.dispute.max(Some(dispute));
        self.settle(0, now, &mut passed);
        passed
    }

    /// Brings the state to what the facts say, and a wish to give up to its consequence.
    /// `refunded`: what the provider says was given back in all.
    fn settle(&mut self, refunded: i64, now: Millis, passed: &mut Passed) {
        let unseen = self.provider_ref.is_none() && self.sent.is_none();
        if self.wish == Some(Wish::Void) && is_open(self.state) && unseen {
            // The provider never heard of it.
            self.answered = self.attempt;
            self.turn(Transition::Cancel, now, passed);
        }
        let before = self.refunded;
        let refunded = refunded.max(self.given(RefundState::Succeeded)).min(self.captured);
        self.refunded = before.max(refunded);
        if self.state == State::Disputed && self.dispute == Some(Dispute::Won) {
            let won = if before > 0 { Transition::WinPart } else { Transition::WinWhole };
            self.turn(won, now, passed);
        }
        if self.captured > 0 && self.refunded >= self.captured {
            self.turn(Transition::RefundAll, now, passed);
        } else if self.refunded > before {
            self.turn(Transition::RefundPart, now, passed);
        }
        if matches!(self.dispute, Some(Dispute::Open | Dispute::Lost)) {
            self.turn(Transition::Dispute, now, passed);
        }
        // Once for what is left: a refund that is refused is for people to look at.
        self.give_back(&[], now);
    }

    /// The consequence of a wish to give up what was taken, once for each name of it.
    fn give_back(&mut self, name: &[u8], now: Millis) {
        let taken = matches!(self.state, State::Succeeded | State::PartiallyRefunded);
        if self.wish == Some(Wish::Void) && taken && self.given(RefundState::Pending) == 0 {
            let parts: [&[u8]; 3] = [self.id.as_bytes(), &self.refunded.to_be_bytes(), name];
            let id = crate::id::derived("payment void", &parts);
            let _ = self.refund(id, None, None, now);
        }
    }

    /// Refunds that failed.
    pub(crate) fn refused(&self) -> usize {
        self.refunds.values().filter(|refund| refund.state == RefundState::Failed).count()
    }

    /// When it is looked after next; `None`: nothing is expected of it.
    pub(crate) fn watch_at(&self, now: Millis) -> Option<Millis> {
        if self.next_step(Millis::MAX).is_some() {
            return Some(self.rests_until.unwrap_or(now).max(now.saturating_add(LOOK_MS)));
        }
        if is_open(self.state) {
            let ends = self.created_at.saturating_add(OPEN_MS);
            let soon = now.saturating_add(LOOK_MS);
            return Some(if now < ends { soon.min(ends) } else { soon });
        }
        (self.state == State::Authorized).then(|| now.saturating_add(HELD_LOOK_MS))
    }

    /// Whether its payer had all the time there is. A renewal ends with its subscription's time of
    /// grace, whoever tried it.
    pub(crate) fn is_over(&self, now: Millis) -> bool {
        let waits = matches!(self.state, State::Pending | State::RequiresAction | State::Failed);
        let renewal = matches!(self.purpose, Purpose::Subscription { period, .. } if period > 1);
        waits && !renewal && !self.off_session && now >= self.created_at.saturating_add(OPEN_MS)
    }

    /// Whether the provider takes it with the attempt.
    pub(crate) fn takes_at_once(&self) -> bool {
        self.capture == Capture::AtOnce
    }
}

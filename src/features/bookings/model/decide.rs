//! What each input does to a booking.

use super::schedule::DAY_MS;
use super::{Aim, Booking, Denial, Happening, Input, Pending, Refusal, State, Time, Transition};
use protocol::bookings::PaymentState;
use protocol::limits::{
    BOOKING_COMPLETED_AFTER_MS, BOOKING_MOVES_MAX, BOOKING_NO_SHOW_AFTER_MS, BOOKING_TALK_AFTER_MS,
    BOOKING_WINDOW_DAYS_MAX,
};
use protocol::{Millis, UserId};

type Decided = Result<Vec<Happening>, Refusal>;

impl Booking {
    /// Decides. Nothing happened: nothing is to be written.
    pub(crate) fn apply(&mut self, input: &Input, now: Millis) -> Decided {
        match input {
            Input::Confirm { by } => self.confirm(*by, now),
            Input::Cancel { by, reason } => self.cancel(*by, reason.clone(), now),
            Input::Move { by, starts_at } => self.begin_move(*by, *starts_at, now),
            Input::Complete { by } => self.complete(*by, now),
            Input::NoShow { by } => self.no_show(*by, now),
            Input::Granted { attempt } => self.granted(*attempt, now),
            Input::Denied { attempt, why } => Ok(self.denied(*attempt, *why, now)),
            Input::Paid => self.paid(now),
            Input::GivenBack => Ok(self.given_back()),
            Input::Deadline => self.due(now),
            Input::Vanish { by, name } => self.vanish(*by, name, now),
        }
    }

    fn to(&mut self, transition: Transition) -> Result<(), Refusal> {
        self.state = self.state.next(transition).ok_or(Refusal::StateWrong)?;
        Ok(())
    }

    fn settled(&self) -> Result<(), Refusal> {
        if self.pending.is_some() { Err(Refusal::Moving) } else { Ok(()) }
    }

    fn confirm(&mut self, by: UserId, now: Millis) -> Decided {
        self.settled()?;
        if by == self.client.id {
            return match self.state {
                // Said before.
                State::AwaitingCoach | State::Confirmed => Ok(Vec::new()),
                State::Held if self.held_until.is_some_and(|until| until <= now) => {
                    Err(Refusal::HoldOver)
                }
                State::Held if self.service.price.is_some() && !self.is_paid() => {
                    Err(Refusal::Unpaid)
                }
                State::Held => self.go_on(now),
                State::Expired => Err(Refusal::HoldOver),
                _ => Err(Refusal::StateWrong),
            };
        }
        match self.state {
            State::Confirmed => Ok(Vec::new()),
            State::AwaitingCoach if self.answer_by().is_some_and(|by| by <= now) => {
                Err(Refusal::TooLate)
            }
            // The hold on the money ended meanwhile.
            State::AwaitingCoach if self.pay.is_some() && !self.is_paid() => Err(Refusal::Unpaid),
            State::AwaitingCoach => self.agree(now),
            _ => Err(Refusal::StateWrong),
        }
    }

    /// The client's part is done.
    fn go_on(&mut self, now: Millis) -> Decided {
        if !self.service.needs_confirmation {
            return self.agree(now);
        }
        self.to(Transition::Ask)?;
        self.asked_at = Some(now);
        Ok(vec![Happening::Requested])
    }

    fn agree(&mut self, now: Millis) -> Decided {
        self.to(Transition::Confirm)?;
        self.confirmed_at = Some(now);
        self.skip_reminders(now);
        let held = self.service.needs_confirmation && self.pay.is_some();
        let earned = held.then_some(Happening::Earned);
        Ok(std::iter::once(Happening::Confirmed).chain(earned).collect())
    }

    /// Reminders whose time is over are not sent.
    fn skip_reminders(&mut self, now: Millis) {
        self.reminded = 0;
        while self.reminder().is_some_and(|(at, _)| at <= now) {
            self.reminded += 1;
        }
    }

    fn cancel(&mut self, by: UserId, reason: Option<String>, now: Millis) -> Decided {
        self.settled()?;
        let is_client = by == self.client.id;
        let (transition, happening) = match self.state {
            State::Held if is_client => (Transition::Release, Happening::Released),
            State::AwaitingCoach if !is_client => (Transition::Decline, Happening::Declined),
            State::Confirmed if self.time.starts_at <= now => return Err(Refusal::TooLate),
            State::AwaitingCoach | State::Confirmed => (Transition::Cancel, Happening::Cancelled),
            _ => return Err(Refusal::StateWrong),
        };
        self.reason = reason;
        self.end(transition, Some(by), happening, now)
    }

    /// It is over: the time is free, and money that was not earned goes back.
    fn end(
        &mut self,
        transition: Transition,
        by: Option<UserId>,
        happening: Happening,
        now: Millis,
    ) -> Decided {
        self.to(transition)?;
        self.ended_at = Some(now);
        self.ended_by = by;
        let mut happened = vec![Happening::Dropped(self.time), happening];
        if matches!(self.state, State::Completed | State::NoShow) {
            return Ok(happened);
        }
        self.sequence += 1;
        // A payment that is under way when a hold runs out may take the time again.
        if !(self.state == State::Expired && self.pay == Some(PaymentState::Pending)) {
            happened.extend(self.refund());
        }
        Ok(happened)
    }

    fn is_paid(&self) -> bool {
        self.pay == Some(PaymentState::Paid)
    }

    /// What was paid goes back; what was not, is not to be.
    fn refund(&mut self) -> Option<Happening> {
        self.pay = match self.pay? {
            PaymentState::Pending => Some(PaymentState::Cancelled),
            PaymentState::Paid => Some(PaymentState::Refunded),
            PaymentState::Refunded | PaymentState::Cancelled => return None,
        };
        Some(Happening::Refunded)
    }

    fn attempt(&mut self, aim: Aim, starts_at: Millis) -> Vec<Happening> {
        self.attempts += 1;
        let time = Time { attempt: self.attempts, starts_at };
        self.pending = Some(Pending { aim, time });
        vec![Happening::Attempting(time)]
    }

    fn begin_move(&mut self, _by: UserId, starts_at: Millis, now: Millis) -> Decided {
        self.settled()?;
        self.state.next(Transition::Move).ok_or(Refusal::StateWrong)?;
        if self.time.starts_at <= now {
            return Err(Refusal::TooLate);
        }
        if starts_at == self.time.starts_at {
            return Err(Refusal::SameTime);
        }
        let last = now.saturating_add(Millis::from(BOOKING_WINDOW_DAYS_MAX) * DAY_MS);
        if starts_at <= now || starts_at > last {
            return Err(Refusal::NoSlot);
        }
        if self.attempts > BOOKING_MOVES_MAX {
            return Err(Refusal::Moves);
        }
        Ok(self.attempt(Aim::Move, starts_at))
    }

    fn granted(&mut self, attempt: u32, now: Millis) -> Decided {
        let asked = self.pending.filter(|pending| pending.time.attempt == attempt);
        let Some(Pending { aim, time }) = asked else { return Ok(Vec::new()) };
        self.pending = None;
        let before = std::mem::replace(&mut self.time, time);
        match aim {
            Aim::Hold => {
                self.to(Transition::Hold)?;
                self.hold_from(now);
                let bill = self.pay.map(|_| Happening::Billed);
                Ok(std::iter::once(Happening::Held).chain(bill).collect())
            }
            Aim::Move => {
                self.to(Transition::Move)?;
                self.sequence += 1;
                self.skip_reminders(now);
                Ok(vec![Happening::Dropped(before), Happening::Rescheduled])
            }
            Aim::Retake => {
                self.to(Transition::Retake)?;
                (self.ended_at, self.ended_by) = (None, None);
                self.go_on(now)
            }
        }
    }

    fn denied(&mut self, attempt: u32, why: Denial, now: Millis) -> Vec<Happening> {
        let asked = self.pending.filter(|pending| pending.time.attempt == attempt);
        let Some(Pending { aim, time }) = asked else { return Vec::new() };
        self.pending = None;
        self.denied = Some((attempt, why));
        let mut happened = vec![Happening::Dropped(time)];
        match aim {
            Aim::Hold => {
                self.state = self.state.next(Transition::Refuse).unwrap_or(self.state);
                self.ended_at = Some(now);
            }
            Aim::Move => {}
            Aim::Retake => happened.extend(self.refund()),
        }
        happened
    }

    /// Money that comes late takes the time again, if it is free, or goes back.
    fn paid(&mut self, now: Millis) -> Decided {
        match self.pay {
            None | Some(PaymentState::Paid | PaymentState::Refunded) => return Ok(Vec::new()),
            // It came after it was said that it should not.
            Some(PaymentState::Cancelled) => {
                self.pay = Some(PaymentState::Refunded);
                return Ok(vec![Happening::Refunded]);
            }
            Some(PaymentState::Pending) => self.pay = Some(PaymentState::Paid),
        }
        match self.state {
            State::Held => self.go_on(now),
            State::Expired if self.time.starts_at > now && self.pending.is_none() => {
                Ok(self.attempt(Aim::Retake, self.time.starts_at))
            }
            _ => Ok(self.refund().into_iter().collect()),
        }
    }

    fn given_back(&mut self) -> Vec<Happening> {
        if !self.is_paid() {
            return Vec::new();
        }
        self.pay = Some(PaymentState::Refunded);
        vec![Happening::GivenBack]
    }

    fn complete(&mut self, by: UserId, now: Millis) -> Decided {
        self.settled()?;
        if self.state == State::Completed {
            return Ok(Vec::new());
        }
        let from = if by == self.coach.id { self.time.starts_at } else { self.ends_at() };
        if self.state == State::Confirmed && now < from {
            return Err(Refusal::TooEarly);
        }
        self.end(Transition::Complete, Some(by), Happening::Completed, now)
    }

    fn no_show(&mut self, by: UserId, now: Millis) -> Decided {
        self.settled()?;
        let from = self.time.starts_at.saturating_add(BOOKING_NO_SHOW_AFTER_MS);
        if self.state == State::Confirmed && now < from {
            return Err(Refusal::TooEarly);
        }
        let absent = if by == self.coach.id { self.client.id } else { self.coach.id };
        let mut happened = self.end(Transition::NoShow, Some(by), Happening::Missed, now)?;
        self.absent = Some(absent);
        if absent == self.coach.id {
            happened.extend(self.refund());
        }
        Ok(happened)
    }

    fn due(&mut self, now: Millis) -> Decided {
        if self.deadline().is_none_or(|at| at > now) {
            return Ok(Vec::new());
        }
        match self.state {
            State::Held | State::AwaitingCoach => {
                let was_held = self.state == State::Held;
                self.end(Transition::Expire, None, Happening::Expired { was_held }, now)
            }
            State::Confirmed => {
                let over = self.ends_at().saturating_add(BOOKING_COMPLETED_AFTER_MS);
                if over <= now {
                    return self.end(Transition::Complete, None, Happening::Completed, now);
                }
                let mut last = None;
                while let Some((at, ahead)) = self.reminder()
                    && at <= now
                {
                    last = Some(ahead);
                    self.reminded += 1;
                }
                // What is late by a whole reminder, or by the start, is no news.
                let sent = last.filter(|_| now < self.time.starts_at);
                // Written also where nobody is told, so that the next deadline is another one.
                Ok(vec![sent.map_or(Happening::Reminded(0), Happening::Reminded)])
            }
            State::Completed | State::NoShow | State::Cancelled => {
                let at = self.ended_at.map(|at| at.saturating_add(BOOKING_TALK_AFTER_MS));
                self.talk_closed = at.is_some_and(|at| at <= now);
                Ok(if self.talk_closed { vec![Happening::Hushed] } else { Vec::new() })
            }
            State::Holding
            | State::Refused
            | State::Expired
            | State::Released
            | State::Declined => Ok(Vec::new()),
        }
    }

    fn vanish(&mut self, by: UserId, name: &str, now: Millis) -> Decided {
        self.settled()?;
        let ends = match self.state {
            State::Held | State::AwaitingCoach => true,
            State::Confirmed => self.time.starts_at > now,
            _ => false,
        };
        let mut happened = Vec::new();
        if ends && self.state == State::Held && by == self.coach.id {
            happened =
                self.end(Transition::Expire, None, Happening::Expired { was_held: true }, now)?;
        } else if ends {
            happened = self.cancel(by, None, now)?;
        }
        // Nobody is left for whom money that comes late could take the time again.
        if self.state == State::Expired {
            happened.extend(self.refund());
        }
        // Nobody reads there any more.
        if self.state != State::Confirmed && self.conversation().is_some() && !self.talk_closed {
            self.talk_closed = true;
            happened.push(Happening::Hushed);
        }
        let side = if by == self.client.id { &mut self.client } else { &mut self.coach };
        if side.name != name {
            name.clone_into(&mut side.name);
            happened.push(Happening::Vanished(by));
        }
        if by == self.client.id && self.description.take().is_some() && happened.is_empty() {
            happened.push(Happening::Vanished(by));
        }
        Ok(happened)
    }
}

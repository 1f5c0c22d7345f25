//! A subscription's life. Pure: the time is an argument.
//!
//! Periods count from 1 and are measured from the start, so a month that began on the 31st ends on
//! the last day of a shorter one, and the one after on the 31st again. Each is a payment of its
//! own, at the price that was agreed on. A renewal is asked for at the end of the period that is
//! paid; while it is not paid, what the subscription gives goes on for the time of grace.

use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::tz::TimeZone;
pub(crate) use protocol::payments::{Interval, SubscriptionState as State};
use protocol::{Millis, Money, PlanId, SubscriptionId, UserId};

/// A first payment that does not come ends the subscription before it began.
pub(crate) const INCOMPLETE_MS: Millis = 23 * 60 * 60 * 1_000;
/// A renewal that was not paid is tried again this often.
pub(crate) const RETRY_MS: Millis = 24 * 60 * 60 * 1_000;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) id: SubscriptionId,
    pub(crate) user: UserId,
    pub(crate) plan_id: PlanId,
    pub(crate) plan_name: String,
    pub(crate) interval: Interval,
    pub(crate) price: Money,
    pub(crate) includes_support: bool,
    pub(crate) state: State,
    pub(crate) cancel_at_period_end: bool,
    pub(crate) started_at: Option<Millis>,
    /// Periods that are paid.
    pub(crate) period: u32,
    /// Periods that payment was asked for.
    pub(crate) asked: u32,
    pub(crate) period_end_at: Option<Millis>,
    pub(crate) grace_until: Option<Millis>,
    pub(crate) retry_at: Option<Millis>,
    pub(crate) ended_at: Option<Millis>,
    pub(crate) created_at: Millis,
    /// What renewals are paid with.
    pub(crate) method: Option<String>,
}

/// What happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// A period was paid.
    Paid { period: u32 },
    /// A payment failed, or needs its payer.
    Unpaid { period: u32 },
    /// A payment was given back whole, or is disputed.
    TakenBack { period: u32 },
    /// A deadline passed, perhaps.
    Due,
    /// By its person: with its period, or now.
    Cancel { now: bool },
    /// By its person: it goes on after all.
    Resume,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happening {
    Started,
    Renewed,
    Changed,
    PastDue,
    Ended,
    /// The next period's payment is opened.
    Ask(u32),
    /// A payment is tried again.
    Retry(u32),
    /// A payment is given up, or back.
    Drop(u32),
}

/// What moves it between states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transition {
    Pay,
    Miss,
    Expire,
    End,
}

impl Transition {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 4] = [Self::Pay, Self::Miss, Self::Expire, Self::End];
}

/// The table.
pub(crate) const fn next(state: State, transition: Transition) -> Option<State> {
    match (state, transition) {
        (State::Incomplete | State::PastDue | State::Active, Transition::Pay) => {
            Some(State::Active)
        }
        (State::Active, Transition::Miss) => Some(State::PastDue),
        (State::Incomplete, Transition::Expire) => Some(State::IncompleteExpired),
        (State::Active | State::PastDue, Transition::End) => Some(State::Cancelled),
        _ => None,
    }
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotNow;

impl Subscription {
    pub(crate) const fn is_live(&self) -> bool {
        matches!(self.state, State::Incomplete | State::Active | State::PastDue)
    }

    /// Whether what it gives is given now.
    pub(crate) fn entitles(&self, now: Millis, grace_ms: Millis) -> bool {
        let Some(end) = self.period_end_at else { return false };
        match self.state {
            State::Active if self.cancel_at_period_end => now < end,
            State::Active => now < end.saturating_add(grace_ms),
            State::PastDue => self.grace_until.is_some_and(|until| now < until),
            State::Incomplete | State::IncompleteExpired | State::Cancelled => false,
        }
    }

    /// When something is due.
    pub(crate) fn deadline(&self, grace_ms: Millis) -> Option<Millis> {
        match self.state {
            State::Incomplete => Some(self.created_at.saturating_add(INCOMPLETE_MS)),
            State::Active if self.asked > self.period => {
                self.period_end_at.map(|end| end.saturating_add(grace_ms))
            }
            State::Active => self.period_end_at,
            State::PastDue => match (self.retry_at, self.grace_until) {
                (Some(retry), Some(grace)) => Some(retry.min(grace)),
                (retry, grace) => retry.or(grace),
            },
            State::IncompleteExpired | State::Cancelled => None,
        }
    }

    /// Decides. Nothing happened: it is so already, or it is too early.
    pub(crate) fn apply(
        &mut self,
        input: Input,
        now: Millis,
        grace_ms: Millis,
    ) -> Result<Vec<Happening>, NotNow> {
        match input {
            Input::Paid { period } => Ok(self.paid(period, now)),
            Input::Unpaid { period } => Ok(self.unpaid(period, now, grace_ms)),
            Input::TakenBack { period } => Ok(self.taken_back(period, now)),
            Input::Due => Ok(self.due(now, grace_ms)),
            Input::Cancel { now: at_once } => Ok(self.cancel(at_once, now)),
            Input::Resume => self.resume(),
        }
    }

    fn turn(&mut self, transition: Transition) -> bool {
        let Some(state) = next(self.state, transition) else { return false };
        self.state = state;
        true
    }

    fn end(&mut self, transition: Transition, now: Millis) -> Vec<Happening> {
        if !self.turn(transition) {
            return Vec::new();
        }
        self.ended_at = Some(now);
        (self.grace_until, self.retry_at) = (None, None);
        let mut happened = vec![Happening::Ended];
        if self.asked > self.period {
            happened.push(Happening::Drop(self.asked));
        }
        happened
    }

    fn paid(&mut self, period: u32, now: Millis) -> Vec<Happening> {
        if period <= self.period {
            return Vec::new();
        }
        if period != self.asked || !self.is_live() {
            // Too late: nobody gets anything for it.
            return vec![Happening::Drop(period)];
        }
        let start = self.started_at.unwrap_or(now);
        self.turn(Transition::Pay);
        self.period = period;
        self.started_at = Some(start);
        self.period_end_at = Some(end_of(start, self.interval, period));
        (self.grace_until, self.retry_at) = (None, None);
        vec![if period == 1 { Happening::Started } else { Happening::Renewed }]
    }

    fn unpaid(&mut self, period: u32, now: Millis, grace_ms: Millis) -> Vec<Happening> {
        if period != self.asked || period <= self.period || !self.turn(Transition::Miss) {
            return Vec::new();
        }
        self.grace_until = Some(now.saturating_add(grace_ms));
        self.retry_at = Some(now.saturating_add(RETRY_MS));
        vec![Happening::PastDue]
    }

    fn taken_back(&mut self, period: u32, now: Millis) -> Vec<Happening> {
        if period == self.period { self.end(Transition::End, now) } else { Vec::new() }
    }

    fn due(&mut self, now: Millis, grace_ms: Millis) -> Vec<Happening> {
        if self.deadline(grace_ms).is_none_or(|deadline| now < deadline) {
            return Vec::new();
        }
        match self.state {
            State::Incomplete => self.end(Transition::Expire, now),
            State::Active if self.cancel_at_period_end => self.end(Transition::End, now),
            State::Active if self.asked > self.period => {
                // Nobody said what became of the renewal, for all that time.
                self.turn(Transition::Miss);
                self.grace_until = Some(now);
                vec![Happening::PastDue]
            }
            State::Active => {
                self.asked = self.period + 1;
                vec![Happening::Ask(self.asked)]
            }
            State::PastDue if self.grace_until.is_some_and(|until| now >= until) => {
                self.end(Transition::End, now)
            }
            State::PastDue => {
                self.retry_at = Some(now.saturating_add(RETRY_MS));
                vec![Happening::Retry(self.asked)]
            }
            State::IncompleteExpired | State::Cancelled => Vec::new(),
        }
    }

    fn cancel(&mut self, at_once: bool, now: Millis) -> Vec<Happening> {
        match self.state {
            State::Incomplete => self.end(Transition::Expire, now),
            // A renewal that is under way is not waited for.
            State::Active if at_once || self.asked > self.period => self.end(Transition::End, now),
            State::Active if self.cancel_at_period_end => Vec::new(),
            State::Active => {
                self.cancel_at_period_end = true;
                vec![Happening::Changed]
            }
            State::PastDue => self.end(Transition::End, now),
            State::IncompleteExpired | State::Cancelled => Vec::new(),
        }
    }

    fn resume(&mut self) -> Result<Vec<Happening>, NotNow> {
        match self.state {
            State::Active if self.cancel_at_period_end => {
                self.cancel_at_period_end = false;
                Ok(vec![Happening::Changed])
            }
            State::Active => Ok(Vec::new()),
            State::Incomplete | State::PastDue | State::IncompleteExpired | State::Cancelled => {
                Err(NotNow)
            }
        }
    }
}

/// The end of the `period`th period of a subscription that began at `start`, in UTC.
pub(crate) fn end_of(start: Millis, interval: Interval, period: u32) -> Millis {
    let months = match interval {
        Interval::Monthly => i64::from(period),
        Interval::Yearly => i64::from(period).saturating_mul(12),
    };
    let end = Timestamp::from_millisecond(start)
        .and_then(|start| start.to_zoned_datetime(TimeZone::UTC).checked_add(months.months()));
    end.map_or(Millis::MAX, |end| end.timestamp().as_millisecond())
}

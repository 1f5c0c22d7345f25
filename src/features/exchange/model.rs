//! The rules of exchange sessions: who may propose, answer, start and end one. Pure.
//!
//! Everything that decides about one session goes through [`Session::apply`]; what is in whose
//! calendar is [`calendar`]. An acceptance is an attempt: the time is held in both calendars
//! first, and the session is accepted by [`Input::Granted`] or stays as it was by
//! [`Input::Denied`]. An attempt that is over never comes back: a later one has a new number.

pub(crate) mod calendar;
mod decide;
mod terms;

pub(crate) use terms::{Minutes, Split};

use protocol::limits::{
    EXCHANGE_ANSWER_MS, EXCHANGE_CONFIRM_MS, EXCHANGE_HORIZON_MS, EXCHANGE_LONGEST_MIN,
    EXCHANGE_SHORTEST_MIN, EXCHANGE_START_LATE_MS, EXCHANGE_TALK_AFTER_MS,
};
use protocol::people::Person;
use protocol::{ConversationId, ExchangeId, GroupId, Millis, UserId};

/// Time to hold both calendars and accept; an attempt that takes longer is undone.
pub(crate) const HOLD_MS: Millis = 30_000;

/// Where a session is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// An offer on a board.
    Open,
    Requested,
    Accepted,
    Started,
    Completed,
    Disputed,
    Cancelled,
    NoShow,
    Declined,
    Withdrawn,
    Expired,
}

/// What may happen to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transition {
    /// Of an offer without a time: somebody proposes one.
    Take,
    Counter,
    /// Of an offer with a time: by taking it.
    Accept,
    Decline,
    Withdraw,
    Expire,
    Start,
    Cancel,
    NoShow,
    /// By the first of the two.
    Confirm,
    /// By the second of the two, or by time.
    Complete,
    Dispute,
}

impl State {
    /// The state machine; `None`: refused.
    pub(crate) const fn next(self, transition: Transition) -> Option<Self> {
        use Transition as T;
        match (self, transition) {
            (Self::Open, T::Take) | (Self::Requested, T::Counter) => Some(Self::Requested),
            (Self::Open | Self::Requested, T::Accept) => Some(Self::Accepted),
            (Self::Open | Self::Requested, T::Withdraw) => Some(Self::Withdrawn),
            (Self::Open | Self::Requested, T::Expire) => Some(Self::Expired),
            (Self::Requested, T::Decline) => Some(Self::Declined),
            (Self::Accepted, T::Start) | (Self::Started, T::Confirm) => Some(Self::Started),
            (Self::Accepted, T::Cancel) => Some(Self::Cancelled),
            (Self::Accepted, T::NoShow) => Some(Self::NoShow),
            (Self::Started, T::Complete) => Some(Self::Completed),
            (Self::Started, T::Dispute) => Some(Self::Disputed),
            (Self::Open, T::Counter | T::Decline)
            | (Self::Requested | Self::Accepted | Self::Started, T::Take)
            | (
                Self::Open | Self::Requested,
                T::Start | T::Cancel | T::NoShow | T::Confirm | T::Complete | T::Dispute,
            )
            | (
                Self::Accepted,
                T::Counter
                | T::Accept
                | T::Decline
                | T::Withdraw
                | T::Expire
                | T::Confirm
                | T::Complete
                | T::Dispute,
            )
            | (
                Self::Started,
                T::Counter
                | T::Accept
                | T::Decline
                | T::Withdraw
                | T::Expire
                | T::Start
                | T::Cancel
                | T::NoShow,
            )
            | (
                Self::Completed
                | Self::Disputed
                | Self::Cancelled
                | Self::NoShow
                | Self::Declined
                | Self::Withdrawn
                | Self::Expired,
                _,
            ) => None,
        }
    }

    /// Nothing happens to it any more.
    pub(crate) const fn is_end(self) -> bool {
        !matches!(self, Self::Open | Self::Requested | Self::Accepted | Self::Started)
    }
}

/// What is proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proposal {
    /// 1, 2, 3, …
    pub(crate) version: u32,
    /// The other side answers.
    pub(crate) by: UserId,
    pub(crate) at: Millis,
    /// Absent in offers without a time.
    pub(crate) starts_at: Option<Millis>,
    pub(crate) duration_min: u32,
    pub(crate) note: Option<String>,
}

/// What each side gives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Gives {
    pub(crate) requester: Option<String>,
    pub(crate) responder: Option<String>,
}

/// An acceptance whose times are being held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) by: UserId,
    pub(crate) until: Millis,
}

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denial {
    /// This person has something else at that time.
    Taken(UserId),
    /// This person has as many sessions as one can have.
    Full(UserId),
    /// It took too long.
    Late,
}

/// A session, or an offer that nobody took yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) id: ExchangeId,
    pub(crate) group_id: GroupId,
    pub(crate) requester: Person,
    /// Absent in open offers.
    pub(crate) responder: Option<Person>,
    pub(crate) state: State,
    pub(crate) proposal: Proposal,
    pub(crate) gives: Gives,
    pub(crate) created_at: Millis,
    /// Attempts to accept it, the last one's number.
    pub(crate) attempts: u32,
    /// The last attempt is under way.
    pub(crate) pending: Option<Pending>,
    /// The attempt that failed last, and why.
    pub(crate) denied: Option<(u32, Denial)>,
    pub(crate) accepted_at: Option<Millis>,
    pub(crate) started_at: Option<Millis>,
    pub(crate) requester_confirmed_at: Option<Millis>,
    pub(crate) responder_confirmed_at: Option<Millis>,
    pub(crate) ended_at: Option<Millis>,
    pub(crate) ended_by: Option<UserId>,
    pub(crate) absent: Option<UserId>,
    pub(crate) reason: Option<String>,
    pub(crate) talk_closed: bool,
}

/// Other terms. What is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Terms {
    pub(crate) starts_at: Option<Millis>,
    pub(crate) duration_min: Option<u32>,
    pub(crate) gives: Option<Gives>,
    pub(crate) note: Option<String>,
}

/// What somebody, an effect or a deadline wants of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    Take {
        by: Person,
        starts_at: Option<Millis>,
    },
    Counter {
        by: UserId,
        terms: Terms,
    },
    Accept {
        by: UserId,
        version: Option<u32>,
    },
    Decline {
        by: UserId,
        reason: Option<String>,
    },
    Withdraw {
        by: UserId,
    },
    Cancel {
        by: UserId,
        reason: Option<String>,
    },
    Start {
        by: UserId,
    },
    Confirm {
        by: UserId,
    },
    NoShow {
        by: UserId,
    },
    Dispute {
        by: UserId,
        reason: Option<String>,
    },
    /// Both calendars hold the time.
    Granted {
        attempt: u32,
    },
    /// One of them does not.
    Denied {
        attempt: u32,
        why: Denial,
    },
    /// What waits for a time; too early it changes nothing.
    Deadline,
    /// An account is deleted: what that side could still end ends, and the side has this name.
    Vanish {
        by: UserId,
        name: String,
    },
}

/// What happened to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happening {
    Requested,
    Countered,
    /// An attempt began: hold the times.
    Accepting,
    Accepted,
    /// An attempt failed: let go of the times.
    Denied,
    Declined,
    Withdrawn,
    Expired,
    OfferWithdrawn,
    OfferExpired,
    Started,
    Confirmed,
    Completed,
    Cancelled,
    Missed,
    Disputed,
    /// The conversation closes.
    Hushed,
    /// This side is gone, and has no name any more.
    Vanished(UserId),
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("no such session, or not for this person")]
    NoSuchSession,
    #[error("the state does not allow it")]
    StateWrong,
    #[error("the answer is the other side's")]
    OwnProposal,
    #[error("the proposal is the other side's")]
    NotYourProposal,
    #[error("somebody takes their own offer")]
    OwnOffer,
    #[error("somebody else took the offer, or is taking it")]
    Gone,
    #[error("another proposal was meant")]
    OtherVersion,
    #[error("the times are being held just now")]
    Accepting,
    #[error("as many proposals as there may be")]
    Proposals,
    #[error("no start, where one is needed")]
    StartMissing,
    #[error("a start, where it is said already")]
    StartFixed,
    #[error("a start that is over, or too far ahead")]
    StartWrong,
    #[error("too short or too long")]
    DurationWrong,
    #[error("nothing is given")]
    GivesNothing,
    #[error("nothing would change")]
    NothingNew,
    #[error("not yet")]
    TooEarly,
    #[error("not any more")]
    TooLate,
}

/// Whether a session may begin then and take so long.
pub(crate) fn check_time(
    now: Millis,
    starts_at: Option<Millis>,
    duration_min: u32,
) -> Result<(), Refusal> {
    if !(EXCHANGE_SHORTEST_MIN..=EXCHANGE_LONGEST_MIN).contains(&duration_min) {
        return Err(Refusal::DurationWrong);
    }
    match starts_at {
        Some(at) if at <= now || at > now.saturating_add(EXCHANGE_HORIZON_MS) => {
            Err(Refusal::StartWrong)
        }
        _ => Ok(()),
    }
}

/// The conversation of a session.
pub(crate) fn conversation_id(id: ExchangeId) -> ConversationId {
    crate::id::derived("conversation.exchange", &[id.as_bytes()])
}

/// What a new session, or offer, is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct New {
    pub(crate) id: ExchangeId,
    pub(crate) group_id: GroupId,
    pub(crate) requester: Person,
    /// `None`: an offer to whoever takes it.
    pub(crate) responder: Option<Person>,
    pub(crate) starts_at: Option<Millis>,
    pub(crate) duration_min: u32,
    pub(crate) gives: Gives,
    pub(crate) note: Option<String>,
}

impl Session {
    /// A request, or an open offer.
    pub(crate) fn new(new: New, now: Millis) -> Result<Self, Refusal> {
        check_time(now, new.starts_at, new.duration_min)?;
        if new.gives == Gives::default() {
            return Err(Refusal::GivesNothing);
        }
        if new.responder.is_some() && new.starts_at.is_none() {
            return Err(Refusal::StartMissing);
        }
        let state = if new.responder.is_some() { State::Requested } else { State::Open };
        let proposal = Proposal {
            version: 1,
            by: new.requester.id,
            at: now,
            starts_at: new.starts_at,
            duration_min: new.duration_min,
            note: new.note,
        };
        Ok(Self {
            id: new.id,
            group_id: new.group_id,
            requester: new.requester,
            responder: new.responder,
            state,
            proposal,
            gives: new.gives,
            created_at: now,
            attempts: 0,
            pending: None,
            denied: None,
            accepted_at: None,
            started_at: None,
            requester_confirmed_at: None,
            responder_confirmed_at: None,
            ended_at: None,
            ended_by: None,
            absent: None,
            reason: None,
            talk_closed: false,
        })
    }

    /// Its two sides, or its author alone.
    pub(crate) fn sides(&self) -> impl Iterator<Item = &Person> {
        std::iter::once(&self.requester).chain(&self.responder)
    }

    pub(crate) fn is_side(&self, user: UserId) -> bool {
        self.sides().any(|side| side.id == user)
    }

    /// The side that is not this one.
    pub(crate) fn other(&self, user: UserId) -> Option<&Person> {
        self.sides().find(|side| side.id != user)
    }

    /// Whether it can be taken from the board.
    pub(crate) fn is_on_board(&self) -> bool {
        self.state == State::Open && self.pending.is_none()
    }

    pub(crate) fn starts_at(&self) -> Millis {
        self.proposal.starts_at.unwrap_or_default()
    }

    pub(crate) fn ends_at(&self) -> Millis {
        self.starts_at().saturating_add(Millis::from(self.proposal.duration_min) * 60_000)
    }

    /// How the time is counted.
    pub(crate) fn split(&self) -> Split {
        Split::of(&self.gives, self.proposal.duration_min)
    }

    /// A proposal waits until then.
    pub(crate) fn answer_by(&self) -> Millis {
        let patience = self.proposal.at.saturating_add(EXCHANGE_ANSWER_MS);
        self.proposal.starts_at.map_or(patience, |start| start.min(patience))
    }

    /// Completed then, unless something else happens.
    pub(crate) fn completes_at(&self) -> Option<Millis> {
        let first = [self.requester_confirmed_at, self.responder_confirmed_at];
        let first = first.into_iter().flatten().min().filter(|_| self.state == State::Started)?;
        Some(first.saturating_add(EXCHANGE_CONFIRM_MS))
    }

    /// When time itself changes something next.
    pub(crate) fn deadline(&self) -> Option<Millis> {
        if let Some(pending) = self.pending {
            return Some(pending.until);
        }
        match self.state {
            State::Open | State::Requested => Some(self.answer_by()),
            State::Accepted => Some(self.ends_at().saturating_add(EXCHANGE_START_LATE_MS)),
            State::Started => self.completes_at(),
            State::Completed | State::Disputed | State::NoShow if !self.talk_closed => {
                self.ended_at.map(|at| at.saturating_add(EXCHANGE_TALK_AFTER_MS))
            }
            State::Completed
            | State::Disputed
            | State::NoShow
            | State::Cancelled
            | State::Declined
            | State::Withdrawn
            | State::Expired => None,
        }
    }
}

#[cfg(test)]
mod tests;

//! What is wanted of a desk, and what comes of it.

use super::{Choices, NewRequest, Request, Words};
use protocol::people::Person;
use protocol::support::Cause;
use protocol::{Millis, RequestId, UserId};
use std::sync::Arc;

/// What someone, or a deadline, wants of a desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// Asked once or again, or opened again: the request keeps its place.
    Enqueue(Box<NewRequest>),
    /// The fee is authorised, or can't be.
    Paid {
        request: RequestId,
        authorised: bool,
    },
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
    /// An offer, or a hand-over.
    Accept {
        request: RequestId,
        coach: Person,
    },
    Decline {
        request: RequestId,
        coach: UserId,
    },
    /// `to`: `None` for whoever is free.
    Transfer {
        request: RequestId,
        by: UserId,
        to: Option<UserId>,
    },
    Close {
        request: RequestId,
        by: UserId,
        summary: Option<String>,
    },
    /// The member's words sound like an emergency.
    Raise {
        request: RequestId,
    },
    SetCoach {
        coach: Person,
        choices: Choices,
    },
    /// No coach any more.
    Dismiss {
        coach: Person,
    },
    /// A coach again who was dismissed.
    Reinstate {
        coach: UserId,
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
    /// Deadlines passed. `words`: what was said last in the conversations that were due for a
    /// look.
    Due {
        words: Vec<(RequestId, Words)>,
    },
    /// What the desk is. `None` stays.
    SetDesk {
        name: Option<String>,
        topics: Option<Vec<String>>,
        open: Option<bool>,
    },
    /// The end of a request is known everywhere.
    Forget {
        request: RequestId,
        reopened_at: Option<Millis>,
    },
    /// Nothing: somebody may be free, here, or known by now.
    Look,
}

impl Input {
    /// Whether it says that somebody came or went, or asks to look who did.
    pub(crate) const fn is_of_presence(&self) -> bool {
        matches!(
            self,
            Self::CoachGone { .. } | Self::CoachBack { .. } | Self::GraceOver { .. } | Self::Look
        )
    }

    /// The request it is about.
    pub(crate) const fn request(&self) -> Option<RequestId> {
        match self {
            Self::Enqueue(new) => Some(new.id),
            Self::Paid { request, .. }
            | Self::Cancel { request, .. }
            | Self::Claim { request, .. }
            | Self::Accept { request, .. }
            | Self::Decline { request, .. }
            | Self::Transfer { request, .. }
            | Self::Close { request, .. }
            | Self::Raise { request } => Some(*request),
            Self::SetCoach { .. }
            | Self::Dismiss { .. }
            | Self::Reinstate { .. }
            | Self::CoachGone { .. }
            | Self::CoachBack { .. }
            | Self::GraceOver { .. }
            | Self::Due { .. }
            | Self::SetDesk { .. }
            | Self::Forget { .. }
            | Self::Look => None,
        }
    }
}

/// What happened at a desk. Requests are as they were after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Happening {
    AwaitingPayment(Arc<Request>),
    Queued(Arc<Request>),
    Reopened {
        request: Arc<Request>,
        former: Option<Person>,
    },
    /// Moved before those that are no emergency.
    Raised(Arc<Request>),
    Offered(Arc<Request>),
    /// An offer came to nothing: back in the old place.
    Returned {
        request: Arc<Request>,
        from: Person,
        cause: Cause,
    },
    Claimed {
        request: Arc<Request>,
        /// Another coach, to whom it was offered.
        passed: Option<Person>,
    },
    /// Back at the front.
    Requeued {
        request: Arc<Request>,
        from: Person,
        cause: Cause,
    },
    /// To somebody, or (with nobody named) to whoever is free.
    TransferOffered(Arc<Request>),
    /// Nobody took it.
    TransferReturned {
        request: Arc<Request>,
        to: Option<Person>,
    },
    Transferred {
        request: Arc<Request>,
        from: Person,
        /// Another coach, to whom it was offered.
        passed: Option<Person>,
    },
    Warned {
        request: Arc<Request>,
        whom: UserId,
        until: Millis,
    },
    /// All is well in the conversation; the next look is later.
    Looked(Arc<Request>),
    /// A coach replied: the fee is due.
    Earned(Arc<Request>),
    Closed(Arc<Request>),
    Abandoned(Arc<Request>),
    Cancelled {
        request: Arc<Request>,
        /// The coach to whom it was offered.
        passed: Option<Person>,
    },
    Expired(Arc<Request>),
    Forgotten(RequestId),
    CoachChanged(UserId),
    /// The coach of these requests dropped, and has until then.
    CoachAway {
        coach: UserId,
        until: Millis,
        requests: Vec<Arc<Request>>,
    },
    CoachReturned {
        coach: UserId,
        requests: Vec<Arc<Request>>,
    },
    DeskChanged,
}

//! How the time of a session is counted: who gave how much of it. Pure.

use super::{Gives, Session};
use protocol::UserId;
use serde::{Deserialize, Serialize};

/// Time that one gave and received, in minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Minutes {
    pub(crate) given: u32,
    pub(crate) received: u32,
}

/// Who gave how much. What one gives the other receives, and both together are the whole time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) requester_gave: u32,
    pub(crate) responder_gave: u32,
}

impl Split {
    /// Where one gives, all of it is theirs; where both do, half is each one's, and an odd minute
    /// the responder's.
    pub(crate) fn of(gives: &Gives, duration_min: u32) -> Self {
        let requester_gave = match (&gives.requester, &gives.responder) {
            (Some(_), None) => duration_min,
            (None, _) => 0,
            (Some(_), Some(_)) => duration_min / 2,
        };
        Self { requester_gave, responder_gave: duration_min - requester_gave }
    }

    /// One side's part.
    pub(crate) fn of_side(self, session: &Session, user: UserId) -> Minutes {
        let Self { requester_gave, responder_gave } = self;
        if session.requester.id == user {
            Minutes { given: requester_gave, received: responder_gave }
        } else {
            Minutes { given: responder_gave, received: requester_gave }
        }
    }
}

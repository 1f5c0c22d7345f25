//! A coach's application: which state follows which.

use super::Refusal;
use protocol::coaches::CoachState;

/// What moves an application from state to state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CoachCause {
    /// The person asks.
    Apply,
    /// Those who run the place say yes.
    Approve,
    /// They say no.
    Reject,
    /// They pause it.
    Suspend,
    /// They take that back.
    Restore,
}

/// The state after a cause; what is not listed is refused.
pub(crate) const fn decide(
    state: Option<CoachState>,
    cause: CoachCause,
) -> Result<CoachState, Refusal> {
    match (state, cause) {
        (None, CoachCause::Apply) => Ok(CoachState::Pending),
        (Some(CoachState::Pending), CoachCause::Approve)
        | (Some(CoachState::Suspended), CoachCause::Restore) => Ok(CoachState::Approved),
        (Some(CoachState::Pending), CoachCause::Reject) => Ok(CoachState::Rejected),
        (Some(CoachState::Approved), CoachCause::Suspend) => Ok(CoachState::Suspended),
        (None, _) => Err(Refusal::NoSuchCoach),
        (
            Some(
                CoachState::Pending
                | CoachState::Approved
                | CoachState::Rejected
                | CoachState::Suspended,
            ),
            _,
        ) => Err(Refusal::CoachStateWrong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_takes_what_is_listed_and_nothing_else() {
        use CoachCause::{Apply, Approve, Reject, Restore, Suspend};
        use CoachState::{Approved, Pending, Rejected, Suspended};
        let listed = [
            (None, Apply, Pending),
            (Some(Pending), Approve, Approved),
            (Some(Pending), Reject, Rejected),
            (Some(Approved), Suspend, Suspended),
            (Some(Suspended), Restore, Approved),
        ];
        for state in [None, Some(Pending), Some(Approved), Some(Rejected), Some(Suspended)] {
            for cause in [Apply, Approve, Reject, Suspend, Restore] {
                let wanted = listed.iter().find(|(from, by, _)| (*from, *by) == (state, cause));
                assert_eq!(decide(state, cause).ok(), wanted.map(|(_, _, to)| *to));
            }
        }
    }
}

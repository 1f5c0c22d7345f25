//! From one standing to the next: a closed table, and who may ask for which step.

use super::{Refusal, Standing};
use protocol::Millis;
use protocol::groups::{Joining, Role};
use protocol::limits::GROUP_AGAIN_MS;

/// A step that somebody takes, or that is taken for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Get in, or ask to, or accept an invitation.
    Join(Joining),
    /// Get out.
    Leave,
    /// Take the request back, or decline the invitation.
    Withdraw,
    /// By others: invite.
    Invite,
    /// By others: take the invitation back.
    Uninvite,
    /// By others: say yes to a request.
    Approve,
    /// By others: say no.
    Reject,
    /// By others: send away.
    Remove,
    /// By others: for good.
    Ban,
    /// By others: lift that.
    Unban,
    /// A role, short of the owner's: that one is given by the charter.
    Rank(Role),
    /// Be forgotten.
    Vanish,
    /// The group is no more.
    Dissolve,
}

/// What a person is to a group, and since when. The owner is who the charter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) standing: Standing,
    pub(crate) since_at: Millis,
}

/// The next standing; `None`: it is so already.
pub(crate) fn decide(held: Held, step: Step, now: Millis) -> Result<Option<Standing>, Refusal> {
    use Standing::{Banned, In, Invited, Left, Rejected, Requested, Stranger, Withdrawn};
    let is = held.standing;
    match step {
        Step::Join(joining) => join(held, joining, now),
        Step::Leave => match is {
            In(Role::Owner) => Err(Refusal::OwnerStays),
            In(_) => Ok(Some(Left)),
            Left | Banned => Ok(None),
            Stranger => Err(Refusal::NoSuchGroup),
            Requested | Invited | Rejected | Withdrawn => Err(Refusal::NotIn),
        },
        Step::Withdraw => match is {
            Requested | Invited => Ok(Some(Withdrawn)),
            Withdrawn => Ok(None),
            Stranger | In(_) | Left | Rejected | Banned => Err(Refusal::NoRequest),
        },
        Step::Invite => match is {
            Stranger | Left | Rejected | Withdrawn => Ok(Some(Invited)),
            // Both want it.
            Requested => Ok(Some(In(Role::Member))),
            Invited | In(_) => Ok(None),
            Banned => Err(Refusal::IsBanned),
        },
        Step::Uninvite => match is {
            Invited => Ok(Some(Withdrawn)),
            Withdrawn => Ok(None),
            Stranger | Requested | In(_) | Left | Rejected | Banned => Err(Refusal::NoInvitation),
        },
        Step::Approve => match is {
            Requested => Ok(Some(In(Role::Member))),
            In(_) => Ok(None),
            Stranger | Invited | Left | Rejected | Withdrawn | Banned => Err(Refusal::NoRequest),
        },
        Step::Reject => match is {
            Requested => Ok(Some(Rejected)),
            Rejected => Ok(None),
            Stranger | Invited | In(_) | Left | Withdrawn | Banned => Err(Refusal::NoRequest),
        },
        Step::Remove => match is {
            In(Role::Owner) => Err(Refusal::OwnerStays),
            In(_) => Ok(Some(Left)),
            Left => Ok(None),
            Stranger | Requested | Invited | Rejected | Withdrawn | Banned => {
                Err(Refusal::NotAMember)
            }
        },
        Step::Ban => match is {
            In(Role::Owner) => Err(Refusal::OwnerStays),
            Banned => Ok(None),
            Stranger | Requested | Invited | In(_) | Left | Rejected | Withdrawn => {
                Ok(Some(Banned))
            }
        },
        Step::Unban => match is {
            Banned => Ok(Some(Left)),
            Left => Ok(None),
            Stranger | Requested | Invited | In(_) | Rejected | Withdrawn => {
                Err(Refusal::NotBanned)
            }
        },
        Step::Rank(role) => match is {
            In(Role::Owner) => Err(Refusal::OwnerStays),
            In(held) => Ok((held != role).then_some(In(role))),
            Stranger | Requested | Invited | Left | Rejected | Withdrawn | Banned => {
                Err(Refusal::NotAMember)
            }
        },
        Step::Vanish => match is {
            In(Role::Owner) => Err(Refusal::OwnerStays),
            In(_) | Requested | Invited | Rejected | Withdrawn | Banned => Ok(Some(Left)),
            Left | Stranger => Ok(None),
        },
        Step::Dissolve => match is {
            In(_) => Ok(Some(Left)),
            Requested | Invited => Ok(Some(Withdrawn)),
            Stranger | Left | Rejected | Withdrawn | Banned => Ok(None),
        },
    }
}

fn join(held: Held, joining: Joining, now: Millis) -> Result<Option<Standing>, Refusal> {
    use Standing::{Banned, In, Invited, Left, Rejected, Requested, Stranger, Withdrawn};
    let member = Ok(Some(In(Role::Member)));
    match (joining, held.standing) {
        (_, In(_)) | (Joining::Request | Joining::Invite, Requested) => Ok(None),
        (_, Banned) => Err(Refusal::Banned),
        (Joining::Open, Stranger | Requested | Invited | Left | Rejected | Withdrawn)
        | (Joining::Request | Joining::Invite, Invited) => member,
        (Joining::Request, Rejected) if now < held.since_at.saturating_add(GROUP_AGAIN_MS) => {
            Err(Refusal::RejectedLately)
        }
        (Joining::Request, Stranger | Left | Rejected | Withdrawn) => Ok(Some(Requested)),
        (Joining::Invite, Stranger | Left | Rejected | Withdrawn) => Err(Refusal::InviteOnly),
        (Joining::Entitlement, Stranger | Requested | Invited | Left | Rejected | Withdrawn) => {
            Err(Refusal::Entitlement)
        }
    }
}

/// Who takes a step about somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Actor {
    pub(crate) standing: Standing,
    /// It is about themselves.
    pub(crate) oneself: bool,
}

/// Whether the actor may take the step, about somebody of that standing.
pub(crate) fn authorise(
    actor: Actor,
    step: Step,
    target: Standing,
    joining: Joining,
) -> Result<(), Refusal> {
    let allowed = match step {
        // One's own steps, and those of the group's and the account's end.
        Step::Join(_) | Step::Leave | Step::Withdraw | Step::Vanish | Step::Dissolve => true,
        Step::Invite if joining == Joining::Entitlement && actor.standing.role().is_some() => {
            return Err(Refusal::Entitlement);
        }
        Step::Invite if joining == Joining::Open => actor.standing.role().is_some(),
        Step::Invite | Step::Uninvite | Step::Approve | Step::Reject | Step::Unban => {
            actor.standing.looks_after()
        }
        Step::Remove | Step::Ban => match actor.standing {
            Standing::In(Role::Owner) => true,
            Standing::In(Role::Moderator) => !target.looks_after(),
            _ => false,
        },
        Step::Rank(_) if actor.standing == Standing::In(Role::Owner) => true,
        // Who looks after a group may stop doing so.
        Step::Rank(role) => actor.oneself && actor.standing.looks_after() && role == Role::Member,
    };
    if allowed { Ok(()) } else { Err(Refusal::NotYours) }
}

//! Steps about one person in one group: read, decide, commit, and what follows.

use super::effects::{PROJECT, Project};
use super::model::{self, Actor, Charter, Held, Refusal, Ruled, Standing, Step};
use super::{Groups, Seen, rows};
use crate::bus::Channel;
use crate::error::{Result, busy, internal};
use crate::store::{COMMIT_TRIES_MAX, Change, CommitError};
use protocol::groups::{
    Approved, Invited, MembershipChanged, MembershipEnded, MembershipStarted, Rejected, Removed,
    Requested, Standing as Shown,
};
use protocol::limits::{GROUP_ASKS_MAX, GROUP_WAITING_MAX, GROUPS_PER_PERSON_MAX};
use protocol::{GroupId, Topic, UserId};

/// A step that was decided, with what it was decided on.
struct Taken<'a> {
    group_id: GroupId,
    user_id: UserId,
    by: UserId,
    step: Step,
    was: Standing,
    charter: Option<&'a Charter>,
}

impl Groups {
    /// A step that somebody takes about themselves, or that the end of something takes for them.
    /// What they are then.
    pub(super) async fn own(&self, user: UserId, id: GroupId, step: Step) -> Result<Held> {
        self.step(user, user, id, step).await
    }

    /// A step of the actor about somebody else. What that person is then.
    pub(super) async fn about(
        &self,
        actor: UserId,
        user: UserId,
        id: GroupId,
        step: Step,
    ) -> Result<Held> {
        self.step(actor, user, id, step).await
    }

    async fn step(&self, by: UserId, user_id: UserId, id: GroupId, step: Step) -> Result<Held> {
        for _ in 0..COMMIT_TRIES_MAX {
            let mut membership = self.store.load(rows::membership(id, user_id)).await?;
            // What is asked from here on was true after the membership was read: if it changes
            // somebody's right to the step, it writes this membership, and the commit is refused.
            let charter = self.charter(id).await?;
            let kept = rows::kept(&membership)?;
            let (step, held) = match &charter {
                Some(charter) => {
                    let step = through(step, charter);
                    let held = Seen::new(charter.clone(), user_id, kept).held;
                    self.authorise(by, (user_id, held.standing), id, charter, step).await?;
                    (step, held)
                }
                None if matches!(step, Step::Vanish | Step::Dissolve) => (step, kept),
                None => return Err(Refusal::NoSuchGroup.into()),
            };
            let now = self.clock.now();
            let Some(next) = outcome(charter.as_ref(), held, step, now)? else {
                self.end_delivery(user_id, id, held);
                return Ok(held);
            };
            self.has_room(user_id, id, held.standing, next).await?;
            let stays = held.standing.role().is_some() && next.role().is_some();
            let since_at = if stays { held.since_at } else { now };
            let next = Held { standing: next, since_at };
            let was = held.standing;
            let charter = charter.as_ref();
            let taken = Taken { group_id: id, user_id, by, step, was, charter };
            match self.store.commit(&mut membership, taken.change(kept, next)).await {
                Ok(following) => {
                    following.done().await;
                    self.end_delivery(user_id, id, next);
                    return Ok(next);
                }
                Err(CommitError::Conflict) => {}
                Err(CommitError::TooLarge) => return Err(internal(&"a membership is too large")),
                Err(CommitError::Failed(error)) => return Err(error),
            }
        }
        Err(busy())
    }

    /// Of a retry as well: its first try may have been cut off before that.
    fn end_delivery(&self, user: UserId, id: GroupId, held: Held) {
        if held.standing.role().is_none() {
            self.hub.revoke(user, Channel::Group(id));
        }
    }

    async fn authorise(
        &self,
        by: UserId,
        (user, standing): (UserId, Standing),
        id: GroupId,
        charter: &Charter,
        step: Step,
    ) -> Result<()> {
        let oneself = by == user;
        let actor = if oneself {
            standing
        } else {
            let kept = rows::kept(&self.store.load(rows::membership(id, by)).await?)?;
            charter.standing(by, kept.standing)
        };
        let actor = Actor { standing: actor, oneself };
        let sees = model::may_see(charter.visibility, actor.standing);
        if !sees && !is_own(step) {
            return Err(Refusal::NoSuchGroup.into());
        }
        model::authorise(actor, step, standing, charter.joining)?;
        if matches!(step, Step::Invite | Step::Ban) && self.accounts.person(user).await?.is_none() {
            return Err(Refusal::NoSuchPerson.into());
        }
        if step == Step::Invite && !oneself && self.people.has_blocked(by, user).await? {
            return Err(Refusal::Blocked.into());
        }
        Ok(())
    }

    /// Whether the lists of the person and of the group take one more; give or take those that
    /// come at once.
    async fn has_room(
        &self,
        user: UserId,
        id: GroupId,
        was: Standing,
        next: Standing,
    ) -> Result<()> {
        if next.role().is_some() && was.role().is_none() {
            let limit = GROUPS_PER_PERSON_MAX;
            let groups = rows::groups_of(&self.store, user, None, limit).await?;
            if groups.len() >= limit as usize {
                return Err(Refusal::GroupsFull.into());
            }
        }
        let Some(list) = next.shown().filter(|it| [Shown::Requested, Shown::Invited].contains(it))
        else {
            return Ok(());
        };
        let limit = GROUP_WAITING_MAX;
        let waiting = rows::waiting_at(&self.store, id, list, None, limit).await?;
        if waiting.len() >= limit as usize {
            return Err(Refusal::WaitingFull.into());
        }
        let limit = GROUP_ASKS_MAX;
        let asked = rows::asked_by(&self.store, user, list, None, limit).await?;
        if asked.len() >= limit as usize {
            return Err(Refusal::AsksFull.into());
        }
        Ok(())
    }
}

/// A step that is nobody else's.
const fn is_own(step: Step) -> bool {
    matches!(step, Step::Join(_) | Step::Leave | Step::Withdraw | Step::Vanish | Step::Dissolve)
}

/// The step as the group's door has it.
const fn through(step: Step, charter: &Charter) -> Step {
    match step {
        Step::Join(_) => Step::Join(charter.joining),
        other => other,
    }
}

/// The next standing; of a group that is not there for somebody, they learn nothing.
fn outcome(
    charter: Option<&Charter>,
    held: Held,
    step: Step,
    now: protocol::Millis,
) -> Ruled<Option<Standing>> {
    let outcome = model::decide(held, step, now);
    let sees = charter.is_none_or(|it| model::may_see(it.visibility, held.standing));
    match outcome {
        Err(_) if is_own(step) && !sees => Err(Refusal::NoSuchGroup),
        Ok(_) if matches!(step, Step::Join(_)) && !sees => Err(Refusal::NoSuchGroup),
        outcome => outcome,
    }
}

impl Taken<'_> {
    fn change(&self, kept: Held, next: Held) -> Change {
        let &Self { group_id, user_id, .. } = self;
        let mut change = Change::new();
        change.write(rows::membership_row(next));
        let was = kept.standing.shown();
        // First, so that whoever hears of it finds it so.
        change.effect(PROJECT, &Project { group_id, user_id, was });
        self.tell(&mut change, next.standing);
        change
    }

    fn tell(&self, change: &mut Change, next: Standing) {
        let &Self { group_id, user_id, by, step, was, charter } = self;
        let feed = Topic::User(user_id);
        match step {
            Step::Invite if next == Standing::Invited => {
                change.event(feed, Invited { group_id, by_id: by });
            }
            Step::Invite | Step::Approve => {
                change.event(feed, Approved { group_id });
            }
            Step::Reject => {
                change.event(feed, Rejected { group_id });
            }
            Step::Remove => {
                change.event(feed, Removed { group_id, banned: false });
            }
            Step::Ban
                if matches!(was, Standing::In(_) | Standing::Requested | Standing::Invited) =>
            {
                change.event(feed, Removed { group_id, banned: true });
            }
            Step::Join(_) if next == Standing::Requested => {
                if let Some(charter) = charter {
                    let owner = Topic::User(charter.owner_id);
                    change.event(owner, Requested { group_id, user_id });
                }
            }
            Step::Dissolve if was.role().is_none() => {
                change.event(feed, Removed { group_id, banned: false });
            }
            Step::Join(_)
            | Step::Leave
            | Step::Withdraw
            | Step::Uninvite
            | Step::Ban
            | Step::Unban
            | Step::Rank(_)
            | Step::Vanish
            | Step::Dissolve => {}
        }
        match (was.role(), next.role()) {
            (None, Some(role)) => {
                change.event(feed, MembershipStarted { group_id, role });
            }
            (Some(_), None) => {
                change.event(feed, MembershipEnded { group_id });
            }
            (Some(before), Some(role)) if before != role => {
                change.event(feed, MembershipChanged { group_id, role });
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
}

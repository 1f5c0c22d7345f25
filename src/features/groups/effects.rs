//! What follows from commits of groups, and who carries it out.

use super::model::{Held, Standing, Step};
use super::{Groups, Seen, rows};
use crate::bus::Channel;
use crate::error::{Result, busy, internal};
use crate::store::{COMMIT_TRIES_MAX, Change, CommitError};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use protocol::groups::{MembershipStarted, Role, Standing as Shown, Visibility};
use protocol::{Format, GroupId, Topic, UserId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Brings the projections in line with a membership, and ends what is delivered to who is out.
pub(super) const PROJECT: &str = "groups.project";
/// Gives the owner, as the charter names them, a membership.
pub(super) const SEAT: &str = "groups.seat";
/// Brings the directory in line with a charter.
pub(super) const CATALOGUE: &str = "groups.catalogue";
/// Ends all memberships of a group that is no more.
pub(super) const DISSOLVE: &str = "groups.dissolve";

/// All effects of groups.
pub(crate) const EFFECTS: [&str; 4] = [PROJECT, SEAT, CATALOGUE, DISSOLVE];

/// People of one page of a group that is dissolved.
const DISSOLVE_PAGE: u32 = 500;
/// People who are told of it at the same time.
const DISSOLVE_AT_ONCE: usize = 16;

/// Body of [`PROJECT`].
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Project {
    pub(super) group_id: GroupId,
    pub(super) user_id: UserId,
    /// What they were before the step.
    #[serde(default)]
    pub(super) was: Option<Shown>,
}

/// Body of [`SEAT`].
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Seat {
    pub(super) group_id: GroupId,
    pub(super) user_id: UserId,
}

/// Body of [`CATALOGUE`] and [`DISSOLVE`].
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct OfGroup {
    pub(super) group_id: GroupId,
}

impl Groups {
    /// Carries out an effect; may be asked again for the same one.
    pub(crate) async fn carry(&self, effect: &str, body: &[u8]) -> Result<()> {
        match effect {
            PROJECT => match read(effect, body) {
                Some(project) => self.project(project).await,
                None => Ok(()),
            },
            SEAT => match read(effect, body) {
                Some(seat) => self.seat(seat).await,
                None => Ok(()),
            },
            CATALOGUE => match read::<OfGroup>(effect, body) {
                Some(of) => self.catalogue(of.group_id).await,
                None => Ok(()),
            },
            DISSOLVE => match read::<OfGroup>(effect, body) {
                Some(of) => self.dissolve(of.group_id).await,
                None => Ok(()),
            },
            other => Err(internal(&format_args!("groups know no effect {other:?}"))),
        }
    }

    /// The projections follow the membership as it is now, so the order of two of them does not
    /// matter. Read again after the writing: a node that slept in between may have written what
    /// was true before.
    pub(super) async fn project(&self, project: Project) -> Result<()> {
        let Project { group_id, user_id, was } = project;
        let mut were: Vec<Shown> = was.into_iter().collect();
        let (mut kept, mut held) = self.kept_and_held(user_id, group_id).await?;
        for _ in 0..COMMIT_TRIES_MAX {
            // Of a group that has ended, all lists go.
            were.extend(kept.standing.shown());
            rows::project(&self.store, group_id, user_id, held, &were).await?;
            were.extend(held.standing.shown());
            let again = self.kept_and_held(user_id, group_id).await?;
            if again.1 == held {
                if held.standing.role().is_none() {
                    self.hub.revoke(user_id, Channel::Group(group_id));
                }
                return Ok(());
            }
            (kept, held) = again;
        }
        Err(busy())
    }

    /// What a membership keeps, and what the person is by it and the charter.
    async fn kept_and_held(&self, user: UserId, id: GroupId) -> Result<(Held, Held)> {
        let kept = rows::kept(&self.store.load(rows::membership(id, user)).await?)?;
        let held = match self.charter(id).await? {
            Some(charter) => Seen::new(charter, user, kept).held,
            None => Held { standing: Standing::Stranger, ..kept },
        };
        Ok((kept, held))
    }

    /// Written also where nothing changes: a step about the owner that was decided on what was
    /// before finds another version, and is decided again.
    async fn seat(&self, seat: Seat) -> Result<()> {
        let Seat { group_id, user_id } = seat;
        for _ in 0..COMMIT_TRIES_MAX {
            let mut membership = self.store.load(rows::membership(group_id, user_id)).await?;
            let charter = self.charter(group_id).await?;
            if charter.is_none_or(|charter| charter.owner_id != user_id) {
                return Ok(());
            }
            let kept = rows::kept(&membership)?;
            let is_in = kept.standing.role().is_some();
            let since_at = if is_in { kept.since_at } else { self.clock.now() };
            let next = Held { standing: Standing::In(Role::Moderator), since_at };
            let mut change = Change::new();
            change.write(rows::membership_row(next));
            let was = kept.standing.shown();
            change.effect(PROJECT, &Project { group_id, user_id, was });
            if !is_in {
                let started = MembershipStarted { group_id, role: Role::Owner };
                change.event(Topic::User(user_id), started);
            }
            match self.store.commit(&mut membership, change).await {
                Ok(following) => {
                    following.done().await;
                    return Ok(());
                }
                Err(CommitError::Conflict) => {}
                Err(CommitError::TooLarge) => return Err(internal(&"a seat is too large")),
                Err(CommitError::Failed(error)) => return Err(error),
            }
        }
        Err(busy())
    }

    async fn is_listed(&self, id: GroupId) -> Result<bool> {
        let charter = self.charter(id).await?;
        Ok(charter.is_some_and(|charter| charter.visibility != Visibility::Hidden))
    }

    async fn catalogue(&self, group_id: GroupId) -> Result<()> {
        let mut listed = self.is_listed(group_id).await?;
        for _ in 0..COMMIT_TRIES_MAX {
            rows::put_listed(&self.store, group_id, listed).await?;
            let again = self.is_listed(group_id).await?;
            if again == listed {
                return Ok(());
            }
            listed = again;
        }
        Err(busy())
    }

    /// Nobody comes in any more, so a page that was read lacks nobody but those who just came: the
    /// projection of their step finds that the group has ended.
    async fn dissolve(&self, group_id: GroupId) -> Result<()> {
        let mut after = None;
        loop {
            let page = rows::members_of(&self.store, group_id, after, DISSOLVE_PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.user_id);
            self.end_all(group_id, page.iter().map(|row| row.user_id).collect()).await?;
        }
        for standing in [Shown::Requested, Shown::Invited] {
            let mut after = None;
            loop {
                let page =
                    rows::waiting_at(&self.store, group_id, standing, after, DISSOLVE_PAGE).await?;
                let Some(last) = page.last() else { break };
                after = Some(last.user_id);
                self.end_all(group_id, page.iter().map(|row| row.user_id).collect()).await?;
            }
        }
        Ok(())
    }

    async fn end_all(&self, group_id: GroupId, people: Vec<UserId>) -> Result<()> {
        stream::iter(people)
            .map(|user_id| async move { self.own(user_id, group_id, Step::Dissolve).await })
            .buffer_unordered(DISSOLVE_AT_ONCE)
            .try_for_each(|_| async { Ok(()) })
            .await
    }
}

/// What does not read now will not read better the next time, and what follows waits for it.
fn read<T: DeserializeOwned>(effect: &str, body: &[u8]) -> Option<T> {
    let read = Format::MessagePack.decode(body).ok();
    if read.is_none() {
        tracing::error!("an effect {effect} can't be read, and is left out");
    }
    read
}

//! Support: members in need of a word, and the coaches who answer.
//!
//! A desk is one partition: its queue, everyone being answered and its coaches' load are decided
//! in one commit, whoever else decides at the same time. A member's open request is another
//! partition; what is asked there reaches the desk as an effect, so a request that was
//! acknowledged is never forgotten. Knows nothing of sockets: it is told when a coach's last
//! session on this node is gone, when one is back, and when another node is gone; whether a coach
//! is here, anywhere, it asks the registry. Where that does not know, nobody loses a coach for it.

mod commands;
mod desk;
mod effects;
mod history;
mod model;
mod notes;
mod ratings;
mod rows;

pub(crate) use desk::GRACE_TIMER;
pub(crate) use effects::{ENDED, ENQUEUE, HUSH, LEAVE, TALK};
pub(crate) use ratings::RATED;

use crate::auth::{Caller, Role, Vault};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::error::Result;
use crate::features::accounts::Accounts;
use crate::features::conversations::Conversations;
use crate::presence::{Registry, Sessions};
use crate::rights::Visible;
use crate::store::{Change, Store};
use crate::timers::{Timer, Timers};
use dashmap::DashMap;
use desk::{DeskHandle, Parts};
use model::{Choices, Desk, Input};
use protocol::limits::COACH_GRACE_MS;
use protocol::{DeskId, Millis, UserId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// The desk that is there from the start.
const GENERAL: &str = "general";
/// Where a grace is over and nobody knows whether the coach is here, that is asked again after.
const GRACE_AGAIN_MS: Millis = 5_000;
/// Coaches of whom nobody knows whether they are here are asked about again after this.
const REVIEW_AGAIN: Duration = Duration::from_secs(2);

/// See the module.
pub struct Support {
    store: Arc<Store>,
    accounts: Arc<Accounts>,
    vault: Arc<Vault>,
    conversations: Arc<Conversations>,
    registry: Arc<dyn Registry>,
    clock: Clock,
    parts: Parts,
    desks: DashMap<DeskId, DeskHandle>,
    /// Coaches who answer are to be looked at.
    review: Notify,
}

impl Support {
    /// Over the store, timers and bus, with the features before it.
    pub fn new(
        store: Arc<Store>,
        timers: Arc<dyn Timers>,
        bus: Arc<dyn Bus>,
        registry: Arc<dyn Registry>,
        accounts: Arc<Accounts>,
        vault: Arc<Vault>,
        conversations: Arc<Conversations>,
        clock: Clock,
    ) -> Arc<Self> {
        let parts = Parts { store: Arc::clone(&store), timers, bus, clock: clock.clone() };
        let (desks, review) = (DashMap::new(), Notify::new());
        Arc::new(Self {
            store,
            accounts,
            vault,
            conversations,
            registry,
            clock,
            parts,
            desks,
            review,
        })
    }

    /// Makes the desk `general`, once, and gives every coach who was answering when the node
    /// went down the time to come back. Among many nodes, that time may be running already.
    pub async fn start(&self) -> Result<()> {
        let general = crate::id::derived("desk", &[GENERAL.as_bytes()]);
        self.make_desk(general, GENERAL.to_owned(), Vec::new()).await?;
        self.review_coaches(!self.registry.is_shared()).await
    }

    /// Looks at coaches again when another node is gone, and until it is known of each of them
    /// whether they are here. For ever.
    pub async fn run(self: Arc<Self>) {
        let mut losses = self.registry.losses();
        loop {
            tokio::select! {
                lost = losses.changed() => {
                    if lost.is_err() {
                        return;
                    }
                }
                () = self.review.notified() => tokio::time::sleep(REVIEW_AGAIN).await,
            }
            if let Err(error) = self.review_coaches(false).await {
                tracing::warn!(%error, "whether coaches are here was not asked; it is again");
                self.review.notify_one();
            }
        }
    }

    /// Begins the grace of those who answer somebody and are gone. `anew`: also where one runs.
    async fn review_coaches(&self, anew: bool) -> Result<()> {
        for id in rows::desk_ids(&self.store).await? {
            let desk = self.desk(id).look().await?.desk;
            let busy = desk.coaches.values().filter(|coach| desk.load(coach.person.id) > 0);
            let wanted = busy.filter(|coach| anew || coach.grace_until.is_none());
            let coaches: Vec<UserId> = wanted.map(|coach| coach.person.id).collect();
            for coach in coaches {
                self.gone(id, coach).await?;
            }
        }
        Ok(())
    }

    /// A coach's last session on this node is gone.
    pub async fn coach_gone(&self, coach: UserId) -> Result<()> {
        for id in rows::desk_ids(&self.store).await? {
            self.gone(id, coach).await?;
        }
        Ok(())
    }

    /// A coach has a session again.
    pub async fn coach_back(&self, coach: UserId) -> Result<()> {
        for id in rows::desk_ids(&self.store).await? {
            self.desk(id).apply(Input::CoachBack { coach }).await?;
        }
        Ok(())
    }

    /// Fires [`GRACE_TIMER`]: back or not, the desk decides. Where nobody knows, it is asked
    /// again: no request is taken from a coach because the registry was lost.
    pub(crate) async fn grace_over(&self, subject: &[u8]) -> Result<()> {
        let Some((desk, coach)) = subject.split_at_checked(16) else { return Ok(()) };
        let (Ok(desk), Ok(coach)) = (uuid::Uuid::from_slice(desk), uuid::Uuid::from_slice(coach))
        else {
            return Ok(());
        };
        let coach = UserId(coach);
        let input = match self.sessions(coach).await {
            Sessions::Open => Input::CoachBack { coach },
            Sessions::None => Input::GraceOver { coach },
            Sessions::Unknown => {
                let due_at = self.clock.now() + GRACE_AGAIN_MS;
                let again = Timer { due_at, kind: GRACE_TIMER.to_owned(), subject: subject.into() };
                return self.parts.timers.set(vec![again]).await;
            }
        };
        self.desk(DeskId(desk)).apply(input).await.map(|_| ())
    }

    /// What of a desk's board a person may see: all of it, for coaches who serve there.
    pub async fn visible(&self, caller: &Caller, id: DeskId) -> Result<Option<Visible>> {
        if !caller.roles.has(Role::Coach) && !caller.roles.has(Role::Admin) {
            return Ok(None);
        }
        if !rows::desk_ids(&self.store).await?.contains(&id) {
            return Ok(None);
        }
        let serves = caller.roles.has(Role::Admin) || self.serves(caller.user_id, id).await?;
        Ok(serves.then_some(Visible::ALL))
    }

    /// Being told late must not undo what is true by now; and what is not known is no reason.
    async fn gone(&self, desk: DeskId, coach: UserId) -> Result<()> {
        match self.sessions(coach).await {
            Sessions::Open => {}
            Sessions::Unknown => self.review.notify_one(),
            Sessions::None => {
                let until = self.clock.now() + COACH_GRACE_MS;
                self.desk(desk).apply(Input::CoachGone { coach, until }).await?;
            }
        }
        Ok(())
    }

    async fn sessions(&self, user: UserId) -> Sessions {
        self.registry.look(&[user]).await.first().map_or(Sessions::Unknown, |known| known.sessions)
    }

    async fn serves(&self, coach: UserId, id: DeskId) -> Result<bool> {
        let look = self.desk(id).look().await?;
        match look.desk.coaches.get(&coach) {
            Some(known) => Ok(known.choices.serves),
            None => Ok(self.choices(coach).await?.serves),
        }
    }

    /// What a coach chose for all desks.
    async fn choices(&self, coach: UserId) -> Result<Choices> {
        let settings = rows::settings(&self.store, coach).await?;
        Ok(settings.map_or(Choices::default(), |row| Choices {
            available: row.available,
            capacity: row.capacity,
            serves: !row.chosen,
        }))
    }

    fn desk(&self, id: DeskId) -> DeskHandle {
        let start = || DeskHandle::start(id, self.parts.clone());
        self.desks.entry(id).or_insert_with(start).clone()
    }

    async fn make_desk(&self, id: DeskId, name: String, topics: Vec<String>) -> Result<()> {
        let desk = Desk {
            id,
            name,
            topics,
            open: true,
            requests: BTreeMap::new(),
            coaches: BTreeMap::new(),
        };
        self.store
            .decide(rows::desk_partition(id), |snapshot| {
                let mut change = Change::new();
                if rows::desk(id, snapshot)?.is_none() {
                    change.write(rows::desk_row(&desk));
                }
                Ok((change, ()))
            })
            .await?;
        rows::put_desk_in_directory(&self.store, id).await
    }
}

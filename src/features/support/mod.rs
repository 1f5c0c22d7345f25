//! Support: members in need of a word, and the coaches who answer.
//!
//! A desk is one partition: its queue, everyone being answered and its coaches' load are decided
//! in one commit, whoever else decides at the same time. A member's open request is another
//! partition; what is asked there reaches the desk as an effect, so a request that was
//! acknowledged is never forgotten. Knows nothing of sockets: it is told when a coach's last
//! session on this node is gone, when one is back, and when another node is gone; whether a coach
//! is here, anywhere, it asks the registry. Where that does not know, nobody loses a coach for it.

mod charged;
mod commands;
mod crisis;
mod desk;
mod desks;
mod effects;
mod fees;
mod history;
mod member;
mod model;
mod notes;
mod personal;
mod ratings;
mod refusal;
mod roles;
mod rows;

pub use crisis::{CrisisWords, ListError};
pub(crate) use desk::{DESK_TIMER, GRACE_TIMER};
pub(crate) use effects::{ENDED, ENQUEUE, FEE, HUSH, LEAVE, PAID, REOPEN, TALK};
pub use fees::{Authorisation, Fees};
pub(crate) use ratings::RATED;

use crate::auth::{Caller, Role, Vault};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::config::Settings;
use crate::error::Result;
use crate::features::accounts::Accounts;
use crate::features::conversations::Conversations;
use crate::features::payments::Payments;
use crate::features::people::People;
use crate::hub::Hub;
use crate::log::Log;
use crate::presence::{Registry, Sessions};
use crate::rights::Visible;
use crate::store::{Change, Store};
use crate::timers::{Timer, Timers};
use charged::Charged;
use dashmap::DashMap;
use desk::{DeskHandle, Parts};
use model::{Choices, Desk, Input, Rules, State, Words};
use protocol::limits::COACH_GRACE_MS;
use protocol::{DeskId, Millis, RequestId, UserId};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Notify;

/// The desk that is there from the start.
const GENERAL: &str = "general";
/// Where a grace is over and nobody knows whether the coach is here, that is asked again after.
const GRACE_AGAIN_MS: Millis = 5_000;
/// Conversations that one firing of a desk's timer looks at.
const LOOKS_MAX: usize = 64;
/// Coaches of whom nobody knows whether they are here are asked about again after this.
const REVIEW_AGAIN: Duration = Duration::from_secs(2);

/// What support stands on.
pub struct Ground {
    /// Records.
    pub store: Arc<Store>,
    /// The log, for feeds.
    pub log: Arc<dyn Log>,
    /// Deadlines.
    pub timers: Arc<dyn Timers>,
    /// Signals.
    pub bus: Arc<dyn Bus>,
    /// Who watches a board.
    pub hub: Arc<Hub>,
    /// Who is here.
    pub registry: Arc<dyn Registry>,
    /// Who is a coach, and whose ratings are counted.
    pub accounts: Arc<Accounts>,
    /// Who has nothing to do with whom.
    pub people: Arc<People>,
    /// Seals private notes.
    pub vault: Arc<Vault>,
    /// The feature before it.
    pub conversations: Arc<Conversations>,
    /// Who takes the fees.
    pub payments: Arc<Payments>,
    /// The time.
    pub clock: Clock,
    /// What sounds like an emergency.
    pub crisis: CrisisWords,
    /// What the settings say.
    pub limits: Limits,
}

/// How long things take, and how much is free.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// In the queue.
    pub max_wait_ms: Millis,
    /// A member's message without an answer, until the coach is nudged.
    pub nudge_ms: Millis,
    /// From then on, until the member is at the front of the queue.
    pub unanswered_ms: Millis,
    /// A coach's message without an answer, until the member is asked.
    pub warn_ms: Millis,
    /// From then on, until the request ends.
    pub abandon_ms: Millis,
    /// Requests of a person that cost nothing, in each time of `free_ms`; 0: as many as wanted.
    pub free_requests: u32,
    /// See `free_requests`.
    pub free_ms: Millis,
}

impl From<&Settings> for Limits {
    fn from(settings: &Settings) -> Self {
        let s = |seconds: u32| Millis::from(seconds) * 1_000;
        Self {
            max_wait_ms: s(settings.support_max_wait_s),
            nudge_ms: s(settings.support_nudge_s),
            unanswered_ms: s(settings.support_unanswered_s),
            warn_ms: s(settings.support_warn_s),
            abandon_ms: s(settings.support_abandon_s),
            free_requests: settings.support_free_requests,
            free_ms: Millis::from(settings.support_free_days) * 24 * 60 * 60_000,
        }
    }
}

/// See the module.
pub struct Support {
    store: Arc<Store>,
    log: Arc<dyn Log>,
    accounts: Arc<Accounts>,
    vault: Arc<Vault>,
    conversations: Arc<Conversations>,
    registry: Arc<dyn Registry>,
    clock: Clock,
    crisis: CrisisWords,
    limits: Limits,
    payments: Arc<Payments>,
    fees: OnceLock<Arc<dyn Fees>>,
    parts: Parts,
    hub: Arc<Hub>,
    desks: DashMap<DeskId, DeskHandle>,
    /// Coaches who answer are to be looked at.
    review: Arc<Notify>,
}

impl Support {
    /// Over the store, timers and bus, with the features before it.
    pub fn new(ground: Ground) -> Arc<Self> {
        let Ground { store, log, timers, bus, registry, accounts, vault, .. } = ground;
        let Ground { people, conversations, payments, clock, crisis, limits, hub, .. } = ground;
        let review = Arc::new(Notify::new());
        let rules = Rules {
            max_wait_ms: limits.max_wait_ms,
            nudge_ms: limits.nudge_ms,
            unanswered_ms: limits.unanswered_ms,
            warn_ms: limits.warn_ms,
            abandon_ms: limits.abandon_ms,
        };
        let parts = Parts {
            store: Arc::clone(&store),
            timers,
            bus,
            registry: Arc::clone(&registry),
            accounts: Arc::clone(&accounts),
            people,
            clock: clock.clone(),
            rules,
            unknown: Arc::clone(&review),
        };
        let (desks, fees) = (DashMap::new(), OnceLock::new());
        Arc::new(Self {
            store,
            log,
            accounts,
            vault,
            conversations,
            registry,
            clock,
            crisis,
            limits,
            payments,
            fees,
            parts,
            hub,
            desks,
            review,
        })
    }

    /// Who takes the money instead of the payments. Once, before anybody asks: for tests.
    pub fn charge_with(&self, fees: Arc<dyn Fees>) {
        let _ = self.fees.set(fees);
    }

    fn fees(&self) -> Arc<dyn Fees> {
        let charged = || Arc::new(Charged(Arc::clone(&self.payments))) as _;
        self.fees.get_or_init(charged).clone()
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

    /// Begins the grace of those who answer somebody and are gone, and offers what waits to those
    /// who are here. `anew`: also where a grace runs.
    async fn review_coaches(&self, anew: bool) -> Result<()> {
        for id in rows::desk_ids(&self.store).await? {
            let coaches: Vec<UserId> = self
                .desk(id)
                .look(move |desk, _| {
                    let busy = desk.coaches.values().filter(|c| desk.load(c.person.id) > 0);
                    let wanted = busy.filter(|coach| anew || coach.grace_until.is_none());
                    wanted.map(|coach| coach.person.id).collect()
                })
                .await?;
            for coach in coaches {
                self.gone(id, coach).await?;
            }
            self.desk(id).apply(Input::Look).await?;
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

    /// Fires [`DESK_TIMER`]: looks at all that is due by now.
    pub(crate) async fn desk_due(&self, subject: &[u8]) -> Result<()> {
        let Ok(desk) = uuid::Uuid::from_slice(subject) else { return Ok(()) };
        let (desk, now) = (DeskId(desk), self.clock.now());
        let quiet: Vec<(RequestId, UserId)> = self
            .desk(desk)
            .look(move |desk, _| {
                let due = desk.overdue(now).filter(|request| request.state == State::Active);
                due.take(LOOKS_MAX).map(|request| (request.id, request.member.id)).collect()
            })
            .await?;
        let mut words = Vec::with_capacity(quiet.len());
        for (request, member) in quiet {
            let talk = Conversations::support_id(request);
            let last = self.conversations.last_words(talk, member).await?;
            words.push((request, Words { coach: last.other, unanswered_at: last.unanswered_at }));
        }
        self.desk(desk).apply(Input::Due { words }).await.map(|_| ())
    }

    /// What of a desk's board a person may see: all of it, for coaches who serve there.
    pub async fn visible(&self, caller: &Caller, id: DeskId) -> Result<Option<Visible>> {
        if !rows::desk_ids(&self.store).await?.contains(&id) {
            return Ok(None);
        }
        let serves = self.is_still(caller, Role::Admin).await?
            || self.is_still(caller, Role::Coach).await? && self.serves(caller.user_id, id).await?;
        Ok(serves.then_some(Visible::ALL))
    }

    /// Whether a role that somebody had when the session began is theirs now.
    async fn is_still(&self, caller: &Caller, role: Role) -> Result<bool> {
        Ok(caller.roles.has(role) && self.accounts.holds(caller.user_id, role).await?)
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
        let known = self
            .desk(id)
            .look(move |desk, _| desk.coaches.get(&coach).map(|known| known.choices.serves))
            .await?;
        match known {
            Some(serves) => Ok(serves),
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
            knows: rows::lines(row.knows.as_deref()),
        }))
    }

    fn desk(&self, id: DeskId) -> DeskHandle {
        let start = || DeskHandle::start(id, self.parts.clone());
        self.desks.entry(id).or_insert_with(start).clone()
    }

    async fn make_desk(&self, id: DeskId, name: String, topics: Vec<String>) -> Result<()> {
        let desk = Desk::new(id, name, topics, self.parts.rules);
        self.store
            .decide(rows::desk_partition(id), |snapshot| {
                let mut change = Change::new();
                if !rows::is_desk(snapshot)? {
                    change.write(rows::desk_row(&desk));
                }
                Ok((change, ()))
            })
            .await?;
        rows::put_desk_in_directory(&self.store, id).await
    }
}

//! The wall of a group: posts, comments and likes. Topic `group:<id>`.
//!
//! What was written stands in the group's log, and an event there holds what a post or comment is
//! now: who deletes or edits replaces it at its place, so its words are gone wherever the log is
//! read. Rows that lists need are carried over from the log by whoever reads a wall (`index`), each
//! event once; so writing a post costs an append and nothing else. Likes are rows: no event goes to
//! a group for one.
//!
//! What somebody wrote with whom the reader has nothing to do, since one blocked the other, is not
//! shown in any list; in the log's own readings, live too, another event stands in its place.

mod comments;
mod index;
mod likes;
mod lists;
mod model;
mod personal;
mod plans;
mod posts;
mod refusal;
mod rows;
mod standing;
mod stats;
mod view;

pub(crate) use likes::LIKED;
pub(crate) use plans::PLANNED;
pub use plans::PUBLISH_TIMER;

use crate::bus::{Bus, Channel};
use crate::clock::Clock;
use crate::error::Result;
use crate::features::accounts::Accounts;
use crate::features::groups::Groups;
use crate::features::notifications::Notifications;
use crate::features::people::{People, Two};
use crate::hub::Hub;
use crate::log::{Append, Appended, Gate, Head, Key, Log, Stamped};
use crate::store::Store;
use crate::timers::Timers;
use dashmap::DashSet;
use model::{Action, Refusal, State, Written};
use protocol::{Error, GroupId, Millis, Seq, Topic, UserId};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Walls of one node whose logs are carried into rows at the same time.
const INDEX_TURNS: usize = 64;
/// Tries of a change whose target moved while it was read.
const CHANGE_TRIES_MAX: u32 = 8;

/// What a wall is made of.
pub struct Parts {
    /// Likes, and projections of the log.
    pub store: Arc<Store>,
    /// What was written.
    pub log: Arc<dyn Log>,
    /// When scheduled posts are due.
    pub timers: Arc<dyn Timers>,
    /// Counts, live.
    pub bus: Arc<dyn Bus>,
    /// Who watches.
    pub hub: Arc<Hub>,
    /// Names.
    pub accounts: Arc<Accounts>,
    /// Who has nothing to do with whom.
    pub people: Arc<People>,
    /// Tells those who are away.
    pub notifications: Arc<Notifications>,
    /// Who is in a group.
    pub groups: Arc<Groups>,
    /// The time.
    pub clock: Clock,
}

/// See the module.
pub struct Wall {
    store: Arc<Store>,
    log: Arc<dyn Log>,
    timers: Arc<dyn Timers>,
    bus: Arc<dyn Bus>,
    hub: Arc<Hub>,
    accounts: Arc<Accounts>,
    people: Arc<People>,
    notifications: Arc<Notifications>,
    groups: Arc<Groups>,
    clock: Clock,
    /// Held while a group's log is carried into rows.
    turns: Vec<Mutex<()>>,
    /// Groups whose log is going to be.
    nudged: DashSet<GroupId>,
    stats: stats::Pace,
}

/// The gate: the pure rule, put to the log.
struct Rule {
    group: GroupId,
    action: Action,
    /// Why the sender may not write, if it is not a retry of what was written before.
    barred: Option<Error>,
}

fn state_of(bytes: &[u8]) -> std::result::Result<State, Error> {
    State::from_bytes(bytes)
        .ok_or_else(|| crate::error::internal(&"the state of a wall does not decode"))
}

impl Gate for Rule {
    fn stamp(&self, head: Head<'_>, _now: Millis) -> std::result::Result<Stamped, Error> {
        if let Some(barred) = &self.barred {
            return Err(barred.clone());
        }
        let audience = vec![Channel::Group(self.group)];
        // Nothing that a wall knows refuses a post, and many are written.
        if let Action::Publish(post) = &self.action {
            let event = post.clone().into();
            return Ok(Stamped {
                event,
                state: None,
                redact: Vec::new(),
                maxima: Vec::new(),
                audience,
            });
        }
        let Written { event, state, redact } =
            model::decide(&state_of(head.state)?, head.seq, &self.action)?;
        let state = state.map(|state| state.to_bytes());
        Ok(Stamped { event, state, redact, maxima: Vec::new(), audience })
    }

    fn audience(&self, _head: Head<'_>, _seq: Seq) -> Vec<Channel> {
        vec![Channel::Group(self.group)]
    }
}

impl Wall {
    /// From its parts.
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            store: parts.store,
            log: parts.log,
            timers: parts.timers,
            bus: parts.bus,
            hub: parts.hub,
            accounts: parts.accounts,
            people: parts.people,
            notifications: parts.notifications,
            groups: parts.groups,
            clock: parts.clock,
            turns: (0..INDEX_TURNS).map(|_| Mutex::new(())).collect(),
            nudged: DashSet::new(),
            stats: stats::Pace::default(),
        })
    }

    /// Carries out the effect of a block, or of its end: what the two hear live of walls follows it
    /// on this node before that is answered.
    pub(crate) async fn carry_shut(&self, two: Two) -> Result<()> {
        for user in [two.low, two.high] {
            self.hub.withhold_from(user).await;
        }
        Ok(())
    }

    fn append(
        &self,
        group: GroupId,
        key: Option<Key>,
        sender: UserId,
        action: Action,
        barred: Option<Error>,
    ) -> impl Future<Output = Result<Appended>> + Send + use<> {
        let gate = Box::new(Rule { group, action, barred });
        let append = Append { topic: Topic::Group(group), key, sender: Some(sender), gate };
        let log = Arc::clone(&self.log);
        async move { log.append(append).await }
    }

    /// Whether one of the two blocked the other.
    async fn is_apart(&self, user: UserId, other: UserId) -> Result<bool> {
        Ok(!self.people.shut_out(user, &[other]).await?.is_empty())
    }
}

/// Whether a refusal says that it is so already, which is as well.
fn is_already(error: &Error) -> bool {
    *error == Error::from(Refusal::AlreadySo)
}

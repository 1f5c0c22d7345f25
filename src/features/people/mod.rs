//! People: what they are to one another, and who may see and reach whom.
//!
//! Owns relations, privacy and the index of people. Promises: what is between two people is decided
//! at once; [`People::may`] is the one question that every door asks, answered from memory where it
//! was asked before, and a block or a changed choice is forgotten on all nodes before the command
//! that made it is answered (on other nodes as fast as the bus is; where the bus is away, when the
//! node notices that, and within half a minute in any case).
//!
//! Does not know conversations, groups, sockets: those ask it.

mod commands;
mod may;
mod model;
mod personal;
mod refusal;
mod relations;
mod rows;
mod search;

pub use may::Act;
pub(crate) use model::Refusal;
pub use model::{Follow, Friends, Pair, Side, Stance, Two, Wish};
pub use relations::{PROJECT, Project, Relations, SHUT};

use crate::bus::{Bus, Control};
use crate::clock::Clock;
use crate::error::Result;
use crate::features::accounts::Accounts;
use crate::memory::Memory;
use crate::store::Store;
use may::Facts;
use protocol::{Millis, UserId};
use std::sync::{Arc, OnceLock};

/// People, and pairs of them, of whom something is remembered.
const KEPT_MAX: usize = 50_000;
/// What another node changed and could not tell is seen here after this.
const KEPT_AGE_MAX_MS: Millis = 30_000;

/// The effect of a changed choice; body: whose.
pub const CHOSEN: &str = "people.chosen";

/// Hears that what somebody lets others see changed; `None`: of whomever.
pub type Changed = Box<dyn Fn(Option<UserId>) + Send + Sync>;

/// See the module.
pub struct People {
    store: Arc<Store>,
    bus: Arc<dyn Bus>,
    accounts: Arc<Accounts>,
    clock: Clock,
    relations: Relations,
    facts: Memory<UserId, Arc<Facts>>,
    pairs: Memory<Two, Pair>,
    changed: OnceLock<Changed>,
}

impl People {
    /// Over the store and the bus; names come from `accounts`.
    pub fn new(
        store: Arc<Store>,
        bus: Arc<dyn Bus>,
        accounts: Arc<Accounts>,
        clock: Clock,
    ) -> Arc<Self> {
        Arc::new(Self {
            relations: Relations::new(Arc::clone(&store), clock.clone()),
            store,
            bus,
            accounts,
            clock,
            facts: Memory::new(KEPT_MAX, KEPT_AGE_MAX_MS),
            pairs: Memory::new(KEPT_MAX, KEPT_AGE_MAX_MS),
            changed: OnceLock::new(),
        })
    }

    /// Who hears of changes on this node. Once, at wiring time.
    pub fn tell_changes(&self, changed: Changed) {
        let _ = self.changed.set(changed);
    }

    /// Carries out [`PROJECT`].
    pub(crate) async fn project(&self, project: &Project) -> Result<()> {
        self.relations.project(project).await?;
        self.forget(project.two.low, Some(project.two.high));
        Ok(())
    }

    /// Carries out [`CHOSEN`].
    pub(crate) fn chosen(&self, user: UserId) {
        self.forget(user, None);
    }

    /// What was remembered of somebody, or of two people, is out of date: on all nodes.
    fn forget(&self, user: UserId, other: Option<UserId>) {
        self.forget_here(user, other);
        self.bus.control(Control::Forget { user, other });
    }

    /// The same on this node.
    pub fn forget_here(&self, user: UserId, other: Option<UserId>) {
        self.facts.forget(user);
        if let Some(other) = other {
            self.facts.forget(other);
            if let Some((two, _)) = Two::of(user, other) {
                self.pairs.forget(two);
            }
        }
        if let Some(changed) = self.changed.get() {
            changed(Some(user));
            if other.is_some() {
                changed(other);
            }
        }
    }

    /// Something may not have been heard: nothing that is remembered counts.
    pub fn forget_all(&self) {
        self.facts.forget_all();
        self.pairs.forget_all();
        if let Some(changed) = self.changed.get() {
            changed(None);
        }
    }
}

//! Exchange sessions: trainees who practise with one another.
//!
//! A session is one partition, an open offer is a session that nobody took yet, and each person's
//! calendar is another partition. Promises: nobody is in two accepted sessions at once, an offer is
//! taken once, time is counted once, and a session has one end. A rule over two calendars is kept
//! by an *attempt*: the session says that it is being accepted, an effect holds the time in one
//! calendar after the other, and the session then is accepted or as it was. A crash anywhere
//! leaves an outbox or a deadline, by which any node finishes or undoes it.
//!
//! Knows who trains with whom by `groups` and `accounts`; opens and closes conversations.

mod board;
mod commands;
mod effects;
mod lists;
mod model;
mod personal;
mod refusal;
mod rows;
mod sessions;
mod view;

pub(crate) use effects::{BOOK, HOLD, HUSH, OFF_BOARD, RELEASE, RENAME, SETTLE, TALK};

use crate::auth::{Caller, Role};
use crate::clock::Clock;
use crate::error::{Result, forbidden, not_found};
use crate::features::accounts::Accounts;
use crate::features::conversations::Conversations;
use crate::features::groups::Groups;
use crate::features::people::People;
use crate::store::Store;
use crate::timers::Timers;
use crate::words::exchange as words;
use protocol::{Error, ErrorCode, GroupId, UserId};
use std::sync::Arc;

/// The kind of the timer that ends what waits. Subject: the session's id.
pub(crate) const DEADLINE_TIMER: &str = "exchange_deadline";

/// See the module.
pub struct Exchange {
    store: Arc<Store>,
    timers: Arc<dyn Timers>,
    accounts: Arc<Accounts>,
    groups: Arc<Groups>,
    conversations: Arc<Conversations>,
    people: Arc<People>,
    clock: Clock,
}

impl Exchange {
    /// Over the store and timers, with the features before it.
    pub fn new(
        store: Arc<Store>,
        timers: Arc<dyn Timers>,
        accounts: Arc<Accounts>,
        groups: Arc<Groups>,
        conversations: Arc<Conversations>,
        people: Arc<People>,
        clock: Clock,
    ) -> Arc<Self> {
        Arc::new(Self { store, timers, accounts, groups, conversations, people, clock })
    }

    /// A trainee who is in this training group. Who is not in it does not learn that it is there.
    async fn as_trainee(&self, caller: &Caller, group: GroupId) -> Result<()> {
        if !caller.roles.has(Role::Trainee) {
            return Err(forbidden(words::TRAINEES_ONLY));
        }
        if !self.groups.trains_in(caller.user_id, group).await? {
            return Err(not_found("training group"));
        }
        self.accounts.may_reach_out(caller.user_id).await
    }

    /// Whether the caller may arrange something with somebody now: both trainees, in this
    /// training group, and neither blocked the other.
    async fn may_arrange(&self, caller: &Caller, other: UserId, group: GroupId) -> Result<()> {
        self.as_trainee(caller, group).await?;
        self.not_blocked(caller, other).await?;
        let trainee = self.accounts.holds(other, Role::Trainee).await?;
        if !trainee || !self.groups.trains_in(other, group).await? {
            return Err(forbidden(words::NO_COMMON_GROUP));
        }
        Ok(())
    }

    async fn not_blocked(&self, caller: &Caller, other: UserId) -> Result<()> {
        if self.people.has_blocked(caller.user_id, other).await? {
            return Err(Error::new(ErrorCode::Blocked, words::BLOCKED));
        }
        Ok(())
    }
}

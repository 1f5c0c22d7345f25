//! What follows from a session's commits elsewhere: calendars, the ledger, the board and the
//! conversation. Each may be carried out again, also late, and changes nothing then.

use super::Exchange;
use super::model::calendar::{Calendar, Hold, Wanted};
use super::model::{Denial, Input, Minutes, Session, State, conversation_id};
use super::rows::{self, Place};
use crate::error::{Result, busy};
use crate::features::conversations::Ensure;
use crate::features::people::Two;
use crate::store::{Change, LIST_ROWS_MAX, OutKey};
use protocol::people::Person;
use protocol::{ConversationId, ErrorCode, ExchangeId, GroupId, Millis, UserId};
use serde::{Deserialize, Serialize};

/// An acceptance holds both times, and then is one or none. Body: [`Attempt`].
pub(crate) const HOLD: &str = "exchange.hold";
/// An attempt was the one: its holds are firm. Body: [`Attempt`].
pub(crate) const BOOK: &str = "exchange.book";
/// An attempt failed: its holds go. Body: [`Attempt`].
pub(crate) const RELEASE: &str = "exchange.release";
/// A session ended: its times are free, and counted. Body: [`Settle`].
pub(crate) const SETTLE: &str = "exchange.settle";
/// A row of somebody's ledger names the other side anew. Body: [`Rename`].
pub(crate) const RENAME: &str = "exchange.rename";
/// An offer leaves the board. Body: [`OffBoard`].
pub(crate) const OFF_BOARD: &str = "exchange.off_board";
/// The conversation opens. Body: [`Ensure`].
pub(crate) const TALK: &str = "exchange.talk";
/// The conversation closes. Body: its id.
pub(crate) const HUSH: &str = "exchange.hush";

/// Expired holds of others that one attempt asks about; more are left for the next try.
const ASKS_MAX: usize = 8;

/// See [`HOLD`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub(super) exchange_id: ExchangeId,
    pub(super) number: u32,
    pub(super) users: Vec<UserId>,
}

/// See [`SETTLE`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Settle {
    pub(super) exchange_id: ExchangeId,
    /// The attempt that it was accepted by.
    pub(super) attempt: u32,
    pub(super) ended_at: Millis,
    /// Each side, and what it gave and received; nothing where the session was not completed.
    pub(super) sides: Vec<(Person, Option<Minutes>)>,
}

/// See [`RENAME`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Rename {
    /// Whose ledger.
    pub(super) user_id: UserId,
    pub(super) exchange_id: ExchangeId,
    pub(super) completed_at: Millis,
    pub(super) with: Person,
    pub(super) minutes: Minutes,
}

/// See [`OFF_BOARD`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OffBoard {
    pub(super) exchange_id: ExchangeId,
    pub(super) group_id: GroupId,
    pub(super) posted_at: Millis,
}

impl Exchange {
    /// Holds the time of one side after the other, in the order of their ids, and has the session
    /// decide what that means. However often it is carried out, wherever it stopped before.
    pub(crate) async fn carry_hold(&self, hold: Attempt) -> Result<()> {
        let Attempt { exchange_id, number: attempt, mut users } = hold;
        let session = self.load(exchange_id).await?;
        let Some(pending) = session.pending.filter(|_| session.attempts == attempt) else {
            return Ok(());
        };
        let wanted = Wanted {
            id: exchange_id,
            attempt,
            starts_at: session.starts_at(),
            ends_at: session.ends_at(),
            until: pending.until,
        };
        users.sort_unstable();
        for &user in &users {
            let why = match self.hold(user, &wanted).await? {
                Hold::Done => continue,
                Hold::Taken => Denial::Taken(user),
                Hold::Full => Denial::Full(user),
                // A later attempt, or the end, was here.
                Hold::Stale => return Ok(()),
                Hold::Ask { .. } => return Err(busy()),
            };
            self.apply(exchange_id, &Input::Denied { attempt, why }).await?;
            return Ok(());
        }
        let session = self.apply(exchange_id, &Input::Granted { attempt }).await?;
        if session.attempts == attempt && session.accepted_at.is_some() {
            return Ok(());
        }
        // It was given up meanwhile, and the holds may have come after their release.
        self.release(exchange_id, attempt, &users).await
    }

    /// Holds a time in one calendar. A hold of somebody else that expired goes once their session
    /// says, by a commit of its own, that it is not accepted by that attempt.
    async fn hold(&self, user: UserId, wanted: &Wanted) -> Result<Hold> {
        for _ in 0..ASKS_MAX {
            let now = self.clock.now();
            let held = self.on_calendar(user, |calendar| calendar.hold(wanted, now)).await?;
            let Hold::Ask { id, attempt } = held else { return Ok(held) };
            let other = self.apply(id, &Input::Denied { attempt, why: Denial::Late }).await?;
            self.on_calendar(user, |calendar| {
                if other.attempts == attempt && other.accepted_at.is_some() {
                    calendar.book(id, attempt);
                } else {
                    calendar.release(id, attempt);
                }
            })
            .await?;
        }
        Err(busy())
    }

    pub(crate) async fn carry_book(&self, book: Attempt) -> Result<()> {
        for user in book.users {
            let (id, attempt) = (book.exchange_id, book.number);
            self.on_calendar(user, |calendar| calendar.book(id, attempt)).await?;
        }
        Ok(())
    }

    pub(crate) async fn carry_release(&self, release: Attempt) -> Result<()> {
        self.release(release.exchange_id, release.number, &release.users).await
    }

    async fn release(&self, id: ExchangeId, attempt: u32, users: &[UserId]) -> Result<()> {
        for &user in users {
            self.on_calendar(user, |calendar| calendar.release(id, attempt)).await?;
        }
        Ok(())
    }

    pub(crate) async fn carry_settle(&self, settle: Settle) -> Result<()> {
        let Settle { exchange_id, attempt, ended_at, sides } = settle;
        for (side, minutes) in &sides {
            let now = self.clock.now();
            let counted = minutes.unwrap_or_default();
            self.on_calendar(side.id, |calendar| {
                calendar.settle(exchange_id, attempt, counted, now);
            })
            .await?;
            let with = sides.iter().find(|(other, _)| other.id != side.id);
            if let (Some(minutes), Some((with, _))) = (*minutes, with) {
                rows::put_ledger(&self.store, side.id, exchange_id, with, minutes, ended_at)
                    .await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn carry_rename(&self, rename: Rename) -> Result<()> {
        let Rename { user_id, exchange_id, completed_at, with, minutes } = rename;
        rows::put_ledger(&self.store, user_id, exchange_id, &with, minutes, completed_at).await
    }

    pub(crate) async fn carry_off_board(&self, off: OffBoard) -> Result<()> {
        rows::take_off_board(&self.store, off.group_id, off.exchange_id, off.posted_at).await
    }

    pub(crate) async fn carry_talk(&self, key: &OutKey, wanted: &Ensure) -> Result<()> {
        self.conversations.ensure(key, wanted).await?;
        // A block that came in between found nothing to pause.
        match Two::of(wanted.member, wanted.helper) {
            Some((two, _)) => self.conversations.keep_apart(wanted.conversation_id, two).await,
            None => Ok(()),
        }
    }

    /// Carries out the effect of a block: what the two still have to say about their sessions is
    /// paused, or goes on.
    pub(crate) async fn carry_shut(&self, two: Two) -> Result<()> {
        let mut after: Option<Place> = None;
        loop {
            let places = rows::own(&self.store, two.low, after, LIST_ROWS_MAX).await?;
            for session in self.all(places.iter().map(|(_, id)| *id)).await?.into_iter().flatten() {
                let theirs = session.is_side(two.low) && session.is_side(two.high);
                if theirs && session.accepted_at.is_some() && !session.talk_closed {
                    self.conversations.keep_apart(conversation_id(session.id), two).await?;
                }
            }
            if places.len() < LIST_ROWS_MAX as usize {
                return Ok(());
            }
            after = places.last().copied();
        }
    }

    pub(crate) async fn carry_hush(&self, key: &OutKey, id: ConversationId) -> Result<()> {
        match self.conversations.close(key, id).await {
            Err(error) if error.code == ErrorCode::NotFound => Ok(()),
            outcome => outcome,
        }
    }

    /// Decides about one calendar, in one commit.
    pub(super) async fn on_calendar<T: Send>(
        &self,
        user: UserId,
        mut decide: impl FnMut(&mut Calendar) -> T + Send,
    ) -> Result<T> {
        let now = self.clock.now();
        self.store
            .decide(rows::calendar_partition(user), |snapshot| {
                let before = rows::calendar(snapshot)?;
                let mut calendar = before.clone();
                let answer = decide(&mut calendar);
                let mut change = Change::new();
                if calendar != before {
                    calendar.forget(now);
                    write(&before, &calendar, &mut change);
                }
                Ok((change, answer))
            })
            .await
    }
}

/// The rows that changed.
fn write(before: &Calendar, after: &Calendar, change: &mut Change) {
    for (&id, &slot) in &after.slots {
        if before.slots.get(&id) != Some(&slot) {
            change.write(rows::slot_row(id, slot));
        }
    }
    for &id in before.slots.keys().filter(|id| !after.slots.contains_key(*id)) {
        change.delete::<rows::SlotRow>(id);
    }
    let totals = |calendar: &Calendar| (calendar.given_min, calendar.received_min);
    if totals(before) != totals(after) {
        change.write(rows::totals_row(after));
    }
}

/// The row of the other side's ledger, where one is gone after the time was counted.
pub(super) fn rename(session: &Session, gone: UserId) -> Option<Rename> {
    let completed_at = session.ended_at.filter(|_| session.state == State::Completed)?;
    let with = session.sides().find(|side| side.id == gone)?.clone();
    let user_id = session.other(gone)?.id;
    let minutes = session.split().of_side(session, user_id);
    Some(Rename { user_id, exchange_id: session.id, completed_at, with, minutes })
}

/// What ends the times of an accepted session; `None` where it is not at its end.
pub(super) fn settle(session: &Session) -> Option<Settle> {
    let ended_at = session.ended_at.filter(|_| session.accepted_at.is_some())?;
    let split = session.split();
    let counts = session.state == State::Completed;
    let side = |side: &Person| {
        let minutes = counts.then(|| split.of_side(session, side.id));
        (side.clone(), minutes)
    };
    Some(Settle {
        exchange_id: session.id,
        attempt: session.attempts,
        ended_at,
        sides: session.sides().map(side).collect(),
    })
}

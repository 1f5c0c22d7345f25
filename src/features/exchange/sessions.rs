//! One session: read, decide by the rules, set the deadline, commit with what follows.

use super::effects::{
    Attempt, BOOK, HOLD, HUSH, OFF_BOARD, OffBoard, RELEASE, RENAME, SETTLE, TALK, rename, settle,
};
use super::model::{self, Happening, Input, Refusal, Session, State};
use super::{DEADLINE_TIMER, Exchange, rows, view};
use crate::error::{Result, busy, internal};
use crate::features::conversations::Ensure;
use crate::store::{COMMIT_TRIES_MAX, Change, CommitError, Snapshot};
use crate::timers::Timer;
use crate::words::accounts::DELETED_MEMBER;
use protocol::conversations::Kind;
use protocol::exchange::{Offered, Requested};
use protocol::people::Person;
use protocol::{ExchangeId, Millis, Topic, UserId};
use uuid::Uuid;

impl Exchange {
    /// A session or an offer; `not_found` where there is none.
    pub(super) async fn load(&self, id: ExchangeId) -> Result<Session> {
        self.find(id).await?.ok_or_else(|| Refusal::NoSuchSession.into())
    }

    pub(super) async fn find(&self, id: ExchangeId) -> Result<Option<Session>> {
        rows::session(id, &self.store.load(rows::session_partition(id)).await?)
    }

    /// Decides about a session, and waits for what follows. The session as it was committed.
    pub(super) async fn apply(&self, id: ExchangeId, input: &Input) -> Result<Session> {
        for _ in 0..COMMIT_TRIES_MAX {
            let mut snapshot = self.store.load(rows::session_partition(id)).await?;
            let Some(before) = rows::session(id, &snapshot)? else {
                return Err(Refusal::NoSuchSession.into());
            };
            let mut session = before.clone();
            let happened = session.apply(input, self.clock.now())?;
            if happened.is_empty() {
                return Ok(session);
            }
            let change = change(&before, &session, &happened);
            if self.commit(&mut snapshot, &session, change).await? {
                return Ok(session);
            }
        }
        Err(busy())
    }

    /// One side's account is deleted: their part of the session, and what they noted.
    pub(super) async fn vanish(&self, id: ExchangeId, user: UserId) -> Result<()> {
        let input = Input::Vanish { by: user, name: DELETED_MEMBER.to_owned() };
        for _ in 0..COMMIT_TRIES_MAX {
            let mut snapshot = self.store.load(rows::session_partition(id)).await?;
            let Some(before) = rows::session(id, &snapshot)? else { return Ok(()) };
            let mut session = before.clone();
            let happened = session.apply(&input, self.clock.now())?;
            let mut change = if happened.is_empty() {
                Change::new()
            } else {
                change(&before, &session, &happened)
            };
            if rows::note(&snapshot, Some(user))?.is_some() {
                change.delete::<rows::NoteRow>(Uuid::from(user));
            }
            if change.is_empty() || self.commit(&mut snapshot, &session, change).await? {
                return Ok(());
            }
        }
        Err(busy())
    }

    /// A new session or offer, once; the first one, if it comes again. By the same person: ids
    /// are made of whose they are.
    pub(super) async fn make(&self, new: model::New) -> Result<Session> {
        let id = new.id;
        for _ in 0..COMMIT_TRIES_MAX {
            let mut snapshot = self.store.load(rows::session_partition(id)).await?;
            if let Some(known) = rows::session(id, &snapshot)? {
                return Ok(known);
            }
            let session = Session::new(new.clone(), self.clock.now())?;
            let created_at = session.created_at;
            let mut change = Change::new();
            change.write(rows::session_row(&session));
            let users = sorted(&session);
            // An offer as well, which the list leaves out: it goes with its author's account.
            rows::list(&self.store, users.clone(), id, created_at).await?;
            if let Some(wire) = view::session(&session) {
                for user in users {
                    let session = wire.clone();
                    change.group().event(Topic::User(user), Requested { session });
                }
            } else {
                rows::put_on_board(&self.store, session.group_id, id, created_at).await?;
                let offer = view::offer(&session);
                change.event(Topic::User(session.requester.id), Offered { offer });
            }
            if self.commit(&mut snapshot, &session, change).await? {
                return Ok(session);
            }
        }
        Err(busy())
    }

    /// Commits with the deadline set before; false where the session moved on.
    async fn commit(
        &self,
        snapshot: &mut Snapshot,
        session: &Session,
        change: Change,
    ) -> Result<bool> {
        if let Some(due_at) = session.deadline() {
            self.timers.set(vec![timer(session.id, due_at)]).await?;
        }
        match self.store.commit(snapshot, change).await {
            Ok(following) => {
                following.done().await;
                Ok(true)
            }
            Err(CommitError::Conflict) => Ok(false),
            Err(CommitError::TooLarge) => Err(internal(&"an exchange session is too large")),
            Err(CommitError::Failed(error)) => Err(error),
        }
    }

    /// Fires [`DEADLINE_TIMER`]: the session says what is due by now, if anything is.
    pub(crate) async fn deadline(&self, subject: &[u8]) -> Result<()> {
        let Ok(id) = Uuid::from_slice(subject) else { return Ok(()) };
        if self.find(ExchangeId(id)).await?.is_none() {
            // The commit that it was set for is not there.
            return Ok(());
        }
        self.apply(ExchangeId(id), &Input::Deadline).await.map(|_| ())
    }
}

fn timer(id: ExchangeId, due_at: Millis) -> Timer {
    Timer { due_at, kind: DEADLINE_TIMER.to_owned(), subject: id.as_bytes().to_vec() }
}

/// What a decision writes, and what follows from it.
fn change(before: &Session, session: &Session, happened: &[Happening]) -> Change {
    let mut change = Change::new();
    change.write(rows::session_row(session));
    for &happening in happened {
        if let Some((event, told)) = view::event(happening, session) {
            for user in told {
                change.group().event(Topic::User(user), event.clone());
            }
        }
    }
    // In one group, and so in this order.
    change.group();
    for &happening in happened {
        follow(happening, before, session, &mut change);
    }
    if before.state == State::Open && session.state != State::Open {
        let Session { group_id, created_at: posted_at, .. } = *session;
        change.effect(OFF_BOARD, &OffBoard { exchange_id: session.id, group_id, posted_at });
    }
    if !before.state.is_end()
        && let Some(settle) = settle(session)
    {
        change.effect(SETTLE, &settle);
    }
    change
}

fn follow(happening: Happening, before: &Session, session: &Session, change: &mut Change) {
    let attempt = |of: &Session| Attempt {
        exchange_id: session.id,
        number: session.attempts,
        users: sorted(of),
    };
    match happening {
        Happening::Accepting => {
            change.effect(HOLD, &attempt(session));
        }
        Happening::Accepted => {
            change.effect(BOOK, &attempt(session));
            if let Some(responder) = &session.responder {
                change.effect(TALK, &talk(session, responder));
            }
        }
        Happening::Denied => {
            // An offer is open again, and nobody's.
            change.effect(RELEASE, &attempt(before));
        }
        Happening::Hushed => {
            change.effect(HUSH, &model::conversation_id(session.id));
        }
        Happening::Vanished(user) => {
            // Behind what counted the time: effects are carried out in their order.
            if let Some(rename) = rename(session, user) {
                change.effect(RENAME, &rename);
            }
        }
        Happening::Requested
        | Happening::Countered
        | Happening::Declined
        | Happening::Withdrawn
        | Happening::Expired
        | Happening::OfferWithdrawn
        | Happening::OfferExpired
        | Happening::Started
        | Happening::Confirmed
        | Happening::Completed
        | Happening::Cancelled
        | Happening::Missed
        | Happening::Disputed => {}
    }
}

fn sorted(session: &Session) -> Vec<UserId> {
    let mut users: Vec<UserId> = session.sides().map(|side| side.id).collect();
    users.sort_unstable();
    users
}

fn talk(session: &Session, responder: &Person) -> Ensure {
    Ensure {
        conversation_id: model::conversation_id(session.id),
        kind: Kind::Exchange,
        subject_id: session.id.0,
        member: session.requester.id,
        first_words: None,
        helper: responder.id,
    }
}

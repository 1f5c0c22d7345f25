//! Two people who talk: who may begin, what a stranger's first words wait for, and what a block
//! does to it.
//!
//! Whether a stranger's wish was answered, and whether the two are kept apart, is in the state of
//! the conversation, so it holds at the place where a message is written, on whatever node. What
//! people let others do is asked of [`people`](crate::features::people) before, from memory.

use super::model::{Action, Asked, Refusal, State};
use super::{Conversations, already_is_fine, no_such_person};
use crate::auth::Caller;
use crate::error::{Result, busy};
use crate::features::people::{Act, Refusal as Kept, Two};
use crate::log::{self, Key};
use crate::store::COMMIT_TRIES_MAX;
use protocol::conversations::{
    Accept, ConversationRequested, ConversationResult, Get, Kind, Open, Refuse,
};
use protocol::session::Done;
use protocol::{ConversationId, Error, Millis, Topic, UserId};

/// Conversations of which is remembered what never changes.
pub(super) const TALKS_MAX: usize = 50_000;
/// How long.
pub(super) const TALK_AGE_MAX_MS: Millis = 60 * 60_000;

/// What a message has to ask for, as far as it never changes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Talk {
    /// Nobody: support, or more than two people.
    Of,
    /// The other of these two; no stranger waits, now or later.
    Direct(UserId, UserId),
    /// Whether one of these two blocked the other. They have something to do with one another, so
    /// whom they take messages of is not asked.
    About(UserId, UserId),
}

/// What somebody finds who wants to write.
#[derive(Debug, Default)]
pub(super) struct Door {
    /// Why not, if it is not a retry.
    pub(super) barred: Option<Error>,
    /// A stranger's wish that was not answered.
    pub(super) asked: Option<Asked>,
    /// The other counts the writer among those they know.
    pub(super) known: bool,
}

impl Conversations {
    /// `conversation.open`
    pub async fn open(&self, caller: &Caller, open: Open) -> Result<ConversationResult> {
        let (me, them) = (caller.user_id, open.user_id);
        let Some((two, _)) = Two::of(me, them) else {
            return Err(Error::invalid("user_id", "A conversation is with somebody else."));
        };
        let id = Self::direct_id(me, them);
        let refusal = self.people.refusal(me, Act::Message, them).await?;
        if refusal == Some(Kept::Blocked) {
            return Err(Kept::Blocked.into());
        }
        if self.head(id).await?.1.is_none() {
            self.accounts.may_reach_out(me).await?;
            self.accounts.person(them).await?.ok_or_else(no_such_person)?;
            if let Some(refusal) = refusal {
                return Err(refusal.into());
            }
            let stranger = self.strangers_ask && !self.people.is_connected(me, them).await?;
            let stranger = stranger.then_some(me);
            let members = vec![me, them];
            let action = Action::Open { kind: Kind::Direct, subject_id: None, members, stranger };
            self.append(id, Some(Key::of_cause("opened", &[])), None, action).await?;
            // A block that came in between found nothing to pause.
            self.carry_shut(two).await?;
        }
        // Again on each open: a crash may have left one of the two untold.
        let asked = self.head(id).await?.1.and_then(|state| state.asked);
        if let Some(asked) = asked {
            let other = if asked.by == me { them } else { me };
            self.begin_waiting(id, asked.by, other).await?;
            self.tell_joined(asked.by, id, Kind::Direct, None).await?;
        } else {
            self.settle_late(id, me, them).await?;
            for user in [them, me] {
                self.tell_joined(user, id, Kind::Direct, None).await?;
            }
        }
        self.get(caller, Get { conversation_id: id }).await
    }

    /// `conversation.accept`
    pub async fn accept(&self, caller: &Caller, accept: Accept) -> Result<ConversationResult> {
        let (me, id) = (caller.user_id, accept.conversation_id);
        let (_, state) = self.as_member(me, id).await?;
        if state.asked.is_some_and(|asked| asked.by == me) {
            return Err(Refusal::NoRequest.into());
        }
        already_is_fine(self.append(id, None, None, Action::Accept { user: me }).await)?;
        if let Some(other) = state.other(me) {
            self.settle(id, other, me).await?;
        }
        self.get(caller, Get { conversation_id: id }).await
    }

    /// `conversation.refuse`
    pub async fn refuse(&self, caller: &Caller, refuse: Refuse) -> Result<Done> {
        let (me, id) = (caller.user_id, refuse.conversation_id);
        let (_, state) = self.as_member(me, id).await?;
        if state.asked.is_none_or(|asked| asked.by == me) {
            return Err(Refusal::NoRequest.into());
        }
        already_is_fine(self.append(id, None, None, Action::Refuse { user: me }).await)?;
        Ok(Done {})
    }

    /// Pauses or resumes the direct conversation of two people, as what is between them is now.
    pub(crate) async fn carry_shut(&self, two: Two) -> Result<()> {
        self.keep_apart(Self::direct_id(two.low, two.high), two).await
    }

    /// The same for any conversation of the two, for the feature that opened it.
    pub(crate) async fn keep_apart(&self, id: ConversationId, two: Two) -> Result<()> {
        for _ in 0..COMMIT_TRIES_MAX {
            let shut = self.people.is_shut_now(two).await?;
            let Some(state) = self.head(id).await?.1 else { return Ok(()) };
            if state.paused == shut {
                return Ok(());
            }
            let action = if shut { Action::Pause } else { Action::Resume };
            already_is_fine(self.append(id, None, None, action).await)?;
        }
        Err(busy())
    }

    /// What somebody finds who wants to write here. Nothing is read where it was asked lately.
    pub(super) async fn door(&self, user: UserId, id: ConversationId) -> Result<Door> {
        // What is not there is refused at its end.
        let Some((talk, asked)) = self.talk(id).await? else { return Ok(Door::default()) };
        let (one, other) = match talk {
            Talk::Direct(one, other) | Talk::About(one, other) => (one, other),
            Talk::Of => return Ok(Door::default()),
        };
        let them = match user {
            user if user == one => other,
            user if user == other => one,
            _ => return Ok(Door::default()),
        };
        if matches!(talk, Talk::About(..)) {
            let shut = !self.people.shut_out(user, &[them]).await?.is_empty();
            let barred = shut.then(|| Kept::Blocked.into());
            return Ok(Door { barred, ..Door::default() });
        }
        let refusal = self.people.refusal(user, Act::Message, them).await?;
        let mut known = false;
        if let Some(asked) = asked {
            known = asked.by == user && self.people.is_connected(user, them).await?;
            if asked.by == user && refusal.is_none() {
                self.begin_waiting(id, user, them).await?;
            }
        } else {
            self.settle_late(id, user, them).await?;
        }
        Ok(Door { barred: refusal.map(Error::from), asked, known })
    }

    /// Refuses who may not write here.
    pub(super) async fn unbarred(&self, user: UserId, id: ConversationId) -> Result<()> {
        self.door(user, id).await?.barred.map_or(Ok(()), Err)
    }

    /// A message was sent while a stranger's wish was open.
    pub(super) async fn spoken(
        &self,
        id: ConversationId,
        sender: UserId,
        asked: Asked,
        known: bool,
    ) -> Result<()> {
        let Some(other) = self.head(id).await?.1.and_then(|state| state.other(sender)) else {
            return Ok(());
        };
        if asked.by != sender {
            self.settle(id, asked.by, sender).await
        } else if known {
            self.settle(id, sender, other).await
        } else {
            let event = ConversationRequested { conversation_id: id, user_id: sender };
            let key = Key::of_cause("conversation.requested", &[id.as_bytes()]);
            log::append_to_feed(&*self.log, Topic::User(other), key, None, event).await?;
            Ok(())
        }
    }

    /// From here on a stranger sees nothing of the other, unless that is answered meanwhile: who
    /// answers takes away what was there before.
    async fn begin_waiting(
        &self,
        id: ConversationId,
        stranger: UserId,
        other: UserId,
    ) -> Result<()> {
        self.people.begin_waiting(stranger, other).await?;
        if self.head(id).await?.1.is_none_or(|state| state.asked.is_none()) {
            self.people.end_waiting(stranger, other).await?;
        }
        Ok(())
    }

    /// The stranger is none any more. Whether that is done is told by the bar, so it goes last.
    async fn settle(&self, id: ConversationId, stranger: UserId, other: UserId) -> Result<()> {
        for user in [stranger, other] {
            self.tell_joined(user, id, Kind::Direct, None).await?;
        }
        self.people.end_waiting(stranger, other).await
    }

    /// The same where a crash cut it off: nobody waits here, and one of the two still seems to.
    async fn settle_late(&self, id: ConversationId, one: UserId, other: UserId) -> Result<()> {
        for (stranger, other) in [(one, other), (other, one)] {
            if self.people.is_waiting(stranger, other).await? {
                self.settle(id, stranger, other).await?;
            }
        }
        Ok(())
    }

    /// What is to be asked for here, and the wish of a stranger; read once, unless one is open.
    async fn talk(&self, id: ConversationId) -> Result<Option<(Talk, Option<Asked>)>> {
        let now = self.clock.now();
        let begun = match self.talks.get(id, now) {
            Ok(talk) => return Ok(Some((talk, None))),
            Err(begun) => begun,
        };
        let Some(state) = self.head(id).await?.1 else { return Ok(None) };
        let talk = match state.two() {
            Some((one, other)) if state.kind == Kind::Direct => Talk::Direct(one, other),
            Some((one, other)) => Talk::About(one, other),
            None => Talk::Of,
        };
        if state.asked.is_none() && lasts(&state) {
            self.talks.put(id, talk, now, begun);
        }
        Ok(Some((talk, state.asked)))
    }
}

/// Whether who is in it is known for good.
fn lasts(state: &State) -> bool {
    match state.kind {
        Kind::Support => true,
        Kind::Direct | Kind::Exchange | Kind::Booking => state.two().is_some(),
        Kind::Training => false,
    }
}

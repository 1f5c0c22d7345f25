//! What follows from a commit elsewhere: the bodies of effects, and how they are carried out.

use super::fees::Authorisation;
use super::model::{Fee, FeeState, Input, NewRequest, Request, State};
use super::{Support, rows};
use crate::error::Result;
use crate::features::conversations::Ensure;
use crate::store::{Change, OutKey};
use protocol::support::Money;
use protocol::{ConversationId, DeskId, ErrorCode, Millis, RequestId, UserId};
use serde::{Deserialize, Serialize};

/// A member's request goes to its desk. Body: [`Enqueue`].
pub(crate) const ENQUEUE: &str = "support.enqueue";
/// A request ended: history, and the member is free to ask again. Body: [`Ended`].
pub(crate) const ENDED: &str = "support.ended";
/// A conversation opens, or another coach joins it. Body: [`Ensure`].
pub(crate) const TALK: &str = "support.talk";
/// A coach who dropped, or handed over, leaves the conversation. Body: [`Leave`].
pub(crate) const LEAVE: &str = "support.leave";
/// The conversation closes. Body: its id.
pub(crate) const HUSH: &str = "support.hush";
/// The conversation opens again. Body: its id.
pub(crate) const REOPEN: &str = "support.reopen";
/// A step of the fee. Body: [`FeeStep`].
pub(crate) const FEE: &str = "support.fee";
/// What the payments say of an authorisation that took its time. Body: [`Paid`]. An effect of
/// theirs: features before this one reach it by nothing else.
pub(crate) const PAID: &str = "support.paid";

/// A request that is opened again has as its time that of its end and this: so that two at once
/// are the same opening, and later ones are later.
pub(super) const REOPENED_AFTER_MS: Millis = 1;

/// See [`ENQUEUE`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Enqueue {
    pub(super) desk_id: DeskId,
    pub(super) request: NewRequest,
}

/// See [`ENDED`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(super) desk_id: DeskId,
    pub(super) request: Request,
}

/// See [`LEAVE`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Leave {
    pub(super) conversation_id: ConversationId,
    pub(super) coach: UserId,
}

/// What is to be done about a fee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Step {
    Authorise,
    Capture,
    Void,
    /// The request ended: captured if a coach said a word, else voided.
    Settle,
}

/// See [`FEE`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FeeStep {
    pub(super) desk_id: DeskId,
    pub(super) request_id: RequestId,
    pub(super) member: UserId,
    pub(super) fee: Option<Fee>,
    pub(super) step: Step,
}

/// See [`PAID`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Paid {
    pub(crate) request_id: RequestId,
    pub(crate) authorised: bool,
}

impl Support {
    /// Carried late, after the request ended, it changes nothing: the desk asks.
    pub(crate) async fn carry_enqueue(&self, enqueue: Enqueue) -> Result<()> {
        let Enqueue { desk_id, request } = enqueue;
        let (member, id, life) = (request.member.id, request.id, request.reopened_at);
        if let Some(reopened_at) = life {
            // Those who answered keep theirs until it ends again.
            let ended_at = reopened_at - REOPENED_AFTER_MS;
            rows::remove_history(&self.store, [member], ended_at, id).await?;
        }
        match self.desk(desk_id).apply(Input::Enqueue(Box::new(request))).await {
            // The desk closed, or filled up, after it was asked: the member is told by the
            // command, and is free.
            Err(error) if matches!(error.code, ErrorCode::Conflict | ErrorCode::Full) => {
                self.let_go(member, id, life).await
            }
            outcome => outcome.map(|_| ()),
        }
    }

    /// A member has no open request any more, if it is this one. A free one counts only if it
    /// was answered.
    pub(super) async fn let_go(
        &self,
        member: UserId,
        id: RequestId,
        life: Option<Millis>,
    ) -> Result<()> {
        self.end_for_member(member, id, life, false).await
    }

    async fn end_for_member(
        &self,
        member: UserId,
        id: RequestId,
        life: Option<Millis>,
        answered: bool,
    ) -> Result<()> {
        self.store
            .decide(rows::member_partition(member), |snapshot| {
                let mut change = Change::new();
                let open = rows::open(snapshot)?;
                if open.is_some_and(|open| open.request_id == id && open.reopened_at == life) {
                    change.delete::<rows::OpenRow>(uuid::Uuid::nil());
                    let free = snapshot.all::<rows::FreeRow>()?;
                    if !answered && life.is_none() && free.iter().any(|row| row.id == id) {
                        change.delete::<rows::FreeRow>(id);
                    }
                }
                Ok((change, ()))
            })
            .await
    }

    pub(crate) async fn carry_ended(&self, ended: Ended) -> Result<()> {
        let Ended { desk_id, request } = ended;
        let (id, life) = (request.id, request.reopened_at);
        let member = self.store.load(rows::member_partition(request.member.id)).await?;
        let lives_on = rows::open(&member)?
            .is_some_and(|open| open.request_id == id && open.reopened_at > life);
        // Carried again after it was opened again, it is no end.
        if !lives_on {
            rows::put_history(&self.store, desk_id, &request).await?;
        }
        // One row a request: that of the life before goes.
        if let Some(before) = life.map(|life| life - REOPENED_AFTER_MS)
            && request.ended_at != Some(before)
        {
            rows::remove_history(&self.store, request.coaches(), before, id).await?;
        }
        let answered = matches!(request.state, State::Closed | State::Abandoned);
        self.end_for_member(request.member.id, id, life, answered).await?;
        // Only now nothing is left that could bring the request back.
        let forget = Input::Forget { request: id, reopened_at: life };
        self.desk(desk_id).apply(forget).await.map(|_| ())
    }

    pub(crate) async fn carry_talk(&self, key: &OutKey, wanted: &Ensure) -> Result<()> {
        self.conversations.ensure(key, wanted).await
    }

    pub(crate) async fn carry_leave(&self, key: &OutKey, leave: &Leave) -> Result<()> {
        self.conversations.leave(key, leave.conversation_id, leave.coach).await
    }

    pub(crate) async fn carry_hush(&self, key: &OutKey, id: ConversationId) -> Result<()> {
        match self.conversations.close(key, id).await {
            Err(error) if error.code == ErrorCode::NotFound => Ok(()),
            outcome => outcome,
        }
    }

    pub(crate) async fn carry_reopen(&self, key: &OutKey, id: ConversationId) -> Result<()> {
        match self.conversations.reopen(key, id).await {
            Err(error) if error.code == ErrorCode::NotFound => Ok(()),
            outcome => outcome,
        }
    }

    /// Each step may be asked twice; the provider knows the request.
    pub(crate) async fn carry_fee(&self, step: FeeStep) -> Result<()> {
        let FeeStep { desk_id, request_id, member, fee, step } = step;
        let Some(fee) = fee else { return Ok(()) };
        let money = Money { amount: fee.amount, currency: fee.currency };
        let fees = self.fees();
        match step {
            Step::Capture => fees.capture(request_id).await,
            Step::Void => fees.void(request_id).await,
            Step::Settle => {
                let talk = crate::features::conversations::Conversations::support_id(request_id);
                if self.conversations.last_words(talk, member).await?.other.is_some() {
                    fees.capture(request_id).await
                } else {
                    fees.void(request_id).await
                }
            }
            Step::Authorise => match fees.authorise(request_id, member, &money).await? {
                Authorisation::Given => self.paid(desk_id, request_id, true).await,
                Authorisation::Refused => self.paid(desk_id, request_id, false).await,
                Authorisation::Awaited => Ok(()),
            },
        }
    }

    /// See [`PAID`].
    pub(crate) async fn carry_paid(&self, paid: Paid) -> Result<()> {
        let Some(route) = rows::route(&self.store, paid.request_id).await? else { return Ok(()) };
        self.paid(route.desk_id, paid.request_id, paid.authorised).await
    }

    /// What was authorised for a request that is over by then is given back. What was captured is
    /// not: that it is good may be told again, late, or after a refund or a dispute.
    async fn paid(&self, desk: DeskId, request: RequestId, authorised: bool) -> Result<()> {
        self.desk(desk).apply(Input::Paid { request, authorised }).await?;
        if !authorised {
            return Ok(());
        }
        let wanted = self
            .desk(desk)
            .look(move |desk, _| {
                let fee = desk.request(request).and_then(|found| found.fee.clone());
                fee.is_some_and(|fee| fee.state != FeeState::Asked)
            })
            .await?;
        if wanted { Ok(()) } else { self.fees().release(request).await }
    }
}

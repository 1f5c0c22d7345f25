//! What follows from a commit elsewhere: the bodies of effects, and how they are carried out.

use super::model::{Input, NewRequest, Request};
use super::{Support, rows};
use crate::error::Result;
use crate::features::conversations::Ensure;
use crate::store::{Change, OutKey};
use protocol::{ConversationId, DeskId, ErrorCode, UserId};
use serde::{Deserialize, Serialize};

/// A member's request goes to its desk. Body: [`Enqueue`].
pub(crate) const ENQUEUE: &str = "support.enqueue";
/// A request ended: history, and the member is free to ask again. Body: [`Ended`].
pub(crate) const ENDED: &str = "support.ended";
/// A conversation opens, or another coach joins it. Body: [`Ensure`].
pub(crate) const TALK: &str = "support.talk";
/// A coach who dropped leaves the conversation. Body: [`Leave`].
pub(crate) const LEAVE: &str = "support.leave";
/// The conversation closes. Body: its id.
pub(crate) const HUSH: &str = "support.hush";

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

impl Support {
    /// Carried late, after the request ended, it changes nothing: the desk asks.
    pub(crate) async fn carry_enqueue(&self, enqueue: Enqueue) -> Result<()> {
        self.desk(enqueue.desk_id).apply(Input::Enqueue(enqueue.request)).await.map(|_| ())
    }

    pub(crate) async fn carry_ended(&self, ended: Ended) -> Result<()> {
        let Ended { desk_id, request } = ended;
        rows::put_history(&self.store, desk_id, &request).await?;
        let partition = rows::member_partition(request.member.id);
        self.store
            .decide(partition, |snapshot| {
                let mut change = Change::new();
                if rows::open(snapshot)?.is_some_and(|open| open.request_id == request.id) {
                    change.delete::<rows::OpenRow>(uuid::Uuid::nil());
                }
                Ok((change, ()))
            })
            .await?;
        // Only now nothing is left that could bring the request back.
        self.desk(desk_id).apply(Input::Forget { request: request.id }).await.map(|_| ())
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
}

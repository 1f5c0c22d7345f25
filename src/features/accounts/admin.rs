//! `/v1/admin/users/…` and `/v1/admin/coaches/…`, for those who run the place.

use super::coaches::{ListApplications, as_admin};
use super::model::{CoachCause, Refusal};
use super::{Accounts, model};
use crate::auth::{Caller, Role};
use crate::error::Result;
use crate::problem::{Body, Outcome};
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use protocol::UserId;
use protocol::accounts::{AccountState, Reason};
use protocol::coaches::{Application, Applications};
use std::sync::Arc;

type Service = State<Arc<Accounts>>;

pub(super) fn routes() -> Router<Arc<Accounts>> {
    let decides = |cause: CoachCause| {
        move |accounts: Service, caller: Caller, id: Path<UserId>, reason: Body<Reason>| {
            decide(accounts, caller, id.0, cause, reason.0)
        }
    };
    Router::new()
        .route("/v1/admin/users/{id}", get(state))
        .route("/v1/admin/users/{id}/suspend", post(suspend))
        .route("/v1/admin/users/{id}/restore", post(restore))
        .route("/v1/admin/users/{id}/delete", post(delete))
        .route("/v1/admin/users/{id}/keep", post(keep))
        .route("/v1/admin/coaches", get(applications))
        .route("/v1/admin/coaches/{id}/approve", post(decides(CoachCause::Approve)))
        .route("/v1/admin/coaches/{id}/reject", post(decides(CoachCause::Reject)))
        .route("/v1/admin/coaches/{id}/suspend", post(decides(CoachCause::Suspend)))
        .route("/v1/admin/coaches/{id}/restore", post(decides(CoachCause::Restore)))
}

/// Suspending is for moderators, too.
fn as_moderator(caller: &Caller) -> Result<()> {
    if caller.roles.has(Role::Moderator) { Ok(()) } else { as_admin(caller) }
}

async fn state_of(accounts: &Accounts, user_id: UserId) -> Outcome<AccountState> {
    let status = accounts.status(user_id).await?.ok_or(Refusal::NoSuchPerson);
    let status = status.map_err(protocol::Error::from)?;
    Ok(Json(AccountState { user_id, status: status.word().to_owned() }))
}

async fn state(accounts: Service, caller: Caller, id: Path<UserId>) -> Outcome<AccountState> {
    as_moderator(&caller)?;
    state_of(&accounts, id.0).await
}

async fn suspend(
    accounts: Service,
    caller: Caller,
    id: Path<UserId>,
    body: Body<Reason>,
) -> Outcome<AccountState> {
    as_moderator(&caller)?;
    let note = body.0.note.as_deref().map(model::note).transpose();
    let note = note.map_err(protocol::Error::from)?.filter(|note| !note.is_empty());
    accounts.suspend_for(id.0, note.as_deref()).await?;
    state_of(&accounts, id.0).await
}

async fn restore(accounts: Service, caller: Caller, id: Path<UserId>) -> Outcome<AccountState> {
    as_moderator(&caller)?;
    accounts.restore(id.0).await?;
    state_of(&accounts, id.0).await
}

async fn delete(accounts: Service, caller: Caller, id: Path<UserId>) -> Outcome<AccountState> {
    as_admin(&caller)?;
    accounts.request_deletion(id.0).await?;
    state_of(&accounts, id.0).await
}

async fn keep(accounts: Service, caller: Caller, id: Path<UserId>) -> Outcome<AccountState> {
    as_admin(&caller)?;
    accounts.keep(id.0).await?;
    state_of(&accounts, id.0).await
}

async fn applications(
    accounts: Service,
    caller: Caller,
    list: Query<ListApplications>,
) -> Outcome<Applications> {
    Ok(Json(accounts.applications(&caller, list.0).await?))
}

async fn decide(
    accounts: Service,
    caller: Caller,
    user_id: UserId,
    cause: CoachCause,
    reason: Reason,
) -> Outcome<Application> {
    let note = reason.note.as_deref();
    Ok(Json(accounts.decide_coach(&caller, user_id, cause, note).await?))
}

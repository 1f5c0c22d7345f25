//! `/v1/payments…`, `/v1/plans…`, `/v1/products…`, `/v1/subscriptions…` and the provider's news.

use super::{Payments, as_admin};
use crate::auth::Caller;
use crate::idempotency::Key;
use crate::problem::{Body, Outcome, Problem};
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use bytes::Bytes;
use protocol::payments as wire;
use protocol::session::Done;
use protocol::{PaymentId, PlanId, ProductId, SubscriptionId, UserId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

type Service = State<Arc<Payments>>;

/// The header that signs an event.
const SIGNATURE: &str = "stripe-signature";

/// Which payments.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct ListPayments {
    /// For admins: whose.
    #[serde(default)]
    pub(super) user_id: Option<UserId>,
    #[serde(default)]
    pub(super) after: Option<String>,
    #[serde(default)]
    pub(super) limit: Option<u32>,
}

impl Payments {
    /// All routes of this feature. The router around it carries the authenticator.
    pub fn routes(self: Arc<Self>) -> Router {
        Router::new()
            .route("/v1/payments", get(list).post(buy))
            .route("/v1/payments/{id}", get(payment))
            .route("/v1/payments/{id}/confirm", post(confirm))
            .route("/v1/payments/{id}/cancel", post(cancel))
            .route("/v1/payments/{id}/refund", post(refund))
            .route("/v1/plans", get(plans).post(create_plan))
            .route("/v1/plans/{id}", patch(update_plan))
            .route("/v1/products", get(products).post(create_product))
            .route("/v1/products/{id}", patch(update_product))
            .route("/v1/subscriptions", get(subscriptions).post(subscribe))
            .route("/v1/subscriptions/{id}", get(subscription))
            .route("/v1/subscriptions/{id}/cancel", post(cancel_subscription))
            .route("/v1/subscriptions/{id}/resume", post(resume_subscription))
            .route("/v1/webhooks/{provider}", post(hear))
            .with_state(self)
    }
}

async fn list(of: Service, caller: Caller, list: Query<ListPayments>) -> Outcome<wire::Payments> {
    Ok(Json(of.list(&caller, list.0).await?))
}

async fn buy(
    of: Service,
    caller: Caller,
    key: Key,
    body: Body<wire::Buy>,
) -> Outcome<wire::Payment> {
    let run = |_| of.buy(&caller, body.0.clone());
    Ok(Json(of.keys.once(caller.user_id, &key, "payments", &body.0, run).await?))
}

async fn payment(of: Service, caller: Caller, id: Path<PaymentId>) -> Outcome<wire::Payment> {
    Ok(Json(of.get(&caller, id.0).await?))
}

async fn confirm(
    of: Service,
    caller: Caller,
    key: Key,
    id: Path<PaymentId>,
    body: Body<wire::Confirm>,
) -> Outcome<wire::Payment> {
    let run = |_| of.confirm(&caller, id.0, &body.0);
    let asked = (id.0, &body.0);
    Ok(Json(of.keys.once(caller.user_id, &key, "payments confirm", &asked, run).await?))
}

async fn cancel(of: Service, caller: Caller, id: Path<PaymentId>) -> Outcome<wire::Payment> {
    Ok(Json(of.cancel(&caller, id.0).await?))
}

async fn refund(
    of: Service,
    caller: Caller,
    key: Key,
    id: Path<PaymentId>,
    body: Body<wire::AskRefund>,
) -> Outcome<wire::Payment> {
    as_admin(&caller)?;
    // Two clicks on a part would give it back twice.
    key.required()?;
    let run = |seed| of.refund_by_admin(&caller, id.0, body.0.clone(), seed);
    let asked = (id.0, &body.0);
    Ok(Json(of.keys.once(caller.user_id, &key, "payments refund", &asked, run).await?))
}

async fn plans(of: Service, caller: Caller) -> Outcome<wire::Plans> {
    Ok(Json(of.plans(&caller).await?))
}

async fn create_plan(
    of: Service,
    caller: Caller,
    key: Key,
    body: Body<wire::CreatePlan>,
) -> Outcome<wire::Plan> {
    let run = |seed| of.create_plan(&caller, body.0.clone(), seed);
    Ok(Json(of.keys.once(caller.user_id, &key, "plans", &body.0, run).await?))
}

async fn update_plan(
    of: Service,
    caller: Caller,
    id: Path<PlanId>,
    body: Body<wire::UpdatePlan>,
) -> Outcome<wire::Plan> {
    Ok(Json(of.update_plan(&caller, id.0, body.0).await?))
}

async fn products(of: Service, caller: Caller) -> Outcome<wire::Products> {
    Ok(Json(of.products(&caller).await?))
}

async fn create_product(
    of: Service,
    caller: Caller,
    key: Key,
    body: Body<wire::CreateProduct>,
) -> Outcome<wire::Product> {
    let run = |seed| of.create_product(&caller, body.0.clone(), seed);
    Ok(Json(of.keys.once(caller.user_id, &key, "products", &body.0, run).await?))
}

async fn update_product(
    of: Service,
    caller: Caller,
    id: Path<ProductId>,
    body: Body<wire::UpdateProduct>,
) -> Outcome<wire::Product> {
    Ok(Json(of.update_product(&caller, id.0, body.0).await?))
}

async fn subscriptions(of: Service, caller: Caller) -> Outcome<wire::Subscriptions> {
    Ok(Json(of.subscriptions(&caller).await?))
}

async fn subscribe(
    of: Service,
    caller: Caller,
    key: Key,
    body: Body<wire::Subscribe>,
) -> Outcome<wire::Subscribed> {
    let run = |seed| of.subscribe(&caller, body.0.clone(), seed);
    Ok(Json(of.keys.once(caller.user_id, &key, "subscriptions", &body.0, run).await?))
}

async fn subscription(
    of: Service,
    caller: Caller,
    id: Path<SubscriptionId>,
) -> Outcome<wire::Subscribed> {
    Ok(Json(of.subscription(&caller, id.0).await?))
}

async fn cancel_subscription(
    of: Service,
    caller: Caller,
    id: Path<SubscriptionId>,
    body: Body<wire::CancelSubscription>,
) -> Outcome<wire::Subscribed> {
    Ok(Json(of.cancel_subscription(&caller, id.0, body.0).await?))
}

async fn resume_subscription(
    of: Service,
    caller: Caller,
    id: Path<SubscriptionId>,
) -> Outcome<wire::Subscribed> {
    Ok(Json(of.resume_subscription(&caller, id.0).await?))
}

/// The body as it came: what is signed are its bytes.
async fn hear(
    of: Service,
    provider: Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Done>, Problem> {
    let signature = headers.get(SIGNATURE).and_then(|value| value.to_str().ok());
    of.hear(&provider.0, signature.unwrap_or_default(), &body).await?;
    Ok(Json(Done {}))
}

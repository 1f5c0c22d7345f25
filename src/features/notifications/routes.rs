//! The routes of notifications.

use super::Notifications;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use std::sync::Arc;

impl Notifications {
    /// `/v1/push/…`
    pub fn routes(self: Arc<Self>) -> Router {
        Router::new().route("/v1/push/vapid", get(vapid)).with_state(self)
    }
}

async fn vapid(notifications: State<Arc<Notifications>>) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(notifications.vapid_key()))
}

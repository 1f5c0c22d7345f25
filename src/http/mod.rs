//! The HTTP edge: what is around the routes of features.
//!
//! Owns the body limit, problems for what no route answers, the headers that keep browsers safe,
//! health, metrics and the page. Does not know what a route does. The accept loop, the upgrade to
//! a socket and TLS are [`crate::ws`]'s; it leaves the peer's address as `ConnectInfo`.

pub mod commands;
mod console;
mod health;
mod metrics;

pub use console::CSP;
pub use health::Check;
pub use metrics::Metrics;

use crate::auth::Authenticator;
use crate::problem::Problem;
use axum::extract::{DefaultBodyLimit, Extension, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, http::Uri};
use protocol::{Error, ErrorCode};
use std::sync::Arc;

/// A body, but for uploads.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// What is put behind one address.
pub struct Parts {
    /// The routes of features, in any order, and of the socket.
    pub routes: Vec<Router>,
    /// Tells who is asking.
    pub authenticator: Arc<Authenticator>,
    /// What must be well for this node to take people in.
    pub checks: Vec<Check>,
    /// What `/metrics` shows.
    pub metrics: Metrics,
}

/// The whole of what is served.
pub fn router(parts: Parts) -> Router {
    let checks: Arc<[Check]> = parts.checks.into();
    let own = Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(move || health::ready(Arc::clone(&checks))))
        .route("/metrics", get(async move || parts.metrics.render()))
        .merge(console::routes());
    parts
        .routes
        .into_iter()
        .fold(own, Router::merge)
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(Extension(parts.authenticator))
        .layer(middleware::from_fn(safe))
}

async fn not_found() -> Problem {
    crate::error::not_found("page").into()
}

async fn not_allowed() -> Response {
    let error = Error::new(ErrorCode::UnknownMethod, "This address does not take that method.");
    Problem::from(error).with_status(StatusCode::METHOD_NOT_ALLOWED).into_response()
}

/// Headers for browsers. A handler's own stay.
async fn safe(request: Request, next: Next) -> Response {
    let is_private = is_private(request.uri());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, header::X_FRAME_OPTIONS, "DENY");
    set(headers, header::REFERRER_POLICY, "no-referrer");
    set(headers, header::CONTENT_SECURITY_POLICY, CSP);
    if is_private {
        set(headers, header::CACHE_CONTROL, "no-store");
    }
    response
}

/// Answers of the API are for the one who asked.
fn is_private(uri: &Uri) -> bool {
    uri.path().starts_with("/v1/")
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.entry(name).or_insert(HeaderValue::from_static(value));
}

//! `/healthz`: the process runs. `/readyz`: it may be given people, and if not, why.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::future::{BoxFuture, join_all};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// A check that takes longer is not well.
const CHECK_TIMEOUT_MS: u64 = 2_000;

/// One thing that must be well.
#[derive(Clone)]
pub struct Check {
    name: &'static str,
    /// While it is not well, nobody is refused.
    degrades: bool,
    probe: Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>,
}

impl Check {
    /// A named check. What it says when it is not well stands on a page that anybody may read.
    pub fn new<F, P>(name: &'static str, probe: P) -> Self
    where
        P: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self { name, degrades: false, probe: Arc::new(move || Box::pin(probe())) }
    }

    /// The same of a thing whose loss makes the node slower or less sure, not unready.
    pub fn degrading<F, P>(name: &'static str, probe: P) -> Self
    where
        P: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self { degrades: true, ..Self::new(name, probe) }
    }
}

#[derive(Serialize)]
struct Report {
    ready: bool,
    checks: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    name: &'static str,
    ok: bool,
    /// Not well, and people are taken in all the same.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    degraded: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    says: Option<String>,
}

pub(super) async fn alive() -> &'static str {
    "ok\n"
}

pub(super) async fn ready(checks: Arc<[Check]>) -> Response {
    let limit = Duration::from_millis(CHECK_TIMEOUT_MS);
    let lines = checks.iter().map(|check| async move {
        let outcome = timeout(limit, (check.probe)()).await;
        let says = outcome.unwrap_or_else(|_| Err("no answer in time".to_owned())).err();
        let ok = says.is_none();
        Line { name: check.name, ok, degraded: check.degrades && !ok, says }
    });
    let checks = join_all(lines).await;
    let ready = checks.iter().all(|line| line.ok || line.degraded);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Report { ready, checks })).into_response()
}

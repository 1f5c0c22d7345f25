//! `/healthz`: the process runs. `/readyz`: it may be given people, and if not, why; and what is
//! not well although it may.

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

/// One thing that should be well.
#[derive(Clone)]
pub struct Check {
    name: &'static str,
    required: bool,
    probe: Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>,
}

impl Check {
    /// A named check. What it says when it is not well stands on a page that anybody may read.
    pub fn new<F, P>(name: &'static str, probe: P) -> Self
    where
        P: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self { name, required: true, probe: Arc::new(move || Box::pin(probe())) }
    }

    /// The same, of something without which the node still serves people, if less well.
    #[must_use]
    pub fn degrading(self) -> Self {
        Self { required: false, ..self }
    }
}

#[derive(Serialize)]
struct Report {
    ready: bool,
    degraded: bool,
    checks: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    name: &'static str,
    ok: bool,
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
        let line = Line { name: check.name, ok: says.is_none(), says };
        (check.required, line)
    });
    let lines = join_all(lines).await;
    let ready = lines.iter().all(|(required, line)| line.ok || !required);
    let checks: Vec<Line> = lines.into_iter().map(|(_, line)| line).collect();
    let degraded = !checks.iter().all(|line| line.ok);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Report { ready, degraded, checks })).into_response()
}

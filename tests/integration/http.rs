//! The HTTP edge around the routes: problems, headers, health, metrics, the page.

use crate::door::{Door, START_AT, settings};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use protocol::ErrorCode;
use sanctuary::clock::Clock;
use sanctuary::http::{CSP, Check};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::tempdir;

#[tokio::test]
async fn what_no_route_answers_is_a_problem_too() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let answer = door.get("/v1/nothing").await;
    assert_eq!((answer.status, answer.code()), (StatusCode::NOT_FOUND, ErrorCode::NotFound));
    let answer = door.get("/v1/auth/login").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.code(), ErrorCode::UnknownMethod);
    assert_eq!(answer.headers[header::ALLOW], "POST");
    let problem = door.try_login("anna", "x").await.problem();
    assert_eq!(problem.kind, "urn:sanctuary:error:unauthenticated");
    assert_eq!(problem.title, "Unauthorized");
}

#[tokio::test]
async fn every_answer_keeps_browsers_safe() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    for path in ["/", "/app.js", "/nothing", "/v1/me", "/healthz"] {
        let answer = door.get(path).await;
        assert_eq!(answer.headers[header::CONTENT_SECURITY_POLICY], CSP, "{path}");
        assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(answer.headers[header::X_FRAME_OPTIONS], "DENY");
        assert_eq!(answer.headers[header::REFERRER_POLICY], "no-referrer");
    }
    assert_eq!(door.get("/v1/me").await.headers[header::CACHE_CONTROL], "no-store");
    assert!(CSP.starts_with("default-src 'self';") && !CSP.contains("unsafe"));
}

#[tokio::test]
async fn the_page_is_served_and_known_files_are_not_sent_again() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/index.html", "text/html; charset=utf-8"),
        ("/app.js", "text/javascript; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/sanctuary.js", "text/javascript; charset=utf-8"),
    ] {
        let answer = door.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.headers[header::CONTENT_TYPE], content_type, "{path}");
        assert!(!answer.body.is_empty());
        let etag = answer.headers[header::ETAG].clone();
        let request = Request::get(path).header(header::IF_NONE_MATCH, &etag);
        let again = door.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
        assert_eq!(again.headers[header::ETAG], etag);
    }
}

#[tokio::test]
async fn readiness_says_what_is_not_well() {
    let folder = tempdir().unwrap();
    let well = Arc::new(AtomicBool::new(true));
    let disk = Arc::clone(&well);
    let checks = vec![
        Check::new("clock", || async { Ok(()) }),
        Check::new("store", move || {
            let well = disk.load(Ordering::SeqCst);
            async move { if well { Ok(()) } else { Err("writes fail".to_owned()) } }
        }),
    ];
    let clock = Clock::manual(START_AT);
    let door = Door::open_with(folder.path(), settings(), clock, checks).await;
    assert_eq!(door.get("/healthz").await.status, StatusCode::OK);
    let ready: Value = door.get("/readyz").await.good();
    assert_eq!(ready["ready"], true);
    well.store(false, Ordering::SeqCst);
    let answer = door.get("/readyz").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        serde_json::from_slice::<Value>(&answer.body).unwrap(),
        json!({
            "ready": false,
            "checks": [
                { "name": "clock", "ok": true },
                { "name": "store", "ok": false, "says": "writes fail" },
            ],
        })
    );
    assert_eq!(door.get("/healthz").await.status, StatusCode::OK, "alive is another question");
}

#[tokio::test]
async fn metrics_are_text_for_prometheus() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let answer = door.get("/metrics").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "text/plain; version=0.0.4");
}

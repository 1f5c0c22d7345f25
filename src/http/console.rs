//! The page: static files, embedded in the binary, so that one file is the whole server.

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// What the page may load and call: this server, and nothing else. Script comes from files only.
pub const CSP: &str = "default-src 'self'; connect-src 'self' ws: wss:; object-src 'none'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

struct File {
    path: &'static str,
    body: &'static [u8],
}

macro_rules! console {
    ($($name:literal)*) => {
        &[$(File { path: concat!("/", $name), body: include_bytes!(concat!("../console/", $name)) }),*]
    };
}

const FILES: &[File] = console! {
    "account.js"
    "app.js"
    "applying.js"
    "aside.js"
    "bell.js"
    "board.js"
    "coaching.js"
    "composer.js"
    "conversations.js"
    "counts.js"
    "desk.js"
    "desks.js"
    "devices.js"
    "directory.js"
    "doors.js"
    "element.js"
    "exchange.js"
    "favicon.svg"
    "groups.js"
    "handover.js"
    "help.js"
    "history.js"
    "home.js"
    "inbox.js"
    "index.html"
    "message.js"
    "news.js"
    "notices.js"
    "offering.js"
    "offers.js"
    "people.css"
    "people.js"
    "person.js"
    "practice.js"
    "privacy.js"
    "push-worker.js"
    "push.js"
    "rating.js"
    "requests.js"
    "self.js"
    "serving.js"
    "session.js"
    "shell.js"
    "stranger.js"
    "style.css"
    "support.css"
    "support.js"
    "talk.js"
    "talks.js"
    "telling.js"
    "thread.js"
    "times.js"
    "training.js"
    "welcome.js"
    "words.account.en.js"
    "words.en.js"
    "words.exchange.en.js"
    "words.notices.en.js"
    "words.people.en.js"
    "words.support.en.js"
};

/// Files from elsewhere, and the page's own address.
const OTHERS: &[File] = &[
    File { path: "/", body: include_bytes!("../console/index.html") },
    File { path: "/sanctuary.js", body: include_bytes!("../../protocol/js/sanctuary.js") },
];

pub(super) fn routes() -> Router {
    FILES.iter().chain(OTHERS).fold(Router::new(), |router, file| {
        let etag: Arc<str> = etag_of(file.body).into();
        let serve = move |headers: HeaderMap| {
            let etag = Arc::clone(&etag);
            async move { answer(file, &etag, &headers) }
        };
        router.route(file.path, get(serve))
    })
}

fn answer(file: &'static File, etag: &str, headers: &HeaderMap) -> Response {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let caching = [(header::ETAG, etag), (header::CACHE_CONTROL, "no-cache")];
    if known.is_some_and(|known| is_match(known, etag)) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    let content_type = [(header::CONTENT_TYPE, content_type(file.path))];
    (caching, content_type, file.body).into_response()
}

/// `If-None-Match` (RFC 9110 §13.1.2): any of a list, weak or not, or a star.
fn is_match(known: &str, etag: &str) -> bool {
    known
        .split(',')
        .map(str::trim)
        .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag)
}

fn etag_of(body: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(body).into();
    let start = digest.first_chunk().copied().map_or(0, u64::from_be_bytes);
    format!("\"{start:016x}\"")
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => "text/html; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_console_is_embedded() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/console");
        let mut there: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| format!("/{}", entry.unwrap().file_name().to_str().unwrap()))
            .collect();
        there.sort();
        let embedded: Vec<&str> = FILES.iter().map(|file| file.path).collect();
        assert_eq!(embedded, there, "the list in console.rs, in the order of names");
    }

    #[test]
    fn a_known_etag_matches() {
        for (known, wanted) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
        ] {
            assert_eq!(is_match(known, "\"a\""), wanted, "{known}");
        }
    }
}

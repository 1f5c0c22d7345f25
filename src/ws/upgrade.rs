//! `GET /v1/socket`: from a request to a socket (RFC 6455 §4).

use super::Edge;
use super::stream::Stream;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, RETRY_AFTER,
    SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use axum::http::{Method, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use protocol::Format;
use std::sync::Arc;
use tungstenite::handshake::derive_accept_key;

/// Whoever is refused while the node goes down may try elsewhere after so many seconds.
const RETRY_AFTER_S: &str = "1";

/// Why there is no socket.
#[derive(Debug, PartialEq, Eq)]
struct NoSocket(StatusCode, &'static str);

/// What a good request asks for.
#[derive(Debug, PartialEq, Eq)]
struct Handshake {
    format: Format,
    /// The client named the subprotocol.
    named: bool,
    accept: String,
    bearer: Option<Arc<str>>,
}

pub(super) async fn upgrade(State(edge): State<Arc<Edge>>, mut request: Request) -> Response {
    let checked = check(&request, &edge.config.origins);
    let handshake = match checked {
        Ok(_) if edge.is_draining() => {
            let why = "This node is going down; another one takes you in.";
            let retry_after = [(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S))];
            return (StatusCode::SERVICE_UNAVAILABLE, retry_after, why).into_response();
        }
        Ok(handshake) => handshake,
        Err(NoSocket(status, why)) => {
            let mut response = (status, why).into_response();
            if status == StatusCode::UPGRADE_REQUIRED {
                let headers = response.headers_mut();
                headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
                headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            }
            return response;
        }
    };
    let response = switching(&handshake);
    let on_upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(take_over(edge, on_upgrade, handshake));
    response
}

fn switching(handshake: &Handshake) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&handshake.accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    if handshake.named {
        let name = HeaderValue::from_static(handshake.format.subprotocol());
        headers.insert(SEC_WEBSOCKET_PROTOCOL, name);
    }
    response
}

/// After the 101 the stream is ours, without hyper's buffers around it.
async fn take_over(edge: Arc<Edge>, on_upgrade: OnUpgrade, handshake: Handshake) {
    match on_upgrade.await.map(Upgraded::downcast::<TokioIo<Stream>>) {
        Ok(Ok(parts)) => {
            let socket = parts.io.into_inner();
            edge.accept(socket, handshake.format, handshake.bearer, &parts.read_buf);
        }
        Ok(Err(_)) => tracing::error!("an upgraded stream is not one of ours"),
        Err(error) => tracing::debug!(%error, "an upgrade was not completed"),
    }
}

fn check(request: &Request, origins: &[String]) -> Result<Handshake, NoSocket> {
    let bad = |why| Err(NoSocket(StatusCode::BAD_REQUEST, why));
    let headers = request.headers();
    if request.method() != Method::GET || request.version() != Version::HTTP_11 {
        return bad("A WebSocket begins with GET and HTTP/1.1.");
    }
    if !has_token(headers, &CONNECTION, "upgrade") || !has_token(headers, &UPGRADE, "websocket") {
        return bad("This is a WebSocket: connect with a WebSocket client.");
    }
    if text(headers, &SEC_WEBSOCKET_VERSION) != Some("13") {
        return Err(NoSocket(StatusCode::UPGRADE_REQUIRED, "Only WebSocket version 13."));
    }
    let key = text(headers, &SEC_WEBSOCKET_KEY).unwrap_or_default();
    if STANDARD.decode(key).as_ref().map_or(0, Vec::len) != 16 {
        return bad("Sec-WebSocket-Key is not 16 bytes in base64.");
    }
    if !origin_allowed(headers, origins) {
        return Err(NoSocket(StatusCode::FORBIDDEN, "This origin is not allowed."));
    }
    let Some((format, named)) = subprotocol(headers) else {
        return bad("None of the subprotocols is known.");
    };
    let accept = derive_accept_key(key.as_bytes());
    Ok(Handshake { format, named, accept, bearer: bearer(headers) })
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// The members of a header that is a list, over all its lines.
fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).into_iter();
    lines.filter_map(|value| value.to_str().ok()).flat_map(|line| line.split(',').map(str::trim))
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|other| other.eq_ignore_ascii_case(token))
}

/// The client's first choice of those we know.
fn subprotocol(headers: &HeaderMap) -> Option<(Format, bool)> {
    if !headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
        return Some((Format::Json, false));
    }
    let ours = [Format::Json, Format::MessagePack];
    tokens(headers, &SEC_WEBSOCKET_PROTOCOL)
        .find_map(|name| ours.into_iter().find(|format| format.subprotocol() == name))
        .map(|format| (format, true))
}

fn bearer(headers: &HeaderMap) -> Option<Arc<str>> {
    let (scheme, token) = text(headers, &AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Arc::from(token.trim()))
}

/// Browsers send the page's origin; others send none.
fn origin_allowed(headers: &HeaderMap, allowed: &[String]) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    if allowed.iter().any(|other| other == "*" || other.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let Some((scheme, theirs)) = origin.split_once("://") else { return false };
    let port = match scheme {
        "https" => ":443",
        _ => ":80",
    };
    let bare = |host: &str| host.strip_suffix(port).unwrap_or(host).to_ascii_lowercase();
    text(headers, &HOST).is_some_and(|ours| bare(ours) == bare(theirs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(change: impl FnOnce(&mut HeaderMap)) -> Request {
        let mut request = Request::new(Body::empty());
        for (name, value) in [
            ("host", "chat.example.com"),
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            request.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        change(request.headers_mut());
        request
    }

    fn with(name: &'static str, value: &'static str) -> Result<Handshake, NoSocket> {
        let request = request(|headers| {
            headers.insert(name, HeaderValue::from_static(value));
        });
        check(&request, &["https://app.example.org".to_owned()])
    }

    fn status(result: Result<Handshake, NoSocket>) -> Option<u16> {
        result.err().map(|NoSocket(status, _)| status.as_u16())
    }

    #[test]
    fn subprotocols_are_negotiated() {
        let chosen = |offer| with("sec-websocket-protocol", offer).map(|h| (h.format, h.named));
        let plain = check(&request(|_| {}), &[]).map(|h| (h.format, h.named));
        assert_eq!(plain, Ok((Format::Json, false)));
        assert_eq!(chosen("sanctuary.v1.json"), Ok((Format::Json, true)));
        assert_eq!(
            chosen("graphql-ws, sanctuary.v1.msgpack, sanctuary.v1.json"),
            Ok((Format::MessagePack, true))
        );
        assert_eq!(status(with("sec-websocket-protocol", "graphql-ws")), Some(400));
        assert_eq!(status(with("sec-websocket-protocol", "")), Some(400));
    }

    #[test]
    fn what_is_no_handshake_is_refused() {
        assert_eq!(status(with("sec-websocket-version", "8")), Some(426));
        assert_eq!(status(with("upgrade", "h2c")), Some(400));
        assert_eq!(status(with("connection", "keep-alive")), Some(400));
        assert_eq!(status(with("sec-websocket-key", "c2hvcnQ=")), Some(400));
        for name in ["sec-websocket-key", "upgrade", "connection"] {
            let request = request(|headers| {
                headers.remove(name);
            });
            assert_eq!(status(check(&request, &[])), Some(400), "{name}");
        }
    }

    #[test]
    fn origins_are_the_same_host_or_listed() {
        for good in [
            "https://chat.example.com",
            "https://CHAT.example.com:443",
            "http://chat.example.com:80",
            "https://app.example.org",
        ] {
            assert_eq!(status(with("origin", good)), None, "{good}");
        }
        for bad in [
            "https://chat.example.com:8443",
            "https://chat.example.com.evil.org",
            "http://app.example.org",
            "null",
            "",
        ] {
            assert_eq!(status(with("origin", bad)), Some(403), "{bad}");
        }
        let all = request(|headers| {
            headers.insert("origin", HeaderValue::from_static("null"));
        });
        assert!(check(&all, &["*".to_owned()]).is_ok());
    }

    #[test]
    fn the_bearer_token_is_kept() {
        let bearer = |value| with("authorization", value).ok().and_then(|h| h.bearer);
        assert_eq!(bearer("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(bearer("bearer  abc").as_deref(), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
    }
}

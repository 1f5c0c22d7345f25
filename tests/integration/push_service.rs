//! Stand-ins for what pushes go to: push services that remember and answer as they are told, and a
//! browser that can read what it gets.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::notifications::{Register, Service};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use web_push_native::p256::SecretKey;
use web_push_native::p256::elliptic_curve::sec1::ToEncodedPoint as _;

/// A request that came.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Default)]
struct Inner {
    got: Mutex<Vec<Got>>,
    answers: Mutex<VecDeque<(u16, &'static str, String)>>,
}

/// A service. Answers 201 where it was told nothing else.
#[derive(Clone)]
pub(crate) struct PushService {
    pub(crate) address: SocketAddr,
    inner: Arc<Inner>,
}

async fn take(
    State(inner): State<Arc<Inner>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, [(&'static str, &'static str); 1], String) {
    inner.got.lock().unwrap().push(Got { path: uri.path().to_owned(), headers, body });
    let answer = inner.answers.lock().unwrap().pop_front();
    let (status, retry_after, body) = answer.unwrap_or((201, "0", String::new()));
    (StatusCode::from_u16(status).unwrap(), [("retry-after", retry_after)], body)
}

impl PushService {
    pub(crate) async fn start() -> Self {
        let inner = Arc::new(Inner::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(take).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, inner }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What the next request is answered with.
    pub(crate) fn answers(&self, status: u16, retry_after: &'static str, body: &str) {
        self.inner.answers.lock().unwrap().push_back((status, retry_after, body.to_owned()));
    }

    /// What came since the last call.
    pub(crate) fn take(&self) -> Vec<Got> {
        std::mem::take(&mut *self.inner.got.lock().unwrap())
    }
}

/// A browser with a subscription.
pub(crate) struct Browser {
    secret: SecretKey,
    auth: [u8; 16],
    endpoint: String,
}

impl Browser {
    pub(crate) fn new(service: &PushService, name: &str) -> Self {
        let secret = SecretKey::from_slice(&[7; 32]).unwrap();
        Self { secret, auth: [9; 16], endpoint: format!("{}/send/{name}", service.url()) }
    }

    pub(crate) fn subscription(&self) -> Register {
        let public = self.secret.public_key().to_encoded_point(false);
        Register {
            kind: Service::Web,
            endpoint: Some(self.endpoint.clone()),
            p256dh: Some(URL_SAFE_NO_PAD.encode(public.as_bytes())),
            auth: Some(URL_SAFE_NO_PAD.encode(self.auth)),
            token: None,
        }
    }

    /// What a push says.
    pub(crate) fn read(&self, got: &Got) -> serde_json::Value {
        let auth = web_push_native::Auth::from(self.auth);
        let plain = web_push_native::decrypt(got.body.to_vec(), &self.secret, &auth).unwrap();
        serde_json::from_slice(&plain).unwrap()
    }
}

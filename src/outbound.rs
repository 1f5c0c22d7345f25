//! Requests of ours to servers of others: small, bounded, and not into our own network.
//!
//! An address that a person gave may name a machine behind our own walls. [`Client::guarded`]
//! goes to public addresses only, over TLS, and looks at the address that it connects to, not at
//! the name, so a name that means another machine a moment later doesn't help. It follows no
//! redirect. [`Client::trusted`] is for addresses out of the settings.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::HeaderMap;
use hyper::{Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};
use std::time::Duration;

/// From the request to the end of the answer.
pub const REQUEST_TIMEOUT_MS: u64 = 10_000;
/// To a connection.
const CONNECT_TIMEOUT_MS: u64 = 5_000;
/// What is read of an answer.
pub const ANSWER_BYTES_MAX: usize = 64 * 1_024;
/// Connections to one server that are kept for later.
const IDLE_PER_HOST_MAX: usize = 4;
/// They are kept for so long.
const IDLE_MS: u64 = 60_000;

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, at most [`ANSWER_BYTES_MAX`].
    pub body: Bytes,
}

/// Why there is no answer. Names no address.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// It goes where nothing of ours goes.
    #[error("the address is not one that we send to")]
    Forbidden,
    /// No connection, or it broke.
    #[error("the server could not be reached")]
    Unreachable,
    /// It took too long.
    #[error("the server did not answer in time")]
    TimedOut,
    /// More than [`ANSWER_BYTES_MAX`].
    #[error("the answer is too large, or broke off")]
    Answer,
    /// The system's certificates.
    #[error("there are no certificates to trust: {0}")]
    Certificates(io::Error),
}

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    pool: Pool<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
    /// Public addresses over TLS only.
    guarded: bool,
}

impl Client {
    /// For addresses that people gave.
    pub fn guarded() -> Result<Self, Failed> {
        Self::new(true)
    }

    /// For addresses out of the settings.
    pub fn trusted() -> Result<Self, Failed> {
        Self::new(false)
    }

    fn new(guarded: bool) -> Result<Self, Failed> {
        let mut connector = HttpConnector::new_with_resolver(Resolver { guarded });
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(Duration::from_millis(CONNECT_TIMEOUT_MS)));
        connector.set_nodelay(true);
        let provider = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider();
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider)
            .map_err(Failed::Certificates)?
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(connector);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_millis(IDLE_MS))
            .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
            .build(connector);
        Ok(Self { pool, guarded })
    }

    /// Sends a request, and reads the answer.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, Failed> {
        if self.guarded && !may_go(request.uri()) {
            return Err(Failed::Forbidden);
        }
        let limit = Duration::from_millis(REQUEST_TIMEOUT_MS);
        let exchange = async {
            let answer = self.pool.request(request).await.map_err(|_| Failed::Unreachable)?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|_| Failed::Answer)?.to_bytes();
            Ok(Answer { status: head.status, headers: head.headers, body })
        };
        tokio::time::timeout(limit, exchange).await.unwrap_or(Err(Failed::TimedOut))
    }
}

/// Whether an address is one that a guarded client may go to, as far as its text says: https, a
/// host, and no address of a network that is not public.
pub fn may_go(uri: &Uri) -> bool {
    let Some(host) = uri.host() else { return false };
    let named = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    // A name is looked at when it is resolved.
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    uri.scheme_str() == Some("https") && named && literal.map_or(true, is_public)
}

/// Whether an address is of the public internet.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// IANA's registry of special addresses (RFC 6890 and later).
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_unspecified()
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        // Shared by carriers, of protocols, 6to4 relays, benchmarks, reserved.
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b))
        || a >= 240;
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let embedded = address.to_ipv4_mapped().or_else(|| nat64(address));
    if let Some(embedded) = embedded {
        return is_public_v4(embedded);
    }
    let [first, second, ..] = address.segments();
    // Of what is given out (2000::/3), without Teredo and its neighbours, documentation and 6to4.
    let given = first & 0xe000 == 0x2000;
    given
        && !(first == 0x2001 && second < 0x0200)
        && !(first == 0x2001 && second == 0x0db8)
        && first != 0x2002
        && !(first == 0x3fff && second < 0x1000)
}

/// `64:ff9b::/96` (RFC 6052).
fn nat64(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = address.segments() else { return None };
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Some(Ipv4Addr::new(a, b, c, d))
}

/// Looks a name up, and leaves out what is not public.
#[derive(Clone)]
struct Resolver {
    guarded: bool,
}

impl tower::Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = BoxFuture<'static, Result<Self::Response, io::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let guarded = self.guarded;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> =
                found.filter(|address| !guarded || is_public(address.ip())).collect();
            if allowed.is_empty() {
                return Err(io::Error::other("no public address"));
            }
            Ok(allowed.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for text in ["9.9.9.9", "100.63.255.255", "172.32.0.1", "2620:fe::fe", "64:ff9b::909:909"] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "fc00::1",
            "fe80::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:a00:1::1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn a_guarded_address_is_https_and_not_ours() {
        for (text, wanted) in [
            ("https://push.example.org/a?b=c", true),
            ("https://9.9.9.9/a", true),
            ("http://push.example.org/a", false),
            ("https://127.0.0.1/a", false),
            ("https://[::1]:8443/a", false),
            ("https://user@push.example.org/a", false),
            ("/a", false),
        ] {
            assert_eq!(may_go(&text.parse().unwrap()), wanted, "{text}");
        }
    }

    #[tokio::test]
    async fn a_name_that_means_this_machine_is_not_connected_to() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let request = Request::post(format!("https://localhost:{port}/")).body(Full::default());
        let outcome = Client::guarded().unwrap().send(request.unwrap()).await;
        assert!(matches!(outcome, Err(Failed::Unreachable)), "{outcome:?}");
    }
}

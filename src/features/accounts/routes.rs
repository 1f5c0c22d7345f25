//! The routes of accounts.

use super::{Accounts, Origin};
use crate::auth::{Caller, Jwks};
use crate::problem::{Body, Outcome};
use axum::extract::{ConnectInfo, FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use protocol::accounts::{Login, Me, RefreshToken, Register, Tokens};
use protocol::session::Done;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

type Service = State<Arc<Accounts>>;

impl Accounts {
    /// `/v1/auth/…`, `/v1/me` and the keys that tokens are checked with. The router around it
    /// carries the authenticator, and the accept loop the peer's address as [`ConnectInfo`].
    pub fn routes(self: Arc<Self>) -> Router {
        Router::new()
            .route("/v1/auth/register", post(register))
            .route("/v1/auth/login", post(login))
            .route("/v1/auth/refresh", post(refresh))
            .route("/v1/auth/logout", post(logout))
            .route("/v1/auth/logout-all", post(logout_all))
            .route("/v1/me", get(me))
            .route("/.well-known/jwks.json", get(jwks))
            .with_state(self)
    }
}

async fn register(accounts: Service, from: Origin, body: Body<Register>) -> Outcome<Tokens> {
    Ok(Json(accounts.register(&from, body.0).await?))
}

async fn login(accounts: Service, from: Origin, body: Body<Login>) -> Outcome<Tokens> {
    Ok(Json(accounts.login(&from, body.0).await?))
}

async fn refresh(accounts: Service, body: Body<RefreshToken>) -> Outcome<Tokens> {
    Ok(Json(accounts.0.refresh(body.0).await?))
}

async fn logout(accounts: Service, body: Body<RefreshToken>) -> Outcome<Done> {
    Ok(Json(accounts.logout(body.0).await?))
}

async fn logout_all(accounts: Service, caller: Caller) -> Outcome<Done> {
    Ok(Json(accounts.logout_all(&caller).await?))
}

async fn me(accounts: Service, caller: Caller) -> Outcome<Me> {
    Ok(Json(accounts.me(&caller).await?))
}

async fn jwks(accounts: Service) -> impl IntoResponse {
    let jwks: Jwks = accounts.tokens.keys().jwks();
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(jwks))
}

impl FromRequestParts<Arc<Accounts>> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        accounts: &Arc<Accounts>,
    ) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip());
        let forwarded = accounts.settings.trust_proxy.then(|| forwarded_for(&parts.headers));
        let device = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Self {
            address: forwarded.flatten().unwrap_or(peer),
            device: device.unwrap_or_default().to_owned(),
        })
    }
}

/// The address that the nearest proxy saw: only it is known not to be made up.
fn forwarded_for(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
    last.rsplit(',').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_address_that_was_forwarded_counts() {
        for (values, wanted) in [
            (vec!["192.0.2.1"], Some("192.0.2.1")),
            (vec!["198.51.100.7, 192.0.2.1"], Some("192.0.2.1")),
            (vec!["198.51.100.7", "2001:db8::1"], Some("2001:db8::1")),
            (vec!["192.0.2.1, unknown"], None),
            (vec![], None),
        ] {
            let mut headers = HeaderMap::new();
            for value in &values {
                headers.append("x-forwarded-for", value.parse().unwrap());
            }
            let wanted = wanted.map(|text| text.parse::<IpAddr>().unwrap());
            assert_eq!(forwarded_for(&headers), wanted, "{values:?}");
        }
    }
}

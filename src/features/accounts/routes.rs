//! The routes of accounts.

use super::coaches::Search;
use super::{Accounts, Origin};
use crate::auth::{Caller, Jwks};
use crate::problem::{Body, Outcome, Problem};
use axum::extract::{ConnectInfo, FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use protocol::accounts::{
    ChangeEmail, ChangePassword, DeleteMe, Devices, ForgotPassword, Login, MailToken, Me,
    RefreshToken, Register, ResetPassword, Tokens,
};
use protocol::coaches::{Application, Apply, Coach, Coaches, UpdateCoach};
use protocol::people::UpdateProfile;
use protocol::session::Done;
use protocol::{LoginId, UserId};
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

type Service = State<Arc<Accounts>>;

impl Accounts {
    /// `/v1/auth/…`, `/v1/me…`, `/v1/coaches…`, `/v1/admin/…` and the keys that tokens are checked with. The router around it
    /// carries the authenticator, and the accept loop the peer's address as [`ConnectInfo`].
    pub fn routes(self: Arc<Self>) -> Router {
        Router::new()
            .route("/v1/auth/register", post(register))
            .route("/v1/auth/login", post(login))
            .route("/v1/auth/refresh", post(refresh))
            .route("/v1/auth/logout", post(logout))
            .route("/v1/auth/logout-all", post(logout_all))
            .route("/v1/auth/verify", post(verify))
            .route("/v1/auth/verify/send", post(send_verification))
            .route("/v1/auth/password/forgot", post(forgot_password))
            .route("/v1/auth/password/reset", post(reset_password))
            .route("/v1/auth/password/change", post(change_password))
            .route("/v1/auth/email/change", post(change_email))
            .route("/v1/auth/email/confirm", post(confirm_email))
            .route("/v1/auth/devices", get(devices))
            .route("/v1/auth/devices/{id}", delete(remove_device))
            .route("/v1/me", get(me).patch(update_me).delete(delete_me))
            .route("/v1/me/export", get(export))
            .route("/v1/me/coach", get(application).post(apply).patch(update_coach))
            .route("/v1/coaches", get(coaches))
            .route("/v1/coaches/{id}", get(coach))
            .merge(super::admin::routes())
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

async fn verify(accounts: Service, from: Origin, body: Body<MailToken>) -> Outcome<Done> {
    Ok(Json(accounts.verify_by_mail(&from, body.0).await?))
}

async fn send_verification(accounts: Service, caller: Caller, from: Origin) -> Outcome<Done> {
    Ok(Json(accounts.send_verification(&caller, &from).await?))
}

async fn forgot_password(
    accounts: Service,
    from: Origin,
    body: Body<ForgotPassword>,
) -> Outcome<Done> {
    Ok(Json(accounts.0.forgot_password(&from, body.0).await?))
}

async fn reset_password(
    accounts: Service,
    from: Origin,
    body: Body<ResetPassword>,
) -> Outcome<Done> {
    Ok(Json(accounts.reset_password(&from, body.0).await?))
}

async fn change_password(
    accounts: Service,
    caller: Caller,
    from: Origin,
    body: Body<ChangePassword>,
) -> Outcome<Done> {
    Ok(Json(accounts.change_password(&caller, &from, body.0).await?))
}

async fn change_email(
    accounts: Service,
    caller: Caller,
    from: Origin,
    body: Body<ChangeEmail>,
) -> Outcome<Done> {
    Ok(Json(accounts.change_email(&caller, &from, body.0).await?))
}

async fn confirm_email(accounts: Service, from: Origin, body: Body<MailToken>) -> Outcome<Done> {
    Ok(Json(accounts.confirm_email(&from, body.0).await?))
}

async fn devices(accounts: Service, caller: Caller) -> Outcome<Devices> {
    Ok(Json(accounts.devices(&caller).await?))
}

async fn remove_device(accounts: Service, caller: Caller, id: Path<LoginId>) -> Outcome<Done> {
    Ok(Json(accounts.remove_device(&caller, id.0).await?))
}

async fn update_me(accounts: Service, caller: Caller, body: Body<UpdateProfile>) -> Outcome<Me> {
    Ok(Json(accounts.update_me(&caller, body.0).await?))
}

async fn delete_me(
    accounts: Service,
    caller: Caller,
    from: Origin,
    body: Body<DeleteMe>,
) -> Outcome<Done> {
    Ok(Json(accounts.delete_me(&caller, &from, body.0).await?))
}

async fn export(accounts: Service, caller: Caller) -> Result<impl IntoResponse, Problem> {
    let archive = accounts.export(&caller).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/zip"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"sanctuary.zip\""),
    ];
    Ok((headers, archive))
}

async fn apply(accounts: Service, caller: Caller, body: Body<Apply>) -> Outcome<Application> {
    Ok(Json(accounts.apply(&caller, body.0).await?))
}

async fn application(accounts: Service, caller: Caller) -> Outcome<Application> {
    Ok(Json(accounts.application(&caller).await?))
}

async fn update_coach(
    accounts: Service,
    caller: Caller,
    body: Body<UpdateCoach>,
) -> Outcome<Application> {
    Ok(Json(accounts.update_coach(&caller, body.0).await?))
}

async fn coaches(accounts: Service, caller: Caller, search: Query<Search>) -> Outcome<Coaches> {
    Ok(Json(accounts.coaches(&caller, search.0).await?))
}

async fn coach(accounts: Service, caller: Caller, id: Path<UserId>) -> Outcome<Coach> {
    Ok(Json(accounts.coach(&caller, id.0).await?))
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

//! Firebase Cloud Messaging, HTTP v1. We are a service account: a signed claim is exchanged for an
//! access token (RFC 7523), which is kept until shortly before it ends.

use super::{Carrier, Letter, Outcome, PUSH_TTL_S, PushError, outcome, read};
use crate::error::{Result, internal};
use crate::features::notifications::rows::EndpointRow;
use crate::outbound::Client;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Request, StatusCode};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use protocol::Millis;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::Path;
use tokio::sync::Mutex;

const SETTING: &str = "push.fcm_key_file";
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
/// A claim is good for so long, at most an hour.
const CLAIM_S: i64 = 60 * 60;
/// A token is not used this shortly before its end.
const MARGIN_MS: Millis = 5 * 60 * 1_000;

/// A service account, as Google gives it.
#[derive(Deserialize)]
struct Account {
    project_id: String,
    client_email: String,
    private_key: String,
    token_uri: String,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
    expires_in: i64,
}

/// A token, and when it is not used any more.
struct Held {
    token: String,
    until: Millis,
}

/// See the module.
pub(super) struct Fcm {
    client: Client,
    url: String,
    account: Account,
    key: EncodingKey,
    held: Mutex<Option<Held>>,
}

impl Fcm {
    pub(super) fn open(
        client: Client,
        path: &Path,
        url: &str,
    ) -> std::result::Result<Self, PushError> {
        let wrong = || PushError::Key { setting: SETTING, path: path.to_owned() };
        let account: Account =
            serde_json::from_slice(&read(SETTING, path)?).map_err(|_| wrong())?;
        let key = EncodingKey::from_rsa_pem(account.private_key.as_bytes()).map_err(|_| wrong())?;
        let url = format!("{url}/v1/projects/{}/messages:send", account.project_id);
        Ok(Self { client, url, account, key, held: Mutex::new(None) })
    }

    /// `Err`: what becomes of the push without one.
    async fn token(&self, now: Millis) -> Result<std::result::Result<String, Outcome>> {
        let mut held = self.held.lock().await;
        if let Some(held) = held.as_ref().filter(|held| now < held.until) {
            return Ok(Ok(held.token.clone()));
        }
        let iat = now.div_euclid(1_000);
        let Account { client_email, token_uri, .. } = &self.account;
        let claims =
            Claims { iss: client_email, scope: SCOPE, aud: token_uri, iat, exp: iat + CLAIM_S };
        let claim = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &self.key)
            .map_err(|error| internal(&error))?;
        let grant = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
        let request = Request::post(token_uri)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(format!("grant_type={grant}&assertion={claim}").into()))
            .map_err(|error| internal(&error))?;
        let Ok(answer) = self.client.send(request).await else {
            return Ok(Err(Outcome::Later(None)));
        };
        let token = serde_json::from_slice::<Token>(&answer.body).ok();
        let Some(token) = token.filter(|_| answer.status.is_success()) else {
            tracing::warn!(status = answer.status.as_u16(), "Google gives no token for pushes");
            return Ok(Err(Outcome::Later(None)));
        };
        let until = now.saturating_add(token.expires_in.saturating_mul(1_000) - MARGIN_MS);
        *held = Some(Held { token: token.access_token.clone(), until });
        Ok(Ok(token.access_token))
    }

    async fn deliver(&self, to: &EndpointRow, letter: &Letter, now: Millis) -> Result<Outcome> {
        let token = match self.token(now).await? {
            Ok(token) => token,
            Err(outcome) => return Ok(outcome),
        };
        let collapse = URL_SAFE_NO_PAD.encode(letter.id.as_bytes());
        let message = json!({ "message": {
            "token": to.address,
            "notification": { "body": letter.text },
            "data": {
                "id": letter.id.to_string(),
                "kind": letter.kind.map_or("", protocol::notifications::Kind::word),
                "link": letter.link,
                "count": letter.count.to_string(),
            },
            "android": {
                "collapse_key": collapse,
                "notification": { "tag": collapse },
                "priority": if letter.is_urgent() { "HIGH" } else { "NORMAL" },
                "ttl": format!("{PUSH_TTL_S}s"),
            },
        }});
        let request = Request::post(&self.url)
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(message.to_string().into()))
            .map_err(|error| internal(&error))?;
        let outcome = outcome(self.client.send(request).await);
        if outcome == Outcome::Refused(StatusCode::UNAUTHORIZED) {
            *self.held.lock().await = None;
            return Ok(Outcome::Later(None));
        }
        Ok(outcome)
    }
}

impl Carrier for Fcm {
    fn send<'a>(
        &'a self,
        to: &'a EndpointRow,
        letter: &'a Letter,
        now: Millis,
    ) -> BoxFuture<'a, Result<Outcome>> {
        Box::pin(self.deliver(to, letter, now))
    }
}

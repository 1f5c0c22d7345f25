//! Apple's push service: HTTP/2, and a token that we sign and renew within the hour.

use super::{Carrier, Letter, Outcome, PUSH_TTL_S, PushError, outcome, read};
use crate::error::{Result, internal};
use crate::features::notifications::rows::EndpointRow;
use crate::outbound::{Answer, Client, Failed};
use futures_util::future::BoxFuture;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Request, StatusCode};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use protocol::Millis;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

const SETTING: &str = "push.apns_key_file";
/// A token is used for so long: Apple takes none older than an hour, and no newer one within
/// 20 minutes.
const TOKEN_AGE_MAX_MS: Millis = 40 * 60 * 1_000;

/// Where Apple is, and who we are there.
#[derive(Debug, Clone)]
pub struct ApnsSettings {
    /// The key, `.p8`.
    pub key_file: PathBuf,
    /// Its name.
    pub key_id: String,
    /// The team.
    pub team_id: String,
    /// The app.
    pub topic: String,
    /// Where Apple is.
    pub url: String,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    iat: i64,
}

/// What Apple says where it refuses.
#[derive(Deserialize)]
struct Reason {
    reason: String,
}

/// See the module.
pub(super) struct Apns {
    client: Client,
    settings: ApnsSettings,
    key: EncodingKey,
    held: Mutex<Option<(String, Millis)>>,
}

impl Apns {
    pub(super) fn open(
        client: Client,
        settings: &ApnsSettings,
    ) -> std::result::Result<Self, PushError> {
        let path = &settings.key_file;
        let key = EncodingKey::from_ec_pem(&read(SETTING, path)?)
            .map_err(|_| PushError::Key { setting: SETTING, path: path.clone() })?;
        Ok(Self { client, settings: settings.clone(), key, held: Mutex::new(None) })
    }

    fn token(&self, now: Millis) -> Result<String> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((token, made_at)) = held.as_ref()
            && now < made_at.saturating_add(TOKEN_AGE_MAX_MS)
        {
            return Ok(token.clone());
        }
        let header =
            Header { kid: Some(self.settings.key_id.clone()), ..Header::new(Algorithm::ES256) };
        let claims = Claims { iss: &self.settings.team_id, iat: now.div_euclid(1_000) };
        let token =
            jsonwebtoken::encode(&header, &claims, &self.key).map_err(|error| internal(&error))?;
        *held = Some((token.clone(), now));
        Ok(token)
    }

    fn forget_token(&self) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    async fn deliver(&self, to: &EndpointRow, letter: &Letter, now: Millis) -> Result<Outcome> {
        let body = json!({
            "aps": { "alert": { "body": letter.text }, "thread-id": letter.link },
            "id": letter.id.to_string(),
            "kind": letter.kind,
            "link": letter.link,
            "count": letter.count,
        });
        let seconds = i64::try_from(PUSH_TTL_S).unwrap_or(i64::MAX);
        let request = Request::post(format!("{}/3/device/{}", self.settings.url, to.address))
            .header(AUTHORIZATION, format!("bearer {}", self.token(now)?))
            .header(CONTENT_TYPE, "application/json")
            .header("apns-topic", &self.settings.topic)
            .header("apns-push-type", "alert")
            .header("apns-priority", if letter.is_urgent() { "10" } else { "5" })
            .header("apns-expiration", now.div_euclid(1_000).saturating_add(seconds))
            .header("apns-collapse-id", letter.id.to_string())
            .body(Full::new(body.to_string().into()))
            .map_err(|error| internal(&error))?;
        let answer = self.client.send(request).await;
        match reason(&answer).as_deref() {
            Some("BadDeviceToken" | "Unregistered" | "DeviceTokenNotForTopic") => Ok(Outcome::Gone),
            Some("ExpiredProviderToken") => {
                self.forget_token();
                Ok(Outcome::Later(None))
            }
            _ => Ok(outcome(answer)),
        }
    }
}

fn reason(answer: &std::result::Result<Answer, Failed>) -> Option<String> {
    let answer = answer.as_ref().ok().filter(|answer| answer.status != StatusCode::OK)?;
    Some(serde_json::from_slice::<Reason>(&answer.body).ok()?.reason)
}

impl Carrier for Apns {
    fn send<'a>(
        &'a self,
        to: &'a EndpointRow,
        letter: &'a Letter,
        now: Millis,
    ) -> BoxFuture<'a, Result<Outcome>> {
        Box::pin(self.deliver(to, letter, now))
    }
}

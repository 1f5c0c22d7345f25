//! Web push: RFC 8030 for the way, RFC 8291 for what is in it, RFC 8292 for who we are.

use super::{Carrier, Letter, Outcome, PUSH_TTL_S, outcome};
use crate::auth::{MasterKey, Seal};
use crate::clock::Clock;
use crate::error::{Result, internal};
use crate::features::notifications::rows::{self, EndpointRow, KeyRow};
use crate::outbound::Client;
use crate::store::{Change, Store};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use protocol::Millis;
use serde::Serialize;
use std::sync::Arc;
use uuid::Uuid;
use web_push_native::p256::elliptic_curve::sec1::ToEncodedPoint as _;
use web_push_native::p256::pkcs8::EncodePrivateKey as _;
use web_push_native::p256::{PublicKey, SecretKey};
use web_push_native::{Auth, encrypt};

/// A signature is good for so long (at most 24 h, RFC 8292 §2).
const SIGNED_FOR_S: i64 = 12 * 60 * 60;
/// A browser's secret (RFC 8291 §3.2).
pub(crate) const AUTH_BYTES: usize = 16;
/// A key that is drawn anew, since not every number is one.
const DRAWS_MAX: usize = 8;

/// The key by which push services know this place.
pub(crate) struct Vapid {
    signing: EncodingKey,
    /// Uncompressed, base64url: as browsers take it.
    pub(crate) public_key: String,
}

impl Vapid {
    /// The key of this deployment, made by whoever is first.
    pub(crate) async fn open(store: &Store, master: &MasterKey, clock: &Clock) -> Result<Self> {
        let seal = master.seal("push keys");
        let fresh = fresh(&seal, clock.now())?;
        let row = store
            .decide(rows::keys(), |snapshot| {
                let mut change = Change::new();
                let row = snapshot.one::<KeyRow>()?.unwrap_or_else(|| {
                    change.write(fresh.clone());
                    fresh.clone()
                });
                Ok((change, row))
            })
            .await?;
        let secret = seal
            .open(&row.public_key, &row.private_sealed)
            .and_then(|secret| SecretKey::from_slice(&secret).ok())
            .ok_or_else(|| internal(&"the master key is not the one that sealed the push key"))?;
        let der = secret.to_pkcs8_der().map_err(|error| internal(&error))?;
        Ok(Self {
            signing: EncodingKey::from_ec_der(der.as_bytes()),
            public_key: URL_SAFE_NO_PAD.encode(&row.public_key),
        })
    }

    /// The header that says to the push service at `origin` who we are.
    fn authorization(&self, origin: &str, contact: Option<&str>, now: Millis) -> Result<String> {
        #[derive(Serialize)]
        struct Claims<'a> {
            aud: &'a str,
            exp: i64,
            #[serde(skip_serializing_if = "Option::is_none")]
            sub: Option<&'a str>,
        }
        let exp = now.div_euclid(1_000) + SIGNED_FOR_S;
        let claims = Claims { aud: origin, exp, sub: contact };
        let header = Header::new(Algorithm::ES256);
        let token = jsonwebtoken::encode(&header, &claims, &self.signing)
            .map_err(|error| internal(&error))?;
        Ok(format!("vapid t={token}, k={}", self.public_key))
    }
}

fn fresh(seal: &Seal, now: Millis) -> Result<KeyRow> {
    let mut secret = None;
    for _ in 0..DRAWS_MAX {
        let bytes: [u8; 32] = crate::id::random()?;
        secret = secret.or_else(|| SecretKey::from_slice(&bytes).ok());
    }
    let secret = secret.ok_or_else(|| internal(&"no key was drawn"))?;
    let public_key = secret.public_key().to_encoded_point(false).as_bytes().to_vec();
    Ok(KeyRow {
        item: Uuid::nil(),
        private_sealed: seal.close(&public_key, &secret.to_bytes())?,
        public_key,
        created_at: now,
    })
}

/// A browser's public key, if it is one.
pub(crate) fn public_key(bytes: &[u8]) -> Option<PublicKey> {
    PublicKey::from_sec1_bytes(bytes).ok()
}

/// See the module.
pub(super) struct Web {
    client: Client,
    vapid: Arc<Vapid>,
    contact: Option<String>,
}

impl Web {
    pub(super) fn new(client: Client, vapid: Arc<Vapid>, contact: Option<String>) -> Self {
        Self { client, vapid, contact }
    }

    /// `None`: the device's address or keys are none.
    fn request(
        &self,
        to: &EndpointRow,
        letter: &Letter,
        now: Millis,
    ) -> Result<Option<Request<Full<Bytes>>>> {
        let uri: Option<hyper::Uri> = to.address.parse().ok();
        let key = to.public_key.as_deref().and_then(public_key);
        let auth = to.secret.as_deref().map(<[u8; AUTH_BYTES]>::try_from);
        let (Some(uri), Some(key), Some(Ok(auth))) = (uri, key, auth) else { return Ok(None) };
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Ok(None);
        };
        let origin = format!("{scheme}://{authority}");
        let plain = protocol::Format::Json.encode(letter);
        let body = encrypt(plain, &key, &Auth::from(auth)).map_err(|error| internal(&error))?;
        let contact = self.contact.as_deref();
        Request::post(&uri)
            .header("ttl", PUSH_TTL_S)
            .header("urgency", if letter.is_urgent() { "high" } else { "normal" })
            // The newer takes the place of what the service still holds.
            .header("topic", URL_SAFE_NO_PAD.encode(letter.id.as_bytes()))
            .header(CONTENT_ENCODING, "aes128gcm")
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(AUTHORIZATION, self.vapid.authorization(&origin, contact, now)?)
            .body(Full::new(body.into()))
            .map(Some)
            .map_err(|error| internal(&error))
    }
}

impl Carrier for Web {
    fn send<'a>(
        &'a self,
        to: &'a EndpointRow,
        letter: &'a Letter,
        now: Millis,
    ) -> BoxFuture<'a, Result<Outcome>> {
        Box::pin(async move {
            match self.request(to, letter, now)? {
                Some(request) => Ok(outcome(self.client.send(request).await)),
                None => Ok(Outcome::Gone),
            }
        })
    }
}

//! Access tokens: JSON Web Tokens (RFC 7519) signed with Ed25519 (RFC 8037). Short, and checked
//! against the account each time, so a login that ended ends them too.

use super::Roles;
use super::caller::Denied;
use super::keys::{KeyRing, TOKEN_TTL_MAX_MS};
use crate::clock::Clock;
use crate::error::{Result, internal};
use jsonwebtoken::{Algorithm, Header, Validation};
use protocol::{LoginId, Millis, UserId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Who makes our tokens: claim `iss`.
pub const ISSUER: &str = "sanctuary";
/// A longer token is not one of ours.
pub const TOKEN_BYTES_MAX: usize = 2_048;

/// Makes and checks access tokens.
pub struct AccessTokens {
    keys: Arc<KeyRing>,
    clock: Clock,
    validation: Validation,
}

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: UserId,
    lid: LoginId,
    roles: Vec<String>,
    iat: i64,
    exp: i64,
}

/// An access token and when it ends.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// The token.
    pub token: String,
    /// When it ends.
    pub expires_at: Millis,
}

/// Whom a good token names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bearer {
    /// Who.
    pub user_id: UserId,
    /// With which login.
    pub login_id: LoginId,
    /// When the token ends.
    pub expires_at: Millis,
}

impl AccessTokens {
    /// Over the keys.
    pub fn new(keys: Arc<KeyRing>, clock: Clock) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["iss", "sub", "exp"]);
        // Our own clock says what is over.
        validation.validate_exp = false;
        validation.validate_aud = false;
        Self { keys, clock, validation }
    }

    /// The keys.
    pub fn keys(&self) -> &Arc<KeyRing> {
        &self.keys
    }

    /// The token of a login, as of `issued_at`. The same arguments and key give the same token.
    pub fn issue(
        &self,
        user_id: UserId,
        login_id: LoginId,
        roles: &Roles,
        issued_at: Millis,
        ttl_ms: Millis,
    ) -> Result<Issued> {
        let iat = issued_at.div_euclid(1_000);
        let exp = iat + ttl_ms.clamp(0, TOKEN_TTL_MAX_MS) / 1_000;
        let signing = self.keys.signing();
        let header = Header { kid: Some(signing.kid), ..Header::new(Algorithm::EdDSA) };
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: user_id,
            lid: login_id,
            roles: roles.words(),
            iat,
            exp,
        };
        let token = jsonwebtoken::encode(&header, &claims, &signing.key)
            .map_err(|error| internal(&error))?;
        Ok(Issued { token, expires_at: exp * 1_000 })
    }

    /// Whom a token names, if it is one of ours and not over.
    pub async fn verify(&self, token: &str) -> std::result::Result<Bearer, Denied> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Denied::BadToken);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| Denied::BadToken)?;
        let kid = header.kid.ok_or(Denied::BadToken)?;
        let believed = self.keys.believed(&kid).await.map_err(Denied::Unknown)?;
        let key = believed.ok_or(Denied::BadToken)?.key;
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &self.validation)
            .map_err(|_| Denied::BadToken)?
            .claims;
        let expires_at = claims.exp.saturating_mul(1_000);
        if expires_at <= self.clock.now() {
            return Err(Denied::Expired);
        }
        Ok(Bearer { user_id: claims.sub, login_id: claims.lid, expires_at })
    }
}

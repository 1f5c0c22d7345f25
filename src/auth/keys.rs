//! The keys that sign access tokens: rows of the store, sealed by the master key, so that all
//! nodes agree.
//!
//! The newest key that was not retired signs. A retired one is still believed for as long as a
//! token it signed may live. A node that meets a key it does not know reads the rows again, so a
//! rotation on one node holds on all without a word between them. Two nodes that make a key at
//! the same time make two: both are good.

use super::master_key::{MasterKey, Seal};
use crate::clock::Clock;
use crate::error::{Result, internal};
use crate::store::{PlainRecord as _, Range, Store, Value, record};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use jsonwebtoken::{DecodingKey, EncodingKey};
use protocol::Millis;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// An access token lives at most this long, those of the command line included.
pub const TOKEN_TTL_MAX_MS: Millis = 7 * 24 * 60 * 60 * 1_000;
/// A key signs for this long; the next start after that makes a new one.
pub const KEY_AGE_MAX_MS: Millis = 90 * 24 * 60 * 60 * 1_000;
/// Keys are read again for an unknown `kid` at most this often.
const RELOAD_INTERVAL_MS: Millis = 1_000;
/// Keys are read again after this long in any case, so that a retired one signs no more.
const HELD_AGE_MAX_MS: Millis = 60 * 60 * 1_000;
/// Keys that are kept.
const KEYS_MAX: u32 = 100;
/// The one partition of keys.
const RING: &str = "access";

record! {
    /// See the schema.
    struct SigningKeyRow in "signing_keys" {
        ring: String,
        kid: String,
        private_sealed: Vec<u8>,
        public_key: Vec<u8>,
        created_at: i64,
        retired_at: Option<i64>,
    }
}

/// See the module.
pub struct KeyRing {
    store: Arc<Store>,
    seal: Seal,
    clock: Clock,
    held: RwLock<Arc<Held>>,
    /// Held while the rows are read again.
    reload: tokio::sync::Mutex<()>,
}

/// The keys as they were last read.
struct Held {
    signing: Signing,
    believed: HashMap<String, Believed>,
    read_at: Millis,
}

/// The key that signs.
#[derive(Clone)]
pub(super) struct Signing {
    pub(super) kid: String,
    pub(super) key: Arc<EncodingKey>,
}

/// A key whose signature is believed.
#[derive(Clone)]
pub(super) struct Believed {
    pub(super) key: Arc<DecodingKey>,
    x: String,
    until: Option<Millis>,
}

/// A JSON Web Key Set (RFC 7517) of Ed25519 keys (RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwks {
    /// The keys whose signatures are good now.
    pub keys: Vec<Jwk>,
}

/// One public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// `OKP`.
    pub kty: String,
    /// `Ed25519`.
    pub crv: String,
    /// `EdDSA`.
    pub alg: String,
    /// `sig`.
    #[serde(rename = "use")]
    pub usage: String,
    /// Its name in a token's header.
    pub kid: String,
    /// The public key, base64url.
    pub x: String,
}

impl KeyRing {
    /// The keys of a store. Makes the first one, and a new one in place of one that is old.
    pub async fn open(store: Arc<Store>, master: &MasterKey, clock: Clock) -> Result<Arc<Self>> {
        let seal = master.seal("signing keys");
        let now = clock.now();
        let mut rows = load(&store).await?;
        if newest(&rows).is_none_or(|row| row.created_at + KEY_AGE_MAX_MS <= now) {
            rows = replace(&store, &seal, now, rows).await?;
        }
        let held = RwLock::new(Arc::new(held(&seal, now, &rows)?));
        Ok(Arc::new(Self { store, seal, clock, held, reload: tokio::sync::Mutex::new(()) }))
    }

    /// Makes a new key and retires the others.
    pub async fn rotate(&self) -> Result<()> {
        let now = self.clock.now();
        let rows = load(&self.store).await?;
        let rows = replace(&self.store, &self.seal, now, rows).await?;
        self.hold(held(&self.seal, now, &rows)?);
        Ok(())
    }

    /// What others need to check our tokens.
    pub fn jwks(&self) -> Jwks {
        let now = self.clock.now();
        let held = self.held();
        let good = held.believed.iter().filter(|(_, key)| key.is_good(now));
        let mut keys: Vec<Jwk> = good.map(|(kid, key)| key.to_jwk(kid)).collect();
        keys.sort_by(|one, other| one.kid.cmp(&other.kid));
        Jwks { keys }
    }

    pub(super) fn signing(&self) -> Signing {
        self.held().signing.clone()
    }

    /// The key of that name, if its signature is good now.
    pub(super) async fn believed(&self, kid: &str) -> Result<Option<Believed>> {
        let now = self.clock.now();
        let held = self.held();
        let known = held.believed.get(kid).filter(|_| held.read_at + HELD_AGE_MAX_MS > now);
        if let Some(key) = known {
            return Ok(Some(key.clone()).filter(|key| key.is_good(now)));
        }
        let _one_at_a_time = self.reload.lock().await;
        if self.held().read_at + RELOAD_INTERVAL_MS <= now {
            let rows = load(&self.store).await?;
            self.hold(self::held(&self.seal, now, &rows)?);
        }
        Ok(self.held().believed.get(kid).filter(|key| key.is_good(now)).cloned())
    }

    fn held(&self) -> Arc<Held> {
        Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn hold(&self, held: Held) {
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(held);
    }
}

impl Believed {
    fn is_good(&self, now: Millis) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    fn to_jwk(&self, kid: &str) -> Jwk {
        Jwk {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            alg: "EdDSA".to_owned(),
            usage: "sig".to_owned(),
            kid: kid.to_owned(),
            x: self.x.clone(),
        }
    }
}

async fn load(store: &Store) -> Result<Vec<SigningKeyRow>> {
    let range = Range {
        partition: vec![Value::Text(RING.to_owned())],
        after: None,
        descending: true,
        limit: KEYS_MAX,
    };
    store.list(range).await
}

/// The key that signs. Every node picks the same one from the same rows.
fn newest(rows: &[SigningKeyRow]) -> Option<&SigningKeyRow> {
    let signs = rows.iter().filter(|row| row.retired_at.is_none());
    signs.max_by(|a, b| (a.created_at, &a.kid).cmp(&(b.created_at, &b.kid)))
}

/// Adds a new key and retires those there are. Forgets those whose tokens are all over.
async fn replace(
    store: &Store,
    seal: &Seal,
    now: Millis,
    rows: Vec<SigningKeyRow>,
) -> Result<Vec<SigningKeyRow>> {
    let fresh = fresh_row(seal, now)?;
    // The new key first: a crash in between leaves two that sign, never none.
    store.put(vec![fresh.clone()]).await?;
    let (over, mut kept): (Vec<_>, Vec<_>) = rows
        .into_iter()
        .partition(|row| row.retired_at.is_some_and(|at| at + TOKEN_TTL_MAX_MS <= now));
    for row in &mut kept {
        row.retired_at = row.retired_at.or(Some(now));
    }
    store.put(kept.clone()).await?;
    let key_of = |row: SigningKeyRow| vec![Value::Text(row.ring), Value::Text(row.kid)];
    store.remove::<SigningKeyRow>(over.into_iter().map(key_of).collect()).await?;
    tracing::info!(kid = %fresh.kid, table = SigningKeyRow::TABLE, "made a key that signs access tokens");
    kept.push(fresh);
    Ok(kept)
}

fn fresh_row(seal: &Seal, now: Millis) -> Result<SigningKeyRow> {
    let key = SigningKey::from_bytes(&crate::id::random()?);
    let kid = crate::id::fresh::<uuid::Uuid>().to_string();
    Ok(SigningKeyRow {
        ring: RING.to_owned(),
        private_sealed: seal.close(kid.as_bytes(), key.as_bytes())?,
        public_key: key.verifying_key().as_bytes().to_vec(),
        kid,
        created_at: now,
        retired_at: None,
    })
}

fn held(seal: &Seal, now: Millis, rows: &[SigningKeyRow]) -> Result<Held> {
    let row = newest(rows).ok_or_else(|| internal(&"no key signs access tokens"))?;
    let secret = seal
        .open(row.kid.as_bytes(), &row.private_sealed)
        .and_then(|secret| <[u8; 32]>::try_from(secret).ok())
        .ok_or_else(|| internal(&"the master key is not the one that sealed the signing keys"))?;
    let der = SigningKey::from_bytes(&secret).to_pkcs8_der().map_err(|error| internal(&error))?;
    let signing =
        Signing { kid: row.kid.clone(), key: Arc::new(EncodingKey::from_ed_der(der.as_bytes())) };
    let mut believed = HashMap::new();
    for row in rows {
        let until = row.retired_at.map(|at| at + TOKEN_TTL_MAX_MS);
        // Anything else would make the verifier panic.
        if row.public_key.len() != 32 || until.is_some_and(|until| until <= now) {
            continue;
        }
        let key = Arc::new(DecodingKey::from_ed_der(&row.public_key));
        let x = URL_SAFE_NO_PAD.encode(&row.public_key);
        believed.insert(row.kid.clone(), Believed { key, x, until });
    }
    Ok(Held { signing, believed, read_at: now })
}

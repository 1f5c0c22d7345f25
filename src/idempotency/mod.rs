//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a request that comes again gets
//! the answer that the first one got.
//!
//! A handler that creates something takes a [`Key`] and does its work in [`Idempotency::once`]:
//!
//! ```ignore
//! async fn buy(shop: Service, caller: Caller, key: Key, body: Body<Buy>) -> Outcome<Payment> {
//!     let run = |seed| shop.buy(&caller, body.0.clone(), seed);
//!     Ok(Json(shop.keys.once(caller.user_id, &key, "payments", &body.0, run).await?))
//! }
//! ```
//!
//! Promises: for 24 h, the same key and body give the same answer; another body is a `conflict`;
//! while the first is under way, `busy`. A crash in the middle leaves the key to the next request,
//! so what is made takes its ids from the *seed*, which follows from the key: made twice, it is
//! made once. Answers that say "try again" are not kept. Does not know what is asked for.

use crate::auth::Seal;
use crate::clock::Clock;
use crate::error::{Result, busy, conflict, internal};
use crate::problem::Problem;
use crate::store::{Change, Partition, Snapshot, Store, Value, VersionedRecord as _, record};
use crate::words::idempotency as words;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use protocol::{Error, ErrorCode, Format, Millis, UserId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use uuid::Uuid;

/// The header.
pub const HEADER: &str = "idempotency-key";
/// A key, without the quotes around it.
pub const KEY_BYTES_MAX: usize = 255;
/// An answer is kept for so long.
pub const KEPT_MS: Millis = 24 * 60 * 60 * 1_000;
/// A request that has no answer after this was cut off: the next one runs.
pub const RUNNING_MS: Millis = 60 * 1_000;
/// Keys of one person that are kept at once; one more is `full`.
pub const KEYS_MAX: usize = 500;

record! {
    /// See the schema.
    struct KeyRow in "idempotency_keys", kind "key", item item: Uuid {
        fingerprint: Vec<u8>,
        claimed_at: i64,
        answered: bool,
        answer: Option<Vec<u8>>,
        error: Option<Vec<u8>>,
    }
}

/// What a request says it is, if it says so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Key(Option<String>);

impl Key {
    /// A key by its text, quoted or not.
    pub fn of(text: &str) -> Result<Self> {
        let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let text = inner.unwrap_or(text);
        let good = (1..=KEY_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if good {
            Ok(Self(Some(text.to_owned())))
        } else {
            Err(Error::invalid("Idempotency-Key", words::KEY_WRONG))
        }
    }

    /// For what must not happen twice by mistake: a key has to be there.
    pub fn required(&self) -> Result<()> {
        match &self.0 {
            Some(_) => Ok(()),
            None => Err(Error::invalid("Idempotency-Key", words::KEY_MISSING)),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, Problem> {
        let Some(value) = parts.headers.get(HEADER) else { return Ok(Self(None)) };
        Ok(Self::of(value.to_str().unwrap_or_default())?)
    }
}

/// See the module.
pub struct Idempotency {
    store: Arc<Store>,
    clock: Clock,
    seal: Seal,
}

/// What a key is good for.
enum Claim {
    Run,
    Answered(Vec<u8>),
    Refused(Vec<u8>),
}

impl Idempotency {
    /// Over the store. `seal`: an answer may hold what only its person may see.
    pub fn new(store: Arc<Store>, clock: Clock, seal: Seal) -> Arc<Self> {
        Arc::new(Self { store, clock, seal })
    }

    /// Does something once for a key; without a key, as often as it is asked for. `door` names
    /// what is asked for, and `request` says it whole. `run` gets the seed of all ids that it makes.
    pub async fn once<T, F>(
        &self,
        user: UserId,
        key: &Key,
        door: &str,
        request: &(impl Serialize + Sync),
        run: impl FnOnce(Uuid) -> F + Send,
    ) -> Result<T>
    where
        T: Serialize + DeserializeOwned + Sync,
        F: Future<Output = Result<T>> + Send,
    {
        let Some(key) = &key.0 else { return run(crate::id::fresh()).await };
        let item: Uuid = crate::id::derived("idempotency", &[user.as_bytes(), key.as_bytes()]);
        let body = Format::Json.encode(request);
        let fingerprint = crate::id::digest("idempotency", &[door.as_bytes(), &body]).to_vec();
        match self.claim(user, item, &fingerprint).await? {
            Claim::Answered(sealed) => {
                let answer = self.seal.open(item.as_bytes(), &sealed);
                let answer = answer.ok_or_else(|| internal(&"an answer can't be opened"))?;
                Format::Json.decode(&answer).map_err(|e| internal(&e))
            }
            Claim::Refused(error) => {
                let error: Error = Format::Json.decode(&error).map_err(|e| internal(&e))?;
                Err(error)
            }
            Claim::Run => {
                let outcome = run(item).await;
                if let Err(error) = self.keep(user, item, &fingerprint, &outcome).await {
                    // It happened, and with the same key it happens once.
                    tracing::warn!(%error, "an answer was not kept for its key");
                }
                outcome
            }
        }
    }

    async fn claim(&self, user: UserId, item: Uuid, fingerprint: &[u8]) -> Result<Claim> {
        let now = self.clock.now();
        self.store
            .decide(partition(user), |snapshot| {
                let mut change = Change::new();
                let rows: Vec<KeyRow> = snapshot.all()?;
                let over = |row: &KeyRow| now >= row.claimed_at.saturating_add(KEPT_MS);
                if let Some(row) = rows.iter().find(|row| row.item == item && !over(row)) {
                    if row.fingerprint != fingerprint {
                        return Err(conflict(words::KEY_OF_ANOTHER));
                    }
                    if let Some(answer) = row.answer.clone() {
                        return Ok((change, Claim::Answered(answer)));
                    }
                    if let Some(error) = row.error.clone() {
                        return Ok((change, Claim::Refused(error)));
                    }
                    if now < row.claimed_at.saturating_add(RUNNING_MS) {
                        return Err(busy());
                    }
                } else if rows.iter().filter(|row| !over(row)).count() >= KEYS_MAX {
                    return Err(Error::new(ErrorCode::Full, words::KEYS_FULL));
                }
                for row in rows.iter().filter(|row| over(row) && row.item != item) {
                    change.delete::<KeyRow>(row.item);
                }
                change.write(KeyRow {
                    item,
                    fingerprint: fingerprint.to_vec(),
                    claimed_at: now,
                    answered: false,
                    answer: None,
                    error: None,
                });
                Ok((change, Claim::Run))
            })
            .await
    }

    async fn keep<T: Serialize + Sync>(
        &self,
        user: UserId,
        item: Uuid,
        fingerprint: &[u8],
        outcome: &Result<T>,
    ) -> Result<()> {
        let (answer, error) = match outcome {
            Ok(answer) => {
                let sealed = self.seal.close(item.as_bytes(), &Format::Json.encode(answer))?;
                (Some(sealed), None)
            }
            Err(error) => (None, Some(Format::Json.encode(error))),
        };
        let again = outcome.as_ref().err();
        let again = again.is_some_and(|e| e.retryable || e.code == ErrorCode::Internal);
        self.store
            .decide(partition(user), |snapshot| {
                let mut change = Change::new();
                let Some(row) = row(snapshot, item)? else { return Ok((change, ())) };
                if row.answered || row.fingerprint != fingerprint {
                    return Ok((change, ()));
                }
                if again {
                    change.delete::<KeyRow>(item);
                } else {
                    let (answer, error) = (answer.clone(), error.clone());
                    change.write(KeyRow { answered: true, answer, error, ..row });
                }
                Ok((change, ()))
            })
            .await
    }

    /// Forgets all keys of a person.
    pub async fn forget(&self, user: UserId) -> Result<()> {
        self.store
            .decide(partition(user), |snapshot| {
                let mut change = Change::new();
                for row in snapshot.all::<KeyRow>()? {
                    change.delete::<KeyRow>(row.item);
                }
                Ok((change, ()))
            })
            .await
    }
}

fn partition(user: UserId) -> Partition {
    Partition::new(KeyRow::TABLE, [Value::Uuid(user.0)])
}

fn row(snapshot: &Snapshot, item: Uuid) -> Result<Option<KeyRow>> {
    Ok(snapshot.all::<KeyRow>()?.into_iter().find(|row| row.item == item))
}

//! What people write for their own eyes, sealed at rest: private notes.
//!
//! Envelope encryption. Each owner has a data key of their own, made when something of theirs is
//! first sealed, and kept as a row that only the master key opens. What is sealed is bound to its
//! owner and to what it is about, so a row that was copied elsewhere does not open.
//!
//! No key is held in memory beyond its use: each use reads the row. So a key that was destroyed on
//! one node opens nothing on any, and it stays destroyed: its owner gets no other.

use super::master_key::{MasterKey, Seal};
use crate::clock::Clock;
use crate::error::{Result, conflict, internal};
use crate::store::{Change, Partition, Snapshot, Store, Value, VersionedRecord as _, record};
use crate::words;
use protocol::{Millis, UserId};
use std::sync::Arc;
use uuid::Uuid;

record! {
    /// See the schema.
    struct KeyRow in "vault_keys", kind "key", item item: Uuid {
        sealed: Option<Vec<u8>>,
        created_at: i64,
        destroyed_at: Option<i64>,
    }
}

/// See the module.
pub struct Vault {
    store: Arc<Store>,
    master: Seal,
    clock: Clock,
}

/// The data key of one owner.
pub struct OwnerKey {
    owner: UserId,
    seal: Seal,
}

impl Vault {
    /// The keys of a store, under this master key.
    pub fn new(store: Arc<Store>, master: &MasterKey, clock: Clock) -> Arc<Self> {
        Arc::new(Self { store, master: master.seal("vault keys"), clock })
    }

    /// The key to seal something new with; the first time it is made. Of two nodes that make it
    /// at once, one does. `conflict` once it was destroyed.
    pub async fn key(&self, owner: UserId) -> Result<OwnerKey> {
        let now = self.clock.now();
        let row = self
            .store
            .decide(partition(owner), |snapshot| {
                let mut change = Change::new();
                if let Some(row) = row(snapshot)? {
                    return Ok((change, row));
                }
                let row = self.fresh(owner, now)?;
                change.write(row.clone());
                Ok((change, row))
            })
            .await?;
        let key = self.opened(owner, row)?;
        key.ok_or_else(|| conflict(words::notes::KEY_DESTROYED))
    }

    /// The key to open with what was sealed; `None` where there never was one, or it was
    /// destroyed.
    pub async fn existing_key(&self, owner: UserId) -> Result<Option<OwnerKey>> {
        let snapshot = self.store.load(partition(owner)).await?;
        match row(&snapshot)? {
            Some(row) => self.opened(owner, row),
            None => Ok(None),
        }
    }

    /// Destroys an owner's key, for good: nothing that was sealed by it can be read again, here or
    /// on another node. May be repeated. Copies of the store that were made before are not reached.
    pub async fn destroy(&self, owner: UserId) -> Result<()> {
        let now = self.clock.now();
        self.store
            .decide(partition(owner), |snapshot| {
                let mut change = Change::new();
                let known = row(snapshot)?;
                if known.as_ref().is_none_or(|row| row.destroyed_at.is_none()) {
                    change.write(KeyRow {
                        item: Uuid::nil(),
                        sealed: None,
                        created_at: known.map_or(now, |row| row.created_at),
                        destroyed_at: Some(now),
                    });
                }
                Ok((change, ()))
            })
            .await
    }

    fn fresh(&self, owner: UserId, now: Millis) -> Result<KeyRow> {
        let key: [u8; 32] = crate::id::random()?;
        Ok(KeyRow {
            item: Uuid::nil(),
            sealed: Some(self.master.close(owner.as_bytes(), &key)?),
            created_at: now,
            destroyed_at: None,
        })
    }

    fn opened(&self, owner: UserId, row: KeyRow) -> Result<Option<OwnerKey>> {
        let Some(sealed) = row.sealed.filter(|_| row.destroyed_at.is_none()) else {
            return Ok(None);
        };
        let key = self.master.open(owner.as_bytes(), &sealed);
        let key = key.and_then(|key| <[u8; 32]>::try_from(key).ok()).ok_or_else(|| {
            internal(&"the master key is not the one that sealed the keys of the vault")
        })?;
        Ok(Some(OwnerKey { owner, seal: Seal::new(&key) }))
    }
}

impl OwnerKey {
    /// Seals a text. `kind` and `about` say what it belongs to; it opens only with the same.
    pub fn close(&self, kind: &str, about: &[Uuid], text: &str) -> Result<Vec<u8>> {
        self.seal.close(&self.belongs_to(kind, about), text.as_bytes())
    }

    /// The text, if this key sealed it for the same.
    pub fn open(&self, kind: &str, about: &[Uuid], sealed: &[u8]) -> Option<String> {
        let plain = self.seal.open(&self.belongs_to(kind, about), sealed)?;
        String::from_utf8(plain).ok()
    }

    fn belongs_to(&self, kind: &str, about: &[Uuid]) -> [u8; 32] {
        let owner = std::iter::once(self.owner.as_bytes().as_slice());
        let about = about.iter().map(|id| id.as_bytes().as_slice());
        crate::id::digest(kind, &owner.chain(about).collect::<Vec<_>>())
    }
}

fn partition(owner: UserId) -> Partition {
    Partition::new(KeyRow::TABLE, [Value::Uuid(owner.0)])
}

fn row(snapshot: &Snapshot) -> Result<Option<KeyRow>> {
    snapshot.one()
}

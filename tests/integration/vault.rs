//! Keys of private notes: made once under any race, bound to what they seal, and gone for good
//! when they are destroyed, on every node.

use crate::engines::{Embedded, Engine, Home, on_every_engine};
use protocol::{ErrorCode, UserId};
use sanctuary::auth::{MasterKey, OwnerKey, Vault};
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

const KIND: &str = "test note";

fn master() -> MasterKey {
    MasterKey::from_bytes([7; 32])
}

fn vault(node: &Engine, master: &MasterKey) -> Arc<Vault> {
    Vault::new(node.records(), master, node.clock.clone())
}

fn somebody() -> UserId {
    UserId(Uuid::now_v7())
}

async fn opener(vault: &Vault, owner: UserId) -> Option<OwnerKey> {
    vault.existing_key(owner).await.unwrap()
}

async fn of_nodes_that_make_a_key_at_once_one_does(home: &dyn Home) {
    let (one, two) = (home.open().await, home.open().await);
    let (one, two) = (vault(&one, &master()), vault(&two, &master()));
    for _ in 0..5 {
        let owner = somebody();
        let about = [Uuid::now_v7()];
        let (left, right) = tokio::join!(one.key(owner), two.key(owner));
        let left = left.unwrap().close(KIND, &about, "left").unwrap();
        let right = right.unwrap().close(KIND, &about, "right").unwrap();
        for vault in [&one, &two] {
            let key = opener(vault, owner).await.unwrap();
            assert_eq!(key.open(KIND, &about, &left).as_deref(), Some("left"));
            assert_eq!(key.open(KIND, &about, &right).as_deref(), Some("right"));
        }
    }
}

async fn what_is_sealed_opens_only_where_it_belongs(home: &dyn Home) {
    let node = home.open().await;
    let vault = vault(&node, &master());
    let (owner, other) = (somebody(), somebody());
    let (note, another) = (Uuid::now_v7(), Uuid::now_v7());
    let key = vault.key(owner).await.unwrap();
    let sealed = key.close(KIND, &[note], "hello").unwrap();
    assert_ne!(sealed, key.close(KIND, &[note], "hello").unwrap(), "never the same twice");
    assert_eq!(key.open(KIND, &[note], &sealed).as_deref(), Some("hello"));
    assert_eq!(key.open(KIND, &[another], &sealed), None);
    assert_eq!(key.open("another kind", &[note], &sealed), None);
    assert_eq!(key.open(KIND, &[note, another], &sealed), None);
    assert_eq!(vault.key(other).await.unwrap().open(KIND, &[note], &sealed), None);
    let mut changed = sealed;
    *changed.last_mut().unwrap() ^= 1;
    assert_eq!(key.open(KIND, &[note], &changed), None);
}

async fn nothing_opens_without_the_master_key(home: &dyn Home) {
    let node = home.open().await;
    let owner = somebody();
    vault(&node, &master()).key(owner).await.unwrap();
    let stranger = vault(&node, &MasterKey::from_bytes([8; 32]));
    for outcome in [stranger.key(owner).await.map(Some), stranger.existing_key(owner).await] {
        assert_eq!(outcome.map(|_| ()).unwrap_err().code, ErrorCode::Internal);
    }
}

async fn a_destroyed_key_is_gone_on_every_node_and_for_good(home: &dyn Home) {
    let (one, two) = (home.open().await, home.open().await);
    let (one, two) = (vault(&one, &master()), vault(&two, &master()));
    let (owner, never, other) = (somebody(), somebody(), somebody());
    for vault in [&one, &two] {
        vault.key(owner).await.unwrap();
        vault.key(other).await.unwrap();
    }
    for _ in 0..2 {
        one.destroy(owner).await.unwrap();
        one.destroy(never).await.unwrap();
    }
    for vault in [&one, &two] {
        for gone in [owner, never] {
            assert!(opener(vault, gone).await.is_none());
            let refused = vault.key(gone).await.map(|_| ()).unwrap_err();
            assert_eq!(refused.code, ErrorCode::Conflict);
        }
        assert!(opener(vault, other).await.is_some());
    }
}

on_every_engine! {
    of_nodes_that_make_a_key_at_once_one_does,
    what_is_sealed_opens_only_where_it_belongs,
    nothing_opens_without_the_master_key,
    a_destroyed_key_is_gone_on_every_node_and_for_good,
}

/// Whether any file below a folder holds these bytes.
pub(crate) fn found_in(folder: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return found_in(&path, bytes);
        }
        std::fs::read(path).unwrap().windows(bytes.len()).any(|window| window == bytes)
    })
}

/// The bytes that open with the master key are not left behind in a page or in the WAL.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_a_destroyed_key_in_the_file() {
    let home = Embedded::new();
    let node = home.open().await;
    let keys = vault(&node, &master());
    let owners: Vec<UserId> = (0..20).map(|_| somebody()).collect();
    for &owner in &owners {
        keys.key(owner).await.unwrap();
    }
    let sealed = async |owner: UserId| {
        let key = vec![sanctuary::store::Value::Uuid(owner.0)];
        let partition = sanctuary::store::Partition::new("vault_keys", key);
        let snapshot = node.store.load(partition).await.unwrap();
        match snapshot.rows[0].cells.get("sealed") {
            sanctuary::store::Value::Bytes(bytes) => bytes.clone(),
            other => panic!("{other:?}"),
        }
    };
    let mut was = Vec::new();
    for &owner in &owners {
        was.push(sealed(owner).await);
    }
    assert!(
        was.iter().all(|bytes| found_in(home.folder(), bytes)),
        "the search finds what is there"
    );
    for &owner in &owners[..10] {
        keys.destroy(owner).await.unwrap();
    }
    drop(keys);
    (node.close)();
    for (n, bytes) in was.iter().enumerate() {
        assert_eq!(found_in(home.folder(), bytes), n >= 10, "{n}");
    }
}

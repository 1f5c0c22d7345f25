//! Making ids and secrets.

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

/// A fresh id that sorts by time (UUID version 7, RFC 9562).
pub fn fresh<T: From<Uuid>>() -> T {
    Uuid::now_v7().into()
}

/// The id that always follows from the same parts (UUID version 8 from SHA-256), so that
/// whoever makes the thing twice makes it once. `domain` keeps kinds of things apart.
pub fn derived<T: From<Uuid>>(domain: &str, parts: &[&[u8]]) -> T {
    let digest = digest(domain, parts);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(digest.split_at(16).0);
    Builder::from_custom_bytes(bytes).into_uuid().into()
}

/// SHA-256 over a domain and length-prefixed parts.
pub fn digest(domain: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in std::iter::once(domain.as_bytes()).chain(parts.iter().copied()) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

//! Making ids and secrets.

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

/// What a block of SHA-256 holds (FIPS 180-4), for HMAC.
const SHA256_BLOCK_BYTES: usize = 64;

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
    hash_parts(&mut hash, domain, parts);
    hash.finalize().into()
}

/// HMAC-SHA-256 (RFC 2104) over a domain and length-prefixed parts.
pub fn keyed_digest(key: &[u8; 32], domain: &str, parts: &[&[u8]]) -> [u8; 32] {
    hmac(key, |hash| hash_parts(hash, domain, parts))
}

/// HMAC-SHA-256 (RFC 2104) of a message, with a key of any length: what others sign for us.
pub fn message_mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; SHA256_BLOCK_BYTES];
    let hashed: [u8; 32];
    let key = if key.len() > SHA256_BLOCK_BYTES {
        hashed = Sha256::digest(key).into();
        &hashed
    } else {
        key
    };
    for (byte, key) in block.iter_mut().zip(key) {
        *byte = *key;
    }
    hmac(&block, |hash| hash.update(message))
}

/// Random bytes from the system.
pub fn random<const N: usize>() -> crate::error::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| crate::error::internal(&error))?;
    Ok(bytes)
}

/// Whether two secrets are equal, in a time that does not tell where they differ.
pub fn same_secret(one: &[u8], other: &[u8]) -> bool {
    let differing = one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b));
    one.len() == other.len() && std::hint::black_box(differing) == 0
}

fn hash_parts(hash: &mut Sha256, domain: &str, parts: &[&[u8]]) {
    for part in std::iter::once(domain.as_bytes()).chain(parts.iter().copied()) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
}

fn hmac(key: &[u8], message: impl FnOnce(&mut Sha256)) -> [u8; 32] {
    let padded = |pad: u8| {
        let mut block = [pad; SHA256_BLOCK_BYTES];
        for (byte, key) in block.iter_mut().zip(key) {
            *byte ^= key;
        }
        Sha256::new_with_prefix(block)
    };
    let mut inner = padded(0x36);
    message(&mut inner);
    let mut outer = padded(0x5c);
    outer.update(inner.finalize());
    outer.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 4231 §4.4, padded with zeros to 32 bytes, which HMAC does anyway.
    #[test]
    fn hmac_gives_the_result_of_the_rfc() {
        let mut key = [0; 32];
        for (byte, value) in key.iter_mut().zip(0x01..=0x19) {
            *byte = value;
        }
        let mac = hmac(&key, |hash| hash.update([0xcd; 50]));
        let rfc = "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b";
        let wanted: Vec<u8> =
            (0..32).map(|n| u8::from_str_radix(&rfc[2 * n..2 * n + 2], 16).unwrap()).collect();
        assert_eq!(mac.as_slice(), wanted);
    }

    /// RFC 4231 §4.3 and §4.7: a short key, and one longer than a block.
    #[test]
    fn keys_of_any_length_sign() {
        let bytes = |hex: &str| -> Vec<u8> {
            (0..32).map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap()).collect()
        };
        let short = message_mac(b"Jefe", b"what do ya want for nothing?");
        let wanted = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(short.as_slice(), bytes(wanted));
        let text = b"Test Using Larger Than Block-Size Key - Hash Key First";
        let wanted = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54";
        assert_eq!(message_mac(&[0xaa; 131], text).as_slice(), bytes(wanted));
    }

    #[test]
    fn parts_do_not_run_into_one_another() {
        assert_ne!(digest("a", &[b"bc", b"d"]), digest("a", &[b"b", b"cd"]));
        let key = [7; 32];
        assert_ne!(keyed_digest(&key, "a", &[b"b"]), keyed_digest(&key, "ab", &[]));
    }

    #[test]
    fn secrets_are_the_same_or_not() {
        assert!(same_secret(b"abc", b"abc"));
        assert!(!same_secret(b"abc", b"abd"));
        assert!(!same_secret(b"abc", b"abcd"));
    }
}

//! Items that run by number: of outbox rows and nonces, so that all before one of them go by one
//! deletion of a range. A deletion for each row would be kept for days, and every read of the
//! partition would pass by all of them.
//!
//! Servers order UUIDs by their version first, then by their bytes: so all of these are of
//! version 8 (RFC 9562), with 60 bits of one number before 62 bits of another.

use uuid::Uuid;

const VERSION_8: u64 = 0x8 << 12;
const VARIANT: u64 = 0b10 << 62;

/// An item; numbers that are larger than there is room for are cut off.
pub(super) const fn item(first: u64, second: u64) -> Uuid {
    let high = ((first << 4) & !0xffff) | VERSION_8 | (first & 0xfff);
    Uuid::from_u64_pair(high, VARIANT | (second & !(0b11 << 62)))
}

/// The numbers of an item.
pub(super) const fn numbers(item: Uuid) -> (u64, u64) {
    let (high, low) = item.as_u64_pair();
    (((high >> 4) & !0xfff) | (high & 0xfff), low & !(0b11 << 62))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_keep_their_numbers_and_their_order() {
        let mut before = Uuid::nil();
        for first in [0, 1, 0xfff, 0x1000, 0x1001, 0xffff, 0x1_0000, (1 << 60) - 1] {
            for second in [0, 1, 0xffff_ffff, (1 << 62) - 1] {
                let item = item(first, second);
                assert_eq!(item.get_version_num(), 8);
                assert_eq!(numbers(item), (first, second));
                assert!(item > before, "{item} comes after {before}");
                before = item;
            }
        }
    }
}

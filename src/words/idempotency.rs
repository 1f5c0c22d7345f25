//! Requests that come again.

/// A header that is no key.
pub const KEY_WRONG: &str = "An Idempotency-Key is 1 to 255 visible characters.";
/// No key, where one is needed.
pub const KEY_MISSING: &str =
    "This needs an Idempotency-Key, so that it is done once even if it is sent twice.";
/// The key came with something else before.
pub const KEY_OF_ANOTHER: &str =
    "This Idempotency-Key was used for another request. Please take a new one for this.";
/// Too many keys at once.
pub const KEYS_FULL: &str =
    "So many requests in one day are more than we keep. Please try tomorrow.";

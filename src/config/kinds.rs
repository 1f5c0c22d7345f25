//! What a setting's value may be.

use super::{PaymentProvider, Replication, StoreKind};
use std::net::SocketAddr;
use std::path::PathBuf;

/// The name of a keyspace (CQL's own limit).
const KEYSPACE_BYTES_MAX: usize = 48;

/// The name of a keyspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyspace(pub String);

/// A type of values. All of them have a text form: that is what files, the environment and
/// flags give.
pub(super) trait Kind: Sized {
    /// What is allowed, for people.
    const ALLOWED: &'static str;

    /// The value of a text; `None` if it is not allowed.
    fn parse(text: &str) -> Option<Self>;
}

impl Kind for bool {
    const ALLOWED: &'static str = "`on` or `off`";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "on" | "true" => Some(true),
            "off" | "false" => Some(false),
            _ => None,
        }
    }
}

impl Kind for Option<bool> {
    const ALLOWED: &'static str = "`on`, `off` or `auto`";

    fn parse(text: &str) -> Option<Self> {
        if text == "auto" { Some(None) } else { bool::parse(text).map(Some) }
    }
}

impl Kind for u32 {
    const ALLOWED: &'static str = "a whole number";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Kind for u64 {
    const ALLOWED: &'static str = "a whole number";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Kind for String {
    const ALLOWED: &'static str = "text";

    fn parse(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| text.to_owned())
    }
}

impl Kind for Option<String> {
    const ALLOWED: &'static str = "text";

    fn parse(text: &str) -> Option<Self> {
        Some(String::parse(text))
    }
}

impl Kind for Keyspace {
    const ALLOWED: &'static str = "small letters, digits and `_`, at most 48";

    fn parse(text: &str) -> Option<Self> {
        let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
        let good = begins && text.len() <= KEYSPACE_BYTES_MAX && text.chars().all(known);
        good.then(|| Self(text.to_owned()))
    }
}

impl Kind for Replication {
    const ALLOWED: &'static str =
        "copies in each datacenter (`3`), `north:3,south:3`, or `SimpleStrategy:1`";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Kind for Vec<String> {
    const ALLOWED: &'static str = "a list, commas between";

    fn parse(text: &str) -> Option<Self> {
        let items: Self = text.split(',').map(|item| item.trim().to_owned()).collect();
        match items.as_slice() {
            [only] if only.is_empty() => Some(Self::new()),
            _ => Some(items).filter(|items| items.iter().all(|item| !item.is_empty())),
        }
    }
}

impl Kind for PathBuf {
    const ALLOWED: &'static str = "a path";

    fn parse(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| text.into())
    }
}

impl Kind for Option<PathBuf> {
    const ALLOWED: &'static str = "a path";

    fn parse(text: &str) -> Option<Self> {
        Some(PathBuf::parse(text))
    }
}

impl Kind for SocketAddr {
    const ALLOWED: &'static str = "an IP address and a port";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Kind for StoreKind {
    const ALLOWED: &'static str = "`embedded` or `cql`";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "embedded" => Some(Self::Embedded),
            "cql" => Some(Self::Cql),
            _ => None,
        }
    }
}

impl Kind for PaymentProvider {
    const ALLOWED: &'static str = "`sandbox` or `stripe`";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "sandbox" => Some(Self::Sandbox),
            "stripe" => Some(Self::Stripe),
            _ => None,
        }
    }
}

//! What a setting's value may be.

use super::StoreKind;
use std::net::SocketAddr;
use std::path::PathBuf;

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

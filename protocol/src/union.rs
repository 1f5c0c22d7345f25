//! One macro for the closed sets of the protocol: what a name means is decided in one place.
//!
//! Serde's own tagged enums buffer what they read and so lose the encoding (a UUID is text in
//! one and bytes in the other). Here the name is read first, and then the body, typed.

use crate::Command;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Params of a command, with the type of its result.
pub trait Call: Serialize {
    /// What the command answers with.
    type Result: DeserializeOwned;

    /// The method's name.
    const METHOD: &'static str;

    /// The same as a [`Command`].
    fn command(self) -> Command;
}

/// A closed set of named bodies.
macro_rules! named_union {
    ($(#[$doc:meta])* $name:ident { $($variant:ident($body:ty) = $word:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        #[allow(missing_docs, reason = "the bodies are documented where they are defined")]
        pub enum $name { $($variant($body),)* }

        impl $name {
            /// All names, in the order of definition.
            pub const NAMES: &'static [&'static str] = &[$($word,)*];

            /// The name on the wire.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $word,)* }
            }

            /// Reads the body that `name` promises; `None` if there is no such name. `read`
            /// gets the body's type from the variant.
            pub(crate) fn read<R: $crate::union::Read>(
                name: &str,
                reader: &R,
            ) -> Option<Result<Self, $crate::DecodeError>> {
                match name {
                    $($word => Some(reader.read::<$body>().map(Self::$variant)),)*
                    _ => None,
                }
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                match self { $(Self::$variant(body) => body.serialize(s),)* }
            }
        }

        $(impl From<$body> for $name {
            fn from(body: $body) -> Self { Self::$variant(body) }
        })*
    };
}
pub(crate) use named_union;

/// Reads a body of a type that the caller of it chooses.
pub(crate) trait Read {
    fn read<T: DeserializeOwned>(&self) -> Result<T, crate::DecodeError>;
}

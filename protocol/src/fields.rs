//! A map's values by name, still encoded: so a frame's head is read before its body, in
//! whatever order they came, and the body then once, typed.

use crate::codec::DECODE_NESTING_MAX;
use crate::msgpack::Cutter;
use crate::union::Read;
use crate::{DecodeError, Format};
use serde::Deserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

impl Format {
    /// The values of a map under `names`, still encoded; what is null is as if absent. Fails on
    /// what is no map, and on a name that comes twice.
    pub(crate) fn fields<'a, const N: usize>(
        self,
        map: &'a [u8],
        names: [&str; N],
    ) -> Result<[Option<&'a [u8]>; N], DecodeError> {
        let mut fields = Fields { names, values: [None; N] };
        match self {
            Self::Json => {
                let mut reader = serde_json::Deserializer::from_slice(map);
                FieldsVisitor(&mut fields).deserialize(&mut reader).map_err(DecodeError::frame)?;
                reader.end().map_err(DecodeError::frame)?;
            }
            Self::MessagePack => {
                let mut cutter = Cutter::new(map);
                let count = cutter.map()?.ok_or_else(|| DecodeError::frame("not a map"))?;
                for _ in 0..count {
                    let name = cutter.text(DECODE_NESTING_MAX)?;
                    let slot = name.and_then(|name| fields.slot(name));
                    let value = cutter.value(DECODE_NESTING_MAX)?;
                    if let Some(slot) = slot {
                        fields.set(slot, value).map_err(DecodeError::frame)?;
                    }
                }
                if !cutter.is_at_end() {
                    return Err(DecodeError::frame("bytes after the end"));
                }
            }
        }
        Ok(fields.values.map(|value| value.filter(|value| *value != self.null())))
    }
}

/// Some of a map's values by name.
struct Fields<'n, 'a, const N: usize> {
    names: [&'n str; N],
    values: [Option<&'a [u8]>; N],
}

impl<'a, const N: usize> Fields<'_, 'a, N> {
    fn slot(&self, name: &[u8]) -> Option<usize> {
        self.names.iter().position(|known| known.as_bytes() == name)
    }

    fn set(&mut self, slot: usize, value: &'a [u8]) -> Result<(), String> {
        match self.values.get_mut(slot) {
            Some(free @ None) => *free = Some(value),
            _ => return Err(format!("duplicate field `{}`", self.names.get(slot).unwrap_or(&""))),
        }
        Ok(())
    }
}

/// Reads [`Fields`] from JSON.
struct FieldsVisitor<'f, 'n, 'a, const N: usize>(&'f mut Fields<'n, 'a, N>);

impl<'de, const N: usize> DeserializeSeed<'de> for FieldsVisitor<'_, '_, 'de, N> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for FieldsVisitor<'_, '_, 'de, N> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(slot) = map.next_key_seed(SlotSeed(self.0))? {
            let value: &RawValue = map.next_value()?;
            if let Some(slot) = slot {
                self.0.set(slot, value.get().as_bytes()).map_err(A::Error::custom)?;
            }
        }
        Ok(())
    }
}

/// A key as its place among the names, without a copy.
struct SlotSeed<'f, 'n, 'a, const N: usize>(&'f Fields<'n, 'a, N>);

impl<'de, const N: usize> DeserializeSeed<'de> for SlotSeed<'_, '_, '_, N> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<const N: usize> Visitor<'_> for SlotSeed<'_, '_, '_, N> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.slot(name.as_bytes()))
    }
}

/// A body under its key, still encoded.
pub(crate) struct Body<'a> {
    pub(crate) format: Format,
    pub(crate) bytes: Option<&'a [u8]>,
}

impl Read for Body<'_> {
    /// Absent is the same as empty. Only a map will do: serde would take a list in the order of
    /// the fields, which nobody promised.
    fn read<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        let bytes = self.bytes.unwrap_or(self.format.empty_map());
        if self.format.is_map(bytes) {
            self.format.decode(bytes)
        } else {
            Err(DecodeError::frame("not a map"))
        }
    }
}

impl Body<'_> {
    /// The same for a body that has to be there.
    pub(crate) fn required<T: DeserializeOwned>(&self, name: &str) -> Result<T, DecodeError> {
        required(name, self.bytes)?;
        self.read()
    }
}

/// A scalar of a frame. The error names it.
pub(crate) fn scalar<T: DeserializeOwned>(
    format: Format,
    name: &str,
    bytes: Option<&[u8]>,
) -> Result<Option<T>, DecodeError> {
    let read = |bytes| {
        format.decode(bytes).map_err(|error| DecodeError { field: name.to_owned(), ..error })
    };
    bytes.map(read).transpose()
}

pub(crate) fn required<T>(name: &str, value: Option<T>) -> Result<T, DecodeError> {
    value.ok_or_else(|| DecodeError {
        field: name.to_owned(),
        message: format!("missing field `{name}`"),
    })
}

//! The crate's tests, in one binary: what the wire looks like, and what the codec does with
//! what is not like that.

#[cfg(test)]
mod client;
#[cfg(test)]
mod codec;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod vectors;

#[cfg(test)]
use protocol::Format;

/// Both, for tests of what holds in both.
#[cfg(test)]
const FORMATS: [Format; 2] = [Format::Json, Format::MessagePack];

/// A JSON value in `format`. In MessagePack, what looks like an id becomes bytes, unless it is a
/// topic.
#[cfg(test)]
fn packed(format: Format, value: &serde_json::Value) -> Vec<u8> {
    #[derive(serde::Serialize)]
    #[serde(untagged)]
    enum Packed<'a> {
        Id(uuid::Uuid),
        List(Vec<Packed<'a>>),
        Map(std::collections::BTreeMap<&'a str, Packed<'a>>),
        Plain(&'a serde_json::Value),
    }
    fn convert(value: &serde_json::Value) -> Packed<'_> {
        use serde_json::Value;
        match value {
            Value::String(text) if text.len() == 36 => {
                text.parse().map_or(Packed::Plain(value), Packed::Id)
            }
            Value::Array(items) => Packed::List(items.iter().map(convert).collect()),
            Value::Object(map) => {
                Packed::Map(map.iter().map(|(k, v)| (k.as_str(), convert(v))).collect())
            }
            _ => Packed::Plain(value),
        }
    }
    format.encode(&convert(value))
}

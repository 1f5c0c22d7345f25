//! Events inside a result, as a client reads them.
//!
//! The keys come in the server's order, name before data, so that the data is read typed without
//! a buffer. An event that this version does not know leaves only its place.

use crate::union::Read;
use crate::{DecodeError, Event, Push, Seq, Topic};
use serde::de::{DeserializeOwned, Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::cell::RefCell;
use std::fmt;

impl<'de> Deserialize<'de> for Push<Event> {
    /// For events inside results; fails on one that this version does not know.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Listed::deserialize(deserializer)? {
            Listed::Known(push) => Ok(*push),
            Listed::Unknown { .. } => Err(D::Error::custom("an event that is not known")),
        }
    }
}

/// An event inside a result, as a client reads it.
pub(crate) enum Listed {
    /// One that this version knows.
    Known(Box<Push<Event>>),
    /// One of a newer server; what has to be known is its place.
    Unknown { seq: Option<Seq> },
}

/// For a single event that may be one this version does not know: then it is as if absent.
pub(crate) fn if_known<'de, D>(deserializer: D) -> Result<Option<Push<Event>>, D::Error>
where
    D: Deserializer<'de>,
{
    Ok(match Option::<Listed>::deserialize(deserializer)? {
        Some(Listed::Known(push)) => Some(*push),
        Some(Listed::Unknown { .. }) | None => None,
    })
}

struct MapReader<'a, A>(RefCell<&'a mut A>);

impl<'de, A: MapAccess<'de>> Read for MapReader<'_, A> {
    fn read<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        self.0
            .borrow_mut()
            .next_value::<T>()
            .map_err(|error| DecodeError { field: "data".to_owned(), message: error.to_string() })
    }
}

struct ListedVisitor;

impl<'de> Visitor<'de> for ListedVisitor {
    type Value = Listed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event with its name before its data")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Listed, A::Error> {
        let (mut topic, mut seq, mut at) = (None::<Topic>, None, None);
        let (mut name, mut body) = (None::<String>, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "topic" => topic = map.next_value()?,
                "seq" => seq = map.next_value()?,
                "at" => at = map.next_value()?,
                "event" => name = Some(map.next_value()?),
                "data" => {
                    let name = name.as_deref().ok_or_else(|| A::Error::missing_field("event"))?;
                    let read = Event::read(name, &MapReader(RefCell::new(&mut map)));
                    if let Some(read) = read {
                        body = Some(read.map_err(A::Error::custom)?);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        match (name, body) {
            (_, Some(body)) => Ok(Listed::Known(Box::new(Push { topic, seq, at, body }))),
            (Some(name), None) if !Event::NAMES.contains(&name.as_str()) => {
                Ok(Listed::Unknown { seq })
            }
            (Some(_), None) => Err(A::Error::missing_field("data")),
            (None, None) => Err(A::Error::missing_field("event")),
        }
    }
}

impl<'de> Deserialize<'de> for Listed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ListedVisitor)
    }
}

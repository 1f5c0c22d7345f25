//! What stands in Redis, read and named: see `presence.lua`.

use crate::presence::model::{Record, Registered};
use crate::redis::{Epoch, time_of};
use protocol::presence::Declared;
use protocol::{Millis, UserId};
use redis::Value;

/// The hash that says whether the registry is whole.
pub(super) const REGISTRY: &str = "presence";
/// The hash and the channel of a person.
pub(super) fn key(user: UserId) -> String {
    format!("{REGISTRY}:{user}")
}

pub(super) fn word(declared: Declared) -> &'static str {
    match declared {
        Declared::Online => "online",
        Declared::Away => "away",
        Declared::Busy => "busy",
        Declared::Invisible => "invisible",
    }
}

pub(super) fn declared(word: &str) -> Option<Declared> {
    let all = [Declared::Online, Declared::Away, Declared::Busy, Declared::Invisible];
    all.into_iter().find(|declared| self::word(*declared) == word)
}

fn pairs(value: &Value) -> impl Iterator<Item = (String, String)> {
    let empty: &[Value] = &[];
    let text = |value: &Value| redis::from_redis_value_ref::<String>(value).unwrap_or_default();
    let (flat, map) = match value {
        Value::Array(items) => (items.as_slice(), None),
        Value::Map(items) => (empty, Some(items)),
        _ => (empty, None),
    };
    let flat = flat.as_chunks::<2>().0.iter().map(move |[name, value]| (text(name), text(value)));
    let map = map.into_iter().flatten().map(move |(name, value)| (text(name), text(value)));
    flat.chain(map)
}

pub(super) fn read_time(value: &Value) -> Option<Millis> {
    redis::from_redis_value_ref(value).ok().map(time_of)
}

/// The run of a server, from what it says of itself.
pub(super) fn read_run(info: &Value) -> String {
    let text: String = redis::from_redis_value_ref(info).unwrap_or_default();
    let run = text.lines().find_map(|line| line.strip_prefix("run_id:"));
    run.unwrap_or_default().trim().to_owned()
}

pub(super) fn read_epoch(text: &str) -> Option<Epoch> {
    text.parse().ok().map(Epoch)
}

pub(super) fn read_registered(value: &Value) -> Registered {
    let mut registered = Registered::default();
    for (name, value) in pairs(value) {
        if let Some(node) = name.strip_prefix("node:") {
            registered.written.extend(read_epoch(&value).map(|epoch| (node.to_owned(), epoch)));
        } else if name == "run" {
            registered.run = value;
        } else if name == "born" {
            registered.born_at = value.parse().ok();
        }
    }
    registered
}

pub(super) fn read_record(value: &Value) -> Record {
    let mut record = Record::default();
    for (name, value) in pairs(value) {
        if name.starts_with("s:") {
            let epoch = value.split_once(' ').and_then(|(epoch, _)| read_epoch(epoch));
            record.holders.extend(epoch);
            record.looked_at.extend(epoch.filter(|_| value.ends_with(" front")));
        } else if name == "declared" {
            record.declared = declared(&value);
        } else if name == "grace_until" {
            record.grace_until = value.parse().ok();
        }
    }
    record
}

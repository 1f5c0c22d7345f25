//! The golden frames of `vectors/`: both encodings of every command, reply and push.
//!
//! `SANCTUARY_UPDATE_VECTORS=1 cargo test -p sanctuary-protocol` writes the MessagePack anew
//! from the JSON. A vector's name begins with its method, event or code; words after a comma
//! tell several apart.

use protocol::{Answer, Command, CommandFrame, Error, ErrorCode, Event, Format, Incoming};
use protocol::{ReplyFrame, Signal};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::LazyLock;

const FEATURES: [&str; 14] = [
    "session",
    "topics",
    "presence",
    "accounts",
    "people",
    "conversations",
    "groups",
    "notifications",
    "payments",
    "support",
    "exchange",
    "wall",
    "bookings",
    "errors",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Command,
    Reply,
    Push,
}

#[derive(Serialize, Deserialize)]
struct Vector {
    name: String,
    kind: Kind,
    /// As it stands in the file: the order of keys is part of it.
    json: Box<RawValue>,
    /// Hex.
    msgpack: String,
}

/// A frame as the model holds it.
#[derive(Debug, PartialEq)]
enum Frame {
    Command(CommandFrame),
    Reply(Option<u32>, Box<Result<Answer, Error>>),
    Push(Incoming),
}

impl Vector {
    fn subject(&self) -> &str {
        self.name.split(',').next().unwrap()
    }

    fn decode(&self, format: Format, bytes: &[u8]) -> Frame {
        let frames = format.split(bytes).unwrap();
        let [frame] = frames[..] else { panic!("{}: not one frame", self.name) };
        match self.kind {
            Kind::Command => Frame::Command(
                CommandFrame::decode(format, frame)
                    .unwrap_or_else(|rejected| panic!("{}: {rejected:?}", self.name)),
            ),
            Kind::Reply => match Incoming::decode(format, frame).unwrap() {
                Incoming::Reply { id, error: Some(error) } => {
                    Frame::Reply(id, Box::new(Err(error)))
                }
                Incoming::Reply { id, error: None } => {
                    let answer = Answer::decode(self.subject(), format, frame)
                        .unwrap_or_else(|| panic!("{}: no such method", self.name))
                        .unwrap_or_else(|error| panic!("{}: {error:?}", self.name));
                    Frame::Reply(id, Box::new(Ok(answer)))
                }
                other => panic!("{}: {other:?}", self.name),
            },
            Kind::Push => Frame::Push(
                Incoming::decode(format, frame)
                    .unwrap_or_else(|error| panic!("{}: {error:?}", self.name)),
            ),
        }
    }
}

impl Frame {
    fn encode(&self, format: Format) -> Vec<u8> {
        match self {
            Self::Command(frame) => format.encode(frame),
            Self::Reply(id, outcome) => format.encode(&ReplyFrame::new(*id, outcome)),
            Self::Push(Incoming::Event(push)) => format.encode(push),
            Self::Push(Incoming::Signal(push)) => format.encode(push),
            Self::Push(other) => panic!("no push that the server sends: {other:?}"),
        }
    }

    fn subject(&self) -> Option<&'static str> {
        match self {
            Self::Command(frame) => Some(frame.command.name()),
            Self::Reply(_, outcome) => outcome.as_ref().as_ref().err().map(|e| e.code.word()),
            Self::Push(Incoming::Event(push)) => Some(push.body.name()),
            Self::Push(Incoming::Signal(push)) => Some(push.body.name()),
            Self::Push(_) => None,
        }
    }
}

fn path(feature: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors").join(format!("{feature}.json"))
}

fn load(feature: &str) -> Vec<Vector> {
    let text = std::fs::read_to_string(path(feature)).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{feature}.json: {error}"))
}

/// All of them by feature, written anew first if that was asked for.
static VECTORS: LazyLock<Vec<(&str, Vec<Vector>)>> = LazyLock::new(|| {
    let update = std::env::var_os("SANCTUARY_UPDATE_VECTORS").is_some_and(|on| on == "1");
    FEATURES
        .into_iter()
        .map(|feature| {
            if update {
                save(feature, &load(feature));
            }
            (feature, load(feature))
        })
        .collect()
});

fn all() -> Vec<&'static Vector> {
    VECTORS.iter().flat_map(|(_, vectors)| vectors).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "odd hex {text:?}");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn save(feature: &str, vectors: &[Vector]) {
    let entries: Vec<String> = vectors
        .iter()
        .map(|vector| {
            let model = vector.decode(Format::Json, vector.json.get().as_bytes());
            format!(
                "  {{\n    \"name\": {},\n    \"kind\": {},\n    \"json\": {},\n    \
                 \"msgpack\": \"{}\"\n  }}",
                serde_json::to_string(&vector.name).unwrap(),
                serde_json::to_string(&vector.kind).unwrap(),
                vector.json.get(),
                hex(&model.encode(Format::MessagePack)),
            )
        })
        .collect();
    std::fs::write(path(feature), format!("[\n{}\n]\n", entries.join(",\n"))).unwrap();
}

#[test]
fn every_vector_holds_in_both_encodings() {
    for (feature, vectors) in &*VECTORS {
        for vector in vectors {
            let name = format!("{feature}: {:?} {}", vector.kind, vector.name);
            let json = vector.json.get();
            let model = vector.decode(Format::Json, json.as_bytes());
            if let Some(subject) = model.subject() {
                assert_eq!(subject, vector.subject(), "{name}: named after something else");
            }

            let encoded: Value = serde_json::from_slice(&model.encode(Format::Json)).unwrap();
            assert_eq!(encoded, serde_json::from_str::<Value>(json).unwrap(), "{name}: JSON");
            assert_eq!(
                hex(&model.encode(Format::MessagePack)),
                vector.msgpack,
                "{name}: MessagePack; if the change is meant: SANCTUARY_UPDATE_VECTORS=1"
            );
            let back = vector.decode(Format::MessagePack, &unhex(&vector.msgpack));
            assert_eq!(back, model, "{name}: MessagePack reads as something else");
        }
    }
}

#[test]
fn nothing_of_the_protocol_is_without_a_vector() {
    let vectors = all();
    let subjects = |kind| -> BTreeSet<&str> {
        vectors.iter().filter(|vector| vector.kind == kind).map(|vector| vector.subject()).collect()
    };
    let lacking = |kind, names: &[&'static str]| -> Vec<&'static str> {
        let there = subjects(kind);
        names.iter().copied().filter(|name| !there.contains(name)).collect()
    };
    let none = Vec::<&str>::new();
    assert_eq!(lacking(Kind::Command, Command::NAMES), none, "methods without a command");
    assert_eq!(lacking(Kind::Reply, Command::NAMES), none, "methods without a reply");
    assert_eq!(lacking(Kind::Push, Event::NAMES), none, "events");
    assert_eq!(lacking(Kind::Push, Signal::NAMES), none, "signals");
    let codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.word()).collect();
    assert_eq!(lacking(Kind::Reply, &codes), none, "error codes");
}

#[test]
fn names_tell_vectors_apart() {
    let vectors = all();
    let mut seen = BTreeSet::new();
    for vector in &vectors {
        assert!(
            seen.insert((format!("{:?}", vector.kind), &vector.name)),
            "{} comes twice",
            vector.name
        );
    }
}

/// No client may fall over wherever a frame ends, and none may take a part for the whole.
#[test]
fn no_vector_can_be_cut_short_or_have_bytes_after_it() {
    for vector in all() {
        for (format, bytes) in [
            (Format::Json, vector.json.get().as_bytes().to_vec()),
            (Format::MessagePack, unhex(&vector.msgpack)),
        ] {
            for end in 0..bytes.len() {
                let part = &bytes[..end];
                assert!(format.split(part).is_err(), "{} {format:?} cut at {end}", vector.name);
                // Without the split before them, these have to stand it too.
                assert!(CommandFrame::decode(format, part).is_err());
                assert!(Incoming::decode(format, part).is_err());
            }
            let mut longer = bytes;
            longer.push(b'1');
            assert!(format.split(&longer).is_err(), "{} {format:?} and more", vector.name);
            assert!(CommandFrame::decode(format, &longer).is_err());
            assert!(Incoming::decode(format, &longer).is_err());
        }
    }
}

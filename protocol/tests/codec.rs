//! Cutting a message into frames: its limits, and what is not well-formed.

use crate::{FORMATS, packed};
use proptest::prelude::*;
use protocol::limits::{ARRAY_FRAMES_MAX, NESTING_MAX};
use protocol::{Blob, CommandFrame, Format, Incoming, Push};
use serde_json::{Value, json};

fn frame(id: usize) -> Value {
    json!({ "id": id, "method": "ping", "params": {} })
}

/// A ping whose params nest so that the frame has `levels` levels.
fn nested(format: Format, levels: usize, (open, close): (&str, &str)) -> Vec<u8> {
    // The frame and the params are two of them.
    let inner = levels - 2;
    let open = open.repeat(inner);
    match format {
        Format::Json => {
            let close = close.repeat(inner);
            format!(r#"{{"id":1,"method":"ping","params":{{"odd":{open}0{close}}}}}"#).into_bytes()
        }
        Format::MessagePack => {
            let head = if open.starts_with('[') { vec![0x91] } else { vec![0x81, 0xa1, b'a'] };
            let mut bytes = b"\x83\xa2id\x01\xa6method\xa4ping\xa6params\x81\xa3odd".to_vec();
            bytes.extend(head.repeat(inner));
            bytes.push(0);
            bytes
        }
    }
}

const BRACKETS: [(&str, &str); 2] = [("[", "]"), (r#"{"a":"#, "}")];

#[test]
fn nesting_ends_at_its_limit() {
    for format in FORMATS {
        for brackets in BRACKETS {
            let deep = nested(format, NESTING_MAX, brackets);
            let frames = format.split(&deep).unwrap();
            assert_eq!(frames, [&deep[..]]);
            CommandFrame::decode(format, frames[0]).unwrap();

            let error = format.split(&nested(format, NESTING_MAX + 1, brackets)).unwrap_err();
            assert_eq!(error.to_string(), "nested too deep", "{format:?}");
        }
    }
}

#[test]
fn the_array_around_frames_is_a_level_of_its_own() {
    for format in FORMATS {
        let list = |levels| {
            let frame = nested(format, levels, BRACKETS[0]);
            match format {
                Format::Json => [b"[".as_slice(), &frame, b"]"].concat(),
                Format::MessagePack => [b"\x91".as_slice(), &frame].concat(),
            }
        };
        assert_eq!(format.split(&list(NESTING_MAX - 1)).unwrap().len(), 1);
        assert!(format.split(&list(NESTING_MAX)).is_err(), "{format:?}");
    }
}

#[test]
fn a_hundred_thousand_levels_are_an_error_and_not_a_crash() {
    for bytes in [vec![b'['; 100_000], br#"{"a":"#.repeat(100_000)] {
        assert!(Format::Json.split(&bytes).is_err());
        assert!(CommandFrame::decode(Format::Json, &bytes).is_err());
    }
    for bytes in [vec![0x91; 100_000], b"\x81\xa1a".repeat(100_000)] {
        assert!(Format::MessagePack.split(&bytes).is_err());
        assert!(CommandFrame::decode(Format::MessagePack, &bytes).is_err());
        assert!(Format::MessagePack.decode::<Value>(&bytes).is_err());
    }
}

#[test]
fn brackets_in_strings_are_no_levels() {
    let text =
        format!(r#"{{"id":1,"method":"ping","params":{{"payload":"\"{}"}}}}"#, "[".repeat(99));
    assert_eq!(Format::Json.split(text.as_bytes()).unwrap().len(), 1);
}

#[test]
fn an_array_of_frames_ends_at_its_limit() {
    for format in FORMATS {
        let list = |count| packed(format, &Value::Array((0..count).map(frame).collect()));
        let full = list(ARRAY_FRAMES_MAX);
        let frames = format.split(&full).unwrap();
        assert_eq!(frames.len(), ARRAY_FRAMES_MAX);
        for (id, frame) in frames.iter().enumerate() {
            let command = CommandFrame::decode(format, frame).unwrap();
            assert_eq!(usize::try_from(command.id), Ok(id), "in the order of the array");
        }
        let error = format.split(&list(ARRAY_FRAMES_MAX + 1)).unwrap_err();
        assert_eq!(error.to_string(), "more than 64 frames in an array");
        let error = format.split(&list(0)).unwrap_err();
        assert_eq!(error.to_string(), "an array without a frame");
    }
}

#[test]
fn what_is_not_well_formed_is_refused() {
    for text in [
        "",
        " ",
        "{",
        "}",
        "nul",
        "{\"id\":1,}",
        "{'id':1}",
        "{\"id\":01}",
        "[{}",
        "{}{}",
        "{} x",
        "[{}],",
        "\u{feff}{}",
        "{\"a\":\"\u{1}\"}",
        "[,]",
        "{\"id\":NaN}",
    ] {
        assert!(Format::Json.split(text.as_bytes()).is_err(), "{text:?}");
        assert!(CommandFrame::decode(Format::Json, text.as_bytes()).is_err(), "{text:?}");
    }
    // Not UTF-8.
    assert!(Format::Json.split(b"{\"id\":1,\"method\":\"\xff\"}").is_err());
    for bytes in [
        b"".as_slice(),
        b"\xc1",
        b"\x80\x80",
        b"\x81\xa1",
        b"\x81\xa1a\xc1",
        // Lengths that were never sent.
        b"\x91",
        b"\xdc\x00\x02\x80",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xffabc",
        b"\xc6\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x01",
        b"\xde\x00",
    ] {
        assert!(Format::MessagePack.split(bytes).is_err(), "{bytes:x?}");
        assert!(CommandFrame::decode(Format::MessagePack, bytes).is_err(), "{bytes:x?}");
    }
}

#[test]
fn every_head_of_messagepack_is_measured_right() {
    let long = |head: &[u8], len: usize| [head, &vec![0; len]].concat();
    let mut values = vec![
        long(b"\x00", 0),
        long(b"\x7f", 0),
        long(b"\xe0", 0),
        long(b"\xc0", 0),
        long(b"\xc2", 0),
        long(b"\xc3", 0),
        long(b"\xa3", 3),
        long(b"\xbf", 31),
        long(b"\x92", 2),
        long(b"\x9f", 15),
        long(b"\x82", 4),
        long(b"\x8f", 30),
        long(b"\xc4\x05", 5),
        long(b"\xc5\x01\x00", 256),
        long(b"\xc6\x00\x00\x01\x00", 256),
        long(b"\xc7\x05\x01", 5),
        long(b"\xc8\x01\x00\x01", 256),
        long(b"\xc9\x00\x00\x01\x00\x01", 256),
        long(b"\xd9\x05", 5),
        long(b"\xda\x01\x00", 256),
        long(b"\xdb\x00\x00\x01\x00", 256),
        long(b"\xdc\x01\x00", 256),
        long(b"\xdd\x00\x00\x01\x00", 256),
        long(b"\xde\x01\x00", 512),
        long(b"\xdf\x00\x00\x01\x00", 512),
    ];
    for (marker, len) in [(0xca, 4), (0xcb, 8), (0xcc, 1), (0xcd, 2), (0xce, 4), (0xcf, 8)] {
        values.push(long(&[marker], len));
    }
    for (marker, len) in [(0xd0, 1), (0xd1, 2), (0xd2, 4), (0xd3, 8)] {
        values.push(long(&[marker], len));
    }
    for (marker, len) in [(0xd4, 2), (0xd5, 3), (0xd6, 5), (0xd7, 9), (0xd8, 17)] {
        values.push(long(&[marker], len));
    }
    for value in values {
        // As the value of a key that nobody knows.
        let frame = [b"\x83\xa1x".as_slice(), &value, b"\xa2id\x09\xa6method\xa4ping"].concat();
        let frames = Format::MessagePack.split(&frame).unwrap();
        let command = CommandFrame::decode(Format::MessagePack, frames[0]).unwrap();
        assert_eq!(command.id, 9, "{:x?}", &value[..1]);
        assert!(Format::MessagePack.split(&value[..value.len() - 1]).is_err());
    }
}

#[test]
fn bytes_are_base64_here_and_bin_there() {
    let blob = Blob(vec![0, 255, 16]);
    assert_eq!(Format::Json.encode(&blob), b"\"AP8Q\"");
    assert_eq!(Format::MessagePack.encode(&blob), b"\xc4\x03\x00\xff\x10");
    for format in FORMATS {
        assert_eq!(format.decode::<Blob>(&format.encode(&blob)).unwrap(), blob);
    }
    assert!(Format::Json.decode::<Blob>(b"\"AP8\"").is_err(), "no padding");
}

fn never_panics(format: Format, bytes: &[u8]) {
    let whole = std::iter::once(bytes);
    let frames = format.split(bytes).unwrap_or_default();
    for frame in whole.chain(frames) {
        // Neither may end the server, nor a client.
        let _ = CommandFrame::decode(format, frame);
        let _ = Incoming::decode(format, frame);
        let _ = Push::decode(format, frame);
        let _ = Incoming::result::<protocol::topics::Page>(format, frame);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for format in FORMATS {
            never_panics(format, &bytes);
        }
    }

    #[test]
    fn a_frame_with_some_bytes_changed_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let id = "0198f0a1-0000-7000-8000-000000000001";
        let command = json!({
            "id": 7, "method": "conversation.send",
            "params": { "conversation_id": id, "client_id": id, "text": "Hello", "attachments": [id] },
        });
        let page = json!({ "id": 7, "result": { "head": 9, "events": [{
            "topic": format!("conversation:{id}"), "seq": 9, "at": 1, "event": "member.left",
            "data": { "user_id": id },
        }] } });
        for format in FORMATS {
            for value in [&command, &page] {
                let mut bytes = packed(format, value);
                for (at, byte) in &changes {
                    let at = at.index(bytes.len());
                    bytes[at] = *byte;
                }
                never_panics(format, &bytes);
            }
        }
    }

    #[test]
    fn any_json_that_splits_is_given_back_whole(text in "\\PC{0,40}") {
        let frame = json!({ "id": 1, "method": text }).to_string();
        prop_assert_eq!(Format::Json.split(frame.as_bytes()).unwrap(), [frame.as_bytes()]);
    }
}

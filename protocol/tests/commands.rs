//! Reading commands: what means the same, and how those that do not fit are refused.

use crate::{FORMATS, packed};
use protocol::{
    Command, CommandFrame, Error, ErrorCode, Format, Rejected, conversations, session, topics,
};
use serde_json::{Value, json};

const ID: &str = "0198f0a1-0000-7000-8000-000000000001";

fn read(format: Format, frame: &Value) -> Result<CommandFrame, Rejected> {
    let bytes = packed(format, frame);
    let frames = format.split(&bytes).unwrap();
    CommandFrame::decode(format, frames[0])
}

fn command(format: Format, method: &str, params: &Value) -> Command {
    read(format, &json!({ "id": 1, "method": method, "params": params })).unwrap().command
}

fn refused(format: Format, method: &str, params: &Value) -> Error {
    let frame = json!({ "id": 8, "method": method, "params": params });
    let Rejected { id, error } = read(format, &frame).unwrap_err();
    assert_eq!(id, Some(8), "the reply finds its command");
    error
}

#[test]
fn unknown_keys_are_ignored_at_every_level() {
    for format in FORMATS {
        let frame = json!({
            "id": 1, "method": "session.open", "later": { "than": [1, 2.5, null, "this"] },
            "params": { "device_id": "d", "new": [{}], "cursors":
                [{ "topic": format!("user:{ID}"), "seq": 3, "why": true }] },
        });
        let Command::SessionOpen(open) = read(format, &frame).unwrap().command else { panic!() };
        assert_eq!(open.device_id, "d");
        assert_eq!(open.cursors[0].seq, 3);
    }
}

#[test]
fn absent_is_null() {
    for format in FORMATS {
        let send = |params: Value| command(format, "conversation.send", &params);
        let short = json!({ "conversation_id": ID, "client_id": ID });
        let long = json!({
            "conversation_id": ID, "client_id": ID,
            "text": null, "attachments": null, "reply_to": null,
        });
        assert_eq!(send(short), send(long));
        assert_eq!(
            command(format, "session.open", &json!({ "device_id": "d", "cursors": null })),
            session::Open { device_id: "d".to_owned(), ..session::Open::default() }.into()
        );
    }
}

#[test]
fn missing_params_are_empty_params() {
    for format in FORMATS {
        let forms = [
            json!({ "id": 1, "method": "conversation.list" }),
            json!({ "id": 1, "method": "conversation.list", "params": null }),
            json!({ "id": 1, "method": "conversation.list", "params": {} }),
        ];
        for form in forms {
            let list = conversations::List::default().into();
            assert_eq!(read(format, &form).unwrap().command, list);
        }
        let error = read(format, &json!({ "id": 4, "method": "topic.read" })).unwrap_err();
        assert_eq!(error.id, Some(4));
        assert_eq!(error.error.detail, Some(json!({ "field": "topic" })));
    }
}

#[test]
fn keys_come_in_any_order() {
    let json = br#"{"params":{"payload":"x"},"method":"ping","id":5}"#.as_slice();
    let msgpack = b"\x83\xa6params\x81\xa7payload\xa1x\xa6method\xa4ping\xa2id\x05".as_slice();
    for (format, bytes) in [(Format::Json, json), (Format::MessagePack, msgpack)] {
        let frame = CommandFrame::decode(format, bytes).unwrap();
        assert_eq!(frame.id, 5);
        assert_eq!(frame.command, session::Ping { payload: Some("x".to_owned()) }.into());
    }
}

#[test]
fn keys_may_be_escaped_and_space_is_free() {
    let json = br#" { "id" : 5 , "m\u0065thod" : "p\u0069ng" , "params" : { } } "#;
    let frames = Format::Json.split(json).unwrap();
    assert_eq!(CommandFrame::decode(Format::Json, frames[0]).unwrap().id, 5);
    assert_eq!(CommandFrame::decode(Format::Json, json).unwrap().id, 5);
}

#[test]
fn invalid_names_the_field() {
    let topic = format!("conversation:{ID}");
    for format in FORMATS {
        for (method, params, field) in [
            ("conversation.send", json!({ "client_id": ID }), "conversation_id"),
            ("conversation.send", json!({ "conversation_id": ID, "client_id": "x" }), "client_id"),
            ("conversation.edit", json!({ "conversation_id": ID, "seq": -1, "text": "" }), "seq"),
            ("conversation.edit", json!({ "conversation_id": ID, "seq": 1.5, "text": "" }), "seq"),
            ("conversation.edit", json!({ "conversation_id": ID, "seq": 1, "text": 7 }), "text"),
            ("conversation.edit", json!({ "conversation_id": ID, "seq": 1, "text": null }), "text"),
            ("conversation.list", json!({ "kind": "party" }), "kind"),
            ("conversation.archive", json!({ "conversation_id": ID, "on": "yes" }), "on"),
            ("topic.read", json!({ "topic": "room:1" }), "topic"),
            ("topic.read", json!({ "topic": format!("room:{ID}") }), "topic"),
            ("topic.read", json!({ "topic": topic, "limit": 4_294_967_296_u64 }), "limit"),
            ("presence.watch", json!({ "users": [ID, 7] }), "users[1]"),
            ("presence.watch", json!({ "users": {} }), "users"),
            (
                "session.open",
                json!({ "device_id": "d", "cursors": [{ "topic": topic, "seq": 1 }, { "topic": topic }] }),
                "cursors[1].seq",
            ),
            (
                "session.open",
                json!({ "device_id": "d", "cursors": [{ "topic": "t", "seq": 1 }] }),
                "cursors[0].topic",
            ),
            ("ping", json!([]), "params"),
            ("ping", json!("x"), "params"),
            ("ping", json!(7), "params"),
            ("conversation.archive", json!([ID, true]), "params"),
        ] {
            let error = refused(format, method, &params);
            assert_eq!(error.code, ErrorCode::Invalid);
            assert!(!error.retryable);
            let detail = Some(json!({ "field": field }));
            assert_eq!(error.detail, detail, "{format:?} {method} {params}: {error}");
        }
    }
}

#[test]
fn a_key_that_comes_twice_is_refused() {
    let json = br#"{"id":1,"method":"ping","params":{"payload":"a","payload":"b"}}"#.as_slice();
    let msgpack = b"\x83\xa2id\x01\xa6method\xa4ping\xa6params\x82\xa7payload\xa1a\xa7payload\xa1b"
        .as_slice();
    for (format, bytes) in [(Format::Json, json), (Format::MessagePack, msgpack)] {
        let Rejected { id, error } = CommandFrame::decode(format, bytes).unwrap_err();
        assert_eq!((id, error.code), (Some(1), ErrorCode::Invalid));
        assert_eq!(error.detail, Some(json!({ "field": "payload" })));
    }
    let json = br#"{"id":1,"id":2,"method":"ping"}"#.as_slice();
    let msgpack = b"\x83\xa2id\x01\xa2id\x02\xa6method\xa4ping".as_slice();
    for (format, bytes) in [(Format::Json, json), (Format::MessagePack, msgpack)] {
        let Rejected { id, error } = CommandFrame::decode(format, bytes).unwrap_err();
        assert_eq!((id, error.code), (None, ErrorCode::Malformed));
    }
}

#[test]
fn an_unknown_method_is_answered_with_its_id() {
    for format in FORMATS {
        for method in ["", "Ping", "ping ", "conversation", "conversation.burn", "\u{0}"] {
            let error = refused(format, method, &json!([1]));
            assert_eq!(error.code, ErrorCode::UnknownMethod, "{method:?}");
        }
    }
}

#[test]
fn ids_end_at_their_limits() {
    for format in FORMATS {
        for id in [0, u32::MAX] {
            assert_eq!(read(format, &json!({ "id": id, "method": "ping" })).unwrap().id, id);
        }
    }
}

#[test]
fn what_is_no_command_is_malformed_and_has_no_id() {
    for format in FORMATS {
        for frame in [
            json!({ "method": "ping" }),
            json!({ "id": null, "method": "ping" }),
            json!({ "id": -1, "method": "ping" }),
            json!({ "id": 4_294_967_296_u64, "method": "ping" }),
            json!({ "id": 1.5, "method": "ping" }),
            json!({ "id": "1", "method": "ping" }),
            json!({ "id": [1], "method": "ping" }),
            json!({ "id": 1 }),
            json!({ "id": 1, "method": null }),
            json!({ "id": 1, "method": 7 }),
            json!({ "id": 1, "method": ["ping"] }),
            json!({}),
            json!(7),
            json!(null),
            json!("ping"),
            // Inside an array: in order is not the same as by name.
            json!([[1, "ping", {}]]),
        ] {
            let Rejected { id, error } = read(format, &frame).unwrap_err();
            assert_eq!(id, None, "{format:?} {frame}");
            assert_eq!(error.code, ErrorCode::Malformed, "{format:?} {frame}");
            assert!(!error.retryable);
        }
    }
}

#[test]
fn an_error_does_not_send_a_long_value_back() {
    for format in FORMATS {
        let long = "é".repeat(10_000);
        let error = refused(format, "conversation.list", &json!({ "kind": long }));
        assert!(error.message.chars().count() <= 201, "{} bytes", error.message.len());
        assert!(!error.message.contains(" at line "), "{}", error.message);
    }
}

#[test]
fn a_topic_has_one_name() {
    for text in ["user", "user:", "user:x", ID, "user:0198f0a1000070008000000000000001"] {
        assert!(text.parse::<protocol::Topic>().is_err(), "{text}");
    }
    let braced = format!("user:{{{ID}}}");
    assert!(braced.parse::<protocol::Topic>().is_err());
    let upper = format!("user:{}", ID.to_uppercase());
    assert_eq!(upper.parse::<protocol::Topic>().unwrap().to_string(), format!("user:{ID}"));
}

#[test]
fn a_call_knows_its_command() {
    use protocol::Call;
    let read = topics::Unsubscribe { topic: format!("group:{ID}").parse().unwrap() };
    assert_eq!(topics::Unsubscribe::METHOD, read.command().name());
}

//! Reading as a client: what a newer server sends must not stop an older client.

use crate::{FORMATS, packed};
use protocol::{
    Answer, Error, ErrorCode, Event, Format, Incoming, Push, Seq, conversations, topics,
};
use serde_json::{Value, json};

const ID: &str = "0198f0a1-0000-7000-8000-000000000001";

fn topic() -> String {
    format!("conversation:{ID}")
}

fn read(format: Format, frame: &Value) -> Incoming {
    Incoming::decode(format, &packed(format, frame)).unwrap()
}

/// The keys of an event in the server's order, which a `Value` would sort.
fn event(format: Format, seq: Seq, name: &str, data: &Value) -> Vec<u8> {
    #[derive(serde::Serialize)]
    struct InOrder<'a> {
        topic: String,
        seq: Seq,
        at: i64,
        event: &'a str,
        data: &'a Value,
    }
    // MessagePack takes `data` as it is: these tests put no id there.
    format.encode(&InOrder { topic: topic(), seq, at: 1, event: name, data })
}

/// The reply to a `topic.read` that holds these events.
fn page(format: Format, events: &[Vec<u8>]) -> Vec<u8> {
    match format {
        Format::Json => {
            let events = events.join(&b","[..]);
            [br#"{"id":1,"result":{"events":["#.as_slice(), &events, br#"],"head":9}}"#].concat()
        }
        Format::MessagePack => {
            let count = 0x90 | u8::try_from(events.len()).unwrap();
            let events = events.concat();
            [
                b"\x82\xa2id\x01\xa6result\x82\xa6events".as_slice(),
                &[count],
                &events,
                b"\xa4head\x09",
            ]
            .concat()
        }
    }
}

#[test]
fn an_unknown_event_still_moves_the_cursor() {
    for format in FORMATS {
        let push = json!({ "topic": topic(), "seq": 9, "at": 1, "event": "tea.served", "data": 7 });
        assert_eq!(
            read(format, &push),
            Incoming::Unknown {
                event: "tea.served".to_owned(),
                topic: topic().parse().ok(),
                seq: Some(9)
            }
        );
        let signal = json!({ "event": "kettle.boils" });
        let unknown =
            Incoming::Unknown { event: "kettle.boils".to_owned(), topic: None, seq: None };
        assert_eq!(read(format, &signal), unknown);
    }
}

/// A signal's name with a seq is an event that this version does not know.
#[test]
fn events_and_signals_do_not_mix() {
    for format in FORMATS {
        let data = json!({ "user_id": ID });
        let push = json!({ "topic": topic(), "seq": 9, "at": 1, "event": "typing", "data": data });
        assert!(matches!(read(format, &push), Incoming::Unknown { seq: Some(9), .. }));
        let push = json!({ "topic": topic(), "event": "member.left", "data": data });
        assert!(matches!(read(format, &push), Incoming::Unknown { seq: None, .. }));
    }
}

#[test]
fn a_page_with_unknown_events_is_read() {
    for format in FORMATS {
        let reply = page(
            format,
            &[
                event(format, 6, "tea.served", &json!({ "cups": [1, { "sugar": null }] })),
                event(format, 7, "conversation.closed", &json!({})),
                event(format, 8, "tea.drunk", &json!("all")),
            ],
        );
        let page: topics::Page = Incoming::result(format, &reply).unwrap();
        let closed = Push::event(
            topic().parse().unwrap(),
            7,
            1,
            conversations::ConversationClosed {}.into(),
        );
        assert_eq!(page.events, [closed]);
        assert_eq!(page.unknown, [6, 8], "{format:?}");
        assert_eq!(page.head, 9);
        assert_eq!(
            Answer::decode("topic.read", format, &reply),
            Some(Ok(Answer::TopicRead(page.clone())))
        );
        // What is not understood is not sent on.
        let sent: Value = serde_json::from_slice(&Format::Json.encode(&page)).unwrap();
        assert_eq!(sent.as_object().unwrap().keys().collect::<Vec<_>>(), ["events", "head"]);
    }
}

#[test]
fn a_conversation_with_an_unknown_last_event_is_read() {
    for format in FORMATS {
        for (name, known) in [("conversation.closed", true), ("tea.served", false)] {
            let conversation = conversations::Conversation {
                id: ID.parse().unwrap(),
                kind: conversations::Kind::Direct,
                subject_id: None,
                members: Vec::new(),
                closed: false,
                paused: false,
                request: None,
                head_seq: 9,
                read_seq: 0,
                unread: 0,
                active_at: 1,
                last: Some(Push::event(
                    topic().parse().unwrap(),
                    9,
                    1,
                    Event::ConversationClosed(conversations::ConversationClosed {}),
                )),
                muted_until: None,
                archived: false,
            };
            let bytes = format.encode(&conversation);
            let old = format.encode("conversation.closed");
            let at = bytes.windows(old.len()).position(|part| part == old).unwrap();
            let bytes = [&bytes[..at], &format.encode(name), &bytes[at + old.len()..]].concat();
            let read: conversations::Conversation = format.decode(&bytes).unwrap();
            assert_eq!(read.last.is_some(), known, "{format:?} {name}");
            assert_eq!(read.active_at, 1, "what follows is read too");
        }
    }
}

#[test]
fn a_listed_event_without_its_parts_is_an_error() {
    for text in [
        r#"{"seq":1,"event":"conversation.closed"}"#,
        r#"{"seq":1,"data":{}}"#,
        r#"{"data":{},"event":"conversation.closed"}"#,
        r#"{"seq":1,"event":"member.left","data":{}}"#,
        r#"{"seq":1,"event":"tea.served","data":{}}"#,
        "7",
    ] {
        assert!(Format::Json.decode::<Push<Event>>(text.as_bytes()).is_err(), "{text}");
    }
    // A push on its own comes in any order.
    let text = r#"{"data":{},"event":"conversation.closed","seq":1}"#;
    assert!(Push::decode(Format::Json, text.as_bytes()).is_ok());
}

#[test]
fn an_unknown_code_is_an_error_like_others() {
    for format in FORMATS {
        let reply = json!({ "id": 3, "error":
            { "code": "kettle_empty", "message": "fill it", "retryable": true, "cups": 0 } });
        let Incoming::Reply { id: Some(3), error: Some(error) } = read(format, &reply) else {
            panic!("{format:?}")
        };
        assert_eq!(error.code, ErrorCode::Unknown);
        assert!(error.retryable, "the server's word on this, not ours");
    }
}

#[test]
fn the_error_of_a_push_says_where() {
    for format in FORMATS {
        let push =
            json!({ "topic": topic(), "seq": 9, "at": 1, "event": "member.left", "data": {} });
        let error = Incoming::decode(format, &packed(format, &push)).unwrap_err();
        assert_eq!(error.field, "data.user_id");
        let push = json!({ "topic": "x", "seq": 9, "event": "member.left", "data": {} });
        let error = Incoming::decode(format, &packed(format, &push)).unwrap_err();
        assert_eq!(error.field, "topic");
    }
}

#[test]
fn what_is_neither_reply_nor_push_is_an_error() {
    for format in FORMATS {
        for frame in
            [json!({}), json!({ "id": 1 }), json!({ "topic": topic() }), json!([1]), json!(1)]
        {
            assert!(Incoming::decode(format, &packed(format, &frame)).is_err(), "{frame}");
        }
        let failed =
            packed(format, &json!({ "id": 1, "error": Error::new(ErrorCode::Busy, "later") }));
        assert!(Incoming::result::<topics::Page>(format, &failed).is_err(), "no result");
        assert_eq!(Answer::decode("tea.serve", format, &failed), None);
    }
}

#[test]
fn codes_and_their_words_agree() {
    for &code in ErrorCode::ALL {
        let word = format!("\"{}\"", code.word());
        assert_eq!(Format::Json.encode(&code), word.as_bytes());
        assert_eq!(Format::Json.decode::<ErrorCode>(word.as_bytes()), Ok(code));
        assert!((400..600).contains(&code.http_status()));
    }
}

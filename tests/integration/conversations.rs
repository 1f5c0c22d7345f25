//! Direct conversations through the public door.

use crate::server::{Person, TestServer, client_id};
use futures_util::{StreamExt as _, stream};
use protocol::conversations::{
    Archive, Conversation, Delete, Edit, Get, Kind, List, Mark, Open, Send, Typing,
};
use protocol::limits::EDIT_WINDOW_MS;
use protocol::people::Block;
use protocol::{ConversationId, ErrorCode, Event, Signal, Topic};
use tempfile::tempdir;

fn words(conversation_id: ConversationId, text: &str) -> Send {
    Send {
        conversation_id,
        client_id: client_id(),
        text: Some(text.to_owned()),
        attachments: Vec::new(),
        reply_to: None,
    }
}

async fn opened(server: &TestServer, one: &Person, other: &Person) -> ConversationId {
    server.by(one, Open { user_id: other.id }).await.unwrap().conversation.id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_have_one_conversation_and_a_message_is_sent_once() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, ben, eve) =
        (server.member("ada").await, server.member("ben").await, server.member("eve").await);
    let id = opened(&server, &ada, &ben).await;
    assert_eq!(opened(&server, &ben, &ada).await, id);
    let wanted = words(id, "Hello");
    let first = server.by(&ada, wanted.clone()).await.unwrap();
    let again = server.by(&ada, wanted).await.unwrap();
    assert_eq!((first.seq, first.duplicate), (2, false));
    assert_eq!((again.seq, again.message_id, again.duplicate), (2, first.message_id, true));
    assert_eq!(server.read(&ben, Topic::Conversation(id)).await.unwrap().len(), 2);

    let codes = [
        server.by(&eve, Get { conversation_id: id }).await.unwrap_err().code,
        server.by(&eve, words(id, "me too")).await.unwrap_err().code,
        server.by(&eve, Typing { conversation_id: id }).await.unwrap_err().code,
        server.by(&eve, Delete { conversation_id: id, seq: 2 }).await.unwrap_err().code,
        server.read(&eve, Topic::Conversation(id)).await.unwrap_err().code,
    ];
    assert_eq!(codes, [ErrorCode::NotFound; 5]);
    server.by(&ada, words(id, &"ä".repeat(8_000))).await.unwrap();
    let long = server.by(&ada, words(id, &"ä".repeat(8_001))).await.unwrap_err();
    assert_eq!(long.code, ErrorCode::Invalid);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_edited_or_deleted_is_gone() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let id = opened(&server, &ada, &ben).await;
    let edit = |seq, text: &str| Edit { conversation_id: id, seq, text: text.to_owned() };
    let seq = server.by(&ada, words(id, "first-secret")).await.unwrap().seq;
    let other = server.by(&ben, edit(seq, "x")).await.unwrap_err();
    assert_eq!(other.code, ErrorCode::Forbidden);
    server.by(&ada, edit(seq, "second-secret")).await.unwrap();
    server.by(&ada, Delete { conversation_id: id, seq }).await.unwrap();
    let late = server.by(&ada, words(id, "kept")).await.unwrap().seq;
    server.clock.advance(EDIT_WINDOW_MS + 1);
    let refused = server.by(&ada, edit(late, "too late")).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Conflict);
    // One's own words can be taken back for ever, also where nobody writes.
    let regretted = server.by(&ada, words(id, "third-secret")).await.unwrap().seq;
    server.clock.advance(EDIT_WINDOW_MS + 1);
    server.by(&ben, Block { user_id: ada.id }).await.unwrap();
    server.by(&ada, Delete { conversation_id: id, seq: regretted }).await.unwrap();

    let events = server.read(&ben, Topic::Conversation(id)).await.unwrap();
    assert!(matches!(events[3], Event::MessageDeleted(_)));
    assert!(!format!("{events:?}").contains("secret"));
    let file = folder.path().join(sanctuary::engine::sqlite::FILE_NAME);
    let kept = rusqlite::Connection::open(file).unwrap();
    let holding = |text: &str| -> i64 {
        let sql = "SELECT count(*) FROM topic_log WHERE instr(body, CAST(?1 AS BLOB)) > 0";
        kept.query_row(sql, [text], |row| row.get(0)).unwrap()
    };
    assert_eq!((holding("secret"), holding("kept")), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unread_counts_what_others_wrote_above_the_mark() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let id = opened(&server, &ada, &ben).await;
    for text in ["one", "two", "three"] {
        server.by(&ada, words(id, text)).await.unwrap();
    }
    server.by(&ben, words(id, "mine")).await.unwrap();
    let mark = |read| Mark { conversation_id: id, read: Some(read), delivered: None };
    assert_eq!(server.by(&ben, mark(2)).await.unwrap().unread, 2);
    let (mut adas, mut bens) = (server.socket(&ada).await, server.socket(&ben).await);
    assert_eq!(bens.call(mark(3)).await.unwrap().unread, 1);
    let receipt = adas
        .signal(|signal| match signal {
            Signal::Receipt(receipt) => Some((receipt.user_id, receipt.read)),
            _ => None,
        })
        .await;
    assert_eq!(receipt, (ben.id, 3));
    let lower = bens.call(mark(1)).await.unwrap();
    assert_eq!((lower.read, lower.unread), (3, 1), "marks only rise");
    assert_eq!(bens.call(mark(6)).await.unwrap_err().code, ErrorCode::Invalid);

    bens.call(Typing { conversation_id: id }).await.unwrap();
    let typing = |signal: &Signal| match signal {
        Signal::Typing(typing) => Some(typing.user_id),
        _ => None,
    };
    assert_eq!(adas.signal(typing).await, ben.id);
    adas.call(Typing { conversation_id: id }).await.unwrap();
    assert_eq!(bens.signal(typing).await, ada.id, "one's own does not come back");
}

/// All pages of somebody's list.
async fn listed(server: &TestServer, who: &Person, list: List) -> Vec<Conversation> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let list = List { after, limit: Some(100), ..list.clone() };
        let page = server.by(who, list).await.unwrap();
        all.extend(page.items);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_more_conversations_than_one_read_brings_loses_none() {
    const MANY: u32 = sanctuary::store::LIST_ROWS_MAX + 5;
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let ada = server.member("ada").await;
    let others = server.people("other", MANY, None).await;
    let open = async |other: &Person| opened(&server, &ada, other).await;
    let mut ids: Vec<_> = stream::iter(&others).map(open).buffer_unordered(16).collect().await;
    // Those which one read of so many rows leaves out.
    ids.sort_unstable();
    for &id in ids.iter().rev().take(3) {
        server.clock.advance(1_000);
        server.by(&ada, words(id, "Hello")).await.unwrap();
    }
    server.by(&ada, Archive { conversation_id: ids[0], on: true }).await.unwrap();
    let last = *ids.last().unwrap();
    server.by(&ada, Archive { conversation_id: last, on: true }).await.unwrap();

    let all = listed(&server, &ada, List::default()).await;
    let seen: Vec<_> = all.iter().map(|conversation| conversation.id).collect();
    let mut newest = ids[ids.len() - 3..ids.len() - 1].to_vec();
    assert_eq!(seen[..2], newest, "the newest come first");
    newest = seen.clone();
    newest.sort_unstable();
    assert_eq!(newest, ids[1..ids.len() - 1], "each of them once");
    let archived = List { archived: Some(true), ..List::default() };
    let archived = listed(&server, &ada, archived).await;
    assert_eq!(archived.iter().map(|one| one.id).collect::<Vec<_>>(), [last, ids[0]]);
    let none = List { kind: Some(Kind::Exchange), ..List::default() };
    assert!(listed(&server, &ada, none).await.is_empty());
}

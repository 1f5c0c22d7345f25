//! `conversation.search` through the public door.

use crate::server::{Person, TestServer, client_id};
use protocol::conversations::{Delete, Edit, FoundMessages, Open, Search, Send};
use protocol::people::{Block, Unblock};
use protocol::{ConversationId, ErrorCode, Event};
use tempfile::tempdir;

/// More than one call looks through.
const MANY: u64 = 2_100;

async fn open(server: &TestServer, one: &Person, other: &Person) -> ConversationId {
    server.by(one, Open { user_id: other.id }).await.unwrap().conversation.id
}

async fn write(
    server: &TestServer,
    who: &Person,
    conversation_id: ConversationId,
    text: &str,
) -> u64 {
    let send = Send {
        conversation_id,
        client_id: client_id(),
        text: Some(text.to_owned()),
        attachments: Vec::new(),
        reply_to: None,
    };
    server.by(who, send).await.unwrap().seq
}

fn search(text: &str) -> Search {
    Search { text: text.to_owned(), conversation_id: None, after: None, limit: None }
}

fn texts(found: &FoundMessages) -> Vec<String> {
    let text = |event: &Event| match event {
        Event::MessageCreated(message) => message.text.clone().unwrap_or_default(),
        other => panic!("not a message: {other:?}"),
    };
    found.items.iter().map(|push| text(&push.body)).collect()
}

async fn found(server: &TestServer, who: &Person, text: &str) -> Vec<String> {
    texts(&server.by(who, search(text)).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_finds_what_one_may_read_as_it_stands_now_newest_first() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let (eve, joe) = (server.member("eve").await, server.member("joe").await);
    let (with_ben, with_joe) = (open(&server, &ada, &ben).await, open(&server, &ada, &joe).await);
    write(&server, &ada, with_ben, "A walk by the sea").await;
    let edited = write(&server, &ben, with_ben, "The old sea").await;
    let deleted = write(&server, &ben, with_ben, "The Sea, to be taken back").await;
    server.clock.advance(1_000);
    write(&server, &joe, with_joe, "By the SEA we walked").await;
    let edit = Edit { conversation_id: with_ben, seq: edited, text: "The new lake".to_owned() };
    server.by(&ben, edit).await.unwrap();
    server.by(&ben, Delete { conversation_id: with_ben, seq: deleted }).await.unwrap();
    server.clock.advance(1_000);
    write(&server, &ada, with_ben, "the sea again").await;

    let all = ["the sea again", "A walk by the sea", "By the SEA we walked"];
    assert_eq!(found(&server, &ada, "sea").await, all);
    assert_eq!(found(&server, &ada, "SEA walk").await, all[1..]);
    assert_eq!(found(&server, &ada, "lake").await, ["The new lake"]);
    assert_eq!(found(&server, &ben, "sea").await, all[..2]);
    assert_eq!(found(&server, &eve, "sea").await, Vec::<String>::new());
    let within = |conversation_id| Search { conversation_id, ..search("sea") };
    let one = server.by(&ada, within(Some(with_joe))).await.unwrap();
    assert_eq!(texts(&one), all[2..]);
    let strange = server.by(&eve, within(Some(with_joe))).await.unwrap_err();
    assert_eq!(strange.code, ErrorCode::NotFound);
    for wrong in [search("s"), Search { after: Some("1.2".to_owned()), ..search("sea") }] {
        assert_eq!(server.by(&ada, wrong).await.unwrap_err().code, ErrorCode::Invalid);
    }
    server.by(&joe, Block { user_id: ada.id }).await.unwrap();
    assert_eq!(found(&server, &ada, "sea").await, all[..2]);
    server.by(&joe, Unblock { user_id: ada.id }).await.unwrap();
    assert_eq!(found(&server, &ada, "sea").await, all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_go_through_all_of_it_also_while_people_write() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, ben, joe) =
        (server.member("ada").await, server.member("ben").await, server.member("joe").await);
    let (old, long) = (open(&server, &ada, &joe).await, open(&server, &ada, &ben).await);
    write(&server, &joe, old, "the first needle").await;
    server.clock.advance(1_000);
    write(&server, &ben, long, "the second needle").await;
    for n in 0..MANY {
        write(&server, &ben, long, &format!("hay {n}")).await;
    }
    for text in ["needle three", "needle four"] {
        write(&server, &ben, long, text).await;
    }
    let mut wanted = Search { limit: Some(1), ..search("needle") };
    let (mut all, mut calls) = (Vec::new(), 0);
    loop {
        let page = server.by(&ada, wanted.clone()).await.unwrap();
        assert!(page.items.len() <= 1);
        all.extend(texts(&page));
        calls += 1;
        // Moves the conversation to the front, where it is not looked at a second time.
        server.clock.advance(1_000);
        write(&server, &ada, long, "more hay").await;
        match page.next {
            Some(next) => wanted.after = Some(next),
            None => break,
        }
    }
    assert_eq!(all, ["needle four", "needle three", "the second needle", "the first needle"]);
    assert!(calls > 4, "one page was empty, and said where to go on: {calls}");
}

//! Coming back with cursors, and being sent away, through the public door.

use crate::server::{TestServer, client_id};
use protocol::conversations::{Open as Talk, Send};
use protocol::session::{Behind, Cursor, Open};
use protocol::{ConversationId, Topic};
use tempfile::tempdir;
use uuid::Uuid;

fn open(cursors: Vec<Cursor>) -> Open {
    Open { device_id: "a device".to_owned(), cursors, ..Open::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_missed_comes_in_order_and_live_events_follow() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let id = server.by(&ada, Talk { user_id: ben.id }).await.unwrap().conversation.id;
    let send = || Send {
        conversation_id: id,
        client_id: client_id(),
        text: Some("hello".to_owned()),
        attachments: Vec::new(),
        reply_to: None,
    };
    for _ in 0..320 {
        server.by(&ada, send()).await.unwrap();
    }
    let topic = Topic::Conversation(id);
    let strange = Topic::Conversation(ConversationId(Uuid::from_u128(7)));
    let cursors = vec![Cursor { topic: strange, seq: 0 }, Cursor { topic, seq: 301 }];
    let (mut bens, opened) = server.resume(&ben, open(cursors)).await;
    assert_eq!(opened.behind, []);
    assert!(opened.heads.iter().all(|head| head.topic != strange));
    server.by(&ada, send()).await.unwrap();
    assert_eq!(bens.events_to(topic, 322).await, (302..=322).collect::<Vec<_>>());

    let far = open(vec![Cursor { topic, seq: 2 }]);
    let (mut again, opened) = server.resume(&ben, far).await;
    assert_eq!(opened.behind, [Behind { topic, from: 303, head: 322 }]);
    assert_eq!(again.events_to(topic, 302).await, (3..=302).collect::<Vec<_>>());
    assert_eq!(bens.closed().await, 4503, "the same device is here twice");
}

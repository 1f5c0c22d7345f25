//! Members who get no answer, by the clock.

use crate::engines::START;
use crate::server::{Person, Site, TestServer, client_id};
use protocol::conversations::Send;
use protocol::support::{Claim, GetStatus, Request, State};
use protocol::{ConversationId, Event};
use sanctuary::clock::Clock;

const MINUTE_MS: i64 = 60_000;

async fn answered(server: &TestServer, who: &Person, coach: &Person) -> Request {
    let ask = server.question().await;
    let request_id = server.by(who, ask).await.unwrap().request.id;
    server.by(coach, Claim { request_id }).await.unwrap().request
}

async fn says(server: &TestServer, who: &Person, conversation_id: ConversationId) {
    let send = Send {
        conversation_id,
        client_id: client_id(),
        text: Some("Are you there?".to_owned()),
        attachments: Vec::new(),
        reply_to: None,
    };
    server.by(who, send).await.unwrap();
}

async fn nudges(server: &TestServer, coach: &Person) -> Vec<i64> {
    let until = server.feed(coach).await.into_iter().filter_map(|event| match event {
        Event::SupportWarned(warned) if warned.user_id == coach.id => Some(warned.until_at),
        _ => None,
    });
    until.collect()
}

async fn state(server: &TestServer, member: &Person) -> Option<State> {
    server.by(member, GetStatus {}).await.unwrap().request.map(|request| request.state)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_keeps_writing_without_an_answer_is_at_the_front_a_quarter_of_an_hour_after_the_first_word()
 {
    for site in Site::all().await {
        let server = site.open(&Clock::manual(START)).await;
        let (ada, lin) = (server.member("ada").await, server.coach("lin").await);
        let talk = answered(&server, &ada, &lin).await.conversation_id;
        says(&server, &lin, talk).await;
        server.later(3 * MINUTE_MS).await;
        for _ in 0..10 {
            says(&server, &ada, talk).await;
            server.later(MINUTE_MS).await;
        }
        assert_eq!(nudges(&server, &lin).await, [START + 18 * MINUTE_MS]);
        for _ in 0..4 {
            says(&server, &ada, talk).await;
            server.later(MINUTE_MS).await;
        }
        assert_eq!(state(&server, &ada).await, Some(State::Active));
        says(&server, &ada, talk).await;
        server.later(MINUTE_MS).await;
        assert_eq!(state(&server, &ada).await, Some(State::Queued));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_former_coach_said_is_no_answer_of_the_next_one() {
    for site in Site::all().await {
        let server = site.open(&Clock::manual(START)).await;
        let (ada, lin) = (server.member("ada").await, server.coach("lin").await);
        let kim = server.coach("kim").await;
        let asked = answered(&server, &ada, &lin).await;
        says(&server, &ada, asked.conversation_id).await;
        server.later(14 * MINUTE_MS).await;
        says(&server, &lin, asked.conversation_id).await;
        says(&server, &ada, asked.conversation_id).await;
        server.later(15 * MINUTE_MS).await;
        assert_eq!(state(&server, &ada).await, Some(State::Queued));
        server.by(&kim, Claim { request_id: asked.id }).await.unwrap();
        server.later(10 * MINUTE_MS).await;
        assert_eq!(nudges(&server, &kim).await.len(), 1);
        server.later(5 * MINUTE_MS).await;
        assert_eq!(state(&server, &ada).await, Some(State::Queued));
    }
}

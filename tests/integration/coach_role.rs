//! The role of a coach given and taken, and what becomes of those who are answered.

use crate::engines::START;
use crate::server::{Person, Site, TestServer, client_id, eventually};
use protocol::close::CloseCode;
use protocol::conversations::Send;
use protocol::support::{Ask, Asked, Cause, Claim, GetBoard, GetStatus, SetCoach, State};
use protocol::{ErrorCode, Event};
use sanctuary::auth::Role;
use sanctuary::clock::Clock;

async fn ask(server: &TestServer, who: &Person) -> Asked {
    let ask = Ask { text: Some("Hello?".to_owned()), ..server.question().await };
    server.by(who, ask).await.unwrap()
}

async fn take_the_role(server: &TestServer, coach: &Person) {
    server.accounts.set_role(coach.id, Role::Coach, false).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_no_coach_any_more_gives_the_place_back_at_once() {
    for site in Site::all().await {
        let server = site.open(&Clock::manual(START)).await;
        let (ada, ben) = (server.member("ada").await, server.member("ben").await);
        let lin = server.coach("lin").await;
        server.by(&lin, SetCoach { capacity: Some(1), ..SetCoach::default() }).await.unwrap();
        let lins = server.socket(&lin).await;
        let asked = ask(&server, &ada).await.request;
        server.by(&lin, Claim { request_id: asked.id }).await.unwrap();
        let behind = ask(&server, &ben).await.request;

        take_the_role(&server, &lin).await;
        assert_eq!(lins.closed().await, CloseCode::Resync.number());
        let status = server.by(&ada, GetStatus {}).await.unwrap();
        assert_eq!((status.request.unwrap().state, status.position), (State::Queued, Some(1)));
        // What follows from it is said a moment later, and the member hears it last.
        let told = |event: &Event| match event {
            Event::SupportRequeued(requeued) => requeued.cause == Some(Cause::CoachGone),
            _ => false,
        };
        eventually(async || server.feed(&ada).await.iter().any(told).then_some(())).await;
        // A new socket, as anybody has one, is no coach; and a session of before is none either.
        let _lins = server.socket(&lin).await;
        let words = Send {
            conversation_id: asked.conversation_id,
            client_id: client_id(),
            text: Some("Still here.".to_owned()),
            attachments: Vec::new(),
            reply_to: None,
        };
        assert_eq!(server.by(&lin, words).await.unwrap_err().code, ErrorCode::NotFound);
        let choose = SetCoach { available: Some(true), ..SetCoach::default() };
        assert_eq!(server.by(&lin, choose).await.unwrap_err().code, ErrorCode::Forbidden);
        let claim = Claim { request_id: behind.id };
        assert_eq!(server.by(&lin, claim).await.unwrap_err().code, ErrorCode::Forbidden);
        let offers = server.feed(&lin).await.into_iter();
        let offers = offers.filter(|event| matches!(event, Event::SupportOffered(_)));
        assert_eq!(offers.count(), 1, "the one of before");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_a_coach_again_has_chosen_nothing_and_may_choose() {
    for site in Site::all().await {
        let server = site.open(&Clock::manual(START)).await;
        let (ada, lin) = (server.member("ada").await, server.coach("lin").await);
        let _lins = server.socket(&lin).await;
        server.by(&lin, SetCoach { capacity: Some(9), ..SetCoach::default() }).await.unwrap();
        take_the_role(&server, &lin).await;
        server.accounts.set_role(lin.id, Role::Coach, true).await.unwrap();
        let lins = server.socket(&lin).await;
        let asked = ask(&server, &ada).await;
        assert_eq!((asked.request.state, asked.position), (State::Queued, Some(1)));
        let desk_id = asked.request.desk_id;
        let board = server.by(&lin, GetBoard { desk_id }).await.unwrap();
        assert_eq!(board.coaches, []);
        let chosen = server.by(&lin, SetCoach::default()).await.unwrap();
        assert!(chosen.available && chosen.capacity != 9, "{chosen:?}");
        let status = server.by(&ada, GetStatus {}).await.unwrap().request.unwrap();
        assert_eq!(status.offered_to.map(|coach| coach.id), Some(lin.id));
        drop(lins);
    }
}

//! Members and coaches of whom one blocked the other are not brought together at a desk.

use crate::engines::START;
use crate::server::{Person, Site, TestServer};
use protocol::ErrorCode;
use protocol::coaches::Apply;
use protocol::people::Block;
use protocol::support::{
    Accept, Ask, Claim, Close, GetStatus, Reopen, Request, SetCoach, State, Transfer,
};
use sanctuary::auth::Role;
use sanctuary::clock::Clock;
use sanctuary::features::accounts::{CoachCause, Search};

async fn ask(server: &TestServer, who: &Person, preferred: Option<&Person>) -> Request {
    let ask =
        Ask { preferred_coach_id: preferred.map(|coach| coach.id), ..server.question().await };
    server.by(who, ask).await.unwrap();
    open(server, who).await
}

async fn open(server: &TestServer, who: &Person) -> Request {
    server.by(who, GetStatus {}).await.unwrap().request.unwrap()
}

async fn block(server: &TestServer, who: &Person, whom: &Person) {
    server.by(who, Block { user_id: whom.id }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_whom_one_blocked_the_other_none_is_offered_claims_or_hands_over_to_the_other() {
    for site in Site::all().await {
        let server = site.open(&Clock::manual(START)).await;
        let (ada, ben) = (server.member("ada").await, server.member("ben").await);
        let (lin, kim) = (server.coach("lin").await, server.coach("kim").await);
        let _lins = server.socket(&lin).await;
        server.by(&lin, SetCoach::default()).await.unwrap();
        block(&server, &ada, &lin).await;
        block(&server, &lin, &ben).await;
        for member in [&ada, &ben] {
            let asked = ask(&server, member, Some(&lin)).await;
            assert_eq!((asked.state, asked.offered_to), (State::Queued, None));
            let request_id = asked.id;
            let refused = server.by(&lin, Claim { request_id }).await.unwrap_err();
            assert_eq!(refused.code, ErrorCode::Forbidden);
            server.by(&kim, Claim { request_id }).await.unwrap();
            let transfer = Transfer { request_id, coach_id: Some(lin.id) };
            assert_eq!(server.by(&kim, transfer).await.unwrap_err().code, ErrorCode::Forbidden);
            assert_eq!(open(&server, member).await.state, State::Active);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_after_the_offer_holds_and_the_offer_goes_on_at_once() {
    for site in Site::all().await {
        let server = site.open(&Clock::manual(START)).await;
        let (ada, lin) = (server.member("ada").await, server.coach("lin").await);
        let _lins = server.socket(&lin).await;
        server.by(&lin, SetCoach::default()).await.unwrap();
        let asked = ask(&server, &ada, None).await;
        assert_eq!(asked.offered_to.map(|coach| coach.id), Some(lin.id));
        block(&server, &ada, &lin).await;
        let accept = Accept { request_id: asked.id };
        assert_eq!(server.by(&lin, accept).await.unwrap_err().code, ErrorCode::Forbidden);
        let waits = open(&server, &ada).await;
        assert_eq!((waits.state, waits.offered_to), (State::Queued, None));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_former_coach_who_is_blocked_is_not_asked_again() {
    for site in Site::all().await {
        let server = site.open(&Clock::manual(START)).await;
        let (ada, lin) = (server.member("ada").await, server.coach("lin").await);
        let _lins = server.socket(&lin).await;
        server.by(&lin, SetCoach::default()).await.unwrap();
        let request_id = ask(&server, &ada, None).await.id;
        server.by(&lin, Accept { request_id }).await.unwrap();
        server.by(&ada, Close { request_id, summary: None }).await.unwrap();
        block(&server, &ada, &lin).await;
        server.by(&ada, Reopen { request_id }).await.unwrap();
        let again = open(&server, &ada).await;
        assert_eq!((again.id, again.state, again.offered_to), (request_id, State::Queued, None));
    }
}

#[tokio::test]
async fn a_coach_is_not_shown_to_whom_a_block_keeps_away() {
    for site in Site::all().await {
        let server = site.open(&Clock::manual(START)).await;
        let (ada, lin) = (server.member("ada").await, server.member("lin").await);
        let root = server.people("root", 1, Some(Role::Admin)).await.remove(0);
        let apply = Apply {
            qualifications: "Ten years of listening.".to_owned(),
            expertise: vec!["sleep".to_owned()],
            bio: None,
        };
        server.accounts.apply(&lin.caller, apply).await.unwrap();
        let decided =
            server.accounts.decide_coach(&root.caller, lin.id, CoachCause::Approve, None).await;
        decided.unwrap();
        let listed = async || {
            let list = server.accounts.coaches(&ada.caller, Search::default()).await.unwrap();
            (list.items.len(), server.accounts.coach(&ada.caller, lin.id).await.is_ok())
        };
        assert_eq!(listed().await, (1, true));
        block(&server, &lin, &ada).await;
        assert_eq!(listed().await, (0, false));
    }
}

//! What those who wait are told, while nothing is decided.

use crate::server::{Person, TestServer};
use protocol::Signal;
use protocol::support::{Claim, Close, Decline, GetStatus, Request, SetCoach};
use tempfile::tempdir;

async fn ask(server: &TestServer, who: &Person) -> Request {
    let ask = server.question().await;
    server.by(who, ask).await.unwrap().request
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_a_coach_is_gone_those_who_wait_hear_that_it_takes_longer() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ben, lin) = (server.member("ben").await, server.coach("lin").await);
    let _lins = server.socket(&lin).await;
    server.by(&lin, SetCoach { capacity: Some(1), ..SetCoach::default() }).await.unwrap();
    for n in 0..12 {
        let member = server.member(&format!("m{n}")).await;
        let request_id = ask(&server, &member).await.id;
        server.by(&lin, Claim { request_id }).await.unwrap();
        server.clock.advance(60_000);
        server.by(&lin, Close { request_id, summary: None }).await.unwrap();
    }
    let (ada, cleo) = (server.member("ada").await, server.member("cleo").await);
    let request_id = ask(&server, &ada).await.id;
    server.by(&lin, Claim { request_id }).await.unwrap();
    let kim = server.coach("kim").await;
    let kims = server.socket(&kim).await;
    server.by(&kim, SetCoach { capacity: Some(1), ..SetCoach::default() }).await.unwrap();
    let mut bens = server.socket(&ben).await;
    for who in [&cleo, &ben] {
        let request_id = ask(&server, who).await.id;
        server.by(&kim, Decline { request_id }).await.unwrap();
    }
    let told = server.by(&ben, GetStatus {}).await.unwrap();
    let (position, wait) = (told.position.unwrap(), told.wait.unwrap());
    drop(kims);
    let longer = bens.signal(|signal| match signal {
        Signal::Position(told) => {
            told.wait.filter(|now| now.high_ms > wait.high_ms).map(|_| told.position)
        }
        _ => None,
    });
    assert_eq!(longer.await, position);
}

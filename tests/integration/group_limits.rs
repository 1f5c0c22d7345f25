//! Groups at their limits, and what people are told of them.

use crate::server::{Person, TestServer, client_id, eventually};
use futures_util::future::join_all;
use protocol::ErrorCode;
use protocol::groups::{Approve, Create, Invite, Join, Joining, Leave};
use protocol::limits::{GROUP_WAITING_MAX, GROUPS_PER_PERSON_MAX};
use protocol::notifications::{Kind as Told, List as ListTold};
use tempfile::tempdir;

fn create(joining: Joining) -> Create {
    Create {
        client_id: client_id(),
        name: "circle".to_owned(),
        description: None,
        kind: None,
        visibility: None,
        joining: Some(joining),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_many_wait_at_one_group_and_no_more() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let ada = server.member("ada").await;
    let group_id = server.by(&ada, create(Joining::Request)).await.unwrap().group.id;
    let people = server.people("asker", GROUP_WAITING_MAX + 1, None).await;
    let (last, askers) = people.split_last().unwrap();
    for some in askers.chunks(50) {
        let asked = join_all(some.iter().map(|who| server.by(who, Join { group_id }))).await;
        assert!(asked.iter().all(Result::is_ok), "{asked:?}");
    }
    let full = server.by(last, Join { group_id }).await.unwrap_err();
    assert_eq!(full.code, ErrorCode::Full);
    server.by(&ada, Approve { group_id, user_id: askers[0].id }).await.unwrap();
    server.by(last, Join { group_id }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_person_is_in_so_many_groups_and_no_more() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let ben = server.member("ben").await;
    let owners = server.people("owner", GROUPS_PER_PERSON_MAX / 100 + 1, None).await;
    let mut groups = Vec::new();
    for owner in &owners {
        let made = join_all((0..100).map(|_| server.by(owner, create(Joining::Open)))).await;
        groups.extend(made.into_iter().map(|made| made.unwrap().group.id));
    }
    let most = GROUPS_PER_PERSON_MAX as usize;
    for some in groups[..most].chunks(50) {
        let joins = some.iter().map(|&group_id| server.by(&ben, Join { group_id }));
        assert!(join_all(joins).await.iter().all(Result::is_ok));
    }
    let one_more = Join { group_id: groups[most] };
    assert_eq!(server.by(&ben, one_more).await.unwrap_err().code, ErrorCode::Full);
    server.by(&ben, Leave { group_id: groups[0] }).await.unwrap();
    server.by(&ben, one_more).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_told_of_invitations_requests_and_a_yes() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let cal = server.member("cal").await;
    let group_id = server.by(&ada, create(Joining::Request)).await.unwrap().group.id;
    server.by(&ada, Invite { group_id, user_id: ben.id }).await.unwrap();
    server.by(&cal, Join { group_id }).await.unwrap();
    let told = async |who: &Person| {
        eventually(async || server.by(who, ListTold::default()).await.unwrap().items.pop()).await
    };
    for (who, words) in [(&ben, "invited you"), (&ada, "would like to come into")] {
        let notice = told(who).await;
        assert_eq!((notice.kind, notice.link), (Told::Membership, format!("group:{group_id}")));
        assert!(notice.text.contains(words), "{}", notice.text);
    }
    server.by(&ada, Approve { group_id, user_id: cal.id }).await.unwrap();
    assert!(told(&cal).await.text.contains("You are in"));
}

//! How accounts pause and end: suspension, deletion that can be taken back, erasure by effects
//! that a crash does not stop, and all of one's data in an archive.

use crate::door::{Door, PASSWORD, START_AT, settings};
use crate::server::{Person, TestServer, client_id};
use protocol::accounts::{AccountState, Me, Register, Tokens};
use protocol::close::CloseCode;
use protocol::conversations::{Get, Open, Send};
use protocol::groups::{Create, Join};
use protocol::people::GetProfile;
use protocol::session::Done;
use protocol::support::{Ask, GetStatus};
use protocol::wall::{CreatePost, ListPosts};
use protocol::{ErrorCode, Event, Topic};
use reqwest::header;
use sanctuary::auth::{Caller, Role, Roles};
use sanctuary::clock::Clock;
use sanctuary::features::accounts::{AccountSettings, Origin};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tempfile::tempdir;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
const ANNA: &str = "anna@example.org";

async fn delete(door: &Door, of: &Tokens, password: &str) -> crate::door::Answer {
    door.ask_as("DELETE", "/v1/me", &of.access_token, json!({ "password": password })).await
}

#[tokio::test]
async fn an_account_is_deleted_after_its_time_of_grace() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let anna = door.register("anna").await;
    let id = anna.user.id;
    assert_eq!(delete(&door, &anna, "not the password").await.code(), ErrorCode::Forbidden);
    let login = Some(door.login_of(&anna).await);
    delete(&door, &anna, PASSWORD).await.good::<Done>();
    assert_eq!(door.closed(), [(id, login, CloseCode::Revoked)]);
    assert_eq!(door.entry(&anna).await, Err(ErrorCode::Unauthenticated));
    let mail = door.mail(ANNA, 1).await;
    assert!(mail.contains("14 days") && mail.contains("you asked us"), "{mail}");
    door.later(14 * DAY_MS - 10_000).await;
    assert!(door.accounts.person(id).await.unwrap().is_some());
    door.later(20_000).await;
    assert_eq!(door.accounts.by_email(ANNA).await.unwrap(), None);
    let people = door.accounts.people_of(&[id]).await.unwrap();
    assert_eq!(people[0].name, "deleted member");
    assert_eq!(door.try_login(ANNA, PASSWORD).await.code(), ErrorCode::Unauthenticated);
    let again = door.register("anna").await;
    assert_ne!(again.user.id, id, "the address is free, and that is somebody else");
}

#[tokio::test]
async fn who_logs_in_stays() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let anna = door.register("anna").await;
    delete(&door, &anna, PASSWORD).await.good::<Done>();
    let wrong = door.try_login(ANNA, "not the password").await;
    assert_eq!(wrong.code(), ErrorCode::Unauthenticated);
    let back = door.login("anna").await;
    assert_eq!((back.user.status.as_str(), back.user.delete_at), ("active", None));
    door.later(30 * DAY_MS).await;
    let login = door.login("anna").await;
    let me: Me = door.get_as("/v1/me", &login.access_token).await.good();
    assert_eq!(me.id, anna.user.id);
    let told = door.feed(anna.user.id).await;
    let states: Vec<_> = told
        .iter()
        .filter_map(|event| match event {
            Event::AccountChanged(changed) => Some(changed.status.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(states, ["deletion_pending", "active"]);
}

#[tokio::test]
async fn deletion_is_no_way_past_a_verification_or_a_suspension() {
    let folder = tempdir().unwrap();
    let settings = AccountSettings { verify_email: true, ..settings() };
    let clock = Clock::manual(START_AT);
    let door = Door::open_with(folder.path(), settings, clock, Vec::new()).await;
    let anna = door.register("anna").await;
    delete(&door, &anna, PASSWORD).await.good::<Done>();
    assert_eq!(door.login("anna").await.user.status, "pending_verification");
    let ben = door.register("ben").await;
    door.accounts.verify(ben.user.id).await.unwrap();
    door.accounts.suspend(ben.user.id).await.unwrap();
    door.accounts.request_deletion(ben.user.id).await.unwrap();
    door.later(1).await;
    let mails = door.mails("ben@example.org").await;
    let decided = "the people who run this place decided";
    assert!(mails.iter().any(|mail| mail.contains(decided)), "{mails:?}");
    assert_eq!(door.try_login("ben@example.org", PASSWORD).await.code(), ErrorCode::Forbidden);
}

#[tokio::test]
async fn those_who_run_the_place_suspend_and_restore() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let (anna, moderator) = (door.register("anna").await, door.register("mo").await);
    let path = |word: &str| format!("/v1/admin/users/{}/{word}", anna.user.id);
    let ask = async |word: &str, body: Value| {
        door.ask_as("POST", &path(word), &moderator.access_token, body).await
    };
    assert_eq!(ask("suspend", json!({})).await.code(), ErrorCode::Forbidden);
    door.accounts.set_role(moderator.user.id, Role::Moderator, true).await.unwrap();
    let note = json!({ "note": "Please be kind." });
    let login = Some(door.login_of(&anna).await);
    let state: AccountState = ask("suspend", note).await.good();
    assert_eq!(state.status, "suspended");
    assert_eq!(door.closed(), [(anna.user.id, login, CloseCode::Suspended)]);
    assert!(door.mail(ANNA, 1).await.contains("Please be kind."));
    assert_eq!(ask("suspend", json!({})).await.code(), ErrorCode::Conflict);
    assert_eq!(ask("delete", json!({})).await.code(), ErrorCode::Forbidden, "for admins");
    let state: AccountState = ask("restore", json!({})).await.good();
    assert_eq!(state.status, "active");
    door.login("anna").await;
}

#[tokio::test]
async fn an_erasure_that_broke_off_is_finished() {
    let folder = tempdir().unwrap();
    let settings = AccountSettings { deletion_grace_ms: 0, ..settings() };
    let clock = Clock::manual(START_AT);
    let door = Door::open_with(folder.path(), settings, clock, Vec::new()).await;
    let anna = door.register("anna").await;
    let body = json!({ "qualifications": "Much.", "expertise": ["grief"] });
    door.ask_as("POST", "/v1/me/coach", &anna.access_token, body).await;
    door.carrying.fails.store(true, Ordering::SeqCst);
    delete(&door, &anna, PASSWORD).await.good::<Done>();
    door.later(1).await;
    assert_eq!(door.accounts.people_of(&[anna.user.id]).await.unwrap()[0].name, "deleted member");
    assert_eq!(door.accounts.by_email(ANNA).await.unwrap(), Some(anna.user.id), "not yet");
    door.carrying.fails.store(false, Ordering::SeqCst);
    let partition = sanctuary::store::Partition::new(
        "accounts",
        [sanctuary::store::Value::Uuid(anna.user.id.0)],
    );
    door.store.relay(partition).await.unwrap();
    assert_eq!(door.accounts.by_email(ANNA).await.unwrap(), None);
    let admin = door.register("admin").await;
    door.accounts.set_role(admin.user.id, Role::Admin, true).await.unwrap();
    let all = door.get_as("/v1/admin/coaches", &admin.access_token).await;
    assert_eq!(all.good::<protocol::coaches::Applications>().items, []);
}

/// Somebody with a password, on a whole server.
async fn person(server: &TestServer, name: &str) -> Person {
    let origin = Origin { address: Ipv4Addr::LOCALHOST.into(), device: "a device".to_owned() };
    let wanted = Register {
        email: format!("{name}@example.org"),
        password: PASSWORD.to_owned(),
        name: name.to_owned(),
        username: Some(name.to_owned()),
    };
    let tokens = server.accounts.register(&origin, wanted).await.unwrap();
    Person {
        id: tokens.user.id,
        token: tokens.access_token,
        caller: Caller {
            user_id: tokens.user.id,
            login_id: protocol::LoginId(uuid::Uuid::nil()),
            name: name.into(),
            roles: Roles::new([Role::Member]),
            token_expires_at: i64::MAX,
            lane: Arc::default(),
        },
    }
}

/// Anna wrote to Ben, posted to a group of her own that Ben is in, and asked for support.
async fn a_life(server: &TestServer, anna: &Person, ben: &Person) -> (Topic, protocol::GroupId) {
    let opened = server.by(anna, Open { user_id: ben.id }).await.unwrap();
    let conversation_id = opened.conversation.id;
    for (who, text) in [(anna, "a word of Anna"), (ben, "a word of Ben")] {
        let words = Send {
            conversation_id,
            client_id: client_id(),
            text: Some(text.to_owned()),
            attachments: Vec::new(),
            reply_to: None,
        };
        server.by(who, words).await.unwrap();
    }
    let create = Create {
        kind: None,
        client_id: client_id(),
        name: "Walks".to_owned(),
        description: None,
        visibility: None,
        joining: None,
    };
    let group_id = server.by(anna, create).await.unwrap().group.id;
    server.by(ben, Join { group_id }).await.unwrap();
    let post = CreatePost::new(group_id, client_id(), "a post of Anna");
    server.by(anna, post).await.unwrap();
    let ask = json!({
        "desk_id": server.general().await, "client_id": client_id(), "subject": "sleep",
    });
    server.by(anna, serde_json::from_value::<Ask>(ask).unwrap()).await.unwrap();
    (Topic::Conversation(conversation_id), group_id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_of_somebody_has_no_name() {
    let folder = tempdir().unwrap();
    let clock = Clock::manual(crate::engines::START);
    let server =
        TestServer::open_with(folder.path(), clock, |it| it.accounts_deletion_grace_days = 0).await;
    let (anna, ben) = (person(&server, "anna").await, person(&server, "ben").await);
    let (topic, group_id) = a_life(&server, &anna, &ben).await;
    let Topic::Conversation(conversation_id) = topic else { panic!("{topic}") };
    server.accounts.request_deletion(anna.id).await.unwrap();
    server.later(1).await;
    server.later(10_000).await;

    let gone = GetProfile { user_id: Some(anna.id), username: None };
    assert_eq!(server.by(&ben, gone).await.unwrap_err().code, ErrorCode::NotFound);
    let seen = server.by(&ben, Get { conversation_id }).await.unwrap().conversation;
    assert!(seen.closed, "nobody reads there any more");
    assert!(seen.members.iter().any(|member| member.name == "deleted member"));
    let words = server.read(&ben, topic).await.unwrap();
    let text = |wanted: &str| {
        words.iter().any(|event| {
            matches!(event, Event::MessageCreated(it) if it.text.as_deref() == Some(wanted))
        })
    };
    assert!(text("a word of Anna") && text("a word of Ben"), "what was written stays");
    let list = ListPosts::of(group_id);
    let posts = server.by(&ben, list).await.unwrap();
    assert_eq!(posts.items[0].author.name, "deleted member");
    assert_eq!(posts.items[0].text.as_deref(), Some("a post of Anna"));
    let own = server.by(&anna, GetStatus {}).await.unwrap();
    assert!(own.request.is_none(), "the place in the queue is free");
    let left = server.by(&anna, ListPosts::of(group_id)).await;
    assert_eq!(left.unwrap_err().code, ErrorCode::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_ones_data_comes_in_one_archive() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (anna, ben) = (person(&server, "anna").await, person(&server, "ben").await);
    a_life(&server, &anna, &ben).await;
    let url = format!("http://{}/v1/me/export", server.address);
    let client = reqwest::Client::new();
    let answer = client.get(&url).bearer_auth(&anna.token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/zip");
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    let bytes = answer.bytes().await.unwrap();
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut files: BTreeMap<String, Value> = BTreeMap::new();
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        let name = file.name().unwrap().into_owned();
        files.insert(name, serde_json::from_str(&text).unwrap());
    }
    assert_eq!(files["accounts/account.json"]["account"]["email"], "anna@example.org");
    assert_eq!(files["wall/posts.json"][0]["text"], "a post of Anna");
    assert_eq!(files["groups/memberships.json"][0]["role"], "owner");
    let messages = &files["conversations/conversations.json"][0]["messages"];
    assert_eq!(messages[0]["text"], "a word of Anna");
    assert_eq!(messages.as_array().unwrap().len(), 1, "what Ben wrote is Ben's");
    assert_eq!(files["support/requests.json"][0]["open"], true);
    let all = serde_json::to_string(&files).unwrap();
    assert!(!all.contains("argon2") && !all.contains("a word of Ben"));
    assert_eq!(client.get(&url).send().await.unwrap().status(), 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_verified_looks_and_asks_but_reaches_nobody_else() {
    let folder = tempdir().unwrap();
    let clock = Clock::manual(crate::engines::START);
    let verifying = |it: &mut sanctuary::config::Settings| it.accounts_verify_email = Some(true);
    let server = TestServer::open_with(folder.path(), clock, verifying).await;
    let (anna, ben) = (person(&server, "anna").await, person(&server, "ben").await);
    server.accounts.verify(ben.id).await.unwrap();
    let code = |outcome: Result<_, protocol::Error>| outcome.map(|_: Value| ()).unwrap_err().code;
    let open = server.by(&anna, Open { user_id: ben.id }).await.map(|_| Value::Null);
    assert_eq!(code(open), ErrorCode::Forbidden);
    let create = || Create {
        kind: None,
        client_id: client_id(),
        name: "Walks".to_owned(),
        description: None,
        visibility: None,
        joining: None,
    };
    let made = server.by(&anna, create()).await.map(|_| Value::Null);
    assert_eq!(code(made), ErrorCode::Forbidden);
    let group_id = server.by(&ben, create()).await.unwrap().group.id;
    server.by(&anna, Join { group_id }).await.unwrap();
    let post = || CreatePost::new(group_id, client_id(), "hello");
    let posted = server.by(&anna, post()).await.map(|_| Value::Null);
    assert_eq!(code(posted), ErrorCode::Forbidden);
    let ask = json!({ "desk_id": server.general().await, "subject": "sleep" });
    server.by(&anna, serde_json::from_value::<Ask>(ask).unwrap()).await.unwrap();

    let opened = server.by(&ben, Open { user_id: anna.id }).await.unwrap();
    let words = Send {
        conversation_id: opened.conversation.id,
        client_id: client_id(),
        text: Some("an answer".to_owned()),
        attachments: Vec::new(),
        reply_to: None,
    };
    server.by(&anna, words).await.expect("who was spoken to may answer");
    server.accounts.verify(anna.id).await.unwrap();
    server.by(&anna, post()).await.unwrap();
}

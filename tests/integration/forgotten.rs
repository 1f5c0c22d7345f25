//! Somebody with all of it: their archive holds everything, and once they are erased, nothing of
//! them is left with others but "deleted member".

use crate::engines::START;
use crate::push_service::{Browser, PushService};
use crate::server::{Person, Site, TestServer, client_id, eventually};
use protocol::ErrorCode;
use protocol::conversations::{Get as GetConversation, Open, Send};
use protocol::exchange::{
    Accept, Confirm, Get, GetBoard, GetLedger, List, Note, Post, Request, Session, Start, State,
    Terms,
};
use protocol::groups::{Create, Join, Kind};
use protocol::notifications::{Digest, GetSettings, List as ListTold, SetSettings};
use protocol::people::{
    AcceptFriend, Audience, Block, Follow, GetPrivacy, ListBlocks, ListFollows, ListFriends,
    MutePerson, RequestFriend, SearchPeople, SetPrivacy, UpdateProfile,
};
use protocol::session::Background;
use protocol::support::{Ask, Claim, Close, Rate, WriteNote};
use protocol::{ExchangeId, GroupId, Patch};
use sanctuary::clock::Clock;
use sanctuary::config::Settings;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};
use tempfile::tempdir;

const DAY: i64 = 24 * 60 * 60_000;
const HOUR: i64 = 60 * 60_000;

/// Anna, and those with whom she has to do.
struct Circle {
    anna: Person,
    ben: Person,
    cleo: Person,
    group_id: GroupId,
    done: Session,
    agreed: Session,
    asked: Session,
    was_asked: Session,
}

async fn server(site: &Site) -> TestServer {
    site.open_with(&Clock::manual(START), settings).await
}

fn settings(settings: &mut Settings) {
    settings.accounts_deletion_grace_days = 0;
    settings.push_private_endpoints = true;
    settings.push_contact = Some("mailto:care@example.org".to_owned());
}

async fn write(server: &TestServer, by: &Person, to: &Person) {
    let opened = server.by(by, Open { user_id: to.id }).await.unwrap();
    let words = Send {
        conversation_id: opened.conversation.id,
        client_id: client_id(),
        text: Some("hello".to_owned()),
        attachments: Vec::new(),
        reply_to: None,
    };
    server.by(by, words).await.unwrap();
    server.app.settled().await;
}

/// Time passes, and what follows from it is done.
async fn pass(server: &TestServer, ms: i64) {
    server.app.settled().await;
    server.later(ms).await;
    server.app.settled().await;
    server.later(0).await;
}

async fn ask(server: &TestServer, by: &Person, to: &Person, starts_at: i64) -> Session {
    let request = Request {
        responder_id: to.id,
        client_id: Some(client_id()),
        group_id: None,
        starts_at,
        duration_min: 60,
        offer: gives(),
        note: None,
    };
    server.by(by, request).await.unwrap().session
}

fn gives() -> Terms {
    Terms { give: Some("listening".to_owned()), receive: None }
}

async fn note(server: &TestServer, who: &Person, exchange_id: ExchangeId, text: &str) {
    let note = Note { exchange_id, text: text.to_owned(), shared: None };
    server.by(who, note).await.unwrap();
}

async fn relations(server: &TestServer, anna: &Person, ben: &Person, cleo: &Person) {
    server.by(anna, RequestFriend { user_id: ben.id }).await.unwrap();
    server.by(ben, AcceptFriend { user_id: anna.id }).await.unwrap();
    server.by(ben, Follow { user_id: anna.id }).await.unwrap();
    server.by(anna, Follow { user_id: ben.id }).await.unwrap();
    server.by(anna, MutePerson { user_id: ben.id }).await.unwrap();
    server.by(cleo, Block { user_id: anna.id }).await.unwrap();
    let privacy = SetPrivacy { last_seen: Some(Audience::Nobody), ..SetPrivacy::default() };
    server.by(anna, privacy).await.unwrap();
    let daily = SetSettings {
        zone: Some("Europe/Berlin".to_owned()),
        quiet: None,
        digest: Some(Digest::Daily),
        kinds: Vec::new(),
    };
    server.by(anna, daily).await.unwrap();
}

async fn circle(server: &TestServer, browser: &Browser) -> Circle {
    let people = server.trainees("anna", 1).await;
    let anna = people[0].clone();
    let [ben, cleo] = &server.trainees("other", 2).await[..] else { panic!() };
    relations(server, &anna, ben, cleo).await;
    // Over a socket: a device belongs to a login.
    let mut socket = server.socket(&anna).await;
    socket.call(browser.subscription()).await.unwrap();
    socket.call(Background { on: true }).await.unwrap();
    drop(socket);
    let create = Create {
        client_id: client_id(),
        name: "practice".to_owned(),
        description: None,
        kind: Some(Kind::Training),
        visibility: None,
        joining: None,
    };
    let group_id = server.by(ben, create).await.unwrap().group.id;
    for who in [&anna, cleo] {
        server.by(who, Join { group_id }).await.unwrap();
    }
    let done = ask(server, &anna, ben, START + DAY).await;
    let accept = |exchange_id| Accept { exchange_id, version: None };
    server.by(ben, accept(done.id)).await.unwrap();
    note(server, &anna, done.id, "what Anna thinks").await;
    note(server, ben, done.id, "what Ben thinks").await;
    server.later(DAY).await;
    server.by(&anna, Start { exchange_id: done.id }).await.unwrap();
    server.later(HOUR).await;
    for who in [&anna, ben] {
        server.by(who, Confirm { exchange_id: done.id }).await.unwrap();
    }
    let agreed = ask(server, ben, &anna, START + 3 * DAY).await;
    let agreed = server.by(&anna, accept(agreed.id)).await.unwrap().session;
    let asked = ask(server, &anna, ben, START + 4 * DAY).await;
    let was_asked = ask(server, ben, &anna, START + 5 * DAY).await;
    let post = Post {
        group_id,
        client_id: Some(client_id()),
        starts_at: None,
        duration_min: 30,
        offer: gives(),
    };
    server.by(&anna, post).await.unwrap();
    let (ben, cleo) = (ben.clone(), cleo.clone());
    Circle { anna, ben, cleo, group_id, done, agreed, asked, was_asked }
}

/// The files of somebody's archive.
async fn archive(server: &TestServer, who: &Person) -> BTreeMap<String, Value> {
    let url = format!("http://{}/v1/me/export", server.address);
    let token = server.accounts.token_for(who.id, HOUR).await.unwrap().token;
    let answer = reqwest::Client::new().get(&url).bearer_auth(token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut archive = zip::ZipArchive::new(Cursor::new(answer.bytes().await.unwrap())).unwrap();
    let mut files = BTreeMap::new();
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        files.insert(file.name().unwrap().into_owned(), serde_json::from_str(&text).unwrap());
    }
    files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_every_store_nothing_is_missing_in_an_archive() {
    for site in Site::all().await {
        whole_archive(&server(&site).await).await;
    }
}

async fn whole_archive(server: &TestServer) {
    let service = PushService::start().await;
    let browser = Browser::new(&service, "annas-secret-address");
    let Circle { anna, ben, .. } = circle(server, &browser).await;
    let files = archive(server, &anna).await;
    let count = |value: &Value| value.as_array().unwrap().len();
    let relations = &files["people/relations.json"];
    for list in ["friends", "following", "followers", "muted"] {
        assert_eq!(relations[list][0]["id"], ben.id.to_string(), "{list}");
    }
    for list in ["incoming", "outgoing", "requests", "blocked"] {
        assert_eq!(count(&relations[list]), 0, "{list}");
    }
    assert_eq!(files["people/privacy.json"]["last_seen"], "nobody");
    assert!(count(&files["notifications/notifications.json"]) > 0);
    assert_eq!(files["notifications/settings.json"]["digest"], "daily");
    assert_eq!(files["notifications/devices.json"][0]["service"], "web");
    let sessions = &files["exchange/sessions.json"];
    assert_eq!(count(sessions), 4);
    assert_eq!(count(&files["exchange/offers.json"]), 1);
    assert_eq!(files["exchange/ledger.json"]["given_min"], 60);
    assert_eq!(count(&files["exchange/ledger.json"]["entries"]), 1);
    let all = serde_json::to_string(&files).unwrap();
    assert!(all.contains("what Anna thinks") && !all.contains("what Ben thinks"));
    assert!(!all.contains("annas-secret-address"), "who has it could write to the device");
    assert!(!all.contains("blocked_by"));
}

/// What a member asked and thought of the answer, and what a coach noted, is theirs; a coach's
/// notes are in no other archive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn support_is_whole_in_an_archive() {
    let server = server(&Site::embedded()).await;
    let (anna, cleo) = (server.member("anna").await, server.coach("cleo").await);
    let desk_id = server.general().await;
    let ask = |subject: &str, text: &str| Ask {
        desk_id,
        client_id: None,
        subject: subject.to_owned(),
        text: Some(text.to_owned()),
        expertise: None,
        preferred_coach_id: None,
        fee: None,
    };
    let asked = server.by(&anna, ask("sleep", "I lie awake")).await.unwrap();
    let request_id = asked.request.id;
    server.by(&cleo, Claim { request_id }).await.unwrap();
    let text = "likes the sea".to_owned();
    server.by(&cleo, WriteNote { request_id, text, client_id: None }).await.unwrap();
    server.by(&cleo, Close { request_id, summary: None }).await.unwrap();
    server.app.settled().await;
    let text = Some("that was kind".to_owned());
    server.by(&anna, Rate { request_id, stars: 4, text }).await.unwrap();
    server.by(&anna, ask("work", "and now this")).await.unwrap();

    let annas = archive(&server, &anna).await;
    let requests = &annas["support/requests.json"];
    assert_eq!(requests[0]["rating"]["stars"], 4);
    assert_eq!(requests[0]["rating"]["text"], "that was kind");
    assert_eq!(
        (&requests[1]["subject"], &requests[1]["text"]),
        (&"work".into(), &"and now this".into())
    );
    assert!(!serde_json::to_string(&annas).unwrap().contains("likes the sea"));
    let cleos = archive(&server, &cleo).await;
    assert_eq!(cleos["support/notes.json"][0]["text"], "likes the sea");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_every_store_nothing_of_who_is_gone_is_left_with_others() {
    for site in Site::all().await {
        gone(&server(&site).await, None).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_that_breaks_off_anywhere_is_finished() {
    for write in [3, 6, 10, 15, 21, 28, 36, 45] {
        let folder = tempdir().unwrap();
        let server = TestServer::open_with(folder.path(), Clock::manual(START), settings).await;
        gone(&server, Some(write)).await;
    }
}

/// With one of the writes of the erasure refused.
async fn gone(server: &TestServer, refused: Option<u32>) {
    let service = PushService::start().await;
    let browser = Browser::new(&service, "annas");
    let circle = circle(server, &browser).await;
    let Circle { anna, ben, cleo, group_id, .. } = &circle;
    let talk = GetConversation { conversation_id: circle.agreed.conversation_id };
    eventually(async || server.by(ben, talk).await.ok()).await;
    write(server, ben, anna).await;
    let dora = server.member("dora").await;
    write(server, &dora, anna).await;
    pass(server, 60_000).await;
    pass(server, 60_000).await;
    assert!(!service.take().is_empty(), "she is told");
    let before = serde_json::to_string(&archive(server, ben).await).unwrap();
    assert!(before.contains("Load anna 1"));
    let name = Patch::Set("Anna Berg".to_owned());
    server.by(anna, UpdateProfile { name, ..UpdateProfile::default() }).await.unwrap();
    let search = SearchPeople { text: "berg".to_owned(), after: None, limit: None };
    eventually(async || server.by(ben, search.clone()).await.unwrap().items.pop()).await;
    // A push to her waits, and so does her digest.
    write(server, &dora, anna).await;
    let _ = service.take();
    server.accounts.request_deletion(anna.id).await.unwrap();
    if let Some(write) = refused {
        server.faults.refuse_write(write);
    }
    server.later(1).await;
    for _ in 0..4 {
        pass(server, 60_000).await;
    }
    pass(server, DAY).await;
    assert!(service.take().is_empty(), "nothing goes to her device any more");

    for (who, exchange_id, state) in [
        (ben, circle.done.id, State::Completed),
        (ben, circle.agreed.id, State::Cancelled),
        (ben, circle.asked.id, State::Withdrawn),
        (ben, circle.was_asked.id, State::Declined),
    ] {
        let session = server.by(who, Get { exchange_id }).await.unwrap();
        assert_eq!(session.session.state, state);
    }
    let done = server.by(ben, Get { exchange_id: circle.done.id }).await.unwrap();
    assert_eq!(done.notes.own.as_deref(), Some("what Ben thinks"));
    assert_eq!(server.by(ben, GetLedger::default()).await.unwrap().received_min, 60);
    for conversation_id in [circle.done.conversation_id, circle.agreed.conversation_id] {
        let talk = GetConversation { conversation_id };
        assert!(server.by(ben, talk).await.unwrap().conversation.closed);
    }
    let board = GetBoard { group_id: *group_id, after: None, limit: None };
    assert_eq!(server.by(ben, board).await.unwrap().items, []);
    // The time is free again.
    let instead = ask(server, cleo, ben, START + 3 * DAY + HOUR / 2).await;
    server.by(ben, Accept { exchange_id: instead.id, version: None }).await.unwrap();

    for who in [ben, cleo] {
        let files = archive(server, who).await;
        let all = serde_json::to_string(&files).unwrap();
        assert!(
            !all.contains("Load anna") && !all.contains("Berg") && !all.contains("what Anna"),
            "{all}"
        );
        assert!(who.id != ben.id || all.contains("deleted member"));
        let relations = &files["people/relations.json"];
        assert!(relations.as_object().unwrap().values().all(|list| list == &Value::Array(vec![])));
    }
    assert_eq!(server.by(cleo, ListBlocks::default()).await.unwrap().items, []);
    assert_eq!(server.by(ben, search).await.unwrap().items, []);
    assert_eq!(
        server.by(ben, RequestFriend { user_id: anna.id }).await.unwrap_err().code,
        ErrorCode::NotFound
    );
    nothing_is_hers(server, anna).await;
}

async fn nothing_is_hers(server: &TestServer, anna: &Person) {
    assert_eq!(server.by(anna, ListFriends::default()).await.unwrap().items, []);
    assert_eq!(server.by(anna, ListFollows::default()).await.unwrap().items, []);
    let privacy = server.by(anna, GetPrivacy {}).await.unwrap().privacy;
    assert_eq!(privacy.last_seen, Audience::Everyone);
    assert_eq!(server.by(anna, ListTold::default()).await.unwrap().items, []);
    let settings = server.by(anna, GetSettings {}).await.unwrap().settings;
    assert_eq!((settings.zone, settings.digest), (None, Digest::Never));
    assert_eq!(server.by(anna, List::default()).await.unwrap().items, []);
    let ledger = server.by(anna, GetLedger::default()).await.unwrap();
    assert_eq!((ledger.given_min, ledger.items), (0, Vec::new()));
    // Again changes nothing.
    for keeper in server.app.features().personal() {
        keeper.erase(anna.id).await.unwrap();
        for section in keeper.sections(anna.id).await.unwrap_or_default() {
            let text = section.data.to_string();
            assert!(!text.contains("Anna") && !text.contains("annas"), "{text}");
        }
    }
}

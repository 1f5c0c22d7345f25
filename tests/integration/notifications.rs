//! What people are told when they do not look: rows, pushes that are read with a browser's own keys,
//! quiet hours, digests, and what a crash or a second node makes of them.

use crate::engines::START;
use crate::push_service::{Browser, Got, PushService};
use crate::server::{Person, Site, Socket, TestServer, client_id, eventually};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::conversations::{Mark as MarkRead, Mute, Open, Send};
use protocol::limits::{COACH_GRACE_MS, ENDPOINTS_MAX, OFFER_MS, PUSH_AFTER_MS};
use protocol::notifications::{
    Choice, Digest, GetSettings, Kind, List, Mark, Notification, Notifications, Quiet, Register,
    Service, SetSettings, Unregister, Which,
};
use protocol::people::{Block, Follow, MutePerson, RequestFriend, UnmutePerson};
use protocol::session::Background;
use protocol::support::{Ask, Claim, Close, GetStatus, SetCoach};
use protocol::{ConversationId, ErrorCode, Event, Signal, Topic};
use sanctuary::clock::Clock;
use sanctuary::config::Settings;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use tempfile::tempdir;
use tokio::time::timeout;
use web_push_native::p256::SecretKey;
use web_push_native::p256::pkcs8::{EncodePrivateKey as _, LineEnding};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const SECRET: &str = "nobody else may read this";

async fn server(folder: &Path) -> TestServer {
    server_with(folder, |_| {}).await
}

async fn server_with(folder: &Path, change: impl FnOnce(&mut Settings)) -> TestServer {
    TestServer::open_with(folder, Clock::manual(START), |settings| {
        settings.push_private_endpoints = true;
        settings.push_contact = Some("mailto:care@example.org".to_owned());
        change(settings);
    })
    .await
}

/// Somebody with a device that takes pushes, who does not look.
async fn away(server: &TestServer, who: &Person, browser: &Browser) -> Socket {
    let mut socket = server.socket(who).await;
    socket.call(browser.subscription()).await.unwrap();
    socket.call(Background { on: true }).await.unwrap();
    socket
}

async fn talk(server: &TestServer, one: &Person, other: &Person) -> ConversationId {
    server.by(one, Open { user_id: other.id }).await.unwrap().conversation.id
}

async fn write(server: &TestServer, who: &Person, id: ConversationId) -> u64 {
    let send = Send {
        conversation_id: id,
        client_id: client_id(),
        text: Some(SECRET.to_owned()),
        attachments: Vec::new(),
        reply_to: None,
    };
    server.by(who, send).await.unwrap().seq
}

/// Lets time pass, with all that was begun before and all that is due by then.
async fn pass(server: &TestServer, ms: i64) {
    server.app.settled().await;
    server.later(ms).await;
    server.app.settled().await;
}

async fn list(server: &TestServer, who: &Person) -> Notifications {
    server.by(who, List::default()).await.unwrap()
}

async fn only(server: &TestServer, who: &Person) -> Notification {
    let mut page = list(server, who).await;
    assert_eq!(page.items.len(), 1, "{page:?}");
    page.items.remove(0)
}

/// How often a feed says that something is told.
async fn told(server: &TestServer, who: &Person) -> usize {
    let feed = server.feed(who).await;
    feed.iter().filter(|event| matches!(event, Event::NotificationCreated(_))).count()
}

async fn asked(server: &TestServer, member: &Person) -> protocol::RequestId {
    let desk_id = server.general().await;
    let ask = Ask {
        desk_id,
        client_id: None,
        subject: "sleep".to_owned(),
        text: None,
        expertise: None,
        preferred_coach_id: None,
        fee: None,
    };
    server.by(member, ask).await.unwrap().request.id
}

/// A request that a coach took.
async fn helped(server: &TestServer, member: &Person, coach: &Person) -> protocol::RequestId {
    let request_id = asked(server, member).await;
    server.by(coach, Claim { request_id }).await.unwrap();
    request_id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_to_somebody_away_is_pushed_without_its_text() {
    let (folder, service) = (tempdir().unwrap(), PushService::start().await);
    let server = server(folder.path()).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let browser = Browser::new(&service, "ben");
    let _bens = away(&server, &ben, &browser).await;
    let id = talk(&server, &ada, &ben).await;
    for _ in 0..3 {
        write(&server, &ada, id).await;
    }
    pass(&server, PUSH_AFTER_MS - 1).await;
    assert!(service.take().is_empty() && list(&server, &ben).await.items.is_empty());
    pass(&server, 1).await;
    pass(&server, 0).await;

    let notice = only(&server, &ben).await;
    assert_eq!((notice.kind, notice.count), (Kind::Message, 3));
    assert_eq!(notice.link, format!("conversation:{id}"));
    assert_eq!(notice.from.unwrap().id, ada.id);
    assert_eq!(told(&server, &ben).await, 1);
    assert!(list(&server, &ada).await.items.is_empty());

    let got = service.take();
    let [push] = got.as_slice() else { panic!("{got:?}") };
    assert_eq!((push.path.as_str(), push.header("ttl")), ("/send/ben", "86400"));
    assert_eq!((push.header("urgency"), push.header("content-encoding")), ("high", "aes128gcm"));
    assert_eq!(push.header("topic"), URL_SAFE_NO_PAD.encode(notice.id.as_bytes()));
    let read = browser.read(push);
    assert_eq!(read["text"], notice.text);
    assert_eq!((&read["link"], &read["kind"]), (&notice.link.clone().into(), &"message".into()));
    assert!(!format!("{read} {push:?}").contains(SECRET));
    signed_by_the_key_that_is_published(&server, &service, push).await;
}

/// RFC 8292: the token is good under the key beside it, which is the one that browsers get.
async fn signed_by_the_key_that_is_published(
    server: &TestServer,
    service: &PushService,
    push: &Got,
) {
    let url = format!("http://{}/v1/push/vapid", server.address);
    let published: serde_json::Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    let authorization = push.header("authorization").strip_prefix("vapid t=").unwrap();
    let (token, key) = authorization.split_once(", k=").unwrap();
    assert_eq!(published["public_key"], key);
    let point = URL_SAFE_NO_PAD.decode(key).unwrap();
    assert_eq!((point.len(), point[0]), (65, 4));
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    validation.set_audience(&[service.url()]);
    // The tests' clock stands still, in the future.
    validation.validate_exp = false;
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
    let key = jsonwebtoken::DecodingKey::from_ec_components(&x, &y).unwrap();
    let claims = jsonwebtoken::decode::<serde_json::Value>(token, &key, &validation).unwrap();
    assert_eq!(claims.claims["sub"], "mailto:care@example.org");
    let ends_in = claims.claims["exp"].as_i64().unwrap() - server.clock.now() / 1_000;
    assert!((0..=24 * 3_600).contains(&ends_in));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_looks_or_reads_in_time_or_muted_hears_nothing() {
    let (folder, service) = (tempdir().unwrap(), PushService::start().await);
    let server = server(folder.path()).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let mut bens = away(&server, &ben, &Browser::new(&service, "ben")).await;
    let id = talk(&server, &ada, &ben).await;

    // Looks when it comes.
    bens.call(Background { on: false }).await.unwrap();
    write(&server, &ada, id).await;
    pass(&server, PUSH_AFTER_MS).await;
    // Is back before the time is over.
    bens.call(Background { on: true }).await.unwrap();
    write(&server, &ada, id).await;
    server.app.settled().await;
    bens.call(Background { on: false }).await.unwrap();
    pass(&server, PUSH_AFTER_MS).await;
    // Read it on the way.
    bens.call(Background { on: true }).await.unwrap();
    let seq = write(&server, &ada, id).await;
    server.app.settled().await;
    let mark = MarkRead { conversation_id: id, read: Some(seq), delivered: None };
    server.by(&ben, mark).await.unwrap();
    pass(&server, PUSH_AFTER_MS).await;
    // Wants to hear nothing of this conversation.
    let mute = |until_at| Mute { conversation_id: id, until_at };
    server.by(&ben, mute(Some(server.clock.now() + HOUR_MS))).await.unwrap();
    write(&server, &ada, id).await;
    pass(&server, PUSH_AFTER_MS).await;
    pass(&server, MINUTE_MS).await;
    assert!(list(&server, &ben).await.items.is_empty() && service.take().is_empty());

    server.by(&ben, mute(None)).await.unwrap();
    write(&server, &ada, id).await;
    pass(&server, PUSH_AFTER_MS).await;
    assert_eq!(only(&server, &ben).await.count, 2, "the one that was muted, and this one");
}

/// The phone is cut off, and its session stands in the foreground for a while yet. What happened in
/// that while is pushed once the server finds out; what was read, or is older, is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_while_a_phone_was_cut_off_unnoticed_is_pushed() {
    let (folder, service) = (tempdir().unwrap(), PushService::start().await);
    let server = server(folder.path()).await;
    let (ada, mia, cleo) =
        (server.member("ada").await, server.member("mia").await, server.coach("cleo").await);
    let browser = Browser::new(&service, "mia");
    let mut mias = away(&server, &mia, &browser).await;
    mias.call(Background { on: false }).await.unwrap();
    let (bob, eve) = (server.member("bob").await, server.member("eve").await);
    let older = talk(&server, &bob, &mia).await;
    write(&server, &bob, older).await;
    pass(&server, 2 * MINUTE_MS).await;
    let (id, seen) = (talk(&server, &ada, &mia).await, talk(&server, &eve, &mia).await);
    write(&server, &ada, id).await;
    let read = write(&server, &eve, seen).await;
    let mark = MarkRead { conversation_id: seen, read: Some(read), delivered: None };
    server.by(&mia, mark).await.unwrap();
    helped(&server, &mia, &cleo).await;
    pass(&server, PUSH_AFTER_MS).await;
    pass(&server, 0).await;
    assert!(service.take().is_empty(), "she is taken to look");
    only(&server, &mia).await;

    drop(mias);
    let mut links = BTreeSet::new();
    eventually(async || {
        pass(&server, 100).await;
        let got = service.take();
        links.extend(got.iter().map(|push| browser.read(push)["link"].to_string()));
        (links.len() == 2).then_some(())
    })
    .await;
    assert!(links.contains(&format!("\"conversation:{id}\"")), "{links:?}");
    pass(&server, 10 * PUSH_AFTER_MS).await;
    pass(&server, 0).await;
    assert!(service.take().is_empty(), "once");
}

/// Whoever is back at once saw it, and who said goodbye had seen it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_back_or_said_goodbye_is_pushed_nothing() {
    let (folder, service) = (tempdir().unwrap(), PushService::start().await);
    let server = server(folder.path()).await;
    let (ada, mia) = (server.member("ada").await, server.member("mia").await);
    let mut mias = away(&server, &mia, &Browser::new(&service, "mia")).await;
    mias.call(Background { on: false }).await.unwrap();
    let id = talk(&server, &ada, &mia).await;
    write(&server, &ada, id).await;
    pass(&server, PUSH_AFTER_MS).await;
    drop(mias);
    let mut mias = server.socket(&mia).await;
    pass(&server, PUSH_AFTER_MS).await;
    mias.call(protocol::session::Close {}).await.unwrap();
    assert_eq!(mias.closed().await, protocol::close::CloseCode::Normal.number());
    for _ in 0..20 {
        pass(&server, PUSH_AFTER_MS).await;
    }
    assert!(service.take().is_empty() && list(&server, &mia).await.items.is_empty());
}

/// Ten minutes lie between two pushes of one thing; a coach who takes over is another thing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_is_pushed_at_once_after_a_coach_was_lost() {
    let (folder, service) = (tempdir().unwrap(), PushService::start().await);
    let server = server(folder.path()).await;
    let (mia, cleo) = (server.member("mia").await, server.coach("cleo").await);
    let browser = Browser::new(&service, "mia");
    let _mias = away(&server, &mia, &browser).await;
    let cleos = server.socket(&cleo).await;
    let request_id = helped(&server, &mia, &cleo).await;
    let texts = async || {
        pass(&server, PUSH_AFTER_MS).await;
        pass(&server, 0).await;
        let got = service.take();
        got.iter().map(|push| browser.read(push)["text"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(texts().await.len(), 1, "claimed");
    drop(cleos);
    eventually(async || server.by(&mia, GetStatus {}).await.unwrap().request.unwrap().grace_until)
        .await;
    server.later(COACH_GRACE_MS).await;
    assert_eq!(texts().await.len(), 1, "back at the front");
    let lost = only(&server, &cleo).await;
    assert_eq!((lost.kind, lost.link), (Kind::Support, format!("request:{request_id}")));
    assert_eq!(lost.from.unwrap().id, mia.id, "both sides are told");
    let kim = server.coach("kim").await;
    server.by(&kim, Claim { request_id }).await.unwrap();
    let told = texts().await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0], format!("\"{}\"", only(&server, &mia).await.text));
}

/// An offer that ran out is no news: it is read, on all devices, and does not wait for the morning.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_that_is_over_is_read_and_pushed_no_more() {
    let (folder, service) = (tempdir().unwrap(), PushService::start().await);
    let server = server(folder.path()).await;
    let (mia, cleo) = (server.member("mia").await, server.coach("cleo").await);
    let mut cleos = away(&server, &cleo, &Browser::new(&service, "cleo")).await;
    let quiet = Quiet { on: true, from_min: 7 * 60, until_min: 9 * 60 };
    server.by(&cleo, SetSettings { quiet: Some(quiet), ..SetSettings::default() }).await.unwrap();
    let here = SetCoach { available: Some(true), ..SetCoach::default() };
    server.by(&cleo, here).await.unwrap();
    asked(&server, &mia).await;
    server.app.settled().await;
    let offer = only(&server, &cleo).await;
    assert_eq!((offer.kind, offer.read_at), (Kind::Support, None));
    pass(&server, PUSH_AFTER_MS).await;
    cleos.call(Background { on: false }).await.unwrap();
    pass(&server, OFFER_MS - PUSH_AFTER_MS).await;
    pass(&server, 0).await;
    assert_eq!(list(&server, &cleo).await.unread, 0);
    let read = cleos.signal(|signal| match signal {
        Signal::NotificationRead(read) => Some(read.clone()),
        _ => None,
    });
    assert_eq!(read.await.notification_ids, [offer.id]);
    cleos.call(Background { on: true }).await.unwrap();
    pass(&server, HOUR_MS).await;
    pass(&server, 0).await;
    assert!(service.take().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coach_who_does_not_answer_is_asked_and_both_are_told_when_it_goes_on() {
    let folder = tempdir().unwrap();
    let server = server(folder.path()).await;
    let (mia, cleo) = (server.member("mia").await, server.coach("cleo").await);
    let _cleos = server.socket(&cleo).await;
    helped(&server, &mia, &cleo).await;
    pass(&server, 10 * MINUTE_MS).await;
    let nudge = only(&server, &cleo).await;
    assert!(nudge.text.ends_with("a colleague is asked in 5 minutes."), "{}", nudge.text);
    pass(&server, 5 * MINUTE_MS).await;
    let page = list(&server, &cleo).await;
    let [told, asked] = page.items.as_slice() else { panic!("{page:?}") };
    assert!(asked.read_at.is_some() && told.text.starts_with(&*mia.caller.name), "{page:?}");
    let told = only(&server, &mia).await;
    assert!(!told.text.contains("connection"), "it did not break off: {}", told.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_a_conversation_reads_its_notification_on_all_devices() {
    let folder = tempdir().unwrap();
    let server = server(folder.path()).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let id = talk(&server, &ada, &ben).await;
    let first = write(&server, &ada, id).await;
    pass(&server, PUSH_AFTER_MS).await;
    let second = write(&server, &ada, id).await;
    pass(&server, PUSH_AFTER_MS).await;
    let notice = only(&server, &ben).await;
    assert_eq!((notice.count, notice.read_at), (2, None));
    assert_eq!(told(&server, &ben).await, 2, "it came, and it grew");

    let mut bens = server.socket(&ben).await;
    let mark = |read| MarkRead { conversation_id: id, read: Some(read), delivered: None };
    server.by(&ben, mark(first)).await.unwrap();
    assert_eq!(list(&server, &ben).await.unread, 1, "there is more in it");
    server.by(&ben, mark(second)).await.unwrap();
    let heard = bens
        .signal(|signal| match signal {
            Signal::NotificationRead(read) => Some(read.clone()),
            _ => None,
        })
        .await;
    assert_eq!((heard.notification_ids, heard.unread), (vec![notice.id], 0));
    assert!(only(&server, &ben).await.read_at.is_some());
    drop(bens);
    eventually(async || {
        write(&server, &ada, id).await;
        pass(&server, PUSH_AFTER_MS).await;
        (list(&server, &ben).await.items.len() == 2).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_to_a_request_is_told_to_its_member() {
    let (folder, service) = (tempdir().unwrap(), PushService::start().await);
    let server = server(folder.path()).await;
    let (mia, cleo) = (server.member("mia").await, server.coach("cleo").await);
    let browser = Browser::new(&service, "mia");
    let mut mias = away(&server, &mia, &browser).await;
    let request_id = helped(&server, &mia, &cleo).await;
    let created = mias
        .until(|push| match push {
            protocol::Incoming::Event(push) => match &push.body {
                Event::NotificationCreated(created) => Some(created.notification.clone()),
                _ => None,
            },
            _ => None,
        })
        .await;
    assert_eq!((created.kind, created.link), (Kind::Support, format!("request:{request_id}")));
    assert!(list(&server, &cleo).await.items.is_empty(), "it was the coach's own doing");
    pass(&server, PUSH_AFTER_MS).await;
    pass(&server, 0).await;
    let got = service.take();
    assert_eq!(got.len(), 1);
    assert_eq!(browser.read(&got[0])["text"], created.text);

    server.by(&cleo, Close { request_id, summary: None }).await.unwrap();
    server.app.settled().await;
    let closed = only(&server, &mia).await;
    assert_eq!((closed.id, closed.count), (created.id, 1), "in place of the older");
    assert_ne!(closed.text, created.text);
    // Not again so soon.
    pass(&server, PUSH_AFTER_MS).await;
    pass(&server, 0).await;
    assert!(service.take().is_empty());
    pass(&server, 10 * MINUTE_MS).await;
    pass(&server, 0).await;
    assert_eq!(browser.read(&service.take()[0])["text"], closed.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_marked_is_read_and_not_pushed() {
    let (folder, service) = (tempdir().unwrap(), PushService::start().await);
    let server = server(folder.path()).await;
    let (mia, cleo) = (server.member("mia").await, server.coach("cleo").await);
    let _mias = away(&server, &mia, &Browser::new(&service, "mia")).await;
    server.by(&cleo, SetCoach { capacity: Some(9), ..SetCoach::default() }).await.unwrap();
    helped(&server, &mia, &cleo).await;
    let notice = only(&server, &mia).await;
    let nobodys = Mark { read: Which::One(protocol::NotificationId(uuid::Uuid::nil())) };
    assert_eq!(server.by(&mia, nobodys).await.unwrap_err().code, ErrorCode::NotFound);
    let one = Mark { read: Which::One(notice.id) };
    assert_eq!(server.by(&cleo, one).await.unwrap_err().code, ErrorCode::NotFound);
    assert_eq!(server.by(&mia, one).await.unwrap().unread, 0);
    assert_eq!(server.by(&mia, Mark { read: Which::All }).await.unwrap().unread, 0);
    pass(&server, PUSH_AFTER_MS).await;
    pass(&server, MINUTE_MS).await;
    assert!(service.take().is_empty());
    let unread = List { unread: Some(true), ..List::default() };
    assert!(server.by(&mia, unread).await.unwrap().items.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_paged_newest_first() {
    let folder = tempdir().unwrap();
    let server = server(folder.path()).await;
    let ben = server.member("ben").await;
    for person in server.people("many", 5, None).await {
        let id = talk(&server, &person, &ben).await;
        write(&server, &person, id).await;
        pass(&server, PUSH_AFTER_MS).await;
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = List { after, limit: Some(2), unread: None };
        let page = server.by(&ben, page).await.unwrap();
        assert_eq!(page.unread, 5);
        seen.extend(page.items.iter().map(|notice| notice.changed_at));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted_by(|one, next| one > next));
    let wrong = List { after: Some("x".to_owned()), ..List::default() };
    assert_eq!(server.by(&ben, wrong).await.unwrap_err().code, ErrorCode::Invalid);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quiet_hours_hold_pushes_until_their_end() {
    let (folder, service) = (tempdir().unwrap(), PushService::start().await);
    let server = server(folder.path()).await;
    let (mia, cleo) = (server.member("mia").await, server.coach("cleo").await);
    let _mias = away(&server, &mia, &Browser::new(&service, "mia")).await;
    // It is 08:00 UTC, 09:00 in Berlin.
    let quiet = Quiet { on: true, from_min: 8 * 60 + 30, until_min: 9 * 60 + 30 };
    let set = SetSettings {
        zone: Some("Europe/Berlin".to_owned()),
        quiet: Some(quiet),
        ..SetSettings::default()
    };
    let settings = server.by(&mia, set).await.unwrap().settings;
    assert_eq!((settings.zone.as_deref(), settings.quiet), (Some("Europe/Berlin"), quiet));
    helped(&server, &mia, &cleo).await;
    only(&server, &mia).await;
    pass(&server, PUSH_AFTER_MS).await;
    pass(&server, 29 * MINUTE_MS).await;
    assert!(service.take().is_empty());
    pass(&server, MINUTE_MS).await;
    pass(&server, 0).await;
    assert_eq!(service.take().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_wanted_does_not_come() {
    let (folder, service) = (tempdir().unwrap(), PushService::start().await);
    let server = server(folder.path()).await;
    let (mia, cleo) = (server.member("mia").await, server.coach("cleo").await);
    let _mias = away(&server, &mia, &Browser::new(&service, "mia")).await;
    let choose = |app, push| SetSettings {
        kinds: vec![Choice { kind: Kind::Support, app, push, email: true }],
        ..SetSettings::default()
    };
    server.by(&mia, choose(true, false)).await.unwrap();
    let request_id = helped(&server, &mia, &cleo).await;
    pass(&server, PUSH_AFTER_MS).await;
    pass(&server, 0).await;
    only(&server, &mia).await;
    assert!(service.take().is_empty());
    server.by(&mia, Mark { read: Which::All }).await.unwrap();
    server.by(&mia, choose(false, true)).await.unwrap();
    server.by(&cleo, Close { request_id, summary: None }).await.unwrap();
    server.app.settled().await;
    assert_eq!(list(&server, &mia).await.unread, 0);

    let settings = server.by(&mia, GetSettings {}).await.unwrap().settings;
    assert_eq!(settings.kinds.len(), Kind::ALL.len());
    for (wrong, field) in [
        (SetSettings { zone: Some("Mars/Olympus".to_owned()), ..SetSettings::default() }, "zone"),
        (
            SetSettings {
                quiet: Some(Quiet { on: true, from_min: 1_440, until_min: 0 }),
                ..SetSettings::default()
            },
            "quiet",
        ),
        (
            SetSettings {
                quiet: Some(Quiet { on: true, from_min: 60, until_min: 60 }),
                ..SetSettings::default()
            },
            "quiet",
        ),
    ] {
        let error = server.by(&mia, wrong).await.unwrap_err();
        assert_eq!(error.detail.unwrap()["field"], field);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_away_is_asked_again_and_a_dead_endpoint_is_dropped() {
    let (folder, service) = (tempdir().unwrap(), PushService::start().await);
    let server = server(folder.path()).await;
    let (mia, cleo) = (server.member("mia").await, server.coach("cleo").await);
    let _mias = away(&server, &mia, &Browser::new(&service, "mia")).await;
    service.answers(503, "0", "");
    service.answers(429, "120", "");
    let request_id = helped(&server, &mia, &cleo).await;
    pass(&server, PUSH_AFTER_MS).await;
    pass(&server, 0).await;
    assert_eq!(service.take().len(), 1);
    pass(&server, 14_000).await;
    assert_eq!(service.take().len(), 0);
    pass(&server, 1_000).await;
    assert_eq!(service.take().len(), 1);
    pass(&server, 119_000).await;
    assert_eq!(service.take().len(), 0, "as long as it asked for");
    service.answers(410, "0", "");
    pass(&server, 1_000).await;
    assert_eq!(service.take().len(), 1);

    server.by(&mia, Mark { read: Which::All }).await.unwrap();
    server.by(&cleo, Close { request_id, summary: None }).await.unwrap();
    for _ in 0..3 {
        pass(&server, 15 * MINUTE_MS).await;
    }
    assert_eq!(list(&server, &mia).await.unread, 1);
    assert!(service.take().is_empty(), "the device is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tries_of_one_push_end() {
    let (folder, service) = (tempdir().unwrap(), PushService::start().await);
    let server = server(folder.path()).await;
    let (mia, cleo) = (server.member("mia").await, server.coach("cleo").await);
    let _mias = away(&server, &mia, &Browser::new(&service, "mia")).await;
    for _ in 0..20 {
        service.answers(500, "0", "");
    }
    helped(&server, &mia, &cleo).await;
    pass(&server, PUSH_AFTER_MS).await;
    // Longer than all pauses; what happens to the request later is pushed anew, after ten minutes.
    for _ in 0..9 {
        pass(&server, MINUTE_MS).await;
    }
    let tries = usize::from(sanctuary::features::notifications::DELIVERY_TRIES_MAX);
    assert_eq!(service.take().len(), tries);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_belongs_to_who_uses_it_now_and_to_a_login_that_is_good() {
    let (folder, service) = (tempdir().unwrap(), PushService::start().await);
    let server = server(folder.path()).await;
    let (mia, cleo) = (server.member("mia").await, server.coach("cleo").await);
    let browser = Browser::new(&service, "shared");
    let _mias = away(&server, &mia, &browser).await;
    let ben = server.member("ben").await;
    let mut bens = away(&server, &ben, &browser).await;
    let request_id = helped(&server, &mia, &cleo).await;
    pass(&server, PUSH_AFTER_MS).await;
    pass(&server, 0).await;
    only(&server, &mia).await;
    assert!(service.take().is_empty(), "somebody else has the device by now");

    // Suspended: nothing arrives, though it was owed.
    server.by(&cleo, Close { request_id, summary: None }).await.unwrap();
    helped(&server, &ben, &cleo).await;
    server.app.settled().await;
    bens.call(Background { on: true }).await.unwrap();
    server.accounts.suspend(ben.id).await.unwrap();
    pass(&server, PUSH_AFTER_MS).await;
    pass(&server, 0).await;
    assert!(service.take().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_can_be_a_device_is_registered() {
    let (folder, service) = (tempdir().unwrap(), PushService::start().await);
    let server = TestServer::open(folder.path()).await;
    let ben = server.member("ben").await;
    let good = Register {
        endpoint: Some("https://push.example.org/x".to_owned()),
        ..Browser::new(&service, "ben").subscription()
    };
    let endpoint = |text: &str| Register { endpoint: Some(text.to_owned()), ..good.clone() };
    let token = |kind, text: &str| Register {
        kind,
        token: Some(text.to_owned()),
        endpoint: None,
        p256dh: None,
        auth: None,
    };
    for (wrong, field) in [
        (endpoint("http://push.example.org/x"), "endpoint"),
        (endpoint("https://127.0.0.1/x"), "endpoint"),
        (endpoint("https://169.254.169.254/latest"), "endpoint"),
        (endpoint(&format!("https://push.example.org/{}", "x".repeat(2_048))), "endpoint"),
        (Register { endpoint: None, ..good.clone() }, "endpoint"),
        (Register { p256dh: Some("AAAA".to_owned()), ..good.clone() }, "p256dh"),
        (Register { auth: Some("AAAA".to_owned()), ..good.clone() }, "auth"),
        (token(Service::Fcm, "abc"), "kind"),
        (token(Service::Apns, "abc"), "kind"),
    ] {
        let error = server.by(&ben, wrong).await.unwrap_err();
        assert_eq!(error.detail.unwrap()["field"], field);
    }
    let first = server.by(&ben, good.clone()).await.unwrap().endpoint_id;
    assert_eq!(server.by(&ben, good.clone()).await.unwrap().endpoint_id, first);
    for n in 1..ENDPOINTS_MAX {
        server.by(&ben, endpoint(&format!("https://push.example.org/{n}"))).await.unwrap();
    }
    let more = endpoint("https://push.example.org/more");
    assert_eq!(server.by(&ben, more.clone()).await.unwrap_err().code, ErrorCode::Full);
    server.by(&ben, Unregister { endpoint_id: first }).await.unwrap();
    server.by(&ben, more).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_carried_again_after_a_crash_is_told_once() {
    let folder = tempdir().unwrap();
    let clock = Clock::manual(START);
    let server = TestServer::open_at(folder.path(), clock.clone()).await;
    let (mia, cleo) = (server.member("mia").await, server.coach("cleo").await);
    helped(&server, &mia, &cleo).await;
    // Another node on the same store looks at the same time, and fires what the first one left.
    let other = TestServer::open_at(folder.path(), clock.clone()).await;
    let (one, two) = tokio::join!(list(&server, &mia), list(&other, &mia));
    assert_eq!((one.items.len(), two.items.len()), (1, 1));
    assert_eq!(one.items[0].id, two.items[0].id);
    // Relay timers are due; the coach's grace is not over.
    pass(&other, 20_000).await;
    pass(&server, 20_000).await;
    assert_eq!(told(&other, &mia).await, 1);
    only(&server, &mia).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_told_though_the_node_that_took_it_is_gone() {
    let folder = tempdir().unwrap();
    let clock = Clock::manual(START);
    let server = TestServer::open_at(folder.path(), clock.clone()).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let id = talk(&server, &ada, &ben).await;
    write(&server, &ada, id).await;
    server.app.drain().await;
    let server = TestServer::open_at(folder.path(), clock).await;
    pass(&server, PUSH_AFTER_MS).await;
    assert_eq!(only(&server, &ben).await.count, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_told_though_its_sender_does_not_wait_for_the_answer() {
    let folder = tempdir().unwrap();
    let server = server(folder.path()).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let id = talk(&server, &ada, &ben).await;
    // The connection breaks off while the message is on its way to the disk.
    server.faults.slow(Duration::from_millis(300));
    let cut = timeout(Duration::from_millis(100), write(&server, &ada, id)).await;
    assert!(cut.is_err(), "it was cut off");
    eventually(async || {
        let events = server.read(&ada, Topic::Conversation(id)).await.unwrap();
        (events.len() == 2).then_some(())
    })
    .await;
    server.faults.slow(Duration::ZERO);
    eventually(async || {
        pass(&server, PUSH_AFTER_MS).await;
        (!list(&server, &ben).await.items.is_empty()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_sees_to_it_that_its_first_try_is_told() {
    let folder = tempdir().unwrap();
    let server = server(folder.path()).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let id = talk(&server, &ada, &ben).await;
    let text = Some(SECRET.to_owned());
    let client_id = client_id();
    let send =
        Send { conversation_id: id, client_id, text, attachments: Vec::new(), reply_to: None };
    // The timer of whoever is away can't be set.
    server.faults.refuse_write(2);
    server.by(&ada, send.clone()).await.unwrap();
    pass(&server, PUSH_AFTER_MS).await;
    assert!(list(&server, &ben).await.items.is_empty(), "as if the node had died");
    assert!(server.by(&ada, send).await.unwrap().duplicate);
    pass(&server, PUSH_AFTER_MS).await;
    assert_eq!(only(&server, &ben).await.count, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_digest_says_once_what_was_not_read() {
    let folder = tempdir().unwrap();
    let server = server(folder.path()).await;
    let (mia, cleo) = (server.member("mia").await, server.coach("cleo").await);
    // 08:00 UTC on a Friday; the next morning at nine is in an hour.
    let digest = |digest| SetSettings { digest: Some(digest), ..SetSettings::default() };
    server.by(&mia, digest(Digest::Weekly)).await.unwrap();
    server.by(&mia, digest(Digest::Daily)).await.unwrap();
    helped(&server, &mia, &cleo).await;
    let notice = only(&server, &mia).await;
    let mails = || {
        let files = std::fs::read_dir(folder.path().join("outbox"));
        let files = files.map(|files| files.map(|file| file.unwrap().path()).collect());
        files.unwrap_or_else(|_| Vec::new())
    };
    pass(&server, HOUR_MS - 1).await;
    assert!(mails().is_empty());
    pass(&server, 1).await;
    pass(&server, 0).await;
    let [mail] = mails().try_into().unwrap_or_else(|mails| panic!("{mails:?}"));
    let mail = std::fs::read_to_string(mail).unwrap();
    assert!(mail.contains(notice.text.as_str()), "{mail}");
    for _ in 0..10 {
        pass(&server, 24 * HOUR_MS).await;
    }
    assert_eq!(mails().len(), 1, "once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn firebase_and_apple_get_theirs_in_their_own_way() {
    let (folder, google, apple) =
        (tempdir().unwrap(), PushService::start().await, PushService::start().await);
    let files = keys(folder.path(), &google);
    let server = server_with(folder.path(), |settings| {
        settings.push_fcm_key_file = Some(files.0);
        settings.push_fcm_url = google.url();
        settings.push_apns_key_file = Some(files.1);
        settings.push_apns_key_id = Some("KEYID".to_owned());
        settings.push_apns_team_id = Some("TEAM".to_owned());
        settings.push_apns_topic = Some("org.example.sanctuary".to_owned());
        settings.push_apns_url = apple.url();
    })
    .await;
    let (mia, cleo) = (server.member("mia").await, server.coach("cleo").await);
    let mut mias = server.socket(&mia).await;
    for (kind, token) in [(Service::Fcm, "a:token"), (Service::Apns, "00ff")] {
        let token = Some(token.to_owned());
        let register = Register { kind, token, endpoint: None, p256dh: None, auth: None };
        mias.call(register).await.unwrap();
    }
    mias.call(Background { on: true }).await.unwrap();
    google.answers(200, "0", r#"{"access_token": "granted", "expires_in": 3600}"#);
    apple.answers(400, "0", r#"{"reason": "BadDeviceToken"}"#);
    let request_id = helped(&server, &mia, &cleo).await;
    let notice = only(&server, &mia).await;
    pass(&server, PUSH_AFTER_MS).await;
    pass(&server, 0).await;

    let got = google.take();
    let [grant, push] = got.as_slice() else { panic!("{got:?}") };
    assert_eq!(grant.path, "/token");
    assert!(grant.body.starts_with(b"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt"));
    assert_eq!(push.path, "/v1/projects/sanctuary-test/messages:send");
    assert_eq!(push.header("authorization"), "Bearer granted");
    let message = &push.json()["message"];
    assert_eq!(
        (&message["token"], &message["notification"]["body"]),
        (&"a:token".into(), &notice.text.clone().into())
    );
    assert_eq!(message["data"]["link"], notice.link);

    let got = apple.take();
    let [push] = got.as_slice() else { panic!("{got:?}") };
    assert_eq!(push.path, "/3/device/00ff");
    assert_eq!(push.header("apns-topic"), "org.example.sanctuary");
    assert_eq!(push.header("apns-collapse-id"), notice.id.to_string());
    assert_eq!(push.json()["aps"]["alert"]["body"], notice.text);
    let token = push.header("authorization").strip_prefix("bearer ").unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(header.kid.as_deref(), Some("KEYID"));

    // The device of Apple was said to be gone; the token of Google is used again.
    server.by(&mia, Mark { read: Which::All }).await.unwrap();
    server.by(&cleo, Close { request_id, summary: None }).await.unwrap();
    for _ in 0..2 {
        pass(&server, 11 * MINUTE_MS).await;
    }
    assert_eq!((google.take().len(), apple.take().len()), (1, 0));
}

/// Keys as Google and Apple give them, made for these tests alone.
fn keys(folder: &Path, google: &PushService) -> (std::path::PathBuf, std::path::PathBuf) {
    let account = serde_json::json!({
        "type": "service_account",
        "project_id": "sanctuary-test",
        "client_email": "push@sanctuary-test.example",
        "private_key": include_str!("fcm-test-key.pem"),
        "token_uri": format!("{}/token", google.url()),
    });
    let (fcm, apns) = (folder.join("fcm.json"), folder.join("apns.p8"));
    std::fs::write(&fcm, account.to_string()).unwrap();
    let key = SecretKey::from_slice(&[5; 32]).unwrap().to_pkcs8_pem(LineEnding::LF).unwrap();
    std::fs::write(&apns, key.as_bytes()).unwrap();
    (fcm, apns)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_of_pushes_stays() {
    let folder = tempdir().unwrap();
    let key = async |server: &TestServer| {
        let url = format!("http://{}/v1/push/vapid", server.address);
        let answer: serde_json::Value = reqwest::get(url).await.unwrap().json().await.unwrap();
        answer["public_key"].as_str().unwrap().to_owned()
    };
    let first = server(folder.path()).await;
    let published = key(&first).await;
    first.app.drain().await;
    assert_eq!(key(&server(folder.path()).await).await, published);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_of_whom_they_muted_or_blocked() {
    let folder = tempdir().unwrap();
    let server = server(folder.path()).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let id = talk(&server, &ada, &ben).await;
    server.by(&ben, MutePerson { user_id: ada.id }).await.unwrap();
    write(&server, &ada, id).await;
    pass(&server, PUSH_AFTER_MS).await;
    server.by(&ben, UnmutePerson { user_id: ada.id }).await.unwrap();
    assert!(list(&server, &ben).await.items.is_empty());
    // Blocked between the message and the moment of telling.
    write(&server, &ada, id).await;
    server.app.settled().await;
    server.by(&ben, Block { user_id: ada.id }).await.unwrap();
    pass(&server, PUSH_AFTER_MS).await;
    assert!(list(&server, &ben).await.items.is_empty());
}

/// What waited for the morning is asked again: whoever was blocked in the evening is in no push, no
/// digest and no list.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_blocked_since_is_in_no_push_digest_or_list() {
    let (folder, service) = (tempdir().unwrap(), PushService::start().await);
    let server = server(folder.path()).await;
    let (ada, bob) = (server.member("ada").await, server.member("bob").await);
    let ben = server.member("ben").await;
    let browser = Browser::new(&service, "ben");
    let _bens = away(&server, &ben, &browser).await;
    // It is 08:00 UTC; the digest comes at nine.
    let set = SetSettings {
        zone: Some("UTC".to_owned()),
        quiet: Some(Quiet { on: true, from_min: 7 * 60, until_min: 9 * 60 + 1 }),
        digest: Some(Digest::Daily),
        kinds: Vec::new(),
    };
    server.by(&ben, set).await.unwrap();
    server.by(&ada, RequestFriend { user_id: ben.id }).await.unwrap();
    server.by(&bob, Follow { user_id: ben.id }).await.unwrap();
    pass(&server, PUSH_AFTER_MS).await;
    assert_eq!(list(&server, &ben).await.unread, 2);
    server.by(&ben, Block { user_id: ada.id }).await.unwrap();
    let left = only(&server, &ben).await;
    assert_eq!(left.from.as_ref().unwrap().id, bob.id);
    assert_eq!(list(&server, &ben).await.unread, 1);

    pass(&server, HOUR_MS).await;
    pass(&server, MINUTE_MS).await;
    pass(&server, 0).await;
    let got = service.take();
    let [push] = got.as_slice() else { panic!("{got:?}") };
    assert_eq!(browser.read(push)["text"], left.text);
    let mails = std::fs::read_dir(folder.path().join("outbox")).unwrap();
    let mails: Vec<_> = mails.map(|mail| std::fs::read_to_string(mail.unwrap().path())).collect();
    let [Ok(mail)] = mails.as_slice() else { panic!("{mails:?}") };
    assert!(mail.contains(&left.text) && !mail.contains(&*ada.caller.name), "{mail}");
}

/// On every store: two nodes look at the same time at what happened, and fire what is due one after
/// the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_every_store_two_nodes_tell_once() {
    for site in Site::all().await {
        let (clock, service) = (Clock::manual(START), PushService::start().await);
        let open = async || {
            let private = |settings: &mut Settings| settings.push_private_endpoints = true;
            site.open_with(&clock, private).await
        };
        let (one, two) = (open().await, open().await);
        let (ada, mia, cleo) =
            (one.member("ada").await, one.member("mia").await, one.coach("cleo").await);
        let browser = Browser::new(&service, "mia");
        let _mias = away(&one, &mia, &browser).await;
        let quiet = Quiet { on: true, from_min: 0, until_min: 60 };
        let set = SetSettings { quiet: Some(quiet), ..SetSettings::default() };
        two.by(&mia, set).await.unwrap();

        helped(&one, &mia, &cleo).await;
        let (here, there) = tokio::join!(list(&one, &mia), list(&two, &mia));
        assert_eq!((&here.items, here.unread), (&there.items, 1));
        let id = talk(&one, &ada, &mia).await;
        let seq = write(&one, &ada, id).await;
        one.app.settled().await;
        one.later(PUSH_AFTER_MS).await;
        assert_eq!(told(&two, &mia).await, 2);
        let page = list(&two, &mia).await;
        let wanted: Vec<_> =
            page.items.iter().map(|notice| format!("\"{}\"", notice.text)).collect();
        // Both nodes fire what is due; a push may go out twice, and replaces itself on the device.
        let mut texts = BTreeSet::new();
        eventually(async || {
            pass(&one, PUSH_AFTER_MS).await;
            pass(&two, PUSH_AFTER_MS).await;
            let got = service.take();
            texts.extend(got.iter().map(|push| browser.read(push)["text"].to_string()));
            wanted.iter().all(|text| texts.contains(text)).then_some(())
        })
        .await;

        let mark = MarkRead { conversation_id: id, read: Some(seq), delivered: None };
        two.by(&mia, mark).await.unwrap();
        assert_eq!(list(&one, &mia).await.unread, 1);
        two.by(&mia, Mark { read: Which::All }).await.unwrap();
        assert_eq!(list(&one, &mia).await.unread, 0);
        assert_eq!(one.by(&mia, GetSettings {}).await.unwrap().settings.quiet, quiet);
    }
}

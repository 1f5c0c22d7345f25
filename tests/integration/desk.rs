//! The support desk through the public door: one owner a request, places that are held, coaches
//! who drop, and crashes between a commit and what follows from it.

use crate::engines::START;
use crate::server::{Person, TestServer, client_id, eventually};
use futures_util::future::join_all;
use protocol::conversations::{Get, Send};
use protocol::limits::COACH_GRACE_MS;
use protocol::support::{
    Ask, Asked, Cancel, Claim, Close, GetBoard, GetHistory, GetStatus, RequestResult, SetCoach,
    State,
};
use protocol::{
    Command, ConversationId, DeskId, Error, ErrorCode, Event, RequestId, Signal, Topic,
};
use sanctuary::clock::Clock;
use std::collections::HashMap;
use std::time::Duration;
use tempfile::tempdir;

/// Time for what a crash left undone: relay timers are due by then.
const RELAYED_MS: i64 = 60_000;

fn ask(desk_id: DeskId, text: Option<&str>) -> Ask {
    Ask {
        desk_id,
        client_id: Some(client_id()),
        subject: "sleep".to_owned(),
        text: text.map(str::to_owned),
        expertise: None,
        preferred_coach_id: None,
        fee: None,
    }
}

fn words(conversation_id: ConversationId, text: &str) -> Send {
    Send {
        conversation_id,
        client_id: client_id(),
        text: Some(text.to_owned()),
        attachments: Vec::new(),
        reply_to: None,
    }
}

fn set(capacity: u32) -> SetCoach {
    SetCoach { capacity: Some(capacity), ..SetCoach::default() }
}

async fn request(server: &TestServer, who: &Person, text: Option<&str>) -> Asked {
    server.by(who, ask(server.general().await, text)).await.unwrap()
}

async fn claim(
    server: &TestServer,
    coach: &Person,
    request_id: RequestId,
) -> Result<RequestResult, Error> {
    server.by(coach, Claim { request_id }).await
}

fn count(feed: &[Event], wanted: impl Fn(&Event) -> bool) -> usize {
    feed.iter().filter(|event| wanted(event)).count()
}

/// Two coaches want the same requests; each request has one owner, and the other hears whose.
async fn race(one: (&TestServer, &Person), other: (&TestServer, &Person), ids: &[RequestId]) {
    let tries = ids.iter().flat_map(|&id| [one, other].map(|(node, coach)| (node, coach, id)));
    let outcomes = join_all(
        tries.map(|(node, coach, id)| async move { (coach, id, claim(node, coach, id).await) }),
    )
    .await;
    let mut owners: HashMap<RequestId, &Person> = HashMap::new();
    for (coach, id, outcome) in &outcomes {
        if let Ok(claimed) = outcome {
            assert_eq!(claimed.request.state, State::Active);
            assert!(owners.insert(*id, coach).is_none(), "two owners");
        }
    }
    assert_eq!(owners.len(), ids.len(), "each has an owner");
    for (coach, id, outcome) in &outcomes {
        let owner = owners[id];
        if owner.id != coach.id {
            let error = outcome.as_ref().unwrap_err();
            assert_eq!(error.code, ErrorCode::AlreadyClaimed);
            let detail = error.detail.as_ref().unwrap();
            assert_eq!(detail["coach"]["name"], *owner.caller.name);
            assert!(error.message.contains(&*owner.caller.name));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_coaches_who_claim_the_same_requests_one_gets_each() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (lin, kim) = (server.coach("lin").await, server.coach("kim").await);
    for coach in [&lin, &kim] {
        server.by(coach, set(500)).await.unwrap();
    }
    let members = server.people("m", 200, None).await;
    let asked = join_all(members.iter().map(|member| request(&server, member, None))).await;
    let ids: Vec<_> = asked.iter().map(|asked| asked.request.id).collect();
    race((&server, &lin), (&server, &kim), &ids).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_nodes_on_one_store_one_gets_each_request() {
    let folder = tempdir().unwrap();
    let clock = Clock::manual(START);
    let one = TestServer::open_at(folder.path(), clock.clone()).await;
    let two = TestServer::open_at(folder.path(), clock).await;
    let (lin, kim) = (one.coach("lin").await, one.coach("kim").await);
    for coach in [&lin, &kim] {
        one.by(coach, set(500)).await.unwrap();
    }
    let members = one.people("m", 200, None).await;
    let asked = join_all(members.iter().map(|member| request(&one, member, None))).await;
    let ids: Vec<_> = asked.iter().map(|asked| asked.request.id).collect();
    race((&one, &lin), (&two, &kim), &ids).await;
    // What both nodes know afterwards is the same.
    one.clock.advance(10_000);
    let get = GetBoard { desk_id: one.general().await };
    let (left, right) = (one.by(&lin, get).await.unwrap(), two.by(&lin, get).await.unwrap());
    assert_eq!(left, right);
    assert_eq!((left.waiting_total, left.active_total), (0, 200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn capacity_holds_on_two_nodes_at_once() {
    let folder = tempdir().unwrap();
    let clock = Clock::manual(START);
    let one = TestServer::open_at(folder.path(), clock.clone()).await;
    let two = TestServer::open_at(folder.path(), clock).await;
    let lin = one.coach("lin").await;
    one.by(&lin, set(5)).await.unwrap();
    let members = one.people("m", 40, None).await;
    let asked = join_all(members.iter().map(|member| request(&one, member, None))).await;
    let tries = asked
        .iter()
        .enumerate()
        .map(|(n, asked)| claim(if n % 2 == 0 { &one } else { &two }, &lin, asked.request.id));
    let outcomes = join_all(tries).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 5);
    for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert_eq!(error.code, ErrorCode::Full);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_lives_from_the_first_words_to_the_next_time() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (before, ada, lin) =
        (server.member("before").await, server.member("ada").await, server.coach("lin").await);
    assert_eq!(request(&server, &before, None).await.position, Some(1));
    let (mut adas, mut lins) = (server.socket(&ada).await, server.socket(&lin).await);

    let wanted = ask(server.general().await, Some("I can't sleep."));
    let asked = adas.call(wanted).await.unwrap();
    assert_eq!((asked.request.state, asked.position), (State::Queued, Some(2)));
    let status = adas.call(GetStatus {}).await.unwrap();
    assert_eq!(status.position, Some(2));
    let id = asked.request.conversation_id;
    let topic = Topic::Conversation(id);
    assert_eq!(adas.call(Get { conversation_id: id }).await.unwrap_err().code, ErrorCode::NotFound);

    let claimed = lins.call(Claim { request_id: asked.request.id }).await.unwrap().request;
    assert_eq!((claimed.state, claimed.conversation_id), (State::Active, id));
    // Claiming what one has is no mistake.
    lins.call(Claim { request_id: asked.request.id }).await.unwrap();
    for socket in [&mut adas, &mut lins] {
        let opened = socket.event(topic).await;
        assert!(matches!(opened.body, Event::ConversationOpened(_)) && opened.seq == Some(1));
        let first = socket.event(topic).await;
        let Event::MessageCreated(first) = first.body else { panic!("{first:?}") };
        assert_eq!((first.number, first.text.as_deref()), (1, Some("I can't sleep.")));
        assert_eq!(first.sender_id, ada.id);
    }
    assert_eq!(lins.call(words(id, "I am here.")).await.unwrap().seq, 3);
    assert_eq!(adas.call(words(id, "Thank you.")).await.unwrap().seq, 4);
    for socket in [&mut adas, &mut lins] {
        assert_eq!(socket.events_to(topic, 4).await, [3, 4]);
    }

    let over = Close { request_id: asked.request.id, summary: Some("breathing".to_owned()) };
    let closed = lins.call(over).await.unwrap().request;
    assert_eq!((closed.state, closed.summary.as_deref()), (State::Closed, Some("breathing")));
    for socket in [&mut adas, &mut lins] {
        assert!(matches!(socket.event(topic).await.body, Event::ConversationClosed(_)));
        let refused = socket.call(words(id, "late")).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::Closed);
        let history = socket.call(GetHistory::default()).await.unwrap();
        assert_eq!(history.items.len(), 1);
        assert_eq!(history.items[0].id, asked.request.id);
        assert_eq!(history.items[0].summary.as_deref(), Some("breathing"));
    }
    assert_eq!(server.read(&ada, topic).await.unwrap().len(), 5, "it stays readable");
    let feed = server.feed(&ada).await;
    assert_eq!(count(&feed, |event| matches!(event, Event::SupportQueued(_))), 1);
    assert_eq!(count(&feed, |event| matches!(event, Event::SupportClaimed(_))), 1);
    assert_eq!(count(&feed, |event| matches!(event, Event::SupportClosed(_))), 1);

    let again = request(&server, &ada, None).await;
    assert_ne!(again.request.id, asked.request.id);
    assert_eq!(again.position, Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_has_one_open_request_and_may_repeat_it() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let desk_id = server.general().await;
    let wanted = ask(desk_id, None);
    let first = server.by(&ada, wanted.clone()).await.unwrap();
    request(&server, &ben, None).await;
    let repeated = join_all((0..8).map(|_| server.by(&ada, wanted.clone()))).await;
    for same in repeated {
        assert_eq!(same.unwrap(), first);
    }
    let refused = server.by(&ada, ask(desk_id, None)).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Conflict);
    assert_eq!(refused.detail.unwrap()["request"]["id"], first.request.id.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_taken_back_until_somebody_answers() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, lin) = (server.member("ada").await, server.coach("lin").await);
    let first = request(&server, &ada, None).await.request.id;
    let cancelled = server.by(&ada, Cancel { request_id: first }).await.unwrap();
    assert_eq!(cancelled.request.state, State::Cancelled);
    assert_eq!(claim(&server, &lin, first).await.unwrap_err().code, ErrorCode::Conflict);
    assert_eq!(server.by(&ada, GetStatus {}).await.unwrap().request, None);

    let second = request(&server, &ada, None).await.request.id;
    claim(&server, &lin, second).await.unwrap();
    let late = server.by(&ada, Cancel { request_id: second }).await.unwrap_err();
    assert_eq!(late.code, ErrorCode::Conflict);
    assert_eq!(server.by(&ada, GetStatus {}).await.unwrap().request.unwrap().state, State::Active);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_desk_is_for_coaches() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let asked = request(&server, &ada, None).await.request;
    assert_eq!(claim(&server, &ben, asked.id).await.unwrap_err().code, ErrorCode::Forbidden);
    let get = GetBoard { desk_id: asked.desk_id };
    assert_eq!(server.by(&ben, get).await.unwrap_err().code, ErrorCode::NotFound);
    let desk = server.read(&ben, Topic::Desk(asked.desk_id)).await;
    assert_eq!(desk.unwrap_err().code, ErrorCode::NotFound);
    let cancel = Cancel { request_id: asked.id };
    assert_eq!(server.by(&ben, cancel).await.unwrap_err().code, ErrorCode::NotFound);
    let close = Close { request_id: asked.id, summary: None };
    assert_eq!(server.by(&ben, close).await.unwrap_err().code, ErrorCode::NotFound);
}

/// Waits until the desk knows that a coach's last socket is gone.
async fn away(server: &TestServer, member: &Person) {
    eventually(async || {
        server.by(member, GetStatus {}).await.unwrap().request.unwrap().grace_until
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coach_who_drops_gives_the_place_back_after_a_grace() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, ben, lin) =
        (server.member("ada").await, server.member("ben").await, server.coach("lin").await);
    let mut adas = server.socket(&ada).await;
    let lins = server.socket(&lin).await;
    let asked = request(&server, &ada, Some("Hello?")).await.request;
    claim(&server, &lin, asked.id).await.unwrap();
    let behind = request(&server, &ben, None).await;
    assert_eq!(behind.position, Some(1));
    drop(lins);
    let until = adas
        .signal(|signal| match signal {
            Signal::CoachAway(away) => Some(away.grace_until),
            _ => None,
        })
        .await;
    assert_eq!(until, Some(START + COACH_GRACE_MS));

    server.later(COACH_GRACE_MS - 1).await;
    let held = server.by(&ada, GetStatus {}).await.unwrap();
    assert_eq!(held.request.unwrap().state, State::Active);
    server.later(1).await;
    let status = server.by(&ada, GetStatus {}).await.unwrap();
    assert_eq!((status.request.unwrap().state, status.position), (State::Queued, Some(1)));
    let bens = server.by(&ben, GetStatus {}).await.unwrap();
    assert_eq!(bens.position, Some(2));

    let feed = server.feed(&ada).await;
    assert_eq!(count(&feed, |event| matches!(event, Event::SupportRequeued(_))), 1);
    let topic = Topic::Conversation(asked.conversation_id);
    let late = server.by(&lin, words(asked.conversation_id, "sorry")).await.unwrap_err();
    assert_eq!(late.code, ErrorCode::NotFound);
    server.by(&ada, words(asked.conversation_id, "Anybody?")).await.unwrap();
    let own_part = server.read(&lin, topic).await.unwrap();
    assert_eq!(own_part.len(), 3, "opened, the first words, left: {own_part:?}");
    assert!(matches!(own_part[2], Event::MemberLeft(left) if left.user_id == lin.id));

    // Who takes over sees all of it.
    let kim = server.coach("kim").await;
    claim(&server, &kim, asked.id).await.unwrap();
    let all = server.read(&kim, topic).await.unwrap();
    assert_eq!(all.len(), 5);
    assert!(matches!(all[4], Event::MemberJoined(joined) if joined.user_id == kim.id));
    assert_eq!(server.read(&lin, topic).await.unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coach_who_is_back_in_time_lost_nothing() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, lin) = (server.member("ada").await, server.coach("lin").await);
    let lins = server.socket(&lin).await;
    let asked = request(&server, &ada, None).await.request;
    claim(&server, &lin, asked.id).await.unwrap();
    drop(lins);
    away(&server, &ada).await;
    server.later(COACH_GRACE_MS - 1).await;
    let _lins = server.socket(&lin).await;
    server.later(COACH_GRACE_MS).await;
    let status = server.by(&ada, GetStatus {}).await.unwrap().request.unwrap();
    assert_eq!((status.state, status.grace_until), (State::Active, None));
    server.by(&lin, words(asked.conversation_id, "Back.")).await.unwrap();
    let feed = server.feed(&ada).await;
    assert_eq!(count(&feed, |event| matches!(event, Event::SupportRequeued(_))), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_gives_coaches_a_grace_from_its_start() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, lin) = (server.member("ada").await, server.coach("lin").await);
    let asked = request(&server, &ada, None).await.request;
    claim(&server, &lin, asked.id).await.unwrap();
    server.app.drain().await;

    let restarted_at = START + 5 * COACH_GRACE_MS;
    let server = TestServer::open_at(folder.path(), Clock::manual(restarted_at)).await;
    let status = server.by(&ada, GetStatus {}).await.unwrap().request.unwrap();
    assert_eq!(status.state, State::Active);
    assert_eq!(status.grace_until, Some(restarted_at + COACH_GRACE_MS));
    server.later(COACH_GRACE_MS - 1).await;
    let status = server.by(&ada, GetStatus {}).await.unwrap().request.unwrap();
    assert_eq!(status.state, State::Active);
    server.later(1).await;
    let status = server.by(&ada, GetStatus {}).await.unwrap();
    assert_eq!((status.request.unwrap().state, status.position), (State::Queued, Some(1)));
}

/// Rows of a table, seen from outside.
fn rows(folder: &std::path::Path, table: &str) -> i64 {
    let file = folder.join(sanctuary::engine::sqlite::FILE_NAME);
    let connection = rusqlite::Connection::open(file).unwrap();
    let sql = format!("SELECT count(*) FROM {table}");
    connection.query_row(&sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_was_committed_reaches_the_desk_once_after_a_crash() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let ada = server.member("ada").await;
    let wanted = ask(server.general().await, Some("Hello?"));
    // Each commit takes a while: after the member's, and before the desk's, the disk breaks.
    server.faults.slow(Duration::from_millis(300));
    let asking = server.by(&ada, wanted.clone());
    let breaking = async {
        let committed =
            eventually(async || (rows(folder.path(), "support_members") > 0).then_some(()));
        committed.await;
        server.faults.refuse_commits(u32::MAX);
    };
    let (answer, ()) = tokio::join!(asking, breaking);
    assert_eq!(answer.unwrap_err().code, ErrorCode::Unavailable);
    server.app.drain().await;

    let server = TestServer::open_at(folder.path(), Clock::manual(START)).await;
    let lin = server.coach("lin").await;
    let get = GetBoard { desk_id: wanted.desk_id };
    assert_eq!(server.by(&lin, get).await.unwrap().waiting_total, 0, "the crash was before");
    server.later(RELAYED_MS).await;
    server.later(RELAYED_MS).await;
    let board = server.by(&lin, get).await.unwrap();
    assert_eq!((board.waiting_total, board.waiting[0].member.id), (1, ada.id));
    // Asking again is the same request, and nothing is told twice.
    let again = server.by(&ada, wanted).await.unwrap();
    assert_eq!((again.request.id, again.position), (board.waiting[0].id, Some(1)));
    server.later(RELAYED_MS).await;
    let feed = server.feed(&ada).await;
    assert_eq!(count(&feed, |event| matches!(event, Event::SupportQueued(_))), 1);
}

/// One node falls asleep between having decided and the commit; the other one carries the
/// request to the desk, and it is answered and over before the first one wakes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_wakes_does_not_bring_back_a_request_that_is_over() {
    let folder = tempdir().unwrap();
    let clock = Clock::manual(START);
    let sleepy = TestServer::open_at(folder.path(), clock.clone()).await;
    let awake = TestServer::open_at(folder.path(), clock).await;
    let (mia, lin) = (awake.member("mia").await, awake.coach("lin").await);
    let desk_id = awake.general().await;
    awake.by(&lin, set(1)).await.unwrap();

    // Each of its commits takes so long: first that of the asking, then that of the desk.
    sleepy.faults.slow(Duration::from_secs(3));
    let asked = {
        let (dispatch, caller) = (sleepy.app.dispatch().clone(), mia.caller.clone());
        let ask = Command::from(ask(desk_id, None));
        tokio::spawn(async move { dispatch.command(&caller, ask).await })
    };
    let request = eventually(async || {
        awake.later(RELAYED_MS).await;
        let board = awake.by(&lin, GetBoard { desk_id }).await.unwrap();
        board.waiting.first().map(|request| request.id)
    })
    .await;
    claim(&awake, &lin, request).await.unwrap();
    let close = Close { request_id: request, summary: None };
    awake.by(&lin, close).await.unwrap();
    awake.later(RELAYED_MS).await;
    if asked.is_finished() {
        eprintln!("SKIPPED: this machine is too slow to do all that while one node sleeps");
    }
    sleepy.faults.slow(Duration::ZERO);
    let _ = asked.await.unwrap();
    for node in [&sleepy, &awake] {
        node.later(RELAYED_MS).await;
        let board = node.by(&lin, GetBoard { desk_id }).await.unwrap();
        assert_eq!((board.waiting_total, board.active_total), (0, 0));
    }
    let feed = awake.feed(&mia).await;
    let queued = count(&feed, |event| matches!(event, Event::SupportQueued(_)));
    assert_eq!(queued, 1);
    // And she may ask again.
    assert_eq!(request_state(&awake, &mia).await, State::Queued);
}

async fn request_state(server: &TestServer, who: &Person) -> State {
    request(server, who, None).await.request.state
}

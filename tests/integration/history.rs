//! The history of support requests: filtered, in pages, with conversations that stay readable; and
//! what the next coach of a member gets to read.

use crate::engines::START;
use crate::server::{Person, Site, TestServer, client_id, eventually};
use protocol::conversations::Send;
use protocol::limits::SEARCH_CHARS_MAX;
use protocol::support::{Ask, Cancel, Claim, Close, GetHistory, Reopen, Request, State};
use protocol::{DeskId, ErrorCode, Event, Topic};
use sanctuary::auth::Role;
use sanctuary::clock::Clock;
use sanctuary::features::accounts::Personal as _;

const HOUR_MS: i64 = 3_600_000;

async fn ask(
    server: &TestServer,
    who: &Person,
    desk: DeskId,
    subject: &str,
    about: &str,
) -> Request {
    let ask = Ask {
        desk_id: desk,
        client_id: Some(client_id()),
        subject: subject.to_owned(),
        text: Some("Hello?".to_owned()),
        expertise: (!about.is_empty()).then(|| about.to_owned()),
        preferred_coach_id: None,
        fee: None,
    };
    server.by(who, ask).await.unwrap().request
}

/// A request from its beginning to its end, and an hour that passes.
async fn ended(
    server: &TestServer,
    people: (&Person, &Person),
    subject: &str,
    about: &str,
    summary: &str,
) -> Request {
    let request_id = ask(server, people.0, server.general().await, subject, about).await.id;
    server.by(people.1, Claim { request_id }).await.unwrap();
    let close = Close { request_id, summary: Some(summary.to_owned()) };
    let request = server.by(people.1, close).await.unwrap().request;
    server.clock.advance(HOUR_MS);
    request
}

async fn subjects(server: &TestServer, who: &Person, get: GetHistory) -> Vec<String> {
    let found = server.by(who, get).await.unwrap().items;
    found.into_iter().map(|request| request.subject).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_filtered_by_what_people_remember() {
    for site in Site::all().await {
        let server = site.open(&Clock::manual(START)).await;
        let (ada, lin) = (server.member("ada").await, server.coach("lin").await);
        ended(&server, (&ada, &lin), "Night", "sleep", "A WALK in the evening.").await;
        ended(&server, (&ada, &lin), "Exam", "school", "Breathing.").await;
        let taken_back = ask(&server, &ada, server.general().await, "Älter werden", "").await;
        server.by(&ada, Cancel { request_id: taken_back.id }).await.unwrap();
        server.clock.advance(HOUR_MS);
        let any = GetHistory::default;
        let text = |text: &str| GetHistory { text: Some(text.to_owned()), ..any() };
        let wanted = [
            (any(), vec!["Älter werden", "Exam", "Night"]),
            (GetHistory { state: Some(State::Closed), ..any() }, vec!["Exam", "Night"]),
            (GetHistory { state: Some(State::Cancelled), ..any() }, vec!["Älter werden"]),
            (GetHistory { state: Some(State::Abandoned), ..any() }, vec![]),
            (GetHistory { expertise: Some("Sleep".to_owned()), ..any() }, vec!["Night"]),
            (text("walk"), vec!["Night"]),
            (text("äLTER"), vec!["Älter werden"]),
            (text("%"), vec![]),
            (GetHistory { from_at: Some(START + HOUR_MS), ..any() }, vec!["Älter werden", "Exam"]),
            (GetHistory { to_at: Some(START + HOUR_MS), ..any() }, vec!["Night"]),
            (
                GetHistory {
                    from_at: Some(START + HOUR_MS),
                    to_at: Some(START + HOUR_MS + 1),
                    ..any()
                },
                vec!["Exam"],
            ),
            (
                GetHistory { desk_id: Some(taken_back.desk_id), ..text("e") },
                vec!["Älter werden", "Exam", "Night"],
            ),
            (GetHistory { desk_id: Some(DeskId(uuid::Uuid::nil())), ..any() }, vec![]),
        ];
        for (get, subjects) in wanted {
            assert_eq!(self::subjects(&server, &ada, get.clone()).await, subjects, "{get:?}");
        }
        // The coach's own: what was answered.
        assert_eq!(subjects(&server, &lin, any()).await, ["Exam", "Night"]);
        for text in [String::new(), "x".repeat(SEARCH_CHARS_MAX + 1)] {
            let get = GetHistory { text: Some(text), ..any() };
            assert_eq!(server.by(&ada, get).await.unwrap_err().code, ErrorCode::Invalid);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_leave_nothing_out_with_and_without_a_filter() {
    for site in Site::all().await {
        let server = site.open(&Clock::manual(START)).await;
        let (ada, lin) = (server.member("ada").await, server.coach("lin").await);
        for n in 0..7 {
            let about = if n % 2 == 0 { "even" } else { "odd" };
            ended(&server, (&ada, &lin), &n.to_string(), about, "").await;
        }
        for (expertise, all) in [
            (None, vec!["6", "5", "4", "3", "2", "1", "0"]),
            (Some("even"), vec!["6", "4", "2", "0"]),
        ] {
            for limit in 1..=7 {
                let expertise = expertise.map(str::to_owned);
                let mut get = GetHistory { limit: Some(limit), expertise, ..GetHistory::default() };
                let mut found = Vec::new();
                loop {
                    let page = server.by(&ada, get.clone()).await.unwrap();
                    assert!(page.items.len() <= limit as usize);
                    found.extend(page.items.into_iter().map(|request| request.subject));
                    get.after = page.next;
                    if get.after.is_none() {
                        break;
                    }
                }
                assert_eq!(found, all, "{limit} a page");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_conversation_of_an_ended_request_is_read_by_both_and_written_by_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, lin, kim) =
        (server.member("ada").await, server.coach("lin").await, server.coach("kim").await);
    let request = ended(&server, (&ada, &lin), "Night", "", "").await;
    let topic = Topic::Conversation(request.conversation_id);
    for who in [&ada, &lin] {
        let events = server.read(who, topic).await.unwrap();
        let said = |event: &Event| matches!(event, Event::MessageCreated(it) if it.text.as_deref() == Some("Hello?"));
        assert_eq!(events.iter().filter(|event| said(event)).count(), 1);
        let words = Send {
            conversation_id: request.conversation_id,
            client_id: client_id(),
            text: Some("And?".to_owned()),
            attachments: Vec::new(),
            reply_to: None,
        };
        assert_eq!(server.by(who, words).await.unwrap_err().code, ErrorCode::Closed);
    }
    assert_eq!(server.read(&kim, topic).await.unwrap_err().code, ErrorCode::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_coach_reads_how_it_ended_before_while_answering() {
    for site in Site::all().await {
        let server = site.open(&Clock::manual(START)).await;
        let (ada, bob) = (server.member("ada").await, server.member("bob").await);
        let (lin, kim) = (server.coach("lin").await, server.coach("kim").await);
        ended(&server, (&ada, &lin), "Night", "", "A walk.").await;
        ended(&server, (&bob, &lin), "Exam", "", "Breathing.").await;
        let get = GetHistory { member_id: Some(ada.id), ..GetHistory::default() };
        for who in [&lin, &kim] {
            let refused = server.by(who, get.clone()).await.unwrap_err();
            assert_eq!(refused.code, ErrorCode::NotFound, "nobody answers just now");
        }
        let open = ask(&server, &ada, server.general().await, "Again", "").await;
        assert_eq!(server.by(&kim, get.clone()).await.unwrap_err().code, ErrorCode::NotFound);
        server.by(&kim, Claim { request_id: open.id }).await.unwrap();
        let found = server.by(&kim, get.clone()).await.unwrap().items;
        assert_eq!(found.len(), 1);
        let coach = found[0].coach.as_ref().map(|coach| coach.id);
        assert_eq!((coach, found[0].summary.as_deref()), (Some(lin.id), Some("A walk.")));
        assert_eq!(server.by(&lin, get.clone()).await.unwrap_err().code, ErrorCode::NotFound);
        assert_eq!(server.by(&bob, get.clone()).await.unwrap_err().code, ErrorCode::Forbidden);
        server.by(&kim, Close { request_id: open.id, summary: None }).await.unwrap();
        server.clock.advance(10_000);
        assert_eq!(server.by(&kim, get).await.unwrap_err().code, ErrorCode::NotFound);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_who_answered_keeps_one_row_and_none_names_who_is_gone() {
    for site in Site::all().await {
        let server = site.open(&Clock::manual(START)).await;
        let (ada, lin) = (server.member("ada").await, server.coach("lin").await);
        let (kim, noor) = (server.coach("kim").await, server.coach("noor").await);
        let request_id = ask(&server, &ada, server.general().await, "Night", "").await.id;
        // Lin drops out of it, Kim ends it, and Noor answers the next time.
        server.by(&lin, Claim { request_id }).await.unwrap();
        server.accounts.set_role(lin.id, Role::Coach, false).await.unwrap();
        let names = async |who: &Person| {
            let items = server.by(who, GetHistory::default()).await.unwrap().items;
            let coach = |request: Request| request.coach.unwrap().name;
            items
                .into_iter()
                .map(|request| (request.member.name.clone(), coach(request)))
                .collect::<Vec<_>>()
        };
        let ends = async |coach: &Person| {
            server.by(coach, Claim { request_id }).await.unwrap();
            server.by(coach, Close { request_id, summary: None }).await.unwrap();
            server.clock.advance(HOUR_MS);
            let row = vec![(ada.caller.name.to_string(), coach.caller.name.to_string())];
            for who in [&ada, &lin, &kim] {
                eventually(async || (names(who).await == row).then_some(())).await;
            }
        };
        ends(&kim).await;
        server.by(&ada, Reopen { request_id }).await.unwrap();
        assert_eq!((names(&ada).await.len(), names(&kim).await.len()), (0, 1));
        ends(&noor).await;
        assert_eq!(names(&noor).await.len(), 1);
        server.support.erase(ada.id).await.unwrap();
        for who in [&lin, &kim, &noor] {
            let row = vec![("deleted member".to_owned(), noor.caller.name.to_string())];
            assert_eq!(names(who).await, row);
        }
    }
}

//! Private notes through the public door: who reads them, that they are sealed where they lie, and
//! gone when their key is.

use crate::engines::START;
use crate::server::{Person, Site, TestServer, client_id};
use crate::vault::found_in;
use protocol::limits::{NOTE_CHARS_MAX, NOTES_PER_MEMBER_MAX};
use protocol::support::{Ask, Claim, Close, GetNotes, Note, Notes, Request, WriteNote};
use protocol::{ErrorCode, RequestId, UserId};
use sanctuary::clock::Clock;
use std::fmt::Write as _;
use uuid::Uuid;

const WORDS: &str = "her father came back in spring";

async fn asks(server: &TestServer, member: &Person) -> Request {
    let ask = Ask { subject: "sleeping badly".to_owned(), ..server.question().await };
    server.by(member, ask).await.unwrap().request
}

async fn answered(server: &TestServer, member: &Person, coach: &Person) -> Request {
    let request_id = asks(server, member).await.id;
    server.by(coach, Claim { request_id }).await.unwrap().request
}

fn note(request_id: RequestId, text: &str) -> WriteNote {
    WriteNote { request_id, client_id: Some(client_id()), text: text.to_owned() }
}

fn on(request: RequestId) -> GetNotes {
    GetNotes { request_id: Some(request), ..GetNotes::default() }
}

fn about(member: UserId) -> GetNotes {
    GetNotes { member_id: Some(member), ..GetNotes::default() }
}

async fn notes(server: &TestServer, coach: &Person, get: GetNotes) -> Vec<Note> {
    server.by(coach, get).await.unwrap().items
}

fn texts(notes: &[Note]) -> Vec<&str> {
    notes.iter().map(|note| note.text.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_note_is_read_by_who_wrote_it_and_nobody_else() {
    for site in Site::all().await {
        let server = site.open(&Clock::manual(START)).await;
        let (ada, lin, kim) =
            (server.member("ada").await, server.coach("lin").await, server.coach("kim").await);
        let request = answered(&server, &ada, &lin).await;
        let first = server.by(&lin, note(request.id, WORDS)).await.unwrap().note;
        assert_eq!((first.request_id, first.member_id, &*first.text), (request.id, ada.id, WORDS));
        server.clock.advance(1);
        server.by(&lin, note(request.id, "likes rain")).await.unwrap();
        for get in [on(request.id), about(ada.id)] {
            assert_eq!(texts(&notes(&server, &lin, get.clone()).await), ["likes rain", WORDS]);
            assert!(notes(&server, &kim, get.clone()).await.is_empty());
            assert_eq!(server.by(&ada, get).await.unwrap_err().code, ErrorCode::Forbidden);
        }
        let strange = server.by(&kim, note(request.id, "curious")).await.unwrap_err();
        assert_eq!(strange.code, ErrorCode::NotFound);
        let own = server.by(&ada, note(request.id, "about me")).await.unwrap_err();
        assert_eq!(own.code, ErrorCode::Forbidden);

        // The next coach reads the conversation and the summary, not the notes; and may write.
        let close = Close { request_id: request.id, summary: Some("Breathing.".to_owned()) };
        server.by(&lin, close).await.unwrap();
        let next = answered(&server, &ada, &kim).await;
        assert!(notes(&server, &kim, about(ada.id)).await.is_empty());
        server.by(&kim, note(next.id, "from kim")).await.unwrap();
        assert_eq!(texts(&notes(&server, &kim, about(ada.id)).await), ["from kim"]);
        assert_eq!(notes(&server, &lin, about(ada.id)).await.len(), 2);
        assert!(notes(&server, &lin, on(next.id)).await.is_empty());
        // Also after the end.
        server.by(&lin, note(request.id, "later")).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coach_who_asks_for_help_writes_no_notes_on_the_own_request() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (lin, kim) = (server.coach("lin").await, server.coach("kim").await);
    let request = answered(&server, &lin, &kim).await;
    let refused = server.by(&lin, note(request.id, "me")).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notes_have_limits_and_pages_and_come_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, lin) = (server.member("ada").await, server.coach("lin").await);
    let request = answered(&server, &ada, &lin).await.id;
    for text in ["", "  ", &"x".repeat(NOTE_CHARS_MAX + 1)] {
        let refused = server.by(&lin, note(request, text)).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::Invalid);
    }
    let longest = note(request, &"ä".repeat(NOTE_CHARS_MAX));
    let first = server.by(&lin, longest.clone()).await.unwrap();
    server.clock.advance(1_000);
    assert_eq!(server.by(&lin, longest).await.unwrap(), first, "the same again, as it was");
    for n in 1..NOTES_PER_MEMBER_MAX {
        server.clock.advance(i64::from(n % 2 == 0));
        server.by(&lin, note(request, &n.to_string())).await.unwrap();
    }
    let refused = server.by(&lin, note(request, "one more")).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Full);

    let mut seen = Vec::new();
    let mut get = GetNotes { limit: Some(100), ..on(request) };
    loop {
        let Notes { items, next } = server.by(&lin, get.clone()).await.unwrap();
        seen.extend(items.into_iter().map(|note| (note.written_at, note.id)));
        if next.is_none() {
            break;
        }
        get.after = next;
    }
    assert_eq!(seen.len(), NOTES_PER_MEMBER_MAX);
    assert!(seen.is_sorted_by(|a, b| a > b), "newest first, none twice");

    for wrong in [
        GetNotes::default(),
        GetNotes { member_id: Some(ada.id), ..on(request) },
        GetNotes { after: Some("x".to_owned()), ..on(request) },
        GetNotes { limit: Some(101), ..on(request) },
    ] {
        assert_eq!(server.by(&lin, wrong).await.unwrap_err().code, ErrorCode::Invalid);
    }
    let unknown = on(RequestId(Uuid::now_v7()));
    assert_eq!(server.by(&lin, unknown).await.unwrap_err().code, ErrorCode::NotFound);
}

/// Whether the words lie anywhere in the store as they were written: in the file with its
/// write-ahead log, or in the rows of any table.
async fn lies_open(site: &Site, words: &str) -> bool {
    let Some(cassandra) = site.cassandra() else {
        return found_in(site.folder(), words.as_bytes());
    };
    let hex = words.bytes().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    for table in crate::cassandra::Cassandra::tables() {
        let rows = cassandra.dump(table).await;
        if rows.iter().any(|row| row.contains(words) || row.contains(&hex)) {
            return true;
        }
    }
    found_in(site.folder(), words.as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_word_of_a_note_lies_open_in_the_store() {
    for site in Site::all().await {
        let server = site.open(&Clock::manual(START)).await;
        let (ada, lin) = (server.member("ada").await, server.coach("lin").await);
        let request = answered(&server, &ada, &lin).await;
        for n in 0..5 {
            server.by(&lin, note(request.id, &format!("{WORDS} {n}"))).await.unwrap();
        }
        assert_eq!(notes(&server, &lin, about(ada.id)).await.len(), 5);
        assert!(lies_open(&site, "sleeping badly").await, "the search finds what lies open");
        assert!(!lies_open(&site, WORDS).await);
        assert!(!lies_open(&site, "father").await);
        server.app.drain().await;
        assert!(!lies_open(&site, "father").await, "nor when the server has stopped");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn destroying_a_coachs_key_destroys_the_notes_on_every_node() {
    for site in Site::all().await {
        let clock = Clock::manual(START);
        let (one, two) = (site.open(&clock).await, site.open(&clock).await);
        let (ada, lin, kim) =
            (one.member("ada").await, one.coach("lin").await, one.coach("kim").await);
        let request = answered(&one, &ada, &lin).await;
        one.by(&lin, note(request.id, WORDS)).await.unwrap();
        one.by(&lin, Close { request_id: request.id, summary: None }).await.unwrap();
        clock.advance(10_000);
        let next = answered(&one, &ada, &kim).await;
        one.by(&kim, note(next.id, "stays")).await.unwrap();
        for node in [&one, &two] {
            assert_eq!(texts(&notes(node, &lin, about(ada.id)).await), [WORDS]);
        }
        two.vault.destroy(lin.id).await.unwrap();
        for node in [&one, &two] {
            assert!(notes(node, &lin, about(ada.id)).await.is_empty());
            let refused = node.by(&lin, note(request.id, "again")).await.unwrap_err();
            assert_eq!(refused.code, ErrorCode::Conflict);
            assert_eq!(texts(&notes(node, &kim, about(ada.id)).await), ["stays"]);
        }
    }
}

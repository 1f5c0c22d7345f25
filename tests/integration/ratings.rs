//! Ratings of support requests: once, by the member, after the end; counted exactly; and shown to
//! the coach.

use crate::engines::START;
use crate::server::{Person, Site, TestServer, eventually};
use futures_util::future::join_all;
use protocol::limits::{RATING_CHARS_MAX, RATING_EDIT_MS};
use protocol::support::{Cancel, Claim, Close, GetHistory, Rate, Rated, Rating, Reopen, Request};
use protocol::{ErrorCode, Event, RequestId};
use sanctuary::clock::Clock;
use std::time::Duration;
use tempfile::tempdir;

async fn asks(server: &TestServer, member: &Person) -> Request {
    let ask = server.question().await;
    server.by(member, ask).await.unwrap().request
}

/// A request from its beginning to its end.
async fn ended(server: &TestServer, member: &Person, coach: &Person) -> RequestId {
    let request_id = asks(server, member).await.id;
    server.by(coach, Claim { request_id }).await.unwrap();
    let summary = Some("A walk.".to_owned());
    server.by(coach, Close { request_id, summary }).await.unwrap();
    request_id
}

fn stars(request_id: RequestId, stars: u8) -> Rate {
    Rate { request_id, stars, text: None }
}

/// Count, and the sum of stars.
async fn rating(server: &TestServer, coach: &Person) -> (u64, u64) {
    let all = server.accounts.coach_ratings(&[coach.id]).await.unwrap();
    (all[0].count, all[0].stars)
}

async fn heard(server: &TestServer, coach: &Person) -> Vec<Rated> {
    let feed = server.feed(coach).await;
    let rated = |event| match event {
        Event::SupportRated(rated) => Some(rated),
        _ => None,
    };
    feed.into_iter().filter_map(rated).collect()
}

async fn refused(server: &TestServer, who: &Person, rate: Rate) -> ErrorCode {
    server.by(who, rate).await.unwrap_err().code
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_rates_once_may_change_it_for_a_week_and_the_coach_hears_it() {
    for site in Site::all().await {
        let server = site.open(&Clock::manual(START)).await;
        let (ada, lin) = (server.member("ada").await, server.coach("lin").await);
        let request = ended(&server, &ada, &lin).await;
        assert_eq!(rating(&server, &lin).await, (0, 0));
        let kind = Rate { request_id: request, stars: 4, text: Some("That helped.".to_owned()) };
        let first = server.by(&ada, kind.clone()).await.unwrap().rating;
        let text = Some("That helped.".to_owned());
        assert_eq!(first, Rating { stars: 4, text, rated_at: START, edited_at: None });
        server.clock.advance(1_000);
        assert_eq!(server.by(&ada, kind.clone()).await.unwrap().rating, first, "the same again");
        assert_eq!(rating(&server, &lin).await, (1, 4));
        server.clock.advance(RATING_EDIT_MS - 1_001);
        let edited = server.by(&ada, stars(request, 2)).await.unwrap().rating;
        assert_eq!((edited.stars, edited.text, edited.rated_at), (2, None, START));
        assert_eq!(edited.edited_at, Some(server.clock.now()));
        assert_eq!(rating(&server, &lin).await, (1, 2));
        server.clock.advance(1);
        assert_eq!(refused(&server, &ada, stars(request, 5)).await, ErrorCode::Conflict);
        server.by(&ada, stars(request, 2)).await.unwrap();
        assert_eq!(rating(&server, &lin).await, (1, 2));
        let told: Vec<u8> = heard(&server, &lin).await.iter().map(|it| it.rating.stars).collect();
        assert_eq!(told, [4, 2]);
        for who in [&ada, &lin] {
            let page = server.by(who, GetHistory::default()).await.unwrap();
            assert_eq!(page.items[0].rating.as_ref().map(|rating| rating.stars), Some(2));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_member_rates_and_only_what_was_answered_and_is_over() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, bob, lin) =
        (server.member("ada").await, server.member("bob").await, server.coach("lin").await);
    let request = asks(&server, &ada).await.id;
    assert_eq!(refused(&server, &ada, stars(request, 5)).await, ErrorCode::Conflict);
    server.by(&lin, Claim { request_id: request }).await.unwrap();
    assert_eq!(refused(&server, &ada, stars(request, 5)).await, ErrorCode::Conflict);
    server.by(&ada, Close { request_id: request, summary: None }).await.unwrap();
    for who in [&bob, &lin] {
        assert_eq!(refused(&server, who, stars(request, 5)).await, ErrorCode::NotFound);
    }
    for wrong in [0, 6, 255] {
        assert_eq!(refused(&server, &ada, stars(request, wrong)).await, ErrorCode::Invalid);
    }
    let wordy = |chars| Rate { text: Some("x".repeat(chars)), ..stars(request, 5) };
    assert_eq!(refused(&server, &ada, wordy(RATING_CHARS_MAX + 1)).await, ErrorCode::Invalid);
    server.by(&ada, wordy(RATING_CHARS_MAX)).await.unwrap();

    let taken_back = asks(&server, &bob).await.id;
    server.by(&bob, Cancel { request_id: taken_back }).await.unwrap();
    assert_eq!(refused(&server, &bob, stars(taken_back, 1)).await, ErrorCode::Conflict);
    assert_eq!(rating(&server, &lin).await, (1, 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rating_of_a_request_that_was_opened_again_goes_to_who_answered_last() {
    for site in Site::all().await {
        let server = site.open(&Clock::manual(START)).await;
        let (ada, lin, kim) =
            (server.member("ada").await, server.coach("lin").await, server.coach("kim").await);
        let request = ended(&server, &ada, &lin).await;
        server.by(&ada, stars(request, 2)).await.unwrap();
        // Longer than a rating may be changed for would be too long to open it again.
        server.clock.advance(60 * 60 * 1_000);
        server.by(&ada, Reopen { request_id: request }).await.unwrap();
        assert_eq!(refused(&server, &ada, stars(request, 5)).await, ErrorCode::Conflict);
        assert_eq!(rating(&server, &lin).await, (1, 2));
        let claimed = server.by(&kim, Claim { request_id: request }).await.unwrap().request;
        assert_eq!(
            claimed.summary.as_deref(),
            Some("A walk."),
            "the next coach reads how it ended"
        );
        server.by(&kim, Close { request_id: request, summary: None }).await.unwrap();
        assert_eq!(rating(&server, &lin).await, (1, 2));
        let moved = server.by(&ada, stars(request, 5)).await.unwrap().rating;
        assert_eq!((moved.rated_at, moved.edited_at), (server.clock.now(), None));
        assert_eq!((rating(&server, &lin).await, rating(&server, &kim).await), ((0, 0), (1, 5)));
        let page = server.by(&ada, GetHistory::default()).await.unwrap().items;
        assert_eq!(page.len(), 1, "one request, as it ended last");
        assert_eq!(page[0].summary.as_deref(), Some("A walk."));
    }
}

/// Each member rates on both nodes at the same time, again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ratings_count_exactly_whoever_races() {
    for site in Site::all().await {
        let clock = Clock::manual(START);
        let (one, two) = (site.open(&clock).await, site.open(&clock).await);
        let lin = one.coach("lin").await;
        let members = one.people("m", 6, None).await;
        let mut requests = Vec::new();
        for member in &members {
            requests.push(ended(&one, member, &lin).await);
        }
        clock.advance(10_000);
        for round in 0..3_u8 {
            let each = members.iter().zip(&requests).enumerate().map(async |(n, (who, id))| {
                let given = 1 + (u8::try_from(n).unwrap() + round) % 5;
                let (left, right) =
                    tokio::join!(one.by(who, stars(*id, given)), two.by(who, stars(*id, given)));
                left.or(right).unwrap();
                u64::from(given)
            });
            let sum = join_all(each).await.into_iter().sum::<u64>();
            let settled = async || {
                let known = rating(&two, &lin).await;
                (known == (6, sum)).then_some(())
            };
            eventually(settled).await;
        }
        assert_eq!(heard(&one, &lin).await.len(), 18, "each change is told once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rating_that_was_committed_counts_after_a_crash() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, lin) = (server.member("ada").await, server.coach("lin").await);
    let request = ended(&server, &ada, &lin).await;
    // The rating is committed; then the disk breaks, before it is counted.
    server.faults.slow(Duration::from_millis(300));
    let rating_it = server.by(&ada, stars(request, 5));
    let breaking = async {
        let file = folder.path().join(sanctuary::engine::sqlite::FILE_NAME);
        let kept = async || {
            let connection = rusqlite::Connection::open(&file).unwrap();
            let sql = "SELECT count(*) FROM support_ratings";
            let rows: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
            (rows > 0).then_some(())
        };
        eventually(kept).await;
        server.faults.refuse_commits(u32::MAX);
    };
    let _ = tokio::join!(rating_it, breaking);
    server.app.drain().await;

    let server = TestServer::open_at(folder.path(), Clock::manual(START)).await;
    server.later(60_000).await;
    server.later(60_000).await;
    assert_eq!(rating(&server, &lin).await, (1, 5));
    server.later(600_000).await;
    server.by(&ada, stars(request, 5)).await.unwrap();
    assert_eq!(rating(&server, &lin).await, (1, 5));
    assert_eq!(heard(&server, &lin).await.len(), 1);
}

//! Bookings through the public door, on both engines: their whole life over HTTP, nobody in two
//! sessions at once under any race, seats that are counted, and faults between any two steps.

use crate::engines::START;
use crate::place::{Place, on_both_engines};
use crate::server::{Person, TestServer, client_id, eventually};
use futures_util::future::join_all;
use protocol::bookings::{
    Availability, Booking, BookingResult, Bookings, CalendarFeed, Notes, Review, ReviewResult,
    Reviews, Service, ServiceResult, Services, Slots, State,
};
use protocol::coaches::{Apply, Coach, Coaches};
use protocol::conversations::{Get as GetConversation, Kind, Send};
use protocol::people::{Block, Unblock};
use protocol::{BookingId, ErrorCode, Event};
use reqwest::{Method, StatusCode};
use sanctuary::auth::Role;
use sanctuary::features::accounts::CoachCause;
use sanctuary::problem::Document;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(crate) const MIN: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MIN;
pub(crate) const DAY: i64 = 24 * HOUR;
/// Time for what was left undone: relay timers are due by then.
pub(crate) const RELAYED_MS: i64 = 60_000;
/// The Monday after the clock of the tests begins, 09:00 in Berlin: 2027-01-18.
pub(crate) const MONDAY: i64 = 1_800_259_200_000;

on_both_engines! {
    a_session_lives_from_a_hold_to_a_review,
    of_many_who_want_overlapping_times_on_two_nodes_none_overlap,
    seats_of_a_group_session_are_never_more_than_there_are,
    moving_and_holding_at_once_leaves_one_of_them,
    faults_between_any_two_steps_leave_no_time_taken_and_none_twice,
}

/// An answer over HTTP.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn good<T: DeserializeOwned>(&self) -> T {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    #[track_caller]
    pub(crate) fn code(&self) -> ErrorCode {
        assert_ne!(self.status, StatusCode::OK, "{}", self.text);
        serde_json::from_str::<Document>(&self.text).unwrap().code
    }
}

pub(crate) async fn ask(
    server: &TestServer,
    who: Option<&Person>,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Answer {
    let url = format!("http://{}{path}", server.address);
    let mut request = reqwest::Client::new().request(method, url);
    if let Some(who) = who {
        let issued = server.accounts.token_for(who.id, HOUR).await.unwrap();
        request = request.bearer_auth(issued.token);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    let response = request.send().await.unwrap();
    Answer { status: response.status(), text: response.text().await.unwrap() }
}

pub(crate) async fn get(server: &TestServer, who: &Person, path: &str) -> Answer {
    ask(server, Some(who), Method::GET, path, None).await
}

pub(crate) async fn post(server: &TestServer, who: &Person, path: &str, body: Value) -> Answer {
    ask(server, Some(who), Method::POST, path, Some(body)).await
}

pub(crate) async fn put(server: &TestServer, who: &Person, path: &str, body: Value) -> Answer {
    ask(server, Some(who), Method::PUT, path, Some(body)).await
}

/// An approved coach.
pub(crate) async fn coach(server: &TestServer, name: &str) -> Person {
    let coach = server.coach(name).await;
    let admin = server.people("admin", 1, Some(Role::Admin)).await.remove(0);
    let apply = Apply {
        qualifications: "listens".to_owned(),
        expertise: vec!["sleep".to_owned()],
        bio: None,
    };
    server.accounts.apply(&coach.caller, apply).await.unwrap();
    let approve = CoachCause::Approve;
    server.accounts.decide_coach(&admin.caller, coach.id, approve, None).await.unwrap();
    coach
}

/// Open each day from nine to five in Berlin.
fn nine_to_five() -> Value {
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let day = |day| json!({ "day": day, "from": "09:00", "until": "17:00" });
    json!({ "zone": "Europe/Berlin", "weekly": days.map(day) })
}

fn an_hour() -> Value {
    json!({ "title": "A talk", "type": "text", "duration_min": 60 })
}

/// A coach who can be booked for one service.
pub(crate) async fn offering(server: &TestServer, name: &str, service: Value) -> (Person, Service) {
    let coach = coach(server, name).await;
    let path = format!("/v1/coaches/{}", coach.id);
    put(server, &coach, &format!("{path}/availability"), nine_to_five())
        .await
        .good::<Availability>();
    let made = post(server, &coach, &format!("{path}/services"), service).await;
    let ServiceResult { service } = made.good();
    (coach, service)
}

pub(crate) fn wish(service: &Service, starts_at: i64) -> Value {
    json!({
        "client_id": client_id(),
        "coach_id": service.coach_id,
        "service_id": service.id,
        "starts_at": starts_at,
    })
}

pub(crate) async fn hold(
    server: &TestServer,
    client: &Person,
    service: &Service,
    starts_at: i64,
) -> Answer {
    post(server, client, "/v1/bookings", wish(service, starts_at)).await
}

pub(crate) async fn act(server: &TestServer, who: &Person, id: BookingId, word: &str) -> Answer {
    post(server, who, &format!("/v1/bookings/{id}/{word}"), json!({})).await
}

pub(crate) async fn arranged(
    server: &TestServer,
    client: &Person,
    service: &Service,
    starts_at: i64,
) -> Booking {
    let held: BookingResult = hold(server, client, service, starts_at).await.good();
    act(server, client, held.booking.id, "confirm").await.good::<BookingResult>().booking
}

pub(crate) async fn look(server: &TestServer, who: &Person, id: BookingId) -> Booking {
    get(server, who, &format!("/v1/bookings/{id}")).await.good::<BookingResult>().booking
}

pub(crate) async fn slots(
    server: &TestServer,
    who: &Person,
    service: &Service,
    rest: &str,
) -> Slots {
    let (coach, service) = (service.coach_id, service.id);
    get(server, who, &format!("/v1/coaches/{coach}/slots?service={service}{rest}")).await.good()
}

/// Beginnings on that Monday, in minutes from nine.
pub(crate) async fn monday(server: &TestServer, who: &Person, service: &Service) -> Vec<i64> {
    let found = slots(server, who, service, "&from=2027-01-18&to=2027-01-18").await;
    found.items.iter().map(|slot| (slot.starts_at - MONDAY) / MIN).collect()
}

/// What a person's feed says of bookings.
pub(crate) async fn heard(server: &TestServer, who: &Person) -> Vec<&'static str> {
    let feed = server.feed(who).await;
    feed.iter().map(Event::name).filter(|name| name.starts_with("booking.")).collect()
}

async fn a_session_lives_from_a_hold_to_a_review(place: Place) {
    let server = place.node().await;
    let (coach, service) = offering(&server, "coach", an_hour()).await;
    let (anna, ben) = (server.member("anna").await, server.member("ben").await);
    let at = |from: i64, to: i64| format!("/v1/coaches?available_from={from}&available_to={to}");
    for (path, found) in [
        (at(MONDAY, MONDAY + 1), 1),
        (at(MONDAY + 1, MONDAY + HOUR), 0),
        (at(MONDAY - 12 * HOUR, MONDAY), 0),
        ("/v1/coaches".to_owned(), 1),
    ] {
        let coaches: Coaches = get(&server, &anna, &path).await.good();
        assert_eq!(coaches.items.len(), found, "{path}");
    }
    let wrong = get(&server, &anna, &at(MONDAY, MONDAY)).await;
    assert_eq!(wrong.code(), ErrorCode::Invalid);
    let all: Services =
        get(&server, &anna, &format!("/v1/coaches/{}/services", coach.id)).await.good();
    assert_eq!(all.items, std::slice::from_ref(&service));
    let found = slots(&server, &anna, &service, "&from=2027-01-18&to=2027-01-18&zone=Asia/Tokyo");
    let found = found.await;
    let local: Vec<&str> = found.items.iter().map(|slot| slot.local.as_str()).collect();
    // The last of Sunday in Berlin, and Monday up to three.
    assert_eq!((local.len(), local[0]), (8, "2027-01-18T00:00:00+09:00"));
    assert_eq!((local[1], local[7]), ("2027-01-18T17:00:00+09:00", "2027-01-18T23:00:00+09:00"));
    assert_eq!(monday(&server, &anna, &service).await.len(), 8);

    let wish = wish(&service, MONDAY);
    let held: BookingResult = post(&server, &anna, "/v1/bookings", wish.clone()).await.good();
    let held = held.booking;
    assert_eq!((held.state, held.held_until), (State::Held, Some(START + 10 * MIN)));
    let again: BookingResult = post(&server, &anna, "/v1/bookings", wish).await.good();
    assert_eq!(again.booking, held);
    assert_eq!(monday(&server, &anna, &service).await.len(), 7);
    assert_eq!(hold(&server, &ben, &service, MONDAY).await.code(), ErrorCode::SlotTaken);
    assert_eq!(hold(&server, &ben, &service, MONDAY + MIN).await.code(), ErrorCode::SlotTaken);
    // The coach hears of it once it is more than a hold; nobody else ever does.
    let path = format!("/v1/bookings/{}", held.id);
    assert_eq!(get(&server, &coach, &path).await.code(), ErrorCode::NotFound);
    assert_eq!(get(&server, &ben, &path).await.code(), ErrorCode::NotFound);
    let confirmed: BookingResult = act(&server, &anna, held.id, "confirm").await.good();
    assert_eq!(confirmed.booking.state, State::Confirmed);
    let conversation_id = confirmed.booking.conversation_id.unwrap();
    let talk = server.by(&coach, GetConversation { conversation_id }).await.unwrap().conversation;
    assert_eq!((talk.kind, talk.subject_id), (Kind::Booking, Some(held.id.0)));
    let hello = Send {
        conversation_id,
        client_id: client_id(),
        text: Some("hello".to_owned()),
        attachments: Vec::new(),
        reply_to: None,
    };
    server.by(&anna, hello).await.unwrap();

    let other = MONDAY + DAY;
    let moved = json!({ "starts_at": other });
    let moved: BookingResult =
        post(&server, &anna, &format!("{path}/reschedule"), moved).await.good();
    assert_eq!((moved.booking.starts_at, moved.booking.sequence), (other, 1));
    // The old time is free.
    eventually(async || (monday(&server, &anna, &service).await.len() == 8).then_some(())).await;
    assert_eq!(act(&server, &coach, held.id, "complete").await.code(), ErrorCode::Conflict);
    for (n, ms) in [(1, other - DAY - START), (2, DAY - HOUR)] {
        server.later(ms).await;
        eventually(async || {
            server.later(1).await;
            let told = heard(&server, &anna).await;
            (told.iter().filter(|name| **name == "booking.reminder").count() == n).then_some(())
        })
        .await;
    }
    server.later(2 * HOUR).await;
    reviewed(&server, &anna, &coach, held.id).await;
    server.later(8 * DAY).await;
    let late = put(&server, &anna, &format!("{path}/review"), json!({ "rating": 1 })).await;
    assert_eq!(late.code(), ErrorCode::Conflict);
    eventually(async || {
        server.later(1).await;
        let talk = server.by(&anna, GetConversation { conversation_id }).await.unwrap();
        talk.conversation.closed.then_some(())
    })
    .await;
    let both = [
        "booking.confirmed",
        "booking.rescheduled",
        "booking.reminder",
        "booking.reminder",
        "booking.completed",
    ];
    let of_client = [&["booking.held"], &both[..], &["booking.review_answered"]].concat();
    assert_eq!(heard(&server, &anna).await, of_client);
    assert_eq!(
        heard(&server, &coach).await,
        [&both[..], &["booking.reviewed", "booking.reviewed"]].concat()
    );
}

/// A client says how it was, once it took place; the coach answers once; it counts.
async fn reviewed(server: &TestServer, client: &Person, coach: &Person, id: BookingId) {
    let ben = server.member("reader").await;
    let path = format!("/v1/bookings/{id}");
    let review = json!({ "rating": 4, "text": "calm" });
    let early = put(server, client, &format!("{path}/review"), review.clone()).await;
    assert_eq!(early.code(), ErrorCode::Conflict);
    act(server, coach, id, "complete").await.good::<BookingResult>();
    let said: ReviewResult = put(server, client, &format!("{path}/review"), review).await.good();
    assert_eq!(said.review.rating, 4);
    let better = json!({ "rating": 5 });
    put(server, client, &format!("{path}/review"), better).await.good::<ReviewResult>();
    let not_hers = put(server, coach, &format!("{path}/review"), json!({ "rating": 5 })).await;
    assert_eq!(not_hers.code(), ErrorCode::Forbidden);
    let of_coach = format!("/v1/coaches/{}", coach.id);
    let response = format!("{of_coach}/reviews/{id}/response");
    let thanks = json!({ "text": "Thank you." });
    assert_eq!(post(server, &ben, &response, thanks.clone()).await.code(), ErrorCode::Forbidden);
    post(server, coach, &response, thanks).await.good::<ReviewResult>();
    let more = post(server, coach, &response, json!({ "text": "And more." })).await;
    assert_eq!(more.code(), ErrorCode::Conflict);
    let reviews: Reviews = get(server, &ben, &format!("{of_coach}/reviews")).await.good();
    let [Review { rating: 5, response: Some(_), author, .. }] = &reviews.items[..] else {
        panic!("{reviews:?}")
    };
    assert_eq!(author.id, client.id);
    let shown: Coach = get(server, &ben, &of_coach).await.good();
    assert_eq!((shown.rating.average, shown.rating.count), (Some(5.0), 1));
}

/// What of a coach is in force, and whether any two overlap with their buffers.
fn assert_apart(bookings: &[Booking], before_min: i64, after_min: i64) {
    let live: Vec<&Booking> = bookings.iter().filter(|it| it.state == State::Held).collect();
    for (n, one) in live.iter().enumerate() {
        for other in &live[..n] {
            let apart = |a: &Booking, b: &Booking| {
                a.ends_at + after_min * MIN <= b.starts_at - before_min * MIN
            };
            assert!(apart(one, other) || apart(other, one), "{one:?} {other:?}");
        }
    }
}

async fn of_many_who_want_overlapping_times_on_two_nodes_none_overlap(place: Place) {
    let nodes = [place.node().await, place.node().await];
    let service = json!({
        "title": "A talk", "type": "live", "duration_min": 60, "every_min": 15,
        "buffer_before_min": 5, "buffer_after_min": 10,
    });
    let (coach, service) = offering(&nodes[0], "coach", service).await;
    let people = nodes[0].people("client", 12, None).await;
    // A border of two stretches of the calendar lies in the middle of one of these days.
    let stretch = 28 * DAY;
    let border = (START / stretch + 1) * stretch;
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let all_day = days.map(|day| json!({ "day": day, "from": "00:00", "until": "24:00" }));
    let open_all_day = json!({ "zone": "UTC", "weekly": all_day });
    let path = format!("/v1/coaches/{}/availability", coach.id);
    put(&nodes[0], &coach, &path, open_all_day).await.good::<Availability>();
    let mut all = Vec::new();
    for round in 0..2_usize {
        let wishes = people.iter().enumerate().map(async |(n, client)| {
            let at = border - 75 * MIN + i64::try_from(n % 6 + round).unwrap() * 15 * MIN;
            hold(&nodes[(n + round) % 2], client, &service, at).await
        });
        for answer in join_all(wishes).await {
            if answer.status == StatusCode::OK {
                all.push(answer.good::<BookingResult>().booking);
            } else {
                let code = answer.code();
                assert!(matches!(code, ErrorCode::SlotTaken | ErrorCode::Busy), "{code:?}");
            }
        }
    }
    assert!(!all.is_empty(), "somebody got a time");
    assert_apart(&all, 5, 10);
    // What was refused left nothing behind: let go of all, and the day is as it was.
    let free = |found: Slots| found.items.into_iter().map(|it| it.starts_at).collect::<Vec<_>>();
    for booking in &all {
        let client = people.iter().find(|it| it.id == booking.client.id).unwrap();
        act(&nodes[0], client, booking.id, "cancel").await.good::<BookingResult>();
    }
    nodes[0].later(RELAYED_MS).await;
    let page = slots(&nodes[1], &people[0], &service, "&from=2027-01-26&to=2027-02-20").await;
    assert!(page.items.len() <= 1_000);
    let next = page.next.unwrap();
    assert!(page.items.iter().all(|slot| slot.local.as_str() < next.as_str()), "{next}");
    let dates = "&from=2027-02-10&to=2027-02-11";
    let found = free(slots(&nodes[1], &people[0], &service, dates).await);
    let missing: Vec<i64> = (-6..6)
        .map(|n| border + n * 15 * MIN)
        .filter(|at| !found.contains(at))
        .map(|at| (at - border) / MIN)
        .collect();
    assert_eq!(missing, [0; 0], "of {border}");
}

async fn seats_of_a_group_session_are_never_more_than_there_are(place: Place) {
    let nodes = [place.node().await, place.node().await];
    let service = json!({ "title": "Circle", "type": "live", "duration_min": 90, "seats": 3 });
    let (coach, service) = offering(&nodes[0], "coach", service).await;
    let people = nodes[0].people("client", 9, None).await;
    let wishes =
        people.iter().enumerate().map(|(n, client)| hold(&nodes[n % 2], client, &service, MONDAY));
    let answers = join_all(wishes).await;
    let mut held: Vec<Booking> = Vec::new();
    for answer in &answers {
        if answer.status == StatusCode::OK {
            held.push(answer.good::<BookingResult>().booking);
        }
    }
    assert!((1..=3).contains(&held.len()), "{}", held.len());
    // Those who were told that somebody is faster try again, one after the other.
    for client in &people {
        if held.iter().all(|booking| booking.client.id != client.id) {
            let answer = hold(&nodes[0], client, &service, MONDAY).await;
            if answer.status == StatusCode::OK {
                held.push(answer.good::<BookingResult>().booking);
            } else {
                assert_eq!(answer.code(), ErrorCode::SlotTaken);
            }
        }
    }
    assert_eq!(held.len(), 3);
    let left = slots(&nodes[1], &people[0], &service, "&from=2027-01-18&to=2027-01-18").await;
    assert!(left.items.iter().all(|slot| slot.starts_at >= MONDAY + 90 * MIN));
    let first = held.remove(0);
    let client = people.iter().find(|it| it.id == first.client.id).unwrap();
    act(&nodes[1], client, first.id, "cancel").await.good::<BookingResult>();
    let left = slots(&nodes[0], client, &service, "&from=2027-01-18&to=2027-01-18").await;
    assert_eq!((left.items[0].starts_at, left.items[0].seats_left), (MONDAY, 1));
    let _ = coach;
}

async fn moving_and_holding_at_once_leaves_one_of_them(place: Place) {
    let nodes = [place.node().await, place.node().await];
    let (_, service) = offering(&nodes[0], "coach", an_hour()).await;
    let people = nodes[0].people("client", 4, None).await;
    for round in 0..3 {
        let (from, to) = (MONDAY + round * 2 * HOUR, MONDAY + round * 2 * HOUR + HOUR);
        let booked = arranged(&nodes[0], &people[0], &service, from).await;
        let path = format!("/v1/bookings/{}/reschedule", booked.id);
        let moving = post(&nodes[0], &people[0], &path, json!({ "starts_at": to }));
        let holding = hold(&nodes[1], &people[1], &service, to);
        let (moved, held) = tokio::join!(moving, holding);
        let now = look(&nodes[1], &people[0], booked.id).await;
        assert_eq!(now.state, State::Confirmed);
        assert_eq!(now.starts_at == to, moved.status == StatusCode::OK);
        assert!(moved.status != StatusCode::OK || held.status != StatusCode::OK, "two at {to}");
        // Whichever it was, the time that is not used is free again.
        let is_free = async || {
            let got = monday(&nodes[0], &people[2], &service).await;
            let free = got.contains(&((from - MONDAY) / MIN));
            (free == (now.starts_at == to)).then_some(())
        };
        eventually(is_free).await;
        if now.starts_at == to {
            act(&nodes[0], &people[0], booked.id, "cancel").await.good::<BookingResult>();
        }
    }
}

#[tokio::test]
async fn a_hold_that_is_not_confirmed_is_free_again_after_ten_minutes() {
    let server = Place::embedded().node().await;
    let (_, service) = offering(&server, "coach", an_hour()).await;
    let (anna, ben) = (server.member("anna").await, server.member("ben").await);
    let held: BookingResult = hold(&server, &anna, &service, MONDAY).await.good();
    server.later(10 * MIN - 1).await;
    assert_eq!(hold(&server, &ben, &service, MONDAY).await.code(), ErrorCode::SlotTaken);
    // The time is over, and no timer fired yet: who comes gets it, once.
    server.clock.advance(1);
    let got: BookingResult = hold(&server, &ben, &service, MONDAY).await.good();
    assert_eq!(got.booking.state, State::Held);
    assert_eq!(look(&server, &anna, held.booking.id).await.state, State::Expired);
    assert_eq!(act(&server, &anna, held.booking.id, "confirm").await.code(), ErrorCode::Conflict);
    let wanted = ["booking.held", "booking.expired"];
    assert_eq!(heard(&server, &anna).await, wanted);
    server.later(10 * MIN).await;
    assert_eq!(heard(&server, &ben).await, wanted);
    assert_eq!(monday(&server, &ben, &service).await.len(), 8);
}

#[tokio::test]
async fn a_coach_agrees_declines_or_lets_it_run_out() {
    let server = Place::embedded().node().await;
    let service = json!({
        "title": "A talk", "type": "live", "duration_min": 60, "needs_confirmation": true,
    });
    let (coach, service) = offering(&server, "coach", service).await;
    let anna = server.member("anna").await;
    let late = MONDAY + 3 * DAY;
    let mut ids = Vec::new();
    for n in 0..4 {
        let asked = arranged(&server, &anna, &service, late + n * HOUR).await;
        assert_eq!((asked.state, asked.answer_by), (State::AwaitingCoach, Some(START + 48 * HOUR)));
        ids.push(asked.id);
    }
    assert_eq!(act(&server, &anna, ids[0], "complete").await.code(), ErrorCode::Conflict);
    let agreed: BookingResult = act(&server, &coach, ids[0], "confirm").await.good();
    assert_eq!((agreed.booking.state, agreed.booking.conversation_id), (State::Confirmed, None));
    let sorry = json!({ "reason": "I am away." });
    let path = format!("/v1/bookings/{}/cancel", ids[1]);
    let declined: BookingResult = post(&server, &coach, &path, sorry).await.good();
    assert_eq!(declined.booking.state, State::Declined);
    assert_eq!(declined.booking.reason.as_deref(), Some("I am away."));
    let back: BookingResult = act(&server, &anna, ids[2], "cancel").await.good();
    assert_eq!(back.booking.state, State::Cancelled);
    server.later(48 * HOUR).await;
    assert_eq!(look(&server, &coach, ids[3]).await.state, State::Expired);
    let all: Bookings = get(&server, &coach, "/v1/bookings?role=coach&limit=3").await.good();
    assert_eq!(all.items.len(), 3);
    let rest = format!("/v1/bookings?role=coach&limit=3&after={}", all.next.unwrap());
    assert_eq!(get(&server, &coach, &rest).await.good::<Bookings>().items.len(), 1);
    let open: Bookings = get(&server, &anna, "/v1/bookings?state=confirmed").await.good();
    assert_eq!(open.items.iter().map(|it| it.id).collect::<Vec<_>>(), [ids[0]]);
    let told: Vec<String> = {
        use protocol::notifications::{List, Notifications};
        let Notifications { items, .. } = server.by(&coach, List::default()).await.unwrap();
        items.into_iter().map(|it| it.text).collect()
    };
    assert!(told.iter().any(|text| text.contains("would like to book")), "{told:?}");
}

#[tokio::test]
async fn nobody_is_in_two_sessions_at_once() {
    let server = Place::embedded().node().await;
    let (kim, one) = offering(&server, "kim", an_hour()).await;
    let (lin, other) = offering(&server, "lin", an_hour()).await;
    let anna = server.member("anna").await;
    arranged(&server, &anna, &one, MONDAY).await;
    let answer = hold(&server, &anna, &other, MONDAY).await;
    assert_eq!(answer.code(), ErrorCode::SlotTaken);
    assert!(answer.text.contains("\"you\""), "{}", answer.text);
    // A coach who is somebody's client is not free then.
    arranged(&server, &lin, &one, MONDAY + HOUR).await;
    assert!(!monday(&server, &anna, &other).await.contains(&60));
    assert_eq!(hold(&server, &anna, &other, MONDAY + HOUR).await.code(), ErrorCode::SlotTaken);
    assert_eq!(hold(&server, &kim, &one, MONDAY + 2 * HOUR).await.code(), ErrorCode::Invalid);
}

#[tokio::test]
async fn whom_a_block_keeps_apart_see_no_slots_and_book_nothing() {
    let server = Place::embedded().node().await;
    let (coach, service) = offering(&server, "coach", an_hour()).await;
    let anna = server.member("anna").await;
    let booked = arranged(&server, &anna, &service, MONDAY).await;
    let held: BookingResult = hold(&server, &anna, &service, MONDAY + HOUR).await.good();
    server.by(&coach, Block { user_id: anna.id }).await.unwrap();
    let path = format!("/v1/coaches/{}", coach.id);
    for rest in ["services", "availability", "reviews", &format!("slots?service={}", service.id)] {
        let answer = get(&server, &anna, &format!("{path}/{rest}")).await;
        assert_eq!(answer.code(), ErrorCode::NotFound, "{rest}");
    }
    let wish = hold(&server, &anna, &service, MONDAY + 2 * HOUR).await;
    assert_eq!(wish.code(), ErrorCode::NotFound);
    let id = held.booking.id;
    assert_eq!(act(&server, &anna, id, "confirm").await.code(), ErrorCode::Blocked);
    let conversation_id = booked.conversation_id.unwrap();
    let talk = server.by(&anna, GetConversation { conversation_id }).await.unwrap().conversation;
    assert!(talk.paused);
    // What was arranged can be called off, by either.
    act(&server, &anna, booked.id, "cancel").await.good::<BookingResult>();
    server.by(&coach, Unblock { user_id: anna.id }).await.unwrap();
    assert_eq!(monday(&server, &anna, &service).await.len(), 7);
}

#[tokio::test]
async fn what_a_coach_offers_is_checked_field_by_field() {
    let server = Place::embedded().node().await;
    let (coach, service) = offering(&server, "coach", an_hour()).await;
    let member = server.member("anna").await;
    let path = format!("/v1/coaches/{}", coach.id);
    let services = format!("{path}/services");
    assert_eq!(post(&server, &member, &services, an_hour()).await.code(), ErrorCode::Forbidden);
    for (field, value) in [
        ("title", json!("")),
        ("title", json!("x".repeat(81))),
        ("duration_min", json!(4)),
        ("duration_min", json!(481)),
        ("buffer_before_min", json!(121)),
        ("notice_min", json!(43_201)),
        ("window_days", json!(0)),
        ("window_days", json!(366)),
        ("every_min", json!(1)),
        ("seats", json!(0)),
        ("seats", json!(101)),
        ("price", json!({ "amount": 0, "currency": "eur" })),
        ("price", json!({ "amount": 1, "currency": "EUR" })),
    ] {
        let mut wanted = an_hour();
        wanted[field] = value.clone();
        let answer = post(&server, &coach, &services, wanted).await;
        assert_eq!(answer.code(), ErrorCode::Invalid, "{field} {value}");
        assert!(answer.text.contains(&format!("\"{field}\"")), "{field}: {}", answer.text);
    }
    let of_one = format!("{services}/{}", service.id);
    let patch = json!({ "seats": 5, "description": "more", "every_min": null });
    let patched = ask(&server, Some(&coach), Method::PATCH, &of_one, Some(patch)).await;
    let ServiceResult { service } = patched.good();
    assert_eq!((service.seats, service.every_min), (5, 60));
    let availability = format!("{path}/availability");
    for (field, wanted) in [
        ("zone", json!({ "zone": "Mars/Base" })),
        (
            "weekly",
            json!({ "zone": "UTC", "weekly": [{ "day": "mon", "from": "10:00", "until": "09:00" }] }),
        ),
        (
            "weekly",
            json!({ "zone": "UTC", "weekly": [{ "day": "mon", "from": "9:00", "until": "10:00" }] }),
        ),
        ("overrides", json!({ "zone": "UTC", "overrides": [{ "date": "2027-02-30" }] })),
        (
            "time_off",
            json!({ "zone": "UTC", "time_off": [{ "from": "2027-02-02", "until": "2027-02-01" }] }),
        ),
    ] {
        let answer = put(&server, &coach, &availability, wanted).await;
        assert_eq!(answer.code(), ErrorCode::Invalid, "{field}");
        assert!(answer.text.contains(&format!("\"{field}\"")), "{field}: {}", answer.text);
    }
    let whole = json!({
        "zone": "Europe/Berlin",
        "weekly": [{ "day": "mon", "from": "09:00", "until": "24:00" }],
        "overrides": [
            { "date": "2027-01-18", "windows": [{ "from": "10:00", "until": "12:00" }] },
            { "date": "2027-01-25", "windows": [] },
        ],
        "time_off": [{ "from": "2027-02-01", "until": "2027-02-02" }],
    });
    let said: Value = put(&server, &coach, &availability, whole.clone()).await.good();
    assert_eq!(said, whole);
    assert_eq!(get(&server, &member, &availability).await.good::<Value>(), whole);
    assert_eq!(monday(&server, &member, &service).await, [60, 120]);
    let days = slots(&server, &member, &service, "&from=2027-01-19&to=2027-02-08").await;
    assert_eq!(days.items.len(), 15, "the 25th and the 1st are off");
    // Less than before: what is left over is gone.
    put(&server, &coach, &availability, json!({ "zone": "UTC" })).await.good::<Value>();
    assert_eq!(monday(&server, &member, &service).await, [0; 0]);
    for (rest, field) in [
        ("&from=2027-13-01", "from"),
        ("&from=2027-01-02&to=2027-01-01", "to"),
        ("&from=2027-01-01&to=2027-03-04", "to"),
        ("&zone=Nowhere", "zone"),
    ] {
        let wanted = format!("{path}/slots?service={}{rest}", service.id);
        let answer = get(&server, &member, &wanted).await;
        assert_eq!(answer.code(), ErrorCode::Invalid, "{rest}");
        assert!(answer.text.contains(&format!("\"{field}\"")), "{rest}: {}", answer.text);
    }
    ask(&server, Some(&coach), Method::DELETE, &of_one, None).await.good::<Value>();
    let gone = get(&server, &member, &format!("{path}/slots?service={}", service.id)).await;
    assert_eq!(gone.code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn notes_are_ones_own_or_of_both() {
    let server = Place::embedded().node().await;
    let (coach, service) = offering(&server, "coach", an_hour()).await;
    let anna = server.member("anna").await;
    let booked = arranged(&server, &anna, &service, MONDAY).await;
    let path = format!("/v1/bookings/{}/notes", booked.id);
    put(&server, &coach, &path, json!({ "text": "for my eyes" })).await.good::<Notes>();
    put(&server, &coach, &path, json!({ "text": "we agreed", "shared": true }))
        .await
        .good::<Notes>();
    let own = Some("for my eyes".to_owned());
    let shared = Some("we agreed".to_owned());
    let of_coach: Notes = get(&server, &coach, &path).await.good();
    assert_eq!(of_coach, Notes { own, shared: shared.clone() });
    let of_client: Notes = get(&server, &anna, &path).await.good();
    assert_eq!(of_client, Notes { own: None, shared });
    let stranger = server.member("ben").await;
    assert_eq!(get(&server, &stranger, &path).await.code(), ErrorCode::NotFound);
    put(&server, &coach, &path, json!({ "text": "" })).await.good::<Notes>();
    assert_eq!(get(&server, &coach, &path).await.good::<Notes>().own, None);
    let long = json!({ "text": "x".repeat(4_001) });
    assert_eq!(put(&server, &coach, &path, long).await.code(), ErrorCode::Invalid);
    assert_eq!(heard(&server, &anna).await.last(), Some(&"booking.noted"));
}

/// Lines of a calendar, unfolded.
fn lines(text: &str) -> Vec<String> {
    text.replace("\r\n ", "").split("\r\n").map(str::to_owned).collect()
}

#[tokio::test]
async fn a_calendar_keeps_the_uid_and_what_was_called_off() {
    let server = Place::embedded().node().await;
    let title = "Talk; \\ with, commas\r\nATTENDEE:x and a title that is so long as to be folded ä";
    let service = json!({ "title": title, "type": "live", "duration_min": 60 });
    let (coach, service) = offering(&server, "coach", service).await;
    let anna = server.member("anna").await;
    let booked = arranged(&server, &anna, &service, MONDAY).await;
    hold(&server, &anna, &service, MONDAY + HOUR).await.good::<BookingResult>();
    let file = format!("/v1/bookings/{}.ics", booked.id);
    let text = get(&server, &anna, &file).await.text;
    assert!(text.split("\r\n").all(|line| line.len() <= 75), "{text}");
    let uid = format!("UID:{}@sanctuary", booked.id);
    let seen = lines(&text);
    for wanted in [
        uid.as_str(),
        "SEQUENCE:0",
        "STATUS:CONFIRMED",
        "DTSTART:20270118T080000Z",
        "DTEND:20270118T090000Z",
    ] {
        assert!(seen.iter().any(|line| line == wanted), "{wanted} in {text}");
    }
    assert!(!seen.iter().any(|line| line.starts_with("ATTENDEE")));
    let summary = seen.iter().find(|line| line.starts_with("SUMMARY:")).unwrap();
    assert!(summary.contains(r"Talk\; \\ with\, commas"), "{summary}");

    let opened = ask(&server, Some(&anna), Method::POST, "/v1/calendar", None).await;
    let feed: CalendarFeed = opened.good();
    let read = async |path: &str| ask(&server, None, Method::GET, path, None).await;
    let first = lines(&read(&feed.path).await.text);
    assert_eq!(first.iter().filter(|line| *line == "BEGIN:VEVENT").count(), 1, "no holds");
    let path = format!("/v1/bookings/{}/reschedule", booked.id);
    post(&server, &anna, &path, json!({ "starts_at": MONDAY + 3 * HOUR })).await.good::<Value>();
    let moved = lines(&read(&feed.path).await.text);
    for wanted in [uid.as_str(), "SEQUENCE:1", "DTSTART:20270118T110000Z"] {
        assert!(moved.iter().any(|line| line == wanted), "{wanted} in {moved:?}");
    }
    act(&server, &coach, booked.id, "cancel").await.good::<BookingResult>();
    let over = lines(&read(&feed.path).await.text);
    for wanted in [uid.as_str(), "SEQUENCE:2", "STATUS:CANCELLED"] {
        assert!(over.iter().any(|line| line == wanted), "{wanted} in {over:?}");
    }
    let second: CalendarFeed =
        ask(&server, Some(&anna), Method::POST, "/v1/calendar", None).await.good();
    assert_eq!(read(&feed.path).await.code(), ErrorCode::NotFound, "another one was made");
    assert_eq!(read(&second.path).await.status, StatusCode::OK);
    ask(&server, Some(&anna), Method::DELETE, "/v1/calendar", None).await.good::<Value>();
    assert_eq!(read(&second.path).await.code(), ErrorCode::NotFound);
    assert_eq!(read("/v1/calendar/nothing.ics").await.code(), ErrorCode::NotFound);
    let stranger = server.member("ben").await;
    assert_eq!(get(&server, &stranger, &file).await.code(), ErrorCode::NotFound);
}

async fn faults_between_any_two_steps_leave_no_time_taken_and_none_twice(place: Place) {
    let nodes = [place.node().await, place.node().await];
    let (coach, service) = offering(&nodes[0], "coach", an_hour()).await;
    let people = nodes[0].people("client", 8, None).await;
    for round in 1..7 {
        let node = &nodes[round % 2];
        if round % 2 == 0 {
            node.faults.refuse_commits(u32::try_from(round).unwrap());
        } else {
            node.faults.lose_commit_results(u32::try_from(round).unwrap());
        }
        let wishes = people.iter().enumerate().map(async |(n, client)| {
            let at = MONDAY + i64::try_from(n % 4).unwrap() * HOUR;
            let wish = wish(&service, at);
            let path = "/v1/bookings";
            let first = post(&nodes[n % 2], client, path, wish.clone()).await;
            if first.status == StatusCode::OK || !first.code().retryable() {
                return first;
            }
            post(&nodes[(n + 1) % 2], client, path, wish).await
        });
        join_all(wishes).await;
        for node in &nodes {
            node.faults.refuse_commits(0);
            node.faults.lose_commit_results(0);
        }
        nodes[0].later(RELAYED_MS).await;
        nodes[1].later(1).await;
        let mut live = Vec::new();
        for client in &people {
            let all: Bookings = get(&nodes[0], client, "/v1/bookings?state=held").await.good();
            live.extend(all.items);
        }
        assert_apart(&live, 0, 0);
        let is_free = |hour: i64| live.iter().all(|it| it.starts_at != MONDAY + hour * HOUR);
        let wanted: Vec<i64> = (0..8).filter(|hour| is_free(*hour)).map(|hour| hour * 60).collect();
        let all_free: Vec<i64> = (0..8).map(|hour| hour * 60).collect();
        let settled = async |wanted: &[i64]| {
            eventually(async || {
                nodes[0].later(1).await;
                (monday(&nodes[1], &people[0], &service).await == wanted).then_some(())
            })
            .await;
        };
        settled(&wanted).await;
        nodes[0].later(10 * MIN).await;
        settled(&all_free).await;
    }
    let _ = coach;
}

#[tokio::test]
async fn who_is_gone_cancels_what_is_ahead_and_leaves_no_name() {
    let server = Place::embedded().node().await;
    let (coach, service) = offering(&server, "coach", an_hour()).await;
    let anna = server.member("anna").await;
    let over = arranged(&server, &anna, &service, MONDAY).await;
    server.later(MONDAY + HOUR - START).await;
    act(&server, &coach, over.id, "complete").await.good::<BookingResult>();
    let path = format!("/v1/bookings/{}/review", over.id);
    put(&server, &anna, &path, json!({ "rating": 5 })).await.good::<ReviewResult>();
    let ahead = arranged(&server, &anna, &service, MONDAY + 3 * DAY).await;
    let archive = get(&server, &anna, "/v1/me/export").await;
    assert_eq!(archive.status, StatusCode::OK);
    server.accounts.request_deletion(anna.id).await.unwrap();
    server.later(40 * DAY).await;
    let left = look(&server, &coach, ahead.id).await;
    let gone = "deleted member";
    assert_eq!(left.client.name.to_lowercase(), gone);
    assert_eq!(look(&server, &coach, over.id).await.client.name.to_lowercase(), gone);
    let reviews: Reviews =
        get(&server, &coach, &format!("/v1/coaches/{}/reviews", coach.id)).await.good();
    assert_eq!(reviews.items[0].author.name.to_lowercase(), gone);
}

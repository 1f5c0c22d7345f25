//! Exchange sessions through the public door, on both engines: their whole life, nobody in two
//! at once, offers that one takes, time that is counted once, and faults between any two steps.

use crate::engines::START;
use crate::place::{Place, on_both_engines};
use crate::server::{Person, TestServer, client_id, eventually};
use futures_util::future::join_all;
use protocol::conversations::{
    Edit, Get as GetConversation, List as ListConversations, Mark, React, Send, Typing,
};
use protocol::exchange::{
    Accept, Cancel, Confirm, Counter, Decline, Dispute, Get, GetBoard, GetLedger, List, NoShow,
    Note, Post, Request, Session, SessionResult, Start, State, Take, Terms, Withdraw,
};
use protocol::groups::{Create, Join, Kind, Leave};
use protocol::limits::{
    EXCHANGE_ANSWER_MS, EXCHANGE_CONFIRM_MS, EXCHANGE_HORIZON_MS, EXCHANGE_NO_SHOW_AFTER_MS,
    EXCHANGE_NOTE_CHARS_MAX, EXCHANGE_START_LATE_MS, EXCHANGE_TALK_AFTER_MS,
    EXCHANGE_TOPIC_CHARS_MAX, EXCHANGE_WORD_CHARS_MAX,
};
use protocol::people::{Block, Unblock};
use protocol::{Error, ErrorCode, Event, ExchangeId, GroupId, Topic, UserId};

const MIN: i64 = 60_000;
const HOUR: i64 = 60 * MIN;
const DAY: i64 = 24 * HOUR;
/// Time for what was left undone: relay timers are due by then, and attempts are given up.
const RELAYED_MS: i64 = 60_000;

on_both_engines! {
    a_session_lives_from_a_proposal_to_the_ledger,
    of_overlapping_sessions_accepted_on_two_nodes_one_wins,
    an_offer_is_taken_by_one,
    a_block_ends_what_two_say_about_a_session_until_it_is_taken_back,
}

/// Trainees of a training group.
async fn circle(server: &TestServer, count: u32) -> (GroupId, Vec<Person>) {
    let prefix = client_id().to_string();
    let people = server.trainees(&prefix, count).await;
    let create = Create {
        client_id: client_id(),
        name: "practice".to_owned(),
        description: None,
        kind: Some(Kind::Training),
        visibility: None,
        joining: None,
    };
    let group = server.by(&people[0], create).await.unwrap().group;
    assert_eq!(group.kind, Kind::Training);
    for person in &people[1..] {
        server.by(person, Join { group_id: group.id }).await.unwrap();
    }
    (group.id, people)
}

fn gives() -> Terms {
    Terms { give: Some("listening".to_owned()), receive: None }
}

fn both() -> Terms {
    Terms { receive: Some("feedback".to_owned()), ..gives() }
}

fn proposal(responder_id: UserId, starts_at: i64) -> Request {
    Request {
        responder_id,
        client_id: Some(client_id()),
        group_id: None,
        starts_at,
        duration_min: 60,
        offer: gives(),
        note: None,
    }
}

fn accept(exchange_id: ExchangeId) -> Accept {
    Accept { exchange_id, version: None }
}

fn cancel(exchange_id: ExchangeId) -> Cancel {
    Cancel { exchange_id, reason: None }
}

async fn propose(server: &TestServer, by: &Person, to: &Person, starts_at: i64) -> Session {
    server.by(by, proposal(to.id, starts_at)).await.unwrap().session
}

async fn agreed(server: &TestServer, by: &Person, to: &Person, starts_at: i64) -> Session {
    let asked = propose(server, by, to, starts_at).await;
    server.by(to, accept(asked.id)).await.unwrap().session
}

async fn look(server: &TestServer, who: &Person, exchange_id: ExchangeId) -> Session {
    server.by(who, Get { exchange_id }).await.unwrap().session
}

async fn minutes(server: &TestServer, who: &Person) -> (u64, u64, usize) {
    let ledger = server.by(who, GetLedger::default()).await.unwrap();
    (ledger.given_min, ledger.received_min, ledger.items.len())
}

fn words(session: &Session) -> Send {
    Send {
        conversation_id: session.conversation_id,
        client_id: client_id(),
        text: Some("hello".to_owned()),
        attachments: Vec::new(),
        reply_to: None,
    }
}

/// The names of somebody's exchange events, in order.
async fn news(server: &TestServer, who: &Person) -> Vec<&'static str> {
    let feed = server.feed(who).await;
    let names = feed.iter().map(Event::name).filter(|name| name.starts_with("exchange."));
    names.map(|name| name.trim_start_matches("exchange.")).collect()
}

fn code<T: std::fmt::Debug>(outcome: Result<T, Error>) -> ErrorCode {
    outcome.unwrap_err().code
}

async fn a_session_lives_from_a_proposal_to_the_ledger(place: Place) {
    let server = place.node().await;
    let (group_id, people) = circle(&server, 2).await;
    let [ada, ben] = &people[..] else { panic!() };
    let wanted = Request { offer: both(), ..proposal(ben.id, START + DAY) };
    let asked = server.by(ada, wanted.clone()).await.unwrap().session;
    assert_eq!(server.by(ada, wanted).await.unwrap().session, asked, "asked once");
    assert_eq!((asked.state, asked.group_id), (State::Requested, group_id));
    assert_eq!(code(server.by(ada, accept(asked.id)).await), ErrorCode::Forbidden);
    let talk = GetConversation { conversation_id: asked.conversation_id };
    assert_eq!(code(server.by(ben, talk).await), ErrorCode::NotFound);

    let counter = Counter {
        exchange_id: asked.id,
        starts_at: Some(START + 2 * DAY),
        duration_min: Some(45),
        offer: None,
        note: Some("A day later?".to_owned()),
    };
    let countered = server.by(ben, counter).await.unwrap().session;
    assert_eq!((countered.version, countered.proposed_by), (2, ben.id));
    let old = Accept { exchange_id: asked.id, version: Some(1) };
    assert_eq!(code(server.by(ada, old).await), ErrorCode::Conflict);
    let accepted = server.by(ada, Accept { version: Some(2), ..old }).await.unwrap().session;
    assert_eq!(
        (accepted.state, accepted.ends_at - accepted.starts_at),
        (State::Accepted, 45 * MIN)
    );
    assert_eq!(server.by(ada, accept(asked.id)).await.unwrap().session, accepted, "again");
    eventually(async || server.by(ben, talk).await.ok()).await;
    server.by(ben, words(&accepted)).await.unwrap();

    server.later(accepted.starts_at - START).await;
    let start = Start { exchange_id: asked.id };
    assert_eq!(server.by(ben, start).await.unwrap().session.state, State::Started);
    server.later(45 * MIN).await;
    let confirm = Confirm { exchange_id: asked.id };
    let one = server.by(ada, confirm).await.unwrap().session;
    assert_eq!((one.state, &one.confirmed_by[..]), (State::Started, &[ada.id][..]));
    assert_eq!(server.by(ada, confirm).await.unwrap().session, one, "again");
    let both = server.by(ben, confirm).await.unwrap().session;
    assert_eq!(both.state, State::Completed);
    server.by(ben, confirm).await.unwrap();
    server.later(RELAYED_MS).await;
    assert_eq!(minutes(&server, ada).await, (22, 23, 1));
    assert_eq!(minutes(&server, ben).await, (23, 22, 1));

    server.by(ada, words(&both)).await.unwrap();
    server.later(EXCHANGE_TALK_AFTER_MS).await;
    eventually(async || server.by(ada, words(&both)).await.err()).await;
    assert_eq!(code(server.by(ada, words(&both)).await), ErrorCode::Closed);
    let told = ["requested", "countered", "accepted", "started", "confirmed", "completed"];
    for person in [ada, ben] {
        assert_eq!(news(&server, person).await, told);
        let list = server.by(person, List::default()).await.unwrap();
        assert_eq!(list.items.iter().map(|it| it.id).collect::<Vec<_>>(), [asked.id]);
        let open = List { open: Some(true), ..List::default() };
        assert_eq!(server.by(person, open).await.unwrap().items, []);
    }
}

/// Exactly one of these is accepted, and each that is not was told why, and is as it was.
fn one_winner(outcomes: &[Result<SessionResult, Error>]) -> usize {
    for outcome in outcomes {
        match outcome {
            Ok(won) => assert_eq!(won.session.state, State::Accepted),
            Err(error) => {
                assert_eq!(error.code, ErrorCode::SlotTaken, "{error}");
                let who = &error.detail.as_ref().unwrap()["who"];
                assert!(who == "you" || who == "other");
            }
        }
    }
    let winners: Vec<usize> = (0..outcomes.len()).filter(|&n| outcomes[n].is_ok()).collect();
    let [winner] = winners[..] else { panic!("{winners:?} won: {outcomes:?}") };
    winner
}

async fn of_overlapping_sessions_accepted_on_two_nodes_one_wins(place: Place) {
    let (one, two) = (place.node().await, place.node().await);
    let (_, people) = circle(&one, 3).await;
    let [ada, ben, cal] = &people[..] else { panic!() };
    for round in 1..=4 {
        let start = START + round * DAY;
        // All three overlap, each pair has one: ada and ben, ben and cal, cal and ada.
        let asked = [
            propose(&one, ada, ben, start).await,
            propose(&one, ben, cal, start + 30 * MIN).await,
            propose(&one, cal, ada, start + 15 * MIN).await,
        ];
        let tries = [(&one, ben), (&two, cal), (&one, ada)];
        let accepts = tries.iter().zip(&asked);
        let outcomes =
            join_all(accepts.map(|((node, who), asked)| node.by(who, accept(asked.id)))).await;
        let winner = one_winner(&outcomes);
        for (n, asked) in asked.iter().enumerate().filter(|(n, _)| *n != winner) {
            let (_, who) = tries[n];
            let session = look(&two, who, asked.id).await;
            assert_eq!((session.state, session.version), (State::Requested, 1), "as it was");
            let again = two.by(who, accept(asked.id)).await;
            assert_eq!(code(again), ErrorCode::SlotTaken);
        }
        // Nothing half done stays: the time is free again once the winner is called off.
        let (_, who) = tries[winner];
        one.by(who, cancel(asked[winner].id)).await.unwrap();
        place_settles(&one, &two).await;
        let next = (winner + 1) % 3;
        two.by(tries[next].1, accept(asked[next].id)).await.unwrap();
        two.by(tries[next].1, cancel(asked[next].id)).await.unwrap();
        place_settles(&one, &two).await;
    }
    assert_eq!(minutes(&one, ada).await, (0, 0, 0));
}

async fn place_settles(one: &TestServer, two: &TestServer) {
    one.later(RELAYED_MS).await;
    two.later(0).await;
}

async fn an_offer_is_taken_by_one(place: Place) {
    let (one, two) = (place.node().await, place.node().await);
    let (group_id, people) = circle(&one, 5).await;
    let [ada, takers @ ..] = &people[..] else { panic!() };
    let post = |starts_at| Post {
        group_id,
        client_id: Some(client_id()),
        starts_at,
        duration_min: 30,
        offer: gives(),
    };
    let board = GetBoard { group_id, after: None, limit: None };
    for (round, fixed) in [true, false, true].into_iter().enumerate() {
        let start = START + (1 + i64::try_from(round).unwrap()) * DAY;
        let wanted = post(fixed.then_some(start));
        let offer = one.by(ada, wanted.clone()).await.unwrap().offer;
        assert_eq!(one.by(ada, wanted).await.unwrap().offer, offer, "posted once");
        let open = two.by(&takers[0], board.clone()).await.unwrap().items;
        assert_eq!(open, std::slice::from_ref(&offer));
        let take = Take { offer_id: offer.id, starts_at: (!fixed).then_some(start) };
        assert_eq!(code(one.by(ada, take).await), ErrorCode::Forbidden);
        let tries = takers.iter().enumerate();
        let outcomes = join_all(tries.map(|(n, who)| {
            let node = if n % 2 == 0 { &one } else { &two };
            node.by(who, take)
        }))
        .await;
        let won: Vec<usize> = (0..takers.len()).filter(|&n| outcomes[n].is_ok()).collect();
        let [winner] = won[..] else { panic!("{won:?} took it: {outcomes:?}") };
        for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            assert_eq!(error.code, ErrorCode::AlreadyClaimed);
        }
        let session = outcomes[winner].as_ref().unwrap().session.clone();
        let state = if fixed { State::Accepted } else { State::Requested };
        assert_eq!((session.id, session.state), (offer.id, state));
        assert_eq!(two.by(&takers[winner], take).await.unwrap().session, session, "again");
        eventually(async || {
            one.by(ada, board.clone()).await.unwrap().items.is_empty().then_some(())
        })
        .await;
        let list = one.by(ada, List::default()).await.unwrap().items;
        assert!(list.iter().any(|it| it.id == offer.id));
        let loser = &takers[(winner + 1) % takers.len()];
        let get = Get { exchange_id: offer.id };
        assert_eq!(code(one.by(loser, get).await), ErrorCode::NotFound);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_whose_time_is_taken_stays_open() {
    let server = Place::embedded().node().await;
    let (group_id, people) = circle(&server, 3).await;
    let [ada, ben, cal] = &people[..] else { panic!() };
    let post = Post {
        group_id,
        client_id: None,
        starts_at: Some(START + DAY),
        duration_min: 30,
        offer: gives(),
    };
    let offer = server.by(ada, post).await.unwrap().offer;
    let other = agreed(&server, ben, ada, START + DAY).await;
    let take = Take { offer_id: offer.id, starts_at: None };
    let refused = server.by(cal, take).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::SlotTaken);
    assert_eq!(refused.detail.unwrap()["who"], "other");
    assert_eq!(code(server.by(cal, Get { exchange_id: offer.id }).await), ErrorCode::NotFound);
    let board = GetBoard { group_id, after: None, limit: None };
    assert_eq!(server.by(cal, board).await.unwrap().items, [offer]);
    server.by(ben, cancel(other.id)).await.unwrap();
    server.later(RELAYED_MS).await;
    let taken = server.by(cal, take).await.unwrap().session;
    assert_eq!((taken.state, taken.responder.id), (State::Accepted, cal.id));
    assert_eq!(news(&server, cal).await, ["accepted"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offers_and_proposals_are_withdrawn_declined_or_expire() {
    let server = Place::embedded().node().await;
    let (group_id, people) = circle(&server, 2).await;
    let [ada, ben] = &people[..] else { panic!() };
    let post =
        |starts_at| Post { group_id, client_id: None, starts_at, duration_min: 30, offer: gives() };
    let back = server.by(ada, post(None)).await.unwrap().offer;
    let withdraw = Withdraw { exchange_id: back.id };
    assert_eq!(code(server.by(ben, withdraw).await), ErrorCode::NotFound);
    assert_eq!(server.by(ada, withdraw).await.unwrap().offer, Some(back));
    server.by(ada, post(None)).await.unwrap();
    server.by(ada, post(Some(START + HOUR))).await.unwrap();

    let no = propose(&server, ada, ben, START + DAY).await;
    let decline = Decline { exchange_id: no.id, reason: Some("I am away.".to_owned()) };
    let declined = server.by(ben, decline).await.unwrap().session;
    assert_eq!((declined.state, declined.ended_by), (State::Declined, Some(ben.id)));
    let taken_back = propose(&server, ada, ben, START + DAY).await;
    let withdraw = Withdraw { exchange_id: taken_back.id };
    assert_eq!(code(server.by(ben, withdraw).await), ErrorCode::Forbidden);
    server.by(ada, withdraw).await.unwrap();
    let soon = propose(&server, ada, ben, START + DAY).await;
    let far = propose(&server, ada, ben, START + 30 * DAY).await;
    assert_eq!(far.answer_by, Some(START + EXCHANGE_ANSWER_MS));

    let board = GetBoard { group_id, after: None, limit: None };
    assert_eq!(server.by(ben, board.clone()).await.unwrap().items.len(), 2);
    server.later(HOUR).await;
    assert_eq!(server.by(ben, board.clone()).await.unwrap().items.len(), 1);
    server.later(DAY).await;
    assert_eq!(look(&server, ben, soon.id).await.state, State::Expired);
    assert_eq!(code(server.by(ben, accept(soon.id)).await), ErrorCode::Conflict);
    server.later(EXCHANGE_ANSWER_MS).await;
    assert_eq!(look(&server, ben, far.id).await.state, State::Expired);
    assert_eq!(server.by(ben, board).await.unwrap().items, []);
    let told = ["requested", "declined", "requested", "withdrawn", "requested", "requested"];
    let told: Vec<&str> = told.into_iter().chain(["expired", "expired"]).collect();
    assert_eq!(news(&server, ben).await, told);
    let own = news(&server, ada).await;
    let count = |name: &str| own.iter().filter(|other| **other == name).count();
    assert_eq!((count("offered"), count("offer_withdrawn"), count("offer_expired")), (3, 1, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_agreed_on_ends_by_people_or_by_time() {
    let server = Place::embedded().node().await;
    let (_, people) = circle(&server, 2).await;
    let [ada, ben] = &people[..] else { panic!() };
    let mut sessions = Vec::new();
    for day in 1..=5 {
        sessions.push(agreed(&server, ada, ben, START + day * DAY).await);
    }
    let [called_off, missed, nobody, one, disputed] = &sessions[..] else { panic!() };
    eventually(async || server.by(ada, words(called_off)).await.ok()).await;
    let cancelled = server.by(ben, cancel(called_off.id)).await.unwrap().session;
    assert_eq!((cancelled.state, cancelled.ended_by), (State::Cancelled, Some(ben.id)));
    eventually(async || {
        (server.by(ada, words(called_off)).await.err()?.code == ErrorCode::Closed).then_some(())
    })
    .await;

    server.later(missed.starts_at - START + EXCHANGE_NO_SHOW_AFTER_MS - 1).await;
    let no_show = NoShow { exchange_id: missed.id };
    assert_eq!(code(server.by(ada, no_show).await), ErrorCode::Conflict, "too early");
    server.later(1).await;
    let alone = server.by(ada, no_show).await.unwrap().session;
    assert_eq!((alone.state, alone.absent_id), (State::NoShow, Some(ben.id)));

    // At the start of the fourth, the third is over for less than a day.
    let now = server.clock.now();
    server.later(one.starts_at - now).await;
    assert_eq!(look(&server, ada, nobody.id).await.state, State::Accepted);
    server.by(ada, Start { exchange_id: one.id }).await.unwrap();
    let confirmed = server.by(ben, Confirm { exchange_id: one.id }).await.unwrap().session;
    let due = confirmed.completes_at.unwrap();
    assert_eq!(due, server.clock.now() + EXCHANGE_CONFIRM_MS);
    server.later(nobody.ends_at + EXCHANGE_START_LATE_MS - server.clock.now()).await;
    let nobody = look(&server, ada, nobody.id).await;
    assert_eq!((nobody.state, nobody.absent_id, nobody.ended_by), (State::NoShow, None, None));

    server.later(disputed.starts_at - server.clock.now()).await;
    server.by(ben, Start { exchange_id: disputed.id }).await.unwrap();
    server.by(ben, Confirm { exchange_id: disputed.id }).await.unwrap();
    let dispute = Dispute { exchange_id: disputed.id, reason: Some("Too short.".to_owned()) };
    let disputed = server.by(ada, dispute).await.unwrap().session;
    assert_eq!((disputed.state, disputed.completes_at), (State::Disputed, None));
    server.later(due - 1 - server.clock.now()).await;
    assert_eq!(look(&server, ada, one.id).await.state, State::Started);
    server.later(1).await;
    let completed = look(&server, ada, one.id).await;
    assert_eq!((completed.state, completed.ended_by), (State::Completed, None));
    server.later(EXCHANGE_CONFIRM_MS).await;
    assert_eq!(minutes(&server, ada).await, (60, 0, 1));
    assert_eq!(minutes(&server, ben).await, (0, 60, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_trainees_of_a_common_training_group_arrange_sessions() {
    let server = Place::embedded().node().await;
    let (group_id, people) = circle(&server, 3).await;
    let [ada, ben, cal] = &people[..] else { panic!() };
    let member = server.member("member").await;
    let stranger = server.trainees("stranger", 1).await.remove(0);
    server.by(&member, Join { group_id }).await.unwrap();
    let community = Create {
        client_id: client_id(),
        name: "circle".to_owned(),
        description: None,
        kind: None,
        visibility: None,
        joining: None,
    };
    let community = server.by(ada, community).await.unwrap().group;
    assert_eq!(community.kind, Kind::Community);
    server.by(&stranger, Join { group_id: community.id }).await.unwrap();
    let at = START + DAY;
    // A member who is no trainee, either way; a trainee who is no member of a training group.
    assert_eq!(code(server.by(&member, proposal(ada.id, at)).await), ErrorCode::Forbidden);
    for other in [&member, &stranger] {
        assert_eq!(code(server.by(ada, proposal(other.id, at)).await), ErrorCode::Forbidden);
    }
    let named = Request { group_id: Some(community.id), ..proposal(ben.id, at) };
    assert_eq!(code(server.by(ada, named).await), ErrorCode::NotFound);
    let nobody = proposal(UserId(uuid::Uuid::nil()), at);
    assert_eq!(code(server.by(ada, nobody).await), ErrorCode::Forbidden);
    assert_eq!(code(server.by(ada, proposal(ada.id, at)).await), ErrorCode::Invalid);
    let board = GetBoard { group_id, after: None, limit: None };
    assert_eq!(code(server.by(&stranger, board.clone()).await), ErrorCode::NotFound);
    assert_eq!(code(server.by(&member, board).await), ErrorCode::Forbidden);

    // What is between two is nobody else's; and who left the group agrees on nothing new.
    let asked = propose(&server, ada, ben, at).await;
    let get = Get { exchange_id: asked.id };
    assert_eq!(code(server.by(cal, get).await), ErrorCode::NotFound);
    assert_eq!(code(server.by(cal, accept(asked.id)).await), ErrorCode::NotFound);
    server.by(ben, Leave { group_id }).await.unwrap();
    assert_eq!(code(server.by(ben, accept(asked.id)).await), ErrorCode::NotFound);
    server.by(ben, Join { group_id }).await.unwrap();
    server.by(ben, accept(asked.id)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_blocked_the_other_arranges_nothing_with_them_either_way() {
    let server = Place::embedded().node().await;
    let (group_id, people) = circle(&server, 2).await;
    let [ada, ben] = &people[..] else { panic!() };
    let at = START + DAY;
    let asked = propose(&server, ada, ben, at).await;
    let offer =
        Post { group_id, client_id: None, starts_at: None, duration_min: 30, offer: gives() };
    let offer = server.by(ada, offer).await.unwrap().offer;
    server.by(ada, Block { user_id: ben.id }).await.unwrap();
    assert_eq!(code(server.by(ada, proposal(ben.id, at)).await), ErrorCode::Blocked);
    assert_eq!(code(server.by(ben, proposal(ada.id, at)).await), ErrorCode::Blocked);
    assert_eq!(code(server.by(ben, accept(asked.id)).await), ErrorCode::Blocked);
    let take = Take { offer_id: offer.id, starts_at: Some(at) };
    assert_eq!(code(server.by(ben, take).await), ErrorCode::Blocked);
    let board = GetBoard { group_id, after: None, limit: None };
    assert_eq!(server.by(ben, board.clone()).await.unwrap().items, []);
    assert_eq!(server.by(ada, board).await.unwrap().items, std::slice::from_ref(&offer));
    server.by(ada, Unblock { user_id: ben.id }).await.unwrap();
    server.by(ben, accept(asked.id)).await.unwrap();
}

async fn a_block_ends_what_two_say_about_a_session_until_it_is_taken_back(place: Place) {
    let server = place.node().await;
    let (_, people) = circle(&server, 3).await;
    let [ada, ben, cal] = &people[..] else { panic!() };
    let session = agreed(&server, ada, ben, START + DAY).await;
    let other = agreed(&server, ada, cal, START + 2 * DAY).await;
    let (conversation_id, topic) =
        (session.conversation_id, Topic::Conversation(session.conversation_id));
    let seq = server.by(ada, words(&session)).await.unwrap().seq;
    let listed = async |who: &Person| {
        let page = server.by(who, ListConversations::default()).await.unwrap();
        page.items.iter().any(|listed| listed.id == conversation_id)
    };
    assert!(listed(ada).await && listed(ben).await);

    server.by(ben, Block { user_id: ada.id }).await.unwrap();
    let mut bens = server.socket(ben).await;
    let edit = Edit { conversation_id, seq, text: "more".to_owned() };
    let react = React { conversation_id, seq, emoji: "🌱".to_owned(), on: true };
    for who in [ada, ben] {
        let codes = [
            code(server.by(who, words(&session)).await),
            code(server.by(who, Typing { conversation_id }).await),
            code(server.by(who, react.clone()).await),
        ];
        assert_eq!(codes, [ErrorCode::Blocked; 3]);
        assert!(!listed(who).await);
    }
    assert_eq!(code(server.by(ada, edit.clone()).await), ErrorCode::Blocked);
    server.by(ada, Mark { conversation_id, read: Some(seq), delivered: None }).await.unwrap();
    server.by(ada, words(&other)).await.unwrap();
    let paused = server.read(ben, topic).await.unwrap();
    assert!(matches!(paused.last(), Some(Event::ConversationPaused(_))));

    server.by(ben, Unblock { user_id: ada.id }).await.unwrap();
    let first = bens.until(|push| Some(format!("{push:?}"))).await;
    assert!(first.contains("ConversationResumed"), "the first that he hears: {first}");
    server.by(ada, edit).await.unwrap();
    server.by(ada, words(&session)).await.unwrap();
    assert!(listed(ada).await && listed(ben).await);
    let next = propose(&server, ada, ben, START + 3 * DAY).await;
    server.by(ben, accept(next.id)).await.unwrap();
    server.by(ada, Block { user_id: ben.id }).await.unwrap();
    assert_eq!(code(server.by(ben, words(&next)).await), ErrorCode::Blocked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notes_are_ones_own_or_shared() {
    let server = Place::embedded().node().await;
    let (_, people) = circle(&server, 3).await;
    let [ada, ben, cal] = &people[..] else { panic!() };
    let session = propose(&server, ada, ben, START + DAY).await;
    let note = |text: &str, shared| Note {
        exchange_id: session.id,
        text: text.to_owned(),
        shared: Some(shared),
    };
    server.by(ada, note("hers", false)).await.unwrap();
    server.by(ben, note("his", false)).await.unwrap();
    server.by(ben, note("theirs", true)).await.unwrap();
    assert_eq!(code(server.by(cal, note("a", true)).await), ErrorCode::NotFound);
    for (who, own) in [(ada, "hers"), (ben, "his")] {
        let notes = server.by(who, Get { exchange_id: session.id }).await.unwrap().notes;
        let notes = (notes.own, notes.shared);
        assert_eq!(notes, (Some(own.to_owned()), Some("theirs".to_owned())));
        let feed = format!("{:?}", server.feed(who).await);
        assert!(!feed.contains("hers") && !feed.contains("his\""), "notes are not told");
    }
    assert_eq!(server.by(ada, note(" ", false)).await.unwrap().notes.own, None);
    let long = "x".repeat(EXCHANGE_NOTE_CHARS_MAX + 1);
    server.by(ada, note(&long[1..], false)).await.unwrap();
    assert_eq!(code(server.by(ada, note(&long, false)).await), ErrorCode::Invalid);
    assert_eq!(news(&server, ada).await, ["requested", "noted"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_has_its_limits() {
    let server = Place::embedded().node().await;
    let (_, people) = circle(&server, 2).await;
    let [ada, ben] = &people[..] else { panic!() };
    let base = || proposal(ben.id, START + DAY);
    let topic = |chars: usize| Terms { give: Some("x".repeat(chars)), receive: None };
    let word = |chars: usize| Some("x".repeat(chars));
    let fine = [
        Request { starts_at: START + EXCHANGE_HORIZON_MS, ..base() },
        Request { offer: topic(EXCHANGE_TOPIC_CHARS_MAX), ..base() },
        Request { note: word(EXCHANGE_WORD_CHARS_MAX), ..base() },
        Request { duration_min: 15, ..base() },
        Request { duration_min: 240, ..base() },
    ];
    for request in fine {
        server.by(ada, request).await.unwrap();
    }
    let wrong = [
        (Request { starts_at: START, ..base() }, "starts_at"),
        (Request { starts_at: START + EXCHANGE_HORIZON_MS + 1, ..base() }, "starts_at"),
        (Request { offer: topic(EXCHANGE_TOPIC_CHARS_MAX + 1), ..base() }, "offer"),
        (Request { offer: topic(0), ..base() }, "offer"),
        (Request { offer: Terms::default(), ..base() }, "offer"),
        (Request { note: word(EXCHANGE_WORD_CHARS_MAX + 1), ..base() }, "note"),
        (Request { duration_min: 14, ..base() }, "duration_min"),
        (Request { duration_min: 241, ..base() }, "duration_min"),
    ];
    for (request, field) in wrong {
        let error = server.by(ada, request).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Invalid);
        assert_eq!(error.detail.unwrap()["field"], field);
    }
    let page = List { limit: Some(2), ..List::default() };
    let mut seen = server.by(ada, page.clone()).await.unwrap();
    let mut count = seen.items.len();
    while let Some(after) = seen.next {
        seen = server.by(ada, List { after: Some(after), ..page.clone() }).await.unwrap();
        count += seen.items.len();
    }
    assert_eq!(count, 5);
}

/// Each write of an acceptance fails once, one after the other: what the node left is finished or
/// undone by another one, and in the end there is one accepted session in both calendars, or none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_between_any_two_steps_leaves_nothing_half_done() {
    let place = Place::embedded();
    let (one, two) = (place.node().await, place.node().await);
    let (_, people) = circle(&two, 3).await;
    let [ada, ben, cal] = &people[..] else { panic!() };
    for n in 1..=14 {
        let start = START + i64::from(n) * DAY;
        let asked = propose(&two, ada, ben, start).await;
        // In the way of whatever is held for ada, or for ben.
        let rivals =
            [propose(&two, cal, ada, start).await, propose(&two, cal, ben, start + HOUR / 2).await];
        one.faults.refuse_write(n);
        let outcome = one.by(ben, accept(asked.id)).await;
        one.faults.refuse_write(0);
        two.later(RELAYED_MS).await;
        two.later(RELAYED_MS).await;
        let session = look(&two, ada, asked.id).await;
        let taken = session.state == State::Accepted;
        assert!(taken || session.state == State::Requested, "step {n}: {session:?}");
        assert!(taken || outcome.is_err(), "step {n}: what was promised holds");
        for (rival, who) in rivals.iter().zip([ada, ben]) {
            let outcome = two.by(who, accept(rival.id)).await;
            if taken {
                assert_eq!(code(outcome), ErrorCode::SlotTaken, "step {n}");
            } else {
                outcome.unwrap();
                two.by(who, cancel(rival.id)).await.unwrap();
                two.later(RELAYED_MS).await;
            }
        }
        if taken {
            let talk = GetConversation { conversation_id: session.conversation_id };
            two.by(ada, talk).await.unwrap();
        } else {
            two.by(ben, accept(asked.id)).await.unwrap();
        }
        two.by(ada, cancel(asked.id)).await.unwrap();
        two.later(RELAYED_MS).await;
    }
    let told = news(&two, ben).await;
    let count = |name| told.iter().filter(|other| **other == name).count();
    let rivals = count("accepted") - 14;
    assert_eq!(count("cancelled"), 14 + rivals, "each was told once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_hear_at_once_on_their_sockets() {
    let server = Place::embedded().node().await;
    let (_, people) = circle(&server, 2).await;
    let [ada, ben] = &people[..] else { panic!() };
    let (mut adas, mut bens) = (server.socket(ada).await, server.socket(ben).await);
    let asked = adas.call(proposal(ben.id, START + DAY)).await.unwrap().session;
    bens.call(accept(asked.id)).await.unwrap();
    for (socket, who) in [(&mut adas, ada), (&mut bens, ben)] {
        let topic = Topic::User(who.id);
        let (mut accepted, mut joined) = (0, 0);
        while accepted + joined < 2 {
            match socket.event(topic).await.body {
                Event::ExchangeAccepted(told) => {
                    assert_eq!((told.session.id, told.session.state), (asked.id, State::Accepted));
                    accepted += 1;
                }
                Event::ConversationJoined(told) => {
                    assert_eq!(told.conversation_id, asked.conversation_id);
                    assert_eq!(told.subject_id, Some(asked.id.0));
                    joined += 1;
                }
                _ => {}
            }
        }
    }
}

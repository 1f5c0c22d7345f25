//! Support in full, through the public door: offers, hand-overs, requests that open again,
//! silence, fees, free requests, emergencies, several desks.

use crate::engines::START;
use crate::server::{Person, Socket, TestServer, client_id, eventually};
use futures_util::future::{BoxFuture, ready};
use protocol::conversations::{Get as GetTalk, Send};
use protocol::limits::{COACH_GRACE_MS, OFFER_MS, PAYMENT_MS, REOPEN_MS, TRANSFER_MS};
use protocol::session::Ping;
use protocol::support::{
    Accept, Ask, Asked, Cancel, Claim, Close, CloseDesk, CreateDesk, Decline, GetHistory,
    GetStatus, Money, Reopen, SetCoach, State, Status, Transfer, UpdateDesk,
};
use protocol::topics::Subscribe;
use protocol::{DeskId, ErrorCode, Event, Incoming, RequestId, Topic, UserId};
use sanctuary::auth::Role;
use sanctuary::clock::Clock;
use sanctuary::error::Result;
use sanctuary::features::support::{Authorisation, Fees};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::{TempDir, tempdir};

const MINUTE_MS: i64 = 60_000;

/// A server with a desk, and who is there.
struct Office {
    _folder: TempDir,
    server: TestServer,
    desk: DeskId,
}

impl Office {
    async fn open() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut sanctuary::config::Settings)) -> Self {
        let folder = tempdir().unwrap();
        let server = TestServer::open_with(folder.path(), Clock::manual(START), change).await;
        let desk = server.general().await;
        Self { _folder: folder, server, desk }
    }

    fn ask(&self) -> Ask {
        Ask {
            desk_id: self.desk,
            client_id: Some(client_id()),
            subject: "sleep".to_owned(),
            text: Some("Hello?".to_owned()),
            expertise: None,
            preferred_coach_id: None,
            fee: None,
        }
    }

    async fn asks(&self, who: &Person) -> Asked {
        self.server.by(who, self.ask()).await.unwrap()
    }

    /// A coach who is here, and takes offers.
    async fn coach(&self, name: &str, capacity: u32) -> (Person, Socket) {
        let coach = self.server.coach(name).await;
        let socket = self.server.socket(&coach).await;
        let set = SetCoach { capacity: Some(capacity), ..SetCoach::default() };
        self.server.by(&coach, set).await.unwrap();
        (coach, socket)
    }

    async fn status(&self, who: &Person) -> Status {
        self.server.by(who, GetStatus {}).await.unwrap()
    }

    async fn state(&self, who: &Person) -> Option<State> {
        self.status(who).await.request.map(|request| request.state)
    }

    async fn offered_to(&self, who: &Person) -> Option<UserId> {
        self.status(who).await.request?.offered_to.map(|coach| coach.id)
    }

    /// The names of the support events in somebody's feed.
    async fn heard(&self, who: &Person) -> Vec<&'static str> {
        let feed = self.server.feed(who).await;
        let names = feed.iter().map(Event::name);
        names.filter_map(|name| name.strip_prefix("support.")).collect()
    }

    async fn says(&self, who: &Person, request: RequestId, text: &str) -> Result<u64> {
        let conversation_id = Self::talk(request);
        let send = Send {
            conversation_id,
            client_id: client_id(),
            text: Some(text.to_owned()),
            attachments: Vec::new(),
            reply_to: None,
        };
        self.server.by(who, send).await.map(|sent| sent.seq)
    }

    fn talk(request: RequestId) -> protocol::ConversationId {
        sanctuary::id::derived("conversation.support", &[request.as_bytes()])
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_desk_offers_what_waits_to_those_who_are_here_and_free() {
    let office = Office::open().await;
    let (lin, mut lins) = office.coach("lin", 1).await;
    // Somebody who takes offers, and is not here.
    let kim = office.server.coach("kim").await;
    office.server.by(&kim, SetCoach { capacity: Some(9), ..SetCoach::default() }).await.unwrap();
    let (ada, ben) = (office.server.member("ada").await, office.server.member("ben").await);
    let asked = office.asks(&ada).await;
    let feed = Topic::User(lin.id);
    let offered = lins
        .until(|push| match push {
            Incoming::Event(push) if push.topic == Some(feed) => match &push.body {
                Event::SupportOffered(offered) => Some(offered.clone()),
                _ => None,
            },
            _ => None,
        })
        .await;
    assert_eq!(offered.request.id, asked.request.id);
    assert_eq!(offered.request.offered_until, Some(START + OFFER_MS));
    office.asks(&ben).await;
    assert_eq!(office.state(&ben).await, Some(State::Queued), "there is no place for two");
    let accept = Accept { request_id: asked.request.id };
    assert_eq!(
        office.server.by(&kim, accept).await.unwrap_err().code,
        ErrorCode::Conflict,
        "it is lin's"
    );
    let taken = lins.call(accept).await.unwrap().request;
    assert_eq!((taken.state, taken.coach.unwrap().id), (State::Active, lin.id));
    assert_eq!(
        office.server.read(&lin, Topic::Conversation(taken.conversation_id)).await.unwrap().len(),
        2
    );
    // A place becomes free: the next one is offered by itself.
    lins.call(Close { request_id: asked.request.id, summary: None }).await.unwrap();
    assert_eq!(office.offered_to(&ben).await, Some(lin.id));
    assert_eq!(office.heard(&ada).await, ["queued", "offered", "claimed", "closed"]);
    let mut heard = office.heard(&lin).await;
    heard.sort_unstable();
    assert_eq!(heard, ["claimed", "closed", "offered", "offered"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_that_comes_to_nothing_keeps_the_place_and_goes_on_to_another_coach() {
    let office = Office::open().await;
    let (lin, lins) = office.coach("lin", 1).await;
    let (ada, ben) = (office.server.member("ada").await, office.server.member("ben").await);
    let request_id = office.asks(&ada).await.request.id;
    office.asks(&ben).await;
    office.server.by(&lin, Decline { request_id }).await.unwrap();
    // Lin is not asked again for ada, and has room for ben.
    assert_eq!(
        (office.offered_to(&ada).await, office.status(&ada).await.position),
        (None, Some(1))
    );
    assert_eq!(office.offered_to(&ben).await, Some(lin.id));
    let (kim, _kims) = office.coach("kim", 1).await;
    assert_eq!(office.offered_to(&ada).await, Some(kim.id));
    office.server.later(OFFER_MS - 1).await;
    assert_eq!(office.offered_to(&ada).await, Some(kim.id));
    office.server.later(1).await;
    assert_eq!(
        (office.offered_to(&ada).await, office.status(&ada).await.position),
        (None, Some(1))
    );
    let heard = office.heard(&ada).await;
    assert_eq!(heard, ["queued", "offered", "requeued", "offered", "requeued"]);
    // A coach who drops gives back at once what was only offered.
    let (max, maxs) = office.coach("max", 1).await;
    assert_eq!(office.offered_to(&ada).await, Some(max.id));
    drop((maxs, lins));
    eventually(async || office.offered_to(&ada).await.is_none().then_some(())).await;
    assert_eq!(office.status(&ada).await.position, Some(1));
    let _back = office.server.socket(&max).await;
    eventually(async || (office.offered_to(&ada).await == Some(max.id)).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hand_over_is_warm_and_the_new_coach_sees_all_of_it() {
    let office = Office::open().await;
    let ada = office.server.member("ada").await;
    let (lin, _lins) = office.coach("lin", 2).await;
    let request_id = office.asks(&ada).await.request.id;
    office.server.by(&lin, Accept { request_id }).await.unwrap();
    office.says(&lin, request_id, "I am here.").await.unwrap();
    let to = |coach: &Person| Transfer { request_id, coach_id: Some(coach.id) };
    let (kim, kims) = office.coach("kim", 1).await;
    drop(kims);
    eventually(async || {
        let refused = office.server.by(&lin, to(&kim)).await;
        if let Err(error) = refused {
            assert_eq!(error.code, ErrorCode::Conflict, "kim is not here");
            return Some(());
        }
        // Or the desk took it back by itself.
        let _ = office.server.by(&kim, Decline { request_id }).await;
        None
    })
    .await;
    let _kims = office.server.socket(&kim).await;
    eventually(async || office.server.by(&lin, to(&kim)).await.ok()).await;
    assert_eq!(office.state(&ada).await, Some(State::Transferring));
    office.says(&lin, request_id, "Kim knows more of this.").await.unwrap();
    assert_eq!(office.says(&kim, request_id, "Me?").await.unwrap_err().code, ErrorCode::NotFound);
    office.server.by(&kim, Decline { request_id }).await.unwrap();
    let status = office.status(&ada).await.request.unwrap();
    assert_eq!((status.state, status.coach.unwrap().id), (State::Active, lin.id));
    office.server.by(&lin, to(&kim)).await.unwrap();
    office.server.by(&kim, Accept { request_id }).await.unwrap();
    assert_eq!(office.says(&lin, request_id, "Bye").await.unwrap_err().code, ErrorCode::NotFound);
    let conversation_id = Office::talk(request_id);
    let was = office.server.by(&lin, GetTalk { conversation_id }).await.unwrap();
    assert!(!was.conversation.members.iter().any(|member| member.id == kim.id));
    office.server.clock.advance(1_000);
    office.says(&kim, request_id, "Hello Ada.").await.unwrap();
    let still = office.server.by(&lin, GetTalk { conversation_id }).await.unwrap();
    assert_eq!(still, was, "who left sees it as it was then");
    let topic = Topic::Conversation(conversation_id);
    let all = office.server.read(&kim, topic).await.unwrap();
    let names: Vec<_> = all.iter().map(Event::name).collect();
    let (created, joined) = ("message.created", "member.joined");
    let expected =
        ["conversation.opened", created, created, created, "member.left", joined, created];
    assert_eq!(names, expected);
    // To whoever is free; nobody is, so lin's colleague keeps it.
    office.server.by(&kim, Transfer { request_id, coach_id: None }).await.unwrap();
    assert_eq!(office.offered_to(&ada).await, Some(lin.id));
    office.server.by(&lin, Decline { request_id }).await.unwrap();
    assert_eq!(office.state(&ada).await, Some(State::Transferring));
    office.server.later(TRANSFER_MS).await;
    let status = office.status(&ada).await.request.unwrap();
    assert_eq!((status.state, status.coach.unwrap().id), (State::Active, kim.id));
    assert!(office.heard(&kim).await.ends_with(&[
        "transfer_offered",
        "transferred",
        "transferred"
    ]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_opens_again_within_three_days_with_the_old_coach_first() {
    let office = Office::open().await;
    let (ada, ben) = (office.server.member("ada").await, office.server.member("ben").await);
    let (lin, _lins) = office.coach("lin", 4).await;
    let (_kim, _kims) = office.coach("kim", 400).await;
    let asked = office.asks(&ada).await.request;
    let reopen = Reopen { request_id: asked.id };
    let early = office.server.by(&ada, reopen).await.unwrap_err();
    assert_eq!(early.code, ErrorCode::Conflict);
    office.server.by(&lin, Claim { request_id: asked.id }).await.unwrap();
    let close = Close { request_id: asked.id, summary: Some("well".to_owned()) };
    office.server.by(&lin, close.clone()).await.unwrap();
    assert_eq!(office.server.by(&ben, reopen).await.unwrap_err().code, ErrorCode::NotFound);

    office.server.clock.advance(REOPEN_MS - 1);
    let again = office.server.by(&ada, reopen).await.unwrap().request;
    assert_eq!((again.id, again.conversation_id), (asked.id, asked.conversation_id));
    assert_eq!(office.offered_to(&ada).await, Some(lin.id));
    let twice = office.server.by(&ada, reopen).await.unwrap().request;
    assert_eq!(twice.id, asked.id);
    for (who, kept) in [(&ada, 0), (&lin, 1)] {
        let past = office.server.by(who, GetHistory::default()).await.unwrap();
        assert_eq!(past.items.len(), kept, "it is not over any more; the coach keeps it");
    }
    // What follows is carried out a moment later.
    let talk = Topic::Conversation(asked.conversation_id);
    let ends = ["conversation.closed", "member.left", "conversation.reopened"];
    eventually(async || {
        let events = office.server.read(&ada, talk).await.unwrap();
        let names: Vec<_> = events.iter().map(Event::name).collect();
        names.ends_with(&ends).then_some(())
    })
    .await;
    assert_eq!(office.says(&lin, asked.id, "?").await.unwrap_err().code, ErrorCode::NotFound);
    office.says(&ada, asked.id, "It is me again.").await.unwrap();
    office.server.by(&lin, Accept { request_id: asked.id }).await.unwrap();
    office.says(&lin, asked.id, "Welcome back.").await.unwrap();
    office.server.by(&lin, close).await.unwrap();
    let past = office.server.by(&ada, GetHistory::default()).await.unwrap();
    assert_eq!(past.items.len(), 1);

    office.server.clock.advance(REOPEN_MS + 1);
    assert_eq!(office.server.by(&ada, reopen).await.unwrap_err().code, ErrorCode::Conflict);
    let cancelled = office.asks(&ben).await.request.id;
    office.server.by(&ben, Cancel { request_id: cancelled }).await.unwrap();
    let never = office.server.by(&ben, Reopen { request_id: cancelled }).await;
    assert_eq!(never.unwrap_err().code, ErrorCode::Conflict, "it was never answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_silent_is_told_so_and_nobody_is_held_by_it() {
    let office = Office::open().await;
    let (ada, ben) = (office.server.member("ada").await, office.server.member("ben").await);
    let lin = office.server.coach("lin").await;
    let (one, two) = (office.asks(&ada).await.request.id, office.asks(&ben).await.request.id);
    for request_id in [one, two] {
        office.server.by(&lin, Claim { request_id }).await.unwrap();
    }
    office.says(&lin, two, "I am here.").await.unwrap();
    office.server.later(10 * MINUTE_MS - 1).await;
    assert!(!office.heard(&lin).await.contains(&"warned"));
    office.server.later(1).await;
    let nudges = office.server.feed(&lin).await;
    let nudges = nudges.iter().filter_map(|event| match event {
        Event::SupportWarned(warned) => Some((warned.request.id, warned.user_id, warned.until_at)),
        _ => None,
    });
    let until = START + 15 * MINUTE_MS;
    assert_eq!(nudges.collect::<Vec<_>>(), [(one, lin.id, until)]);
    office.server.later(5 * MINUTE_MS).await;
    let status = office.status(&ada).await;
    assert_eq!((status.request.unwrap().state, status.position), (State::Queued, Some(1)));
    assert_eq!(office.says(&lin, one, "Sorry").await.unwrap_err().code, ErrorCode::NotFound);
    // Ben says nothing.
    office.server.later(15 * MINUTE_MS).await;
    assert!(office.heard(&ben).await.contains(&"warned"));
    assert_eq!(office.state(&ben).await, Some(State::Active));
    office.server.later(30 * MINUTE_MS).await;
    assert_eq!(office.state(&ben).await, None);
    assert!(office.heard(&ben).await.ends_with(&["warned", "abandoned"]));
    let past = office.server.by(&lin, GetHistory::default()).await.unwrap().items;
    assert_eq!(past.iter().map(|request| request.state).collect::<Vec<_>>(), [State::Abandoned]);
    office.server.by(&ben, Reopen { request_id: two }).await.unwrap();
    assert_eq!(office.status(&ben).await.position, Some(2));
    // And at some time nobody waits any more.
    office.server.later(25 * 60 * MINUTE_MS).await;
    assert_eq!((office.state(&ada).await, office.state(&ben).await), (None, None));
    assert!(office.heard(&ada).await.ends_with(&["requeued", "expired"]));
}

/// Payments that do as a test says.
#[derive(Default)]
struct Till {
    answer: Mutex<Option<Authorisation>>,
    steps: Mutex<Vec<&'static str>>,
}

impl Till {
    fn step(&self, step: &'static str) -> BoxFuture<'_, Result<()>> {
        self.steps.lock().unwrap().push(step);
        Box::pin(ready(Ok(())))
    }

    fn steps(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.steps.lock().unwrap())
    }
}

fn price() -> Money {
    Money { amount: 1_500, currency: "eur".to_owned() }
}

impl Fees for Till {
    fn price(&self, _: DeskId, _: UserId) -> BoxFuture<'_, Result<Option<Money>>> {
        Box::pin(ready(Ok(Some(price()))))
    }

    fn authorise<'a>(
        &'a self,
        _: RequestId,
        _: UserId,
        wanted: &'a Money,
    ) -> BoxFuture<'a, Result<Authorisation>> {
        assert_eq!(*wanted, price());
        self.steps.lock().unwrap().push("authorise");
        Box::pin(ready(Ok(self.answer.lock().unwrap().unwrap_or(Authorisation::Given))))
    }

    fn capture(&self, _: RequestId) -> BoxFuture<'_, Result<()>> {
        self.step("capture")
    }

    fn void(&self, _: RequestId) -> BoxFuture<'_, Result<()>> {
        self.step("void")
    }

    fn release(&self, _: RequestId) -> BoxFuture<'_, Result<()>> {
        self.step("release")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fee_is_held_first_taken_with_the_first_reply_and_given_back_without_one() {
    let office = Office::open().await;
    let till = Arc::new(Till::default());
    office.server.support.charge_with(Arc::clone(&till) as Arc<dyn Fees>);
    let (ada, lin) = (office.server.member("ada").await, office.server.coach("lin").await);
    let unpaid = office.server.by(&ada, office.ask()).await.unwrap_err();
    assert_eq!(unpaid.code, ErrorCode::PaymentRequired);
    assert_eq!(unpaid.detail.unwrap()["fee"]["amount"], 1_500);
    let paying = || Ask { fee: Some(price()), ..office.ask() };

    let asked = office.server.by(&ada, paying()).await.unwrap().request;
    assert_eq!(asked.fee, Some(price()));
    assert_eq!(office.state(&ada).await, Some(State::Queued));
    office.server.by(&lin, Claim { request_id: asked.id }).await.unwrap();
    office.server.later(MINUTE_MS).await;
    assert_eq!(till.steps(), ["authorise"]);
    office.says(&lin, asked.id, "I am here.").await.unwrap();
    office.server.later(MINUTE_MS).await;
    office.server.later(MINUTE_MS).await;
    assert_eq!(till.steps(), ["capture"]);
    office.server.by(&lin, Close { request_id: asked.id, summary: None }).await.unwrap();
    assert_eq!(till.steps(), [""; 0]);

    // A reply just before the end counts; without one it costs nothing.
    for (reply, step) in [(true, "capture"), (false, "void")] {
        let asked = office.server.by(&ada, paying()).await.unwrap().request;
        office.server.by(&lin, Claim { request_id: asked.id }).await.unwrap();
        if reply {
            office.says(&lin, asked.id, "Yes.").await.unwrap();
        }
        office.server.by(&lin, Close { request_id: asked.id, summary: None }).await.unwrap();
        assert_eq!(till.steps(), ["authorise", step]);
    }
    let asked = office.server.by(&ada, paying()).await.unwrap().request;
    office.server.by(&ada, Cancel { request_id: asked.id }).await.unwrap();
    assert_eq!(till.steps(), ["authorise", "void"]);

    *till.answer.lock().unwrap() = Some(Authorisation::Awaited);
    office.server.by(&ada, paying()).await.unwrap();
    assert_eq!(office.state(&ada).await, Some(State::AwaitingPayment));
    office.server.later(PAYMENT_MS).await;
    assert_eq!(office.state(&ada).await, None);
    assert_eq!(till.steps(), ["authorise", "void"]);
    *till.answer.lock().unwrap() = Some(Authorisation::Refused);
    office.server.by(&ada, paying()).await.unwrap();
    eventually(async || office.state(&ada).await.is_none().then_some(())).await;
    eventually(async || {
        office.heard(&ada).await.ends_with(&["awaiting_payment", "cancelled"]).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_many_requests_cost_nothing_and_those_nobody_answered_do_not_count() {
    let office = Office::with(|settings| {
        settings.support_free_requests = 2;
        settings.support_free_days = 1;
    })
    .await;
    let (ada, lin) = (office.server.member("ada").await, office.server.coach("lin").await);
    for _ in 0..3 {
        let request_id = office.asks(&ada).await.request.id;
        office.server.by(&ada, Cancel { request_id }).await.unwrap();
    }
    for _ in 0..2 {
        let request_id = office.asks(&ada).await.request.id;
        office.server.by(&lin, Claim { request_id }).await.unwrap();
        office.server.by(&lin, Close { request_id, summary: None }).await.unwrap();
        office.server.clock.advance(1_000);
    }
    let used = office.server.by(&ada, office.ask()).await.unwrap_err();
    assert_eq!(used.code, ErrorCode::PaymentRequired);
    let day = 24 * 60 * MINUTE_MS;
    assert_eq!(used.detail.unwrap()["free_at"], START + day);
    office.server.clock.advance(day - 1_000);
    office.asks(&ada).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_of_an_emergency_show_help_and_move_to_the_front_and_hold_nothing_up() {
    let office = Office::open().await;
    let [ada, ben, cleo] = ["ada", "ben", "cleo"].map(|name| office.server.member(name));
    let (ada, ben, cleo) = (ada.await, ben.await, cleo.await);
    office.asks(&ada).await;
    office.asks(&ben).await;
    let urgent = Ask { text: Some("I don’t want to live.".to_owned()), ..office.ask() };
    assert_eq!(office.server.by(&cleo, urgent).await.unwrap().position, Some(1));
    assert!(office.heard(&cleo).await.contains(&"help"));
    // Anywhere else: to a friend, while one waits.
    let open = protocol::conversations::Open { user_id: cleo.id };
    let talk = office.server.by(&ben, open).await.unwrap().conversation;
    let send = Send {
        conversation_id: talk.id,
        client_id: client_id(),
        text: Some("I want to die".to_owned()),
        attachments: Vec::new(),
        reply_to: None,
    };
    office.server.by(&ben, send).await.unwrap();
    eventually(async || (office.status(&ben).await.position == Some(1)).then_some(())).await;
    let places = [office.status(&cleo).await.position, office.status(&ada).await.position];
    assert_eq!(places, [Some(2), Some(3)], "among emergencies, who came first");
    assert!(office.heard(&ben).await.contains(&"help"));
    assert!(!office.heard(&ada).await.contains(&"help"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn desks_are_made_changed_and_closed_by_admins() {
    let office = Office::open().await;
    let admin = office.server.people("root", 1, Some(Role::Admin)).await.remove(0);
    let (ada, lin) = (office.server.member("ada").await, office.server.coach("lin").await);
    let create =
        CreateDesk { client_id: client_id(), name: "evening".to_owned(), topics: Vec::new() };
    let desk = office.server.by(&admin, create).await.unwrap().desk;
    let update = UpdateDesk {
        desk_id: desk.id,
        name: Some("night".to_owned()),
        topics: Some(vec!["sleep".to_owned()]),
        open: None,
    };
    assert_eq!(
        office.server.by(&lin, update.clone()).await.unwrap_err().code,
        ErrorCode::Forbidden
    );
    let changed = office.server.by(&admin, update).await.unwrap().desk;
    assert_eq!((changed.name.as_str(), changed.open), ("night", true));
    let there = Ask { desk_id: desk.id, ..office.ask() };
    let request_id = office.server.by(&ada, there.clone()).await.unwrap().request.id;
    let close = CloseDesk { desk_id: desk.id };
    assert!(!office.server.by(&admin, close).await.unwrap().desk.open);
    // Said again it is the same request; what is there is finished.
    assert_eq!(office.server.by(&ada, there.clone()).await.unwrap().request.id, request_id);
    office.server.by(&lin, Claim { request_id }).await.unwrap();
    office.server.by(&lin, Close { request_id, summary: None }).await.unwrap();
    let new = Ask { client_id: Some(client_id()), ..there.clone() };
    assert_eq!(office.server.by(&ada, new.clone()).await.unwrap_err().code, ErrorCode::Conflict);
    assert_eq!(
        office.server.by(&ada, Reopen { request_id }).await.unwrap_err().code,
        ErrorCode::Conflict
    );
    assert_eq!(office.state(&ada).await, None, "and is free to ask elsewhere");
    let another = office.asks(&ada).await.request.id;
    let again = office.server.by(&ada, there).await.unwrap();
    assert_eq!((again.request.id, again.request.state), (request_id, State::Closed));
    assert_eq!(again.position, None);
    assert_eq!(office.state(&ada).await, Some(State::Queued), "{another} waits on");
    let open = UpdateDesk { desk_id: desk.id, name: None, topics: None, open: Some(true) };
    assert!(office.server.by(&admin, open).await.unwrap().desk.open);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_is_told_once_it_is_known_and_outlives_a_restart() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let desk = server.general().await;
    let office = Office { _folder: tempdir().unwrap(), server, desk };
    let lin = office.server.coach("lin").await;
    let _socket = office.server.socket(&lin).await;
    let set = SetCoach { capacity: Some(1), ..SetCoach::default() };
    office.server.by(&lin, set).await.unwrap();
    for n in 0..12 {
        let member = office.server.member(&format!("m{n}")).await;
        let asked = office.asks(&member).await;
        assert_eq!(asked.wait, None, "not known yet: nobody had to wait");
        let request_id = asked.request.id;
        office.server.by(&lin, Claim { request_id }).await.unwrap();
        office.server.clock.advance(60_000);
        office.server.by(&lin, Close { request_id, summary: None }).await.unwrap();
    }
    let (ada, ben) = (office.server.member("ada").await, office.server.member("ben").await);
    let request_id = office.asks(&ada).await.request.id;
    office.server.by(&lin, Claim { request_id }).await.unwrap();
    let told = office.asks(&ben).await.wait.unwrap();
    assert!(told.low_ms < 60_000 && told.high_ms >= 60_000, "{told:?}");
    assert_eq!(office.status(&ben).await.wait, Some(told));
    office.server.app.drain().await;
    let server = TestServer::open_at(folder.path(), office.server.clock.clone()).await;
    assert!(server.by(&ben, GetStatus {}).await.unwrap().wait.is_some());
}

/// What this version added to a table is taken away again.
fn forget_columns(folder: &std::path::Path) {
    let file = folder.join(sanctuary::engine::sqlite::FILE_NAME);
    let connection = rusqlite::Connection::open(file).unwrap();
    let desks = "offered_id offered_name until_at handed_to_anybody declined preferred_id crisis \
        queued_at look_at warned_at reopened_at fee_amount fee_currency fee_state stated_at \
        expected_ms low_ms high_ms waited_ms knows exposure_ms held_ms departures counted_at seen \
        walks ratios sampled_at sample answered";
    let history = "reopened_at low_ms high_ms waited_ms answered";
    let tables = [
        ("desks", desks),
        ("support_members", "reopened_at asked_at"),
        ("support_history", history),
        ("coach_settings", "knows"),
    ];
    for (table, columns) in tables {
        for column in columns.split_whitespace() {
            connection.execute_batch(&format!("ALTER TABLE {table} DROP COLUMN {column}")).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_desk_of_an_older_version_opens_and_goes_on() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let desk = server.general().await;
    let (ada, ben, lin) =
        (server.member("ada").await, server.member("ben").await, server.coach("lin").await);
    let office = Office { _folder: tempdir().unwrap(), server, desk };
    let request_id = office.asks(&ada).await.request.id;
    office.server.by(&lin, Claim { request_id }).await.unwrap();
    office.asks(&ben).await;
    office.server.app.drain().await;
    forget_columns(folder.path());

    let server = TestServer::open_at(folder.path(), Clock::manual(START)).await;
    let office = Office { _folder: tempdir().unwrap(), server, desk };
    assert_eq!(office.state(&ada).await, Some(State::Active));
    assert_eq!(office.status(&ben).await.position, Some(1));
    // The coach's grace after a restart runs; then both wait, ada first.
    office.server.later(COACH_GRACE_MS).await;
    assert_eq!(office.status(&ada).await.position, Some(1));
    office.server.by(&lin, Claim { request_id }).await.unwrap();
    office.server.by(&lin, Close { request_id, summary: None }).await.unwrap();
    let again = office.server.by(&ada, Reopen { request_id }).await.unwrap();
    assert_eq!(again.position, Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coach_who_left_does_not_come_back_when_a_stalled_node_goes_on() {
    let folder = tempdir().unwrap();
    let clock = Clock::manual(START);
    let one = Arc::new(TestServer::open_at(folder.path(), clock.clone()).await);
    let two = TestServer::open_at(folder.path(), clock).await;
    let desk_id = one.general().await;
    let (lin, kim, ada) = (one.coach("lin").await, one.coach("kim").await, one.member("ada").await);
    let ask = Ask {
        desk_id,
        client_id: Some(client_id()),
        subject: "sleep".to_owned(),
        text: Some("Hello?".to_owned()),
        expertise: None,
        preferred_coach_id: None,
        fee: None,
    };
    let _kims = two.socket(&kim).await;
    let no_offers = SetCoach { available: Some(false), ..SetCoach::default() };
    two.by(&kim, no_offers).await.unwrap();
    let request_id = one.by(&ada, ask).await.unwrap().request.id;
    // The claim is committed, and the conversation not open yet.
    one.faults.slow(Duration::from_secs(2));
    let claim = tokio::spawn({
        let (one, lin) = (Arc::clone(&one), lin.clone());
        async move { one.by(&lin, Claim { request_id }).await }
    });
    // Another node finishes that, and hands it over.
    let to_kim = Transfer { request_id, coach_id: Some(kim.id) };
    eventually(async || two.by(&lin, to_kim).await.ok()).await;
    two.by(&kim, Accept { request_id }).await.unwrap();
    let conversation_id = Office::talk(request_id);
    let members = async || {
        let talk = two.by(&ada, GetTalk { conversation_id }).await.unwrap().conversation;
        talk.members.iter().map(|member| member.id).collect::<Vec<_>>()
    };
    eventually(async || (members().await == [ada.id, kim.id]).then_some(())).await;
    assert!(!claim.is_finished(), "the first still has it before it");
    one.faults.slow(Duration::ZERO);
    claim.await.unwrap().unwrap();
    assert_eq!(members().await, [ada.id, kim.id]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_serves_a_desk_no_more_hears_nothing_of_it() {
    let office = Office::open().await;
    let (lin, mut lins) = office.coach("lin", 1).await;
    let topic = Topic::Desk(office.desk);
    lins.call(Subscribe { topic, after: None }).await.unwrap();
    let none = SetCoach { desks: Some(Vec::new()), ..SetCoach::default() };
    office.server.by(&lin, none).await.unwrap();
    lins.call(Ping::default()).await.unwrap();
    lins.rest();
    let ada = office.server.member("ada").await;
    office.asks(&ada).await;
    lins.call(Ping::default()).await.unwrap();
    let of_the_desk =
        |push: &Incoming| matches!(push, Incoming::Signal(push) if push.topic == Some(topic));
    assert!(!lins.rest().iter().any(of_the_desk));
    let again = lins.call(Subscribe { topic, after: None }).await.unwrap_err();
    assert_eq!(again.code, ErrorCode::NotFound);
}

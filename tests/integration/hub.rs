//! The hub, through real sockets: what reaches whom, in which order, and what does not.

use crate::client::{Client, Heard};
use crate::stage::{Stage, group, post, user};
use protocol::conversations::{Receipt, TypingNow};
use protocol::session::{Cursor, Open, Ping};
use protocol::topics::{Gap, Subscribe};
use protocol::{ConversationId, Format, Push, Signal, Topic};
use sanctuary::bus::{Channel, Class, Message, Missed, Notice, Publication};
use sanctuary::hub::REPAIR_EVENTS_MAX;
use sanctuary::rights::Visible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::Semaphore;

const TALK: Topic = Topic::Conversation(ConversationId(uuid::Uuid::from_u128(0x3000)));

fn subscribe(n: u128, after: Option<u64>) -> Subscribe {
    Subscribe { topic: Topic::Group(group(n)), after }
}

fn open(n: u128, cursors: &[(Topic, u64)]) -> Open {
    Open {
        token: Some(user(n).to_string()),
        device_id: "phone".to_owned(),
        cursors: cursors.iter().map(|&(topic, seq)| Cursor { topic, seq }).collect(),
        ..Open::default()
    }
}

#[tokio::test]
async fn an_event_reaches_its_audience_in_both_encodings() {
    let stage = Stage::new().await;
    let mut ann = stage.person(1, Format::Json).await;
    let mut ben = stage.person(2, Format::MessagePack).await;
    let mut eve = stage.person(3, Format::Json).await;
    for seq in 1..=3 {
        let audience = vec![Channel::User(user(1)), Channel::User(user(2))];
        stage.stub.publish(TALK, audience).await;
        assert_eq!(ann.hear().await, Heard::Event(TALK, seq));
        assert_eq!(ben.hear().await, Heard::Event(TALK, seq));
    }
    stage.stub.publish(Topic::User(user(3)), vec![Channel::User(user(3))]).await;
    assert_eq!(eve.hear().await, Heard::Event(Topic::User(user(3)), 1));
}

#[tokio::test]
async fn the_reply_comes_before_the_replay_and_the_replay_before_live_events() {
    let stage = Stage::new().await;
    for _ in 0..250 {
        stage.stub.publish(Topic::Group(group(1)), Vec::new()).await;
    }
    let mut client = stage.person(1, Format::MessagePack).await;
    let subscribed = client.call(subscribe(1, Some(10))).await.unwrap();
    assert_eq!(subscribed.head, 250);
    for _ in 0..5 {
        stage.stub.publish(Topic::Group(group(1)), vec![Channel::Group(group(1))]).await;
    }
    for seq in 11..=255 {
        assert_eq!(client.event().await, seq);
    }
}

#[tokio::test]
async fn events_between_attach_and_reply_come_after_the_reply() {
    let stage = Stage::new().await;
    let mine = vec![Channel::User(user(1))];
    for _ in 0..3 {
        stage.stub.publish(TALK, mine.clone()).await;
        stage.stub.publish(Topic::User(user(1)), mine.clone()).await;
    }
    let during = [(TALK, mine.clone()), (Topic::User(user(1)), mine.clone())];
    stage.stub.during_open.lock().unwrap().extend(during);
    let mut client = Client::connect(stage.addr, Format::Json).await;
    client.call(open(1, &[(TALK, 2)])).await.unwrap();
    let mut heard = Vec::new();
    for _ in 0..3 {
        heard.push(client.hear().await);
    }
    for expected in
        [Heard::Event(TALK, 3), Heard::Event(TALK, 4), Heard::Event(Topic::User(user(1)), 4)]
    {
        assert!(heard.contains(&expected), "{heard:?}");
    }
}

/// The promise of the resume, many times over, with the seam at another place each time.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn between_a_replay_and_live_events_nothing_is_missing_and_nothing_comes_twice() {
    let stage = Arc::new(Stage::new().await);
    let topics = [Topic::Group(group(1)), TALK];
    let audience = vec![Channel::Group(group(1)), Channel::User(user(1))];
    // Publishes as fast as it is heard, and a little ahead.
    let pull = Arc::new(Semaphore::new(0));
    let publisher = tokio::spawn({
        let (stage, audience, pull) = (Arc::clone(&stage), audience.clone(), Arc::clone(&pull));
        async move {
            for topic in topics.into_iter().cycle() {
                pull.acquire().await.unwrap().forget();
                stage.stub.publish(topic, audience.clone()).await;
            }
        }
    });
    let mut places = [0, 0];
    let mut whole = 0;
    for round in 0..200_u64 {
        let format = if round % 2 == 0 { Format::Json } else { Format::MessagePack };
        pull.add_permits(50);
        let mut client = Client::connect(stage.addr, format).await;
        // As far behind as can be replayed, or not at all.
        let cursors: Vec<(Topic, u64)> = topics
            .iter()
            .zip(places)
            .map(|(topic, place)| {
                let place = place.max(stage.log.head(*topic).saturating_sub(round));
                (*topic, place)
            })
            .collect();
        let opened = client.call(open(1, &cursors)).await.unwrap();
        pull.add_permits(50);
        if !opened.behind.is_empty() {
            // The publisher was quicker than this client.
            continue;
        }
        whole += 1;
        let id = client.ask(subscribe(1, Some(cursors[0].1))).await;
        let mut last = [cursors[0].1, cursors[1].1];
        let mut replied = false;
        let mut left = round + 40;
        while left > 0 || !replied {
            left = left.saturating_sub(1);
            match client.hear().await {
                Heard::Event(topic, seq) => {
                    let at = usize::from(topic == TALK);
                    assert_eq!(seq, last[at] + 1, "round {round}, {topic}");
                    last[at] = seq;
                    pull.add_permits(1);
                }
                Heard::Reply(theirs, outcome) => {
                    assert_eq!((theirs, outcome), (Some(id), Ok(())));
                    replied = true;
                }
                other => panic!("round {round}: {other:?}"),
            }
        }
        places = last;
    }
    assert!(whole > 100, "only {whole} rounds counted");
    publisher.abort();
}

#[tokio::test]
async fn a_cursor_too_far_behind_jumps_to_the_head() {
    let stage = Stage::new().await;
    for _ in 0..500 {
        stage.stub.publish(TALK, Vec::new()).await;
    }
    let mut client = Client::connect(stage.addr, Format::Json).await;
    let opened = client.call(open(1, &[(TALK, 0)])).await.unwrap();
    assert_eq!((opened.behind[0].from, opened.behind[0].head), (301, 500));
    for seq in 1..=300 {
        assert_eq!(client.event().await, seq);
    }
    stage.stub.publish(TALK, vec![Channel::User(user(1))]).await;
    assert_eq!(client.event().await, 501);
}

#[tokio::test]
async fn what_is_known_is_not_sent_again() {
    let stage = Stage::new().await;
    let mut client = stage.person(1, Format::Json).await;
    let audience = vec![Channel::User(user(1))];
    let publish = async |seq| {
        let body = sanctuary::log::encode(&post(String::new()));
        let audience = audience.clone();
        let event = Publication { topic: TALK, seq, at: 1, body, audience };
        stage.bus.send(Message::Event(event)).await.unwrap();
    };
    for seq in [7, 7, 3, 8, 7, 8, 9] {
        publish(seq).await;
    }
    for seq in 7..=9 {
        assert_eq!(client.event().await, seq);
    }
}

#[tokio::test]
async fn a_lost_event_is_read_from_the_log_and_too_many_are_announced() {
    let stage = Stage::new().await;
    let mut client = stage.person(1, Format::MessagePack).await;
    let mine = vec![Channel::User(user(1))];
    stage.stub.publish(TALK, mine.clone()).await;
    assert_eq!(client.event().await, 1);
    for _ in 0..REPAIR_EVENTS_MAX {
        stage.stub.publish(TALK, Vec::new()).await;
    }
    stage.stub.publish(TALK, mine.clone()).await;
    let head = REPAIR_EVENTS_MAX + 2;
    for seq in 2..=head {
        assert_eq!(client.event().await, seq);
    }
    for _ in 0..=REPAIR_EVENTS_MAX {
        stage.stub.publish(TALK, Vec::new()).await;
    }
    stage.stub.publish(TALK, mine.clone()).await;
    let to = head + REPAIR_EVENTS_MAX + 1;
    assert_eq!(client.signal().await, Signal::Gap(Gap { topic: TALK, from: head + 1, to }));
    assert_eq!(client.event().await, to + 1);
}

#[tokio::test]
async fn a_replay_shows_what_may_be_seen_and_announces_the_rest() {
    let stage = Stage::new().await;
    for _ in 0..10 {
        stage.stub.publish(TALK, Vec::new()).await;
    }
    let views = |visible| stage.views.0.lock().unwrap().insert(TALK, visible);
    views(Some(Visible { from: 5, live: 5, until: Some(8) }));
    let mut client = Client::connect(stage.addr, Format::Json).await;
    client.call(open(1, &[(TALK, 2)])).await.unwrap();
    assert_eq!(client.signal().await, Signal::Gap(Gap { topic: TALK, from: 3, to: 4 }));
    for seq in 5..=8 {
        assert_eq!(client.event().await, seq);
    }
    client.call(Ping::default()).await.unwrap();

    views(None);
    let mut stranger = Client::connect(stage.addr, Format::Json).await;
    stranger.call(open(2, &[(TALK, 2)])).await.unwrap();
    stranger.call(Ping::default()).await.unwrap();
}

#[tokio::test]
async fn who_joins_is_pushed_what_comes_from_there_on() {
    let stage = Stage::new().await;
    for _ in 0..5 {
        stage.stub.publish(TALK, Vec::new()).await;
    }
    let seen = Visible { from: 1, live: 4, until: None };
    stage.views.0.lock().unwrap().insert(TALK, Some(seen));
    let mut client = stage.person(1, Format::Json).await;
    let mine = vec![Channel::User(user(1))];
    // Here the first event was delivered, and what came then is missing; they joined with the 4th.
    stage.stub.missed(Missed { topic: TALK, after: 1, until: 5, since: 1, audience: mine }).await;
    assert_eq!(client.event().await, 4);
    assert_eq!(client.event().await, 5);
}

#[tokio::test]
async fn a_replay_is_pulled_as_the_client_reads() {
    let stage = Stage::new().await;
    let text = "x".repeat(8_000);
    for _ in 0..300 {
        stage.stub.publish_text(TALK, Vec::new(), text.clone()).await;
    }
    let mut client = Client::connect(stage.addr, Format::Json).await;
    client.call(open(1, &[(TALK, 0)])).await.unwrap();
    for seq in 1..=300 {
        assert_eq!(client.event().await, seq);
        assert!(stage.hub.outbox_bytes() <= 128 * 1024, "{}", stage.hub.outbox_bytes());
    }
    assert!(stage.log.reads.load(Ordering::SeqCst) >= 75, "pages are bounded by bytes");
}

#[tokio::test]
async fn a_replay_that_cannot_be_read_closes_4003() {
    let stage = Stage::new().await;
    stage.stub.publish(TALK, Vec::new()).await;
    stage.log.broken.store(true, Ordering::SeqCst);
    let mut client = Client::connect(stage.addr, Format::Json).await;
    client.call(open(1, &[(TALK, 0)])).await.unwrap();
    assert_eq!(client.closed().await, 4003);
}

#[tokio::test]
async fn a_revoked_channel_is_silent_at_once() {
    let stage = Stage::new().await;
    let mut client = stage.person(1, Format::Json).await;
    client.call(subscribe(1, None)).await.unwrap();
    let wall = vec![Channel::Group(group(1))];
    stage.stub.publish(Topic::Group(group(1)), wall.clone()).await;
    assert_eq!(client.event().await, 1);
    stage.hub.revoke(user(1), Channel::Group(group(1)));
    stage.stub.publish(Topic::Group(group(1)), wall).await;
    stage.stub.publish(TALK, vec![Channel::User(user(1))]).await;
    assert_eq!(client.hear().await, Heard::Event(TALK, 1));
}

#[tokio::test]
async fn a_revocation_stops_a_replay_that_is_under_way() {
    let stage = Stage::new().await;
    for _ in 0..10 {
        stage.stub.publish(Topic::Group(group(1)), Vec::new()).await;
    }
    let gate = Arc::new(Semaphore::new(0));
    *stage.log.gate.lock().unwrap() = Some(Arc::clone(&gate));
    let mut client = stage.person(1, Format::Json).await;
    client.call(subscribe(1, Some(0))).await.unwrap();
    client.call(Ping::default()).await.unwrap();
    stage.hub.revoke(user(1), Channel::Group(group(1)));
    gate.add_permits(10);
    stage.stub.publish(TALK, vec![Channel::User(user(1))]).await;
    assert_eq!(client.hear().await, Heard::Event(TALK, 1));
    client.call(Ping::default()).await.unwrap();
}

/// The strict form: whatever was queued for a client that does not read, and whatever is
/// published meanwhile, no byte of it is written after `revoke` returned.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_queued_before_a_revocation_is_not_written_after_it() {
    let stage = Stage::new().await;
    let mut client = stage.person(1, Format::MessagePack).await;
    client.call(subscribe(1, None)).await.unwrap();
    let text = "x".repeat(8_000);
    let wall = vec![Channel::Group(group(1))];
    // Until the kernel takes no more and some wait. The witness shows that each is delivered.
    let mut witness = stage.person(2, Format::Json).await;
    witness.call(subscribe(1, None)).await.unwrap();
    while stage.hub.outbox_bytes() < 64 * 1024 {
        stage.stub.publish_text(Topic::Group(group(1)), wall.clone(), text.clone()).await;
        witness.event().await;
    }
    stage.hub.revoke(user(1), Channel::Group(group(1)));
    // At most the frame of which a part is written.
    assert!(stage.hub.outbox_bytes() <= 64 * 1024, "{}", stage.hub.outbox_bytes());
    let last_published = stage.log.head(Topic::Group(group(1)));
    stage.stub.publish(TALK, vec![Channel::User(user(1))]).await;
    let mut last = 0;
    loop {
        match client.hear().await {
            Heard::Event(TALK, 1) => break,
            Heard::Event(_, seq) => {
                assert_eq!(seq, last + 1);
                last = seq;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(last < last_published);
}

#[tokio::test]
async fn the_newest_connection_of_a_device_wins() {
    let stage = Stage::new().await;
    let attempt = |attempt| Open { attempt: Some(attempt), ..open(1, &[]) };
    let mut first = Client::connect(stage.addr, Format::Json).await;
    first.call(attempt(1)).await.unwrap();
    let mut second = Client::connect(stage.addr, Format::Json).await;
    second.call(attempt(2)).await.unwrap();
    assert_eq!(first.closed().await, 4503);
    // A registration that comes late can't close a live one.
    let mut late = Client::connect(stage.addr, Format::Json).await;
    let id = late.ask(attempt(1)).await;
    assert_eq!(late.error().await, (Some(id), "conflict"));
    assert_eq!(late.closed().await, 4503);
    // The same attempt: the later one.
    let mut third = Client::connect(stage.addr, Format::Json).await;
    third.call(attempt(2)).await.unwrap();
    assert_eq!(second.closed().await, 4503);
    let mut tablet = Client::connect(stage.addr, Format::Json).await;
    tablet.open(user(1), "tablet").await;
    assert_eq!(stage.hub.links_of(user(1)).len(), 2);
    third.call(Ping::default()).await.unwrap();
}

#[tokio::test]
async fn a_person_has_20_connections_and_not_21() {
    let stage = Stage::new().await;
    let mut clients = Vec::new();
    for n in 0..20 {
        let mut client = Client::connect(stage.addr, Format::Json).await;
        client.open(user(1), &format!("device {n}")).await;
        clients.push(client);
    }
    let mut one_more = Client::connect(stage.addr, Format::Json).await;
    let id = one_more.ask(open(1, &[])).await;
    assert_eq!(one_more.error().await, (Some(id), "full"));
    clients.pop();
    stage.stub.ended_now.notified().await;
    let mut again = Client::connect(stage.addr, Format::Json).await;
    again.call(open(1, &[])).await.unwrap();
}

#[tokio::test]
async fn closing_a_person_closes_those_of_a_login_or_all() {
    let stage = Stage::new().await;
    let mut client = stage.person(1, Format::Json).await;
    let login = stage.hub.links_of(user(1))[0].session().unwrap().caller.login_id;
    let other = protocol::LoginId(uuid::Uuid::from_u128(1));
    let revoked = protocol::close::CloseCode::Revoked;
    stage.hub.close_user(user(1), Some(other), revoked);
    client.call(Ping::default()).await.unwrap();
    stage.hub.close_user(user(1), Some(login), revoked);
    assert_eq!(client.closed().await, 4502);
    let mut client = stage.person(1, Format::Json).await;
    stage.hub.close_user(user(1), None, protocol::close::CloseCode::Suspended);
    assert_eq!(client.closed().await, 4505);
}

#[tokio::test]
async fn signals_reach_all_but_their_sender() {
    let stage = Stage::new().await;
    let mut ann = stage.person(1, Format::Json).await;
    let mut ben = stage.person(2, Format::MessagePack).await;
    ann.call(subscribe(1, None)).await.unwrap();
    ben.call(subscribe(1, None)).await.unwrap();
    let typing = Signal::Typing(TypingNow { user_id: user(1) });
    let receipt = Signal::Receipt(Receipt { user_id: user(1), read: 1, delivered: 1 });
    let both = vec![Channel::User(user(1)), Channel::User(user(2))];
    for (audience, class, body) in [
        (both, Class::Signal, &typing),
        (vec![Channel::Group(group(1))], Class::Coalescing, &receipt),
    ] {
        let push = Push { topic: Some(TALK), seq: None, at: None, body: body.clone() };
        let notice = Notice { audience, except: Some(user(1)), class, push };
        stage.bus.send(Message::Notice(notice)).await.unwrap();
        assert_eq!(&ben.signal().await, body);
    }
    ann.call(Ping::default()).await.unwrap();
}

/// A thousand connections come, subscribe, hear and go, on several threads; all places are
/// right in the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn many_come_and_go_while_events_are_delivered() {
    let stage = Arc::new(Stage::new().await);
    let publisher = tokio::spawn({
        let stage = Arc::clone(&stage);
        async move {
            loop {
                let wall = vec![Channel::Group(group(1))];
                stage.stub.publish(Topic::Group(group(1)), wall).await;
                tokio::task::yield_now().await;
            }
        }
    });
    let mut people = Vec::new();
    for n in 0..8 {
        let stage = Arc::clone(&stage);
        people.push(tokio::spawn(async move {
            for round in 0..50_u128 {
                let mut client = stage.person(100 * n + round % 7, Format::MessagePack).await;
                let id = client.ask(subscribe(1, None)).await;
                assert_eq!(client.hear().await, Heard::Reply(Some(id), Ok(())));
                let first = client.event().await;
                for seq in first + 1..first + 10 {
                    assert_eq!(client.event().await, seq);
                }
            }
        }));
    }
    for person in people {
        person.await.unwrap();
    }
    publisher.abort();
    while stage.edge.connections() > 0 {
        tokio::task::yield_now().await;
    }
    for n in 0..8 {
        assert!(stage.hub.links_of(user(100 * n)).is_empty());
    }
    assert_eq!(stage.hub.outbox_bytes(), 0);
}

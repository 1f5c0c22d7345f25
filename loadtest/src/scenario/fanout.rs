//! `fanout`: a few people post to one group that everybody follows.

use super::{Crowd, Encoding, Load, SetupError, for_each, hold_load, pace};
use crate::oracle::Fault;
use crate::outbox::Sending;
use crate::person::{Hook, Person};
use crate::report::{Extra, real};
use crate::run::{Run, held};
use crate::settle::{read_back, settle};
use crate::tokens::Credentials;
use protocol::{Event, Push, Topic};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// The wall everybody looks at.
struct Wall {
    closed_loop: bool,
    users: u64,
    /// Posts as they arrive, counted over all people.
    arrived: AtomicU64,
    turn: AtomicUsize,
    topic: OnceLock<Topic>,
    publishers: OnceLock<Vec<Arc<Person>>>,
}

impl Wall {
    /// The next publisher posts.
    fn publish(&self, intended: Instant) {
        let (Some(topic), Some(publishers)) = (self.topic.get(), self.publishers.get()) else {
            return;
        };
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        if let Some(publisher) = publishers.get(turn % publishers.len().max(1)) {
            publisher.send(*topic, intended);
        }
    }
}

struct Reader(Arc<Wall>);

impl Hook for Reader {
    fn event(&mut self, person: &Arc<Person>, push: &Push<Event>) {
        if !matches!(push.body, Event::PostCreated(_)) {
            return;
        }
        // A post is under way until everybody has it.
        let arrived = self.0.arrived.fetch_add(1, Ordering::Relaxed) + 1;
        let complete = arrived.is_multiple_of(self.0.users);
        if self.0.closed_loop && complete && !person.run.load_is_over() {
            self.0.publish(Instant::now());
        }
    }

    fn answered(&mut self, person: &Arc<Person>, _sending: &Sending, ok: bool) {
        if !ok && self.0.closed_loop && !person.run.load_is_over() {
            let wall = Arc::clone(&self.0);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                wall.publish(Instant::now());
            });
        }
    }
}

/// See the module.
pub(crate) async fn run(
    run: &Arc<Run>,
    credentials: Vec<Credentials>,
    encoding: Encoding,
    load: Load,
    publishers: usize,
) -> Result<Extra, SetupError> {
    let mut crowd = Crowd::default();
    crowd.add(run, credentials, encoding);
    let wall = Arc::new(Wall {
        closed_loop: matches!(load, Load::Window(_)),
        users: crowd.people.len() as u64,
        arrived: AtomicU64::new(0),
        turn: AtomicUsize::new(0),
        topic: OnceLock::new(),
        publishers: OnceLock::new(),
    });
    for person in crowd.people.clone() {
        crowd.start(&person, Reader(Arc::clone(&wall)));
    }
    crowd.opened().await?;
    let topic = gather(run, &crowd.people).await?;
    let _ = wall.topic.set(topic);
    let _ = wall.publishers.set(crowd.people.iter().take(publishers).cloned().collect());

    let began = Instant::now();
    let posting = async {
        match load {
            Load::Rate(per_second) => {
                pace(run, began, per_second, 1, |_, at| wall.publish(at)).await;
            }
            Load::Window(window) => (0..window).for_each(|_| wall.publish(Instant::now())),
        }
    };
    tokio::join!(posting, hold_load(run, began));

    settle(run, &crowd.people).await;
    let events = read_back(run, &crowd.people, |t| t == topic).await;
    if held(&run.metrics).counts.acked == 0 {
        run.found(&"fanout", &Fault::NothingHappened);
    }
    crowd.leave().await;
    Ok(vec![("events_read_back", real(events)), ("subscribers", real(wall.users))])
}

/// The first person makes a group, all join it and follow its wall.
async fn gather(run: &Run, people: &[Arc<Person>]) -> Result<Topic, SetupError> {
    let Some(first) = people.first() else {
        return Err(SetupError::Usage("--users 0: nobody is there".to_owned()));
    };
    let create = protocol::groups::Create {
        client_id: run.client_id(),
        name: "Load test".to_owned(),
        description: None,
        kind: None,
        visibility: None,
        joining: None,
    };
    let made = first.call(create).await.map_err(SetupError::during("group.create"))?;
    let group_id = made.group.id;
    let topic = Topic::Group(group_id);
    for_each(people.iter().skip(1), async |person| {
        let join = protocol::groups::Join { group_id };
        person.call(join).await.map_err(SetupError::during("group.join"))
    })
    .await?;
    for person in people {
        person.subscribe(topic);
    }
    let began = Instant::now();
    while people.iter().any(|person| person.unanswered() > 0) {
        if began.elapsed() > run.settings.give_up {
            return Err(SetupError::Usage("topic.subscribe: no reply".to_owned()));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(topic)
}

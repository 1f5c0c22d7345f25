//! `chat`: people in pairs talk to one another.

use super::{Crowd, Encoding, Load, SetupError, for_each, hold_load, pace};
use crate::oracle::Fault;
use crate::outbox::Sending;
use crate::person::{Hook, Person};
use crate::report::Extra;
use crate::run::{Run, held};
use crate::settle::{read_back, settle};
use crate::tokens::Credentials;
use protocol::Topic;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A sender whose message was refused waits this long before the next one.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// Keeps a window of messages under way: the acknowledgement of one sends the next.
struct Talker {
    closed_loop: bool,
}

impl Hook for Talker {
    fn answered(&mut self, person: &Arc<Person>, sending: &Sending, ok: bool) {
        if !self.closed_loop || person.run.load_is_over() {
            return;
        }
        if ok {
            person.send(sending.topic, Instant::now());
            return;
        }
        let (person, topic) = (Arc::clone(person), sending.topic);
        tokio::spawn(async move {
            tokio::time::sleep(AFTER_REFUSAL).await;
            if !person.run.load_is_over() {
                person.send(topic, Instant::now());
            }
        });
    }
}

/// See the module.
pub(crate) async fn run(
    run: &Arc<Run>,
    credentials: Vec<Credentials>,
    encoding: Encoding,
    load: Load,
) -> Result<Extra, SetupError> {
    let mut crowd = Crowd::default();
    crowd.add(run, credentials, encoding);
    for person in crowd.people.clone() {
        crowd.start(&person, Talker { closed_loop: matches!(load, Load::Window(_)) });
    }
    crowd.opened().await?;
    let topics = open_conversations(run, &crowd.people).await?;

    let began = Instant::now();
    let talking = async {
        match load {
            Load::Rate(per_second) => {
                pace(run, began, per_second, crowd.people.len(), |who, at| {
                    if let (Some(person), Some(topic)) = (crowd.people.get(who), topics.get(who)) {
                        person.send(*topic, at);
                    }
                })
                .await;
            }
            Load::Window(window) => {
                for (person, topic) in crowd.people.iter().zip(&topics) {
                    (0..window).for_each(|_| person.send(*topic, Instant::now()));
                }
            }
        }
    };
    tokio::join!(talking, hold_load(run, began));

    settle(run, &crowd.people).await;
    let events = read_back(run, &crowd.people, |t| matches!(t, Topic::Conversation(_))).await;
    if held(&run.metrics).counts.acked == 0 {
        run.found(&"chat", &Fault::NothingHappened);
    }
    crowd.leave().await;
    Ok(vec![("events_read_back", crate::report::real(events))])
}

/// Both of a pair open their conversation at the same time. The topic of each person.
async fn open_conversations(run: &Run, people: &[Arc<Person>]) -> Result<Vec<Topic>, SetupError> {
    let topics = for_each(people, async |person| {
        // People are paired by index: 0 and 1, 2 and 3, …
        let other = people.get(person.index ^ 1).map_or(person.id, |other| other.id);
        let open = protocol::conversations::Open { user_id: other };
        let opened = person.call(open).await.map_err(SetupError::during("conversation.open"))?;
        let topic = Topic::Conversation(opened.conversation.id);
        person.knows_head(topic, opened.conversation.head_seq);
        Ok(topic)
    })
    .await?;
    for pair in topics.chunks(2) {
        if pair.first() != pair.last() {
            run.found(&"conversation.open", &Fault::TwoConversations);
        }
    }
    Ok(topics)
}

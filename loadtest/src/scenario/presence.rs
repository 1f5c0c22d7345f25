//! `presence`: people on one server stay away when it dies, and everybody else watches them.

use super::{Crowd, Encoding, SetupError, hold_load};
use crate::metrics::Measure;
use crate::oracle::Fault;
use crate::oracle::departures::Departures;
use crate::person::{Habits, Hook, Person};
use crate::report::{Extra, real};
use crate::run::{Run, held};
use crate::settle::settle;
use crate::tokens::Credentials;
use protocol::limits::WATCHED_USERS_MAX;
use protocol::presence::{State, Status, Watch};
use protocol::{Push, Signal, UserId};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Between two looks at who was told.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// What the command line settles for this scenario.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manners {
    /// How many stay away.
    pub(crate) silent: usize,
    /// The server that they are on, by its place.
    pub(crate) doomed: usize,
    /// Bound on the time until they are shown as gone.
    pub(crate) offline: Duration,
}

/// What all people of the run share.
struct Lookout {
    run: Arc<Run>,
    departures: Mutex<Departures>,
    /// Those who stay away, and as many of the others as one may watch.
    watched: Vec<UserId>,
    watching: AtomicUsize,
    /// It was judged: from now on people say goodbye.
    over: AtomicBool,
}

impl Lookout {
    fn now(&self) -> Duration {
        self.run.began.elapsed()
    }

    fn changed(&self, watcher: &Person, changes: &[State]) {
        let at = self.now();
        let mut departures = held(&self.departures);
        for State { user_id, status, .. } in changes {
            match departures.changed(watcher.id, *user_id, *status == Status::Offline, at) {
                Ok(Some(after)) => held(&self.run.metrics).record(Measure::Offline, after),
                Ok(None) => {}
                Err(fault) => self.run.found(&"presence.changed", &fault),
            }
        }
    }

    async fn watch(&self, watcher: &Person, first: bool) {
        let users = self.watched.iter().copied().filter(|user| *user != watcher.id).collect();
        let Ok(states) = watcher.call(Watch { users }).await else { return };
        {
            let at = self.now();
            let mut departures = held(&self.departures);
            for State { user_id, status, .. } in states.states {
                departures.shown(watcher.id, user_id, status == Status::Offline, at);
            }
        }
        if first {
            self.watching.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// A person who is watched, and watches unless they stay away.
struct Eyes {
    lookout: Arc<Lookout>,
    sessions: u32,
}

impl Hook for Eyes {
    fn opened(&mut self, person: &Arc<Person>) {
        self.sessions += 1;
        held(&self.lookout.departures).here(person.id, self.lookout.now());
        if person.habits.returns {
            let (lookout, person, first) =
                (Arc::clone(&self.lookout), Arc::clone(person), self.sessions == 1);
            tokio::spawn(async move { lookout.watch(&person, first).await });
        }
    }

    fn lost(&mut self, person: &Arc<Person>) {
        held(&self.lookout.departures).lost(person.id, self.lookout.now());
    }

    fn signal(&mut self, person: &Arc<Person>, push: &Push<Signal>) {
        if let Signal::PresenceChanged(changed) = &push.body
            && !self.lookout.over.load(Ordering::Acquire)
        {
            self.lookout.changed(person, &changed.changes);
        }
    }
}

/// See the module.
pub(crate) async fn run(
    run: &Arc<Run>,
    credentials: Vec<Credentials>,
    encoding: Encoding,
    manners: Manners,
) -> Result<Extra, SetupError> {
    let Manners { silent, doomed, offline } = manners;
    if silent == 0 || silent >= credentials.len() {
        let hint = "--silent has to be at least 1, and fewer than --users";
        return Err(SetupError::Usage(hint.to_owned()));
    }
    let mut crowd = Crowd::default();
    crowd.add_with(run, credentials, encoding, |index| {
        if index < silent { Habits { home: doomed, returns: false } } else { Habits::of(index) }
    });
    let (stay_away, others) = crowd.people.split_at(silent.min(crowd.people.len()));
    let lookout = Arc::new(Lookout {
        run: Arc::clone(run),
        departures: Mutex::new(Departures::new(stay_away.iter().map(|p| p.id).collect())),
        watched: crowd.people.iter().map(|p| p.id).take(WATCHED_USERS_MAX).collect(),
        watching: AtomicUsize::new(0),
        over: AtomicBool::new(false),
    });
    let watchers = others.to_vec();
    // Those who are watched are there before anybody looks.
    for person in crowd.people.clone() {
        crowd.start(&person, Eyes { lookout: Arc::clone(&lookout), sessions: 0 });
    }
    crowd.opened().await?;
    all_watch(&lookout, watchers.len()).await?;
    eprintln!("{silent} people stay away once their server dies, {} watch", watchers.len());

    let began = Instant::now();
    tokio::join!(hold_load(run, began), told(&lookout, silent));

    settle(run, &watchers).await;
    let lost = {
        let departures = held(&lookout.departures);
        for fault in departures.faults(offline) {
            run.found(&"presence", &fault);
        }
        departures.lost_count()
    };
    if lost == 0 {
        run.found(&"presence", &Fault::NothingHappened);
    }
    lookout.over.store(true, Ordering::Release);
    crowd.leave().await;
    let count = |n: usize| real(n as u64);
    Ok(vec![("stayed_away", count(lost)), ("watchers", count(watchers.len()))])
}

async fn all_watch(lookout: &Lookout, watchers: usize) -> Result<(), SetupError> {
    let began = Instant::now();
    while lookout.watching.load(Ordering::Acquire) < watchers {
        if began.elapsed() > lookout.run.settings.give_up {
            return Err(SetupError::Usage("presence.watch: no reply".to_owned()));
        }
        sleep(LOOK_INTERVAL).await;
    }
    Ok(())
}

/// Ends the load once everybody was told of all who stay away.
async fn told(lookout: &Lookout, silent: usize) {
    while !lookout.run.load_is_over() {
        {
            let departures = held(&lookout.departures);
            if departures.lost_count() == silent && departures.all_told() {
                break;
            }
        }
        sleep(LOOK_INTERVAL).await;
    }
    lookout.run.end_load();
}

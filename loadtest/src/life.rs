//! A person's life online: connect, open the session, talk until the connection ends, come
//! back after a while (protocol/README.md, "Close codes").

use crate::connection::{Connection, Ended, Source, Turn};
use crate::metrics::Measure;
use crate::person::{Hook, Person};
use crate::run::held;
use protocol::session::Close;
use protocol::{CommandFrame, ErrorCode};
use rand::RngExt;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio::time::{Instant as TokioInstant, sleep, timeout};

/// From dialling to the open session.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection that held this long begins a new series of waits.
const QUIET_AFTER: Duration = Duration::from_secs(30);
/// First upper bound of the wait before a reconnect.
const RECONNECT_FIRST: Duration = Duration::from_millis(500);
/// Between asking for a sign of life and giving up on the connection.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for the last words.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);

/// Waits before reconnects: `rand(0, min(max, 0.5 s · 2^n))`.
struct Waits {
    n: u32,
    max: Duration,
}

impl Waits {
    fn next(&mut self) -> Duration {
        let bound = RECONNECT_FIRST.saturating_mul(2_u32.saturating_pow(self.n)).min(self.max);
        self.n = self.n.saturating_add(1);
        bound.mul_f64(rand::rng().random())
    }
}

/// How one connection went.
enum Talk {
    Stopped,
    Ended(Ended),
    /// `session.open` was refused.
    NoSession(protocol::Error),
}

/// Starts a person on a task of their own.
pub(crate) fn start(person: &Arc<Person>, hook: impl Hook + 'static) -> JoinHandle<()> {
    let person = Arc::clone(person);
    tokio::spawn(live(person, Box::new(hook)))
}

/// A session that was lost.
struct Loss {
    at: Instant,
    by: SocketAddr,
    /// The server had said goodbye.
    sent_away: bool,
}

/// The servers, one after another.
struct Servers {
    all: Vec<SocketAddr>,
    place: usize,
}

impl Servers {
    fn new(all: &[SocketAddr], home: usize) -> Self {
        Self { all: all.to_vec(), place: home % all.len().max(1) }
    }

    fn current(&self) -> SocketAddr {
        self.all.get(self.place).copied().unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// Another one, if there is one; each equally often, so that they share what one has lost.
    fn turn_away(&mut self) {
        let others = self.all.len().saturating_sub(1);
        if others > 0 {
            self.place = (self.place + 1 + rand::rng().random_range(0..others)) % self.all.len();
        }
    }
}

async fn live(person: Arc<Person>, mut hook: Box<dyn Hook>) {
    let settings = &person.run.settings;
    let (give_up, mut waits) = (settings.give_up, Waits { n: 0, max: settings.reconnect_max });
    let mut servers = Servers::new(&settings.targets, person.habits.home);
    let mut last_open = Instant::now();
    let mut loss = None;
    while !person.stopping() {
        let began = Instant::now();
        let talk = talk(&person, hook.as_mut(), servers.current(), &mut loss).await;
        let was_open = person.is_open();
        if was_open {
            last_open = Instant::now();
            if began.elapsed() >= QUIET_AFTER {
                waits.n = 0;
            }
        }
        let mut asked_to_wait = person.disconnected();
        if was_open && !matches!(talk, Talk::Stopped) {
            let (by, sent_away) = (servers.current(), asked_to_wait.is_some());
            held(&person.run.metrics).lost_by(by);
            loss = Some(Loss { at: last_open, by, sent_away });
            hook.lost(&person);
        }
        match talk {
            Talk::Stopped => return,
            Talk::Ended(ended) => {
                ended.count(&person.run);
                if ended.is_final() {
                    return person.gone(format!("closed with {}", ended.word()));
                }
            }
            Talk::NoSession(error) => {
                let word = format!("session.open: {}", error.code.word());
                *held(&person.run.metrics).closes.entry(word).or_default() += 1;
                if !error.retryable && error.code != ErrorCode::Internal {
                    return person.gone(format!("session.open: {error}"));
                }
                asked_to_wait = asked_to_wait.or(error.retry_after_ms.map(Duration::from_millis));
            }
        }
        if !person.habits.returns {
            return person.stays_away();
        }
        if last_open.elapsed() > give_up {
            return person.gone(format!("no session within {} s", give_up.as_secs()));
        }
        servers.turn_away();
        let wait = asked_to_wait.unwrap_or_else(|| waits.next());
        // A stop ends the wait.
        let _ = timeout(wait, person.stop.notified()).await;
    }
}

async fn talk(
    person: &Arc<Person>,
    hook: &mut dyn Hook,
    target: SocketAddr,
    loss: &mut Option<Loss>,
) -> Talk {
    let Ok(dial) = person.run.dials.acquire().await else { return Talk::Stopped };
    let began = Instant::now();
    let late = || Talk::Ended(Ended::Broken("no session in time"));
    let opening = timeout(CONNECT_TIMEOUT, async {
        let mut connection = match Connection::dial(target, person.index, person.format).await {
            Ok(connection) => connection,
            Err(ended) => return Err(Talk::Ended(ended)),
        };
        person.connecting();
        while !person.is_open() {
            if let Some(end) = turn(&mut connection, person, hook).await {
                return Err(end);
            }
        }
        Ok(connection)
    });
    let connection = match opening.await {
        Ok(Ok(connection)) => connection,
        Ok(Err(talk)) => return talk,
        Err(_) => return late(),
    };
    drop(dial);
    {
        let mut metrics = held(&person.run.metrics);
        metrics.record(Measure::Connect, began.elapsed());
        metrics.opened_on(target);
        if let Some(Loss { at, by, sent_away }) = loss.take() {
            let measure = if sent_away { Measure::Moved } else { Measure::Back };
            metrics.back_from(by, measure, at.elapsed());
        }
    }
    stay(connection, person, hook).await
}

/// Talks until the connection ends, or nothing is heard on it and there is no answer.
async fn stay(mut connection: Connection, person: &Arc<Person>, hook: &mut dyn Hook) -> Talk {
    let quiet = person.run.settings.quiet;
    let mut look = pin!(sleep(quiet));
    let (mut heard, mut asked) = (connection.heard(), false);
    loop {
        let end = tokio::select! {
            biased;
            end = turn(&mut connection, person, hook) => end,
            () = person.breaks.notified() => Some(Talk::Ended(Ended::Broken("on purpose"))),
            () = &mut look => {
                if heard != connection.heard() {
                    (heard, asked) = (connection.heard(), false);
                    look.as_mut().reset(TokioInstant::now() + quiet);
                    None
                } else if asked {
                    Some(Talk::Ended(Ended::Broken("quiet")))
                } else {
                    asked = true;
                    person.ping();
                    look.as_mut().reset(TokioInstant::now() + ANSWER_TIMEOUT);
                    None
                }
            }
        };
        match end {
            None => {}
            Some(Talk::Stopped) => {
                let frame = CommandFrame { id: u32::MAX, command: Close {}.into() };
                let goodbye = connection.goodbye(person.format.encode(&frame));
                let _ = timeout(GOODBYE_TIMEOUT, goodbye).await;
                return Talk::Stopped;
            }
            Some(end) => return end,
        }
    }
}

async fn turn(
    connection: &mut Connection,
    person: &Arc<Person>,
    hook: &mut dyn Hook,
) -> Option<Talk> {
    match connection.turn(person).await {
        Turn::Message(message) => person.message(hook, &message).err().map(Talk::NoSession),
        Turn::Ended(ended) => Some(Talk::Ended(ended)),
        Turn::Stopped => Some(Talk::Stopped),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_followed_by_another_server() {
        let all: Vec<SocketAddr> =
            (1..=3).map(|port| SocketAddr::from(([127, 0, 0, 1], port))).collect();
        let mut servers = Servers::new(&all, 4);
        assert_eq!(servers.current().port(), 2);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..60 {
            let before = servers.current();
            servers.turn_away();
            assert_ne!(servers.current(), before);
            seen.insert(servers.current());
        }
        assert_eq!(seen.len(), 3);
        let mut only = Servers::new(&all[..1], 4);
        only.turn_away();
        assert_eq!(only.current().port(), 1);
    }

    #[test]
    fn waits_grow_to_their_bound_and_not_past_it() {
        let mut waits = Waits { n: 0, max: Duration::from_secs(20) };
        for n in 0..40 {
            let bound = (0.5 * 2_f64.powi(n)).min(20.0);
            assert!(waits.next() <= Duration::from_secs_f64(bound));
        }
        let mut short = Waits { n: 30, max: Duration::from_millis(50) };
        assert!(short.next() <= Duration::from_millis(50));
    }
}

//! A person's life online: connect, open the session, talk until the connection ends, come
//! back after a while (protocol.md, "Close codes").

use crate::connection::{Connection, Ended, Source, Turn};
use crate::metrics::Measure;
use crate::person::{Hook, Person};
use crate::run::held;
use protocol::session::Close;
use protocol::{CommandFrame, ErrorCode};
use rand::RngExt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// From dialling to the open session.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection that held this long begins a new series of waits.
const QUIET_AFTER: Duration = Duration::from_secs(30);
/// First upper bound of the wait before a reconnect.
const RECONNECT_FIRST: Duration = Duration::from_millis(500);
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

async fn live(person: Arc<Person>, mut hook: Box<dyn Hook>) {
    let settings = &person.run.settings;
    let (give_up, mut waits) = (settings.give_up, Waits { n: 0, max: settings.reconnect_max });
    let mut last_open = Instant::now();
    while !person.stopping() {
        let began = Instant::now();
        let talk = talk(&person, hook.as_mut()).await;
        if person.is_open() {
            last_open = Instant::now();
            if began.elapsed() >= QUIET_AFTER {
                waits.n = 0;
            }
        }
        let mut asked_to_wait = person.disconnected();
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
        if last_open.elapsed() > give_up {
            return person.gone(format!("no session within {} s", give_up.as_secs()));
        }
        let wait = asked_to_wait.unwrap_or_else(|| waits.next());
        // A stop ends the wait.
        let _ = timeout(wait, person.stop.notified()).await;
    }
}

async fn talk(person: &Arc<Person>, hook: &mut dyn Hook) -> Talk {
    let Ok(dial) = person.run.dials.acquire().await else { return Talk::Stopped };
    let began = Instant::now();
    let late = || Talk::Ended(Ended::Broken("no session in time"));
    let opening = timeout(CONNECT_TIMEOUT, async {
        let mut connection = match Connection::dial(&person.run, person.index, person.format).await
        {
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
    let mut connection = match opening.await {
        Ok(Ok(connection)) => connection,
        Ok(Err(talk)) => return talk,
        Err(_) => return late(),
    };
    drop(dial);
    held(&person.run.metrics).record(Measure::Connect, began.elapsed());
    loop {
        match turn(&mut connection, person, hook).await {
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

//! What simulated people do. A scenario makes its people, drives them for a while, and has the
//! oracle judge what came of it.

pub(crate) mod chat;
pub(crate) mod fanout;
pub(crate) mod idle;
pub(crate) mod presence;
pub(crate) mod support;

use crate::arrivals::Arrivals;
use crate::life;
use crate::person::{CallError, Habits, Hook, Person};
use crate::run::{Run, held};
use crate::tokens::{Credentials, TokensError};
use protocol::Format;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio::time::{Instant as TokioInstant, sleep, sleep_until, timeout};

/// Commands of setting up that are under way at a time.
const SETUP_COMMANDS: usize = 64;
/// For everybody to say goodbye.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a run could not begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    #[error(transparent)]
    Tokens(#[from] TokensError),
    #[error("{0}")]
    Usage(String),
    #[error("{what}: {error}")]
    Refused { what: &'static str, error: CallError },
}

impl SetupError {
    /// Says what was being done.
    fn during(what: &'static str) -> impl FnOnce(CallError) -> Self {
        move |error| Self::Refused { what, error }
    }
}

/// Which encodings people speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Encoding {
    /// JSON in text frames.
    Json,
    /// `MessagePack` in binary frames.
    Msgpack,
    /// By turns.
    Both,
}

impl Encoding {
    /// What the person at `index` speaks.
    pub(crate) const fn format(self, index: usize) -> Format {
        match self {
            Self::Json => Format::Json,
            Self::Both if index.is_multiple_of(2) => Format::Json,
            Self::Msgpack | Self::Both => Format::MessagePack,
        }
    }

    /// As it is given on the command line.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Msgpack => "msgpack",
            Self::Both => "both",
        }
    }
}

/// How much is asked of the server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Load {
    /// Open arrivals, messages per second in all.
    Rate(f64),
    /// Closed loop: so many under way.
    Window(usize),
}

/// The people of a run and their tasks.
#[derive(Default)]
pub(crate) struct Crowd {
    pub(crate) people: Vec<Arc<Person>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Crowd {
    /// Adds people, whose indices go on from those who are there; nobody connects yet.
    pub(crate) fn add(
        &mut self,
        run: &Arc<Run>,
        credentials: Vec<Credentials>,
        encoding: Encoding,
    ) {
        self.add_with(run, credentials, encoding, Habits::of);
    }

    /// The same; `habits` by index.
    pub(crate) fn add_with(
        &mut self,
        run: &Arc<Run>,
        credentials: Vec<Credentials>,
        encoding: Encoding,
        habits: impl Fn(usize) -> Habits,
    ) {
        for credentials in credentials {
            let index = self.people.len();
            let format = encoding.format(index);
            self.people.push(Person::new(run, index, credentials, format, habits(index)));
        }
    }

    /// Connects one of them.
    pub(crate) fn start(&mut self, person: &Arc<Person>, hook: impl Hook + 'static) {
        self.tasks.push(life::start(person, hook));
    }

    /// Waits until all have a session.
    pub(crate) async fn opened(&self) -> Result<(), SetupError> {
        for person in &self.people {
            person.opened().await.map_err(SetupError::during("connecting"))?;
        }
        Ok(())
    }

    /// Everybody says goodbye.
    pub(crate) async fn leave(self) {
        for person in &self.people {
            person.leave();
        }
        let _ = timeout(GOODBYE_TIMEOUT, futures_util::future::join_all(self.tasks)).await;
    }
}

/// Runs `each` for everybody, some at a time; the first error ends it.
async fn for_each<T, R, F>(
    items: impl IntoIterator<Item = T>,
    each: impl Fn(T) -> F,
) -> Result<Vec<R>, SetupError>
where
    F: Future<Output = Result<R, SetupError>>,
{
    use futures_util::{StreamExt as _, TryStreamExt as _};
    futures_util::stream::iter(items).map(each).buffered(SETUP_COMMANDS).try_collect().await
}

/// Waits out the time of the load, then ends it. A Ctrl-C ends it too.
async fn hold_load(run: &Run, began: Instant) {
    let over = TokioInstant::from_std(began + run.settings.load);
    tokio::select! {
        () = sleep_until(over) => {}
        () = run.load_ended() => {}
    }
    run.end_load();
    held(&run.metrics).load_ended(began.elapsed());
}

/// Calls `each` with a random index below `below` and the moment it should have happened, at
/// every arrival until the load is over.
async fn pace(
    run: &Run,
    began: Instant,
    per_second: f64,
    below: usize,
    mut each: impl FnMut(usize, Instant),
) {
    let mut arrivals = Arrivals::new(run.settings.seed, per_second);
    while let Some(after) = arrivals.next() {
        let at = began + after;
        if after >= run.settings.load || run.load_is_over() {
            return;
        }
        let now = Instant::now();
        if at > now {
            // The timer ticks in milliseconds: what falls into one tick is sent together, and
            // measured from its own moment.
            sleep(at - now).await;
        }
        each(arrivals.pick(below), at);
    }
}

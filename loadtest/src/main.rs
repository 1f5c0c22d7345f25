//! `loadtest`: simulated people against a running Sanctuary server, over real sockets and in
//! both encodings, and an oracle that says whether anything was lost.
//!
//! Ends with 0 when the oracle found nothing, 1 when it found something, 2 when the run could
//! not begin. It knows the protocol and nothing of the server behind it.

mod arrivals;
mod connection;
mod life;
mod memo;
mod metrics;
mod oracle;
mod outbox;
mod person;
mod progress;
mod report;
mod run;
mod scenario;
mod settle;
mod tokens;

use clap::{Args, Parser, Subcommand};
use report::{About, Extra, Report};
use run::{Run, Settings, held};
use scenario::support::Manners;
use scenario::{Encoding, Load, SetupError, chat, fanout, idle, presence, support};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// The oracle found something.
const EXIT_FINDINGS: u8 = 1;
/// The run could not begin.
const EXIT_SETUP: u8 = 2;
/// Messages a second for each person, where neither a rate nor a window is given.
const RATE_PER_PERSON: f64 = 0.5;

/// Simulated people against a running Sanctuary server.
#[derive(Parser)]
#[command(name = "loadtest", version, arg_required_else_help = true)]
#[command(after_help = "Ends with 0 when the oracle found nothing, 1 when it found something, \
                        2 when the run could not begin.")]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Args)]
struct Common {
    /// The server, or several with commas between; loopback only. People are spread over them,
    /// and whoever loses one goes to another.
    #[arg(long, global = true, default_value = "127.0.0.1:8080", value_delimiter = ',')]
    target: Vec<SocketAddr>,
    /// People, as `sanctuary user create --count N --tokens FILE` writes them.
    #[arg(long, global = true, value_name = "FILE")]
    tokens: Option<PathBuf>,
    /// How many people; in `support` the members.
    #[arg(long, global = true, default_value_t = 100)]
    users: usize,
    /// How long the load lasts, seconds.
    #[arg(long, global = true, default_value_t = 10.0)]
    seconds: f64,
    /// What people speak.
    #[arg(long, global = true, value_enum, default_value = "both")]
    encoding: Encoding,
    /// The same arrivals and picks for the same seed.
    #[arg(long, global = true, default_value_t = 1)]
    seed: u64,
    /// Characters of a message, at least 18.
    #[arg(long, global = true, default_value_t = 128, value_name = "CHARS")]
    size: usize,
    /// Threads of the generator.
    #[arg(long, global = true, default_value_t = 1)]
    threads: usize,
    /// One JSON object on stdout instead of a table, and no progress bar.
    #[arg(long, global = true)]
    json: bool,
    /// Longest wait before a reconnect, milliseconds.
    #[arg(long, global = true, default_value_t = 20_000)]
    reconnect_max_ms: u64,
    /// A server that is away for longer than this is gone, milliseconds.
    #[arg(long, global = true, default_value_t = 60_000)]
    give_up_ms: u64,
    /// A person who hears nothing for so long asks, and leaves if there is no answer, milliseconds.
    #[arg(long, global = true, default_value_t = 37_500)]
    quiet_ms: u64,
    /// What was acknowledged has to be everywhere within this, milliseconds.
    #[arg(long, global = true, default_value_t = 5_000)]
    settle_ms: u64,
    /// Connections that are being opened at a time.
    #[arg(long, global = true, default_value_t = 200)]
    dials: usize,
}

#[derive(Subcommand)]
enum Scenario {
    /// People in pairs talk to one another.
    Chat(LoadArgs),
    /// Members ask, coaches answer.
    Support(SupportArgs),
    /// Open sessions that do nothing.
    Idle(IdleArgs),
    /// Posts to one group that everybody follows.
    Fanout(FanoutArgs),
    /// Who is shown as gone after a server died, and when.
    Presence(PresenceArgs),
}

#[derive(Args)]
struct LoadArgs {
    /// Open arrivals (Poisson): messages a second in all. Without this and `--window`: one
    /// every two seconds a person.
    #[arg(long, conflicts_with = "window")]
    rate: Option<f64>,
    /// Closed loop: so many messages under way; `chat`: per sender, `fanout`: in all.
    #[arg(long)]
    window: Option<usize>,
}

#[derive(Args)]
struct SupportArgs {
    /// How many coaches.
    #[arg(long, default_value_t = 10)]
    coaches: usize,
    /// Coaches, as `sanctuary user create --role coach --count N --tokens FILE` writes them.
    #[arg(long, value_name = "FILE")]
    coach_tokens: PathBuf,
    /// Messages of the member before the coach closes.
    #[arg(long, default_value_t = 3)]
    exchanges: u32,
    /// A coach claims one of so many at the front of the queue; 1 is the fiercest race.
    #[arg(long, default_value_t = 8)]
    reach: usize,
    /// People a coach answers at once; the server's default if absent.
    #[arg(long)]
    capacity: Option<u32>,
}

#[derive(Args)]
struct IdleArgs {
    /// The server's process: its memory and processor time are printed.
    #[arg(long)]
    pid: Option<u32>,
}

#[derive(Args)]
struct FanoutArgs {
    #[command(flatten)]
    load: LoadArgs,
    /// How many of the people post.
    #[arg(long, default_value_t = 4)]
    publishers: usize,
}

#[derive(Args)]
struct PresenceArgs {
    /// How many of the people do not come back when they lose their server.
    #[arg(long, default_value_t = 10)]
    silent: usize,
    /// The server that they are on, one of `--target`; the last one if absent.
    #[arg(long)]
    doomed: Option<SocketAddr>,
    /// Whoever stays away has to be shown as gone within this, milliseconds.
    #[arg(long, default_value_t = 50_000)]
    offline_ms: u64,
}

impl LoadArgs {
    fn load(&self, otherwise: f64) -> Result<Load, SetupError> {
        match (self.rate, self.window) {
            (Some(rate), _) if rate > 0.0 && rate.is_finite() => Ok(Load::Rate(rate)),
            (None, Some(window)) if window > 0 => Ok(Load::Window(window)),
            (None, None) => Ok(Load::Rate(otherwise)),
            _ => Err(SetupError::Usage("--rate and --window have to be above zero".to_owned())),
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut builder = match cli.common.threads {
        0 | 1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.worker_threads(cli.common.threads.max(1)).enable_all();
    let outcome = match builder.build() {
        Ok(runtime) => runtime.block_on(begin(&cli)),
        Err(error) => Err(SetupError::Usage(format!("no runtime: {error}"))),
    };
    match outcome {
        Ok(report) => {
            if cli.common.json {
                println!("{}", serde_json::json!(report));
            } else {
                println!("{report}");
            }
            if report.clean { ExitCode::SUCCESS } else { EXIT_FINDINGS.into() }
        }
        Err(error) => {
            eprintln!("loadtest: {error}");
            EXIT_SETUP.into()
        }
    }
}

async fn begin(cli: &Cli) -> Result<Report, SetupError> {
    let run = Run::new(settings(&cli.common)?);
    let progress = (!cli.common.json).then(|| progress::show(&run));
    let stopper = {
        let run = Arc::clone(&run);
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                run.end_load();
            }
        })
    };
    let outcome = play(cli, &run).await;
    stopper.abort();
    if let Some(progress) = progress {
        progress.clear();
    }
    let about = About {
        scenario: match cli.scenario {
            Scenario::Chat(_) => "chat",
            Scenario::Support(_) => "support",
            Scenario::Idle(_) => "idle",
            Scenario::Fanout(_) => "fanout",
            Scenario::Presence(_) => "presence",
        },
        users: cli.common.users,
        encoding: cli.common.encoding.word(),
        threads: cli.common.threads.max(1),
    };
    let extra = outcome?;
    Ok(Report::new(&about, &held(&run.metrics), extra, run.findings()))
}

async fn play(cli: &Cli, run: &Arc<Run>) -> Result<Extra, SetupError> {
    let Common { users, encoding, tokens: file, .. } = &cli.common;
    let (users, encoding) = (*users, *encoding);
    let file = file.as_deref().ok_or_else(|| {
        let hint = "--tokens FILE is missing; make one: sanctuary user create --count";
        SetupError::Usage(format!("{hint} {users} --tokens FILE"))
    })?;
    let people = tokens::read(file, users)?;
    match &cli.scenario {
        Scenario::Chat(args) => {
            if users == 0 || !users.is_multiple_of(2) {
                return Err(SetupError::Usage("--users has to be even: people pair up".to_owned()));
            }
            let otherwise = RATE_PER_PERSON * report::real(users as u64);
            chat::run(run, people, encoding, args.load(otherwise)?).await
        }
        Scenario::Support(args) => {
            let coaches = tokens::read(&args.coach_tokens, args.coaches)?;
            let manners = Manners {
                exchanges: args.exchanges,
                reach: args.reach.max(1),
                capacity: args.capacity,
            };
            support::run(run, people, coaches, encoding, manners).await
        }
        Scenario::Idle(args) => idle::run(run, people, encoding, args.pid).await,
        Scenario::Fanout(args) => {
            let load = args.load.load(1.0)?;
            fanout::run(run, people, encoding, load, args.publishers.max(1)).await
        }
        Scenario::Presence(args) => {
            let doomed = args.doomed.or_else(|| cli.common.target.last().copied());
            let place = cli.common.target.iter().position(|target| Some(*target) == doomed);
            let doomed = place.ok_or_else(|| {
                SetupError::Usage("--doomed has to be one of --target".to_owned())
            })?;
            let offline = Duration::from_millis(args.offline_ms);
            let manners = presence::Manners { silent: args.silent, doomed, offline };
            presence::run(run, people, encoding, manners).await
        }
    }
}

fn settings(common: &Common) -> Result<Settings, SetupError> {
    if !common.target.iter().all(|target| target.ip().is_loopback()) {
        return Err(SetupError::Usage("--target has to be a loopback address".to_owned()));
    }
    let load = Duration::try_from_secs_f64(common.seconds)
        .map_err(|_| SetupError::Usage("--seconds has to be a number of seconds".to_owned()))?;
    Ok(Settings {
        targets: common.target.clone(),
        load,
        seed: common.seed,
        text_chars: common.size,
        reconnect_max: Duration::from_millis(common.reconnect_max_ms),
        give_up: Duration::from_millis(common.give_up_ms),
        quiet: Duration::from_millis(common.quiet_ms),
        settle: Duration::from_millis(common.settle_ms),
        dials: common.dials,
    })
}

//! The `sanctuary` command: understands its words and calls the app.

use sanctuary::app::{self, App, Core};
use sanctuary::cli::{self, CliError, Task};
use sanctuary::config::{self, Settings};
use sanctuary::demo;
use sanctuary::http::Metrics;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Keeps an idle connection small: glibc's allocator holds on to what a wave of upgrades used.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Something that ends the process, in words for the one who started it.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let invocation = match cli::parse(std::env::args_os(), std::env::vars()) {
        Ok(invocation) => invocation,
        Err(CliError::Words(error)) => error.exit(),
        Err(CliError::Settings(error)) => {
            eprintln!("sanctuary: {error}");
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("sanctuary: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(run(invocation.task, &invocation.settings));
    // After a second signal nobody waits for what still runs.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sanctuary: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(task: Task, settings: &Settings) -> Result<(), Failure> {
    match task {
        Task::CheckConfig => say(&settings.describe()),
        Task::User(task) => {
            let core = Core::open(settings, app::clock(settings)).await?;
            let found = async |users: &[protocol::UserId]| core.index_people(users).await;
            let answer = cli::user(task, core.accounts(), found).await;
            let told = core.close().await;
            say(&answer?)?;
            if let Err(untold) = told {
                eprintln!("sanctuary: {untold}");
            }
            Ok(())
        }
        Task::Serve => serve(settings, false).await,
        Task::Demo => serve(settings, true).await,
    }
}

async fn serve(settings: &Settings, with_demo: bool) -> Result<(), Failure> {
    tracing_subscriber::fmt()
        .with_env_filter(config::log_filter(&settings.log)?)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;

    let app = App::start(settings, Metrics::install()?).await?;
    let address = app.address();
    let scheme = if settings.tls_cert.is_some() { "https" } else { "http" };
    say(&format!("listening on {scheme}://{address}\n"))?;
    if with_demo {
        say(&demo::start(&app, &format!("{scheme}://{address}")).await?)?;
    } else {
        say(&format!("open {scheme}://{address}/ in a browser, or try: sanctuary demo\n"))?;
    }

    either(&mut terminate, &mut interrupt).await;
    tracing::info!("going down; a second signal ends at once");
    tokio::select! {
        () = app.drain() => {}
        () = either(&mut terminate, &mut interrupt) => {}
    }
    Ok(())
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

fn say(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

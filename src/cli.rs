//! The command line: what is asked for, and with which settings.
//!
//! `sanctuary [serve|demo|check-config|user …] [--setting value …]`. Every setting has a flag.
//! The `user` commands work on the data folder, beside a running server or without one.

use crate::auth::{Role, TOKEN_TTL_MAX_MS, owner_only};
use crate::config::{ConfigError, Setting, Settings, Sources, TABLE};
use crate::error::Result;
use crate::features::accounts::{Accounts, NewPeople};
use clap::{Arg, ArgMatches, Command, FromArgMatches as _, Subcommand};
use protocol::{Error, ErrorCode, UserId};
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// People that one `user create` makes.
pub const PEOPLE_MAX: u32 = 1_000_000;
/// The longest life of a token, in minutes.
const TTL_MIN_MAX: i64 = TOKEN_TTL_MAX_MS / 60_000;
/// Names of the flags: the command line wants names that live as long as the program.
static FLAGS: LazyLock<Vec<(&'static Setting, String)>> =
    LazyLock::new(|| TABLE.iter().map(|setting| (setting, setting.flag())).collect());
/// A minute.
const MINUTE_MS: i64 = 60_000;

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Task {
    /// Serve (what is done where nothing is said)
    Serve,
    /// Serve, with a few people who talk gently
    Demo,
    /// Print the settings in effect and where they come from
    CheckConfig,
    /// People, on the data folder
    #[command(subcommand)]
    User(UserTask),
}

/// What to do with people.
#[derive(Debug, Clone, Subcommand)]
pub enum UserTask {
    /// Give a person a role, or take it away
    SetRole {
        /// The person's e-mail address
        email: String,
        /// member, trainee, coach, moderator or admin
        #[arg(value_parser = role)]
        role: Role,
        /// Take it away
        #[arg(long)]
        remove: bool,
    },
    /// Print an access token of a person, for scripts
    Token {
        /// The person's e-mail address
        email: String,
        /// How long it lives, in minutes
        #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(i64).range(1..=TTL_MIN_MAX))]
        ttl_min: i64,
    },
    /// Make people for load tests, without passwords
    Create {
        /// How many
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(PEOPLE_MAX)))]
        count: u32,
        /// A role, beside member
        #[arg(long, value_parser = role)]
        role: Option<Role>,
        /// Where to write a line for each: user id, space, access token
        #[arg(long)]
        tokens: PathBuf,
        /// How long the tokens live, in minutes
        #[arg(long, default_value_t = 1_440, value_parser = clap::value_parser!(i64).range(1..=TTL_MIN_MAX))]
        ttl_min: i64,
        /// Their addresses are load-PREFIX-N@example.invalid; a fresh prefix where none is given
        #[arg(long, value_parser = prefix)]
        prefix: Option<String>,
    },
}

/// A command line, understood.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// What to do.
    pub task: Task,
    /// With which settings.
    pub settings: Settings,
}

/// Why a command line is not understood.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The words. Also a call for help, which is none: `exit` prints it where it belongs.
    #[error(transparent)]
    Words(#[from] clap::Error),
    /// The settings.
    #[error(transparent)]
    Settings(#[from] ConfigError),
}

fn role(word: &str) -> std::result::Result<Role, String> {
    Role::from_word(word)
        .ok_or_else(|| format!("a role is one of {}", Role::ALL.map(Role::word).join(", ")))
}

fn prefix(word: &str) -> std::result::Result<String, String> {
    let fits = (1..=32).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if fits { Ok(word.to_owned()) } else { Err("1 to 32 of a–z and 0–9".to_owned()) }
}

fn command() -> Command {
    let settings = FLAGS.iter().map(|(setting, flag)| {
        Arg::new(setting.key)
            .long(flag.as_str())
            .value_name("VALUE")
            .help(setting.about.trim())
            .help_heading("Settings")
            .global(true)
    });
    let file = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .help("Read settings from a TOML file.")
        .help_heading("Settings")
        .global(true);
    let command = Command::new("sanctuary")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A realtime chat, presence and support-desk server for a coaching sanctuary.")
        .arg(file)
        .args(settings);
    Task::augment_subcommands(command).subcommand_required(false).arg_required_else_help(false)
}

/// Understands a command line. `env`: all variables there are.
pub fn parse(
    words: impl IntoIterator<Item = OsString>,
    env: impl IntoIterator<Item = (String, String)>,
) -> std::result::Result<Invocation, CliError> {
    let matches = command().try_get_matches_from(words)?;
    let task = match matches.subcommand_name() {
        Some(_) => Task::from_arg_matches(&matches)?,
        None => Task::Serve,
    };
    let leaf = leaf(&matches);
    let text = |key: &str| leaf.get_one::<String>(key).cloned();
    let flags = TABLE.iter().filter_map(|setting| Some((setting.key, text(setting.key)?)));
    let sources = Sources::new(flags.collect(), text("config").map(PathBuf::from), env)?;
    Ok(Invocation { task, settings: Settings::load(&sources)? })
}

/// Flags of settings stand anywhere; the innermost command knows them all.
fn leaf(matches: &ArgMatches) -> &ArgMatches {
    matches.subcommand().map_or(matches, |(_, inner)| leaf(inner))
}

/// Carries out a `user` command; the answer is for stdout. People who were made are given to
/// `found`, so that searches find them: once for all of them, since that is much faster than an
/// effect of each account. If it breaks off, the same prefix again makes up for it.
pub async fn user(
    task: UserTask,
    accounts: &Accounts,
    found: impl AsyncFnOnce(&[UserId]) -> Result<()>,
) -> Result<String> {
    match task {
        UserTask::SetRole { email, role, remove } => {
            let user_id = known(accounts, &email).await?;
            let roles = accounts.set_role(user_id, role, !remove).await?;
            Ok(format!("{user_id} {}\n", roles.words().join(",")))
        }
        UserTask::Token { email, ttl_min } => {
            let user_id = known(accounts, &email).await?;
            let issued = accounts.token_for(user_id, ttl_min * MINUTE_MS).await?;
            Ok(format!("{}\n", issued.token))
        }
        UserTask::Create { count, role, tokens, ttl_min, prefix } => {
            let people = NewPeople { count, role, prefix, ttl_ms: ttl_min * MINUTE_MS };
            let made = accounts.create_people(people).await?;
            let users: Vec<UserId> = made.iter().map(|(user, _)| *user).collect();
            found(&users).await?;
            write_tokens(&tokens, &made).map_err(|error| {
                Error::new(ErrorCode::Unavailable, format!("the file of tokens: {error}"))
            })?;
            Ok(format!("{} people\n", made.len()))
        }
    }
}

async fn known(accounts: &Accounts, email: &str) -> Result<UserId> {
    let found = accounts.by_email(email).await?;
    found.ok_or_else(|| crate::error::not_found("account with this e-mail address"))
}

fn write_tokens(path: &Path, made: &[(UserId, String)]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    let file = owner_only(options.write(true).create(true).truncate(true)).open(path)?;
    let mut file = std::io::BufWriter::new(file);
    for (user_id, token) in made {
        writeln!(file, "{user_id} {token}")?;
    }
    file.flush()
}

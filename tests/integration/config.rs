//! Settings and the command line.

use sanctuary::auth::Role;
use sanctuary::cli::{self, CliError, Invocation, Task, UserTask};
use sanctuary::config::{ConfigError, Settings, TABLE, markdown};
use std::collections::HashSet;
use std::fs;
use std::num::NonZeroU32;
use std::path::PathBuf;
use tempfile::tempdir;

fn parse(words: &[&str], env: &[(&str, &str)]) -> Result<Invocation, CliError> {
    let words = std::iter::once("sanctuary").chain(words.iter().copied()).map(Into::into);
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    cli::parse(words, env)
}

fn error(words: &[&str], env: &[(&str, &str)]) -> String {
    match parse(words, env).unwrap_err() {
        CliError::Settings(error) => error.to_string(),
        CliError::Words(error) => error.to_string(),
    }
}

#[test]
fn without_a_word_it_serves_with_the_defaults() {
    let Invocation { task, settings } = parse(&[], &[("PATH", "/bin")]).unwrap();
    assert!(matches!(task, Task::Serve));
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.data, PathBuf::from("./data"));
    assert_eq!(settings.master_key_path(), PathBuf::from("./data/master.key"));
    assert!(settings.limits && !settings.verify_email());
    assert!(settings.people_stranger_requests);
    assert_eq!(settings.connections_per_person(), 20);
    assert_eq!(settings.accounts_token_ttl_min, 15);
    assert!(settings.allowed_origins.is_empty() && settings.tls_cert.is_none());
}

#[test]
fn a_flag_wins_over_the_environment_over_the_file_over_the_default() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("sanctuary.toml");
    fs::write(
        &file,
        "node = \"file\"\nlimits = \"off\"\nallowed_origins = [\"https://a.example\", \"https://b.example\"]\n\
         drain_window_ms = 5\n[accounts]\nverify_email = true\ntoken_ttl_min = 5\n",
    )
    .unwrap();
    let config = ["--config", file.to_str().unwrap()];
    let settings = |flags: &[&str], env: &[(&str, &str)]| {
        parse(&[&config, flags].concat(), env).unwrap().settings
    };
    let from_file = settings(&[], &[]);
    assert_eq!(from_file.node, "file");
    assert!(!from_file.limits && from_file.verify_email());
    assert_eq!(from_file.accounts_token_ttl_min, 5);
    assert_eq!(from_file.allowed_origins, ["https://a.example", "https://b.example"]);
    let env = [("SANCTUARY_NODE", "env"), ("SANCTUARY_ACCOUNTS_TOKEN_TTL_MIN", "6")];
    let from_env = settings(&[], &env);
    assert_eq!((from_env.node.as_str(), from_env.accounts_token_ttl_min), ("env", 6));
    let from_flag = settings(&["--node", "flag", "--accounts-token-ttl-min=7"], &env);
    assert_eq!((from_flag.node.as_str(), from_flag.accounts_token_ttl_min), ("flag", 7));

    let described = from_flag.describe();
    let line = |key: &str| described.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    assert!(line("node").ends_with("# flag --node"));
    assert!(line("drain_window_ms").ends_with(&format!("# file {}", file.display())));
    assert!(line("listen").ends_with("# default"));
    assert!(settings(&[], &env).describe().contains("# environment SANCTUARY_NODE"));
    assert_eq!(described.lines().count(), TABLE.len());
}

#[test]
fn the_file_may_be_named_in_the_environment() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("sanctuary.toml");
    fs::write(&file, "node = \"file\"\n").unwrap();
    let env = [("SANCTUARY_CONFIG", file.to_str().unwrap())];
    assert_eq!(parse(&[], &env).unwrap().settings.node, "file");
}

#[test]
fn a_wrong_value_names_the_key_and_what_is_allowed() {
    for (key, wrong) in [
        ("listen", "8080"),
        ("store", "floppy"),
        ("limits", "maybe"),
        ("drain_window_ms", "-1"),
        ("drain_window_ms", "600001"),
        ("accounts.token_ttl_min", "0"),
        ("accounts.token_ttl_min", "61"),
        ("connections.per_person_max", "1.5"),
        ("rates.logins_per_account_per_min", "0"),
        ("node", ""),
        ("allowed_origins", "a,,b"),
    ] {
        let setting = TABLE.iter().find(|setting| setting.key == key).unwrap();
        let message = error(&[], &[(&setting.env(), wrong)]);
        assert!(message.contains(key) && message.contains(setting.allowed), "{message}");
        assert!(message.contains(&setting.env()), "{message}");
    }
    for (key, right) in [("accounts.token_ttl_min", "60"), ("drain_window_ms", "600000")] {
        let setting = TABLE.iter().find(|setting| setting.key == key).unwrap();
        parse(&[], &[(&setting.env(), right)]).unwrap();
    }
}

#[test]
fn unknown_keys_are_errors_everywhere() {
    let message = error(&[], &[("SANCTUARY_LISTN", "x")]);
    assert!(message.contains("SANCTUARY_LISTN") && message.contains("SANCTUARY_LISTEN"));
    assert!(error(&["--listn", "x"], &[]).contains("--listen"));

    let folder = tempdir().unwrap();
    let file = folder.path().join("sanctuary.toml");
    let path = file.to_str().unwrap();
    for (text, key) in [
        ("listn = \"x\"", "listn"),
        ("[accounts]\nverify_mail = true", "accounts.verify_mail"),
        ("tls = \"x\"", "tls"),
        ("listen.port = 7", "listen.port"),
    ] {
        fs::write(&file, text).unwrap();
        let message = error(&["--config", path], &[]);
        assert!(message.contains(&format!("no setting {key}")), "{message}");
    }
    fs::write(&file, "listen = ").unwrap();
    assert!(error(&["--config", path], &[]).contains("is not TOML"));
    assert!(error(&["--config", "/nowhere.toml"], &[]).contains("/nowhere.toml"));
}

#[test]
fn settings_that_go_together_do() {
    let message = error(&["--tls-cert", "a.pem"], &[]);
    assert!(message.contains("tls.cert") && message.contains("tls.key"));
    parse(&["--tls-cert", "a.pem", "--tls-key", "b.pem"], &[]).unwrap();
    assert_eq!(error(&["--store", "cql"], &[]), "store = cql needs cql_nodes");
    let half = error(&["--store", "cql", "--cql-nodes", "a:9042", "--cql-user", "anna"], &[]);
    assert!(half.contains("cql.password_file"), "{half}");
    for (flag, wrong) in [("--cql-keyspace", "a\"b"), ("--cql-replication", "many")] {
        assert!(error(&[flag, wrong], &[]).contains("allowed is"), "{flag}");
    }
}

#[test]
fn a_password_in_a_url_is_not_printed() {
    let env = [("SANCTUARY_REDIS", "redis://me:secret@one:6379,redis://two:6379")];
    let settings = parse(&[], &env).unwrap().settings;
    assert_eq!(settings.redis.len(), 2);
    let described = settings.describe();
    assert!(described.contains("redis://…@one:6379") && !described.contains("secret"));
}

#[test]
fn limits_off_lifts_numbers_and_rates() {
    let settings = parse(&["--limits", "off"], &[]).unwrap().settings;
    assert_eq!(settings.connections_per_person(), usize::MAX);
    assert_eq!(settings.rate(settings.logins_per_account_per_min), None);
    let settings = Settings::defaults().unwrap();
    assert_eq!(settings.rate(7).map(NonZeroU32::get), Some(7));
}

#[test]
fn each_setting_has_one_name_of_each_kind() {
    let mut names = HashSet::new();
    for setting in TABLE {
        assert!(names.insert(setting.env()) && names.insert(setting.flag()), "{}", setting.key);
        assert!(!setting.about.trim().is_empty() && !setting.allowed.is_empty());
    }
    assert_eq!(markdown().lines().count(), TABLE.len() + 2);
}

/// The README holds the table as `sanctuary::config::markdown` writes it.
#[test]
fn the_readme_has_the_table_of_settings() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    // The README comes with the whole; from then on it is held to this.
    let Ok(readme) = fs::read_to_string(path) else { return };
    assert!(readme.contains(&markdown()), "put this into the README:\n{}", markdown());
}

#[test]
fn commands_are_understood_with_settings_anywhere() {
    let task = |words: &[&str]| parse(words, &[]).unwrap().task;
    assert!(matches!(task(&["serve"]), Task::Serve));
    assert!(matches!(task(&["demo"]), Task::Demo));
    assert!(matches!(task(&["check-config"]), Task::CheckConfig));
    let before = parse(&["--data", "x", "user", "set-role", "a@b.org", "coach"], &[]).unwrap();
    let after = parse(&["user", "set-role", "a@b.org", "coach", "--data", "x"], &[]).unwrap();
    for Invocation { task, settings } in [before, after] {
        assert_eq!(settings.data, PathBuf::from("x"));
        let Task::User(UserTask::SetRole { email, role, remove }) = task else {
            panic!("{task:?}")
        };
        assert_eq!((email.as_str(), role, remove), ("a@b.org", Role::Coach, false));
    }
    let words = ["user", "create", "--count", "5", "--tokens", "t", "--role", "coach"];
    let Task::User(UserTask::Create { count, role, ttl_min, prefix, .. }) = task(&words) else {
        panic!("not what was asked");
    };
    assert_eq!((count, role, ttl_min, prefix), (5, Some(Role::Coach), 1_440, None));
    let Task::User(UserTask::Token { ttl_min, .. }) = task(&["user", "token", "a@b.org"]) else {
        panic!("not what was asked");
    };
    assert_eq!(ttl_min, 15);
    for words in [
        vec!["user", "set-role", "a@b.org", "king"],
        vec!["user", "token", "a@b.org", "--ttl-min", "0"],
        vec!["user", "token", "a@b.org", "--ttl-min", "10081"],
        vec!["user", "create", "--count", "0", "--tokens", "t"],
        vec!["user", "create", "--count", "1", "--tokens", "t", "--prefix", "A b"],
        vec!["user"],
        vec!["dance"],
    ] {
        assert!(matches!(parse(&words, &[]), Err(CliError::Words(_))), "{words:?}");
    }
    assert!(matches!(
        parse(&["--listen", "x"], &[]),
        Err(CliError::Settings(ConfigError::NotAllowed { .. }))
    ));
}

//! Registration, profiles, roles and states.

use crate::door::{Door, PASSWORD, START_AT, settings};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use futures_util::future::join_all;
use protocol::accounts::{Me, Tokens};
use protocol::close::CloseCode;
use protocol::people::GetProfile;
use protocol::session::{RevokeReason, Revoked};
use protocol::{ErrorCode, Event, UserId};
use sanctuary::auth::Role;
use sanctuary::cli::{self, Task};
use sanctuary::clock::Clock;
use sanctuary::features::accounts::{AccountSettings, NewPeople};
use sanctuary::store::{Partition, Value};
use serde_json::json;
use std::sync::atomic::Ordering;
use tempfile::tempdir;

fn person(email: &str) -> serde_json::Value {
    json!({ "email": email, "password": PASSWORD, "name": "Anna" })
}

#[tokio::test]
async fn a_person_registers_and_is_known() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let mut wanted = person(" Anna@Example.org ");
    wanted["username"] = "Anna.B".into();
    let tokens: Tokens = door.post("/v1/auth/register", wanted).await.good();
    assert_eq!(tokens.expires_at, START_AT + 15 * 60_000);
    let me: Me = door.get_as("/v1/me", &tokens.access_token).await.good();
    assert_eq!(me, tokens.user);
    assert_eq!(
        me,
        Me {
            id: me.id,
            email: "anna@example.org".to_owned(),
            name: "Anna".to_owned(),
            username: Some("anna.b".to_owned()),
            roles: vec!["member".to_owned()],
            status: "active".to_owned(),
            created_at: START_AT,
            bio: None,
            picture: None,
            interests: Vec::new(),
            expertise: Vec::new(),
            delete_at: None,
        }
    );
    let again: Tokens = door.try_login("ANNA@example.org", PASSWORD).await.good();
    assert_eq!(again.user, me);
    assert_ne!(again.refresh_token, tokens.refresh_token);
}

#[tokio::test]
async fn each_wrong_field_is_named() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let good = || person("anna@example.org");
    for (field, value) in [
        ("email", json!("anna")),
        ("email", json!(format!("{}@example.org", "a".repeat(300)))),
        ("email", json!(7)),
        ("password", json!("a".repeat(9))),
        ("password", json!("a".repeat(257))),
        ("name", json!(" ")),
        ("name", json!("a".repeat(81))),
        ("username", json!("ab")),
        ("username", json!("a".repeat(33))),
        ("username", json!("an na")),
    ] {
        let mut wanted = good();
        wanted[field] = value;
        let answer = door.post("/v1/auth/register", wanted).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer.code_and_field(), (ErrorCode::Invalid, Some(field.to_owned())));
    }
    let mut wanted = good();
    wanted.as_object_mut().unwrap().remove("name");
    let answer = door.post("/v1/auth/register", wanted).await;
    assert_eq!(answer.code_and_field(), (ErrorCode::Invalid, Some("name".to_owned())));

    let mut longest = good();
    longest["password"] = "a".repeat(256).into();
    longest["name"] = "ä".repeat(80).into();
    longest["username"] = "a".repeat(32).into();
    longest["something_new"] = true.into();
    door.post("/v1/auth/register", longest).await.good::<Tokens>();
}

#[tokio::test]
async fn bodies_that_are_no_json_or_too_large_are_refused() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let send = async |content_type: &str, body: Vec<u8>| {
        let request = Request::post("/v1/auth/login").header(header::CONTENT_TYPE, content_type);
        let answer = door.send(request.body(Body::from(body)).unwrap()).await;
        (answer.status.as_u16(), answer.code())
    };
    let json = "application/json";
    assert_eq!(send(json, b"{".to_vec()).await, (400, ErrorCode::Malformed));
    assert_eq!(send(json, b"{} {}".to_vec()).await, (400, ErrorCode::Malformed));
    assert_eq!(send(json, Vec::new()).await, (400, ErrorCode::Malformed));
    assert_eq!(send(json, b"[]".to_vec()).await, (422, ErrorCode::Invalid));
    assert_eq!(send("text/plain", b"{}".to_vec()).await, (415, ErrorCode::Malformed));

    let login = json!({ "email": "a@example.org", "password": "" }).to_string().into_bytes();
    let padded = |bytes: usize| {
        let mut body = login.clone();
        body.resize(bytes, b' ');
        body
    };
    assert_eq!(send(json, padded(64 * 1024)).await, (401, ErrorCode::Unauthenticated));
    assert_eq!(send(json, padded(64 * 1024 + 1)).await, (413, ErrorCode::TooLarge));
}

#[tokio::test]
async fn an_address_and_a_username_have_one_owner() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let with = |email: &str, username: &str| {
        let mut wanted = person(email);
        wanted["username"] = username.into();
        wanted
    };
    let register = async |wanted| door.post("/v1/auth/register", wanted).await;
    register(with("anna@example.org", "anna")).await.good::<Tokens>();

    let answer = register(with("ANNA@example.org", "bella")).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(answer.code_and_field(), (ErrorCode::Conflict, Some("email".to_owned())));
    let answer = register(with("ben@example.org", "Anna")).await;
    assert_eq!(answer.code_and_field(), (ErrorCode::Conflict, Some("username".to_owned())));
    // What was refused keeps nothing.
    register(with("bella@example.org", "bella")).await.good::<Tokens>();
    register(with("ben@example.org", "ben")).await.good::<Tokens>();
}

#[tokio::test]
async fn of_many_who_want_the_same_address_or_username_one_gets_it() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    for same_email in [true, false] {
        let tries = (0..8).map(|n| {
            let own = format!("p{n}-{same_email}");
            let email = if same_email { "all" } else { &own };
            let mut wanted = person(&format!("{email}@example.org"));
            let username = if same_email { own.replace('-', "_") } else { "all".to_owned() };
            wanted["username"] = username.into();
            door.post("/v1/auth/register", wanted)
        });
        let answers = join_all(tries).await;
        let good = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
        let conflicts = answers.iter().filter(|answer| answer.status == StatusCode::CONFLICT);
        assert_eq!((good, conflicts.count()), (1, 7), "same e-mail: {same_email}");
    }
}

#[tokio::test]
async fn a_registration_that_broke_off_is_finished_by_the_relay() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    door.carrying.fails.store(true, Ordering::SeqCst);
    let mut wanted = person("anna@example.org");
    wanted["username"] = "anna".into();
    let answer = door.post("/v1/auth/register", wanted).await;
    assert_eq!(answer.code(), ErrorCode::Unavailable);
    assert_eq!(
        door.try_login("anna@example.org", PASSWORD).await.code(),
        ErrorCode::Unauthenticated
    );

    door.carrying.fails.store(false, Ordering::SeqCst);
    let handle = Value::Text("email:anna@example.org".to_owned());
    door.store.relay(Partition::new("handles", [handle])).await.unwrap();
    let tokens: Tokens = door.try_login("anna@example.org", PASSWORD).await.good();
    assert_eq!(tokens.user.username.as_deref(), Some("anna"));
}

#[tokio::test]
async fn a_username_whose_hold_lapsed_goes_to_the_next() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    door.carrying.fails.store(true, Ordering::SeqCst);
    let wanted = |email: &str| {
        let mut wanted = person(email);
        wanted["username"] = "anna".into();
        wanted
    };
    door.post("/v1/auth/register", wanted("anna@example.org")).await.code();
    door.carrying.fails.store(false, Ordering::SeqCst);
    door.clock.advance(10 * 60_000 - 1);
    let early = door.post("/v1/auth/register", wanted("ben@example.org")).await;
    assert_eq!(early.code_and_field(), (ErrorCode::Conflict, Some("username".to_owned())));
    door.clock.advance(1);
    door.post("/v1/auth/register", wanted("ben@example.org")).await.good::<Tokens>();

    let handle = Value::Text("email:anna@example.org".to_owned());
    door.store.relay(Partition::new("handles", [handle])).await.unwrap();
    let anna: Tokens = door.try_login("anna@example.org", PASSWORD).await.good();
    assert_eq!(anna.user.username, None, "the account is there, without the name");
}

#[tokio::test]
async fn people_see_names_and_never_addresses() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let mut wanted = person("anna@example.org");
    wanted["username"] = "anna".into();
    let anna: Tokens = door.post("/v1/auth/register", wanted).await.good();
    let ben = door.register("Ben").await;
    let caller = door.authenticator.authenticate(&ben.access_token).await.unwrap();
    let get = async |wanted| door.accounts.profile(&caller, wanted).await;

    let by_id = GetProfile { user_id: Some(anna.user.id), username: None };
    let by_name = GetProfile { user_id: None, username: Some("Anna".to_owned()) };
    let profile = get(by_id.clone()).await.unwrap();
    assert_eq!(profile, get(by_name.clone()).await.unwrap());
    assert_eq!(profile.profile.name, "Anna");
    assert!(!serde_json::to_string(&profile).unwrap().contains("example.org"));

    let nobody = GetProfile { user_id: Some(sanctuary::id::fresh()), username: None };
    assert_eq!(get(nobody).await.unwrap_err().code, ErrorCode::NotFound);
    let nobody = GetProfile { user_id: None, username: Some("nobody".to_owned()) };
    assert_eq!(get(nobody).await.unwrap_err().code, ErrorCode::NotFound);
    let both = GetProfile { username: by_name.username, ..by_id };
    assert_eq!(get(both).await.unwrap_err().code, ErrorCode::Invalid);
    assert_eq!(get(GetProfile::default()).await.unwrap_err().code, ErrorCode::Invalid);

    let stranger: UserId = sanctuary::id::fresh();
    assert_eq!(door.accounts.person(stranger).await.unwrap(), None);
    let people = door.accounts.people_of(&[ben.user.id, stranger, anna.user.id]).await.unwrap();
    let names: Vec<&str> = people.iter().map(|person| person.name.as_str()).collect();
    assert_eq!(names, ["Ben", "deleted member", "Anna"]);
}

#[tokio::test]
async fn a_role_holds_from_the_next_request_on() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let anna = door.register("anna").await;
    let roles = async || {
        let caller = door.authenticator.authenticate(&anna.access_token).await.unwrap();
        caller.roles.words()
    };
    let set = async |role, on| door.accounts.set_role(anna.user.id, role, on).await;
    set(Role::Coach, true).await.unwrap();
    set(Role::Coach, true).await.unwrap();
    assert_eq!(roles().await, ["member", "coach"]);
    set(Role::Admin, true).await.unwrap();
    set(Role::Coach, false).await.unwrap();
    assert_eq!(roles().await, ["member", "admin"]);
    assert_eq!(set(Role::Member, false).await.unwrap_err().code, ErrorCode::Invalid);
    let nobody = door.accounts.set_role(sanctuary::id::fresh(), Role::Coach, true).await;
    assert_eq!(nobody.unwrap_err().code, ErrorCode::NotFound);
}

#[tokio::test]
async fn a_suspended_account_is_closed_everywhere_and_opens_again() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let anna = door.register("anna").await;
    let id = anna.user.id;
    let login = Some(door.login_of(&anna).await);
    door.accounts.suspend(id).await.unwrap();
    assert_eq!(door.closed(), [(id, login, CloseCode::Suspended)]);
    let revoked = Revoked { login_id: None, reason: RevokeReason::Suspended };
    assert_eq!(door.feed(id).await, [Event::SessionRevoked(revoked)]);

    assert_eq!(door.entry(&anna).await, Err(ErrorCode::Forbidden));
    assert_eq!(door.try_refresh(&anna.refresh_token).await.code(), ErrorCode::Forbidden);
    assert_eq!(door.try_login("anna@example.org", PASSWORD).await.code(), ErrorCode::Forbidden);
    let wrong = door.try_login("anna@example.org", "another password").await;
    assert_eq!(wrong.code(), ErrorCode::Unauthenticated, "strangers learn nothing");
    assert_eq!(door.accounts.suspend(id).await.unwrap_err().code, ErrorCode::Conflict);

    door.accounts.restore(id).await.unwrap();
    assert_eq!(door.entry(&anna).await, Err(ErrorCode::Unauthenticated), "that login is over");
    let again = door.login("anna").await;
    assert_eq!(door.entry(&again).await, Ok(()));
}

#[tokio::test]
async fn with_the_setting_an_account_waits_to_be_verified() {
    let folder = tempdir().unwrap();
    let settings = AccountSettings { verify_email: true, ..settings() };
    let clock = Clock::manual(START_AT);
    let door = Door::open_with(folder.path(), settings, clock, Vec::new()).await;
    let anna = door.register("anna").await;
    assert_eq!(anna.user.status, "pending_verification");
    assert_eq!(door.entry(&anna).await, Ok(()), "to look, and to ask for support");
    door.accounts.verify(anna.user.id).await.unwrap();
    assert_eq!(door.login("anna").await.user.status, "active");
    assert_eq!(door.accounts.verify(anna.user.id).await.unwrap_err().code, ErrorCode::Conflict);
}

#[tokio::test]
async fn people_for_load_tests_are_made_once_and_can_come_in() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let wanted = NewPeople {
        count: 600,
        role: Some(Role::Coach),
        prefix: Some("crowd".to_owned()),
        ttl_ms: 24 * 60 * 60_000,
    };
    let people = door.accounts.create_people(wanted.clone()).await.unwrap();
    let again = door.accounts.create_people(wanted).await.unwrap();
    let ids = |made: &[(UserId, String)]| made.iter().map(|(id, _)| *id).collect::<Vec<_>>();
    assert_eq!(ids(&people), ids(&again));
    door.clock.advance(24 * 60 * 60_000 - 1_000);
    for (id, token) in people.iter().chain(&again).step_by(50) {
        let caller = door.authenticator.authenticate(token).await.unwrap();
        assert_eq!((caller.user_id, caller.roles.has(Role::Coach)), (*id, true));
    }
    let seventh = door.accounts.by_email("load-crowd-7@example.invalid").await.unwrap();
    assert_eq!(seventh, Some(people[6].0));
    let answer = door.try_login("load-crowd-7@example.invalid", "").await;
    assert_eq!(answer.code(), ErrorCode::Unauthenticated, "nobody logs in without a password");
    let mut unique = ids(&people);
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), 600);
}

#[tokio::test]
async fn the_command_line_works_on_people() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let anna = door.register("anna").await;
    let run = async |words: &[&str]| {
        let words = std::iter::once("sanctuary").chain(words.iter().copied()).map(Into::into);
        let Task::User(task) = cli::parse(words, []).unwrap().task else { panic!("not of people") };
        cli::user(task, &door.accounts, async |_| Ok(())).await
    };
    let roles = run(&["user", "set-role", "Anna@example.org", "coach"]).await.unwrap();
    assert_eq!(roles, format!("{} member,coach\n", anna.user.id));
    let roles = run(&["user", "set-role", "anna@example.org", "coach", "--remove"]).await.unwrap();
    assert_eq!(roles, format!("{} member\n", anna.user.id));

    let mut logins = Vec::new();
    for ttl in ["1", "10080"] {
        let token = run(&["user", "token", "anna@example.org", "--ttl-min", ttl]).await.unwrap();
        let caller = door.authenticator.authenticate(token.trim()).await.unwrap();
        assert_eq!(caller.token_expires_at, START_AT + ttl.parse::<i64>().unwrap() * 60_000);
        logins.push(caller.login_id);
    }
    assert_eq!(logins[0], logins[1], "such tokens share a login");
    for words in [["user", "token", "nobody@example.org"], ["user", "token", "no address"]] {
        run(&words).await.unwrap_err();
    }

    let file = folder.path().join("tokens");
    let path = file.to_str().unwrap();
    let words = ["user", "create", "--count", "3", "--tokens", path, "--role", "coach"];
    assert_eq!(run(&words).await.unwrap(), "3 people\n");
    let lines = std::fs::read_to_string(&file).unwrap();
    assert_eq!(lines.lines().count(), 3);
    for line in lines.lines() {
        let (id, token) = line.split_once(' ').unwrap();
        let caller = door.authenticator.authenticate(token).await.unwrap();
        assert_eq!(caller.user_id.to_string(), id);
        assert!(caller.roles.has(Role::Coach));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

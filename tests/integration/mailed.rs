//! What is done by a secret in a mail: an address is verified or changed, a password chosen. And
//! devices, profiles, and who may not reach others yet.

use crate::door::{Door, PASSWORD, START_AT, mails_to, make, secret_in, settings};
use crate::engines::{Home, START, on_every_engine};
use axum::http::StatusCode;
use futures_util::future::join_all;
use protocol::accounts::{Devices, MailToken, Me, Register, ResetPassword, Tokens};
use protocol::close::CloseCode;
use protocol::people::{GetProfile, UpdateProfile};
use protocol::session::{Done, RevokeReason};
use protocol::{ErrorCode, Event, Patch};
use sanctuary::auth::{Caller, MasterKey, Roles};
use sanctuary::clock::Clock;
use sanctuary::features::accounts::{AccountSettings, Origin};
use serde_json::json;
use std::net::Ipv4Addr;
use std::sync::Arc;
use tempfile::tempdir;

on_every_engine! {
    of_two_who_use_one_secret_one_gets_in,
    of_two_who_want_one_address_or_username_one_gets_it,
}

const ANNA: &str = "anna@example.org";
const OTHER: &str = "another good password";

async fn verifying(folder: &std::path::Path) -> Door {
    let settings = AccountSettings { verify_email: true, ..settings() };
    Door::open_with(folder, settings, Clock::manual(START_AT), Vec::new()).await
}

#[tokio::test]
async fn an_address_is_verified_by_its_mail_once() {
    let folder = tempdir().unwrap();
    let door = verifying(folder.path()).await;
    let anna = door.register("anna").await;
    assert_eq!(anna.user.status, "pending_verification");
    let error = door.accounts.may_reach_out(anna.user.id).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Forbidden);
    assert_eq!(error.detail.unwrap()["reason"], "unverified");

    let mail = door.mail(ANNA, 1).await;
    let token = secret_in(&mail, "verify");
    assert_eq!(token.len(), 64, "{mail}");
    let body = json!({ "token": token });
    door.post("/v1/auth/verify", body.clone()).await.good::<Done>();
    let me: Me = door.get_as("/v1/me", &anna.access_token).await.good();
    assert_eq!(me.status, "active");
    door.accounts.may_reach_out(anna.user.id).await.unwrap();
    let changed =
        |event: &Event| matches!(event, Event::AccountChanged(it) if it.status == "active");
    assert!(door.feed(anna.user.id).await.iter().any(changed));

    let again = door.post("/v1/auth/verify", body).await;
    assert_eq!(again.code_and_field(), (ErrorCode::Invalid, Some("token".to_owned())));
    let again = door.ask_as("POST", "/v1/auth/verify/send", &anna.access_token, json!({})).await;
    assert_eq!(again.code(), ErrorCode::Conflict);
}

#[tokio::test]
async fn a_verification_is_sent_again_and_ends_by_time() {
    let folder = tempdir().unwrap();
    let door = verifying(folder.path()).await;
    let anna = door.register("anna").await;
    let first = secret_in(&door.mail(ANNA, 1).await, "verify");
    let send = || door.ask_as("POST", "/v1/auth/verify/send", &anna.access_token, json!({}));
    send().await.good::<Done>();
    let second = secret_in(&door.mail(ANNA, 2).await, "verify");
    assert_ne!(first, second);
    door.later(48 * 60 * 60_000).await;
    for token in [&first, &second, &"A".repeat(64), &String::new()] {
        let answer = door.post("/v1/auth/verify", json!({ "token": token })).await;
        assert_eq!(answer.code(), ErrorCode::Invalid);
    }
    let login = door.login("anna").await;
    door.ask_as("POST", "/v1/auth/verify/send", &login.access_token, json!({})).await;
    let third = secret_in(&door.mail(ANNA, 3).await, "verify");
    door.post("/v1/auth/verify", json!({ "token": third })).await.good::<Done>();
}

#[tokio::test]
async fn a_forgotten_password_is_chosen_anew_and_all_logins_end() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let anna = door.register("anna").await;
    let id = anna.user.id;
    for email in [ANNA, "nobody@example.org"] {
        let body = json!({ "email": email });
        let answer = door.post("/v1/auth/password/forgot", body).await;
        assert_eq!((answer.status, answer.body.as_slice()), (StatusCode::OK, b"{}".as_slice()));
    }
    let token = secret_in(&door.mail(ANNA, 1).await, "reset");
    assert!(door.mails("nobody@example.org").await.is_empty());
    let short = json!({ "token": token, "password": "short" });
    let answer = door.post("/v1/auth/password/reset", short).await;
    assert_eq!(answer.code_and_field().1.as_deref(), Some("password"), "and the token is kept");

    let body = json!({ "token": token, "password": OTHER });
    let login = Some(door.login_of(&anna).await);
    door.post("/v1/auth/password/reset", body.clone()).await.good::<Done>();
    assert_eq!(door.closed(), [(id, login, CloseCode::Revoked)]);
    assert_eq!(door.entry(&anna).await, Err(ErrorCode::Unauthenticated));
    assert_eq!(door.try_login(ANNA, PASSWORD).await.code(), ErrorCode::Unauthenticated);
    door.try_login(ANNA, OTHER).await.good::<Tokens>();
    let again = door.post("/v1/auth/password/reset", body).await;
    assert_eq!(again.code_and_field(), (ErrorCode::Invalid, Some("token".to_owned())));
    assert!(door.mail(ANNA, 2).await.contains("password was changed"));
}

#[tokio::test]
async fn a_reset_ends_by_time_and_the_older_mail_is_good_too() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    door.register("anna").await;
    let mut tokens = Vec::new();
    for count in 1..=4 {
        door.post("/v1/auth/password/forgot", json!({ "email": ANNA })).await.good::<Done>();
        tokens.push(secret_in(&door.mail(ANNA, count).await, "reset"));
    }
    let reset = |token: &str| {
        let body = json!({ "token": token, "password": OTHER });
        door.post("/v1/auth/password/reset", body)
    };
    assert_eq!(reset(&tokens[0]).await.code(), ErrorCode::Invalid, "three are good at once");
    reset(&tokens[1]).await.good::<Done>();
    assert_eq!(reset(&tokens[3]).await.code(), ErrorCode::Invalid, "one use ends them all");
    door.post("/v1/auth/password/forgot", json!({ "email": ANNA })).await.good::<Done>();
    let late = secret_in(&door.mail(ANNA, 6).await, "reset");
    door.later(60 * 60_000).await;
    assert_eq!(reset(&late).await.code(), ErrorCode::Invalid);
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_it_and_other_logins_end() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let (here, other) = (door.register("anna").await, door.login("anna").await);
    let login = door.login_of(&other).await;
    let change = |current: &str| {
        let body = json!({ "current": current, "password": OTHER });
        door.ask_as("POST", "/v1/auth/password/change", &here.access_token, body)
    };
    assert_eq!(change("not the password").await.code(), ErrorCode::Forbidden);
    change(PASSWORD).await.good::<Done>();
    assert_eq!(door.entry(&here).await, Ok(()));
    assert_eq!(door.entry(&other).await, Err(ErrorCode::Unauthenticated));
    assert_eq!(door.closed(), [(here.user.id, Some(login), CloseCode::Revoked)]);
    assert_eq!(change(PASSWORD).await.code(), ErrorCode::Forbidden);
    door.try_login(ANNA, OTHER).await.good::<Tokens>();
    assert!(door.mail(ANNA, 1).await.contains("password was changed"));
}

#[tokio::test]
async fn an_address_is_changed_when_the_new_one_is_confirmed() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let anna = door.register("anna").await;
    door.register("ben").await;
    let change = |email: &str| {
        let body = json!({ "email": email, "password": PASSWORD });
        door.ask_as("POST", "/v1/auth/email/change", &anna.access_token, body)
    };
    change("ben@example.org").await.good::<Done>();
    assert!(door.mails("ben@example.org").await.is_empty(), "nobody learns whose it is");
    change("New@example.org").await.good::<Done>();
    assert_eq!(door.accounts.by_email(ANNA).await.unwrap(), Some(anna.user.id));
    let token = secret_in(&door.mail("new@example.org", 1).await, "email");
    door.post("/v1/auth/email/confirm", json!({ "token": token })).await.good::<Done>();
    assert_eq!(door.accounts.by_email("new@example.org").await.unwrap(), Some(anna.user.id));
    assert_eq!(door.accounts.by_email(ANNA).await.unwrap(), None);
    assert!(door.mail(ANNA, 1).await.contains("another e-mail address"));
    door.try_login("new@example.org", PASSWORD).await.good::<Tokens>();
    assert_eq!(door.try_login(ANNA, PASSWORD).await.code(), ErrorCode::Unauthenticated);
    let again = door.post("/v1/auth/email/confirm", json!({ "token": token })).await;
    assert_eq!(again.code(), ErrorCode::Invalid);
    door.register("anna").await;
}

#[tokio::test]
async fn devices_are_listed_and_removed() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let here = door.register("anna").await;
    door.clock.advance(1_000);
    let there = door.login("anna").await;
    let stranger = door.register("ben").await;
    let list = || door.get_as("/v1/auth/devices", &here.access_token);
    let Devices { items } = list().await.good();
    assert_eq!(items.len(), 2);
    assert_eq!(items[0].id, door.login_of(&there).await);
    assert!(!items[0].current && items[1].current);
    let path = format!("/v1/auth/devices/{}", items[0].id);
    let foreign = door.ask_as("DELETE", &path, &stranger.access_token, json!({})).await;
    assert_eq!(foreign.code(), ErrorCode::NotFound);
    for _ in 0..2 {
        door.ask_as("DELETE", &path, &here.access_token, json!({})).await.good::<Done>();
    }
    assert_eq!(door.entry(&there).await, Err(ErrorCode::Unauthenticated));
    assert_eq!(door.entry(&here).await, Ok(()));
    let Devices { items } = list().await.good();
    assert_eq!(items.len(), 1);
    let told = door.feed(here.user.id).await;
    let removed = |event: &&Event| matches!(event, Event::SessionRevoked(it) if it.reason == RevokeReason::DeviceRemoved);
    assert_eq!(told.iter().filter(removed).count(), 1);
}

#[tokio::test]
async fn a_profile_is_patched_and_shown() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let anna = door.register("anna").await;
    let patch = |body| door.ask_as("PATCH", "/v1/me", &anna.access_token, body);
    let all = json!({
        "name": "Anna B.", "username": "Anna.B", "bio": " I listen. ",
        "picture": "0198f0a1-0000-7000-8000-000000000700",
        "interests": ["sleep", "walks"], "expertise": ["grief"],
    });
    let me: Me = patch(all).await.good();
    assert_eq!((me.name.as_str(), me.username.as_deref()), ("Anna B.", Some("anna.b")));
    assert_eq!(me.bio.as_deref(), Some("I listen."));
    let same: Me = patch(json!({})).await.good();
    assert_eq!(same, me);
    let me: Me =
        patch(json!({ "bio": null, "interests": ["walks"], "picture": null })).await.good();
    assert_eq!((me.bio, me.picture), (None, None));
    assert_eq!(me.interests, ["walks"]);
    assert_eq!(me.expertise, ["grief"]);

    let caller = door.authenticator.authenticate(&anna.access_token).await.unwrap();
    let by_name = GetProfile { user_id: None, username: Some("anna.b".to_owned()) };
    let profile = door.accounts.profile(&caller, by_name).await.unwrap().profile;
    assert_eq!((profile.id, profile.expertise), (anna.user.id, vec!["grief".to_owned()]));
    let person = door.accounts.person(anna.user.id).await.unwrap().unwrap();
    assert_eq!(person.name, "Anna B.");

    for (body, field) in [
        (json!({ "name": null }), "name"),
        (json!({ "name": "" }), "name"),
        (json!({ "username": "x" }), "username"),
        (json!({ "bio": "x".repeat(2_001) }), "bio"),
        (json!({ "interests": vec!["x"; 21] }), "interests"),
        (json!({ "expertise": [""] }), "expertise"),
        (json!({ "picture": "no id" }), "picture"),
    ] {
        let answer = patch(body).await;
        assert_eq!(answer.code_and_field(), (ErrorCode::Invalid, Some(field.to_owned())));
    }
}

#[tokio::test]
async fn a_username_is_changed_and_let_go() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let (anna, ben) = (door.register("anna").await, door.register("ben").await);
    let name = |of: &Tokens, name: serde_json::Value| {
        let token = of.access_token.clone();
        let door = &door;
        async move { door.ask_as("PATCH", "/v1/me", &token, json!({ "username": name })).await }
    };
    name(&anna, json!("quiet")).await.good::<Me>();
    assert_eq!(name(&ben, json!("Quiet")).await.code(), ErrorCode::Conflict);
    name(&anna, json!("loud")).await.good::<Me>();
    name(&ben, json!("quiet")).await.good::<Me>();
    name(&ben, json!(null)).await.good::<Me>();
    let me: Me = name(&anna, json!("quiet")).await.good();
    assert_eq!(me.username.as_deref(), Some("quiet"));
    name(&anna, json!("loud")).await.good::<Me>();
    name(&anna, json!("quiet")).await.good::<Me>();
    door.later(11 * 60_000).await;
    assert_eq!(name(&ben, json!("quiet")).await.code(), ErrorCode::Conflict, "it is held for good");
    name(&ben, json!("loud")).await.good::<Me>();
}

fn origin() -> Origin {
    Origin { address: Ipv4Addr::LOCALHOST.into(), device: "a device".to_owned() }
}

fn register(email: &str, username: Option<&str>) -> Register {
    Register {
        email: email.to_owned(),
        password: PASSWORD.to_owned(),
        name: "Anna".to_owned(),
        username: username.map(str::to_owned),
    }
}

async fn of_two_who_use_one_secret_one_gets_in(home: &dyn Home) {
    let folder = tempdir().unwrap();
    let master = MasterKey::from_bytes([7; 32]);
    let mut nodes = Vec::new();
    for _ in 0..2 {
        let engine = home.open().await;
        let (store, timers) = (engine.records(), Arc::clone(&engine.timers));
        let close: sanctuary::features::accounts::CloseSockets = Arc::new(|_, _, _| {});
        let path = folder.path();
        nodes.push(make(&store, timers, &master, path, settings(), &engine.clock, close).await);
    }
    let email = format!("{}@example.org", uuid::Uuid::now_v7().simple());
    let one = &nodes[0].accounts;
    one.register(&origin(), register(&email, None)).await.unwrap();
    let forgot = protocol::accounts::ForgotPassword { email: email.clone() };
    one.forgot_password(&origin(), forgot).await.unwrap();
    let mail = crate::server::eventually(async || {
        nodes[0].driver.fire_due(START + 1).await.unwrap();
        mails_to(folder.path(), &email).pop()
    })
    .await;
    let token = secret_in(&mail, "reset");
    let tries = (0..4).map(|n| {
        let password = format!("a good password {n}");
        let wanted = ResetPassword { token: token.clone(), password };
        let node = &nodes[n % 2].accounts;
        async move { node.reset_password(&origin(), wanted).await }
    });
    let outcomes = join_all(tries).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    let wrong = outcomes.into_iter().filter_map(Result::err);
    assert!(wrong.into_iter().all(|error| error.code == ErrorCode::Invalid));
    let unknown = one.verify_by_mail(&origin(), MailToken { token }).await;
    assert_eq!(unknown.unwrap_err().code, ErrorCode::Invalid);
}

async fn of_two_who_want_one_address_or_username_one_gets_it(home: &dyn Home) {
    let folder = tempdir().unwrap();
    let master = MasterKey::from_bytes([7; 32]);
    let mut nodes = Vec::new();
    for _ in 0..2 {
        let engine = home.open().await;
        let (store, timers) = (engine.records(), Arc::clone(&engine.timers));
        let close: sanctuary::features::accounts::CloseSockets = Arc::new(|_, _, _| {});
        let path = folder.path();
        nodes.push(make(&store, timers, &master, path, settings(), &engine.clock, close).await);
    }
    let mark = uuid::Uuid::now_v7().simple().to_string();
    let email = format!("{mark}@example.org");
    let who = origin();
    let both = nodes.iter().map(|node| node.accounts.register(&who, register(&email, None)));
    let made = join_all(both).await;
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1, "{made:?}");

    let mut callers = Vec::new();
    for (n, node) in nodes.iter().enumerate() {
        let email = format!("{mark}-{n}@example.org");
        let tokens = node.accounts.register(&who, register(&email, None)).await.unwrap();
        callers.push(Caller {
            user_id: tokens.user.id,
            login_id: protocol::LoginId(uuid::Uuid::nil()),
            name: "Anna".into(),
            roles: Roles::default(),
            token_expires_at: i64::MAX,
            lane: Arc::default(),
        });
    }
    let username = format!("u{}", mark.get(8..32).unwrap());
    let both = nodes.iter().zip(&callers).map(|(node, caller)| {
        let username = Patch::Set(username.clone());
        node.accounts.update_profile(caller, UpdateProfile { username, ..UpdateProfile::default() })
    });
    let named = join_all(both).await;
    assert_eq!(named.iter().filter(|named| named.is_ok()).count(), 1, "{named:?}");
    let lost = named.into_iter().find_map(Result::err).unwrap();
    assert_eq!(lost.code, ErrorCode::Conflict);
}

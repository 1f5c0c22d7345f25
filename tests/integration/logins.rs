//! Logins: throttled, refreshed, ended.

use crate::door::{Door, PASSWORD, START_AT, settings};
use axum::http::{StatusCode, header};
use futures_util::future::join_all;
use protocol::accounts::Tokens;
use protocol::close::CloseCode;
use protocol::session::{Done, RevokeReason, Revoked};
use protocol::{ErrorCode, Event};
use sanctuary::clock::Clock;
use sanctuary::features::accounts::{AccountSettings, LOGINS_MAX, REPEAT_WINDOW_MS, Rates};
use serde_json::json;
use std::num::NonZeroU32;
use tempfile::tempdir;

#[tokio::test]
async fn a_wrong_pair_does_not_tell_what_is_wrong() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    door.register("anna").await;
    for email in ["anna@example.org", "nobody@example.org", "no address"] {
        let answer = door.try_login(email, "another password").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let problem = answer.problem();
        assert_eq!(problem.code, ErrorCode::Unauthenticated);
        assert!(problem.more.is_empty());
        assert!(problem.detail.contains("don't go together"));
    }
    let long = door.try_login("anna@example.org", &"a".repeat(10_000)).await;
    assert_eq!(long.code(), ErrorCode::Unauthenticated);
}

#[tokio::test]
async fn logins_are_throttled_per_account_and_per_address() {
    let folder = tempdir().unwrap();
    let rates = Rates {
        logins_per_account_per_min: NonZeroU32::new(3),
        logins_per_address_per_min: NonZeroU32::new(5),
        registrations_per_address_per_hour: NonZeroU32::new(2),
        mails_per_account_per_hour: None,
        mails_per_address_per_hour: None,
    };
    let settings = AccountSettings { rates, ..settings() };
    let clock = Clock::manual(START_AT);
    let door = Door::open_with(folder.path(), settings, clock, Vec::new()).await;
    door.register("anna").await;
    door.register("ben").await;
    let third = json!({ "email": "c@example.org", "password": PASSWORD, "name": "C" });
    let answer = door.post("/v1/auth/register", third).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (429, ErrorCode::RateLimited));

    for _ in 0..2 {
        door.try_login("anna@example.org", "another password").await;
    }
    door.login("anna").await;
    let answer = door.try_login("Anna@example.org", PASSWORD).await;
    let problem = answer.problem();
    assert_eq!((answer.status.as_u16(), problem.code), (429, ErrorCode::RateLimited));
    assert!(problem.retryable);
    let wait_ms = problem.retry_after_ms.unwrap();
    assert!((1..=20_000).contains(&wait_ms), "{wait_ms}");
    assert_eq!(answer.headers[header::RETRY_AFTER], wait_ms.div_ceil(1_000).to_string());

    door.login("ben").await;
    let answer = door.try_login("ben@example.org", PASSWORD).await;
    assert_eq!(answer.code(), ErrorCode::RateLimited, "the address had its five");
}

#[tokio::test]
async fn each_refresh_gives_the_next_pair() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let mut tokens = door.register("anna").await;
    let login = door.login_of(&tokens).await;
    for _ in 0..5 {
        door.clock.advance(14 * 60_000);
        let next: Tokens = door.try_refresh(&tokens.refresh_token).await.good();
        assert_ne!(next.refresh_token, tokens.refresh_token);
        assert_eq!(next.expires_at, door.clock.now() + 15 * 60_000);
        assert_eq!(door.login_of(&next).await, login);
        tokens = next;
    }
    assert_eq!(door.closed(), []);
}

#[tokio::test]
async fn a_repeated_refresh_gives_the_same_answer_for_a_minute() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let first = door.register("anna").await;
    door.clock.advance(1_234);
    let next: Tokens = door.try_refresh(&first.refresh_token).await.good();
    for wait in [0, 1, REPEAT_WINDOW_MS - 1] {
        door.clock.advance(wait);
        let same: Tokens = door.try_refresh(&first.refresh_token).await.good();
        assert_eq!(same, next, "to the last byte");
    }
    let together = join_all((0..8).map(|_| door.try_refresh(&next.refresh_token))).await;
    let answers: Vec<Tokens> = together.iter().map(|answer| answer.good()).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]), "at the same time too");
    assert_eq!(door.closed(), []);
}

#[tokio::test]
async fn a_token_that_comes_again_too_late_ends_the_family() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let first = door.register("anna").await;
    let other = door.login("anna").await;
    let (id, login) = (first.user.id, door.login_of(&first).await);
    let next: Tokens = door.try_refresh(&first.refresh_token).await.good();
    door.clock.advance(REPEAT_WINDOW_MS + 1);
    let answer = door.try_refresh(&first.refresh_token).await;
    assert_eq!(answer.code(), ErrorCode::Unauthenticated);

    assert_eq!(door.closed(), [(id, Some(login), CloseCode::Revoked)]);
    let revoked = Revoked { login_id: Some(login), reason: RevokeReason::TokenReused };
    assert_eq!(door.feed(id).await, [Event::SessionRevoked(revoked)]);
    assert_eq!(door.entry(&next).await, Err(ErrorCode::Unauthenticated));
    for token in [&next.refresh_token, &first.refresh_token] {
        assert_eq!(door.try_refresh(token).await.code(), ErrorCode::Unauthenticated);
    }
    assert_eq!(door.entry(&other).await, Ok(()), "another login is another family");
    assert_eq!(door.feed(id).await.len(), 1, "it is said once");
}

#[tokio::test]
async fn a_token_whose_successor_was_used_ends_the_family_at_once() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let first = door.register("anna").await;
    let second: Tokens = door.try_refresh(&first.refresh_token).await.good();
    let third: Tokens = door.try_refresh(&second.refresh_token).await.good();
    assert_eq!(door.try_refresh(&first.refresh_token).await.code(), ErrorCode::Unauthenticated);
    assert_eq!(door.entry(&third).await, Err(ErrorCode::Unauthenticated));
    assert_eq!(door.closed().len(), 1);
}

#[tokio::test]
async fn a_forged_token_ends_nothing() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let tokens = door.register("anna").await;
    let mut forged = tokens.refresh_token.clone().into_bytes();
    forged[50] = if forged[50] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    for token in [forged.as_str(), "", "x", &tokens.access_token] {
        assert_eq!(door.try_refresh(token).await.code(), ErrorCode::Unauthenticated);
        let answer = door.post("/v1/auth/logout", json!({ "refresh_token": token })).await;
        assert_eq!(answer.code(), ErrorCode::Unauthenticated);
    }
    assert_eq!(door.entry(&tokens).await, Ok(()));
    door.try_refresh(&tokens.refresh_token).await.good::<Tokens>();
}

#[tokio::test]
async fn an_access_token_ends_by_time_and_is_renewed() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let tokens = door.register("anna").await;
    door.clock.advance(15 * 60_000 - 1);
    assert_eq!(door.entry(&tokens).await, Ok(()));
    door.clock.advance(1);
    let answer = door.get_as("/v1/me", &tokens.access_token).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (401, ErrorCode::TokenExpired));
    assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
    let next: Tokens = door.try_refresh(&tokens.refresh_token).await.good();
    assert_eq!(door.entry(&next).await, Ok(()));
}

#[tokio::test]
async fn logout_ends_one_login_and_logout_all_the_rest() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let [one, two, three] =
        [door.register("anna").await, door.login("anna").await, door.login("anna").await];
    let (id, login) = (one.user.id, door.login_of(&one).await);
    let ended = json!({ "refresh_token": one.refresh_token });
    for _ in 0..2 {
        door.post("/v1/auth/logout", ended.clone()).await.good::<Done>();
    }
    assert_eq!(door.closed()[0], (id, Some(login), CloseCode::Revoked));
    assert_eq!(door.entry(&one).await, Err(ErrorCode::Unauthenticated));
    assert_eq!(door.try_refresh(&one.refresh_token).await.code(), ErrorCode::Unauthenticated);
    assert_eq!(door.entry(&two).await, Ok(()));

    door.closed();
    let (second, third) = (door.login_of(&two).await, door.login_of(&three).await);
    door.post_as("/v1/auth/logout-all", &two.access_token).await.good::<Done>();
    let mut closed = door.closed();
    closed.sort_by_key(|(_, login, _)| *login);
    let mut ended = [second, third].map(|login| (id, Some(login), CloseCode::Revoked));
    ended.sort_by_key(|(_, login, _)| *login);
    assert_eq!(closed, ended, "those that were good, and none that begins later");
    for tokens in [&two, &three] {
        assert_eq!(door.entry(tokens).await, Err(ErrorCode::Unauthenticated));
        assert_eq!(
            door.try_refresh(&tokens.refresh_token).await.code(),
            ErrorCode::Unauthenticated
        );
    }
    let answer = door.post_as("/v1/auth/logout-all", &two.access_token).await;
    assert_eq!(answer.code(), ErrorCode::Unauthenticated);
    let told = [
        Revoked { login_id: Some(login), reason: RevokeReason::Logout },
        Revoked { login_id: None, reason: RevokeReason::LogoutAll },
    ];
    assert_eq!(door.feed(id).await, told.map(Event::SessionRevoked));
    assert_eq!(door.entry(&door.login("anna").await).await, Ok(()));
}

#[tokio::test]
async fn one_login_more_than_the_limit_drops_the_one_longest_unused() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let mut logins = vec![door.register("anna").await];
    for _ in 1..LOGINS_MAX {
        door.clock.advance(1);
        logins.push(door.login("anna").await);
    }
    assert_eq!(door.entry(&logins[0]).await, Ok(()));
    door.clock.advance(1);
    logins[0] = door.try_refresh(&logins[0].refresh_token).await.good();
    let dropped = door.login_of(&logins[1]).await;
    door.login("anna").await;
    assert_eq!(door.entry(&logins[1]).await, Err(ErrorCode::Unauthenticated));
    assert_eq!(door.closed(), [(logins[1].user.id, Some(dropped), CloseCode::Revoked)]);
    for tokens in logins.iter().skip(2).chain(&logins[..1]) {
        assert_eq!(door.entry(tokens).await, Ok(()));
    }
}

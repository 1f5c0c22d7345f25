//! Access tokens and the keys that sign them, checked by code that is not the server's.

use crate::door::{Door, START_AT, settings};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, VerifyingKey};
use protocol::close::CloseCode;
use protocol::{Error, ErrorCode};
use sanctuary::auth::{AccessTokens, Denied, KEY_AGE_MAX_MS, KeyRing, MasterKey, TOKEN_TTL_MAX_MS};
use sanctuary::clock::Clock;
use serde_json::{Value, json};
use std::sync::Arc;
use tempfile::tempdir;

fn part(text: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

/// Checks a token by RFC 7519, 8037 and 7517 alone. Its claims, if the signature is good.
fn check(token: &str, jwks: &Value) -> Option<Value> {
    let mut parts = token.split('.');
    let [header, claims, signature] = [(); 3].map(|()| parts.next().unwrap());
    let kid = part(header)["kid"].clone();
    let key = jwks["keys"].as_array()?.iter().find(|key| key["kid"] == kid)?;
    assert_eq!(
        (&key["kty"], &key["crv"], &key["use"]),
        (&json!("OKP"), &json!("Ed25519"), &json!("sig"))
    );
    assert_eq!(part(header)["alg"], "EdDSA");
    let x = URL_SAFE_NO_PAD.decode(key["x"].as_str()?).unwrap();
    let key = VerifyingKey::from_bytes(&x.try_into().unwrap()).unwrap();
    let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    key.verify_strict(format!("{header}.{claims}").as_bytes(), &signature).ok()?;
    Some(part(claims))
}

#[tokio::test]
async fn anybody_can_check_a_token_with_the_public_keys() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let tokens = door.register("anna").await;
    let login = door.login_of(&tokens).await;
    let jwks: Value = door.get("/.well-known/jwks.json").await.good();
    let claims = check(&tokens.access_token, &jwks).unwrap();
    assert_eq!(
        claims,
        json!({
            "iss": "sanctuary",
            "sub": tokens.user.id,
            "lid": login,
            "roles": ["member"],
            "iat": START_AT / 1_000,
            "exp": START_AT / 1_000 + 15 * 60,
        })
    );
    assert!(!jwks.to_string().contains("\"d\""), "no private key");
}

#[tokio::test]
async fn what_is_not_our_token_is_unauthenticated() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let good = door.register("anna").await.access_token;
    let other = tempdir().unwrap();
    let theirs = Door::open(other.path()).await.register("anna").await.access_token;
    let [header, claims, signature] = [0, 1, 2].map(|n| good.split('.').nth(n).unwrap());
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut admin = part(claims);
    admin["roles"] = json!(["admin"]);
    let mut none = part(header);
    none["alg"] = "none".into();
    let mut hmac = part(header);
    hmac["alg"] = "HS256".into();
    let mut path = part(header);
    path["kid"] = "../../etc/passwd".into();
    for token in [
        String::new(),
        "x".to_owned(),
        theirs,
        format!("{header}.{claims}."),
        format!("{header}.{claims}"),
        format!("{header}.{}.{signature}", encode(admin)),
        format!("{}.{claims}.", encode(none)),
        format!("{}.{claims}.{signature}", encode(hmac)),
        format!("{}.{claims}.{signature}", encode(path)),
        "a".repeat(10_000),
    ] {
        let answer = door.get_as("/v1/me", &token).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (401, ErrorCode::Unauthenticated));
        let denied = door.authenticator.authenticate(&token).await.unwrap_err();
        assert_eq!(denied.close_code(), Some(CloseCode::BadToken), "{token:.80}");
    }
    assert_eq!(door.get("/v1/me").await.code(), ErrorCode::Unauthenticated);
    door.authenticator.authenticate(&good).await.unwrap();
}

#[tokio::test]
async fn a_new_key_signs_and_the_old_one_is_believed_for_a_while() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let before = door.register("anna").await;
    // Another node, on the same store.
    let master = MasterKey::open(&folder.path().join("master.key")).unwrap();
    let other = KeyRing::open(Arc::clone(&door.store), &master, door.clock.clone()).await.unwrap();
    let other = AccessTokens::new(other, door.clock.clone());
    assert_eq!(other.keys().jwks(), door.keys.jwks());

    door.clock.advance(2_000);
    door.keys.rotate().await.unwrap();
    let after = door.login("anna").await;
    let jwks: Value = door.get("/.well-known/jwks.json").await.good();
    assert_eq!(jwks["keys"].as_array().unwrap().len(), 2);
    for tokens in [&before, &after] {
        assert!(check(&tokens.access_token, &jwks).is_some());
        assert_eq!(door.entry(tokens).await, Ok(()));
    }
    assert_eq!(other.verify(&after.access_token).await.unwrap().user_id, after.user.id);
    assert_eq!(other.keys().jwks(), door.keys.jwks(), "the other node read the keys again");

    door.clock.advance(TOKEN_TTL_MAX_MS);
    assert_eq!(door.keys.jwks().keys.len(), 1);
    assert_eq!(door.entry(&after).await, Err(ErrorCode::TokenExpired));
    assert_eq!(door.entry(&before).await, Err(ErrorCode::Unauthenticated));
}

#[tokio::test]
async fn keys_outlive_a_restart_and_an_old_one_is_replaced() {
    let folder = tempdir().unwrap();
    let clock = Clock::manual(START_AT);
    let open = async || Door::open_with(folder.path(), settings(), clock.clone(), vec![]).await;
    let first = open().await;
    let tokens = first.register("anna").await;
    let jwks = first.keys.jwks();
    drop(first);
    let second = open().await;
    assert_eq!(second.keys.jwks(), jwks);
    assert_eq!(second.entry(&tokens).await, Ok(()));
    drop(second);
    clock.advance(KEY_AGE_MAX_MS);
    let third = open().await;
    assert_eq!(third.keys.jwks().keys.len(), 2);
}

#[tokio::test]
async fn another_master_key_does_not_open_the_keys() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let wrong = MasterKey::from_bytes([7; 32]);
    let opened = KeyRing::open(Arc::clone(&door.store), &wrong, door.clock.clone()).await;
    assert_eq!(opened.map(|_| ()).unwrap_err().code, ErrorCode::Internal);
}

#[test]
fn each_denial_has_a_code_and_a_close_code() {
    for (denied, code, close) in [
        (Denied::BadToken, ErrorCode::Unauthenticated, Some(4500)),
        (Denied::Expired, ErrorCode::TokenExpired, Some(4005)),
        (Denied::Revoked, ErrorCode::Unauthenticated, Some(4502)),
        (Denied::Suspended, ErrorCode::Forbidden, Some(4505)),
        (Denied::Unknown(sanctuary::error::unavailable()), ErrorCode::Unavailable, None),
    ] {
        assert_eq!(denied.close_code().map(CloseCode::number), close);
        assert_eq!(Error::from(denied).code, code);
    }
}

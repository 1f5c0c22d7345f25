//! Coaches: applying, being decided on, being found.

use crate::door::Door;
use axum::http::StatusCode;
use protocol::accounts::Tokens;
use protocol::close::CloseCode;
use protocol::coaches::{Application, Applications, Coach, CoachState, Coaches};
use protocol::{ErrorCode, Event};
use sanctuary::auth::Role;
use serde_json::{Value, json};
use tempfile::tempdir;

fn application(expertise: &[&str]) -> Value {
    json!({ "qualifications": "Ten years of listening.", "expertise": expertise, "bio": "Calm." })
}

async fn admin(door: &Door) -> Tokens {
    let admin = door.register("admin").await;
    door.accounts.set_role(admin.user.id, Role::Admin, true).await.unwrap();
    admin
}

async fn apply(door: &Door, name: &str, expertise: &[&str]) -> Tokens {
    let tokens = door.register(name).await;
    let path = "/v1/me/coach";
    let made: Application =
        door.ask_as("POST", path, &tokens.access_token, application(expertise)).await.good();
    assert_eq!(made.state, CoachState::Pending);
    tokens
}

async fn decide(door: &Door, admin: &Tokens, of: &Tokens, word: &str) -> crate::door::Answer {
    let path = format!("/v1/admin/coaches/{}/{word}", of.user.id);
    door.ask_as("POST", &path, &admin.access_token, json!({ "note": "Welcome." })).await
}

async fn is_coach(door: &Door, of: &Tokens) -> bool {
    door.authenticator.authenticate(&of.access_token).await.unwrap().roles.has(Role::Coach)
}

#[tokio::test]
async fn an_application_is_decided_on_and_gives_the_role() {
    use CoachState::{Approved, Pending, Suspended};
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let admin = admin(&door).await;
    let lin = apply(&door, "lin", &["grief", "Sleep"]).await;
    let again = door.ask_as("POST", "/v1/me/coach", &lin.access_token, application(&["x"])).await;
    assert_eq!(again.code(), ErrorCode::Conflict);
    let waiting: Applications =
        door.get_as("/v1/admin/coaches?state=pending", &admin.access_token).await.good();
    assert_eq!(waiting.items.len(), 1);
    assert_eq!(waiting.items[0].user_id, lin.user.id);
    assert!(!is_coach(&door, &lin).await);
    let none: Coaches = door.get_as("/v1/coaches", &lin.access_token).await.good();
    assert_eq!(none.items, []);

    assert_eq!(decide(&door, &lin, &lin, "approve").await.code(), ErrorCode::Forbidden);
    let decided: Application = decide(&door, &admin, &lin, "approve").await.good();
    assert_eq!((decided.state, decided.note.as_deref()), (Approved, Some("Welcome.")));
    assert!(is_coach(&door, &lin).await);
    let path = format!("/v1/coaches/{}", lin.user.id);
    let shown: Coach = door.get_as(&path, &lin.access_token).await.good();
    assert_eq!((shown.name.as_str(), shown.rating.count), ("lin", 0));
    assert_eq!(shown.rating.average, None);
    assert!(door.mail("lin@example.org", 1).await.contains("Welcome."));

    for word in ["approve", "reject", "restore"] {
        assert_eq!(decide(&door, &admin, &lin, word).await.code(), ErrorCode::Conflict, "{word}");
    }
    decide(&door, &admin, &lin, "suspend").await.good::<Application>();
    assert!(!is_coach(&door, &lin).await);
    let ended = |&(user, _, code): &_| (user, code) == (lin.user.id, CloseCode::Resync);
    assert!(door.closed().iter().any(ended));
    assert_eq!(door.get_as(&path, &lin.access_token).await.status, StatusCode::NOT_FOUND);
    decide(&door, &admin, &lin, "restore").await.good::<Application>();
    assert!(is_coach(&door, &lin).await);
    let told: Vec<CoachState> = door
        .feed(lin.user.id)
        .await
        .into_iter()
        .filter_map(|event| match event {
            Event::CoachChanged(changed) => Some(changed.state),
            _ => None,
        })
        .collect();
    assert_eq!(told, [Pending, Approved, Suspended, Approved]);
}

#[tokio::test]
async fn a_declined_application_stays_so() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let admin = admin(&door).await;
    let kim = apply(&door, "kim", &["sleep"]).await;
    decide(&door, &admin, &kim, "reject").await.good::<Application>();
    assert!(!is_coach(&door, &kim).await);
    for word in ["approve", "reject", "suspend", "restore"] {
        assert_eq!(decide(&door, &admin, &kim, word).await.code(), ErrorCode::Conflict);
    }
    let own: Application = door.get_as("/v1/me/coach", &kim.access_token).await.good();
    assert_eq!(own.state, CoachState::Rejected);
    let nobody = door.register("nobody").await;
    assert_eq!(decide(&door, &admin, &nobody, "approve").await.code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn approved_coaches_are_found_by_what_they_know_page_by_page() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let admin = admin(&door).await;
    for n in 0..5 {
        let field = if n == 3 { "Deep sleep" } else { "grief" };
        let coach = apply(&door, &format!("coach{n}"), &[field]).await;
        decide(&door, &admin, &coach, "approve").await.good::<Application>();
    }
    apply(&door, "waiting", &["grief"]).await;
    let get = async |query: &str| -> Coaches {
        door.get_as(&format!("/v1/coaches?{query}"), &admin.access_token).await.good()
    };
    assert_eq!(get("expertise=SLEEP").await.items[0].name, "coach3");
    assert_eq!(get("expertise=sleep").await.items.len(), 1);
    assert_eq!(get("rating=4").await.items.len(), 0, "nobody rated yet");
    let (mut names, mut after) = (Vec::new(), String::new());
    for _ in 0..3 {
        let page = get(&format!("expertise=grief&limit=2{after}")).await;
        names.extend(page.items.into_iter().map(|coach| coach.name));
        let Some(next) = page.next else { break };
        after = format!("&after={next}");
    }
    names.sort();
    assert_eq!(names, ["coach0", "coach1", "coach2", "coach4"]);
    let wrong = door.get_as("/v1/coaches?limit=101", &admin.access_token).await;
    assert_eq!(wrong.code(), ErrorCode::Invalid);
}

#[tokio::test]
async fn what_a_coach_says_is_changed_and_checked() {
    let folder = tempdir().unwrap();
    let door = Door::open(folder.path()).await;
    let lin = apply(&door, "lin", &["grief"]).await;
    let patch = |body| door.ask_as("PATCH", "/v1/me/coach", &lin.access_token, body);
    let changed: Application = patch(json!({ "expertise": ["sleep"], "bio": null })).await.good();
    assert_eq!((changed.expertise, changed.bio), (vec!["sleep".to_owned()], None));
    for (body, field) in [
        (json!({ "expertise": [] }), "expertise"),
        (json!({ "expertise": null }), "expertise"),
        (json!({ "qualifications": " " }), "qualifications"),
        (json!({ "bio": "x".repeat(2_001) }), "bio"),
    ] {
        assert_eq!(patch(body).await.code_and_field().1.as_deref(), Some(field));
    }
    let nobody = door.register("nobody").await;
    let none = door.ask_as("PATCH", "/v1/me/coach", &nobody.access_token, json!({})).await;
    assert_eq!(none.code(), ErrorCode::NotFound);
}

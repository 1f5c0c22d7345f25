//! Mails: an effect of a commit that arrives, at the server or in the folder, whatever is away.

use crate::engines::{Embedded, Engine, Home, START, on_every_engine};
use crate::smtp_server::SmtpServer;
use futures_util::future::BoxFuture;
use protocol::{Format, Millis};
use sanctuary::auth::MasterKey;
use sanctuary::config::Settings;
use sanctuary::error::Result;
use sanctuary::mail::{
    self, MAIL_AGE_MAX_MS, MAIL_TIMER, Mail, Post, RETRY_MS_MAX, RETRY_MS_MIN, SEND,
};
use sanctuary::store::{Carry, Change, OutKey, Partition, Store, Value};
use sanctuary::timers::{Driver, Fire, Timer};
use std::path::Path;
use std::sync::Arc;
use tempfile::tempdir;
use uuid::Uuid;

on_every_engine! {
    a_mail_of_a_commit_lies_in_the_outbox_once,
    a_mail_reaches_the_server,
    a_server_that_is_away_gets_the_mail_when_it_is_back,
    what_a_server_refuses_for_good_is_left_out,
    nothing_of_a_mail_is_readable_in_the_store,
}

struct Office {
    engine: Engine,
    store: Arc<Store>,
    post: Arc<Post>,
    driver: Arc<Driver>,
}

struct Carrier(Arc<Post>);

impl Carry for Carrier {
    fn carry<'a>(
        &'a self,
        key: &'a OutKey,
        effect: &'a str,
        body: &'a [u8],
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            assert_eq!(effect, SEND);
            let letter = Format::MessagePack.decode(body).unwrap();
            self.0.carry(key, letter).await
        })
    }
}

impl Fire for Carrier {
    fn fire<'a>(&'a self, timer: &'a Timer, _: Millis) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            if timer.kind == MAIL_TIMER { self.0.deliver(&timer.subject).await } else { Ok(()) }
        })
    }
}

async fn office(home: &dyn Home, settings: &Settings) -> Office {
    let engine = home.open().await;
    let store = engine.records();
    let post = Post::new(
        Arc::clone(&store),
        Arc::clone(&engine.timers),
        mail::mailer(settings).unwrap(),
        &MasterKey::from_bytes([7; 32]),
        engine.clock.clone(),
    );
    let carrier = Arc::new(Carrier(Arc::clone(&post)));
    store.carry_with(Arc::clone(&carrier) as _);
    let driver = Driver::new(Arc::clone(&engine.timers), carrier, engine.clock.clone());
    Office { engine, store, post, driver }
}

fn settings(folder: &Path, smtp_url: Option<String>) -> Settings {
    let mut settings = Settings::defaults().unwrap();
    folder.clone_into(&mut settings.data);
    settings.mail_smtp_url = smtp_url;
    settings
}

fn hello() -> Mail {
    Mail {
        to: "anna@example.org".to_owned(),
        subject: "A word for Anna".to_owned(),
        text: "The first line.\n.\nThe last line.\n".to_owned(),
    }
}

impl Office {
    /// A commit that a mail follows from.
    async fn write(&self, mail: &Mail) {
        let letter = self.post.enclose(mail).unwrap();
        let partition = Partition::new("test_boxes", [Value::Uuid(Uuid::from_u128(1))]);
        self.store
            .decide(partition, |_| {
                let mut change = Change::new();
                change.group();
                change.effect(SEND, &letter);
                Ok((change, ()))
            })
            .await
            .unwrap();
    }

    /// Fires what is due that much later.
    async fn later(&self, ms: Millis) -> usize {
        self.engine.clock.advance(ms);
        self.driver.fire_due(self.engine.clock.now()).await.unwrap()
    }

    async fn waiting(&self) -> usize {
        let due = self.engine.timers.due(START + 2 * MAIL_AGE_MAX_MS, 100).await.unwrap();
        due.iter().filter(|timer| timer.kind == MAIL_TIMER).count()
    }
}

/// The mails in a folder.
fn outbox(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder.join("outbox")) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .map(|path| {
            assert_eq!(path.extension().unwrap(), "eml", "no draft is left");
            std::fs::read_to_string(path).unwrap()
        })
        .collect()
}

async fn a_mail_of_a_commit_lies_in_the_outbox_once(home: &dyn Home) {
    let folder = tempdir().unwrap();
    let office = office(home, &settings(folder.path(), None)).await;
    office.write(&hello()).await;
    assert!(outbox(folder.path()).is_empty(), "the timer sends it");
    office.later(1).await;
    let [mail] = outbox(folder.path()).try_into().unwrap();
    for line in ["To: anna@example.org", "Subject: A word for Anna", "The last line."] {
        assert!(mail.contains(&format!("{line}\r\n")), "{line} in {mail}");
    }
    office.later(RETRY_MS_MAX).await;
    assert_eq!(outbox(folder.path()).len(), 1);
    office.write(&hello()).await;
    office.later(1).await;
    assert_eq!(outbox(folder.path()).len(), 2, "another commit is another mail");
}

async fn a_mail_reaches_the_server(home: &dyn Home) {
    let folder = tempdir().unwrap();
    let server = SmtpServer::start("127.0.0.1:0".parse().unwrap()).await;
    let office = office(home, &settings(folder.path(), Some(server.url()))).await;
    office.write(&hello()).await;
    office.later(1).await;
    let [(to, text)] = server.taken().try_into().unwrap();
    assert_eq!(to, "anna@example.org");
    assert!(text.contains("From: Sanctuary <sanctuary@localhost>\n"), "{text}");
    assert!(text.trim_end().ends_with("\n\nThe first line.\n.\nThe last line."), "{text}");
    assert_eq!(office.waiting().await, 0);
    assert!(outbox(folder.path()).is_empty());
}

async fn a_server_that_is_away_gets_the_mail_when_it_is_back(home: &dyn Home) {
    let folder = tempdir().unwrap();
    let server = SmtpServer::start("127.0.0.1:0".parse().unwrap()).await;
    let address = server.address;
    let office = office(home, &settings(folder.path(), Some(server.url()))).await;
    server.answer("451 not just now");
    office.write(&hello()).await;
    office.later(1).await;
    assert_eq!((server.taken().len(), office.waiting().await), (0, 1));
    server.stop();
    office.later(RETRY_MS_MIN).await;
    assert_eq!(office.waiting().await, 1, "nobody is there");

    let server = SmtpServer::start(address).await;
    office.later(RETRY_MS_MIN).await;
    assert_eq!((server.taken().len(), office.waiting().await), (1, 0));
    office.later(RETRY_MS_MAX).await;
    assert_eq!(server.taken().len(), 1);
}

async fn what_a_server_refuses_for_good_is_left_out(home: &dyn Home) {
    let folder = tempdir().unwrap();
    let server = SmtpServer::start("127.0.0.1:0".parse().unwrap()).await;
    let office = office(home, &settings(folder.path(), Some(server.url()))).await;
    server.answer("550 nobody of that name");
    office.write(&hello()).await;
    office.write(&Mail { to: "no address".to_owned(), ..hello() }).await;
    office.later(1).await;
    assert_eq!(office.waiting().await, 0);
    server.answer("250 fine");
    office.later(RETRY_MS_MAX).await;
    assert_eq!(server.taken().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_too_long_is_given_up() {
    let folder = tempdir().unwrap();
    let nobody = Some("smtp://127.0.0.1:9".to_owned());
    let office = office(&Embedded::new(), &settings(folder.path(), nobody)).await;
    office.write(&hello()).await;
    office.later(MAIL_AGE_MAX_MS - 1).await;
    assert_eq!(office.waiting().await, 1);
    office.later(RETRY_MS_MAX).await;
    assert_eq!(office.waiting().await, 0);
}

async fn nothing_of_a_mail_is_readable_in_the_store(home: &dyn Home) {
    let folder = tempdir().unwrap();
    let nobody = Some("smtp://127.0.0.1:9".to_owned());
    let office = office(home, &settings(folder.path(), nobody)).await;
    office.write(&hello()).await;
    let due = office.engine.timers.due(START, 10).await.unwrap();
    let id = due.iter().find(|timer| timer.kind == MAIL_TIMER).unwrap().subject.clone();
    let key = vec![Value::Uuid(Uuid::from_slice(&id).unwrap())];
    let row = office.engine.store.get("mails", key).await.unwrap().unwrap();
    let partition = Partition::new("test_boxes", [Value::Uuid(Uuid::from_u128(1))]);
    let outbox = office.engine.store.load(partition).await.unwrap().outbox;
    let Value::Bytes(sealed) = row.get("sealed") else { panic!("{row:?}") };
    for bytes in outbox.iter().map(|row| &row.body).chain([sealed]) {
        let text = String::from_utf8_lossy(bytes);
        assert!(!text.contains("anna") && !text.contains("line"), "{text}");
    }
}

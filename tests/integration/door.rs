//! A server's accounts and HTTP edge on a store of their own, without sockets.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use protocol::accounts::Tokens;
use protocol::close::CloseCode;
use protocol::{ErrorCode, Event, Format, LoginId, Topic, UserId};
use sanctuary::auth::{AccessTokens, Authenticator, KeyRing, MasterKey, Passwords};
use sanctuary::bus::{Bus, Channel, Control, Notice, Publication};
use sanctuary::clock::Clock;
use sanctuary::config::Settings;
use sanctuary::engine::sqlite::Sqlite;
use sanctuary::error::Result;
use sanctuary::features::accounts::{
    self, ACCOUNT_CHANGED, AccountSettings, Accounts, COACH_ROLE, EFFECTS, ERASE_TIMER, Personal,
};
use sanctuary::http::{Check, Metrics};
use sanctuary::log::{Log, Span, SqliteLog};
use sanctuary::mail::{self, MAIL_TIMER, Post, SEND};
use sanctuary::problem::Document;
use sanctuary::store::{Carry, OutKey, SqliteStore, Store};
use sanctuary::timers::{Driver, Fire, SqliteTimers, Timer, Timers};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use tower::ServiceExt as _;

/// When tests begin.
pub(crate) const START_AT: i64 = 1_790_000_000_000;
/// A password that fits.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A closed socket: whose, of which login, why.
pub(crate) type Closed = (UserId, Option<LoginId>, CloseCode);

/// See the module.
pub(crate) struct Door {
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) store: Arc<Store>,
    pub(crate) clock: Clock,
    pub(crate) carrying: Arc<Carrying>,
    driver: Arc<Driver>,
    folder: PathBuf,
    log: Arc<SqliteLog>,
    closed: Arc<Mutex<Vec<Closed>>>,
    router: Router,
}

/// Carries effects to accounts, unless told to fail.
#[derive(Default)]
pub(crate) struct Carrying {
    accounts: OnceLock<(Arc<Accounts>, Arc<Post>)>,
    pub(crate) fails: AtomicBool,
}

impl Carry for Carrying {
    fn carry<'a>(
        &'a self,
        key: &'a OutKey,
        effect: &'a str,
        body: &'a [u8],
    ) -> futures_util::future::BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            if effect == ACCOUNT_CHANGED || effect == COACH_ROLE {
                return Ok(());
            }
            assert!(effect == SEND || EFFECTS.contains(&effect), "{effect}");
            if self.fails.load(Ordering::SeqCst) {
                return Err(sanctuary::error::unavailable());
            }
            let (accounts, post) = self.accounts.get().unwrap();
            if effect == SEND {
                post.carry(key, Format::MessagePack.decode(body).unwrap()).await
            } else {
                accounts.carry(effect, body).await
            }
        })
    }
}

impl Fire for Carrying {
    fn fire<'a>(
        &'a self,
        timer: &'a Timer,
        _: i64,
    ) -> futures_util::future::BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let (accounts, post) = self.accounts.get().unwrap();
            match timer.kind.as_str() {
                MAIL_TIMER => post.deliver(&timer.subject).await,
                ERASE_TIMER => accounts.erase_due(&timer.subject).await,
                _ => Ok(()),
            }
        })
    }
}

/// Accounts over an engine, with mails that go into a folder; they carry out their own effects.
pub(crate) struct Made {
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) tokens: Arc<AccessTokens>,
    pub(crate) carrying: Arc<Carrying>,
    pub(crate) driver: Arc<Driver>,
}

pub(crate) async fn make(
    store: &Arc<Store>,
    timers: Arc<dyn Timers>,
    master: &MasterKey,
    folder: &Path,
    settings: AccountSettings,
    clock: &Clock,
    close: accounts::CloseSockets,
) -> Made {
    let keys = KeyRing::open(Arc::clone(store), master, clock.clone()).await.unwrap();
    let tokens = Arc::new(AccessTokens::new(keys, clock.clone()));
    let mut of_mail = Settings::defaults().unwrap();
    folder.clone_into(&mut of_mail.data);
    let mailer = mail::mailer(&of_mail).unwrap();
    let post = Post::new(Arc::clone(store), Arc::clone(&timers), mailer, master, clock.clone());
    let accounts = Accounts::new(accounts::Parts {
        store: Arc::clone(store),
        tokens: Arc::clone(&tokens),
        master,
        passwords: Passwords::new().unwrap(),
        close,
        clock: clock.clone(),
        settings,
        post: Arc::clone(&post),
        timers: Arc::clone(&timers),
        counter: None,
    });
    accounts.personal_with(&[Arc::clone(&accounts) as Arc<dyn Personal>]);
    let carrying = Arc::new(Carrying::default());
    let _ = carrying.accounts.set((Arc::clone(&accounts), post));
    store.carry_with(Arc::clone(&carrying) as Arc<dyn Carry>);
    let fire = Arc::clone(&carrying) as Arc<dyn Fire>;
    let driver = Driver::new(timers, fire, clock.clone());
    Made { accounts, tokens, carrying, driver }
}

/// The texts of all mails in a folder's outbox to an address.
pub(crate) fn mails_to(folder: &Path, address: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder.join("outbox")) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "eml"));
    paths.sort_by_key(|path| std::fs::metadata(path).unwrap().modified().unwrap());
    let texts = paths.iter().map(|path| std::fs::read_to_string(path).unwrap());
    texts.filter(|text| text.contains(&format!("To: {address}\r\n"))).collect()
}

/// The secret in a mail, behind `#purpose=`.
#[track_caller]
pub(crate) fn secret_in(mail: &str, purpose: &str) -> String {
    let (_, rest) = mail.split_once(&format!("/#{purpose}=")).expect("a link");
    rest.split(char::is_whitespace).next().unwrap().to_owned()
}

/// Nobody listens.
struct Silence;

impl Bus for Silence {
    fn publish_blocking(&self, _: Vec<Publication>) {}
    fn notify(&self, _: Notice) {}
    fn publish(&self, _: Vec<Publication>) -> futures_util::future::BoxFuture<'_, ()> {
        Box::pin(async {})
    }
    fn control(&self, _: Control) {}
    fn listen(&self, _: Channel) {}
    fn unlisten(&self, _: Channel) {}
    fn listening(&self, _: Channel) -> futures_util::future::BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body of a good one.
    #[track_caller]
    pub(crate) fn good<T: DeserializeOwned>(&self) -> T {
        assert_eq!(self.status, StatusCode::OK, "{}", String::from_utf8_lossy(&self.body));
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The problem of one that is not.
    #[track_caller]
    pub(crate) fn problem(&self) -> Document {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json");
        let document: Document = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(document.status, self.status.as_u16());
        document
    }

    /// The code of one that is not.
    #[track_caller]
    pub(crate) fn code(&self) -> ErrorCode {
        self.problem().code
    }

    /// Code and field of one that is not.
    #[track_caller]
    pub(crate) fn code_and_field(&self) -> (ErrorCode, Option<String>) {
        let problem = self.problem();
        let field = problem.more.get("field").and_then(Value::as_str).map(str::to_owned);
        (problem.code, field)
    }
}

/// The settings' defaults without rates.
pub(crate) fn settings() -> AccountSettings {
    let mut settings = Settings::defaults().unwrap();
    settings.limits = false;
    AccountSettings::from(&settings)
}

impl Door {
    /// On a folder.
    pub(crate) async fn open(folder: &Path) -> Self {
        Self::open_with(folder, settings(), Clock::manual(START_AT), Vec::new()).await
    }

    pub(crate) async fn open_with(
        folder: &Path,
        settings: AccountSettings,
        clock: Clock,
        checks: Vec<Check>,
    ) -> Self {
        let engine = Sqlite::open(folder, clock.clone()).unwrap();
        let log = Arc::new(SqliteLog::new(Arc::clone(&engine), Arc::new(Silence)));
        let timers: Arc<dyn Timers> = Arc::new(SqliteTimers::new(Arc::clone(&engine)));
        let rows = Arc::new(SqliteStore::new(engine));
        let store =
            Store::new(rows, Arc::clone(&log) as Arc<dyn Log>, Arc::clone(&timers), clock.clone());
        let master = MasterKey::open(&folder.join("master.key")).unwrap();
        let closed = Arc::new(Mutex::new(Vec::new()));
        let closing = Arc::clone(&closed);
        let close: accounts::CloseSockets = Arc::new(move |user, login, code| {
            closing.lock().unwrap().push((user, login, code));
        });
        let made = make(&store, timers, &master, folder, settings, &clock, close).await;
        let Made { accounts, tokens, carrying, driver } = made;
        let keys = Arc::clone(tokens.keys());
        let facts = Arc::clone(&accounts) as Arc<dyn sanctuary::auth::AccountFacts>;
        let authenticator = Authenticator::new(tokens, facts);
        let router = sanctuary::http::router(sanctuary::http::Parts {
            routes: vec![Arc::clone(&accounts).routes()],
            authenticator: Arc::clone(&authenticator),
            checks,
            metrics: Metrics::detached(),
        });
        let folder = folder.to_owned();
        Self {
            accounts,
            authenticator,
            keys,
            store,
            clock,
            carrying,
            driver,
            folder,
            log,
            closed,
            router,
        }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub(crate) async fn post_as(&self, path: &str, token: &str) -> Answer {
        let request = Request::post(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// A request with a body, by the holder of a token.
    pub(crate) async fn ask_as(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Value,
    ) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = request
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Moves the clock and fires what is due by then.
    pub(crate) async fn later(&self, ms: i64) {
        self.clock.advance(ms);
        while self.driver.fire_due(self.clock.now()).await.unwrap() > 0 {}
    }

    /// The mails that an address got by now.
    pub(crate) async fn mails(&self, address: &str) -> Vec<String> {
        self.later(1).await;
        mails_to(&self.folder, address)
    }

    /// The last of them, once there are so many.
    pub(crate) async fn mail(&self, address: &str, count: usize) -> String {
        crate::server::eventually(async || {
            let mails = self.mails(address).await;
            (mails.len() == count).then(|| mails.last().unwrap().clone())
        })
        .await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn get_as(&self, path: &str, token: &str) -> Answer {
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Makes a person; the tokens of their first login.
    pub(crate) async fn register(&self, name: &str) -> Tokens {
        let email = format!("{name}@example.org");
        let person = json!({ "email": email, "password": PASSWORD, "name": name });
        self.post("/v1/auth/register", person).await.good()
    }

    pub(crate) async fn try_login(&self, email: &str, password: &str) -> Answer {
        self.post("/v1/auth/login", json!({ "email": email, "password": password })).await
    }

    pub(crate) async fn login(&self, name: &str) -> Tokens {
        self.try_login(&format!("{name}@example.org"), PASSWORD).await.good()
    }

    pub(crate) async fn try_refresh(&self, token: &str) -> Answer {
        self.post("/v1/auth/refresh", json!({ "refresh_token": token })).await
    }

    /// The login that an access token belongs to.
    pub(crate) async fn login_of(&self, tokens: &Tokens) -> LoginId {
        self.authenticator.authenticate(&tokens.access_token).await.unwrap().login_id
    }

    /// What `GET /v1/me` says to a token: 200, or the code.
    pub(crate) async fn entry(&self, tokens: &Tokens) -> std::result::Result<(), ErrorCode> {
        let answer = self.get_as("/v1/me", &tokens.access_token).await;
        if answer.status == StatusCode::OK { Ok(()) } else { Err(answer.code()) }
    }

    /// Sockets that were closed since this was last asked.
    pub(crate) fn closed(&self) -> Vec<Closed> {
        std::mem::take(&mut *self.closed.lock().unwrap())
    }

    /// A person's feed.
    pub(crate) async fn feed(&self, user: UserId) -> Vec<Event> {
        let topic = Topic::User(user);
        let page = self.log.read(topic, Span::After(0), 100, 1 << 20).await.unwrap();
        page.entries
            .iter()
            .map(|entry| sanctuary::log::decode(topic, entry).unwrap().body)
            .collect()
    }
}

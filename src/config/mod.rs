//! Settings: one table, read from a file (TOML), the environment and flags; the later wins.
//!
//! [`TABLE`] is the table as data: `sanctuary check-config` prints it with what is in effect and
//! where that comes from, and the README's table is checked against it. A wrong or unknown key
//! is an error that names it and says what is allowed.
//!
//! Does not know: what a setting does. Sizes that the protocol bounds are no settings.

mod kinds;
mod layers;
mod logged;
mod replication;

pub use kinds::Keyspace;
pub use layers::{ConfigError, Sources};
pub use logged::filter as log_filter;
pub use replication::{COPIES_MAX, Replication, UnknownReplication};

use kinds::Kind;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

/// Begins the names of settings in the environment.
pub const ENV_PREFIX: &str = "SANCTUARY_";

/// One setting, as data.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its key in the file.
    pub key: &'static str,
    /// What holds where nothing is said.
    pub default: &'static str,
    /// What it is.
    pub about: &'static str,
    /// What its value may be.
    pub allowed: &'static str,
}

impl Setting {
    /// Its name in the environment.
    pub fn env(&self) -> String {
        format!("{ENV_PREFIX}{}", self.key.replace('.', "_").to_uppercase())
    }

    /// Its flag, without the dashes before it.
    pub fn flag(&self) -> String {
        self.key.replace(['.', '_'], "-")
    }
}

macro_rules! settings {
    ($($(#[doc = $about:literal])+ $field:ident: $type:ty = $key:literal, $default:literal
        $(, $low:literal to $high:literal)?;)*) => {
        /// What is in effect.
        #[derive(Debug, Clone)]
        pub struct Settings {
            $($(#[doc = $about])+ pub $field: $type,)*
            shown: BTreeMap<&'static str, Shown>,
        }

        /// All settings, in the order of the README.
        pub const TABLE: &[Setting] = &[$(Setting {
            key: $key,
            default: $default,
            about: concat!($($about),+),
            allowed: settings!(@allowed $type $(, $low to $high)?),
        }),*];

        impl Settings {
            fn read(sources: &Sources) -> Result<Self, ConfigError> {
                let mut shown = BTreeMap::new();
                Ok(Self {
                    $($field: {
                        let (value, found) = sources.value::<$type>($key, |value| {
                            let _ = &value;
                            true $(&& ($low..=$high).contains(value))?
                        })?;
                        shown.insert($key, found);
                        value
                    },)*
                    shown,
                })
            }
        }
    };
    (@allowed $type:ty, $low:literal to $high:literal) => {
        concat!("a whole number from ", $low, " to ", $high)
    };
    (@allowed $type:ty) => { <$type as Kind>::ALLOWED };
}

settings! {
    /// Address and port to serve on; port 0 takes a free one.
    listen: SocketAddr = "listen", "127.0.0.1:8080";
    /// Folder of the embedded store and the master key; with `store = cql` of the key only.
    data: PathBuf = "data", "./data";
    /// Where the data lives.
    store: StoreKind = "store", "embedded";
    /// Nodes of the CQL store, first contact.
    cql_nodes: Vec<String> = "cql_nodes", "";
    /// Keyspace of the CQL store; made if it is not there.
    cql_keyspace: Keyspace = "cql_keyspace", "sanctuary";
    /// Copies of a keyspace that is made.
    cql_replication: Replication = "cql.replication", "3";
    /// A keyspace that is made has tablets (ScyllaDB only, from 2025.4).
    cql_tablets: bool = "cql.tablets", "off";
    /// The datacenter whose nodes this server asks.
    cql_datacenter: Option<String> = "cql.datacenter", "";
    /// User of the CQL store; with `cql.password_file`.
    cql_user: Option<String> = "cql.user", "";
    /// File that holds the password of `cql.user`.
    cql_password_file: Option<PathBuf> = "cql.password_file", "";
    /// Certificates that sign those of the nodes, PEM; connections are encrypted then, and each node's certificate names its IP address.
    cql_tls_ca: Option<PathBuf> = "cql.tls_ca", "";
    /// Own certificate, PEM, where nodes ask for one; with `cql.tls_key`.
    cql_tls_cert: Option<PathBuf> = "cql.tls_cert", "";
    /// Own private key, PEM; with `cql.tls_cert`.
    cql_tls_key: Option<PathBuf> = "cql.tls_key", "";
    /// Redis servers between nodes, `redis://` or `rediss://user:password@host:port`; they share
    /// the topics, all nodes name them in the same order.
    redis: Vec<String> = "redis", "";
    /// Name of this node among others; each has its own.
    node: String = "node", "local";
    /// File of the master key; `master.key` in the data folder where none is named.
    master_key_file: Option<PathBuf> = "master_key_file", "";
    /// `off` lifts rates and numbers, never sizes: for load tests.
    limits: bool = "limits", "on";
    /// What is logged: a level, or directives such as `info,sanctuary::ws=debug`.
    log: String = "log", "info";
    /// On SIGTERM, connections are sent away spread over this long.
    drain_window_ms: u64 = "drain_window_ms", "10000", 0 to 600_000;
    /// Origins of web pages that may connect, beside the server's own.
    allowed_origins: Vec<String> = "allowed_origins", "";
    /// Take a client's address from the last entry of `X-Forwarded-For`. Only behind a proxy.
    trust_proxy: bool = "trust_proxy", "off";
    /// Certificate chain, PEM; with `tls.key`.
    tls_cert: Option<PathBuf> = "tls.cert", "";
    /// Private key, PEM; with `tls.cert`.
    tls_key: Option<PathBuf> = "tls.key", "";
    /// The address under which people reach this server, for links in mails; `http://` and `listen` where none is named.
    public_url: Option<String> = "public_url", "";
    /// The mail server: `smtps://user:password@host`, or `smtp://…?tls=required` for STARTTLS; files in the folder `outbox` of `data` where none is named.
    mail_smtp_url: Option<String> = "mail.smtp_url", "";
    /// Whom mails come from.
    mail_from: String = "mail.from", "Sanctuary <sanctuary@localhost>";
    /// New accounts wait for their e-mail address to be verified; `auto`: where `mail.smtp_url` names a server.
    accounts_verify_email: Option<bool> = "accounts.verify_email", "auto";
    /// An account that its person wants deleted can be kept for so long; 0: it goes at once.
    accounts_deletion_grace_days: u32 = "accounts.deletion_grace_days", "14", 0 to 90;
    /// How long an access token lives.
    accounts_token_ttl_min: u32 = "accounts.token_ttl_min", "15", 1 to 60;
    /// The first message of a stranger waits as a request; not with `limits = off`.
    people_stranger_requests: bool = "people.stranger_requests", "on";
    /// A request waits at most this long for a coach.
    support_max_wait_s: u32 = "support.max_wait_s", "86400", 1 to 6_000_000;
    /// A member's message without an answer for this long: the coach is nudged.
    support_nudge_s: u32 = "support.nudge_s", "600", 1 to 86_400;
    /// After the nudge, without an answer for this long: the member is at the front of the queue again.
    support_unanswered_s: u32 = "support.unanswered_s", "300", 1 to 86_400;
    /// A coach's message without an answer for this long: the member is asked.
    support_warn_s: u32 = "support.warn_s", "1800", 1 to 604_800;
    /// After that, without an answer for this long: the request ends as abandoned.
    support_abandon_s: u32 = "support.abandon_s", "1800", 1 to 604_800;
    /// Requests of a person that cost nothing, in each `support.free_days`; 0: as many as wanted.
    support_free_requests: u32 = "support.free_requests", "0", 0 to 1_000;
    /// See `support.free_requests`.
    support_free_days: u32 = "support.free_days", "30", 1 to 366;
    /// File of words that sound like an emergency, a phrase a line; a built-in list where none is named.
    support_crisis_words_file: Option<PathBuf> = "support.crisis_words_file", "";
    /// Whom push services may write to about our pushes: `mailto:…` or `https:…`; some ask for it.
    push_contact: Option<String> = "push.contact", "";
    /// Push services of browsers may have private addresses, and no TLS. For tests only.
    push_private_endpoints: bool = "push.private_endpoints", "off";
    /// Key of a Google service account, JSON: pushes go to Android by Firebase.
    push_fcm_key_file: Option<PathBuf> = "push.fcm_key_file", "";
    /// Where Firebase is.
    push_fcm_url: String = "push.fcm_url", "https://fcm.googleapis.com";
    /// Key of Apple's push service, `.p8`; with the three settings that follow.
    push_apns_key_file: Option<PathBuf> = "push.apns_key_file", "";
    /// Name of that key.
    push_apns_key_id: Option<String> = "push.apns_key_id", "";
    /// The team it belongs to.
    push_apns_team_id: Option<String> = "push.apns_team_id", "";
    /// The app that pushes are for.
    push_apns_topic: Option<String> = "push.apns_topic", "";
    /// Where Apple's push service is.
    push_apns_url: String = "push.apns_url", "https://api.push.apple.com";
    /// Who moves money: `sandbox`, which moves none, or `stripe`.
    payments_provider: PaymentProvider = "payments.provider", "sandbox";
    /// File that holds Stripe's secret key; with `payments.provider = stripe`.
    payments_stripe_key_file: Option<PathBuf> = "payments.stripe_key_file", "";
    /// Stripe's key for clients.
    payments_stripe_public_key: Option<String> = "payments.stripe_public_key", "";
    /// Where Stripe is.
    payments_stripe_url: String = "payments.stripe_url", "https://api.stripe.com";
    /// File that holds the key which signs webhooks; without, none is taken.
    payments_webhook_key_file: Option<PathBuf> = "payments.webhook_key_file", "";
    /// What a subscription gives goes on for so long while a renewal is not paid.
    payments_grace_days: u32 = "payments.grace_days", "7", 0 to 60;
    /// Open connections of one person on a node.
    connections_per_person_max: u32 = "connections.per_person_max", "20", 1 to 10_000;
    /// Commands of one person, on average over ten seconds.
    commands_per_person_per_s: u32 = "rates.commands_per_person_per_s", "50", 1 to 100_000;
    /// Messages, posts and requests of one person, on average over ten seconds.
    writes_per_person_per_s: u32 = "rates.writes_per_person_per_s", "10", 1 to 100_000;
    /// Logins tried for one account.
    logins_per_account_per_min: u32 = "rates.logins_per_account_per_min", "10", 1 to 100_000;
    /// Logins tried from one address.
    logins_per_address_per_min: u32 = "rates.logins_per_address_per_min", "60", 1 to 100_000;
    /// Accounts made from one address.
    registrations_per_address_per_hour: u32 = "rates.registrations_per_address_per_hour", "60", 1 to 100_000;
    /// Mails, and archives of all data, asked for by or for one account.
    mails_per_account_per_hour: u32 = "rates.mails_per_account_per_hour", "6", 1 to 100_000;
    /// Mails asked for from one address.
    mails_per_address_per_hour: u32 = "rates.mails_per_address_per_hour", "30", 1 to 100_000;
}

/// Where the data lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// In a file of this machine.
    Embedded,
    /// On nodes that speak CQL.
    Cql,
}

/// Who moves money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentProvider {
    /// Nobody: what happens is said by the method.
    Sandbox,
    /// <https://stripe.com>.
    Stripe,
}

/// A value as it is printed.
#[derive(Debug, Clone)]
struct Shown {
    value: String,
    source: String,
}

impl Settings {
    /// The settings in effect.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let settings = Self::read(sources)?;
        let pairs = [
            ("tls.cert", settings.tls_cert.is_some(), "tls.key", settings.tls_key.is_some()),
            (
                "cql.user",
                settings.cql_user.is_some(),
                "cql.password_file",
                settings.cql_password_file.is_some(),
            ),
            (
                "cql.tls_cert",
                settings.cql_tls_cert.is_some(),
                "cql.tls_key",
                settings.cql_tls_key.is_some(),
            ),
        ];
        let apns = |other: &'static str, named: bool| {
            ("push.apns_key_file", settings.push_apns_key_file.is_some(), other, named)
        };
        let pairs = pairs.into_iter().chain([
            apns("push.apns_key_id", settings.push_apns_key_id.is_some()),
            apns("push.apns_team_id", settings.push_apns_team_id.is_some()),
            apns("push.apns_topic", settings.push_apns_topic.is_some()),
        ]);
        let mut pairs = pairs;
        if let Some((one, _, other, _)) = pairs.find(|(_, one, _, other)| one != other) {
            return Err(ConfigError::Together { one, other });
        }
        if settings.cql_tls_cert.is_some() && settings.cql_tls_ca.is_none() {
            return Err(ConfigError::Needs { one: "cql.tls_cert", other: "cql.tls_ca" });
        }
        let stripe = settings.payments_provider == PaymentProvider::Stripe;
        if stripe && settings.payments_stripe_key_file.is_none() {
            let one = "payments.provider = stripe";
            return Err(ConfigError::Needs { one, other: "payments.stripe_key_file" });
        }
        if settings.store == StoreKind::Cql && settings.cql_nodes.is_empty() {
            return Err(ConfigError::Needs { one: "store = cql", other: "cql_nodes" });
        }
        Ok(settings)
    }

    /// The defaults, for tests.
    pub fn defaults() -> Result<Self, ConfigError> {
        Self::load(&Sources::default())
    }

    /// The file of the master key.
    pub fn master_key_path(&self) -> PathBuf {
        self.master_key_file.clone().unwrap_or_else(|| self.data.join("master.key"))
    }

    /// Whether new accounts wait for their e-mail address to be verified.
    pub fn verify_email(&self) -> bool {
        self.accounts_verify_email.unwrap_or(self.mail_smtp_url.is_some())
    }

    /// What links in mails begin with, without a slash at the end.
    pub fn public_url(&self) -> String {
        let url = self.public_url.clone().unwrap_or_else(|| format!("http://{}", self.listen));
        url.trim_end_matches('/').to_owned()
    }

    /// Open connections of one person.
    pub fn connections_per_person(&self) -> usize {
        if self.limits { self.connections_per_person_max as usize } else { usize::MAX }
    }

    /// A rate of this table, unless limits are off.
    pub fn rate(&self, rate: u32) -> Option<NonZeroU32> {
        NonZeroU32::new(rate).filter(|_| self.limits)
    }

    /// All settings with value and source, a line each: what `check-config` prints.
    pub fn describe(&self) -> String {
        let lines = TABLE.iter().filter_map(|setting| {
            let shown = self.shown.get(setting.key)?;
            let value = if shown.value.is_empty() { "(none)" } else { &shown.value };
            Some(format!("{:<42} {value:<24} # {}\n", setting.key, shown.source))
        });
        lines.collect()
    }
}

/// The table of all settings in Markdown, as it stands in the README.
pub fn markdown() -> String {
    let line = |setting: &Setting| {
        let Setting { key, default, about, allowed } = setting;
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        format!("| `{key}` | {default} | {allowed} |{about} |\n")
    };
    let head = "| key | default | allowed | what |\n|---|---|---|---|\n".to_owned();
    std::iter::once(head).chain(TABLE.iter().map(line)).collect()
}

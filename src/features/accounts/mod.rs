//! Accounts: who people are to us, and how they come in.
//!
//! Owns accounts, profiles, logins, handles (e-mail addresses, usernames) and coaches'
//! applications and ratings. Promises: a handle has one
//! owner; a refresh token, and a secret of a mail, is used once; a login that ended opens no door from that moment on,
//! and the event that says so is in the same commit. Knows sockets only as something to be
//! closed, and gives others names, never e-mail addresses.

mod admin;
mod bulk;
mod coaches;
mod devices;
mod effects;
mod emails;
mod handles;
mod holds;
mod letters;
mod lifecycle;
mod logins;
mod model;
mod passwords;
mod personal;
mod profiles;
mod ratings;
mod refusal;
mod register;
mod routes;
mod rows;
mod secrets;
mod sockets;
mod standing;
mod throttle;
mod verifying;

pub use bulk::NewPeople;
pub use coaches::{Apart, Free, ListApplications, Search};
pub use effects::EFFECTS;
pub use lifecycle::ERASE_TIMER;
pub use model::{Cause, CoachCause, LOGIN_IDLE_MAX_MS, LOGINS_MAX, REPEAT_WINDOW_MS, Status};
pub use personal::{EXPORT_BYTES_MAX, EXPORTS_MAX, Personal, Section};
pub use profiles::Card;
pub use ratings::CoachRating;
pub(crate) use ratings::Rated;

use crate::auth::{AccessTokens, MasterKey, Passwords, RefreshTokens};
use crate::clock::Clock;
use crate::config::Settings;
use crate::mail::Post;
use crate::memory::Memory;
use crate::rates::Counter;
use crate::store::Store;
use crate::timers::Timers;
use personal::Keepers;
use protocol::close::CloseCode;
use protocol::{LoginId, Millis, UserId};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock, Weak};
use throttle::Throttle;
use verifying::Verified;

/// Names that are remembered: lists show the same few again and again.
const NAMES_MAX: usize = 20_000;
/// A name that changed on another node is seen here after this.
const NAME_AGE_MAX_MS: Millis = 60_000;
const DAY_MS: Millis = 24 * 60 * 60 * 1_000;

/// The effect of what others see of an account: made, renamed, suspended, gone. Body: whose.
pub const ACCOUNT_CHANGED: &str = "account.changed";

/// The effect of the role `coach` given or taken, by whatever way. Body: whose.
pub const COACH_ROLE: &str = "account.coach_role";

/// Closes a person's sockets on all nodes: those of one login, or all. May be asked again.
pub type CloseSockets = Arc<dyn Fn(UserId, Option<LoginId>, CloseCode) + Send + Sync>;

/// See the module.
pub struct Accounts {
    store: Arc<Store>,
    tokens: Arc<AccessTokens>,
    refresh: RefreshTokens,
    passwords: Passwords,
    close: CloseSockets,
    clock: Clock,
    settings: AccountSettings,
    throttle: Throttle,
    names: Memory<UserId, Arc<str>>,
    verified: Verified,
    post: Arc<Post>,
    timers: Arc<dyn Timers>,
    keepers: Keepers,
    apart: OnceLock<Weak<dyn Apart>>,
    free: OnceLock<Weak<dyn Free>>,
}

/// What accounts are made of.
pub struct Parts<'a> {
    /// Where they are kept.
    pub store: Arc<Store>,
    /// Access tokens.
    pub tokens: Arc<AccessTokens>,
    /// Refresh tokens hang on it.
    pub master: &'a MasterKey,
    /// Hashes.
    pub passwords: Passwords,
    /// Closes live sockets.
    pub close: CloseSockets,
    /// The time.
    pub clock: Clock,
    /// Settings.
    pub settings: AccountSettings,
    /// Sends mails.
    pub post: Arc<Post>,
    /// Deadlines.
    pub timers: Arc<dyn Timers>,
    /// Counts logins and registrations of all nodes; `None` where there is one.
    pub counter: Option<Arc<Counter>>,
}

/// The settings of accounts.
#[derive(Debug, Clone)]
pub struct AccountSettings {
    /// New accounts wait for their e-mail address to be verified.
    pub verify_email: bool,
    /// How long an account that is to be deleted can be kept.
    pub deletion_grace_ms: Millis,
    /// What links in mails begin with.
    pub public_url: String,
    /// How long an access token lives.
    pub token_ttl_ms: Millis,
    /// A client's address is the last entry of `X-Forwarded-For`.
    pub trust_proxy: bool,
    /// Rates.
    pub rates: Rates,
}

/// Rates; `None` where limits are off.
#[derive(Debug, Clone)]
pub struct Rates {
    /// Logins tried for one account.
    pub logins_per_account_per_min: Option<NonZeroU32>,
    /// Logins tried from one address.
    pub logins_per_address_per_min: Option<NonZeroU32>,
    /// Accounts made from one address.
    pub registrations_per_address_per_hour: Option<NonZeroU32>,
    /// Mails, and archives, asked for by or for one account.
    pub mails_per_account_per_hour: Option<NonZeroU32>,
    /// Mails asked for from one address.
    pub mails_per_address_per_hour: Option<NonZeroU32>,
}

impl From<&Settings> for AccountSettings {
    fn from(settings: &Settings) -> Self {
        Self {
            verify_email: settings.verify_email(),
            deletion_grace_ms: Millis::from(settings.accounts_deletion_grace_days) * DAY_MS,
            public_url: settings.public_url(),
            token_ttl_ms: Millis::from(settings.accounts_token_ttl_min) * 60_000,
            trust_proxy: settings.trust_proxy,
            rates: Rates {
                logins_per_account_per_min: settings.rate(settings.logins_per_account_per_min),
                logins_per_address_per_min: settings.rate(settings.logins_per_address_per_min),
                registrations_per_address_per_hour: settings
                    .rate(settings.registrations_per_address_per_hour),
                mails_per_account_per_hour: settings.rate(settings.mails_per_account_per_hour),
                mails_per_address_per_hour: settings.rate(settings.mails_per_address_per_hour),
            },
        }
    }
}

/// Where a request comes from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The client's address.
    pub address: IpAddr,
    /// What the device calls itself.
    pub device: String,
}

impl Accounts {
    /// From their parts.
    pub fn new(parts: Parts<'_>) -> Arc<Self> {
        describe_metrics();
        Arc::new(Self {
            store: parts.store,
            tokens: parts.tokens,
            refresh: RefreshTokens::new(parts.master),
            passwords: parts.passwords,
            close: parts.close,
            clock: parts.clock,
            throttle: Throttle::new(&parts.settings.rates, parts.counter),
            settings: parts.settings,
            names: Memory::new(NAMES_MAX, NAME_AGE_MAX_MS),
            verified: Verified::default(),
            post: parts.post,
            timers: parts.timers,
            keepers: Keepers::default(),
            apart: OnceLock::new(),
            free: OnceLock::new(),
        })
    }
}

fn describe_metrics() {
    metrics::describe_counter!(
        "sanctuary_logins_total",
        "Logins by password, by outcome (good, wrong)"
    );
    metrics::describe_counter!(
        "sanctuary_logins_throttled_total",
        "Logins and registrations refused for their rate"
    );
    metrics::describe_counter!(
        "sanctuary_refresh_tokens_reused_total",
        "Logins ended because a refresh token was used twice"
    );
}

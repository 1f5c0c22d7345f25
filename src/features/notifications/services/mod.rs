//! The services that carry pushes to devices, behind one trait.
//!
//! Web push needs nothing but our own key. Firebase and Apple are off unless the settings name
//! their keys. None of them is told what somebody wrote.

mod apns;
mod fcm;
mod web;

pub use apns::ApnsSettings;
pub(super) use web::{AUTH_BYTES, Vapid, public_key};

use super::rows::EndpointRow;
use crate::config::Settings;
use crate::error::Result;
use crate::outbound::{Answer, Client, Failed};
use futures_util::future::BoxFuture;
use hyper::StatusCode;
use hyper::header::{HeaderMap, RETRY_AFTER};
use protocol::notifications::{Kind, Service};
use protocol::{Millis, NotificationId};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;

/// A push that reached nobody for so long is dropped by its service.
pub const PUSH_TTL_S: u64 = 24 * 60 * 60;
/// A service that asks for a longer pause is asked again after this.
const RETRY_AFTER_MS_MAX: u64 = 60 * 60 * 1_000;

/// What a device is told. No text of a message is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Letter {
    /// The notification; the newer of the same takes the place of the older on the device. Nil where it
    /// speaks of several.
    pub(super) id: NotificationId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<Kind>,
    pub(super) text: String,
    pub(super) link: String,
    pub(super) count: u32,
}

impl Letter {
    /// Somebody waits for an answer right now.
    fn is_urgent(&self) -> bool {
        matches!(self.kind, Some(Kind::Support | Kind::Message))
    }
}

/// What came of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The service has it.
    Sent,
    /// The device is gone for good.
    Gone,
    /// Not now; in so long, where the service says so.
    Later(Option<Millis>),
    /// The service does not want it, and won't later.
    Refused(StatusCode),
}

impl Outcome {
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Gone => "gone",
            Self::Later(_) => "later",
            Self::Refused(_) => "refused",
        }
    }
}

/// One service.
pub(super) trait Carrier: Send + Sync {
    /// Gives it a letter for a device.
    fn send<'a>(
        &'a self,
        to: &'a EndpointRow,
        letter: &'a Letter,
        now: Millis,
    ) -> BoxFuture<'a, Result<Outcome>>;
}

/// What the settings say of pushes.
#[derive(Debug, Clone)]
pub struct PushSettings {
    /// Whom push services may write to, `mailto:` or `https:`.
    pub contact: Option<String>,
    /// Push services of browsers may be on private addresses, and without TLS.
    pub private_endpoints: bool,
    /// A service account's key.
    pub fcm_key_file: Option<PathBuf>,
    /// Where Firebase is.
    pub fcm_url: String,
    /// Apple's.
    pub apns: Option<ApnsSettings>,
}

impl From<&Settings> for PushSettings {
    fn from(settings: &Settings) -> Self {
        let named = (
            settings.push_apns_key_file.clone(),
            settings.push_apns_key_id.clone(),
            settings.push_apns_team_id.clone(),
            settings.push_apns_topic.clone(),
        );
        let apns = match named {
            (Some(key_file), Some(key_id), Some(team_id), Some(topic)) => Some(ApnsSettings {
                key_file,
                key_id,
                team_id,
                topic,
                url: settings.push_apns_url.clone(),
            }),
            _ => None,
        };
        Self {
            contact: settings.push_contact.clone(),
            private_endpoints: settings.push_private_endpoints,
            fcm_key_file: settings.push_fcm_key_file.clone(),
            fcm_url: settings.push_fcm_url.clone(),
            apns,
        }
    }
}

/// Why there are no pushes.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// Certificates.
    #[error(transparent)]
    Client(#[from] Failed),
    /// A file of the settings.
    #[error("{setting} {}: {cause}", path.display())]
    File {
        /// Which.
        setting: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        cause: std::io::Error,
    },
    /// It holds something else.
    #[error("{setting} {} does not hold such a key", path.display())]
    Key {
        /// Which.
        setting: &'static str,
        /// Where.
        path: PathBuf,
    },
}

/// All services that there are here.
pub(super) struct Services {
    web: Arc<dyn Carrier>,
    fcm: Option<Arc<dyn Carrier>>,
    apns: Option<Arc<dyn Carrier>>,
    pub(super) vapid: Arc<Vapid>,
    pub(super) private_endpoints: bool,
}

impl Services {
    pub(super) fn new(
        settings: &PushSettings,
        vapid: Arc<Vapid>,
    ) -> std::result::Result<Self, PushError> {
        let trusted = Client::trusted()?;
        let browsers =
            if settings.private_endpoints { trusted.clone() } else { Client::guarded()? };
        let web = web::Web::new(browsers, Arc::clone(&vapid), settings.contact.clone());
        let fcm = settings.fcm_key_file.as_deref();
        let fcm = fcm.map(|file| fcm::Fcm::open(trusted.clone(), file, &settings.fcm_url));
        let apns = settings.apns.as_ref().map(|apns| apns::Apns::open(trusted, apns));
        Ok(Self {
            web: Arc::new(web),
            fcm: fcm.transpose()?.map(|fcm| Arc::new(fcm) as Arc<dyn Carrier>),
            apns: apns.transpose()?.map(|apns| Arc::new(apns) as Arc<dyn Carrier>),
            vapid,
            private_endpoints: settings.private_endpoints,
        })
    }

    /// `None`: not set up here.
    pub(super) fn of(&self, service: Service) -> Option<&Arc<dyn Carrier>> {
        match service {
            Service::Web => Some(&self.web),
            Service::Fcm => self.fcm.as_ref(),
            Service::Apns => self.apns.as_ref(),
        }
    }
}

fn read(setting: &'static str, path: &std::path::Path) -> std::result::Result<Vec<u8>, PushError> {
    std::fs::read(path).map_err(|cause| PushError::File { setting, path: path.to_owned(), cause })
}

/// What the status of any of them means, where nothing more is known.
fn outcome(answer: std::result::Result<Answer, Failed>) -> Outcome {
    let answer = match answer {
        Ok(answer) => answer,
        // An address where nothing of ours goes is of no use to its owner either.
        Err(Failed::Forbidden) => return Outcome::Gone,
        Err(_) => return Outcome::Later(None),
    };
    match answer.status {
        status if status.is_success() => Outcome::Sent,
        StatusCode::NOT_FOUND | StatusCode::GONE => Outcome::Gone,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
            Outcome::Later(retry_after(&answer.headers))
        }
        status if status.is_server_error() => Outcome::Later(retry_after(&answer.headers)),
        status => Outcome::Refused(status),
    }
}

/// Seconds; a date is not read, the own pause will do.
fn retry_after(headers: &HeaderMap) -> Option<Millis> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Millis::try_from(seconds.saturating_mul(1_000).min(RETRY_AFTER_MS_MAX)).ok()
}

//! The `notification.*` and `push.*` commands.

use super::Notifications;
use super::model::{Choices, Notice, Wants, quiet};
use super::rows::{self, EndpointRow};
use super::services::{AUTH_BYTES, public_key};
use crate::auth::Caller;
use crate::error::{Result, not_found};
use crate::limits;
use crate::outbound;
use crate::words::notifications as words;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::limits::{ENDPOINT_BYTES_MAX, ENDPOINTS_MAX};
use protocol::notifications::{
    GetSettings, Kind, List, Mark, Marked, Notifications as Page, Quiet, Register, Registered,
    Service, SetSettings, Settings, SettingsResult, Unregister, VapidKey, Which,
};
use protocol::session::Done;
use protocol::{EndpointId, Error, ErrorCode};

/// What holds where no quiet hours were set.
const NO_QUIET: Quiet = Quiet { on: false, from_min: 22 * 60, until_min: 7 * 60 };

impl Notifications {
    /// `notification.list`
    pub async fn list(&self, caller: &Caller, list: List) -> Result<Page> {
        let limit = limits::page(list.limit)? as usize;
        let after = limits::place_in_time(list.after.as_deref())?;
        let shelf = self.caught_up(caller.user_id).await?;
        let shelf = self.tellable(caller.user_id, shelf).await?;
        let only_unread = list.unread.unwrap_or(false);
        let wanted = |notice: &&Notice| {
            let behind = after.is_none_or(|after| (notice.changed_at, notice.id) < after);
            behind && (!only_unread || notice.is_unread())
        };
        let mut found: Vec<&Notice> =
            shelf.newest_first().into_iter().filter(wanted).take(limit + 1).collect();
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more);
        Ok(Page {
            next: next.map(|last| format!("{}.{}", last.changed_at, last.id)),
            items: self.without_the_gone(&found).await?,
            unread: shelf.unread(),
        })
    }

    /// `notification.mark`
    pub async fn mark(&self, caller: &Caller, mark: Mark) -> Result<Marked> {
        let user = caller.user_id;
        // What happened before this is meant, too.
        let shelf = self.caught_up(user).await?;
        match mark.read {
            Which::One(id) => {
                shelf.get(id).ok_or_else(|| not_found("notification"))?;
                self.mark_read(user, |notice| notice.id == id).await?;
            }
            Which::All => {
                self.mark_read(user, |notice| shelf.get(notice.id).is_some()).await?;
            }
        }
        let mut shelf = rows::shelf(&self.store.load(rows::partition(user)).await?)?;
        shelf.end(self.clock.now());
        Ok(Marked { unread: self.tellable(user, shelf).await?.unread() })
    }

    /// `notification.settings.get`
    pub async fn settings(&self, caller: &Caller, _: GetSettings) -> Result<SettingsResult> {
        let choices = rows::choices(&self.store, caller.user_id).await?;
        Ok(SettingsResult { settings: wire(&choices) })
    }

    /// `notification.settings.set`
    pub async fn set_settings(&self, caller: &Caller, set: SetSettings) -> Result<SettingsResult> {
        let SetSettings { zone, quiet, digest, kinds } = set;
        if zone.as_deref().is_some_and(|zone| quiet::zone(zone).is_none()) {
            return Err(Error::invalid("zone", words::ZONE_WRONG));
        }
        if let Some(quiet) = quiet {
            let wrong = quiet.from_min >= quiet::DAY_MIN
                || quiet.until_min >= quiet::DAY_MIN
                || quiet.from_min == quiet.until_min;
            if wrong {
                return Err(Error::invalid("quiet", words::QUIET_WRONG));
            }
        }
        let user = caller.user_id;
        let mut choices = rows::choices(&self.store, user).await?;
        let replan = zone.is_some() || digest.is_some();
        choices.zone = zone.or(choices.zone);
        choices.quiet = quiet.or(choices.quiet);
        choices.digest = digest.unwrap_or(choices.digest);
        for choice in kinds {
            let wants = Wants { app: choice.app, push: choice.push, email: choice.email };
            choices.kinds.insert(choice.kind, wants);
        }
        rows::put_choices(&self.store, user, &choices).await?;
        if replan {
            self.plan_digest(user, &choices).await?;
        }
        Ok(SettingsResult { settings: wire(&choices) })
    }

    /// `push.register`
    pub async fn register(&self, caller: &Caller, register: Register) -> Result<Registered> {
        let service = register.kind;
        if self.services.of(service).is_none() {
            return Err(Error::invalid("kind", words::SERVICE_OFF));
        }
        let (address, keys) = match service {
            Service::Web => self.web_address(&register)?,
            Service::Fcm | Service::Apns => (token(&register)?, None),
        };
        let parts: [&[u8]; 2] = [service.word().as_bytes(), address.as_bytes()];
        let endpoint_id: EndpointId = crate::id::derived("push endpoint", &parts);
        let known = rows::endpoints(&self.store, caller.user_id).await?;
        let is_known = known.iter().any(|row| row.endpoint_id == endpoint_id);
        if known.len() >= ENDPOINTS_MAX && !is_known {
            return Err(Error::new(ErrorCode::Full, words::ENDPOINTS_MANY));
        }
        let (public_key, secret) = keys.unzip();
        let row = EndpointRow {
            user_id: caller.user_id,
            endpoint_id,
            service: service.word().to_owned(),
            address,
            public_key,
            secret,
            login_id: caller.login_id,
            created_at: self.clock.now(),
        };
        rows::put_endpoint(&self.store, row).await?;
        Ok(Registered { endpoint_id })
    }

    /// `push.unregister`
    pub async fn unregister(&self, caller: &Caller, unregister: Unregister) -> Result<Done> {
        rows::remove_endpoint(&self.store, caller.user_id, unregister.endpoint_id).await?;
        Ok(Done {})
    }

    /// `GET /v1/push/vapid`
    pub(super) fn vapid_key(&self) -> VapidKey {
        VapidKey { public_key: self.services.vapid.public_key.clone() }
    }

    /// A browser's address, public key and secret.
    #[expect(clippy::type_complexity, reason = "an address, and a pair of keys")]
    fn web_address(&self, register: &Register) -> Result<(String, Option<(Vec<u8>, Vec<u8>)>)> {
        let address = register.endpoint.clone().unwrap_or_default();
        let uri: Option<hyper::Uri> = address.parse().ok();
        let may_go = uri.is_some_and(|uri| {
            outbound::may_go(&uri) || (self.services.private_endpoints && uri.host().is_some())
        });
        if !may_go || address.len() > ENDPOINT_BYTES_MAX {
            return Err(Error::invalid("endpoint", words::ENDPOINT_WRONG));
        }
        let decode = |field: &str, text: &Option<String>| {
            let text = text.as_deref().unwrap_or_default().trim_end_matches('=');
            let bytes = URL_SAFE_NO_PAD.decode(text);
            bytes.map_err(|_| Error::invalid(field, words::KEYS_WRONG))
        };
        let key = decode("p256dh", &register.p256dh)?;
        if public_key(&key).is_none() {
            return Err(Error::invalid("p256dh", words::KEYS_WRONG));
        }
        let secret = decode("auth", &register.auth)?;
        if secret.len() != AUTH_BYTES {
            return Err(Error::invalid("auth", words::KEYS_WRONG));
        }
        Ok((address, Some((key, secret))))
    }
}

/// A device's token. It becomes a part of an address, so it holds nothing that means more there.
fn token(register: &Register) -> Result<String> {
    let token = register.token.clone().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_:".contains(c);
    if token.is_empty() || token.len() > ENDPOINT_BYTES_MAX || !token.chars().all(plain) {
        return Err(Error::invalid("token", words::TOKEN_WRONG));
    }
    Ok(token)
}

pub(super) fn wire(choices: &Choices) -> Settings {
    Settings {
        zone: choices.zone.clone(),
        quiet: choices.quiet.unwrap_or(NO_QUIET),
        digest: choices.digest,
        kinds: Kind::ALL.iter().map(|&kind| choices.wire(kind)).collect(),
    }
}

//! Logins: in, on by refresh tokens, and out.

use super::model::{self, Refusal, Rotation, Status};
use super::rows::{self, AccountRow, LoginRow, Whole};
use super::{Accounts, Origin, sockets};
use crate::auth::{Caller, RefreshSecret};
use crate::error::{Result, unavailable};
use crate::store::{Change, Snapshot};
use protocol::accounts::{Login, RefreshToken, Tokens};
use protocol::close::CloseCode;
use protocol::limits::PASSWORD_BYTES_MAX;
use protocol::session::{Done, RevokeReason, Revoked};
use protocol::{LoginId, Millis, Topic, UserId};

/// What came of a refresh token, once it is in the store.
enum Refreshed {
    /// The answer, as of a time.
    Tokens(Box<Whole>, Millis),
    /// It had been used by somebody else: the login ended.
    Ended,
    /// It was over already.
    Refused(Refusal),
}

impl Accounts {
    /// `POST /v1/auth/login`. Nobody learns from it, nor from the time it takes, whether an
    /// address has an account.
    pub async fn login(&self, origin: &Origin, wanted: Login) -> Result<Tokens> {
        let typed = wanted.email.trim().to_lowercase();
        self.throttle.login(&typed, origin.address).await?;
        let account = match model::email(&typed) {
            Ok(email) => self.account_by_email(&email).await?,
            Err(_) => None,
        };
        let possible = wanted.password.len() <= PASSWORD_BYTES_MAX;
        let hash = account.as_ref().filter(|_| possible).and_then(|row| row.password_hash.clone());
        let password = if possible { wanted.password } else { String::new() };
        let fits = self.passwords.verify(password, hash).await?;
        let Some(account) = account.filter(|_| fits) else {
            metrics::counter!("sanctuary_logins_total", "outcome" => "wrong").increment(1);
            return Err(Refusal::LoginWrong.into());
        };
        if account.status()? == Status::DeletionPending {
            // Whoever comes back wants to stay.
            self.keep(account.user_id).await?;
        } else {
            may_enter(account.status()?, Refusal::LoginWrong)?;
        }
        metrics::counter!("sanctuary_logins_total", "outcome" => "good").increment(1);
        self.begin_login(account.user_id, &origin.device).await
    }

    /// Starts a login of somebody who may.
    pub(super) async fn begin_login(&self, user_id: UserId, device: &str) -> Result<Tokens> {
        let now = self.clock.now();
        let login_id: LoginId = crate::id::fresh();
        let secret = self.refresh.first(user_id, login_id)?;
        let whole = self
            .store
            .decide(rows::account(user_id), |snapshot| {
                // Made by an effect; where that is still under way, the records are.
                let whole = rows::whole(snapshot)?.ok_or_else(unavailable)?;
                may_enter(whole.account.status()?, Refusal::LoginOver)?;
                let account = AccountRow { last_login_at: Some(now), ..whole.account };
                let mut change = Change::new();
                make_room(&mut change, snapshot, user_id)?;
                change.write(account.clone());
                change.write(LoginRow {
                    login_id,
                    device: model::device(device),
                    refresh_hash: Some(secret.hash()),
                    previous_hash: None,
                    rotated_at: None,
                    created_at: now,
                    last_used_at: now,
                    revoked_at: None,
                });
                Ok((change, Whole { account, ..whole }))
            })
            .await?;
        self.answer(whole, &secret, now)
    }

    /// `POST /v1/auth/refresh`: the next pair of tokens. A token is used once; see
    /// [`model::refresh`] for one that comes again.
    pub async fn refresh(&self, wanted: RefreshToken) -> Result<Tokens> {
        let presented = self.refresh.read(&wanted.refresh_token).ok_or(Refusal::LoginOver)?;
        let next = self.refresh.successor(&presented);
        let now = self.clock.now();
        let refreshed = self
            .store
            .decide(rows::account(presented.user_id), |snapshot| {
                rotate(snapshot, &presented, &next, now)
            })
            .await?;
        match refreshed {
            Refreshed::Tokens(whole, at) => self.answer(*whole, &next, at),
            Refreshed::Refused(refusal) => Err(refusal.into()),
            Refreshed::Ended => {
                let RefreshSecret { user_id, login_id, .. } = presented;
                tracing::warn!(user = %user_id, login = %login_id, "a refresh token was used twice");
                metrics::counter!("sanctuary_refresh_tokens_reused_total").increment(1);
                Err(Refusal::LoginOver.into())
            }
        }
    }

    /// `POST /v1/auth/logout`: ends the login that a refresh token belongs to.
    pub async fn logout(&self, wanted: RefreshToken) -> Result<Done> {
        let presented = self.refresh.read(&wanted.refresh_token).ok_or(Refusal::LoginOver)?;
        let RefreshSecret { user_id, login_id, .. } = presented;
        let now = self.clock.now();
        self.store
            .decide(rows::account(user_id), |snapshot| {
                let mut change = Change::new();
                let login = rows::login(snapshot, login_id)?;
                if let Some(login) = login.filter(|login| login.revoked_at.is_none()) {
                    end_one(&mut change, user_id, login, RevokeReason::Logout, now);
                }
                Ok((change, ()))
            })
            .await?;
        Ok(Done {})
    }

    /// `POST /v1/auth/logout-all`: ends all logins, this one too.
    pub async fn logout_all(&self, caller: &Caller) -> Result<Done> {
        let now = self.clock.now();
        let user_id = caller.user_id;
        self.store
            .decide(rows::account(user_id), |snapshot| {
                let mut change = Change::new();
                end_all(&mut change, snapshot, user_id, RevokeReason::LogoutAll, now)?;
                Ok((change, ()))
            })
            .await?;
        Ok(Done {})
    }

    /// What register, login and refresh answer. The same arguments give the same answer.
    fn answer(&self, whole: Whole, secret: &RefreshSecret, issued_at: Millis) -> Result<Tokens> {
        let issued = self.tokens.issue(
            whole.account.user_id,
            secret.login_id,
            &whole.account.roles(),
            issued_at,
            self.settings.token_ttl_ms,
        )?;
        Ok(Tokens {
            access_token: issued.token,
            expires_at: issued.expires_at,
            refresh_token: self.refresh.write(secret),
            user: whole.into_me(),
        })
    }
}

/// Lets in who may; the others hear as much as they should.
fn may_enter(status: Status, otherwise: Refusal) -> Result<()> {
    match status {
        Status::Suspended => Err(Refusal::Suspended.into()),
        status if status.may_enter() => Ok(()),
        _ => Err(otherwise.into()),
    }
}

fn rotate(
    snapshot: &Snapshot,
    presented: &RefreshSecret,
    next: &RefreshSecret,
    now: Millis,
) -> Result<(Change, Refreshed)> {
    let mut change = Change::new();
    let refused = |refusal| Ok((Change::new(), Refreshed::Refused(refusal)));
    let Some(whole) = rows::whole(snapshot)? else { return refused(Refusal::LoginOver) };
    let status = whole.account.status()?;
    if !status.may_enter() {
        let suspended = status == Status::Suspended;
        return refused(if suspended { Refusal::Suspended } else { Refusal::LoginOver });
    }
    let Some(login) = rows::login(snapshot, presented.login_id)? else {
        return refused(Refusal::LoginOver);
    };
    let whole = Box::new(whole);
    match model::refresh(&login.family(), &presented.hash(), now) {
        Rotation::Rotate => {
            change.write(LoginRow {
                refresh_hash: Some(next.hash()),
                previous_hash: Some(presented.hash()),
                rotated_at: Some(now),
                last_used_at: now,
                ..login
            });
            Ok((change, Refreshed::Tokens(whole, now)))
        }
        Rotation::Repeat { at } => Ok((change, Refreshed::Tokens(whole, at))),
        Rotation::Reused => {
            end_one(&mut change, presented.user_id, login, RevokeReason::TokenReused, now);
            Ok((change, Refreshed::Ended))
        }
        Rotation::Over => refused(Refusal::LoginOver),
    }
}

/// Deletes the logins that must go for one more, and closes the sockets of those that were good.
pub(super) fn make_room(change: &mut Change, snapshot: &Snapshot, user_id: UserId) -> Result<()> {
    let logins = snapshot.all::<LoginRow>()?;
    let gone = model::make_room(logins.iter().map(LoginRow::seat).collect());
    for login_id in &gone {
        change.delete::<LoginRow>(*login_id);
    }
    let good = logins.iter().filter(|login| login.revoked_at.is_none());
    let dropped = good.map(|login| login.login_id).filter(|login_id| gone.contains(login_id));
    sockets::close(change, user_id, dropped.collect(), CloseCode::Revoked);
    Ok(())
}

/// Ends a login, says so on the person's feed, and closes its sockets, on all nodes.
pub(super) fn end_one(
    change: &mut Change,
    user_id: UserId,
    login: LoginRow,
    reason: RevokeReason,
    now: Millis,
) {
    let login_id = login.login_id;
    change.write(ended(login, now));
    change.event(Topic::User(user_id), Revoked { login_id: Some(login_id), reason });
    sockets::close(change, user_id, vec![login_id], close_code(reason));
}

/// Ends all logins, says so once, and closes their sockets; those of a login that is made later stay.
pub(super) fn end_all(
    change: &mut Change,
    snapshot: &Snapshot,
    user_id: UserId,
    reason: RevokeReason,
    now: Millis,
) -> Result<()> {
    let good = snapshot.all::<LoginRow>()?.into_iter().filter(|login| login.revoked_at.is_none());
    let mut login_ids = Vec::new();
    for login in good {
        login_ids.push(login.login_id);
        change.write(ended(login, now));
    }
    change.event(Topic::User(user_id), Revoked { login_id: None, reason });
    sockets::close(change, user_id, login_ids, close_code(reason));
    Ok(())
}

const fn close_code(reason: RevokeReason) -> CloseCode {
    match reason {
        RevokeReason::Suspended => CloseCode::Suspended,
        RevokeReason::Logout
        | RevokeReason::LogoutAll
        | RevokeReason::TokenReused
        | RevokeReason::PasswordChanged
        | RevokeReason::DeviceRemoved
        | RevokeReason::AccountDeleted => CloseCode::Revoked,
    }
}

fn ended(login: LoginRow, now: Millis) -> LoginRow {
    LoginRow { refresh_hash: None, previous_hash: None, revoked_at: Some(now), ..login }
}

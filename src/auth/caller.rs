//! From a token to a [`Caller`]: at the start of each session and each request.
//!
//! A signature alone is not enough: the account must be in good standing and the login not
//! ended, which is read from the store each time. Nothing is cached, so what was revoked on any
//! node, or from the command line, is revoked here.

use super::tokens::AccessTokens;
use super::{Caller, Roles};
use crate::error::{Result, forbidden};
use futures_util::future::BoxFuture;
use protocol::close::CloseCode;
use protocol::{Error, ErrorCode, LoginId, UserId};
use std::sync::Arc;

/// What an account says of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The person's name.
    pub name: Arc<str>,
    /// What they may do.
    pub roles: Roles,
    /// Whether they may come in.
    pub standing: Standing,
}

/// Whether a login may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Yes.
    Good,
    /// It ended, or there never was one.
    Ended,
    /// The account is suspended.
    Suspended,
}

/// Knows accounts; implemented by the feature of that name.
pub trait AccountFacts: Send + Sync {
    /// What there is to know of a login; `None` where there is no such account.
    fn facts(&self, user_id: UserId, login_id: LoginId) -> BoxFuture<'_, Result<Option<Facts>>>;
}

/// Why a token does not open the door.
#[derive(Debug, Clone, PartialEq)]
pub enum Denied {
    /// It is not one of ours, or there is none.
    BadToken,
    /// Its time is over: refresh.
    Expired,
    /// The login ended.
    Revoked,
    /// The account is suspended.
    Suspended,
    /// We can't tell: the store is away.
    Unknown(Error),
}

impl Denied {
    /// How a socket is closed for it; `None` where it may try again.
    pub fn close_code(&self) -> Option<CloseCode> {
        match self {
            Self::BadToken => Some(CloseCode::BadToken),
            Self::Expired => Some(CloseCode::TokenExpired),
            Self::Revoked => Some(CloseCode::Revoked),
            Self::Suspended => Some(CloseCode::Suspended),
            Self::Unknown(_) => None,
        }
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::BadToken => Self::new(ErrorCode::Unauthenticated, "Please log in."),
            Denied::Expired => {
                Self::new(ErrorCode::TokenExpired, "This visit's pass is over. Please renew it.")
            }
            Denied::Revoked => Self::new(
                ErrorCode::Unauthenticated,
                "You were logged out here. Please log in again when you like.",
            ),
            Denied::Suspended => forbidden(
                "Your account is paused just now. Nothing in it is lost; please write to us.",
            ),
            Denied::Unknown(error) => error,
        }
    }
}

/// Tells who is asking.
pub struct Authenticator {
    tokens: Arc<AccessTokens>,
    accounts: Arc<dyn AccountFacts>,
}

impl Authenticator {
    /// Over the tokens and what accounts say of them.
    pub fn new(tokens: Arc<AccessTokens>, accounts: Arc<dyn AccountFacts>) -> Arc<Self> {
        Arc::new(Self { tokens, accounts })
    }

    /// The tokens.
    pub fn tokens(&self) -> &Arc<AccessTokens> {
        &self.tokens
    }

    /// Who holds a token, if it is good and its login too.
    pub async fn authenticate(&self, token: &str) -> std::result::Result<Caller, Denied> {
        let bearer = self.tokens.verify(token).await?;
        let facts = self.facts(bearer.user_id, bearer.login_id).await?;
        Ok(Caller {
            user_id: bearer.user_id,
            login_id: bearer.login_id,
            name: facts.name,
            roles: facts.roles,
            token_expires_at: bearer.expires_at,
            lane: Arc::default(),
        })
    }

    /// Whether someone who was let in still would be.
    pub async fn still_good(&self, caller: &Caller) -> std::result::Result<(), Denied> {
        self.facts(caller.user_id, caller.login_id).await.map(|_| ())
    }

    async fn facts(
        &self,
        user_id: UserId,
        login_id: LoginId,
    ) -> std::result::Result<Facts, Denied> {
        let facts = self.accounts.facts(user_id, login_id).await;
        let facts = facts.map_err(Denied::Unknown)?.ok_or(Denied::Revoked)?;
        match facts.standing {
            Standing::Good => Ok(facts),
            Standing::Ended => Err(Denied::Revoked),
            Standing::Suspended => Err(Denied::Suspended),
        }
    }
}

//! Who is asking: tokens, keys, passwords, and the [`Caller`] that every handler gets.
//!
//! Does not know what an account is made of: that is the feature of that name, asked through
//! [`AccountFacts`].

mod bearer;
mod caller;
mod keys;
mod master_key;
mod passwords;
mod refresh;
mod tokens;
mod vault;

pub use bearer::bearer_of;
pub use caller::{AccountFacts, Authenticator, Denied, Facts, Standing};
pub use keys::{Jwk, Jwks, KEY_AGE_MAX_MS, KeyRing, TOKEN_TTL_MAX_MS};
pub(crate) use master_key::owner_only;
pub use master_key::{MasterKey, MasterKeyError, Seal};
pub use passwords::{HASHES_WAITING_MAX, Passwords};
pub use refresh::{RefreshSecret, RefreshTokens};
pub use tokens::{AccessTokens, Bearer, ISSUER, Issued, TOKEN_BYTES_MAX};
pub use vault::{OwnerKey, Vault};

use protocol::{LoginId, Millis, UserId};
use std::sync::Arc;

/// What a person may do. A set: a coach may also be a trainee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Everybody.
    Member,
    /// Learns.
    Trainee,
    /// Answers support requests.
    Coach,
    /// Looks after the community.
    Moderator,
    /// Runs the place.
    Admin,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 5] =
        [Self::Member, Self::Trainee, Self::Coach, Self::Moderator, Self::Admin];

    /// The word for it, on the wire and in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Trainee => "trainee",
            Self::Coach => "coach",
            Self::Moderator => "moderator",
            Self::Admin => "admin",
        }
    }

    /// The role that a word means.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

/// A set of roles.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roles(Vec<Role>);

impl Roles {
    /// A set from its members, in any order.
    pub fn new(roles: impl IntoIterator<Item = Role>) -> Self {
        let mut roles: Vec<Role> = roles.into_iter().collect();
        roles.sort_unstable();
        roles.dedup();
        Self(roles)
    }

    /// Whether a role is in it.
    pub fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// The same with a role more, or without it.
    #[must_use]
    pub fn with(&self, role: Role, on: bool) -> Self {
        let others = self.0.iter().copied().filter(|other| *other != role);
        Self::new(others.chain(on.then_some(role)))
    }

    /// The words, sorted.
    pub fn words(&self) -> Vec<String> {
        self.0.iter().map(|role| role.word().to_owned()).collect()
    }

    /// As it is stored: words with commas between.
    pub fn to_column(&self) -> String {
        self.words().join(",")
    }

    /// From a column; words of a newer version are left out.
    pub fn from_column(column: &str) -> Self {
        Self::new(Role::ALL.into_iter().filter(|role| column.split(',').any(|w| w == role.word())))
    }
}

/// Who is asking, as of the start of the session or request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub user_id: UserId,
    /// With which login.
    pub login_id: LoginId,
    /// Their name.
    pub name: Arc<str>,
    /// What they may do.
    pub roles: Roles,
    /// When the token ends.
    pub token_expires_at: Millis,
    /// Held while a command must not be overtaken by a later one of the same connection.
    pub lane: Arc<tokio::sync::Mutex<()>>,
}

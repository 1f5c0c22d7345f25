//! What people see of one another, and of themselves.

use super::Accounts;
use super::model::{self, Refusal, Status};
use super::rows::{self, AccountRow};
use crate::auth::Caller;
use crate::error::Result;
use crate::words::accounts as words;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use protocol::UserId;
use protocol::accounts::Me;
use protocol::people::{GetProfile, Person, Profile, ProfileResult};
use std::sync::Arc;

/// Names that one list looks up at the same time.
const LOOKUPS_AT_ONCE: usize = 16;

/// Who somebody is, for those who look people up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Their name.
    pub name: String,
    /// Their username, if they took one.
    pub username: Option<String>,
    /// Whether they are here: not suspended, not leaving.
    pub active: bool,
}

impl Accounts {
    /// Who somebody is now; `None` where there is no such person, or none any more.
    pub async fn card(&self, user_id: UserId) -> Result<Option<Card>> {
        let Some(account) = self.account(user_id).await? else { return Ok(None) };
        let active = account.status()?.may_enter();
        Ok(Some(Card { name: account.name, username: account.username, active }))
    }

    /// `GET /v1/me`.
    pub async fn me(&self, caller: &Caller) -> Result<Me> {
        let account = self.account(caller.user_id).await?.ok_or(Refusal::NoSuchPerson)?;
        Ok(account.into_me())
    }

    /// A person's profile, whole: what of it the caller may see is the question of `people`.
    pub async fn profile(&self, _caller: &Caller, wanted: GetProfile) -> Result<ProfileResult> {
        let user_id = match (wanted.user_id, wanted.username) {
            (Some(user_id), None) => user_id,
            (None, Some(username)) => {
                let username = model::username(&username)?;
                let handle = self.store.load(rows::username(&username)).await?;
                rows::holder(&handle, self.clock.now())?.ok_or(Refusal::NoSuchPerson)?
            }
            (None, None) | (Some(_), Some(_)) => return Err(Refusal::ProfileWhose.into()),
        };
        let account = self.account(user_id).await?.ok_or(Refusal::NoSuchPerson)?;
        let roles = account.roles().words();
        let AccountRow { user_id, name, username, .. } = account;
        let profile = Profile { id: user_id, name, username, roles };
        Ok(ProfileResult { profile, relation: None })
    }

    /// A person's name; `None` where there is no such person, or none any more.
    pub async fn person(&self, user_id: UserId) -> Result<Option<Person>> {
        let now = self.clock.now();
        if let Some(name) = self.names.get(user_id, now) {
            return Ok(Some(Person { id: user_id, name: name.as_ref().to_owned() }));
        }
        let Some(account) = self.account(user_id).await? else { return Ok(None) };
        self.names.put(user_id, Arc::from(account.name.as_str()), now);
        Ok(Some(Person { id: user_id, name: account.name }))
    }

    /// Where mails for a person go, and their name; `None` for those who are not to get any.
    pub(crate) async fn mail_address(&self, user_id: UserId) -> Result<Option<(String, String)>> {
        let account = self.account(user_id).await?;
        let active = account.filter(|account| account.status == Status::Active.word());
        Ok(active.map(|account| (account.email, account.name)))
    }

    /// The names of people, in the order asked. Those who are gone have the name of all who are.
    pub async fn people_of(&self, users: &[UserId]) -> Result<Vec<Person>> {
        let gone = |id| Person { id, name: words::DELETED_MEMBER.to_owned() };
        stream::iter(users.to_vec())
            .map(|id| async move { Ok(self.person(id).await?.unwrap_or_else(|| gone(id))) })
            .buffered(LOOKUPS_AT_ONCE)
            .try_collect()
            .await
    }

    /// Who has an e-mail address.
    pub async fn by_email(&self, email: &str) -> Result<Option<UserId>> {
        let handle = self.store.load(rows::email(&model::email(email)?)).await?;
        rows::holder(&handle, self.clock.now())
    }

    pub(super) async fn account_by_email(&self, email: &str) -> Result<Option<AccountRow>> {
        match self.by_email(email).await? {
            Some(user_id) => self.account(user_id).await,
            None => Ok(None),
        }
    }

    /// An account that is not deleted.
    pub(super) async fn account(&self, user_id: UserId) -> Result<Option<AccountRow>> {
        let snapshot = self.store.load(rows::account(user_id)).await?;
        let Some(account) = snapshot.one::<AccountRow>()? else { return Ok(None) };
        Ok(Some(account).filter(|account| account.status != Status::Deleted.word()))
    }
}

//! What people see of one another, and of themselves.

use super::handles::{HANDLES, Moved};
use super::model::{self, Field, Refusal, Status, USERNAME_HOLD_MS};
use super::rows::{self, AccountRow, ProfileRow, Whole};
use super::{ACCOUNT_CHANGED, Accounts};
use crate::auth::Caller;
use crate::error::Result;
use crate::store::Change;
use crate::words::accounts as words;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use protocol::accounts::Me;
use protocol::people::{GetProfile, Person, Profile, ProfileResult, UpdateProfile};
use protocol::{Patch, UserId};
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
        let snapshot = self.store.load(rows::account(caller.user_id)).await?;
        Ok(rows::whole(&snapshot)?.ok_or(Refusal::NoSuchPerson)?.into_me())
    }

    /// A person's profile, whole: what of it the caller may see is the question of `people`.
    pub async fn profile(&self, _caller: &Caller, wanted: GetProfile) -> Result<ProfileResult> {
        let user_id = self.whose_profile(wanted).await?;
        let profile = self.unfiltered_profile(user_id).await?.ok_or(Refusal::NoSuchPerson)?;
        Ok(ProfileResult { profile, relation: None })
    }

    /// Whose profile is asked for.
    pub async fn whose_profile(&self, wanted: GetProfile) -> Result<UserId> {
        match (wanted.user_id, wanted.username) {
            (Some(user_id), None) => Ok(user_id),
            (None, Some(username)) => {
                let username = model::username(&username)?;
                let handle = self.store.load(rows::username(&username)).await?;
                let holder = rows::holder(&handle, self.clock.now())?;
                holder.ok_or_else(|| Refusal::NoSuchPerson.into())
            }
            (None, None) | (Some(_), Some(_)) => Err(Refusal::ProfileWhose.into()),
        }
    }

    /// All that a person says of themselves, whoever asks; `None` where there is no such person,
    /// or none any more. What of it others may see is for whoever calls this to decide.
    pub async fn unfiltered_profile(&self, user_id: UserId) -> Result<Option<Profile>> {
        let snapshot = self.store.load(rows::account(user_id)).await?;
        let whole = rows::whole(&snapshot)?;
        let there = whole.filter(|whole| whole.account.status != Status::Deleted.word());
        Ok(there.map(Whole::into_profile))
    }

    /// `profile.update`.
    pub async fn update_profile(
        &self,
        caller: &Caller,
        update: UpdateProfile,
    ) -> Result<ProfileResult> {
        let whole = self.change_profile(caller.user_id, update).await?;
        Ok(ProfileResult { profile: whole.into_profile(), relation: None })
    }

    /// `PATCH /v1/me`: the same.
    pub async fn update_me(&self, caller: &Caller, update: UpdateProfile) -> Result<Me> {
        Ok(self.change_profile(caller.user_id, update).await?.into_me())
    }

    async fn change_profile(&self, user_id: UserId, update: UpdateProfile) -> Result<Whole> {
        let UpdateProfile { name, username, bio, picture, interests, expertise } = update;
        let name = name.try_map(|text| model::name(&text))?;
        if name == Patch::Clear {
            return Err(Refusal::NameEmpty.into());
        }
        let username = username.try_map(|text| model::username(&text))?;
        let bio = bio.try_map(|text| model::bio(&text))?;
        let list = |field, items: Patch<Vec<String>>| {
            items.try_map(|items| model::interests(field, &items))
        };
        let interests = list(Field::Interests, interests)?;
        let expertise = list(Field::Expertise, expertise)?;
        if let Patch::Set(username) = &username {
            let handle = rows::username_handle(username);
            self.hold(user_id, &handle, USERNAME_HOLD_MS, Refusal::UsernameTaken).await?;
        }
        let whole = self
            .store
            .decide(rows::account(user_id), |snapshot| {
                let before = rows::whole(snapshot)?.ok_or(Refusal::NoSuchPerson)?;
                let Whole { account, profile } = before.clone();
                let join = |items: &Patch<Vec<String>>, before: Option<String>| match items {
                    Patch::Keep => before,
                    Patch::Clear => None,
                    Patch::Set(items) => model::join(items),
                };
                let after = Whole {
                    account: AccountRow {
                        name: name.clone().over(None).unwrap_or(account.name),
                        username: username.clone().over(account.username),
                        ..account
                    },
                    profile: ProfileRow {
                        user_id,
                        bio: bio.clone().over(profile.bio).filter(|bio| !bio.is_empty()),
                        picture: picture.clone().over(profile.picture),
                        interests: join(&interests, profile.interests),
                        expertise: join(&expertise, profile.expertise),
                    },
                };
                Ok((changed(&before, &after), after))
            })
            .await?;
        self.names.forget(user_id);
        Ok(whole)
    }

    /// A person's name; `None` where there is no such person, or none any more.
    pub async fn person(&self, user_id: UserId) -> Result<Option<Person>> {
        let now = self.clock.now();
        let begun = match self.names.get(user_id, now) {
            Ok(name) => return Ok(Some(Person { id: user_id, name: name.as_ref().to_owned() })),
            Err(begun) => begun,
        };
        let Some(account) = self.account(user_id).await? else { return Ok(None) };
        self.names.put(user_id, Arc::from(account.name.as_str()), now, begun);
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

    /// The state of an account; `None` where there never was one.
    pub async fn status(&self, user_id: UserId) -> Result<Option<Status>> {
        let snapshot = self.store.load(rows::account(user_id)).await?;
        snapshot.one::<AccountRow>()?.map(|account| account.status()).transpose()
    }

    /// An account that is not deleted.
    pub(super) async fn account(&self, user_id: UserId) -> Result<Option<AccountRow>> {
        let snapshot = self.store.load(rows::account(user_id)).await?;
        let Some(account) = snapshot.one::<AccountRow>()? else { return Ok(None) };
        Ok(Some(account).filter(|account| account.status != Status::Deleted.word()))
    }
}

/// What makes one of the other.
fn changed(before: &Whole, after: &Whole) -> Change {
    let mut change = Change::new();
    if after.account != before.account {
        change.write(after.account.clone());
        change.effect(ACCOUNT_CHANGED, &after.account.user_id);
    }
    if after.profile != before.profile {
        change.write(after.profile.clone());
    }
    let (old, new) = (&before.account.username, &after.account.username);
    if old != new {
        let handles = |name: &Option<String>| name.as_deref().map(rows::username_handle);
        change.effect(
            HANDLES,
            &Moved {
                user_id: after.account.user_id,
                take: handles(new).into_iter().collect(),
                release: handles(old).into_iter().collect(),
            },
        );
    }
    change
}

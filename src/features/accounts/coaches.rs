//! Coaches: who applied, and who is one.

use super::Accounts;
use super::model::{self, CoachCause, Field, Refusal, Status};
use super::rows::{self, CoachListRow, CoachRow};
use crate::auth::{Caller, Role};
use crate::error::{Result, busy};
use crate::limits;
use crate::store::{COMMIT_TRIES_MAX, Change, LIST_ROWS_MAX};
use crate::words::accounts as words;
use crate::words::mails;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryFutureExt as _, TryStreamExt as _, stream};
use protocol::coaches::{
    Application, Applications, Apply, Coach, CoachChanged, CoachState, Coaches, Rating, UpdateCoach,
};
use protocol::limits::SLOTS_DAYS_MAX;
use protocol::{Error, ErrorCode, Millis, Patch, Topic, UserId};
use serde::Deserialize;
use std::sync::{Arc, Weak};

/// The effect that follows an application: role and directory. Its body is the user's id.
pub(crate) const COACH: &str = "account.coach";
/// Coaches that one page looks up at the same time.
const LOOKUPS_AT_ONCE: usize = 16;
const DAY_MS: Millis = 24 * 60 * 60 * 1_000;
/// What is looked at where nobody says up to when.
const AVAILABLE_MS: Millis = 7 * DAY_MS;

/// What is asked for in `GET /v1/coaches`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Search {
    /// A field of expertise, or a part of its name.
    pub expertise: Option<String>,
    /// An average of at least this.
    pub rating: Option<f64>,
    /// Can be booked for something that begins from then on.
    pub available_from: Option<Millis>,
    /// And before then; absent: a week later.
    pub available_to: Option<Millis>,
    /// Where the page begins.
    pub after: Option<String>,
    /// How long it is.
    pub limit: Option<u32>,
}

/// Which coaches can be booked; a feature behind this one knows.
pub trait Free: Send + Sync {
    /// Whether a coach has a time that begins within a span; `until` is not included.
    fn is_free(&self, coach: UserId, from: Millis, until: Millis) -> BoxFuture<'_, Result<bool>>;
}

/// Who has nothing to do with whom; a feature behind this one knows.
pub trait Apart: Send + Sync {
    /// Whether one of the two blocked the other.
    fn are_apart(&self, one: UserId, other: UserId) -> BoxFuture<'_, Result<bool>>;
}

/// What is asked for in `GET /v1/admin/coaches`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ListApplications {
    /// Only these.
    pub state: Option<CoachState>,
    /// Where the page begins.
    pub after: Option<String>,
    /// How long it is.
    pub limit: Option<u32>,
}

impl Accounts {
    /// `POST /v1/me/coach`
    pub async fn apply(&self, caller: &Caller, apply: Apply) -> Result<Application> {
        let user_id = caller.user_id;
        self.may_reach_out(user_id).await?;
        let expertise = expertise(&apply.expertise)?;
        let qualifications = model::qualifications(&apply.qualifications)?;
        let bio = apply.bio.as_deref().map(model::bio).transpose()?;
        let now = self.clock.now();
        self.store
            .decide(rows::coach(user_id), |snapshot| {
                let before = snapshot.one::<CoachRow>()?;
                let before = before.map(|row| rows::coach_state(&row.state)).transpose()?;
                let state = model::decide_coach(before, CoachCause::Apply)?;
                let mut change = Change::new();
                change.write(CoachRow {
                    user_id,
                    state: rows::coach_word(state).to_owned(),
                    qualifications: qualifications.clone(),
                    expertise: model::join(&expertise),
                    bio: bio.clone(),
                    applied_at: now,
                    decided_at: None,
                    decided_by: None,
                    note: None,
                });
                change.event(Topic::User(user_id), CoachChanged { state, note: None });
                change.effect(COACH, &user_id);
                Ok((change, ()))
            })
            .await?;
        self.application(caller).await
    }

    /// `GET /v1/me/coach`
    pub async fn application(&self, caller: &Caller) -> Result<Application> {
        self.find_application(caller.user_id).await?.ok_or_else(|| Refusal::NoSuchCoach.into())
    }

    /// `PATCH /v1/me/coach`
    pub async fn update_coach(&self, caller: &Caller, update: UpdateCoach) -> Result<Application> {
        let user_id = caller.user_id;
        let UpdateCoach { qualifications, expertise: fields, bio } = update;
        let qualifications = qualifications.try_map(|text| model::qualifications(&text))?;
        let fields = fields.try_map(|items| expertise(&items))?;
        if qualifications == Patch::Clear {
            return Err(Refusal::QualificationsWrong.into());
        }
        if fields == Patch::Clear {
            return Err(Refusal::ExpertiseNone.into());
        }
        let bio = bio.try_map(|text| model::bio(&text))?;
        self.store
            .decide(rows::coach(user_id), |snapshot| {
                let row = snapshot.one::<CoachRow>()?.ok_or(Refusal::NoSuchCoach)?;
                let before = row.clone();
                let expertise = model::split(row.expertise.as_deref());
                let expertise = fields.clone().over(Some(expertise)).unwrap_or_default();
                let row = CoachRow {
                    qualifications: match &qualifications {
                        Patch::Set(text) => text.clone(),
                        Patch::Keep | Patch::Clear => row.qualifications,
                    },
                    expertise: model::join(&expertise),
                    bio: bio.clone().over(row.bio),
                    ..row
                };
                let mut change = Change::new();
                if row != before {
                    change.write(row);
                    change.effect(COACH, &user_id);
                }
                Ok((change, ()))
            })
            .await?;
        self.application(caller).await
    }

    /// `GET /v1/admin/coaches`
    pub async fn applications(
        &self,
        caller: &Caller,
        list: ListApplications,
    ) -> Result<Applications> {
        as_admin(caller)?;
        let limit = limits::page(list.limit)? as usize;
        let wanted = list.state.map(rows::coach_word);
        let matches = |row: &CoachListRow| wanted.is_none_or(|state| row.state == state);
        let find = |user_id| self.find_application(user_id).boxed();
        let (items, next) = self.listed(list.after.as_deref(), limit, matches, find).await?;
        Ok(Applications { items, next })
    }

    /// `POST /v1/admin/coaches/{id}/approve|reject|suspend|restore`
    pub async fn decide_coach(
        &self,
        caller: &Caller,
        user_id: UserId,
        cause: CoachCause,
        note: Option<&str>,
    ) -> Result<Application> {
        as_admin(caller)?;
        let note = note.map(model::note).transpose()?.filter(|note| !note.is_empty());
        let account = self.account(user_id).await?.ok_or(Refusal::NoSuchCoach)?;
        let (now, by) = (self.clock.now(), caller.user_id);
        self.store
            .decide(rows::coach(user_id), |snapshot| {
                let row = snapshot.one::<CoachRow>()?.ok_or(Refusal::NoSuchCoach)?;
                let state = model::decide_coach(Some(rows::coach_state(&row.state)?), cause)?;
                let mut change = Change::new();
                change.write(CoachRow {
                    state: rows::coach_word(state).to_owned(),
                    decided_at: Some(now),
                    decided_by: Some(by),
                    note: note.clone(),
                    ..row
                });
                let changed = CoachChanged { state, note: note.clone() };
                change.effect(COACH, &user_id).event(Topic::User(user_id), changed);
                let outcome = match state {
                    CoachState::Approved => mails::COACH_APPROVED,
                    CoachState::Suspended => mails::COACH_SUSPENDED,
                    CoachState::Rejected | CoachState::Pending => mails::COACH_REJECTED,
                };
                let words = mails::coach_decided(&account.name, outcome, note.as_deref());
                self.write_to(&mut change, &account.email, words)?;
                Ok((change, ()))
            })
            .await?;
        self.find_application(user_id).await?.ok_or_else(|| Refusal::NoSuchCoach.into())
    }

    /// Asks it before a coach is shown to somebody.
    pub fn apart_by(&self, apart: &Arc<dyn Apart>) {
        let _ = self.apart.set(Arc::downgrade(apart));
    }

    /// Asks it who can be booked.
    pub fn free_by(&self, free: &Arc<dyn Free>) {
        let _ = self.free.set(Arc::downgrade(free));
    }

    /// Whether a coach has a time in what was asked for, if something was.
    async fn is_free(&self, coach: UserId, wanted: Option<(Millis, Millis)>) -> Result<bool> {
        let Some((from, until)) = wanted else { return Ok(true) };
        match self.free.get().and_then(Weak::upgrade) {
            Some(free) => free.is_free(coach, from, until).await,
            None => Ok(false),
        }
    }

    /// `GET /v1/coaches`: approved ones only, without those whom a block keeps away.
    pub async fn coaches(&self, caller: &Caller, search: Search) -> Result<Coaches> {
        let limit = limits::page(search.limit)? as usize;
        let available = available(&search, self.clock.now())?;
        let approved = rows::coach_word(CoachState::Approved);
        let wanted = search.expertise.map(|text| text.trim().to_lowercase());
        let matches = |row: &CoachListRow| {
            let expertise = row.expertise.as_deref().unwrap_or_default().to_lowercase();
            row.state == approved
                && wanted.as_ref().is_none_or(|wanted| {
                    expertise.lines().any(|field| field.contains(wanted.as_str()))
                })
        };
        let least = search.rating;
        let find = |user_id| {
            let found = self.shown_coach(caller.user_id, user_id);
            async move {
                let rated = |coach: &Coach| {
                    least.is_none_or(|least| coach.rating.average.is_some_and(|a| a >= least))
                };
                match found.await?.filter(rated) {
                    Some(coach) if self.is_free(user_id, available).await? => Ok(Some(coach)),
                    _ => Ok(None),
                }
            }
            .boxed()
        };
        let (items, next) = self.listed(search.after.as_deref(), limit, matches, find).await?;
        Ok(Coaches { items, next })
    }

    /// `GET /v1/coaches/{id}`
    pub async fn coach(&self, caller: &Caller, user_id: UserId) -> Result<Coach> {
        let shown = self.shown_coach(caller.user_id, user_id).await?;
        shown.ok_or_else(|| Refusal::NoSuchCoach.into())
    }

    async fn shown_coach(&self, viewer: UserId, user_id: UserId) -> Result<Option<Coach>> {
        let Some(coach) = self.find_coach(user_id).await? else { return Ok(None) };
        let apart = match self.apart.get().and_then(Weak::upgrade) {
            Some(apart) => apart.are_apart(viewer, user_id).await?,
            None => false,
        };
        Ok((!apart).then_some(coach))
    }

    /// Carries out [`COACH`]: role and directory follow the application as it is now. Looked at
    /// again after the writing: a node that slept in between wrote what was true before.
    pub(super) async fn carry_coach(&self, user_id: UserId) -> Result<()> {
        let mut snapshot = self.store.load(rows::coach(user_id)).await?;
        for _ in 0..COMMIT_TRIES_MAX {
            let row = snapshot.one::<CoachRow>()?;
            let state = row.as_ref().map(|row| rows::coach_state(&row.state)).transpose()?;
            let role = match state {
                Some(CoachState::Approved) => Some(true),
                Some(CoachState::Suspended) => Some(false),
                Some(CoachState::Pending | CoachState::Rejected) | None => None,
            };
            if let Some(on) = role {
                match self.set_role(user_id, Role::Coach, on).await {
                    Err(error) if error.code == ErrorCode::NotFound => {}
                    outcome => drop(outcome?),
                }
            }
            rows::list_coach(&self.store, user_id, row.as_ref()).await?;
            snapshot = self.store.load(rows::coach(user_id)).await?;
            if snapshot.one::<CoachRow>()? == row {
                return Ok(());
            }
        }
        Err(busy())
    }

    /// A person who is gone is no coach.
    pub(super) async fn forget_coach(&self, user_id: UserId) -> Result<()> {
        self.store
            .decide(rows::coach(user_id), |snapshot| {
                let mut change = Change::new();
                if snapshot.one::<CoachRow>()?.is_some() {
                    change.delete::<CoachRow>(user_id);
                    change.effect(COACH, &user_id);
                }
                Ok((change, ()))
            })
            .await
    }

    pub(super) async fn find_application(&self, user_id: UserId) -> Result<Option<Application>> {
        let snapshot = self.store.load(rows::coach(user_id)).await?;
        let Some(row) = snapshot.one::<CoachRow>()? else { return Ok(None) };
        let Some(person) = self.person(user_id).await? else { return Ok(None) };
        Ok(Some(Application {
            user_id,
            name: person.name,
            state: rows::coach_state(&row.state)?,
            qualifications: row.qualifications,
            expertise: model::split(row.expertise.as_deref()),
            bio: row.bio,
            applied_at: row.applied_at,
            decided_at: row.decided_at,
            note: row.note,
        }))
    }

    /// An approved coach whose account is in use.
    async fn find_coach(&self, user_id: UserId) -> Result<Option<Coach>> {
        let snapshot = self.store.load(rows::coach(user_id)).await?;
        let row = snapshot.one::<CoachRow>()?;
        let approved = rows::coach_word(CoachState::Approved);
        let Some(row) = row.filter(|row| row.state == approved) else { return Ok(None) };
        let account = self.store.load(rows::account(user_id)).await?;
        let active = Status::Active.word();
        let whole = rows::whole(&account)?.filter(|whole| whole.account.status == active);
        let Some(whole) = whole else { return Ok(None) };
        let profile = whole.into_profile();
        Ok(Some(Coach {
            id: user_id,
            name: profile.name,
            username: profile.username,
            picture: profile.picture,
            qualifications: row.qualifications,
            expertise: model::split(row.expertise.as_deref()),
            bio: row.bio,
            rating: self.rating_of(user_id).await?,
        }))
    }

    /// What clients gave a coach.
    pub(super) async fn rating_of(&self, coach: UserId) -> Result<Rating> {
        let rating = self.coach_ratings(&[coach]).await?.pop();
        let Some(rating) = rating else { return Ok(Rating { average: None, count: 0 }) };
        let hundredths = rating.average_hundredths().and_then(|n| u16::try_from(n).ok());
        let average = hundredths.map(|hundredths| f64::from(hundredths) / 100.0);
        Ok(Rating { average, count: rating.count })
    }

    /// A page of those in the directory that match and are found.
    async fn listed<'a, T: Send>(
        &self,
        after: Option<&str>,
        limit: usize,
        matches: impl Fn(&CoachListRow) -> bool + Send + Sync,
        find: impl Fn(UserId) -> BoxFuture<'a, Result<Option<T>>> + Send + Sync,
    ) -> Result<(Vec<T>, Option<String>)> {
        let mut after = limits::place_at(after)?;
        let mut items = Vec::new();
        loop {
            let rows = rows::coaches(&self.store, after, LIST_ROWS_MAX).await?;
            let more = rows.len() == LIST_ROWS_MAX as usize;
            after = rows.last().map(|row| row.user_id);
            let ids: Vec<UserId> =
                rows.into_iter().filter(|row| matches(row)).map(|row| row.user_id).collect();
            let lookups = ids.into_iter().map(|id| find(id).map_ok(move |item| (id, item)));
            let mut found = stream::iter(lookups).buffered(LOOKUPS_AT_ONCE);
            while let Some((id, item)) = found.try_next().await? {
                if let Some(item) = item {
                    items.push((id, item));
                    if items.len() > limit {
                        items.pop();
                        let next = items.last().map(|(id, _)| id.to_string());
                        return Ok((items.into_iter().map(|(_, item)| item).collect(), next));
                    }
                }
            }
            if !more {
                return Ok((items.into_iter().map(|(_, item)| item).collect(), None));
            }
        }
    }
}

/// The span that is asked for.
fn available(search: &Search, now: Millis) -> Result<Option<(Millis, Millis)>> {
    if search.available_from.is_none() && search.available_to.is_none() {
        return Ok(None);
    }
    // Nobody has time in the past, and finding that out would look at everybody.
    let from = search.available_from.unwrap_or(now).max(now);
    let until = search.available_to.unwrap_or_else(|| from.saturating_add(AVAILABLE_MS));
    let most = from.saturating_add(SLOTS_DAYS_MAX * DAY_MS);
    if from < until && until <= most {
        Ok(Some((from, until)))
    } else {
        Err(Error::invalid("available_to", words::AVAILABLE_SPAN))
    }
}

fn expertise(items: &[String]) -> std::result::Result<Vec<String>, Refusal> {
    let items = model::interests(Field::Expertise, items)?;
    if items.is_empty() { Err(Refusal::ExpertiseNone) } else { Ok(items) }
}

/// Who runs the place.
pub(super) fn as_admin(caller: &Caller) -> Result<()> {
    if caller.roles.has(Role::Admin) { Ok(()) } else { Err(Refusal::AdminsOnly.into()) }
}

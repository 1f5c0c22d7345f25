//! The `desk.*` commands, and `coach.set`.

use super::Support;
use super::commands::{as_coach, person, text};
use super::desk::{board, in_list};
use super::model::{Choices, Input, Refusal};
use super::rows::{self, SettingsRow};
use crate::auth::{Caller, Role};
use crate::bus::Channel;
use crate::error::{Result, forbidden, not_found};
use crate::words::support as words;
use protocol::limits::{
    COACH_CAPACITY_MAX, COACH_DESKS_MAX, COACH_EXPERTISE_MAX, DESK_TOPICS_MAX, DESKS_MAX,
    EXPERTISE_CHARS_MAX, NAME_CHARS_MAX,
};
use protocol::support::{
    Board, CloseDesk, CoachSettings, CreateDesk, DeskResult, Desks, GetBoard, ListDesks, SetCoach,
    UpdateDesk,
};
use protocol::{DeskId, Error, ErrorCode};

impl Support {
    /// `desk.list`
    pub async fn list_desks(&self, _caller: &Caller, _list: ListDesks) -> Result<Desks> {
        let mut items = Vec::new();
        for id in rows::desk_ids(&self.store).await? {
            items.push(self.desk(id).look(|desk, _| in_list(desk)).await?);
        }
        Ok(Desks { items })
    }

    /// `desk.create`
    pub async fn create_desk(&self, caller: &Caller, create: CreateDesk) -> Result<DeskResult> {
        as_admin(caller)?;
        text("name", &create.name, 1, NAME_CHARS_MAX)?;
        let topics = lines("topics", create.topics, DESK_TOPICS_MAX, NAME_CHARS_MAX)?;
        let parts: [&[u8]; 2] = [caller.user_id.as_bytes(), create.client_id.as_bytes()];
        let id: DeskId = crate::id::derived("desk", &parts);
        let known = rows::desk_ids(&self.store).await?;
        if known.len() >= DESKS_MAX && !known.contains(&id) {
            return Err(Error::new(ErrorCode::Full, words::desks_full(DESKS_MAX)));
        }
        self.make_desk(id, create.name, topics).await?;
        self.result(id).await
    }

    /// `desk.update`
    pub async fn update_desk(&self, caller: &Caller, update: UpdateDesk) -> Result<DeskResult> {
        as_admin(caller)?;
        let UpdateDesk { desk_id, name, topics, open } = update;
        if let Some(name) = &name {
            text("name", name, 1, NAME_CHARS_MAX)?;
        }
        let topics = topics
            .map(|topics| lines("topics", topics, DESK_TOPICS_MAX, NAME_CHARS_MAX))
            .transpose()?;
        self.known(desk_id).await?;
        self.desk(desk_id).apply(Input::SetDesk { name, topics, open }).await?;
        self.result(desk_id).await
    }

    /// `desk.close`
    pub async fn close_desk(&self, caller: &Caller, close: CloseDesk) -> Result<DeskResult> {
        let CloseDesk { desk_id } = close;
        let update = UpdateDesk { desk_id, name: None, topics: None, open: Some(false) };
        self.update_desk(caller, update).await
    }

    async fn result(&self, id: DeskId) -> Result<DeskResult> {
        Ok(DeskResult { desk: self.desk(id).look(|desk, _| in_list(desk)).await? })
    }

    /// `not_found`, where there is no such desk.
    pub(super) async fn known(&self, id: DeskId) -> Result<()> {
        let known = rows::desk_ids(&self.store).await?.contains(&id);
        if known { Ok(()) } else { Err(not_found("desk")) }
    }

    /// `desk.board`
    pub async fn board(&self, caller: &Caller, get: GetBoard) -> Result<Board> {
        self.visible(caller, get.desk_id).await?.ok_or_else(|| not_found("desk"))?;
        let coach = caller.user_id;
        self.desk(get.desk_id).look(move |desk, version| board(desk, version, coach)).await
    }

    /// `coach.set`
    pub async fn set_coach(&self, caller: &Caller, set: SetCoach) -> Result<CoachSettings> {
        as_coach(caller)?;
        if set.capacity.is_some_and(|capacity| capacity > COACH_CAPACITY_MAX) {
            let message = words::people_at_once(COACH_CAPACITY_MAX);
            return Err(Error::invalid("capacity", message));
        }
        let known = rows::desk_ids(&self.store).await?;
        if let Some(wanted) = &set.desks {
            if wanted.len() > COACH_DESKS_MAX {
                return Err(Error::invalid("desks", words::desks_most(COACH_DESKS_MAX)));
            }
            if wanted.iter().any(|id| !known.contains(id)) {
                return Err(not_found("desk"));
            }
        }
        let expertise = set
            .expertise
            .map(|words| lines("expertise", words, COACH_EXPERTISE_MAX, EXPERTISE_CHARS_MAX))
            .transpose()?;
        if !self.accounts.holds(caller.user_id, Role::Coach).await? {
            return Err(Refusal::NoCoach.into());
        }
        let chose_before = rows::settings(&self.store, caller.user_id).await?.is_some();
        let old = self.choices(caller.user_id).await?;
        let row = SettingsRow {
            user_id: caller.user_id,
            // Who chooses anything takes offers from then on, if nothing else is said.
            available: set.available.unwrap_or(old.available || !chose_before),
            capacity: set.capacity.unwrap_or(old.capacity),
            chosen: set.desks.is_some() || !old.serves,
            knows: rows::column(expertise.as_ref().unwrap_or(&old.knows)),
        };
        rows::put_settings(&self.store, row.clone()).await?;
        let knows = rows::lines(row.knows.as_deref());
        let mut served = Vec::new();
        for id in known {
            let serves = match &set.desks {
                Some(wanted) => wanted.contains(&id),
                None => !row.chosen || self.serves(caller.user_id, id).await?,
            };
            let choices = Choices {
                available: row.available,
                capacity: row.capacity,
                serves,
                knows: knows.clone(),
            };
            let coach = person(caller);
            self.desk(id).apply(Input::SetCoach { coach, choices }).await?;
            if !serves && !caller.roles.has(Role::Admin) {
                self.hub.revoke(caller.user_id, Channel::Desk(id));
            }
            served.extend(serves.then_some(id));
        }
        Ok(CoachSettings {
            available: row.available,
            capacity: row.capacity,
            desks: row.chosen.then_some(served),
            expertise: knows,
        })
    }
}

fn as_admin(caller: &Caller) -> Result<()> {
    let admin = caller.roles.has(Role::Admin);
    if admin { Ok(()) } else { Err(forbidden(words::DESKS_OF_ADMINS)) }
}

/// Short words, each a line of its column.
fn lines(field: &str, items: Vec<String>, most: usize, chars: usize) -> Result<Vec<String>> {
    if items.len() > most {
        return Err(Error::invalid(field, words::most(most)));
    }
    for item in &items {
        text(field, item, 1, chars)?;
    }
    Ok(items.into_iter().map(|item| item.replace(['\n', '\r'], " ")).collect())
}

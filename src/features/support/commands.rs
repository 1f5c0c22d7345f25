//! The `support.*`, `desk.*` and `coach.*` commands.

use super::Support;
use super::desk::{self, Found, board};
use super::effects::{ENQUEUE, Enqueue};
use super::model::{Choices, Desk, Input, NewRequest, Refusal};
use super::rows::{self, OpenRow, RouteRow, SettingsRow};
use crate::auth::{Caller, Role};
use crate::error::{Result, conflict, forbidden, not_found};
use crate::store::Change;
use protocol::limits::{
    COACH_CAPACITY_MAX, COACH_DESKS_MAX, DESK_OPEN_REQUESTS_MAX, DESK_TOPICS_MAX, DESKS_MAX,
    EXPERTISE_CHARS_MAX, MESSAGE_CHARS_MAX, NAME_CHARS_MAX, PAGE_ITEMS_MAX, SUBJECT_CHARS_MAX,
    SUMMARY_CHARS_MAX,
};
use protocol::people::Person;
use protocol::support::{
    self, Ask, Asked, Board, Cancel, Claim, Close, CoachSettings, CreateDesk, DeskResult, Desks,
    GetBoard, GetStatus, ListDesks, RequestResult, SetCoach, Status,
};
use protocol::{DeskId, Error, ErrorCode, RequestId};
use uuid::Uuid;

impl Support {
    /// `desk.list`
    pub async fn list_desks(&self, _caller: &Caller, _list: ListDesks) -> Result<Desks> {
        let mut items = Vec::new();
        for id in rows::desk_ids(&self.store).await? {
            items.push(in_list(&self.desk(id).look().await?.desk));
        }
        Ok(Desks { items })
    }

    /// `desk.create`
    pub async fn create_desk(&self, caller: &Caller, create: CreateDesk) -> Result<DeskResult> {
        if !caller.roles.has(Role::Admin) {
            return Err(forbidden("Desks are made by those who run the place."));
        }
        text("name", &create.name, 1, NAME_CHARS_MAX)?;
        if create.topics.len() > DESK_TOPICS_MAX {
            let message = format!("A desk has at most {DESK_TOPICS_MAX} topics.");
            return Err(Error::invalid("topics", message));
        }
        for topic in &create.topics {
            text("topics", topic, 1, NAME_CHARS_MAX)?;
        }
        let parts: [&[u8]; 2] = [caller.user_id.as_bytes(), create.client_id.as_bytes()];
        let id: DeskId = crate::id::derived("desk", &parts);
        let known = rows::desk_ids(&self.store).await?;
        if known.len() >= DESKS_MAX && !known.contains(&id) {
            return Err(Error::new(ErrorCode::Full, format!("There are {DESKS_MAX} desks.")));
        }
        // A topic is a line of its column.
        let topics = create.topics.iter().map(|topic| topic.replace(['\n', '\r'], " ")).collect();
        self.make_desk(id, create.name, topics).await?;
        Ok(DeskResult { desk: in_list(&self.desk(id).look().await?.desk) })
    }

    /// `desk.board`
    pub async fn board(&self, caller: &Caller, get: GetBoard) -> Result<Board> {
        self.visible(caller, get.desk_id).await?.ok_or_else(|| not_found("desk"))?;
        Ok(board(&self.desk(get.desk_id).look().await?, caller.user_id))
    }

    /// `coach.set`
    pub async fn set_coach(&self, caller: &Caller, set: SetCoach) -> Result<CoachSettings> {
        as_coach(caller)?;
        if set.capacity.is_some_and(|capacity| capacity > COACH_CAPACITY_MAX) {
            let message = format!("At most {COACH_CAPACITY_MAX} people at once.");
            return Err(Error::invalid("capacity", message));
        }
        let known = rows::desk_ids(&self.store).await?;
        if let Some(wanted) = &set.desks {
            if wanted.len() > COACH_DESKS_MAX {
                return Err(Error::invalid("desks", format!("At most {COACH_DESKS_MAX} desks.")));
            }
            if wanted.iter().any(|id| !known.contains(id)) {
                return Err(not_found("desk"));
            }
        }
        let old = self.choices(caller.user_id).await?;
        let row = SettingsRow {
            user_id: caller.user_id,
            available: set.available.unwrap_or(old.available),
            capacity: set.capacity.unwrap_or(old.capacity),
            chosen: set.desks.is_some() || !old.serves,
        };
        rows::put_settings(&self.store, row.clone()).await?;
        let mut served = Vec::new();
        for id in known {
            let serves = match &set.desks {
                Some(wanted) => wanted.contains(&id),
                None => self.serves(caller.user_id, id).await?,
            };
            let choices = Choices { available: row.available, capacity: row.capacity, serves };
            let coach = person(caller);
            self.desk(id).apply(Input::SetCoach { coach, choices }).await?;
            served.extend(serves.then_some(id));
        }
        Ok(CoachSettings {
            available: row.available,
            capacity: row.capacity,
            desks: row.chosen.then_some(served),
        })
    }

    /// `support.request`
    pub async fn ask(&self, caller: &Caller, ask: Ask) -> Result<Asked> {
        text("subject", &ask.subject, 1, SUBJECT_CHARS_MAX)?;
        text("text", ask.text.as_deref().unwrap_or_default(), 0, MESSAGE_CHARS_MAX)?;
        text("expertise", ask.expertise.as_deref().unwrap_or_default(), 0, EXPERTISE_CHARS_MAX)?;
        let desk_id = ask.desk_id;
        if !rows::desk_ids(&self.store).await?.contains(&desk_id) {
            return Err(not_found("desk"));
        }
        let look = self.desk(desk_id).look().await?.desk;
        if !look.open {
            return Err(conflict("This desk is closed just now."));
        }
        let id: RequestId = match ask.client_id {
            Some(client_id) => {
                let parts: [&[u8]; 2] = [caller.user_id.as_bytes(), client_id.as_bytes()];
                crate::id::derived("support.request", &parts)
            }
            None => crate::id::fresh(),
        };
        if look.requests.len() >= DESK_OPEN_REQUESTS_MAX && !look.requests.contains_key(&id) {
            return Err(Refusal::Full.into());
        }
        let request = NewRequest {
            id,
            member: person(caller),
            subject: ask.subject,
            first_words: ask.text.filter(|text| !text.trim().is_empty()),
            expertise: ask.expertise,
            created_at: self.clock.now(),
        };
        self.open_once(desk_id, &request).await?;
        // The commit made sure that it gets to the desk; this waits for it and learns the place.
        let found = self.desk(desk_id).apply(Input::Enqueue(request)).await?;
        let Found { request, position } = found.ok_or_else(|| conflict("This request is over."))?;
        Ok(Asked { request, position, wait: None })
    }

    /// Makes a request the member's open one, or says which one is.
    async fn open_once(&self, desk_id: DeskId, request: &NewRequest) -> Result<()> {
        let member_id = request.member.id;
        if let Some(route) = rows::route(&self.store, request.id).await? {
            // Asked before, with the same client_id: still open, or over for good.
            let snapshot = self.store.load(rows::member_partition(member_id)).await?;
            if rows::open(&snapshot)?.is_some_and(|open| open.request_id == request.id) {
                return Ok(());
            }
            if !self.was_never_opened(member_id, route.request_id).await? {
                return Err(conflict("This request is over."));
            }
        }
        let route = RouteRow { request_id: request.id, desk_id, member_id };
        rows::put_route(&self.store, route).await?;
        let open = self
            .store
            .decide(rows::member_partition(member_id), |snapshot| {
                let mut change = Change::new();
                let open = rows::open(snapshot)?;
                if open.is_none() {
                    change.write(OpenRow { item: Uuid::nil(), request_id: request.id, desk_id });
                    change.effect(ENQUEUE, &Enqueue { desk_id, request: request.clone() });
                }
                Ok((change, open.filter(|open| open.request_id != request.id)))
            })
            .await?;
        match open {
            None => Ok(()),
            Some(open) => {
                let found = self.find(&open).await?;
                let detail = serde_json::json!({ "request": found.map(|found| found.request) });
                Err(conflict("You have asked already; your place is held.").detail(detail))
            }
        }
    }

    /// A route is written before the request; a crash between the two leaves a route alone.
    async fn was_never_opened(&self, member: protocol::UserId, id: RequestId) -> Result<bool> {
        let ended = rows::history(&self.store, member, None, PAGE_ITEMS_MAX).await?;
        Ok(!ended.iter().any(|(_, request)| request.id == id))
    }

    async fn find(&self, open: &OpenRow) -> Result<Option<Found>> {
        let look = self.desk(open.desk_id).look().await?.desk;
        Ok(look.requests.get(&open.request_id).map(|request| Found {
            request: desk::wire(&look, request),
            position: look.position(request.id),
        }))
    }

    /// `support.status`
    pub async fn status(&self, caller: &Caller, _get: GetStatus) -> Result<Status> {
        let snapshot = self.store.load(rows::member_partition(caller.user_id)).await?;
        let found = match rows::open(&snapshot)? {
            Some(open) => self.find(&open).await?,
            None => None,
        };
        let position = found.as_ref().and_then(|found| found.position);
        Ok(Status { request: found.map(|found| found.request), position, wait: None })
    }

    /// `support.cancel`
    pub async fn cancel(&self, caller: &Caller, cancel: Cancel) -> Result<RequestResult> {
        let input = Input::Cancel { request: cancel.request_id, member: caller.user_id };
        self.on_request(cancel.request_id, caller, input).await
    }

    /// `support.claim`
    pub async fn claim(&self, caller: &Caller, claim: Claim) -> Result<RequestResult> {
        as_coach(caller)?;
        let choices = self.choices(caller.user_id).await?;
        let input = Input::Claim { request: claim.request_id, coach: person(caller), choices };
        self.on_request(claim.request_id, caller, input).await
    }

    /// `support.close`
    pub async fn close(&self, caller: &Caller, close: Close) -> Result<RequestResult> {
        text("summary", close.summary.as_deref().unwrap_or_default(), 0, SUMMARY_CHARS_MAX)?;
        let Close { request_id, summary } = close;
        let input = Input::Close { request: request_id, by: caller.user_id, summary };
        self.on_request(request_id, caller, input).await
    }

    async fn on_request(
        &self,
        id: RequestId,
        caller: &Caller,
        input: Input,
    ) -> Result<RequestResult> {
        let route = rows::route(&self.store, id).await?;
        let coach = caller.roles.has(Role::Coach);
        let route = route.filter(|route| coach || route.member_id == caller.user_id);
        let route = route.ok_or(Refusal::NoSuchRequest)?;
        match self.desk(route.desk_id).apply(input).await {
            // It was there, and is not any more.
            Err(error) if error.code == ErrorCode::NotFound => {
                Err(conflict("This request is over."))
            }
            Err(error) => Err(error),
            Ok(found) => {
                let found = found.ok_or(Refusal::NoSuchRequest)?;
                Ok(RequestResult { request: found.request })
            }
        }
    }
}

pub(super) fn as_coach(caller: &Caller) -> Result<()> {
    if caller.roles.has(Role::Coach) {
        Ok(())
    } else {
        Err(forbidden("Requests are answered by coaches."))
    }
}

fn person(caller: &Caller) -> Person {
    Person { id: caller.user_id, name: caller.name.to_string() }
}

fn in_list(desk: &Desk) -> support::Desk {
    support::Desk {
        id: desk.id,
        name: desk.name.clone(),
        topics: desk.topics.clone(),
        open: desk.open,
        waiting: desk.waiting_total(),
        wait: None,
    }
}

pub(super) fn text(field: &str, value: &str, min: usize, max: usize) -> Result<()> {
    let count = value.chars().count();
    if count < min || count > max || (min > 0 && value.trim().is_empty()) {
        return Err(Error::invalid(field, format!("{min} to {max} characters, please.")));
    }
    Ok(())
}

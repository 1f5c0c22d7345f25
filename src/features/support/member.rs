//! What members ask: `support.request`, `.status`, `.reopen`.

use super::Support;
use super::commands::{person, text};
use super::desk::Found;
use super::effects::{ENQUEUE, Enqueue, REOPENED_AFTER_MS};
use super::model::{Fee, FeeState, Input, NewRequest, Refusal, Request, State};
use super::rows::{self, FreeRow, OpenRow, RouteRow};
use crate::auth::Caller;
use crate::error::{Result, busy, conflict};
use crate::store::{Change, Snapshot};
use crate::words::support as words;
use protocol::limits::{
    DESK_OPEN_REQUESTS_MAX, EXPERTISE_CHARS_MAX, MESSAGE_CHARS_MAX, PAGE_ITEMS_MAX, REOPEN_MS,
    SUBJECT_CHARS_MAX,
};
use protocol::support::{Ask, Asked, GetStatus, Money, Reopen, Status};
use protocol::{DeskId, Error, ErrorCode, Millis, RequestId, UserId};
use uuid::Uuid;

/// Ended requests among which one is looked for that is to be opened again.
const REOPEN_LOOK_MAX: usize = 1_000;

impl Support {
    /// `support.request`
    pub async fn ask(&self, caller: &Caller, ask: Ask) -> Result<Asked> {
        text("subject", &ask.subject, 1, SUBJECT_CHARS_MAX)?;
        text("text", ask.text.as_deref().unwrap_or_default(), 0, MESSAGE_CHARS_MAX)?;
        text("expertise", ask.expertise.as_deref().unwrap_or_default(), 0, EXPERTISE_CHARS_MAX)?;
        let desk_id = ask.desk_id;
        self.known(desk_id).await?;
        let id: RequestId = match ask.client_id {
            Some(client_id) => {
                let parts: [&[u8]; 2] = [caller.user_id.as_bytes(), client_id.as_bytes()];
                crate::id::derived("support.request", &parts)
            }
            None => crate::id::fresh(),
        };
        let all = [Some(ask.subject.as_str()), ask.text.as_deref()];
        let crisis = all.into_iter().any(|text| self.sounds_like_crisis(caller, text));
        if ask.client_id.is_some()
            && let Some(asked) = self.asked_before(caller.user_id, id).await?
        {
            if crisis && asked.request.ended_at.is_none() {
                self.help(caller.user_id).await?;
            }
            return Ok(asked);
        }
        let (open, full) = self
            .desk(desk_id)
            .look(|desk, _| (desk.open, desk.requests_total() >= DESK_OPEN_REQUESTS_MAX))
            .await?;
        if !open {
            return Err(Refusal::DeskClosed.into());
        }
        if full {
            return Err(Refusal::Full.into());
        }
        let fee = self.fee(desk_id, caller.user_id, ask.fee).await?;
        let request = NewRequest {
            id,
            member: person(caller),
            subject: ask.subject,
            first_words: ask.text.filter(|text| !text.trim().is_empty()),
            expertise: ask.expertise,
            created_at: self.clock.now(),
            preferred: ask.preferred_coach_id,
            crisis,
            fee,
            reopened_at: None,
            former_coach: None,
            former_summary: None,
            spared: Vec::new(),
            answered: Vec::new(),
        };
        let route = RouteRow { request_id: id, desk_id, member_id: caller.user_id };
        rows::put_route(&self.store, route).await?;
        self.open(desk_id, &request).await?;
        let asked = self.enqueue(desk_id, request).await?;
        if crisis {
            self.help(caller.user_id).await?;
        }
        Ok(asked)
    }

    /// A retry gets what its first attempt became, whatever would be refused by now. `None`: there
    /// was none, or it never came as far as the member's partition.
    async fn asked_before(&self, member: UserId, id: RequestId) -> Result<Option<Asked>> {
        let Some(route) = rows::route(&self.store, id).await? else { return Ok(None) };
        let partition = rows::member_partition(member);
        let open = rows::open(&self.store.load(partition.clone()).await?)?;
        let open = open.filter(|open| open.request_id == id);
        if let Some(open) = &open {
            // Who began it may be gone before it got to its desk.
            self.store.relay(partition).await?;
            let found = self.find(open).await?;
            if let Some(found) = found.filter(|found| found.request.ended_at.is_none()) {
                return Ok(Some(found.into()));
            }
        }
        // The history knows of an end before the member's partition does.
        match self.ended(member, id, Millis::MIN).await? {
            Some(request) => Ok(Some(Asked {
                request: super::desk::ended(route.desk_id, &request),
                position: None,
                wait: None,
            })),
            None if open.is_some() => Err(busy()),
            None => Ok(None),
        }
    }

    /// What it costs, if the member agreed to just that.
    async fn fee(
        &self,
        desk: DeskId,
        member: UserId,
        agreed: Option<Money>,
    ) -> Result<Option<Fee>> {
        let Some(price) = self.fees().price(desk, member).await? else { return Ok(None) };
        if agreed.as_ref() != Some(&price) {
            let error = Error::new(ErrorCode::PaymentRequired, words::FEE_NEEDED);
            return Err(error.detail(serde_json::json!({ "fee": price })));
        }
        let Money { amount, currency } = price;
        Ok(Some(Fee { amount, currency, state: FeeState::Asked }))
    }

    /// The member's commit made sure that it gets to the desk; this waits for it and learns the
    /// place.
    async fn enqueue(&self, desk_id: DeskId, request: NewRequest) -> Result<Asked> {
        let (member, id, life) = (request.member.id, request.id, request.reopened_at);
        match self.desk(desk_id).apply(Input::Enqueue(Box::new(request))).await {
            Ok(Some(found)) => Ok(found.into()),
            // It ended meanwhile, or was opened once more.
            Ok(None) => self.asked_before(member, id).await?.ok_or_else(|| conflict(words::OVER)),
            Err(error) => {
                if matches!(error.code, ErrorCode::Conflict | ErrorCode::Full) {
                    self.let_go(member, id, life).await?;
                }
                Err(error)
            }
        }
    }

    /// Decided in the member's partition: one open request, and so many that cost nothing.
    async fn open(&self, desk_id: DeskId, request: &NewRequest) -> Result<()> {
        let open = self
            .store
            .decide(rows::member_partition(request.member.id), |snapshot| {
                let mut change = Change::new();
                let open = rows::open(snapshot)?;
                if open.is_none() {
                    let counts = request.fee.is_none() && request.reopened_at.is_none();
                    if counts {
                        self.count_free(snapshot, request, &mut change)?;
                    }
                    let (item, request_id) = (Uuid::nil(), request.id);
                    let reopened_at = request.reopened_at;
                    change.write(OpenRow { item, request_id, desk_id, reopened_at });
                    change.effect(ENQUEUE, &Enqueue { desk_id, request: request.clone() });
                }
                Ok((change, open))
            })
            .await?;
        let same = |open: &OpenRow| {
            open.request_id == request.id && open.reopened_at == request.reopened_at
        };
        match open.filter(|open| !same(open)) {
            None => Ok(()),
            Some(open) if open.request_id == request.id => Err(busy()),
            Some(open) => {
                let found = self.find(&open).await?;
                let detail = serde_json::json!({ "request": found.map(|found| found.request) });
                Err(conflict(words::ONE_AT_A_TIME).detail(detail))
            }
        }
    }

    fn count_free(
        &self,
        snapshot: &Snapshot,
        request: &NewRequest,
        change: &mut Change,
    ) -> Result<()> {
        let allowed = self.limits.free_requests as usize;
        if allowed == 0 {
            return Ok(());
        }
        let since = request.created_at - self.limits.free_ms;
        let rows = snapshot.all::<FreeRow>()?;
        let (counting, old): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| row.asked_at > since);
        if counting.len() >= allowed {
            let first = counting.iter().map(|row| row.asked_at).min().unwrap_or(since);
            let free_at = first + self.limits.free_ms;
            let error = Error::new(ErrorCode::PaymentRequired, words::free_used(free_at));
            return Err(error.detail(serde_json::json!({ "free_at": free_at })));
        }
        for row in old {
            change.delete::<FreeRow>(row.id);
        }
        change.write(FreeRow { id: request.id, asked_at: request.created_at });
        Ok(())
    }

    async fn find(&self, open: &OpenRow) -> Result<Option<Found>> {
        let id = open.request_id;
        self.desk(open.desk_id).look(move |desk, _| super::desk::found(desk, id)).await
    }

    /// `support.status`
    pub async fn status(&self, caller: &Caller, _get: GetStatus) -> Result<Status> {
        let snapshot = self.store.load(rows::member_partition(caller.user_id)).await?;
        let found = match rows::open(&snapshot)? {
            Some(open) => self.find(&open).await?,
            None => None,
        };
        // One that just ended may still stand there for a moment.
        let found = found.filter(|found| found.request.ended_at.is_none());
        let Some(Found { request, position, wait }) = found else {
            return Ok(Status { request: None, position: None, wait: None });
        };
        Ok(Status { request: Some(request), position, wait })
    }

    /// `support.reopen`
    pub async fn reopen(&self, caller: &Caller, reopen: Reopen) -> Result<Asked> {
        let (id, now) = (reopen.request_id, self.clock.now());
        let route = rows::route(&self.store, id).await?;
        let route = route.filter(|route| route.member_id == caller.user_id);
        let desk_id = route.ok_or(Refusal::NoSuchRequest)?.desk_id;
        let ended = match self.ended(caller.user_id, id, now - REOPEN_MS).await? {
            Some(ended) => ended,
            None => match self.open_already(caller, id).await? {
                Some(asked) => return Ok(asked),
                // What ended in between is in the history by now.
                None => self
                    .ended(caller.user_id, id, now - REOPEN_MS)
                    .await?
                    .ok_or_else(|| conflict(words::REOPEN_LATE))?,
            },
        };
        if !matches!(ended.state, State::Closed | State::Abandoned) {
            return Err(Refusal::Over.into());
        }
        let open = self.desk(desk_id).look(|desk, _| desk.open).await?;
        if !open {
            return Err(Refusal::DeskClosed.into());
        }
        let ended_at = ended.ended_at.unwrap_or_default();
        let coach = ended.coach.as_ref().map(|coach| coach.id);
        let answered = ended.coaches().collect();
        let request = NewRequest {
            id,
            member: person(caller),
            subject: ended.subject,
            first_words: None,
            expertise: ended.expertise,
            created_at: ended.created_at,
            preferred: coach,
            crisis: false,
            fee: None,
            reopened_at: Some(ended_at + REOPENED_AFTER_MS),
            former_coach: ended.coach,
            former_summary: ended.summary,
            spared: Vec::new(),
            answered,
        };
        self.open(desk_id, &request).await?;
        self.enqueue(desk_id, request).await
    }

    /// An ended request of a member that is not too old.
    pub(super) async fn ended(
        &self,
        member: UserId,
        id: RequestId,
        since: Millis,
    ) -> Result<Option<Request>> {
        let mut after = None;
        for _ in 0..REOPEN_LOOK_MAX / PAGE_ITEMS_MAX as usize {
            let page = rows::history(&self.store, member, after, PAGE_ITEMS_MAX).await?;
            let last = page.last().map(|(_, request)| (request.ended_at.unwrap_or(0), request.id));
            let young = page.into_iter().map(|(_, request)| request);
            let mut young = young.take_while(|request| request.ended_at >= Some(since));
            if let Some(found) = young.find(|request| request.id == id) {
                return Ok(Some(found));
            }
            match last {
                Some((at, _)) if at >= since => after = last,
                _ => break,
            }
        }
        Ok(None)
    }

    /// It is not in the history: open (again) already, or still ending. `None`: neither.
    async fn open_already(&self, caller: &Caller, id: RequestId) -> Result<Option<Asked>> {
        let snapshot = self.store.load(rows::member_partition(caller.user_id)).await?;
        let Some(open) = rows::open(&snapshot)?.filter(|open| open.request_id == id) else {
            return Ok(None);
        };
        let found = self.find(&open).await?;
        match found {
            Some(found) if open.reopened_at.is_some() => Ok(Some(found.into())),
            Some(Found { request, .. }) if request.ended_at.is_none() => {
                Err(conflict(words::ONE_AT_A_TIME))
            }
            _ => Err(busy()),
        }
    }
}

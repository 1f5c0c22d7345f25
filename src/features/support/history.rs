//! `support.history`: what ended, listed, filtered and searched.
//!
//! People read their own. A coach who answers a member reads what ended for that member at the
//! same desk, closing summaries included, so that nobody has to tell everything twice.

use super::Support;
use super::commands::{as_coach, text};
use super::desk::ended;
use super::model::{Desk, Input, Refusal, Request};
use super::rows;
use crate::auth::Caller;
use crate::error::Result;
use crate::limits;
use crate::store::LIST_ROWS_MAX;
use protocol::limits::{EXPERTISE_CHARS_MAX, SEARCH_CHARS_MAX};
use protocol::support::{self, GetHistory, History};
use protocol::{DeskId, Millis, RequestId, UserId};
use uuid::Uuid;

/// Rows that one call looks through, at most; what is left is behind `next`.
const ROWS_SEEN_MAX: u32 = LIST_ROWS_MAX;

/// What of a history is wanted.
struct Filter {
    get: GetHistory,
    /// In lower case.
    text: Option<String>,
}

impl Support {
    /// `support.history`
    pub async fn history(&self, caller: &Caller, mut get: GetHistory) -> Result<History> {
        let limit = limits::page(get.limit)? as usize;
        let expertise = get.expertise.as_deref().unwrap_or_default();
        text("expertise", expertise, 0, EXPERTISE_CHARS_MAX)?;
        if let Some(wanted) = &get.text {
            text("text", wanted, 1, SEARCH_CHARS_MAX)?;
        }
        let mut after = limits::place_in_time(get.after.as_deref())?;
        if let Some(to) = get.to_at
            && after.is_none_or(|(at, _)| at >= to)
        {
            // Behind it is what ended before; nothing has the largest id.
            after = Some((to.saturating_sub(1), Uuid::max().into()));
        }
        let whose = match get.member_id {
            None => caller.user_id,
            Some(member) => {
                let desk = self.answers(caller, member).await?;
                if get.desk_id.is_some_and(|wanted| wanted != desk) {
                    return Ok(History { items: Vec::new(), next: None });
                }
                get.desk_id = Some(desk);
                member
            }
        };
        let of_another = get.member_id.is_some();
        let text = get.text.as_deref().map(str::to_lowercase);
        let (found, next) = self.filtered(whose, after, limit, &Filter { get, text }).await?;
        let mut items: Vec<support::Request> =
            found.iter().map(|(desk_id, request)| ended(*desk_id, request)).collect();
        if !of_another {
            self.add_ratings(caller.user_id, &mut items).await?;
        }
        Ok(History { items, next })
    }

    /// A page of what passes a filter, and where the next one begins.
    async fn filtered(
        &self,
        whose: UserId,
        after: Option<(Millis, RequestId)>,
        limit: usize,
        filter: &Filter,
    ) -> Result<(Vec<(DeskId, Request)>, Option<String>)> {
        // Without a filter no more is read than shown, and one more that says whether there is more.
        let wanted = u32::try_from(limit + 1).unwrap_or(u32::MAX);
        let seen_max = if filter.is_any() { ROWS_SEEN_MAX } else { wanted };
        let rows = rows::history(&self.store, whose, after, seen_max).await?;
        let mut at_end = rows.len() < seen_max as usize;
        let (mut found, mut last) = (Vec::new(), None);
        for (desk_id, request) in rows {
            let ended_at = request.ended_at.unwrap_or_default();
            if filter.get.from_at.is_some_and(|from| ended_at < from) {
                at_end = true;
                break;
            }
            if found.len() == limit {
                at_end = false;
                break;
            }
            last = Some(format!("{ended_at}.{}", request.id));
            if filter.passes(desk_id, &request) {
                found.push((desk_id, request));
            }
        }
        Ok((found, last.filter(|_| !at_end)))
    }

    /// What members thought of those that were answered: for the two whom it is about.
    async fn add_ratings(&self, reader: UserId, items: &mut [support::Request]) -> Result<()> {
        let is_theirs = |request: &&mut support::Request| {
            let coach = request.coach.as_ref().map(|coach| coach.id);
            coach.is_some() && (request.member.id == reader || coach == Some(reader))
        };
        let mut answered: Vec<&mut support::Request> = items.iter_mut().filter(is_theirs).collect();
        let ids: Vec<RequestId> = answered.iter().map(|request| request.id).collect();
        for (request, rating) in answered.iter_mut().zip(self.ratings(&ids).await?) {
            request.rating = rating;
        }
        Ok(())
    }

    /// What a desk shows. Where it does not show enough, that may be news to this node only, and
    /// the desk is read again.
    pub(super) async fn newest<T: Copy + Send + 'static>(
        &self,
        desk: DeskId,
        see: impl Fn(&Desk) -> T + Copy + Send + 'static,
        is_enough: impl Fn(T) -> bool,
    ) -> Result<T> {
        let seen = self.desk(desk).look(move |desk, _| see(desk)).await?;
        if is_enough(seen) {
            return Ok(seen);
        }
        self.desk(desk).apply(Input::Look).await?;
        self.desk(desk).look(move |desk, _| see(desk)).await
    }

    /// The desk at which a coach answers a member now.
    async fn answers(&self, caller: &Caller, member: UserId) -> Result<DeskId> {
        as_coach(caller)?;
        let snapshot = self.store.load(rows::member_partition(member)).await?;
        let open = rows::open(&snapshot)?.ok_or(Refusal::NoSuchRequest)?;
        let (request, coach) = (open.request_id, caller.user_id);
        let look = move |desk: &Desk| {
            desk.request(request).is_some_and(|request| request.is_answered_by(coach))
        };
        let answers = self.newest(open.desk_id, look, |answers| answers).await?;
        if answers { Ok(open.desk_id) } else { Err(Refusal::NoSuchRequest.into()) }
    }
}

impl Filter {
    fn is_any(&self) -> bool {
        let GetHistory { state, desk_id, expertise, .. } = &self.get;
        state.is_some() || desk_id.is_some() || expertise.is_some() || self.text.is_some()
    }

    fn passes(&self, desk_id: DeskId, request: &Request) -> bool {
        let get = &self.get;
        let same = |one: &str, other: &str| one.to_lowercase() == other.to_lowercase();
        let has = |text: &str| {
            self.text.as_deref().is_none_or(|wanted| text.to_lowercase().contains(wanted))
        };
        let asked = request.expertise.as_deref().unwrap_or_default();
        get.state.is_none_or(|state| state == request.state.wire())
            && get.desk_id.is_none_or(|wanted| wanted == desk_id)
            && get.expertise.as_deref().is_none_or(|wanted| same(wanted, asked))
            && get.member_id.is_none_or(|member| member == request.member.id)
            && (has(&request.subject) || request.summary.as_deref().is_some_and(has))
    }
}

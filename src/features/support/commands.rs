//! The `support.*` commands about a request that is there.

use super::Support;
use super::model::{Input, Refusal};
use super::rows;
use crate::auth::{Caller, Role};
use crate::error::{Result, conflict, forbidden};
use crate::presence::Sessions;
use crate::words::support as words;
use protocol::limits::SUMMARY_CHARS_MAX;
use protocol::people::Person;
use protocol::support::{Accept, Cancel, Claim, Close, Decline, RequestResult, Transfer};
use protocol::{Error, RequestId};

impl Support {
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

    /// `support.accept`
    pub async fn accept(&self, caller: &Caller, accept: Accept) -> Result<RequestResult> {
        as_coach(caller)?;
        let input = Input::Accept { request: accept.request_id, coach: person(caller) };
        self.on_request(accept.request_id, caller, input).await
    }

    /// `support.decline`
    pub async fn decline(&self, caller: &Caller, decline: Decline) -> Result<RequestResult> {
        as_coach(caller)?;
        let input = Input::Decline { request: decline.request_id, coach: caller.user_id };
        self.on_request(decline.request_id, caller, input).await
    }

    /// `support.transfer`
    pub async fn transfer(&self, caller: &Caller, transfer: Transfer) -> Result<RequestResult> {
        as_coach(caller)?;
        let Transfer { request_id, coach_id } = transfer;
        // A hand-over to somebody who is gone would only keep the member waiting.
        if let Some(to) = coach_id
            && self.sessions(to).await == Sessions::None
        {
            return Err(conflict(words::COLLEAGUE_AWAY));
        }
        let input = Input::Transfer { request: request_id, by: caller.user_id, to: coach_id };
        self.on_request(request_id, caller, input).await
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
            Err(error) if error == Error::from(Refusal::NoSuchRequest) => {
                Err(conflict(words::OVER))
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
    let coach = caller.roles.has(Role::Coach);
    if coach { Ok(()) } else { Err(forbidden(words::FOR_COACHES)) }
}

pub(super) fn person(caller: &Caller) -> Person {
    Person { id: caller.user_id, name: caller.name.to_string() }
}

pub(super) fn text(field: &str, value: &str, min: usize, max: usize) -> Result<()> {
    let count = value.chars().count();
    if count < min || count > max || (min > 0 && value.trim().is_empty()) {
        return Err(Error::invalid(field, words::length(min, max)));
    }
    Ok(())
}

//! The board of a training group: open offers.

use super::commands::{gives, id_of, person};
use super::model::{self, Session};
use super::rows::{self, Place};
use super::{Exchange, lists, view};
use crate::auth::Caller;
use crate::error::Result;
use crate::limits;
use crate::words::exchange as words;
use protocol::exchange::{Board, GetBoard, OfferResult, Post};
use protocol::limits::EXCHANGE_OFFERS_MAX;
use protocol::{Error, ErrorCode, GroupId, Millis};

/// A row whose offer is not there by now was left by a crash.
const ORPHAN_MS: Millis = 60 * 60 * 1_000;

impl Exchange {
    /// `exchange.post`
    pub async fn post(&self, caller: &Caller, post: Post) -> Result<OfferResult> {
        self.as_trainee(caller, post.group_id).await?;
        let gives = gives(post.offer, true)?;
        let id = id_of(caller.user_id, post.client_id);
        if let Some(known) = self.find(id).await? {
            return Ok(OfferResult { offer: view::offer(&known) });
        }
        let there = rows::board(&self.store, post.group_id, None, EXCHANGE_OFFERS_MAX).await?;
        if there.len() >= EXCHANGE_OFFERS_MAX as usize {
            return Err(Error::new(ErrorCode::Full, words::BOARD_FULL));
        }
        let new = model::New {
            id,
            group_id: post.group_id,
            requester: person(caller),
            responder: None,
            starts_at: post.starts_at,
            duration_min: post.duration_min,
            gives,
            note: None,
        };
        Ok(OfferResult { offer: view::offer(&self.make(new).await?) })
    }

    /// `exchange.board`
    pub async fn board(&self, caller: &Caller, get: GetBoard) -> Result<Board> {
        self.as_trainee(caller, get.group_id).await?;
        let limit = limits::page(get.limit)?;
        let after = limits::place_in_time(get.after.as_deref())?;
        let places = rows::board(&self.store, get.group_id, after, limit).await?;
        let next = lists::next(&places, limit);
        let found = self.all(places.iter().map(|(_, id)| *id)).await?;
        let mut items = Vec::with_capacity(found.len());
        for (place, session) in places.iter().zip(found) {
            let Some(offer) = self.still_open(get.group_id, place, session).await? else {
                continue;
            };
            let author = offer.requester.id;
            if author == caller.user_id || !self.people.has_blocked(caller.user_id, author).await? {
                items.push(view::offer(&offer));
            }
        }
        Ok(Board { items, next })
    }

    /// The offer that a row of a board stands for, if it is open. What never will be is swept.
    async fn still_open(
        &self,
        group: GroupId,
        &(posted_at, id): &Place,
        session: Option<Session>,
    ) -> Result<Option<Session>> {
        let now = self.clock.now();
        let is_dead = match &session {
            None => posted_at.saturating_add(ORPHAN_MS) < now,
            // A second try to post it left a row of its own.
            Some(offer) => offer.created_at != posted_at || offer.state != model::State::Open,
        };
        if is_dead {
            rows::take_off_board(&self.store, group, id, posted_at).await?;
            return Ok(None);
        }
        Ok(session.filter(|offer| offer.is_on_board() && now < offer.answer_by()))
    }
}

//! Finding people by how a name, a word in it, or a username begins.
//!
//! The index is a hint: whom it names is looked at as they are now, so an entry that is out of date
//! shows nothing false. What one may not see is left out without a trace, also in `next`.

use super::{Act, People, model, rows};
use crate::auth::Caller;
use crate::error::{Result, busy};
use crate::features::accounts::Card;
use crate::limits;
use crate::store::COMMIT_TRIES_MAX;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use protocol::limits::{NAME_CHARS_MAX, SEARCH_CHARS_MIN};
use protocol::people::{Found, FoundPeople, SearchPeople};
use protocol::{Error, UserId};
use std::fmt::Write as _;

/// Entries that one search looks at in a row without finding anybody whom one may see; behind them
/// a longer text finds more.
const HIDDEN_MAX: usize = 1_000;
/// Entries read at a time.
const READ_ROWS: u32 = 200;

/// People who are put into the index together: their rows fit into one write.
const NEW_AT_ONCE: usize = 150;
/// Of them, those who are read at the same time.
const READS_AT_ONCE: usize = 64;

type Place = (String, UserId);

impl People {
    /// `people.search`
    pub async fn search(&self, caller: &Caller, search: SearchPeople) -> Result<FoundPeople> {
        let limit = limits::page(search.limit)? as usize;
        let text = model::folded(&search.text);
        if !(SEARCH_CHARS_MIN..=NAME_CHARS_MAX).contains(&text.chars().count()) {
            let message = format!("Please write {SEARCH_CHARS_MIN} to {NAME_CHARS_MAX} letters.");
            return Err(Error::invalid("text", message));
        }
        let mut after = limits::place(search.after.as_deref(), parse)?;
        let mut items: Vec<Found> = Vec::new();
        // The place of the last one who is shown.
        let mut last: Option<Place> = None;
        let mut hidden = 0;
        loop {
            let rows = rows::find(&self.store, &text, after.as_ref(), READ_ROWS).await?;
            let is_end = rows.len() < READ_ROWS as usize;
            for (term, user) in rows {
                after = Some((term.clone(), user));
                if let Some(found) = self.found(caller.user_id, &text, &term, user).await? {
                    if items.len() == limit {
                        return Ok(FoundPeople { items, next: last.as_ref().map(written) });
                    }
                    items.push(found);
                    last = Some((term, user));
                    hidden = 0;
                } else {
                    hidden += 1;
                }
            }
            if is_end || hidden >= HIDDEN_MAX {
                return Ok(FoundPeople { items, next: None });
            }
        }
    }

    /// An entry as it may be shown: once a person, and to those who may find them.
    async fn found(
        &self,
        viewer: UserId,
        begins: &str,
        term: &str,
        user: UserId,
    ) -> Result<Option<Found>> {
        let Some(Card { name, username, active: true }) = self.accounts.card(user).await? else {
            return Ok(None);
        };
        let terms = model::terms(&name, username.as_deref());
        if model::shown_by(&terms, begins) != Some(term) {
            return Ok(None);
        }
        let may = self.may(viewer, Act::Find, user).await?;
        Ok(may.then_some(Found { id: user, name, username }))
    }

    /// Brings the index in line with somebody's account as it is now: carries out
    /// [`crate::features::accounts::ACCOUNT_CHANGED`].
    pub(crate) async fn index(&self, user: UserId) -> Result<()> {
        let mut terms = self.terms_of(user).await?;
        for _ in 0..COMMIT_TRIES_MAX {
            let old = rows::indexed(&self.store, user).await?;
            rows::put_terms(&self.store, user, &terms).await?;
            // First what is there, so that a crash leaves nothing that nobody takes out.
            let mut all = old.clone();
            all.extend(terms.iter().filter(|term| !old.contains(term)).cloned());
            rows::set_indexed(&self.store, user, &all).await?;
            let over: Vec<&String> = old.iter().filter(|term| !terms.contains(term)).collect();
            rows::remove_terms(&self.store, user, &over).await?;
            rows::set_indexed(&self.store, user, &terms).await?;
            let now = self.terms_of(user).await?;
            if now == terms {
                return Ok(());
            }
            terms = now;
        }
        Err(busy())
    }

    /// The same for people who were made just now, many at once.
    pub(crate) async fn index_new(&self, users: &[UserId]) -> Result<()> {
        for users in users.chunks(NEW_AT_ONCE) {
            let found: Vec<(UserId, Vec<String>, bool)> = stream::iter(users.to_vec())
                .map(|user| async move {
                    let known = !rows::indexed(&self.store, user).await?.is_empty();
                    Ok::<_, Error>((user, self.terms_of(user).await?, known))
                })
                .buffer_unordered(READS_AT_ONCE)
                .try_collect()
                .await?;
            let is_new = |(user, terms, known): (UserId, Vec<String>, bool)| {
                (!known && !terms.is_empty()).then_some((user, terms))
            };
            let known: Vec<UserId> =
                found.iter().filter(|(.., known)| *known).map(|(user, ..)| *user).collect();
            let new: Vec<_> = found.into_iter().filter_map(is_new).collect();
            rows::put_new(&self.store, &new).await?;
            for user in known {
                // They were made before, and may have another name by now.
                self.index(user).await?;
            }
        }
        Ok(())
    }

    async fn terms_of(&self, user: UserId) -> Result<Vec<String>> {
        let card = self.accounts.card(user).await?.filter(|card| card.active);
        Ok(card.map_or_else(Vec::new, |card| model::terms(&card.name, card.username.as_deref())))
    }
}

fn written((term, user): &Place) -> String {
    let mut text = String::new();
    let _ = write!(text, "{user}.{term}");
    text
}

fn parse(text: &str) -> Option<Place> {
    let (id, term) = text.split_once('.')?;
    Some((term.to_owned(), id.parse().ok()?))
}

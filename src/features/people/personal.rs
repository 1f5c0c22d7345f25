//! What people hold of a person: whom they know, whom they keep away from, and what they let
//! others see. Who is forgotten is nothing to anybody any more, in the lists of both.

use super::model::Wish;
use super::rows::{self, CIRCLES};
use super::{CHOSEN, People};
use crate::error::Result;
use crate::features::accounts::{Personal, Section};
use crate::store::{Change, LIST_ROWS_MAX};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use protocol::UserId;
use serde_json::{Map, Value, json};

/// Relations of one person that end at the same time.
const ENDS_AT_ONCE: usize = 16;

impl Personal for People {
    fn name(&self) -> &'static str {
        "people"
    }

    fn sections(&self, user_id: UserId) -> BoxFuture<'_, Result<Vec<Section>>> {
        async move {
            let mut relations = Map::new();
            // Who blocked them is known to those alone.
            for list in CIRCLES.into_iter().chain([rows::BLOCKED, rows::MUTED]) {
                let mut listed = Vec::new();
                loop {
                    let page = self.page_of(user_id, list, listed.last().copied()).await?;
                    let more = page.len() == LIST_ROWS_MAX as usize;
                    listed.extend(page);
                    if !more {
                        break;
                    }
                }
                let people = json!(self.accounts.people_of(&listed).await?);
                relations.insert(list.to_owned(), people);
            }
            let snapshot = self.store.load(rows::privacy_of(user_id)).await?;
            let privacy = json!(rows::privacy(&snapshot)?);
            Ok(vec![
                Section { name: "relations", data: Value::Object(relations) },
                Section { name: "privacy", data: privacy },
            ])
        }
        .boxed()
    }

    fn erase(&self, user_id: UserId) -> BoxFuture<'_, Result<()>> {
        async move {
            for list in CIRCLES {
                self.leave_list(user_id, list).await?;
            }
            for bar in [rows::BLOCKED, rows::BLOCKED_BY, rows::MUTED, rows::WAITING] {
                self.leave_list(user_id, bar).await?;
            }
            self.choose_nothing(user_id).await?;
            self.index(user_id).await
        }
        .boxed()
    }
}

impl People {
    async fn page_of(
        &self,
        user: UserId,
        list: &str,
        after: Option<UserId>,
    ) -> Result<Vec<UserId>> {
        self.relations.listed(user, list, after, LIST_ROWS_MAX).await
    }

    /// Ends what is between somebody and all in one of their lists, and the list with it. The
    /// pair goes first: what is carried out late follows it, and so does not bring a row back.
    async fn leave_list(&self, user: UserId, list: &str) -> Result<()> {
        loop {
            let page = self.page_of(user, list, None).await?;
            stream::iter(page.clone())
                .map(|other| self.relations.wish(user, other, Wish::Vanish))
                .buffer_unordered(ENDS_AT_ONCE)
                .try_collect::<Vec<_>>()
                .await?;
            rows::remove_listed(&self.store, user, list, &page).await?;
            if page.len() < LIST_ROWS_MAX as usize {
                return Ok(());
            }
        }
    }

    async fn choose_nothing(&self, user: UserId) -> Result<()> {
        self.store
            .decide(rows::privacy_of(user), |snapshot| {
                let mut change = Change::new();
                if let Some(item) = rows::chosen(snapshot)? {
                    change.delete::<rows::PrivacyRow>(item);
                    change.effect(CHOSEN, &user);
                }
                Ok((change, ()))
            })
            .await
    }
}

//! What support holds of a person: the open request, the ones that ended with what was thought of
//! them, a coach's choices, and the notes that a coach wrote.
//! Who is forgotten asks for nothing any more, serves nowhere, and a coach's private notes can't
//! be read by anybody; the lists of others keep the request, without the name.

use super::model::Input;
use super::{Support, rows};
use crate::error::Result;
use crate::features::accounts::{Personal, Section};
use crate::words::accounts::DELETED_MEMBER;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use protocol::limits::PAGE_ITEMS_MAX;
use protocol::{DeskId, ErrorCode, RequestId, UserId};
use serde_json::{Value, json};

impl Personal for Support {
    fn name(&self) -> &'static str {
        "support"
    }

    fn sections(&self, user_id: UserId) -> BoxFuture<'_, Result<Vec<Section>>> {
        async move {
            let mut requests = self.ended_of(user_id).await?;
            let member = self.store.load(rows::member_partition(user_id)).await?;
            if let Some(open) = rows::open(&member)? {
                requests.push(self.open_of(open.desk_id, open.request_id).await?);
            }
            let mut sections = vec![Section { name: "requests", data: Value::Array(requests) }];
            if let Some(row) = rows::settings(&self.store, user_id).await? {
                let data = json!({
                    "available": row.available, "capacity": row.capacity, "knows": row.knows,
                });
                sections.push(Section { name: "coaching", data });
            }
            let notes = self.notes_by(user_id).await?;
            if !notes.is_empty() {
                sections.push(Section { name: "notes", data: json!(notes) });
            }
            Ok(sections)
        }
        .boxed()
    }

    fn erase(&self, user_id: UserId) -> BoxFuture<'_, Result<()>> {
        async move {
            self.end_open_request(user_id).await?;
            self.serve_nowhere(user_id).await?;
            rows::forget::settings(&self.store, user_id).await?;
            self.vault.destroy(user_id).await?;
            rows::forget::history(&self.store, user_id, DELETED_MEMBER).await
        }
        .boxed()
    }
}

impl Support {
    async fn open_of(&self, desk_id: DeskId, id: RequestId) -> Result<Value> {
        let desk = self.desk(desk_id);
        // Another node may know more.
        desk.apply(Input::Look).await?;
        let request = desk.look(move |desk, _| desk.request(id).cloned()).await?;
        Ok(json!({
            "id": id,
            "desk_id": desk_id,
            "open": true,
            "state": request.as_ref().map(|request| request.state.wire()),
            "subject": request.as_ref().map(|request| &request.subject),
            "text": request.as_ref().map(|request| &request.first_words),
            "expertise": request.as_ref().map(|request| &request.expertise),
            "created_at": request.as_ref().map(|request| request.created_at),
        }))
    }

    async fn ended_of(&self, user_id: UserId) -> Result<Vec<Value>> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = rows::history(&self.store, user_id, after, PAGE_ITEMS_MAX).await?;
            let more = page.len() == PAGE_ITEMS_MAX as usize;
            after = page.last().map(|(_, row)| (row.ended_at.unwrap_or_default(), row.id));
            let ids: Vec<RequestId> = page.iter().map(|(_, request)| request.id).collect();
            let ratings = self.ratings(&ids).await?;
            for ((desk_id, request), rating) in page.into_iter().zip(ratings) {
                all.push(json!({
                    "id": request.id,
                    "desk_id": desk_id,
                    "as": if request.member.id == user_id { "member" } else { "coach" },
                    "with": if request.member.id == user_id {
                        request.coach.map(|coach| coach.name)
                    } else {
                        Some(request.member.name)
                    },
                    "subject": request.subject,
                    "expertise": request.expertise,
                    "created_at": request.created_at,
                    "claimed_at": request.claimed_at,
                    "ended_at": request.ended_at,
                    "summary": request.summary,
                    "rating": rating,
                }));
            }
            if !more {
                return Ok(all);
            }
        }
    }

    /// Takes it back while nobody answers; else ends the talk.
    async fn end_open_request(&self, user_id: UserId) -> Result<()> {
        let member = self.store.load(rows::member_partition(user_id)).await?;
        let Some(open) = rows::open(&member)? else { return Ok(()) };
        let desk = self.desk(open.desk_id);
        let request = open.request_id;
        let cancelled = desk.apply(Input::Cancel { request, member: user_id }).await;
        let ended = match cancelled {
            Err(error) if error.code == ErrorCode::Conflict => {
                desk.apply(Input::Close { request, by: user_id, summary: None }).await
            }
            other => other,
        };
        match ended {
            // It ended on its own.
            Err(error) if matches!(error.code, ErrorCode::NotFound | ErrorCode::Conflict) => Ok(()),
            outcome => outcome.map(|_| ()),
        }
    }
}

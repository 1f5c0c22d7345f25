//! What notifications hold of a person: what they were told, what they chose, and their devices.
//! Who is forgotten is told nothing any more, and nothing goes to a device. What others were told
//! of them stays, without the name.

use super::model::{Notice, Shelf};
use super::rows::{self, EndpointRow};
use super::{Decided, Notifications, commands};
use crate::error::Result;
use crate::features::accounts::{Personal, Section};
use crate::words::accounts::DELETED_MEMBER;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use protocol::UserId;
use protocol::notifications::Notification;
use serde_json::{Value, json};

impl Personal for Notifications {
    fn name(&self) -> &'static str {
        "notifications"
    }

    fn sections(&self, user_id: UserId) -> BoxFuture<'_, Result<Vec<Section>>> {
        async move {
            let shelf = self.caught_up(user_id).await?;
            let told = self.without_the_gone(&shelf.newest_first()).await?;
            let choices = rows::choices(&self.store, user_id).await?;
            let devices = rows::endpoints(&self.store, user_id).await?;
            let devices: Vec<Value> = devices.iter().map(device).collect();
            Ok(vec![
                Section { name: "notifications", data: json!(told) },
                Section { name: "settings", data: json!(commands::wire(&choices)) },
                Section { name: "devices", data: Value::Array(devices) },
            ])
        }
        .boxed()
    }

    /// Timers that are still to come find nothing: no device, no push that is owed, no digest.
    fn erase(&self, user_id: UserId) -> BoxFuture<'_, Result<()>> {
        async move {
            rows::forget_endpoints(&self.store, user_id).await?;
            rows::forget_choices(&self.store, user_id).await?;
            rows::forget_notified(&self.store, user_id).await?;
            self.change(user_id, |shelf| {
                // How far the feed was looked through stays, so that nothing is told again.
                *shelf = Shelf::forgotten(shelf.cursor.feed_seq);
                Ok(((), Decided::default()))
            })
            .await
        }
        .boxed()
    }
}

impl Notifications {
    /// As they go over the wire. Who is gone since has no name, also in the words.
    pub(super) async fn without_the_gone(&self, notices: &[&Notice]) -> Result<Vec<Notification>> {
        let people: Vec<UserId> =
            notices.iter().filter_map(|notice| notice.from.as_ref()).map(|who| who.id).collect();
        let mut now = self.accounts.people_of(&people).await?.into_iter();
        let mut all = Vec::with_capacity(notices.len());
        for notice in notices {
            let mut wire = notice.wire();
            if let Some(from) = wire.from.as_mut()
                && let Some(person) = now.next()
                && person.name == DELETED_MEMBER
            {
                wire.text = without_name(&wire.text, &from.name);
                from.name = person.name;
            }
            all.push(wire);
        }
        Ok(all)
    }
}

fn without_name(text: &str, name: &str) -> String {
    if name.is_empty() { text.to_owned() } else { text.replace(name, DELETED_MEMBER) }
}

/// Its address and keys let anybody who has them write to it, so they are in no archive.
fn device(row: &EndpointRow) -> Value {
    json!({ "id": row.endpoint_id, "service": row.service, "created_at": row.created_at })
}

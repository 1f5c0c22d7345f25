//! What payments hold of a person: their payments, subscriptions and purchases. Who is forgotten
//! has no subscription and no saved method any more; the payments stay as the law asks, and say
//! whose they were by an id that leads to nobody.

use super::model::subscription::Input;
use super::rows::holdings;
use super::{Payments, rows, view};
use crate::error::{Result, unavailable};
use crate::features::accounts::{Personal, Section};
use crate::store::{Change, LIST_ROWS_MAX};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use protocol::UserId;
use serde_json::{Value, json};

impl Personal for Payments {
    fn name(&self) -> &'static str {
        "payments"
    }

    fn sections(&self, user_id: UserId) -> BoxFuture<'_, Result<Vec<Section>>> {
        async move {
            let snapshot = self.store.load(holdings::partition(user_id)).await?;
            let subscriptions: Vec<Value> = holdings::subscriptions(user_id, &snapshot)?
                .iter()
                .map(|one| json!(view::subscription(one)))
                .collect();
            let bought: Vec<Value> = holdings::all_owned(&snapshot)?
                .into_iter()
                .filter(|row| row.owned)
                .map(|row| json!({ "product_id": row.id, "since": row.created_at }))
                .collect();
            Ok(vec![
                Section { name: "payments", data: self.all_payments(user_id).await?.into() },
                Section { name: "subscriptions", data: subscriptions.into() },
                Section { name: "products", data: bought.into() },
            ])
        }
        .boxed()
    }

    fn erase(&self, user_id: UserId) -> BoxFuture<'_, Result<()>> {
        async move {
            for one in self.all_subscriptions(user_id).await? {
                let input = Input::Cancel { now: true };
                self.on_subscription(user_id, one.id, input, None).await?;
            }
            let provider = self.provider.name();
            if let Some(customer) = rows::customer(&self.store, user_id, provider).await? {
                self.provider.forget(&customer).await.map_err(|_| unavailable())?;
                rows::remove_customer(&self.store, user_id, provider).await?;
            }
            self.keys.forget(user_id).await?;
            self.store
                .decide(holdings::partition(user_id), |snapshot| {
                    let mut change = Change::new();
                    for row in holdings::all_owned(snapshot)? {
                        change.delete::<holdings::OwnedRow>(row.id);
                    }
                    for mut one in holdings::subscriptions(user_id, snapshot)? {
                        if one.method.take().is_some() {
                            change.write(holdings::subscription_row(&one));
                        }
                    }
                    Ok((change, ()))
                })
                .await
        }
        .boxed()
    }
}

impl Payments {
    async fn all_payments(&self, user: UserId) -> Result<Vec<Value>> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let places = rows::own(&self.store, user, after, LIST_ROWS_MAX).await?;
            for &(created_at, id) in &places {
                let found = self.find_payment(id).await?;
                // A second try to open it left a row of its own.
                if let Some(payment) = found.filter(|payment| payment.created_at == created_at) {
                    all.push(json!(view::payment(&payment)));
                }
            }
            if places.len() < LIST_ROWS_MAX as usize {
                return Ok(all);
            }
            after = places.last().copied();
        }
    }
}

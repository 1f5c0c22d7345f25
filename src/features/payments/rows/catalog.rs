//! Plans and products, and all prices they had.

use super::holdings::INTERVALS;
use super::{of_word, word};
use crate::error::{Result, internal};
use crate::features::payments::model::catalog::{Plan, Product};
use crate::store::{Change, Partition, Snapshot, Value, VersionedRecord, record};
use protocol::payments::Interval;
use protocol::{DeskId, Millis, Money, PlanId, ProductId};
use std::collections::BTreeMap;
use uuid::Uuid;

/// There is one.
const SHELF: &str = "all";

record! {
    /// See the schema.
    struct PlanRow in "payment_catalog", kind "plan", item id: PlanId {
        name: String,
        description: String,
        edition: u32,
        includes_support: bool,
        active: bool,
        created_at: i64,
    }
}

record! {
    /// See the schema.
    struct ProductRow in "payment_catalog", kind "product", item id: ProductId {
        name: String,
        description: String,
        edition: u32,
        desk_id: Option<DeskId>,
        active: bool,
        created_at: i64,
    }
}

record! {
    /// What a plan's period, or a product, cost in one edition.
    struct PriceRow in "payment_catalog", kind "price", item item: Uuid {
        owner_id: Uuid,
        edition: u32,
        every: Option<String>,
        amount: i64,
        currency: String,
        created_at: i64,
    }
}

pub(crate) fn partition() -> Partition {
    Partition::new(PlanRow::TABLE, [Value::Text(SHELF.to_owned())])
}

/// All there is.
pub(crate) struct Catalog {
    pub(crate) plans: Vec<Plan>,
    pub(crate) products: Vec<Product>,
}

/// In the order in which they were made.
pub(crate) fn catalog(snapshot: &Snapshot) -> Result<Catalog> {
    let mut prices: BTreeMap<(Uuid, u32), Vec<PriceRow>> = BTreeMap::new();
    for row in snapshot.all::<PriceRow>()? {
        prices.entry((row.owner_id, row.edition)).or_default().push(row);
    }
    let mut plans = Vec::new();
    for row in snapshot.all::<PlanRow>()? {
        let mut of_plan = BTreeMap::new();
        for price in prices.remove(&(row.id.0, row.edition)).unwrap_or_default() {
            let every = of_word(&INTERVALS, price.every.as_deref().unwrap_or_default())?;
            of_plan.insert(every, Money { amount: price.amount, currency: price.currency });
        }
        plans.push(Plan {
            id: row.id,
            name: row.name,
            description: row.description,
            prices: of_plan,
            edition: row.edition,
            includes_support: row.includes_support,
            active: row.active,
            created_at: row.created_at,
        });
    }
    let mut products = Vec::new();
    for row in snapshot.all::<ProductRow>()? {
        let price = prices.remove(&(row.id.0, row.edition)).and_then(|mut rows| rows.pop());
        let price = price.ok_or_else(|| internal(&"a product has no price"))?;
        products.push(Product {
            id: row.id,
            name: row.name,
            description: row.description,
            price: Money { amount: price.amount, currency: price.currency },
            edition: row.edition,
            desk_id: row.desk_id,
            active: row.active,
            created_at: row.created_at,
        });
    }
    plans.sort_by_key(|plan| (plan.created_at, plan.id));
    products.sort_by_key(|product| (product.created_at, product.id));
    Ok(Catalog { plans, products })
}

fn price_row(
    owner_id: Uuid,
    edition: u32,
    every: Option<Interval>,
    price: &Money,
    now: Millis,
) -> PriceRow {
    let every = every.map(|every| word(&INTERVALS, &every).to_owned());
    let name = every.as_deref().unwrap_or_default().as_bytes();
    let parts: [&[u8]; 3] = [owner_id.as_bytes(), &edition.to_be_bytes(), name];
    PriceRow {
        item: crate::id::derived("price", &parts),
        owner_id,
        edition,
        every,
        amount: price.amount,
        currency: price.currency.clone(),
        created_at: now,
    }
}

/// A plan, with the prices of its edition where that is new.
pub(crate) fn write_plan(before: Option<&Plan>, plan: &Plan, now: Millis, change: &mut Change) {
    change.write(PlanRow {
        id: plan.id,
        name: plan.name.clone(),
        description: plan.description.clone(),
        edition: plan.edition,
        includes_support: plan.includes_support,
        active: plan.active,
        created_at: plan.created_at,
    });
    if before.is_none_or(|before| before.edition != plan.edition) {
        for (every, price) in &plan.prices {
            change.write(price_row(plan.id.0, plan.edition, Some(*every), price, now));
        }
    }
}

/// The same for a product.
pub(crate) fn write_product(
    before: Option<&Product>,
    product: &Product,
    now: Millis,
    change: &mut Change,
) {
    change.write(ProductRow {
        id: product.id,
        name: product.name.clone(),
        description: product.description.clone(),
        edition: product.edition,
        desk_id: product.desk_id,
        active: product.active,
        created_at: product.created_at,
    });
    if before.is_none_or(|before| before.edition != product.edition) {
        change.write(price_row(product.id.0, product.edition, None, &product.price, now));
    }
}

//! Plans and products, and what they cost: prices are added, never changed, so what somebody
//! agreed to stays what it was. Pure.

use super::{Refusal, check_money};
use protocol::limits::{
    PAYMENT_DESCRIPTION_CHARS_MAX, PAYMENT_NAME_CHARS_MAX, PAYMENT_PRICE_EDITIONS_MAX,
};
use protocol::payments::{CreatePlan, CreateProduct, Interval, Price, UpdatePlan, UpdateProduct};
use protocol::{DeskId, Millis, Money, Patch, PlanId, ProductId};
use std::collections::BTreeMap;

/// A plan with its prices as they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) id: PlanId,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) prices: BTreeMap<Interval, Money>,
    /// Counts the changes of the prices.
    pub(crate) edition: u32,
    pub(crate) includes_support: bool,
    pub(crate) active: bool,
    pub(crate) created_at: Millis,
}

/// A product with its price as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Product {
    pub(crate) id: ProductId,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) price: Money,
    /// Counts the changes of the price.
    pub(crate) edition: u32,
    pub(crate) desk_id: Option<DeskId>,
    pub(crate) active: bool,
    pub(crate) created_at: Millis,
}

/// What is wrong with a plan or a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    Name,
    Description,
    NoPrices,
    IntervalTwice,
    Money(Refusal),
    Editions,
    Cleared,
}

fn name(text: &str) -> Result<String, Flaw> {
    let text = text.trim();
    let fits = (1..=PAYMENT_NAME_CHARS_MAX).contains(&text.chars().count());
    if fits { Ok(text.to_owned()) } else { Err(Flaw::Name) }
}

fn description(text: &str) -> Result<String, Flaw> {
    let fits = text.chars().count() <= PAYMENT_DESCRIPTION_CHARS_MAX;
    if fits { Ok(text.to_owned()) } else { Err(Flaw::Description) }
}

fn prices(list: &[Price]) -> Result<BTreeMap<Interval, Money>, Flaw> {
    let mut prices = BTreeMap::new();
    for price in list {
        check_money(&price.price).map_err(Flaw::Money)?;
        if prices.insert(price.interval, price.price.clone()).is_some() {
            return Err(Flaw::IntervalTwice);
        }
    }
    if prices.is_empty() { Err(Flaw::NoPrices) } else { Ok(prices) }
}

fn set<T>(patch: Patch<T>) -> Result<Option<T>, Flaw> {
    match patch {
        Patch::Keep => Ok(None),
        Patch::Set(value) => Ok(Some(value)),
        Patch::Clear => Err(Flaw::Cleared),
    }
}

fn next_edition(edition: u32) -> Result<u32, Flaw> {
    if edition < PAYMENT_PRICE_EDITIONS_MAX { Ok(edition + 1) } else { Err(Flaw::Editions) }
}

impl Plan {
    pub(crate) fn new(id: PlanId, wanted: &CreatePlan, now: Millis) -> Result<Self, Flaw> {
        Ok(Self {
            id,
            name: name(&wanted.name)?,
            description: description(&wanted.description)?,
            prices: prices(&wanted.prices)?,
            edition: 1,
            includes_support: wanted.includes_support,
            active: true,
            created_at: now,
        })
    }

    pub(crate) fn update(&mut self, change: UpdatePlan) -> Result<(), Flaw> {
        let UpdatePlan { name: text, description: words, prices: list, includes_support, active } =
            change;
        if let Some(text) = set(text)? {
            self.name = name(&text)?;
        }
        if let Some(words) = set(words)? {
            self.description = description(&words)?;
        }
        if let Some(list) = set(list)? {
            let prices = prices(&list)?;
            if prices != self.prices {
                (self.prices, self.edition) = (prices, next_edition(self.edition)?);
            }
        }
        self.includes_support = set(includes_support)?.unwrap_or(self.includes_support);
        self.active = set(active)?.unwrap_or(self.active);
        Ok(())
    }
}

impl Product {
    pub(crate) fn new(id: ProductId, wanted: &CreateProduct, now: Millis) -> Result<Self, Flaw> {
        check_money(&wanted.price).map_err(Flaw::Money)?;
        Ok(Self {
            id,
            name: name(&wanted.name)?,
            description: description(&wanted.description)?,
            price: wanted.price.clone(),
            edition: 1,
            desk_id: wanted.desk_id,
            active: true,
            created_at: now,
        })
    }

    pub(crate) fn update(&mut self, change: UpdateProduct) -> Result<(), Flaw> {
        let UpdateProduct { name: text, description: words, price, active } = change;
        if let Some(text) = set(text)? {
            self.name = name(&text)?;
        }
        if let Some(words) = set(words)? {
            self.description = description(&words)?;
        }
        if let Some(price) = set(price)? {
            check_money(&price).map_err(Flaw::Money)?;
            if price != self.price {
                (self.price, self.edition) = (price, next_edition(self.edition)?);
            }
        }
        self.active = set(active)?.unwrap_or(self.active);
        Ok(())
    }
}

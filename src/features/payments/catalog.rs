//! Plans and products: made and changed by admins, bought by people.

use super::model::catalog::{Plan, Product};
use super::model::{Capture, Opening, Purpose, State};
use super::rows::{catalog as shelf, holdings};
use super::{Payments, as_admin, view};
use crate::auth::{Caller, Role};
use crate::error::{Result, conflict, not_found};
use crate::store::Change;
use crate::words::payments as words;
use protocol::limits::{PAYMENT_CATALOG_MAX, PAYMENT_THINGS_MAX};
use protocol::payments as wire;
use protocol::{DeskId, Error, ErrorCode, Money, PlanId, ProductId, UserId};
use uuid::Uuid;

impl Payments {
    pub(super) async fn catalog(&self) -> Result<shelf::Catalog> {
        shelf::catalog(&self.store.load(shelf::partition()).await?)
    }

    /// A plan that one may subscribe to.
    pub(super) async fn plan(&self, id: PlanId) -> Result<Plan> {
        let found = self.catalog().await?.plans.into_iter();
        let found = found.filter(|plan| plan.active).find(|plan| plan.id == id);
        found.ok_or_else(|| Error::new(ErrorCode::NotFound, words::NO_SUCH_PLAN))
    }

    pub(super) async fn plans(&self, caller: &Caller) -> Result<wire::Plans> {
        let all = caller.roles.has(Role::Admin);
        let plans = self.catalog().await?.plans;
        let items = plans.iter().filter(|plan| all || plan.active).map(view::plan).collect();
        Ok(wire::Plans { items })
    }

    pub(super) async fn create_plan(
        &self,
        caller: &Caller,
        wanted: wire::CreatePlan,
        seed: Uuid,
    ) -> Result<wire::Plan> {
        as_admin(caller)?;
        let now = self.clock.now();
        let plan = Plan::new(crate::id::derived("plan", &[seed.as_bytes()]), &wanted, now)?;
        self.store
            .decide(shelf::partition(), |snapshot| {
                let mut change = Change::new();
                let catalog = shelf::catalog(snapshot)?;
                if let Some(known) = catalog.plans.iter().find(|known| known.id == plan.id) {
                    return Ok((change, view::plan(known)));
                }
                has_room(&catalog)?;
                shelf::write_plan(None, &plan, now, &mut change);
                Ok((change, view::plan(&plan)))
            })
            .await
    }

    pub(super) async fn update_plan(
        &self,
        caller: &Caller,
        id: PlanId,
        wanted: wire::UpdatePlan,
    ) -> Result<wire::Plan> {
        as_admin(caller)?;
        let now = self.clock.now();
        self.store
            .decide(shelf::partition(), |snapshot| {
                let mut change = Change::new();
                let plans = shelf::catalog(snapshot)?.plans;
                let before = plans.into_iter().find(|plan| plan.id == id);
                let before =
                    before.ok_or_else(|| Error::new(ErrorCode::NotFound, words::NO_SUCH_PLAN))?;
                let mut plan = before.clone();
                plan.update(wanted.clone())?;
                if plan != before {
                    shelf::write_plan(Some(&before), &plan, now, &mut change);
                }
                Ok((change, view::plan(&plan)))
            })
            .await
    }

    pub(super) async fn products(&self, caller: &Caller) -> Result<wire::Products> {
        let all = caller.roles.has(Role::Admin);
        let products = self.catalog().await?.products;
        let snapshot = self.store.load(holdings::partition(caller.user_id)).await?;
        let mut items = Vec::new();
        for product in products {
            let owned = holdings::owned(&snapshot, product.id)?.is_some_and(|row| row.owned);
            if all || product.active || owned {
                items.push(view::product(&product, owned));
            }
        }
        Ok(wire::Products { items })
    }

    pub(super) async fn create_product(
        &self,
        caller: &Caller,
        wanted: wire::CreateProduct,
        seed: Uuid,
    ) -> Result<wire::Product> {
        as_admin(caller)?;
        let now = self.clock.now();
        let id = crate::id::derived("product", &[seed.as_bytes()]);
        let product = Product::new(id, &wanted, now)?;
        self.store
            .decide(shelf::partition(), |snapshot| {
                let mut change = Change::new();
                let catalog = shelf::catalog(snapshot)?;
                if let Some(known) = catalog.products.iter().find(|known| known.id == id) {
                    return Ok((change, view::product(known, false)));
                }
                has_room(&catalog)?;
                let of_desk = |known: &&Product| known.active && known.desk_id == product.desk_id;
                if product.desk_id.is_some() && catalog.products.iter().any(|it| of_desk(&it)) {
                    return Err(conflict(words::DESK_TWICE));
                }
                shelf::write_product(None, &product, now, &mut change);
                Ok((change, view::product(&product, false)))
            })
            .await
    }

    pub(super) async fn update_product(
        &self,
        caller: &Caller,
        id: ProductId,
        wanted: wire::UpdateProduct,
    ) -> Result<wire::Product> {
        as_admin(caller)?;
        let now = self.clock.now();
        self.store
            .decide(shelf::partition(), |snapshot| {
                let mut change = Change::new();
                let products = shelf::catalog(snapshot)?.products;
                let before = products.iter().find(|product| product.id == id).cloned();
                let before = before
                    .ok_or_else(|| Error::new(ErrorCode::NotFound, words::NO_SUCH_PRODUCT))?;
                let mut product = before.clone();
                product.update(wanted.clone())?;
                let mut others = products.iter().filter(|other| other.id != id && other.active);
                let desk = product.desk_id.filter(|_| product.active);
                if desk.is_some() && others.any(|other| other.desk_id == desk) {
                    return Err(conflict(words::DESK_TWICE));
                }
                if product != before {
                    shelf::write_product(Some(&before), &product, now, &mut change);
                }
                Ok((change, view::product(&product, false)))
            })
            .await
    }

    /// What a request at a desk costs somebody; nothing where it has no price, or where their
    /// subscription includes it.
    pub async fn desk_price(&self, desk: DeskId, user: UserId) -> Result<Option<Money>> {
        let products = self.catalog().await?.products;
        let product =
            products.into_iter().find(|product| product.active && product.desk_id == Some(desk));
        let Some(product) = product else { return Ok(None) };
        let included = self.includes_support(user).await?;
        Ok((!included).then_some(product.price))
    }

    /// Buys a product. While a payment for it is open, that is the one.
    pub(super) async fn buy(&self, caller: &Caller, wanted: wire::Buy) -> Result<wire::Payment> {
        let user = caller.user_id;
        let wire::Buy { product_id: id, method } = wanted;
        let products = self.catalog().await?.products;
        let product = products.into_iter().find(|product| product.id == id && product.active);
        let product =
            product.ok_or_else(|| Error::new(ErrorCode::NotFound, words::NO_SUCH_PRODUCT))?;
        if product.desk_id.is_some() {
            return Err(conflict(words::OF_A_DESK));
        }
        let snapshot = self.store.load(holdings::partition(user)).await?;
        let row = holdings::owned(&snapshot, id)?;
        if row.as_ref().is_some_and(|row| row.owned) {
            return Err(conflict(words::OWNED));
        }
        let known = row.map_or(0, |row| row.nth);
        let purpose = |nth| Purpose::Product { id, nth };
        let before = match known {
            0 => None,
            nth => self.find_payment(purpose(nth).payment_id(user)).await?,
        };
        let nth = match before.as_ref().map(|payment| payment.state) {
            None => known.max(1),
            Some(State::Cancelled | State::Refunded | State::Disputed) => known + 1,
            Some(_) => known,
        };
        self.begin_purchase(user, id, nth).await?;
        // What was begun at another price goes on at that.
        let price = before.filter(|_| nth == known).map_or(product.price, |payment| payment.price);
        let opening =
            Opening { method, ..Opening::new(purpose(nth), user, price, Capture::AtOnce) };
        let payment = self.open_payment(&opening).await?;
        let payment = match (&opening.method, payment.state) {
            (Some(method), State::Pending | State::Failed) => {
                self.on_payment(payment.id, |payment, now| payment.confirm(method, now)).await?
            }
            _ => payment,
        };
        Ok(self.own_payment(&payment))
    }

    async fn begin_purchase(&self, user: UserId, id: ProductId, nth: u32) -> Result<()> {
        let now = self.clock.now();
        self.store
            .decide(holdings::partition(user), |snapshot| {
                let mut change = Change::new();
                let row = holdings::owned(snapshot, id)?;
                if row.as_ref().is_some_and(|row| row.nth >= nth) {
                    return Ok((change, ()));
                }
                if row.is_none() && holdings::count(snapshot) >= PAYMENT_THINGS_MAX {
                    return Err(Error::new(ErrorCode::Full, words::THINGS_FULL));
                }
                change.write(holdings::OwnedRow { id, nth, owned: false, created_at: now });
                Ok((change, ()))
            })
            .await
    }

    /// A payment for a product came to another state: who paid owns it, until it is given back.
    pub(super) async fn settle_purchase(
        &self,
        user: UserId,
        id: ProductId,
        nth: u32,
        state: State,
    ) -> Result<()> {
        let owned = matches!(state, State::Succeeded | State::PartiallyRefunded);
        self.store
            .decide(holdings::partition(user), |snapshot| {
                let mut change = Change::new();
                let row = holdings::owned(snapshot, id)?.filter(|row| row.nth == nth);
                if let Some(row) = row.filter(|row| row.owned != owned) {
                    change.write(holdings::OwnedRow { owned, ..row });
                }
                Ok((change, ()))
            })
            .await
    }

    /// Whether there is such a product, for features that give access by it.
    pub async fn has_product(&self, id: ProductId) -> Result<()> {
        let products = self.catalog().await?.products;
        if products.iter().any(|product| product.id == id) {
            Ok(())
        } else {
            Err(not_found("product"))
        }
    }
}

fn has_room(catalog: &shelf::Catalog) -> Result<()> {
    if catalog.plans.len() + catalog.products.len() < PAYMENT_CATALOG_MAX {
        Ok(())
    } else {
        Err(Error::new(ErrorCode::Full, words::CATALOG_FULL))
    }
}

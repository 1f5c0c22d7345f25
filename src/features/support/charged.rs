//! Fees by the payments: what a request costs is a product of its desk, its payment is held when
//! the member pays, and what comes of that is told by an effect.

use super::Support;
use super::effects::Paid;
use super::fees::{Authorisation, Fees};
use crate::error::Result;
use crate::features::payments::{Capture, Charge, Charges as _, Opening, Payments, Purpose, State};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use protocol::support::Money;
use protocol::{DeskId, ErrorCode, RequestId, UserId};
use std::sync::Arc;
use uuid::Uuid;

/// See the module.
pub(super) struct Charged(pub(super) Arc<Payments>);

/// Whose payment it is does not tell payments of requests apart.
const ANYBODY: UserId = UserId(Uuid::nil());

fn authorisation(charge: &Charge) -> Authorisation {
    match charge.state {
        State::Authorized | State::Succeeded | State::PartiallyRefunded => Authorisation::Given,
        State::Cancelled | State::Refunded | State::Disputed => Authorisation::Refused,
        // Another attempt may follow while the request waits for it.
        State::Pending | State::RequiresAction | State::Processing | State::Failed => {
            Authorisation::Awaited
        }
    }
}

impl Fees for Charged {
    fn price(&self, desk: DeskId, member: UserId) -> BoxFuture<'_, Result<Option<Money>>> {
        self.0.desk_price(desk, member).boxed()
    }

    fn authorise<'a>(
        &'a self,
        request: RequestId,
        member: UserId,
        price: &'a Money,
    ) -> BoxFuture<'a, Result<Authorisation>> {
        async move {
            let purpose = Purpose::Support(request);
            let opening = Opening::new(purpose, member, price.clone(), Capture::Later);
            Ok(authorisation(&self.0.open(opening).await?))
        }
        .boxed()
    }

    fn capture(&self, request: RequestId) -> BoxFuture<'_, Result<()>> {
        async move {
            match self.0.capture(Purpose::Support(request), ANYBODY).await {
                // The hold is gone, or never was: nobody pays, and the conversation goes on.
                Err(error) if matches!(error.code, ErrorCode::Conflict | ErrorCode::NotFound) => {
                    tracing::warn!("a fee was not there to be taken");
                    Ok(())
                }
                outcome => outcome.map(|_| ()),
            }
        }
        .boxed()
    }

    fn void(&self, request: RequestId) -> BoxFuture<'_, Result<()>> {
        async move { self.0.void(Purpose::Support(request), ANYBODY).await.map(|_| ()) }.boxed()
    }

    fn release(&self, request: RequestId) -> BoxFuture<'_, Result<()>> {
        self.0.release(Purpose::Support(request), ANYBODY).boxed()
    }
}

impl Support {
    /// What became of the payment of a request.
    pub(crate) async fn carry_charge(&self, charge: &Charge) -> Result<()> {
        let Purpose::Support(request_id) = charge.purpose else { return Ok(()) };
        match authorisation(charge) {
            Authorisation::Awaited => Ok(()),
            Authorisation::Given => self.carry_paid(Paid { request_id, authorised: true }).await,
            Authorisation::Refused => self.carry_paid(Paid { request_id, authorised: false }).await,
        }
    }
}

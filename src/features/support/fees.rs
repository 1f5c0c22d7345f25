//! What a request costs: what this feature needs of the payments. Money is authorised when the
//! member asks, captured when a coach replied, and given back when nobody did.

use crate::error::Result;
use futures_util::future::BoxFuture;
use protocol::support::Money;
use protocol::{DeskId, RequestId, UserId};

/// What came of asking for money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authorisation {
    /// It is held for us.
    Given,
    /// It can't be.
    Refused,
    /// The member has to do something first; the effect `support.paid` says what came of it.
    Awaited,
}

/// The payments, as a desk sees them. All that changes something may be asked twice for the same
/// request, and does it once; an error means: ask again.
pub trait Fees: Send + Sync {
    /// What a request of this member costs at a desk; `None`: nothing.
    fn price(&self, desk: DeskId, member: UserId) -> BoxFuture<'_, Result<Option<Money>>>;
    /// Holds the money.
    fn authorise<'a>(
        &'a self,
        request: RequestId,
        member: UserId,
        price: &'a Money,
    ) -> BoxFuture<'a, Result<Authorisation>>;
    /// Takes what is held.
    fn capture(&self, request: RequestId) -> BoxFuture<'_, Result<()>>;
    /// Gives it back; also for what was never held.
    fn void(&self, request: RequestId) -> BoxFuture<'_, Result<()>>;
    /// Gives it back if it is only held: what was captured, or is about to be, was earned.
    fn release(&self, request: RequestId) -> BoxFuture<'_, Result<()>>;
}

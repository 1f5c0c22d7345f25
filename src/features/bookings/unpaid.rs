//! Stands for the payments where there are none: nothing can be paid.

use crate::error::{Result, unavailable};
use crate::features::payments::{Charge, Charges, Opening, Purpose};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use protocol::{RefundId, UserId};

/// See the module.
pub(crate) struct NoCharges;

impl Charges for NoCharges {
    fn open(&self, _: Opening) -> BoxFuture<'_, Result<Charge>> {
        async { Err(unavailable()) }.boxed()
    }
    fn find(&self, _: Purpose, _: UserId) -> BoxFuture<'_, Result<Option<Charge>>> {
        async { Ok(None) }.boxed()
    }
    fn capture(&self, _: Purpose, _: UserId) -> BoxFuture<'_, Result<Charge>> {
        async { Err(unavailable()) }.boxed()
    }
    fn void(&self, _: Purpose, _: UserId) -> BoxFuture<'_, Result<Option<Charge>>> {
        async { Ok(None) }.boxed()
    }
    fn refund(
        &self,
        _: Purpose,
        _: UserId,
        _: RefundId,
        _: Option<i64>,
        _: Option<String>,
    ) -> BoxFuture<'_, Result<Charge>> {
        async { Err(unavailable()) }.boxed()
    }
}

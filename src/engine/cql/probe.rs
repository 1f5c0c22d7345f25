//! Watches over a cluster that nobody writes to: that it is away is known before somebody
//! fails, and that it is back as well.

use super::{Cql, migrate};
use crate::id;
use scylla::value::CqlValue;
use std::sync::Weak;
use std::time::Duration;
use uuid::Uuid;

/// Without a write for so long, one is tried.
pub const PROBE_INTERVAL_MS: u64 = 3_000;

/// Until the engine is gone.
pub(super) async fn run(engine: Weak<Cql>) {
    let interval = Duration::from_millis(PROBE_INTERVAL_MS);
    let node: Uuid = id::fresh();
    let insert = migrate::probe();
    loop {
        let Some(engine) = engine.upgrade() else { return };
        let idle = engine.idle();
        let pause = if idle < interval {
            interval.saturating_sub(idle)
        } else {
            let _ = engine.write(&insert, vec![Some(CqlValue::Uuid(node))]).await;
            interval
        };
        drop(engine);
        tokio::time::sleep(pause).await;
    }
}

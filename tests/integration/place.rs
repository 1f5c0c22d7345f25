//! A store that whole servers are opened on, and scenarios that hold on both engines.

use crate::engines::START;
use crate::server::{Site, TestServer};
use sanctuary::clock::Clock;

/// A store, and the time of all its nodes.
pub(crate) struct Place {
    pub(crate) site: Site,
    pub(crate) clock: Clock,
}

impl Place {
    pub(crate) fn embedded() -> Self {
        Self { site: Site::embedded(), clock: Clock::manual(START) }
    }

    pub(crate) async fn cassandra() -> Option<Self> {
        Some(Self { site: Site::on_cassandra().await?, ..Self::embedded() })
    }

    pub(crate) async fn node(&self) -> TestServer {
        self.site.open(&self.clock).await
    }
}

/// A test of each scenario on each engine; a scenario is an `async fn(Place)`.
macro_rules! on_both_engines {
    ($($scenario:ident,)*) => {
        mod embedded {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $scenario() {
                    super::$scenario(crate::place::Place::embedded()).await;
                }
            )*
        }

        mod cassandra {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $scenario() {
                    let Some(place) = crate::place::Place::cassandra().await else { return };
                    super::$scenario(place).await;
                }
            )*
        }
    };
}

pub(crate) use on_both_engines;

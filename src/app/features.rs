//! The features, each given those that it may call.

use super::{Engine, StartError};
use crate::auth::{AccessTokens, Authenticator, KeyRing, MasterKey, Passwords, Vault};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::config::Settings;
use crate::dispatch::Features;
use crate::features::accounts::{self, Accounts};
use crate::features::bookings::{self, Bookings};
use crate::features::conversations::{self, Conversations};
use crate::features::exchange::Exchange;
use crate::features::groups::Groups;
use crate::features::notifications::{self, Notifications};
use crate::features::payments::{self, Payments};
use crate::features::people::People;
use crate::features::support::{self, CrisisWords, Support};
use crate::features::wall::{self, Wall};
use crate::hub::Hub;
use crate::idempotency::Idempotency;
use crate::mail::{self, Post};
use crate::presence::Registry;
use crate::rates::Counter;
use crate::store::Store;
use std::sync::Arc;

/// What the features stand on.
pub(super) struct Ground<'a> {
    pub(super) engine: &'a Engine,
    pub(super) store: &'a Arc<Store>,
    pub(super) bus: &'a Arc<dyn Bus>,
    pub(super) hub: &'a Arc<Hub>,
    pub(super) registry: &'a Arc<dyn Registry>,
    /// Counts for all nodes; `None` where there is one.
    pub(super) counter: Option<Arc<Counter>>,
    pub(super) settings: &'a Settings,
    pub(super) clock: &'a Clock,
}

impl Ground<'_> {
    /// All features, and who people are.
    #[expect(clippy::too_many_lines, reason = "a list: each part with those that it may call")]
    pub(super) async fn features(self) -> Result<(Features, Arc<Authenticator>), StartError> {
        let Ground { engine, store, bus, hub, registry, counter, settings, clock } = self;
        let (log, timers) = (&engine.log, &engine.timers);
        let master = MasterKey::open(&settings.master_key_path())?;
        let post = Post::new(
            Arc::clone(store),
            Arc::clone(timers),
            mail::mailer(settings)?,
            &master,
            clock.clone(),
        );
        let keys = KeyRing::open(Arc::clone(store), &master, clock.clone()).await?;
        let vault = Vault::new(Arc::clone(store), &master, clock.clone());
        let tokens = Arc::new(AccessTokens::new(keys, clock.clone()));
        let closer = Arc::clone(hub);
        let accounts = Accounts::new(accounts::Parts {
            store: Arc::clone(store),
            tokens: Arc::clone(&tokens),
            master: &master,
            passwords: Passwords::new()?,
            close: Arc::new(move |user, login, code| closer.close_user(user, login, code)),
            clock: clock.clone(),
            settings: settings.into(),
            post: Arc::clone(&post),
            timers: Arc::clone(timers),
            counter,
        });
        let authenticator = Authenticator::new(tokens, accounts.clone());
        let people =
            People::new(Arc::clone(store), Arc::clone(bus), Arc::clone(&accounts), clock.clone());
        accounts.apart_by(&(Arc::clone(&people) as Arc<dyn accounts::Apart>));
        let forgets = Arc::clone(&people);
        hub.forget_with(Box::new(move |user, other| forgets.forget_here(user, other)));
        let notifications = Notifications::open(notifications::Parts {
            store: Arc::clone(store),
            log: Arc::clone(log),
            timers: Arc::clone(timers),
            bus: Arc::clone(bus),
            hub: Arc::clone(hub),
            registry: Arc::clone(registry),
            accounts: Arc::clone(&accounts),
            people: Arc::clone(&people),
            post: Arc::clone(&post),
            master: &master,
            clock: clock.clone(),
            settings: settings.into(),
        })
        .await?;
        let groups = Groups::new(
            Arc::clone(store),
            Arc::clone(log),
            Arc::clone(hub),
            Arc::clone(&accounts),
            Arc::clone(&people),
            clock.clone(),
        );
        let conversations = Conversations::new(conversations::Parts {
            store: Arc::clone(store),
            log: Arc::clone(log),
            bus: Arc::clone(bus),
            timers: Arc::clone(timers),
            accounts: Arc::clone(&accounts),
            people: Arc::clone(&people),
            strangers_ask: settings.people_stranger_requests && settings.limits,
            notifications: Arc::clone(&notifications),
            clock: clock.clone(),
        });
        let payments = Payments::open(payments::Parts {
            store: Arc::clone(store),
            timers: Arc::clone(timers),
            keys: Idempotency::new(Arc::clone(store), clock.clone(), master.seal("idempotency")),
            master: &master,
            clock: clock.clone(),
            settings,
        })?;
        let support = Support::new(support::Ground {
            store: Arc::clone(store),
            log: Arc::clone(log),
            timers: Arc::clone(timers),
            bus: Arc::clone(bus),
            hub: Arc::clone(hub),
            registry: Arc::clone(registry),
            accounts: Arc::clone(&accounts),
            people: Arc::clone(&people),
            vault: Arc::clone(&vault),
            conversations: Arc::clone(&conversations),
            payments: Arc::clone(&payments),
            clock: clock.clone(),
            crisis: CrisisWords::open(settings.support_crisis_words_file.as_deref())?,
            limits: settings.into(),
        });
        let exchange = Exchange::new(
            Arc::clone(store),
            Arc::clone(timers),
            Arc::clone(&accounts),
            Arc::clone(&groups),
            Arc::clone(&conversations),
            Arc::clone(&people),
            clock.clone(),
        );
        let wall = Wall::new(wall::Parts {
            store: Arc::clone(store),
            log: Arc::clone(log),
            timers: Arc::clone(timers),
            bus: Arc::clone(bus),
            hub: Arc::clone(hub),
            accounts: Arc::clone(&accounts),
            people: Arc::clone(&people),
            notifications: Arc::clone(&notifications),
            groups: Arc::clone(&groups),
            clock: clock.clone(),
        });
        let bookings = Bookings::new(bookings::Ground {
            store: Arc::clone(store),
            timers: Arc::clone(timers),
            accounts: Arc::clone(&accounts),
            people: Arc::clone(&people),
            conversations: Arc::clone(&conversations),
            charges: Arc::clone(&payments) as Arc<dyn payments::Charges>,
            keys: Idempotency::new(Arc::clone(store), clock.clone(), master.seal("idempotency")),
            vault: Arc::clone(&vault),
            clock: clock.clone(),
        });
        accounts.free_by(&(Arc::clone(&bookings) as Arc<dyn accounts::Free>));
        let features = Features {
            post,
            accounts,
            people,
            notifications,
            groups,
            conversations,
            payments,
            support,
            vault,
            exchange,
            wall,
            bookings,
            store: Arc::clone(store),
            log: Arc::clone(log),
        };
        Ok((features, authenticator))
    }
}

//! Payments, plans, products and subscriptions over HTTP, on both engines: what one may do, whose
//! it is, what one hears, requests that come again, renewals, and a provider whose answers get lost.

use crate::engines::START;
use crate::place::{Place, on_both_engines};
use crate::server::{Person, TestServer, client_id};
use crate::stripe_service::StripeService;
use futures_util::future::join_all;
use protocol::Event;
use protocol::payments::{Payment, PaymentState, Subscribed, SubscriptionState};
use reqwest::{Method, StatusCode};
use sanctuary::auth::Role;
use sanctuary::config::PaymentProvider;
use sanctuary::features::payments::{Entitlement, signed};
use serde_json::{Value, json};

const MIN: i64 = 60_000;
const DAY: i64 = 24 * 60 * MIN;
const SECRET: &str = "whsec_test";
/// Relay timers of what was left undone are due by then.
const RELAYED_MS: i64 = 60_000;
/// After a leap, one scan of timers on CQL catches up so much; and so many do for a day or two.
const SCANNED_MS: i64 = 2 * 60 * MIN;
const SCANS_MAX: i64 = 24;

/// A server, and somebody who sells.
struct Shop {
    server: TestServer,
    admin: Person,
    ada: Person,
    ben: Person,
    stripe: Option<StripeService>,
}

impl Shop {
    async fn on(place: &Place) -> Self {
        Self::with(place, None).await
    }

    async fn of_stripe(place: &Place) -> Self {
        Self::with(place, Some(StripeService::start().await)).await
    }

    async fn with(place: &Place, stripe: Option<(StripeService, std::net::SocketAddr)>) -> Self {
        let secret = place.site.folder().join("webhook.secret");
        std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
        let key = place.site.folder().join("stripe.key");
        std::fs::write(&key, "sk_test_1\n").unwrap();
        let address = stripe.as_ref().map(|(_, address)| *address);
        let server = place
            .site
            .open_with(&place.clock, |settings| {
                settings.payments_webhook_key_file = Some(secret);
                if let Some(address) = address {
                    settings.payments_provider = PaymentProvider::Stripe;
                    settings.payments_stripe_key_file = Some(key);
                    settings.payments_stripe_url = format!("http://{address}");
                }
            })
            .await;
        let admin = server.people("admin", 1, Some(Role::Admin)).await.remove(0);
        let (ada, ben) = (server.member("ada").await, server.member("ben").await);
        Self { server, admin, ada, ben, stripe: stripe.map(|(service, _)| service) }
    }

    async fn ask(
        &self,
        who: &Person,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> (StatusCode, Value) {
        let url = format!("http://{}{path}", self.server.address);
        // Periods are longer than any token's time.
        let token = self.server.accounts.token_for(who.id, MIN).await.unwrap().token;
        let mut request = reqwest::Client::new().request(method, url).bearer_auth(token);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    async fn post(&self, who: &Person, path: &str, body: Value) -> (StatusCode, Value) {
        self.ask(who, Method::POST, path, None, Some(&body)).await
    }

    async fn get(&self, who: &Person, path: &str) -> Value {
        let (status, body) = self.ask(who, Method::GET, path, None, None).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn good<T: serde::de::DeserializeOwned>(
        &self,
        who: &Person,
        path: &str,
        body: Value,
    ) -> T {
        let (status, answer) = self.post(who, path, body).await;
        assert_eq!(status, 200, "{answer}");
        serde_json::from_value(answer).unwrap()
    }

    async fn code(&self, who: &Person, path: &str, body: Value) -> String {
        let (status, answer) = self.post(who, path, body).await;
        assert!(!status.is_success(), "{answer}");
        answer["code"].as_str().unwrap().to_owned()
    }

    /// Asks for a refund, under a key of its own.
    async fn refund(&self, of: &Payment, body: Value) -> (StatusCode, Value) {
        let path = format!("/v1/payments/{}/refund", of.id);
        let key = client_id().to_string();
        self.ask(&self.admin, Method::POST, &path, Some(&key), Some(&body)).await
    }

    async fn product(&self) -> String {
        let body = json!({ "name": "A film", "price": { "amount": 1_500, "currency": "eur" } });
        let made: Value = self.good(&self.admin, "/v1/products", body).await;
        made["id"].as_str().unwrap().to_owned()
    }

    async fn plan(&self) -> String {
        let body = json!({ "name": "Calm", "prices": [
            { "interval": "monthly", "price": { "amount": 900, "currency": "eur" } },
            { "interval": "yearly", "price": { "amount": 9_000, "currency": "eur" } }] });
        let made: Value = self.good(&self.admin, "/v1/plans", body).await;
        made["id"].as_str().unwrap().to_owned()
    }

    async fn buy(&self, who: &Person, product: &str, method: Option<&str>) -> Payment {
        let body = json!({ "product_id": product, "method": method });
        let bought: Payment = self.good(who, "/v1/payments", body).await;
        self.payment(who, &bought).await
    }

    async fn payment(&self, who: &Person, of: &Payment) -> Payment {
        let found = self.get(who, &format!("/v1/payments/{}", of.id)).await;
        serde_json::from_value(found).unwrap()
    }

    async fn owns(&self, who: &Person, product: &str) -> bool {
        let to = Entitlement::Product(product.parse().unwrap());
        self.server.app.settled().await;
        self.server.payments.is_entitled(who.id, to).await.unwrap()
    }

    async fn entitled(&self, who: &Person, plan: &str) -> bool {
        let to = Entitlement::Plan(plan.parse().unwrap());
        self.server.payments.is_entitled(who.id, to).await.unwrap()
    }

    /// The names of what somebody heard of payments and subscriptions.
    async fn heard(&self, who: &Person) -> Vec<&'static str> {
        self.server.app.settled().await;
        let feed = self.server.feed(who).await;
        let of_money = |event: &&Event| {
            event.name().starts_with("payment.") || event.name().starts_with("subscription.")
        };
        feed.iter().filter(of_money).map(Event::name).collect()
    }

    async fn later(&self, ms: i64) {
        self.server.later(ms).await;
        for _ in 0..(ms / SCANNED_MS).min(SCANS_MAX) {
            self.server.later(0).await;
        }
        self.server.app.settled().await;
    }

    /// An event of the provider.
    async fn hook(&self, provider: &str, event: &Value, header: Option<String>) -> StatusCode {
        let body = event.to_string();
        let now = self.server.clock.now();
        let header = header.unwrap_or_else(|| signed(SECRET, body.as_bytes(), now));
        let url = format!("http://{}/v1/webhooks/{provider}", self.server.address);
        let request = reqwest::Client::new().post(url).header("Stripe-Signature", header);
        request.body(body).send().await.unwrap().status()
    }
}

on_both_engines! {
    a_product_is_bought_and_owned_until_it_is_given_back,
    an_attempt_that_failed_is_followed_by_another,
    one_sees_ones_own_payments_only,
    the_same_key_gives_the_same_answer,
    a_subscription_renews_and_ends_with_its_period,
    a_renewal_that_is_not_paid_has_a_time_of_grace,
    a_price_that_changes_changes_nothing_that_was_agreed_on,
    news_is_signed_used_once_and_in_any_order,
    what_stripe_did_not_answer_is_read_before_it_is_asked_again,
    stripe_renews_with_the_method_that_was_saved,
    a_fee_is_held_for_a_request_and_taken_with_the_first_reply,
    a_fee_that_was_earned_stays_when_its_request_is_over,
}

async fn a_product_is_bought_and_owned_until_it_is_given_back(place: Place) {
    let shop = Shop::on(&place).await;
    let film = shop.product().await;
    let paid = shop.buy(&shop.ada, &film, Some("pm_sandbox_ok")).await;
    assert_eq!((paid.state, paid.captured), (PaymentState::Succeeded, 1_500));
    assert_eq!(paid.action, None);
    assert!(shop.owns(&shop.ada, &film).await && !shop.owns(&shop.ben, &film).await);
    let again = json!({ "product_id": film, "method": "pm_sandbox_ok" });
    assert_eq!(shop.code(&shop.ada, "/v1/payments", again).await, "conflict");

    let refund = format!("/v1/payments/{}/refund", paid.id);
    assert_eq!(shop.code(&shop.ada, &refund, json!({})).await, "forbidden");
    // Without a key, who clicks twice gives back twice.
    assert_eq!(shop.code(&shop.admin, &refund, json!({ "amount": 500 })).await, "invalid");
    let some = json!({ "amount": 500, "reason": "Sorry." });
    for _ in 0..2 {
        let (status, _) =
            shop.ask(&shop.admin, Method::POST, &refund, Some("a click"), Some(&some)).await;
        assert_eq!(status, 200);
    }
    let part = shop.payment(&shop.ada, &paid).await;
    assert_eq!((part.state, part.refunded), (PaymentState::PartiallyRefunded, 500));
    assert!(shop.owns(&shop.ada, &film).await);
    assert_eq!(shop.refund(&paid, json!({ "amount": 1_001 })).await.0, 422);
    assert_eq!(shop.refund(&paid, json!({})).await.0, 200);
    let back = shop.payment(&shop.ada, &paid).await;
    assert_eq!((back.state, back.refunded), (PaymentState::Refunded, 1_500));
    assert!(!shop.owns(&shop.ada, &film).await);
    assert_eq!(shop.refund(&paid, json!({})).await.0, 409);
    assert_eq!(
        shop.heard(&shop.ada).await,
        ["payment.processing", "payment.succeeded", "payment.refunded", "payment.refunded"]
    );
    // It can be bought again, by a payment of its own.
    let anew = shop.buy(&shop.ada, &film, Some("pm_sandbox_ok")).await;
    assert!(anew.id != paid.id && shop.owns(&shop.ada, &film).await);
}

async fn an_attempt_that_failed_is_followed_by_another(place: Place) {
    let shop = Shop::on(&place).await;
    let film = shop.product().await;
    let open = shop.buy(&shop.ada, &film, None).await;
    assert_eq!(open.state, PaymentState::Pending);
    assert_eq!(open.action.as_ref().unwrap().provider, "sandbox");
    let confirm = format!("/v1/payments/{}/confirm", open.id);
    let mut states = Vec::new();
    for method in ["declined", "insufficient_funds", "action"] {
        let body = json!({ "method": format!("pm_sandbox_{method}") });
        shop.good::<Payment>(&shop.ada, &confirm, body).await;
        let now = shop.payment(&shop.ada, &open).await;
        states.push((now.state, now.failure));
    }
    let failed = |why: &str| (PaymentState::Failed, Some(why.to_owned()));
    let wanted =
        [failed("declined"), failed("insufficient_funds"), (PaymentState::RequiresAction, None)];
    assert_eq!(states, wanted);
    assert!(!shop.owns(&shop.ada, &film).await);
    let slow = json!({ "method": "pm_sandbox_processing" });
    shop.good::<Payment>(&shop.ada, &confirm, slow.clone()).await;
    assert_eq!(shop.payment(&shop.ada, &open).await.state, PaymentState::Processing);
    assert_eq!(shop.code(&shop.ada, &confirm, slow).await, "conflict");
    shop.later(11 * MIN).await;
    assert_eq!(shop.payment(&shop.ada, &open).await.state, PaymentState::Succeeded);
    assert!(shop.owns(&shop.ada, &film).await);

    // What nobody pays is given up; so is what its payer does not want.
    let left = shop.buy(&shop.ben, &film, None).await;
    shop.later(DAY).await;
    assert_eq!(shop.payment(&shop.ben, &left).await.state, PaymentState::Cancelled);
    let other = shop.buy(&shop.ben, &film, Some("pm_sandbox_action")).await;
    assert_ne!(other.id, left.id);
    let cancel = format!("/v1/payments/{}/cancel", other.id);
    shop.good::<Payment>(&shop.ben, &cancel, json!({})).await;
    assert_eq!(shop.payment(&shop.ben, &other).await.state, PaymentState::Cancelled);
    let disputed = shop.buy(&shop.ben, &film, Some("pm_sandbox_disputed")).await;
    assert_eq!(disputed.state, PaymentState::Disputed);
    assert!(!shop.owns(&shop.ben, &film).await);
}

async fn one_sees_ones_own_payments_only(place: Place) {
    let shop = Shop::on(&place).await;
    let mut bought = Vec::new();
    for _ in 0..3 {
        let film = shop.product().await;
        bought.push(shop.buy(&shop.ada, &film, Some("pm_sandbox_ok")).await);
        shop.server.clock.advance(1_000);
    }
    let page = shop.get(&shop.ada, "/v1/payments?limit=2").await;
    assert_eq!(page["items"][0]["id"], bought[2].id.to_string());
    let next = page["next"].as_str().unwrap();
    let rest = shop.get(&shop.ada, &format!("/v1/payments?limit=2&after={next}")).await;
    assert_eq!(rest["items"][0]["id"], bought[0].id.to_string());
    assert_eq!(rest["items"].as_array().unwrap().len(), 1);

    let path = format!("/v1/payments/{}", bought[0].id);
    let (status, _) = shop.ask(&shop.ben, Method::GET, &path, None, None).await;
    assert_eq!(status, 404);
    let confirm = json!({ "method": "pm_sandbox_ok" });
    assert_eq!(shop.code(&shop.ben, &format!("{path}/confirm"), confirm).await, "not_found");
    assert_eq!(shop.get(&shop.ben, "/v1/payments").await["items"], json!([]));
    let of_ada = format!("/v1/payments?user_id={}", shop.ada.id);
    let (status, _) = shop.ask(&shop.ben, Method::GET, &of_ada, None, None).await;
    assert_eq!(status, 403);
    let all = shop.get(&shop.admin, &of_ada).await;
    assert_eq!(all["items"].as_array().unwrap().len(), 3);
    assert_eq!(
        shop.code(&shop.ben, "/v1/plans", json!({ "name": "x", "prices": [] })).await,
        "forbidden"
    );
}

async fn the_same_key_gives_the_same_answer(place: Place) {
    let shop = Shop::on(&place).await;
    let (film, other) = (shop.product().await, shop.product().await);
    let body = |product: &str| json!({ "product_id": product, "method": "pm_sandbox_ok" });
    let ask = async |key, product: &str| {
        shop.ask(&shop.ada, Method::POST, "/v1/payments", Some(key), Some(&body(product))).await
    };
    let first = ask("\"a key\"", &film).await;
    assert_eq!(first.0, 200);
    assert_eq!(ask("a key", &film).await, first);
    let (status, refused) = ask("a key", &other).await;
    assert_eq!((status.as_u16(), &refused["code"]), (409, &json!("conflict")));
    // A refusal is an answer.
    let owned = ask("another", &film).await;
    assert_eq!(owned.0, 409);
    assert_eq!(ask("another", &film).await, owned);
    assert_eq!(ask("", &film).await.0, 422);
    // Somebody else's key is another.
    let of_ben =
        shop.ask(&shop.ben, Method::POST, "/v1/payments", Some("a key"), Some(&body(&film))).await;
    assert_eq!(of_ben.0, 200);
    assert_ne!(of_ben.1["id"], first.1["id"]);
    // After a day it is forgotten.
    shop.server.clock.advance(DAY);
    assert_eq!(ask("a key", &film).await.0, 409);

    // At once, one of them does it; the others wait or hear the same.
    let plan = shop.plan().await;
    let wanted = json!({ "plan_id": plan, "interval": "monthly", "method": "pm_sandbox_ok" });
    let tries = (0..6).map(|_| {
        shop.ask(&shop.ada, Method::POST, "/v1/subscriptions", Some("at once"), Some(&wanted))
    });
    for (status, answer) in join_all(tries).await {
        assert!(status == 200 || answer["code"] == "busy", "{answer}");
    }
    let all = shop.get(&shop.ada, "/v1/subscriptions").await;
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
}

async fn subscribe(shop: &Shop, plan: &str, method: Option<&str>) -> Subscribed {
    let body = json!({ "plan_id": plan, "interval": "monthly", "method": method });
    let made: Subscribed = shop.good(&shop.ada, "/v1/subscriptions", body).await;
    latest(shop, &made).await
}

async fn latest(shop: &Shop, of: &Subscribed) -> Subscribed {
    shop.server.app.settled().await;
    let path = format!("/v1/subscriptions/{}", of.subscription.id);
    serde_json::from_value(shop.get(&shop.ada, &path).await).unwrap()
}

async fn a_subscription_renews_and_ends_with_its_period(place: Place) {
    let shop = Shop::on(&place).await;
    let plan = shop.plan().await;
    let made = subscribe(&shop, &plan, Some("pm_sandbox_ok")).await;
    assert_eq!(made.subscription.state, SubscriptionState::Active);
    assert!(shop.entitled(&shop.ada, &plan).await && !shop.entitled(&shop.ben, &plan).await);
    let body = json!({ "plan_id": plan, "interval": "yearly", "method": "pm_sandbox_ok" });
    assert_eq!(shop.code(&shop.ada, "/v1/subscriptions", body).await, "conflict");

    for method in [String::new(), "x".repeat(300)] {
        let body = json!({ "plan_id": plan, "interval": "monthly", "method": method });
        assert_eq!(shop.code(&shop.ben, "/v1/subscriptions", body).await, "invalid");
    }
    assert_eq!(shop.get(&shop.ben, "/v1/subscriptions").await["items"], json!([]));
    let end = made.subscription.period_end_at.unwrap();
    shop.later(end - shop.server.clock.now()).await;
    shop.later(RELAYED_MS).await;
    let renewed = latest(&shop, &made).await;
    assert_eq!(renewed.subscription.state, SubscriptionState::Active);
    assert!(renewed.subscription.period_end_at.unwrap() > end);
    assert_ne!(renewed.payment.id, made.payment.id);

    let cancel = format!("/v1/subscriptions/{}/cancel", made.subscription.id);
    let resume = format!("/v1/subscriptions/{}/resume", made.subscription.id);
    for (path, flag) in [(&cancel, true), (&resume, false), (&cancel, true)] {
        let changed: Subscribed = shop.good(&shop.ada, path, json!({})).await;
        assert_eq!(changed.subscription.cancel_at_period_end, flag);
    }
    assert!(shop.entitled(&shop.ada, &plan).await);
    let end = renewed.subscription.period_end_at.unwrap();
    shop.later(end - shop.server.clock.now()).await;
    assert_eq!(latest(&shop, &made).await.subscription.state, SubscriptionState::Cancelled);
    assert!(!shop.entitled(&shop.ada, &plan).await);
    let heard: Vec<_> = shop.heard(&shop.ada).await;
    let of_it = heard.into_iter().filter(|name| name.starts_with("subscription."));
    assert_eq!(
        of_it.collect::<Vec<_>>(),
        [
            "subscription.started",
            "subscription.renewed",
            "subscription.changed",
            "subscription.changed",
            "subscription.changed",
            "subscription.ended"
        ]
    );
    assert_eq!(shop.code(&shop.ada, &resume, json!({})).await, "conflict");
}

async fn a_renewal_that_is_not_paid_has_a_time_of_grace(place: Place) {
    let shop = Shop::on(&place).await;
    let plan = shop.plan().await;
    let made = subscribe(&shop, &plan, Some("pm_sandbox_renewal_declined")).await;
    let end = made.subscription.period_end_at.unwrap();
    shop.later(end - shop.server.clock.now()).await;
    shop.later(RELAYED_MS).await;
    let due = latest(&shop, &made).await;
    assert_eq!(due.subscription.state, SubscriptionState::PastDue);
    assert_eq!(due.payment.state, PaymentState::Failed);
    assert!(shop.entitled(&shop.ada, &plan).await);
    // Its person pays in another way, and has the whole time of grace for that.
    let confirm = format!("/v1/payments/{}/confirm", due.payment.id);
    shop.good::<Payment>(&shop.ada, &confirm, json!({ "method": "pm_sandbox_declined" })).await;
    shop.later(2 * DAY).await;
    shop.later(RELAYED_MS).await;
    assert_eq!(latest(&shop, &made).await.subscription.state, SubscriptionState::PastDue);
    shop.good::<Payment>(&shop.ada, &confirm, json!({ "method": "pm_sandbox_renewal_declined" }))
        .await;
    let paid = latest(&shop, &made).await;
    assert_eq!(paid.subscription.state, SubscriptionState::Active);

    // The next one is tried each day, and then it is over.
    let end = paid.subscription.period_end_at.unwrap();
    shop.later(end - shop.server.clock.now()).await;
    shop.later(RELAYED_MS).await;
    let grace = latest(&shop, &made).await.subscription.grace_until.unwrap();
    for _ in 0..6 {
        shop.later(DAY).await;
        assert_eq!(latest(&shop, &made).await.subscription.state, SubscriptionState::PastDue);
    }
    shop.later(grace - shop.server.clock.now()).await;
    shop.later(RELAYED_MS).await;
    let over = latest(&shop, &made).await;
    assert_eq!(over.subscription.state, SubscriptionState::Cancelled);
    assert_eq!(over.payment.state, PaymentState::Cancelled);
    assert!(!shop.entitled(&shop.ada, &plan).await);

    // What never began ends as well.
    let never = subscribe(&shop, &plan, Some("pm_sandbox_declined")).await;
    assert_eq!(never.subscription.state, SubscriptionState::Incomplete);
    shop.later(23 * 60 * MIN).await;
    shop.later(RELAYED_MS).await;
    let never = latest(&shop, &never).await;
    assert_eq!(never.subscription.state, SubscriptionState::IncompleteExpired);
    assert_eq!(never.payment.state, PaymentState::Cancelled);
}

async fn a_price_that_changes_changes_nothing_that_was_agreed_on(place: Place) {
    let shop = Shop::on(&place).await;
    let plan = shop.plan().await;
    let made = subscribe(&shop, &plan, Some("pm_sandbox_ok")).await;
    let prices = json!({ "prices": [
        { "interval": "monthly", "price": { "amount": 1_900, "currency": "eur" } }] });
    let path = format!("/v1/plans/{plan}");
    let (status, changed) = shop.ask(&shop.admin, Method::PATCH, &path, None, Some(&prices)).await;
    assert_eq!((status.as_u16(), &changed["version"]), (200, &json!(2)));
    let end = made.subscription.period_end_at.unwrap();
    shop.later(end - shop.server.clock.now()).await;
    shop.later(RELAYED_MS).await;
    let renewed = latest(&shop, &made).await;
    assert_eq!((renewed.payment.captured, renewed.subscription.price.amount), (900, 900));
    // And it can be had no more, while who has it keeps it.
    let off = json!({ "active": false });
    shop.ask(&shop.admin, Method::PATCH, &path, None, Some(&off)).await;
    assert_eq!(shop.get(&shop.ben, "/v1/plans").await["items"], json!([]));
    let body = json!({ "plan_id": plan, "interval": "monthly" });
    assert_eq!(shop.code(&shop.ben, "/v1/subscriptions", body).await, "not_found");
    assert!(shop.entitled(&shop.ada, &plan).await);
}

async fn news_is_signed_used_once_and_in_any_order(place: Place) {
    let shop = Shop::of_stripe(&place).await;
    let stripe = shop.stripe.clone().unwrap();
    let film = shop.product().await;
    let open = shop.buy(&shop.ada, &film, None).await;
    assert_eq!(open.state, PaymentState::Pending);
    assert_eq!(open.action.unwrap().client_secret.as_deref(), Some("pi_1_secret"));
    // Her client pays, without us.
    stripe.pays("pi_1");
    let event = |id: &str, kind: &str, object: Value| json!({ "id": id, "type": kind, "data": { "object": object } });
    let dispute = |id: &str, status: &str| {
        let kind = if status == "won" { "closed" } else { "created" };
        let object = json!({ "id": "dp_1", "payment_intent": "pi_1", "status": status });
        event(id, &format!("charge.dispute.{kind}"), object)
    };
    let intent = |id: &str, kind: &str| event(id, kind, stripe.intents()[0].clone());
    let paid = intent("evt_1", "payment_intent.succeeded");
    for header in [String::new(), "t=1,v1=00".to_owned(), signed("whsec_other", b"{}", START)] {
        assert_eq!(shop.hook("stripe", &paid, Some(header)).await, 401);
    }
    let old = signed(SECRET, paid.to_string().as_bytes(), START - 301_000);
    assert_eq!(shop.hook("stripe", &paid, Some(old)).await, 401);
    assert_eq!(shop.hook("sandbox", &paid, None).await, 404);
    assert_eq!(
        shop.payment(&shop.ada, &open_id(&shop, &film).await).await.state,
        PaymentState::Pending
    );

    // The end of a dispute first, then all the rest, twice, and some at once.
    let failed = intent("evt_0", "payment_intent.payment_failed");
    let all = [dispute("evt_3", "won"), dispute("evt_2", "needs_response"), failed, paid];
    for event in all.iter().chain(&all) {
        assert_eq!(shop.hook("stripe", event, None).await, 200);
    }
    for status in join_all(all.iter().map(|event| shop.hook("stripe", event, None))).await {
        assert_eq!(status, 200);
    }
    assert!(shop.owns(&shop.ada, &film).await);
    assert_eq!(shop.heard(&shop.ada).await, ["payment.succeeded"]);
    let other = json!({ "id": "evt_9", "type": "payment_intent.succeeded",
        "data": { "object": { "id": "pi_of_others", "metadata": {} } } });
    assert_eq!(shop.hook("stripe", &other, None).await, 200);
    assert_eq!(shop.hook("stripe", &json!({ "what": 1 }), None).await, 400);
}

async fn open_id(shop: &Shop, _: &str) -> Payment {
    let page = shop.get(&shop.ada, "/v1/payments").await;
    serde_json::from_value(page["items"][0].clone()).unwrap()
}

async fn what_stripe_did_not_answer_is_read_before_it_is_asked_again(place: Place) {
    let shop = Shop::of_stripe(&place).await;
    let stripe = shop.stripe.clone().unwrap();
    // Its key gives a lost answer again for a day; after that, what was made is looked for.
    for (lost, later, times) in
        [(true, RELAYED_MS, 2), (true, 23 * 60 * MIN, 1), (false, RELAYED_MS, 2)]
    {
        let film = shop.product().await;
        if lost {
            stripe.lose_answers(1);
        } else {
            stripe.refuse(1);
        }
        let before = stripe.intents().len();
        let body = json!({ "product_id": film, "method": "pm_card_visa" });
        shop.post(&shop.ada, "/v1/payments", body).await;
        assert!(!shop.owns(&shop.ada, &film).await);
        shop.later(later).await;
        let paid = open_id(&shop, &film).await;
        assert_eq!(paid.state, PaymentState::Succeeded);
        assert_eq!(stripe.intents().len(), before + 1, "paid once");
        let got = stripe.got();
        let asked: Vec<_> = got.iter().filter(|got| got.path == "/v1/payment_intents").collect();
        assert_eq!(asked.len(), times);
        assert!(asked.iter().all(|got| got.key == format!("{}:start:1", paid.id)));
        assert_eq!(asked[0].form["metadata[payment_id]"], paid.id.to_string());

        // The same for what is given back.
        if lost {
            stripe.lose_answers(1);
        } else {
            stripe.refuse(1);
        }
        shop.refund(&paid, json!({ "amount": 500 })).await;
        shop.later(RELAYED_MS).await;
        let back = shop.payment(&shop.ada, &paid).await;
        assert_eq!((back.state, back.refunded), (PaymentState::PartiallyRefunded, 500));
        let got = stripe.got();
        // What was done is found; what was not is asked for again, by the same name.
        let asked = got.iter().filter(|got| got.path == "/v1/refunds").count();
        assert_eq!(asked, if lost { 1 } else { 2 });
    }
    // A card that is declined is no lost answer.
    let film = shop.product().await;
    let declined = shop.buy(&shop.ben, &film, Some("pm_card_declined")).await;
    assert_eq!(declined.state, PaymentState::Failed);
    assert_eq!(declined.failure.as_deref(), Some("insufficient_funds"));
    let confirm = format!("/v1/payments/{}/confirm", declined.id);
    stripe.lose_answers(1);
    shop.post(&shop.ben, &confirm, json!({ "method": "pm_card_visa" })).await;
    shop.later(RELAYED_MS).await;
    assert_eq!(shop.payment(&shop.ben, &declined).await.state, PaymentState::Succeeded);
}

async fn stripe_renews_with_the_method_that_was_saved(place: Place) {
    let shop = Shop::of_stripe(&place).await;
    let stripe = shop.stripe.clone().unwrap();
    let plan = shop.plan().await;
    let made = subscribe(&shop, &plan, Some("pm_card_visa")).await;
    assert_eq!(made.subscription.state, SubscriptionState::Active);
    let first = stripe.got();
    let create = first.iter().find(|got| got.path == "/v1/payment_intents").unwrap();
    assert_eq!(create.form["setup_future_usage"], "off_session");
    assert_eq!(create.form["customer"], "cus_1");
    let end = made.subscription.period_end_at.unwrap();
    shop.later(end - shop.server.clock.now()).await;
    shop.later(RELAYED_MS).await;
    assert!(latest(&shop, &made).await.subscription.period_end_at.unwrap() > end);
    let got = stripe.got();
    let create = got.iter().find(|got| got.path == "/v1/payment_intents").unwrap();
    assert_eq!((&*create.form["off_session"], &*create.form["confirm"]), ("true", "true"));
    assert_eq!(create.form["payment_method"], "pm_card_visa");
    assert_eq!(stripe.intents().len(), 2);
}

async fn a_fee_is_held_for_a_request_and_taken_with_the_first_reply(place: Place) {
    let shop = Shop::of_stripe(&place).await;
    let stripe = shop.stripe.clone().unwrap();
    let lin = shop.server.coach("lin").await;
    let desk = shop.server.general().await;
    let price = json!({ "amount": 2_000, "currency": "eur" });
    let body = json!({ "name": "A talk", "price": price, "desk_id": desk });
    shop.good::<Value>(&shop.admin, "/v1/products", body.clone()).await;
    assert_eq!(shop.code(&shop.admin, "/v1/products", body).await, "conflict");

    let question = shop.server.question().await;
    let unpaid = shop.server.by(&shop.ada, question.clone()).await.unwrap_err();
    assert_eq!(unpaid.code, protocol::ErrorCode::PaymentRequired);
    let fee = protocol::Money { amount: 2_000, currency: "eur".to_owned() };
    let ask = protocol::support::Ask { fee: Some(fee), ..question };
    let request_id = shop.server.by(&shop.ada, ask).await.unwrap().request.id;
    shop.server.app.settled().await;
    let open = open_id(&shop, "").await;
    assert_eq!(open.purpose.id, request_id.0);
    let confirm = format!("/v1/payments/{}/confirm", open.id);
    shop.good::<Payment>(&shop.ada, &confirm, json!({ "method": "pm_card_visa" })).await;
    shop.server.app.settled().await;
    assert_eq!(shop.payment(&shop.ada, &open).await.state, PaymentState::Authorized);
    shop.server.by(&lin, protocol::support::Claim { request_id }).await.unwrap();
    assert_eq!(stripe.captures(), 0);
    // No word was said: it costs nothing.
    let close = protocol::support::Close { request_id, summary: None };
    shop.server.by(&lin, close).await.unwrap();
    shop.server.app.settled().await;
    shop.later(RELAYED_MS).await;
    assert_eq!(shop.payment(&shop.ada, &open).await.state, PaymentState::Cancelled);
    assert_eq!((stripe.captures(), &stripe.intents()[0]["status"]), (0, &json!("canceled")));
}

async fn a_fee_that_was_earned_stays_when_its_request_is_over(place: Place) {
    let shop = Shop::of_stripe(&place).await;
    let stripe = shop.stripe.clone().unwrap();
    let lin = shop.server.coach("lin").await;
    let fee = protocol::Money { amount: 2_000, currency: "eur".to_owned() };
    let body = json!({ "name": "A talk", "price": fee, "desk_id": shop.server.general().await });
    shop.good::<Value>(&shop.admin, "/v1/products", body).await;
    let ask = protocol::support::Ask { fee: Some(fee), ..shop.server.question().await };
    let request_id = shop.server.by(&shop.ada, ask).await.unwrap().request.id;
    shop.server.app.settled().await;
    let open = open_id(&shop, "").await;
    let confirm = format!("/v1/payments/{}/confirm", open.id);
    shop.good::<Payment>(&shop.ada, &confirm, json!({ "method": "pm_card_visa" })).await;
    shop.server.app.settled().await;
    let claim = protocol::support::Claim { request_id };
    let conversation_id = shop.server.by(&lin, claim).await.unwrap().request.conversation_id;
    let word = protocol::conversations::Send {
        conversation_id,
        client_id: client_id(),
        text: Some("I am here.".to_owned()),
        attachments: Vec::new(),
        reply_to: None,
    };
    shop.server.by(&lin, word).await.unwrap();
    // That it was taken is told when the desk has the request no more.
    let close = protocol::support::Close { request_id, summary: None };
    shop.server.by(&lin, close).await.unwrap();
    shop.later(RELAYED_MS).await;
    shop.later(RELAYED_MS).await;
    let taken = shop.payment(&shop.ada, &open).await;
    assert_eq!((taken.state, taken.refunded), (PaymentState::Succeeded, 0));
    assert_eq!(stripe.captures(), 1);
    // What is given back of it by hand is no reason to give back the rest.
    assert_eq!(shop.refund(&open, json!({ "amount": 500 })).await.0, 200);
    shop.later(RELAYED_MS).await;
    let part = shop.payment(&shop.ada, &open).await;
    assert_eq!((part.state, part.refunded), (PaymentState::PartiallyRefunded, 500));
}

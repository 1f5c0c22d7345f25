//! Stripe: `PaymentIntents`, refunds and customers, by its form-encoded API
//! (<https://docs.stripe.com/api>).
//!
//! Each step has an `Idempotency-Key` of its own. A time-out is an unknown outcome: what became of
//! the step is read before it is asked for again. Renewals are payments with a method that was
//! saved; when they are due is decided by our subscriptions, not by Stripe's.

use super::{Away, Provider, Told};
use crate::features::payments::model::{Answer, Failure, Payment, Seen, Status, Step};
use crate::outbound::{Client, Failed};
use futures_util::future::BoxFuture;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Request, StatusCode};
use protocol::{Millis, UserId};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The version of the API that this speaks.
pub const API_VERSION: &str = "2024-06-20";
/// Payments that a search for one gives.
const PAGE: usize = 10;
/// Refunds of one payment that are looked through: all that there can be.
const REFUNDS: usize = 50;
/// A key gives the same answer for a day; a search may take an hour to know what was made.
const KEY_MS: Millis = 23 * 60 * 60 * 1_000;

/// See the module.
pub(super) struct Stripe {
    client: Client,
    url: String,
    authorization: String,
}

type Form<'a> = Vec<(&'a str, String)>;

#[derive(Debug, Deserialize)]
struct Intent {
    id: String,
    status: String,
    #[serde(default)]
    amount_received: i64,
    #[serde(default)]
    client_secret: Option<String>,
    #[serde(default)]
    metadata: Option<BTreeMap<String, String>>,
    #[serde(default)]
    last_payment_error: Option<Problem>,
    #[serde(default)]
    latest_charge: Option<Charge>,
    #[serde(default)]
    payment_method: Option<String>,
}

/// Its id, or it whole where that was asked for.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Charge {
    Whole {
        #[serde(default)]
        amount_refunded: i64,
    },
    Id(#[expect(dead_code, reason = "says nothing of what was given back")] String),
}

#[derive(Debug, Deserialize)]
struct Problem {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    decline_code: Option<String>,
    #[serde(default)]
    payment_intent: Option<Box<Intent>>,
}

#[derive(Debug, Deserialize)]
struct Failure402 {
    error: Problem,
}

#[derive(Debug, Deserialize)]
struct Page<T> {
    data: Vec<T>,
}

#[derive(Debug, Deserialize)]
struct Thing {
    id: String,
}

#[derive(Debug, Deserialize)]
struct Refund {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    metadata: Option<BTreeMap<String, String>>,
}

impl Refund {
    /// One that is `pending` is on its way.
    fn answer(&self) -> Answer {
        match self.status.as_deref() {
            Some("failed" | "canceled") => Answer::Refused,
            _ => Answer::Refunded,
        }
    }
}

/// What Stripe says to a request.
enum Reply {
    Good(Vec<u8>),
    /// The card's fault.
    Card(Box<Problem>),
    /// Never like this.
    Refused,
    NotThere,
}

impl Stripe {
    pub(super) fn new(client: Client, url: &str, key: &str) -> Self {
        let url = url.trim_end_matches('/').to_owned();
        Self { client, url, authorization: format!("Bearer {key}") }
    }

    async fn send(
        &self,
        request: hyper::http::request::Builder,
        body: String,
    ) -> Result<Reply, Away> {
        let request = request
            .header(AUTHORIZATION, &self.authorization)
            .header("Stripe-Version", API_VERSION)
            .body(Full::new(body.into()))
            .map_err(|_| Away)?;
        let answer = match self.client.send(request).await {
            Ok(answer) => answer,
            Err(error @ (Failed::Unreachable | Failed::TimedOut | Failed::Answer)) => {
                tracing::warn!(%error, "no answer of Stripe; it is asked what became of it");
                return Err(Away);
            }
            Err(error @ (Failed::Forbidden | Failed::Certificates(_))) => {
                tracing::error!(%error, "Stripe is not asked");
                return Err(Away);
            }
        };
        if answer.status.is_success() {
            return Ok(Reply::Good(answer.body.to_vec()));
        }
        let problem = serde_json::from_slice::<Failure402>(&answer.body).ok();
        let problem = problem.map(|failure| failure.error);
        let code = problem.as_ref().and_then(|problem| problem.code.clone()).unwrap_or_default();
        let kind = problem.as_ref().and_then(|problem| problem.kind.clone()).unwrap_or_default();
        match answer.status {
            StatusCode::PAYMENT_REQUIRED => match problem {
                Some(problem) => Ok(Reply::Card(Box::new(problem))),
                None => Ok(Reply::Refused),
            },
            StatusCode::NOT_FOUND => Ok(Reply::NotThere),
            status @ (StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY) => {
                tracing::warn!(status = status.as_u16(), code, kind, "Stripe refuses a step");
                Ok(Reply::Refused)
            }
            StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS => Err(Away),
            // A key that is wrong is no fault of anybody's card.
            status => {
                tracing::error!(status = status.as_u16(), code, kind, "Stripe does not serve us");
                Err(Away)
            }
        }
    }

    async fn post(&self, path: &str, key: &str, form: Form<'_>) -> Result<Reply, Away> {
        let request = Request::post(format!("{}{path}", self.url))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("Idempotency-Key", key);
        self.send(request, encoded(form)).await
    }

    async fn get(&self, path: &str, query: Form<'_>) -> Result<Reply, Away> {
        let request = Request::get(format!("{}{path}?{}", self.url, encoded(query)));
        self.send(request, String::new()).await
    }

    async fn intent(&self, reference: &str) -> Result<Option<Intent>, Away> {
        let path = format!("/v1/payment_intents/{}", escaped(reference));
        let query = vec![("expand[]", "latest_charge".to_owned())];
        match self.get(&path, query).await? {
            Reply::Good(body) => serde_json::from_slice(&body).map(Some).map_err(|_| unreadable()),
            Reply::NotThere | Reply::Refused | Reply::Card(_) => Ok(None),
        }
    }

    /// The payment that was made for ours, whose id was never heard.
    async fn made(&self, payment: &Payment) -> Result<Option<Intent>, Away> {
        let ours = format!("metadata['payment_id']:'{}'", payment.id);
        let query = vec![("query", ours), ("limit", PAGE.to_string())];
        let Reply::Good(body) = self.get("/v1/payment_intents/search", query).await? else {
            return Err(Away);
        };
        let page: Page<Intent> = serde_json::from_slice(&body).map_err(|_| unreadable())?;
        Ok(page.data.into_iter().find(|intent| is_of(intent.metadata.as_ref(), payment)))
    }

    /// What became of a refund, if it was made.
    async fn refunded(&self, reference: &str, id: &str) -> Result<Option<Answer>, Away> {
        let query = vec![("payment_intent", reference.to_owned()), ("limit", REFUNDS.to_string())];
        let Reply::Good(body) = self.get("/v1/refunds", query).await? else { return Err(Away) };
        let page: Page<Refund> = serde_json::from_slice(&body).map_err(|_| unreadable())?;
        let is_it = |refund: &&Refund| {
            let known = refund.metadata.as_ref().and_then(|of| of.get("refund_id"));
            known.is_some_and(|known| known == id)
        };
        Ok(page.data.iter().find(is_it).map(Refund::answer))
    }

    async fn start(
        &self,
        payment: &Payment,
        key: &str,
        customer: Option<&str>,
    ) -> Result<Reply, Away> {
        if let (Some(reference), Some(method)) = (&payment.provider_ref, &payment.method) {
            let path = format!("/v1/payment_intents/{}/confirm", escaped(reference));
            return self.post(&path, key, vec![("payment_method", method.clone())]).await;
        }
        let capture = if payment.takes_at_once() { "automatic" } else { "manual" };
        let mut form: Form<'_> = vec![
            ("amount", payment.price.amount.to_string()),
            ("currency", payment.price.currency.clone()),
            ("capture_method", capture.to_owned()),
            ("metadata[payment_id]", payment.id.to_string()),
        ];
        form.extend(customer.map(|customer| ("customer", customer.to_owned())));
        if payment.save {
            form.push(("setup_future_usage", "off_session".to_owned()));
        }
        // No page is left for another one: what a bank asks for is shown by the client.
        form.push(("automatic_payment_methods[enabled]", "true".to_owned()));
        form.push(("automatic_payment_methods[allow_redirects]", "never".to_owned()));
        if let Some(method) = &payment.method {
            form.push(("payment_method", method.clone()));
            form.push(("confirm", "true".to_owned()));
            if payment.off_session {
                form.push(("off_session", "true".to_owned()));
            }
        }
        self.post("/v1/payment_intents", key, form).await
    }

    async fn ask(
        &self,
        payment: &Payment,
        step: &Step,
        customer: Option<&str>,
    ) -> Result<Told, Away> {
        let key = format!("{}:{}", payment.id, step.word());
        let path = |what: &str| {
            let reference = payment.provider_ref.as_deref().unwrap_or_default();
            format!("/v1/payment_intents/{}/{what}", escaped(reference))
        };
        let reply = match step {
            Step::Start { .. } => self.start(payment, &key, customer).await?,
            _ if payment.provider_ref.is_none() => return Ok(Told::of(Answer::Refused)),
            Step::Capture => self.post(&path("capture"), &key, Vec::new()).await?,
            Step::Cancel => self.post(&path("cancel"), &key, Vec::new()).await?,
            Step::Refund { id, amount } => {
                let form = vec![
                    ("payment_intent", payment.provider_ref.clone().unwrap_or_default()),
                    ("amount", amount.to_string()),
                    ("metadata[refund_id]", id.to_string()),
                    ("metadata[payment_id]", payment.id.to_string()),
                ];
                return match self.post("/v1/refunds", &key, form).await? {
                    Reply::Good(body) => {
                        let refund: Refund =
                            serde_json::from_slice(&body).map_err(|_| unreadable())?;
                        Ok(Told::of(refund.answer()))
                    }
                    Reply::Card(_) | Reply::Refused | Reply::NotThere => {
                        Ok(Told::of(Answer::Refused))
                    }
                };
            }
        };
        match reply {
            Reply::Good(body) => {
                let intent: Intent = serde_json::from_slice(&body).map_err(|_| unreadable())?;
                Ok(told(intent))
            }
            Reply::Card(problem) => {
                let failure = failure(&problem);
                let seen = problem.payment_intent.map(|intent| seen(&intent));
                Ok(Told::of(Answer::Declined(failure, seen)))
            }
            Reply::Refused | Reply::NotThere => match (step, &payment.provider_ref) {
                // Perhaps it is so already, or it is over: what is there says so.
                (Step::Start { .. } | Step::Capture | Step::Cancel, Some(reference)) => {
                    let intent = self.intent(reference).await?;
                    let waits = matches!(step, Step::Start { .. });
                    let says = |intent: &Intent| {
                        is_end(&intent.status)
                            || (waits && intent.status != "requires_payment_method")
                    };
                    Ok(intent.filter(says).map_or_else(|| Told::of(Answer::Refused), told))
                }
                _ => Ok(Told::of(Answer::Refused)),
            },
        }
    }

    async fn look(
        &self,
        payment: &Payment,
        step: &Step,
        now: Millis,
    ) -> Result<Option<Told>, Away> {
        if let (Step::Refund { id, .. }, Some(reference)) = (step, &payment.provider_ref) {
            let answer = self.refunded(reference, &id.to_string()).await?;
            return Ok(answer.map(Told::of));
        }
        let intent = match &payment.provider_ref {
            Some(reference) => self.intent(reference).await?,
            // Asked again under its key, it gives the answer that got lost.
            None if now < payment.changed_at.saturating_add(KEY_MS) => return Ok(None),
            None => self.made(payment).await?,
        };
        let Some(intent) = intent else { return Ok(None) };
        let happened = match step {
            // Whether a further attempt was made is not seen where the payment waits again; the
            // same key then gives the same answer.
            Step::Start { .. } => {
                payment.provider_ref.is_none() || intent.status != "requires_payment_method"
            }
            Step::Capture | Step::Cancel => is_end(&intent.status),
            Step::Refund { .. } => false,
        };
        Ok(happened.then(|| told(intent)))
    }
}

fn encoded(form: Form<'_>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

fn unreadable() -> Away {
    tracing::error!("an answer of Stripe can't be read");
    Away
}

/// An id in a path: Stripe's are letters, digits and `_`.
fn escaped(id: &str) -> String {
    form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

fn is_end(status: &str) -> bool {
    matches!(status, "succeeded" | "canceled")
}

fn is_of(metadata: Option<&BTreeMap<String, String>>, payment: &Payment) -> bool {
    let known = metadata.and_then(|metadata| metadata.get("payment_id"));
    known.is_some_and(|known| *known == payment.id.to_string())
}

fn told(intent: Intent) -> Told {
    let answer = Answer::Seen(seen(&intent));
    Told { answer, client_secret: intent.client_secret }
}

fn seen(intent: &Intent) -> Seen {
    let failed = intent.last_payment_error.as_ref();
    let status = match &*intent.status {
        "requires_payment_method" if failed.is_some() => Status::Failed,
        "requires_action" => Status::NeedsAction,
        "processing" => Status::Processing,
        "requires_capture" => Status::Held,
        "succeeded" => Status::Taken,
        "canceled" => Status::Gone,
        // `requires_payment_method`, `requires_confirmation`, and what there may be one day.
        _ => Status::Open,
    };
    let refunded = match intent.latest_charge {
        Some(Charge::Whole { amount_refunded }) => amount_refunded,
        Some(Charge::Id(_)) | None => 0,
    };
    // Of a hold that was let go, Stripe says that it was given back.
    let captured = if status == Status::Taken { intent.amount_received } else { 0 };
    Seen {
        reference: Some(intent.id.clone()),
        status,
        captured,
        refunded: refunded.min(captured),
        failure: failed.map(failure),
        method: intent.payment_method.clone(),
        dispute: None,
    }
}

fn failure(problem: &Problem) -> Failure {
    match (problem.decline_code.as_deref(), problem.code.as_deref()) {
        (Some("insufficient_funds"), _) => Failure::InsufficientFunds,
        (_, Some("expired_card")) | (Some("expired_card"), _) => Failure::Expired,
        (_, Some("card_declined")) => Failure::Declined,
        _ => Failure::Other,
    }
}

impl Provider for Stripe {
    fn name(&self) -> &'static str {
        "stripe"
    }

    fn run<'a>(
        &'a self,
        payment: &'a Payment,
        step: &'a Step,
        customer: Option<&'a str>,
        _: Millis,
    ) -> BoxFuture<'a, Result<Told, Away>> {
        Box::pin(self.ask(payment, step, customer))
    }

    fn find<'a>(
        &'a self,
        payment: &'a Payment,
        step: &'a Step,
        now: Millis,
    ) -> BoxFuture<'a, Result<Option<Told>, Away>> {
        Box::pin(self.look(payment, step, now))
    }

    fn read<'a>(
        &'a self,
        payment: &'a Payment,
        reference: &'a str,
        _: Millis,
    ) -> BoxFuture<'a, Result<Option<Seen>, Away>> {
        Box::pin(async move {
            let intent = self.intent(reference).await?;
            let ours = intent.filter(|intent| is_of(intent.metadata.as_ref(), payment));
            Ok(ours.map(|intent| seen(&intent)))
        })
    }

    fn customer(&self, user: UserId) -> BoxFuture<'_, Result<Option<String>, Away>> {
        Box::pin(async move {
            // The same key gives the same customer; one too many would hold nothing.
            let form = vec![("metadata[user_id]", user.to_string())];
            match self.post("/v1/customers", &format!("customer:{user}"), form).await? {
                Reply::Good(body) => {
                    let customer: Thing =
                        serde_json::from_slice(&body).map_err(|_| unreadable())?;
                    Ok(Some(customer.id))
                }
                Reply::Card(_) | Reply::Refused | Reply::NotThere => Err(Away),
            }
        })
    }

    fn forget<'a>(&'a self, customer: &'a str) -> BoxFuture<'a, Result<(), Away>> {
        Box::pin(async move {
            let path = format!("{}/v1/customers/{}", self.url, escaped(customer));
            self.send(Request::delete(path), String::new()).await.map(|_| ())
        })
    }
}

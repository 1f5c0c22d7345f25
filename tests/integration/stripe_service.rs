//! A stand-in for Stripe: a small server that speaks the form-encoded API as it is documented,
//! keeps answers by `Idempotency-Key`, and can lose answers.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

type Form = BTreeMap<String, String>;

/// A request that came.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) path: String,
    pub(crate) key: String,
    pub(crate) form: Form,
}

#[derive(Default)]
struct Inner {
    intents: Vec<Value>,
    refunds: Vec<Value>,
    answers: BTreeMap<String, (u16, Value)>,
    got: Vec<Got>,
    /// So many requests that write are carried out, and their answers lost.
    lose: u32,
    /// So many are not carried out, and fail.
    refuse: u32,
    captures: u32,
}

/// See the module.
#[derive(Clone, Default)]
pub(crate) struct StripeService(Arc<Mutex<Inner>>);

fn form(body: &str) -> Form {
    let mut url = reqwest::Url::parse("http://stripe.test/").unwrap();
    url.set_query(Some(body));
    url.query_pairs().into_owned().collect()
}

fn error(status: u16, kind: &str, code: &str) -> (u16, Value) {
    (status, json!({ "error": { "type": kind, "code": code, "message": "…" } }))
}

/// What becomes of an attempt, by the method's name.
fn attempt(intent: &mut Value, method: &str) -> Result<(), &'static str> {
    intent["payment_method"] = json!(method);
    intent["last_payment_error"] = Value::Null;
    match method {
        "pm_card_declined" => {
            let problem = json!({ "type": "card_error", "code": "card_declined",
                "decline_code": "insufficient_funds" });
            intent["last_payment_error"] = problem;
            intent["payment_method"] = Value::Null;
            intent["status"] = json!("requires_payment_method");
            Err("card_declined")
        }
        "pm_card_threeDSecure" => {
            intent["status"] = json!("requires_action");
            Ok(())
        }
        _ if intent["capture_method"] == "manual" => {
            intent["status"] = json!("requires_capture");
            Ok(())
        }
        _ => {
            take(intent);
            Ok(())
        }
    }
}

fn take(intent: &mut Value) {
    intent["status"] = json!("succeeded");
    intent["amount_received"] = intent["amount"].clone();
    intent["latest_charge"] = json!({ "id": "ch_1", "amount_refunded": 0 });
}

fn declined(intent: &Value) -> (u16, Value) {
    let problem = json!({ "type": "card_error", "code": "card_declined",
        "decline_code": "insufficient_funds", "payment_intent": intent });
    (402, json!({ "error": problem }))
}

impl Inner {
    fn create(&mut self, form: &Form) -> (u16, Value) {
        let text = |name: &str| form.get(name).cloned().unwrap_or_default();
        let id = format!("pi_{}", self.intents.len() + 1);
        let mut intent = json!({
            "id": id, "object": "payment_intent", "status": "requires_payment_method",
            "amount": text("amount").parse::<i64>().unwrap(), "amount_received": 0,
            "currency": text("currency"), "capture_method": text("capture_method"),
            "client_secret": format!("{id}_secret"), "customer": form.get("customer"),
            "metadata": { "payment_id": text("metadata[payment_id]") },
            "payment_method": null, "last_payment_error": null, "latest_charge": null,
        });
        let outcome = match form.get("payment_method") {
            Some(method) if text("confirm") == "true" => attempt(&mut intent, method),
            _ => Ok(()),
        };
        self.intents.push(intent.clone());
        if outcome.is_err() { declined(&intent) } else { (200, intent) }
    }

    fn change(&mut self, id: &str, what: &str, form: &Form) -> (u16, Value) {
        let Some(intent) = self.intents.iter_mut().find(|intent| intent["id"] == id) else {
            return error(404, "invalid_request_error", "resource_missing");
        };
        let status = intent["status"].as_str().unwrap().to_owned();
        match (what, &*status) {
            ("confirm", "requires_payment_method" | "requires_action") => {
                if attempt(intent, &form["payment_method"]).is_err() {
                    return declined(intent);
                }
            }
            ("capture", "requires_capture") => {
                take(intent);
                self.captures += 1;
            }
            ("cancel", status) if !matches!(status, "succeeded" | "canceled" | "processing") => {
                intent["status"] = json!("canceled");
            }
            _ => {
                return error(400, "invalid_request_error", "payment_intent_unexpected_state");
            }
        }
        (200, intent.clone())
    }

    fn refund(&mut self, form: &Form) -> (u16, Value) {
        let amount: i64 = form["amount"].parse().unwrap();
        let of = &form["payment_intent"];
        let Some(intent) = self.intents.iter_mut().find(|intent| intent["id"] == **of) else {
            return error(404, "invalid_request_error", "resource_missing");
        };
        let before = intent["latest_charge"]["amount_refunded"].as_i64().unwrap();
        if before + amount > intent["amount_received"].as_i64().unwrap() {
            return error(400, "invalid_request_error", "charge_already_refunded");
        }
        intent["latest_charge"]["amount_refunded"] = json!(before + amount);
        let id = format!("re_{}", self.refunds.len() + 1);
        let refund = json!({ "id": id, "amount": amount, "payment_intent": of,
            "status": "succeeded", "metadata": { "refund_id": form["metadata[refund_id]"] } });
        self.refunds.push(refund.clone());
        (200, refund)
    }

    /// Carries out a request once for its key.
    fn write(&mut self, path: &str, headers: &HeaderMap, body: &str) -> Option<(u16, Value)> {
        let header = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap());
        assert_eq!(header("authorization"), "Bearer sk_test_1");
        assert!(!header("stripe-version").is_empty());
        let key = header("idempotency-key").to_owned();
        assert!(!key.is_empty(), "{path} has no key");
        let form = form(body);
        self.got.push(Got { path: path.to_owned(), key: key.clone(), form: form.clone() });
        if self.refuse > 0 {
            self.refuse -= 1;
            return None;
        }
        let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
        let answer = match self.answers.get(&key) {
            Some(answer) => answer.clone(),
            None => match parts.as_slice() {
                ["payment_intents"] => self.create(&form),
                ["payment_intents", id, what] => self.change(id, what, &form),
                ["refunds"] => self.refund(&form),
                ["customers"] => (200, json!({ "id": "cus_1", "metadata": {} })),
                _ => error(404, "invalid_request_error", "url_invalid"),
            },
        };
        self.answers.insert(key, answer.clone());
        if self.lose > 0 {
            self.lose -= 1;
            return None;
        }
        Some(answer)
    }
}

fn reply(answer: Option<(u16, Value)>) -> Response {
    match answer {
        Some((status, body)) => (StatusCode::from_u16(status).unwrap(), Json(body)).into_response(),
        // As good as no answer: nobody can tell what became of it.
        None => StatusCode::BAD_GATEWAY.into_response(),
    }
}

impl StripeService {
    /// On a port of its own.
    pub(crate) async fn start() -> (Self, SocketAddr) {
        let service = Self::default();
        let write = post(
            async |State(it): State<Self>,
                   uri: axum::http::Uri,
                   headers: HeaderMap,
                   body: String| {
                reply(it.0.lock().unwrap().write(uri.path(), &headers, &body))
            },
        );
        let found = get(async |State(it): State<Self>, Query(query): Query<Form>| {
            let inner = it.0.lock().unwrap();
            let wanted = &query["query"];
            let is_it = |intent: &&Value| {
                let id = intent["metadata"]["payment_id"].as_str().unwrap();
                *wanted == format!("metadata['payment_id']:'{id}'")
            };
            let data: Vec<&Value> = inner.intents.iter().filter(is_it).collect();
            Json(json!({ "object": "search_result", "data": data, "has_more": false }))
        });
        let intent = get(async |State(it): State<Self>, Path(id): Path<String>| {
            let inner = it.0.lock().unwrap();
            match inner.intents.iter().find(|intent| intent["id"] == *id) {
                Some(intent) => reply(Some((200, intent.clone()))),
                None => reply(Some(error(404, "invalid_request_error", "resource_missing"))),
            }
        });
        let refunds = get(async |State(it): State<Self>, Query(query): Query<Form>| {
            let inner = it.0.lock().unwrap();
            let of = &query["payment_intent"];
            let data = inner.refunds.iter().filter(|it| it["payment_intent"] == **of);
            let data: Vec<&Value> = data.collect();
            Json(json!({ "data": data, "has_more": false }))
        });
        let router = Router::new()
            .route("/v1/payment_intents", write.clone())
            .route("/v1/payment_intents/search", found)
            .route("/v1/payment_intents/{id}", intent)
            .route("/v1/payment_intents/{id}/{what}", write.clone())
            .route("/v1/refunds", refunds.merge(write.clone()))
            .route("/v1/customers", write)
            .route("/v1/customers/{id}", delete(async || Json(json!({ "deleted": true }))))
            .with_state(service.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        (service, address)
    }

    /// The next requests are carried out, and their answers lost.
    pub(crate) fn lose_answers(&self, count: u32) {
        self.0.lock().unwrap().lose = count;
    }

    /// The next requests fail, and nothing of them happens.
    pub(crate) fn refuse(&self, count: u32) {
        self.0.lock().unwrap().refuse = count;
    }

    /// What was asked for.
    pub(crate) fn got(&self) -> Vec<Got> {
        std::mem::take(&mut self.0.lock().unwrap().got)
    }

    /// The payments that it has.
    pub(crate) fn intents(&self) -> Vec<Value> {
        self.0.lock().unwrap().intents.clone()
    }

    /// How often money was taken that had been held.
    pub(crate) fn captures(&self) -> u32 {
        self.0.lock().unwrap().captures
    }

    /// A payer does something there: pays what waits for them.
    pub(crate) fn pays(&self, id: &str) {
        let mut inner = self.0.lock().unwrap();
        let intent = inner.intents.iter_mut().find(|intent| intent["id"] == id).unwrap();
        attempt(intent, "pm_card_visa").unwrap();
    }
}

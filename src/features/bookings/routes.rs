//! The routes of bookings.

use super::doors::List;
use super::{Bookings, reviews, slots};
use crate::auth::Caller;
use crate::idempotency::Key;
use crate::problem::{Body, Outcome, Problem};
use axum::extract::{FromRequest as _, Path, Query, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use protocol::bookings as wire;
use protocol::session::Done;
use protocol::{BookingId, ClientId, Error, ServiceId, UserId};
use std::sync::Arc;
use uuid::Uuid;

type Service = State<Arc<Bookings>>;
/// A service, or a review, of a coach.
type OfCoach<T> = Path<(UserId, T)>;

/// RFC 5545 §8.1.
const CALENDAR: &str = "text/calendar; charset=utf-8";

impl Bookings {
    /// `/v1/coaches/{id}/…`, `/v1/bookings/…` and `/v1/calendar/…`
    pub fn routes(self: Arc<Self>) -> Router {
        Router::new()
            .route("/v1/coaches/{id}/services", get(services).post(create_service))
            .route(
                "/v1/coaches/{id}/services/{service}",
                patch(update_service).delete(delete_service),
            )
            .route("/v1/coaches/{id}/availability", get(availability).put(set_availability))
            .route("/v1/coaches/{id}/slots", get(free_slots))
            .route("/v1/coaches/{id}/reviews", get(list_reviews))
            .route("/v1/coaches/{id}/reviews/{review}/response", post(respond).put(respond))
            .route("/v1/bookings", get(list).post(create))
            .route("/v1/bookings/{id}", get(one))
            .route("/v1/bookings/{id}/confirm", post(confirm))
            .route("/v1/bookings/{id}/cancel", post(cancel))
            .route("/v1/bookings/{id}/reschedule", post(reschedule))
            .route("/v1/bookings/{id}/complete", post(complete))
            .route("/v1/bookings/{id}/no-show", post(no_show))
            .route("/v1/bookings/{id}/notes", get(notes).put(write_note).post(write_note))
            .route("/v1/bookings/{id}/review", get(review).put(write_review).post(write_review))
            .route("/v1/calendar", post(open_feed).delete(close_feed))
            .route("/v1/calendar/{file}", get(feed))
            .with_state(self)
    }
}

async fn services(it: Service, caller: Caller, id: Path<UserId>) -> Outcome<wire::Services> {
    Ok(Json(it.services(&caller, id.0).await?))
}

async fn create_service(
    it: Service,
    caller: Caller,
    key: Key,
    id: Path<UserId>,
    body: Body<wire::CreateService>,
) -> Outcome<wire::ServiceResult> {
    let run = |seed: Uuid| {
        let client_id = body.0.client_id.or(Some(ClientId(seed)));
        it.create_service(&caller, id.0, wire::CreateService { client_id, ..body.0.clone() })
    };
    Ok(Json(it.keys.once(caller.user_id, &key, "services", &body.0, run).await?))
}

async fn update_service(
    it: Service,
    caller: Caller,
    Path((id, service)): OfCoach<ServiceId>,
    body: Body<wire::UpdateService>,
) -> Outcome<wire::ServiceResult> {
    Ok(Json(it.update_service(&caller, id, service, body.0).await?))
}

async fn delete_service(
    it: Service,
    caller: Caller,
    Path((id, service)): OfCoach<ServiceId>,
) -> Outcome<Done> {
    it.delete_service(&caller, id, service).await?;
    Ok(Json(Done {}))
}

async fn availability(
    it: Service,
    caller: Caller,
    id: Path<UserId>,
) -> Outcome<wire::Availability> {
    Ok(Json(it.availability(&caller, id.0).await?))
}

async fn set_availability(
    it: Service,
    caller: Caller,
    id: Path<UserId>,
    body: Body<wire::Availability>,
) -> Outcome<wire::Availability> {
    Ok(Json(it.set_availability(&caller, id.0, body.0).await?))
}

async fn free_slots(
    it: Service,
    caller: Caller,
    id: Path<UserId>,
    ask: Query<slots::Ask>,
) -> Outcome<wire::Slots> {
    Ok(Json(it.slots(&caller, id.0, ask.0).await?))
}

async fn list_reviews(
    it: Service,
    caller: Caller,
    id: Path<UserId>,
    list: Query<reviews::List>,
) -> Outcome<wire::Reviews> {
    Ok(Json(it.reviews(&caller, id.0, list.0).await?))
}

async fn respond(
    it: Service,
    caller: Caller,
    Path((id, review)): OfCoach<BookingId>,
    body: Body<wire::Respond>,
) -> Outcome<wire::ReviewResult> {
    Ok(Json(it.respond(&caller, id, review, body.0).await?))
}

async fn create(
    it: Service,
    caller: Caller,
    key: Key,
    body: Body<wire::CreateBooking>,
) -> Outcome<wire::BookingResult> {
    let run = |seed: Uuid| {
        let client_id = body.0.client_id.or(Some(ClientId(seed)));
        it.create(&caller, wire::CreateBooking { client_id, ..body.0.clone() })
    };
    Ok(Json(it.keys.once(caller.user_id, &key, "bookings", &body.0, run).await?))
}

async fn list(it: Service, caller: Caller, list: Query<List>) -> Outcome<wire::Bookings> {
    Ok(Json(it.list(&caller, list.0).await?))
}

/// A booking, or with `.ics` behind its id the same for a calendar.
async fn one(it: Service, caller: Caller, name: Path<String>) -> Result<Response, Problem> {
    let id = |text: &str| {
        let id = text.parse::<BookingId>();
        id.map_err(|_| Error::from(super::model::Refusal::NoSuchBooking))
    };
    Ok(match name.strip_suffix(".ics") {
        Some(text) => as_calendar(it.ics(&caller, id(text)?).await?),
        None => Json(it.get(&caller, id(&name)?).await?).into_response(),
    })
}

fn as_calendar(text: String) -> Response {
    ([(header::CONTENT_TYPE, CALENDAR)], text).into_response()
}

async fn confirm(it: Service, caller: Caller, id: Path<BookingId>) -> Outcome<wire::BookingResult> {
    Ok(Json(it.confirm(&caller, id.0).await?))
}

async fn cancel(
    it: Service,
    caller: Caller,
    id: Path<BookingId>,
    request: Request,
) -> Outcome<wire::BookingResult> {
    // Without a body there is no reason.
    let cancel = if request.headers().contains_key(header::CONTENT_TYPE) {
        Body::from_request(request, &()).await?.0
    } else {
        wire::Cancel::default()
    };
    Ok(Json(it.cancel(&caller, id.0, cancel).await?))
}

async fn reschedule(
    it: Service,
    caller: Caller,
    id: Path<BookingId>,
    body: Body<wire::Reschedule>,
) -> Outcome<wire::BookingResult> {
    Ok(Json(it.reschedule(&caller, id.0, body.0).await?))
}

async fn complete(
    it: Service,
    caller: Caller,
    id: Path<BookingId>,
) -> Outcome<wire::BookingResult> {
    Ok(Json(it.complete(&caller, id.0).await?))
}

async fn no_show(it: Service, caller: Caller, id: Path<BookingId>) -> Outcome<wire::BookingResult> {
    Ok(Json(it.no_show(&caller, id.0).await?))
}

async fn notes(it: Service, caller: Caller, id: Path<BookingId>) -> Outcome<wire::Notes> {
    Ok(Json(it.notes(&caller, id.0).await?))
}

async fn write_note(
    it: Service,
    caller: Caller,
    id: Path<BookingId>,
    body: Body<wire::WriteNote>,
) -> Outcome<wire::Notes> {
    Ok(Json(it.write_note(&caller, id.0, body.0).await?))
}

async fn review(it: Service, caller: Caller, id: Path<BookingId>) -> Outcome<wire::ReviewResult> {
    Ok(Json(it.review_of(&caller, id.0).await?))
}

async fn write_review(
    it: Service,
    caller: Caller,
    id: Path<BookingId>,
    body: Body<wire::WriteReview>,
) -> Outcome<wire::ReviewResult> {
    Ok(Json(it.review(&caller, id.0, body.0).await?))
}

async fn open_feed(it: Service, caller: Caller) -> Outcome<wire::CalendarFeed> {
    Ok(Json(it.open_feed(&caller).await?))
}

async fn close_feed(it: Service, caller: Caller) -> Outcome<Done> {
    it.close_feed(caller.user_id).await?;
    Ok(Json(Done {}))
}

async fn feed(it: Service, file: Path<String>) -> Result<Response, Problem> {
    Ok(as_calendar(it.feed(&file).await?))
}

//! REST in small: errors as problem documents (RFC 9457), and JSON bodies whose rejections are
//! such documents too.

use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use protocol::{Error, ErrorCode, Format};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// `Content-Type` of a problem document.
pub const CONTENT_TYPE: &str = "application/problem+json";
/// A merge patch (RFC 7396): a body like others.
const MERGE_PATCH: &str = "application/merge-patch+json";

/// An error as the answer to a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    status: StatusCode,
    error: Error,
}

/// A problem document. What the protocol has in `detail` (`field` of an `invalid`, …) are members
/// of the document itself (RFC 9457 §3.2): that word is taken here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// `urn:sanctuary:error:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong, for people.
    pub detail: String,
    /// What went wrong, for programs: as on the socket.
    pub code: ErrorCode,
    /// Whether the client may try again on its own.
    pub retryable: bool,
    /// Not before this many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// More.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Problem {
    /// With another status than the code's own.
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = StatusCode::from_u16(error.code.http_status());
        Self { status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), error }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { status, error } = self;
        let retry_after_ms = error.retry_after_ms;
        let document = Document {
            kind: format!("urn:sanctuary:error:{}", error.code.word()),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            detail: error.message,
            code: error.code,
            retryable: error.retryable,
            retry_after_ms,
            more: members(error.detail),
        };
        let mut response = (status, Format::Json.encode(&document)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(ms) = retry_after_ms {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000)));
        }
        response
    }
}

/// The detail's own members, but for names that a problem document uses itself.
fn members(detail: Option<Value>) -> Map<String, Value> {
    const TAKEN: [&str; 8] =
        ["type", "title", "status", "detail", "instance", "code", "retryable", "retry_after_ms"];
    let Some(Value::Object(mut members)) = detail else { return Map::new() };
    members.retain(|name, _| !TAKEN.contains(&name.as_str()));
    members
}

/// What a handler of a route ends with.
pub type Outcome<T> = Result<axum::Json<T>, Problem>;

/// A JSON body.
#[derive(Debug, Clone, Copy)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let media_type = media_type(request.headers());
        let json = [Format::Json.content_type(), MERGE_PATCH];
        if !json.iter().any(|json| media_type.eq_ignore_ascii_case(json)) {
            let error = Error::new(ErrorCode::Malformed, "The body must be application/json.");
            return Err(Problem::from(error).with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| unreadable(&rejection))?;
        decode(&bytes).map(Self).map_err(Problem::from)
    }
}

/// The `Content-Type` of a request without its parameters; empty where there is none.
pub fn media_type(headers: &HeaderMap) -> &str {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim()
}

fn unreadable(rejection: &BytesRejection) -> Problem {
    let error = if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Error::new(ErrorCode::TooLarge, "The body is larger than we take.")
    } else {
        Error::new(ErrorCode::Malformed, "The body did not arrive whole.")
    };
    error.into()
}

/// `malformed` for what is not JSON, `invalid` with the field for what does not fit.
fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    Format::Json.decode(bytes).map_err(|error| {
        if serde_json::from_slice::<&RawValue>(bytes).is_err() {
            return Error::new(ErrorCode::Malformed, "The body is not JSON.");
        }
        let missing = error.message.strip_prefix("missing field `");
        let field = missing.and_then(|rest| rest.split('`').next()).unwrap_or(&error.field);
        // The message of serde names places in the text and never its content but for a wrong
        // value, which is the client's own.
        Error::invalid(field, error.message.clone())
    })
}

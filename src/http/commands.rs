//! `POST /v1/commands`: the commands of the socket, for a client without one. The body is one
//! command, in either encoding by its `Content-Type`; so is the reply, with the error's status.

use crate::auth::Caller;
use crate::dispatch::Dispatch;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use protocol::{CommandFrame, Error, ErrorCode, Format, Rejected, ReplyFrame};

/// The route.
pub fn routes(dispatch: Dispatch) -> Router {
    Router::new().route("/v1/commands", post(run)).with_state(dispatch)
}

async fn run(
    State(dispatch): State<Dispatch>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let media_type = crate::problem::media_type(&headers);
    let format = [Format::Json, Format::MessagePack]
        .into_iter()
        .find(|format| format.content_type().eq_ignore_ascii_case(media_type));
    let Some(format) = format else {
        let error = Error::new(
            ErrorCode::Malformed,
            "The body must be application/json or application/msgpack.",
        );
        let problem = crate::problem::Problem::from(error);
        return problem.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE).into_response();
    };
    let (id, outcome) = match read(format, &body) {
        Ok(CommandFrame { id, command }) => (Some(id), dispatch.command(&caller, command).await),
        Err(Rejected { id, error }) => (id, Err(error)),
    };
    let status = match &outcome {
        Ok(_) => StatusCode::OK,
        Err(error) => StatusCode::from_u16(error.code.http_status())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
    };
    let reply = format.encode(&ReplyFrame::new(id, &outcome));
    (status, [(header::CONTENT_TYPE, format.content_type())], reply).into_response()
}

fn read(format: Format, body: &[u8]) -> Result<CommandFrame, Rejected> {
    let malformed =
        |message: &str| Rejected { id: None, error: Error::new(ErrorCode::Malformed, message) };
    let frames = format.split(body).map_err(|error| malformed(&error.message))?;
    match frames.as_slice() {
        [frame] => CommandFrame::decode(format, frame),
        _ => Err(malformed("One command, please.")),
    }
}

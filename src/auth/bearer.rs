//! `Authorization: Bearer` (RFC 6750 §2.1) on HTTP requests. A token never stands in a URL.

use super::{Authenticator, Caller, Denied};
use crate::error::internal;
use crate::problem::Problem;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use std::sync::Arc;

/// The token in a request's headers.
pub fn bearer_of(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// Handlers take a [`Caller`] as an argument; the router carries the [`Authenticator`] as an
/// extension.
impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let authenticator = parts
            .extensions
            .get::<Arc<Authenticator>>()
            .ok_or_else(|| internal(&"the router has no authenticator"))?;
        let token = bearer_of(&parts.headers).ok_or(Denied::BadToken).map_err(problem)?;
        authenticator.authenticate(token).await.map_err(problem)
    }
}

fn problem(denied: Denied) -> Problem {
    Problem::from(protocol::Error::from(denied))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_token_counts() {
        for (value, token) in [
            ("Bearer abc", Some("abc")),
            ("bearer abc", Some("abc")),
            ("Bearer  abc ", Some("abc")),
            ("Bearer", None),
            ("Bearer ", None),
            ("Basic abc", None),
            ("abc", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            assert_eq!(bearer_of(&headers), token, "{value:?}");
        }
        assert_eq!(bearer_of(&HeaderMap::new()), None);
    }
}

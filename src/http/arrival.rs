//! When a request came and what it is called.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that is taken from a client.
const MAX_ID: usize = 128;

/// When a request came and what it is called.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    /// The client's id, or one of ours where it sent none that can be used.
    pub id: Arc<str>,
    /// Deadlines count from here.
    pub at: Instant,
}

impl Arrival {
    fn new(headers: &HeaderMap) -> Self {
        let sent = headers.get(REQUEST_ID).and_then(usable);
        let id = sent.unwrap_or_else(|| uuid::Uuid::now_v7().to_string().into());
        Self { id, at: Instant::now() }
    }

    /// What [`note`] has left with the request.
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_else(|| Self::new(&HeaderMap::new()))
    }
}

impl<S: Sync> FromRequestParts<S> for Arrival {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

/// An id goes into headers and log lines as it is, so it has to be plain.
fn usable(value: &HeaderValue) -> Option<Arc<str>> {
    let text = value.to_str().ok()?;
    let plain = (1..=MAX_ID).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    plain.then(|| text.into())
}

/// Notes the arrival of each request, and names it in the answer.
pub(super) async fn note(mut request: Request, next: Next) -> Response {
    let arrival = Arrival::new(request.headers());
    let id = HeaderValue::from_str(&arrival.id);
    request.extensions_mut().insert(arrival);
    let mut response = next.run(request).await;
    if let Ok(id) = id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(sent: &[u8]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_bytes(sent).unwrap());
        Arrival::new(&headers).id.to_string()
    }

    #[test]
    fn plain_ids_are_kept_and_others_replaced() {
        assert_eq!(id_for(b"req-7/a"), "req-7/a");
        for odd in [&b""[..], b"two words", b"\xff", &[b'x'; MAX_ID + 1]] {
            let id = id_for(odd);
            assert!(id.parse::<uuid::Uuid>().is_ok(), "{id}");
        }
    }
}

//! How many ranked requests may be under way at a time.
//!
//! One more than that is turned away without a look into its body: a rejection
//! has to cost almost nothing, or an overload becomes an outage.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use super::arrival::Arrival;
use super::body;
use super::dialects::Dialect;
use super::error::{ApiError, ErrorCode};
use super::state::HttpState;

/// Longest wait that is asked of a client, in seconds.
const MAX_RETRY_AFTER: u64 = 3;

/// Counts requests under way against a limit that may change meanwhile.
#[derive(Default)]
pub(super) struct Admission {
    limit: AtomicUsize,
    under_way: Arc<AtomicUsize>,
}

/// A place under the limit, given back when it is dropped. A request carries it
/// as an extension: an answer that is a stream keeps it until its end.
pub(super) struct Place(Arc<AtomicUsize>);

impl Admission {
    /// Sets the limit; none takes it away.
    pub fn set_limit(&self, limit: Option<usize>) {
        self.limit.store(limit.unwrap_or(usize::MAX), Ordering::Relaxed);
    }

    /// A place, if one is free.
    pub fn enter(&self) -> Option<Place> {
        let limit = self.limit.load(Ordering::Relaxed);
        self.under_way
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < limit).then_some(n + 1))
            .ok()
            .map(|_| Place(Arc::clone(&self.under_way)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Lets a request in or answers 429.
pub(super) async fn admit(
    State(state): State<HttpState>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(place) = state.admission().enter() {
        let place = Arc::new(place);
        request.extensions_mut().insert(Arc::clone(&place));
        let response = next.run(request).await;
        drop(place);
        return response;
    }
    let error = ApiError::new(
        ErrorCode::TooManyRequests,
        "as many requests are under way as this gateway takes: try again later",
    );
    let id = Arrival::of(request.extensions()).id;
    let dialect = Dialect::of_path(request.uri().path());
    body::discard(request).await;
    later(dialect.error(&error, &id))
}

/// The answer with the wait that it asks of the client.
pub(super) fn later(mut response: Response) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after()));
    response
}

/// Seconds to wait, different for each client, so that those turned away
/// together don't come back together.
fn retry_after() -> u64 {
    1 + RandomState::new().build_hasher().finish() % MAX_RETRY_AFTER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_and_given_back() {
        let admission = Admission::default();
        assert!(admission.enter().is_none(), "a limit of 0 lets nobody in");
        admission.set_limit(Some(1));
        let place = admission.enter();
        assert!(place.is_some() && admission.enter().is_none());
        drop(place);
        let _place = admission.enter().expect("the place is free again");
        admission.set_limit(None);
        assert!(admission.enter().is_some(), "no limit");
    }

    #[test]
    fn the_wait_is_short_and_never_zero() {
        assert!((0..50).map(|_| retry_after()).all(|s| (1..=MAX_RETRY_AFTER).contains(&s)));
    }
}

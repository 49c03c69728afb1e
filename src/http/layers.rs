//! All layers, outermost first.

use std::any::Any;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

use super::error::{ApiError, ErrorCode};
use super::state::HttpState;
use super::{access, admission, arrival, host};

/// Around every route.
pub(super) fn around_all(router: Router) -> Router {
    router.layer(
        ServiceBuilder::new()
            // First, so that every answer has an id and deadlines count from here.
            .layer(from_fn(arrival::note))
            // Outside whatever may refuse or fail, so that refusals are logged too.
            .layer(from_fn(access::record))
            // A fault of ours costs one request, not the process; inside the log
            // line, so that it is seen.
            .layer(CatchPanicLayer::custom(after_panic))
            // Before anything reads the request: what is ambiguous is refused.
            .layer(from_fn(host::check)),
    )
}

/// Around the routes that rank, and not around probes.
pub(super) fn around_ranked(router: Router<HttpState>, state: HttpState) -> Router<HttpState> {
    // Outside the handlers, which read the body: a rejection must cost nothing.
    router.layer(from_fn_with_state(state, admission::admit))
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
fn after_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    // The message of a panic may quote what it choked on.
    tracing::error!(bytes = message.map(str::len), "a handler panicked");
    ApiError::new(ErrorCode::Internal, "the gateway has a fault; the log has more").problem("")
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    async fn broken() {
        panic!("a fault of ours")
    }

    #[tokio::test]
    async fn a_panic_costs_one_request_and_has_an_id() {
        let router = around_all(Router::new().route("/broken", get(broken)));
        for _ in 0..2 {
            let request = Request::get("/broken").header("host", "a").body(Body::empty());
            let response = router.clone().oneshot(request.unwrap()).await.unwrap();
            assert_eq!(response.status(), 500);
            assert!(response.headers().contains_key("x-request-id"));
            let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
            let text = String::from_utf8(body.to_vec()).unwrap();
            assert!(!text.contains("a fault of ours"), "{text}");
        }
    }
}

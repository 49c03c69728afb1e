//! Files of pages, with what keeps a browser to them.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};

use super::state::HttpState;

/// A page.
pub(super) fn html(text: &'static str, policy: &'static str) -> MethodRouter<HttpState> {
    file("text/html; charset=utf-8", text, policy)
}

/// A style.
pub(super) fn style(text: &'static str, policy: &'static str) -> MethodRouter<HttpState> {
    file("text/css; charset=utf-8", text, policy)
}

/// A script.
pub(super) fn script(text: &'static str, policy: &'static str) -> MethodRouter<HttpState> {
    file("text/javascript; charset=utf-8", text, policy)
}

fn file(kind: &'static str, text: &'static str, policy: &'static str) -> MethodRouter<HttpState> {
    get(
        move || async move { guarded(([(header::CONTENT_TYPE, kind)], text).into_response(), policy) },
    )
}

/// With the headers that every file of a page has.
pub(super) fn guarded(mut response: Response, policy: &'static str) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // A new release has a new page.
        (header::CACHE_CONTROL, "no-cache"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

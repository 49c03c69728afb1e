//! Paths and methods that don't exist.

use axum::extract::Request;
use axum::http::Method;
use axum::response::Response;

use crate::http::arrival::Arrival;
use crate::http::dialects::Dialect;
use crate::http::error::{ApiError, ErrorCode};

/// 404.
pub(in crate::http) async fn not_found(arrival: Arrival, request: Request) -> Response {
    let error = ApiError::new(
        ErrorCode::NotFound,
        "there is no such route; rankings are at POST /v1/search, /v1/rerank and /v2/rerank",
    );
    Dialect::of_path(request.uri().path()).error(&error, &arrival.id)
}

/// 405.
pub(in crate::http) async fn method_not_allowed(arrival: Arrival, request: Request) -> Response {
    let path = request.uri().path();
    let detail = format!("this route takes {}", methods(path, request.method()));
    let error = ApiError::new(ErrorCode::MethodNotAllowed, detail);
    Dialect::of_path(path).error(&error, &arrival.id)
}

/// What a route takes that doesn't take `refused`.
fn methods(path: &str, refused: &Method) -> &'static str {
    match path.strip_prefix("/v1/collections/").map(|below| below.split('/').count()) {
        Some(1) => "GET",
        Some(2) => "POST and GET",
        Some(_) => "DELETE",
        None if *refused == Method::POST => "GET",
        None => "POST",
    }
}

//! Rerank APIs that existing clients speak.
//!
//! A dialect is two thin adapters, from its request to a [`Wanted`] and from an
//! answer to its response, and a form for errors. The path in between,
//! [`rerank`], is the same for all, so that nothing is counted twice or
//! forgotten in one of them.

mod cohere_v2;
mod documents;
mod rerank_v1;
mod unprefixed;
mod voyage;
mod wanted;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

pub(super) use cohere_v2::CohereV2;
pub(super) use rerank_v1::RerankV1;
pub(super) use unprefixed::Unprefixed;
pub(super) use voyage::Voyage;
use wanted::Wanted;

use super::access::ErrorNote;
use super::arrival::Arrival;
use super::error::{ApiError, ErrorCode};
use super::state::HttpState;
use super::{body, deadline, ranked};
use crate::pipeline::{Answer, Asked, RerankRequest};

/// How one API writes requests and answers.
pub(super) trait RerankDialect: 'static {
    /// The form of its errors.
    const DIALECT: Dialect;
    /// Its request.
    type Body: DeserializeOwned + Send;
    /// What its answer repeats of the request.
    type Echo: Send;

    /// The form of errors of a request, where a path has several.
    fn dialect(_body: &Self::Body) -> Dialect {
        Self::DIALECT
    }

    /// What the request asks for.
    fn read(body: Self::Body) -> Result<(Wanted, Self::Echo), ApiError>;

    /// The answer to a request that brought `documents` documents.
    fn write<'a>(answer: &'a Answer, documents: usize, echo: &'a Self::Echo)
    -> impl Serialize + 'a;
}

/// Ranks the documents that a request brings.
pub(super) async fn rerank<D: RerankDialect>(
    State(state): State<HttpState>,
    arrival: Arrival,
    request: Request,
) -> Response {
    let id = Arc::clone(&arrival.id);
    let headers = request.headers().clone();
    let body: D::Body = match body::object(request, state.max_body()).await {
        Ok(body) => body,
        Err(error) => return D::DIALECT.error(&error, &id),
    };
    let dialect = D::dialect(&body);
    match answer::<D>(&state, arrival, &headers, body).await {
        Ok(response) => response,
        Err(error) => dialect.error(&error, &id),
    }
}

async fn answer<D: RerankDialect>(
    state: &HttpState,
    arrival: Arrival,
    headers: &HeaderMap,
    body: D::Body,
) -> Result<Response, ApiError> {
    let (wanted, echo) = D::read(body)?;
    let deadline = deadline::read(headers, wanted.deadline_ms)?;
    let documents = wanted.documents.len();
    let request = RerankRequest {
        asked: Asked {
            id: arrival.id.to_string(),
            received: arrival.at,
            pipeline: wanted.pipeline,
            query: wanted.query,
            top_n: wanted.top_n,
            deadline,
            strategy: None,
            prompt: None,
            explain: Some(wanted.explain),
            context: serde_json::Map::new(),
        },
        documents: wanted.documents,
        max_tokens_per_document: wanted.max_tokens_per_document,
    };
    let answer = state.gateway().rerank(request).await?;
    ranked::respond(&answer, &D::write(&answer, documents, &echo))
}

/// The forms of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// RFC 9457.
    Native,
    /// `{"id", "message"}`.
    CohereV2,
    /// `{"id", "message", "detail"}`: clients of Cohere's v1 read the one,
    /// those of Jina the other.
    RerankV1,
    /// `{"detail"}`.
    Voyage,
    /// `{"error", "error_type"}`, and what [`Dialect::RerankV1`] has: on its
    /// path a body that can't be read may be of either.
    Tei,
}

impl Dialect {
    /// The dialect of a path, also of one whose request never got to a route.
    pub fn of_path(path: &str) -> Self {
        match path {
            "/v2/rerank" => Self::CohereV2,
            "/v1/rerank" => Self::RerankV1,
            "/voyage/v1/rerank" => Self::Voyage,
            "/rerank" => Self::Tei,
            _ => Self::Native,
        }
    }

    /// An error in this form.
    pub fn error(self, error: &ApiError, request_id: &str) -> Response {
        let status = self.status(error.code);
        let mut response = match self {
            Self::Native => error.problem(request_id),
            Self::CohereV2 => {
                let body = json!({ "id": request_id, "message": message(error) });
                (status, Json(body)).into_response()
            }
            Self::RerankV1 => {
                let message = message(error);
                let body = json!({ "id": request_id, "message": message, "detail": message });
                (status, Json(body)).into_response()
            }
            Self::Voyage => (status, Json(json!({ "detail": message(error) }))).into_response(),
            Self::Tei => {
                let message = message(error);
                let body = json!({
                    "error": message,
                    "error_type": tei_type(error.code),
                    "id": request_id,
                    "message": message,
                    "detail": message,
                });
                (status, Json(body)).into_response()
            }
        };
        response.extensions_mut().insert(ErrorNote(error.code));
        response
    }

    /// Most of these APIs know no 422 for a wrong value: it is a bad request.
    const fn status(self, code: ErrorCode) -> StatusCode {
        match (self, code) {
            (
                Self::CohereV2 | Self::RerankV1 | Self::Voyage,
                ErrorCode::InvalidValue | ErrorCode::Empty,
            )
            | (Self::Tei, ErrorCode::Empty)
            // Voyage's client has no error for a 404.
            | (Self::Voyage, ErrorCode::UnknownPipeline) => StatusCode::BAD_REQUEST,
            _ => code.status(),
        }
    }
}

/// What Text Embeddings Inference calls an error.
const fn tei_type(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::Empty => "Empty",
        ErrorCode::TooManyRequests => "Overloaded",
        ErrorCode::FirstStage | ErrorCode::Storage => "Unhealthy",
        ErrorCode::Internal => "Backend",
        _ => "Validation",
    }
}

/// A text as these APIs write it.
fn message(error: &ApiError) -> String {
    match (error.code, &error.field) {
        // They call it `model`, which the text says by itself.
        (ErrorCode::UnknownPipeline, _) => error.detail.clone(),
        (ErrorCode::InvalidValue, Some(_)) => format!("invalid request: {}", error.message()),
        _ => error.message(),
    }
}

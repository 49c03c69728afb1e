//! Rerank APIs that existing clients speak.
//!
//! A dialect is two thin adapters, from its request to a [`Wanted`] and from an
//! answer to its response, and a form for errors. The path in between,
//! [`rerank`], is the same for all, so that nothing is counted twice or
//! forgotten in one of them.

mod cohere_v2;
mod documents;
mod errors;
mod rerank_v1;
mod unprefixed;
mod voyage;
mod wanted;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(super) use cohere_v2::CohereV2;
pub(super) use errors::Dialect;
pub(super) use rerank_v1::RerankV1;
pub(super) use unprefixed::Unprefixed;
pub(super) use voyage::Voyage;
pub(super) use wanted::VISIBLE;
use wanted::Wanted;

use super::arrival::Arrival;
use super::error::{ApiError, ErrorCode};
use super::openapi::{JSON, Operation, Schemas, Tag};
use super::state::HttpState;
use super::{body, deadline, ranked};
use crate::pipeline::{Answer, Asked, RerankRequest};

/// How one API writes requests and answers.
pub(super) trait RerankDialect: 'static {
    /// The form of its errors.
    const DIALECT: Dialect;
    /// Its name, its route's name in generated clients, and who speaks it.
    const ABOUT: About;
    /// Its request.
    type Body: DeserializeOwned + JsonSchema + Send;
    /// What its answer repeats of the request.
    type Echo: Send;
    /// Its answer.
    type Reply<'a>: Serialize + JsonSchema;

    /// The form of errors of a request, where a path has several.
    fn dialect(_body: &Self::Body) -> Dialect {
        Self::DIALECT
    }

    /// The forms of errors of its path.
    fn dialects() -> Vec<Dialect> {
        vec![Self::DIALECT]
    }

    /// What a request may hold.
    fn body_schema(schemas: &mut Schemas) -> Value {
        schemas.read::<Self::Body>()
    }

    /// What the request asks for.
    fn read(body: Self::Body) -> Result<(Wanted, Self::Echo), ApiError>;

    /// The answer to a request that brought `documents` documents.
    fn write<'a>(answer: &'a Answer, documents: usize, echo: &'a Self::Echo) -> Self::Reply<'a>;
}

/// What is said of a dialect.
pub(super) struct About {
    /// Its route's name in generated clients.
    pub id: &'static str,
    /// One line.
    pub summary: &'static str,
    /// More.
    pub description: &'static str,
    /// What it calls the documents, and how many results are wanted.
    pub names: [&'static str; 2],
}

/// What can go wrong with a request of a dialect.
pub(super) const CODES: [ErrorCode; 11] = [
    ErrorCode::BadHost,
    ErrorCode::InvalidJson,
    ErrorCode::IncompleteBody,
    ErrorCode::UnknownPipeline,
    ErrorCode::SlowBody,
    ErrorCode::BodyTooLarge,
    ErrorCode::UnsupportedMediaType,
    ErrorCode::InvalidValue,
    ErrorCode::Empty,
    ErrorCode::TooManyRequests,
    ErrorCode::Internal,
];

/// Describes the route of a dialect.
pub(super) fn describe<D: RerankDialect>(schemas: &mut Schemas) -> Operation {
    let About { id, summary, description, names: [documents, top] } = D::ABOUT;
    let body = D::body_schema(schemas);
    let mut example = json!({
        "query": "hiking boots without leather",
        documents: ["Full-grain leather boots", "Boots of recycled nylon", "Wax for leather boots"],
    });
    if !top.is_empty() {
        example[top] = 2.into();
    }
    let reply = schemas.written::<D::Reply<'static>>();
    let operation = Operation::new(id, Tag::Rerank, summary, description)
        .reads(JSON, body, example)
        .answers(StatusCode::OK, "The documents, best first.", &[(JSON, reply)])
        .fails(&D::dialects(), &CODES, schemas);
    ranked::describe(operation)
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
            trace: false,
        },
        documents: wanted.documents,
        max_tokens_per_document: wanted.max_tokens_per_document,
    };
    let answer = state.gateway().rerank(request).await?;
    ranked::respond(&answer, &D::write(&answer, documents, &echo))
}

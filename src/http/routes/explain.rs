//! `POST /v1/explain`: why these documents, or why one above another.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::natively;
use super::search::PROMPT;
use crate::domain::{DocId, Explanation, Query, Usage};
use crate::http::arrival::Arrival;
use crate::http::deadline::MAX_MS;
use crate::http::dialects::{Dialect, VISIBLE};
use crate::http::error::{ApiError, ErrorCode};
use crate::http::openapi::{JSON, Operation, Schemas, Tag, WITH_JSON};
use crate::http::state::HttpState;
use crate::http::whole;
use crate::http::{body, deadline};
use crate::pipeline::{
    Asked, DocumentsToExplain, ExplainAnswer, ExplainInfo, ExplainRequest, Timing, Trace,
};

/// Most documents of one request: each is a call of an LLM.
const MOST: usize = 20;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ExplainRequest", extend("if" = contrasting(), "then" = of_two()))]
struct ExplainBody {
    /// What was searched for.
    #[schemars(regex(pattern = VISIBLE))]
    query: String,
    /// The documents; of a contrast the upper one first.
    #[schemars(with = "Vec<DocId>", length(min = 1, max = MOST), extend("uniqueItems" = true))]
    ids: Vec<String>,
    /// A pipeline or one of its aliases; absent: the default pipeline.
    pipeline: Option<String>,
    /// Whether two documents are compared, instead of each being explained.
    #[serde(default)]
    contrast: bool,
    /// Fields for the prompt, such as a profile.
    #[serde(default)]
    context: Option<Map<String, Value>>,
    /// The prompt, `name@vN` or `name@latest`; absent: the pipeline's.
    #[schemars(regex(pattern = PROMPT))]
    prompt: Option<String>,
    /// Whether the answer is to tell each LLM call.
    trace: Option<bool>,
    /// Milliseconds from arrival to the complete answer; absent: the pipeline's.
    #[schemars(range(min = 1, max = MAX_MS))]
    #[serde(default, deserialize_with = "whole::optional")]
    deadline_ms: Option<u64>,
}

fn contrasting() -> Value {
    json!({ "properties": { "contrast": { "const": true } }, "required": ["contrast"] })
}

fn of_two() -> Value {
    json!({ "properties": { "ids": { "minItems": 2, "maxItems": 2 } } })
}

/// Describes the route.
pub(in crate::http) fn describe_explain(schemas: &mut Schemas) -> Operation {
    let codes: Vec<ErrorCode> = WITH_JSON
        .into_iter()
        .chain([
            ErrorCode::UnknownPipeline,
            ErrorCode::UnknownCollection,
            ErrorCode::UnknownDocument,
            ErrorCode::TooManyRequests,
            ErrorCode::FirstStage,
        ])
        .collect();
    let description = "Each document's explanation has quotes that stand in it, or is the first stage's. With \
                       `contrast`, why the first of two stands above the second.";
    let body = schemas.read::<ExplainBody>();
    let answer = schemas.written::<View>();
    Operation::new("explain", Tag::Search, "Explain documents", description)
        .reads(JSON, body, json!({ "query": "light tent for two", "ids": ["tent-1"] }))
        .answers(StatusCode::OK, "The explanations.", &[(JSON, answer)])
        .fails(&[Dialect::Native], &codes, schemas)
        .header(deadline::HEADER, "The answer is complete by then.", deadline::schema())
}

/// Explains stored documents.
pub(in crate::http) async fn explain(
    State(state): State<HttpState>,
    arrival: Arrival,
    request: Request,
) -> Response {
    let id = Arc::clone(&arrival.id);
    natively(answer(&state, arrival, request).await, &id)
}

async fn answer(
    state: &HttpState,
    arrival: Arrival,
    request: Request,
) -> Result<Response, ApiError> {
    let headers = request.headers().clone();
    let body: ExplainBody = body::object(request, state.max_body()).await?;
    let deadline = deadline::read(&headers, body.deadline_ms)?;
    let request = read(body, &arrival, deadline)?;
    let answer = state.gateway().explain(request).await?;
    Ok(Json(View::of(&answer)).into_response())
}

fn read(
    body: ExplainBody,
    arrival: &Arrival,
    deadline: Option<std::time::Duration>,
) -> Result<ExplainRequest, ApiError> {
    let query =
        Query::new(&body.query).map_err(|error| ApiError::invalid("query", error.to_string()))?;
    let documents = documents(ids(&body.ids)?, body.contrast)?;
    let asked = Asked {
        id: arrival.id.to_string(),
        received: arrival.at,
        pipeline: body.pipeline,
        query,
        top_n: None,
        deadline,
        strategy: None,
        prompt: body.prompt,
        explain: Some(true),
        context: body.context.unwrap_or_default(),
        trace: body.trace == Some(true),
    };
    Ok(ExplainRequest { asked, documents })
}

fn ids(given: &[String]) -> Result<Vec<DocId>, ApiError> {
    if !(1..=MOST).contains(&given.len()) {
        return Err(ApiError::invalid("ids", format!("write 1 to {MOST} ids")));
    }
    let mut ids = Vec::with_capacity(given.len());
    for id in given {
        let id = DocId::new(id).map_err(|error| ApiError::invalid("ids", error.to_string()))?;
        if ids.contains(&id) {
            return Err(ApiError::invalid("ids", "write each id once"));
        }
        ids.push(id);
    }
    Ok(ids)
}

fn documents(ids: Vec<DocId>, contrast: bool) -> Result<DocumentsToExplain, ApiError> {
    if !contrast {
        return Ok(DocumentsToExplain::Each(ids));
    }
    <[DocId; 2]>::try_from(ids).map(DocumentsToExplain::Contrast).map_err(|_| {
        ApiError::invalid("ids", "a contrast is between two: the upper document's id first")
    })
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ExplainResponse")]
struct View<'a> {
    /// The request's id.
    id: &'a str,
    /// One for each document, in the request's order.
    explanations: Vec<Entry<'a>>,
    /// How they came about.
    explain: &'a ExplainInfo,
    /// What this request spent on LLM calls.
    usage: &'a Usage,
    /// Milliseconds by step.
    timing_ms: &'a Timing,
    /// Each LLM call of the request, where `trace` asks for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<&'a Trace>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ExplainedDocument")]
struct Entry<'a> {
    /// The document's id.
    id: &'a DocId,
    /// Why it fits, as far as it can be shown.
    explanation: &'a Explanation,
}

impl<'a> View<'a> {
    fn of(answer: &'a ExplainAnswer) -> Self {
        let explanations = answer.explanations.iter();
        Self {
            id: &answer.id,
            explanations: explanations.map(|(id, explanation)| Entry { id, explanation }).collect(),
            explain: &answer.explain,
            usage: &answer.usage,
            timing_ms: &answer.timing,
            trace: answer.trace.as_ref(),
        }
    }
}

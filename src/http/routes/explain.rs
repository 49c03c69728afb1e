//! `POST /v1/explain`: why these documents, or why one above another.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::natively;
use crate::domain::{DocId, Explanation, Query, Usage};
use crate::http::arrival::Arrival;
use crate::http::error::ApiError;
use crate::http::state::HttpState;
use crate::http::{body, deadline};
use crate::pipeline::{
    Asked, DocumentsToExplain, ExplainAnswer, ExplainInfo, ExplainRequest, Timing,
};

/// Most documents of one request: each is a call of an LLM.
const MOST: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExplainBody {
    query: String,
    ids: Vec<String>,
    pipeline: Option<String>,
    #[serde(default)]
    contrast: bool,
    #[serde(default)]
    context: Option<Map<String, Value>>,
    prompt: Option<String>,
    deadline_ms: Option<u64>,
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

#[derive(Serialize)]
struct View<'a> {
    id: &'a str,
    explanations: Vec<Entry<'a>>,
    explain: &'a ExplainInfo,
    usage: &'a Usage,
    timing_ms: &'a Timing,
}

#[derive(Serialize)]
struct Entry<'a> {
    id: &'a DocId,
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
        }
    }
}

//! What every ranked answer carries, whatever its dialect: the headers, and a
//! note for the log line and the metrics.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use serde_json::json;

use super::deadline;
use super::error::{ApiError, ErrorCode};
use super::openapi::Operation;
use crate::pipeline::{Answer, Timing};

/// What the log line and the metrics of a ranked request say.
#[derive(Clone, Debug)]
pub(super) struct RankedNote {
    pub status: &'static str,
    pub reason: Option<&'static str>,
    pub cache: &'static str,
    pub pipeline: String,
    pub calls: u32,
    pub failed_calls: u32,
    /// Milliseconds spent waiting for the engine or an upstream.
    pub waiting_ms: f64,
}

impl RankedNote {
    pub fn of(answer: &Answer) -> Self {
        let ranking = &answer.ranking;
        Self {
            status: ranking.outcome.status().as_str(),
            reason: ranking.outcome.reason(),
            cache: ranking.cache.as_str(),
            pipeline: ranking.pipeline.clone(),
            calls: ranking.calls,
            failed_calls: ranking.failed_calls,
            waiting_ms: answer.timing.waiting,
        }
    }
}

/// The response to a ranked request: `body` is the answer in its dialect.
///
/// # Errors
/// When the answer can't be written as JSON.
pub(super) fn respond(answer: &Answer, body: &impl Serialize) -> Result<Response, ApiError> {
    let json = serde_json::to_vec(body).map_err(|error| {
        tracing::error!(%error, "an answer can't be written");
        ApiError::new(ErrorCode::Internal, "the answer can't be written")
    })?;
    let mut response = Response::new(Body::from(json));
    let json_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json_type);
    write_headers(response.headers_mut(), answer);
    response.extensions_mut().insert(RankedNote::of(answer));
    Ok(response)
}

fn write_headers(headers: &mut HeaderMap, answer: &Answer) {
    let ranking = &answer.ranking;
    let timing = server_timing(&answer.timing);
    let values = [
        ("x-rankgate-status", Some(ranking.outcome.status().as_str())),
        ("x-rankgate-reason", ranking.outcome.reason()),
        ("x-rankgate-cache", Some(ranking.cache.as_str())),
        ("x-rankgate-pipeline", Some(ranking.pipeline.as_str())),
        ("x-rankgate-prompt", ranking.prompt.as_deref()),
        ("server-timing", Some(timing.as_str())),
    ];
    for (name, value) in values {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}

/// The headers of requests that are ranked, and of their answers.
pub(super) fn describe(operation: Operation) -> Operation {
    let text = || json!({ "type": "string" });
    let operation = operation
        .header("x-request-id", "An id of the client's, for answer and log.", text())
        .header(deadline::HEADER, "The answer is complete by then.", deadline::schema())
        .header("x-rankgate-user", "An opaque unit for experiments; never logged as it is.", text())
        .header("traceparent", "The caller's trace (W3C Trace Context).", text());
    [
        ("x-rankgate-status", "How the ranking came about."),
        ("x-rankgate-reason", "Why it isn't the LLM's, where it isn't."),
        ("x-rankgate-cache", "Where the ranking was taken from."),
        ("x-rankgate-pipeline", "The pipeline that ranked."),
        ("x-rankgate-prompt", "The prompt, `name@vN`."),
        ("server-timing", "Milliseconds by step."),
    ]
    .into_iter()
    .fold(operation, |operation, (name, description)| {
        operation.answers_header(StatusCode::OK, name, description)
    })
}

fn server_timing(timing: &Timing) -> String {
    let Timing { total, retrieve, rerank, explain, .. } = *timing;
    let mut steps = vec![("retrieve", retrieve), ("rerank", rerank)];
    if explain > 0.0 {
        steps.push(("explain", explain));
    }
    steps.push(("total", total));
    let steps: Vec<String> = steps.iter().map(|(step, ms)| format!("{step};dur={ms:.1}")).collect();
    steps.join(", ")
}

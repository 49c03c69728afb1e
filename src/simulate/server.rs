//! The simulated model over HTTP, as an OpenAI-compatible upstream.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::simulator::{Answer, Simulator};
use super::stats::Counts;
use super::wire::{ApiError, MODEL};

/// Largest body of a request in bytes.
const MAX_BODY: usize = 16 << 20;

#[derive(Clone)]
struct Served {
    simulator: Arc<Simulator>,
    /// Recognising and counting are work: as many at a time as there are
    /// processors.
    at_work: Arc<Semaphore>,
    started: Instant,
}

/// All routes: `POST /v1/chat/completions`, `GET /v1/models`, `GET /stats` and
/// `GET /healthz`. A call that waits for its time holds no thread.
pub fn router(simulator: Arc<Simulator>) -> Router {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let at_work = Arc::new(Semaphore::new(processors));
    Router::new()
        .route("/v1/chat/completions", post(complete))
        .route("/v1/models", get(models))
        .route("/stats", get(stats))
        .route("/healthz", get(async || "ok"))
        .fallback(async || not_there(StatusCode::NOT_FOUND))
        .method_not_allowed_fallback(async || not_there(StatusCode::METHOD_NOT_ALLOWED))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(Served { simulator, at_work, started: Instant::now() })
}

async fn complete(State(served): State<Served>, body: Result<Bytes, BytesRejection>) -> Response {
    let arrived = Instant::now();
    let body = match body {
        Ok(body) => body,
        Err(rejected) => return error(&ApiError::of(rejected.status(), rejected.body_text())),
    };
    if let Err(wait) = served.simulator.admit(arrived.duration_since(served.started)) {
        return rate_limited(wait);
    }
    let Some(Answer { result, after }) = served.work(body).await else {
        let problem = "the simulated model broke down; its log has more".to_owned();
        return error(&ApiError::of(StatusCode::INTERNAL_SERVER_ERROR, problem));
    };
    tokio::time::sleep_until(arrived + after).await;
    match result {
        Ok(completion) => Json(completion.body()).into_response(),
        Err(problem) => error(&problem),
    }
}

impl Served {
    /// Answers off the async threads; none where that breaks down.
    async fn work(&self, body: Bytes) -> Option<Answer> {
        let permit = Arc::clone(&self.at_work).acquire_owned().await.ok()?;
        let simulator = Arc::clone(&self.simulator);
        let work = tokio::task::spawn_blocking(move || {
            let answer = simulator.answer(&body);
            drop(permit);
            answer
        });
        work.await.ok()
    }
}

async fn models() -> Response {
    let model = json!({ "id": MODEL, "object": "model", "created": 0, "owned_by": "rankgate" });
    Json(json!({ "object": "list", "data": [model] })).into_response()
}

async fn stats(State(served): State<Served>) -> Json<Counts> {
    Json(served.simulator.counts())
}

fn rate_limited(wait: Duration) -> Response {
    let mut response = error(&ApiError::rate_limited());
    // In whole seconds, and never too few.
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

fn not_there(status: StatusCode) -> Response {
    let known = "there are POST /v1/chat/completions, GET /v1/models, GET /stats and GET /healthz";
    error(&ApiError::of(status, known.to_owned()))
}

fn error(error: &ApiError) -> Response {
    (error.status, Json(error.body())).into_response()
}

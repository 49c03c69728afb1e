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

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;
    use http_body_util::BodyExt;
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;
    use crate::simulate::{
        Corpus, FaultRates, Latency, Noise, Profile, Settings, Simulator as Model,
    };

    fn served(latency: Latency) -> (Arc<Model>, Router) {
        let settings = Settings {
            noise: Noise { profile: Profile::STRONG, scale: 1.0, seed: 1 },
            latency,
            faults: FaultRates::default(),
            requests_per_minute: None,
            json_schema: true,
        };
        let simulator = Arc::new(Model::new(Corpus::default(), settings));
        (Arc::clone(&simulator), router(simulator))
    }

    fn post(body: impl Into<Body>) -> Request {
        Request::post("/v1/chat/completions").body(body.into()).unwrap()
    }

    #[tokio::test]
    async fn a_body_that_is_too_large_is_not_read() {
        let (simulator, router) = served(Latency::default());
        let response = router.oneshot(post(vec![b' '; MAX_BODY + 1])).await.unwrap();
        assert_eq!(response.status(), 413);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"]["type"], "invalid_request_error");
        assert_eq!(simulator.counts().calls, 0);
    }

    #[tokio::test]
    async fn calls_wait_for_their_time_beside_each_other() {
        let long = Latency { base: Duration::from_hours(24), ..Latency::default() };
        let (simulator, router) = served(long);
        let body =
            json!({ "messages": [{ "role": "user", "content": "[1] a\n{\"ranking\": []}" }] });
        let calls: Vec<_> = (0..2000)
            .map(|_| tokio::spawn(router.clone().oneshot(post(body.to_string()))))
            .collect();
        while simulator.counts().passages < 2000 {
            tokio::task::yield_now().await;
        }
        assert!(calls.iter().all(|call| !call.is_finished()));
        calls.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

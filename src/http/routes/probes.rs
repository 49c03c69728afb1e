//! Liveness, readiness and metrics. They take part in no limit.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::http::state::{HttpState, Phase};

/// Longest wait for one dependency.
const PATIENCE: Duration = Duration::from_secs(1);

/// The process answers.
pub(in crate::http) async fn healthz() -> Response {
    Json(serde_json::json!({ "status": "ok" })).into_response()
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    dependencies: Vec<Dependency>,
}

#[derive(Serialize)]
struct Dependency {
    kind: &'static str,
    name: String,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// Whether requests should be sent here. A dependency that is down is told and
/// changes nothing: without its LLM or its index the gateway still answers
/// what it can, and taking it out of rotation would answer less.
pub(in crate::http) async fn readyz(State(state): State<HttpState>) -> Response {
    let (code, status) = match state.phase() {
        Phase::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting"),
        Phase::Ready => (StatusCode::OK, "ready"),
        Phase::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
    };
    let mut dependencies = collections(&state).await;
    dependencies.extend(models(&state));
    (code, Json(Readiness { status, dependencies })).into_response()
}

async fn collections(state: &HttpState) -> Vec<Dependency> {
    let serving = state.gateway().serving();
    let names: BTreeSet<String> =
        serving.pipelines().flat_map(|it| it.config.collection.names().to_vec()).collect();
    let checks = names.into_iter().map(|name| async {
        let problem = match state.gateway().retriever() {
            None => Some("no engine is open".to_owned()),
            Some(retriever) => match tokio::time::timeout(PATIENCE, retriever.check(&name)).await {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some(format!("no answer within {} s", PATIENCE.as_secs())),
            },
        };
        Dependency { kind: "collection", name, ok: problem.is_none(), problem }
    });
    futures::future::join_all(checks).await
}

fn models(state: &HttpState) -> Vec<Dependency> {
    let serving = state.gateway().serving();
    let mut seen = BTreeSet::new();
    let mut models = Vec::new();
    for pipeline in serving.pipelines() {
        let Some(name) = pipeline.config.model.clone() else { continue };
        if seen.insert(name.clone()) {
            let problem = pipeline.model().is_none().then(|| {
                "it can't be called: its upstream's key is missing; rankings are classical".into()
            });
            models.push(Dependency { kind: "model", name, ok: problem.is_none(), problem });
        }
    }
    models
}

/// All metrics, as Prometheus reads them.
pub(in crate::http) async fn metrics(State(state): State<HttpState>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, state.metrics().render()).into_response()
}

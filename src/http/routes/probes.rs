//! Liveness, readiness and metrics. They take part in no limit.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::http::dialects::Dialect;
use crate::http::openapi::{ANY, JSON, Operation, Schemas, Tag};
use crate::http::state::{HttpState, Phase};

/// Longest wait for one dependency.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where the process stands.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Health {
    /// Always `ok`.
    status: &'static str,
}

/// The process answers.
pub(in crate::http) async fn healthz() -> Response {
    Json(Health { status: "ok" }).into_response()
}

/// Describes the probe of liveness.
pub(in crate::http) fn describe_healthz(schemas: &mut Schemas) -> Operation {
    let health = schemas.written::<Health>();
    Operation::new("healthz", Tag::Probes, "Liveness", "Answers as long as the process does.")
        .answers(StatusCode::OK, "The process answers.", &[(JSON, health)])
        .fails(&[Dialect::Native], &ANY, schemas)
}

/// Describes the probe of readiness.
pub(in crate::http) fn describe_readyz(schemas: &mut Schemas) -> Operation {
    let description = "Whether requests should be sent here. A dependency that is down is told and changes nothing: the \
                       gateway still answers what it can.";
    let readiness = schemas.written::<Readiness>();
    Operation::new("readyz", Tag::Probes, "Readiness", description)
        .answers(StatusCode::OK, "Ready.", &[(JSON, readiness.clone())])
        .answers(StatusCode::SERVICE_UNAVAILABLE, "Starting or draining.", &[(JSON, readiness)])
        .fails(&[Dialect::Native], &ANY, schemas)
}

/// Describes the metrics.
pub(in crate::http) fn describe_metrics(schemas: &mut Schemas) -> Operation {
    let text = [("text/plain", json!({ "type": "string" }))];
    Operation::new("metrics", Tag::Probes, "Metrics", "In the text format of Prometheus.")
        .answers(StatusCode::OK, "All metrics.", &text)
        .fails(&[Dialect::Native], &ANY, schemas)
}

#[derive(Serialize, JsonSchema)]
struct Readiness {
    /// `ready`, `starting` or `draining`.
    status: &'static str,
    /// What the gateway needs.
    dependencies: Vec<Dependency>,
}

#[derive(Serialize, JsonSchema)]
struct Dependency {
    /// `collection` or `model`.
    kind: &'static str,
    /// Its name in the configuration.
    name: String,
    /// Whether it can be used.
    ok: bool,
    /// Why it can't.
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

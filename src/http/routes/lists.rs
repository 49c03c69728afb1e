//! What can be asked for: pipelines and prompts.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::domain::StrategyName;
use crate::http::state::{HttpState, RefusedPrompts};
use crate::pipeline::{Pipeline, PromptChoice, RetrieveConfig};
use crate::prompt::PromptInfo;

#[derive(Serialize)]
struct PipelineView<'a> {
    name: &'a str,
    aliases: &'a [String],
    default: bool,
    collections: &'a [String],
    retrieve: Option<RetrieveConfig>,
    strategy: StrategyName,
    prompt: Option<&'a PromptChoice>,
    model: Option<&'a str>,
    rerank_limit: usize,
    window: usize,
    deadline_ms: u64,
    late_ms: u64,
}

/// Every pipeline, as it is served now.
pub(in crate::http) async fn pipelines(State(state): State<HttpState>) -> Response {
    let serving = state.gateway().serving();
    let default = serving.default_pipeline();
    let pipelines: Vec<_> =
        serving.pipelines().map(|pipeline| PipelineView::of(pipeline, default)).collect();
    Json(serde_json::json!({ "pipelines": pipelines })).into_response()
}

impl<'a> PipelineView<'a> {
    fn of(pipeline: &'a Pipeline, default: &str) -> Self {
        let config = &pipeline.config;
        Self {
            name: &pipeline.name,
            aliases: &config.aliases,
            default: pipeline.name == default,
            collections: config.collection.names(),
            retrieve: (!config.collection.is_empty()).then_some(config.retrieve),
            strategy: config.strategy,
            prompt: config.prompt.as_ref(),
            model: pipeline.model(),
            rerank_limit: config.rerank_limit,
            window: config.window,
            deadline_ms: config.deadline_ms,
            late_ms: config.late_ms,
        }
    }
}

#[derive(Serialize)]
struct Prompts<'a> {
    prompts: Vec<PromptInfo>,
    /// What is wrong with the files; null where they are what is served.
    refused: Option<&'a RefusedPrompts>,
}

/// Every prompt, as it is served now.
pub(in crate::http) async fn prompts(State(state): State<HttpState>) -> Response {
    // Looked at first: what is no longer refused is served by then.
    let refused = state.refused_prompts();
    let prompts = state.gateway().serving().registry().list();
    Json(Prompts { prompts, refused: refused.as_deref() }).into_response()
}

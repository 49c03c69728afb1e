//! What can be asked for: pipelines and prompts.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::StrategyName;
use crate::http::dialects::Dialect;
use crate::http::openapi::{ANY, JSON, Operation, Schemas, Tag};
use crate::http::state::{HttpState, RefusedPrompts};
use crate::pipeline::{Pipeline, PromptChoice, RetrieveConfig};
use crate::prompt::PromptInfo;

/// The pipelines.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Pipelines<'a> {
    /// In the order of their names.
    pipelines: Vec<PipelineView<'a>>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Pipeline")]
struct PipelineView<'a> {
    /// Its name.
    name: &'a str,
    /// Other names that requests may use.
    aliases: &'a [String],
    /// Whether it serves requests that name none.
    default: bool,
    /// What it searches; without any it only reranks.
    collections: &'a [String],
    /// The first stage; none where it only reranks.
    retrieve: Option<RetrieveConfig>,
    /// How LLM calls are arranged.
    strategy: StrategyName,
    /// Its prompt, or one by task.
    prompt: Option<&'a PromptChoice>,
    /// The upstream's name for its model; none where no LLM can be asked.
    model: Option<&'a str>,
    /// Most candidates that the LLM sees.
    rerank_limit: usize,
    /// Documents a call.
    window: usize,
    /// Milliseconds to the complete answer.
    deadline_ms: u64,
    /// How long calls in flight at the deadline may run on, in milliseconds.
    late_ms: u64,
}

/// Describes the list of pipelines.
pub(in crate::http) fn describe_pipelines(schemas: &mut Schemas) -> Operation {
    let list = schemas.written::<Pipelines>();
    Operation::new("pipelines", Tag::Lists, "Pipelines", "As they are served now.")
        .answers(StatusCode::OK, "The pipelines.", &[(JSON, list)])
        .fails(&[Dialect::Native], &ANY, schemas)
}

/// Describes the list of prompts.
pub(in crate::http) fn describe_prompts(schemas: &mut Schemas) -> Operation {
    let description =
        "As they are served now, and what is wrong with the files where those can't be.";
    let list = schemas.written::<Prompts>();
    Operation::new("prompts", Tag::Lists, "Prompts", description)
        .answers(StatusCode::OK, "The prompts.", &[(JSON, list)])
        .fails(&[Dialect::Native], &ANY, schemas)
}

/// Every pipeline, as it is served now.
pub(in crate::http) async fn pipelines(State(state): State<HttpState>) -> Response {
    let serving = state.gateway().serving();
    let default = serving.default_pipeline();
    let pipelines =
        serving.pipelines().map(|pipeline| PipelineView::of(pipeline, default)).collect();
    Json(Pipelines { pipelines }).into_response()
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

#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Prompts<'a> {
    /// In the order of their names and versions.
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

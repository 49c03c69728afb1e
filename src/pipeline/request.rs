//! What callers ask of a pipeline, after their wire format was read.

use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::config::ExplainMode;
use super::serving::Pipeline;
use crate::domain::{DocId, Document, DuplicateCandidate, Query, StrategyName};
use crate::prompt::Task;
use crate::retrieve::{Filter, RetrieveError};

/// What every kind of request may say.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The request's id, as answers and logs show it.
    pub id: String,
    /// When the request arrived: deadlines count from here.
    pub received: Instant,
    /// A pipeline or one of its aliases; absent: the default pipeline.
    pub pipeline: Option<String>,
    /// The query.
    pub query: Query,
    /// How many results are wanted; absent: all.
    pub top_n: Option<usize>,
    /// Time from `received` to the complete answer, instead of the pipeline's.
    pub deadline: Option<Duration>,
    /// Another strategy than the pipeline's.
    pub strategy: Option<StrategyName>,
    /// Another prompt than the pipeline's, `name@vN` or `name@latest`.
    pub prompt: Option<String>,
    /// Whether results are to be explained; absent: as the pipeline says.
    pub explain: Option<bool>,
    /// Fields that are passed to the prompt.
    pub context: Map<String, Value>,
    /// Whether the answer is to tell each call.
    pub trace: bool,
}

impl Asked {
    pub(super) fn wants_explanations(&self, pipeline: &Pipeline) -> bool {
        self.explain.unwrap_or(pipeline.config.explain == ExplainMode::On)
    }
}

/// Retrieve, then rank.
#[derive(Clone, Debug)]
pub struct SearchRequest {
    /// What every request may say.
    pub asked: Asked,
    /// How many candidates to retrieve instead of the pipeline's number.
    pub candidates: Option<usize>,
    /// Conditions on metadata.
    pub filter: Filter,
    /// The only one of the pipeline's collections to search; absent: all.
    pub collection: Option<String>,
}

/// Rank the documents that the caller sent.
#[derive(Clone, Debug)]
pub struct RerankRequest {
    /// What every request may say.
    pub asked: Asked,
    /// The documents as given; their ids are their positions.
    pub documents: Vec<Document>,
    /// Most tokens of a document that the LLM sees, where that is less than
    /// the prompt's own limit.
    pub max_tokens_per_document: Option<usize>,
}

/// Explain stored documents.
#[derive(Clone, Debug)]
pub struct ExplainRequest {
    /// What every request may say; its `prompt` is one that explains.
    pub asked: Asked,
    /// Which documents: any of the pipeline's collections.
    pub documents: DocumentsToExplain,
}

/// What `/v1/explain` is asked about.
#[derive(Clone, Debug)]
pub enum DocumentsToExplain {
    /// Why each of these.
    Each(Vec<DocId>),
    /// Why the first stands above the second.
    Contrast([DocId; 2]),
}

/// The caller asked for something that isn't there, or the first stage is
/// down. An LLM's failure is never among these.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RequestError {
    /// No pipeline has this name or alias.
    #[error("there is no pipeline \"{name}\"; there are: {known}")]
    UnknownPipeline {
        /// The name that was asked for.
        name: String,
        /// Names that exist.
        known: String,
    },
    /// Search needs a collection and this pipeline has none.
    #[error("pipeline \"{0}\" has no collection: it reranks documents that the request brings")]
    NoCollection(String),
    /// The pipeline doesn't search this collection.
    #[error("pipeline \"{pipeline}\" does not search \"{name}\" but {}", quoted(known))]
    OtherCollection {
        /// The pipeline.
        pipeline: String,
        /// The collection that was asked for.
        name: String,
        /// Those that it searches.
        known: Vec<String>,
    },
    /// No prompt of this name and version is loaded.
    #[error("{0}")]
    UnknownPrompt(String),
    /// Documents that no collection of the pipeline has.
    #[error("pipeline \"{pipeline}\" has no document {}", quoted(ids))]
    UnknownDocuments {
        /// The pipeline.
        pipeline: String,
        /// The ids that were asked for and aren't there.
        ids: Vec<DocId>,
    },
    /// The prompt is for another task than explaining.
    #[error("prompt {prompt} is for {}, and one for {} is needed", found.as_str(), needed.as_str())]
    NotExplaining {
        /// The prompt, `name@vN`.
        prompt: String,
        /// Its task.
        found: Task,
        /// The task that is needed.
        needed: Task,
    },
    /// The prompt is for another task than the strategy's.
    #[error("prompt {prompt} is for {}, and strategy {strategy} needs one for {}", found.as_str(), needed.as_str())]
    WrongTask {
        /// The prompt, `name@vN`.
        prompt: String,
        /// Its task.
        found: Task,
        /// The strategy that was asked for.
        strategy: StrategyName,
        /// The task that this strategy needs.
        needed: Task,
    },
    /// The strategy was asked for and the pipeline names no prompt for it.
    #[error(
        "pipeline \"{pipeline}\" names no prompt for {task:?}, which strategy {strategy} needs"
    )]
    NoPrompt {
        /// The pipeline.
        pipeline: String,
        /// The strategy that was asked for.
        strategy: StrategyName,
        /// The task without a prompt.
        task: Task,
    },
    /// A document was sent twice.
    #[error(transparent)]
    Duplicate(#[from] DuplicateCandidate),
    /// The first stage gave nothing.
    #[error(transparent)]
    Retrieve(#[from] RetrieveError),
}

fn quoted(names: &[impl std::fmt::Display]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

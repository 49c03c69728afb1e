//! The `[pipelines.NAME]` tables.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::StrategyName;
use crate::prompt::Task;
use crate::retrieve::RetrievalMode;

/// One named configuration of retrieval, strategy, prompt, model and deadline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PipelineConfig {
    /// Other names that requests may use.
    pub aliases: Vec<String>,
    /// Collection that search retrieves from; without one the pipeline only
    /// reranks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
    /// The first stage.
    pub retrieve: RetrieveConfig,
    /// Most candidates that the LLM sees; the rest follow in classical order.
    pub rerank_limit: usize,
    /// How LLM calls are arranged.
    pub strategy: StrategyName,
    /// Documents a call.
    pub window: usize,
    /// Most calls a request may make; absent: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_calls: Option<u32>,
    /// The prompt, or one by task; absent: none, which only strategy `none`
    /// can do with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<PromptChoice>,
    /// Name of a model; absent: every ranking is classical.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Time to the complete answer in milliseconds, 1 to 600000.
    pub deadline_ms: u64,
    /// How long calls in flight at the deadline may run on, in milliseconds,
    /// to fill the cache; 0 cancels them.
    pub late_ms: u64,
}

impl Default for PipelineConfig {
    fn default() -> Self {
        Self {
            aliases: Vec::new(),
            collection: None,
            retrieve: RetrieveConfig::default(),
            rerank_limit: 100,
            strategy: StrategyName::default(),
            window: 20,
            max_calls: None,
            prompt: None,
            model: None,
            deadline_ms: 3000,
            late_ms: 2000,
        }
    }
}

/// The first stage of a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetrieveConfig {
    /// Which components take part.
    pub mode: RetrievalMode,
    /// How many candidates are retrieved.
    pub limit: usize,
}

impl Default for RetrieveConfig {
    fn default() -> Self {
        Self { mode: RetrievalMode::default(), limit: 100 }
    }
}

/// `prompt = "name@v1"`, or a table by task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PromptChoice {
    /// One prompt for the strategy's task.
    One(String),
    /// A prompt by task.
    ByTask(BTreeMap<Task, String>),
}

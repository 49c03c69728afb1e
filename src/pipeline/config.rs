//! The `[pipelines.NAME]` tables.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::StrategyName;
use crate::prompt::Task;
use crate::retrieve::{ComponentWeights, Fusion, FusionKind, RetrievalMode, RrfK};

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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RetrieveTable", into = "RetrieveTable")]
pub struct RetrieveConfig {
    /// Which components take part.
    pub mode: RetrievalMode,
    /// How many candidates are retrieved.
    pub limit: usize,
    /// How the components become one order; used where both take part.
    pub fusion: Fusion,
}

impl Default for RetrieveConfig {
    fn default() -> Self {
        Self { mode: RetrievalMode::default(), limit: 100, fusion: Fusion::default() }
    }
}

/// [`RetrieveConfig`] as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RetrieveTable {
    mode: RetrievalMode,
    limit: usize,
    fusion: FusionName,
    #[serde(skip_serializing_if = "Option::is_none")]
    rrf_k: Option<RrfK>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weights: Option<ComponentWeights>,
}

/// The kinds of fusion by name.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FusionName {
    Relative,
    Rrf,
}

/// A setting that would have no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "rrf_k belongs to fusion = \"rrf\", and the fusion is \"relative\": remove rrf_k or write fusion = \"rrf\""
)]
struct StrayRrfK;

impl Default for RetrieveTable {
    fn default() -> Self {
        let RetrieveConfig { mode, limit, .. } = RetrieveConfig::default();
        Self { mode, limit, fusion: FusionName::Relative, rrf_k: None, weights: None }
    }
}

impl TryFrom<RetrieveTable> for RetrieveConfig {
    type Error = StrayRrfK;

    fn try_from(table: RetrieveTable) -> Result<Self, Self::Error> {
        let kind = match (table.fusion, table.rrf_k) {
            (FusionName::Relative, None) => FusionKind::Relative,
            (FusionName::Relative, Some(_)) => return Err(StrayRrfK),
            (FusionName::Rrf, k) => FusionKind::ReciprocalRanks(k.unwrap_or_default()),
        };
        let weights = table.weights.unwrap_or(kind.usual_weights());
        Ok(Self { mode: table.mode, limit: table.limit, fusion: Fusion::new(kind, weights) })
    }
}

impl From<RetrieveConfig> for RetrieveTable {
    fn from(RetrieveConfig { mode, limit, fusion }: RetrieveConfig) -> Self {
        let (name, rrf_k) = match fusion.kind() {
            FusionKind::Relative => (FusionName::Relative, None),
            FusionKind::ReciprocalRanks(k) => (FusionName::Rrf, Some(k)),
        };
        Self { mode, limit, fusion: name, rrf_k, weights: Some(fusion.weights()) }
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

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    fn retrieve(text: &str) -> Result<RetrieveConfig, toml::de::Error> {
        toml::from_str(text)
    }

    fn fusion(kind: FusionKind, bm25: f64, dense: f64) -> Fusion {
        Fusion::new(kind, ComponentWeights::new(bm25, dense).unwrap())
    }

    #[test]
    fn each_fusion_has_weights_of_its_own_by_default() {
        assert_eq!(retrieve("").unwrap(), RetrieveConfig::default());
        assert_eq!(retrieve("").unwrap().fusion, fusion(FusionKind::Relative, 2.0, 1.0));
        let rrf = FusionKind::ReciprocalRanks(RrfK::new(60).unwrap());
        assert_eq!(retrieve("fusion = \"rrf\"").unwrap().fusion, fusion(rrf, 1.0, 1.0));
    }

    #[test]
    fn what_is_written_is_what_is_used() {
        let text = "mode = \"bm25\"\nlimit = 7\nfusion = \"rrf\"\nrrf_k = 10\n\
                    weights = { bm25 = 3, dense = 0.5 }";
        let config = retrieve(text).unwrap();
        assert_eq!((config.mode, config.limit), (RetrievalMode::Bm25, 7));
        let kind = FusionKind::ReciprocalRanks(RrfK::new(10).unwrap());
        assert_eq!(config.fusion, fusion(kind, 3.0, 0.5));
    }

    #[test_case("" ; "defaults")]
    #[test_case("weights = { bm25 = 1, dense = 1 }" ; "relative")]
    #[test_case("fusion = \"rrf\"\nrrf_k = 0" ; "rrf")]
    fn what_is_shown_is_read_again(text: &str) {
        let config = retrieve(text).unwrap();
        assert_eq!(retrieve(&toml::to_string(&config).unwrap()).unwrap(), config);
    }

    #[test_case("fusion = \"sum\"", "unknown variant `sum`, expected `relative` or `rrf`" ; "kind")]
    #[test_case("rrf_k = 60", "remove rrf_k or write fusion = \"rrf\"" ; "k of the other kind")]
    #[test_case("fusion = \"rrf\"\nrrf_k = 10001", "rrf_k is 10001: use a whole number" ; "large k")]
    #[test_case("fusion = \"rrf\"\nrrf_k = -1", "rrf_k" ; "negative k")]
    #[test_case("weights = { bm25 = 1 }", "missing field `dense`" ; "half of the weights")]
    #[test_case("weights = { bm25 = 0, dense = 0 }", "a weight above 0" ; "nothing counts")]
    #[test_case("weights = { bm25 = 1, dense = -1 }", "dense is -1: use a number from 0" ; "negative weight")]
    #[test_case("weight = { bm25 = 1, dense = 1 }", "unknown field `weight`" ; "unknown key")]
    fn impossible_settings_are_refused_with_the_remedy(text: &str, message: &str) {
        let error = retrieve(text).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

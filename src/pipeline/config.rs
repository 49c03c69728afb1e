//! The `[pipelines.NAME]` tables.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::promotion::Promotion;
use crate::domain::StrategyName;
use crate::prompt::Task;
use crate::rerank::Budget;
use crate::retrieve::{
    ComponentWeights, Condition, Filter, Freshness, Fusion, FusionKind, Range, RetrievalMode, RrfK,
    UPDATED_AT, freshness,
};

/// One named configuration of retrieval, strategy, prompt, model and deadline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PipelineConfig {
    /// Other names that requests may use.
    pub aliases: Vec<String>,
    /// Collection that search retrieves from, or a list of several that are
    /// searched as if they were one; without any the pipeline only reranks.
    #[serde(skip_serializing_if = "Collections::is_empty")]
    #[schemars(with = "OneOrMore")]
    pub collection: Collections,
    /// The first stage.
    pub retrieve: RetrieveConfig,
    /// Most candidates that the LLM sees; the rest follow in classical order.
    pub rerank_limit: usize,
    /// How LLM calls are arranged.
    pub strategy: StrategyName,
    /// Documents a call.
    #[schemars(range(min = 1))]
    pub window: usize,
    /// Most calls a request may make; absent: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_calls: Option<u32>,
    /// Most tokens that a request may have the model read; absent: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_input_tokens: Option<u64>,
    /// Most US dollars that a request may cost, by the model's configured
    /// prices; absent: no limit.
    #[schemars(range(min = 0))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_cost_usd: Option<f64>,
    /// From which margin on the classical order is served without asking an
    /// LLM, 0 to 1: how far the first result's score is above the second's, as
    /// a share of the first's. Absent: never.
    #[schemars(range(min = 0, max = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_margin: Option<f64>,
    /// First-stage rank below which no document can enter the best
    /// `promotion_top`, whatever the LLM says. Absent: no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promotion_below: Option<usize>,
    /// How many places `promotion_below` protects; not above it.
    pub promotion_top: usize,
    /// The prompt, or one by task; absent: none, which only strategy `none`
    /// can do with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<PromptChoice>,
    /// Name of a model; absent: every ranking is classical.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Time to the complete answer in milliseconds, 1 to 600000.
    #[schemars(range(min = 1, max = 600_000))]
    pub deadline_ms: u64,
    /// How long calls in flight at the deadline may run on, in milliseconds,
    /// to fill the cache; 0 cancels them.
    #[schemars(range(max = 600_000))]
    pub late_ms: u64,
    /// Whether results are explained where a request doesn't say.
    pub explain: ExplainMode,
    /// Name of the model that explains; absent: the pipeline's `model`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain_model: Option<String>,
    /// How `/v1/rerank`, and `/rerank` with `documents`, give documents back to
    /// requests with `return_documents`.
    pub returned_documents: ReturnedDocuments,
}

/// The form of documents that are given back. It shapes answers and no ranking,
/// so that it is part of no cache key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReturnedDocuments {
    /// An object with the fields that were sent, `{"text": …}` for a string: as
    /// Cohere's v1 has it.
    #[default]
    Object,
    /// The text alone, as Jina and Infinity have it: the string that was sent,
    /// an object's `text`, or what `rank_fields` made of it. Titles are left
    /// out.
    Text,
}

/// Whether results are explained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExplainMode {
    /// Only where a request asks for it.
    #[default]
    Off,
    /// Unless a request refuses it.
    On,
}

impl Default for PipelineConfig {
    fn default() -> Self {
        Self {
            aliases: Vec::new(),
            collection: Collections::default(),
            retrieve: RetrieveConfig::default(),
            rerank_limit: 100,
            strategy: StrategyName::default(),
            window: 20,
            max_calls: None,
            max_input_tokens: None,
            max_cost_usd: None,
            min_margin: None,
            promotion_below: None,
            promotion_top: 10,
            prompt: None,
            model: None,
            deadline_ms: 3000,
            late_ms: 2000,
            explain: ExplainMode::default(),
            explain_model: None,
            returned_documents: ReturnedDocuments::default(),
        }
    }
}

impl PipelineConfig {
    /// What a request may consume.
    pub(super) const fn budget(&self) -> Budget {
        Budget {
            calls: self.max_calls,
            input_tokens: self.max_input_tokens,
            usd: self.max_cost_usd,
        }
    }

    /// The bound on promotion, if there is one.
    pub(super) fn promotion(&self) -> Option<Promotion> {
        Some(Promotion { below: self.promotion_below?, top: self.promotion_top })
    }
}

/// `collection = "docs"`, or a list of collections; each at most once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collections(Vec<String>);

impl Collections {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Their names.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

impl From<String> for Collections {
    fn from(one: String) -> Self {
        Self(vec![one])
    }
}

impl Serialize for Collections {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            several => several.serialize(serializer),
        }
    }
}

/// [`Collections`] as they are written.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a collection's name or a list of names")]
#[schemars(rename = "Collections")]
enum OneOrMore {
    /// One collection.
    One(String),
    /// Several as one.
    More(#[schemars(length(min = 1))] Vec<String>),
}

impl<'de> Deserialize<'de> for Collections {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = match OneOrMore::deserialize(deserializer)? {
            OneOrMore::One(name) => vec![name],
            OneOrMore::More(names) => names,
        };
        let mut seen = BTreeSet::new();
        if names.is_empty() {
            return Err(Error::custom("name a collection, or leave the key out"));
        }
        if let Some(twice) = names.iter().find(|name| !seen.insert(*name)) {
            return Err(Error::custom(format!("\"{twice}\" is named twice")));
        }
        Ok(Self(names))
    }
}

/// The first stage of a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetrieveConfig {
    /// Which components take part.
    pub mode: RetrievalMode,
    /// How many candidates are retrieved.
    pub limit: usize,
    /// How the components become one order, where both take part.
    pub fusion: FusionName,
    /// How much the components count in it; absent: 2 to 1 for BM25 where the
    /// fusion is relative, and 1 to 1 where it is RRF.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<ComponentWeights>,
    /// The constant of RRF; absent: 60. Refused where the fusion is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rrf_k: Option<RrfK>,
    /// Prefers newer documents, by `metadata.updated_at`; absent: not at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Freshness>,
    /// Leaves out what was changed longer ago than this, such as `"30d"`, and
    /// what has no `metadata.updated_at`; absent: nothing is left out.
    #[serde(
        deserialize_with = "freshness::duration::some",
        serialize_with = "freshness::duration::serialize_some",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub max_age: Option<Duration>,
}

/// The kinds of fusion by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FusionName {
    /// Sums of scores, each between the best and the worst of its component.
    #[default]
    Relative,
    /// Reciprocal rank fusion: sums of `weight / (rrf_k + rank)`.
    Rrf,
}

impl RetrieveConfig {
    /// How the components are fused.
    #[must_use]
    pub fn to_fusion(&self) -> Fusion {
        let kind = match self.fusion {
            FusionName::Relative => FusionKind::Relative,
            FusionName::Rrf => FusionKind::ReciprocalRanks(self.rrf_k.unwrap_or_default()),
        };
        Fusion::new(kind, self.weights.unwrap_or(kind.usual_weights()))
    }

    /// Whether a constant of RRF is given and another fusion, so that it would
    /// have no effect.
    #[must_use]
    pub const fn rrf_k_is_stray(&self) -> bool {
        matches!(self.fusion, FusionName::Relative) && self.rrf_k.is_some()
    }

    /// The filter with what the pipeline itself leaves out.
    #[must_use]
    pub fn narrowed(&self, mut filter: Filter, now: Timestamp) -> Filter {
        if let Some(max_age) = self.max_age {
            // Before the calendar begins, nothing is too old.
            let since = now.checked_sub(max_age).unwrap_or(Timestamp::MIN);
            let range = Range { gte: Some(since), ..Range::open() };
            filter.must.push((UPDATED_AT.to_owned(), Condition::Date(range)));
        }
        filter
    }
}

impl Default for RetrieveConfig {
    fn default() -> Self {
        Self {
            mode: RetrievalMode::default(),
            limit: 100,
            fusion: FusionName::default(),
            weights: None,
            rrf_k: None,
            freshness: None,
            max_age: None,
        }
    }
}

/// `prompt = "name@v1"`, or a table by task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

    fn rrf(k: u32) -> FusionKind {
        FusionKind::ReciprocalRanks(RrfK::new(k).unwrap())
    }

    #[test]
    fn each_fusion_has_weights_of_its_own_by_default() {
        let config = retrieve("").unwrap();
        assert_eq!(config, RetrieveConfig::default());
        assert_eq!(config.to_fusion(), fusion(FusionKind::Relative, 2.0, 1.0));
        assert_eq!(config.to_fusion(), Fusion::default());
        let config = retrieve("fusion = \"rrf\"").unwrap();
        assert_eq!(config.to_fusion(), fusion(rrf(60), 1.0, 1.0));
    }

    #[test]
    fn what_is_written_is_what_is_used() {
        let text = "fusion = \"rrf\"\nrrf_k = 10\nweights = { bm25 = 3, dense = 0.5 }";
        let config = retrieve(text).unwrap();
        assert_eq!(config.to_fusion(), fusion(rrf(10), 3.0, 0.5));
        assert!(!config.rrf_k_is_stray());
        assert_eq!(retrieve(&toml::to_string(&config).unwrap()).unwrap(), config);
    }

    #[test]
    fn a_constant_of_rrf_without_rrf_is_stray() {
        assert!(retrieve("rrf_k = 60").unwrap().rrf_k_is_stray());
        assert!(!retrieve("").unwrap().rrf_k_is_stray());
    }

    #[test_case("fusion = \"sum\"", "unknown variant `sum`, expected `relative` or `rrf`" ; "kind")]
    #[test_case("rrf_k = 10001", "rrf_k is 10001: use a whole number from 0 to" ; "large k")]
    #[test_case("rrf_k = -1", "rrf_k" ; "negative k")]
    #[test_case("weights = { bm25 = 1 }", "missing field `dense`" ; "half of the weights")]
    #[test_case("weights = { bm25 = 0, dense = 0 }", "a weight above 0" ; "nothing counts")]
    #[test_case("weights = { bm25 = 1, dense = -1 }", "dense is -1: use a number" ; "negative")]
    #[test_case("weight = { bm25 = 1, dense = 1 }", "unknown field `weight`" ; "unknown key")]
    fn impossible_settings_are_refused_with_the_remedy(text: &str, message: &str) {
        let error = retrieve(text).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

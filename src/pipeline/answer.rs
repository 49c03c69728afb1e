//! What a pipeline answers, in the shape of the contract.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::config::ReturnedDocuments;
use super::trace::Trace;
use crate::domain::{
    CacheOutcome, DocId, Document, Explanation, FirstStageScores, Outcome, Reason, Repairs,
    ScoreKind, StrategyName, Usage,
};
use crate::explain::QuoteCounts;

/// A complete answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The request's id.
    pub id: String,
    /// The ranked documents, cut to `top_n`.
    pub results: Vec<RankedResult>,
    /// What the cut left out, in its order, with first-stage ranks from 1: for
    /// evaluation.
    pub rest: Vec<(DocId, usize)>,
    /// How the ranking came about.
    pub ranking: RankingInfo,
    /// How the explanations came about; none where none were asked for.
    pub explain: Option<ExplainInfo>,
    /// What this request spent; zero for a hit or a coalesced request.
    pub usage: Usage,
    /// Where the time went.
    pub timing: Timing,
    /// The form in which the pipeline gives documents back, where an API leaves
    /// that open.
    pub returned_documents: ReturnedDocuments,
    /// Its calls; none where nobody asked to see them.
    pub trace: Option<Trace>,
}

/// One document at its place.
#[derive(Clone, Debug)]
pub struct RankedResult {
    /// Position in the request's `documents`; for search, the first-stage
    /// position. Counted from 0.
    pub index: usize,
    /// Place in the ranking, from 1.
    pub rank: usize,
    /// Place in the classical ranking, from 1.
    pub first_stage_rank: usize,
    /// In [0, 1], never rising down the list.
    pub relevance_score: f64,
    /// The collection that it was retrieved from; none where the caller sent
    /// it.
    pub collection: Option<Arc<str>>,
    /// The first stage's scores by component.
    pub scores: FirstStageScores,
    /// The document.
    pub document: Arc<Document>,
    /// Why it stands there; none where that wasn't asked for.
    pub explanation: Option<Explanation>,
}

/// How a ranking came about: the `ranking` object of every answer.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RankingInfo {
    /// Status and reason.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Where the ranking was taken from.
    pub cache: CacheOutcome,
    /// The pipeline's name (never its alias).
    pub pipeline: String,
    /// The strategy that was asked for; for `auto` the one that was chosen,
    /// and `auto` itself where none was.
    pub strategy: StrategyName,
    /// The prompt, `name@vN`; none where no LLM was wanted.
    pub prompt: Option<String>,
    /// SHA-256 of the prompt file in hex.
    pub prompt_sha256: Option<String>,
    /// The upstream's name for the model; none where no LLM was wanted.
    pub model: Option<String>,
    /// What the scores mean.
    pub score_kind: ScoreKind,
    /// LLM calls that this request made.
    pub calls: u32,
    /// Those that gave nothing usable.
    pub failed_calls: u32,
    /// Windows of which something was known from earlier requests.
    pub recalled: u32,
    /// Rounds of calls, one after the other.
    pub rounds: u32,
    /// Share of the documents to be ranked that were in a usable reply.
    pub coverage: f64,
    /// What had to be mended in usable replies.
    pub repairs: Repairs,
    /// Documents that the LLM put among the best and `promotion_below` kept out.
    pub held_back: u32,
    /// `"embedding"` where the embedding failed and only BM25 was served.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["embedding"]))]
    pub degraded: Option<&'static str>,
}

/// Documents with an explanation each, without a ranking.
#[derive(Clone, Debug)]
pub struct ExplainAnswer {
    /// The request's id.
    pub id: String,
    /// The documents in the order in which they were asked about.
    pub explanations: Vec<(DocId, Explanation)>,
    /// How they came about.
    pub explain: ExplainInfo,
    /// What this request spent.
    pub usage: Usage,
    /// Where the time went.
    pub timing: Timing,
    /// Its calls; none where nobody asked to see them.
    pub trace: Option<Trace>,
}

/// How explanations came about: the `explain` object of answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct ExplainInfo {
    /// Explanations by the LLM, each with a quote that was found.
    pub llm: usize,
    /// Explanations by the first stage.
    pub classical: usize,
    /// Replies of which nothing could be shown.
    pub unverified: usize,
    /// Why an LLM's explanation is missing, in the words of `ranking.reason`;
    /// none where each document has a reply.
    #[schemars(with = "Option<Reason>")]
    pub reason: Option<&'static str>,
    /// The prompt, `name@vN`; none where no LLM was asked.
    pub prompt: Option<String>,
    /// The upstream's name for the model; none where no LLM was asked.
    pub model: Option<String>,
    /// Calls that this request made.
    pub calls: u32,
    /// Those that gave nothing usable.
    pub failed_calls: u32,
    /// What became of the model's quotes.
    pub quotes: QuoteCounts,
}

/// Milliseconds by step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Timing {
    /// From arrival to the answer.
    pub total: f64,
    /// The first stage.
    pub retrieve: f64,
    /// Everything between the first stage and the ranking.
    pub rerank: f64,
    /// Explanations.
    pub explain: f64,
    /// How much of it was spent waiting for the first stage's engine or an
    /// upstream: the rest is the gateway's own.
    #[serde(skip)]
    pub waiting: f64,
}

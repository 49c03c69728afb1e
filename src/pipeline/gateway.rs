//! Stand-in: answers every request in the order in which documents came.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::answer::{Answer, RankedResult, RankingInfo, Repairs, Timing};
use super::request::{RequestError, RerankRequest, SearchRequest};
use super::serving::Serving;
use crate::domain::{CacheOutcome, FirstStageScores, NotWanted, Outcome, ScoreKind, Usage};
use crate::retrieve::Retriever;

/// Serves search and rerank requests.
pub struct Gateway {
    serving: ArcSwap<Serving>,
    retriever: Option<Arc<dyn Retriever>>,
}

impl Gateway {
    /// A gateway over what is served now.
    #[must_use]
    pub fn new(serving: Serving, retriever: Option<Arc<dyn Retriever>>) -> Self {
        Self { serving: ArcSwap::from_pointee(serving), retriever }
    }

    /// What is served now.
    #[must_use]
    pub fn serving(&self) -> Arc<Serving> {
        self.serving.load_full()
    }

    /// Serves something else from the next request on.
    pub fn replace(&self, serving: Serving) {
        self.serving.store(Arc::new(serving));
    }

    /// The first-stage engine, for readiness.
    #[must_use]
    pub fn retriever(&self) -> Option<&Arc<dyn Retriever>> {
        self.retriever.as_ref()
    }

    /// Never finds anything.
    ///
    /// # Errors
    /// When the pipeline is unknown or has no collection.
    #[expect(clippy::unused_async, reason = "the signature of the real one")]
    pub async fn search(&self, request: SearchRequest) -> Result<Answer, RequestError> {
        let serving = self.serving();
        let pipeline = serving.pipeline(request.asked.pipeline.as_deref())?;
        Err(RequestError::NoCollection(pipeline.name.clone()))
    }

    /// Ranks the documents in the order in which they came.
    ///
    /// # Errors
    /// When the pipeline is unknown.
    #[expect(clippy::unused_async, reason = "the signature of the real one")]
    pub async fn rerank(&self, request: RerankRequest) -> Result<Answer, RequestError> {
        let serving = self.serving();
        let pipeline = serving.pipeline(request.asked.pipeline.as_deref())?;
        let n = request.documents.len();
        let results = request
            .documents
            .into_iter()
            .take(request.asked.top_n.unwrap_or(n))
            .enumerate()
            .map(|(index, document)| RankedResult {
                index,
                rank: index + 1,
                first_stage_rank: index + 1,
                relevance_score: 1.0 / (index + 1) as f64,
                scores: FirstStageScores::default(),
                document: Arc::new(document),
            })
            .collect();
        let ranking = RankingInfo {
            outcome: Outcome::Classical(NotWanted::NotRequested),
            cache: CacheOutcome::Off,
            pipeline: pipeline.name.clone(),
            strategy: pipeline.config.strategy,
            prompt: None,
            prompt_sha256: None,
            model: None,
            score_kind: ScoreKind::Ordinal,
            calls: 0,
            failed_calls: 0,
            rounds: 0,
            coverage: 0.0,
            repairs: Repairs::default(),
            degraded: None,
        };
        let (usage, timing) = (Usage::default(), Timing::default());
        Ok(Answer { id: request.asked.id, results, ranking, usage, timing })
    }
}

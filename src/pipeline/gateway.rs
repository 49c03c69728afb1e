//! The life of a request, from its pipeline's name to its answer.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::Instant;

use super::answer::{Answer, Timing};
use super::flight::Flights;
use super::ranked::{Ranked, answer};
use super::request::{Asked, RequestError, RerankRequest, SearchRequest};
use super::serving::{Pipeline, Serving};
use crate::cache::RankingCache;
use crate::domain::{CandidateList, Deadline, TenantId};
use crate::retrieve::{Retrieve, RetrieveError, Retriever, rank_given};

/// Time kept back at the end of a deadline to write the answer.
const ANSWER_MARGIN: Duration = Duration::from_millis(10);

/// Serves search and rerank requests. Cheap to share; lives as long as the
/// process, while what it serves is replaced by reloads.
pub struct Gateway {
    serving: ArcSwap<Serving>,
    pub(super) retriever: Option<Arc<dyn Retriever>>,
    pub(super) cache: RankingCache,
    pub(super) flights: Flights,
    /// Most LLM calls of one request side by side.
    pub(super) parallel: usize,
    /// What delimiters in prompts are derived from, so that documents can't
    /// know them and a repeated request asks the same.
    pub(super) secret: [u8; 32],
}

impl Gateway {
    /// A gateway over what is served now. Without a retriever only requests
    /// that bring their own documents can be answered.
    #[must_use]
    pub fn new(
        serving: Serving,
        retriever: Option<Arc<dyn Retriever>>,
        cache: RankingCache,
        parallel: usize,
        secret: [u8; 32],
    ) -> Self {
        Self {
            serving: ArcSwap::from_pointee(serving),
            retriever,
            cache,
            flights: Flights::new(),
            parallel,
            secret,
        }
    }

    /// What is served now. A request keeps the one it began with.
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

    /// Retrieves candidates and ranks them. Dropping the future means that the
    /// client left.
    ///
    /// # Errors
    /// When the request names something that isn't there, or the first stage
    /// gives nothing by the deadline. Never for an LLM's failure.
    pub async fn search(&self, request: SearchRequest) -> Result<Answer, RequestError> {
        let SearchRequest { asked, candidates, filter } = request;
        let serving = self.serving();
        let pipeline = serving.pipeline(asked.pipeline.as_deref())?;
        let collection = pipeline.config.collection.clone();
        let collection = collection.ok_or_else(|| no_collection(&pipeline))?;
        let retriever = self.retriever.as_ref().ok_or_else(|| no_collection(&pipeline))?;
        let deadline = deadline_of(&asked, &pipeline);
        let chosen = serving.choose(&pipeline, &asked)?;
        let begun = Instant::now();
        let retrieved = retriever
            .retrieve(Retrieve {
                collection,
                query: asked.query.clone(),
                mode: pipeline.config.retrieve.mode,
                limit: candidates.unwrap_or(pipeline.config.retrieve.limit),
                filter,
                deadline,
            })
            .await?;
        let retrieve = begun.elapsed();
        let ranked = self
            .rank(&asked, &pipeline, chosen, Arc::new(retrieved.candidates), None, deadline)
            .await;
        let mut answer = finish(&asked, &pipeline, ranked, retrieve, retrieve);
        answer.ranking.degraded = retrieved.degraded_embedding.then_some("embedding");
        Ok(answer)
    }

    /// Ranks the documents that the request brings.
    ///
    /// # Errors
    /// When the request names something that isn't there, or a document twice.
    pub async fn rerank(&self, request: RerankRequest) -> Result<Answer, RequestError> {
        let RerankRequest { asked, documents, max_tokens_per_document } = request;
        let serving = self.serving();
        let pipeline = serving.pipeline(asked.pipeline.as_deref())?;
        let deadline = deadline_of(&asked, &pipeline);
        let chosen = serving.choose(&pipeline, &asked)?;
        let begun = Instant::now();
        let (candidates, indices) = first_stage(&asked, documents, deadline).await?;
        let retrieve = begun.elapsed();
        let ranked = self
            .rank(&asked, &pipeline, chosen, candidates, max_tokens_per_document, deadline)
            .await;
        let mut answer = finish(&asked, &pipeline, ranked, retrieve, Duration::ZERO);
        for result in &mut answer.results {
            result.index = indices.get(result.index).copied().unwrap_or(result.index);
        }
        Ok(answer)
    }
}

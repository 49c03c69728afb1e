//! The life of a request, from its pipeline's name to its answer.

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::time::Instant;

use super::answer::{Answer, Timing};
use super::explain::Made;
use super::flight::Flights;
use super::follow::Follower;
use super::given::order_given;
use super::ranked::{Ranked, millis};
use super::request::{Asked, RequestError, RerankRequest, SearchRequest};
use super::serving::{Pipeline, Serving};
use crate::cache::RankingCache;
use crate::domain::Deadline;
use crate::rerank::{Paces, Progress};
use crate::retrieve::Retrieve;
use crate::retrieve::Retriever;

/// Serves search and rerank requests. Cheap to share; lives as long as the
/// process, while what it serves is replaced by reloads.
pub struct Gateway {
    serving: ArcSwap<Serving>,
    pub(super) retriever: Option<Arc<dyn Retriever>>,
    pub(super) cache: RankingCache,
    pub(super) flights: Flights<Progress>,
    pub(super) explaining: Flights<Made>,
    /// How long calls took lately.
    pub(super) paces: Arc<Paces>,
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
            explaining: Flights::new(),
            paces: Arc::default(),
            parallel,
            secret,
        }
    }

    /// A delimiter that no document can know, the same for the same seed.
    pub(super) fn nonce(&self, seed: u64) -> String {
        let hash = blake3::keyed_hash(&self.secret, &seed.to_le_bytes());
        hash.to_hex().as_str().chars().take(8).collect()
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
        self.search_followed(request, &Follower::default()).await
    }

    /// The same, and tells the follower what becomes known before: the first
    /// stage's results, orders as replies come in, explanations.
    ///
    /// # Errors
    /// As for [`Gateway::search`].
    pub async fn search_followed(
        &self,
        request: SearchRequest,
        follower: &Follower,
    ) -> Result<Answer, RequestError> {
        let SearchRequest { asked, candidates, filter, collection } = request;
        let serving = self.serving();
        let pipeline = serving.pipeline(asked.pipeline.as_deref())?;
        let no_collection = || RequestError::NoCollection(pipeline.name.clone());
        let collections = collections(&pipeline, collection)?;
        let retriever = self.retriever.as_ref().ok_or_else(no_collection)?;
        let deadline = deadline_of(&asked, &pipeline);
        let chosen = serving.choose(&pipeline, &asked)?;
        let first_stage = &pipeline.config.retrieve;
        let wanted = Retrieve {
            collections,
            query: asked.query.clone(),
            mode: first_stage.mode,
            fusion: first_stage.to_fusion(),
            limit: candidates.unwrap_or(first_stage.limit),
            filter: first_stage.narrowed(filter, Timestamp::now()),
            freshness: first_stage.freshness,
            deadline,
        };
        let begun = Instant::now();
        let found = retriever.retrieve(wanted).await?;
        let took = millis(begun.elapsed());
        let timing = Timing { retrieve: took, waiting: took, ..Timing::default() };
        let candidates = Arc::new(found.candidates);
        let finish = |ranked: Ranked| {
            let mut answer = ranked.answer(&asked, &pipeline, timing);
            answer.ranking.degraded = found.degraded_embedding.then_some("embedding");
            answer
        };
        follower.classical(|| finish(Ranked::before_any_reply(&candidates, &chosen)));
        let improved = |ranked: Ranked| follower.ranking(finish(ranked));
        let improved = follower.listens().then_some(&improved as &(dyn Fn(Ranked) + Sync));
        let ranking = self.rank(&asked, &pipeline, chosen, candidates, None, deadline, improved);
        let mut answer = finish(ranking.await);
        if asked.wants_explanations(&pipeline) {
            self.explain_answer(&asked, &serving, &pipeline, &mut answer, deadline, follower)
                .await?;
        }
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
        let lexical = pipeline.lexical;
        let candidates = Arc::new(order_given(&asked.query, documents, lexical, deadline).await?);
        let timing = Timing { retrieve: millis(begun.elapsed()), ..Timing::default() };
        let ranked = self
            .rank(&asked, &pipeline, chosen, candidates, max_tokens_per_document, deadline, None)
            .await;
        let mut answer = ranked.answer(&asked, &pipeline, timing);
        for result in &mut answer.results {
            // A given document's id is its position in the request.
            result.index = result.document.id.as_str().parse().unwrap_or(result.index);
        }
        if asked.wants_explanations(&pipeline) {
            let nobody = Follower::default();
            self.explain_answer(&asked, &serving, &pipeline, &mut answer, deadline, &nobody)
                .await?;
        }
        Ok(answer)
    }
}

/// The collections of a pipeline, or the one of them that was asked for.
fn collections(pipeline: &Pipeline, only: Option<String>) -> Result<Vec<String>, RequestError> {
    let all = pipeline.config.collection.names();
    match only {
        _ if all.is_empty() => Err(RequestError::NoCollection(pipeline.name.clone())),
        None => Ok(all.to_vec()),
        Some(name) if all.contains(&name) => Ok(vec![name]),
        Some(name) => Err(RequestError::OtherCollection {
            pipeline: pipeline.name.clone(),
            name,
            known: all.to_vec(),
        }),
    }
}

pub(super) fn deadline_of(asked: &Asked, pipeline: &Pipeline) -> Deadline {
    Deadline::at(asked.received + asked.deadline.unwrap_or_else(|| pipeline.deadline()))
}

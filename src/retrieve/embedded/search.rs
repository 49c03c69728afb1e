//! Answering a query: each component by itself, fused here.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::timeout_at;
use uuid::Uuid;

use super::collection::{Collection, Hit};
use super::{EmbeddedEngine, EngineError};
use crate::domain::{Candidate, CandidateList, Deadline, DocId, Document, FirstStageScores};
use crate::retrieve::{
    EncodeError, Fusion, RetrievalMode, Retrieve, RetrieveError, Retrieved, Retriever, fuse,
};

/// Fewest hits of each component that a fusion looks at.
const FUSION_DEPTH: usize = 100;

/// A hybrid search waits for the embedding for this part of the time that is
/// left, and serves BM25 alone if it isn't there by then.
const ENCODE_PART: u32 = 2;

/// How long a check may take.
const CHECK: Duration = Duration::from_secs(5);

impl Retriever for EmbeddedEngine {
    fn retrieve(&self, request: Retrieve) -> BoxFuture<'_, Result<Retrieved, RetrieveError>> {
        self.answer(request).boxed()
    }

    fn check(&self, collection: &str) -> BoxFuture<'_, Result<(), RetrieveError>> {
        let opening = self.opened(collection.to_owned(), Deadline::after(CHECK));
        async move { opening.await.map(drop) }.boxed()
    }
}

/// What the components found; absent where one took no part.
#[derive(Default)]
struct Hits {
    bm25: Option<Vec<Hit>>,
    dense: Option<Vec<Hit>>,
}

impl EmbeddedEngine {
    async fn answer(&self, request: Retrieve) -> Result<Retrieved, RetrieveError> {
        let collection = self.opened(request.collection.clone(), request.deadline).await?;
        let (deadline, limit, mode, fusion) =
            (request.deadline, request.limit, request.mode, request.fusion);
        if limit == 0 {
            let candidates = CandidateList::default();
            return Ok(Retrieved { candidates, degraded_embedding: false });
        }
        let hits = self.hits(&collection, Arc::new(request)).await?;
        let degraded_embedding = mode == RetrievalMode::Hybrid && hits.dense.is_none();
        let candidates =
            self.run(deadline, move || hits.ranked(&collection, fusion, limit)).await?;
        Ok(Retrieved { candidates, degraded_embedding })
    }

    async fn hits(
        &self,
        collection: &Arc<Collection>,
        request: Arc<Retrieve>,
    ) -> Result<Hits, RetrieveError> {
        match request.mode {
            RetrievalMode::Bm25 => {
                let bm25 = self.bm25(collection, &request, request.limit).await?;
                Ok(Hits { bm25: Some(bm25), dense: None })
            }
            RetrievalMode::Dense => {
                let vector = self
                    .encode(&request, request.deadline)
                    .await
                    .map_err(|error| no_embedding(&error))?;
                let dense = self.dense(collection, &request, vector, request.limit).await?;
                Ok(Hits { bm25: None, dense: Some(dense) })
            }
            RetrievalMode::Hybrid => {
                let depth = request.limit.max(FUSION_DEPTH);
                let dense = async {
                    let left = request.deadline.remaining() / ENCODE_PART;
                    match self.encode(&request, Deadline::after(left)).await {
                        Ok(vector) => {
                            self.dense(collection, &request, vector, depth).await.map(Some)
                        }
                        Err(error) => {
                            tracing::warn!(%error, "searching by BM25 alone");
                            Ok(None)
                        }
                    }
                };
                let bm25 = self.bm25(collection, &request, depth);
                let (bm25, dense) = futures::try_join!(bm25, dense)?;
                Ok(Hits { bm25: Some(bm25), dense })
            }
        }
    }

    async fn bm25(
        &self,
        collection: &Arc<Collection>,
        request: &Arc<Retrieve>,
        depth: usize,
    ) -> Result<Vec<Hit>, RetrieveError> {
        let (collection, request) = (Arc::clone(collection), Arc::clone(request));
        self.run(request.deadline, move || {
            collection.bm25(request.query.as_str(), &request.filter, depth)
        })
        .await
    }

    async fn dense(
        &self,
        collection: &Arc<Collection>,
        request: &Arc<Retrieve>,
        vector: Vec<f32>,
        depth: usize,
    ) -> Result<Vec<Hit>, RetrieveError> {
        let (collection, request) = (Arc::clone(collection), Arc::clone(request));
        let exact = self.exact;
        self.run(request.deadline, move || collection.dense(vector, &request.filter, depth, exact))
            .await
    }

    fn encode(
        &self,
        request: &Retrieve,
        deadline: Deadline,
    ) -> BoxFuture<'static, Result<Vec<f32>, EncodeError>> {
        self.shared.encoder.encode_query(request.query.as_str(), deadline)
    }

    async fn opened(
        &self,
        name: String,
        deadline: Deadline,
    ) -> Result<Arc<Collection>, RetrieveError> {
        let shared = Arc::clone(&self.shared);
        self.run(deadline, move || shared.collection(&name)).await
    }

    /// Runs a blocking engine call. At the deadline the answer is given up
    /// and the call runs on, holding its permit, so that a stuck disk can't
    /// pile up threads.
    async fn run<T: Send + 'static>(
        &self,
        deadline: Deadline,
        call: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, RetrieveError> {
        if deadline.has_passed() {
            return Err(RetrieveError::Deadline);
        }
        let permit = timeout_at(deadline.instant(), Arc::clone(&self.permits).acquire_owned())
            .await
            .map_err(|_| RetrieveError::Deadline)?
            .map_err(|_| RetrieveError::Engine("the engine is shut down".to_owned()))?;
        let call = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            call()
        });
        match timeout_at(deadline.instant(), call).await {
            Ok(Ok(answer)) => Ok(answer?),
            Ok(Err(_)) => Err(RetrieveError::Engine("an engine call broke off".to_owned())),
            Err(_) => Err(RetrieveError::Deadline),
        }
    }
}

fn no_embedding(error: &EncodeError) -> RetrieveError {
    match error {
        EncodeError::Deadline | EncodeError::Overloaded => RetrieveError::Deadline,
        EncodeError::Model(_) => RetrieveError::Engine(error.to_string()),
    }
}

impl Hits {
    /// The best `limit` with their documents, in classical order.
    fn ranked(
        self,
        collection: &Collection,
        fusion: Fusion,
        limit: usize,
    ) -> Result<CandidateList, EngineError> {
        let ids: HashSet<Uuid> =
            self.bm25.iter().chain(&self.dense).flatten().map(|(id, _)| *id).collect();
        let ids: Vec<Uuid> = ids.into_iter().collect();
        let documents = collection.documents(&ids)?;
        let bm25 = self.bm25.map(|hits| named(&hits, &documents));
        let dense = self.dense.map(|hits| named(&hits, &documents));
        let fused = match (&bm25, &dense) {
            (Some(bm25), Some(dense)) => Some(fusion.fuse(bm25, dense)),
            _ => None,
        };
        let order = fused.as_ref().or(bm25.as_ref()).or(dense.as_ref());
        let order: Vec<DocId> =
            order.into_iter().flatten().take(limit).map(|(id, _)| id.clone()).collect();
        let (bm25, dense, fused) = (by_id(bm25), by_id(dense), by_id(fused));
        let mut documents: HashMap<DocId, Document> =
            documents.into_values().map(|document| (document.id.clone(), document)).collect();
        let candidates = order
            .into_iter()
            .filter_map(|id| {
                let scores = FirstStageScores {
                    bm25: bm25.get(&id).copied(),
                    dense: dense.get(&id).copied(),
                    fusion: fused.get(&id).copied(),
                };
                Some(Candidate { document: Arc::new(documents.remove(&id)?), scores })
            })
            .collect();
        CandidateList::new(candidates).map_err(|error| EngineError::Qdrant {
            collection: collection.name().to_owned(),
            problem: error.to_string(),
        })
    }
}

/// Hits by document id, in order. A document that was deleted since the
/// engine found it is left out.
fn named(hits: &[Hit], documents: &HashMap<Uuid, Document>) -> Vec<(DocId, f32)> {
    let mut named: Vec<_> = hits
        .iter()
        .filter_map(|(id, score)| Some((documents.get(id)?.id.clone(), *score)))
        .collect();
    fuse::order(&mut named);
    named
}

fn by_id(hits: Option<Vec<(DocId, f32)>>) -> HashMap<DocId, f32> {
    hits.into_iter().flatten().collect()
}

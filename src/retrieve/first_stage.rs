//! Answering a search: each component by itself, from one collection or
//! several, fused here.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, try_join_all};
use jiff::Timestamp;
use uuid::Uuid;

use super::analyzer::Analyzer;
use super::clause::Clauses;
use super::engine::{Collection, Engine, Hit, Nearest, QueryVector};
use super::hits::{Hits, Key};
use super::{
    CollectionConfig, EmbeddingModel, EncodeError, Encoder, EngineError, Find, RetrievalMode,
    Retrieve, RetrieveError, Retrieved, Retriever, point_id,
};
use crate::domain::{Candidate, CandidateList, Deadline, Document, FirstStageScores};

/// Fewest hits of each component that a fusion looks at. A document beyond
/// them would add next to nothing to a sum.
const FUSION_DEPTH: usize = 100;

/// How many times as many hits are asked for where the last place is shared.
const MORE: usize = 8;
/// Most hits that are asked for so.
const MOST_TIES: usize = 5000;

/// A hybrid search waits for the embedding for this part of the time that is
/// left, and serves BM25 alone if it isn't there by then.
const ENCODE_PART: u32 = 2;

/// How long a check may take.
const CHECK: Duration = Duration::from_secs(5);

/// The first stage over an engine and an encoder.
pub struct FirstStage {
    engine: Arc<dyn Engine>,
    encoder: Arc<dyn Encoder>,
    configs: BTreeMap<String, CollectionConfig>,
    exact: bool,
}

impl FirstStage {
    /// A first stage. `configs` holds the collections that have settings of
    /// their own; others have the defaults.
    #[must_use]
    pub fn new(
        engine: Arc<dyn Engine>,
        encoder: Arc<dyn Encoder>,
        configs: BTreeMap<String, CollectionConfig>,
    ) -> Self {
        Self { engine, encoder, configs, exact: false }
    }

    /// Compares a query with every vector instead of walking the vector
    /// index: slower, and the same on every run. For evaluation.
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.exact = true;
        self
    }

    /// Opens a collection and makes sure that its vectors and the query's
    /// would be of the same kind.
    async fn open(
        &self,
        name: &str,
        deadline: Deadline,
    ) -> Result<Arc<dyn Collection>, EngineError> {
        let collection = self.engine.open(name, deadline).await?;
        let config = self.configs.get(name).cloned().unwrap_or_default();
        check_same(&*collection, &config, self.encoder.model())?;
        Ok(collection)
    }

    async fn answer(&self, request: Retrieve) -> Result<Retrieved, RetrieveError> {
        let deadline = request.deadline;
        let names = request.collections.iter();
        let collections = try_join_all(names.map(|name| self.open(name, deadline))).await?;
        if request.limit == 0 {
            let candidates = CandidateList::default();
            return Ok(Retrieved { candidates, degraded_embedding: false });
        }
        let sources = collections
            .into_iter()
            .map(|collection| Source::new(collection, &request))
            .collect::<Result<Vec<_>, EngineError>>()?;
        let hits = self.hits(&sources, &request).await?;
        let degraded_embedding = request.mode == RetrievalMode::Hybrid && hits.dense.is_none();
        let documents = documents(&sources, &hits, deadline).await?;
        let names: Vec<_> = sources.iter().map(|it| it.collection.name().into()).collect();
        let candidates = hits.ranked(documents, &names, &request, Timestamp::now());
        let candidates = candidates.map_err(|error| RetrieveError::Engine(error.to_string()))?;
        Ok(Retrieved { candidates, degraded_embedding })
    }

    async fn stored(&self, wanted: Find) -> Result<Vec<Option<Candidate>>, RetrieveError> {
        let Find { collections, ids, deadline } = wanted;
        let mut found = vec![None; ids.len()];
        for name in collections {
            let missing: Vec<usize> = (0..ids.len()).filter(|&at| found[at].is_none()).collect();
            if missing.is_empty() {
                break;
            }
            let collection = self.open(&name, deadline).await?;
            let points = missing.iter().map(|&at| point_id(&ids[at])).collect();
            let mut documents = collection.documents(points, deadline).await?;
            let name: Arc<str> = name.into();
            for at in missing {
                found[at] = documents.remove(&point_id(&ids[at])).map(|document| Candidate {
                    document: Arc::new(document),
                    collection: Some(Arc::clone(&name)),
                    scores: FirstStageScores::default(),
                });
            }
        }
        Ok(found)
    }

    async fn hits(&self, sources: &[Source], request: &Retrieve) -> Result<Hits, RetrieveError> {
        let depth = request.limit.max(FUSION_DEPTH);
        match request.mode {
            RetrievalMode::Bm25 => {
                let bm25 = self.bm25(sources, request, request.limit).await?;
                Ok(Hits { bm25: Some(bm25), dense: None })
            }
            RetrievalMode::Dense => {
                let vector = self.encode(request, request.deadline).await;
                let vector = vector.map_err(|error| no_embedding(&error))?;
                let dense = self.dense(sources, request, vector, request.limit).await?;
                Ok(Hits { bm25: None, dense: Some(dense) })
            }
            RetrievalMode::Hybrid => {
                let dense = async {
                    let left = request.deadline.remaining() / ENCODE_PART;
                    match self.encode(request, Deadline::after(left)).await {
                        Ok(vector) => self.dense(sources, request, vector, depth).await.map(Some),
                        Err(error) => {
                            tracing::warn!(%error, "searching by BM25 alone");
                            Ok(None)
                        }
                    }
                };
                let bm25 = self.bm25(sources, request, depth);
                let (bm25, dense) = futures::try_join!(bm25, dense)?;
                Ok(Hits { bm25: Some(bm25), dense })
            }
        }
    }

    async fn bm25(
        &self,
        sources: &[Source],
        request: &Retrieve,
        depth: usize,
    ) -> Result<Vec<(Key, f32)>, RetrieveError> {
        self.nearest(sources, request, depth, |source| QueryVector::Bm25(source.terms.clone()))
            .await
    }

    async fn dense(
        &self,
        sources: &[Source],
        request: &Retrieve,
        vector: Vec<f32>,
        depth: usize,
    ) -> Result<Vec<(Key, f32)>, RetrieveError> {
        self.nearest(sources, request, depth, |_| QueryVector::Dense(vector.clone())).await
    }

    /// The best of all sources by one component.
    async fn nearest(
        &self,
        sources: &[Source],
        request: &Retrieve,
        depth: usize,
        vector: impl Fn(&Source) -> QueryVector,
    ) -> Result<Vec<(Key, f32)>, RetrieveError> {
        let asked = sources.iter().enumerate().map(|(index, source)| {
            let nearest = Nearest {
                vector: vector(source),
                filter: Arc::clone(&source.filter),
                limit: depth,
                exact: self.exact,
                deadline: request.deadline,
            };
            async move {
                let hits = best(&*source.collection, nearest).await?;
                let key = move |id| Key { source: index, id };
                Ok::<_, EngineError>(hits.into_iter().map(move |(id, score)| (key(id), score)))
            }
        });
        let mut hits: Vec<_> = try_join_all(asked).await?.into_iter().flatten().collect();
        if sources.len() > 1 {
            super::fuse::order(&mut hits);
            hits.truncate(depth);
        }
        Ok(hits)
    }

    fn encode(
        &self,
        request: &Retrieve,
        deadline: Deadline,
    ) -> BoxFuture<'static, Result<Vec<f32>, EncodeError>> {
        self.encoder.encode_query(request.query.as_str(), deadline)
    }
}

impl Retriever for FirstStage {
    fn retrieve(&self, request: Retrieve) -> BoxFuture<'_, Result<Retrieved, RetrieveError>> {
        self.answer(request).boxed()
    }

    fn find(&self, wanted: Find) -> BoxFuture<'_, Result<Vec<Option<Candidate>>, RetrieveError>> {
        self.stored(wanted).boxed()
    }

    fn check<'a>(&'a self, collection: &'a str) -> BoxFuture<'a, Result<(), RetrieveError>> {
        let open = self.open(collection, Deadline::after(CHECK));
        async move {
            // Opening may answer from memory; counting asks the engine.
            open.await?.count(Deadline::after(CHECK)).await?;
            Ok(())
        }
        .boxed()
    }

    fn newest<'a>(
        &'a self,
        collection: &'a str,
    ) -> BoxFuture<'a, Result<Option<Timestamp>, RetrieveError>> {
        let open = self.open(collection, Deadline::after(CHECK));
        async move { Ok(open.await?.newest(Deadline::after(CHECK)).await?) }.boxed()
    }
}

/// The best points of a collection by one component, the same in every engine:
/// of points that score the same, an engine returns any, so all of them are
/// asked for where the last place is shared, and those of the lowest ids are
/// taken.
async fn best(collection: &dyn Collection, request: Nearest) -> Result<Vec<Hit>, EngineError> {
    let wanted = request.limit;
    let mut limit = wanted + 1;
    loop {
        let mut hits = collection.nearest(Nearest { limit, ..request.clone() }).await?;
        super::fuse::order(&mut hits);
        let last = hits.last().map(|(_, score)| *score);
        let shared = hits.len() == limit
            && last == hits.get(wanted.saturating_sub(1)).map(|(_, score)| *score);
        if !shared || limit >= MOST_TIES {
            hits.truncate(wanted);
            return Ok(hits);
        }
        limit = (limit * MORE).min(MOST_TIES.max(limit));
    }
}

/// A collection and the request in its terms.
struct Source {
    collection: Arc<dyn Collection>,
    terms: super::SparseVector,
    filter: Arc<Clauses>,
}

impl Source {
    fn new(collection: Arc<dyn Collection>, request: &Retrieve) -> Result<Self, EngineError> {
        let manifest = collection.manifest();
        let analyzer = Analyzer::new(manifest.language, manifest.bm25).map_err(|error| {
            let problem = error.to_string();
            EngineError::Manifest { collection: collection.name().to_owned(), problem }
        })?;
        let filter = Clauses::of(&request.filter, |key| collection.index_type(key))?;
        let terms = analyzer.query(request.query.as_str());
        Ok(Self { collection, terms, filter: Arc::new(filter) })
    }
}

/// The documents of all hits. One that was deleted since it was found is left
/// out.
async fn documents(
    sources: &[Source],
    hits: &Hits,
    deadline: Deadline,
) -> Result<HashMap<Key, Document>, EngineError> {
    let mut ids: Vec<Vec<Uuid>> = vec![Vec::new(); sources.len()];
    for key in hits.keys() {
        ids[key.source].push(key.id);
    }
    let asked = sources.iter().zip(ids).enumerate().map(|(source, (it, ids))| async move {
        let documents = if ids.is_empty() {
            HashMap::new()
        } else {
            it.collection.documents(ids, deadline).await?
        };
        let keyed = move |(id, document)| (Key { source, id }, document);
        Ok::<_, EngineError>(documents.into_iter().map(keyed))
    });
    Ok(try_join_all(asked).await?.into_iter().flatten().collect())
}

/// Makes sure that a collection was made with the settings of now.
pub(super) fn check_same(
    collection: &dyn Collection,
    config: &CollectionConfig,
    model: &EmbeddingModel,
) -> Result<(), EngineError> {
    let (name, manifest) = (collection.name(), collection.manifest());
    if manifest.embedding != *model {
        return Err(EngineError::OtherModel {
            collection: name.to_owned(),
            stored: Box::new(manifest.embedding.clone()),
            configured: Box::new(model.clone()),
        });
    }
    if manifest.language != config.language {
        return Err(EngineError::OtherLanguage {
            collection: name.to_owned(),
            stored: manifest.language,
            configured: config.language,
        });
    }
    let (stored, configured) = (manifest.lexical(), config.lexical());
    if stored != configured {
        return Err(EngineError::OtherShape {
            collection: name.to_owned(),
            problem: format!(
                "it was indexed with {stored}, and the configuration says {configured}; index \
                 into a new collection, or set these in [collections.{name}]"
            ),
        });
    }
    Ok(())
}

fn no_embedding(error: &EncodeError) -> RetrieveError {
    match error {
        EncodeError::Deadline | EncodeError::Overloaded => RetrieveError::Deadline,
        EncodeError::Model(_) => RetrieveError::Engine(error.to_string()),
    }
}

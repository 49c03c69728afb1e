//! One collection: its shard, and what it was made with. Every call blocks.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use qdrant_edge::{
    EdgeShard, Filter as Clauses, JsonPath, NamedQuery, OperationError, PointId,
    PointInsertOperations, PointOperations, PointStruct, QueryEnum, QueryRequest, Record,
    RetrieveRequest, ScoringQuery, ScrollRequest, SearchParams, UpdateOperation, VectorInternal,
    WithPayloadInterface,
};
use serde_json::Value;
use uuid::Uuid;

use super::EngineError;
use super::condition::to_qdrant;
use super::files::io;
use super::manifest::{Manifest, State};
use super::point::{self, BM25, CONTENT_HASH, DENSE};
use super::schema::{align, shard_config};
use crate::domain::Document;
use crate::retrieve::analyzer::Analyzer;
use crate::retrieve::{Bm25Params, CollectionConfig, EmbeddingModel, Filter, IndexType};

const MANIFEST: &str = "manifest.json";
const SHARD: &str = "shard";
/// Where Qdrant builds segments; what a killed process left there is waste.
const LEFT_OVER: &str = "shard/temp_segments";
/// Ids read at a time.
const PAGE: usize = 10_000;

/// An opened collection.
pub(super) struct Collection {
    name: String,
    path: PathBuf,
    shard: EdgeShard,
    indexed: BTreeMap<String, IndexType>,
    made_with: ArcSwap<MadeWith>,
}

/// The manifest and the analyzer that follows from it.
struct MadeWith {
    manifest: Manifest,
    analyzer: Analyzer,
}

/// A hit of one component.
pub(super) type Hit = (Uuid, f32);

impl Collection {
    /// Opens what an earlier indexing made.
    pub(super) fn open(
        path: PathBuf,
        name: &str,
        config: &CollectionConfig,
        model: &EmbeddingModel,
    ) -> Result<Self, EngineError> {
        let manifest = Manifest::read(&path.join(MANIFEST))?
            .ok_or_else(|| EngineError::NoCollection(name.to_owned()))?;
        check_same(name, &manifest, config, model)?;
        Self::load(path, name, config, manifest)
    }

    /// Opens the collection, or makes an empty one with these parameters.
    pub(super) fn open_or_create(
        path: PathBuf,
        name: &str,
        config: &CollectionConfig,
        model: &EmbeddingModel,
        params: Bm25Params,
    ) -> Result<Self, EngineError> {
        if !exists(&path) {
            fs::create_dir_all(&path).map_err(io(&path))?;
            let manifest = Manifest::new(model.clone(), config.language, params);
            manifest.write(&path.join(MANIFEST))?;
        }
        Self::open(path, name, config, model)
    }

    fn load(
        path: PathBuf,
        name: &str,
        config: &CollectionConfig,
        manifest: Manifest,
    ) -> Result<Self, EngineError> {
        remove_left_overs(&path.join(LEFT_OVER))?;
        let folder = path.join(SHARD);
        fs::create_dir_all(&folder).map_err(io(&folder))?;
        // `load` makes what is missing, so that a process killed anywhere
        // between the manifest and the first segment does no harm.
        let shard = EdgeShard::load(&folder, Some(shard_config(manifest.embedding.dimensions)))
            .map_err(|error| failed(name, &error))?;
        let made_with = MadeWith::new(name, manifest)?;
        let collection = Self {
            name: name.to_owned(),
            path,
            shard,
            indexed: config.indexed.clone(),
            made_with: ArcSwap::from_pointee(made_with),
        };
        align(&collection.shard, config).map_err(|error| failed(name, &error))?;
        Ok(collection)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Takes over the parameters if nothing was stored with others.
    pub(super) fn adopt(&self, params: Bm25Params) -> Result<(), EngineError> {
        if self.average_length().to_bits() == params.average_length.to_bits()
            || self.documents_stored()? > 0
        {
            return Ok(());
        }
        self.change(|manifest| manifest.bm25 = params)
    }

    /// Average document length in terms that the stored vectors were made
    /// with.
    pub(super) fn average_length(&self) -> f64 {
        self.made_with.load().manifest.bm25.average_length
    }

    pub(super) fn state(&self) -> State {
        self.made_with.load().manifest.state
    }

    /// Says in the manifest whether the collection is whole.
    pub(super) fn set_state(&self, state: State) -> Result<(), EngineError> {
        if self.state() == state {
            return Ok(());
        }
        self.change(|manifest| manifest.state = state)
    }

    fn change(&self, edit: impl FnOnce(&mut Manifest)) -> Result<(), EngineError> {
        let mut manifest = self.made_with.load().manifest.clone();
        edit(&mut manifest);
        manifest.write(&self.path.join(MANIFEST))?;
        self.made_with.store(Arc::new(MadeWith::new(&self.name, manifest)?));
        Ok(())
    }

    /// Number of documents.
    pub(super) fn documents_stored(&self) -> Result<usize, EngineError> {
        self.shard.info().map(|info| info.points_count).map_err(|error| self.failed(&error))
    }

    /// The best hits by BM25, in the engine's order.
    pub(super) fn bm25(
        &self,
        query: &str,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<Hit>, EngineError> {
        let vector = self.made_with.load().analyzer.query(query);
        if vector.indices.is_empty() {
            return Ok(Vec::new());
        }
        self.nearest(BM25, VectorInternal::Sparse(vector), filter, limit, None)
    }

    /// The best hits by cosine similarity, in the engine's order.
    pub(super) fn dense(
        &self,
        vector: Vec<f32>,
        filter: &Filter,
        limit: usize,
        exact: bool,
    ) -> Result<Vec<Hit>, EngineError> {
        // A wider beam than the number wanted: near its own width, HNSW
        // misses neighbours.
        let hnsw_ef = Some((4 * limit).max(256));
        let params = SearchParams { exact, hnsw_ef, ..SearchParams::default() };
        self.nearest(DENSE, VectorInternal::Dense(vector), filter, limit, Some(params))
    }

    fn nearest(
        &self,
        using: &str,
        vector: VectorInternal,
        filter: &Filter,
        limit: usize,
        params: Option<SearchParams>,
    ) -> Result<Vec<Hit>, EngineError> {
        let mut request = QueryRequest::new(limit);
        let query = QueryEnum::Nearest(NamedQuery::new(vector, using));
        request.query = Some(ScoringQuery::Vector(query));
        request.filter = self.clauses(filter)?;
        request.params = params;
        let points = self.shard.query(request).map_err(|error| self.failed(&error))?;
        Ok(points.into_iter().filter_map(|point| Some((uuid(point.id)?, point.score))).collect())
    }

    fn clauses(&self, filter: &Filter) -> Result<Option<Clauses>, EngineError> {
        Ok(to_qdrant(filter, &self.indexed)?)
    }

    /// The documents of these points; points that don't exist are left out.
    pub(super) fn documents(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Document>, EngineError> {
        let records = self.records(ids, WithPayloadInterface::Bool(true))?;
        Ok(records
            .into_iter()
            .filter_map(|record| Some((uuid(record.id)?, point::document(record.payload?)?)))
            .collect())
    }

    /// The stored fingerprints of these points; points that don't exist are
    /// left out.
    pub(super) fn content_hashes(
        &self,
        ids: &[Uuid],
    ) -> Result<HashMap<Uuid, String>, EngineError> {
        let path = JsonPath { first_key: CONTENT_HASH.to_owned(), rest: Vec::new() };
        let records = self.records(ids, WithPayloadInterface::Fields(vec![path]))?;
        Ok(records
            .into_iter()
            .filter_map(|record| match record.payload?.0.remove(CONTENT_HASH)? {
                Value::String(hash) => Some((uuid(record.id)?, hash)),
                _ => None,
            })
            .collect())
    }

    fn records(
        &self,
        ids: &[Uuid],
        payload: WithPayloadInterface,
    ) -> Result<Vec<Record>, EngineError> {
        let mut request = RetrieveRequest::new(ids.iter().copied().map(PointId::Uuid).collect());
        request.with_payload = Some(payload);
        self.shard.retrieve(request).map_err(|error| self.failed(&error))
    }

    /// Every stored id.
    pub(super) fn ids(&self) -> Result<Vec<Uuid>, EngineError> {
        let mut ids = Vec::new();
        let mut request = ScrollRequest::new();
        request.limit = Some(PAGE);
        request.with_payload = Some(WithPayloadInterface::Bool(false));
        loop {
            let (records, next) =
                self.shard.scroll(request.clone()).map_err(|error| self.failed(&error))?;
            ids.extend(records.into_iter().filter_map(|record| uuid(record.id)));
            match next {
                Some(next) => request.offset = Some(next),
                None => return Ok(ids),
            }
        }
    }

    /// Stores documents with the embeddings that belong to them. Once this
    /// returns they survive the end of the process, and after the next
    /// [`flush`](Self::flush) also a loss of power.
    pub(super) fn upsert(
        &self,
        documents: Vec<(Uuid, Document, Option<Vec<f32>>)>,
    ) -> Result<(), EngineError> {
        let made_with = self.made_with.load();
        let points = documents
            .into_iter()
            .map(|(id, document, dense)| {
                let bm25 = made_with.analyzer.document(&document.title, &document.text);
                PointStruct::into(point::point(id, document, bm25, dense))
            })
            .collect();
        let points = PointOperations::UpsertPoints(PointInsertOperations::PointsList(points));
        self.update(UpdateOperation::PointOperation(points))
    }

    /// Removes documents; ids that don't exist are no error.
    pub(super) fn delete(&self, ids: &[Uuid]) -> Result<(), EngineError> {
        let ids = ids.iter().copied().map(PointId::Uuid).collect();
        self.update(UpdateOperation::PointOperation(PointOperations::DeletePoints { ids }))
    }

    fn update(&self, operation: UpdateOperation) -> Result<(), EngineError> {
        self.shard.update(operation).map_err(|error| self.failed(&error))
    }

    /// Writes everything to the disk.
    pub(super) fn flush(&self) -> Result<(), EngineError> {
        self.shard.flush().map_err(|error| self.failed(&error))
    }

    /// Builds the vector index and drops what was deleted.
    pub(super) fn optimize(&self) -> Result<(), EngineError> {
        self.shard.optimize().map(drop).map_err(|error| self.failed(&error))
    }

    /// The payload indexes that there are, for tests.
    #[cfg(test)]
    pub(super) fn indexes(&self) -> Result<Vec<String>, EngineError> {
        super::schema::indexes(&self.shard).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &OperationError) -> EngineError {
        failed(&self.name, error)
    }
}

impl MadeWith {
    fn new(collection: &str, manifest: Manifest) -> Result<Self, EngineError> {
        let analyzer = Analyzer::new(manifest.language, manifest.bm25).map_err(|error| {
            EngineError::Qdrant { collection: collection.to_owned(), problem: error.to_string() }
        })?;
        Ok(Self { manifest, analyzer })
    }
}

/// Whether a folder holds a collection.
pub(super) fn exists(path: &Path) -> bool {
    path.join(MANIFEST).exists()
}

fn check_same(
    name: &str,
    manifest: &Manifest,
    config: &CollectionConfig,
    model: &EmbeddingModel,
) -> Result<(), EngineError> {
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
    Ok(())
}

fn remove_left_overs(folder: &Path) -> Result<(), EngineError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io(folder)(error)),
        _ => Ok(()),
    }
}

fn uuid(id: PointId) -> Option<Uuid> {
    match id {
        PointId::Uuid(uuid) => Some(uuid),
        PointId::NumId(_) => None,
    }
}

fn failed(collection: &str, error: &OperationError) -> EngineError {
    EngineError::Qdrant { collection: collection.to_owned(), problem: error.to_string() }
}

//! One collection: its shard, and what it was made with. Every call blocks.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use qdrant_edge::{
    Direction, EdgeShard, JsonPath, NamedQuery, OperationError, OrderBy, OrderByInterface,
    OrderValue, Payload, PointId, PointInsertOperations, PointOperations, PointStruct, QueryEnum,
    QueryRequest, Record, RetrieveRequest, ScoringQuery, ScrollRequest, SearchParams,
    UpdateOperation, Vector, VectorRef, WithPayloadInterface, WithVector,
};
use uuid::Uuid;

use super::EngineError;
use super::condition::{metadata_path, to_qdrant};
use super::convert::{self, uuid};
use super::files::{check_space, io, replace};
use super::schema::{align, shard_config};
use crate::domain::Document;
use crate::retrieve::IndexType;
use crate::retrieve::engine::{Fingerprint, Hit, Nearest, Page, Point, QueryVector};
use crate::retrieve::manifest::Manifest;
use crate::retrieve::point::{self, BM25, CONTENT_HASH, DENSE, TEXT_HASH, UPDATED_AT};

const MANIFEST: &str = "manifest.json";
const SHARD: &str = "shard";
/// Where Qdrant builds segments; what a killed process left there is waste.
const LEFT_OVER: &str = "shard/temp_segments";

/// An opened collection.
pub(super) struct Shard {
    name: String,
    path: PathBuf,
    points: EdgeShard,
    indexed: BTreeMap<String, IndexType>,
    manifest: ArcSwap<Manifest>,
}

impl Shard {
    /// Opens what an earlier indexing made.
    pub(super) fn open(
        path: PathBuf,
        name: &str,
        indexed: BTreeMap<String, IndexType>,
    ) -> Result<Self, EngineError> {
        let manifest = read_manifest(&path, name)?
            .ok_or_else(|| EngineError::NoCollection(name.to_owned()))?;
        remove_left_overs(&path.join(LEFT_OVER))?;
        let folder = path.join(SHARD);
        fs::create_dir_all(&folder).map_err(io(&folder))?;
        // `load` makes what is missing, so that a process killed anywhere
        // between the manifest and the first segment does no harm.
        let points = EdgeShard::load(&folder, Some(shard_config(&manifest.embedding)))
            .map_err(|error| failed(name, &error))?;
        align(&points, &indexed).map_err(|error| failed(name, &error))?;
        let manifest = ArcSwap::from_pointee(manifest);
        Ok(Self { name: name.to_owned(), path, points, indexed, manifest })
    }

    /// Opens the collection, or makes an empty one.
    pub(super) fn open_or_create(
        path: PathBuf,
        name: &str,
        indexed: BTreeMap<String, IndexType>,
        manifest: &Manifest,
    ) -> Result<Self, EngineError> {
        if !exists(&path) {
            fs::create_dir_all(&path).map_err(io(&path))?;
            check_space(&path)?;
            write_manifest(&path, name, manifest)?;
        }
        Self::open(path, name, indexed)
    }

    pub(super) fn manifest(&self) -> Arc<Manifest> {
        self.manifest.load_full()
    }

    pub(super) fn set_manifest(&self, manifest: Manifest) -> Result<(), EngineError> {
        write_manifest(&self.path, &self.name, &manifest)?;
        self.manifest.store(Arc::new(manifest));
        Ok(())
    }

    pub(super) fn index_type(&self, key: &str) -> Option<IndexType> {
        self.indexed.get(key).copied()
    }

    /// Number of documents.
    pub(super) fn count(&self) -> Result<usize, EngineError> {
        self.points.info().map(|info| info.points_count).map_err(|error| self.failed(&error))
    }

    /// The best hits by one component, in the engine's order.
    pub(super) fn nearest(&self, request: &Nearest) -> Result<Vec<Hit>, EngineError> {
        let (using, vector, params) = match &request.vector {
            QueryVector::Bm25(terms) if terms.indices.is_empty() => return Ok(Vec::new()),
            QueryVector::Bm25(terms) => (BM25, convert::sparse(terms), None),
            QueryVector::Dense(vector) => {
                // A wider beam than the number wanted: near its own width, HNSW
                // misses neighbours.
                let hnsw_ef = Some((4 * request.limit).max(256));
                let exact = request.exact;
                let params = SearchParams { exact, hnsw_ef, ..SearchParams::default() };
                (DENSE, self.dense(vec![vector.clone()])?.0, Some(params))
            }
        };
        let mut query = QueryRequest::new(request.limit);
        query.query =
            Some(ScoringQuery::Vector(QueryEnum::Nearest(NamedQuery::new(vector, using))));
        query.filter = to_qdrant(&request.filter)?;
        query.params = params;
        let hits = self.points.query(query).map_err(|error| self.failed(&error))?;
        Ok(hits.into_iter().filter_map(|hit| Some((uuid(hit.id)?, hit.score))).collect())
    }

    /// Embeddings as the collection stores them: one, or one for each part.
    fn dense(&self, mut parts: Vec<Vec<f32>>) -> Result<Vector, EngineError> {
        if self.manifest.load().embedding.parts > 1 {
            return Vector::new_multi(parts).map_err(|error| self.failed(&error));
        }
        Ok(Vector::new_dense(parts.swap_remove(0)))
    }

    /// The documents of these points; points that don't exist are left out.
    pub(super) fn documents(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Document>, EngineError> {
        let records =
            self.records(ids, WithPayloadInterface::Bool(true), WithVector::Bool(false))?;
        let document = |payload: Payload| point::document(payload.0);
        Ok(payloads(records).filter_map(|(id, it)| Some((id, document(it)?))).collect())
    }

    /// The stored fingerprints of these points; points that don't exist are
    /// left out.
    pub(super) fn fingerprints(
        &self,
        ids: &[Uuid],
    ) -> Result<HashMap<Uuid, Fingerprint>, EngineError> {
        let field = |name: &str| JsonPath { first_key: name.to_owned(), rest: Vec::new() };
        let fields = WithPayloadInterface::Fields(vec![field(CONTENT_HASH), field(TEXT_HASH)]);
        let records = self.records(ids, fields, WithVector::Bool(false))?;
        let fingerprint = |payload: Payload| point::fingerprint(payload.0);
        Ok(payloads(records).filter_map(|(id, it)| Some((id, fingerprint(it)?))).collect())
    }

    /// The stored embeddings of these points; points without are left out.
    pub(super) fn embeddings(
        &self,
        ids: &[Uuid],
    ) -> Result<HashMap<Uuid, Vec<Vec<f32>>>, EngineError> {
        let vectors = WithVector::Selector(vec![DENSE.into()]);
        let records = self.records(ids, WithPayloadInterface::Bool(false), vectors)?;
        let parts = |record: &Record| match record.get_vector_by_name(DENSE)? {
            VectorRef::Dense(vector) => Some(vec![vector.to_vec()]),
            VectorRef::MultiDense(vectors) => {
                Some(vectors.multi_vectors().map(<[f32]>::to_vec).collect())
            }
            VectorRef::Sparse(_) => None,
        };
        Ok(records
            .into_iter()
            .filter_map(|record| Some((uuid(record.id)?, parts(&record)?)))
            .collect())
    }

    fn records(
        &self,
        ids: &[Uuid],
        payload: WithPayloadInterface,
        vectors: WithVector,
    ) -> Result<Vec<Record>, EngineError> {
        let mut request = RetrieveRequest::new(ids.iter().copied().map(PointId::Uuid).collect());
        request.with_payload = Some(payload);
        request.with_vector = Some(vectors);
        self.points.retrieve(request).map_err(|error| self.failed(&error))
    }

    /// Some of the stored ids.
    pub(super) fn ids(&self, from: Option<Uuid>, limit: usize) -> Result<Page, EngineError> {
        let mut request = ScrollRequest::new();
        request.limit = Some(limit);
        request.offset = from.map(PointId::Uuid);
        request.with_payload = Some(WithPayloadInterface::Bool(false));
        let (records, next) = self.points.scroll(request).map_err(|error| self.failed(&error))?;
        let ids = records.into_iter().filter_map(|record| uuid(record.id)).collect();
        Ok(Page { ids, next: next.and_then(uuid) })
    }

    /// The latest date of change.
    pub(super) fn newest(&self) -> Result<Option<Timestamp>, EngineError> {
        if self.index_type(UPDATED_AT) != Some(IndexType::Datetime) {
            return Ok(None);
        }
        let mut request = ScrollRequest::new();
        request.limit = Some(1);
        request.with_payload = Some(WithPayloadInterface::Bool(false));
        request.order_by = Some(OrderByInterface::Struct(OrderBy {
            key: metadata_path(UPDATED_AT),
            direction: Some(Direction::Desc),
            start_from: None,
        }));
        let (records, _) = self.points.scroll(request).map_err(|error| self.failed(&error))?;
        let newest = records.first().and_then(|record| record.order_value);
        // Dates are ordered by their microseconds.
        Ok(newest.and_then(|value| match value {
            OrderValue::Int(micros) => Timestamp::from_microsecond(micros).ok(),
            OrderValue::Float(_) => None,
        }))
    }

    /// Stores points. Once this returns they survive the end of the process,
    /// and after the next [`flush`](Self::flush) also a loss of power.
    pub(super) fn upsert(&self, points: Vec<Point>) -> Result<(), EngineError> {
        check_space(&self.path)?;
        let points = points
            .into_iter()
            .map(|Point { id, document, bm25, dense }| {
                let dense = if dense.is_empty() { None } else { Some(self.dense(dense)?) };
                Ok(PointStruct::into(convert::point(id, document, &bm25, dense)))
            })
            .collect::<Result<_, EngineError>>()?;
        let points = PointOperations::UpsertPoints(PointInsertOperations::PointsList(points));
        self.update(UpdateOperation::PointOperation(points))
    }

    /// Removes documents; ids that don't exist are no error.
    pub(super) fn delete(&self, ids: &[Uuid]) -> Result<(), EngineError> {
        let ids = ids.iter().copied().map(PointId::Uuid).collect();
        self.update(UpdateOperation::PointOperation(PointOperations::DeletePoints { ids }))
    }

    fn update(&self, operation: UpdateOperation) -> Result<(), EngineError> {
        self.points.update(operation).map_err(|error| self.failed(&error))
    }

    /// Writes everything to the disk.
    pub(super) fn flush(&self) -> Result<(), EngineError> {
        self.points.flush().map_err(|error| self.failed(&error))
    }

    /// Builds the vector index and drops what was deleted.
    pub(super) fn optimize(&self) -> Result<(), EngineError> {
        check_space(&self.path)?;
        self.points.optimize().map(drop).map_err(|error| self.failed(&error))
    }

    /// The payload indexes that there are, for tests.
    #[cfg(test)]
    pub(super) fn indexes(&self) -> Result<Vec<String>, EngineError> {
        super::schema::indexes(&self.points).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &OperationError) -> EngineError {
        failed(&self.name, error)
    }
}

/// Whether a folder holds a collection.
pub(super) fn exists(path: &Path) -> bool {
    path.join(MANIFEST).exists()
}

/// The manifest in a collection's folder; `None` where there is none.
fn read_manifest(path: &Path, name: &str) -> Result<Option<Manifest>, EngineError> {
    let path = path.join(MANIFEST);
    let json = match fs::read(&path) {
        Ok(json) => json,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(&path)(error)),
    };
    Manifest::from_json(&json).map(Some).map_err(|problem| EngineError::Manifest {
        collection: name.to_owned(),
        problem: format!("{}: {problem}", path.display()),
    })
}

fn write_manifest(path: &Path, name: &str, manifest: &Manifest) -> Result<(), EngineError> {
    let json = serde_json::to_vec_pretty(manifest).map_err(|error| EngineError::Manifest {
        collection: name.to_owned(),
        problem: error.to_string(),
    })?;
    replace(&path.join(MANIFEST), &json)
}

fn remove_left_overs(folder: &Path) -> Result<(), EngineError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io(folder)(error)),
        _ => Ok(()),
    }
}

fn payloads(records: Vec<Record>) -> impl Iterator<Item = (Uuid, Payload)> {
    records.into_iter().filter_map(|record| Some((uuid(record.id)?, record.payload?)))
}

fn failed(collection: &str, error: &OperationError) -> EngineError {
    EngineError::Qdrant { collection: collection.to_owned(), problem: error.to_string() }
}

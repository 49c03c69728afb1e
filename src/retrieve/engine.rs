//! What rankgate needs of a Qdrant, in this process or elsewhere.
//!
//! An engine stores points and answers each component query by itself. It
//! neither embeds nor fuses: that is done above it, so that every engine gives
//! the same candidates in the same order.

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use jiff::Timestamp;
use uuid::Uuid;

use super::clause::Clauses;
use super::manifest::Manifest;
use super::{EngineError, IndexType};
use crate::domain::{Deadline, Document};

/// The answer of an engine call.
pub type EngineResult<'a, T> = BoxFuture<'a, Result<T, EngineError>>;

/// A store of named collections. Every call ends by its deadline.
pub trait Engine: Send + Sync + 'static {
    /// A collection that exists.
    fn open<'a>(
        &'a self,
        name: &'a str,
        deadline: Deadline,
    ) -> EngineResult<'a, Arc<dyn Collection>>;

    /// The collection, made as `manifest` says if it doesn't exist. One that
    /// exists keeps what it was made with.
    fn open_or_create<'a>(
        &'a self,
        name: &'a str,
        manifest: &'a Manifest,
        deadline: Deadline,
    ) -> EngineResult<'a, Arc<dyn Collection>>;
}

/// One collection of points. Every call ends by its deadline.
pub trait Collection: Send + Sync + 'static {
    /// Its name.
    fn name(&self) -> &str;

    /// What it was made with.
    fn manifest(&self) -> Arc<Manifest>;

    /// Stores another manifest in place of its own.
    fn set_manifest(&self, manifest: Manifest, deadline: Deadline) -> EngineResult<'_, ()>;

    /// Type of the index on a metadata key, if it has one.
    fn index_type(&self, key: &str) -> Option<IndexType>;

    /// The best points by one component, in the engine's order.
    fn nearest(&self, request: Nearest) -> EngineResult<'_, Vec<Hit>>;

    /// The documents of these points; points that don't exist are left out.
    fn documents(
        &self,
        ids: Vec<Uuid>,
        deadline: Deadline,
    ) -> EngineResult<'_, HashMap<Uuid, Document>>;

    /// What is stored of these points, to tell what has changed; points that
    /// don't exist are left out.
    fn fingerprints(
        &self,
        ids: Vec<Uuid>,
        deadline: Deadline,
    ) -> EngineResult<'_, HashMap<Uuid, Fingerprint>>;

    /// The stored embeddings of these points, in the order of their parts;
    /// points that have none are left out.
    fn embeddings(
        &self,
        ids: Vec<Uuid>,
        deadline: Deadline,
    ) -> EngineResult<'_, HashMap<Uuid, Vec<Vec<f32>>>>;

    /// Up to `limit` ids from `from` on (the beginning where it is absent), in
    /// the engine's order, and where the next page begins.
    fn ids(&self, from: Option<Uuid>, limit: usize, deadline: Deadline) -> EngineResult<'_, Page>;

    /// Stores points, each in place of one with the same id. Once it returns
    /// they survive the end of the process and are found by searches.
    fn upsert(&self, points: Vec<Point>, deadline: Deadline) -> EngineResult<'_, ()>;

    /// Removes points; ids that don't exist are no error.
    fn delete(&self, ids: Vec<Uuid>, deadline: Deadline) -> EngineResult<'_, ()>;

    /// Number of points.
    fn count(&self, deadline: Deadline) -> EngineResult<'_, usize>;

    /// The latest [`UPDATED_AT`](super::UPDATED_AT) of all points; none where
    /// no point has one.
    fn newest(&self, deadline: Deadline) -> EngineResult<'_, Option<Timestamp>>;

    /// Makes what was stored survive a loss of power.
    fn flush(&self, deadline: Deadline) -> EngineResult<'_, ()>;

    /// Builds the indexes that make searches fast, where the engine doesn't do
    /// so by itself.
    fn optimize(&self, deadline: Deadline) -> EngineResult<'_, ()>;
}

/// One component query.
#[derive(Clone, Debug)]
pub struct Nearest {
    /// What points are compared with.
    pub vector: QueryVector,
    /// What every hit meets; shared by the components of a request.
    pub filter: Arc<Clauses>,
    /// Most hits.
    pub limit: usize,
    /// Compare with every vector instead of walking an index: slower, and the
    /// same on every run.
    pub exact: bool,
    /// When the answer has to be there.
    pub deadline: Deadline,
}

/// The vector of a query.
#[derive(Clone, Debug)]
pub enum QueryVector {
    /// Terms, each weighing 1; the engine multiplies by IDF.
    Bm25(SparseVector),
    /// An embedding; a point scores by the most similar of its own (cosine).
    Dense(Vec<f32>),
}

/// A vector that is zero nearly everywhere: `values[i]` at `indices[i]`, each
/// index once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SparseVector {
    /// Hashes of terms.
    pub indices: Vec<u32>,
    /// Their weights.
    pub values: Vec<f32>,
}

/// A point that one component found, with that component's score.
pub type Hit = (Uuid, f32);

/// A document with its vectors, as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Derived from the document's id, see [`point_id`](super::point_id).
    pub id: Uuid,
    /// The document.
    pub document: Document,
    /// BM25 weights of its terms without IDF; empty where it has none.
    pub bm25: SparseVector,
    /// Embeddings of its parts; empty where it has no text.
    pub dense: Vec<Vec<f32>>,
}

/// What tells whether a stored document is the same as another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Of everything, see [`Document::content_hash`].
    pub content: String,
    /// Of what is embedded, see [`Document::text_hash`].
    pub text: String,
}

/// Some of a collection's ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The ids.
    pub ids: Vec<Uuid>,
    /// Where the next page begins; none after the last.
    pub next: Option<Uuid>,
}

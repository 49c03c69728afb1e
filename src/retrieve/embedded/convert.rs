//! Points in the engine's own types.

use qdrant_edge::{NamedVectors, PointId, PointStruct, Vector, VectorInternal};
use serde_json::Value;
use uuid::Uuid;

use crate::domain::Document;
use crate::retrieve::engine::SparseVector;
use crate::retrieve::point::{self, BM25, DENSE};

/// A document with its vectors; one without any text has none.
pub(super) fn point(
    id: Uuid,
    document: Document,
    bm25: &SparseVector,
    dense: Option<Vector>,
) -> PointStruct {
    let mut vectors = NamedVectors::default();
    if let Some(dense) = dense {
        vectors = vectors.add_vector(DENSE, dense);
    }
    if !bm25.indices.is_empty() {
        vectors = vectors.add_vector(BM25, sparse(bm25));
    }
    let payload = Value::Object(point::payload(document));
    PointStruct::new(PointId::Uuid(id), vectors, payload)
}

pub(super) fn sparse(vector: &SparseVector) -> VectorInternal {
    let SparseVector { indices, values } = vector.clone();
    VectorInternal::Sparse(qdrant_edge::SparseVector { indices, values })
}

/// The id, where it is one of ours.
pub(super) fn uuid(id: PointId) -> Option<Uuid> {
    match id {
        PointId::Uuid(uuid) => Some(uuid),
        PointId::NumId(_) => None,
    }
}

//! Documents as points.

use qdrant_edge::{NamedVectors, Payload, PointId, PointStruct, SparseVector};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::domain::{DocId, Document};

/// Name of the dense vector.
pub(super) const DENSE: &str = "dense";
/// Name of the sparse vector.
pub(super) const BM25: &str = "bm25";
/// Payload key of the caller's own fields.
pub(super) const METADATA: &str = "metadata";
/// Payload key of the fingerprint that tells an unchanged document.
pub(super) const CONTENT_HASH: &str = "content_hash";

const ID: &str = "id";
const TITLE: &str = "title";
const TEXT: &str = "text";

/// Name space of point ids, drawn once.
const NAMESPACE: Uuid = Uuid::from_u128(0x5b0f_7c1e_92d4_4a63_8f2b_6d01_c9ae_4471);

/// The id of a document's point. The empty first part is the tenant's place:
/// with it, one tenant's document can't overwrite another's of the same id.
#[must_use]
pub fn point_id(collection: &str, id: &DocId) -> Uuid {
    const TENANT: &str = "";
    // No part holds a NUL, so that different parts never give one name.
    let name = format!("{TENANT}\0{collection}\0{id}");
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

/// A document with its vectors; one without any text has none.
pub(super) fn point(
    id: Uuid,
    document: Document,
    bm25: SparseVector,
    dense: Option<Vec<f32>>,
) -> PointStruct {
    let content_hash = document.content_hash().to_hex();
    let mut vectors = NamedVectors::default();
    if let Some(dense) = dense {
        vectors = vectors.add_vector(DENSE, dense);
    }
    if !bm25.indices.is_empty() {
        vectors = vectors.add_vector(BM25, bm25);
    }
    let mut payload = Map::new();
    payload.insert(ID.into(), document.id.as_str().into());
    payload.insert(TITLE.into(), document.title.into());
    payload.insert(TEXT.into(), document.text.into());
    payload.insert(METADATA.into(), document.metadata.into());
    payload.insert(CONTENT_HASH.into(), content_hash.as_str().into());
    PointStruct::new(PointId::Uuid(id), vectors, Value::Object(payload))
}

/// The document of a payload; `None` where the payload isn't one of ours.
pub(super) fn document(payload: Payload) -> Option<Document> {
    let Payload(mut fields) = payload;
    let mut text = |key| match fields.remove(key) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    Some(Document {
        id: DocId::new(text(ID)?).ok()?,
        title: text(TITLE)?,
        text: text(TEXT)?,
        metadata: match fields.remove(METADATA) {
            Some(Value::Object(metadata)) => metadata,
            _ => return None,
        },
    })
}

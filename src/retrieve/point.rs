//! Documents as points: their ids and payloads, the same in every engine.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::engine::Fingerprint;
use crate::domain::{DocId, Document};

/// Name of the dense vector.
pub(super) const DENSE: &str = "dense";
/// Name of the sparse vector.
pub(super) const BM25: &str = "bm25";
/// Payload key of the caller's own fields.
pub(super) const METADATA: &str = "metadata";
/// Payload key of the fingerprint of everything.
pub(super) const CONTENT_HASH: &str = "content_hash";
/// Payload key of the fingerprint of what is embedded.
pub(super) const TEXT_HASH: &str = "text_hash";

/// Metadata key of a document's last change, an RFC 3339 date: every
/// collection has an index on it.
pub const UPDATED_AT: &str = "updated_at";

const ID: &str = "id";
const TITLE: &str = "title";
const TEXT: &str = "text";

/// Name space of point ids, drawn once.
const NAMESPACE: Uuid = Uuid::from_u128(0x5b0f_7c1e_92d4_4a63_8f2b_6d01_c9ae_4471);

/// The id of a document's point, the same under whatever name or alias its
/// collection is reached. The empty first part is the tenant's place: with it,
/// one tenant's document can't overwrite another's of the same id.
#[must_use]
pub fn point_id(id: &DocId) -> Uuid {
    const TENANT: &str = "";
    // No part holds a NUL, so that different parts never give one name.
    let name = format!("{TENANT}\0{id}");
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

/// What is stored of a document beside its vectors.
pub(super) fn payload(document: Document) -> Map<String, Value> {
    let content_hash = document.content_hash().to_hex();
    let text_hash = document.text_hash().to_hex();
    let mut payload = Map::new();
    payload.insert(ID.into(), document.id.as_str().into());
    payload.insert(TITLE.into(), document.title.into());
    payload.insert(TEXT.into(), document.text.into());
    payload.insert(METADATA.into(), document.metadata.into());
    payload.insert(CONTENT_HASH.into(), content_hash.as_str().into());
    payload.insert(TEXT_HASH.into(), text_hash.as_str().into());
    payload
}

/// The document of a payload; `None` where the payload isn't one of ours.
pub(super) fn document(mut payload: Map<String, Value>) -> Option<Document> {
    Some(Document {
        id: DocId::new(text(&mut payload, ID)?).ok()?,
        title: text(&mut payload, TITLE)?,
        text: text(&mut payload, TEXT)?,
        metadata: match payload.remove(METADATA) {
            Some(Value::Object(metadata)) => metadata,
            _ => return None,
        },
    })
}

/// The fingerprint of a payload of at least its two keys; `None` where the
/// payload isn't one of ours.
pub(super) fn fingerprint(mut payload: Map<String, Value>) -> Option<Fingerprint> {
    let content = text(&mut payload, CONTENT_HASH)?;
    Some(Fingerprint { content, text: text(&mut payload, TEXT_HASH)? })
}

fn text(payload: &mut Map<String, Value>, key: &str) -> Option<String> {
    match payload.remove(key) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

//! Documents and their identity.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The caller's name for a document: 1 to 512 bytes, no control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("minLength" = 1, "maxLength" = Self::MAX_BYTES, "pattern" = NO_CONTROLS))]
pub struct DocId(Arc<str>);

/// Texts without control characters, as a regular expression.
const NO_CONTROLS: &str = r"^[^\x00-\x1f\x7f-\x9f]+$";

impl DocId {
    /// Longest accepted id in bytes.
    pub const MAX_BYTES: usize = 512;

    /// Takes an id as it came from outside.
    ///
    /// # Errors
    /// When the id is empty, too long, or holds a control character.
    pub fn new(id: impl AsRef<str>) -> Result<Self, InvalidDocId> {
        let id = id.as_ref();
        if id.is_empty() {
            return Err(InvalidDocId::Empty);
        }
        if id.len() > Self::MAX_BYTES {
            return Err(InvalidDocId::TooLong { bytes: id.len() });
        }
        if id.chars().any(char::is_control) {
            return Err(InvalidDocId::ControlCharacter);
        }
        Ok(Self(Arc::from(id)))
    }

    /// The id of the document at `index` of a request that brings its own
    /// documents and names none of them.
    #[must_use]
    pub fn from_index(index: usize) -> Self {
        Self(Arc::from(index.to_string().as_str()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DocId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for DocId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(text).map_err(serde::de::Error::custom)
    }
}

/// Why a text can't be a [`DocId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDocId {
    /// The id has no characters.
    #[error("the id is empty")]
    Empty,
    /// The id is longer than [`DocId::MAX_BYTES`].
    #[error("the id has {bytes} bytes; at most {} are allowed", DocId::MAX_BYTES)]
    TooLong {
        /// Length of the refused id.
        bytes: usize,
    },
    /// The id holds a control character such as a line break.
    #[error("the id contains a control character")]
    ControlCharacter,
}

/// A document as it was indexed or sent: what is ranked, shown to the LLM and
/// returned.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Its identity within a collection or request.
    pub id: DocId,
    /// Headline; empty where the source has none.
    pub title: String,
    /// Body.
    pub text: String,
    /// Free fields of the caller's: filters read them, prompts may show them.
    pub metadata: serde_json::Map<String, serde_json::Value>,
}

impl Document {
    /// A fingerprint of everything a reader or an LLM could see. Two documents
    /// of one id but different content never share a cached ranking.
    #[must_use]
    pub fn content_hash(&self) -> blake3::Hash {
        let mut hasher = self.text_hasher();
        if !self.metadata.is_empty() {
            hasher.update(canonical(&self.metadata).as_bytes());
        }
        hasher.finalize()
    }

    /// A fingerprint of title and text alone: what an embedding is made of.
    #[must_use]
    pub fn text_hash(&self) -> blake3::Hash {
        self.text_hasher().finalize()
    }

    fn text_hasher(&self) -> blake3::Hasher {
        let mut hasher = blake3::Hasher::new();
        for part in [self.title.as_str(), self.text.as_str()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher
    }
}

/// JSON with object keys sorted, so that the order in which a source wrote
/// them makes no difference.
fn canonical(map: &serde_json::Map<String, serde_json::Value>) -> String {
    let mut value = serde_json::Value::Object(map.clone());
    value.sort_all_objects();
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document(title: &str, text: &str, metadata: &serde_json::Value) -> Document {
        Document {
            id: DocId::new("a").unwrap(),
            title: title.into(),
            text: text.into(),
            metadata: metadata.as_object().cloned().unwrap_or_default(),
        }
    }

    #[test]
    fn refuses_ids_that_could_not_be_shown_on_one_line() {
        assert_eq!(DocId::new(""), Err(InvalidDocId::Empty));
        assert_eq!(DocId::new("a\nb"), Err(InvalidDocId::ControlCharacter));
        let long = "x".repeat(DocId::MAX_BYTES + 1);
        assert_eq!(DocId::new(long), Err(InvalidDocId::TooLong { bytes: DocId::MAX_BYTES + 1 }));
        assert_eq!(DocId::new("日本 7").unwrap().as_str(), "日本 7");
    }

    #[test]
    fn content_hash_sees_every_field_and_no_key_order() {
        let base = document("t", "x", &json!({"a": 1, "b": {"c": 1, "d": 2}}));
        let same = document("t", "x", &json!({"b": {"d": 2, "c": 1}, "a": 1}));
        assert_eq!(base.content_hash(), same.content_hash());
        for other in [
            document("tx", "", &json!({})),
            document("t", "x", &json!({})),
            document("t", "x", &json!({"a": 2, "b": {"c": 1, "d": 2}})),
        ] {
            assert_ne!(base.content_hash(), other.content_hash());
        }
        assert_eq!(base.text_hash(), document("t", "x", &json!({})).text_hash());
        assert_ne!(base.text_hash(), document("tx", "", &json!({})).text_hash());
        assert_ne!(
            document("tx", "", &json!({})).content_hash(),
            document("t", "x", &json!({})).content_hash(),
        );
    }
}

//! What a collection was made with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Bm25Params, EmbeddingModel, Language, Lexical};

/// The layout of what is stored. Raised when it changes in a way that this
/// version can't read.
pub(super) const FORMAT: u32 = 2;

/// Everything that a collection's stored vectors depend on, kept with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always [`FORMAT`].
    pub(super) format: u32,
    /// The model of the dense vectors.
    pub embedding: EmbeddingModel,
    /// Stemming and stop words of the BM25 vectors.
    pub language: Language,
    /// Parameters of the BM25 vectors.
    pub bm25: Bm25Params,
    /// Whether the last indexing came to its end.
    pub state: State,
}

/// Whether a collection is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Indexing is under way or was interrupted: what it acknowledged is
    /// there, the rest isn't.
    Indexing,
    /// The last indexing came to its end.
    Ready,
}

impl Manifest {
    /// What a new collection is made with.
    #[must_use]
    pub fn new(embedding: EmbeddingModel, language: Language, bm25: Bm25Params) -> Self {
        Self { format: FORMAT, embedding, language, bm25, state: State::Indexing }
    }

    /// What its BM25 vectors are made with, but for the average length.
    #[must_use]
    pub fn lexical(&self) -> Lexical {
        self.bm25.lexical(self.language)
    }

    /// Reads one from JSON.
    ///
    /// # Errors
    /// With what is wrong and what to do, where it is none or of another
    /// version of rankgate.
    pub(super) fn from_json(json: &[u8]) -> Result<Self, String> {
        let remedy = "remove the collection and index it again";
        let FormatOnly { format } = serde_json::from_slice(json)
            .map_err(|error| format!("not a manifest ({error}); {remedy}"))?;
        if format != FORMAT {
            return Err(format!(
                "the collection has format {format} and this rankgate reads {FORMAT}; use the \
                 rankgate that made it, or {remedy}"
            ));
        }
        serde_json::from_slice(json).map_err(|error| format!("not a manifest ({error}); {remedy}"))
    }
}

/// Read first, so that a later format is named and not taken for rubbish.
#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let model = EmbeddingModel {
            name: "m".into(),
            revision: "r1".into(),
            dimensions: 3,
            document_prefix: "passage: ".into(),
            parts: 2,
        };
        Manifest::new(model, Language::German, crate::retrieve::Lexical::default().params(12.5))
    }

    #[test]
    fn what_is_written_is_read() {
        let json = serde_json::to_vec(&manifest()).unwrap();
        assert_eq!(Manifest::from_json(&json).unwrap(), manifest());
    }

    #[test]
    fn another_format_and_rubbish_are_named_with_the_remedy() {
        for (text, word) in [("{\"format\": 7, \"new\": 1}", "format 7"), ("{", "not a manifest")] {
            let error = Manifest::from_json(text.as_bytes()).unwrap_err();
            assert!(error.contains(word), "{error}");
            assert!(error.contains("index it again"), "{error}");
        }
    }
}

//! What a collection was made with.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::EngineError;
use super::files::{io, replace};
use crate::retrieve::{Bm25Params, EmbeddingModel, Language};

/// The layout of the folder and of the payload. Raised when either changes
/// in a way that this version can't read.
const FORMAT: u32 = 1;

/// Beside the shard of a collection: everything that its stored vectors
/// depend on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    /// Always [`FORMAT`].
    format: u32,
    /// The model of the dense vectors.
    pub(super) embedding: EmbeddingModel,
    /// Stemming and stop words of the BM25 vectors.
    pub(super) language: Language,
    /// Parameters of the BM25 vectors.
    pub(super) bm25: Bm25Params,
    /// Whether the last indexing came to its end.
    pub(super) state: State,
}

/// Whether a collection is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Indexing is under way or was interrupted: what it acknowledged is
    /// there, the rest isn't.
    Indexing,
    /// The last indexing came to its end.
    Ready,
}

impl Manifest {
    pub(super) fn new(embedding: EmbeddingModel, language: Language, bm25: Bm25Params) -> Self {
        Self { format: FORMAT, embedding, language, bm25, state: State::Indexing }
    }

    /// Reads the file; `None` where there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, EngineError> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io(path)(error)),
        };
        let broken = |problem| EngineError::Manifest { path: path.to_owned(), problem };
        let remedy = "remove the collection's folder and index it again";
        let format = serde_json::from_slice::<FormatOnly>(&bytes)
            .map_err(|error| broken(format!("not a manifest ({error}); {remedy}")))?
            .format;
        if format != FORMAT {
            return Err(broken(format!(
                "the collection has format {format} and this rankgate reads {FORMAT}; use the \
                 rankgate that made it, or {remedy}"
            )));
        }
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| broken(format!("not a manifest ({error}); {remedy}")))
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), EngineError> {
        let json = serde_json::to_vec_pretty(self).map_err(|error| EngineError::Manifest {
            path: path.to_owned(),
            problem: error.to_string(),
        })?;
        replace(path, &json)
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
        let model = EmbeddingModel { name: "m".into(), revision: "r1".into(), dimensions: 3 };
        Manifest::new(model, Language::German, crate::retrieve::Lexical::default().params(12.5))
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest.json");
        assert_eq!(Manifest::read(&path).unwrap(), None);
        manifest().write(&path).unwrap();
        assert_eq!(Manifest::read(&path).unwrap(), Some(manifest()));
    }

    #[test]
    fn another_format_and_rubbish_are_named_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest.json");
        for (text, word) in [("{\"format\": 7, \"new\": 1}", "format 7"), ("{", "not a manifest")] {
            std::fs::write(&path, text).unwrap();
            let error = Manifest::read(&path).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
            assert!(error.contains("index it again"), "{error}");
        }
    }
}

//! What can be wrong with the engine's folder or what is in it.

use std::path::PathBuf;

use crate::retrieve::{EmbeddingModel, InvalidFilter, Language, RetrieveError};

/// The embedded engine can't do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Another process holds the folder.
    #[error(
        "data_dir {} is in use by another rankgate process; stop it first, since \
         only one at a time may hold an index", data_dir.display()
    )]
    InUse {
        /// The folder.
        data_dir: PathBuf,
    },
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The name can't be the name of a folder.
    #[error(
        "\"{0}\" can't be the name of a collection: use 1 to 64 letters, digits, '-', '_' or '.', \
         beginning with a letter or digit"
    )]
    InvalidName(String),
    /// Nothing was indexed under this name.
    #[error("there is no collection \"{0}\"; make it with `rankgate index --collection {0}`")]
    NoCollection(String),
    /// The description of the collection can't be read.
    #[error("{}: {problem}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The stored vectors come from another model.
    #[error(
        "collection \"{collection}\" holds vectors of {stored}, and the configured embedding is \
         {configured}; index into a new collection, or configure the model that it was made with"
    )]
    OtherModel {
        /// The collection.
        collection: String,
        /// The model of its vectors.
        stored: Box<EmbeddingModel>,
        /// The model that queries would be embedded with.
        configured: Box<EmbeddingModel>,
    },
    /// The stored terms come from another language's stemmer.
    #[error(
        "collection \"{collection}\" was indexed with language = \"{stored}\", and the \
         configuration says \"{configured}\"; index into a new collection, or set \
         [collections.{collection}] language = \"{stored}\""
    )]
    OtherLanguage {
        /// The collection.
        collection: String,
        /// The language that it was indexed with.
        stored: Language,
        /// The configured language.
        configured: Language,
    },
    /// The filter doesn't fit the collection's indexes.
    #[error(transparent)]
    Filter(#[from] InvalidFilter),
    /// Qdrant failed.
    #[error("collection \"{collection}\": {problem}")]
    Qdrant {
        /// The collection.
        collection: String,
        /// What Qdrant said.
        problem: String,
    },
}

impl From<EngineError> for RetrieveError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::NoCollection(name) => Self::NoCollection(name),
            EngineError::Filter(error) => Self::Filter(error),
            other => Self::Engine(other.to_string()),
        }
    }
}

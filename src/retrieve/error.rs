//! What can be wrong with an engine or what is in it.

use std::path::PathBuf;

use super::{EmbeddingModel, InvalidFilter, Language, RetrieveError};

/// The engine can't do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Another process holds the folder.
    #[error(
        "data_dir {} is in use by another rankgate process; stop it first, since \
         only one at a time may hold an index, or send to it with --url", data_dir.display()
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
    /// The name can't be the name of a collection.
    #[error(
        "\"{0}\" can't be the name of a collection: use 1 to 64 letters, digits, '-', '_' or '.', \
         beginning with a letter or digit"
    )]
    InvalidName(String),
    /// Nothing was indexed under this name.
    #[error("there is no collection \"{0}\"; make it with `rankgate index --collection {0}`")]
    NoCollection(String),
    /// The description of the collection can't be read.
    #[error("collection \"{collection}\": {problem}")]
    Manifest {
        /// The collection.
        collection: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The collection has other vectors than rankgate's, or of another length.
    #[error("collection \"{collection}\" can't be used: {problem}")]
    OtherShape {
        /// The collection.
        collection: String,
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
    /// The engine was not done by the deadline, or has no free worker.
    #[error("collection \"{0}\": the engine was not done by the deadline")]
    Deadline(String),
    /// No Qdrant answers at the address.
    #[error("retrieval.url: no Qdrant answers at {url}: {problem}")]
    Unreachable {
        /// The address, without anything secret.
        url: String,
        /// What went wrong.
        problem: String,
    },
    /// Qdrant doesn't accept the key, or asks for one.
    #[error("retrieval.api_key: Qdrant at {url} does not accept it: {problem}")]
    Rejected {
        /// The address, without anything secret.
        url: String,
        /// What Qdrant said.
        problem: String,
    },
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
            EngineError::Deadline(_) => Self::Deadline,
            other => Self::Engine(other.to_string()),
        }
    }
}

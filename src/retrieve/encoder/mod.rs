//! Embeddings: texts to vectors of one model.

mod builtin;
mod config;
mod parts;
mod remote;
#[cfg(test)]
mod stub;
#[cfg(test)]
mod tests;
mod vectors;
mod wordpiece;
mod workers;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use builtin::BuiltinEncoder;
pub use config::{BuiltinEncoderConfig, EmbeddingConfig, RemoteEncoderConfig};
pub use remote::{EmbeddingCalls, RemoteEncoder};
#[cfg(test)]
pub(crate) use stub::StubEncoder;

use crate::domain::{Deadline, Document};

/// A model that embeds documents and queries into one space.
pub trait Encoder: Send + Sync + 'static {
    /// Which model it is. Vectors of different models never mix.
    fn model(&self) -> &EmbeddingModel;

    /// Loads what the first text would have to wait for. Blocks.
    fn warm_up(&self) -> Result<(), EncodeError>;

    /// Embeds a query. Ends by the deadline.
    fn encode_query(
        &self,
        query: &str,
        deadline: Deadline,
    ) -> BoxFuture<'static, Result<Vec<f32>, EncodeError>>;

    /// Embeds documents, in their order, at the pace that queries leave over.
    /// Takes as long as it takes: whoever waits no longer drops the future.
    fn encode_documents<'a>(
        &'a self,
        documents: &'a [Document],
    ) -> BoxFuture<'a, Result<Vec<Encoded>, EncodeError>>;
}

/// The embeddings of one document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Encoded {
    /// One for each part that was read, from the head on: at most
    /// [`EmbeddingModel::parts`]. Empty where the document has no text.
    pub parts: Vec<Vec<f32>>,
    /// Bytes of the text that no part holds.
    pub cut_bytes: usize,
}

/// The identity of a model, stored with every collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingModel {
    /// Name of the model.
    pub name: String,
    /// Version of its weights.
    pub revision: String,
    /// Length of its vectors.
    pub dimensions: usize,
    /// What stands before every part of a document; empty for a model that
    /// wants nothing there.
    pub document_prefix: String,
    /// Most parts of a long document that are embedded, at least 1.
    pub parts: usize,
}

impl std::fmt::Display for EmbeddingModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}, {} dimensions)", self.name, self.revision, self.dimensions)
    }
}

/// Why there is no embedding. Messages never hold the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The deadline came first.
    #[error("the embedding was not ready by the deadline")]
    Deadline,
    /// More texts are waiting than the queue takes.
    #[error("too many texts wait to be embedded")]
    Overloaded,
    /// The model failed.
    #[error("the embedding model failed: {0}")]
    Model(String),
}

//! Embeddings: texts to vectors of one model.

mod builtin;
#[cfg(test)]
mod stub;
mod workers;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

pub use builtin::BuiltinEncoder;
#[cfg(test)]
pub(crate) use stub::StubEncoder;

use crate::domain::Deadline;

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

    /// Embeds documents in their order; `None` where one has no text at all.
    /// Blocks until all are done.
    fn encode_documents(
        &self,
        documents: &[Passage<'_>],
    ) -> Result<Vec<Option<Vec<f32>>>, EncodeError>;
}

/// What an encoder reads of a document.
#[derive(Clone, Copy, Debug)]
pub struct Passage<'a> {
    /// Headline; may be empty.
    pub title: &'a str,
    /// Body; may be empty.
    pub text: &'a str,
}

/// The identity of a model, stored with every collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingModel {
    /// Name of the model.
    pub name: String,
    /// Version of its weights.
    pub revision: String,
    /// Length of its vectors.
    pub dimensions: usize,
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

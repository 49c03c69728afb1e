//! What an engine is asked and what it answers.

use futures::future::BoxFuture;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Filter, Freshness, Fusion};
use crate::domain::{Candidate, CandidateList, Deadline, DocId, Query};

/// A first-stage engine over named collections.
pub trait Retriever: Send + Sync + 'static {
    /// The best candidates for a query in classical order. Ends by the
    /// deadline, whatever the engine does.
    fn retrieve(&self, request: Retrieve) -> BoxFuture<'_, Result<Retrieved, RetrieveError>>;

    /// The documents of these ids, in their order, each from the first of the
    /// collections that has it; `None` where none has.
    fn find(&self, wanted: Find) -> BoxFuture<'_, Result<Vec<Option<Candidate>>, RetrieveError>>;

    /// Whether the engine can answer for this collection now, for readiness.
    fn check<'a>(&'a self, collection: &'a str) -> BoxFuture<'a, Result<(), RetrieveError>>;

    /// The latest `metadata.updated_at` of a collection's documents; none
    /// where no document has one.
    fn newest<'a>(
        &'a self,
        collection: &'a str,
    ) -> BoxFuture<'a, Result<Option<Timestamp>, RetrieveError>>;
}

/// One first-stage request.
#[derive(Clone, Debug)]
pub struct Retrieve {
    /// Names of the collections, each once. The candidates are the best of all
    /// of them, as if they were one.
    pub collections: Vec<String>,
    /// What was asked.
    pub query: Query,
    /// Which components take part.
    pub mode: RetrievalMode,
    /// How they become one order, where both take part.
    pub fusion: Fusion,
    /// Most candidates to return; 0 gives none.
    pub limit: usize,
    /// Conditions on metadata that every candidate meets.
    pub filter: Filter,
    /// How much newer documents are preferred; absent: not at all.
    pub freshness: Option<Freshness>,
    /// When the answer has to be there.
    pub deadline: Deadline,
}

/// Documents that are asked for by their ids.
#[derive(Clone, Debug)]
pub struct Find {
    /// Names of the collections that may have them.
    pub collections: Vec<String>,
    /// Their ids.
    pub ids: Vec<DocId>,
    /// When the answer has to be there.
    pub deadline: Deadline,
}

/// The components of the first stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RetrievalMode {
    /// BM25 alone.
    Bm25,
    /// Embeddings alone.
    Dense,
    /// Both, fused.
    #[default]
    Hybrid,
}

/// What the first stage found.
#[derive(Clone, Debug)]
pub struct Retrieved {
    /// Candidates in classical order.
    pub candidates: CandidateList,
    /// Whether the embedding failed and only BM25 was served.
    pub degraded_embedding: bool,
}

/// Why the first stage gave nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RetrieveError {
    /// The collection doesn't exist.
    #[error("there is no collection \"{0}\"; make it with `rankgate index --collection {0}`")]
    NoCollection(String),
    /// The filter can't be applied to this collection.
    #[error(transparent)]
    Filter(#[from] super::InvalidFilter),
    /// The engine wasn't done by the deadline, or has no free worker.
    #[error("the first stage was not done by the deadline")]
    Deadline,
    /// The engine is broken or was made by something else.
    #[error("the first stage failed: {0}")]
    Engine(String),
}

//! Writing to a collection: what indexing, and later live documents, need.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::collection::Collection;
use super::{EngineError, State, point_id};
use crate::domain::{DocId, Document};
use crate::retrieve::encoder::Passage;
use crate::retrieve::{EncodeError, Encoder};

/// Points deleted at a time.
const DELETE_BATCH: usize = 1000;

/// Writes documents with their vectors. Every call blocks.
pub(in crate::retrieve) struct Writer {
    name: String,
    collection: Arc<Collection>,
    encoder: Arc<dyn Encoder>,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::retrieve) struct Written {
    /// Documents that are new or changed.
    pub(in crate::retrieve) stored: usize,
    /// Documents that were there already, word for word.
    pub(in crate::retrieve) unchanged: usize,
}

/// Why a batch was not written.
#[derive(Debug, thiserror::Error)]
pub(in crate::retrieve) enum WriteError {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The embedding failed.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl Writer {
    pub(super) fn new(name: &str, collection: Arc<Collection>, encoder: Arc<dyn Encoder>) -> Self {
        Self { name: name.to_owned(), collection, encoder }
    }

    /// The point of a document.
    pub(in crate::retrieve) fn point_id(&self, id: &DocId) -> Uuid {
        point_id(&self.name, id)
    }

    /// Average length that the collection's BM25 vectors are made with.
    pub(in crate::retrieve) fn average_length(&self) -> f64 {
        self.collection.average_length()
    }

    /// Says that the collection isn't whole until [`finish`](Self::finish).
    pub(in crate::retrieve) fn begin(&self) -> Result<(), EngineError> {
        self.collection.set_state(State::Indexing)
    }

    /// Stores a batch. Documents that are there already are neither embedded
    /// nor written again, which makes an interrupted job resumable.
    pub(in crate::retrieve) fn write(
        &self,
        documents: Vec<Document>,
    ) -> Result<Written, WriteError> {
        let documents: Vec<_> =
            documents.into_iter().map(|document| (self.point_id(&document.id), document)).collect();
        let ids: Vec<_> = documents.iter().map(|(id, _)| *id).collect();
        let stored = self.collection.content_hashes(&ids)?;
        let total = documents.len();
        let changed: Vec<_> =
            documents.into_iter().filter(|(id, document)| is_new(&stored, id, document)).collect();
        let written = Written { stored: changed.len(), unchanged: total - changed.len() };
        if changed.is_empty() {
            return Ok(written);
        }
        let passages: Vec<_> = changed
            .iter()
            .map(|(_, document)| Passage { title: &document.title, text: &document.text })
            .collect();
        let vectors = self.encoder.encode_documents(&passages)?;
        let points = changed
            .into_iter()
            .zip(vectors)
            .map(|((id, document), vector)| (id, document, vector))
            .collect();
        self.collection.upsert(points)?;
        Ok(written)
    }

    /// Removes every document whose point is not among `kept`. Returns how
    /// many there were.
    pub(in crate::retrieve) fn remove_others(
        &self,
        kept: &HashSet<Uuid>,
    ) -> Result<usize, EngineError> {
        let mut others = self.collection.ids()?;
        others.retain(|id| !kept.contains(id));
        for batch in others.chunks(DELETE_BATCH) {
            self.collection.delete(batch)?;
        }
        Ok(others.len())
    }

    /// Number of documents stored.
    pub(in crate::retrieve) fn documents_stored(&self) -> Result<usize, EngineError> {
        self.collection.documents_stored()
    }

    /// Writes everything to the disk.
    pub(in crate::retrieve) fn flush(&self) -> Result<(), EngineError> {
        self.collection.flush()
    }

    /// Builds the vector index, writes everything to the disk and says that
    /// the collection is whole.
    pub(in crate::retrieve) fn finish(&self) -> Result<(), EngineError> {
        self.collection.optimize()?;
        self.collection.flush()?;
        self.collection.set_state(State::Ready)
    }
}

fn is_new(stored: &HashMap<Uuid, String>, id: &Uuid, document: &Document) -> bool {
    stored.get(id).is_none_or(|hash| *hash != document.content_hash().to_hex().as_str())
}

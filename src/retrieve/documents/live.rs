//! Documents that come while a gateway serves.

use std::sync::Arc;

use super::{Documents, State, WriteError, Writer, Written};
use crate::domain::Document;
use crate::retrieve::EngineError;

/// Writes batches of one stream into a collection that need not exist yet: its
/// first document makes it, whole from the beginning.
pub struct LiveWriter {
    documents: Arc<Documents>,
    name: String,
    average_length: Option<f64>,
    /// None while there is nothing in the collection.
    pub(super) writer: Option<Writer>,
}

impl Documents {
    /// A writer for documents that come while a gateway serves. If nothing is
    /// stored in the collection yet, BM25 counts with `average_length` (in
    /// terms) or, where it is absent, with that of the first batch.
    ///
    /// # Errors
    /// When the name can't be one, or the collection can't be reached or was
    /// made with other settings than the configured ones.
    pub async fn live_writer(
        self: &Arc<Self>,
        name: &str,
        average_length: Option<f64>,
    ) -> Result<LiveWriter, WriteError> {
        let writer = match self.writer(name).await {
            Ok(writer) if writer.documents_stored().await? > 0 => Some(writer),
            Ok(_) | Err(WriteError::Engine(EngineError::NoCollection(_))) => None,
            Err(error) => return Err(error),
        };
        Ok(LiveWriter {
            documents: Arc::clone(self),
            name: name.to_owned(),
            average_length,
            writer,
        })
    }
}

impl LiveWriter {
    /// Stores a batch, see [`Writer::write`].
    ///
    /// # Errors
    /// As for [`Writer::write`], and when the collection can't be made.
    pub async fn write(&mut self, documents: Vec<Document>) -> Result<Written, WriteError> {
        if documents.is_empty() {
            return Ok(Written::default());
        }
        if let Some(writer) = &self.writer {
            return writer.write(documents).await;
        }
        let shared = self.documents.shared(&self.name);
        let _opening = shared.opening.lock().await;
        let average_length = match self.average_length {
            Some(given) => given,
            None => self.documents.average_length(&self.name, &documents)?,
        };
        let writer = self.documents.writer_or_new(&self.name, average_length).await?;
        if writer.documents_stored().await? == 0 {
            writer.set_state(State::Ready).await?;
        }
        let written = writer.write(documents).await?;
        self.writer = Some(writer);
        Ok(written)
    }

    /// Number of documents stored.
    ///
    /// # Errors
    /// When the engine fails.
    pub async fn documents_stored(&self) -> Result<usize, WriteError> {
        match &self.writer {
            Some(writer) => writer.documents_stored().await,
            None => Ok(0),
        }
    }
}

//! An encoder for tests: fast, deterministic, and failing when told to.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;

use super::{EmbeddingModel, EncodeError, Encoder, Passage};
use crate::domain::Deadline;

const DIMENSIONS: usize = 16;

/// Counts letters: texts of similar letters are near each other.
pub(crate) struct StubEncoder {
    model: EmbeddingModel,
    broken: AtomicBool,
    encoded: AtomicUsize,
}

impl StubEncoder {
    pub(crate) fn new(revision: &str) -> Self {
        let model = EmbeddingModel {
            name: "stub".into(),
            revision: revision.into(),
            dimensions: DIMENSIONS,
        };
        Self { model, broken: AtomicBool::default(), encoded: AtomicUsize::default() }
    }

    pub(crate) fn break_down(&self) {
        self.broken.store(true, Ordering::SeqCst);
    }

    /// How many documents it was asked to encode so far.
    pub(crate) fn documents_encoded(&self) -> usize {
        self.encoded.load(Ordering::SeqCst)
    }

    fn encode(&self, text: &str) -> Result<Vec<f32>, EncodeError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(EncodeError::Model("told to fail".into()));
        }
        let mut vector = vec![0.01; DIMENSIONS];
        for byte in text.bytes() {
            vector[usize::from(byte) % DIMENSIONS] += 1.0;
        }
        Ok(vector)
    }
}

impl Encoder for StubEncoder {
    fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    fn warm_up(&self) -> Result<(), EncodeError> {
        Ok(())
    }

    fn encode_query(
        &self,
        query: &str,
        _deadline: Deadline,
    ) -> BoxFuture<'static, Result<Vec<f32>, EncodeError>> {
        std::future::ready(self.encode(query)).boxed()
    }

    fn encode_documents(
        &self,
        documents: &[Passage<'_>],
    ) -> Result<Vec<Option<Vec<f32>>>, EncodeError> {
        self.encoded.fetch_add(documents.len(), Ordering::SeqCst);
        documents
            .iter()
            .map(|passage| self.encode(&format!("{}\n{}", passage.title, passage.text)).map(Some))
            .collect()
    }
}

//! An encoder for tests: fast, deterministic, and failing when told to.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;

use super::parts::{Parts, split};
use super::{EmbeddingModel, EncodeError, Encoded, Encoder};
use crate::domain::{Deadline, Document};

const DIMENSIONS: usize = 16;

/// Bytes of a text that it reads.
const ROOM: usize = 1000;

/// Most parts of a document.
const PARTS: usize = 3;

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
            document_prefix: String::new(),
            parts: PARTS,
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

    fn encode_document(&self, document: &Document) -> Result<Encoded, EncodeError> {
        let fits = |before: &str, text: &str| ROOM.saturating_sub(before.len()).min(text.len());
        let Parts { texts, cut_bytes } = split(document, "", PARTS, &fits);
        let parts = texts.iter().map(|text| self.encode(text)).collect::<Result<_, _>>()?;
        Ok(Encoded { parts, cut_bytes })
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

    fn encode_documents<'a>(
        &'a self,
        documents: &'a [Document],
    ) -> BoxFuture<'a, Result<Vec<Encoded>, EncodeError>> {
        self.encoded.fetch_add(documents.len(), Ordering::SeqCst);
        let encoded = documents.iter().map(|document| self.encode_document(document));
        std::future::ready(encoded.collect()).boxed()
    }
}

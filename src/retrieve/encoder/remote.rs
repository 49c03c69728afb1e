//! A model elsewhere, reached through calls that somebody else makes.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::config::RemoteEncoderConfig;
use super::parts::{Parts, split};
use super::vectors::Vectors;
use super::{EmbeddingModel, EncodeError, Encoded, Encoder};
use crate::domain::{Deadline, Document};
use crate::retrieve::metrics::{self, TextKind};

/// Calls to a model that embeds: what is between the first stage and the
/// upstream. Batching, retries and limits are its own.
pub trait EmbeddingCalls: Send + Sync + 'static {
    /// Vectors in the order of the texts. `deadline`: none for documents, which
    /// are waited for patiently.
    fn embed(
        &self,
        texts: Vec<String>,
        deadline: Option<Deadline>,
    ) -> BoxFuture<'_, Result<Vec<Vec<f32>>, EncodeError>>;

    /// The longest head of a text that one call may hold. May block at its
    /// first use; afterwards it takes a millisecond at most, however long the
    /// text is.
    fn head<'a>(&self, text: &'a str) -> &'a str;
}

/// An encoder over [`EmbeddingCalls`]. Vectors are kept for texts that come
/// again, and a text that is wanted twice at a time is asked for once.
pub struct RemoteEncoder {
    model: EmbeddingModel,
    query_prefix: String,
    calls: Arc<dyn EmbeddingCalls>,
    vectors: Arc<Vectors>,
}

impl RemoteEncoder {
    /// An encoder that asks `calls`.
    #[must_use]
    pub fn new(calls: Arc<dyn EmbeddingCalls>, config: &RemoteEncoderConfig) -> Self {
        let model = EmbeddingModel {
            name: config.model.clone(),
            // An upstream doesn't say which weights it serves under a name.
            revision: "as served".to_owned(),
            dimensions: config.dimensions,
            document_prefix: config.document_prefix.clone(),
            parts: config.parts,
        };
        let bytes = config.cache_bytes.as_u64();
        let vectors = Arc::new(Vectors::new(Arc::clone(&calls), &model, bytes));
        Self { model, query_prefix: config.query_prefix.clone(), calls, vectors }
    }

    /// How many bytes of `text` the model reads after `before`.
    fn fits(&self, before: &str, text: &str) -> usize {
        let input = format!("{before}{text}");
        self.calls.head(&input).len().saturating_sub(before.len())
    }

    async fn embed(&self, documents: &[Document]) -> Result<Vec<Encoded>, EncodeError> {
        let fits = |before: &str, text: &str| self.fits(before, text);
        let (mut texts, mut wanted) = (Vec::new(), Vec::with_capacity(documents.len()));
        for document in documents {
            let parts = split(document, &self.model.document_prefix, self.model.parts, &fits);
            wanted.push((parts.texts.len(), parts.cut_bytes));
            let Parts { texts: mut of_document, .. } = parts;
            texts.append(&mut of_document);
            // Counting the tokens of a batch of long texts takes a while.
            tokio::task::yield_now().await;
        }
        let vectors = self.vectors.get(TextKind::Document, texts, None).await?;
        let mut vectors = vectors.into_iter();
        let encoded = wanted.into_iter().map(|(parts, cut_bytes)| {
            metrics::cut(cut_bytes);
            Encoded { parts: vectors.by_ref().take(parts).collect(), cut_bytes }
        });
        Ok(encoded.collect())
    }
}

impl Encoder for RemoteEncoder {
    fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    /// Loads what counts tokens. The upstream isn't called: it may be down
    /// while rankgate starts.
    fn warm_up(&self) -> Result<(), EncodeError> {
        self.calls.head("warm up");
        Ok(())
    }

    fn encode_query(
        &self,
        query: &str,
        deadline: Deadline,
    ) -> BoxFuture<'static, Result<Vec<f32>, EncodeError>> {
        let text = format!("{}{query}", self.query_prefix);
        let text = self.calls.head(&text).to_owned();
        let vectors = Arc::clone(&self.vectors);
        let asking = async move {
            let vectors = vectors.get(TextKind::Query, vec![text], Some(deadline)).await?;
            let vector = vectors.into_iter().next();
            vector.ok_or_else(|| EncodeError::Model("it gave no vector".to_owned()))
        };
        tokio::time::timeout_at(deadline.instant(), asking)
            .map(|answered| answered.unwrap_or(Err(EncodeError::Deadline)))
            .boxed()
    }

    fn encode_documents<'a>(
        &'a self,
        documents: &'a [Document],
    ) -> BoxFuture<'a, Result<Vec<Encoded>, EncodeError>> {
        self.embed(documents).boxed()
    }
}

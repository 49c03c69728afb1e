//! What a collection holds, for those who look after it from outside.

use futures::stream::{BoxStream, StreamExt, try_unfold};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Documents, State, WriteError, patience};
use crate::domain::DocId;
use crate::retrieve::{EmbeddingModel, Lexical};

/// Documents read at a time: they come whole, and each may be a few MiB.
const PAGE: usize = 64;

/// What is known of a collection.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CollectionInfo {
    /// Its name.
    pub name: String,
    /// Number of documents.
    pub documents: usize,
    /// Whether the last indexing came to its end.
    pub state: State,
    /// What its BM25 vectors are made with.
    #[serde(flatten)]
    pub lexical: Lexical,
    /// The model of its embeddings.
    pub embedding: EmbeddingModel,
    /// Average length in terms that BM25 counts with.
    pub average_length: f64,
}

impl Documents {
    /// What is known of a collection, whatever it was made with.
    ///
    /// # Errors
    /// When it doesn't exist or can't be reached.
    pub async fn info(&self, name: &str) -> Result<CollectionInfo, WriteError> {
        let collection = self.engine.open(name, patience()).await?;
        let documents = collection.count(patience()).await?;
        let manifest = collection.manifest();
        Ok(CollectionInfo {
            name: name.to_owned(),
            documents,
            state: manifest.state,
            lexical: manifest.lexical(),
            embedding: manifest.embedding.clone(),
            average_length: manifest.bm25.average_length,
        })
    }

    /// The ids of a collection's documents, some at a time and in no order
    /// that means anything. Documents that come or go meanwhile may be told or
    /// not; all others are told once.
    ///
    /// # Errors
    /// When it doesn't exist or can't be reached.
    pub async fn ids(
        &self,
        name: &str,
    ) -> Result<BoxStream<'static, Result<Vec<DocId>, WriteError>>, WriteError> {
        let collection = self.engine.open(name, patience()).await?;
        let pages = try_unfold(Some(None), move |from| {
            let collection = std::sync::Arc::clone(&collection);
            async move {
                let Some(from) = from else { return Ok(None) };
                let page = collection.ids(from, PAGE, patience()).await?;
                let documents = collection.documents(page.ids, patience()).await?;
                let ids = documents.into_values().map(|document| document.id).collect();
                Ok(Some((ids, page.next.map(Some))))
            }
        });
        Ok(pages.boxed())
    }
}

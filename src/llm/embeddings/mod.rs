//! Embeddings from any OpenAI-compatible `/embeddings`.
//!
//! A call takes any number of texts and cuts them into requests, by number and
//! by tokens. Each request goes through the layers that chat calls go through:
//! its place among those in flight, deadline, retries, accounting. A request
//! that the upstream refuses as too large is sent again as two halves. Every
//! vector is checked before anybody sees it (`answer.rs`).
//!
//! Two kinds of calls share an upstream and may not wait for each other: texts
//! to be indexed come in bulk and have no deadline, a query is one text with a
//! deadline. They have places of their own, and different ideas of patience: see
//! [`Embeddings::embed`].

mod answer;
mod base64;
mod build;
mod client;
mod config;
mod error;
mod lane;
mod numbers;
#[cfg(test)]
mod tests;
mod texts;

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};

pub use config::EmbeddingsConfig;
pub use error::EmbedError;

use self::lane::Lane;
use self::texts::{BatchLimits, Texts};
use super::{tokens, work};
use crate::domain::Deadline;

/// One embedding model on one upstream.
pub struct Embeddings {
    model: Arc<str>,
    dimensions: usize,
    /// Most tokens of one text.
    max_tokens: usize,
    batches: BatchLimits,
    /// Requests of one call side by side.
    side_by_side: usize,
    queries: Lane,
    bulk: Lane,
}

impl Embeddings {
    /// The upstream's name for the model.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Length of every vector.
    #[must_use]
    pub const fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The longest head of `text` that the model takes, cut at a character
    /// boundary. May take a millisecond for a text of many tokens.
    #[must_use]
    pub fn cut<'a>(&self, text: &'a str) -> &'a str {
        tokens::truncate(text, self.max_tokens)
    }

    /// The vectors of `texts`, in their order. Texts are sent as they are: see
    /// [`Embeddings::cut`]. Dropping the future cancels its requests.
    ///
    /// With a deadline, the call ends by it, failed requests are repeated as
    /// the upstream's retry budget and `max_attempts` allow, and if one request
    /// holds all the texts, it takes a place among the queries and waits for no
    /// bulk work. Without one, limits and outages are waited out for some
    /// minutes.
    pub async fn embed(
        &self,
        texts: Vec<String>,
        deadline: Option<Deadline>,
    ) -> Result<Vec<Vec<f32>>, EmbedError> {
        if let Some(position) = texts.iter().position(String::is_empty) {
            return Err(EmbedError::Empty { position });
        }
        let mut vectors = vec![Vec::new(); texts.len()];
        let batches = self.batches(texts).await;
        let is_query = deadline.is_some() && batches.len() == 1;
        let lane = if is_query { &self.queries } else { &self.bulk };
        let mut done = stream::iter(batches)
            .map(|batch| lane.clone().embed(batch, deadline))
            .buffer_unordered(self.side_by_side);
        while let Some(parts) = done.try_next().await? {
            for (position, part) in parts {
                vectors.splice(position..position + part.len(), part);
            }
        }
        Ok(vectors)
    }

    async fn batches(&self, texts: Vec<String>) -> Vec<Texts> {
        let bytes = texts.iter().map(String::len).sum();
        let limits = self.batches;
        work::sized(bytes, move || limits.batches(&texts.into())).await
    }
}

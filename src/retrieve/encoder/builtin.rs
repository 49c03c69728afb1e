//! The model inside the binary: a small English sentence transformer.

use std::num::NonZero;
use std::sync::{Arc, OnceLock};
use std::thread;

use futures::FutureExt;
use futures::future::BoxFuture;
use pocket_encoder::Encoder as Model;

use super::workers::{Workers, stopped};
use super::{EmbeddingModel, EncodeError, Encoder, Passage};
use crate::domain::Deadline;

/// More of a text than the model's 128 tokens can come from; the rest would
/// only cost tokenizing.
const MAX_BYTES: usize = 4096;

/// Queries that may wait for a thread. At a few milliseconds each, a longer
/// queue would only hold texts whose deadline passes while they wait.
const QUEUE: usize = 256;

/// `pocket-encoder` on threads of its own, loaded at the first use.
pub struct BuiltinEncoder {
    model: EmbeddingModel,
    lazy: Arc<Lazy>,
}

/// The loaded model and its threads, or why it can't be loaded.
struct Lazy {
    threads: usize,
    workers: OnceLock<Result<Workers, EncodeError>>,
}

impl Default for BuiltinEncoder {
    fn default() -> Self {
        Self::new(thread::available_parallelism().map_or(1, NonZero::get))
    }
}

impl BuiltinEncoder {
    /// An encoder with this many threads (at least one), started at the first
    /// use.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        let info = pocket_encoder::model_info();
        let model =
            EmbeddingModel { name: info.id, revision: info.revision, dimensions: info.dimensions };
        let lazy = Lazy { threads: threads.max(1), workers: OnceLock::new() };
        Self { model, lazy: Arc::new(lazy) }
    }
}

impl Lazy {
    /// The threads; the first call loads the model, which takes some 100 ms.
    fn workers(&self) -> Result<&Workers, EncodeError> {
        self.workers.get_or_init(|| self.start()).as_ref().map_err(Clone::clone)
    }

    fn start(&self) -> Result<Workers, EncodeError> {
        let model = Model::new().map_err(|error| failed(&error))?;
        Workers::start(self.threads, QUEUE, move |text| encode(&model, text))
            .map_err(|error| EncodeError::Model(format!("no thread could be started: {error}")))
    }

    /// Puts a query into the queue. Loads the model off the async threads if
    /// nothing has warmed it up.
    async fn offer(self: Arc<Self>, text: String) -> Result<Vec<f32>, EncodeError> {
        let waiting = if self.workers.get().is_some() {
            self.workers()?.offer(text)?
        } else {
            tokio::task::spawn_blocking(move || self.workers()?.offer(text))
                .await
                .map_err(|_| stopped())??
        };
        waiting.await.map_err(|_| stopped())?
    }
}

impl Encoder for BuiltinEncoder {
    fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    fn warm_up(&self) -> Result<(), EncodeError> {
        self.encode_documents(&[Passage { title: "", text: "warm up" }]).map(drop)
    }

    fn encode_query(
        &self,
        query: &str,
        deadline: Deadline,
    ) -> BoxFuture<'static, Result<Vec<f32>, EncodeError>> {
        let encoding = Arc::clone(&self.lazy).offer(head(query).to_owned());
        async move {
            let encoded = tokio::time::timeout_at(deadline.instant(), encoding).await;
            encoded.unwrap_or(Err(EncodeError::Deadline))
        }
        .boxed()
    }

    fn encode_documents(
        &self,
        documents: &[Passage<'_>],
    ) -> Result<Vec<Option<Vec<f32>>>, EncodeError> {
        let workers = self.lazy.workers()?;
        let waiting = documents
            .iter()
            .map(|passage| text_of(passage).map(|text| workers.put(text)).transpose())
            .collect::<Result<Vec<_>, _>>()?;
        waiting
            .into_iter()
            .map(|reply| match reply {
                Some(reply) => reply.blocking_recv().map_err(|_| stopped())?.map(Some),
                None => Ok(None),
            })
            .collect()
    }
}

fn encode(model: &Model, text: &str) -> Result<Vec<f32>, EncodeError> {
    let mut vectors = model.embed(&[text]).map_err(|error| failed(&error))?;
    vectors.pop().ok_or_else(|| EncodeError::Model("it gave no vector".to_owned()))
}

fn failed(error: &pocket_encoder::Error) -> EncodeError {
    EncodeError::Model(error.to_string())
}

/// Title and text in one, as far as the model can read; `None` where there is
/// nothing to read.
fn text_of(passage: &Passage<'_>) -> Option<String> {
    let joined = match (passage.title.trim(), passage.text.trim()) {
        ("", text) => head(text).to_owned(),
        (title, "") => head(title).to_owned(),
        (title, text) => format!("{}\n{}", head(title), head(text)),
    };
    (!joined.is_empty()).then_some(joined)
}

/// The longest prefix of at most [`MAX_BYTES`] bytes.
fn head(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn cosine(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[tokio::test]
    async fn related_texts_are_nearer_than_unrelated_ones() {
        let encoder = BuiltinEncoder::new(2);
        let deadline = Deadline::after(Duration::from_mins(5));
        let query = encoder.encode_query("warm jacket for winter", deadline).await.unwrap();
        let passages = [
            Passage { title: "Down coat", text: "keeps you warm in snow" },
            Passage { title: "", text: "stainless steel frying pan" },
            Passage { title: " ", text: "\n" },
            Passage { title: "Only a title", text: "" },
        ];
        let vectors = tokio::task::spawn_blocking(move || encoder.encode_documents(&passages))
            .await
            .unwrap()
            .unwrap();
        let [Some(coat), Some(pan), None, Some(title)] = vectors.as_slice() else {
            panic!("one vector for each text and none for the empty one");
        };
        assert_eq!(title.len(), query.len());
        assert!(cosine(&query, coat) > cosine(&query, pan) + 0.2);
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let long = "é".repeat(MAX_BYTES);
        let text = text_of(&Passage { title: "x", text: &long }).unwrap();
        assert!(text.len() <= MAX_BYTES + 2);
        assert!(text.ends_with('é'));
        assert!(
            BuiltinEncoder::new(1)
                .encode_documents(&[Passage { title: &long, text: &long }])
                .unwrap()[0]
                .is_some()
        );
    }

    #[tokio::test]
    async fn a_query_ends_by_its_deadline() {
        let encoder = BuiltinEncoder::new(1);
        let passed = Deadline::after(Duration::ZERO);
        let waiting = encoder.encode_query("anything", passed);
        // Whichever comes first, the answer doesn't wait for the model.
        assert!(matches!(waiting.await, Err(EncodeError::Deadline) | Ok(_)));
    }
}

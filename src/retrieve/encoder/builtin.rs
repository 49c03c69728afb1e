//! The model inside the binary: a small English sentence transformer.

use std::num::NonZero;
use std::sync::{Arc, OnceLock};
use std::thread;

use futures::FutureExt;
use futures::future::BoxFuture;
use pocket_encoder::Encoder as Model;

use super::workers::{Workers, stopped};
use super::{EmbeddingModel, EncodeError, Encoded, Encoder};
use crate::domain::{Deadline, Document};

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
        let model = EmbeddingModel {
            name: info.id,
            revision: info.revision,
            dimensions: info.dimensions,
            document_prefix: String::new(),
            parts: 1,
        };
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
        let workers = self.lazy.workers()?;
        workers.put("warm up".to_owned())?.blocking_recv().map_err(|_| stopped())?.map(drop)
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

    fn encode_documents<'a>(
        &'a self,
        documents: &'a [Document],
    ) -> BoxFuture<'a, Result<Vec<Encoded>, EncodeError>> {
        let texts: Vec<_> = documents.iter().map(text_of).collect();
        let lazy = Arc::clone(&self.lazy);
        async move {
            let encode = move || -> Result<Vec<Encoded>, EncodeError> {
                let workers = lazy.workers()?;
                let waiting = texts
                    .into_iter()
                    .map(|text| text.map(|text| workers.put(text)).transpose())
                    .collect::<Result<Vec<_>, _>>()?;
                waiting
                    .into_iter()
                    .map(|reply| {
                        let parts = match reply {
                            Some(reply) => vec![reply.blocking_recv().map_err(|_| stopped())??],
                            None => Vec::new(),
                        };
                        Ok(Encoded { parts, cut_bytes: 0 })
                    })
                    .collect()
            };
            tokio::task::spawn_blocking(encode).await.map_err(|_| stopped())?
        }
        .boxed()
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
fn text_of(passage: &Document) -> Option<String> {
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
